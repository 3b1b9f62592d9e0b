"""Solvers against an equation whose solution is known, dz/dt = z."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.families.flow.ode import solve


def growth(z, t):
    return z


def error(solver, steps):
    made = solve(growth, jnp.ones(1), np.linspace(1.0, 2.0, steps + 1), solver)
    return abs(float(made[0]) - np.e)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("heun", 2)])
def test_a_solver_has_its_order(solver, order):
    assert error(solver, 10) / error(solver, 20) == pytest.approx(2**order, rel=0.1)


def test_the_last_step_to_time_zero_is_eulers():
    """The field is not asked at time 0, where that of a denoiser is not known."""
    made = solve(lambda z, t: z / t, jnp.ones(1), np.array([1.0, 0.5, 0.0]), "heun")
    # Heun: 1 - .5 (1 + .5 / .5) / 2 = .5, then Euler: .5 - .5 * .5 / .5 = 0
    np.testing.assert_allclose(made, 0, atol=1e-7)


def test_the_way_back_leads_where_the_way_began():
    def field(z, t):
        return jnp.sin(z) * t

    there = solve(field, jnp.array([0.3, 1.1]), np.linspace(0.0, 1.0, 65), "heun")
    back = solve(field, there, np.linspace(1.0, 0.0, 65), "heun")
    np.testing.assert_allclose(back, [0.3, 1.1], atol=1e-3)


def test_unrolled_steps_are_the_same_without_a_loop():
    times = np.linspace(1.0, 0.0, 5)

    def made(z, *, unrolled):
        return solve(lambda z, t: jnp.sin(z) + t, z, times, "heun", unrolled=unrolled)

    z = jnp.array([0.3, 1.1])
    np.testing.assert_allclose(made(z, unrolled=True), made(z, unrolled=False), rtol=1e-6)
    assert "while" in jax.jit(made, static_argnames="unrolled").lower(z, unrolled=False).as_text()
    assert "while" not in jax.jit(made, static_argnames="unrolled").lower(z, unrolled=True).as_text()
