"""What the name of a transfer means for a prior over tokens, which has no latents and draws no images by itself."""

from collections.abc import Callable

from genjax.config.text_to_image import AdaptTextToImageConfig
from genjax.errors import InputError
from genjax.families.recipes import RECIPES, combined, named
from genjax.transfer import Transfer, freeze, full, l2_sp, lora, scale_shift, singular_values

PRIOR_RECIPES: dict[str, Callable[[AdaptTextToImageConfig], Transfer]] = {
    "full": lambda config: full(),
    "l2_sp": lambda config: l2_sp(config.l2_sp.weight),
    "freeze": lambda config: freeze(config.freeze),
    "lora": lambda config: lora(rank=config.lora.rank, alpha=config.lora.alpha, kept=("embed_*",)),
    "scale_shift": lambda config: scale_shift(),
    "singular_values": lambda config: singular_values(),
}


def prior_transfer(config: AdaptTextToImageConfig) -> Transfer:
    """The transfer of a prior.

    Raises:
        InputError: an unknown name, one that means nothing for a prior, or several that do not go together.
    """
    for name in config.transfer.split(","):
        if name.strip() in RECIPES and name.strip() not in PRIOR_RECIPES:
            raise InputError(
                f"--transfer {name.strip()} is of generators and VAEs, and a prior over tokens is neither."
                f" Use {', '.join(PRIOR_RECIPES)}."
            )
    return combined([PRIOR_RECIPES[name](config) for name in named(config.transfer, PRIOR_RECIPES)])
