"""The GAN's networks: names that freezing goes by, shapes, ranges, dtypes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, parameters

from genjax.models.blocks.minibatch_discrimination import nearness
from genjax.models.dcgan import Critic, Generator
from genjax.tree import flatten


def shapes(module, *inputs):
    params = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs))["params"]
    return {name: leaf.shape for name, leaf in flatten(params).items()}


def test_the_names_and_shapes_of_the_demos_generator():
    assert shapes(Generator(), jnp.zeros((1, 64))) == {
        "norm_4/bias": (128,),
        "norm_4/scale": (128,),
        "norm_8/bias": (64,),
        "norm_8/scale": (64,),
        "stem/bias": (2048,),
        "stem/kernel": (64, 2048),
        "up_16/bias": (1,),
        "up_16/kernel": (4, 4, 64, 1),
        "up_8/bias": (64,),
        "up_8/kernel": (4, 4, 128, 64),
    }


def test_the_names_and_shapes_of_the_demos_critic():
    assert shapes(Critic(), jnp.zeros((1, 16, 16, 1))) == {
        "down_4/bias": (128,),
        "down_4/kernel": (4, 4, 64, 128),
        "down_8/bias": (64,),
        "down_8/kernel": (4, 4, 1, 64),
        "head/bias": (1,),
        "head/kernel": (4 * 4 * 129, 1),
    }


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (32, 1), (64, 3), (128, 1)])
def test_every_size_has_its_stages(size, channels):
    names = shapes(Generator(size, channels, width=8), jnp.zeros((1, 64)))
    assert names[f"up_{size}/kernel"] == (4, 4, 8, channels)
    critic = shapes(Critic(size, width=8), jnp.zeros((1, size, size, channels)))
    assert critic[f"down_{size // 2}/kernel"] == (4, 4, channels, 8)
    assert max(shape[-1] for name, shape in critic.items() if name.endswith("kernel")) <= 64


def test_images_lie_between_minus_one_and_one(getkey):
    module = Generator(width=8)
    images = module.apply({"params": parameters(module, jnp.zeros((1, 64)))}, 100 * normal(getkey(), (4, 64)))
    assert float(jnp.abs(jnp.asarray(images)).max()) <= 1


def test_an_image_depends_on_its_own_latents_alone(getkey):
    module = Generator(width=8)
    latents = normal(getkey(), (4, 64))
    variables = {"params": parameters(module, latents)}
    alone, together = module.apply(variables, latents[:1]), module.apply(variables, latents)
    assert jnp.allclose(jnp.asarray(alone)[0], jnp.asarray(together)[0], atol=1e-5)


def test_bfloat16_computes_close_to_float32_and_keeps_float32_parameters(getkey):
    latents = normal(getkey(), (2, 64))
    variables = {"params": parameters(Generator(width=8), latents)}
    half = Generator(width=8, dtype=jnp.bfloat16)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(jax.eval_shape(half.init, getkey(), latents)))
    left, right = Generator(width=8).apply(variables, latents), half.apply(variables, latents)
    assert jnp.asarray(right).dtype == jnp.float32
    assert jnp.allclose(jnp.asarray(left), jnp.asarray(right), atol=0.05)


def test_the_head_reads_the_features(getkey):
    module, images = Critic(width=8), normal(getkey(), (4, 16, 16, 1))
    features = module.apply({"params": parameters(module, images)}, images, method="features")
    assert jnp.asarray(features).shape == (4, 4, 4, 16)


LABELS = jnp.array([0, 2, 1, 2])


def test_classes_add_a_table_to_either_network():
    labels = jnp.zeros(1, int)
    generator = shapes(Generator(classes=3), jnp.zeros((1, 64)), labels)
    assert generator.pop("class/embedding") == (3, 64)
    assert generator == shapes(Generator(), jnp.zeros((1, 64))) | {"stem/kernel": (128, 2048)}
    critic = shapes(Critic(classes=3), jnp.zeros((1, 16, 16, 1)), labels)
    assert critic.pop("projection/embedding") == (3, 4 * 4 * 129)
    assert critic == shapes(Critic(), jnp.zeros((1, 16, 16, 1)))
    with pytest.raises(ValueError, match="applied without labels"):
        shapes(Generator(classes=3), jnp.zeros((1, 64)))


def test_a_class_is_a_vector_beside_the_latents(getkey):
    """The network without classes, given latents with the row of the table behind them, draws the same."""
    module, latents = Generator(width=8, latent_size=6, classes=3), normal(getkey(), (4, 6))
    params = parameters(module, latents, LABELS)
    table, rest = params["class"]["embedding"], {name: leaf for name, leaf in params.items() if name != "class"}
    images = jnp.asarray(module.apply({"params": params}, latents, LABELS))
    both = jnp.concatenate([latents, table[LABELS]], axis=1)
    np.testing.assert_array_equal(images, Generator(width=8, latent_size=12).apply({"params": rest}, both))
    others = jnp.asarray(module.apply({"params": params}, latents, jnp.roll(LABELS, 1)))
    assert float(jnp.abs(others - images).max()) > 0.01


def test_the_critic_projects_its_features_on_the_class(getkey):
    """D(x, y1) - D(x, y2) = <e(y1) - e(y2), phi(x)>, and D(x, y) - <e(y), phi(x)> is the critic without classes.

    (Miyato & Koyama 2018, eq. 3)
    """
    module, images = Critic(width=8, classes=3), normal(getkey(), (4, 16, 16, 1))
    params = parameters(module, images, LABELS)
    table = np.asarray(params["projection"]["embedding"], float)
    rest = {name: leaf for name, leaf in params.items() if name != "projection"}
    features = np.asarray(Critic(width=8).apply({"params": rest}, images, method="features"), float)
    deviation = np.full((4, 4, 4, 1), np.sqrt(features.var(axis=0) + 1e-8).mean())  # of the four images together
    phi = np.concatenate([features, deviation], axis=3).reshape(4, -1)
    logits = np.asarray(module.apply({"params": params}, images, LABELS))
    others = np.asarray(module.apply({"params": params}, images, 2 - LABELS))
    difference = ((table[LABELS] - table[2 - LABELS]) * phi).sum(axis=1)
    np.testing.assert_allclose(logits - others, difference, atol=1e-4)
    plain = np.asarray(Critic(width=8).apply({"params": rest}, images))
    np.testing.assert_allclose(logits - plain, (table[LABELS] * phi).sum(axis=1), atol=1e-4)


@pytest.mark.parametrize(
    ("statistic", "length", "own"),
    [("none", 16 * 128, {}), ("discrimination", 16 * 128 + 32, {"discrimination/kernel": (128, 32, 5)})],
)
def test_the_head_and_the_projection_fit_the_statistic(statistic, length, own):
    images = jnp.zeros((1, 16, 16, 1))
    usual = shapes(Critic(), images) | {"head/kernel": (length, 1)}
    assert shapes(Critic(batch_statistic=statistic), images) == usual | own
    of_classes = shapes(Critic(batch_statistic=statistic, classes=3), images, jnp.zeros(1, int))
    assert of_classes.pop("projection/embedding") == (3, length)
    assert of_classes == usual | own


@pytest.mark.parametrize(("statistic", "seen"), [("deviation", True), ("discrimination", True), ("none", False)])
def test_a_logit_depends_on_the_other_images_where_there_is_a_statistic_of_them(statistic, seen, getkey):
    module, images = Critic(width=8, batch_statistic=statistic), normal(getkey(), (4, 16, 16, 1))
    variables = {"params": parameters(module, images)}
    alike = jnp.broadcast_to(images[:1], images.shape)
    first, second = (float(jnp.asarray(module.apply(variables, of))[0]) for of in (images, alike))
    assert (first != pytest.approx(second, abs=1e-4)) == seen


def test_the_head_reads_the_features_and_then_how_near_their_means_are(getkey):
    module, images = Critic(width=8, batch_statistic="discrimination"), normal(getkey(), (4, 16, 16, 1))
    params = parameters(module, images)
    features = np.asarray(module.apply({"params": params}, images, method="features"))
    vectors = np.einsum("nd,dbc->nbc", features.mean(axis=(1, 2)), params["discrimination"]["kernel"])
    near = nearness(jnp.asarray(vectors), group=8)
    expected = np.concatenate([features.reshape(4, -1), near], axis=1) @ params["head"]["kernel"]
    np.testing.assert_allclose(
        np.asarray(module.apply({"params": params}, images)), expected[:, 0], rtol=1e-3, atol=1e-4
    )
