"""StyleGAN2's networks: modulation, styles from outside, equalised layers, names that freezing goes by."""

from fnmatch import fnmatch
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal
from jax import lax
from scipy.signal import convolve2d

from genjax.families.step import forward_with_features
from genjax.models.layers import LAYOUT
from genjax.models.stylegan2.equalised import EqualConv, EqualDense
from genjax.models.stylegan2.networks import (
    MAPPING_RATE,
    Critic,
    Generator,
    activated,
    mixed,
    modulated_convolution,
    truncated,
)
from genjax.tree import flatten, unflatten

GENERATOR = Generator(8, channels=1, width=8, latent_size=6)
CRITIC = Critic(8, width=8)
LABELS = jnp.array([0, 2, 1, 2])
TAPS = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16  # of upsampling, after zeros were put between the pixels


def shapes(module, *inputs):
    params = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs))["params"]
    return {name: leaf.shape for name, leaf in flatten(params).items()}


def drawn(module, *inputs):
    """Draws parameters of the variance at which they begin, but no bias, table or strength at its neutral value."""
    rng, filled = np.random.default_rng(0), {}
    for name, shape in shapes(module, *inputs).items():
        scale = 0.1 if name.endswith("bias") else 1.0
        centre = 1.0 if name.endswith("style/bias") else 0.0
        rate = MAPPING_RATE if name.startswith("mapping") else 1.0
        filled[name] = jnp.asarray((centre + scale * rng.normal(size=shape)) / rate, jnp.float32)
    return unflatten(filled)


@cache
def compiled(module, method):
    return jax.jit(partial(module.apply, method=method))


def applied(module, params, *inputs, method=None):
    return np.asarray(compiled(module, method)({"params": params}, *inputs))


@pytest.fixture(scope="module")
def params():
    return drawn(GENERATOR, jnp.zeros((4, 6)))


def test_the_names_and_shapes_of_the_generator():
    convolution = {"bias": (8,), "kernel": (3, 3, 8, 8), "style/bias": (8,), "style/kernel": (6, 8)}
    image = convolution | {"bias": (3,), "kernel": (8, 3)}
    dense = {"bias": (6,), "kernel": (6, 6)}
    parts = dict.fromkeys(("conv_4", "up_8", "conv_8", "up_16", "conv_16"), convolution)
    parts |= dict.fromkeys(("image_4", "image_8", "image_16"), image) | dict.fromkeys(("mapping_0", "mapping_1"), dense)
    expected = {f"{part}/{name}": shape for part, leaves in parts.items() for name, shape in leaves.items()}
    module = Generator(16, channels=3, width=8, latent_size=6)
    assert shapes(module, jnp.zeros((1, 6))) == expected | {"constant": (4, 4, 8)}


def test_the_names_and_shapes_of_the_critic():
    assert shapes(Critic(8, width=6), jnp.zeros((1, 8, 8, 3))) == {
        "image/bias": (6,),
        "image/kernel": (3, 6),
        "down_4/conv_0/bias": (6,),
        "down_4/conv_0/kernel": (3, 3, 6, 6),
        "down_4/conv_1/bias": (6,),
        "down_4/conv_1/kernel": (3, 3, 6, 6),
        "down_4/skip/kernel": (6, 6),
        "conv_4/bias": (6,),
        "conv_4/kernel": (3, 3, 7, 6),
        "dense/bias": (6,),
        "dense/kernel": (4 * 4 * 6, 6),
        "head/bias": (1,),
        "head/kernel": (6, 1),
    }


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (32, 1), (64, 3)])
def test_every_size_has_its_stages(size, channels):
    generator, critic = Generator(size, channels, width=8, latent_size=6), Critic(size, width=8)
    latents, images = jnp.zeros((2, 6)), jnp.zeros((2, size, size, channels))
    made = jax.eval_shape(lambda: generator.init_with_output(jax.random.key(0), latents)[0])
    assert (made.shape, made.dtype) == (images.shape, jnp.float32)
    logits = jax.eval_shape(lambda: critic.init_with_output(jax.random.key(0), images)[0])
    assert (logits.shape, logits.dtype) == ((2,), jnp.float32)
    # FreezeD's pattern holds every halving but the last.
    frozen = {name.partition("/")[0] for name in shapes(critic, images) if fnmatch(name, "down_[!4]*")}
    assert frozen == {f"down_{resolution}" for resolution in (8, 16, 32) if resolution < size}


