"""An imported UNet2DModel beside itself in diffusers: output of the network, and pictures of Euler and DDIM."""

import jax.numpy as jnp
import numpy as np
import pytest

from genjax.families.flow.family import network_of, process_of
from genjax.families.flow.ode import solve
from genjax.losses.ddpm import betas_of, deviations_of
from genjax.store.public.imported import read_public

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make parity")
diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed: make parity")

PLAIN, ATTENTIVE = ("DownBlock2D", "UpBlock2D"), ("AttnDownBlock2D", "AttnUpBlock2D")
DDPM = {
    "attention_head_dim": None,
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "norm_eps": 1e-6,
}


def blocks(*kinds):
    return {"down_block_types": [kind[0] for kind in kinds], "up_block_types": [kind[1] for kind in kinds[::-1]]}


CASES = {
    "like ddpm-cifar10-32": {
        "sample_size": 32,
        "block_out_channels": (16, 32, 32, 32),
        "norm_num_groups": 8,
        **DDPM,
        **blocks(PLAIN, ATTENTIVE, PLAIN, PLAIN),
    },
    "by default": {"sample_size": 16, "block_out_channels": (32, 64, 64, 96), "layers_per_block": 1},
    "grey, scaled": {
        "sample_size": 16,
        "in_channels": 1,
        "out_channels": 1,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "resnet_time_scale_shift": "scale_shift",
        "act_fn": "mish",
        "center_input_sample": True,
        "mid_block_scale_factor": 1.5,
        "time_embedding_dim": 20,
        **blocks(ATTENTIVE, PLAIN),
    },
    "one block": {
        "sample_size": 16,
        "block_out_channels": (16,),
        "norm_num_groups": 4,
        "act_fn": "gelu",
        "add_attention": False,
        **blocks(PLAIN),
    },
}


def saved(settings, folder):
    """A network of random parameters, which no longer begins as nothing anywhere."""
    torch.manual_seed(0)
    network = diffusers.UNet2DModel(**settings).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    network.save_pretrained(folder / "unet")
    return network


def channels_last(tensor):
    return np.asarray(tensor.numpy().transpose(0, 2, 3, 1))


@pytest.mark.parametrize("name", CASES)
def test_the_network(tmp_path, name):
    network = saved(CASES[name], tmp_path)
    size, channels = network.config.sample_size, network.config.in_channels
    images, steps = torch.randn(3, channels, size, size), torch.tensor([0, 17, 999])
    with torch.no_grad():
        expected = channels_last(network(images, steps).sample)
    made = read_public(f"diffusers:{tmp_path}")
    found = network_of(made.config).apply(
        {"params": made.networks["flow"]}, jnp.asarray(channels_last(images)), jnp.asarray(steps.numpy()) / 1000, None
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_eulers_picture_is_that_of_ddim(tmp_path, schedule, prediction):
    network = saved(CASES["grey, scaled"], tmp_path)
    scheduler = diffusers.DDIMScheduler(
        beta_schedule=schedule, prediction_type=prediction, clip_sample=True, timestep_spacing="trailing"
    )
    scheduler.save_pretrained(tmp_path / "scheduler")
    scheduler.set_timesteps(10)
    noise = torch.randn(2, 1, 16, 16)
    picture = noise
    with torch.no_grad():
        for step in scheduler.timesteps:
            picture = scheduler.step(
                network(picture, step).sample, step, picture, use_clipped_model_output=True
            ).prev_sample
    made = read_public(f"diffusers:{tmp_path}")
    process, module = process_of(made.config.options), network_of(made.config)
    deviations = deviations_of(betas_of(schedule, 1000))[scheduler.timesteps.numpy()]

    def field(z, time):
        def bound(images, levels):
            return module.apply({"params": made.networks["flow"]}, images, levels, None)

        return process.velocity(bound, z, jnp.full(len(z), time))

    z = jnp.asarray(channels_last(noise)) * float(np.sqrt(1 + deviations[0] ** 2))
    found = solve(field, z, np.append(deviations, 0.0), "euler")
    np.testing.assert_allclose(found, channels_last(picture), rtol=0, atol=2e-3)
