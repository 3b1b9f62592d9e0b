"""Choices of transfers: parsed, checked against clashes and needs, built for every network, and kept as JSON."""

import ast
import inspect
import itertools
import json
from dataclasses import dataclass, fields, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.transfer.auto import SPEC as AUTO
from genjax.transfer.auto import Auto, Rule
from genjax.transfer.embedding import Embedding
from genjax.transfer.ewc import Ewc
from genjax.transfer.freeze import Freeze
from genjax.transfer.kernel_modulation import KernelModulation
from genjax.transfer.l2_sp import L2Sp
from genjax.transfer.lora import Lora
from genjax.transfer.miner import Miner
from genjax.transfer.registry import (
    TRANSFERS,
    build,
    check,
    check_ratio,
    check_used,
    chosen,
    fisher_examples,
    from_json,
    has_penalty,
    help_text,
    names,
    needs_fisher,
    resolved,
    spec_of,
    to_json,
)
from genjax.transfer.replay import Replay
from genjax.transfer.transfer import NEEDS, Full, Offer, Spec, Transfer
from genjax.tree import flatten, unflatten

LATENTS = 4
# Two networks as a GAN has them; either a prior that makes no images by itself.
OFFERS = {
    "maker": Offer(LATENTS, features=True, evidence=True, rows=(("stem/bias", 3),)),
    "trainer": Offer(published=False, freeze=("down_8/*",)),
}
PRIOR = {"prior": Offer(freeze=("embed_*",), whole=("embed_*",))}
SHAPES = {
    "maker": {
        "stem": {"kernel": (LATENTS, 24), "bias": (24,)},
        "up": {"kernel": (2, 2, 24, 12), "bias": (12,)},
        "modulation": {"kernel": (24, 24), "bias": (24,)},
    },
    "trainer": {"down_8": {"kernel": (12, 10)}, "head": {"kernel": (10, 1)}},
    "prior": {"embed_text": {"table": (5, 8)}, "block_0": {"kernel": (16, 16), "bias": (16,)}},
}


def source(network):
    rng = np.random.default_rng(0)
    flat = {
        f"{layer}/{name}": jnp.asarray(rng.standard_normal(shape), jnp.float32)
        for layer, leaves in SHAPES[network].items()
        for name, shape in leaves.items()
    }
    return unflatten(flat)


def known_information(offers):
    """The offers with some Fisher information of each network."""
    return {
        network: offer._replace(fisher=jax.tree.map(jnp.square, source(network))) for network, offer in offers.items()
    }


def begun(transfer, network):
    return transfer.init(source(network), jax.random.key(0))


# A transfer that is nowhere but here.


@dataclass(frozen=True)
class Widen:
    """The transfer `widen`."""

    factor: float = 2.0
    """Factor of the step."""

    def __post_init__(self):
        if self.factor <= 0:
            raise InputError(f"--widen.factor is {self.factor}, expected a number above 0.")


def widen(factor):
    """Trains a difference to the source, which counts `factor` times."""

    def init(params, key):
        return jax.tree.map(jnp.zeros_like, flatten(params)), flatten(params)

    def params(trainable, context):
        return unflatten({name: context[name] + factor * leaf for name, leaf in trainable.items()})

    return Transfer(init, params)


WIDEN = Spec(
    name="widen",
    options=Widen,
    build=lambda options, network, offer: widen(options.factor),
    summary="Trains a difference to the source.",
    group="widen",
    needs=frozenset({"features"}),
    changes=frozenset({"kernels"}),
)
WITH_ONE_MORE = {**TRANSFERS, "widen": WIDEN}


