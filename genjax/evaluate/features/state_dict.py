"""A reader of weights that PyTorch has saved, without PyTorch and without running anything that the file says.

Such a file is a pickle, a program for a small stack machine, and an ordinary reader would carry out whatever it asks
for. Here its instructions are walked one by one: those that build dictionaries of tensors are known, and every other,
or the name of any other function, is an error.
"""

import io
import math
import pickletools
import zipfile
from typing import Any, NamedTuple

import numpy as np

from genjax.errors import InputError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # at the head of files older than PyTorch 1.6
STORAGES = {
    "torch DoubleStorage": np.dtype("<f8"),
    "torch FloatStorage": np.dtype("<f4"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch LongStorage": np.dtype("<i8"),
    "torch IntStorage": np.dtype("<i4"),
}
REBUILD, ORDERED = "torch._utils _rebuild_tensor_v2", "collections OrderedDict"
LITERALS = ("BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT")
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
RUNNING = ("running_mean", "running_var")
MARK = object()
DAMAGED = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError),  # of archives
    *(ValueError, TypeError, LookupError, AttributeError, OverflowError),  # of what is in them
)


class Global(NamedTuple):
    """The name of a function or class of PyTorch, which is never looked up."""

    name: str


class Storage(NamedTuple):
    """A reference to numbers that stand elsewhere in the file."""

    dtype: np.dtype
    key: str
    num: int


class Tensor(NamedTuple):
    """A view of a storage, in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(content: bytes) -> dict[str, np.ndarray]:
    """Reads a file that `torch.save` wrote of a model's `state_dict()`, in the old format or the new one.

    Args:
        content: bytes of the file.
    Returns:
        {name: array}.

    Raises:
        InputError: the file is damaged, or holds anything but tensors by name.
    """
    try:
        zipped = zipfile.is_zipfile(io.BytesIO(content))
        entries, storages = (_read_zip if zipped else _read_legacy)(content)
        return {name: _array(tensor, storages) for name, tensor in entries.items()}
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"the weights are no state dict of PyTorch, or damaged ({error}).") from None


def folded(state: dict[str, np.ndarray], convolution: str, norm: str, epsilon: float) -> dict[str, np.ndarray]:
    """Folds a batch norm in its evaluation form into the convolution before it, which gets a bias.

    Args:
        state: {name: array} of `read_state_dict`.
        convolution: name of the convolution, which has no bias of its own.
        norm: name of the batch norm.
        epsilon: number that the batch norm adds to the variance.
    Returns:
        float32 `kernel` (height, width, inputs, outputs) and `bias` (outputs,), folded in float64.
    """
    weight, scale, shift, mean, variance = (
        state[name].astype(np.float64)
        for name in (f"{convolution}.weight", *(f"{norm}.{part}" for part in ("weight", "bias", *RUNNING)))
    )
    # scale (w * x - mean) / sqrt(variance + epsilon) + shift = (w scale') * x + (shift - mean scale')
    scale = scale / np.sqrt(variance + epsilon)
    kernel = weight.transpose(2, 3, 1, 0) * scale[None, None, None]  # (out, in, h, w) -> (h, w, in, out)
    return {"kernel": kernel.astype(np.float32), "bias": (shift - mean * scale).astype(np.float32)}


def _read_legacy(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads five pickles (magic number, version, system, tensors, keys), then the storages in the order of the keys."""
    file = io.BytesIO(content)
    magic, protocol, system = _walk(file), _walk(file), _walk(file)
    if (magic, protocol) != (MAGIC, PROTOCOL) or system.get("little_endian") is not True:
        raise ValueError("another format")
    entries, keys = _walk(file), _walk(file)
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in entries.values()}
    storages = {}
    for key in keys:
        size = int.from_bytes(file.read(8), "little") * dtypes[key].itemsize
        storages[key] = np.frombuffer(file.read(size), dtypes[key])
    return entries, storages


