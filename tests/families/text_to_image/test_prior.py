"""The priors: what they learn, what they make of it, and that they are learners like the others."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import leaves_equal

from genjax.control import chain, collapse_guard, gradient_guard
from genjax.errors import InputError
from genjax.evaluate.metrics.of_models.unigram import unigram_nats
from genjax.families.text_to_image.build_prior import build_prior, build_transformer
from genjax.families.text_to_image.network_options import DecodingConfig, PriorConfig
from genjax.families.text_to_image.prior import drop_condition, make_prior, predicted_nats
from genjax.models.segments import Segment
from genjax.transfer import chain as combined
from genjax.transfer import diagonal_fisher, ewc, freeze, l2_sp, lora, miner, replay
from genjax.tree import count, flatten

TEXT, TOKENS = Segment("text", 4, 9), Segment("tokens", 8, 7, columns=4)
ORDERS = {"autoregressive": (TEXT, TOKENS), "captions": (TOKENS, TEXT), "masked": (TEXT, TOKENS)}
TINY = PriorConfig(width=32, depth=1, heads=2, learning_rate=3e-3, warm_up_steps=10, weight_decay=0.0, ema_images=100.0)
GREEDY = DecodingConfig(temperature=0.0, steps=8, choice_temperature=0.0)


def config(kind, **changes):
    """Of a tiny prior."""
    return dataclasses.replace(TINY, objective="masked" if kind == "masked" else "autoregressive", **changes)


def tiny_prior(kind, *, changes=None, **settings):
    """A learner of each kind."""
    return build_prior(config(kind, **(changes or {})), ORDERS[kind], **settings)


def batch_of(n, seed=0):
    """Random captions and image tokens."""
    rng = np.random.default_rng(seed)
    return {
        segment.name: rng.integers(0, segment.vocabulary, (n, segment.length)).astype(np.int32)
        for segment in (TEXT, TOKENS)
    }


@pytest.fixture(scope="module", params=ORDERS)
def kind(request):
    return request.param


@pytest.fixture(scope="module", params=("autoregressive", "masked"))
def objective(request):
    """The kinds whose steps differ."""
    return request.param


def started(learner, key=0, source=None):
    """The first state, by a compiled init: one by one its operations take seconds."""
    init = jax.jit(lambda key, source: learner.init(key, batch_of(4), source=source))
    return init(jax.random.key(key), source)


NETWORKS = {"autoregressive": "prior", "masked": "masked"}


@pytest.fixture(scope="module")
def traces():
    """One entry for each time that a step was traced."""
    return []


@pytest.fixture(scope="module")
def compiled(objective, traces):
    """(learner, jitted step that donates its state, jitted init)."""
    guard = gradient_guard(NETWORKS[objective])
    learner = tiny_prior(objective, controller=chain(guard, collapse_guard(critic=False)))

    def counted(state, batch):
        traces.append(objective)
        return learner.step(state, batch)

    return learner, jax.jit(counted, donate_argnums=0), jax.jit(lambda key: learner.init(key, batch_of(8)))


@pytest.fixture(scope="module")
def source():
    """(learner, first state) of the autoregressive prior."""
    learner = tiny_prior("autoregressive")
    return learner, started(learner)


@pytest.fixture(scope="module")
def overfitted(kind):
    """(learner that decodes greedily, state after one batch was seen 300 times, that batch, last metrics)."""
    learner, batch = tiny_prior(kind, changes={"ema_images": 0.0}, decoding=GREEDY), batch_of(4)
    step, metrics = jax.jit(learner.step, donate_argnums=0), {}
    state = started(learner)
    for _ in range(300):
        state, metrics = step(state, batch)
    return learner, state, batch, metrics


def target(kind, batch):
    """(condition, target) of a kind's batch."""
    first, last = ORDERS[kind]
    return batch[first.name], batch[last.name]


@pytest.mark.slow
def test_one_batch_is_learned_by_heart(overfitted, kind):
    learner, state, batch, metrics = overfitted
    if kind == "masked":
        assert float(metrics["loss/nats_per_hidden_token"]) < 0.5  # a tenth of the batch has lost its condition
        return
    nats = np.asarray(jax.jit(learner.likelihood.target_nats)(state.average, state.context, batch))
    assert nats.shape == (4,)
    assert nats.max() < 0.05
    tokens = target(kind, batch)[1]
    assert (nats < 0.01 * unigram_nats(tokens, tokens, ORDERS[kind][-1].vocabulary)).all()


