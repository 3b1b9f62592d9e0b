"""Runs that an earlier genjax made: read, sampled from, gone on with; or refused with what to do."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genjax.config import AdaptConfig, GanConfig, ModelConfig, TrainConfig, VaeConfig
from genjax.errors import InputError
from genjax.evaluate.sampling import sample_run
from genjax.families.registry import FAMILIES
from genjax.store.description import read_description
from genjax.store.doctor import diagnose
from genjax.store.metrics import read_metrics
from genjax.store.migrations import FORMAT, FROZEN_1, NETWORKS_1, model_file_from_1, run_config_from_1, settings_from_1
from genjax.store.model import load_model
from genjax.store.run_config import run_config, saved_config, saved_model
from genjax.store.run_folder import RunFolder, read_config
from genjax.training.loop import adapt, train
from genjax.training.plan import plan_adaptation
from genjax.transfer.lora import Lora

ARCHIVE = Path(__file__).parent / "format_1.tar.xz"  # a tiny GAN, a tiny VAE and its adaptation by lora, of 2 steps
RUNS = ("gan", "vae", "vae_lora")


@pytest.fixture
def folder(tmp_path):
    """A copy of those runs, which may be changed."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "format_1"


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_read_and_sampled_from(folder, name):
    assert read_config(RunFolder(folder / name))["genjax_run"] == FORMAT
    assert read_description(folder / name)["form"] == FORMAT
    assert saved_model(RunFolder(folder / name)) == load_model(folder / name).config
    assert load_model(folder / name).step == 2
    images = sample_run(folder / name, 3)
    assert (images.shape, images.dtype) == ((3, 16, 16, 1), np.uint8)
    found = diagnose(folder / name)
    assert (found.healthy, found.sampled_from) == (True, ("latest",))


def test_the_settings_are_those_that_were_asked_for(folder):
    gan, lora = (run_config(RunFolder(folder / name)) for name in ("gan", "vae_lora"))
    assert isinstance(gan, TrainConfig)
    assert gan.model == GanConfig(width=4, latent_size=2)
    assert (gan.steps, gan.batch, gan.control.ada_target) == (2, 8, 0.0)
    assert isinstance(lora, AdaptConfig)
    assert lora.transfers == (Lora(rank=4),)
    assert (lora.shots, lora.data) == (10, "glyphs")


def test_an_adaptation_lies_on_its_source(folder):
    before, after = (load_model(folder / name).params()["vae"] for name in ("vae", "vae_lora"))
    kernels = [params["decoder"]["stem"]["kernel"] for params in (before, after)]
    rank = np.linalg.matrix_rank(np.asarray(kernels[1] - kernels[0]), tol=1e-7)
    assert 1 <= rank <= 4


@pytest.mark.parametrize(("name", "kind", "fit"), [("gan", TrainConfig, train), ("vae_lora", AdaptConfig, adapt)])
def test_a_run_goes_on(folder, name, kind, fit):
    run = folder / name
    config = replace(saved_config(RunFolder(run), kind), steps=4, out=run)
    config = replace(config, source=folder / "vae") if kind is AdaptConfig else config
    outcome = fit(config, resume=True)
    assert int(outcome.state.step) == 4
    assert [line["step"] for line in read_metrics(run / "metrics.jsonl")] == [2, 4]
    assert json.loads((run / "model" / "latest" / "model.json").read_text())["form"] == FORMAT
    assert fit(replace(config, steps=5), resume=True).signal is None  # from a checkpoint of today's


def test_a_run_does_not_go_on_under_other_settings(folder):
    config = saved_config(RunFolder(folder / "gan"), TrainConfig)
    with pytest.raises(InputError, match=r"these differ: seed 0 -> 1"):
        train(replace(config, out=folder / "gan", seed=1), resume=True)
    text = (folder / "gan" / "config.json").read_text()
    (folder / "gan" / "config.json").write_text(text.replace('"seed": 0', '"seed": 1'))
    with pytest.raises(InputError, match=r"under other settings than config.json has now: seed 0 -> 1\. "):
        train(replace(config, out=folder / "gan", seed=1, steps=4), resume=True)


