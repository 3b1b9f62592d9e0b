"""PSNR, SSIM and MS-SSIM: golden values, a plain implementation window by window, and what must make them fall."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from genjax.errors import InputError
from genjax.evaluate.metrics.of_models import similarity
from genjax.evaluate.metrics.of_models.similarity import ms_ssim, ms_ssim_diversity, psnr, scales, ssim


def smooth(n, height, width, channels, seed=0):
    """Random images with structure at several scales."""
    noise = np.random.default_rng(seed).standard_normal((n, height, width, channels))
    return shown(gaussian_filter(noise, (0, 1.5, 1.5, 0)) * 260 + 128)


def shown(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def noisy(images, level, seed=1):
    return shown(images + level * np.random.default_rng(seed).standard_normal(images.shape))


def blurred(images, sigma):
    return shown(gaussian_filter(images.astype(float), (0, sigma, sigma, 0)))


def window(size):
    offsets = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(offsets**2) / (2 * (1.5 * size / 11) ** 2))
    table = np.outer(weights, weights)
    return table / table.sum()


def plain_maps(x, y):
    """Means over positions of (luminance x structure) and of structure, of two images (height, width), by loops."""
    size = min(11, *x.shape)
    weights, c1, c2 = window(size), 2.55**2, 7.65**2
    whole, structure = [], []
    for top in range(x.shape[0] - size + 1):
        for left in range(x.shape[1] - size + 1):
            a, b = (image[top : top + size, left : left + size].astype(float) for image in (x, y))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            variance = (weights * ((a - mean_a) ** 2 + (b - mean_b) ** 2)).sum()
            covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
            structure.append((2 * covariance + c2) / (variance + c2))
            whole.append((2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1) * structure[-1])
    return np.mean(whole), np.mean(structure)


def plain_ms_ssim(x, y, weights):
    value = 1.0
    for i, weight in enumerate(weights):
        whole, structure = plain_maps(x, y)
        value *= (whole if i + 1 == len(weights) else structure) ** weight
        if any(side % 2 for side in x.shape):
            x, y = (np.pad(image, [(0, side % 2) for side in image.shape], mode="symmetric") for image in (x, y))
        x, y = (
            0.25 * (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2])
            for image in (x.astype(float), y.astype(float))
        )
    return value


def test_psnr_of_a_known_difference():
    images = np.full((3, 4, 5, 3), 100, np.uint8)
    others = np.stack([images[0], images[1] + 1, np.zeros_like(images[2])])
    np.testing.assert_allclose(psnr(images, others), [np.inf, 20 * np.log10(255), 20 * np.log10(2.55)])
    np.testing.assert_allclose(psnr(others, images), psnr(images, others))


def test_black_against_white_is_zero_decibels():
    black = np.zeros((1, 8, 8, 1), np.uint8)
    assert psnr(black, black + 255) == pytest.approx(0)


@pytest.mark.parametrize(
    ("channels", "similarities", "ratios"),
    [
        (1, [0.9233589190253773, 0.9112266801834557], [18.063790503702847, 17.91378655437225]),
        (3, [0.89028453903189, 0.9069109119506461], [17.684627593385194, 17.82478671381969]),
    ],
)
def test_the_golden_values_of_scikit_image(channels, similarities, ratios):
    """0.26.0: gaussian_weights, sigma 1.5, use_sample_covariance False, data_range 255, channel_axis -1."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 20, 24, channels)).astype(np.uint8)
    others = shown(images + rng.integers(-60, 61, images.shape).astype(float))
    np.testing.assert_allclose(ssim(images, others), similarities, rtol=1e-12)
    np.testing.assert_allclose(psnr(images, others), ratios, rtol=1e-12)


@pytest.mark.parametrize(("height", "width", "channels"), [(11, 11, 1), (16, 13, 1), (12, 14, 3)])
def test_ssim_is_that_of_windows_one_by_one(height, width, channels):
    images = smooth(2, height, width, channels)
    others = noisy(images, 20)
    plain = [
        np.mean([plain_maps(x[..., c], y[..., c])[0] for c in range(channels)])
        for x, y in zip(images, others, strict=True)
    ]
    np.testing.assert_allclose(ssim(images, others), plain, rtol=1e-10)


def test_ssim_of_two_constants_is_the_luminance_term():
    images = np.full((1, 16, 16, 1), 50, np.uint8)
    expected = (2 * 50 * 100 + 2.55**2) / (50**2 + 100**2 + 2.55**2)
    assert ssim(images, 2 * images) == pytest.approx(expected, rel=1e-9)
    assert ms_ssim(images, 2 * images) == pytest.approx(expected ** (0.2856 / 0.3304), rel=1e-9)


def test_the_negative_of_an_image_is_less_than_unlike():
    images = smooth(1, 32, 32, 1)
    assert ssim(images, 255 - images)[0] < -0.5
    assert ms_ssim(images, 255 - images)[0] == 0


def test_the_number_of_scales():
    sizes = {8: 1, 14: 1, 15: 2, 16: 2, 28: 2, 32: 3, 64: 4, 128: 5, 512: 5}
    assert {size: scales(size) for size in sizes} == sizes


