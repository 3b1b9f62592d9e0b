"""The reranker: a contrastive model that says how well an image fits a text. (Radford et al. 2021, CLIP)

It is trained on the images and captions of a set, apart from any prior, and then chooses the best of several images
that a prior made of one text. It makes no images itself.
"""

import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.data.images import to_float
from genjax.families.learner import Batch, Learner, Metrics, Networks
from genjax.families.text_to_image.one_network import (
    check_transfer,
    knobs_of,
    make_init,
    make_step,
    makes_no_images,
    signals_of,
)
from genjax.families.text_to_image.prior import check_tokens
from genjax.losses.contrastive import info_nce, same_rows
from genjax.models.contrastive import Contrastive
from genjax.transfer import Transfer, full
from genjax.tree import Tree

SIGNALS = signals_of("reranker")
KNOBS = knobs_of("reranker")


def make_reranker(
    model: Contrastive,
    *,
    optimizer: optax.GradientTransformation,
    controller: Controller | None = None,
    ema_images: float = 10_000,
    transfer: Transfer | None = None,
) -> Learner:
    """A learner for this model: `score` is what it is for.

    A batch holds `image` (n, h, w, c), uint8 or float in [-1, 1], and the tokens (n, t) of their texts under the name
    of the model's segment. Images of equal texts fit each other's.

    Args:
        model: image and text towers.
        optimizer: of the trainable tree.
        controller: may read the signals SIGNALS and set the knobs KNOBS.
        ema_images: half-life of the parameters' moving average; 0 is off.
        transfer: of both towers; None is `full()`.
    Raises:
        InputError: a controller or a transfer that does not fit; (from init) tokens of another length or out of range;
            (from latents, generate, sample and evidence) it was asked for images.
    """
    controller, transfer = controller or chain(), transfer or full()
    check(controller, signals=SIGNALS, knobs=KNOBS)
    check_transfer("reranker", transfer)

    def fresh(key: Array, batch: Batch) -> Tree:
        check_tokens(batch, (model.segment,))
        return model.init(key, *_pair(batch["image"][:1], batch[model.segment.name][:1]))["params"]

    def objective(params: Tree, batch: Batch, key: Array) -> tuple[Array, Metrics]:
        images, text = _pair(batch["image"], batch[model.segment.name])
        logits, alike = jnp.asarray(model.apply({"params": params}, images, text)), same_rows(text)
        loss = info_nce(logits, alike).mean()
        found = jnp.take_along_axis(alike, logits.argmax(axis=1)[:, None], axis=1)
        return loss, {"loss/total": loss, "accuracy/text_of_image": found.mean()}

    def score(networks: Networks, context: Networks, images: Array, text: Array) -> Array:
        params = transfer.params(networks["reranker"], context["reranker"])
        return jnp.asarray(model.apply({"params": params}, *_pair(images, text), method="similarity"))

    parts = {"optimizer": optimizer, "controller": controller, "transfer": transfer}
    nothing = makes_no_images("a reranker ranks images and makes none. Sample from a prior, and rank what it makes.")
    return Learner(
        init=make_init("reranker", fresh=fresh, **parts),
        step=make_step(
            "reranker", objective=objective, size=lambda batch: len(batch["image"]), ema_images=ema_images, **parts
        ),
        latents=nothing,
        generate=nothing,
        sample=nothing,
        reconstruct=None,
        transfers={"reranker": transfer},
        evidence=nothing,
        controller=controller,
        score=score,
    )


def _pair(images: Array, text: Array) -> tuple[Array, Array]:
    return jnp.asarray(to_float(images)), jnp.asarray(text, jnp.int32)