@pytest.mark.slow
def test_greedy_decoding_reproduces_it(overfitted, kind):
    learner, state, batch, _ = overfitted
    condition, expected = target(kind, batch)
    found = jax.jit(learner.sample, static_argnums=2)(state, jax.random.key(5), 4, condition)
    np.testing.assert_array_equal(found, expected)


def test_the_first_loss_is_that_of_a_uniform_guess(objective, compiled):
    kind = objective
    learner, step, init = compiled
    _, metrics = step(init(jax.random.key(0)), batch_of(8))
    guess = np.log(ORDERS[kind][-1].vocabulary)
    if kind == "masked":
        np.testing.assert_allclose(metrics["loss/nats_per_hidden_token"], guess, rtol=0.05)
    else:
        first, last = ORDERS[kind]
        np.testing.assert_allclose(metrics["loss/target_nats"], last.length * guess, rtol=0.05)
        np.testing.assert_allclose(metrics["loss/condition_nats"], first.length * np.log(first.vocabulary), rtol=0.05)
    assert learner.latents.draw(jax.random.key(0), 3).shape == (
        3,
        {"masked": 8 * 2 * 8}.get(kind, ORDERS[kind][-1].length),
    )


def test_the_step_is_a_function_of_seed_and_step(compiled):
    _, step, init = compiled
    runs = []
    for _ in range(2):
        state = init(jax.random.key(3))
        for seed in range(2):
            state, _ = step(state, batch_of(8, seed))
        runs.append(state)
    leaves_equal(*runs)
    one, _ = step(init(jax.random.key(3)), batch_of(8))
    other, _ = step(init(jax.random.key(3)).replace(key=jax.random.key(9)), batch_of(8))
    assert any(
        bool(jnp.any(a != b)) for a, b in zip(*map(jax.tree.leaves, (one.optimizer, other.optimizer)), strict=True)
    )


def test_the_step_is_traced_once(compiled, objective, traces):
    _, step, init = compiled
    state = init(jax.random.key(0))
    for seed in range(3):
        state, _ = step(state, batch_of(8, seed))
    assert (traces.count(objective), int(state.step)) == (1, 3)


def test_metrics_are_flat_scalars_with_the_knobs(compiled, objective):
    network = NETWORKS[objective]
    _, step, init = compiled
    _, metrics = step(init(jax.random.key(0)), batch_of(8))
    assert all(value.shape == () and bool(jnp.isfinite(value)) for value in metrics.values())
    assert {"loss/total", f"control/{network}_gradient_limit", f"skipped/{network}"} <= set(metrics)
    assert f"gradient_norm/{network}" in metrics
    assert float(metrics["control/collapsed"]) == 0


def test_what_is_not_finite_leaves_the_state_and_the_guard_counts_it(compiled, objective):
    _, step, init = compiled
    state = init(jax.random.key(0))
    broken = state.replace(trainable=jax.tree.map(lambda leaf: leaf * jnp.nan, state.trainable))
    after, metrics = step(broken, batch_of(8))
    assert float(metrics[f"skipped/{NETWORKS[objective]}"]) == 1
    _, metrics = step(after, batch_of(8))
    assert float(metrics["control/unsound_steps"]) == 1


def test_samples_are_tokens_of_the_averaged_parameters(compiled, objective):
    learner, _, init = compiled
    state, (condition, _) = init(jax.random.key(0)), target(objective, batch_of(3))
    sample = jax.jit(learner.sample, static_argnums=2)
    tokens = np.asarray(sample(state, jax.random.key(1), 3, condition))
    assert tokens.shape == (3, TOKENS.length)
    assert 0 <= tokens.min() <= tokens.max() < TOKENS.vocabulary
    nothing = np.full((3, TEXT.length), TEXT.absent)
    latents = learner.latents.draw(jax.random.key(1), 3)
    without = jax.jit(learner.latents.generate)(state.average, state.context, latents)
    np.testing.assert_array_equal(sample(state, jax.random.key(1), 3, nothing), without)


def test_a_tokenizer_makes_images_of_the_tokens(source):
    to_images = lambda tokens: tokens.reshape(-1, 2, 4, 1) / 3.0 - 1  # noqa: E731
    learner = tiny_prior("autoregressive", to_images=to_images)
    assert learner.sample is not None
    images = jax.jit(learner.sample, static_argnums=2)(source[1], jax.random.key(1), 3)
    assert images.shape == (3, 2, 4, 1)
    assert float(jnp.abs(images).max()) <= 1


