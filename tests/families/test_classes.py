"""Classes that a source does not know: their names, their rows, what is refused, what stays as it is."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import tiny_model

from genjax.data import Dataset
from genjax.errors import InputError
from genjax.families.classes import new_rows, with_class_rows, with_new_classes
from genjax.families.conditions import column_of
from genjax.families.model import NO_CONDITION, Condition
from genjax.families.registry import FAMILIES, build_learner, build_transfers, model_from_json, model_to_json
from genjax.tree import flatten, unflatten

IMAGES = np.zeros((3, 16, 16, 1), np.uint8)
KNOWN = Condition("class", ("owl", "tit"))
BIRDS = Dataset("folder:birds", "train", IMAGES, np.array([0, 1, 2], np.int32), ("tit", "wren", "auk"))
NEW = Condition("class", ("owl", "tit", "wren", "auk"), new=2)
OF_CLASSES = [name for name, family in FAMILIES.items() if family.tables]


def model_of(family, condition):
    return tiny_model(family).__class__(**vars(tiny_model(family)) | {"condition": condition})


@cache
def source(family):
    """Parameters of a model of two classes, drawn."""
    batch = {"image": IMAGES[:1], "label": np.zeros(1, np.int32)}
    learner = build_learner(model_of(family, KNOWN))
    shapes = jax.eval_shape(learner.init, jax.random.key(0), batch).trainable
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(0.3 * rng.normal(size=leaf.shape), jnp.float32), shapes)


def test_new_classes_follow_those_that_are_known():
    assert with_new_classes(KNOWN, BIRDS) == NEW


def test_a_class_without_an_image_is_not_learned():
    two = BIRDS.take(np.array([0, 2]))
    assert with_new_classes(KNOWN, two).names == ("owl", "tit", "auk")
    assert with_new_classes(with_new_classes(KNOWN, two), BIRDS).names == ("owl", "tit", "auk", "wren")
    np.testing.assert_array_equal(column_of(Condition("class", ("tit", "auk")), two)["label"], [0, 1])


@pytest.mark.parametrize("family", OF_CLASSES)
def test_penalties_compare_images_of_known_classes_alone(family):
    """New rows are free: the penalty of `replay` has no slope there, that of `l2_sp` none either."""
    model = model_of(family, NEW)
    params = FAMILIES[family].begun(source(family), model)
    (network, *_) = [name for name in FAMILIES[family].tables if name != "critic"]
    (*_, table) = FAMILIES[family].tables[network]
    for transfer in ("replay", "l2_sp"):
        learner = build_learner(model, build_transfers(transfer, model))
        batch = {"image": np.zeros((4, 16, 16, 1), np.uint8), "label": np.arange(4, dtype=np.int32)}
        state = jax.jit(learner.init)(jax.random.key(0), batch, source=params)
        moved = flatten(state.trainable[network])
        for new, costs in ((slice(2, None), False), (slice(0, 2), True)):
            tree = unflatten(moved | {table: moved[table].at[new].add(1.0)})
            other = state.replace(trainable=state.trainable | {network: tree})
            penalty = float(jax.jit(learner.step)(other, batch)[1]["penalty/transfer"])
            assert (penalty > 1e-6) == costs, (transfer, new, penalty)


def test_the_row_of_a_new_class_can_be_learned_alone():
    model = model_of("gan", NEW)
    learner = build_learner(model, build_transfers("embedding", model))
    batch = {"image": IMAGES[:1], "label": np.zeros(1, np.int32)}
    params = FAMILIES["gan"].begun(source("gan"), model)
    state = jax.eval_shape(lambda: learner.init(jax.random.key(0), batch, source=params))
    assert {name: leaf.shape for name, leaf in flatten(state.trainable["generator"]).items()} == {
        "class/embedding/new": (2, 8)
    }


def test_what_a_model_without_new_classes_says():
    for condition, dataset, said in (
        (NO_CONDITION, BIRDS, "the source was trained without classes"),
        (KNOWN, Dataset("folder:plain", "train", IMAGES), "folder:plain has no classes"),
        (NEW, BIRDS, "the source knows all classes of folder:birds"),
    ):
        with pytest.raises(InputError, match=said):
            with_new_classes(condition, dataset)


@pytest.mark.parametrize("family", OF_CLASSES)
def test_the_tables_are_all_that_grows_and_new_rows_begin_at_the_mean(family):
    tables, params = FAMILIES[family].tables, source(family)
    grown = with_class_rows(tables, params, model_of(family, NEW))
    batch = {"image": IMAGES[:1], "label": np.zeros(1, np.int32)}
    wanted = jax.eval_shape(build_learner(model_of(family, NEW)).init, jax.random.key(0), batch).trainable
    assert jax.tree.map(jnp.shape, grown) == jax.tree.map(jnp.shape, wanted)
    for network in params:
        before, after = flatten(params[network]), flatten(grown[network])
        for name, leaf in before.items():
            np.testing.assert_array_equal(after[name][: len(leaf)] if leaf.ndim else after[name], leaf)
        for name in tables[network]:
            np.testing.assert_allclose(after[name][2:], np.tile(before[name].mean(axis=0), (2, 1)), atol=1e-6)
            assert (name, 2) in new_rows(tables, network, model_of(family, NEW))


@pytest.mark.parametrize("family", OF_CLASSES)
def test_known_classes_are_drawn_as_the_source_draws_them_at_first(family):
    params, model = source(family), model_of(family, NEW)
    before, after = build_learner(model_of(family, KNOWN)).latents, build_learner(model).latents
    assert before is not None
    assert after is not None
    latents, labels = before.draw(jax.random.key(1), 4), jnp.array([0, 1, 1, 0])
    nothing = dict.fromkeys(params, ())
    expected = before.generate(params, nothing, latents, labels)
    made = after.generate(FAMILIES[family].begun(params, model), nothing, latents, labels)
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize("family", OF_CLASSES)
def test_a_model_that_knows_all_keeps_its_rows(family):
    params = source(family)
    assert with_class_rows(FAMILIES[family].tables, params, model_of(family, KNOWN)) is params


def test_low_rank_updates_learn_the_new_rows_whole():
    model = model_of("gan", NEW)
    learner = build_learner(model, build_transfers("lora", model))
    params = FAMILIES["gan"].begun(source("gan"), model)
    state = jax.eval_shape(
        lambda: learner.init(jax.random.key(0), {"image": IMAGES[:1], "label": jnp.zeros(1, int)}, source=params)
    )
    assert flatten(state.trainable["generator"])["class/embedding"].shape[0] == 4


def test_new_classes_are_kept_in_the_models_file():
    model = model_of("gan", NEW)
    values = model_to_json(model)
    assert model_from_json(values, where="model.json").condition == NEW
    assert "new" not in model_to_json(model_of("gan", KNOWN))["condition"]
    for wrong in (5, -1, "2", 1.0):
        values["condition"]["new"] = wrong
        with pytest.raises(InputError, match=r"model\.json has .* new classes\. Restore it"):
            model_from_json(values, where="model.json")
