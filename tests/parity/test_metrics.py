"""The metrics beside the field's own implementations, on the same features."""

import importlib
import importlib.util
import sys
from unittest import mock

import numpy as np
import pytest

from genjax.evaluate import (
    density_coverage,
    frechet_distance,
    kernel_distance,
    precision_recall,
    vendi_score,
)
from genjax.evaluate.metrics.diversity import vendi_score_of_kernel

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make parity")
for peer in ("torch_fidelity", "prdc", "vendi_score"):
    if not importlib.util.find_spec(peer):
        pytest.skip(f"{peer} is not installed: make parity", allow_module_level=True)

RELATIVE = 1e-6
SHAPES = [(500, 400, 32), (60, 90, 16), (40, 300, 8), (40, 30, 64)]  # real and generated images, features


def features(shape, seed=0):
    """(real, generated) features."""
    n, m, d = shape
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal((m, d)) * 0.8 + 0.3


@pytest.fixture(scope="module")
def fidelity():
    """A function from names to modules of torch-fidelity; of torchvision, which they import, nothing is used."""
    names = ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional")
    stubs = {name: mock.MagicMock() for name in names if name not in sys.modules}
    sys.modules.update(stubs)
    yield lambda name: importlib.import_module(f"torch_fidelity.{name}")
    for name in stubs:
        del sys.modules[name]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_frechet_distance(fidelity, shape):
    fid, (real, fake) = fidelity("metric_fid"), features(shape)
    statistics = [fid.fid_features_to_statistics(torch.from_numpy(part)) for part in (real, fake)]
    theirs = fid.fid_statistics_to_metric(*statistics, verbose=False)[fid.KEY_METRIC_FID]
    assert frechet_distance(real, fake) == pytest.approx(theirs, rel=RELATIVE)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernel_distance(fidelity, shape):
    kid, (real, fake) = fidelity("metric_kid"), features(shape)
    settings = {"kid_subsets": 10, "kid_subset_size": 30, "rng_seed": 2020, "verbose": False}
    settings |= {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_coef0": 1}
    parts = [torch.from_numpy(part) for part in (fake, real)]  # generated first
    theirs = kid.kid_features_to_metric(*parts, kid_kernel_poly_gamma=None, **settings)[kid.KEY_METRIC_KID_MEAN]
    assert kernel_distance(real, fake, subsets=10, subset_size=30) == pytest.approx(theirs, rel=RELATIVE)


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_precision_recall_density_coverage(shape, k):
    real, fake = features(shape)
    theirs = importlib.import_module("prdc").compute_prdc(real, fake, k)
    # prdc counts the edge of a ball as outside; between random features nothing lies there.
    ours = dict(zip(("precision", "recall"), precision_recall(real, fake, k=k), strict=True))
    ours |= dict(zip(("density", "coverage"), density_coverage(real, fake, k=k), strict=True))
    assert {name: float(value) for name, value in theirs.items()} == pytest.approx(ours, rel=RELATIVE)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of scipy, at how vendi-score calls it
@pytest.mark.parametrize("q", [0.5, 1, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_vendi(shape, q):
    vendi = importlib.import_module("vendi_score.vendi")
    _, fake = features(shape)
    unit = fake / np.linalg.norm(fake, axis=1, keepdims=True)
    assert vendi_score(fake, q=q) == pytest.approx(vendi.score_K(unit @ unit.T, q=q), rel=RELATIVE)
    assert vendi_score_of_kernel(unit @ unit.T, q=q) == pytest.approx(vendi.score_K(unit @ unit.T, q=q), rel=RELATIVE)
