"""Latent replay: the source's images at the same few latents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.errors import InputError
from genjax.transfer import chain, lora
from genjax.transfer.replay import Replay, check_forgetting, clean, forgetting, noisy, replay
from genjax.transfer.transfer import Denoising, Offer
from genjax.tree import count, flatten


@pytest.fixture
def source(getkey):
    return {"stem": {"kernel": normal(getkey(), (4, 6)), "bias": jnp.ones(6)}}


def forward(params, latents):
    images = latents @ params["stem"]["kernel"] + params["stem"]["bias"][None]
    return images.reshape(-1, 1, 2, 3), ()


def shifted(tree):
    return {"stem": {**tree["stem"], "bias": tree["stem"]["bias"] + 0.5}}


def seen(transfer, source, key):
    """The latents that the penalty asks for."""
    asked = []

    def watched(params, latents):
        asked.append(np.asarray(latents))
        return forward(params, latents)

    transfer.penalty(*transfer.init(source, key), key, watched)
    np.testing.assert_array_equal(asked[0], asked[1])
    return asked[0]


def test_everything_is_trained_and_the_source_kept(source, getkey):
    trainable, context = replay(1.0, 4).init(source, getkey())
    assert count(trainable) == count(context) == count(source)
    jax.tree.map(np.testing.assert_array_equal, replay(1.0, 4).params(trainable, context), source)


def test_at_the_source_there_is_no_penalty_and_no_slope(source, getkey):
    trainable, context = replay(2.0, 4).init(source, getkey())
    value, slopes = jax.value_and_grad(replay(2.0, 4).penalty)(trainable, context, getkey(), forward)
    assert float(value) == 0
    assert all(bool(jnp.all(leaf == 0)) for leaf in jax.tree.leaves(slopes))


def test_elsewhere_it_is_the_mean_squared_difference_of_images(source, getkey):
    transfer = replay(2.0, 4)
    trainable, context = transfer.init(source, getkey())
    value, slopes = jax.value_and_grad(transfer.penalty)(shifted(trainable), context, getkey(), forward)
    assert float(value) == pytest.approx(2 * 0.25, rel=1e-5)
    np.testing.assert_allclose(slopes["stem"]["bias"], np.full(6, 2 * 2 * 0.5 / 6), rtol=1e-5)


def test_batches_are_drawn_from_one_set_and_none_twice(source, getkey):
    transfer = replay(1.0, 4, count=6, batch=4)
    drawn = [{tuple(row) for row in seen(transfer, source, getkey())} for _ in range(20)]
    assert {len(rows) for rows in drawn} == {4}
    assert len(set().union(*drawn)) == 6
    assert drawn[0] != drawn[1]


def test_the_seed_makes_the_set(source, getkey):
    sets = [np.sort(seen(replay(1.0, 4, count=5, batch=5, seed=seed), source, getkey()), axis=0) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(sets[0], sets[1])
    assert not np.array_equal(sets[0], sets[2])


@pytest.mark.parametrize("parts", [(replay(1.0, 4), lora(rank=1)), (lora(rank=1), replay(1.0, 4))])
def test_with_lora_it_holds_the_low_rank_updates(parts, source, getkey):
    both = chain(*parts)
    trainable, context = both.init(source, getkey())
    assert set(flatten(trainable)) == {"stem/kernel/down", "stem/kernel/up", "stem/bias"}
    assert float(both.penalty(trainable, context, getkey(), forward)) == 0
    slopes = jax.grad(both.penalty)({**trainable, "stem/bias": jnp.zeros(6)}, context, getkey(), forward)
    assert float(jnp.abs(slopes["stem/kernel/up"]).max()) > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": -1.0}, "a weight of -1"),
        ({"count": 4, "batch": 5}, "batches of 5 of 4 replayed"),
        ({"batch": 0}, "batches of 0"),
    ],
)
def test_what_cannot_be_is_an_error(settings, message):
    with pytest.raises(InputError, match=message):
        replay(**({"weight": 1.0, "latent_size": 4} | settings))


def test_what_is_replayed_is_not_what_a_sample_of_the_same_seed_shows(source):
    """Or the first pictures of a run would be the source's, and its diversity too high."""
    shown = np.asarray(jax.random.normal(jax.random.key(0), (64, 4)))
    asked = np.concatenate([seen(replay(1.0, 4, batch=64), source, jax.random.key(k)) for k in range(2)])
    assert not {row.tobytes() for row in asked} & {row.tobytes() for row in shown}


