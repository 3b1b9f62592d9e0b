"""From a checkpoint of diffusers' UNet2DModel to a flow model: settings, schedule of noise, and names of parameters."""

import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.errors import InputError
from genjax.families.flow.ddpm.build import ddpm_unet
from genjax.families.flow.ddpm.options import DdpmConfig, DdpmUnetConfig
from genjax.families.flow.learner import NETWORK
from genjax.families.flow.options import FlowConfig
from genjax.families.model import ModelConfig, check_size
from genjax.families.public_checkpoint import Converted, PublicCheckpoint
from genjax.json_config import from_json
from genjax.tree import check_alike, flatten, unflatten

LEARNING_RATE = 2e-4  # of an adaptation (Ho et al. 2020, appendix B)
BATCH = 64

# {setting of UNet2DModel: (our option, the value that it has where a config.json leaves it out)}
SETTINGS: dict[str, tuple[str, Any]] = {
    "block_out_channels": ("widths", [224, 448, 672, 896]),
    "down_block_types": ("down_blocks", ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"]),
    "up_block_types": ("up_blocks", ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"]),
    "layers_per_block": ("layers", 2),
    "add_attention": ("middle_attention", True),
    "attention_head_dim": ("head_width", 8),
    "norm_num_groups": ("groups", 32),
    "norm_eps": ("epsilon", 1e-5),
    "act_fn": ("activation", "silu"),
    "resnet_time_scale_shift": ("time", "default"),
    "time_embedding_dim": ("time_width", None),
    "flip_sin_to_cos": ("cosine_first", True),
    "freq_shift": ("frequency_shift", 0),
    "downsample_padding": ("pad", 1),
    "center_input_sample": ("centred", False),
    "mid_block_scale_factor": ("middle_divisor", 1),
}
# {setting that we have only one value of: that value}; it is also what is meant where a config.json leaves it out.
ONLY: dict[str, Any] = {
    "time_embedding_type": "positional",
    "mid_block_type": "UNetMidBlock2D",
    "downsample_type": "conv",
    "upsample_type": "conv",
    "attn_norm_num_groups": None,
    "class_embed_type": None,
    "num_class_embeds": None,
}
UNUSED = ("sample_size", "in_channels", "out_channels", "dropout", "num_train_timesteps")  # read otherwise, or not
ZERO_STANDS_FOR_NONE = ("attention_head_dim", "time_embedding_dim")
SWISH = "swish"  # another name of silu

PROCESS: dict[str, tuple[str, Any]] = {  # the same of a scheduler
    "prediction_type": ("prediction", "epsilon"),
    "beta_schedule": ("schedule", "linear"),
    "beta_start": ("first", 1e-4),
    "beta_end": ("last", 0.02),
    "num_train_timesteps": ("steps", 1000),
    "clip_sample": ("clip", False),
}
# Schedulers that clip where clip_sample is left out; the others do not, or have no such setting.
CLIPPING = (
    *("DDPMScheduler", "DDPMParallelScheduler", "DDIMScheduler", "DDIMParallelScheduler"),
    *("DDIMInverseScheduler", "RePaintScheduler"),
)
ONLY_PROCESS: dict[str, Any] = {
    "trained_betas": None,
    "rescale_betas_zero_snr": False,
    "clip_sample_range": 1.0,
    "thresholding": False,
    "predict_epsilon": True,  # prediction_type before 2023
    "timestep_type": "discrete",
    "use_flow_sigmas": False,
    "use_dynamic_shifting": False,
    "shift_terminal": None,
}
# Settings of how a scheduler draws, where our solvers draw instead, and of parts that are off by the above.
UNUSED_PROCESS = (
    *("variance_type", "timestep_spacing", "steps_offset", "set_alpha_to_one", "skip_prk_steps", "interpolation_type"),
    *("solver_order", "solver_type", "solver_p", "algorithm_type", "predict_x0", "disable_corrector"),
    *("predictor_order", "corrector_order", "tau_func", "eta", "noise_sampler_seed"),
    *("lower_order_final", "euler_at_final", "final_sigmas_type", "sigma_min", "sigma_max", "lambda_min_clipped"),
    *("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"),
    *("dynamic_thresholding_ratio", "sample_max_value", "flow_shift", "time_shift_type"),
    *("tensor_format", "timesteps", "timestep_values"),  # of 2022
)

# Names of ours and of diffusers: each rule is applied to what those above it have made.
RULES = (
    (r"time_([12])", r"time_embedding.linear_\1"),
    (r"norm_out", "conv_norm_out"),
    (r"middle/", "mid_block."),
    (r"(down|up)_(\d+)/", r"\1_blocks.\2."),
    (r"resnet_(\d+)/", r"resnets.\1."),
    (r"attention_(\d+)/", r"attentions.\1."),
    (r"half", "downsamplers.0.conv"),
    (r"double", "upsamplers.0.conv"),
    (r"\.time/", ".time_emb_proj/"),
    (r"\.shortcut", ".conv_shortcut"),
    (r"\.(norm|conv)_([12])", r".\1\2"),
    (r"(attentions\.\d+\.)norm", r"\1group_norm"),
    (r"\.query", ".to_q"),
    (r"\.key", ".to_k"),
    (r"\.value", ".to_v"),
    (r"\.out/", ".to_out.0/"),
    (r"/(kernel|scale)$", ".weight"),
    (r"/", "."),
)
# Checkpoints that were written before 2023 name the parts of an attention otherwise.
EARLIER = (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0"))


def unet_2d(checkpoint: PublicCheckpoint) -> Converted:
    """Converts a checkpoint of UNet2DModel with the schedule that it was trained by, DDPM's where it names none.

    Raises:
        InputError: a setting that our network does not have, or parameters that are not those of the settings.
    """
    size, channels = _images(checkpoint)
    process, noted = _process(checkpoint)
    unet = _options(checkpoint, process.steps)
    options = FlowConfig(process="ddpm", network="ddpm_unet", ddpm_unet=unet, ddpm=process, learning_rate=LEARNING_RATE)
    config = ModelConfig("flow", size, channels, "float32", BATCH, options)
    params, notes = parameters(checkpoint, config), list(noted)
    if checkpoint.network.get("dropout"):
        notes.append(f"dropout {checkpoint.network['dropout']:g} of its training is not used in an adaptation")
    return Converted(config, {NETWORK: params}, tuple(notes))


def diffusers_name(name: str) -> str:
    """Returns the name that UNet2DModel has for one of our parameters: `down_0/resnet_1/conv_1/kernel`."""
    for pattern, replacement in RULES:
        name = re.sub(pattern, replacement, name)
    return name


def parameters(checkpoint: PublicCheckpoint, config: ModelConfig) -> dict[str, Any]:
    """Returns the tensors of a checkpoint as parameters of our network.

    Raises:
        InputError: names or shapes that differ, each by its name in the checkpoint.
    """
    images = jnp.zeros((1, config.size, config.size, config.channels))
    like = jax.eval_shape(lambda: ddpm_unet(config).init(jax.random.key(0), images, jnp.zeros(1)))["params"]
    ours = {name: leaf.shape for name, leaf in flatten(like).items()}
    expected = {diffusers_name(name): np.empty(_torch_shape(shape), np.bool_) for name, shape in ours.items()}
    given = {_current_name(name): _plain(name, tensor) for name, tensor in checkpoint.tensors.items()}
    check_alike(given, expected, what=checkpoint.name)
    return unflatten({name: jnp.asarray(_turned(given[diffusers_name(name)])) for name in ours})


def _current_name(name: str) -> str:
    """Returns the name that a tensor has in checkpoints since 2023."""
    for earlier, current in EARLIER:
        name = re.sub(rf"(attentions\.\d+\.){earlier}\.", rf"\1{current}.", name)
    return name


def _plain(name: str, tensor: np.ndarray) -> np.ndarray:
    """Drops the two axes of length 1 with which some checkpoints keep the linear layers of an attention."""
    return tensor[:, :, 0, 0] if "attentions" in name and tensor.shape[2:] == (1, 1) else tensor


def _torch_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns PyTorch's shape of a parameter: outputs, inputs, height, width."""
    return (*shape[::-1][:2], *shape[:-2]) if len(shape) > 1 else shape


def _turned(tensor: np.ndarray) -> np.ndarray:
    """Brings a tensor of PyTorch's to our order of axes: height, width, inputs, outputs."""
    axes = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[tensor.ndim]
    return tensor.astype(np.float32).transpose(axes)


def _images(checkpoint: PublicCheckpoint) -> tuple[int, int]:
    """Returns the size and the channels of a checkpoint's images."""
    values, name = checkpoint.network, checkpoint.name
    size = values.get("sample_size")
    if isinstance(size, list) and len(size) == 2 and size[0] == size[1]:
        size = size[0]
    if type(size) is not int:
        raise InputError(
            f"{name}: sample_size is {size!r}, expected one number. Write the height and width of its images into its"
            " config.json."
        )
    try:
        check_size(size)
    except InputError:
        raise InputError(f"{name}: sample_size is {size}, and models here have 16, 32, 64, 128, 256 or 512.") from None
    channels = values.get("in_channels", 3), values.get("out_channels", 3)
    if channels not in ((1, 1), (3, 3)):
        raise InputError(
            f"{name}: in_channels and out_channels are {channels[0]} and {channels[1]}, expected 1 or 3 of both: a"
            " network of latents, or one that also gives a variance, cannot be used."
        )
    return size, channels[0]


def _options(checkpoint: PublicCheckpoint, steps: int) -> DdpmUnetConfig:
    values = _known(checkpoint.network, {*SETTINGS, *UNUSED}, ONLY, f"{checkpoint.name}: UNet2DModel's")
    found = {ours: values.get(theirs, default) for theirs, (ours, default) in SETTINGS.items()}
    for name in ZERO_STANDS_FOR_NONE:
        ours = SETTINGS[name][0]
        found[ours] = 0 if found[ours] is None else found[ours]
    if found["activation"] == SWISH:
        found["activation"] = "silu"
    return _built(DdpmUnetConfig, found | {"timesteps": steps}, SETTINGS, checkpoint.name)


def _process(checkpoint: PublicCheckpoint) -> tuple[DdpmConfig, tuple[str, ...]]:
    """Returns the schedule that a network was trained by, and what is said of it."""
    name = checkpoint.name
    values = _known(checkpoint.process, {*PROCESS, *UNUSED_PROCESS}, ONLY_PROCESS, f"{name}: the scheduler's")
    found = {ours: values.get(theirs, default) for theirs, (ours, default) in PROCESS.items()}
    if "clip_sample" not in values:
        found["clip"] = not checkpoint.process or checkpoint.process.get("_class_name") in CLIPPING
    note = () if checkpoint.process else (f"{name} has no scheduler_config.json: DDPM's linear schedule is assumed",)
    return _built(DdpmConfig, found, PROCESS, name), note


def _known(values: Mapping[str, Any], read: set[str], only: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Returns the settings that are read.

    Raises:
        InputError: one that we do not know, or of which we have another value only.
    """
    plain = {key: value for key, value in values.items() if not key.startswith("_")}
    for key, value in plain.items():
        if key not in read and (key not in only or value != only[key]):
            raise InputError(
                f"{what} {key} is {value!r}, which genjax does not have"
                + (f": only {only[key]!r}." if key in only else ". It cannot be imported.")
            )
    return plain


def _built(kind: Any, values: dict[str, Any], table: Mapping[str, tuple[str, Any]], name: str) -> Any:
    """Builds options of these values; errors have the names of the checkpoint."""
    try:
        return from_json(kind, values, where=name)
    except InputError as error:
        text = str(error)
        for theirs, (ours, _) in table.items():
            option = rf"--flow\.ddpm(-unet)?\.{ours.replace('_', '-')}\b"
            text = re.sub(rf"(?<={re.escape(name)}: ){ours}\b|{option}", theirs, text)
        raise InputError(text if text.startswith(name) else f"{name}: {text}") from None
