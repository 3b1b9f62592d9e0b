"""Models on disk: loadable alone, small where the transfer is, bound to their source."""

import json
import shutil

import jax
import numpy as np
import pytest
from tiny import adapt_config, train_config

from genjax.config import GanConfig
from genjax.errors import InputError
from genjax.evaluate.sampling import sample_run
from genjax.store import model as artifact
from genjax.store.model import load_model
from genjax.training.loop import adapt, train
from genjax.tree import flatten


@pytest.fixture(scope="module")
def folder(kept_runs, tmp_path_factory):
    """Two sources and adaptations of the first, as a user would have them side by side."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(kept_runs / "gan", folder / "source")
    shutil.copytree(kept_runs / "gan_lora", folder / "lora")
    rewrite(folder / "lora", lambda values: values["source"].update(path="../source"))
    train(train_config("gan", folder / "other", steps=1, seed=1))
    for transfer in ("full", "freeze"):
        adapt(adapt_config(folder / "source", folder / transfer, transfer=transfer, steps=2))
    return folder


def generator_bytes(run):
    (path,) = (run / "model" / "latest").glob("generator-*.safetensors")
    return path.stat().st_size


@pytest.mark.slow
def test_a_lora_is_under_a_tenth_of_its_source_on_disk(tmp_path):
    """With the demo's networks: of tiny ones it saves less."""
    train(train_config("gan", tmp_path / "source", gan=GanConfig(), steps=1))
    adapt(adapt_config(tmp_path / "source", tmp_path / "lora", transfer="lora", steps=1))
    assert generator_bytes(tmp_path / "lora") < 0.1 * generator_bytes(tmp_path / "source")


@pytest.mark.slow
def test_a_lora_lies_on_its_source(folder):
    source, adapted = load_model(folder / "source").params(), load_model(folder / "lora").params()
    left, right = flatten(source["generator"]), flatten(adapted["generator"])
    assert left.keys() == right.keys()
    update = np.asarray(right["stem/kernel"] - left["stem/kernel"])
    assert 1 <= np.linalg.matrix_rank(update, tol=1e-6) <= 4


@pytest.mark.slow
def test_a_lora_refuses_another_source(folder):
    with pytest.raises(InputError, match=r"was adapted from the model \w{12}, and .*other holds \w{12}"):
        sample_run(folder / "lora", 1, source=folder / "other")


def test_a_lora_without_its_source_says_what_to_do(folder, tmp_path):
    shutil.copytree(folder / "lora", tmp_path / "alone")
    with pytest.raises(InputError, match="Say where it lies now with --source"):
        sample_run(tmp_path / "alone", 1)
    here = sample_run(tmp_path / "alone", 2, source=folder / "source")
    np.testing.assert_array_equal(here, sample_run(folder / "lora", 2))


@pytest.mark.parametrize("name", ["source", "full", "freeze"])
def test_a_whole_generator_needs_no_source(name, folder, tmp_path):
    shutil.copytree(folder / name, tmp_path / "alone")
    np.testing.assert_array_equal(sample_run(tmp_path / "alone", 2), sample_run(folder / name, 2))


def test_freezing_keeps_the_critics_lower_layers(folder):
    source, frozen = load_model(folder / "source").params(), load_model(folder / "freeze").params()
    left, right = flatten(source["critic"]), flatten(frozen["critic"])
    same = {name for name in left if np.array_equal(left[name], right[name])}
    assert same == {name for name in left if name.startswith("down_8")}  # all but the last before the head


def test_the_identity_is_of_the_content(folder):
    assert load_model(folder / "source").identity == load_model(folder / "source", sampled_only=True).identity
    assert load_model(folder / "source").identity != load_model(folder / "other").identity


def test_the_same_seed_shows_the_same_latents(folder):
    np.testing.assert_array_equal(sample_run(folder / "source", 3, seed=2), sample_run(folder / "source", 3, seed=2))
    assert not np.array_equal(sample_run(folder / "source", 3, seed=2), sample_run(folder / "source", 3, seed=3))


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder / "source", tmp_path / "copy")


def rewrite(run, change):
    path = run / "model" / "latest" / "model.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("networks"), "lacks 'networks': it is no model of this genjax"),
        (lambda values: values["model"].update(colour=3), "unknown key 'colour'"),
        (lambda values: values["model"].update(size=17), "--size 17 is not one of"),
        (lambda values: values["networks"]["generator"].update(sha256="0"), "is damaged"),
        (lambda values: values["networks"]["generator"].update(file="nothing.safetensors"), "cannot be read"),
    ],
)
def test_a_damaged_description_is_refused(change, message, copy):
    rewrite(copy, change)
    with pytest.raises(InputError, match=message):
        load_model(copy)


def test_no_path_leaves_the_folder(copy, folder):
    """A description that points elsewhere is read as a name in its own folder."""
    (file,) = (copy / "model" / "latest").glob("generator-*")
    (copy.parent / file.name).write_bytes(b"another")
    rewrite(copy, lambda values: values["networks"]["generator"].update(file=f"../../../../{file.name}"))
    jax.tree.map(np.testing.assert_array_equal, load_model(copy).params(), load_model(folder / "source").params())


def test_no_model_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"holds no model. Name the folder of a run that genjax has made"):
        load_model(tmp_path)


def test_a_best_model_that_never_was_is_an_error_that_names_the_latest(copy):
    with pytest.raises(InputError, match=r"has no best model, as none was evaluated .* Use --which latest"):
        load_model(copy, which="best")


def test_a_source_of_what_was_never_adapted_is_an_error(folder):
    with pytest.raises(InputError, match=r"was adapted from no other run, and --source .* names one. Leave it out"):
        load_model(folder / "source", source=folder)


def test_a_description_of_other_networks_is_refused_by_name(copy):
    """The files are whole, and not of this model: flax would fail inside the first compile."""
    rewrite(copy, lambda values: values["model"]["options"].update(width=16))
    with pytest.raises(
        InputError, match=r"the generator of .* does not fit the model: .*has shape .*, expected"
    ) as error:
        sample_run(copy, 1)
    assert "\n" not in str(error.value)


def test_a_model_that_says_that_it_lies_on_itself_is_refused(folder, tmp_path):
    for name in ("first", "second"):
        shutil.copytree(folder / "lora", tmp_path / name)
    rewrite(tmp_path / "first", lambda values: values["source"].update(path="../second"))
    rewrite(tmp_path / "second", lambda values: values["source"].update(path="../first"))
    with pytest.raises(InputError, match="says that it was adapted from itself"):
        sample_run(tmp_path / "first", 1)


def test_a_model_that_is_replaced_while_it_is_read_is_read_anew(folder, copy, monkeypatch):
    """The run has saved another one and deleted the first, between its description and its files."""
    latest, newer = copy / "model" / "latest", folder / "other" / "model" / "latest"
    real, reads = artifact._read, []

    def replaced(found, entry):
        if not reads:
            shutil.rmtree(latest)
            shutil.copytree(newer, latest)
        reads.append(entry["file"])
        return real(found, entry)

    expected = load_model(folder / "other").identity
    monkeypatch.setattr(artifact, "_read", replaced)
    assert load_model(copy).identity == expected
    assert len(reads) == 3  # a file that was gone, and then both
