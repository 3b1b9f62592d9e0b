"""A transformer over a sequence of segments, such as a caption and the tokens of an image. (Ramesh et al. 2021, DALL-E)

One module for any order of segments: text before image makes images, image before text makes captions. Each segment has
its own embedding table and its own head, so that a position predicts tokens of its own segment only; a joint vocabulary
would hold the same numbers and mask most of its logits. The last row of a table is the token `absent`, which stands for
a condition that was dropped (guidance) or an image token that is hidden (the masked objective).

Causal, slot i holds token i - 1 (slot 0 a learned start) and predicts token i from the slots up to its own. Not causal,
slot i holds token i, which may be hidden, and sees its own segment and those before it: what is read of the condition
depends on the condition alone and is computed once for all steps of a decoding. (Chang et al. 2022, MaskGIT)

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

INITIAL = 0.02  # standard deviation of tables and heads at the start (GPT-2): the first loss is that of a uniform guess


class Cache(NamedTuple):
    """What later slots read of earlier ones, for each block: arrays (n, heads, slots, width / heads).

    Slots that were not written yet are zeros, and nothing sees them.
    """

    keys: tuple[Array, ...]
    values: tuple[Array, ...]


class Block(nn.Module):
    """Attention, then a perceptron with one hidden layer, each added to its input. Pre-norm. (Xiong et al. 2020)

    Parameters: `norm_attention`, `qkv`, `out`, `norm_mlp`, `expand`, `contract`.
    """

    heads: int
    depth: int  # of the whole stack: what is added by a block starts smaller in a deep one (GPT-2, section 2.3)
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self,
        hidden: Float[Array, "nm w"],
        visible: Bool[Array, "m slots"],
        past: tuple[Array, Array] | None = None,
        at: Int[Array, ""] | int = 0,
    ) -> tuple[Float[Array, "nm w"], tuple[Array, Array]]:
        """The next activations, and the keys and values (n, heads, slots, d).

        Args:
            hidden: of m slots of each of n sequences.
            visible: which slots each of the m sees.
            past: keys and values of the slots before, into which those of these slots are written; None when all slots
                are here.
            at: the first of the m slots.
        """
        width = hidden.shape[-1]
        shape = (-1, visible.shape[0], 3, self.heads, width // self.heads)
        into_sum = nn.initializers.variance_scaling(0.5 / self.depth, "fan_in", "truncated_normal")
        normed = nn.RMSNorm(dtype=self.dtype, name="norm_attention")(hidden)
        qkv = nn.Dense(3 * width, dtype=self.dtype, name="qkv")(normed).reshape(shape)
        queries, keys, values = (part.swapaxes(1, 2) for part in (qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]))
        if past is not None:
            keys, values = (
                lax.dynamic_update_slice_in_dim(old, new.astype(old.dtype), at, axis=2)
                for old, new in zip(past, (keys, values), strict=True)
            )
        mixed = attend(queries, keys, values, visible).swapaxes(1, 2).reshape(-1, width)
        hidden = hidden + nn.Dense(width, dtype=self.dtype, kernel_init=into_sum, name="out")(mixed)
        normed = nn.RMSNorm(dtype=self.dtype, name="norm_mlp")(hidden)
        wide = nn.gelu(nn.Dense(4 * width, dtype=self.dtype, name="expand")(normed))
        hidden = hidden + nn.Dense(width, dtype=self.dtype, kernel_init=into_sum, name="contract")(wide)
        return hidden, (keys, values)


def attend(
    queries: Float[Array, "n h m d"],
    keys: Float[Array, "n h slots d"],
    values: Float[Array, "n h slots d"],
    visible: Bool[Array, "m slots"],
) -> Float[Array, "n h m d"]:
    """Scaled dot-product attention; the weights are found in float32. (Vaswani et al. 2017, eq. 1)"""
    scores = jnp.einsum("nhmd,nhsd->nhms", queries, keys).astype(jnp.float32) / math.sqrt(queries.shape[-1])
    weights = jax.nn.softmax(jnp.where(visible[None, None], scores, -jnp.inf), axis=-1)
    return jnp.einsum("nhms,nhsd->nhmd", weights.astype(values.dtype), values)


class Embedding(nn.Module):
    """Tokens of a segment to vectors: a learned one for each token, plus a learned one for where it stands.

    Parameters: `token`, and `position` in a line, or `row` and `column`, which add up, in a grid.
    """

    segment: Segment
    width: int
    dtype: DTypeLike

    @nn.compact
    def __call__(self, tokens: Int[Array, "n m"], at: Int[Array, ""] | int = 0) -> Float[Array, "n m w"]:
        """Vectors of the tokens at, at + 1, ... of the segment."""
        normal, length = nn.initializers.normal(INITIAL), self.segment.length
        vectors = nn.Embed(
            self.segment.vocabulary + 1, self.width, embedding_init=normal, dtype=self.dtype, name="token"
        )(tokens)
        if self.segment.columns:
            columns = self.param("column", normal, (self.segment.columns, self.width))
            rows = self.param("row", normal, (length // self.segment.columns, self.width))
            places = (rows[:, None] + columns[None]).reshape(length, self.width)
        else:
            places = self.param("position", normal, (length, self.width))
        here = lax.dynamic_slice_in_dim(places, at, tokens.shape[1], axis=0)
        return vectors + here[None].astype(self.dtype)


class Transformer(nn.Module):
    """Tokens of all segments to logits of those that are predicted.

    Parameters: `embed_{segment}`; `start` where it is causal; `block_0`, ...; `norm`; `head_{segment}` of the segments
    that are predicted.
    """

    segments: tuple[Segment, ...]
    width: int = 192
    depth: int = 4
    heads: int = 6
    causal: bool = True
    given: int = 0  # segments at the front that are only read: they have no head
    dtype: DTypeLike = jnp.float32

    def setup(self) -> None:
        """Tables, blocks and heads; those of a segment are called by its name."""
        self.embed = {s.name: Embedding(s, self.width, self.dtype) for s in self.segments}
        if self.causal:
            self.start = self.param("start", nn.initializers.normal(INITIAL), (self.width,))
        self.block = [Block(self.heads, self.depth, self.dtype) for _ in range(self.depth)]
        self.norm = nn.RMSNorm(dtype=self.dtype)
        self.head = {
            s.name: nn.Dense(s.vocabulary, dtype=self.dtype, kernel_init=nn.initializers.normal(INITIAL))
            for s in self.segments[self.given :]
        }

    def __call__(self, tokens: tuple[Int[Array, "n _"], ...]) -> tuple[Float[Array, "n _ _"], ...]:
        """Logits (n, length, vocabulary), float32, of each segment that is predicted, in order.

        Args:
            tokens: of all segments, (n, length) each; `absent` where none is to be seen. Causal, the logits of a token
                depend on those before it only.
        """
        slots = self._embedded(tokens)
        if self.causal:
            slots = slots[:, :-1]
        hidden, _ = self._through(slots, _visible(self.segments, causal=self.causal), None, 0)
        ends = np.cumsum([segment.length for segment in self.segments])
        pieces = jnp.split(hidden, ends[:-1], axis=1)
        return tuple(
            self._logits(piece, segment)
            for piece, segment in zip(pieces[self.given :], self.segments[self.given :], strict=True)
        )

    def logits_at(
        self, tokens: tuple[Int[Array, "n _"], ...], segment: int, index: Int[Array, ""] | int
    ) -> Float[Array, "n _"]:
        """Causal: logits (n, vocabulary) of token `index` of a segment, from all tokens and without a cache."""
        hidden, _ = self._through(self._embedded(tokens)[:, :-1], _visible(self.segments, causal=True), None, 0)
        at = index + sum(before.length for before in self.segments[:segment])
        return self._logits(lax.dynamic_slice_in_dim(hidden, at, 1, axis=1), self.segments[segment])[:, 0]

    def begin(self, given: tuple[Int[Array, "n _"], ...], rows: int) -> tuple[Float[Array, "{rows} _"], Cache]:
        """Causal: logits (rows, vocabulary) of the first token of the segment after those given, and the cache.

        Args:
            given: tokens of the first segments, (rows, length) each; none to begin at the start.
            rows: sequences, n.
        """
        hidden, cache = self._read(self._embedded(given, rows))
        return self._logits(hidden[:, -1:], self.segments[len(given)])[:, 0], cache

    def advance(
        self, tokens: Int[Array, " n"], index: Int[Array, ""], cache: Cache, segment: int
    ) -> tuple[Float[Array, "n _"], Cache]:
        """Causal: logits (n, vocabulary) of token index + 1 of a segment, from token `index` and the cache before it.

        Args:
            tokens: number `index` of the segment.
            index: from 0 to length - 2.
            cache: of all slots before.
            segment: position among the segments.
        """
        here = self.segments[segment]
        slots = self.embed[here.name](tokens[:, None], index)
        at = 1 + index + sum(before.length for before in self.segments[:segment])
        visible = jnp.asarray(_visible(self.segments, causal=True))
        hidden, cache = self._through(slots, lax.dynamic_slice_in_dim(visible, at, 1, axis=0), cache, at)
        return self._logits(hidden, here)[:, 0], cache

    def read(self, given: tuple[Int[Array, "n _"], ...]) -> Cache:
        """Not causal: what the last segment sees of the others, given the tokens (n, length) of each of these."""
        return self._read(self._embedded(given))[1]

    def fill(self, tokens: Int[Array, "n length"], cache: Cache) -> Float[Array, "n length _"]:
        """Not causal: logits (n, length, vocabulary) of the last segment's tokens, which are `absent` where hidden."""
        last, visible = self.segments[-1], _visible(self.segments, causal=False)
        at = len(visible) - last.length
        hidden, _ = self._through(self.embed[last.name](tokens), visible[at:], cache, at)
        return self._logits(hidden, last)

    def _embedded(self, tokens: Sequence[Array], rows: int = 0) -> Array:
        """Slots (n, m, width) of the first segments; with the start in front where it is causal."""
        vectors = [self.embed[segment.name](part) for segment, part in zip(self.segments, tokens, strict=False)]
        if self.causal:
            start = jnp.asarray(self.start, self.dtype)[None, None]
            vectors = [jnp.broadcast_to(start, (len(tokens[0]) if tokens else rows, 1, self.width)), *vectors]
        return jnp.concatenate(vectors, axis=1)

    def _read(self, slots: Array) -> tuple[Array, Cache]:
        """The first slots (n, m, width) through all blocks, into a new cache."""
        n, m, _ = slots.shape
        visible = _visible(self.segments, causal=self.causal)
        empty = jnp.zeros((n, self.heads, len(visible), self.width // self.heads), self.dtype)
        cache = Cache((empty,) * self.depth, (empty,) * self.depth)
        return self._through(slots, visible[:m], cache, 0)

    def _through(
        self, slots: Array, visible: Array | np.ndarray, cache: Cache | None, at: Array | int
    ) -> tuple[Array, Cache]:
        """Slots (n, m, width) through all blocks; and the cache, in which theirs are from `at` on."""
        n, m, _ = slots.shape
        hidden, kept = slots.reshape(n * m, self.width), []
        for index, block in enumerate(self.block):
            past = None if cache is None else (cache.keys[index], cache.values[index])
            hidden, keys_and_values = block(hidden, jnp.asarray(visible), past, at)
            kept.append(keys_and_values)
        keys, values = zip(*kept, strict=True)
        return hidden.reshape(n, m, self.width), Cache(keys, values)

    def _logits(self, hidden: Array, segment: Segment) -> Array:
        """Normalised and read by the head of a segment: (n, m, vocabulary), float32."""
        n, m, _ = hidden.shape
        normed = self.norm(hidden.reshape(n * m, self.width))
        return self.head[segment.name](normed).reshape(n, m, segment.vocabulary).astype(jnp.float32)


def _visible(segments: Sequence[Segment], *, causal: bool) -> np.ndarray:
    """Which slots (columns) each slot (row) sees: those up to itself, or those of its own segment and before."""
    lengths = [segment.length for segment in segments]
    order = np.arange(sum(lengths)) if causal else np.repeat(np.arange(len(lengths)), lengths)
    return order[:, None] >= order[None, :]
