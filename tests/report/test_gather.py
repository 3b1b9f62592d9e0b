"""Reports of real runs: what is gathered, what is warned of, and what becomes of a run whose surroundings are gone."""

import dataclasses
import shlex
import shutil

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from reading import Page, check_alone
from text_to_image_tiny import kept
from tiny import adapt_config, train_config

from genjax.cli.parse import parse
from genjax.config import AdaptConfig, GanConfig, TextToImageAdaptation, TextToImageConfig, TrainConfig, VaeConfig
from genjax.data import load, spread_out
from genjax.errors import InputError
from genjax.evaluate import load_extractor
from genjax.evaluate.run_data import real_images
from genjax.evaluate.sampling import sample_run
from genjax.families.text_to_image.network_options import PriorConfig
from genjax.report.command import command_line
from genjax.report.gather import gather, run_names, write_report
from genjax.report.nearest import mean_distance, nearest, on_sphere
from genjax.training.loop import adapt, train
from genjax.transfer.freeze import Freeze
from genjax.transfer.lora import Lora

pytestmark = pytest.mark.slow  # whole runs and their pages

NUM = 40  # in evaluations: intervals take most of the time
EXTRACTOR = load_extractor("embedded-v1")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A GAN with a LoRA on it, and a VAE with an adaptation of all its parameters."""
    folder = tmp_path_factory.mktemp("runs")
    train(train_config("gan", folder / "gan", num_images=120, evaluate_every=4, evaluate_num=40))
    train(train_config("vae", folder / "vae", num_images=120))
    adapt(adapt_config(folder / "vae", folder / "full"))
    adapt(adapt_config(folder / "gan", folder / "lora", transfer="lora"))
    return folder


@pytest.fixture(scope="module")
def reports(runs):
    return {name: gather(runs / name, name, extractor=EXTRACTOR, num=NUM) for name in ("gan", "vae", "lora")}


def test_a_report_shows_what_the_run_would_sample(runs, reports):
    for name in ("gan", "lora"):
        np.testing.assert_array_equal(reports[name].samples, sample_run(runs / name, NUM, seed=0))
    np.testing.assert_array_equal(reports["lora"].source, sample_run(runs / "gan", 32, seed=0))
    assert reports["gan"].source is None


def test_only_a_vae_reconstructs(reports):
    assert reports["gan"].reconstructed is None
    originals, reconstructed = reports["vae"].held_out, reports["vae"].reconstructed
    assert originals.shape == reconstructed.shape == (16, 16, 16, 1)
    held_out = load("digits", split="test").images
    assert all((held_out == image).all(axis=(1, 2, 3)).any() for image in originals)


def test_records_are_of_held_out_images(reports):
    records = reports["gan"].records
    assert [record["name"] for record in records][:2] == ["KD[embedded-v1]", "FD[embedded-v1]"]
    assert {(record["split"], record["n_real"], record["n_fake"]) for record in records} == {("test", NUM, NUM)}


def test_an_adaptation_is_asked_what_its_samples_give_away(reports):
    found = {record["name"]: record for record in reports["lora"].records}
    assert 0 <= found["membership_tpr[embedded-v1]"]["value"] <= 1
    assert "less that of the source" in found["membership[embedded-v1]"]["method"]
    alone = {record["name"]: record["method"] for record in reports["gan"].records}
    assert "no source" in alone["membership[embedded-v1]"]


def test_what_a_reader_must_know_first(reports):
    assert any("FD[embedded-v1] from 40 real and 40 generated images is too high" in w for w in reports["gan"].warnings)
    assert any("Only 10 images were trained on" in warning for warning in reports["lora"].warnings)
    assert not any("images were trained on" in warning for warning in reports["gan"].warnings)


def test_neighbours_are_sorted_and_known(reports):
    closest = [one.distance for one in reports["lora"].closest]
    farthest = [one.distance for one in reports["lora"].farthest]
    assert closest == sorted(closest)
    assert farthest == sorted(farthest, reverse=True)
    assert closest[-1] <= farthest[-1]
    assert reports["gan"].closest[0].about.startswith("class ")
    assert " " in reports["lora"].closest[0].about, "a caption of the glyphs"


def test_one_run_has_its_page(runs):
    path = write_report([runs / "lora"], num=NUM)
    assert path == runs / "lora" / "report.html"
    page = Page(path.read_text(encoding="utf-8"))
    check_alone(page)
    assert "Source and adaptation" in page.text
    assert "genjax adapt" in page.text
    assert not list(path.parent.glob("*.part"))


def test_several_runs_have_one_page(runs, tmp_path):
    path = write_report([runs / "gan", runs / "vae", runs / "full"], tmp_path / "new" / "page.html", num=NUM)
    page = Page(path.read_text(encoding="utf-8"))
    check_alone(page)
    assert "3 runs compared" in page.text
    assert "Not all numbers here can be compared: full and gan" in page.text
    assert write_report([runs / "gan"], tmp_path / "folder", num=NUM) == tmp_path / "folder" / "report.html"


def test_a_moved_source_leaves_the_rest(runs, tmp_path):
    for name in ("full", "lora"):
        shutil.copytree(runs / name, tmp_path / "elsewhere" / name)
    alone = gather(tmp_path / "elsewhere" / "full", "full", extractor=EXTRACTOR, num=NUM)
    assert alone.source is None
    assert any("The source is not shown beside its adaptation" in warning for warning in alone.warnings)
    with pytest.raises(InputError, match="Say where it lies now with --source"):
        write_report([tmp_path / "elsewhere" / "lora"])
    found = gather(tmp_path / "elsewhere" / "lora", "lora", extractor=EXTRACTOR, num=NUM, source=runs / "gan")
    np.testing.assert_array_equal(found.source, sample_run(runs / "gan", 32))


@pytest.fixture(scope="module")
def own_images(tmp_path_factory):
    """A run on twelve images of a user's own, two of them held out, in a folder with a hostile name."""
    folder = tmp_path_factory.mktemp("own")
    images = folder / "<script>alert(1)<"
    images.mkdir()
    for number, image in enumerate(load("digits", num=12).images[np.arange(12)]):
        Image.fromarray(image[..., 0]).save(images / f"{number}.png")
    train(
        train_config(
            "vae", folder / "run", data=f"folder:{images}", num_images=0, steps=2, sample_every=2, save_every=2
        )
    )
    return images, folder / "run"


