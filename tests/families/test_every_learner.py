"""What holds for the learner of every family."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks_by_hand import gan_by_hand, grey, vae_by_hand
from tiny import LEARNERS, leaves_equal, plain_gan, tiny_vae, types_of

from genjax.control import Controller
from genjax.errors import InputError
from genjax.transfer import freeze, full
from genjax.tree import flatten


def test_the_step_is_traced_once(compiled, batches):
    """JAX traces again what comes in other types, and the state has those of the first before every step."""
    _, step, init = compiled
    state = init(jax.random.key(0))
    types = types_of(state)
    for batch in batches:
        state, _ = step(state, batch)
        assert types_of(state) == types
    assert int(state.step) == 5


def test_the_step_is_a_function_of_seed_and_step(compiled, batches):
    _, step, init = compiled
    runs = []
    for _ in range(2):
        state = init(jax.random.key(3))
        for batch in batches[:2]:
            state, _ = step(state, batch)
        runs.append(state)
    leaves_equal(*runs)
    other, _ = step(init(jax.random.key(4)), batches[0])
    first, second = flatten(runs[0].trainable), flatten(other.trainable)
    assert any(bool(jnp.any(first[name] != second[name])) for name in first)


@pytest.mark.parametrize("learner", [gan_by_hand(), vae_by_hand()], ids=["gan", "vae"])
def test_no_buffer_of_the_first_state_is_shared(learner):
    """Donating one buffer twice is an error, so a state must own each of its leaves. What is jitted shares none."""
    state = learner.init(jax.random.key(0), grey(0.5))
    leaves = [leaf for leaf in jax.tree.leaves(state) if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]
    pointers = [leaf.unsafe_buffer_pointer() for leaf in leaves]
    assert len(pointers) == len(set(pointers))


@pytest.mark.parametrize("learner", [gan_by_hand(), vae_by_hand()], ids=["gan", "vae"])
def test_uint8_and_float_images_are_one(learner, batches):
    images = batches[0]["image"][:, :2, :2]
    state, step = learner.init(jax.random.key(0), {"image": images}), jax.jit(learner.step)
    left, _ = step(state, {"image": images})
    right, _ = step(state, {"image": images.astype(np.float32) / 127.5 - 1})
    for a, b in zip(jax.tree.leaves(left.trainable), jax.tree.leaves(right.trainable), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_samples_are_images_of_the_averaged_parameters(compiled, batches):
    """After some steps, when the average is no longer what is trained."""
    learner, step, init = compiled
    state = init(jax.random.key(0))
    for batch in batches[:3]:
        state, _ = step(state, batch)
    generate, latents = jax.jit(learner.latents.generate), learner.latents.draw(jax.random.key(1), 3)
    images = jax.jit(learner.sample, static_argnums=2)(state, jax.random.key(1), 3)
    assert images.shape == (3, 16, 16, 1)
    assert float(jnp.abs(images).max()) <= 1
    np.testing.assert_allclose(images, generate(state.average, state.context, latents), atol=1e-6)
    trained = {network: state.trainable[network] for network in state.average}
    assert float(jnp.abs(images - generate(trained, state.context, latents)).max()) > 1e-4


def test_metrics_are_flat_scalars_with_the_knobs(compiled, batches):
    _, step, init = compiled
    _, metrics = step(init(jax.random.key(0)), batches[0])
    assert all(value.shape == () and bool(jnp.isfinite(value)) for value in metrics.values())
    assert any(name.startswith("control/") for name in metrics)
    assert any(name.startswith("gradient_norm/") for name in metrics)


@pytest.mark.parametrize("family", LEARNERS)
def test_what_is_frozen_stays_bit_equal(family, batches):
    transfers = {
        "gan": {"transfer": freeze(["stem/*"]), "critic_transfer": freeze(["down_*"])},
        "vae": {"transfer": freeze(["encoder/*", "decoder/stem/*"])},
    }[family]
    learner = {"gan": plain_gan, "vae": tiny_vae}[family](**transfers)
    state = jax.jit(learner.init)(jax.random.key(0), batches[0])
    before = jax.tree.map(
        np.asarray, {n: t.params(state.trainable[n], state.context[n]) for n, t in learner.transfers.items()}
    )
    step = jax.jit(learner.step, donate_argnums=0)
    for batch in batches[:3]:
        state, _ = step(state, batch)
    after = {n: t.params(state.trainable[n], state.context[n]) for n, t in learner.transfers.items()}
    frozen = ("generator/stem", "critic/down", "vae/encoder", "vae/decoder/stem")
    for name, leaf in flatten(after).items():
        same = bool(np.array_equal(leaf, flatten(before)[name]))
        assert same == name.startswith(frozen), name


@pytest.mark.parametrize("family", LEARNERS)
def test_a_source_of_another_shape_is_refused_by_name(family, batches):
    learner = LEARNERS[family]()
    shapes = jax.eval_shape(learner.init, jax.random.key(0), batches[0]).trainable
    source = {n: full().params(t, ()) for n, t in shapes.items()}
    network = sorted(source)[-1]
    broken = {**source, network: {"stam": source[network]}}
    with pytest.raises(InputError, match=r"the source does not fit the model: missing .*unexpected .*stam"):
        jax.eval_shape(lambda: learner.init(jax.random.key(0), batches[0], source=broken))


@pytest.mark.parametrize("family", LEARNERS)
def test_a_controller_that_cannot_work_is_refused_at_construction(family):
    deaf = Controller(lambda: (), lambda signals, state: state, lambda state: {}, reads=("entropy",))
    with pytest.raises(InputError, match="reads the signal 'entropy', which this learner does not measure"):
        LEARNERS[family](controller=deaf)
