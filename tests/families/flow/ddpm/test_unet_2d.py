"""A checkpoint of UNet2DModel gives the output that diffusers computed of it; what differs is refused by name.

unet_2d/ holds two tiny networks of random parameters, written by diffusers 0.42.1, each with images and its output.
"""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from genjax.errors import InputError
from genjax.families.flow.ddpm.build import ddpm_unet
from genjax.families.flow.ddpm.unet_2d import diffusers_name, unet_2d
from genjax.families.public_checkpoint import PublicCheckpoint
from genjax.tree import flatten

CHECKPOINTS = Path(__file__).parent / "unet_2d"
SCHEDULER = {"_class_name": "DDPMScheduler", "beta_schedule": "linear", "clip_sample": True}


def checkpoint(name="added", *, process=SCHEDULER, tensors=None, **changed):
    folder = CHECKPOINTS / name
    network = json.loads((folder / "config.json").read_text()) | changed
    found = load_file(folder / "diffusion_pytorch_model.safetensors") if tensors is None else tensors
    return PublicCheckpoint(f"diffusers:{name}", "UNet2DModel", network, process, found)


@pytest.mark.parametrize("name", ["added", "scaled"])
def test_the_output_is_that_of_diffusers(name):
    made = unet_2d(checkpoint(name))
    expected = np.load(CHECKPOINTS / name / "values.npz")
    images, levels = jnp.asarray(expected["images"]), jnp.asarray(expected["steps"]) / 1000
    found = ddpm_unet(made.config).apply({"params": made.networks["flow"]}, images, levels)
    np.testing.assert_allclose(np.asarray(found), expected["output"], rtol=0, atol=3e-5)
    assert np.std(expected["output"]) > 0.1


def test_every_parameter_has_its_own_name():
    made = unet_2d(checkpoint())
    names = [diffusers_name(name) for name in flatten(made.networks)]
    assert len(set(names)) == len(names)
    assert diffusers_name("down_1/resnet_0/time/kernel") == "down_blocks.1.resnets.0.time_emb_proj.weight"
    assert diffusers_name("middle/attention_0/out/bias") == "mid_block.attentions.0.to_out.0.bias"
    assert diffusers_name("up_0/double/kernel") == "up_blocks.0.upsamplers.0.conv.weight"
    assert diffusers_name("norm_out/scale") == "conv_norm_out.weight"


def test_an_earlier_form_of_the_attention_is_read():
    today = checkpoint()
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    earlier = {}
    for name, tensor in today.tensors.items():
        for new, old in names.items():
            if f".{new}." in name:
                name = name.replace(f".{new}.", f".{old}.")
                tensor = tensor[:, :, None, None] if tensor.ndim == 2 else tensor
        earlier[name] = tensor
    assert set(earlier) != set(today.tensors)
    one, other = (flatten(unet_2d(each).networks) for each in (today, checkpoint(tensors=earlier)))
    for name, leaf in one.items():
        np.testing.assert_array_equal(leaf, other[name])