def test_few_images_and_a_hostile_name(own_images, tmp_path):
    images, run = own_images
    page = Page(write_report([run], tmp_path, num=NUM).read_text(encoding="utf-8"))
    check_alone(page)
    assert f"folder:{images}" in page.text
    assert "Only 2 images are held out" in page.text
    assert "a network that knows handwritten and typeset characters" in page.text
    assert "coverage[" not in page.text, "needs six images"


def test_images_that_are_gone_or_others(own_images, tmp_path):
    images, run = own_images
    shutil.copytree(run, tmp_path / "run")
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(images / "new.png")
    said = gather(tmp_path / "run", "run", extractor=EXTRACTOR, num=NUM).warnings
    assert any("have changed since this run" in warning for warning in said)
    images.rename(tmp_path / "moved")
    report = gather(tmp_path / "run", "run", extractor=EXTRACTOR, num=NUM)
    (tmp_path / "moved").rename(images)
    assert any("The training images cannot be read" in warning for warning in report.warnings)
    assert report.training is None
    assert report.records == ()
    assert len(report.samples) == NUM


def test_nothing_held_out(tmp_path):
    train(train_config("vae", tmp_path / "run", split="all", steps=2, sample_every=2, save_every=2))
    report = gather(tmp_path / "run", "run", extractor=EXTRACTOR, num=NUM)
    assert any("No images are held out (--split all)" in warning for warning in report.warnings)
    assert report.records == ()
    assert report.reconstructed is None
    assert "own units" in report.distance_unit


def test_what_cannot_be_reported(runs, tmp_path):
    with pytest.raises(InputError, match=r"config.json does not exist"):
        write_report([tmp_path])
    with pytest.raises(InputError, match="no run was named"):
        write_report([])
    with pytest.raises(InputError, match="named twice"):
        write_report([runs / "gan", runs / "vae" / ".." / "gan"])
    with pytest.raises(InputError, match=r"unknown extractor 'embeded-v1'. Did you mean 'embedded-v1'"):
        write_report([runs / "gan"], extractor="embeded-v1")
    shutil.copytree(runs / "gan", tmp_path / "no_model", ignore=shutil.ignore_patterns("model"))
    with pytest.raises(InputError, match="--num 5000 is not from 2 to 1000"):
        write_report([runs / "gan"], num=5000)
    with pytest.raises(InputError, match="holds no model"):
        write_report([tmp_path / "no_model"])
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Name another place with --out"):
        write_report([runs / "gan"], tmp_path / "file" / "page.html", num=NUM)