@pytest.mark.parametrize(
    ("height", "width", "weights"),
    [
        (16, 16, [0.0448, 0.2856]),
        (15, 19, [0.0448, 0.2856]),
        (9, 40, [0.0448]),
        (32, 40, [0.0448, 0.2856, 0.3001]),
        (113, 113, [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]),
    ],
)
def test_ms_ssim_is_that_of_windows_one_by_one(height, width, weights):
    images = smooth(1, height, width, 1)
    others = noisy(images, 20)
    expected = plain_ms_ssim(images[0, ..., 0], others[0, ..., 0], np.array(weights) / sum(weights))
    assert ms_ssim(images, others) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("metric", [psnr, ssim, ms_ssim])
@pytest.mark.parametrize("size", [16, 33])
def test_more_noise_and_more_blur_are_less_alike(metric, size):
    images = smooth(4, size, size, 3)
    for spoilt in ([noisy(images, level) for level in (0, 10, 30, 90)], [blurred(images, s) for s in (0, 0.7, 1.5, 4)]):
        rows = np.array([metric(images, others) for others in spoilt])
        assert (np.diff(rows, axis=0) < 0).all()


@pytest.mark.parametrize("metric", [ssim, ms_ssim])
def test_equal_images_have_one_and_the_order_does_not_matter(metric):
    images = smooth(3, 20, 24, 3)
    others = noisy(images, 30)
    np.testing.assert_allclose(metric(images, images), 1, rtol=1e-12)
    np.testing.assert_allclose(metric(images, others), metric(others, images), rtol=1e-12)


@pytest.mark.parametrize("metric", [psnr, ssim, ms_ssim, lambda x, y: ms_ssim_diversity(np.concatenate([x, y]))])
def test_chunks_do_not_change_the_values(metric, monkeypatch):
    images = smooth(5, 16, 16, 1)
    whole = metric(images, noisy(images, 30))
    monkeypatch.setattr(similarity, "BLOCK", 2 * 256)
    np.testing.assert_allclose(metric(images, noisy(images, 30)), whole, rtol=1e-12)


def test_diversity_is_the_mean_over_all_pairs_where_these_are_few():
    images = smooth(4, 16, 16, 1)
    expected = np.mean([ms_ssim(images[[i]], images[[j]]) for i in range(4) for j in range(i)])
    assert ms_ssim_diversity(images) == pytest.approx(expected)


def test_collapse_is_seen():
    varied = smooth(30, 16, 16, 1)
    few = varied[np.arange(30) % 3]
    same = np.repeat(varied[:1], 30, axis=0)
    values = [ms_ssim_diversity(images, pairs=100) for images in (varied, few, same)]
    assert values[0] < values[1] < values[2] == pytest.approx(1)


def test_pairs_are_of_two_images_none_twice_and_seeded():
    for n, pairs in ((2, 5), (7, 21), (50, 100), (100_000, 500)):
        first, second = similarity._pairs(n, pairs, np.random.default_rng(0))
        assert len(set(zip(first, second, strict=True))) == len(first) == min(pairs, n * (n - 1) // 2)
        assert ((second >= 0) & (second < first) & (first < n)).all()
    images = smooth(20, 16, 16, 1)
    assert ms_ssim_diversity(images, pairs=5, seed=3) == ms_ssim_diversity(images, pairs=5, seed=3)
    assert ms_ssim_diversity(images, pairs=5, seed=3) != ms_ssim_diversity(images, pairs=5, seed=4)


GOOD = smooth(2, 16, 16, 1)


@pytest.mark.parametrize("metric", [psnr, ssim, ms_ssim])
@pytest.mark.parametrize(
    ("images", "others", "message"),
    [
        (GOOD.astype(float), GOOD, "images are float64, expected uint8"),
        (GOOD, np.full(GOOD.shape, np.nan), "other images are float64, expected uint8"),
        (GOOD[0], GOOD[0], r"images have the shape \(16, 16, 1\), expected"),
        (GOOD, GOOD[:1], r"\(2, 16, 16, 1\) and the others \(1, 16, 16, 1\), expected the same"),
        (GOOD[:0], GOOD[:0], r"images have the shape \(0, 16, 16, 1\)"),
    ],
)
def test_other_images_are_refused(metric, images, others, message):
    with pytest.raises(InputError, match=message):
        metric(images, others)


def test_images_that_are_too_small_or_too_few_are_refused():
    with pytest.raises(InputError, match="16 x 10 pixels, expected sides of 11 or more"):
        ssim(GOOD[:, :, :10], GOOD[:, :, :10])
    with pytest.raises(InputError, match="a side of 7 pixels, expected 8 or more"):
        ms_ssim(GOOD[:, :7], GOOD[:, :7])
    with pytest.raises(InputError, match="a pair needs 2 or more images"):
        ms_ssim_diversity(GOOD[:1])
    with pytest.raises(InputError, match="0 pairs were asked for"):
        ms_ssim_diversity(GOOD, pairs=0)
