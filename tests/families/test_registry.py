"""Families by name, their models as JSON, and learners and transfers of a model: every name builds what it says."""

import dataclasses

import jax
import pytest
from tiny import TINY_GAN, TINY_VAE, USUAL, tiny_model

from genjax.config import AdaptConfig
from genjax.errors import InputError
from genjax.families.model import Condition
from genjax.families.registry import (
    FAMILIES,
    build_learner,
    build_transfers,
    family_named,
    family_of,
    model_from_json,
    model_to_json,
    other_families,
)
from genjax.families.text import dump_vocabulary, word_vocabulary
from genjax.transfer.registry import names, needs_fisher
from genjax.tree import flatten

NETWORKS = {"gan": {"critic", "generator"}, "vae": {"vae"}}


@pytest.mark.parametrize("family", NETWORKS)
@pytest.mark.parametrize("name", [*USUAL, "freeze,lora", "lora,replay", "miner,scale_shift", "freeze,l2_sp,ewc"])
def test_every_transfer_builds_for_every_family(family, name, batches):
    transfers = build_transfers(name, tiny_model(family))
    assert set(transfers) == NETWORKS[family]
    learner = build_learner(tiny_model(family), transfers)
    state = jax.eval_shape(lambda: learner.init(jax.random.key(0), batches[0]))
    trained = {name for network in state.trainable.values() for name in flatten(network)}
    assert any(name.endswith("/down") for name in trained) == ("lora" in name)


def test_freezing_a_gan_is_freezed():
    transfers = build_transfers("freeze", tiny_model("gan"))
    params = {
        "down_8": {"kernel": jax.numpy.ones(1)},
        "down_4": {"kernel": jax.numpy.ones(1)},
        "head": {"bias": jax.numpy.ones(1)},
    }
    trained, frozen = transfers["critic"].init(params, jax.random.key(0))
    assert set(frozen) == {"down_8/kernel"}
    assert set(trained) == {"down_4/kernel", "head/bias"}


def test_an_unknown_transfer_in_a_list_is_named():
    with pytest.raises(InputError, match=r"unknown transfer 'lroa'. Did you mean 'lora'\?"):
        build_transfers("freeze,lroa", tiny_model("gan"))


def test_transfers_are_chained_in_one_order_however_they_are_named():
    assert names(AdaptConfig(transfer="lora, freeze,cdc").transfers) == "cdc,freeze,lora"
    assert needs_fisher(AdaptConfig(transfer="freeze,ewc").transfers)
    assert not needs_fisher(AdaptConfig(transfer="freeze,l2_sp").transfers)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("lora,scale_shift", "lora and scale_shift each say what a kernel becomes"),
        ("full,lora", "full trains everything"),
        ("lora,lora", "names one transfer twice"),
        ("", "--transfer is empty"),
        ("freeze,", "unknown transfer ''"),
    ],
)
def test_transfers_that_do_not_go_together_are_refused(names, message):
    with pytest.raises(InputError, match=message):
        build_transfers(names, tiny_model("gan"))


def test_a_family_is_found_by_its_name_and_by_its_options():
    for name, family in FAMILIES.items():
        assert family_named(name) is family
        assert family_of(family.options()) is family
        assert family.name == name
    assert [found.name for found in other_families()] == [family.label for family in FAMILIES.values()]
    with pytest.raises(InputError, match=r"unknown model 'gna'. Did you mean 'gan'\?"):
        family_named("gna")
    with pytest.raises(InputError, match=r"3 are not the options of a model. Use those of gan, vae, flow, text2image"):
        family_of(3)


@pytest.mark.parametrize("family", NETWORKS)
def test_a_model_is_the_same_after_json(family):
    model = tiny_model(family)
    assert model_from_json(model_to_json(model), where="here") == model
    classes = dataclasses.replace(model, condition=Condition("class", ("cat", "dog")))
    assert model_from_json(model_to_json(classes), where="here") == classes


def test_the_vocabulary_of_a_model_is_the_same_after_json():
    vocabulary = word_vocabulary(["a red seven", "a blue two"], length=4)
    model = dataclasses.replace(tiny_model("vae"), condition=Condition("text", vocabulary=vocabulary))
    read = model_from_json(model_to_json(model), where="here")
    assert read.condition.kind == "text"
    assert read.condition.vocabulary is not None
    assert dump_vocabulary(read.condition.vocabulary) == dump_vocabulary(vocabulary)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"family": "gna"}, "unknown model 'gna'"),
        ({"sise": 16}, "here: unknown key 'sise'. Did you mean 'size'"),
        ({"size": "16"}, "here does not describe a model"),
        ({"options": []}, "here does not describe a model"),
        ({"options": {"widht": 8}}, "widht"),
        ({"condition": {"kind": "smell"}}, "here has a condition that is none"),
        ({"condition": []}, "here has a condition that is none"),
        ({"size": 17}, "--size 17"),
    ],
)
def test_json_that_is_no_model_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        model_from_json(model_to_json(tiny_model("vae")) | changes, where="here")


@pytest.mark.parametrize("lost", ["family", "size", "options", "batch"])
def test_json_that_lacks_a_key_is_refused(lost):
    values = {name: value for name, value in model_to_json(tiny_model("gan")).items() if name != lost}
    with pytest.raises(InputError, match=f"here lacks {lost}. Restore it, or train the run again"):
        model_from_json(values, where="here")


def test_learners_of_one_stage_are_built_from_their_options():
    assert {family_of(options).name for options in (TINY_GAN, TINY_VAE)} == set(NETWORKS)
    for family, networks in NETWORKS.items():
        assert set(build_learner(tiny_model(family)).transfers) == networks