def test_names_tell_runs_apart(tmp_path):
    assert run_names([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    assert run_names([tmp_path / "x" / "a", tmp_path / "y" / "a"]) == ["x/a", "y/a"]


@pytest.mark.parametrize(
    "config",
    [
        TrainConfig(),
        TrainConfig(data="folder:my 'own' $images", model=GanConfig(loss="hinge", r1_weight=0.5), seed=3, channels=3),
        AdaptConfig(),
        TrainConfig(model=VaeConfig(latent_size=3), overfit_one_batch=True),
        TrainConfig(
            model=TextToImageConfig(text_length=4, prior=PriorConfig(width=64, heads=4)), size=32, data="glyphs"
        ),
        AdaptConfig(
            shots=10, stratify=False, transfer=(Freeze(patterns=("critic/", "vae/a*", "vae/b[1]")), Lora(rank=2))
        ),
    ],
)
def test_the_command_line_gives_the_config_again(config):
    program, *arguments = shlex.split(command_line(config))
    assert program == "genjax"
    assert parse(arguments).config == config  # pyright: ignore[reportAttributeAccessIssue]


def test_the_command_line_of_an_adapted_text_to_image_model_gives_the_config_again(tmp_path):
    """Which options there are follows from the source, so that it must be there."""
    source = tmp_path / "model"
    shutil.copytree(kept(), source)
    config = AdaptConfig(
        source=source, data="digits:captioned", transfer="lora", adaptation=TextToImageAdaptation(prior_steps=7)
    )
    assert parse(shlex.split(command_line(config))[1:]).config == config  # pyright: ignore[reportAttributeAccessIssue]


def test_the_command_line_begins_with_what_says_most():
    line = command_line(dataclasses.replace(AdaptConfig(), shots=10))
    assert line.startswith("genjax adapt --data glyphs --source runs/train --shots 10 --transfer full")


def test_interpolations_stay_on_the_sphere():
    start, end = jnp.asarray([3.0, 0.0, 0.0]), jnp.asarray([0.0, 3.0, 0.0])
    between = np.asarray(on_sphere(start, end, 5))
    np.testing.assert_allclose(between[[0, -1]], [start, end], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(between, axis=1), 3.0, rtol=1e-5)
    np.testing.assert_allclose(between[2], [3 / np.sqrt(2), 3 / np.sqrt(2), 0], rtol=1e-5, atol=1e-5)


def test_nearest_against_every_distance():
    rng = np.random.default_rng(0)
    features, others = rng.normal(size=(20, 4)), rng.normal(size=(30, 4))
    indices, distances = nearest(features, others, 3)
    every = np.linalg.norm(features[:, None] - others[None], axis=-1)
    np.testing.assert_array_equal(indices, np.argsort(every, axis=1)[:, :3])
    np.testing.assert_allclose(distances, np.sort(every, axis=1)[:, :3])
    assert mean_distance(np.asarray([[0.0], [3.0], [3.0]])) == pytest.approx(2.0)
    assert mean_distance(np.zeros((1, 2))) == 0


def test_few_of_many_are_from_all_over():
    digits = load("digits")
    some = spread_out(digits, 10)
    assert len(some) == 10
    np.testing.assert_array_equal(some.images[0], digits.images[0])
    np.testing.assert_array_equal(some.images[-1], digits.images[-1])
    assert len(spread_out(digits, 10_000)) == len(digits)


def test_a_run_in_a_sentence(reports):
    assert reports["gan"].summary == "A GAN of 16x16 pixels, trained on 120 images of digits."
    assert reports["lora"].summary.endswith("to 10 images of glyphs (transfer lora).")


def test_held_out_captions_of_unknown_words_leave_a_page_without_what_needs_them(monkeypatch):
    def unknown(*arguments):
        found = real_images(*arguments)
        assert found.held_out is not None
        captions = tuple(f"word{place}" for place in range(len(found.held_out)))
        return found._replace(held_out=dataclasses.replace(found.held_out, captions=captions))

    monkeypatch.setattr("genjax.report.gather.real_images", unknown)
    report = gather(kept(), "run", extractor=EXTRACTOR, num=24)
    assert report.records == ()
    assert report.asked == "Captions of training images"
    said = "held-out captions that were to be drawn have words that the model does not know"
    assert any(said in warning for warning in report.warnings)
