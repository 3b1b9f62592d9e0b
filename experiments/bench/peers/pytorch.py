# pyright: reportMissingImports=false
"""Networks of genjax in PyTorch, with the same parameters, and their training steps as PyTorch users write them.

Needs torch (the extra `peers`). `copy_parameters` fills a network with the parameters of its twin in Flax: for the same
inputs both give the same outputs, which the bench checks before it times anything.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genjax.models.stacks import features_at, resolutions

FLAX_EPSILON = 1e-6  # of Flax's GroupNorm; PyTorch's own is 1e-5


class Upsample(nn.Module):
    """Network from latents (n, d) to unbounded images (n, c, size, size), as `genjax.models.stacks.upsample`."""

    def __init__(self, size: int, channels: int, width: int, latent_size: int) -> None:
        super().__init__()
        features = features_at(4, size=size, width=width)
        self.stem = nn.Linear(latent_size, 16 * features)
        for resolution in resolutions(size)[1:]:
            norm = nn.GroupNorm(max(1, features // 16), features, eps=FLAX_EPSILON)
            self.add_module(f"norm_{resolution // 2}", norm)
            after = channels if resolution == size else features_at(resolution, size=size, width=width)
            self.add_module(f"up_{resolution}", nn.ConvTranspose2d(features, after, 4, 2, 1))
            features = after
        self.size = size

    def forward(self, latents: Tensor) -> Tensor:
        """Returns the images."""
        stem = self.stem(latents)
        images = stem.reshape(len(stem), 4, 4, -1).permute(0, 3, 1, 2)  # Flax's order of the stem's numbers
        for resolution in resolutions(self.size)[1:]:
            norm, up = getattr(self, f"norm_{resolution // 2}"), getattr(self, f"up_{resolution}")
            images = up(F.relu(norm(images)))
        return images


class Generator(Upsample):
    """Network from latents to images in [-1, 1], as `genjax.models.dcgan.Generator`."""

    def forward(self, latents: Tensor) -> Tensor:
        """Returns the images."""
        return torch.tanh(super().forward(latents))


class Downsample(nn.Module):
    """Network from images to features with a linear head, as `genjax.models.stacks.downsample`."""

    def __init__(self, size: int, channels: int, width: int, outputs: int, extra: int = 0) -> None:
        super().__init__()
        for resolution in reversed(resolutions(size)[:-1]):
            features = features_at(resolution, size=size, width=width)
            self.add_module(f"down_{resolution}", nn.Conv2d(channels, features, 4, 2, 1))
            channels = features
        self.head = nn.Linear(16 * (channels + extra), outputs)
        self.size = size

    def features(self, images: Tensor) -> Tensor:
        """Returns features (n, d, 4, 4)."""
        for resolution in reversed(resolutions(self.size)[:-1]):
            images = F.leaky_relu(getattr(self, f"down_{resolution}")(images), 0.2)
        return images

    def forward(self, images: Tensor) -> Tensor:
        """Applies the head to the features, in Flax's order of them."""
        return self.head(self.features(images).permute(0, 2, 3, 1).flatten(1))


