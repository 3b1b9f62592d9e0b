"""Solvers against an equation whose solution is known, dz/dt = z."""

import itertools

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


def test_a_field_is_asked_as_often_as_its_step_needs_and_stands_in_the_program_once():
    asked, traced = [], []

    def field(z, t):
        traced.append(t)
        jax.debug.callback(lambda time: asked.append(float(time)), t, ordered=True)
        return z

    times = np.array([1.0, 0.5, 0.0])
    for way, expected in ((times, [1.0, 0.5, 0.5]), (times[::-1], [0.5, 0.5, 1.0]), (times[:-1], [1.0, 0.5])):
        asked.clear()
        traced.clear()
        jax.block_until_ready(solve(field, jnp.ones(1), way, "heun"))
        jax.effects_barrier()
        assert asked == expected
        assert len(traced) == 1
    np.testing.assert_array_equal(solve(field, jnp.ones(1), times[:1]), jnp.ones(1))  # nowhere to go


def test_heun_is_its_steps_written_out():
    """In double precision, a step after the other."""
    times = np.linspace(1.0, 0.1, 6)
    z = np.array([0.3, 1.1])
    for time, following in itertools.pairwise(times):
        slope = np.sin(z) + time
        ahead = np.sin(z + (following - time) * slope) + following
        z = z + (following - time) * (slope + ahead) / 2
    found = solve(lambda z, t: jnp.sin(z) + t, jnp.array([0.3, 1.1]), times, "heun")
    np.testing.assert_allclose(found, z, rtol=1e-5)
