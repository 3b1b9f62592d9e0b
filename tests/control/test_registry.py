"""From options to the chain of controllers: which mechanisms a learner gets, and which options are refused."""

import dataclasses

import jax.numpy as jnp
import pytest

from genjax.control import (
    CONTROLLERS,
    NO_CONTROL,
    ControlConfig,
    Controllable,
    Controller,
    Setting,
    Spec,
    build_controller,
    gradient_guard,
    kl_annealing,
    learning_rate_annealing,
)
from genjax.control.collapse_guard import CollapseState
from genjax.control.registry import is_on, join_options
from genjax.errors import InputError
from genjax.families.gan import learner as gan
from genjax.families.text_to_image import prior
from genjax.families.text_to_image.tokenizers import dvae
from genjax.families.vae import learner as vae
from genjax.json_config import from_json, to_json
from genjax.limits import at_least

GAN = Controllable("GAN", gan.SIGNALS, (*gan.KNOBS, "augment_probability"), ("critic", "generator"))
VAE = Controllable("VAE", vae.SIGNALS, vae.KNOBS, ("vae",))
PRIOR = Controllable("prior", prior.SIGNALS, prior.KNOBS, ("prior",))
DVAE = Controllable("discrete VAE", dvae.SIGNALS, dvae.KNOBS, ("tokenizer",))
SPECS = {spec.name: spec for spec in CONTROLLERS}

NEEDED = {  # an option that says how a mechanism works -> the options of which one must be on
    "ada_images": ("ada_target", "apa_target"),
    "lecam_start": ("lecam_weight",),
    "balance_high": ("balance_low",),
    "kl_capacity_weight": ("kl_capacity",),
    "warm_up_cycles": ("warm_up_steps",),
    "anneal_to": ("anneal_steps",),
    "recipe_rate": ("recipe_steps",),
    "recipe_beta2": ("recipe_steps",),
    "recipe_penalty": ("recipe_steps",),
    "recipe_augment": ("recipe_steps",),
    "top_k_share": ("top_k_steps",),
    "gradient_skip": ("gradient_deviations",),
    "copies_by": ("copies",),
    "copies_every": ("copies",),
    "collapse_margin": ("collapse_rollbacks",),
    "collapse_diversity": ("collapse_rollbacks",),
}
EXAMPLES = {  # a value that is not the default's
    "ada_images": 5.0,
    "lecam_start": 3,
    "balance_high": 0.9,
    "kl_capacity_weight": 2.0,
    "warm_up_cycles": 2,
    "anneal_to": 0.5,
    "recipe_rate": 0.5,
    "recipe_beta2": 0.5,
    "recipe_penalty": 0.5,
    "recipe_augment": 0.5,
    "top_k_share": 0.25,
    "gradient_skip": True,
    "copies_by": "penalty",
    "copies_every": 5,
    "collapse_margin": 9.0,
    "collapse_diversity": 0.5,
}
OF_GANS = ("ada", "apa", "lecam", "critic_steps", "balance", "recipe", "top_k")
OF_VAES = ("geco", "optimal_sigma", "free_bits", "pi_control", "warm_up", "capacity", "cyclical")
OF_BOTH = ("learning_rate_annealing", "adaptive_weight", "memorisation", "gradient_guard", "collapse_guard")
DEFAULTS = {  # the options as they are on the command line and in every config.json
    "ada_target": 0.6,
    "ada_images": 100_000,
    "apa_target": 0.0,
    "lecam_weight": 0.0,
    "lecam_start": 1000,
    "critic_accuracy": 0.0,
    "balance_low": 0.0,
    "balance_high": 0.8,
    "geco_tolerance": 0.2,
    "optimal_sigma": 0.0,
    "kl_target": 0.0,
    "kl_capacity": 0.0,
    "kl_capacity_weight": 10.0,
    "free_nats": 0.0,
    "warm_up_steps": 0,
    "warm_up_cycles": 0,
    "anneal_steps": 0,
    "anneal_to": 0.01,
    "recipe_steps": 0,
    "recipe_rate": 0.25,
    "recipe_beta2": 0.9,
    "recipe_penalty": 0.1,
    "recipe_augment": 0.0,
    "top_k_steps": 0,
    "top_k_share": 0.5,
    "transfer_ratio": 0.0,
    "copies": 0.0,
    "copies_by": "rate",
    "copies_every": 20,
    "gradient_deviations": 0.0,
    "gradient_skip": False,
    "collapse_rollbacks": 0,
    "collapse_margin": 50.0,
    "collapse_diversity": 0.2,
}


