"""The share of samples that copy: against all distances in numpy, and where a learner measures it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.core import Tracer
from scipy.spatial.distance import cdist
from tiny import plain_gan, tiny_vae

from genjax.control import chain, memorisation
from genjax.errors import InputError
from genjax.evaluate.metrics import letters
from genjax.families import copies
from genjax.families.copies import (
    MOST,
    SAMPLES,
    Shots,
    different_shots,
    labels_apart,
    measure_of,
    places_over,
    share_of_copies,
)
from genjax.families.flow.learner import make_flow
from genjax.families.model import Condition, Styles
from genjax.losses.flow import rectified
from genjax.losses.mean_flow import mean_flow
from genjax.models.dit import Dit

RNG = np.random.default_rng(0)
SHOTS = RNG.integers(0, 256, (6, 16, 16, 1), dtype=np.uint8)


def as_float(images):
    return jnp.asarray(images.astype(np.float32) / 127.5 - 1)


def mixed(noise):
    """A shot with noise, for each of the shots."""
    return np.clip(SHOTS + RNG.normal(0, noise, SHOTS.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("noise", [0, 5, 30, 34, 36, 38, 40, 60])
def test_the_share_is_that_of_all_distances(noise):
    images = np.concatenate([mixed(noise), RNG.integers(0, 256, (5, 16, 16, 1), dtype=np.uint8)])
    found = float(share_of_copies(as_float(images), as_float(SHOTS)))
    distances = np.sort(cdist(images.reshape(11, -1).astype(float), SHOTS.reshape(6, -1).astype(float)), axis=1)
    assert found == pytest.approx((distances[:, 0] < distances[:, 1] / 3).mean())
    assert found == pytest.approx(letters.copies(images, SHOTS).mean())


def test_the_cases_are_on_both_sides_of_the_threshold():
    assert letters.copies(mixed(5), SHOTS).all()
    assert not letters.copies(mixed(60), SHOTS).any()


def test_equal_shots_count_once():
    kept = different_shots(np.concatenate([SHOTS, SHOTS[:3]]), 5)
    assert kept.every == 5
    np.testing.assert_array_equal(np.unique(kept.images, axis=0), np.unique(SHOTS, axis=0))
    assert len(kept.images) == len(SHOTS)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (
            np.repeat(SHOTS[:1], 3, axis=0),
            r"compares the nearest image with the second nearest, and there is one\. Lea",
        ),
        (np.zeros((MOST + 1, 1, 1, 1), np.uint8), "compares samples with up to 1,000 images, and there are 1,001"),
    ],
)
def test_shots_that_say_nothing_are_refused(images, message):
    with pytest.raises(InputError, match=message):
        different_shots(images, 20)


def test_places_are_from_all_over():
    np.testing.assert_array_equal(places_over(3, 7), [0, 1, 2, 0, 1, 2, 0])
    np.testing.assert_array_equal(places_over(8, 4), [0, 2, 4, 6])


def test_samples_are_of_classes_that_no_shot_has():
    assert labels_apart(0, None) is None
    few = labels_apart(4, different_shots(SHOTS, 1, [2, 0, 2, 2, 0, 0]))
    np.testing.assert_array_equal(few, [1, 3] * 8)
    many = np.asarray(labels_apart(62, different_shots(SHOTS, 1, range(10))))
    assert (many[0], len(set(many))) == (10, SAMPLES)
    assert many[-1] > 55
    np.testing.assert_array_equal(labels_apart(2, Shots(SHOTS, 1, (0, 1))), [0, 1] * 8)


def test_between_two_measurements_nothing_is_known():
    """Every third update, of the parameters after it."""
    shown = as_float(np.concatenate([SHOTS] * 3)[:SAMPLES])
    measure = measure_of(Shots(SHOTS, 3), lambda key, n: jnp.zeros((n, 1)), lambda trained, *_: trained["g"] * shown)
    assert measure is not None
    found = [
        float(measure({"g": jnp.float32(g)}, {}, jax.random.key(0), jnp.int32(done)))
        for done, g in enumerate("1110110")
    ]
    np.testing.assert_array_equal(found, [1, np.nan, np.nan, 0, np.nan, np.nan, 0])
    assert measure_of(None, lambda key, n: key, lambda *_: shown) is None


FLOW = {"size": 16, "channels": 1, "optimizer": optax.adam(5e-3)}
LEARNERS = {
    "gan": lambda **given: plain_gan(**given),
    "vae": lambda **given: tiny_vae(**given),
    "flow": lambda **given: make_flow(Dit(1, 8, 16, 1, 2, classes=0), rectified(), **FLOW, **given),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_measures_it_every_so_many_steps_and_learns_more_slowly(name):
    """With a threshold that all samples pass, so that the share is 1 and .5 above the target."""
    batch = {"image": np.concatenate([SHOTS, SHOTS[:2]])}

    def steps(number, **given):
        learner = LEARNERS[name](**given)
        state, step, seen = jax.jit(learner.init)(jax.random.key(0), batch), jax.jit(learner.step), []
        for _ in range(number):
            state, metrics = step(state, batch)
            seen.append(metrics)
        return state, seen

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "COPY", 2.0)
        controller = chain(memorisation(0.5))
        after, seen = steps(4, controller=controller, shots=Shots(SHOTS, 2))
    assert [float(one["control/copies_seen"]) for one in seen] == [0, 0, 1, 1]
    rates = [float(one["control/copies_rate"]) for one in seen]
    assert rates == pytest.approx([1, 1, np.exp(-2), np.exp(-2)])
    assert all(np.isfinite(value) for one in seen for value in one.values())
    plain, _ = steps(2, controller=chain())
    held, _ = steps(2, controller=controller)  # without shots nothing is known, and nothing is done
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), plain.trainable, held.trainable)
    assert float(after.control[0].copies) == 1


@pytest.mark.parametrize("process", [rectified(), mean_flow()], ids=["rectified", "mean"])
def test_a_flow_of_styles_is_asked_for_all_classes_in_the_usual_style(process):
    condition = Condition("class", tuple("abcd"), styles=Styles("face", ("x", "y"), "y", 0))
    module = Dit(1, 8, 16, 1, 2, classes=4, styles=3)
    asked = []

    class Watched:
        init = staticmethod(module.init)

        def apply(self, variables, images, levels, given, /, **kwargs):
            asked.append(given)
            return images

    flow = make_flow(
        Watched(), process, condition=condition, controller=memorisation(0.1), shots=Shots(SHOTS, 1, (0,)), **FLOW
    )
    batch = {"image": SHOTS, "styled_label": np.zeros((6, 2), np.int32)}
    state = flow.init(jax.random.key(0), batch)
    jax.eval_shape(flow.step, state, batch)
    (given,) = {tuple(map(tuple, np.asarray(one))) for one in asked if not isinstance(one, Tracer)}
    assert given == tuple((row % 3 + 1, 2) for row in range(SAMPLES))
