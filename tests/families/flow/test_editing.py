"""Editing by the inverse ODE: against the exact flow of Gaussians, at its ends, and what it refuses."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal
from drawn_flows import CLASSES, drawn_flow
from PIL import Image
from tiny import TINY_FLOW, train_config
from toy_runs import genjax

from genjax.api import TrainedModel, load
from genjax.cli.sample import SampleCommand
from genjax.errors import InputError
from genjax.evaluate.editing import STRENGTH, Change, check_change, images_at
from genjax.evaluate.sampling import Loaded
from genjax.families.flow.editing import there_and_back, times_from
from genjax.families.flow.family import FLOW, process_of
from genjax.families.flow.learner import Flow, field_of
from genjax.families.flow.options import FlowConfig, FlowDrawing
from genjax.families.registry import FAMILIES
from genjax.training.loop import train
from genjax.transfer import full

DEVIATION = 0.5
MEANS = jnp.array([-0.4, 0.7, 0.0])
STEPS = 200
DIGITS = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), dtype=np.uint8)


class OfGaussians:
    """The exact network for classes N(m, DEVIATION^2) at every place: a velocity, or EDM's output."""

    def __init__(self, process):
        self.process = process

    def init(self, key, images, levels, condition):
        raise NotImplementedError

    def apply(self, variables, images, levels, condition, **kwargs):
        mean, levels = MEANS[condition][:, None, None, None], levels[:, None, None, None]
        if self.process == "rectified":
            t, apart = levels, images - (1 - levels) * mean
            return apart * (t - (1 - t) * DEVIATION**2) / (t**2 + (1 - t) ** 2 * DEVIATION**2) - mean
        # D = m + s^2 (z - m) / (s^2 + t^2) = c_skip z + c_out F, with s the deviation that EDM assumes
        t = jnp.exp(4 * levels)
        total = jnp.sqrt(t**2 + DEVIATION**2)
        return mean * t / (total * DEVIATION)


def moved(process, strength):
    """How far an image is moved, of the way between two means: 1 - s a / sqrt(a^2 s^2 + b^2) at z = a x + b e."""
    if process == "rectified":
        kept, noise = 1 - strength, strength
    else:
        kept, noise = 1.0, times_from(process_of(FlowConfig(process=process)), strength, STEPS)[0]
    return 1 - DEVIATION * kept / np.sqrt((kept * DEVIATION) ** 2 + noise**2)


@pytest.mark.parametrize("process", ["rectified", "edm"])
@pytest.mark.parametrize("strength", [1.0, 0.5, 1e-4])
def test_an_edit_is_that_of_the_exact_flow(process, strength):
    """From m1 to m2 an image becomes x - m1 + m2 at full strength, and itself at none."""
    module: Any = OfGaussians(process)
    flow = Flow(module, process_of(FlowConfig(process=process)), 4, 1, CLASSES, full(), 0.1, 2)
    images, own, wanted = 0.5 * normal(jax.random.key(0), (3, 4, 4, 1)) - 0.4, jnp.zeros(3, int), jnp.ones(3, int)
    times = times_from(flow.process, strength, STEPS)
    back, edited = jax.jit(
        lambda images: there_and_back(field_of(flow, {}, own), field_of(flow, {}, wanted), images, times)
    )(images)
    np.testing.assert_allclose(back, images, atol=5e-3)
    np.testing.assert_allclose(edited, images + moved(process, strength) * 1.1, atol=5e-3)


@pytest.mark.parametrize("process", ["rectified", "edm"])
def test_the_closed_form_moves_an_image_all_the_way_or_not_at_all(process):
    assert moved(process, 1.0) == pytest.approx(1, abs=0.01)  # EDM's noise of 80 leaves a little of the image
    assert moved(process, 1e-4) == pytest.approx(0, abs=1e-3)


def test_a_strength_is_a_share_of_the_schedule():
    np.testing.assert_allclose(times_from(process_of(FlowConfig()), 0.6, 3), [0.6, 0.4, 0.2, 0], atol=1e-7)
    edm = process_of(FlowConfig(process="edm"))
    np.testing.assert_allclose(times_from(edm, 1.0, 18), edm.schedule(18))
    np.testing.assert_allclose(times_from(edm, 0.5, 18)[[0, -1]], [edm.schedule(18)[9], 0])


def model_of(model):
    return TrainedModel(Path("run"), Loaded(model, FLOW.trained(model)))


@pytest.fixture(scope="module")
def model():
    return model_of(drawn_flow(CLASSES))


def difference(one, other):
    return np.abs(one.astype(int) - other).max()


