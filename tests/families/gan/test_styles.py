"""Drawing by styles: what truncation and mixing do to images, of classes too, and what they refuse."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import TINY_GAN

from genjax.config import ModelConfig
from genjax.errors import InputError
from genjax.families.gan.family import GAN
from genjax.families.gan.options import GanDrawing
from genjax.families.model import NO_CONDITION, Condition, Model
from genjax.families.registry import build_learner
from genjax.transfer import full
from genjax.tree import flatten, unflatten

CLASSES = Condition("class", ("a", "b", "c"))
KEY = jax.random.key(3)


@cache
def drawn_gan(network="stylegan2", condition=NO_CONDITION):
    """A model of 16 by 16 grey pixels, its parameters drawn."""
    config = ModelConfig("gan", 16, 1, "float32", 8, dataclasses.replace(TINY_GAN, network=network), condition)
    batch = {"image": np.zeros((1, 16, 16, 1), np.uint8), "label": np.zeros(1, np.int32)}
    shapes = flatten(jax.eval_shape(build_learner(config).init, jax.random.key(0), batch).trainable["generator"])
    rng = np.random.default_rng(0)
    params = {name: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32) for name, leaf in shapes.items()}
    # Weights of the mapping are 100 times as large at rest; images of a small scale stay inside [-1, 1].
    for name, leaf in params.items():
        made = name.startswith("image") and "style" not in name
        params[name] = leaf * (100 if name.startswith("mapping") else 0.2 if made else 1)
    tree = {"generator": unflatten(params)}
    return Model(config, tree, {"generator": ()}, {"generator": full()}, identity="0" * 64, step=1)


@cache
def trained(network="stylegan2", condition=NO_CONDITION):
    return GAN.trained(drawn_gan(network, condition))


def images(n=4, texts=None, condition=NO_CONDITION, **choices):
    drawing = GanDrawing(**choices) if choices else None
    return trained(condition=condition).draw(KEY, n, texts, drawing).astype(int)


def test_truncation_to_nothing_gives_one_image():
    made = images(truncation=0.0)
    assert np.abs(made - made[:1]).max() <= 1
    assert np.abs(images() - images()[:1]).max() > 50


def test_of_classes_there_is_one_image_a_class():
    made = images(6, ["a", "b", "a", "b", "c", "c"], CLASSES, truncation=0.0)
    for one, other in ((0, 2), (1, 3), (4, 5)):
        assert np.abs(made[one] - made[other]).max() <= 1
    for one, other in ((0, 1), (0, 4), (1, 4)):
        assert np.abs(made[one] - made[other]).max() > 20


def test_without_classes_that_are_named_they_come_in_turn():
    named = images(4, ["a", "b", "c", "a"], CLASSES, truncation=0.5)
    np.testing.assert_array_equal(images(4, None, CLASSES, truncation=0.5), named)


def test_the_mean_is_that_of_many_vectors():
    """One image of truncation 0 is that of the mean of w over latents of another seed."""
    model = drawn_gan()
    latents = build_learner(model.config).latents
    assert latents is not None
    styles = latents.styles
    assert styles is not None
    some = jax.random.normal(jax.random.key(9), (20_000, 8))
    w = jax.jit(styles.mapping)(model.networks, model.context, some).mean(axis=0)
    w = jnp.broadcast_to(w, (1, styles.layers, 8))
    expected = np.asarray(jax.jit(styles.synthesis)(model.networks, model.context, w))
    made = images(1, truncation=0.0) / 127.5 - 1
    assert np.abs(made - expected.clip(-1, 1)).mean() < 0.03


def test_truncation_lies_between_the_mean_and_the_image():
    plain, half, center = (images(truncation=psi) for psi in (1.0 - 1e-7, 0.5, 0.0))
    np.testing.assert_allclose(plain, images(), atol=1)
    assert np.abs(half - center).mean() < np.abs(plain - center).mean()
    assert np.abs(half - plain).mean() < np.abs(center - plain).mean()


def test_mixing_keeps_the_first_layers_of_the_image_and_takes_the_others_elsewhere():
    """Of w by hand: layers before the cut of the image's own latents, from it on of further ones."""
    model = drawn_gan()
    latents = build_learner(model.config).latents
    assert latents is not None
    styles = latents.styles
    assert styles is not None
    draws = (latents.draw(KEY, 4), latents.draw(jax.random.fold_in(KEY, 1), 4))
    first, second = (jax.jit(styles.mapping)(model.networks, model.context, draw) for draw in draws)
    w = jnp.stack([first] * 3 + [second] * (styles.layers - 3), axis=1)
    expected = jax.jit(styles.synthesis)(model.networks, model.context, w)
    np.testing.assert_allclose(images(mix=3) / 127.5 - 1, np.clip(expected, -1, 1), atol=0.01)


def test_the_same_images_come_alone_and_among_others():
    np.testing.assert_array_equal(images(70, truncation=0.7)[:2], images(2, truncation=0.7)[:2])


@pytest.mark.parametrize("choices", [{"truncation": 0.7}, {"mix": 2}])
def test_a_network_without_styles_refuses_both(choices):
    (name,) = choices
    with pytest.raises(InputError, match=f"--{name} is of a generator steered by styles, and this one is dcgan"):
        trained("dcgan").draw(KEY, 2, None, GanDrawing(**choices))


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="this generator has 6 layers"):
        images(mix=6)


def test_texts_of_a_model_without_classes_are_refused_as_without_styles():
    for drawing in (None, GanDrawing(truncation=0.5)):
        with pytest.raises(InputError, match="this model draws without texts"):
            trained().draw(KEY, 2, ["7", "7"], drawing)


@pytest.mark.parametrize("choices", [{"truncation": -0.1}, {"mix": -1}])
def test_negative_choices_are_refused(choices):
    with pytest.raises(InputError, match="expected 0 or more"):
        GanDrawing(**choices)
