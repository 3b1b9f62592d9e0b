"""What a trained flow draws: the same whoever asks, and away from another model under the same condition."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import TINY_FLOW

from genjax.config import ModelConfig
from genjax.errors import InputError
from genjax.families.flow.family import FLOW
from genjax.families.flow.learner import NETWORK
from genjax.families.flow.options import FlowDrawing
from genjax.families.model import NO_CONDITION, Condition, Model
from genjax.families.registry import build_learner
from genjax.transfer import full
from genjax.tree import flatten, unflatten

CLASSES = Condition("class", ("a", "b", "c"))
KEY = jax.random.key(3)


def made(condition=NO_CONDITION, options=TINY_FLOW, seed=0):
    """A model whose parameters were drawn: fresh ones draw the same whatever they are told."""
    config = ModelConfig("flow", 16, 1, "float32", 8, options, condition)
    batch = {"image": np.zeros((1, 16, 16, 1), np.uint8), "label": np.zeros(1, np.int32)}
    shapes = flatten(jax.eval_shape(build_learner(config).init, jax.random.key(0), batch).trainable[NETWORK])
    rng = np.random.default_rng(seed)
    params = {name: jnp.asarray(0.2 * rng.normal(size=leaf.shape), jnp.float32) for name, leaf in shapes.items()}
    return Model(config, {NETWORK: unflatten(params)}, {NETWORK: ()}, {NETWORK: full()}, identity="0" * 64, step=1)


def test_the_report_shows_what_sample_draws():
    trained = FLOW.trained(made())
    assert trained.draw_latents is not None
    assert trained.render is not None
    np.testing.assert_array_equal(trained.render(trained.draw_latents(KEY, 2)), trained.draw(KEY, 2, None, None))


def test_guidance_away_from_an_equal_model_that_is_told_the_same_changes_nothing():
    trained, told = FLOW.trained(made(CLASSES)), FlowDrawing(steps=2, guidance=3.0)
    assert trained.guided is not None
    plain = trained.draw(KEY, 3, CLASSES.names, FlowDrawing(steps=2))
    same = trained.guided(made(CLASSES), True)(KEY, 3, CLASSES.names, told)
    assert np.abs(same.astype(int) - plain).max() <= 1  # v + (w - 1) (v - v_ref) with v_ref = v, but for rounding
    untold = trained.guided(made(CLASSES), False)(KEY, 3, CLASSES.names, told)
    np.testing.assert_array_equal(untold, trained.draw(KEY, 3, CLASSES.names, told))  # classifier-free guidance
    assert np.abs(untold.astype(int) - plain).max() > 10


def test_a_model_of_another_process_is_no_reference():
    trained = FLOW.trained(made())
    assert trained.guided is not None
    with pytest.raises(InputError, match=r"--guide names a model of --flow.process edm, and this one is of rectified"):
        trained.guided(made(options=dataclasses.replace(TINY_FLOW, process="edm")), True)
