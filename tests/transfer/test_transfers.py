"""What holds for every transfer, on a generator's parameters: exact at first, smooth after, and saved alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn import normal

from genjax.models.dcgan import Generator
from genjax.transfer import TRANSFERS, chain, freeze, full, lora
from genjax.transfer.cdc import cdc
from genjax.transfer.embedding import embedding
from genjax.transfer.ewc import ewc
from genjax.transfer.kernel_modulation import kernel_modulation
from genjax.transfer.l2_sp import l2_sp
from genjax.transfer.miner import miner
from genjax.transfer.replay import replay
from genjax.transfer.scale_shift import scale_shift
from genjax.transfer.singular_values import singular_values
from genjax.tree import check_alike, flatten, refill, unflatten

LATENTS = 4


def filled(shapes):
    """A tree of these shapes, of normal numbers."""
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape), jnp.float32), shapes)


TINY_GENERATOR = jax.eval_shape(Generator(16, 1, 8, LATENTS).init, jax.random.key(0), jnp.zeros((1, LATENTS)))["params"]
PLAIN = {
    "stem": {"kernel": np.zeros((LATENTS, 6)), "bias": np.zeros(6)},
    "norm": {"scale": np.zeros(6)},
    "up": {"kernel": np.zeros((2, 2, 6, 3)), "bias": np.zeros(3)},
}


def forward(params, latents):
    """The plain parameters as a network: a dense layer, and four pixels made of its features."""
    hidden = latents @ params["stem"]["kernel"] + params["stem"]["bias"][None]
    features = jnp.tanh(hidden * params["norm"]["scale"][None])
    images = jnp.einsum("nc,hwcd->nhwd", features, params["up"]["kernel"]) + params["up"]["bias"][None, None, None]
    return images, (hidden, images)


def varied(tree):
    """A tree of other numbers in [0, 1], as information about parameters."""
    return jax.tree.map(
        lambda leaf: jnp.asarray(np.cos(np.arange(leaf.size, dtype="f")) ** 2).reshape(leaf.shape), tree
    )


def every(source):
    """{name: transfer}, of parameters like these."""
    known = varied(source)
    return {
        "full": full(),
        "freeze": freeze(["stem/*"]),
        "embedding": embedding({"stem/bias": 2}, ["up*"]),
        "lora": lora(rank=2),
        "scale_shift": scale_shift(),
        "singular_values": singular_values(),
        "l2_sp": l2_sp(0.1),
        "ewc": ewc(0.1, known),
        "miner": miner(LATENTS, width=6),
        "miner alone": miner(LATENTS, width=6, train_generator=False),
        "cdc": cdc(LATENTS),
        "replay": replay(1.0, LATENTS),
        "kernel_modulation": kernel_modulation(known),
        "freeze, lora": chain(freeze(["stem/*"]), lora(rank=2)),
        "freeze, l2_sp": chain(freeze(["stem/*"]), l2_sp(0.1)),
        "replay, lora": chain(replay(1.0, LATENTS), lora(rank=2)),
        "miner, freeze": chain(miner(LATENTS, width=6), freeze(["stem/*"])),
        "cdc, kernel_modulation, miner": chain(cdc(LATENTS), kernel_modulation(known), miner(LATENTS, width=6)),
        "ewc, singular_values, miner": chain(ewc(0.1, known), singular_values(biases=True), miner(LATENTS, width=6)),
    }


SOURCE, GENERATOR = filled(PLAIN), filled(TINY_GENERATOR)
EVERY = every(SOURCE)
WITHOUT_DATA = {"ewc": ewc(0.1, None), "kernel_modulation": kernel_modulation(None)}  # as a model is loaded


def moved(trainable):
    """The trainable tree after a step that moves everything, each number otherwise."""
    return jax.tree.map(lambda leaf, step: leaf + 0.1 * step, trainable, varied(trainable))


def images(transfer, trainable, context, latents):
    return forward(transfer.params(trainable, context), transfer.latents(trainable, context, latents))[0]


def test_none_is_left_out():
    assert set(TRANSFERS) <= set(EVERY)


@pytest.fixture(params=EVERY)
def transfer(request):
    return EVERY[request.param]


@pytest.fixture
def latents(getkey):
    return normal(getkey(), (3, LATENTS))


def test_the_source_is_reproduced_exactly_at_the_start(transfer, latents, getkey):
    trainable, context = transfer.init(SOURCE, getkey())
    params = transfer.params(trainable, context)
    assert jax.tree.structure(params) == jax.tree.structure(SOURCE)
    jax.tree.map(np.testing.assert_array_equal, params, SOURCE)
    np.testing.assert_array_equal(transfer.latents(trainable, context, latents), latents)


def test_so_is_a_generator_inside_of_a_compiled_function(getkey):
    """Runs start within one."""
    transfers = every(GENERATOR).values()
    started = jax.jit(lambda source, key: [transfer.params(*transfer.init(source, key)) for transfer in transfers])
    for params in started(GENERATOR, getkey()):
        assert jax.tree.structure(params) == jax.tree.structure(GENERATOR)
        jax.tree.map(np.testing.assert_array_equal, params, GENERATOR)


def test_the_penalty_is_a_number_that_is_zero_at_the_source(transfer, getkey):
    trainable, context = transfer.init(SOURCE, getkey())
    penalty = transfer.penalty(trainable, context, getkey(), forward)
    assert penalty.shape == ()
    assert float(penalty) == 0


def test_gradients_after_a_move_are_finite(getkey):
    single = {name: transfer for name, transfer in EVERY.items() if "," not in name}  # chains take long to compile
    started = {name: transfer.init(SOURCE, getkey()) for name, transfer in single.items()}
    trees = {name: moved(trainable) for name, (trainable, _) in started.items()}
    latents = normal(getkey(), (3, LATENTS))

    def loss(name, tree):
        transfer, (_, context) = EVERY[name], started[name]
        penalty = transfer.penalty(tree, context, jax.random.key(1), forward)
        return jnp.sum(images(transfer, tree, context, latents) ** 2) + penalty

    slopes = jax.jit(jax.grad(lambda trees: sum(loss(name, tree) for name, tree in trees.items())))(trees)
    for name, tree in trees.items():
        assert jax.tree.structure(slopes[name]) == jax.tree.structure(tree)
        assert all(bool(np.isfinite(leaf).all()) for leaf in jax.tree.leaves(slopes[name])), name
        assert any(float(np.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(slopes[name])), name


@pytest.mark.parametrize("form", [dict, unflatten])
def test_what_is_trained_is_saved_and_loaded_alone(form, transfer, latents, getkey):
    trainable, context = transfer.init(SOURCE, getkey())
    saved = {name: np.asarray(leaf) for name, leaf in flatten(moved(trainable)).items()}
    like, context_again = transfer.init(SOURCE, getkey())  # by another key: nothing but what is trained may need it
    check_alike(form(saved), like, what="what was saved")
    loaded = refill(like, {name: jnp.asarray(leaf) for name, leaf in saved.items()})
    expected = images(transfer, moved(trainable), context, latents)
    np.testing.assert_array_equal(images(transfer, loaded, context_again, latents), expected)


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_a_model_loads_without_the_data_that_it_was_trained_with(name, getkey):
    like, context = WITHOUT_DATA[name].init(SOURCE, getkey())
    trainable, _ = EVERY[name].init(SOURCE, getkey())
    check_alike(trainable, like, what="what was saved")
    jax.tree.map(np.testing.assert_array_equal, WITHOUT_DATA[name].params(trainable, context), SOURCE)
