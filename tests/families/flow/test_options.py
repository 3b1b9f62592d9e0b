"""Options of a flow's network: what the chosen one does not read, and sizes that it has not."""

import jax
import jax.numpy as jnp
import pytest
from toy_runs import genjax

from genjax.config import ModelConfig
from genjax.errors import InputError
from genjax.families.flow.family import FLOW, network_of
from genjax.families.flow.options import DitConfig, FlowConfig, UnetConfig, check_sizes, check_typed
from genjax.tree import flatten, label


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            FlowConfig(unet=UnetConfig(width=16)),
            "--flow.unet.width does nothing with --flow.network dit. Leave it out.",
        ),
        (
            FlowConfig(network="unet", dit=DitConfig(patch_size=2)),
            "--flow.dit.patch-size does nothing with --flow.network unet. Leave it out.",
        ),
        (
            FlowConfig(process="edm", prediction="image"),
            "--flow.prediction does nothing with --flow.process edm. Leave it out.",
        ),
    ],
)
def test_options_that_nothing_would_read_are_refused(options, message):
    with pytest.raises(InputError) as caught:
        check_typed(options)
    assert str(caught.value) == message


@pytest.mark.parametrize("options", [FlowConfig(), FlowConfig(network="unet", unet=UnetConfig(blocks=2)), object()])
def test_options_that_are_read_are_accepted(options):
    check_typed(options)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 0}, "--flow.unet.width is 0, expected 1 or more."),
        ({"multipliers": ()}, "--flow.unet.multipliers is empty, expected numbers of 1 or more."),
        ({"multipliers": (1, 0)}, "--flow.unet.multipliers is 1 0, expected numbers of 1 or more."),
        ({"blocks": 0}, "--flow.unet.blocks is 0, expected 1 or more."),
    ],
)
def test_a_network_that_could_not_be_is_refused(values, message):
    with pytest.raises(InputError) as caught:
        UnetConfig(**values)
    assert str(caught.value).startswith(message)


def test_sizes_that_the_network_has_not_are_refused():
    with pytest.raises(InputError, match=r"attention 5 is no size of a U-Net of --size 16\. Use one of 16, 8, 4, 2\."):
        check_sizes(UnetConfig(attention=(8, 5)), 16)
    with pytest.raises(InputError, match=r"multipliers 1 1 1 1 1 halve --size 16 below 2 by 2\. Use 4 of them"):
        check_sizes(UnetConfig(multipliers=(1,) * 5), 16)
    check_sizes(UnetConfig(multipliers=(1,) * 4, attention=(2,)), 16)


@pytest.mark.parametrize("size", [16, 64, 512])
def test_a_u_net_of_defaults_has_every_size_and_what_it_freezes(size):
    model = ModelConfig("flow", size, 3, "bfloat16", 8, FlowConfig(network="unet"))
    images, levels = jax.ShapeDtypeStruct((2, size, size, 3), jnp.float32), jax.ShapeDtypeStruct((2,), jnp.float32)
    network = network_of(model)
    variables = jax.eval_shape(network.init, jax.random.key(0), images, levels, None)
    made = jax.eval_shape(network.apply, variables, images, levels, None)
    assert (made.shape, made.dtype) == (images.shape, images.dtype)
    patterns = FLOW.offers(model)["flow"].freeze
    labels = label(list(flatten(variables["params"])), [*((one, "kept") for one in patterns), ("*", "trained")])
    kept = {name.split("/")[0] for name, choice in labels.items() if choice == "kept"}
    assert kept == {"input", "level", f"down_{size}_0"}


def test_the_command_refuses_them_in_one_line(tmp_path, capsys):
    line = ["train", "--model", "flow", "--out", tmp_path / "run"]
    assert genjax(*line, "--flow.network", "unet", "--flow.dit.depth", 2) == 2
    assert "--flow.dit.depth does nothing with --flow.network unet. Leave it out." in capsys.readouterr().err
    assert genjax(*line, "--size", 16, "--flow.network", "unet", "--flow.unet.attention", 32) == 2
    assert "--flow.unet.attention 32 is no size of a U-Net of --size 16." in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
