"""LeCam's anchors: moving averages, and a weight in the units of the logits."""

import jax.numpy as jnp
import pytest

from genjax.control import lecam


def after(controller, steps, real=2.0, fake=-2.0):
    state = controller.init()
    for _ in range(steps):
        state = controller.update({"real_logit": jnp.float32(real), "fake_logit": jnp.float32(fake)}, state)
    return controller.knobs(state)


def test_the_anchors_are_moving_averages():
    knobs = after(lecam(decay=0.9, start=0), 7)
    assert float(knobs["lecam_real_anchor"]) == pytest.approx(2 * (1 - 0.9**7), rel=1e-5)
    assert float(knobs["lecam_fake_anchor"]) == pytest.approx(-2 * (1 - 0.9**7), rel=1e-5)


def test_nothing_weighs_before_the_start():
    assert float(after(lecam(start=4, decay=0.0), 3)["lecam_weight"]) == 0
    assert float(after(lecam(start=4, decay=0.0), 4)["lecam_weight"]) == pytest.approx(0.3 / 16)


def test_the_weight_scales_with_the_logits():
    """Ten times the logits: a hundredth of the weight, so that weight times penalty, a square, stays."""
    small, large = (after(lecam(start=0, decay=0.0), 1, 3 * k, -3 * k)["lecam_weight"] for k in (1, 10))
    assert float(small) == pytest.approx(100 * float(large), rel=1e-5)
    assert float(after(lecam(start=0, decay=0.0, relative=False), 1)["lecam_weight"]) == pytest.approx(0.3)
    assert float(after(lecam(start=0, decay=0.0), 1, 0.1, -0.1)["lecam_weight"]) == pytest.approx(0.3), "a floor"
