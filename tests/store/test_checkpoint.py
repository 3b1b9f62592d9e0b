"""Checkpoints: which are kept, and what happens to damaged ones."""

import dataclasses

import jax
import jax.numpy as jnp
import pytest
from tiny import leaves_equal

from genjax.errors import InputError
from genjax.families.learner import TrainState
from genjax.store import checkpoint


def state_at(step):
    """A small state with everything that a real one has."""
    return TrainState(
        step=jnp.int32(step),
        key=jax.random.key(7),
        trainable={"vae": {"kernel": jnp.arange(1000.0) + step}},
        context={"vae": ()},
        average={"vae": {"kernel": jnp.arange(1000.0) - step}},
        optimizer={"vae": (jnp.int32(step), {"mu": jnp.ones(3)})},
        control=(jnp.float32(0.5),),
    )


def write(folder, steps):
    """Saves steps 1, 2, ... up to this one."""
    with checkpoint.open_checkpoints(folder) as manager:
        for step in range(1, steps + 1):
            checkpoint.save(manager, state_at(step), {"epoch": step})
        return manager.all_steps()


def read(folder):
    """What would be resumed from."""
    with checkpoint.open_checkpoints(folder) as manager:
        found = checkpoint.restore(manager, jax.eval_shape(lambda: state_at(0)))
    assert found is not None
    return found


def test_a_state_comes_back_as_it_was(tmp_path):
    write(tmp_path, 1)
    state, notes = read(tmp_path)
    leaves_equal(state, state_at(1))
    assert notes == {"epoch": 1}


def test_the_latest_two_are_kept(tmp_path):
    assert write(tmp_path, 5) == [4, 5]


def test_saving_a_step_again_changes_nothing(tmp_path):
    with checkpoint.open_checkpoints(tmp_path) as manager:
        for _ in range(2):
            checkpoint.save(manager, state_at(1), {"epoch": 1})
        assert manager.all_steps() == [1]


def damage(folder, step):
    """Cuts the largest file of a checkpoint short."""
    files = [path for path in (folder / str(step)).rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])


def test_a_truncated_latest_falls_back_to_the_one_before_and_says_so(tmp_path, capsys):
    write(tmp_path, 2)
    damage(tmp_path, 2)
    state, _ = read(tmp_path)
    leaves_equal(state, state_at(1))
    assert "warning: checkpoint 2 is damaged and passed over: state/" in capsys.readouterr().err


def test_metadata_that_is_cut_is_said_in_the_one_warning(tmp_path, capsys, caplog):
    write(tmp_path, 2)
    metadata = tmp_path / "2" / "_CHECKPOINT_METADATA"
    metadata.write_bytes(metadata.read_bytes()[:30])
    assert int(read(tmp_path)[0].step) == 1
    assert "checkpoint 2 is damaged and passed over: _CHECKPOINT_METADATA is not what was" in capsys.readouterr().err
    assert caplog.records == []


def test_a_flipped_byte_is_found(tmp_path, capsys):
    write(tmp_path, 2)
    path = next(path for path in (tmp_path / "2" / "state" / "d").iterdir())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert int(read(tmp_path)[0].step) == 1
    assert "is not what was written" in capsys.readouterr().err


def test_a_missing_file_is_found(tmp_path, capsys):
    write(tmp_path, 2)
    (tmp_path / "2" / "state" / "manifest.ocdbt").unlink()
    assert int(read(tmp_path)[0].step) == 1
    assert "state/manifest.ocdbt is missing" in capsys.readouterr().err


def test_a_checkpoint_without_its_seal_was_not_finished(tmp_path, capsys):
    write(tmp_path, 2)
    (tmp_path / "2" / checkpoint.SEAL).unlink()
    assert int(read(tmp_path)[0].step) == 1
    assert "was not written to its end" in capsys.readouterr().err


def test_a_state_of_another_form_is_refused(tmp_path):
    write(tmp_path, 1)
    other = dataclasses.replace(state_at(0), trainable={"vae": {"kernel": jnp.zeros(7), "bias": jnp.zeros(2)}})
    with checkpoint.open_checkpoints(tmp_path) as manager, pytest.raises(InputError, match="is of another form"):
        checkpoint.restore(manager, jax.eval_shape(lambda: other))


def test_an_empty_step_folder_is_passed_over(tmp_path, capsys):
    write(tmp_path, 1)
    (tmp_path / "9").mkdir()
    state, _ = read(tmp_path)
    assert int(state.step) == 1


def test_nothing_whole_is_an_error(tmp_path):
    write(tmp_path, 2)
    damage(tmp_path, 1)
    damage(tmp_path, 2)
    with pytest.raises(
        InputError, match=r"none of the checkpoints 2, 1 in .* is whole. Delete that folder, and --resume"
    ):
        read(tmp_path)


