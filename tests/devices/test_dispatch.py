"""Several steps in one program are the same steps, fed with images or with indices."""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
import pytest
from networks_by_hand import ConstantVae, gan_by_hand, vae_by_hand
from PIL import Image
from tiny import leaves_equal, train_config

from genjax.control import geco
from genjax.data import Dataset, LazyImages, load
from genjax.data.batches import batch_indices, columns
from genjax.devices import dispatch as module
from genjax.devices.dispatch import make_dispatch, make_programs
from genjax.devices.sharding import Layout, lay_out, place, whole
from genjax.errors import InputError
from genjax.store.metrics import read_metrics
from genjax.training.loop import train

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1), dtype=np.uint8)
ROWS = np.stack([batch_indices(40, 8, 0, step) for step in range(4)])


def noisy(key, images, probability):
    """An augmentation that shows whether each step draws its own random numbers."""
    return images + 0.1 * jax.random.normal(key, images.shape)


ADAM, GECO = optax.adam(1e-2), geco(tolerance=0.2, rate=0.05)
MADE = {
    "gan": lambda: gan_by_hand(size=16, augment=noisy, optimizer=ADAM, critic_optimizer=ADAM),
    "vae": lambda: vae_by_hand(ConstantVae(1.5, 0.3, 0.2, 16), controller=GECO, optimizer=ADAM),
}


@pytest.fixture(scope="module", params=MADE)
def learner(request):
    return MADE[request.param]()


def close(left, right):
    """A loop on a CPU may round otherwise than the steps alone."""
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_four_steps_at_once_are_four_steps(learner):
    fresh = jax.jit(lambda key: learner.init(key, {"image": IMAGES[:1]}))
    one = four = fresh(jax.random.key(0))
    dispatch = make_dispatch(learner, {"image": IMAGES}, Layout(), one)
    metrics = {}
    for row in ROWS:
        one, metrics = dispatch.update(one, dispatch.feed(row[None]))
    four, last = dispatch.update(fresh(jax.random.key(0)), dispatch.feed(ROWS))
    assert int(four.step) == int(one.step) == 4
    close(one.trainable, four.trainable)
    close(metrics, last)


def test_indices_into_what_the_device_keeps_are_the_images(learner):
    """On an accelerator the set lies on the device: the step reads its batch there."""
    state = jax.jit(lambda key: learner.init(key, {"image": IMAGES[:1]}))(jax.random.key(0))
    program = make_programs(learner, Layout(), state).single
    on_device = {"image": jax.device_put(IMAGES)}
    kept, _ = program(jax.tree.map(lambda leaf: leaf.copy(), state), on_device, ROWS[0].astype(np.int32))
    fed, _ = program(state, None, {"image": IMAGES[ROWS[0]]})
    leaves_equal(kept.trainable, fed.trainable)


def rows_of_all_columns():
    """A set with labels and factors that tell its rows apart."""
    numbers = np.arange(len(IMAGES))
    return Dataset(
        "numbered",
        "train",
        IMAGES,
        labels=numbers % 7,
        class_names=tuple("abcdefg"),
        factors={"angle": numbers / 3, "place": numbers, "font": np.asarray(["serif"] * len(IMAGES))},
    )


class Seen(NamedTuple):
    """Stands for a learner: its step returns the batch that it is given."""

    step: Any


