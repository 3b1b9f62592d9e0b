"""From configs to learners: every name on the command line builds what it says."""

import jax
import pytest
from genjax.families.recipes import NETWORKS, RECIPES, build_transfers, needs_fisher, transfer_names
from tiny import tiny_model

from genjax.config import AdaptConfig
from genjax.errors import InputError
from genjax.families.registry import build_learner, check_names
from genjax.transfer import TRANSFERS
from genjax.tree import flatten


@pytest.mark.parametrize("family", NETWORKS)
@pytest.mark.parametrize("name", [*RECIPES, "freeze,lora", "lora,replay", "miner,scale_shift", "freeze,l2_sp,ewc"])
def test_every_transfer_builds_for_every_family(family, name, batches):
    transfers = build_transfers(AdaptConfig(transfer=name), tiny_model(family))
    assert set(transfers) == set(NETWORKS[family])
    learner = build_learner(tiny_model(family), transfers)
    state = jax.eval_shape(lambda: learner.init(jax.random.key(0), batches[0]))
    trained = {name for network in state.trainable.values() for name in flatten(network)}
    assert any(name.endswith("/down") for name in trained) == ("lora" in name)


def test_freezing_a_gan_is_freezed():
    transfers = build_transfers(AdaptConfig(transfer="freeze"), tiny_model("gan"))
    params = {
        "down_8": {"kernel": jax.numpy.ones(1)},
        "down_4": {"kernel": jax.numpy.ones(1)},
        "head": {"bias": jax.numpy.ones(1)},
    }
    trained, frozen = transfers["critic"].init(params, jax.random.key(0))
    assert set(frozen) == {"down_8/kernel"}
    assert set(trained) == {"down_4/kernel", "head/bias"}


def test_the_recipes_are_the_transfers_that_are_listed():
    assert set(RECIPES) == set(TRANSFERS)


def test_an_unknown_transfer_in_a_list_is_named():
    with pytest.raises(InputError, match=r"unknown transfer 'lroa'. Did you mean 'lora'\?"):
        check_names(tiny_model("gan"), AdaptConfig(transfer="freeze,lroa"))


def test_transfers_are_chained_in_one_order_however_they_are_named():
    assert transfer_names(AdaptConfig(transfer="lora, freeze,cdc")) == ["cdc", "freeze", "lora"]
    assert needs_fisher(AdaptConfig(transfer="freeze,ewc"))
    assert not needs_fisher(AdaptConfig(transfer="freeze,l2_sp"))


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
        build_transfers(AdaptConfig(transfer=names), tiny_model("gan"))