class TestATransferThatIsAdded:
    """All that the registry does follows from the record."""

    def test_it_is_parsed(self):
        choice = chosen("widen, freeze", {"widen": Widen(3.0)}, known=WITH_ONE_MORE)
        assert choice == (Freeze(), Widen(3.0))
        assert names(choice, known=WITH_ONE_MORE) == "freeze,widen"

    def test_it_is_unknown_without_its_entry(self):
        with pytest.raises(InputError, match="unknown transfer 'widen'"):
            chosen("widen")
        with pytest.raises(InputError, match=r"Widen\(factor=2.0\) is no object with a transfer's options"):
            spec_of(Widen())

    @pytest.mark.parametrize("other", ["lora", "scale_shift", "singular_values", "kernel_modulation"])
    def test_it_clashes_with_others_that_change_kernels(self, other):
        with pytest.raises(InputError, match=f"widen and {other} each say what a kernel becomes"):
            chosen(f"widen,{other}", known=WITH_ONE_MORE)
        with pytest.raises(InputError, match=f"{other} and widen each say what a kernel becomes"):
            build((spec_of(TRANSFERS[other].options()).options(), Widen()), OFFERS, known=WITH_ONE_MORE)

    def test_it_is_refused_where_its_need_is_not_met(self):
        with pytest.raises(InputError, match=r"--transfer widen needs features of a forward pass, .* \(prior\)"):
            check((Widen(),), PRIOR, known=WITH_ONE_MORE)

    def test_it_is_built_where_it_applies(self):
        transfers = build((Widen(3.0),), OFFERS, known=WITH_ONE_MORE)
        trainable, context = begun(transfers["maker"], "maker")
        moved = flatten(transfers["maker"].params(jax.tree.map(lambda leaf: leaf + 1, trainable), context))
        for name, leaf in flatten(source("maker")).items():
            np.testing.assert_allclose(moved[name], leaf + 3, rtol=1e-6)
        assert begun(transfers["trainer"], "trainer")[1] == (), "it is trained in full"

    def test_it_is_kept_as_json(self):
        values = json.loads(json.dumps(to_json((Freeze(), Widen(3.0)), known=WITH_ONE_MORE)))
        assert values[1] == {"name": "widen", "factor": 3.0}
        assert from_json(values, where="x", known=WITH_ONE_MORE) == (Freeze(), Widen(3.0))
        with pytest.raises(InputError, match=r"x: widen: unknown key 'facter'. Did you mean 'factor'\?"):
            from_json([{"name": "widen", "facter": 3.0}], where="x", known=WITH_ONE_MORE)

    def test_it_is_listed_in_help(self):
        assert help_text(known=WITH_ONE_MORE).splitlines()[-1] == "widen: Trains a difference to the source."


# What holds for every transfer.


@pytest.mark.parametrize("name", TRANSFERS)
def test_a_spec_is_listed_under_its_own_name(name):
    spec = TRANSFERS[name]
    assert spec.name == name
    assert spec_of(spec.options()) is spec
    assert spec.needs <= set(NEEDS)
    assert spec.changes <= {"kernels", "latents", "loss"}
    assert bool(spec.group) == bool(fields(spec.options))
    assert "name" not in {field.name for field in fields(spec.options)}, "this key of the JSON is taken"
    assert ("fisher" in spec.needs) == hasattr(spec.options(), "examples")
    assert f"{name}: {spec.summary}" in help_text().splitlines()


@pytest.mark.parametrize("spec", [AUTO, *TRANSFERS.values()], ids=lambda spec: spec.name)
def test_every_option_has_a_help_sentence(spec):
    """A string under the field, as tyro reads it."""
    body = [part for node in ast.parse(inspect.getsource(spec.options)).body for part in getattr(node, "body", [])]
    for statement, after in itertools.pairwise([*body, None]):
        if isinstance(statement, ast.AnnAssign):
            assert isinstance(after, ast.Expr), ast.unparse(statement)
            sentence = ast.literal_eval(after.value)
            assert sentence[0].isupper()
            assert sentence.endswith("."), sentence
    assert spec.options.__doc__.endswith(".")
    assert spec.summary.endswith(".")


@pytest.mark.parametrize("name", TRANSFERS)
@pytest.mark.parametrize("complete", [known_information, dict], ids=["with information", "to be loaded"])
def test_every_network_begins_at_the_source_exactly(name, complete):
    transfers = build(chosen(name), complete(OFFERS))
    assert list(transfers) == list(OFFERS)
    for network, transfer in transfers.items():
        params = transfer.params(*begun(transfer, network))
        assert jax.tree.structure(params) == jax.tree.structure(source(network))
        jax.tree.map(np.testing.assert_array_equal, params, source(network))


@pytest.mark.parametrize("name", TRANSFERS)
def test_a_network_that_is_not_published_is_trained_in_full_unless_frozen(name):
    trainable, _ = begun(build(chosen(name), known_information(OFFERS))["trainer"], "trainer")
    expected = set(flatten(source("trainer"))) - ({"down_8/kernel"} if name == "freeze" else set())
    assert set(flatten(trainable)) == expected


