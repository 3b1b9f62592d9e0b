"""What a trained flow draws: the same whoever asks, and away from another model under the same condition."""

import dataclasses

import jax
import numpy as np
import pytest
from drawn_flows import CLASSES, drawn_flow
from tiny import TINY_FLOW

from genjax.errors import InputError
from genjax.families.flow.family import FLOW
from genjax.families.flow.options import FlowDrawing

KEY = jax.random.key(3)


def test_the_report_shows_what_sample_draws():
    trained = FLOW.trained(drawn_flow())
    assert trained.draw_latents is not None
    assert trained.render is not None
    np.testing.assert_array_equal(trained.render(trained.draw_latents(KEY, 2)), trained.draw(KEY, 2, None, None))


def test_guidance_away_from_an_equal_model_that_is_told_the_same_changes_nothing():
    trained, told = FLOW.trained(drawn_flow(CLASSES)), FlowDrawing(steps=2, guidance=3.0)
    assert trained.guided is not None
    plain = trained.draw(KEY, 3, CLASSES.names, FlowDrawing(steps=2))
    same = trained.guided(drawn_flow(CLASSES), True)(KEY, 3, CLASSES.names, told)
    assert np.abs(same.astype(int) - plain).max() <= 1  # v + (w - 1) (v - v_ref) with v_ref = v, but for rounding
    untold = trained.guided(drawn_flow(CLASSES), False)(KEY, 3, CLASSES.names, told)
    np.testing.assert_array_equal(untold, trained.draw(KEY, 3, CLASSES.names, told))  # classifier-free guidance
    assert np.abs(untold.astype(int) - plain).max() > 10


def test_a_model_of_another_process_is_no_reference():
    trained = FLOW.trained(drawn_flow())
    assert trained.guided is not None
    with pytest.raises(InputError, match=r"--guide names a model of --flow.process edm, and this one is of rectified"):
        trained.guided(drawn_flow(options=dataclasses.replace(TINY_FLOW, process="edm")), True)