@pytest.mark.parametrize("devices", [1, 8])
@pytest.mark.parametrize("kept", [False, True], ids=["fed", "kept"])
@pytest.mark.parametrize("parts", [1, 2])
def test_all_columns_of_a_batch_reach_the_step(devices, kept, parts, monkeypatch):
    """Fed from the host, and from rows that the devices keep: image, label, and every factor that is a number."""
    monkeypatch.setattr(module, "keeps_rows", lambda columns, layout: kept)
    layout, rows = lay_out(devices), columns(rows_of_all_columns())
    assert set(rows) == {"image", "label", "factors/angle", "factors/place"}
    learner: Any = Seen(lambda state, batch: (state, dict(batch)))
    state = place(layout, vae_by_hand().init(jax.random.key(0), {"image": IMAGES[:1]}))
    indices = np.stack([batch_indices(40, 16, 0, step) for step in range(3)])
    dispatch = make_dispatch(learner, rows, layout, state, parts=parts)
    for steps in (indices[:1], indices[1:]):  # one, and two in one program, of which the last is seen
        state, batch = dispatch.update(state, dispatch.feed(steps))
        assert set(batch) == set(rows)
        for name, values in batch.items():
            found, expected = np.asarray(whole(layout, values)), rows[name][steps[-1]]
            np.testing.assert_array_equal(found.reshape(expected.shape), expected, err_msg=name)
            assert found.dtype == expected.dtype


@pytest.mark.slow
def test_a_run_in_longer_strides_ends_where_it_ends_otherwise_and_is_called_slow_on_a_cpu(tmp_path, capsys):
    config = train_config("vae", tmp_path / "one", steps=6)
    strides = dataclasses.replace(config, out=tmp_path / "two", steps_per_dispatch=2)
    one = train(config)
    assert "warning" not in capsys.readouterr().err
    two = train(strides)
    assert "warning: --steps-per-dispatch: a loop on the device" in capsys.readouterr().err
    close(one.state.trainable, two.state.trainable)
    steps = [[line["step"] for line in read_metrics(run.folder.metrics)] for run in (one, two)]
    assert steps[0] == steps[1] == [2, 4, 6]


def test_a_set_that_is_decoded_on_the_way_trains_alike(tmp_path, monkeypatch):
    """Too large for memory, it is read ahead; the run is the same bit for bit, and so is one that is resumed."""
    (tmp_path / "images").mkdir()
    for number, image in enumerate(IMAGES):
        Image.fromarray(image[..., 0]).save(tmp_path / "images" / f"{number:02d}.png")
    config = train_config("vae", tmp_path / "kept", data=f"folder:{tmp_path / 'images'}", split="all", num_images=0)
    kept = train(config)
    monkeypatch.setattr("genjax.data.dataset.IN_MEMORY", 0)
    assert isinstance(load(config.data, size=16, channels=1, split="all").images, LazyImages)
    lazy = dataclasses.replace(config, out=tmp_path / "decoded")
    train(dataclasses.replace(lazy, steps=2))
    leaves_equal(train(lazy, resume=True).state, kept.state)


def test_strides_that_step_over_what_is_looked_at_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"--steps-per-dispatch 3 does not divide --log-every 2"):
        train_config("vae", tmp_path, steps_per_dispatch=3)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "loss"), [("gan", "loss/critic"), ("vae", "loss/total")])
def test_bfloat16_learns_what_float32_learns(family, loss, tmp_path, monkeypatch):
    """Parameters, optimiser and losses stay in float32; after four steps the losses differ by bfloat16's rounding."""
    monkeypatch.setattr("genjax.devices.backend.cpu_has_bfloat16", lambda: True)
    config = train_config(family, tmp_path / "float32")
    full = train(config)
    half = train(dataclasses.replace(config, out=tmp_path / "bfloat16", dtype="bfloat16"))
    assert {leaf.dtype for leaf in jax.tree.leaves(half.state.trainable)} == {np.dtype("float32")}
    losses = [read_metrics(run.folder.metrics)[-1][loss] for run in (full, half)]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(*losses, rtol=0.02)


def test_bfloat16_on_a_cpu_without_it_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("genjax.devices.backend.cpu_has_bfloat16", lambda: False)
    with pytest.raises(InputError, match=r"--dtype bfloat16: this CPU does not compute in bfloat16"):
        train(train_config("vae", tmp_path / "run", dtype="bfloat16"))
    assert not list(tmp_path.iterdir())
