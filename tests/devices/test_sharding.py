"""Eight devices compute what one does, with no more talk between them than it takes."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import LEARNERS, leaves_equal, plain_gan, tiny_vae

from genjax.control import top_k
from genjax.data.batches import batch_indices
from genjax.devices.dispatch import feed, keep, keeps_rows, make_programs
from genjax.devices.sharding import Layout, check_share, lay_out, place, sharing, stay, whole
from genjax.errors import InputError
from genjax.families.gan.techniques import Techniques
from genjax.families.learner import TrainState
from genjax.models.dcgan import Critic
from genjax.tree import copy, count

pytestmark = pytest.mark.slow  # steps compiled for eight devices; the contract has the toy's

RNG = np.random.default_rng
IMAGES = RNG(0).integers(0, 256, (100, 16, 16, 1), dtype=np.uint8)
COLUMNS = {"image": IMAGES}
BATCH, STEPS = 32, 5
COLLECTIVE = re.compile(r" (all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)(?:-start)?\(")


def start(learner):
    """A state before the first step. Its parameters are drawn here: compiling an initialisation takes ten seconds."""
    state, rng = jax.eval_shape(lambda key: learner.init(key, {"image": IMAGES[:1]}), jax.random.key(0)), RNG(1)

    def drawn(leaf):
        return jnp.asarray(rng.normal(0, 0.1, leaf.shape), leaf.dtype)

    trainable = jax.tree.map(drawn, state.trainable)
    return copy(
        TrainState(
            step=jnp.int32(0),
            key=jax.random.key(0),
            trainable=trainable,
            context=state.context,
            average={network: trainable[network] for network in state.average},
            optimizer=jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state.optimizer),
            control=learner.controller.init(),
        )
    )


def run(family, layout, learners=LEARNERS):
    """(text of the compiled step, state and metrics after the last step, bytes of what is trained)."""
    learner = learners[family](share=sharing(layout))
    state = place(layout, start(learner))
    trainable = {name: 4 * count(tree) for name, tree in state.trainable.items()}
    kept = keep(COLUMNS, layout) if keeps_rows(COLUMNS, layout) else None
    fed = [feed(COLUMNS, kept, batch_indices(100, BATCH, 0, step), layout, 1) for step in range(STEPS)]
    program, metrics = make_programs(learner, layout, state).single.lower(state, kept, fed[0]).compile(), {}
    for part in fed:
        state, metrics = program(state, kept, part)
    return program.as_text(), whole(layout, state), jax.tree.map(np.asarray, metrics), trainable


@pytest.fixture(scope="module")
def one_device():
    """What `run` gives for each family on one device."""
    return {family: run(family, Layout()) for family in LEARNERS}


@pytest.fixture(scope="module")
def eight_devices():
    """The same on eight."""
    return {family: run(family, lay_out(8)) for family in LEARNERS}


def close(left, right, tolerance=1e-5):
    """Whether two states agree but for rounding, random keys bit for bit."""
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=tolerance, rtol=0)


@pytest.mark.parametrize("family", LEARNERS)
def test_eight_devices_equal_one_after_five_steps(family, one_device, eight_devices):
    _, expected, expected_metrics, _ = one_device[family]
    _, state, metrics, _ = eight_devices[family]
    assert int(state.step) == STEPS
    close(state, expected)
    for name, value in expected_metrics.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def with_techniques(**settings):
    """A GAN with each technique that compares the images of a batch, or draws something of its own."""
    weights = {"consistency_real": 1.0, "consistency_fake": 1.0, "latent_critic": 1.0, "latent_generator": 0.1}
    techniques = Techniques(feature_matching=0.1, historical_averaging=0.1, mixup=0.2, **weights)
    critic = Critic(16, 8, batch_statistic="discrimination")
    return plain_gan(critic=critic, controller=top_k(4), dragan_weight=1.0, techniques=techniques, **settings)


def test_eight_devices_equal_one_with_all_techniques():
    found, expected = (run("gan", layout, {"gan": with_techniques}) for layout in (lay_out(8), Layout()))
    close(found[1], expected[1], tolerance=1e-4)
    for name, value in expected[2].items():
        np.testing.assert_allclose(found[2][name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_one_device_talks_to_nobody(one_device):
    assert not [found for text, *_ in one_device.values() for found in COLLECTIVE.findall(text)]


@pytest.mark.parametrize(("family", "gradients"), [("vae", 1), ("gan", 2)])
def test_the_devices_meet_once_for_each_gradient(family, gradients, eight_devices):
    """A VAE's step has one gradient, a GAN's two, the second with the critic that the first has moved.

    Every mean over the batch travels with one of them. Less than that no data-parallel step can have.
    """
    assert COLLECTIVE.findall(eight_devices[family][0]) == ["all-reduce"] * gradients


@pytest.mark.parametrize(("family", "copies"), [("vae", {"vae": 1}), ("gan", {"generator": 1, "critic": 4})])
def test_what_travels_is_gradients_and_a_few_scalars(family, copies, eight_devices):
    """The critic's gradient comes in parts (real, generated, and two of R1), which this backend adds up afterwards."""
    text, _, _, trainable = eight_devices[family]
    lines = [line.split(" all-reduce(")[0] for line in text.splitlines() if " all-reduce(" in line]
    shapes = [shape.split(",") for line in lines for shape in re.findall(r"f32\[([\d,]*)\]", line)]
    sent = sum(4 * int(np.prod([int(length) for length in shape if length])) for shape in shapes)
    assert sum(trainable.values()) <= sent <= sum(copies[name] * size for name, size in trainable.items()) + 100


def test_a_shared_state_is_the_same_and_takes_a_part_of_the_room(one_device):
    layout = lay_out(8, shard_state=True)
    state = place(layout, start(tiny_vae()))
    there = [leaf.addressable_shards[0].data.size for leaf in jax.tree.leaves(state.optimizer)]
    assert sum(there) < 0.25 * count(state.optimizer)  # an eighth, and what is too small to be shared
    _, found, _, _ = run("vae", layout)
    close(found, one_device["vae"][1])


@pytest.mark.parametrize("parts", [1, 2])
def test_each_device_has_its_share_of_each_part_of_a_batch(parts):
    """Images, where no device keeps them, and indices, where all do."""
    layout, indices = lay_out(8), batch_indices(100, BATCH, 0, 3)
    rows = indices.reshape((BATCH,) if parts == 1 else (parts, -1))
    images = feed(COLUMNS, None, indices, layout, parts)["image"]
    np.testing.assert_array_equal(images, IMAGES[rows])
    np.testing.assert_array_equal(feed(COLUMNS, keep(COLUMNS, layout), indices, layout, parts), rows)
    assert {shard.data.shape[parts - 1] for shard in images.addressable_shards} == {BATCH // parts // 8}


def test_a_state_goes_to_the_devices_and_comes_back():
    state = start(tiny_vae())
    for shard_state in (False, True):
        layout = lay_out(8, shard_state=shard_state)
        there = place(layout, state)
        assert {len(leaf.sharding.device_set) for leaf in jax.tree.leaves(there)} == {8}
        leaves_equal(whole(layout, there), state)


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
