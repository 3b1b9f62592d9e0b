"""The interface of a transfer, what a network offers to it, the record that describes it, and full fine-tuning.

A transfer turns a pretrained parameter tree into what is trained, and back. A mechanism's file holds its options, its
function and one `Spec`; what a mechanism applies to and what it combines with follow from that record.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from jax import Array

from genjax.tree import Tree

Forward = Callable[[Tree, Array], tuple[Array, Any]]  # (params, latents) -> (images, features)


def same_latents(trainable: Tree, context: Any, latents: Array) -> Array:
    """Returns the latents unchanged: the default of a transfer that moves none."""
    return latents


def no_penalty(trainable: Tree, context: Any, key: Array, forward: Forward) -> Array:
    """Returns zero: the default of a transfer that adds nothing to the loss."""
    return jax.numpy.zeros(())


def same_levels(uniforms: Array) -> Array:
    """Returns the quantiles of noise unchanged: the default of a transfer that trains at all levels alike."""
    return uniforms


class Transfer(NamedTuple):
    """An adaptation between tasks, over one network's parameter tree.

    Attributes:
        init: (source_params, key) -> (trainable, context). The context is kept as it is: frozen leaves, copies.
        params: (trainable, context) -> params, with which the module is applied; at first exactly the source's.
        latents: (trainable, context, latents) -> latents, the identity unless the transfer moves latents.
        penalty: (trainable, context, key, forward) -> (), added to the loss; zero unless the transfer has one.
        levels: of a network that is trained at levels of noise: uniforms (n,) -> the quantiles (n,) of these levels, 0
            without noise, at which it is trained on the target.
    """

    init: Callable[[Tree, Array], tuple[Tree, Any]]
    params: Callable[[Tree, Any], Tree]
    latents: Callable[[Tree, Any, Array], Array] = same_latents
    penalty: Callable[[Tree, Any, Array, Forward], Array] = no_penalty
    levels: Callable[[Array], Array] = same_levels


class Denoising(NamedTuple):
    """A network that is trained at levels of noise, as its family describes it to transfers.

    Attributes:
        draw: (source, key, n) -> n rows of a batch, images that the source draws, with their conditions.
        loss: (params, batch, quantiles of noise (n,), key) -> losses (n,).
    """

    draw: Callable[[Any, Array, int], dict[str, Any]]
    loss: Callable[[Tree, dict[str, Any], Array, Array], Array]


class Offer(NamedTuple):
    """One network as its family describes it to transfers.

    Attributes:
        latent_size: length of the latents that its images are made of; 0 where there are none.
        features: True where its forward pass gives features beside the images (cdc compares them).
        fisher: Fisher information of its source, a tree like its parameters; None until it is estimated.
        evidence: True where Fisher information can be estimated at all.
        published: True for a network of the published model, False for one that only trains others, such as a critic.
            Only transfers with `Spec.everywhere` apply to the latter; by all others it is trained in full.
        freeze: patterns of the parameters that `freeze` keeps unless told otherwise.
        whole: patterns of the parameters that `lora` leaves as they are, such as tables of words that few texts say.
        denoising: what a network that is trained at levels of noise can do; None for all others.
        drawn: rows that the source drew, for the transfers that replay them; None until they are.
        rows: pairs of a table's name and how many of its last rows are of conditions that the source does not know.
    """

    latent_size: int = 0
    features: bool = False
    fisher: Tree | None = None
    evidence: bool = False
    published: bool = True
    freeze: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    denoising: Denoising | None = None
    drawn: Tree | None = None
    rows: tuple[tuple[str, int], ...] = ()


def fits_any_model(options: Any, offers: Mapping[str, Offer]) -> None:
    """Accepts all networks: the default of a transfer whose options name none."""


def trains_network(options: Any) -> str:
    """Returns no option: the default of a transfer that has none by which the network is kept as it is."""
    return ""


def draws_nothing(options: Any) -> int:
    """Returns 0: the default of a transfer that needs no images of the source."""
    return 0


class Spec(NamedTuple):
    """A mechanism's description of itself, from which the command line, its checks and the help are made.

    Attributes:
        name: name of the mechanism in `--transfer`.
        options: frozen dataclass of plain values that all have defaults, checked when it is built.
        build: (options, name of the network, its offer) -> Transfer.
        summary: one sentence for help and documents.
        group: name of its options on the command line; empty where it has none.
        needs: what a network must offer: of "latents", "features", "fisher", "rows". Options of one that needs "fisher"
            have a field `examples`, the number of the source's samples from which it is estimated.
        changes: what it changes: of "kernels", "latents", "loss". Only one in a chain may change kernels.
        same_latents: True where it compares images of the same latents, so that nothing else may move them.
        everywhere: True where it applies to networks that are not published as well.
        alone: reason, as an error gives it, why it combines with no other; empty where it does.
        keeps_network: (options) -> the option by which the network stays as it is, so that a loss would hold nothing;
            empty where it is trained.
        draws: (options) -> the images that the source is to draw for it, `Offer.drawn`.
        check: (options, {network: offer}) -> None, raises InputError for options that name a network wrongly.
    """

    name: str
    options: type
    build: Callable[[Any, str, Offer], Transfer]
    summary: str
    group: str = ""
    needs: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    same_latents: bool = False
    everywhere: bool = False
    alone: str = ""
    keeps_network: Callable[[Any], str] = trains_network
    draws: Callable[[Any], int] = draws_nothing
    check: Callable[[Any, Mapping[str, Offer]], None] = fits_any_model


NEEDS = {  # {need: its words in an error}
    "latents": "latents that images are made of",
    "features": "features of a forward pass",
    "fisher": "Fisher information",
    "rows": "a style or a class that the source does not know",
}


def offered(offer: Offer) -> frozenset[str]:
    """Returns which of NEEDS a network offers."""
    has = {
        "latents": offer.latent_size > 0,
        "features": offer.features,
        "fisher": offer.evidence or offer.fisher is not None,
        "rows": bool(offer.rows),
    }
    return frozenset(need for need, there in has.items() if there)


def applies(spec: Spec, offer: Offer) -> bool:
    """Returns True if a network offers all that a mechanism needs, and is one that it adapts."""
    return (offer.published or spec.everywhere) and spec.needs <= offered(offer)


def missing(spec: Spec, offers: Mapping[str, Offer]) -> str:
    """Names the needs that no published network meets; all of them where only no single network does."""
    there = frozenset().union(*(offered(offer) for offer in offers.values() if offer.published))
    unmet = spec.needs - there or spec.needs
    return " and ".join(words for need, words in NEEDS.items() if need in unmet)


@dataclass(frozen=True)
class Full:
    """The transfer `full`, which has no options."""


def full() -> Transfer:
    """Trains the whole parameter tree from the source's values; pretraining does so from its initial values."""

    def init(source_params: Tree, key: Array) -> tuple[Tree, Any]:
        return source_params, ()

    def params(trainable: Tree, context: Any) -> Tree:
        return trainable

    return Transfer(init, params)


