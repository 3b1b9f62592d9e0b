"""What holds for both tokenizers: they learn images by heart, count their codes, resume, and adapt."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal
from tiny import leaves_equal, types_of
from tokenizers_tiny import TINY, batch_of, started, tiny_tokenizer

from genjax.control import chain, gradient_guard
from genjax.errors import InputError
from genjax.families.text_to_image.tokenizers.build import build_codec
from genjax.families.text_to_image.tokenizers.learner import LIKELIHOODS, tokens_at
from genjax.transfer import freeze, full, lora, miner
from genjax.tree import content_hash, flatten

KINDS = ("vq", "dvae")


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def compiled(kind):
    """(learner, jitted step that keeps its state)."""
    learner = tiny_tokenizer(
        dataclasses.replace(TINY, kind=kind), images_per_epoch=16, controller=chain(gradient_guard("tokenizer"))
    )
    return learner, jax.jit(learner.step)


@pytest.fixture(scope="module")
def overfitted(compiled):
    """(learner, state after 300 steps on 8 images, these, last metrics)."""
    learner, step = compiled
    state, batch, metrics = started(learner), batch_of(8), {}
    for _ in range(300):
        state, metrics = step(state, batch)
    return learner, state, batch, metrics


@pytest.mark.slow
def test_eight_images_are_learned_by_heart(overfitted):
    learner, state, batch, _ = overfitted
    images = batch["image"].astype(np.float32) / 127.5 - 1
    error = np.square(
        np.asarray(learner.encoder.reconstruct(state.average, state.context, batch["image"])) - images
    ).mean()
    assert error < 0.1 * images.var()


@pytest.mark.slow
def test_tokens_make_the_round_trip(overfitted, kind):
    """What is decoded from tokens is what is reconstructed, and is encoded to tokens in range."""
    learner, state, batch, _ = overfitted
    codec, params = build_codec(dataclasses.replace(TINY, kind=kind), size=8, channels=1), state.average["tokenizer"]
    tokens = codec.encode(params, batch["image"])
    assert (tokens.shape, tokens.dtype, codec.grid, codec.codes) == ((8, 16), jnp.int32, 4, 16)
    assert 0 <= int(tokens.min()) <= int(tokens.max()) < 16
    images = codec.decode(params, tokens)
    assert float(jnp.abs(images).max()) <= 1
    np.testing.assert_array_equal(images, learner.encoder.reconstruct(state.average, state.context, batch["image"]))
    assert float((codec.encode(params, images) == tokens).mean()) > 0.8


@pytest.mark.slow
def test_usage_and_perplexity_are_those_of_the_tokens(overfitted, compiled, kind):
    """Both batches of an epoch hold the same images: numpy counts the tokens that the step must have seen."""
    _, step = compiled
    _, state, batch, _ = overfitted
    codec = build_codec(dataclasses.replace(TINY, kind=kind), size=8, channels=1)
    assert int(state.step) % 2 == 0
    seen, metrics = [], {}
    for _ in range(2):
        seen.append(np.asarray(codec.encode(state.trainable["tokenizer"], batch["image"])))
        state, metrics = step(state, batch)
    counts = np.bincount(np.concatenate(seen).reshape(-1), minlength=16)
    shares = counts[counts > 0] / counts.sum()
    np.testing.assert_array_equal(state.use.complete, counts)
    assert float(metrics["codebook/usage"]) == pytest.approx((counts > 0).mean())
    assert float(metrics["codebook/perplexity"]) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-4)


def test_the_step_is_a_function_of_the_state(compiled):
    """Four steps are two, a stop that keeps the state's numbers alone, and two more: bit for bit."""
    learner, step = compiled
    batches = [batch_of(8, seed) for seed in range(4)]
    straight = started(learner)
    for batch in batches:
        straight, _ = step(straight, batch)
    stopped = started(learner)
    for batch in batches[:2]:
        stopped, _ = step(stopped, batch)
    key = jax.random.key_data(stopped.key)
    kept = jax.tree.map(np.asarray, dataclasses.replace(stopped, key=np.asarray(key)))
    again = jax.tree.map(jnp.asarray, kept)
    again = dataclasses.replace(again, key=jax.random.wrap_key_data(again.key))
    for batch in batches[2:]:
        again, _ = step(again, batch)
    leaves_equal(straight, again)