def test_a_run_without_a_finished_checkpoint_has_lost_nothing(tmp_path, capsys):
    with checkpoint.open_checkpoints(tmp_path) as manager:
        assert checkpoint.restore(manager, state_at(0)) is None
        checkpoint.save(manager, state_at(1), {})
        (tmp_path / "1" / checkpoint.SEAL).unlink()
        assert checkpoint.restore(manager, state_at(0)) is None
    assert "was not written to its end" in capsys.readouterr().err


def test_another_form_is_refused_by_the_names_that_differ(tmp_path):
    """Types too: an array of another type would be cast without a word."""
    write(tmp_path, 1)
    like = state_at(0)
    others = {
        "trainable/vae/bias is missing": {"trainable": {"vae": {"kernel": jnp.zeros(1000), "bias": jnp.zeros(2)}}},
        "trainable/vae/kernel is not known": {"trainable": {"vae": {}}},
        r"vae/kernel is float32 \(1000,\), expected float16 \(1000,\)": {
            "trainable": {"vae": {"kernel": jnp.zeros(1000, jnp.float16)}}
        },
        r"vae/kernel is float32 \(1000,\), expected float32 \(7,\)": {"average": {"vae": {"kernel": jnp.zeros(7)}}},
        "optimizer/vae/1/nu is missing; optimizer/vae/1/mu is not known": {
            "optimizer": {"vae": (jnp.int32(0), {"nu": jnp.ones(3)})}
        },
        "control/5 is missing; and 3 more": {"control": tuple(jnp.zeros(()) for _ in range(9))},
    }
    for message, change in others.items():
        with checkpoint.open_checkpoints(tmp_path) as manager:
            with pytest.raises(InputError, match=message) as error:
                checkpoint.restore(manager, dataclasses.replace(like, **change))
            assert "\n" not in str(error.value)


def test_of_a_checkpoint_that_does_not_tell_its_form_orbax_reads_all_or_nothing(tmp_path, monkeypatch):
    """One from before forms were kept."""
    monkeypatch.setattr(checkpoint, "form", lambda state: {})
    write(tmp_path, 1)
    state, _ = read(tmp_path)
    leaves_equal(state, state_at(1))
    other = dataclasses.replace(state_at(0), trainable={"vae": {"kernel": jnp.zeros(7), "bias": jnp.zeros(2)}})
    with checkpoint.open_checkpoints(tmp_path) as manager, pytest.raises(InputError, match="cannot be read"):
        checkpoint.restore(manager, other)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("_CHECKPOINT_METADATA", '{"init_timestamp_nsecs": {}}'),
        ("_CHECKPOINT_METADATA", "[" * 100_000),
        ("metrics/metrics", "{"),
        ("metrics/metrics", '{"sound": "low"}'),
        (checkpoint.SEAL, "[" * 100_000),
    ],
)
def test_what_orbax_reads_before_anyone_asks_is_damaged(file, content, tmp_path, capsys):
    """It used to fail when the checkpoints were opened, so that the one before could not take over."""
    write(tmp_path, 2)
    (tmp_path / "2" / file).write_text(content)
    state, _ = read(tmp_path)
    leaves_equal(state, state_at(1))
    assert "warning: checkpoint 2 is damaged and passed over" in capsys.readouterr().err
    with checkpoint.open_checkpoints(tmp_path) as manager:
        checkpoint.delete_after(manager, 1)
        for step in (2, 3, 4):
            checkpoint.save(manager, state_at(step), {"epoch": step})
        assert manager.all_steps() == [3, 4]
    leaves_equal(read(tmp_path)[0], state_at(4))


def test_a_damaged_older_checkpoint_does_not_stop_a_save(tmp_path):
    write(tmp_path, 2)
    (tmp_path / "1" / "metrics" / "metrics").write_text('{"sound": "low"}')
    with checkpoint.open_checkpoints(tmp_path) as manager:
        for step in (3, 4):
            checkpoint.save(manager, state_at(step), {})
        assert manager.all_steps() == [3, 4]


def test_checkpoints_that_are_sealed_and_cannot_be_opened_are_an_error(tmp_path):
    """Whoever damaged them has sealed them again."""
    write(tmp_path, 1)
    (tmp_path / "1" / "metrics" / "metrics").write_text("{")
    checkpoint.write_json(tmp_path / "1" / checkpoint.SEAL, checkpoint._hashes(tmp_path / "1"))
    with pytest.raises(InputError, match="cannot be opened"):
        read(tmp_path)
