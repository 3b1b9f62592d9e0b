"""Networks of one or two numbers, whose gradients are known on paper and whose steps compile in an instant.

Their optimisers are plain gradient descent with rate 1: parameters move by the gradient. A learner asks of a network
only `init` and `apply` (`genjax.families.learner.Module`). Images are (n, 2, 2, 1) unless said.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax

from genjax.families.gan.learner import make_gan
from genjax.families.vae.learner import LIKELIHOODS, make_vae
from genjax.losses import ADVERSARIAL

PIXELS = 4


class Quadratic(NamedTuple):
    """A critic: D(x) = w |x|^2 / 2, so that its slope at x is w x."""

    w: float

    def init(self, key, images, **kwargs):
        return {"params": {"w": jnp.float32(self.w)}}

    def apply(self, variables, images, **kwargs):
        return variables["params"]["w"] * jnp.square(images).sum(axis=(1, 2, 3)) / 2


class Constant(NamedTuple):
    """A generator: every pixel is b, whatever the latents."""

    b: float
    size: int = 2

    def init(self, key, latents, **kwargs):
        return {"params": {"b": jnp.float32(self.b)}}

    def apply(self, variables, latents, **kwargs):
        images = jnp.full((len(latents), self.size, self.size, 1), variables["params"]["b"])
        return (images, {}) if "mutable" in kwargs else images


class ConstantVae(NamedTuple):
    """A VAE of one latent: q(z|x) = N(m, exp(v)) for every image, and what is decoded is b in every pixel."""

    m: float
    v: float
    b: float
    size: int = 2

    def init(self, key, images, **kwargs):
        return {"params": {name: jnp.float32(getattr(self, name)) for name in "mvb"}}

    def apply(self, variables, inputs, **kwargs):
        params = variables["params"]
        if kwargs["method"] == "decode":
            return jnp.full((len(inputs), self.size, self.size, 1), params["b"])
        return jnp.full((len(inputs), 1), params["m"]), jnp.full((len(inputs), 1), params["v"])


def grey(value, n=8, size=2):
    """A batch of n images, every pixel of this value in [-1, 1]."""
    return {"image": jnp.full((n, size, size, 1), value, jnp.float32)}


def gan_by_hand(w=0.5, b=0.6, size=2, **settings):
    """A GAN learner of two numbers, with the loss D(fake) - D(real), for images (n, size, size, 1)."""
    usual: dict[str, Any] = {"loss": ADVERSARIAL["wasserstein"], "optimizer": optax.sgd(1.0)}
    usual |= {"critic_optimizer": optax.sgd(1.0), "latent_size": 3}
    return make_gan(Constant(b, size), Quadratic(w), **(usual | settings))


def vae_by_hand(vae=ConstantVae(1.5, 0.3, 0.2), **settings):  # noqa: B008 - a tuple of numbers
    """A VAE learner of three numbers."""
    usual: dict[str, Any] = {"likelihood": LIKELIHOODS["gaussian"], "optimizer": optax.sgd(1.0)}
    return make_vae(vae, latent_size=1, **(usual | settings))
