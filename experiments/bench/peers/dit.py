# pyright: reportMissingImports=false
"""The transformer of a flow in PyTorch, as `genjax.models.dit.Dit`, and its training step as PyTorch users write it."""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genjax.models.dit import MLP_RATIO
from genjax.models.noise_level import HIGHEST


class NoiseLevel(nn.Module):
    """Maps noise levels (n,) to vectors (n, width), as `genjax.models.noise_level.NoiseLevel`."""

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        frequencies = torch.from_numpy(np.geomspace(1.0, HIGHEST, width // 2).astype(np.float32))
        self.register_buffer("frequencies", frequencies)
        self.expand, self.contract = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, levels: Tensor) -> Tensor:
        """Embeds the levels."""
        angles = levels[:, None] * self.frequencies
        return self.contract(F.silu(self.expand(torch.cat([angles.cos(), angles.sin()], 1))))


class Block(nn.Module):
    """Attention, then a perceptron, each modulated, as `genjax.models.dit.DitBlock`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = nn.Linear(width, 6 * width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, MLP_RATIO * width), nn.Linear(MLP_RATIO * width, width)

    def forward(self, hidden: Tensor, level: Tensor) -> Tensor:
        """Applies the block to tokens (n, m, width)."""
        n, length, width = hidden.shape
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = (
            part[:, None] for part in self.modulation(F.silu(level)).chunk(6, 1)
        )
        normed = F.layer_norm(hidden, (width,), eps=1e-6) * (1 + scale_1) + shift_1
        queries, keys, values = self.qkv(normed).reshape(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).reshape(n, length, width)
        hidden = hidden + gate_1 * self.out(mixed)
        normed = F.layer_norm(hidden, (width,), eps=1e-6) * (1 + scale_2) + shift_2
        return hidden + gate_2 * self.contract(F.gelu(self.expand(normed), approximate="tanh"))


class Dit(nn.Module):
    """Maps noisy images (n, c, h, w) and noise levels (n,) to images, without a condition."""

    def __init__(self, size: int, channels: int, patch: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.grid, self.patch_size, self.depth = size // patch, patch, depth
        self.patch = nn.Linear(patch**2 * channels, width)
        self.row, self.column = (nn.Parameter(torch.zeros(self.grid, width)) for _ in range(2))
        self.level = NoiseLevel(width)
        for index in range(depth):
            self.add_module(f"block_{index}", Block(width, heads))
        self.final_modulation = nn.Linear(width, 2 * width)
        self.head = nn.Linear(width, patch**2 * channels)

    def forward(self, images: Tensor, levels: Tensor) -> Tensor:
        """Computes the velocity."""
        n, channels, size, _ = images.shape
        grid, patch = self.grid, self.patch_size
        # Patches as Flax has them: height, width, channel
        pieces = images.reshape(n, channels, grid, patch, grid, patch).permute(0, 2, 4, 3, 5, 1)
        places = (self.row[:, None] + self.column[None]).reshape(1, grid**2, -1)
        hidden, level = self.patch(pieces.reshape(n, grid**2, -1)) + places, self.level(levels)
        for index in range(self.depth):
            hidden = getattr(self, f"block_{index}")(hidden, level)
        shift, scale = (part[:, None] for part in self.final_modulation(F.silu(level)).chunk(2, 1))
        made = self.head(F.layer_norm(hidden, hidden.shape[-1:], eps=1e-6) * (1 + scale) + shift)
        made = made.reshape(n, grid, grid, patch, patch, channels).permute(0, 5, 1, 3, 2, 4)
        return made.reshape(n, channels, size, size)


def flow_step(
    network: nn.Module, *, learning_rate: float, compiled: bool, device: str = "cpu", dtype: str = "float32"
) -> Callable[[Tensor], None]:
    """Makes a step of rectified flow with Adam and two moving averages, of uint8 images (n, h, w, c) on the device.

    Args:
        network: (noisy images, times) -> velocity.
        learning_rate: of Adam.
        compiled: by `torch.compile`.
        device: cpu or cuda.
        dtype: float32, or bfloat16 by autocast.
    """
    short = torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16")
    network.to(device)
    parameters = list(network.parameters())
    optimizer = torch.optim.Adam(parameters, lr=learning_rate, fused=True)
    averages = [[parameter.detach().clone() for parameter in parameters] for _ in range(2)]
    velocity = torch.compile(network) if compiled else network

    def step(images: Tensor) -> None:
        real = images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1).contiguous()
        noise, times = torch.randn_like(real), torch.sigmoid(torch.randn(len(real), device=device))
        t = times[:, None, None, None]
        with short:
            made = velocity((1 - t) * real + t * noise, times)
        # |v((1 - t) x + t e, t) - (e - x)|^2
        loss = (made.float() - (noise - real)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for average in averages:
                torch._foreach_lerp_(average, parameters, 0.01)

    return step


def solved(network: nn.Module, latents: Tensor, steps: int) -> Tensor:
    """Carries noise (n, c, h, w) to images by Heun's method, along straight time steps from 1 to 0."""
    times, z = np.linspace(1.0, 0.0, steps + 1), latents
    for index, (now, after) in enumerate(itertools.pairwise(times)):
        slope = network(z, torch.full((len(z),), float(now)))
        moved = z + float(after - now) * slope
        if index == steps - 1:
            return moved
        z = z + float(after - now) * 0.5 * (slope + network(moved, torch.full((len(z),), float(after))))
    return z
