"""The VAE's step: its loss in parts and in closed form, its knobs, and that it learns."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks_by_hand import PIXELS, ConstantVae, grey, vae_by_hand
from tiny import tiny_vae

from genjax.control import chain
from genjax.data import load
from genjax.families.step import stay
from genjax.families.vae.learner import LIKELIHOODS, Vae, negative_elbo
from genjax.transfer import full


def test_one_batch_is_overfitted_to_half_its_error_in_fifty_steps():
    batch = {"image": load("digits").images[:8]}
    learner = tiny_vae(controller=None, optimizer=optax.adam(1e-2))
    step, init = jax.jit(learner.step, donate_argnums=0), jax.jit(lambda key: learner.init(key, batch))
    state, errors = init(jax.random.key(0)), []
    for _ in range(50):
        state, metrics = step(state, batch)
        errors.append(float(metrics["loss/squared_error"]))
    assert errors[-1] < 0.5 * errors[0]


def test_the_parts_make_the_loss_and_its_gradient_moves_the_parameters():
    """A unit Gaussian around b: -log p = P (x - b)^2 / 2 + P log(2 pi) / 2; KL = (m^2 + e^v - 1 - v) / 2."""
    m, v, b, x, weight = 1.5, 0.3, 0.2, 0.5, 3.0
    learner = vae_by_hand(ConstantVae(m, v, b), kl_weight=weight, ema_images=0.0)
    after, metrics = jax.jit(learner.step)(learner.init(jax.random.key(0), grey(x)), grey(x))
    parts = {name.removeprefix("loss/"): float(value) for name, value in metrics.items() if name.startswith("loss/")}
    kl, nats = (m**2 + np.exp(v) - 1 - v) / 2, PIXELS * ((x - b) ** 2 + np.log(2 * np.pi)) / 2
    expected = {"kl": kl, "log_likelihood": -nats, "negative_elbo": kl + nats, "total": weight * kl + nats}
    assert parts == pytest.approx(expected | {"squared_error": (x - b) ** 2}, rel=1e-5)
    moved = {name: float(value) for name, value in after.trainable["vae"].items()}
    slopes = {"m": weight * m, "v": weight * (np.exp(v) - 1) / 2, "b": -PIXELS * (x - b)}
    assert moved == pytest.approx({"m": m - slopes["m"], "v": v - slopes["v"], "b": b - slopes["b"]}, rel=1e-5)


def test_geco_raises_the_weight_while_the_error_is_too_large(compiled, batches):
    learner, step, init = compiled
    if learner.encoder is None:
        pytest.skip("of the VAE")
    state = init(jax.random.key(0))
    for batch in batches[:4]:
        state, _ = step(state, batch)
    _, metrics = step(state, batches[4])
    assert float(metrics["control/reconstruction_weight"]) == pytest.approx(np.exp(0.05 * 4), rel=1e-3)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood_learns_the_mean_of_the_images_and_the_prior(likelihood):
    """Of pixels that are 0.2 in half of the images and 0.6 in the others; nothing is said by the latent."""
    images = {"image": jnp.concatenate([grey(0.2)["image"], grey(0.6)["image"]])}
    settings = {"likelihood": LIKELIHOODS[likelihood], "optimizer": optax.adam(0.05), "ema_images": 0.0}
    learner = vae_by_hand(ConstantVae(1.0, 1.0, -1.0), **settings)
    step, state = jax.jit(learner.step), learner.init(jax.random.key(0), images)
    for _ in range(300):
        state, _ = step(state, images)
    assert learner.encoder is not None
    shown = learner.encoder.reconstruct(state.average, state.context, images["image"])
    np.testing.assert_allclose(shown, np.full((16, 2, 2, 1), 0.4), atol=0.01)
    assert float(state.trainable["vae"]["m"]) == pytest.approx(0, abs=0.02)
    assert float(state.trainable["vae"]["v"]) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_what_is_shown_lies_within_the_range_of_images(likelihood):
    learner = vae_by_hand(ConstantVae(0.0, 0.0, 5.0), likelihood=LIKELIHOODS[likelihood])
    state = learner.init(jax.random.key(0), grey(0.0))
    assert learner.sample is not None
    images = learner.sample(state, jax.random.key(1), 3)
    assert images.shape == (3, 2, 2, 1)
    np.testing.assert_allclose(images, 1.0, atol=0.02)
    assert float(images.max()) <= 1


class Linear(NamedTuple):
    """A VAE of one latent whose evidence is known: x = b + w z + noise, and q(z|x) = N(u (x - b), exp(v))."""

    def init(self, key, images, **kwargs):
        raise NotImplementedError

    def apply(self, variables, inputs, *, method):
        params = variables["params"]
        if method == "decode":
            return params["b"][None] + inputs[:, :, None, None] * params["w"][None]
        mean = ((inputs - params["b"][None]) * params["u"][None]).sum(axis=(1, 2, 3))[:, None]
        return mean, jnp.full_like(mean, params["v"])


def bound(params, images, noise, **knobs):
    """(loss, metrics) of the linear VAE."""
    linear: Any = Linear()
    parts = Vae(linear, 1, LIKELIHOODS["gaussian"], optax.sgd(1.0), chain(), 1.0, 0.0, full(), 1, stay)
    knobs = {name: jnp.float32(value) for name, value in (parts.neutral | knobs).items()}
    return negative_elbo(parts, params, images, noise, knobs, lambda latents: latents)


def linear_parts():
    """Parameters whose encoder is the exact posterior, an image twice, and noise of mean 0 and variance 1.

    The loss is quadratic in the noise, so that its mean over -1 and 1 is its expectation.
    """
    rng = np.random.default_rng(0)
    w, b, x = (rng.normal(0, 0.5, (2, 2, 1)) for _ in range(3))
    variance = 1 / (1 + (w**2).sum())  # of the posterior; its mean is variance * w (x - b)
    params = {"w": w, "b": b, "u": variance * w, "v": np.log(variance)}
    return jax.tree.map(jnp.float32, params), w, b, x, variance


def test_the_bound_is_the_evidence_where_the_encoder_is_the_posterior():
    """x is normal with mean b and covariance w w' + 1: -log p(x) in closed form."""
    params, w, b, x, _ = linear_parts()
    images, noise = jnp.float32(np.stack([x, x])), jnp.asarray([[-1.0], [1.0]])
    covariance = np.outer(w, w) + np.eye(PIXELS)
    off = (x - b).reshape(-1)
    nats = (off @ np.linalg.solve(covariance, off) + np.linalg.slogdet(2 * np.pi * covariance)[1]) / 2
    loss, metrics = bound(params, images, noise)
    assert float(loss) == float(metrics["loss/total"]) == pytest.approx(nats, rel=1e-5)
    assert float(metrics["loss/negative_elbo"]) == pytest.approx(nats, rel=1e-5)