KERNELS = ("lora", "scale_shift", "singular_values", "kernel_modulation")
CLASHING = {
    **{frozenset(pair): "each say what a kernel becomes" for pair in itertools.combinations(KERNELS, 2)},
    **{frozenset({"full", name}): "full trains everything. Leave it out." for name in TRANSFERS if name != "full"},
    frozenset({"miner", "cdc"}): "cdc compares images of the same latents, which miner moves. Use one of them.",
    frozenset({"miner", "replay"}): "replay compares images of the same latents, which miner moves. Use one of them.",
}


@pytest.mark.parametrize("pair", list(itertools.combinations(TRANSFERS, 2)), ids=",".join)
def test_two_of_them_clash_or_begin_at_the_source_exactly_in_either_order(pair):
    text = ",".join(pair)
    if frozenset(pair) in CLASHING:
        for typed in (text, ",".join(reversed(pair))):
            with pytest.raises(InputError, match=f"^--transfer {typed}: .*{CLASHING[frozenset(pair)]}"):
                chosen(typed)
        return
    choice = chosen(text)
    assert choice == chosen(",".join(reversed(pair)))
    assert names(choice) == text
    transfer = build(tuple(reversed(choice)), known_information(OFFERS))["maker"]
    jax.tree.map(np.testing.assert_array_equal, transfer.params(*begun(transfer, "maker")), source("maker"))
    assert from_json(json.loads(json.dumps(to_json(choice))), where="x") == choice


SET = (  # each option off its default
    *(
        Freeze(("maker/up/*", "trainer/")),
        Lora(2, 1.5),
        L2Sp(0.5),
        Ewc(7.0, 9),
        Miner(9, True),
        Replay(0.5, 8, 4, 1.5, True),
    ),
    *(
        replace(TRANSFERS["cdc"].options(), weight=3.0, batch=5),
        KernelModulation(0.5, 9),
        Embedding(("*",)),
        Full(),
        Auto((Lora(2),)),
    ),
)


@pytest.mark.parametrize("options", SET, ids=lambda options: type(options).__name__)
def test_json_and_back(options):
    assert all(getattr(options, field.name) != getattr(type(options)(), field.name) for field in fields(options))
    assert from_json(json.loads(json.dumps(to_json((options,)))), where="x") == (options,)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("freeze", "x is 'freeze', expected a list of transfers"),
        (["freeze"], "x holds 'freeze', expected an object with the name of a transfer"),
        ([{"rank": 4}], "x holds {'rank': 4}, expected an object with the name of a transfer"),
        ([{"name": "loar"}], r"x: unknown transfer 'loar'. Did you mean 'lora'\?"),
        ([{"name": "lora", "rang": 4}], r"x: lora: unknown key 'rang'. Did you mean 'rank'\?"),
        ([{"name": "lora", "rank": "4"}], "x: lora: rank is '4', expected int"),
        ([{"name": "lora", "rank": 0}], "--lora.rank is 0, expected 1 or more."),
        ([{"name": "lora"}, {"name": "lora"}], "names one transfer twice"),
        ([{"name": "auto", "shots": 3}], "x: auto: unknown key 'shots'"),
        ([{"name": "auto", "given": [{"name": "loar"}]}], "x: auto: given: unknown transfer 'loar'"),
    ],
)
def test_damaged_json_is_refused_by_name(values, message):
    with pytest.raises(InputError, match=message):
        from_json(values, where="x")


# Parsing.


def test_options_come_by_the_name_or_the_group():
    given = {"modulation": KernelModulation(0.5), "l2-sp": L2Sp(2.0), "lora": Lora(8)}
    assert chosen("kernel_modulation,l2_sp", given) == (L2Sp(2.0), KernelModulation(0.5))
    assert chosen("l2_sp", {"l2_sp": L2Sp(2.0)}) == (L2Sp(2.0),)
    with pytest.raises(InputError, match=r"the options of lora are Freeze\(patterns=\(\)\), expected Lora"):
        chosen("lora", {"lora": Freeze()})
    with pytest.raises(InputError, match=r"unknown options of a transfer 'lroa'. Did you mean 'lora'\?"):
        chosen("lora", {"lroa": Lora()})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--transfer is empty. Known: auto, full, cdc, "),
        ("freeze,", "unknown transfer ''"),
        ("freeze,loar", r"unknown transfer 'loar'. Did you mean 'lora'\? Known: auto, cdc, "),
        ("auto,lora", "--transfer auto,lora: auto stands alone. Name it by itself, or leave it out."),
        ("lora,lora", "--transfer lora,lora names one transfer twice. Name each once."),
    ],
)
def test_a_value_that_means_nothing_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        chosen(text)


