"""A transformer over a sequence of segments, such as a caption and the tokens of an image. (Ramesh et al. 2021, DALL-E)

It serves any order of segments: text before image generates images, image before text generates captions. Each segment
has its own embedding table and head, so that a position predicts tokens of its own segment only; with a joint
vocabulary most logits would have to be masked. The last row of a table is the token `absent`, which stands for a
condition that was dropped (guidance) or an image token that is hidden (the masked objective).

A slot is a position in the sequence. In a causal model slot i holds token i - 1 (slot 0 a learned start) and predicts
token i from the slots up to its own. In one that is not causal, slot i holds token i, which may be hidden, and sees its
own segment and those before it: activations of the condition depend on the condition alone, and are computed once for
all steps of a decoding. (Chang et al. 2022, MaskGIT)

Activations are (slots of all sequences, width) between the blocks: with three axes XLA copies each of them into another
layout for the gradient of a kernel, which costs a CPU a third of the step.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array, lax
from jax.typing import DTypeLike
from jaxtyping import Bool, Float, Int

from genjax.models.segments import Segment

INITIAL_DEVIATION = (
    0.02  # initial standard deviation of tables and heads (GPT-2): the first loss is that of a uniform guess
)


class Cache(NamedTuple):
    """The keys and values of all slots, for each block: arrays (n, heads, slots, width / heads).

    Slots that are not yet written are zeros, and masked.
    """

    keys: tuple[Array, ...]
    values: tuple[Array, ...]


class Block(nn.Module):
    """A pre-norm block: attention, then a perceptron of one hidden layer, each added to its input. (Xiong et al. 2020)

    Parameters: `norm_attention`, `qkv`, `out`, `norm_mlp`, `expand`, `contract`.
    """

    heads: int
    depth: int  # blocks in the whole stack; the deeper it is, the smaller a block's initial output (GPT-2, section 2.3)
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "nm w"],
        visible: Bool[Array, "m slots"],
        past: tuple[Array, Array] | None = None,
        at: Int[Array, ""] | int = 0,
    ) -> tuple[Float[Array, "nm w"], tuple[Array, Array]]:
        """Applies the block to m slots of each of n sequences.

        Args:
            hidden: activations (n * m, width).
            visible: attention mask (m, slots), True where a slot (row) sees another (column).
            past: keys and values of the slots before, into which those of the m slots are written; None if `hidden` has
                all slots.
            at: index of the first of the m slots.
        Returns:
            Activations (n * m, width), and keys and values (n, heads, slots, width / heads).
        """
        width = hidden.shape[-1]
        shape = (-1, visible.shape[0], 3, self.heads, width // self.heads)
        # Variance scale 1 / (2 depth) for the layers whose output is added: there are 2 depth of them.
        into_sum = nn.initializers.variance_scaling(0.5 / self.depth, "fan_in", "truncated_normal")
        normed = nn.RMSNorm(dtype=self.dtype, name="norm_attention")(hidden)
        qkv = nn.Dense(3 * width, dtype=self.dtype, name="qkv")(normed).reshape(shape)  # (n, m, 3, heads, d)
        # (n, heads, m, d) each
        queries, keys, values = (part.swapaxes(1, 2) for part in (qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]))
        if past is not None:
            keys, values = (
                lax.dynamic_update_slice_in_dim(old, new.astype(old.dtype), at, axis=2)
                for old, new in zip(past, (keys, values), strict=True)
            )
        mixed = attend(queries, keys, values, visible).swapaxes(1, 2).reshape(-1, width)  # (n * m, width)
        # h = h + attention(norm(h)), then h = h + mlp(norm(h))
        hidden = hidden + nn.Dense(width, dtype=self.dtype, kernel_init=into_sum, name="out")(mixed)
        normed = nn.RMSNorm(dtype=self.dtype, name="norm_mlp")(hidden)
        wide = nn.gelu(nn.Dense(4 * width, dtype=self.dtype, name="expand")(normed))
        hidden = hidden + nn.Dense(width, dtype=self.dtype, kernel_init=into_sum, name="contract")(wide)
        return hidden, (keys, values)


def attend(
    queries: Float[Array, "n h m d"],
    keys: Float[Array, "n h slots d"],
    values: Float[Array, "n h slots d"],
    visible: Bool[Array, "m slots"] | None = None,
) -> Float[Array, "n h m d"]:
    """Computes scaled dot-product attention, with weights in float32; all is visible without a mask.

    (Vaswani et al. 2017, eq. 1)
    """
    # softmax(Q K^T / sqrt(d)) V
    scores = jnp.einsum("nhmd,nhsd->nhms", queries, keys).astype(jnp.float32) / math.sqrt(queries.shape[-1])
    weights = jax.nn.softmax(scores if visible is None else jnp.where(visible[None, None], scores, -jnp.inf), axis=-1)
    return jnp.einsum("nhms,nhsd->nhmd", weights.astype(values.dtype), values)


class Embedding(nn.Module):
    """Maps tokens of a segment to vectors: the learned vector of a token plus that of its position.

    Parameters: `token`, and `position` for a text, or `row` and `column`, which are added, for a grid.
    """

    segment: Segment
    width: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, tokens: Int[Array, "n m"], at: Int[Array, ""] | int = 0) -> Float[Array, "n m w"]:
        """Embeds the tokens number at, at + 1, ... of the segment: (n, m, width)."""
        normal, length = nn.initializers.normal(INITIAL_DEVIATION), self.segment.length
        vectors = nn.Embed(
            self.segment.vocabulary + 1, self.width, embedding_init=normal, dtype=self.dtype, name="token"
        )(tokens)
        if self.segment.columns:
            columns = self.param("column", normal, (self.segment.columns, self.width))
            rows = self.param("row", normal, (length // self.segment.columns, self.width))
            places = (rows[:, None] + columns[None]).reshape(length, self.width)  # row by row of the grid
        else:
            places = self.param("position", normal, (length, self.width))
        here = lax.dynamic_slice_in_dim(places, at, tokens.shape[1], axis=0)  # (m, width)
        return vectors + here[None].astype(self.dtype)


class Transformer(nn.Module):
    """Maps tokens of all segments to logits of the predicted segments.

    Parameters: `embed_{segment}`; `start` if it is causal; `block_0`, ...; `norm`; `head_{segment}` of the predicted
    segments.
    """

    segments: tuple[Segment, ...]
    width: int = 192
    depth: int = 4
    heads: int = 6
    causal: bool = True
    given: int = 0  # segments at the front that are conditions only, and have no head
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Builds tables, blocks and heads; those of a segment are named after it."""
        self.embed = {s.name: Embedding(s, self.width, self.dtype) for s in self.segments}
        if self.causal:
            self.start = self.param("start", nn.initializers.normal(INITIAL_DEVIATION), (self.width,))
        self.block = [Block(self.heads, self.depth, self.dtype) for _ in range(self.depth)]
        self.norm = nn.RMSNorm(dtype=self.dtype)
        self.head = {
            s.name: nn.Dense(s.vocabulary, dtype=self.dtype, kernel_init=nn.initializers.normal(INITIAL_DEVIATION))
            for s in self.segments[self.given :]
        }

    def __call__(self, tokens: tuple[Int[Array, "n _"], ...]) -> tuple[Float[Array, "n _ _"], ...]:
        """Computes the logits of each predicted segment. In a causal model they depend on earlier tokens only.

        Args:
            tokens: tokens of all segments, (n, length) each, `absent` where they are hidden or dropped.
        Returns:
            Logits (n, length, vocabulary) of each predicted segment, in order, float32.
        """
        slots = self._embed_segments(tokens)
        if self.causal:
            slots = slots[:, :-1]  # nothing is predicted after the last token
        hidden, _ = self._apply_blocks(slots, _attention_mask(self.segments, causal=self.causal), None, 0)
        # (n, all slots, width) to (n, length, width) for each segment
        ends = np.cumsum([segment.length for segment in self.segments])
        pieces = jnp.split(hidden, ends[:-1], axis=1)
        return tuple(
            self._logits(piece, segment)
            for piece, segment in zip(pieces[self.given :], self.segments[self.given :], strict=True)
        )

    def logits_at(
        self, tokens: tuple[Int[Array, "n _"], ...], segment: int, index: Int[Array, ""] | int
    ) -> Float[Array, "n _"]:
        """Computes logits (n, vocabulary) of token `index` of a segment from all tokens, without a cache. Causal."""
        hidden, _ = self._apply_blocks(
            self._embed_segments(tokens)[:, :-1], _attention_mask(self.segments, causal=True), None, 0
        )
        at = index + sum(before.length for before in self.segments[:segment])
        return self._logits(lax.dynamic_slice_in_dim(hidden, at, 1, axis=1), self.segments[segment])[:, 0]

    def begin(self, given: tuple[Int[Array, "n _"], ...], rows: int) -> tuple[Float[Array, "{rows} _"], Cache]:
        """Computes the logits of the first token after the given segments, and fills the cache. Causal.

        Args:
            given: tokens of the first segments, (rows, length) each; () to begin at the start.
            rows: number of sequences, n.
        Returns:
            Logits (rows, vocabulary) and the cache.
        """
        hidden, cache = self._fill_cache(self._embed_segments(given, rows))
        # The last slot predicts the next token.
        return self._logits(hidden[:, -1:], self.segments[len(given)])[:, 0], cache

    def advance(
        self, tokens: Int[Array, " n"], index: Int[Array, ""], cache: Cache, segment: int
    ) -> tuple[Float[Array, "n _"], Cache]:
        """Computes the logits of token index + 1 of a segment, from token `index` and the cache. Causal.

        Args:
            tokens: tokens number `index` of the segment, (n,).
            index: index in the segment, from 0 to length - 2.
            cache: keys and values of all earlier slots.
            segment: number of the segment, from 0.
        Returns:
            Logits (n, vocabulary) and the cache with the new slot.
        """
        here = self.segments[segment]
        slots = self.embed[here.name](tokens[:, None], index)
        at = 1 + index + sum(before.length for before in self.segments[:segment])  # 1 for the start
        visible = jnp.asarray(_attention_mask(self.segments, causal=True))
        hidden, cache = self._apply_blocks(slots, lax.dynamic_slice_in_dim(visible, at, 1, axis=0), cache, at)
        return self._logits(hidden, here)[:, 0], cache

    def read(self, given: tuple[Int[Array, "n _"], ...]) -> Cache:
        """Computes the cache of all segments but the last from their tokens, (n, length) each. Not causal."""
        return self._fill_cache(self._embed_segments(given))[1]

    def fill(self, tokens: Int[Array, "n length"], cache: Cache) -> Float[Array, "n length _"]:
        """Computes logits (n, length, vocabulary) of the last segment, whose hidden tokens are `absent`. Not causal."""
        last, visible = self.segments[-1], _attention_mask(self.segments, causal=False)
        at = len(visible) - last.length  # first slot of the last segment
        hidden, _ = self._apply_blocks(self.embed[last.name](tokens), visible[at:], cache, at)
        return self._logits(hidden, last)

    def _embed_segments(self, tokens: Sequence[Array], rows: int = 0) -> Array:
        """Embeds the first segments, behind the start in a causal model: (n, m, width)."""
        vectors = [self.embed[segment.name](part) for segment, part in zip(self.segments, tokens, strict=False)]
        if self.causal:
            start = jnp.asarray(self.start, self.dtype)[None, None]
            vectors = [jnp.broadcast_to(start, (len(tokens[0]) if tokens else rows, 1, self.width)), *vectors]
        return jnp.concatenate(vectors, axis=1)

    def _fill_cache(self, slots: Array) -> tuple[Array, Cache]:
        """Applies all blocks to the first slots (n, m, width), with a new cache."""
        n, m, _ = slots.shape
        visible = _attention_mask(self.segments, causal=self.causal)
        empty = jnp.zeros((n, self.heads, len(visible), self.width // self.heads), self.dtype)
        cache = Cache((empty,) * self.depth, (empty,) * self.depth)
        return self._apply_blocks(slots, visible[:m], cache, 0)

    def _apply_blocks(
        self, slots: Array, visible: Array | np.ndarray, cache: Cache | None, at: Array | int
    ) -> tuple[Array, Cache]:
        """Applies all blocks to slots (n, m, width), and writes their keys and values into the cache from `at` on."""
        n, m, _ = slots.shape
        hidden, kept = slots.reshape(n * m, self.width), []  # two axes, see the module's docstring
        for index, block in enumerate(self.block):
            past = None if cache is None else (cache.keys[index], cache.values[index])
            hidden, keys_and_values = block(hidden, jnp.asarray(visible), past, at)
            kept.append(keys_and_values)
        keys, values = zip(*kept, strict=True)
        return hidden.reshape(n, m, self.width), Cache(keys, values)

    def _logits(self, hidden: Array, segment: Segment) -> Array:
        """Applies the last normalisation and the head of a segment: (n, m, vocabulary), float32."""
        n, m, _ = hidden.shape
        normed = self.norm(hidden.reshape(n * m, self.width))
        return self.head[segment.name](normed).reshape(n, m, segment.vocabulary).astype(jnp.float32)


def _attention_mask(segments: Sequence[Segment], *, causal: bool) -> np.ndarray:
    """Builds the attention mask (slots, slots), True where a slot (row) sees another (column).

    A slot sees those up to itself if causal, otherwise those of its own segment and of earlier ones.
    """
    lengths = [segment.length for segment in segments]
    # Rank of a slot: its position if causal, otherwise the number of its segment. A slot sees ranks up to its own.
    order = np.arange(sum(lengths)) if causal else np.repeat(np.arange(len(lengths)), lengths)
    return order[:, None] >= order[None, :]
