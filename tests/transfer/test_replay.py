"""Latent replay: the source's images at the same few latents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genjax.errors import InputError
from genjax.transfer import chain, lora
from genjax.transfer.replay import replay
from genjax.tree import count, flatten


@pytest.fixture
def source(getkey):
    return {"stem": {"kernel": jax.random.normal(getkey(), (4, 6)), "bias": jnp.ones(6)}}


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