@pytest.mark.parametrize("name", ["cdc", "replay", "ewc", "l2_sp"])
def test_a_miner_alone_has_no_penalty_beside_it(name):
    message = f"--miner.alone leaves the network as it is, so that {name} would hold nothing. Drop one."
    if name in ("cdc", "replay"):
        message = "which miner moves"
    with pytest.raises(InputError, match=message):
        chosen(f"miner,{name}", {"miner": Miner(alone=True)})


def test_options_that_nothing_reads_are_refused():
    given = {"lora": Lora(8), "l2-sp": L2Sp()}
    check_used(chosen("lora"), given)
    check_used(chosen("auto", given), given)
    check_used(chosen("freeze"), {"lora": Lora()})
    with pytest.raises(InputError, match=r"--lora.rank does nothing with --transfer l2_sp,freeze. Leave it out."):
        check_used(chosen("freeze,l2_sp"), given)
    with pytest.raises(InputError, match=r"--modulation.quantile does nothing with --transfer ewc. Leave it out."):
        check_used(chosen("ewc"), {"modulation": KernelModulation(0.5)})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((Lora, {"rank": 0}), "--lora.rank is 0, expected 1 or more."),
        ((Lora, {"alpha": -1.0}), "--lora.alpha is -1.0, expected 0 or more."),
        ((L2Sp, {"weight": -1.0}), "--l2-sp.weight is -1.0, expected 0 or more."),
        ((Ewc, {"examples": 0}), "--ewc.examples is 0, expected 1 or more."),
        ((Ewc, {"weight": float("nan")}), "--ewc.weight is nan, expected 0 or more."),
        ((Miner, {"width": 0}), "--miner.width is 0, expected 1 or more."),
        ((TRANSFERS["cdc"].options, {"batch": 2}), "--cdc.batch is 2, expected 3 or more."),
        ((KernelModulation, {"quantile": 1.0}), "--modulation.quantile is 1.0, expected less than 1."),
        ((Replay, {"count": 4}), "--replay.count is 4, expected 8 or more."),
        ((Freeze, {"patterns": ("down_*",)}), "--freeze.patterns 'down_*': expected NETWORK/PATTERN, "),
    ],
)
def test_values_that_no_training_could_use_are_refused_when_built(values, message):
    kind, given = values
    with pytest.raises(InputError) as raised:
        kind(**given)
    assert str(raised.value).startswith(message)


# Needs.


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("miner", "latents that images are made of"),
        ("replay", "latents that images are made of"),
        ("cdc", "latents that images are made of and features of a forward pass"),
        ("ewc", "Fisher information"),
        ("kernel_modulation", "Fisher information"),
    ],
)
def test_a_network_that_does_not_offer_what_is_needed_is_named(name, needed):
    fitting = "full, l2_sp, freeze, lora, scale_shift, singular_values"
    message = f"--transfer {name} needs {needed}, which no published network of this model has (prior). Use {fitting}."
    with pytest.raises(InputError) as raised:
        build(chosen(name), PRIOR)
    assert str(raised.value) == message


def test_only_what_is_missing_is_said():
    with pytest.raises(InputError, match="--transfer cdc needs features of a forward pass, which"):
        check(chosen("cdc"), {"maker": Offer(LATENTS)})


@pytest.mark.parametrize("name", [name for name in TRANSFERS if name not in ("cdc", "replay", "miner", "embedding")])
def test_a_prior_with_evidence_takes_all_that_needs_no_latents(name):
    offers = {"prior": PRIOR["prior"]._replace(evidence=True)}
    transfer = build(chosen(name), known_information(offers))["prior"]
    jax.tree.map(np.testing.assert_array_equal, transfer.params(*begun(transfer, "prior")), source("prior"))