SPEC = Spec(
    name="full",
    options=Full,
    build=lambda options, network, offer: full(),
    summary="Trains everything from the source's values.",
    everywhere=True,
    alone="full trains everything. Leave it out.",
)


def chain(*transfers: Transfer) -> Transfer:
    """Combines transfers into one: each takes what the one before leaves trainable.

    `chain(freeze(["stem/*"]), lora(rank=4))` freezes the stem and gives low-rank updates to the rest.

    Args:
        transfers: transfers in the order in which they take the source's parameters.
    Returns:
        A Transfer whose context is the tuple of theirs and whose penalty is the sum of theirs.
    """

    def init(source_params: Tree, key: Array) -> tuple[Tree, tuple[Any, ...]]:
        trainable, contexts = source_params, []
        for index, transfer in enumerate(transfers):
            trainable, context = transfer.init(trainable, jax.random.fold_in(key, index))
            contexts.append(context)
        return trainable, tuple(contexts)

    def each(trainable: Tree, contexts: tuple[Any, ...]) -> list[tuple[Transfer, Tree, Any]]:
        """Lists each transfer with its own trainable tree and context, the last one first."""
        found = []
        for transfer, context in zip(reversed(transfers), reversed(contexts), strict=True):
            found.append((transfer, trainable, context))
            trainable = transfer.params(trainable, context)
        return found

    def params(trainable: Tree, contexts: tuple[Any, ...]) -> Tree:
        for transfer, context in zip(reversed(transfers), reversed(contexts), strict=True):
            trainable = transfer.params(trainable, context)
        return trainable

    def latents(trainable: Tree, contexts: tuple[Any, ...], latents: Array) -> Array:
        for transfer, tree, context in each(trainable, contexts):
            latents = transfer.latents(tree, context, latents)
        return latents

    def penalty(trainable: Tree, contexts: tuple[Any, ...], key: Array, forward: Forward) -> Array:
        def from_level(level: int) -> Forward:
            """Makes the network as one transfer sees it: what it trains first passes through those before it."""

            def lifted(params: Tree, latents: Array) -> tuple[Array, Any]:
                for transfer, context in zip(reversed(transfers[:level]), reversed(contexts[:level]), strict=True):
                    params = transfer.params(params, context)
                return forward(params, latents)

            return lifted

        last = len(transfers) - 1
        parts = [
            transfer.penalty(tree, context, jax.random.fold_in(key, index), from_level(last - index))
            for index, (transfer, tree, context) in enumerate(each(trainable, contexts))
        ]
        return sum(parts, start=jax.numpy.zeros(()))

    def all_levels(uniforms: Array) -> Array:
        for transfer in transfers:
            uniforms = transfer.levels(uniforms)
        return uniforms

    unmoved = all(transfer.latents is same_latents for transfer in transfers)
    free = all(transfer.penalty is no_penalty for transfer in transfers)
    return Transfer(init, params, same_latents if unmoved else latents, no_penalty if free else penalty, all_levels)


def matrix_shape(kernel: Array) -> tuple[int, int]:
    """Returns the rows and columns of a kernel as a matrix: (h, w, c, d) has h * w * c rows and d columns."""
    return math.prod(kernel.shape[:-1]), kernel.shape[-1]
