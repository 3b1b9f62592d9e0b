"""Averages along training on disk: at which steps, how many, and whole."""

import hashlib

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from genjax.errors import InputError
from genjax.json_config import read_json
from genjax.store.averages import (
    KEPT,
    delete_averages_after,
    interval,
    is_due,
    keep_averages,
    kept_averages,
    mixed,
    read_averages,
    rebuilt_files,
    widths_in,
    write_files,
)
from genjax.store.run_folder import RunFolder, write_json
from genjax.transfer import full


def keep(folder, step, steps, value=1.0, widths=("0.1", "0.05")):
    """Writes averages of a network of one parameter, of two numbers."""
    averages = {width: {"toy": {"part": {"bias": jnp.full(2, value * float(width))}}} for width in widths}
    keep_averages(folder, step, averages, {"toy": ()}, {"toy": full()}, steps=steps)


def trained(folder, begun, stopped, steps, each=1):
    """Keeps what a training from one step to another does, by so many steps a dispatch."""
    for before in range(begun, stopped, each):
        step = min(before + each, stopped)
        if step == stopped or is_due(before, step, steps):
            keep(folder, step, steps)


def steps_of(folder):
    return [kept.step for kept in kept_averages(folder)]


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


@pytest.mark.parametrize("steps", [1, 4, 16, 17, 33, 100, 1000, 1025])
def test_steps_are_even_and_not_too_many(steps, folder):
    trained(folder, 0, steps, steps)
    found, each = steps_of(folder), interval(steps)
    assert found == sorted({*range(each, steps + 1, each), steps})
    assert min(steps, KEPT // 2) <= len(found) <= KEPT + 1


def test_a_run_that_was_stopped_or_made_longer_keeps_what_one_of_one_piece_keeps(tmp_path):
    one, other = RunFolder(tmp_path / "one"), RunFolder(tmp_path / "other")
    for folder in (one, other):
        folder.path.mkdir()
    trained(one, 0, 500, 500)
    for begun, stopped, steps in ((0, 3, 100), (3, 77, 100), (77, 100, 100), (100, 301, 500), (301, 500, 500)):
        trained(other, begun, stopped, steps)
        assert steps_of(other)[-1] == stopped
    assert [kept.path.name for kept in kept_averages(one)] == [kept.path.name for kept in kept_averages(other)]


def test_steps_that_are_not_seen_are_kept_by_the_next_that_is(folder):
    trained(folder, 0, 100, 100, each=6)
    assert steps_of(folder) == [12, 18, 24, 36, 42, 48, 60, 66, 72, 84, 90, 96, 100]


def test_a_step_that_is_written_again_takes_the_place_of_the_former(folder):
    keep(folder, 4, 4, value=1.0)
    keep(folder, 4, 4, value=2.0)
    (kept,) = kept_averages(folder)
    np.testing.assert_allclose(read_averages(kept)["0.1/toy/part/bias"], [0.2, 0.2], rtol=1e-3)


def test_what_lies_beyond_a_step_is_deleted(folder):
    trained(folder, 0, 8, 8)
    delete_averages_after(folder, 5)
    assert steps_of(folder) == [1, 2, 3, 4, 5]


def test_numbers_are_kept_in_half_precision_unless_they_are_too_large(folder):
    keep(folder, 1, 2)
    keep(folder, 2, 2, value=1e7)
    small, large = (read_averages(kept)["0.1/toy/part/bias"] for kept in kept_averages(folder))
    assert (small.dtype, large.dtype) == (np.float16, np.float32)
    np.testing.assert_array_equal(large, np.float32(1e6))


def test_a_mixture_is_the_weighted_sum_in_single_precision(folder):
    keep(folder, 1, 2)
    keep(folder, 2, 2, value=2.0)
    kept = kept_averages(folder)
    assert widths_in(kept[0]) == ["0.1", "0.05"]
    found = mixed(kept, {(1, "0.1"): 1.0, (1, "0.05"): -2.0, (2, "0.1"): 0.5, (2, "0.05"): 1.0})
    assert list(found) == ["toy/part/bias"]
    assert found["toy/part/bias"].dtype == np.float32
    np.testing.assert_allclose(found["toy/part/bias"], 0.1 - 0.1 + 0.1 + 0.1, rtol=1e-3)


def test_a_mixture_is_summed_in_double_precision(folder):
    keep(folder, 1, 2)
    keep(folder, 2, 2, value=2.0)
    kept = kept_averages(folder)
    factors = {(1, "0.1"): 123.4567, (1, "0.05"): -234.5678, (2, "0.1"): 0.0123, (2, "0.05"): 112.0988}
    expected = sum(
        factor * np.float64(np.float16(np.float32(step * float(width)))) for (step, width), factor in factors.items()
    )
    np.testing.assert_allclose(mixed(kept, factors)["toy/part/bias"], expected, rtol=1e-6)


def test_a_flipped_byte_is_found(folder):
    keep(folder, 1, 1)
    (kept,) = kept_averages(folder)
    content = bytearray(kept.path.read_bytes())
    content[-1] ^= 1
    kept.path.write_bytes(content)
    with pytest.raises(InputError, match=r"is damaged .its sha256 is not the one in its name.. Delete it"):
        read_averages(kept)


def test_widths_are_read_from_the_header_alone(folder):
    keep(folder, 1, 1)
    (kept,) = kept_averages(folder)
    content = kept.path.read_bytes()
    kept.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert widths_in(kept) == ["0.1", "0.05"]
    with pytest.raises(InputError, match="is damaged"):
        mixed([kept], {(1, "0.1"): 1.0, (1, "0.05"): 0.0})
    kept.path.write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"is damaged .*\. Delete it, to rebuild from the others\."):
        widths_in(kept)


