"""What the name of a transfer means for each network of a family, and which names go together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genjax.config import AdaptConfig, ModelConfig
from genjax.errors import InputError, lookup
from genjax.families.learner import Networks
from genjax.transfer import (
    Transfer,
    cdc,
    chain,
    ewc,
    freeze,
    full,
    kernel_modulation,
    l2_sp,
    lora,
    miner,
    replay,
    scale_shift,
    singular_values,
)

NETWORKS = {"gan": ("critic", "generator"), "vae": ("vae",)}
SAMPLED = {"gan": ("generator",), "vae": ("vae",)}  # the networks that make images

# (config of the adaptation, of the model, Fisher information of the networks that make images, or none of them)
# -> a transfer for each network that is not trained in full. The critic, which is not published, nearly always is.
Recipe = Callable[[AdaptConfig, ModelConfig, Networks], dict[str, Transfer]]


def _sampled(transfer: Transfer) -> dict[str, Transfer]:
    return dict.fromkeys(("generator", "vae"), transfer)


def _latent_size(model: ModelConfig) -> int:
    return model.gan.latent_size if model.family == "gan" else model.vae.latent_size


def _with_fisher(make: Callable[[Networks | None], Transfer], fisher: Networks) -> dict[str, Transfer]:
    return {network: make(fisher.get(network)) for network in ("generator", "vae")}


RECIPES: dict[str, Recipe] = {
    "full": lambda config, model, fisher: {},
    "cdc": lambda config, model, fisher: _sampled(
        cdc(_latent_size(model), weight=config.cdc.weight, batch=config.cdc.batch)
    ),
    "replay": lambda config, model, fisher: _sampled(
        replay(config.replay.weight, _latent_size(model), count=config.replay.count, batch=config.replay.batch)
    ),
    "ewc": lambda config, model, fisher: _with_fisher(lambda known: ewc(config.ewc.weight, known), fisher),
    "l2_sp": lambda config, model, fisher: _sampled(l2_sp(config.l2_sp.weight)),
    "miner": lambda config, model, fisher: _sampled(
        miner(_latent_size(model), width=config.miner.width, train_generator=not config.miner.alone)
    ),
    "freeze": lambda config, model, fisher: {
        "generator": freeze(config.freeze.generator),
        "critic": freeze(config.freeze.critic),
        "vae": freeze(config.freeze.vae),
    },
    "lora": lambda config, model, fisher: _sampled(lora(rank=config.lora.rank, alpha=config.lora.alpha)),
    "scale_shift": lambda config, model, fisher: _sampled(scale_shift()),
    "singular_values": lambda config, model, fisher: _sampled(singular_values()),
    "kernel_modulation": lambda config, model, fisher: _with_fisher(
        lambda known: kernel_modulation(known, quantile=config.modulation.quantile), fisher
    ),
}
OF_KERNELS = ("lora", "scale_shift", "singular_values", "kernel_modulation")  # each says what a kernel becomes
NEED_FISHER = ("ewc", "kernel_modulation")
PENALTIES = ("cdc", "replay", "ewc", "l2_sp")
OF_THE_SAME_LATENTS = ("cdc", "replay")  # penalties on images, source's and adaptation's, of the same latents


def named(transfer: str, recipes: Mapping[str, Any], *, alone: Sequence[str] = ()) -> list[str]:
    """The transfers that a value of --transfer names, in the order in which they are chained: that of the recipes.

    Args:
        transfer: the value.
        recipes: those that can be chained.
        alone: further names, which mean something by themselves and were dealt with.
    Raises:
        InputError: no name, an unknown one, or several that do not go together.
    """
    names = [name.strip() for name in transfer.split(",")]
    if names == [""]:
        raise InputError(f"--transfer is empty. Known: {', '.join([*alone, *recipes])}.")
    for name in names:
        lookup({**dict.fromkeys(alone), **recipes}, name, "transfer")
        if name in alone:
            raise InputError(f"--transfer {transfer}: {name} stands alone. Name it by itself, or leave it out.")
    if len(set(names)) < len(names):
        raise InputError(f"--transfer {transfer} names one transfer twice. Name each once.")
    if "full" in names and len(names) > 1:
        raise InputError(f"--transfer {transfer}: full trains everything. Leave it out.")
    kernels = [name for name in names if name in OF_KERNELS]
    if len(kernels) > 1:
        raise InputError(
            f"--transfer {transfer}: {' and '.join(kernels)} each say what a kernel becomes. Use one of them."
        )
    return [name for name in recipes if name in names]


def transfer_names(config: AdaptConfig) -> list[str]:
    """The transfers of an adaptation, in the order in which they are chained: that of RECIPES, however they were named.

    Penalties see the whole network, so they come before what leaves less of it to be trained.

    Raises:
        InputError: no name, an unknown one, or several that do not go together.
    """
    names = named(config.transfer, RECIPES, alone=("auto",))
    moved = [name for name in names if name in OF_THE_SAME_LATENTS]
    if "miner" in names and moved:
        raise InputError(
            f"--transfer {config.transfer}: {moved[0]} compares images of the same latents, which miner moves."
            " Use one of them."
        )
    held = [name for name in names if name in PENALTIES]
    if "miner" in names and config.miner.alone and held:
        raise InputError(f"--miner.alone leaves the network as it is, so that {held[0]} would hold nothing. Drop one.")
    return names


def check_ratio(config: AdaptConfig) -> None:
    """Raises InputError for an adaptive weight of a penalty where no transfer has one."""
    if config.control.transfer_ratio and not any(name in PENALTIES for name in transfer_names(config)):
        raise InputError(
            f"--control.transfer-ratio weighs a penalty, and --transfer {config.transfer} has none. Leave it out, or"
            f" use one of {', '.join(PENALTIES)}."
        )


def needs_fisher(config: AdaptConfig) -> bool:
    """Whether a transfer of this adaptation asks for the Fisher information of the source."""
    return any(name in NEED_FISHER for name in transfer_names(config))


def build_transfers(
    config: AdaptConfig | None, model: ModelConfig, fisher: Networks | None = None
) -> dict[str, Transfer]:
    """{network: transfer} for a model; without a config, pretraining's.

    Args:
        config: of the adaptation.
        model: that is adapted.
        fisher: {network: information} of the source; without, as to sample from a model on disk, no penalty needs it.
    Raises:
        InputError: see `transfer_names`; or a setting that a transfer refuses.
    """
    networks = NETWORKS[model.family]
    if config is None:
        return {network: full() for network in networks}
    parts = [RECIPES[name](config, model, fisher or {}) for name in transfer_names(config)]
    return {network: combined([part[network] for part in parts if network in part]) for network in networks}


def combined(transfers: Sequence[Transfer]) -> Transfer:
    """One transfer that is all of these; none is `full`."""
    if not transfers:
        return full()
    return transfers[0] if len(transfers) == 1 else chain(*transfers)