def learner(name):
    """The learner that obeys an option of NEEDED."""
    return VAE if name.startswith(("kl", "warm")) else GAN


def configured(value):
    """A VAE whose config was given this weight of the KL."""
    return VAE._replace(settings={"kl_weight": Setting("--vae.kl-weight", "the weight of the KL", value)})


@pytest.mark.parametrize("name", NEEDED)
def test_an_option_of_a_controller_that_is_off_is_refused(name):
    alone = dataclasses.replace(NO_CONTROL, **{name: EXAMPLES[name]})
    flags = " or ".join(f"--control.{needed.replace('_', '-')}" for needed in NEEDED[name])
    with pytest.raises(InputError, match=rf"--control.{name.replace('_', '-')} does nothing without {flags}\. Set"):
        build_controller(alone, learner(name))
    for needed in NEEDED[name]:
        on = dataclasses.replace(
            alone, **{needed: 1 if needed.startswith(("warm", "collapse", "anneal", "recipe", "top_k")) else 0.5}
        )
        assert build_controller(on, learner(name)).sets


def test_every_option_that_is_no_switch_is_among_those():
    switches = {name for spec in CONTROLLERS for name in spec.switches}
    assert {field.name for field in dataclasses.fields(ControlConfig)} - switches == set(NEEDED) - {"warm_up_cycles"}


def test_the_defaults_are_ada_for_a_gan_and_geco_for_a_vae():
    assert build_controller(ControlConfig(), GAN).sets == ("augment_probability",)
    assert build_controller(ControlConfig(), VAE).sets == ("reconstruction_weight",)
    assert build_controller(ControlConfig(), PRIOR).sets == ()
    assert build_controller(NO_CONTROL, GAN).sets == build_controller(NO_CONTROL, VAE).sets == ()


@pytest.mark.parametrize(
    ("first", "second", "more"),
    [
        ("geco_tolerance", "optimal_sigma", {}),
        ("geco_tolerance", "kl_target", {}),
        ("kl_target", "kl_capacity", {}),
        ("kl_capacity", "warm_up_cycles", {"warm_up_steps": 9}),
        ("kl_target", "warm_up_steps", {}),
    ],
)
def test_two_controllers_of_one_balance_are_refused(first, second, more):
    both = dataclasses.replace(NO_CONTROL, **{first: 1, second: 1, **more})
    one, other = (f"--control.{name.replace('_', '-')}" for name in (first, second))
    with pytest.raises(InputError, match=f"{one} and {other} both set the balance of the same two terms. Set one of"):
        build_controller(both, VAE)


@pytest.mark.parametrize(
    ("options", "knobs"),
    [
        ({"kl_capacity": 9.0, "warm_up_steps": 5}, {"kl_capacity": 4 / 5 * 9, "kl_weight": 10}),
        ({"warm_up_steps": 5}, {"kl_weight": 3 * 4 / 5}),
        ({"warm_up_steps": 8, "warm_up_cycles": 1}, {"kl_weight": 3}),
        ({"geco_tolerance": 0.2, "warm_up_steps": 5}, {"reconstruction_weight": 1, "kl_weight": 3 * 4 / 5}),
        ({"optimal_sigma": 0.1, "kl_target": 9.0}, {"reconstruction_weight": 1, "kl_weight": 0.005}),
    ],
    ids=str,
)
def test_those_that_go_together_are_built_with_their_options(options, knobs):
    """A warm-up rises to the weight in the config, and a capacity rises in its steps."""
    scaled = 1.0 if options.keys() & {"kl_target", "kl_capacity"} else 3.0
    built = build_controller(dataclasses.replace(NO_CONTROL, **options), configured(scaled))
    state = built.init()
    for _ in range(4):
        unknown = {name: jnp.float32(jnp.nan) for name in built.reads}
        state = built.update(unknown, state)
    assert {name: float(value) for name, value in built.knobs(state).items()} == pytest.approx(knobs)


