"""APA moves another knob by ADA's rule."""

import jax.numpy as jnp

from genjax.control import ada, apa


def test_it_moves_as_ada_does():
    settings = {"target": 0.5, "images_to_one": 500.0, "interval": 2}
    first, second = ada(**settings), apa(**settings)
    states = first.init(), second.init()
    for sign in (0.9, 0.8, 0.7, 0.2, 0.8, 0.9):
        signals = {"real_sign": jnp.float32(sign), "images": jnp.float32(64)}
        states = first.update(signals, states[0]), second.update(signals, states[1])
        (probability,) = first.knobs(states[0]).values()
        assert second.knobs(states[1]) == {"replace_probability": probability}
    assert 0 < float(probability) < 0.8