def test_the_features_of_each_doubling_are_captured():
    module, latents = GENERATOR.clone(size=16), jnp.zeros((2, 6))
    _, features = jax.eval_shape(partial(forward_with_features, module), drawn(module, latents), latents)
    assert [leaf.shape for leaf in features] == [(2, 8, 8, 8), (2, 16, 16, 8)]


@pytest.mark.parametrize("rate", [1.0, 0.01])
def test_equalised_weights_begin_at_one_over_the_rate_and_give_unit_variance(rate, getkey):
    layer, inputs = EqualDense(200, rate=rate, initial_bias=0.5), normal(getkey(), (50, 100))
    outputs, variables = layer.init_with_output(getkey(), inputs)
    params = flatten(variables["params"])
    np.testing.assert_allclose(rate * np.std(params["kernel"]), 1, rtol=0.02)
    np.testing.assert_allclose(rate * np.asarray(params["bias"]), 0.5, rtol=1e-6)
    np.testing.assert_allclose(np.var(np.asarray(outputs)), 1, rtol=0.1)
    np.testing.assert_allclose(np.mean(np.asarray(outputs)), 0.5, atol=0.1)


def test_convolutions_and_the_activation_keep_the_mean_square(getkey):
    images = normal(getkey(), (8, 16, 16, 32))
    outputs = np.asarray(EqualConv(32).init_with_output(getkey(), images)[0])[:, 1:-1, 1:-1]
    np.testing.assert_allclose(np.var(outputs), 1, rtol=0.1)
    np.testing.assert_allclose(np.mean(np.asarray(activated(images)) ** 2), 1 + 0.2**2, rtol=0.05)
    kernel, style = normal(getkey(), (3, 3, 32, 32)), 1 + normal(getkey(), (8, 32))
    outputs = np.asarray(modulated_convolution(images, kernel, style))[:, 1:-1, 1:-1]
    np.testing.assert_allclose(np.var(outputs), 1, rtol=0.1)


def test_the_modulated_convolution_is_one_with_a_kernel_for_each_image(getkey):
    """The kernel is s_j W_ijk over its norm for each output k. (Karras et al. 2020, eq. 1 and 3)"""
    images, kernel, style = (normal(getkey(), shape) for shape in ((3, 6, 6, 4), (3, 3, 4, 5), (3, 4)))
    made = np.asarray(jax.jit(modulated_convolution)(images, kernel, style))
    for index in range(3):
        own = np.asarray(kernel) * np.asarray(style)[index][None, None, :, None]
        own = own / np.sqrt((own**2).sum(axis=(0, 1, 2)) + 1e-8)[None, None, None]
        expected = lax.conv_general_dilated(
            images[index : index + 1], jnp.asarray(own), (1, 1), "SAME", dimension_numbers=LAYOUT
        )
        np.testing.assert_allclose(made[index], np.asarray(expected)[0], atol=1e-5)


def test_multiplied_styles_change_nothing(getkey):
    images, kernel, style = (normal(getkey(), shape) for shape in ((3, 6, 6, 4), (3, 3, 4, 5), (3, 4)))
    convolve = jax.jit(partial(modulated_convolution, double=True))
    factors = jnp.array([[0.1], [3.0], [50.0]])
    np.testing.assert_allclose(
        convolve(images, kernel, style), convolve(images, kernel, factors * style), rtol=1e-4, atol=1e-5
    )


def test_a_doubling_is_the_papers_transposed_convolution_and_filter_inside_the_border(getkey):
    """Zeros between the pixels, then the kernel, then the filter."""
    images, kernel = normal(getkey(), (1, 8, 8, 2)), normal(getkey(), (3, 3, 2, 1))
    made = np.asarray(jax.jit(partial(modulated_convolution, double=True))(images, kernel, jnp.ones((1, 2))))
    summed = 0.0
    for channel in range(2):
        sparse = np.zeros((16, 16))
        sparse[::2, ::2] = np.asarray(images)[0, :, :, channel]
        rotated = np.asarray(kernel)[::-1, ::-1, channel, 0]  # networks correlate
        summed = summed + convolve2d(convolve2d(sparse, rotated), TAPS)[2:18, 2:18]
    expected = summed / np.sqrt((np.asarray(kernel) ** 2).sum())
    np.testing.assert_allclose(made[0, 3:-3, 3:-3, 0], expected[3:-3, 3:-3], atol=1e-5)


