"""The VAE's networks: names, and the two halves."""

import jax
import jax.numpy as jnp
from drawn import normal, parameters

from genjax.models.vae import Vae
from genjax.tree import flatten


def test_the_names_of_the_demos_vae():
    params = jax.eval_shape(lambda: Vae().init(jax.random.key(0), jnp.zeros((1, 16, 16, 1))))["params"]
    assert {name for name in flatten(params) if name.endswith("kernel")} == {
        "decoder/stem/kernel",
        "decoder/up_16/kernel",
        "decoder/up_8/kernel",
        "encoder/down_4/kernel",
        "encoder/down_8/kernel",
        "encoder/head/kernel",
    }


def test_the_call_decodes_the_mean(getkey):
    module, images = Vae(width=8, latent_size=4), normal(getkey(), (3, 16, 16, 1))
    variables = {"params": parameters(module, images)}
    mean, log_variance = (jnp.asarray(part) for part in module.apply(variables, images, method="encode"))
    assert mean.shape == log_variance.shape == (3, 4)
    decoded = module.apply(variables, mean, method="decode")
    assert jnp.array_equal(jnp.asarray(decoded), jnp.asarray(module.apply(variables, images)))


def test_both_halves_are_told_the_class(getkey):
    """The decoder as latents beside its own; the encoder's head by what the class's row adds to each output."""
    module, plain = Vae(width=8, latent_size=4, classes=3), Vae(width=8, latent_size=8)
    images, labels, others = normal(getkey(), (3, 16, 16, 1)), jnp.array([0, 2, 1]), jnp.array([1, 2, 0])
    params = parameters(module, images, labels)
    decoder, latents = dict(params["decoder"]), normal(getkey(), (3, 4))
    both = jnp.concatenate([latents, decoder.pop("class")["embedding"][labels]], axis=1)
    decoded = module.apply({"params": params}, latents, labels, method="decode")
    assert jnp.array_equal(
        jnp.asarray(decoded), jnp.asarray(plain.apply({"params": {"decoder": decoder}}, both, method="decode"))
    )
    encode = lambda labels: jnp.concatenate(  # noqa: E731
        [jnp.asarray(part) for part in module.apply({"params": params}, images, labels, method="encode")], axis=1
    )
    table, kernel = params["encoder"]["class"]["embedding"], params["encoder"]["head"]["kernel"]
    moved = (table[labels] - table[others]) @ kernel[-4:]
    assert jnp.allclose(encode(labels) - encode(others), moved, atol=1e-4)
