"""The shape: chaining, and what is refused when a controller is built."""

import jax.numpy as jnp
import pytest

from genjax.control import Controller, ada, chain, check, geco
from genjax.errors import InputError


def test_a_chain_updates_each_with_the_same_signals():
    both = chain(ada(interval=1, images_to_one=100), geco(tolerance=0.1))
    signals = {"real_sign": jnp.ones(()), "images": jnp.full((), 10.0), "squared_error": jnp.ones(())}
    knobs = both.knobs(both.update(signals, both.init()))
    assert set(knobs) == set(both.sets) == {"augment_probability", "reconstruction_weight"}
    assert float(knobs["augment_probability"]) == pytest.approx(0.1)
    assert float(knobs["reconstruction_weight"]) > 1


def test_the_empty_chain_sets_nothing():
    empty = chain()
    assert empty.knobs(empty.update({}, empty.init())) == {}


def test_two_controllers_of_one_knob_are_an_error_that_names_both():
    with pytest.raises(ValueError, match=r"controllers 1 and 2 .* both set the knob 'augment_probability'"):
        chain(ada(), ada())


def test_an_absent_signal_is_an_error():
    with pytest.raises(InputError, match=r"reads the signal 'real_sign', .*does not measure.*Known: squared_error"):
        check(ada(), signals=("squared_error",), knobs=("augment_probability",))


def test_an_unknown_knob_is_an_error():
    with pytest.raises(InputError, match=r"sets the knob 'augment_probability', .*does not obey"):
        check(ada(), signals=("real_sign", "images"), knobs=("augment_propability",))


def test_a_controller_is_plain_functions():
    constant = Controller(
        lambda: (), lambda signals, state: state, lambda state: {"weight": jnp.ones(())}, (), ("weight",)
    )
    assert float(chain(constant).knobs(((),))["weight"]) == 1
