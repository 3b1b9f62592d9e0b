"""Flow models whose parameters were drawn: fresh ones draw the same whatever they are told."""

import jax
import jax.numpy as jnp
import numpy as np
from tiny import TINY_FLOW

from genjax.config import ModelConfig
from genjax.families.flow.learner import NETWORK
from genjax.families.model import NO_CONDITION, Condition, Model
from genjax.families.registry import build_learner
from genjax.transfer import full
from genjax.tree import flatten, unflatten

CLASSES = Condition("class", ("a", "b", "c"))


def drawn_flow(condition=NO_CONDITION, options=TINY_FLOW, seed=0):
    """A model of 16 by 16 grey pixels."""
    config = ModelConfig("flow", 16, 1, "float32", 8, options, condition)
    batch = {"image": np.zeros((1, 16, 16, 1), np.uint8), "label": np.zeros(1, np.int32)}
    shapes = flatten(jax.eval_shape(build_learner(config).init, jax.random.key(0), batch).trainable[NETWORK])
    rng = np.random.default_rng(seed)
    params = {name: jnp.asarray(0.2 * rng.normal(size=leaf.shape), jnp.float32) for name, leaf in shapes.items()}
    return Model(config, {NETWORK: unflatten(params)}, {NETWORK: ()}, {NETWORK: full()}, identity="0" * 64, step=1)