def slanted(params, rows, quantiles, key):
    """A loss that says which rows and quantiles it was asked for."""
    return params["scale"] * rows["image"][:, 0] + 1000 * quantiles


DRAWN = {"image": jnp.arange(6.0)[:, None], "label": jnp.arange(6)}
FLOW = Offer(latent_size=4, denoising=Denoising(lambda source, key, n: {}, slanted), drawn=DRAWN)


@pytest.mark.parametrize("power", [0.5, 1.0, 3.0])
def test_the_target_is_trained_where_it_is_noisy_and_the_source_where_it_is_clean(power):
    uniforms = (jnp.arange(20_000) + 0.5) / 20_000
    # Of the density (1 + p) q^p the share below x is x^(1 + p), and the mean (1 + p) / (2 + p).
    noise = np.asarray(noisy(uniforms, power))
    assert noise.mean() == pytest.approx((1 + power) / (2 + power), abs=1e-3)
    assert (noise < 0.3).mean() == pytest.approx(0.3 ** (1 + power), abs=1e-3)
    np.testing.assert_allclose(clean(uniforms, power), 1 - noisy(1 - uniforms, power), atol=1e-6)
    np.testing.assert_array_equal(forgetting(1.0, power, FLOW).levels(uniforms), noise)


def test_the_rows_of_the_source_are_trained_at_clean_levels(getkey):
    transfer = forgetting(2.0, 1.0, FLOW, batch=4)
    trainable, context = transfer.init({"scale": jnp.ones(())}, getkey())
    jax.tree.map(np.testing.assert_array_equal, context, DRAWN)
    keys = jax.random.split(getkey(), 2000)
    values, slopes = jax.vmap(lambda key: jax.value_and_grad(transfer.penalty)(trainable, context, key, forward))(keys)
    # 2 (mean of the rows + 1000 times the mean of the quantiles, 1/3), and the rows are those of which none is twice
    assert float(values.mean()) == pytest.approx(2 * (2.5 + 1000 / 3), rel=0.02)
    assert float(slopes["scale"].mean()) == pytest.approx(2 * 2.5, rel=0.02)
    assert float(slopes["scale"].min()) >= 2 * 1.5  # rows 0 to 3
    assert float(slopes["scale"].max()) <= 2 * 3.5


def test_a_model_that_is_loaded_to_be_sampled_replays_nothing(getkey):
    transfer = forgetting(2.0, 1.0, FLOW._replace(drawn=None))
    trainable, context = transfer.init({"scale": jnp.ones(())}, getkey())
    assert float(transfer.penalty(trainable, context, getkey(), forward)) == 0


def test_a_chain_trains_the_target_at_the_levels_of_its_parts():
    uniforms = jnp.linspace(0.1, 0.9, 5)
    both = chain(forgetting(1.0, 2.0, FLOW), lora(rank=1))
    np.testing.assert_array_equal(both.levels(uniforms), noisy(uniforms, 2.0))
    np.testing.assert_array_equal(chain(replay(1.0, 4), lora(rank=1)).levels(uniforms), uniforms)


def test_a_model_without_noise_has_nothing_to_forget():
    check_forgetting(Replay(), {"generator": Offer(latent_size=4)})
    with pytest.raises(InputError, match=r"--replay.forgetting is for flow models"):
        check_forgetting(Replay(forgetting=1.0), {"generator": Offer(latent_size=4)})
    check_forgetting(Replay(forgetting=1.0), {"flow": FLOW})
