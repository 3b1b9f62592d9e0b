"""Every bad input of the metrics gets one line that says what to do."""

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    kernel_distance_interval,
    precision_recall,
)
from genjax.evaluate.metrics.check import check_features

METRICS = [frechet_distance, kernel_distance, kernel_distance_interval, precision_recall, density_coverage]
GOOD = np.random.default_rng(0).standard_normal((8, 3))
WITH_NAN = np.where(np.arange(24).reshape(8, 3) == 5, np.nan, GOOD)
WITH_INF = np.where(np.arange(24).reshape(8, 3) == 5, np.inf, GOOD)

BAD = {
    "one dimension": (GOOD[0], GOOD, r"real features are float64 of shape \(3,\)"),
    "three dimensions": (GOOD, GOOD[None], r"generated features are .* \(1, 8, 3\)"),
    "no numbers": (GOOD.astype(str), GOOD, "expected numbers"),
    "complex": (GOOD.astype(complex), GOOD, "expected numbers"),
    "no features": (GOOD[:, :0], GOOD[:, :0], "expected numbers of shape"),
    "widths": (GOOD, GOOD[:, :2], "3 features each and generated ones 2"),
    "no image": (GOOD, GOOD[:0], "generated features are of 0 images, expected"),
    "one image": (GOOD[:1], GOOD, "real features are of 1 image, expected"),
    "nan": (GOOD, WITH_NAN, "generated features of 1 of 8 images are not finite"),
    "infinity": (WITH_INF, GOOD, "real features of 1 of 8 images are not finite"),
    "constant": (np.ones((8, 3)), GOOD, "all 8 real images have the same features"),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("case", BAD)
def test_bad_features_are_refused_in_one_line(metric, case):
    real, fake, message = BAD[case]
    with pytest.raises(InputError, match=message) as error:
        metric(real, fake)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("metric", METRICS)
def test_a_collapsed_generator_is_measured(metric):
    assert np.isfinite(metric(GOOD, np.ones((8, 3)))).all()


@pytest.mark.parametrize("metric", [precision_recall, density_coverage])
@pytest.mark.parametrize(("k", "message"), [(0, "k=0 is no number"), (8, "k=8 neighbours need 9 or more")])
def test_the_neighbours_must_exist(metric, k, message):
    with pytest.raises(InputError, match=message):
        metric(GOOD, GOOD, k=k)


def test_features_become_float64_and_stay_as_they_were():
    given = GOOD.astype(np.float32)
    real, fake = check_features(given, given.tolist())
    assert real.dtype == fake.dtype == np.float64
    np.testing.assert_array_equal(real, fake)
    real += 1
    np.testing.assert_array_equal(given, GOOD.astype(np.float32))
