"""Adversarial losses against closed forms, another library, finite differences and their theory's minima."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest
from scipy.optimize import minimize

from genjax.losses import ADVERSARIAL
from genjax.losses.adversarial import minimax_critic, smoothed, top_weights

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


WITH_TARGETS = [name for name in ADVERSARIAL if ADVERSARIAL[name].targets is not None]


def test_losses_with_targets_are_cross_entropies_and_squares():
    assert WITH_TARGETS == ["minimax", "non_saturating", "least_squares"]


@pytest.mark.parametrize("name", WITH_TARGETS)
def test_the_critic_is_the_distance_to_1_of_real_and_to_0_of_generated_images(name):
    loss = ADVERSARIAL[name]
    assert loss.targets is not None
    both = loss.targets.distance(REAL, 1.0) + loss.targets.distance(FAKE, 0.0)
    np.testing.assert_allclose(both, loss.critic(REAL, FAKE), rtol=1e-5)


def test_smoothing_lowers_the_target_of_real_images_alone():
    entropy = smoothed(ADVERSARIAL["non_saturating"], 0.25)
    np.testing.assert_allclose(entropy.critic(REAL, FAKE), minimax_critic(REAL, FAKE, real_target=0.75), rtol=1e-5)
    assert entropy.generator is ADVERSARIAL["non_saturating"].generator
    squares = smoothed(ADVERSARIAL["least_squares"], 0.25)
    np.testing.assert_allclose(squares.critic(REAL, FAKE), ((REAL - 0.75) ** 2 + FAKE**2) / 2, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.25])
@pytest.mark.parametrize("name", WITH_TARGETS)
def test_the_boundary_moves_with_the_smoothing(name, smoothing):
    """It is the logit of the least loss where real and generated images are equally frequent."""
    loss, logits = smoothed(ADVERSARIAL[name], smoothing), jnp.linspace(-2, 2, 401)
    least = logits[jnp.argmin(loss.critic(logits, logits))]
    assert loss.boundary == pytest.approx(float(least), abs=0.011)


def test_a_loss_without_targets_is_not_smoothed():
    with pytest.raises(ValueError, match="without targets"):
        smoothed(ADVERSARIAL["hinge"], 0.1)


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (1.0, [1, 1, 1, 1]),
        (0.5, [0, 2, 2, 0]),
        (0.51, [4 / 3, 4 / 3, 4 / 3, 0]),  # rounded up
        (0.01, [0, 0, 4, 0]),  # one counts at least
    ],
)
def test_the_top_images_have_all_the_weight(fraction, expected):
    for form in (fraction, jnp.float32(fraction)):
        np.testing.assert_allclose(top_weights(FAKE, form), expected, rtol=1e-6)


def test_a_traced_share_counts_as_a_number_does():
    for n, fraction, k in ((64, 0.5, 32), (3, 1 / 3, 1), (100, 0.15, 15)):  # .15 is a little more in float32
        weights = jax.jit(top_weights)(jnp.arange(float(n)), fraction)
        np.testing.assert_allclose(weights, [0] * (n - k) + [n / k] * k, rtol=1e-6)


def test_the_top_is_by_rank_wherever_the_images_stand():
    np.testing.assert_array_equal(top_weights(jnp.array([2.0, 3.0, 1.0, 0.0]), 0.25), [0, 4, 0, 0])
    np.testing.assert_array_equal(top_weights(jnp.array([1.0, 3.0, 0.0, 2.0]), 0.5), [0, 2, 0, 2])


def test_equal_logits_count_as_often_as_others():
    assert int((top_weights(jnp.zeros(6), 0.5) > 0).sum()) == 3