def test_the_step_is_compiled_once(compiled):
    """The state has the same types before the first step and after it."""
    learner, step = compiled
    before = jax.eval_shape(lambda key: learner.init(key, batch_of(8)), jax.random.key(0))
    after, _ = jax.eval_shape(step, before, batch_of(8))
    assert types_of(before) == types_of(after)


def test_no_buffer_of_the_first_state_is_shared(compiled):
    state = started(compiled[0])
    leaves = [leaf for leaf in jax.tree.leaves(state) if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)]
    pointers = [leaf.unsafe_buffer_pointer() for leaf in leaves]
    assert len(pointers) == len(set(pointers))


@pytest.mark.parametrize(
    "transfer", [full(), lora(rank=2), freeze(["encoder/*", "codebook"])], ids=["full", "lora", "freeze"]
)
def test_an_adaptation_begins_as_its_source(overfitted, kind, transfer):
    source, state, batch, _ = overfitted
    learner = tiny_tokenizer(dataclasses.replace(TINY, kind=kind), transfer=transfer)
    assert source.encoder is not None
    assert learner.encoder is not None
    before = source.encoder.reconstruct(state.average, state.context, batch["image"])
    fresh = started(learner, 1, state.average)
    np.testing.assert_array_equal(learner.encoder.reconstruct(fresh.average, fresh.context, batch["image"]), before)


def test_a_frozen_codebook_stays_where_it_is(overfitted, kind):
    _, state, _, _ = overfitted
    transfer = freeze(["encoder/*", "codebook"])
    learner = tiny_tokenizer(dataclasses.replace(TINY, kind=kind), transfer=transfer)
    begun = started(learner, 1, state.average)
    after, _ = jax.jit(learner.step)(begun, batch_of(8, seed=5))
    params = flatten(transfer.params(after.trainable["tokenizer"], after.context["tokenizer"]))
    for name, leaf in flatten(state.average["tokenizer"]).items():
        same = name.startswith(("encoder/", "codebook"))
        assert bool(jnp.array_equal(params[name], leaf)) == same, name
    assert content_hash(params["codebook"]) == content_hash(state.average["tokenizer"]["codebook"])


def test_a_transfer_that_moves_latents_is_refused(kind):
    with pytest.raises(InputError, match="a tokenizer has no latents that a transfer could move"):
        tiny_tokenizer(dataclasses.replace(TINY, kind=kind), transfer=miner(latent_size=4))


def test_latents_stand_for_uniform_tokens():
    tokens = np.asarray(tokens_at(normal(jax.random.key(0), (16_000,)), 16))
    counts = np.bincount(tokens, minlength=16)
    assert np.abs(counts - 1000).max() < 6 * np.sqrt(1000)
    np.testing.assert_array_equal(tokens_at(jnp.asarray([-50.0, 50.0]), 16), [0, 15])


def test_samples_are_images_and_have_a_likelihood(compiled):
    learner, _ = compiled
    state = started(learner)
    images = learner.sample(state, jax.random.key(1), 3)
    assert images.shape == (3, 8, 8, 1)
    latents = learner.latents.draw(jax.random.key(1), 3)
    assert learner.likelihood.log_likelihood is not None
    nats = learner.likelihood.log_likelihood(state.average, state.context, images, latents)
    mean = np.asarray(learner.latents.generate(state.average, state.context, latents))
    np.testing.assert_array_equal(mean, images)
    assert nats.shape == (3,)
    assert bool(jnp.isfinite(nats).all())


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_every_likelihood_reads_what_the_decoder_gives(name):
    likelihood = LIKELIHOODS[name]
    decoded = normal(jax.random.key(0), (2, 4, 4, 3 * likelihood.values))
    images = likelihood.to_image(decoded)
    assert images.shape == (2, 4, 4, 3)
    assert likelihood.log_density(jnp.clip(images, -1, 1), decoded).shape == (2,)
