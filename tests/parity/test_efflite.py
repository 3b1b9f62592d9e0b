"""EfficientNet-Lite0 beside the same network in PyTorch, with the published weights."""

import numpy as np
import pytest

from genjax.errors import InputError
from genjax.evaluate import extract_features, load_extractor
from genjax.evaluate.features.efflite import DEVIATION, MEAN, weights_file
from genjax.evaluate.features.state_dict import read_state_dict

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make parity")
reference = pytest.importorskip("efficientnet_lite_pytorch", reason="the network is not installed: make parity")


@pytest.fixture(scope="module")
def path():
    try:
        return weights_file()
    except InputError as error:
        pytest.skip(str(error))


def test_features(path):
    images = np.random.default_rng(0).integers(256, size=(4, 224, 224, 3), dtype=np.uint8)
    images[2:] = images[2:, :1, :1]  # no noise: one colour
    network = reference.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(path)).double().eval()
    with torch.no_grad():
        normalised = (torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).double() - MEAN) / DEVIATION
        expected = network.extract_features(normalised).mean((2, 3)).numpy()
    found = extract_features(load_extractor("efflite0"), images, batch=4)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_the_weights_are_read_as_pytorch_reads_them(path):
    expected = torch.load(path, weights_only=True)
    found = read_state_dict(path.read_bytes())
    assert list(found) == list(expected)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name].numpy())


@pytest.mark.parametrize("zipped", [False, True])
def test_both_formats_and_views(tmp_path, zipped):
    tensors = {
        "transposed": torch.arange(6.0).reshape(2, 3).T,
        "part": torch.arange(10)[3:7:2],
        "empty": torch.zeros(0, 3),
        "number": torch.tensor(5.0, dtype=torch.float16),
    }
    torch.save(tensors, tmp_path / "weights.pth", _use_new_zipfile_serialization=zipped)
    found = read_state_dict((tmp_path / "weights.pth").read_bytes())
    assert {name: array.tolist() for name, array in found.items()} == {
        name: tensor.tolist() for name, tensor in tensors.items()
    }
    assert found["number"].dtype == np.float16
