"""Rows of a network's table of styles: an adaptation to a style that the source does not know adds one.

The new row begins at that known style under which the source explains the shots best: with the noise of their loss the
same for all styles, few evaluations tell them apart.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from genjax.data import Dataset
from genjax.families.conditions import STYLED, column_of
from genjax.families.flow.learner import NETWORK, Flow, losses_at
from genjax.families.learner import Batch, Networks
from genjax.families.model import ModelConfig
from genjax.tree import Tree, flatten, unflatten

TABLE = "style/embedding"
ROUNDS = ((4, 1, 48), (16, 4, 1))  # (shots at most, levels of noise of each, styles that go on)
CHUNK = 16  # styles that are tried at once
STREAM = 1 << 28  # folded into the seed of the noise


def with_style_rows(networks: Networks, model: ModelConfig) -> Networks:
    """Returns parameters with a row for each style of an adapted model; new ones begin at the mean of the others.

    Args:
        networks: parameters of the source.
        model: config of the adapted model, whose new styles follow those of the source.
    """
    styles = model.condition.styles
    if styles is None:
        return networks
    flat = flatten(networks[NETWORK])
    table: Array = flat[TABLE]
    new = 1 + len(styles.names) - len(table)
    rows = jnp.broadcast_to(table[1:].mean(axis=0), (new, table.shape[1]))
    return networks | {NETWORK: unflatten(flat | {TABLE: jnp.concatenate([table, rows])})}


def fitted_rows(params: Tree, flow: Flow, images: Dataset, rows: np.ndarray, known: int) -> Tree:
    """Returns parameters whose new rows are those of the known styles that explain the images best.

    Args:
        params: of the network, with new rows.
        flow: its static parts, without dropped conditions.
        images: that are adapted to.
        rows: the same as a stage reads them, images or latents.
        known: styles of the source.
    """
    condition = column_of(flow.condition, images)[STYLED]
    flat = flatten(params)
    for new in sorted({int(style) for style in condition[:, 1] if style > known}):
        own = np.flatnonzero(condition[:, 1] == new)
        batch = {"image": rows[own], STYLED: condition[own]}
        nearest = _nearest(params, flow, batch, np.arange(1, known + 1))
        flat[TABLE] = flat[TABLE].at[new].set(flat[TABLE][nearest])
    return unflatten(flat)


def _nearest(params: Tree, flow: Flow, batch: Batch, styles: np.ndarray) -> int:
    for shots, levels, kept in ROUNDS:
        some = np.unique(np.linspace(0, len(batch["image"]) - 1, min(shots, len(batch["image"]))).round()).astype(int)
        tried = {name: jnp.asarray(np.repeat(rows[some], levels, axis=0)) for name, rows in batch.items()}
        score = jax.jit(jax.vmap(partial(_mean_loss, flow), in_axes=(None, None, 0)))
        padded = np.resize(styles, -(-len(styles) // CHUNK) * CHUNK)
        losses = [np.asarray(score(params, tried, part)) for part in padded.reshape(-1, CHUNK)]
        styles = styles[np.argsort(np.concatenate(losses)[: len(styles)], kind="stable")[:kept]]
    return int(styles[0])


def _mean_loss(flow: Flow, params: Tree, batch: Batch, style: Array) -> Array:
    number = len(batch["image"])
    asked = {**batch, STYLED: batch[STYLED].at[:, 1].set(style)}
    quantiles = (jnp.arange(number) % 8 + 0.5) / 8
    keys = jax.random.split(jax.random.fold_in(jax.random.key(0), STREAM), 3)
    return losses_at(flow, params, asked, quantiles, *keys)[1].mean()