def test_a_run_is_adapted_from(folder, tmp_path):
    config = AdaptConfig(source=folder / "gan", num_images=100, shots=10, evaluate_every=0, out=tmp_path / "x")
    origin = plan_adaptation(config).origin
    assert origin is not None
    assert [(one["data"], one["transfer"]) for one in origin.ancestry] == [("digits", "none")]
    assert origin.identity == load_model(folder / "gan").identity


def test_each_transfer_has_its_own_options():
    groups = {
        "freeze": {"generator": [], "critic": ["down_8*"], "vae": ["encoder/down_*"]},
        "ewc": {"weight": 7.0, "examples": 32},
        "modulation": {"quantile": 0.5},
        "miner": {"width": 128, "alone": False},
    }
    assert settings_from_1({"transfer": "freeze, ewc", **groups}, "gan")["transfer"] == [
        {"name": "ewc", "weight": 7.0, "examples": 32},
        {"name": "freeze", "patterns": ["critic/down_8*"]},
    ]
    assert settings_from_1({"transfer": "freeze", **groups}, "vae")["transfer"] == [{"name": "freeze", "patterns": []}]
    nothing = groups | {"freeze": {"generator": [], "critic": [], "vae": []}}
    assert settings_from_1({"transfer": "freeze", **nothing}, "gan")["transfer"][0]["patterns"] == ["critic/"]
    assert settings_from_1({"transfer": "kernel_modulation", **groups}, "gan")["transfer"] == [
        {"name": "kernel_modulation", "quantile": 0.5, "examples": 32}
    ]


def test_by_default_the_same_layers_are_frozen_as_then():
    for family, networks in NETWORKS_1.items():
        options = {"gan": GanConfig, "vae": VaeConfig}[family]()
        offers = FAMILIES[family].offers(ModelConfig(family, 16, 1, "float32", 8, options))
        assert {name: list(offers[name].freeze) for name in networks} == {name: FROZEN_1[name] for name in networks}


def test_the_options_of_other_families_are_left_out():
    settings = {"model": "gan", "gan": {"width": 8}, "vae": {"width": 9}}
    assert settings_from_1(settings, "gan") == {"model": "gan", "gan": {"width": 8}}


def test_an_unknown_format_is_refused_with_what_to_do(folder):
    for file, key in (("config.json", "genjax_run"), ("model/latest/model.json", "form")):
        path = folder / "gan" / file
        values = json.loads(path.read_text())
        for number in (0, FORMAT + 1, "2", None):
            path.write_text(json.dumps(values | {key: number}))
            with pytest.raises(InputError, match=r"Use the version of genjax that made the run, or train it again"):
                read_config(RunFolder(folder / "gan")) if file == "config.json" else load_model(folder / "gan")
        path.write_text(json.dumps(values))


def test_a_text_to_image_model_of_format_1_is_refused_with_what_to_do(tmp_path):
    run = tmp_path / "run"
    (run / "prior").mkdir(parents=True)
    config = {"model": "text2image", "size": 16, "prior": {"width": 16}, "out": str(run)}
    values = {"genjax_run": 1, "version": "0.1.0", "kind": "text2image", "config": config, "channels": 3}
    (run / "config.json").write_text(json.dumps(values))
    (run / "prior" / "model.json").write_text(json.dumps({"form": 1, "step": 4, "file": "x", "sha256": "y"}))
    for read in (lambda: run_config(RunFolder(run)), lambda: load_model(run), lambda: sample_run(run, 1)):
        with pytest.raises(InputError, match=r"Train it again, or use the version that made it"):
            read()
    assert "Train it again, or use the version that made it" in diagnose(run).findings[0].note
    with pytest.raises(InputError, match=r"Train it again, or use the version that made it"):
        train(TrainConfig(out=run), resume=True)


def test_what_is_damaged_is_refused_and_not_guessed(folder):
    """A file of format 1 that lacks its parts fails as one of today's does: with a line, never a traceback."""
    for values in ({"genjax_run": 1}, {"genjax_run": 1, "config": 3, "model": []}):
        assert run_config_from_1(values) == values
    for values in ({"form": 1}, {"form": 1, "model": None, "adapted": 3}):
        assert model_file_from_1(values) == values
    (folder / "gan" / "config.json").write_text(json.dumps({"genjax_run": 1, "kind": "train"}))
    with pytest.raises(InputError, match="lacks 'config'"):
        run_config(RunFolder(folder / "gan"))
