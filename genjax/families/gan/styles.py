"""Vectors w of a generator steered by styles: near their mean, or of two latents in one image. (Karras et al. 2019)

The mean of w is taken anew over CENTER_SAMPLES latents of a fixed seed, by the averaged parameters that draw, in place
of an average along training: it is exact for an adaptation too, and each class has its own.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.errors import InputError
from genjax.families.conditions import classes_in_turn, numbers_of
from genjax.families.family import Trained
from genjax.families.gan.options import GanDrawing
from genjax.families.labels import told
from genjax.families.learner import Learner, Networks, Styles
from genjax.families.model import Model
from genjax.families.render import make_renderer
from genjax.models.stylegan2.networks import mixed, truncated

CENTER_SAMPLES = 4096  # the mean of w is then good to 1/64 of its deviation
CENTER_SEED = 0
MIX = 1  # folded into the key for the latents of the fine layers


def with_styles(learner: Learner, generator: Any) -> Learner:
    """Adds to the latents of a learner their vectors w, and images of these.

    Args:
        learner: of a GAN.
        generator: its generator, which has the methods `mapping` and `synthesis` and a number of `layers`.
    """
    transfer, latents = learner.transfers["generator"], learner.latents
    if latents is None:
        raise ValueError("a learner without latents has no styles")

    def params(networks: Networks, context: Networks) -> dict[str, Any]:
        return {"params": transfer.params(networks["generator"], context["generator"])}

    def mapping(networks: Networks, context: Networks, inputs: Array, condition: Array | None = None) -> Array:
        moved = transfer.latents(networks["generator"], context["generator"], inputs)
        return generator.apply(params(networks, context), moved, method="mapping", **told(condition))

    def synthesis(networks: Networks, context: Networks, ws: Array) -> Array:
        return generator.apply(params(networks, context), ws, method="synthesis")

    return learner._replace(latents=latents._replace(styles=Styles(mapping, synthesis, generator.layers)))


def drawn_by_styles(trained: Trained, model: Model, learner: Learner) -> Trained:
    """Makes `draw` obey truncation and mixing.

    Args:
        trained: functions of the model.
        model: its networks.
        learner: of the same networks.
    """
    network, latents, plain = model.config.options.network, learner.latents, trained.draw
    styles = None if latents is None else latents.styles
    if latents is None or styles is None:

        def refused(key: Array, n: int, texts: Sequence[str] | None, options: Any) -> np.ndarray:
            for name in ("truncation", "mix"):
                if isinstance(options, GanDrawing) and getattr(options, name) != getattr(GanDrawing(), name):
                    raise InputError(
                        f"--{name} is of a generator steered by styles, and this one is {network}. Leave it out, or"
                        " train with --gan.network stylegan2."
                    )
            return plain(key, n, texts, options)

        return trained._replace(draw=refused)

    networks, context, condition = model.networks, model.context, model.config.condition

    @jax.jit
    def centers(networks: Networks, context: Networks) -> Array:
        """Computes the mean of w: (1, d), or (classes, d)."""
        some = latents.draw(jax.random.key(CENTER_SEED), CENTER_SAMPLES)
        if not condition.names:
            return styles.mapping(networks, context, some).mean(axis=0, keepdims=True)
        of_class = lambda label: styles.mapping(networks, context, some, jnp.full(len(some), label)).mean(axis=0)  # noqa: E731
        return jax.lax.map(of_class, jnp.arange(len(condition.names)))

    def steered(networks: Networks, context: Networks, rows: tuple[Array, ...]) -> Array:
        coarse, fine, center, psi, cut, *labels = rows
        near = jax.vmap(truncated)
        first, second = (near(styles.mapping(networks, context, some, *labels), center, psi) for some in (coarse, fine))
        return styles.synthesis(networks, context, mixed(first, second, cut, styles.layers))

    images_of = make_renderer(steered)

    def draw(key: Array, n: int, texts: Sequence[str] | None, options: Any) -> np.ndarray:
        chosen = options if isinstance(options, GanDrawing) else GanDrawing()
        if chosen == GanDrawing():
            return plain(key, n, texts, options)
        if chosen.mix >= styles.layers:
            last = styles.layers - 1
            raise InputError(f"--mix {chosen.mix}: this generator has {styles.layers} layers. Use 1 to {last}.")
        classes = condition.kind == "class"
        if texts is not None and not classes:
            return plain(key, n, texts, options)  # which refuses them
        labels = (numbers_of(condition, texts or classes_in_turn(condition, n)),) if classes else ()
        center = jnp.broadcast_to(
            centers(networks, context)[labels or slice(None)], (n, model.config.options.latent_size)
        )
        psi, cut = np.full(n, chosen.truncation, np.float32), np.full(n, chosen.mix or styles.layers, np.int32)
        pair = (latents.draw(key, n), latents.draw(jax.random.fold_in(key, MIX), n))
        return images_of(networks, context, (*pair, center, psi, cut, *labels))

    return trained._replace(draw=draw)
