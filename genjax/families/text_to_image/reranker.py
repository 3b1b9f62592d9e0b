"""The reranker: a contrastive model that says how well an image fits a text. (Radford et al. 2021, CLIP)

It is trained on the images and captions of a set, apart from any prior, and then chooses the best of several images
that a prior made of one text. It makes no images itself.
"""

import jax.numpy as jnp
import optax
from jax import Array

from genjax.control import Controller, chain, check
from genjax.data.images import to_float
from genjax.families.learner import Batch, Learner, Metrics, Networks, Ranker
from genjax.families.one_network import check_transfer, knobs_of, learner_of, signals_of
from genjax.families.text_to_image.prior import check_tokens
from genjax.losses.contrastive import info_nce, same_rows
from genjax.models.text_to_image.contrastive import Contrastive
from genjax.transfer import Transfer, full
from genjax.tree import Tree

NETWORK = "reranker"
SIGNALS = signals_of(NETWORK)
KNOBS = knobs_of(NETWORK)


def make_reranker(
    model: Contrastive,
    *,
    optimizer: optax.GradientTransformation,
    controller: Controller | None = None,
    ema_images: float = 10_000,
    transfer: Transfer | None = None,
    accumulate: int = 1,
) -> Learner:
    """Makes a learner for this model: `score` is what it is for.

    A batch holds `image` (n, h, w, c), uint8 or float in [-1, 1], and the tokens (n, t) of their texts under the name
    of the model's segment. Images of equal texts fit each other's.

    Args:
        model: image and text towers.
        optimizer: of the trainable tree.
        controller: may read the signals SIGNALS and set the knobs KNOBS.
        ema_images: half-life of the parameters' moving average; 0 is off.
        transfer: of both towers; None is `full()`.
    Raises:
        InputError: a controller or a transfer that does not fit; (from init) tokens of another length or out of range.
    """
    controller, transfer = controller or chain(), transfer or full()
    check(controller, signals=SIGNALS, knobs=KNOBS)
    check_transfer(NETWORK, transfer)

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
        params = transfer.params(networks[NETWORK], context[NETWORK])
        return jnp.asarray(model.apply({"params": params}, *_pair(images, text), method="similarity"))

    return learner_of(
        NETWORK,
        fresh=fresh,
        objective=objective,
        optimizer=optimizer,
        controller=controller,
        transfer=transfer,
        ema_images=ema_images,
        accumulate=accumulate,
        ranker=Ranker(score),
    )


def _pair(images: Array, text: Array) -> tuple[Array, Array]:
    return jnp.asarray(to_float(images)), jnp.asarray(text, jnp.int32)
