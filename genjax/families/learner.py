"""The training state and the Learner interface: init, step, sample, and records of what else a learner can do."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import flax.struct
from jax import Array

from genjax.control import Controller
from genjax.transfer import Transfer
from genjax.tree import Tree

Batch = Mapping[str, Any]  # {"image": (n, h, w, c), and "label", "text", "tokens", factors where the set has them}
Metrics = dict[str, Array]
Networks = dict[str, Tree]  # one tree a network: "generator" and "critic", or "vae"

FIXED_LATENTS = 1 << 30  # folded into a run's key for latents that stay the same: a number that no step reaches


@flax.struct.dataclass
class TrainState:
    """Everything that must survive a stop and cannot be derived from (seed, step)."""

    step: Array  # (), int32: updates done
    key: Array  # the run's random key; each step folds its number into it
    trainable: Networks  # what the optimisers update
    context: Networks  # what the transfers keep as it is
    average: Networks  # moving averages of the trainable trees that make images
    optimizer: Networks
    control: Any  # of the controllers


class Module(Protocol):
    """The two functions that a learner calls of a network; a Flax module has them."""

    def init(self, key: Array, inputs: Array, /, **kwargs: Any) -> Mapping[str, Any]:
        """Returns fresh variables, the parameters under "params"; `labels` (n,) of a network of classes."""
        ...

    def apply(self, variables: Mapping[str, Any], inputs: Array, /, **kwargs: Any) -> Any:
        """Applies the network, or one of its methods, with these variables."""
        ...


class Styles(NamedTuple):
    """Vectors w that steer each layer of a generator, and that latents are mapped to.

    Attributes:
        mapping: (networks, context, latents, condition=None) -> w (n, d).
        synthesis: (networks, context, w (n, layers, d)) -> images (n, h, w, c), of which [-1, 1] is seen.
        layers: number of vectors that an image takes.
    """

    mapping: Callable[..., Array]
    synthesis: Callable[..., Array]
    layers: int


class Latents(NamedTuple):
    """Images made of latents that are drawn apart, so that the same ones can be shown again.

    Attributes:
        draw: (key, n) -> latents (n, d).
        generate: (networks, context, latents, condition=None) -> images (n, h, w, c) in [-1, 1].
        styles: the vectors w between the two; None where there are none.
    """

    draw: Callable[[Array, int], Array]
    generate: Callable[..., Array]
    styles: Styles | None = None


class Encoder(NamedTuple):
    """Images to a code and back.

    Attributes:
        reconstruct: (networks, context, images) -> images in [-1, 1].
        encode: (networks, context, images) -> mean and log-variance (n, d) of q(z|x); None where codes are discrete.
        by_class: True where both of them, and the likelihood of images, take the label of each image as well.
    """

    reconstruct: Callable[..., Array]
    encode: Callable[..., tuple[Array, Array]] | None = None
    by_class: bool = False


class Likelihood(NamedTuple):
    """Log-densities in nats, summed over an image.

    Attributes:
        log_likelihood: (networks, context, images, latents) -> log p(x|z) (n,); None without latents. Of an encoder by
            class it takes the labels as well.
        target_nats: (networks, context, batch) -> -log p (n,) of a batch's last tokens given the others; None without.
    """

    log_likelihood: Callable[..., Array] | None = None
    target_nats: Callable[[Networks, Networks, Batch], Array] | None = None


class Ranker(NamedTuple):
    """Scores images by their texts.

    Attributes:
        score: (networks, context, images, text) -> similarity (n,).
    """

    score: Callable[[Networks, Networks, Array, Array], Array]


class Learner(NamedTuple):
    """One stage of training. All functions are pure; the caller jits them.

    Attributes:
        init: (key, batch, source=None) -> TrainState. The batch is an example of those to come; `source` is
            {network: params} to adapt from, None to start afresh.
        step: (state, batch) -> (state, metrics). batch["image"]: (n, h, w, c), uint8 or float in [-1, 1].
        transfers: {network: its transfer}.
        controller: chain of all its controllers.
        sample: (state, key, n, condition=None) -> images (n, h, w, c) in [-1, 1], by the averaged parameters; None
            where nothing is made.
        evidence: (params, source, key) -> log-likelihood () under the networks `params` of a sample of `source`, both
            {network: params}; for the Fisher information, with transfers that train everything. None without.
        batches_per_step: real batches that one step takes.
        latents: None where images are not made of latents.
        encoder: None without one.
        likelihood: None without one.
        ranker: None where images are not scored.
        averages: (state) -> {width: {network: tree}}, the averages of which others are rebuilt after training; None
            where there are none.
        fit: (networks, context, batch, key) -> (n,), how badly the model explains each image of a batch, in units of
            its own loss, with the same draws for the same key: of two models of one family, process and size, the lower
            fits better. None where a model cannot tell.
        critic: (networks, context, batch) -> logits (n,), high for what is taken for real, by the trained critic in
            `networks`; None without one.
    """

    init: Callable[..., TrainState]
    step: Callable[[TrainState, Batch], tuple[TrainState, Metrics]]
    transfers: dict[str, Transfer]
    controller: Controller
    sample: Callable[..., Array] | None = None
    evidence: Callable[[Networks, Networks, Array], Array] | None = None
    batches_per_step: int = 1
    latents: Latents | None = None
    encoder: Encoder | None = None
    likelihood: Likelihood | None = None
    ranker: Ranker | None = None
    averages: Callable[[TrainState], dict[str, Networks]] | None = None
    fit: Callable[[Networks, Networks, Batch, Array], Array] | None = None
    critic: Callable[[Networks, Networks, Batch], Array] | None = None


def exported(state: TrainState) -> Networks:
    """Returns what is worth keeping of each network: its average where there is one, else the trained tree."""
    return state.trainable | state.average