def test_conditions_are_dropped_whole_at_the_rate():
    tokens = tuple(map(jnp.asarray, (batch_of(4000)["text"], batch_of(4000)["tokens"])))
    seen, dropped = drop_condition(jax.random.key(0), tokens, (TEXT, TOKENS), probability=0.1)
    gone = np.asarray(seen[0] == TEXT.absent)
    np.testing.assert_array_equal(gone, np.broadcast_to(np.asarray(dropped)[:, None], gone.shape))
    np.testing.assert_array_equal(seen[0][~dropped], tokens[0][~dropped])
    np.testing.assert_array_equal(seen[1], tokens[1])
    assert abs(float(dropped.mean()) - 0.1) < 4 * np.sqrt(0.09 / 4000)
    again, _ = drop_condition(jax.random.key(0), tokens, (TEXT, TOKENS), probability=0.1)
    np.testing.assert_array_equal(seen[0], again[0])


def test_an_absent_condition_counts_as_dropped():
    tokens = tuple(map(jnp.asarray, (batch_of(40)["text"], batch_of(40)["tokens"])))
    absent = jnp.where(jnp.arange(40)[:, None] < 3, TEXT.absent, tokens[0])
    seen, dropped = drop_condition(jax.random.key(0), (absent, tokens[1]), (TEXT, TOKENS), probability=0.0)
    assert np.asarray(dropped).tolist() == [True] * 3 + [False] * 37
    np.testing.assert_array_equal(seen[0], absent)


def test_the_nats_of_an_absent_condition_are_finite():
    """They have no weight, but what is not finite would be seen by whoever looks for it (jax_debug_nans)."""
    logits = [jnp.zeros((2, 4, 9)), jnp.zeros((2, 8, 7))]
    uniform: Any = SimpleNamespace(given=0, apply=lambda variables, seen: logits)
    tokens = (jnp.full((2, 4), TEXT.absent), jnp.zeros((2, 8), int))
    condition, target = predicted_nats(uniform, {}, tokens, tokens)
    np.testing.assert_allclose(condition, np.log(9), rtol=1e-6)
    np.testing.assert_allclose(target, np.log(7), rtol=1e-6)


def test_images_without_a_caption_train_what_makes_images_of_none(compiled, objective):
    """The head of the captions learns nothing of them, and the rest does."""
    _, step, init = compiled
    state, batch = init(jax.random.key(0)), batch_of(8)
    before = flatten(jax.tree.map(np.array, state.trainable[NETWORKS[objective]]))
    absent = batch | {"text": np.full_like(batch["text"], TEXT.absent)}
    state, _ = step(state, absent)  # without effect, as its learning rate is 0
    state, metrics = step(state, absent)
    after = flatten(state.trainable[NETWORKS[objective]])
    assert float(metrics[f"skipped/{NETWORKS[objective]}"]) == 0
    assert float(metrics.get("loss/condition_nats", 0)) == 0
    assert all((after[name] == before[name]).all() == ("head_text" in name) for name in before if "head" in name)


def test_a_dropped_condition_is_not_predicted():
    """With every condition dropped its head learns nothing."""
    learner = tiny_prior("autoregressive", changes={"null_probability": 0.999})
    state = started(learner)
    before = np.array(state.trainable["prior"]["head_text"]["kernel"])
    step = jax.jit(learner.step)
    state, _ = step(state, batch_of(4))  # without effect, as its learning rate is 0
    state, metrics = step(state, batch_of(4))
    assert float(metrics["loss/condition_nats"]) == 0
    np.testing.assert_array_equal(state.trainable["prior"]["head_text"]["kernel"], before)


def test_without_weight_the_condition_has_no_head():
    learner = tiny_prior("autoregressive", changes={"condition_weight": 0.0})
    state = jax.eval_shape(lambda: learner.init(jax.random.key(0), batch_of(4)))
    assert "head_text" not in state.trainable["prior"]
    _, metrics = jax.eval_shape(learner.step, state, batch_of(4))
    assert {name for name in metrics if name.startswith("loss/")} == {"loss/total", "loss/target_nats"}


