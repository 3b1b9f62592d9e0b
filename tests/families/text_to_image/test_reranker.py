"""The reranker: it learns which image fits which text, and picks the best of several."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import leaves_equal

from genjax.errors import InputError
from genjax.families.text_to_image.build_prior import build_reranker
from genjax.families.text_to_image.decoding import best_of, repeated
from genjax.families.text_to_image.network_options import RerankerConfig
from genjax.models.segments import Segment
from genjax.transfer import lora

TEXT = Segment("text", 4, 9)
TINY = RerankerConfig(
    width=8, text_width=16, text_depth=1, text_heads=2, embedding_size=8, learning_rate=3e-3, ema_images=100.0
)
WORDS = np.asarray([[0, 5, 6, 7], [1, 5, 6, 7], [2, 3, 6, 7], [4, 3, 6, 7]], np.int32)


def batch_of(n, seed=0):
    """Four kinds of images, a bright quarter each, with a text for each kind."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(0, 4, n)
    images = rng.integers(0, 80, (n, 16, 16, 1), dtype=np.uint8)
    for image, kind in zip(images, kinds, strict=True):
        row, column = divmod(int(kind), 2)
        image[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] += 150
    return {"image": images, "text": WORDS[kinds]}


@pytest.fixture(scope="module")
def compiled():
    """(learner, jitted step, jitted init)."""
    learner = build_reranker(TINY, TEXT, size=16)
    return learner, jax.jit(learner.step), jax.jit(lambda key: learner.init(key, batch_of(16)))


@pytest.fixture(scope="module")
def trained(compiled):
    """(learner, state after 80 steps, last metrics)."""
    learner, step, init = compiled
    state, metrics = init(jax.random.key(0)), {}
    for seed in range(80):
        state, metrics = step(state, batch_of(16, seed))
    return learner, state, metrics


@pytest.mark.slow
def test_it_finds_the_text_of_images_that_it_never_saw(trained):
    learner, state, metrics = trained
    images = batch_of(32, seed=1000)
    score = jax.jit(learner.ranker.score)
    table = np.stack(
        [score(state.average, state.context, images["image"], np.tile(words, (32, 1))) for words in WORDS], axis=1
    )
    np.testing.assert_array_equal(WORDS[table.argmax(axis=1)], images["text"])
    assert float(metrics["accuracy/text_of_image"]) > 0.9


@pytest.mark.slow
def test_it_picks_the_candidate_that_fits(trained):
    learner, state, _ = trained
    made = batch_of(24, seed=2000)
    asked = repeated(jnp.asarray(WORDS), 6)
    score = learner.ranker.score
    assert score is not None
    scores = score(state.average, state.context, made["image"], asked)
    picked = np.asarray(best_of(jnp.asarray(made["image"]), scores, 6))
    for row, words in enumerate(WORDS):
        there = [index for index in range(6 * row, 6 * row + 6) if (made["text"][index] == words).all()]
        if there:
            assert any((picked[row] == made["image"][index]).all() for index in there)


def test_the_step_is_a_function_of_seed_and_step(compiled):
    _, step, init = compiled
    runs = [step(init(jax.random.key(3)), batch_of(16))[0] for _ in range(2)]
    leaves_equal(*runs)


def test_metrics_are_flat_scalars(compiled):
    _, step, init = compiled
    _, metrics = step(init(jax.random.key(0)), batch_of(16))
    assert {"loss/total", "accuracy/text_of_image", "gradient_norm/reranker", "penalty/transfer"} <= set(metrics)
    assert all(value.shape == () and bool(jnp.isfinite(value)) for value in metrics.values())


@pytest.mark.slow
def test_an_adaptation_starts_with_the_sources_scores(compiled):
    learner, _, init = compiled
    source = init(jax.random.key(0))
    adapted = build_reranker(TINY, TEXT, size=16, transfer=lora(rank=1))
    state = jax.jit(lambda source: adapted.init(jax.random.key(1), batch_of(16), source=source))(source.trainable)
    pairs = batch_of(16)
    assert adapted.ranker is not None
    assert learner.ranker is not None
    found = adapted.ranker.score(state.trainable, state.context, pairs["image"], pairs["text"])
    expected = learner.ranker.score(source.trainable, source.context, pairs["image"], pairs["text"])
    np.testing.assert_array_equal(found, expected)


def test_it_makes_no_images(compiled):
    learner = compiled[0]
    assert learner.sample is None
    assert learner.latents is None


def test_texts_that_cannot_be_are_errors(compiled):
    learner = compiled[0]
    with pytest.raises(InputError, match="text tokens go from 0 to 9, expected 0 to 8"):
        learner.init(jax.random.key(0), batch_of(4) | {"text": np.asarray([[0, 9, 0, 0]])})