def test_a_network_that_does_not_fit_is_trained_in_full_beside_one_that_does():
    transfers = build(chosen("miner"), OFFERS | PRIOR)
    assert "miner/out/weights" in flatten(begun(transfers["maker"], "maker")[0])
    assert set(flatten(begun(transfers["prior"], "prior")[0])) == set(flatten(source("prior")))


def test_lora_leaves_whole_what_its_family_says():
    trainable, kept = begun(build(chosen("lora", {"lora": Lora(2)}), PRIOR)["prior"], "prior")
    assert "embed_text/table" in kept
    assert set(trainable) == {"block_0/kernel/down", "block_0/kernel/up", "block_0/bias"}


def test_information_reaches_the_penalty():
    transfers = build((Ewc(2.0),), known_information(OFFERS))
    trainable, context = begun(transfers["maker"], "maker")
    moved = jax.tree.map(lambda leaf: leaf + 1, trainable)
    penalty = transfers["maker"].penalty(moved, context, jax.random.key(0), lambda params, latents: (latents, ()))
    expected = 2.0 * sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(source("maker")))
    np.testing.assert_allclose(penalty, expected, rtol=1e-5)


def test_needs_of_a_choice():
    assert needs_fisher(chosen("freeze,ewc"))
    assert needs_fisher(chosen("kernel_modulation"))
    assert not needs_fisher(chosen("freeze,l2_sp"))
    assert fisher_examples(chosen("freeze,l2_sp")) == 0
    assert fisher_examples((Ewc(examples=8), KernelModulation(examples=16))) == 16
    assert has_penalty(chosen("freeze,l2_sp"))
    assert not has_penalty(chosen("freeze,lora"))
    check_ratio(chosen("replay"))
    message = (
        r"weighs a penalty, and --transfer freeze,lora has none. Leave it out, or use one of cdc, replay, ewc, l2_sp."
    )
    with pytest.raises(InputError, match=message):
        check_ratio(chosen("lora,freeze"))


def test_without_a_choice_everything_is_trained():
    for network, transfer in build((), OFFERS).items():
        trainable, context = begun(transfer, network)
        assert context == ()
        assert set(flatten(trainable)) == set(flatten(source(network)))


# Freezing by network.


@pytest.mark.parametrize(
    ("patterns", "frozen"),
    [
        ((), {"maker": set(), "trainer": {"down_8/kernel"}}),
        (("maker/*/bias",), {"maker": {"stem/bias", "up/bias", "modulation/bias"}, "trainer": {"down_8/kernel"}}),
        (("trainer/head/*",), {"maker": set(), "trainer": {"head/kernel"}}),
        (("trainer/",), {"maker": set(), "trainer": set()}),
        (("maker/up/*", "trainer/"), {"maker": {"up/kernel", "up/bias"}, "trainer": set()}),
    ],
)
def test_a_network_that_no_pattern_names_keeps_its_default(patterns, frozen):
    transfers = build((Freeze(patterns),), OFFERS)
    assert {network: set(begun(transfer, network)[1]) for network, transfer in transfers.items()} == frozen


def test_a_pattern_that_matches_nothing_is_quoted():
    with pytest.raises(InputError, match="pattern 'dwon_\\*' matches no parameter"):
        begun(build((Freeze(("trainer/dwon_*",)),), OFFERS)["trainer"], "trainer")


def test_a_pattern_of_no_network_lists_the_networks():
    with pytest.raises(InputError, match=r"'critic/\*': the model has no network 'critic'. Known: maker, trainer."):
        check((Freeze(("maker/*", "critic/*")),), OFFERS)


# Auto.


def test_auto_becomes_what_the_family_chooses_with_the_options_that_were_set():
    choice = chosen("auto", {"miner": Miner(width=9), "lora": Lora(2)})
    assert resolved(choice, (Rule(30, "miner"),), 10) == (Miner(width=9),)
    assert resolved(choice, (Rule(30, "miner"),), 31) == (Full(),)
    assert resolved(choice, (Rule(None, "freeze,lora"),), 31) == (Freeze(), Lora(2))
    assert resolved((Lora(3),), (Rule(30, "miner"),), 10) == (Lora(3),)
    with pytest.raises(InputError, match="auto is no transfer before its source is known"):
        build(choice, OFFERS)
