"""Mean flow: a network learns the mean velocity between two times, so that one step goes from noise to an image.

Along a way of rectified flow, u(z, r, t) = 1 / (t - r) times the integral of v(z_s, s) over s from r to t. Of u there
are no examples, but its derivative along the way gives an identity of which there are: v = u + (t - r) du/dt, with
du/dt = v du/dz + du/dt at fixed z, a product of Jacobian and vector. (Geng et al. 2025, eq. 6)

In the stable form that is here, the right side is the network's prediction of a velocity and is compared with e - x as
in rectified flow, and the v inside of du/dt is the network's own, u(z, t, t). (Geng et al. 2025, improved mean flows)
With r = t nothing but the loss of rectified flow is left.

The network is given the time t and the span t - r.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from genjax.losses.flow import Network, Process, logit_normal, per_image, rectified

VELOCITIES = 0.5  # share of pairs of equal times
OFFSET, POWER = 0.01, 1.0  # of the adaptive weight (Geng et al. 2025, section 4.3)


def mean_flow(
    *, mean: float = 0.0, deviation: float = 1.0, velocities: float = VELOCITIES, power: float = POWER
) -> Process:
    """Makes mean flow on the straight ways of rectified flow.

    Args:
        mean: mean of the logit of the times that are trained at; above 0 there are more noisy ones.
        deviation: deviation of the same.
        velocities: share of a batch that is trained at r = t, in [0, 1].
        power: power of the adaptive weight; 0 is without.
    """
    straight = rectified(mean=mean, deviation=deviation)

    def pairs(key: Array, times: Array) -> tuple[Array, Array]:
        other_key, equal_key = jax.random.split(key)
        uniforms = jax.random.uniform(other_key, times.shape, minval=1e-6, maxval=1 - 1e-6)
        others = logit_normal(uniforms, mean=mean, deviation=deviation)
        equal = jax.random.bernoulli(equal_key, velocities, times.shape)
        return (
            jnp.where(equal, times, jnp.maximum(times, others)),
            jnp.where(equal, times, jnp.minimum(times, others)),
        )

    def loss(network: Network, images: Array, noise: Array, times: Array, earlier: Array | None = None) -> Array:
        # |V(z, r, t) - (e - x)|^2
        noisy = straight.noisy(images, noise, times)
        made = network(noisy, times) if earlier is None else compound_velocity(network, noisy, times, earlier)
        return jnp.square(made - (noise - images)).mean(axis=(1, 2, 3))

    return straight._replace(
        loss=loss,
        pairs=pairs,
        weight=lambda losses: adaptive_weight(losses, power=power),
        mean=lambda network, noisy, times, earlier: network(noisy, times, times - earlier),
    )


def compound_velocity(network: Network, noisy: Array, times: Array, earlier: Array) -> Array:
    """Computes V = u + (t - r) sg(du/dt), which is the velocity where u is the mean of velocities.

    Args:
        network: (noisy images, t, t - r) -> u; without a span, u(z, t, t).
        noisy: z (n, h, w, c) at t.
        times: t (n,).
        earlier: r (n,), at most t.
    """
    velocity = lax.stop_gradient(network(noisy, times))
    # du/dt along the way: the direction (v, 0, 1) of (z, r, t)
    mean, change = jax.jvp(
        lambda z, r, t: network(z, t, t - r),
        (noisy, earlier, times),
        (velocity, jnp.zeros_like(earlier), jnp.ones_like(times)),
    )
    return mean + per_image(times - earlier, noisy) * lax.stop_gradient(change)


def adaptive_weight(losses: Float[Array, " n"], *, offset: float = OFFSET, power: float = POWER) -> Float[Array, " n"]:
    """Computes 1 / sg(loss + c)^p, by which large losses, of long spans, do not drown the small ones. (section 4.3)"""
    return lax.stop_gradient((losses + offset) ** -power)
