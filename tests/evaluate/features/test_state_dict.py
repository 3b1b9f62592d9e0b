"""Files of PyTorch, made by hand here: what they hold is read, what they ask for is not done."""

import contextlib
import io
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.errors import InputError
from genjax.evaluate.features.state_dict import MAGIC, PROTOCOL, folded, read_state_dict

NUMBERS = np.arange(12, dtype=np.float32)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def integer(value):
    return b"J" + struct.pack("<i", value)


def several(values):
    return b"(" + b"".join(integer(value) for value in values) + b"t"


def tensor(shape, strides, *, offset=0, num=12, key="7", kind="FloatStorage"):
    """The instructions for a view of a storage."""
    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + integer(num) + b"tQ"
    view = integer(offset) + several(shape) + several(strides)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + view + b"\x89ccollections\nOrderedDict\n)RtR"


def dictionary(**entries):
    pairs = b"".join(text(name) + instructions for name, instructions in entries.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + pairs + b"u."


def zipped(entries, numbers=NUMBERS, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("weights/data.pkl", entries)
        archive.writestr("weights/data/7", numbers.tobytes())
    return file.getvalue()


def legacy(entries, numbers=NUMBERS):
    head = [MAGIC, PROTOCOL, {"little_endian": True}]
    parts = [*(pickle.dumps(part, protocol=2) for part in head), entries, pickle.dumps(["7"], protocol=2)]
    return b"".join(parts) + struct.pack("<q", len(numbers)) + numbers.tobytes()


FORMATS = pytest.mark.parametrize("wrapped", [zipped, legacy])


@FORMATS
def test_views_are_read(wrapped):
    found = read_state_dict(
        wrapped(
            dictionary(whole=tensor((3, 4), (4, 1)), turned=tensor((4, 2), (1, 4), offset=4), number=tensor((), ()))
        )
    )
    np.testing.assert_array_equal(found["whole"], NUMBERS.reshape(3, 4))
    np.testing.assert_array_equal(found["turned"], NUMBERS.reshape(3, 4)[1:].T)
    assert found["number"] == 0
    assert list(found) == ["whole", "turned", "number"]


class Payload:
    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


@FORMATS
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("function", [os.system, eval, print], ids=lambda function: function.__name__)
def test_nothing_is_run(wrapped, protocol, function, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = "touch ran" if function is os.system else "open('ran', 'w')"
    content = wrapped(pickle.dumps({"weight": Payload(function, command)}, protocol=protocol))
    with pytest.raises(InputError, match="which is not run"):
        read_state_dict(content)
    assert not list(tmp_path.iterdir())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("part", [0, 1, 2])
def test_nothing_is_run_at_the_head_of_an_old_file(part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    head = [pickle.dumps(value, protocol=2) for value in (MAGIC, PROTOCOL, {"little_endian": True})]
    head[part] = pickle.dumps(Payload(os.system, "touch ran"), protocol=2)
    with pytest.raises(InputError):
        read_state_dict(b"".join(head))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "instructions",
    [
        tensor((3, 5), (5, 1)),  # beyond the end
        tensor((2,), (1,), offset=11),
        tensor((2,), (1,), offset=-1),
        tensor((2,), (-1,), offset=5),
        tensor((1 << 30,), (0,)),  # one number, as many
        tensor((3, 4), (1,)),
        tensor((3, 4), (4, 1), num=13),
        tensor((3, 4), (4, 1), key="8"),
        tensor((3, 4), (4, 1), kind="DoubleStorage"),
        integer(5),
        text("five"),
        b"ccollections\nOrderedDict\n(K\x01tR",
    ],
)
@FORMATS
def test_what_is_wrong_is_an_error(wrapped, instructions):
    with pytest.raises(InputError):
        read_state_dict(wrapped(dictionary(weight=instructions)))


def test_other_files_are_an_error():
    for content in (b"", b"PK\x03\x04", b"\x80\x02}.", pickle.dumps({}), np.arange(9).tobytes()):
        with pytest.raises(InputError, match="no state dict of PyTorch, or damaged"):
            read_state_dict(content)
    with pytest.raises(InputError, match="compressed"):
        read_state_dict(zipped(dictionary(), method=zipfile.ZIP_DEFLATED))


@FORMATS
@settings(deadline=None, derandomize=True, max_examples=100)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), kept=st.floats(0.5, 1))
def test_a_damaged_file_is_read_or_refused(wrapped, place, value, kept):
    content = bytearray(wrapped(dictionary(whole=tensor((3, 4), (4, 1)))))
    content[int(place * len(content))] = value
    for damaged in (bytes(content), bytes(content[: int(kept * len(content))])):
        with contextlib.suppress(InputError):  # no other error
            assert all(isinstance(array, np.ndarray) for array in read_state_dict(damaged).values())


def test_folding_is_the_batch_norm():
    rng = np.random.default_rng(0)
    state = {
        "conv.weight": rng.normal(size=(4, 3, 1, 1)),
        "norm.weight": rng.uniform(0.5, 2, 4),
        "norm.bias": rng.normal(size=4),
        "norm.running_mean": rng.normal(size=4),
        "norm.running_var": rng.uniform(0.5, 2, 4),
    }
    layer = folded(state, "conv", "norm", 1e-3)
    pixel = rng.normal(size=3)
    convolved = state["conv.weight"][:, :, 0, 0] @ pixel
    deviation = np.sqrt(state["norm.running_var"] + 1e-3)
    expected = (convolved - state["norm.running_mean"]) / deviation * state["norm.weight"] + state["norm.bias"]
    np.testing.assert_allclose(pixel @ layer["kernel"][0, 0] + layer["bias"], expected, rtol=1e-5)
    assert layer["kernel"].shape == (1, 1, 3, 4)
    assert {array.dtype for array in layer.values()} == {np.dtype(np.float32)}