def test_differing_tensors_are_named_as_in_the_checkpoint():
    tensors = dict(checkpoint().tensors)
    tensors["conv_in.wieght"] = tensors.pop("conv_in.weight")
    tensors["conv_out.bias"] = np.zeros(5, np.float32)
    with pytest.raises(InputError) as refused:
        unet_2d(checkpoint(tensors=tensors))
    said = str(refused.value)
    assert said.startswith("diffusers:added does not fit the model: missing conv_in.weight; unexpected conv_in.wieght.")
    assert said.endswith("conv_out.bias has shape (5,), expected (3,)")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"down_block_types": ["DownBlock2D", "SkipDownBlock2D"]}, "down_block_types: unknown block 'SkipDownBlock2D'"),
        ({"num_class_embeds": 10}, "num_class_embeds is 10, which genjax does not have: only None."),
        ({"time_embedding_type": "fourier"}, "time_embedding_type is 'fourier'"),
        ({"upsample_type": "resnet"}, "upsample_type is 'resnet'"),
        ({"encoder_hid_dim": 3}, "encoder_hid_dim is 3, which genjax does not have. It cannot be imported."),
        ({"resnet_time_scale_shift": "spatial"}, "resnet_time_scale_shift is 'spatial'"),
        ({"norm_num_groups": 3}, "norm_num_groups 3 does not divide the width 4"),
        ({"sample_size": 28}, "sample_size is 28, and models here have 16, 32"),
        ({"sample_size": None}, "sample_size is None, expected one number"),
        ({"out_channels": 6}, "in_channels and out_channels are 3 and 6"),
        ({"layers_per_block": "two"}, "layers_per_block is 'two', expected int"),
    ],
)
def test_what_our_network_does_not_have_is_refused_by_name(changed, said):
    with pytest.raises(InputError) as refused:
        unet_2d(checkpoint(**changed))
    assert str(refused.value).startswith("diffusers:added")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("process", "said"),
    [
        ({"beta_schedule": "sigmoid"}, "beta_schedule is 'sigmoid'"),
        ({"beta_schedule": "linear", "trained_betas": [0.1]}, "trained_betas is [0.1]"),
        ({"beta_schedule": "linear", "beta_end": 2.0}, "beta_end 2: expected 0 < first < last < 1"),
        ({"beta_schedule": "linear", "rescale_betas_zero_snr": True}, "rescale_betas_zero_snr is True"),
        ({"beta_schedule": "linear", "thresholding": True}, "thresholding is True, which genjax does not have: only F"),
        ({"beta_schedule": "linear", "use_flow_sigmas": True}, "use_flow_sigmas is True"),
        ({"beta_schedule": "linear", "snr_shift_scale": 3.0}, "the scheduler's snr_shift_scale is 3.0, which genjax"),
    ],
)
def test_what_our_process_does_not_have_is_refused_by_name(process, said):
    with pytest.raises(InputError) as refused:
        unet_2d(checkpoint(process=process))
    assert said in str(refused.value)


DRAWING = {"thresholding": False, "timestep_spacing": "leading", "steps_offset": 1, "trained_betas": None}


@pytest.mark.parametrize(
    ("process", "clips"),
    [
        ({}, True),
        ({"_class_name": "DDPMScheduler", "variance_type": "fixed_small"}, True),
        ({"_class_name": "DDPMScheduler", "clip_sample": False}, False),
        ({"_class_name": "DDIMScheduler", "set_alpha_to_one": True}, True),
        ({"_class_name": "DDIMParallelScheduler"}, True),
        ({"_class_name": "PNDMScheduler", "skip_prk_steps": True}, False),
        ({"_class_name": "EulerDiscreteScheduler", "timestep_type": "discrete", "use_karras_sigmas": False}, False),
        ({"_class_name": "DPMSolverMultistepScheduler", "solver_order": 2, "lower_order_final": True}, False),
        ({"_class_name": "HeunDiscreteScheduler", "clip_sample": True, "clip_sample_range": 1.0}, True),
    ],
)
def test_what_clips_is_a_scheduler_that_does(process, clips):
    process = process and DRAWING | {"_diffusers_version": "0.30.0", "beta_schedule": "linear"} | process
    assert unet_2d(checkpoint(process=process)).config.options.ddpm.clip is clips


def test_what_is_read_of_a_scheduler():
    process = {"beta_schedule": "squaredcos_cap_v2", "num_train_timesteps": 500, "prediction_type": "v_prediction"}
    made = unet_2d(checkpoint(process=process, dropout=0.1))
    assert (made.config.options.ddpm.schedule, made.config.options.ddpm.prediction) == tuple(process.values())[::2]
    assert made.config.options.ddpm.steps == made.config.options.ddpm_unet.timesteps == 500
    assert made.notes == ("dropout 0.1 of its training is not used in an adaptation",)
    assert "no scheduler_config.json" in unet_2d(checkpoint(process={})).notes[0]
