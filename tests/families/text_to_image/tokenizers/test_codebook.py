"""A codebook that follows its vectors, against the closed form; dead codes; and how often codes are chosen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.families.text_to_image.tokenizers.codebook import (
    CodeAverages,
    CodeUse,
    count_use,
    describe_use,
    far_vectors,
    first_averages,
    first_use,
    follow,
)
from genjax.losses.quantization import nearest_codes


def test_the_codes_are_the_quotients_of_moving_averages():
    """Equations 6 to 8 of van den Oord et al. 2017, by numpy, over three batches."""
    rng = np.random.default_rng(0)
    codebook = rng.normal(size=(3, 2)).astype(np.float32)
    averages, decay = first_averages(jnp.asarray(codebook), known=True), 0.8
    counts, sums = np.ones(3), codebook.astype(np.float64)
    for _ in range(3):
        vectors, tokens = rng.normal(size=(30, 2)).astype(np.float32), np.arange(30) % 3
        for code in range(3):
            own = vectors[tokens == code]
            counts[code] = decay * counts[code] + (1 - decay) * len(own) * 3 / 30
            sums[code] = decay * sums[code] + (1 - decay) * own.sum(axis=0) * 3 / 30
        batch = jnp.asarray(vectors), jnp.asarray(tokens)
        new, averages = follow(
            jax.random.key(0), jnp.asarray(codebook), averages, *batch, decay=decay, restart_below=0.0
        )
        np.testing.assert_allclose(new, sums / counts[:, None], rtol=1e-5)
        np.testing.assert_allclose(averages.counts, counts, rtol=1e-6)


def test_repeated_batches_lead_to_the_means_of_the_vectors(getkey):
    vectors, tokens = normal(getkey(), (40, 3)), jnp.arange(40) % 4
    averages = first_averages(normal(getkey(), (4, 3)), known=True)
    codebook, key = averages.sums, getkey()
    step = jax.jit(
        lambda codebook, averages: follow(key, codebook, averages, vectors, tokens, decay=0.7, restart_below=0.0)
    )
    for _ in range(60):
        codebook, averages = step(codebook, averages)
    means = np.stack([np.asarray(vectors)[np.arange(40) % 4 == code].mean(axis=0) for code in range(4)])
    np.testing.assert_allclose(codebook, means, atol=1e-4)


def test_without_restarts_a_code_that_nothing_chooses_stays_for_ever(getkey):
    """Also when its count, 0.5 to the power of the steps, is no number of float32 any more."""
    codebook = jnp.asarray([[1.0, 1.0], [5.0, 5.0]])
    averages, key = first_averages(codebook, known=True), getkey()
    vectors, tokens = jnp.ones((8, 2)), jnp.zeros(8, jnp.int32)
    step = jax.jit(
        lambda codebook, averages: follow(key, codebook, averages, vectors, tokens, decay=0.5, restart_below=0.0)
    )
    for _ in range(200):
        codebook, averages = step(codebook, averages)
    np.testing.assert_allclose(codebook, [[1.0, 1.0], [5.0, 5.0]], rtol=1e-5)
    assert float(averages.counts[1]) == 0


def test_a_dead_code_moves_to_a_vector_of_the_batch_and_the_others_stay(getkey):
    vectors = jnp.concatenate([jnp.zeros((20, 2)), jnp.full((2, 2), 9.0)])
    codebook = jnp.asarray([[0.0, 0.0], [100.0, 100.0]])
    tokens = nearest_codes(vectors, codebook)
    assert not bool(tokens.any())
    averages = CodeAverages(jnp.asarray([2.0, 0.01]), jnp.asarray([[0.0, 0.0], [1.0, 1.0]]))
    moved, after = follow(getkey(), codebook, averages, vectors, tokens, decay=0.99, restart_below=0.02)
    np.testing.assert_array_equal(moved[1], [9.0, 9.0])  # the one that its code served worst
    assert float(jnp.abs(moved[0]).max()) < 0.1
    assert float(after.counts[1]) == 1.0
    kept, _ = follow(getkey(), codebook, averages, vectors, tokens, decay=0.99, restart_below=0.0)
    np.testing.assert_allclose(kept[1], [100.0, 100.0], rtol=1e-4)


def test_without_a_source_all_codes_are_placed_at_vectors(getkey):
    vectors = normal(getkey(), (50, 2))
    codebook = normal(getkey(), (8, 2))
    averages = first_averages(codebook, known=False)
    codebook, _ = follow(getkey(), codebook, averages, vectors, jnp.zeros(50, jnp.int32), decay=0.99, restart_below=0.5)
    assert {tuple(code) for code in codebook[1:].tolist()} <= {tuple(row) for row in vectors.tolist()}


def test_fewer_vectors_than_codes_are_used_again(getkey):
    vectors = normal(getkey(), (3, 2))
    found = far_vectors(getkey(), vectors, jnp.zeros((3, 2)), 7)
    assert found.shape == (7, 2)
    assert {tuple(row) for row in found.tolist()} == {tuple(row) for row in vectors.tolist()}


@pytest.mark.parametrize(("epoch", "batch"), [(12, 4), (10, 4), (4, 4), (6, 8)])
def test_use_is_counted_over_epochs(epoch, batch):
    """An epoch that does not divide into batches ends with the batch that reaches into the next."""
    tokens = np.random.default_rng(0).integers(0, 5, (9, batch, 3))
    use, counts, complete = first_use(5), np.zeros(5, int), np.zeros(5, int)
    for step, row in enumerate(tokens):
        use = count_use(use, jnp.asarray(row), step=jnp.int32(step), images_per_epoch=epoch)
        counts = counts + np.bincount(row.reshape(-1), minlength=5)
        if step * batch // epoch < (step + 1) * batch // epoch:
            counts, complete = np.zeros(5, int), counts
        np.testing.assert_array_equal(use.running, counts)
        np.testing.assert_array_equal(use.complete, complete)


def test_without_an_epoch_use_is_counted_for_ever():
    use = first_use(3)
    for step in range(5):
        use = count_use(use, jnp.asarray([[0, 1]]), step=jnp.int32(step), images_per_epoch=0)
    np.testing.assert_array_equal(use.running, [5, 5, 0])


def test_usage_and_perplexity_are_those_of_the_last_complete_epoch():
    shares = np.array([6, 2]) / 8
    whole = CodeUse(jnp.asarray([1, 0, 0, 0]), jnp.asarray([6, 2, 0, 0]))
    found = describe_use(whole)
    assert float(found["codebook/usage"]) == 0.5
    assert float(found["codebook/perplexity"]) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-6)
    first = describe_use(CodeUse(jnp.asarray([1, 0, 0, 0]), jnp.zeros(4, jnp.int32)))
    assert float(first["codebook/usage"]) == 0.25
