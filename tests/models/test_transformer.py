"""The transformer over segments: names, what each position sees, and a cache that changes nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import parameters

from genjax.models.segments import Segment
from genjax.models.transformer import Transformer
from genjax.tree import count, flatten

TEXT, TOKENS = Segment("text", 5, 9), Segment("tokens", 12, 7, columns=4)
ORDERS = {"text first": (TEXT, TOKENS), "image first": (TOKENS, TEXT)}


@pytest.fixture(scope="module", params=ORDERS)
def causal(request):
    """(transformer, parameters, tokens (3, length) of each segment)."""
    return made(ORDERS[request.param], causal=True)


@pytest.fixture(scope="module")
def masked():
    """A transformer without the causal mask."""
    return made((TEXT, TOKENS), causal=False, given=1)


def made(segments, **settings):
    transformer = Transformer(segments, width=16, depth=2, heads=2, **settings)
    tokens = tuple(jax.random.randint(jax.random.key(1), (3, s.length), 0, s.vocabulary) for s in segments)
    return transformer, parameters(transformer, tokens), tokens


def changed(tokens, segment, index):
    """Changes one token of the first sequence."""
    tokens = [np.array(part) for part in tokens]
    tokens[segment][0, index] = (tokens[segment][0, index] + 1) % tokens[segment].max()
    return tuple(map(jnp.asarray, tokens))


def test_the_names_of_a_prior():
    examples = tuple(jnp.zeros((1, segment.length), jnp.int32) for segment in (TEXT, TOKENS))
    transformer = Transformer((TEXT, TOKENS), width=16, depth=2, heads=2)
    params = jax.eval_shape(lambda: transformer.init(jax.random.key(0), examples))["params"]
    assert {name for name in flatten(params) if "block_1" not in name} == {
        "block_0/contract/bias",
        "block_0/contract/kernel",
        "block_0/expand/bias",
        "block_0/expand/kernel",
        "block_0/norm_attention/scale",
        "block_0/norm_mlp/scale",
        "block_0/out/bias",
        "block_0/out/kernel",
        "block_0/qkv/bias",
        "block_0/qkv/kernel",
        "embed_text/position",
        "embed_text/token/embedding",
        "embed_tokens/column",
        "embed_tokens/row",
        "embed_tokens/token/embedding",
        "head_text/bias",
        "head_text/kernel",
        "head_tokens/bias",
        "head_tokens/kernel",
        "norm/scale",
        "start",
    }


def test_what_is_only_given_has_no_head(masked):
    assert {name.split("/")[0] for name in flatten(masked[1]) if "head" in name} == {"head_tokens"}
    assert "start" not in masked[1]


def test_the_default_has_two_million_parameters():
    segments = (Segment("text", 16, 80), Segment("tokens", 64, 512, columns=8))
    examples = tuple(jnp.zeros((1, segment.length), jnp.int32) for segment in segments)
    params = jax.eval_shape(lambda: Transformer(segments).init(jax.random.key(0), examples))["params"]
    assert 1.9e6 < count(params) < 2.1e6


def test_a_later_token_changes_no_earlier_logit(causal):
    transformer, params, tokens = causal
    logits = jax.jit(lambda tokens: jnp.concatenate([part.max(axis=-1) for part in apply(tokens)], axis=1))
    apply = lambda tokens: transformer.apply({"params": params}, tokens)  # noqa: E731
    before, slot = np.asarray(logits(tokens)), -1
    for segment, part in enumerate(tokens):
        for index in range(part.shape[1]):
            slot += 1
            after = np.asarray(logits(changed(tokens, segment, index)))
            np.testing.assert_array_equal(after[:, : slot + 1], before[:, : slot + 1])
            np.testing.assert_array_equal(after[1:], before[1:])
            if slot + 1 < before.shape[1]:
                assert (after[0, slot + 1 :] != before[0, slot + 1 :]).all()


def test_steps_with_a_cache_are_the_whole(causal):
    transformer, params, tokens = causal
    variables = {"params": params}

    @jax.jit
    def walk(tokens):
        found = []
        for segment, part in enumerate(tokens):
            first, cache = transformer.apply(variables, tokens[:segment], 3, method="begin")

            def one(cache, inputs, segment=segment):
                logits, cache = transformer.apply(variables, *inputs, cache, segment, method="advance")
                return cache, logits

            _, others = jax.lax.scan(one, cache, (part[:, :-1].T, jnp.arange(part.shape[1] - 1)))
            found.append(jnp.concatenate([first[:, None], others.swapaxes(0, 1)], axis=1))
        return found

    for found, expected in zip(walk(tokens), jax.jit(transformer.apply)(variables, tokens), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_logits_at_a_place_are_the_wholes(causal):
    transformer, params, tokens = causal
    whole = jax.jit(transformer.apply)({"params": params}, tokens)
    at = jax.jit(
        lambda segment: transformer.apply({"params": params}, tokens, segment, 2, method="logits_at"), static_argnums=0
    )
    for segment, expected in enumerate(whole):
        found = at(segment)
        np.testing.assert_allclose(found, expected[:, 2], atol=1e-6)


def test_without_the_causal_mask_every_token_sees_its_segment_and_those_before(masked):
    transformer, params, tokens = masked
    apply = jax.jit(transformer.apply)
    (before,) = apply({"params": params}, tokens)
    for segment in range(2):
        (after,) = apply({"params": params}, changed(tokens, segment, 3))
        assert (np.abs(np.asarray(after - before))[0].max(axis=-1) > 0).all()


@pytest.mark.slow
def test_what_is_read_of_the_condition_serves_every_filling(masked):
    transformer, params, tokens = masked
    cache = transformer.apply({"params": params}, tokens[:1], method="read")
    for image in (tokens[1], jnp.full_like(tokens[1], TOKENS.absent)):
        (whole,) = transformer.apply({"params": params}, (tokens[0], image))
        found = transformer.apply({"params": params}, image, cache, method="fill")
        np.testing.assert_allclose(found, whole, atol=1e-5)


@pytest.mark.slow
def test_the_compute_dtype_leaves_parameters_and_logits_in_float32(causal):
    precise, params, tokens = causal
    rounded = precise.clone(dtype=jnp.bfloat16)
    fresh = jax.eval_shape(lambda: rounded.init(jax.random.key(0), tokens))["params"]
    assert {leaf.dtype for leaf in jax.tree.leaves(fresh)} == {jnp.dtype("float32")}
    found, cache = jax.jit(lambda tokens: rounded.apply({"params": params}, tokens[:1], 3, method="begin"))(tokens)
    expected, _ = precise.apply({"params": params}, tokens[:1], 3, method="begin")
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, atol=0.02 * float(np.abs(expected).max()))
    assert {leaf.dtype for leaf in jax.tree.leaves(cache)} == {jnp.dtype("bfloat16")}
