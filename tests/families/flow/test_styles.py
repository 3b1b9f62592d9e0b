"""Styles: a row more for a new one, which begins where the source explains the shots best; what dropping them does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from genjax.config import ModelConfig
from genjax.data import Dataset
from genjax.errors import InputError
from genjax.families.conditions import class_condition, with_new_styles
from genjax.families.flow.family import FLOW, _begun, _offers
from genjax.families.flow.learner import Flow, dropped
from genjax.families.flow.options import FlowConfig
from genjax.families.flow.styles import TABLE, fitted_rows, with_style_rows
from genjax.losses.flow import rectified
from genjax.models.dit import Dit
from genjax.transfer import full
from genjax.tree import flatten, unflatten

SIZE, STYLES = 4, 40
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (STYLES, SIZE, SIZE, 1), dtype=np.uint8)
NAMES = np.array([f"face-{number:02}" for number in range(STYLES)])


def of(names, pictures):
    return Dataset("fonts", "train", pictures, np.zeros(len(pictures), np.int32), ("A",), factors={"face": names})


class Remembering(nn.Module):
    """Gives the image of each style, whatever it sees: a model that knows its styles by heart."""

    styles: int

    @nn.compact
    def __call__(self, images, levels, condition):
        return nn.Embed(self.styles + 1, SIZE**2, name="style")(condition[:, 1]).reshape(images.shape)


def test_a_new_row_begins_at_the_style_that_explains_the_shots():
    known = class_condition(of(NAMES, PICTURES), "face")
    noise = RANDOM.integers(-9, 10, (3, SIZE, SIZE, 1))
    shots = of(np.array(["own"] * 3), np.clip(PICTURES[23] + noise, 0, 255).astype(np.uint8))
    condition = with_new_styles(known, shots)
    table = np.concatenate([np.zeros((1, 16)), PICTURES.reshape(STYLES, -1) / 127.5 - 1, np.zeros((1, 16))])
    flow = Flow(Remembering(STYLES + 1), rectified("image"), SIZE, 1, condition, full(), 0.0, 2)
    params = {"style": {"embedding": jnp.asarray(table, jnp.float32)}}
    fitted = flatten(fitted_rows(params, flow, shots, shots.images[:], STYLES))[TABLE]
    np.testing.assert_array_equal(fitted[-1], fitted[1 + 23])
    np.testing.assert_array_equal(fitted[:-1], table[:-1].astype(np.float32))


def tiny(condition):
    return ModelConfig("flow", 16, 1, "float32", 8, FlowConfig(styles="face"), condition)


@pytest.mark.parametrize(("kind", "options"), [("none", {}), ("text", {}), ("class", {"network": "unet"})])
def test_styles_that_nothing_would_read_are_refused(kind, options):
    with pytest.raises(InputError, match=r"--flow\.styles face is for --condition class and --flow\.network dit"):
        FLOW.condition(kind, FlowConfig(styles="face", **options), of(NAMES, PICTURES))


def test_the_table_grows_by_the_mean_of_its_styles(getkey):
    known = class_condition(of(NAMES[:3], PICTURES[:3]), "face")
    adapted = with_new_styles(known, of(np.array(["own"]), PICTURES[:1]))
    table = jax.random.normal(getkey(), (4, 5))
    grown = flatten(with_style_rows({"flow": unflatten({TABLE: table})}, tiny(adapted))["flow"])[TABLE]
    np.testing.assert_array_equal(grown[:4], table)
    np.testing.assert_allclose(grown[4], table[1:].mean(axis=0), rtol=1e-6)
    same = {"flow": unflatten({TABLE: table})}
    assert _begun(same, tiny(known))["flow"].keys() == same["flow"].keys()
    assert _offers(tiny(adapted))["flow"].rows == ((TABLE, 1),)
    assert _offers(tiny(known))["flow"].rows == ()


def test_class_and_style_add_up(getkey):
    """What a network is told of class and style is a sum, so that an exchange of rows between them changes nothing."""
    network = Dit(1, 4, 16, 1, 2, classes=2, styles=3)
    images, levels, numbers = jnp.ones((1, 8, 8, 1)), jnp.zeros(1), jnp.array([[1, 2]])
    params = flatten(network.init(getkey(), images, levels, numbers)["params"])
    params = {name: leaf + 0.1 * jax.random.normal(getkey(), leaf.shape) for name, leaf in params.items()}
    moved = jax.random.normal(getkey(), (16,))
    other = params | {
        "class/embedding": params["class/embedding"] + moved[None],
        TABLE: params[TABLE] - moved[None],
    }
    first, second = (
        np.asarray(network.apply({"params": unflatten(one)}, images, levels, numbers)) for one in (params, other)
    )
    np.testing.assert_allclose(first, second, atol=1e-5)
    without = np.asarray(network.apply({"params": unflatten(params)}, images, levels, numbers.at[:, 1].set(0)))
    assert np.abs(first - without).max() > 1e-3


def test_a_style_is_dropped_alone_as_often_as_with_its_class():
    condition = class_condition(of(NAMES, PICTURES), "face")
    flow = Flow(Remembering(STYLES), rectified(), SIZE, 1, condition, full(), 0.1, 2)
    batch = {"image": np.zeros((20000, 1)), "styled_label": np.tile([[0, 7]], (20000, 1))}
    given = np.asarray(dropped(flow, batch, jax.random.key(0)))
    both, style = (given == [1, 0]).all(axis=1), (given == [0, 0]).all(axis=1)
    assert (given[~both & ~style] == [0, 7]).all()
    np.testing.assert_allclose([both.mean(), style.mean()], 0.1, atol=0.008)