def test_mapping_and_synthesis_one_after_the_other_are_the_generator(params, getkey):
    latents = normal(getkey(), (4, 6))
    w = applied(GENERATOR, params, latents, method="mapping")
    ws = np.repeat(w[:, None], GENERATOR.layers, axis=1)
    images = applied(GENERATOR, params, ws, method="synthesis")
    np.testing.assert_allclose(images, applied(GENERATOR, params, latents), atol=1e-4)


def test_only_the_direction_of_latents_matters(params, getkey):
    latents = normal(getkey(), (4, 6))
    images = applied(GENERATOR, params, latents)
    np.testing.assert_allclose(images, applied(GENERATOR, params, 5 * latents), atol=1e-4)
    assert np.abs(images - applied(GENERATOR, params, -latents)).max() > 0.1


def test_an_image_depends_on_its_own_latents_alone(params, getkey):
    latents = normal(getkey(), (4, 6))
    changed = latents.at[1:].set(normal(getkey(), (3, 6)))
    images, others = applied(GENERATOR, params, latents), applied(GENERATOR, params, changed)
    np.testing.assert_allclose(images[0], others[0], atol=1e-5)
    assert np.abs(images[1:] - others[1:]).max(axis=(1, 2, 3)).min() > 0.1


def test_psi_0_gives_one_image_for_all_latents_and_psi_1_each_its_own(params, getkey):
    w, center = normal(getkey(), (4, 6)), normal(getkey(), (6,))
    np.testing.assert_allclose(truncated(w, center, 1.0), w, atol=1e-6)
    np.testing.assert_allclose(truncated(w, center, 0.5), (w + center[None]) / 2, atol=1e-6)
    ws = jnp.repeat(truncated(w, center, jnp.float32(0))[:, None], GENERATOR.layers, axis=1)
    images = applied(GENERATOR, params, ws, method="synthesis")
    np.testing.assert_allclose(images, np.repeat(images[:1], 4, axis=0), atol=1e-5)


def test_styles_are_mixed_at_a_cut_of_each_image(params, getkey):
    first, second = normal(getkey(), (4, 6)), normal(getkey(), (4, 6))
    layers = GENERATOR.layers
    mix = jax.jit(partial(mixed, layers=layers))
    ws = np.asarray(mix(first, second, jnp.array([0, 2, layers - 1, layers])))
    for image, cut in enumerate([0, 2, layers - 1, layers]):
        np.testing.assert_array_equal(ws[image, :cut], np.repeat(first[image][None], cut, axis=0))
        np.testing.assert_array_equal(ws[image, cut:], np.repeat(second[image][None], layers - cut, axis=0))
    both = [mixed(first, second, layers, layers), mixed(first, second, 0, layers)]
    one, other, images = (applied(GENERATOR, params, each, method="synthesis") for each in (*both, ws))
    np.testing.assert_allclose(images[0], other[0], atol=1e-5)
    np.testing.assert_allclose(images[3], one[3], atol=1e-5)
    assert all(np.abs(images[1] - image).max() > 0.1 for image in (one[1], other[1]))


def test_every_layer_reads_its_own_w(params, getkey):
    ws = jnp.repeat(normal(getkey(), (1, 1, 6)), GENERATOR.layers, axis=1)
    ws = jnp.concatenate([ws + jnp.eye(GENERATOR.layers)[:, :, None], ws])  # image i has another w in layer i
    images = applied(GENERATOR, params, ws, method="synthesis")
    assert np.abs(images[:-1] - images[-1:]).max(axis=(1, 2, 3)).min() > 0.01


def test_noise_is_fixed_and_begins_without_effect(params, getkey):
    latents, noisy = normal(getkey(), (4, 6)), GENERATOR.clone(noise=True)
    strengths = {f"{name}/noise": jnp.zeros(()) for name in ("conv_4", "up_8", "conv_8")}
    flat = flatten(params)
    assert shapes(noisy, latents) == {name: leaf.shape for name, leaf in (flat | strengths).items()}
    plain = applied(GENERATOR, params, latents)
    np.testing.assert_allclose(applied(noisy, unflatten(flat | strengths), latents), plain, atol=1e-5)
    stronger = unflatten(flat | {name: jnp.ones(()) for name in strengths})
    once = applied(noisy, stronger, latents)
    assert np.abs(once - plain).max() > 0.1
    compiled.cache_clear()
    np.testing.assert_array_equal(once, applied(noisy, stronger, latents))