@pytest.mark.parametrize("name", ["kl_target", "kl_capacity"])
def test_a_weight_that_nothing_would_obey_is_refused(name):
    control = dataclasses.replace(NO_CONTROL, **{name: 4.0})
    flag = name.replace("_", "-")
    with pytest.raises(InputError, match=f"--control.{flag} sets the weight of the KL itself. Leave --vae.kl-weight"):
        build_controller(control, configured(2.0))
    assert "kl_weight" in build_controller(control, configured(1.0)).sets


@pytest.mark.parametrize("name", SPECS)
def test_a_mechanism_is_for_the_learners_with_its_signals_and_knobs(name):
    """The other kind refuses it, by the name of the kind that it is for; a default that does not fit is left out."""
    spec = SPECS[name]
    control = dataclasses.replace(NO_CONTROL, **spec.switches, **dict.fromkeys(spec.needs, 3))
    for kind, other, fitting in ((GAN, VAE, OF_GANS), (VAE, GAN, OF_VAES)):
        if name in (*fitting, *OF_BOTH):
            built = build_controller(control, kind, others=(other,))
            assert built.sets
            assert set(built.reads) <= set(kind.signals)
            assert set(built.sets) <= set(kind.knobs)
        elif control in (
            dataclasses.replace(NO_CONTROL, ada_target=0.6),
            dataclasses.replace(NO_CONTROL, geco_tolerance=0.2),
        ):
            assert build_controller(control, kind, others=(other,)).sets == ()
        else:
            with pytest.raises(InputError, match=rf"is for a {other.name}, and this is a {kind.name}\. Leave it out"):
                build_controller(control, kind, others=(other,))


def test_every_mechanism_is_for_a_kind():
    assert {*OF_GANS, *OF_VAES, *OF_BOTH} == set(SPECS)


def test_an_option_of_a_mechanism_that_is_off_is_refused_by_its_kind_first():
    control = dataclasses.replace(NO_CONTROL, lecam_start=3)
    with pytest.raises(InputError, match=r"--control.lecam-start is for a GAN, and this is a VAE"):
        build_controller(control, VAE, others=(GAN,))


def test_an_option_of_other_kinds_does_not_name_this_one():
    """A kind of several stages is among the others too, for those of its stages that would take the option."""
    control = dataclasses.replace(NO_CONTROL, anneal_steps=5)
    stage = GAN._replace(knobs=tuple(knob for knob in GAN.knobs if knob != "annealed_rate"))
    with pytest.raises(InputError, match=r"--control.anneal-steps is for a VAE, and this is a GAN\. Leave it out"):
        build_controller(control, stage, others=(GAN, VAE))


def test_a_mechanism_for_no_kind_names_what_is_missing():
    control = dataclasses.replace(NO_CONTROL, kl_target=4.0)
    with pytest.raises(
        InputError, match=r"--control.kl-target \(holds the KL.*\) does nothing for a prior without 'kl'"
    ):
        build_controller(control, PRIOR, others=(GAN,))
    blind = PRIOR._replace(networks=())
    guarded = dataclasses.replace(NO_CONTROL, gradient_deviations=3.0)
    with pytest.raises(InputError, match=r"--control.gradient-deviations .* does nothing for a prior\. Leave it out"):
        build_controller(guarded, blind)


def test_a_prior_is_guarded_and_has_no_critic_to_watch():
    guarded = build_controller(ControlConfig(gradient_deviations=3.0, collapse_rollbacks=2), PRIOR)
    assert set(guarded.reads) == {"prior_gradient_norm", "finite", "diversity"}
    assert "prior_gradient_limit" in guarded.sets
    watched = build_controller(dataclasses.replace(NO_CONTROL, collapse_rollbacks=2), GAN)
    assert {"real_logit", "fake_logit"} <= set(watched.reads)