def test_another_encoder_costs_its_divergence_from_the_posterior():
    """KL(N(m, s2) | N(m0, s02)) = (s2 / s02 + (m - m0)^2 / s02 - 1 - log(s2 / s02)) / 2."""
    params, w, b, x, variance = linear_parts()
    images, noise = jnp.float32(np.stack([x, x])), jnp.asarray([[-1.0], [1.0]])
    other = params | {"u": 1.5 * params["u"], "v": params["v"] + 0.4}
    moved = 0.5 * variance * (w * (x - b)).sum()
    divergence = (np.exp(0.4) + moved**2 / variance - 1 - 0.4) / 2
    more = float(bound(other, images, noise)[0] - bound(params, images, noise)[0])
    assert more == pytest.approx(divergence, rel=1e-3)


def test_the_weights_of_the_bound_weigh_its_two_parts():
    params, _, _, x, _ = linear_parts()
    images, noise = jnp.float32(np.stack([x, x])), jnp.asarray([[-1.0], [1.0]])
    loss, metrics = bound(params, images, noise, kl_weight=3.0, reconstruction_weight=0.5)
    kl, log_likelihood = float(metrics["loss/kl"]), float(metrics["loss/log_likelihood"])
    assert float(loss) == pytest.approx(3 * kl - 0.5 * log_likelihood, rel=1e-5)
    assert float(metrics["loss/negative_elbo"]) == pytest.approx(kl - log_likelihood, rel=1e-5)
    free, _ = bound(params, images, noise, free_nats=9.0)
    assert float(free) == float(bound(params, images, noise)[0]), "no controller sets free bits: they cost nothing"


def test_the_fit_of_an_image_is_its_negative_bound_in_closed_form():
    """A unit Gaussian around b: -log p = P (x - b)^2 / 2 + P log(2 pi) / 2; KL = (m^2 + e^v - 1 - v) / 2."""
    m, v, b = 1.5, 0.3, 0.2
    learner = vae_by_hand(ConstantVae(m, v, b), kl_weight=3.0)
    assert learner.fit is not None
    state = learner.init(jax.random.key(0), grey(0.5))
    images = np.concatenate([np.asarray(grey(x)["image"]) for x in (0.5, -1.0)])
    fit = learner.fit(state.average, state.context, {"image": images}, jax.random.key(1))
    kl = (m**2 + np.exp(v) - 1 - v) / 2
    expected = [kl + PIXELS * ((x - b) ** 2 + np.log(2 * np.pi)) / 2 for x in (0.5, -1.0)]
    np.testing.assert_allclose(fit[np.array([0, len(images) // 2])], expected, rtol=1e-5)