def test_bfloat16_computes_close_to_float32_and_keeps_float32_parameters(params, getkey):
    latents, half = normal(getkey(), (4, 6)), GENERATOR.clone(dtype=jnp.bfloat16)
    images, rounded = applied(GENERATOR, params, latents), applied(half, params, latents)
    assert rounded.dtype == np.float32
    assert np.abs(images - rounded).max() < 0.05 * np.abs(images).max()
    images = jnp.asarray(images)
    critic = drawn(CRITIC, images)
    logits, close = applied(CRITIC, critic, images), applied(CRITIC.clone(dtype=jnp.bfloat16), critic, images)
    assert close.dtype == np.float32
    assert np.abs(logits - close).max() < 0.05 * np.abs(logits).max()
    for module, inputs in ((half, latents), (CRITIC.clone(dtype=jnp.bfloat16), images)):
        begun = jax.eval_shape(module.init, getkey(), inputs)
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(begun))


def test_classes_add_a_table_to_either_network():
    generator = shapes(GENERATOR.clone(classes=3), jnp.zeros((4, 6)), LABELS)
    assert generator.pop("class/embedding") == (3, 6)
    assert generator == shapes(GENERATOR, jnp.zeros((4, 6))) | {"mapping_0/kernel": (12, 6)}
    images = jnp.zeros((4, 8, 8, 1))
    critic = shapes(CRITIC.clone(classes=3), images, LABELS)
    assert critic.pop("projection/embedding") == (3, 8)
    assert critic == shapes(CRITIC, images)
    for module, inputs in ((GENERATOR, jnp.zeros((4, 6))), (CRITIC, images)):
        with pytest.raises(ValueError, match="applied without labels"):
            shapes(module.clone(classes=3), inputs)


def test_the_class_changes_the_image(getkey):
    module, latents = GENERATOR.clone(classes=3), normal(getkey(), (4, 6))
    params = drawn(module, latents, LABELS)
    images, others = (applied(module, params, latents, labels) for labels in (LABELS, LABELS.at[0].set(1)))
    assert np.abs(images[0] - others[0]).max() > 0.1
    np.testing.assert_allclose(images[1:], others[1:], atol=1e-5)


def test_the_critic_projects_its_features_on_the_class(getkey):
    """D(x, y) - <e(y), phi(x)> / sqrt(d) is the critic without classes, phi the input of its head."""
    module, images = CRITIC.clone(classes=3), normal(getkey(), (4, 8, 8, 1))
    params = drawn(module, images, LABELS)
    logits = applied(module, params, images, LABELS)
    table, rest = params["projection"]["embedding"], {name: params[name] for name in params if name != "projection"}
    plain, kept = jax.jit(
        lambda images: CRITIC.apply(
            {"params": rest},
            images,
            capture_intermediates=lambda part, _: part.name == "dense",
            mutable=["intermediates"],
        )
    )(images)
    phi = np.asarray(activated(jax.tree.leaves(kept)[0]), float)
    expected = np.asarray(plain) + (np.asarray(table)[LABELS] * phi).sum(axis=1) / np.sqrt(8)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_the_features_are_those_before_the_deviation(getkey):
    """Unlike the logits, those of an image don't depend on the others."""
    images = normal(getkey(), (4, 8, 8, 1))
    params = drawn(CRITIC, images)
    changed = images.at[1:].multiply(2)
    features, others = (applied(CRITIC, params, each, method="features") for each in (images, changed))
    assert features.shape == (4, 4, 4, 8)
    np.testing.assert_allclose(features[0], others[0], atol=1e-5)
    assert abs(applied(CRITIC, params, images)[0] - applied(CRITIC, params, changed)[0]) > 1e-3


def test_gradients_of_gradients_are_finite(getkey):
    """R1 differentiates the critic's slope, path length regularisation the generator's."""
    critic, images = Critic(8, width=4), normal(getkey(), (4, 8, 8, 1))
    generator, latents = Generator(8, width=4, latent_size=4), normal(getkey(), (4, 4))

    def slope(module, params, inputs):  # the squared length of the gradient in the inputs
        gradient = jax.grad(lambda inputs: module.apply({"params": params}, inputs).sum())(inputs)
        return jnp.square(gradient).sum()

    for module, inputs in ((critic, images), (generator, latents)):
        gradients = flatten(jax.jit(jax.grad(partial(slope, module)))(drawn(module, inputs), inputs))
        assert all(np.isfinite(leaf).all() for leaf in gradients.values())
        assert all(np.any(leaf) for name, leaf in gradients.items() if name.endswith("kernel"))
