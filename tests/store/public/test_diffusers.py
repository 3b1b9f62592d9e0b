"""Folders of diffusers: where things lie in them, and what is refused in a line."""

import ast
import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from genjax.errors import InputError
from genjax.store.public.diffusers import read_diffusers

CHECKPOINT = Path(__file__).parents[2] / "families" / "flow" / "ddpm" / "unet_2d" / "added"
KNOWN = ("UNet2DModel",)
WEIGHTS = "diffusion_pytorch_model.safetensors"


def network(place):
    place.mkdir(parents=True, exist_ok=True)
    for name in ("config.json", WEIGHTS):
        shutil.copy(CHECKPOINT / name, place / name)
    return place


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


@pytest.fixture
def pipeline(tmp_path):
    """As save_pretrained of a DDPMPipeline writes it."""
    network(tmp_path / "unet")
    write(tmp_path / "model_index.json", {"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"]})
    write(tmp_path / "scheduler" / "scheduler_config.json", {"beta_schedule": "scaled_linear"})
    return tmp_path


def test_a_pipeline_and_its_network_alone_are_the_same(pipeline):
    whole, alone = (read_diffusers(place, KNOWN) for place in (pipeline, pipeline / "unet"))
    assert whole.process == alone.process == {"beta_schedule": "scaled_linear"}
    assert whole.network == alone.network
    assert whole.architecture == "UNet2DModel"
    np.testing.assert_equal(whole.tensors, alone.tensors)


def test_all_in_one_folder(tmp_path):
    network(tmp_path)
    assert read_diffusers(tmp_path, KNOWN).process == {}
    write(tmp_path / "scheduler_config.json", {"beta_schedule": "linear"})
    assert read_diffusers(tmp_path, KNOWN).process == {"beta_schedule": "linear"}


def halves(folder, files, index=""):
    """Writes the tensors of a folder anew, in two files of these names."""
    whole = read_diffusers(folder, KNOWN).tensors
    (folder / WEIGHTS).unlink()
    names = sorted(whole)
    parts = dict(zip(files, (names[:5], names[5:]), strict=True))
    for file, some in parts.items():
        save_file({name: whole[name] for name in some}, folder / file)
    if index:
        write(folder / index, {"weight_map": {name: file for file, some in parts.items() for name in some}})
    return whole


FP16 = tuple(f"diffusion_pytorch_model.fp16-0000{part}-of-00002.safetensors" for part in (1, 2))


@pytest.mark.parametrize(
    ("files", "index"),
    [
        (("a.safetensors", "b.safetensors"), f"{WEIGHTS}.index.json"),
        (FP16, "diffusion_pytorch_model.safetensors.index.fp16.json"),
    ],
    ids=["plain", "variant"],
)
def test_weights_in_several_files(tmp_path, files, index):
    whole = halves(network(tmp_path), files, index)
    np.testing.assert_equal(read_diffusers(tmp_path, KNOWN).tensors, whole)


@pytest.mark.parametrize(
    ("files", "index", "said"),
    [
        (
            ("a.safetensors", "b.safetensors"),
            "",
            "holds several networks: a.safetensors, b.safetensors. Leave",
        ),
        (FP16, "", f"holds {FP16[0]}, and no index that names all such parts. Copy it there."),
    ],
    ids=["two networks", "no index"],
)
def test_files_that_make_no_network_are_refused(tmp_path, files, index, said):
    halves(network(tmp_path), files, index)
    with pytest.raises(InputError) as refused:
        read_diffusers(tmp_path, KNOWN)
    assert said in str(refused.value)


def test_an_index_of_no_files_is_refused(tmp_path):
    halves(network(tmp_path), FP16)
    for values in ({}, {"weight_map": []}, {"weight_map": {}}):
        write(tmp_path / f"{WEIGHTS}.index.json", values)
        with pytest.raises(InputError, match=r"names no files in its weight_map\. Copy it again\."):
            read_diffusers(tmp_path, KNOWN)


def written(path, kind, tensors):
    """Writes a safetensors file by hand: the length of its header, the header, and the bytes of all tensors."""
    header, content = {}, b""
    for name, (shape, values) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(content), len(content) + len(values)]}
        content += values
    described = json.dumps(header).encode()
    path.write_bytes(len(described).to_bytes(8, "little") + described + content)


def test_bfloat16_is_read(tmp_path):
    network(tmp_path)
    # 1 bit of sign, 8 of exponent and 7 of fraction: 1, -2, 3.140625 and 2^-130, which half precision does not have
    bits = np.array([[0x3F80, 0xC000], [0x4049, 0x0008]], "<u2")
    written(tmp_path / WEIGHTS, "BF16", {"one": ([2, 2], bits.tobytes()), "none": ([], bits[0, :1].tobytes())})
    found = read_diffusers(tmp_path, KNOWN).tensors
    np.testing.assert_array_equal(found["one"], np.array([[1, -2], [3.140625, 2.0**-130]], np.float32))
    assert (found["one"].dtype, found["none"].shape, found["none"]) == (np.float32, (), 1)


def test_another_type_is_refused_by_name(tmp_path):
    network(tmp_path)
    written(tmp_path / WEIGHTS, "F8_E4M3", {"conv_in.weight": ([2], b"00")})
    with pytest.raises(InputError, match=r"conv_in\.weight is of type F8_E4M3, expected F64, F32, F16, BF16\. Load"):
        read_diffusers(tmp_path, KNOWN)


def test_another_architecture_is_refused_before_its_weights_are_read(pipeline):
    write(pipeline / "transformer" / "config.json", {"_class_name": "DiTTransformer2DModel"})
    shutil.rmtree(pipeline / "unet")
    with pytest.raises(InputError, match=r"is a DiTTransformer2DModel, which .* It reads UNet2DModel\.$"):
        read_diffusers(pipeline, KNOWN)


@pytest.mark.parametrize("name", ["plain", "it's $HOME", 'a "quoted" \\ name', "ü 😀"])
def test_a_pickle_is_refused_with_the_way_to_safetensors(tmp_path, name):
    folder = network(tmp_path / name)
    (folder / WEIGHTS).rename(folder / "diffusion_pytorch_model.bin")
    with pytest.raises(InputError) as refused:
        read_diffusers(folder, KNOWN)
    said = str(refused.value)
    assert "holds diffusion_pytorch_model.bin, a pickle" in said
    python, option, program = shlex.split(said[said.index("python -c ") :])
    assert (python, option) == ("python", "-c")
    line, loaded = ast.parse(program).body
    assert ast.unparse(line) == "from diffusers import UNet2DModel as M"
    assert ast.unparse(loaded) == f"M.from_pretrained({str(folder)!r}).save_pretrained({str(folder)!r})"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: shutil.rmtree(folder), "there is no such folder"),
        (lambda folder: (folder / "config.json").unlink(), "holds neither config.json nor unet/config.json"),
        (lambda folder: (folder / "config.json").write_text("["), "cannot be read as JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "holds a list, expected an object"),
        (lambda folder: (folder / WEIGHTS).unlink(), f"holds no {WEIGHTS}"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b"torn"), "cannot be read as safetensors"),
        (
            lambda folder: write(folder / "scheduler_config.json", {"_class_name": "EDMEulerScheduler"}),
            "its scheduler is a EDMEulerScheduler, which has no beta_schedule",
        ),
    ],
)
def test_what_is_missing_or_damaged(tmp_path, spoil, said):
    folder = network(tmp_path / "checkpoint")
    spoil(folder)
    with pytest.raises(InputError) as refused:
        read_diffusers(folder, KNOWN)
    assert said in str(refused.value)
