"""A flow in latents: what is refused, what a drawing is made of, and whole runs through the verbs."""

import dataclasses
import json
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import TINY_FLOW, adapt_config, leaves_equal, train_config
from toy_runs import genjax, in_step

from genjax.api import load
from genjax.config import ControlConfig, ModelConfig
from genjax.control import chain
from genjax.data.images import to_uint8
from genjax.errors import InputError
from genjax.families.family import Training
from genjax.families.flow.canvas import canvas_of
from genjax.families.flow.family import FLOW, flow_of
from genjax.families.flow.latents import autoencoder_of, rows_of
from genjax.families.flow.learner import NETWORK, carried, field_of
from genjax.families.flow.options import (
    AutoencoderConfig,
    DitConfig,
    FlowAdaptation,
    FlowConfig,
    FlowDrawing,
    UnetConfig,
    check_typed,
)
from genjax.store.metrics import read_metrics
from genjax.store.model import load_model
from genjax.training.loop import adapt, train
from genjax.training.plan import plan_training
from genjax.transfer.replay import Replay
from genjax.tree import flatten

SMALL = AutoencoderConfig(width=8, steps=4, channels=2)
LATENT = dataclasses.replace(TINY_FLOW, space="latents", autoencoder=SMALL)
LINE = [
    *("--model", "flow", "--flow.space", "latents", "--flow.autoencoder.width", 8, "--flow.autoencoder.steps", 3),
    *("--flow.dit.width", 16, "--flow.dit.depth", 1, "--flow.dit.heads", 2, "--flow.preview-steps", 2),
    *("--batch", 8, "--num-images", 60, "--evaluate-every", 0, "--steps", 4),
]


def model_of(size=16, **changes):
    return ModelConfig("flow", size, 1, "float32", 8, dataclasses.replace(LATENT, **changes))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            FlowConfig(autoencoder=AutoencoderConfig(width=8)),
            "--flow.autoencoder.width does nothing without --flow.space latents. Add that too.",
        ),
        (
            FlowConfig(autoencoder=AutoencoderConfig(steps=3)),
            "--flow.autoencoder.steps does nothing without --flow.space latents. Add that too.",
        ),
    ],
)
def test_options_of_an_autoencoder_that_is_not_there_are_refused(options, message):
    with pytest.raises(InputError) as caught:
        check_typed(options)
    assert str(caught.value) == message
    check_typed(dataclasses.replace(options, space="latents"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"factor": 3}, "--flow.autoencoder.factor is 3, expected 2, 4, 8, 16. Use 4 or 8."),
        ({"channels": 0}, "--flow.autoencoder.channels is 0, expected 1 or more."),
        ({"steps": 0}, "--flow.autoencoder.steps is 0, expected 1 or more."),
        ({"kl_weight": -1.0}, "--flow.autoencoder.kl-weight is -1.0, expected 0 or more."),
        ({"learning_rate": 0.0}, "--flow.autoencoder.learning-rate is 0.0, expected a number above 0."),
    ],
)
def test_an_autoencoder_that_could_not_be_is_refused(values, message):
    with pytest.raises(InputError) as caught:
        AutoencoderConfig(**values)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"autoencoder": AutoencoderConfig(factor=16)},
            "--flow.autoencoder.factor 16 makes fewer than 2x2 latents of --size 16. Use 2, 4, 8.",
        ),
        (
            {"dit": DitConfig(patch_size=8)},
            "--flow.dit.patch-size 8 does not divide the 4x4 latents of --size 16. Use 1 or 2.",
        ),
        (
            {"network": "unet", "unet": UnetConfig(multipliers=(1, 2))},
            "--flow.unet.attention 8 is no size of a U-Net of the 4x4 latents of --size 16. Use one of 4, 2.",
        ),
        (
            {"network": "unet"},
            "--flow.unet.multipliers 1 2 4 halve the 4x4 latents of --size 16 below 2 by 2. Use 2 of them or fewer.",
        ),
    ],
)
def test_what_does_not_fit_the_latents_is_refused_before_the_first_compile(changes, message):
    with pytest.raises(InputError) as caught:
        FLOW.stages(model_of(**changes), Training({}, control=chain()))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("size", "factor", "canvas"), [(64, 4, (16, 16, 2)), (256, 8, (32, 32, 2)), (16, 8, (2, 2, 2))]
)
def test_both_stages_have_their_shapes(size, factor, canvas):
    model = model_of(size, autoencoder=dataclasses.replace(SMALL, factor=factor))
    first, second = FLOW.stages(model, Training({}, control=chain(), steps=7))
    assert (first.name, first.steps, second.name, second.steps) == ("autoencoder", 4, "flow", 7)
    assert second.needs == ("autoencoder",)
    assert second.example["image"].shape[1:] == canvas
    assert FLOW.networks(model) == ("autoencoder", "flow")
    assert FLOW.offers(model)["flow"].latent_size == np.prod(canvas)
    found = canvas_of(dataclasses.replace(model, options=dataclasses.replace(model.options, space="pixels")))
    assert (found.size, found.channels, found.bound) == (size, 1, 1.0)


