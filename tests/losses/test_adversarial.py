"""Adversarial losses against closed forms, another library, finite differences and their theory's minima."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest
from scipy.optimize import minimize

from genjax.losses import ADVERSARIAL
from genjax.losses.adversarial import minimax_critic

REAL = jnp.array([0.3, -1.2, 2.5, 0.9])
FAKE = jnp.array([-0.7, 0.4, 1.5, -2.0])


@pytest.fixture
def without_types():
    """Runs without type checks, as a user does: jaxtyping checks shapes under pytest only."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture(params=[(name, side) for name in ADVERSARIAL for side in ("critic", "generator")], ids="-".join)
def loss(request):
    name, side = request.param
    return getattr(ADVERSARIAL[name], side)


def softplus(x):
    return np.log1p(np.exp(np.asarray(x, np.float64)))


CLOSED_FORMS = {
    "minimax": (softplus(-REAL) + softplus(FAKE), -softplus(FAKE)),
    "non_saturating": (softplus(-REAL) + softplus(FAKE), softplus(-FAKE)),
    "least_squares": (((REAL - 1) ** 2 + FAKE**2) / 2, (FAKE - 1) ** 2 / 2),
    "wasserstein": (FAKE - REAL, -FAKE),
    "hinge": (np.maximum(0, 1 - REAL) + np.maximum(0, 1 + FAKE), -FAKE),
    "relativistic": (softplus(FAKE - REAL), softplus(REAL - FAKE)),
}


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_closed_form(name):
    critic, generator = CLOSED_FORMS[name]
    np.testing.assert_allclose(ADVERSARIAL[name].critic(REAL, FAKE), critic, rtol=1e-6)
    np.testing.assert_allclose(ADVERSARIAL[name].generator(REAL, FAKE), generator, rtol=1e-6)


@pytest.mark.parametrize("real_target", [1.0, 0.9])
def test_minimax_is_sigmoid_cross_entropy(real_target):
    real = optax.losses.sigmoid_binary_cross_entropy(REAL, jnp.full(4, real_target))
    fake = optax.losses.sigmoid_binary_cross_entropy(FAKE, jnp.zeros(4))
    np.testing.assert_allclose(minimax_critic(REAL, FAKE, real_target=real_target), real + fake, rtol=1e-6)


def test_gradients_agree_with_finite_differences(loss):
    step = 1e-3
    for turn in (0, 1):
        arguments = [REAL, FAKE]
        gradient = jax.grad(lambda *pair: loss(*pair).sum(), argnums=turn)(*arguments)
        above, below = ([*arguments] for _ in range(2))
        above[turn], below[turn] = arguments[turn] + step, arguments[turn] - step
        np.testing.assert_allclose(gradient, (loss(*above) - loss(*below)) / (2 * step), atol=1e-3)


def test_finite_at_huge_logits(loss):
    real, fake = jnp.array([1e4, 1e4, -1e4, -1e4]), jnp.array([1e4, -1e4, 1e4, -1e4])
    values, pullback = jax.vjp(loss, real, fake)
    assert np.isfinite(values).all()
    assert all(np.isfinite(gradient).all() for gradient in pullback(jnp.ones(4)))


# At a point where the density of real images is q times that of the generated ones, the best logit is known.
@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("minimax", lambda q: np.log(q)),
        ("non_saturating", lambda q: np.log(q)),
        ("least_squares", lambda q: q / (1 + q)),
    ],
)
@pytest.mark.parametrize("q", [0.25, 1.0, 3.0])
def test_minimum_of_the_critic(name, best, q):
    critic = ADVERSARIAL[name].critic

    @jax.value_and_grad
    def expected(logit):
        # Real weighs q and generated 1: each side alone is the loss less the same loss at a constant other side.
        zero = jnp.zeros(1)
        at_zero = critic(zero, zero)
        real, fake = critic(logit, zero) - at_zero, critic(zero, logit) - at_zero
        return (q * real + fake).sum()

    def fun(logit):
        value, gradient = expected(jnp.asarray(logit, jnp.float32))
        return float(value), np.asarray(gradient, np.float64)

    found = minimize(fun, np.full(1, 0.5), jac=True, method="L-BFGS-B")
    np.testing.assert_allclose(found.x[0], best(q), atol=1e-3)


def test_least_squares_is_zero_at_one_and_zero():
    loss = ADVERSARIAL["least_squares"]
    assert loss.critic(jnp.ones(3), jnp.zeros(3)).max() == 0
    assert loss.generator(jnp.zeros(3), jnp.ones(3)).max() == 0


def test_hinge_is_zero_beyond_the_margin():
    assert ADVERSARIAL["hinge"].critic(jnp.array([1.0, 7.0]), jnp.array([-1.0, -7.0])).max() == 0


def test_relativistic_sees_differences_only():
    loss = ADVERSARIAL["relativistic"]
    np.testing.assert_allclose(loss.critic(REAL + 5, FAKE + 5), loss.critic(REAL, FAKE), rtol=1e-5)
    np.testing.assert_array_equal(loss.generator(REAL, FAKE), loss.critic(FAKE, REAL))


def test_generators_want_higher_logits(loss, request):
    if request.node.callspec.params["loss"][1] == "generator":
        gradient = jax.grad(lambda fake: loss(REAL, fake).sum())(jnp.full(4, 0.1))
        assert (gradient < 0).all()


def test_unequal_shapes_are_an_error(loss, without_types):
    for fake in (FAKE[:, None], FAKE[:1], FAKE[0]):
        with pytest.raises(ValueError, match="shapes differ"):
            loss(REAL, fake)
    with pytest.raises(ValueError, match="shapes differ"):
        jax.jit(loss)(REAL, FAKE[:, None])


def test_one_value_per_image(loss):
    assert loss(REAL, FAKE).shape == (4,)
    np.testing.assert_array_equal(loss(REAL, FAKE)[1:3], loss(REAL[1:3], FAKE[1:3]))


@pytest.mark.parametrize("name", ADVERSARIAL)
def test_the_boundary_is_what_the_critic_says_of_what_is_as_often_real_as_generated(name):
    """The loss of such an image is smallest there; a loss without a boundary does not change with a shift."""
    loss, shift = ADVERSARIAL[name], jnp.linspace(-3, 3, 61)
    if loss.boundary is None:
        moved = jax.vmap(lambda by: loss.critic(REAL + by, FAKE + by))(shift)
        np.testing.assert_allclose(moved, jnp.broadcast_to(loss.critic(REAL, FAKE), moved.shape), atol=1e-5)
    else:
        values = jnp.asarray(loss.critic(shift, shift))
        np.testing.assert_allclose(loss.critic(*[jnp.array([loss.boundary])] * 2)[0], values.min(), rtol=1e-6)