class Critic(Downsample):
    """Network from images to logits (n,), as `genjax.models.dcgan.Critic`, minibatch deviation included."""

    def __init__(self, size: int, channels: int, width: int) -> None:
        super().__init__(size, channels, width, outputs=1, extra=1)

    def features(self, images: Tensor) -> Tensor:
        """Returns the features, and the deviation over groups of four as one more channel."""
        features = super().features(images)
        n, _, height, width = features.shape
        group = max(size for size in range(1, min(4, n) + 1) if n % size == 0)
        members = features.reshape(n // group, group, *features.shape[1:])
        deviation = torch.sqrt(members.var(1, unbiased=False) + 1e-8).mean(dim=(1, 2, 3))
        channel = deviation.repeat_interleave(group)[:, None, None, None].expand(n, 1, height, width)
        return torch.cat([features, channel], 1)

    def forward(self, images: Tensor) -> Tensor:
        """Returns logits (n,)."""
        return super().forward(images)[:, 0]


class Vae(nn.Module):
    """Encoder and decoder, as `genjax.models.vae.Vae`."""

    def __init__(self, size: int, channels: int, width: int, latent_size: int) -> None:
        super().__init__()
        self.encoder = Downsample(size, channels, width, 2 * latent_size)
        self.decoder = Upsample(size, channels, width, latent_size)

    def forward(self, images: Tensor) -> Tensor:
        """Decodes the mean of q(z|x)."""
        return self.decoder(self.encoder(images).chunk(2, 1)[0])


def copy_parameters(network: nn.Module, flat: Mapping[str, np.ndarray]) -> nn.Module:
    """Fills a network with the parameters of its twin in Flax, {"encoder/down_8/kernel": array, ...}; returns it.

    Raises:
        ValueError: not the same names or numbers of parameters.
    """
    modules = dict(network.named_modules())
    with torch.no_grad():
        for name, array in flat.items():
            path, _, kind = name.replace("/", ".").rpartition(".")
            module = modules[path]
            target = getattr(module, {"kernel": "weight", "scale": "weight"}.get(kind, kind))
            assert isinstance(target, Tensor)
            target.copy_(torch.from_numpy(np.array(_turned(module, kind, array))))
    theirs, ours = sum(p.numel() for p in network.parameters()), sum(array.size for array in flat.values())
    if theirs != ours:
        raise ValueError(f"the PyTorch network has {theirs} parameters and the Flax one {ours}.")
    return network


def _turned(module: nn.Module, kind: str, array: np.ndarray) -> np.ndarray:
    if kind != "kernel":
        return array
    if isinstance(module, nn.Linear):
        return array.T
    if isinstance(module, nn.ConvTranspose2d):  # XLA's transposed convolution does not turn its kernel round
        return array[::-1, ::-1].transpose(2, 3, 0, 1)
    return array.transpose(3, 2, 0, 1)


def to_torch(images: np.ndarray) -> Tensor:
    """Converts uint8 NHWC to floats in [-1, 1], NCHW."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1).contiguous()


def gan_step(
    generator: nn.Module, critic: nn.Module, *, latent_size: int, learning_rate: float, r1_weight: float
) -> Callable[[np.ndarray], None]:
    """Makes a step: non-saturating loss, R1, Adam and the generator's moving average; fakes serve both updates."""
    adam: dict[str, Any] = {"lr": learning_rate, "betas": (0.0, 0.99), "fused": True}
    of_generator, of_critic = (torch.optim.Adam(net.parameters(), **adam) for net in (generator, critic))
    average = [parameter.detach().clone() for parameter in generator.parameters()]

    def step(images: np.ndarray) -> None:
        real = to_torch(images).requires_grad_(r1_weight > 0)
        fake = generator(torch.randn(len(real), latent_size))
        real_logits = critic(real)
        # Non-saturating loss: softplus(-D(x)) + softplus(D(G(z)))
        loss = (F.softplus(-real_logits) + F.softplus(critic(fake.detach()))).mean()
        if r1_weight:
            # R1: gamma/2 |grad_x D(x)|^2, at real images
            (slope,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
            loss = loss + r1_weight / 2 * slope.square().sum((1, 2, 3)).mean()
        of_critic.zero_grad()
        loss.backward()
        of_critic.step()
        of_generator.zero_grad()
        critic.requires_grad_(False)
        F.softplus(-critic(fake)).mean().backward()
        critic.requires_grad_(True)
        of_generator.step()
        with torch.no_grad():
            # Moving average, decay 0.99
            torch._foreach_lerp_(average, list(generator.parameters()), 0.01)

    return step


def vae_step(vae: Vae, *, learning_rate: float) -> Callable[[np.ndarray], None]:
    """Makes a step with the evidence lower bound for a Gaussian of unit scale, Adam, and the moving average."""
    optimizer = torch.optim.Adam(vae.parameters(), lr=learning_rate, fused=True)
    average = [parameter.detach().clone() for parameter in vae.parameters()]

    def step(images: np.ndarray) -> None:
        real = to_torch(images)
        mean, log_variance = vae.encoder(real).chunk(2, 1)
        decoded = vae.decoder(mean + torch.exp(log_variance / 2) * torch.randn_like(mean))
        # -log p(x|z) = |x - mu(z)|^2 / 2 + const, for a Gaussian of unit scale
        distance = (real - decoded).square().sum((1, 2, 3)) / 2
        # KL(N(m, s^2) || N(0, 1)) = (s^2 + m^2 - 1 - log s^2) / 2, summed over the latents
        kl = (log_variance.exp() + mean.square() - 1 - log_variance).sum(1) / 2
        optimizer.zero_grad()
        (distance + kl).mean().backward()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, list(vae.parameters()), 0.01)

    return step
