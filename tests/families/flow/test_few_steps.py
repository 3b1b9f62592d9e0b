"""A flow of few steps through the verbs: trained, drawn in 1, 2 and 4 steps, learned in an adaptation, refused."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image
from tiny import TINY_FLOW
from toy_runs import genjax

from genjax.config import ModelConfig
from genjax.control import chain
from genjax.errors import InputError
from genjax.families.family import Training
from genjax.families.flow.family import build_flow
from genjax.families.flow.few_steps import begun, check_drawing, check_few_steps, with_few_steps
from genjax.families.flow.learner import NETWORK, make_flow
from genjax.families.flow.options import FlowAdaptation, FlowConfig, FlowDrawing, MeanConfig, check_typed
from genjax.families.flow.reference import check_reference
from genjax.families.model import Condition, Model
from genjax.families.registry import build_transfers
from genjax.losses.mean_flow import mean_flow
from genjax.models.dit import Dit
from genjax.transfer.lora import Lora
from genjax.transfer.replay import Replay
from genjax.tree import flatten

LINE = ["--model", "flow", "--flow.dit.width", 16, "--flow.dit.depth", 1, "--flow.dit.heads", 2]
SHORT = ["--batch", 8, "--num-images", 60, "--evaluate-every", 0, "--flow.preview-steps", 2]
FEW = FlowAdaptation(few_steps=True)


def model_of(**options):
    return ModelConfig("flow", 16, 1, "float32", 8, FlowConfig(**options))


def test_one_image_is_learned_and_drawn_in_one_step():
    size = 8
    image = np.random.default_rng(0).integers(0, 256, (1, size, size, 1), dtype=np.uint8)
    settings = {"size": size, "channels": 1, "optimizer": optax.adam(5e-3), "preview_steps": 1}
    flow = make_flow(Dit(1, 4, 32, 1, 2, two_times=True), mean_flow(), **settings)
    batch = {"image": np.repeat(image, 32, axis=0)}
    state, step = jax.jit(flow.init)(jax.random.key(0), batch), jax.jit(flow.step, donate_argnums=0)
    metrics = {}
    for _ in range(300):
        state, metrics = step(state, batch)
    assert flow.sample is not None
    drawn = jax.jit(flow.sample, static_argnums=2)(state, jax.random.key(1), 4)
    assert float(jnp.abs(drawn - (image / 127.5 - 1)).mean()) < 0.12
    assert {"loss/clean", "loss/middle", "loss/noisy", "loss/total"} <= set(metrics)
    # the loss is told as that of rectified flow is, not as it is weighted
    parts = [float(metrics[f"loss/{level}"]) for level in ("clean", "middle", "noisy")]
    assert float(metrics["loss/total"]) == pytest.approx(np.mean(parts), rel=0.2)


def test_a_source_begins_with_a_layer_of_zeros():
    condition = Condition("class", ("dark", "bright"))
    source = ModelConfig("flow", 16, 1, "float32", 8, TINY_FLOW, condition)
    model = with_few_steps(source, FEW)
    assert model.options.process == "mean"
    example = {"image": np.zeros((1, 16, 16, 1), np.uint8), "label": np.zeros(1, np.int32)}
    learners = [build_flow(one, Training({}, control=chain())) for one in (source, model)]
    first, other = (jax.jit(one.init)(jax.random.key(0), example).trainable for one in learners)
    whole = begun(first, model)
    assert set(flatten(whole[NETWORK])) == set(flatten(other[NETWORK]))
    assert set(flatten(whole[NETWORK])) - set(flatten(first[NETWORK])) == {"span/kernel", "span/bias"}
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(whole[NETWORK]["span"]))
    assert begun(first, source) is first
    assert learners[1].init(jax.random.key(0), example, source=whole).trainable.keys() == other.keys()


@pytest.mark.parametrize(
    ("source", "adaptation", "message"),
    [
        (
            {"process": "mean"},
            FlowAdaptation(),
            "the source draws in few steps (--flow.process mean), which an adaptation would spoil. Train one with"
            " --flow.process rectified, and adapt that with --few-steps.",
        ),
        ({"process": "mean"}, FEW, "the source draws in few steps"),
        ({"process": "edm"}, FEW, "--few-steps cannot go on from this source, a model of --flow.process edm. Leave it"),
        ({"prediction": "image"}, FEW, "--few-steps cannot go on from this source, a model of --flow.prediction image"),
        ({"network": "ddpm_unet"}, FEW, "a model of --flow.network ddpm_unet"),
    ],
)
def test_a_source_that_cannot_be_adapted_so_is_refused(source, adaptation, message):
    with pytest.raises(InputError) as caught:
        with_few_steps(model_of(**source), adaptation)
    assert message in str(caught.value)


@pytest.mark.parametrize("transfer", ["scale_shift", "singular_values", "ewc", "kernel_modulation", "freeze,ewc"])
def test_a_transfer_that_cannot_train_a_layer_of_zeros_is_refused(transfer):
    refused = transfer.rpartition(",")[2]
    with pytest.raises(InputError, match=rf"--few-steps teaches a layer .* --transfer {refused} .* Use full, f"):
        build_transfers(transfer, model_of(process="mean"))


def test_levels_and_pairs_of_times_are_not_chosen_at_once():
    check_few_steps(model_of(process="rectified"), (Replay(forgetting=1.0),))
    check_few_steps(model_of(process="mean"), (Replay(), Lora()))
    with pytest.raises(InputError, match=r"--replay.forgetting chooses the noise .* Use one of them"):
        check_few_steps(model_of(process="mean"), (Replay(forgetting=1.0),))


def test_a_plain_adaptation_leaves_the_model_as_it_is():
    model = model_of(process="edm")
    assert with_few_steps(model, FlowAdaptation()) is model


def test_leaps_are_refused_where_they_mean_nothing():
    with pytest.raises(InputError, match=r"--solver mean .* --flow\.process edm has none\. Use --solver heun\."):
        check_drawing(FlowConfig(process="edm"), "mean", guided=False)
    with pytest.raises(InputError, match=r"--guidance leads off the way .* Use it with --solver heun --steps 18"):
        check_drawing(FlowConfig(process="mean"), "mean", guided=True)
    check_drawing(FlowConfig(process="mean"), "heun", guided=True)


@pytest.mark.parametrize(
    ("chosen", "usual", "expected"),
    [
        ({}, "heun", ("heun", 18)),
        ({}, "mean", ("mean", 4)),
        ({"steps": 2}, "mean", ("mean", 2)),
        ({"solver": "heun"}, "mean", ("heun", 18)),
    ],
)
def test_what_is_left_open_is_usual(chosen, usual, expected):
    assert FlowDrawing(**chosen).decided(usual) == expected


def test_a_network_without_a_second_time_is_refused():
    with pytest.raises(InputError, match=r"--flow\.network ddpm_unet is told of one time, and mean flow has two"):
        build_flow(model_of(process="mean", network="ddpm_unet"), Training({}, control=None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            FlowConfig(mean=MeanConfig(power=0.5)),
            "--flow.mean.power does nothing with --flow.process rectified. Leave it out.",
        ),
        (
            FlowConfig(process="mean", prediction="image"),
            "--flow.prediction does nothing with --flow.process mean. Leave it out.",
        ),
    ],
)
def test_options_that_nothing_would_read_are_refused(options, message):
    with pytest.raises(InputError) as caught:
        check_typed(options)
    assert str(caught.value) == message


def test_options_of_mean_flow_are_read():
    check_typed(FlowConfig(process="mean", time_mean=-0.4, mean=MeanConfig(velocities=0.75)))
    with pytest.raises(InputError, match=r"--flow\.mean\.velocities is 2, expected 0 to 1"):
        MeanConfig(velocities=2)


def test_velocities_of_both_may_be_compared():
    mean, rectified, edm = (Model(model_of(process=name), {}, {}, {}, "", 0) for name in ("mean", "rectified", "edm"))
    check_reference(mean, rectified)
    with pytest.raises(InputError, match=r"--guide names a model of --flow\.process edm"):
        check_reference(mean, edm)


@pytest.mark.slow
def test_few_steps_go_through_the_verbs(tmp_path, capsys):
    run, plain = tmp_path / "run", tmp_path / "plain"
    line = ["train", *LINE, *SHORT, "--data", "digits", "--condition", "class", "--steps", 2]
    assert genjax(*line, "--flow.process", "mean", "--out", run) == 0
    assert genjax(*line, "--out", plain) == 0
    grids = []
    for steps in (1, 2, 4):
        out = tmp_path / f"{steps}.png"
        assert genjax("sample", run, "--class", 3, "--num", 4, "--steps", steps, "--out", out) == 0
        grids.append(np.asarray(Image.open(out)))
    assert genjax("sample", run, "--class", 3, "--num", 4, "--out", tmp_path / "usual.png") == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "usual.png")), grids[2])
    guided = ["--guidance", 2, "--num", 4, "--out", tmp_path / "guided.png"]
    assert genjax("sample", run, *guided, "--solver", "heun", "--steps", 2) == 0
    capsys.readouterr()
    assert genjax("sample", run, *guided, "--force") == 2
    assert "--guidance leads off the way" in capsys.readouterr().err
    assert genjax("sample", plain, "--solver", "mean", "--out", tmp_path / "no.png") == 2
    assert "a model of --flow.process rectified has none" in capsys.readouterr().err
    few = ["--data", "digits", "--shots", 10, "--steps", 2, "--evaluate-every", 0]
    assert genjax("adapt", "--source", run, *few, "--out", tmp_path / "no") == 2
    assert "the source draws in few steps" in capsys.readouterr().err
    for transfer in (["full"], ["lora", "--lora.rank", 1]):
        out = tmp_path / transfer[0]
        assert genjax("adapt", "--source", plain, *few, "--few-steps", "--transfer", *transfer, "--out", out) == 0
        assert genjax("sample", out, "--num", 2, "--steps", 1, "--out", tmp_path / f"{transfer[0]}.png") == 0
    capsys.readouterr()
    assert genjax("adapt", "--source", plain, *few, "--few-steps", "--transfer", "ewc", "--out", tmp_path / "no") == 2
    assert "--transfer ewc trains or weighs only what the source has" in capsys.readouterr().err
    away = ["--guide", "source", "--guidance", 1.5, "--num", 2, "--solver", "euler", "--steps", 2]
    assert genjax("sample", tmp_path / "lora", *away, "--out", tmp_path / "away.png") == 0
    assert genjax("adapt", "--source", tmp_path / "lora", *few, "--out", tmp_path / "no") == 2
    assert genjax("report", tmp_path / "lora", "--num", 10) == 0
    assert "--few-steps" in (tmp_path / "lora" / "report.html").read_text()