def test_a_model_edits_what_is_told_and_returns_the_rest(model):
    told = {"from_class": ["a", "b", "c"], "steps": 4}
    assert difference(model.edit(DIGITS, class_name="b", strength=1e-4, **told), DIGITS) <= 1
    made = model.loaded.trained.edit(DIGITS, ["a", "b", "c"], ["b"] * 3, 0.8, FlowDrawing(steps=4))
    np.testing.assert_array_equal(model.edit(DIGITS, class_name="b", **told), made.edited)
    np.testing.assert_array_equal(made.edited[1], made.reconstructed[1])  # the same class is the reconstruction
    assert difference(made.edited[0], made.reconstructed[0]) > 3
    unknown = model.edit(DIGITS, class_name="b", steps=4)
    assert difference(unknown, made.edited) > 3
    further = model.edit(DIGITS, class_name="b", guidance=3.0, **told)
    assert difference(further, made.edited) > 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"class_name": "b", "strength": 0.0}, "--strength is 0, expected above 0"),
        ({"class_name": "b", "strength": 1.1}, "--strength is 1.1, expected above 0"),
        ({"class_name": "z"}, "unknown class 'z'. Known: a, b, c"),
        ({"class_name": "a", "from_class": "z"}, "unknown class 'z'. Known: a, b, c"),
        ({"class_name": "a", "from_class": ["a"]}, "1 classes or texts of 3 images were given"),
        ({"text": "a seven"}, "--text: run was trained by class. Leave it out, or use --class."),
        ({}, "--edit: say what the images are to become, such as --class c."),
        ({"class_name": "a", "steps": 0}, "--steps is 0, expected 1 or more"),
        ({"class_name": "a", "solver": "mean"}, "--solver mean leaps to an image, and no leap leads back"),
    ],
)
def test_what_means_nothing_is_refused(model, values, said):
    with pytest.raises(InputError) as error:
        model.edit(DIGITS, **values)
    assert said in str(error.value)


def test_images_of_another_size_are_refused(model):
    with pytest.raises(InputError, match=r"images are uint8 \(3, 8, 8, 1\), expected uint8 \(n, 16, 16, 1\)"):
        model.edit(DIGITS[:, :8, :8], class_name="a")


def test_models_that_cannot_edit_say_why():
    with pytest.raises(InputError, match=r"run was trained without\. Use a model that was trained with --condition"):
        model_of(drawn_flow()).edit(DIGITS, class_name="a")
    never = dataclasses.replace(TINY_FLOW, null_probability=0.0)
    with pytest.raises(InputError, match=r"knows no image without a condition .* with --from-class"):
        model_of(drawn_flow(CLASSES, never)).edit(DIGITS, class_name="a")
    gan = dataclasses.replace(drawn_flow().config, family="gan", options=FAMILIES["gan"].options())
    with pytest.raises(InputError, match=r"is a GAN, which brings no image back to the noise .* --model flow\."):
        check_change(Path("run"), gan, Change("a"))


def test_images_are_read_from_a_file_or_a_folder_with_their_classes(tmp_path):
    for name, image in zip("abc", DIGITS, strict=True):
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.fromarray(image[..., 0]).save(tmp_path / "set" / name / "one.png")
    images, classes = images_at(tmp_path / "set", 16, 1, 9)
    np.testing.assert_array_equal(images, DIGITS)
    assert classes == ("a", "b", "c")
    images, classes = images_at(tmp_path / "set" / "b" / "one.png", 16, 1, 9)
    np.testing.assert_array_equal(images, DIGITS[1:2])
    assert classes == ()
    (tmp_path / "no.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"no\.png cannot be read: .*\. Name an image, or a folder of them\."):
        images_at(tmp_path / "no.png", 16, 1, 9)
    with pytest.raises(InputError, match=r"nowhere does not exist\. Name an image or a folder of images"):
        images_at(tmp_path / "nowhere", 16, 1, 9)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--strength", 0.5], "--strength does nothing without --edit"),
        (["--from-class", "1"], "--from-class does nothing without --edit"),
        (["--edit", "a.png", "--seed", 1], "--seed does nothing with --edit"),
        (["--edit", "a.png", "--text", "a", "b"], "--edit changes images to one text, and --text names 2"),
    ],
)
def test_the_command_refuses_what_nothing_would_read(tmp_path, capsys, arguments, said):
    assert genjax("sample", tmp_path, *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert len(error.splitlines()) == 1


def test_the_command_has_the_strength_of_the_function():
    assert SampleCommand().strength == STRENGTH


@pytest.mark.slow
def test_the_verb_writes_a_row_an_image_or_the_edited_ones(tmp_path, capsys):
    run, folder = tmp_path / "run", tmp_path / "3"
    train(train_config("flow", run, flow=TINY_FLOW, condition="class"))
    folder.mkdir()
    for name, image in zip("abc", DIGITS, strict=True):
        Image.fromarray(image[..., 0]).save(folder / f"{name}.png")
    how = ["--class", 8, "--from-class", 3, "--steps", 2]
    assert genjax("sample", run, "--edit", folder, *how, "--out", tmp_path / "edit.png") == 0
    picture = np.asarray(Image.open(tmp_path / "edit.png"))
    assert picture.shape == (3 * 17 - 1, 3 * 17 - 1)
    np.testing.assert_array_equal(picture[17:33, :16], DIGITS[1, ..., 0])
    assert genjax("sample", run, "--edit", folder / "b.png", *how, "--out", tmp_path / "edited") == 0
    alone = np.asarray(Image.open(tmp_path / "edited" / "00000.png"))
    assert difference(alone, picture[17:33, 34:]) <= 1
    told = load(run).edit(DIGITS, class_name="8", from_class="3", steps=2)
    np.testing.assert_array_equal(told[1, ..., 0], picture[17:33, 34:])
    capsys.readouterr()
    (tmp_path / "no.png").write_bytes(b"no")
    for wrong, said in (
        (["--edit", tmp_path / "no.png", "--class", 8], "cannot be read"),
        (["--edit", folder, "--class", 8, "--strength", 2], "--strength is 2, expected above 0"),
        (["--edit", folder, "--class", "x"], "unknown class 'x'"),
    ):
        assert genjax("sample", run, *wrong, "--out", tmp_path / "none.png") == 2
        error = capsys.readouterr().err.strip()
        assert said in error
        assert len(error.splitlines()) == 1
