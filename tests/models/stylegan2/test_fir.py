"""Resampling by the filter [1, 3, 3, 1], against a direct convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal
from scipy.signal import convolve2d

from genjax.models.stylegan2.fir import downsampled, upsampled

TAPS = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def framed(image, wide):
    return np.pad(image, wide, mode="edge")


def directly_doubled(image):
    """Puts zeros between the pixels, convolves with the filter (its sum is 4 there), and cuts the frame off."""
    sparse = np.zeros((2 * image.shape[0] + 4, 2 * image.shape[1] + 4))
    sparse[::2, ::2] = framed(image, 1)
    return convolve2d(sparse, 4 * TAPS)[3:-4, 3:-4]


def directly_halved(image):
    """Convolves with the filter and takes every second pixel."""
    return convolve2d(framed(image, 1), TAPS, mode="valid")[::2, ::2]


@pytest.mark.parametrize(("resample", "direct"), [(upsampled, directly_doubled), (downsampled, directly_halved)])
def test_images_are_resampled_as_a_direct_convolution_does(resample, direct, getkey):
    images = normal(getkey(), (2, 6, 4, 3))
    made = np.asarray(jax.jit(resample)(images))
    for index, channel in np.ndindex(2, 3):
        expected = direct(np.asarray(images, float)[index, :, :, channel])
        np.testing.assert_allclose(made[index, :, :, channel], expected, atol=1e-6)


@pytest.mark.parametrize("resample", [upsampled, downsampled])
def test_a_constant_image_stays_constant_up_to_its_border(resample):
    made = jax.jit(resample)(jnp.full((1, 4, 4, 1), 0.7))
    np.testing.assert_allclose(made, 0.7, rtol=1e-6)


@pytest.mark.parametrize("resample", [upsampled, downsampled])
def test_the_dtype_of_the_images_is_kept(resample):
    assert jax.eval_shape(resample, jnp.zeros((1, 4, 4, 1), jnp.bfloat16)).dtype == jnp.bfloat16
