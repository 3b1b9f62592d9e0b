"""What a step needs, read from its program: against closed forms, and against the plan of the compiled step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import LEARNERS

from genjax.devices.jaxpr_cost import flops, peak_bytes
from genjax.devices.memory import planned

SQUARE = jax.ShapeDtypeStruct((64, 64), jnp.float32)
EACH = 4 * 64 * 64


def test_a_product_of_matrices_takes_two_operations_a_term():
    assert flops(lambda a, b: a @ b, SQUARE, SQUARE) == 2 * 64**3


def test_what_is_read_no_more_makes_room():
    """In a chain of products a result lives until the next one: two at once, and the matrices that came in."""
    assert peak_bytes(lambda a, b: ((a @ b) @ b) @ b, SQUARE, SQUARE) == (2 + 2) * EACH


def test_what_is_read_later_stays():
    """A gradient reads what its forward pass made: each layer's input lives until the way back."""

    def loss(a, layers):
        for layer in layers:
            a = jnp.sin(a @ layer)
        return a.sum()

    few, many = (peak_bytes(jax.grad(loss), SQUARE, [SQUARE] * number) for number in (2, 6))
    assert many - few >= 4 * 2 * EACH  # of each further layer: its matrix, and what its sine was taken of


def test_what_is_fused_with_its_reader_takes_no_room():
    assert peak_bytes(lambda a: jnp.exp(jnp.sin(a) + 1).sum(), SQUARE) < EACH + 64


def test_a_loop_needs_what_one_turn_needs():
    def looped(a, number):
        return jax.lax.scan(lambda a, _: ((a @ a) @ a, None), a, None, length=number)[0]

    few, many = (peak_bytes(lambda a, number=number: looped(a, number), SQUARE) for number in (2, 20))
    assert few == many <= 4 * EACH


@pytest.mark.slow
@pytest.mark.parametrize("family", LEARNERS)
def test_the_plan_of_the_compiled_step_is_near(family):
    learner = LEARNERS[family]()
    example = {"image": np.zeros((1, 16, 16, 1), np.uint8)}
    state = jax.eval_shape(lambda key: learner.init(key, example), jax.random.key(0))
    batch = {"image": jax.ShapeDtypeStruct((64, 16, 16, 1), np.uint8)}
    assert 0.6 < peak_bytes(learner.step, state, batch) / planned(learner, state, example, 64) < 1.2
