"""Path length: closed forms for linear generators, straight lines and arcs; and that nothing is rounded."""

import jax
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate.metrics.smoothness import linear, perceptual_path_length, slerp, trimmed_mean

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((2, 7, 4))
MATRIX = RNG.standard_normal((4, 12)).astype(np.float32)


def generate(latents):
    return (latents @ MATRIX).reshape(-1, 2, 2, 3)


def flat(images):
    return np.asarray(images).reshape(len(images), -1)


def lengths(a=A, b=B, *, generate=generate, extract=flat, **options):
    return perceptual_path_length(generate, extract, a, b, KEY, **{"interpolation": "linear", **options})


def test_a_linear_generator_has_the_squared_length_of_the_line():
    expected = (((B - A) @ MATRIX) ** 2).sum(axis=1)
    np.testing.assert_allclose(lengths(), expected, rtol=2e-2)  # float32 keeps few digits of a step of 1e-4
    np.testing.assert_allclose(lengths(epsilon=0.1), expected, rtol=1e-4)


def test_an_arc_on_the_unit_sphere_has_the_squared_angle():
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (A, B))
    angle = np.arccos((a * b).sum(axis=1))
    found = lengths(a, b, generate=lambda latents: latents, interpolation="slerp", epsilon=0.01)
    np.testing.assert_allclose(found, (2 * np.sin(angle * 0.005) / 0.01) ** 2, rtol=1e-3)


def test_a_jump_is_longer_than_a_slope():
    a, b = np.zeros((200, 1)), np.ones((200, 1))
    options = {"generate": lambda z: z, "epsilon": 0.05}
    smooth = lengths(a, b, extract=lambda z: z, **options)
    jump = lengths(a, b, extract=lambda z: (z > 0.5).astype(float), **options)
    assert jump.mean() > 5 * smooth.mean() == pytest.approx(5, rel=1e-3)


def test_the_key_decides_where_and_the_batch_does_not():
    curved = {"extract": lambda images: np.tanh(flat(images)), "epsilon": 0.01}
    whole = lengths(**curved)
    for batch in (1, 3, 7):
        np.testing.assert_allclose(lengths(batch=batch, **curved), whole, rtol=1e-3)
    other = perceptual_path_length(
        generate, curved["extract"], A, B, jax.random.key(1), interpolation="linear", epsilon=0.01
    )
    assert (np.abs(other / whole - 1) > 1e-3).all()


def test_one_shape_is_generated():
    shapes = []

    def noted(latents):
        shapes.append(latents.shape)
        return generate(latents)

    lengths(generate=noted, batch=3)
    assert shapes == [(6, 4)] * 3


def test_slerp_keeps_the_length_and_moves_evenly():
    a, b = A / np.linalg.norm(A, axis=1, keepdims=True) * 2, B / np.linalg.norm(B, axis=1, keepdims=True) * 2
    points = [slerp(a, b, np.full((7, 1), t)) for t in (0, 0.25, 0.5, 0.75, 1)]
    np.testing.assert_allclose(points[0], a, atol=1e-12)
    np.testing.assert_allclose(points[-1], b, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), 2, rtol=1e-12)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=-1)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:1], steps.shape), rtol=1e-9)


def test_slerp_between_latents_of_one_direction_is_the_line():
    t = np.full((7, 1), 0.3)
    for factor in (1.0, 2.0, 1 + 1e-12):
        np.testing.assert_allclose(slerp(A, A * factor, t), linear(A, A * factor, t), rtol=1e-9)


def test_the_mean_without_the_tails():
    values = np.concatenate([np.full(2, -1e9), np.arange(196.0), np.full(2, 1e9)])
    assert trimmed_mean(RNG.permutation(values), low=0.02, high=0.98) == pytest.approx(195 / 2)
    assert trimmed_mean(values, low=0, high=1) == pytest.approx(values.mean())
    assert trimmed_mean([3.0]) == 3.0


def test_the_default_quantiles_are_one_and_ninety_nine_percent():
    assert trimmed_mean([-1e12, *range(1, 200), 1e12]) == pytest.approx(100)
    assert trimmed_mean([-1e12, *range(99), 1e12]) == pytest.approx(49)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lengths(generate=lambda z: generate(z).astype(np.uint8)), "are uint8, expected floats"),
        (lambda: lengths(extract=lambda images: flat(images) * np.nan), "features of the generated images are not"),
        (lambda: lengths(A * np.nan), "latents_a hold numbers that are not finite"),
        (lambda: lengths(A[0]), r"latents_a have the shape \(4,\), expected \(n, d\)"),
        (lambda: lengths(A, B[:3]), r"shape \(7, 4\) and latents_b \(3, 4\)"),
        (lambda: lengths(interpolation="sphere"), "unknown interpolation 'sphere'"),
        (lambda: lengths(epsilon=0), "epsilon=0 and batch=64"),
        (lambda: lengths(batch=0), "batch=0"),
        (lambda: lengths(A, -A, interpolation="slerp"), "7 of 7 pairs of latents are opposed"),
        (lambda: lengths(0 * A, interpolation="slerp"), "a latent is zero"),
        (lambda: trimmed_mean([]), "expected 1 or more finite numbers"),
        (lambda: trimmed_mean([1.0, np.nan]), "finite numbers"),
        (lambda: trimmed_mean([1.0], low=0.9, high=0.1), "no quantiles in order"),
    ],
)
def test_other_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
