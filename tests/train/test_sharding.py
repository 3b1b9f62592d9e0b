"""Eight devices compute what one does, with no more talk between them than it takes."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import LEARNERS, leaves_equal, tiny_vae, train_config

from genjax.control import free_bits
from genjax.data.batches import batch_indices
from genjax.errors import InputError
from genjax.train import train
from genjax.train import dispatch as dispatch_module
from genjax.train.dispatch import feed, keep, make_programs, make_update
from genjax.train.sharding import AXIS, Layout, check_share, lay_out, place, sharing, stay, whole
from genjax.tree import count

IMAGES = np.random.default_rng(0).integers(0, 256, (100, 16, 16, 1), dtype=np.uint8)
BATCH, STEPS = 32, 5
COLLECTIVE = re.compile(r" (all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)(?:-start)?\(")


def start(learner):
    """A state before the first step."""
    return jax.jit(lambda key: learner.init(key, {"image": IMAGES[:1]}))(jax.random.key(0))


def trained(make, devices, *, shard_state=False, parts=1, **settings):
    """The state after some steps and the last metrics, on the host."""
    layout = lay_out(devices, shard_state=shard_state)
    learner = make(share=sharing(layout), **settings)
    state = place(layout, start(learner))
    update = make_update(learner, IMAGES, layout, state, parts=parts)
    metrics = {}
    for step in range(STEPS):
        state, metrics = update(state, batch_indices(len(IMAGES), BATCH, 0, step)[None])
    return whole(layout, state), jax.tree.map(np.asarray, metrics)


def compiled(family, **settings):
    """(compiled step on eight devices, its state, what it is fed with at a step)."""
    layout = lay_out(8)
    learner = LEARNERS[family](share=sharing(layout), **settings)
    state, kept = place(layout, start(learner)), keep(IMAGES, layout)
    fed = [feed(None, batch_indices(len(IMAGES), BATCH, 0, step), layout, 1) for step in range(STEPS)]
    program = make_programs(learner, layout, state).single.lower(state, kept, fed[0]).compile()
    return program, state, kept, fed


@pytest.fixture(scope="module", params=LEARNERS)
def on_eight(request):
    """(family, text of the compiled step, state and metrics after the last step, bytes of what is trained)."""
    program, state, kept, fed = compiled(request.param)
    trainable, metrics = {name: 4 * count(tree) for name, tree in state.trainable.items()}, {}
    for indices in fed:
        state, metrics = program(state, kept, indices)
    return request.param, program.as_text(), whole(lay_out(8), state), metrics, trainable


def close(left, right, tolerance=1e-5):
    """Whether two states agree but for rounding, random keys bit for bit."""
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=tolerance, rtol=0)


def test_eight_devices_equal_one_after_five_steps(on_eight):
    family, _, state, metrics, _ = on_eight
    expected, expected_metrics = trained(LEARNERS[family], 1)
    close(state, expected)
    for name, value in expected_metrics.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_the_devices_meet_once_for_each_gradient(on_eight):
    """A VAE's step has one gradient, a GAN's two, the second with the critic that the first has moved.

    Every mean over the batch travels with one of them. Less than that no data-parallel step can have.
    """
    family, text, _, _, _ = on_eight
    assert COLLECTIVE.findall(text) == {"vae": ["all-reduce"], "gan": ["all-reduce"] * 2}[family]


def test_what_travels_is_gradients_and_a_few_scalars(on_eight):
    """The critic's gradient comes in parts (real, generated, and two of R1), which this backend adds up afterwards."""
    family, text, _, _, trainable = on_eight
    sent = sum(
        4 * int(np.prod([int(length) for length in shape.split(",") if length]))
        for line in text.splitlines()
        if " all-reduce(" in line
        for shape in re.findall(r"f32\[([\d,]*)\]", line.split(" all-reduce(")[0])
    )
    parts = {"vae": trainable.get("vae", 0), "gan": trainable.get("generator", 0) + 4 * trainable.get("critic", 0)}
    assert sum(trainable.values()) <= sent <= parts[family] + 100


def test_a_limit_on_the_mean_of_each_latent_costs_one_meeting_more():
    """Whether free bits hold a latent depends on its mean over the whole batch, before any gradient is known."""
    program, *_ = compiled("vae", controller=free_bits(0.25))
    assert COLLECTIVE.findall(program.as_text()) == ["all-reduce"] * 2


def test_a_shared_state_is_the_same_and_takes_an_eighth_of_the_room():
    layout = lay_out(8, shard_state=True)
    state = place(layout, start(tiny_vae()))
    there = [leaf.addressable_shards[0].data.size for leaf in jax.tree.leaves(state.optimizer)]
    assert sum(there) < 0.25 * count(state.optimizer)
    assert max(there) < max(leaf.size for leaf in jax.tree.leaves(state.optimizer))
    expected, _ = trained(tiny_vae, 1)
    found, _ = trained(tiny_vae, 8, shard_state=True)
    close(found, expected)


def test_images_that_no_device_keeps_and_parts_of_a_batch_change_nothing(monkeypatch):
    monkeypatch.setattr(dispatch_module, "KEPT", 0)
    expected, _ = trained(tiny_vae, 1)
    found, _ = trained(tiny_vae, 8, parts=2, accumulate=2)
    close(found, expected)


def test_a_state_goes_to_the_devices_and_comes_back():
    state = start(tiny_vae())
    for shard_state in (False, True):
        layout = lay_out(8, shard_state=shard_state)
        there = place(layout, state)
        assert {len(leaf.sharding.device_set) for leaf in jax.tree.leaves(there)} == {8}
        leaves_equal(whole(layout, there), state)


def test_a_run_goes_on_with_another_number_of_devices(tmp_path):
    straight = train(train_config("vae", tmp_path / "straight", steps=6))
    changed = train_config("vae", tmp_path / "changed", devices=4, shard_state=True, evaluate_every=4, evaluate_num=40)
    train(changed)
    resumed = train(train_config("vae", tmp_path / "changed", steps=6, evaluate_every=4, evaluate_num=40), resume=True)
    close(resumed.state, straight.state)


def test_one_device_is_left_alone():
    """No mesh, and nothing in the step that would not be there without this module."""
    layout = lay_out(1)
    assert layout == Layout()
    assert lay_out(0) == Layout()  # CPUs share the machine's cores
    assert sharing(layout) is stay
    state = start(tiny_vae())
    assert place(layout, state) is state
    assert whole(layout, state) is state


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(InputError, match=r"--devices 9 were asked for, and there are 8 \(cpu\). Use 8 or fewer, or 0"):
        lay_out(9)


@pytest.mark.parametrize(
    ("batch", "parts", "devices", "message"),
    [
        (10, 1, 8, r"--batch 10 does not divide among 8 devices. Use --batch 8 or 16 or --devices 5."),
        (4, 1, 8, r"--batch 4 does not divide among 8 devices. Use --batch 8 or --devices 4."),
        (10, 4, 1, r"--batch 10 does not divide into --accumulate 4 parts. Use --batch 8 or 12."),
        (24, 2, 8, r"--batch 24 in --accumulate 2 parts does not divide among 8 devices. Use --batch 16 or 32 or"),
    ],
)
def test_a_batch_that_does_not_divide_is_refused(batch, parts, devices, message):
    with pytest.raises(InputError, match=message):
        check_share(batch, parts, devices)


def test_the_axis_is_known_to_one_file():
    """Losses and steps name no axis: their means are over the whole batch wherever it lies."""
    assert AXIS == "data"