@pytest.mark.parametrize(("width", "message"), [("wide", "holds no averages of this genjax"), ("0.5", "width 0.5: ex")])
def test_names_that_are_no_widths_are_refused(width, message, folder):
    averages = {width: {"toy": {"part": {"bias": jnp.ones(2)}}}}
    keep_averages(folder, 1, averages, {"toy": ()}, {"toy": full()}, steps=1)
    with pytest.raises(InputError, match=message):
        widths_in(kept_averages(folder)[0])


def test_averages_of_another_training_are_refused(folder):
    keep(folder, 1, 2)
    keep(folder, 2, 2, widths=("0.2",))
    with pytest.raises(InputError, match="is not of the same training as the others there"):
        mixed(kept_averages(folder), {(1, "0.1"): 1.0, (1, "0.05"): 0.0})


def test_a_model_is_read_before_it_is_written_and_no_file_that_is_replaced(folder, tmp_path):
    folder.model().mkdir(parents=True)
    entries = {name: {"file": f"{name}-000008-old.safetensors", "sha256": "", "whole": True} for name in ("one", "two")}
    write_json(folder.model() / "model.json", {"step": 8, "networks": entries, "control": {}})
    (folder.model() / entries["two"]["file"]).write_bytes(b"as it was")
    out = RunFolder(tmp_path / "out")
    write_files(rebuilt_files(folder, {"one": {"bias": np.arange(2.0)}}, {"step": 6}), out)
    values = read_json(out.model() / "model.json")
    assert (values["step"], values["control"]) == (6, {})
    one, two = (out.model() / values["networks"][name]["file"] for name in ("one", "two"))
    np.testing.assert_array_equal(load_file(one)["bias"], [0, 1])
    assert two.read_bytes() == b"as it was"
    assert two.name == f"two-000006-{hashlib.sha256(b'as it was').hexdigest()[:8]}.safetensors"
    with pytest.raises(InputError, match=r"one-000008-old\.safetensors cannot be read .*\. Resume or repeat the run\."):
        rebuilt_files(folder, {}, {})
