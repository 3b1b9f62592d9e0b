"""Cross-domain correspondence: nothing at the source, plain numpy elsewhere, and what it needs of a network."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal, parameters

from genjax.errors import InputError
from genjax.families.step import forward_with_features
from genjax.models.dcgan import Generator
from genjax.transfer import chain, lora
from genjax.transfer.cdc import cdc
from genjax.tree import count


@pytest.fixture
def source(getkey):
    return {
        "stem": {"kernel": normal(getkey(), (4, 6)), "bias": jnp.ones(6)},
        "out": {"kernel": normal(getkey(), (6, 3))},
    }


def forward(params, latents):
    """Two layers, the second of which makes images of 1 x 1 pixels."""
    hidden = latents @ params["stem"]["kernel"] + params["stem"]["bias"][None]
    images = (jnp.tanh(hidden) @ params["out"]["kernel"])[:, None, None]
    return images, (hidden.reshape(-1, 2, 3), images)


def moved(tree):
    return jax.tree.map(lambda leaf: leaf + 0.3 * jnp.cos(jnp.arange(leaf.size)).reshape(leaf.shape), tree)


def plain(adapted, kept):
    """The mean divergence by loops, in float64."""
    found = []
    for layer, other in zip(adapted, kept, strict=True):
        for i in range(len(layer)):
            shares = []
            for features in (np.asarray(layer, np.float64), np.asarray(other, np.float64)):
                rows = features.reshape(len(features), -1)
                cosines = [rows[i] @ row / np.linalg.norm(rows[i]) / np.linalg.norm(row) for row in rows]
                powers = np.exp(np.delete(cosines, i))
                shares.append(powers / powers.sum())
            found.append(np.sum(shares[0] * np.log(shares[0] / shares[1])))
    return np.mean(found)


def test_everything_is_trained_and_the_source_kept(source, getkey):
    trainable, context = cdc(4).init(source, getkey())
    assert count(trainable) == count(context) == count(source)
    jax.tree.map(np.testing.assert_array_equal, cdc(4).params(trainable, context), source)


def test_at_the_source_there_is_no_penalty_and_no_slope(source, getkey):
    trainable, context = cdc(4).init(source, getkey())
    key = getkey()
    value, slopes = jax.jit(jax.value_and_grad(lambda tree: cdc(4).penalty(tree, context, key, forward)))(trainable)
    assert float(value) == 0
    assert all(float(jnp.abs(leaf).max()) < 1e-3 for leaf in jax.tree.leaves(slopes))  # rounding, times 1000


def test_elsewhere_it_is_the_mean_divergence(source, getkey):
    transfer = cdc(4, weight=10.0, batch=5)
    trainable, context = transfer.init(source, getkey())
    key = getkey()
    latents = jax.random.normal(key, (5, 4))
    expected = 10 * plain(forward(moved(source), latents)[1], forward(source, latents)[1])
    assert expected > 0.01
    assert float(transfer.penalty(moved(trainable), context, key, forward)) == pytest.approx(expected, rel=1e-4)


def test_its_slope_is_that_of_finite_differences(source, getkey):
    transfer, key = cdc(4, weight=10.0), getkey()
    trainable, context = transfer.init(source, getkey())
    latents = jax.random.normal(key, (4, 4))
    slope = jax.grad(transfer.penalty)(moved(trainable), context, key, forward)["stem"]["bias"][2]

    def at(step):
        tree = moved(source)
        tree["stem"]["bias"] = tree["stem"]["bias"].at[2].add(step)
        return 10 * plain(forward(tree, latents)[1], forward(source, latents)[1])

    assert float(slope) == pytest.approx((at(0.02) - at(-0.02)) / 0.04, rel=1e-2)


def test_lengths_of_features_do_not_matter(source, getkey):
    transfer = cdc(4)
    trainable, context = transfer.init(source, getkey())
    longer = {**trainable, "out": {"kernel": 3 * trainable["out"]["kernel"]}}
    assert float(transfer.penalty(longer, context, getkey(), forward)) == pytest.approx(0, abs=1e-3)


def test_features_of_zeros_have_finite_slopes(source, getkey):
    trainable, context = cdc(4).init(source, getkey())
    dead = {**trainable, "out": {"kernel": jnp.zeros((6, 3))}}
    slopes = jax.grad(cdc(4).penalty)(dead, context, getkey(), forward)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(slopes))


def test_a_generators_features_are_compared(getkey):
    generator = Generator(8, 1, 8, 4)
    params = parameters(generator, jnp.zeros((1, 4)))
    trainable, context = cdc(4).init(params, getkey())

    @jax.jit
    def penalty(tree):
        of = lambda params, latents: forward_with_features(generator, params, latents)  # noqa: E731
        return cdc(4).penalty(tree, context, jax.random.key(1), of)

    assert float(penalty(trainable)) == pytest.approx(0, abs=1e-3)
    assert float(penalty(moved(trainable))) > 0.01


def test_before_lora_it_compares_whole_networks(source, getkey):
    both = chain(cdc(4), lora(rank=1))
    trainable, context = both.init(source, getkey())
    assert float(both.penalty(trainable, context, getkey(), forward)) == 0
    slopes = jax.grad(both.penalty)(moved(trainable), context, getkey(), forward)
    assert float(jnp.abs(slopes["stem/kernel/up"]).max()) > 0


def test_a_network_without_features_is_an_error(source, getkey):
    trainable, context = cdc(4).init(source, getkey())
    with pytest.raises(InputError, match="compares features, and this model gives none"):
        jax.jit(lambda tree: cdc(4).penalty(tree, context, jax.random.key(0), lambda params, z: (z, ())))(trainable)


@pytest.mark.parametrize(("settings", "message"), [({"weight": -1.0}, "a weight of -1"), ({"batch": 2}, "batch of 2")])
def test_what_cannot_be_is_an_error(settings, message):
    with pytest.raises(InputError, match=message):
        cdc(4, **settings)