def test_a_familys_own_controllers_come_last_and_a_clash_names_both():
    control = dataclasses.replace(NO_CONTROL, collapse_rollbacks=2)
    built = build_controller(control, DVAE, own=(kl_annealing(4), gradient_guard("tokenizer")))
    assert isinstance(built.init()[0], CollapseState)
    assert len(built.init()) == 3
    both = build_controller(control, DVAE, own=(learning_rate_annealing(4),))  # rates of two kinds, which multiply
    assert {"learning_rate_scale", "annealed_rate"} <= set(both.sets)
    control = dataclasses.replace(NO_CONTROL, gradient_deviations=3.0)
    with pytest.raises(InputError, match=r"\(gradient_guard of the tokenizer and gradient_guard of .* both set"):
        build_controller(control, DVAE, own=(gradient_guard("tokenizer"),))


def test_options_are_flat_and_survive_json():
    given = ControlConfig(kl_target=4.0, gradient_skip=True, warm_up_cycles=2)
    stored = to_json(given)
    assert stored["kl_target"] == 4
    assert to_json(ControlConfig()) == DEFAULTS
    assert from_json(ControlConfig, stored, where="here") == given


@pytest.mark.parametrize(
    "values",
    [
        {"ada_target": 1.0},
        {"ada_images": 0.0},
        {"apa_target": -0.1},
        {"lecam_start": -1},
        {"critic_accuracy": 1.0},
        {"balance_high": 1.0},
        {"geco_tolerance": float("nan")},
        {"optimal_sigma": -1.0},
        {"free_nats": -1.0},
        {"kl_target": -1.0},
        {"kl_capacity_weight": 0.0},
        {"warm_up_steps": -1},
        {"warm_up_cycles": -1},
        {"anneal_steps": -1},
        {"anneal_to": 1.5},
        {"transfer_ratio": float("inf")},
        {"copies": 1.0},
        {"copies_every": 0},
        {"gradient_deviations": -3.0},
        {"collapse_diversity": 1.0},
    ],
    ids=str,
)
def test_each_mechanism_checks_its_own_options_in_all_of_them_together(values):
    (name,) = values
    with pytest.raises(InputError, match=f"--control.{name.replace('_', '-')} is "):
        ControlConfig(**values)


@pytest.mark.parametrize("spec", CONTROLLERS, ids=lambda spec: spec.name)
def test_every_spec_is_whole(spec):
    fields = {field.name for field in dataclasses.fields(spec.options)}
    assert set(spec.switches) <= fields
    assert set(spec.needs) <= fields
    assert is_on(spec, dataclasses.replace(NO_CONTROL, **spec.switches))
    assert not is_on(spec, NO_CONTROL)
    assert spec.summary
    assert spec.options.__doc__


# A mechanism that is in no file of genjax: its options, its function and its SPEC are all that it takes.


@dataclasses.dataclass(frozen=True)
class ThrottleOptions:
    """Options of a throttle."""

    throttle_limit: float = 0.0
    """Throttle: highest pressure; 0 is off."""
    throttle_factor: float = 0.5
    """Throttle: factor on the speed."""

    def __post_init__(self):
        at_least("control", self, 0, "throttle_limit")


def throttle(limit, factor):
    return Controller(
        init=lambda: jnp.ones(()),
        update=lambda signals, state: jnp.where(signals["pressure"] > limit, factor, 1.0),
        knobs=lambda state: {"speed": state},
        reads=("pressure",),
        sets=("speed",),
        name="throttle",
    )


THROTTLE = Spec(
    name="throttle",
    summary="slows a motor down under pressure",
    options=ThrottleOptions,
    switches={"throttle_limit": 9.0},
    build=lambda options, learner: (throttle(options.throttle_limit, options.throttle_factor),),
)
BRAKE = THROTTLE._replace(
    name="brake",
    options=dataclasses.make_dataclass(
        "BrakeOptions", [("brake_limit", float, 0.0)], frozen=True, namespace={"__post_init__": lambda self: None}
    ),
    switches={"brake_limit": 9.0},
    build=lambda options, learner: (throttle(options.brake_limit, 0.0)._replace(name="brake"),),
)
MOTOR = Controllable("motor", signals=("pressure", "finite", "diversity"), knobs=("speed", "temperature"))
MORE = (*CONTROLLERS, THROTTLE, BRAKE)
Options = join_options(MORE)


