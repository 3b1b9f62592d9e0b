"""The Inception network beside torch-fidelity's own, with random weights: the published ones are not to be had here."""

import importlib
import importlib.util
import sys
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.evaluate.features import inception
from genjax.evaluate.features.state_dict import read_state_dict
from genjax.tree import unflatten

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make parity")
if not importlib.util.find_spec("torch_fidelity"):
    pytest.skip("torch-fidelity is not installed: make parity", allow_module_level=True)


@pytest.fixture(scope="module")
def fidelity():
    """The module of torch-fidelity's network; of torchvision, which it imports, nothing is used."""
    names = ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional")
    stubs = {name: mock.MagicMock() for name in names if name not in sys.modules}
    sys.modules.update(stubs)
    try:
        return importlib.import_module("torch_fidelity.feature_extractor_inceptionv3")
    finally:
        for name in stubs:
            del sys.modules[name]


@pytest.fixture(scope="module")
def weights_file(fidelity, tmp_path_factory):
    """A state dict with He-scaled convolutions and lively batch norms; the default would give features of 4e-8."""
    torch.manual_seed(0)
    network = skeleton(fidelity)
    for name, tensor in network.items():
        if name.endswith("conv.weight"):
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
        elif tensor.is_floating_point():
            low = 0.5 if name.endswith(("bn.weight", "running_var")) else -0.2
            tensor.uniform_(low, low + (1.0 if low > 0 else 0.4))
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network, path)
    return path


def skeleton(fidelity):
    """The state dict of torch-fidelity's network, whatever its values: its constructor wants a file of weights."""
    kept = {}

    class Stop(Exception):
        pass

    def keep(module, *_, **__):
        kept.update(module.state_dict())
        raise Stop

    extractor = fidelity.FeatureExtractorInceptionV3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fidelity.torch, "load", lambda *_, **__: {})
        patch.setattr(extractor, "load_state_dict", keep)
        with pytest.raises(Stop):
            extractor("inception", ["2048"], feature_extractor_weights_path="none")
    return kept


@pytest.mark.parametrize("shape", [(40, 48), (299, 299), (320, 310)], ids=str)
def test_features_and_logits(fidelity, weights_file, shape):
    images = np.random.default_rng(0).integers(256, size=(2, *shape, 3), dtype=np.uint8)
    reference = fidelity.FeatureExtractorInceptionV3(
        "inception", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(weights_file)
    )
    expected, logits = (array.numpy() for array in reference(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())))

    state = read_state_dict(weights_file.read_bytes())
    params = unflatten({name: jnp.asarray(array) for name, array in inception.parameters(state).items()})
    found = np.asarray(jax.jit(inception.apply_inception)(params, jnp.asarray(images)))
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * np.abs(expected).max())
    np.testing.assert_allclose(found @ state["fc.weight"].T, logits, rtol=0, atol=2e-6 * np.abs(logits).max())


def test_resizing(fidelity):
    images = np.random.default_rng(0).integers(256, size=(2, 32, 45, 3), dtype=np.uint8).astype(np.float32)
    like = fidelity.interpolate_bilinear_2d_like_tensorflow1x
    expected = like(torch.from_numpy(images.transpose(0, 3, 1, 2)), size=(299, 299), align_corners=False)
    found = np.asarray(inception.resize_like_tensorflow(jnp.asarray(images), 299))
    np.testing.assert_allclose(found, expected.numpy().transpose(0, 2, 3, 1), atol=3e-5)
