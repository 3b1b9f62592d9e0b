"""The networks of a GAN: for each a generator, a critic, and the critic's layers that FreezeD holds."""

from collections.abc import Callable
from typing import NamedTuple

from jax.typing import DTypeLike

from genjax.errors import InputError
from genjax.families.learner import Module
from genjax.models import dcgan, r3gan
from genjax.models.resnet_gan import networks as resnet
from genjax.models.stacks import resolutions
from genjax.models.stylegan2 import networks as stylegan2


class Shape(NamedTuple):
    """The numbers that a model's networks are built by.

    Attributes:
        size: height and width of the images.
        channels: of the images.
        width: channels of the features, as the network counts them.
        latent_size: length of a latent vector.
        dtype: compute dtype.
        classes: number of classes; 0 is without.
        batch_statistic: what dcgan's critic sees of the other images in a group.
    """

    size: int
    channels: int
    width: int
    latent_size: int
    dtype: DTypeLike
    classes: int
    batch_statistic: str


class GanNetwork(NamedTuple):
    """A pair of networks.

    Attributes:
        generator: shape -> module (latents (n, latent_size), labels (n,)) -> images (n, size, size, channels).
        critic: shape -> module (images, labels) -> logits (n,).
        freeze: patterns of the critic's lower layers, all but the last before the head. (Mo et al. 2020)
        styles: whether the generator has the methods `mapping` and `synthesis`, with vectors w between them.
    """

    generator: Callable[[Shape], Module]
    critic: Callable[[Shape], Module]
    freeze: tuple[str, ...]
    styles: bool = False


def _biggan_generator(of: Shape) -> Module:
    parts = len(resolutions(of.size))  # one for the stem, and one for each doubling
    if of.latent_size < parts:
        raise InputError(
            f"--gan.latent-size {of.latent_size}: biggan splits latents into {parts} parts at {of.size} pixels. Use"
            f" {parts} or more."
        )
    return resnet.Generator(of.size, of.channels, of.width, of.latent_size, of.dtype, of.classes, big=True)


GAN_NETWORKS: dict[str, GanNetwork] = {
    "dcgan": GanNetwork(
        lambda of: dcgan.Generator(of.size, of.channels, of.width, of.latent_size, of.dtype, of.classes),
        lambda of: dcgan.Critic(of.size, of.width, of.dtype, of.classes, of.batch_statistic),
        freeze=("down_[!4]*",),
    ),
    "stylegan2": GanNetwork(
        lambda of: stylegan2.Generator(of.size, of.channels, of.width, of.latent_size, of.dtype, of.classes),
        lambda of: stylegan2.Critic(of.size, of.width, of.dtype, of.classes),
        freeze=("image/*", "down_[!4]*"),
        styles=True,
    ),
    "resnet": GanNetwork(
        lambda of: resnet.Generator(of.size, of.channels, of.width, of.latent_size, of.dtype, of.classes),
        lambda of: resnet.Critic(of.size, of.width, of.dtype, of.classes),
        freeze=("down_[!4]*",),
    ),
    "biggan": GanNetwork(
        lambda of: _biggan_generator(of),
        lambda of: resnet.Critic(of.size, of.width, of.dtype, of.classes, big=True),
        freeze=("down_[!4]*", "attention/*"),
    ),
    "r3gan": GanNetwork(
        lambda of: r3gan.Generator(of.size, of.channels, of.width, of.latent_size, of.dtype, of.classes),
        lambda of: r3gan.Critic(of.size, of.width, of.dtype, of.classes),
        freeze=("image/*", "down_[!4]*"),
    ),
}