def test_the_autoencoder_stays_in_an_adaptation_of_any_transfer():
    how = Training({}, control=chain(), steps=7, adaptation=FLOW.adaptation())
    first, second = FLOW.stages(model_of(), how)
    assert (first.steps, second.steps, first.finish) == (0, 7, None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a model in latents, trained for 4 steps each; to be read only."""
    out = tmp_path_factory.mktemp("latents") / "run"
    config = train_config("flow", out, flow=LATENT, condition="class")
    train(config)
    return out


@pytest.mark.slow
def test_a_drawing_is_the_flow_decoded(run):
    model = load_model(run)
    params, flow = model.params(), flow_of(model.config)
    trained = FLOW.trained(model)
    assert trained.draw_latents is not None
    drawn = trained.draw(jax.random.key(5), 3, ["1", "2", "3"], FlowDrawing(steps=3))
    latents = trained.draw_latents(jax.random.key(5), 3)

    @jax.jit
    def by_hand(latents):
        field = field_of(flow, params[NETWORK], jnp.array([1, 2, 3], jnp.int32))
        carried_to = carried(flow, field, latents, 3, "heun")
        scale = params["autoencoder"]
        raw = carried_to * scale["deviation"][None, None, None] + scale["mean"][None, None, None]
        return autoencoder_of(model.config).apply({"params": scale}, raw, method="decode")

    assert carried(flow, lambda z, t: z, latents, 1, "euler").shape == (3, 4, 4, 2)
    expected = to_uint8(np.clip(np.asarray(by_hand(latents)), -1, 1)).astype(int)
    assert np.abs(drawn.astype(int) - expected).max() <= 1
    again = FLOW.trained(load_model(run)).draw(jax.random.key(5), 3, ["1", "2", "3"], FlowDrawing(steps=3))
    np.testing.assert_array_equal(drawn, again)


@pytest.mark.slow
def test_the_flow_is_trained_on_latents_of_mean_0_and_deviation_1(run):
    plan = plan_training(train_config("flow", run.with_name("other"), flow=LATENT, condition="class"))
    model = load_model(run)
    rows = rows_of(plan.model, model.params(), plan.images)
    assert (rows.shape, rows.dtype) == ((40, 4, 4, 2), np.float32)
    np.testing.assert_allclose(rows.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(rows.std(axis=(0, 1, 2)), 1, rtol=1e-3)


@pytest.mark.slow
def test_a_stop_in_either_stage_goes_on_bit_for_bit(run, tmp_path, monkeypatch):
    straight = train_config("flow", tmp_path / "straight", flow=LATENT, condition="class", save_every=2, log_every=1)
    whole = train(straight)
    config = dataclasses.replace(straight, out=tmp_path / "run")
    for stage in ("autoencoder", "flow"):
        with monkeypatch.context() as patch:
            in_step(patch, 2, lambda: signal.raise_signal(signal.SIGTERM))
            stopped = train(config, resume=(tmp_path / "run").exists())
        assert stopped.stage == stage
    resumed = train(config, resume=True)
    leaves_equal(whole.state, resumed.state)
    for stage in ("autoencoder", "flow"):
        lines = [read_metrics(folder / stage / "metrics.jsonl") for folder in (tmp_path / "straight", config.out)]
        assert lines[0] == lines[1]
    leaves_equal(load_model(straight.out).networks, load_model(config.out).networks)


@pytest.mark.slow
def test_devices_that_share_the_state_measure_the_same_scale(run, tmp_path):
    config = train_config("flow", tmp_path / "run", flow=LATENT, condition="class", devices=8, shard_state=True)
    shared = train(config)
    alone = load_model(run)
    for name in ("mean", "deviation"):
        one, many = (model.networks["autoencoder"][name] for model in (alone, load_model(config.out)))
        assert (np.asarray(many) != np.ones(2)).all()
        np.testing.assert_allclose(many, one, rtol=1e-4, atol=1e-5)
    for left, right in zip(
        jax.tree.leaves(alone.networks["flow"]), jax.tree.leaves(shared.state.average["flow"]), strict=True
    ):
        np.testing.assert_allclose(left, right, atol=1e-4)


@pytest.mark.slow
def test_an_adaptation_keeps_the_autoencoder_and_trains_the_flow(run, tmp_path):
    adapt(adapt_config(run, tmp_path / "adapted", data="digits", num_images=40, transfer="lora", steps=2))
    source, adapted = load_model(run), load_model(tmp_path / "adapted")
    leaves_equal(source.params()["autoencoder"], adapted.params()["autoencoder"])
    before, after = (model.params()[NETWORK] for model in (source, adapted))
    moved = jax.tree.map(lambda one, other: bool((one != other).any()), before, after)
    assert any(jax.tree.leaves(moved))


def test_steps_of_an_autoencoder_that_the_source_has_not_are_refused():
    with pytest.raises(InputError, match=r"--autoencoder-steps 3: the source is in pixels.*Leave it out\."):
        FLOW.adapted(model_of(space="pixels"), FlowAdaptation(autoencoder_steps=3), 10)
    assert FLOW.adapted(model_of(), FlowAdaptation(autoencoder_steps=3), 10).options.autoencoder.steps == 3


@pytest.mark.slow
def test_an_adaptation_may_train_the_decoder_and_never_the_encoder(run, tmp_path):
    few = {"data": "digits", "num_images": 40, "transfer": "lora", "steps": 2}
    adapt(adapt_config(run, tmp_path / "adapted", adaptation=FlowAdaptation(autoencoder_steps=2), **few))
    source, model = load_model(run), load_model(tmp_path / "adapted")
    before, after = (flatten(one.params()["autoencoder"]) for one in (source, model))
    moved = {name.partition("/")[0] for name in before if (before[name] != after[name]).any()}
    assert moved == {"decoder"}
    trained = FLOW.trained(model)
    assert trained.reconstruct is not None
    assert trained.reconstruct(np.zeros((2, 16, 16, 1), np.uint8)).shape == (2, 16, 16, 1)
    assert trained.draw(jax.random.key(0), 2, ["1", "2"], FlowDrawing(steps=2)).shape == (2, 16, 16, 1)
    assert trained.guided is not None
    away = trained.guided(source, True)(jax.random.key(0), 2, ["1", "2"], FlowDrawing(steps=2, guidance=2.0))
    assert away.shape == (2, 16, 16, 1)


@pytest.mark.slow
def test_what_a_source_in_latents_draws_is_replayed_in_its_latents(run, tmp_path):
    few = {"data": "digits", "num_images": 40, "steps": 2, "control": ControlConfig(ada_target=0.0, anneal_steps=2)}
    adapt(adapt_config(run, tmp_path / "adapted", transfer=Replay(forgetting=1.0, count=8, batch=4), **few))
    lines = read_metrics(tmp_path / "adapted" / "flow" / "metrics.jsonl")
    assert lines[-1]["penalty/transfer"] > 0
    assert lines[-1]["control/annealed_rate"] < 1


@pytest.mark.slow
def test_a_model_in_latents_goes_through_the_verbs(tmp_path, capsys):
    run, out, adapted = tmp_path / "run", tmp_path / "grid.png", tmp_path / "adapted"
    line = [*LINE, "--data", "digits", "--condition", "class"]
    assert genjax("train", *line, "--dry-run", "--json", "--out", run) == 0
    assert set(json.loads(capsys.readouterr().out)["stages"]) == {"autoencoder", "flow"}
    assert genjax("train", *line, "--out", run) == 0
    assert genjax("sample", run, "--class", 3, "--num", 2, "--steps", 2, "--guidance", 2, "--out", out) == 0
    model, images = load(run), np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), dtype=np.uint8)
    how = {"class_name": "8", "from_class": "3", "steps": 2}
    unmoved = model.edit(images, strength=1e-4, **how)  # what the autoencoder makes of them
    assert np.abs(unmoved.astype(int) - model.edit(images, strength=2e-4, **how)).max() <= 1
    assert model.edit(images, **how).shape == images.shape
    capsys.readouterr()
    assert genjax("evaluate", "--run", run, "--num", 20, "--metrics", "kd,psnr", "--json") == 0
    ways = {record["name"].split("[")[0]: record["method"] for record in json.loads(capsys.readouterr().out)}
    assert ways["psnr"] == "by the autoencoder and the inverse ODE"
    assert genjax("average", run, "--sigma-rel", 0.08) == 0
    assert genjax("report", run, "--num", 20) == 0
    assert "4x4x4, of an autoencoder" in (run / "report.html").read_text()
    few = ["--source", run, "--data", "digits", "--shots", 10, "--transfer", "lora,ewc", "--lora.rank", 1]
    assert genjax("adapt", *few, "--ewc.examples", 2, "--steps", 2, "--evaluate-every", 0, "--out", adapted) == 0
    guided = ["--guidance", 1.5, "--num", 2, "--steps", 2, "--force", "--out", tmp_path / "away.png"]
    assert genjax("sample", adapted, "--guide", "source", *guided) == 0
    assert genjax("doctor", adapted) == 0
    other = tmp_path / "other"
    assert genjax("train", *line, "--seed", 1, "--out", other) == 0
    capsys.readouterr()
    assert genjax("sample", adapted, "--guide", other, *guided) == 2
    assert "--guide names a model in other latents: another autoencoder, or pixels." in capsys.readouterr().err
