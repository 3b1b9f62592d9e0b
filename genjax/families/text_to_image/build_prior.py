"""From configs to the learners of text and image tokens."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from genjax.control import Controller
from genjax.families.learner import Learner
from genjax.families.text_to_image.masked_prior import make_masked_prior
from genjax.families.text_to_image.network_options import DecodingConfig, PriorConfig, RerankerConfig
from genjax.families.text_to_image.prior import ToImages, make_prior
from genjax.families.text_to_image.reranker import make_reranker
from genjax.models.segments import Segment
from genjax.models.text_to_image.contrastive import Contrastive
from genjax.models.transformer import Transformer
from genjax.transfer import Transfer
from genjax.tree import Tree


def build_transformer(
    prior: PriorConfig, segments: tuple[Segment, ...], *, dtype: DTypeLike = jnp.float32
) -> Transformer:
    """Makes the network of a prior; what its objective never predicts has no head."""
    causal = prior.objective == "autoregressive"
    given = 0 if causal and prior.condition_weight else len(segments) - 1
    return Transformer(segments, prior.width, prior.depth, prior.heads, causal, given, dtype)


def build_prior(
    prior: PriorConfig,
    segments: tuple[Segment, ...],
    *,
    transfer: Transfer | None = None,
    controller: Controller | None = None,
    decoding: DecodingConfig | None = None,
    to_images: ToImages | None = None,
    dtype: DTypeLike = jnp.float32,
    learning_rate_scale: float = 1.0,
    accumulate: int = 1,
) -> Learner:
    """Builds the learner of this prior.

    Args:
        prior: its network and its objective.
        segments: in their order: text and image tokens to make images, image tokens and text to make captions.
        transfer: of the transformer; None trains everything.
        controller: of its knobs.
        decoding: how it is sampled from.
        to_images: a tokenizer's decoder; without, tokens are sampled.
        dtype: of the computations.
        learning_rate_scale: factor on the learning rate.
        accumulate: parts of a batch that are computed one after the other.
    Raises:
        InputError: see `make_prior`.
    """
    transformer = build_transformer(prior, segments, dtype=dtype)
    settings: dict[str, Any] = {
        "optimizer": decayed_adam(
            learning_rate_scale * prior.learning_rate,
            warm_up_steps=prior.warm_up_steps,
            weight_decay=prior.weight_decay,
            beta1=prior.beta1,
            beta2=prior.beta2,
        ),
        "controller": controller,
        "null_probability": prior.null_probability,
        "ema_images": prior.ema_images,
        "transfer": transfer,
        "decoding": decoding,
        "to_images": to_images,
        "accumulate": accumulate,
    }
    if prior.objective == "masked":
        return make_masked_prior(transformer, **settings)
    return make_prior(transformer, condition_weight=prior.condition_weight, **settings)


def build_reranker(
    reranker: RerankerConfig,
    text: Segment,
    *,
    size: int,
    transfer: Transfer | None = None,
    controller: Controller | None = None,
    dtype: DTypeLike = jnp.float32,
    learning_rate_scale: float = 1.0,
    accumulate: int = 1,
) -> Learner:
    """Builds the learner of this reranker, for images of that size and texts of that segment. The rest as above."""
    model = Contrastive(
        text,
        size,
        reranker.width,
        reranker.text_width,
        reranker.text_depth,
        reranker.text_heads,
        reranker.embedding_size,
        dtype,
    )
    return make_reranker(
        model,
        optimizer=decayed_adam(
            learning_rate_scale * reranker.learning_rate, weight_decay=reranker.weight_decay, warm_up_steps=100
        ),
        controller=controller,
        ema_images=reranker.ema_images,
        transfer=transfer,
        accumulate=accumulate,
    )


def decayed_adam(
    learning_rate: float, *, warm_up_steps: int, weight_decay: float, beta1: float = 0.9, beta2: float = 0.96
) -> optax.GradientTransformation:
    """Makes AdamW with a linear warm-up, which decays kernels and nothing else. (Loshchilov & Hutter 2019)

    A low-rank update of a kernel, which is named otherwise, is not decayed: it would be pulled to the source.
    """
    rate = optax.linear_schedule(0.0, learning_rate, warm_up_steps) if warm_up_steps else learning_rate
    return optax.adamw(rate, b1=beta1, b2=beta2, weight_decay=weight_decay, mask=_kernels)


def _kernels(tree: Tree) -> Tree:
    """Marks each kernel with True, in a nested tree or a flat one."""
    return jax.tree_util.tree_map_with_path(lambda path, _: str(getattr(path[-1], "key", "")).endswith("kernel"), tree)