def _read_zip(content: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Reads a folder in an archive: data.pkl, and a file data/KEY for each storage."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("compressed")  # PyTorch never does, and a little of it may become a lot
        names = {name.partition("/")[2]: name for name in archive.namelist()}
        if "byteorder" in names and archive.read(names["byteorder"]) != b"little":
            raise ValueError("not little endian")
        entries = _walk(io.BytesIO(archive.read(names["data.pkl"])))
        storages = {}
        for storage in {tensor.storage for tensor in entries.values()}:
            entry = archive.getinfo(names[f"data/{storage.key}"])
            if entry.file_size != storage.num * storage.dtype.itemsize:
                raise ValueError(f"storage {storage.key} of another size")
            storages[storage.key] = np.frombuffer(archive.read(entry), storage.dtype)
        return entries, storages


def _array(tensor: Tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
    """Copies a tensor out of its storage, or raises ValueError if it reaches beyond it."""
    storage = storages[tensor.storage.key]
    if len(storage) != tensor.storage.num or len(tensor.shape) != len(tensor.strides):
        raise ValueError(f"storage {tensor.storage.key} of another size")
    last = tensor.offset + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True))
    least = min((tensor.offset, *tensor.shape, *tensor.strides))
    size = math.prod(tensor.shape)
    if least < 0 or size > len(storage) or (size and last >= len(storage)):
        raise ValueError("a tensor beyond its storage")
    strides = tuple(stride * storage.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()


def _walk(file: io.BytesIO) -> Any:
    """Returns the value that one pickle describes, from known instructions alone."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "STOP":
            return stack.pop()
        if opcode.name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif opcode.name in ("BINPUT", "LONG_BINPUT"):
            memo[int(argument)] = stack[-1]  # type: ignore[arg-type]
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[int(argument)])  # type: ignore[arg-type]
        elif opcode.name not in ("PROTO", "FRAME"):
            _step(opcode.name, argument, stack)
    raise ValueError("cut off")


def _step(name: str, argument: Any, stack: list[Any]) -> None:
    """Carries out one instruction on the stack."""
    if name == "MARK":
        stack.append(MARK)
    elif name in LITERALS:
        stack.append(argument)
    elif name in CONSTANTS:
        stack.append(CONSTANTS[name])
    elif name in EMPTY:
        stack.append(EMPTY[name]())
    elif name in SHORT_TUPLES:
        stack.append(tuple(reversed([stack.pop() for _ in range(SHORT_TUPLES[name])])))
    elif name == "TUPLE":
        stack.append(tuple(_since_mark(stack)))
    elif name in ("APPEND", "APPENDS"):
        items = _since_mark(stack) if name == "APPENDS" else [stack.pop()]
        stack[-1].extend(items)
    elif name in ("SETITEM", "SETITEMS"):
        items = _since_mark(stack) if name == "SETITEMS" else [stack.pop(), stack.pop()][::-1]
        stack[-1].update(zip(items[::2], items[1::2], strict=True))
    elif name == "GLOBAL":
        stack.append(_global(argument))
    elif name == "BINPERSID":
        stack.append(_storage(stack.pop()))
    elif name == "REDUCE":
        arguments, function = stack.pop(), stack.pop()
        stack.append(_reduce(function, arguments))
    elif name == "BUILD" and isinstance(stack[-1], dict) and isinstance(stack[-2], dict):
        stack.pop()  # attributes of the dictionary: versions of the modules
    else:
        raise InputError(f"the weights hold the instruction {name}, which is not run. Use the published file.")


def _since_mark(stack: list[Any]) -> list[Any]:
    start = len(stack) - 1 - stack[::-1].index(MARK)
    items = stack[start + 1 :]
    del stack[start:]
    return items


def _global(name: str) -> Global:
    if name not in (*STORAGES, REBUILD, ORDERED):
        raise InputError(f"the weights ask for {name.replace(' ', '.')}, which is not run. Use the published file.")
    return Global(name)


def _storage(identity: tuple[Any, ...]) -> Storage:
    noun, kind, key, _, count = identity[:5]
    if noun != "storage" or any(identity[5:]):
        raise ValueError("another kind of storage")
    return Storage(STORAGES[kind.name], str(key), int(count))


def _reduce(function: Any, arguments: tuple[Any, ...]) -> dict[str, Any] | Tensor:
    if function == Global(ORDERED) and not arguments:
        return {}
    if function == Global(REBUILD):
        storage, offset, shape, strides = arguments[:4]
        return Tensor(storage, int(offset), tuple(shape), tuple(strides))
    raise ValueError("another call than that of a tensor")