def test_a_new_mechanism_has_options():
    options = Options(throttle_limit=2.0, ada_target=0.0)
    assert (options.throttle_limit, options.throttle_factor, options.geco_tolerance) == (2, 0.5, 0.2)
    assert [field.name for field in dataclasses.fields(Options)][:1] == ["ada_images"]
    assert [field.name for field in dataclasses.fields(Options)][-3:] == [
        "throttle_limit",
        "throttle_factor",
        "brake_limit",
    ]
    with pytest.raises(InputError, match=r"--control.throttle-limit is -1"):
        Options(throttle_limit=-1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.throttle_limit = 1.0


def test_a_new_mechanism_is_built_where_it_fits():
    built = build_controller(Options(throttle_limit=2.0), MOTOR, specs=MORE)
    assert built.sets == ("speed",)
    state = built.update({"pressure": jnp.float32(3.0)}, built.init())
    assert float(built.knobs(state)["speed"]) == 0.5
    assert build_controller(Options(), MOTOR, specs=MORE).sets == ()


def test_a_new_mechanism_is_refused_where_it_does_not_fit():
    with pytest.raises(InputError, match=r"--control.throttle-limit is for a motor, and this is a GAN"):
        build_controller(Options(throttle_limit=2.0), GAN, others=(VAE, MOTOR), specs=MORE)
    with pytest.raises(InputError, match=r"--control.throttle-limit \(slows .* for a GAN without 'pressure', 'speed'"):
        build_controller(Options(throttle_limit=2.0), GAN, others=(VAE,), specs=MORE)
    with pytest.raises(InputError, match=r"throttle-factor does nothing without --control.throttle-limit"):
        build_controller(Options(throttle_factor=0.1), MOTOR, specs=MORE)


def test_a_new_mechanism_clashes_by_its_knob_or_by_its_claim():
    both = Options(throttle_limit=2.0, brake_limit=3.0)
    refused = r"--control.throttle-limit and --control.brake-limit both set the knob 'speed'. Set one of them to 0"
    with pytest.raises(InputError, match=refused):
        build_controller(both, MOTOR, specs=MORE)
    apart = [
        THROTTLE,
        BRAKE._replace(build=lambda options, learner: (throttle(1.0, 0.5)._replace(sets=("temperature",)),)),
    ]
    assert build_controller(both, MOTOR, specs=apart).sets == ("speed", "temperature")
    claiming = [spec._replace(claims=("the flow",)) for spec in apart]
    with pytest.raises(InputError, match="both set the flow"):
        build_controller(both, MOTOR, specs=claiming)


def test_a_new_mechanism_replaces_or_scales_a_configured_knob():
    tuned = MOTOR._replace(settings={"speed": Setting("--motor.speed", "the speed", 2.0)})
    with pytest.raises(InputError, match=r"--control.throttle-limit sets the speed itself. Leave --motor.speed out"):
        build_controller(Options(throttle_limit=2.0), tuned, specs=MORE)
    scaling = (*CONTROLLERS, THROTTLE._replace(scales=("speed",)))
    assert build_controller(Options(throttle_limit=2.0), tuned, specs=scaling).sets == ("speed",)


def test_copies_are_for_learners_that_make_images_of_latents_and_one_controller_weighs_the_penalty():
    held = dataclasses.replace(NO_CONTROL, copies=0.1)
    for blind in (PRIOR, DVAE):
        with pytest.raises(
            InputError, match=rf"--control.copies \(.*\) does nothing for a {blind.name} without 'copies'"
        ):
            build_controller(held, blind)
    both = dataclasses.replace(held, copies_by="penalty", transfer_ratio=0.1)
    with pytest.raises(InputError, match=r"transfer-ratio and --control.copies both set the knob 'transfer_weight'"):
        build_controller(both, GAN)
    slowed = dataclasses.replace(both, copies_by="rate", anneal_steps=9, collapse_rollbacks=1)
    rates = {"copies_rate", "annealed_rate", "learning_rate_scale", "transfer_weight"}
    assert rates <= set(build_controller(slowed, GAN).sets)