def test_a_low_rank_adaptation_is_the_source_at_first_and_small():
    """At the default size, where it matters how small."""
    segments = (Segment("text", 16, 80), Segment("tokens", 64, 256, columns=8))
    transformer = build_transformer(PriorConfig(), segments)
    examples = tuple(jnp.zeros((1, segment.length), jnp.int32) for segment in segments)
    shapes = jax.eval_shape(lambda: transformer.init(jax.random.key(0), examples))["params"]
    rng = np.random.default_rng(0)
    source = jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape), jnp.float32), shapes)
    transfer = combined(freeze(["embed_*", "start"]), lora(rank=4))
    for adapted, most in ((lora(rank=4), 0.08), (transfer, 0.045)):
        trainable, context = adapted.init(source, jax.random.key(1))
        assert count(trainable) < most * count(source)
        for name, leaf in flatten(adapted.params(trainable, context)).items():
            np.testing.assert_array_equal(leaf, flatten(source)[name])


@pytest.mark.slow
def test_an_adapted_prior_starts_at_the_source_and_keeps_its_kernels(source):
    _, state = source
    transfer = lora(rank=1)
    adapted = tiny_prior("autoregressive", transfer=transfer)
    moved = started(adapted, key=1, source=state.trainable)
    leaves_equal(transfer.params(moved.trainable["prior"], moved.context["prior"]), state.trainable["prior"])
    after, _ = jax.jit(adapted.step)(moved, batch_of(4))
    leaves_equal(after.context, moved.context)
    adapted_kernels = {name.split("/")[-2] for name in flatten(after.context)}
    assert adapted_kernels == {"qkv", "out", "expand", "contract", "head_tokens", "head_text"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["autoregressive", "masked"])
def test_the_information_of_a_source_keeps_it_in_place(kind):
    learner = tiny_prior(kind)
    source, keys = started(learner).trainable, jax.random.split(jax.random.key(1), 4)
    own = learner.evidence
    assert own is not None
    evidence = lambda moved, key: own(moved, source, key)  # noqa: E731
    information = diagonal_fisher(evidence, source, keys, at_once=4)
    assert all(bool((leaf >= 0).all()) for leaf in jax.tree.leaves(information))
    network = NETWORKS[kind]
    assert float(flatten(information)[f"{network}/block_0/qkv/kernel"].sum()) > 0
    assert started(tiny_prior(kind, transfer=ewc(1e3, information[network])), source=source).step == 0
    if kind == "autoregressive":  # the log-likelihood of what the source made, here nearly a uniform guess
        expected = -(TEXT.length * np.log(TEXT.vocabulary) + TOKENS.length * np.log(TOKENS.vocabulary))
        np.testing.assert_allclose(jax.jit(evidence)(source, keys[0]), expected, rtol=0.05)


def test_transfers_that_need_images_are_refused():
    with pytest.raises(InputError, match="a prior has no latents that a transfer could move"):
        tiny_prior("autoregressive", transfer=miner(8))

    def first_step(transfer):
        learner = tiny_prior("autoregressive", transfer=transfer)
        return jax.eval_shape(lambda: learner.step(learner.init(jax.random.key(0), batch_of(2)), batch_of(2)))

    with pytest.raises(InputError, match="and a prior makes none"):
        first_step(replay(1.0, 8, count=4, batch=2))
    assert "penalty/transfer" in first_step(l2_sp(0.1))[1]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"text": None}, "a batch has no 'text', but tokens"),
        ({"text": np.zeros((2, 5), np.int32)}, r"text tokens have shape \(2, 5\), expected \(n, 4\)"),
        ({"tokens": np.full((2, 8), 7)}, "tokens tokens go from 7 to 7, expected 0 to 6"),
    ],
)
def test_tokens_that_cannot_be_are_errors(broken, message):
    batch = {name: part for name, part in (batch_of(2) | broken).items() if part is not None}
    with pytest.raises(InputError, match=message):
        tiny_prior("autoregressive").init(jax.random.key(0), batch)


def test_decoding_settings_that_do_not_fit_are_errors():
    with pytest.raises(InputError, match="the 8 likeliest of 7 tokens"):
        tiny_prior("autoregressive", decoding=DecodingConfig(top_k=8))
    with pytest.raises(InputError, match="9 steps to decode 8 tokens"):
        tiny_prior("masked", decoding=DecodingConfig(steps=9))


def test_a_signal_that_is_not_measured_is_refused():
    with pytest.raises(InputError, match="reads the signal 'critic_gradient_norm'"):
        make_prior(
            build_transformer(TINY, (TEXT, TOKENS)), optimizer=optax.adam(1e-3), controller=gradient_guard("critic")
        )
