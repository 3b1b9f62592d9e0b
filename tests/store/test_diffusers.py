"""Folders of diffusers: where things lie in them, and what is refused in a line."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from genjax.errors import InputError
from genjax.store.diffusers import read_diffusers

CHECKPOINT = Path(__file__).parents[1] / "families" / "flow" / "unet_2d" / "added"
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


def test_weights_in_several_files(tmp_path):
    network(tmp_path)
    whole = read_diffusers(tmp_path, KNOWN).tensors
    (tmp_path / WEIGHTS).unlink()
    names = sorted(whole)
    parts = {"a.safetensors": names[:5], "b.safetensors": names[5:]}
    for file, some in parts.items():
        save_file({name: whole[name] for name in some}, tmp_path / file)
    weight_map = {name: file for file, some in parts.items() for name in some}
    write(tmp_path / f"{WEIGHTS}.index.json", {"weight_map": weight_map})
    np.testing.assert_equal(read_diffusers(tmp_path, KNOWN).tensors, whole)


def test_another_architecture_is_refused_before_its_weights_are_read(pipeline):
    write(pipeline / "transformer" / "config.json", {"_class_name": "DiTTransformer2DModel"})
    shutil.rmtree(pipeline / "unet")
    with pytest.raises(InputError, match=r"is a DiTTransformer2DModel, which .* It reads UNet2DModel\.$"):
        read_diffusers(pipeline, KNOWN)


def test_a_pickle_is_refused_with_the_way_to_safetensors(tmp_path):
    network(tmp_path)
    (tmp_path / WEIGHTS).rename(tmp_path / "diffusion_pytorch_model.bin")
    with pytest.raises(InputError) as refused:
        read_diffusers(tmp_path, KNOWN)
    said = str(refused.value)
    assert "holds diffusion_pytorch_model.bin, a pickle" in said
    advice = said.split("python -c '")[1].rstrip("'")
    assert advice == (
        f'from diffusers import UNet2DModel as M; M.from_pretrained("{tmp_path}").save_pretrained("{tmp_path}")'
    )
    compile(advice, "advice", "exec")


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
