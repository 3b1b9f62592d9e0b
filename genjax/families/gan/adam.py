"""Adam whose second moment may be set anew in every step, and that knows of lazy regularisation. (Kingma & Ba 2015)"""

from typing import Any

import optax

from genjax.tree import Tree


def adam(
    rate: float, *, beta1: float = 0.9, beta2: float = 0.999, every: int = 1
) -> optax.GradientTransformationExtraArgs:
    """Makes Adam; its update takes `beta2=` of this step, a scalar () in [0, 1), in place of the one given here.

    Where a penalty has an update of its own after each `every` others, k + 1 updates are made where there were k; rate
    and decays are lessened so that they reach as far as before: `rate k / (k + 1)`, `beta ** (k / (k + 1))`. (Karras et
    al. 2020, appendix B)

    Args:
        rate: learning rate.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        every: updates between those of a penalty, k; 1 where the penalty is a part of the loss.
    Returns:
        An optimiser whose state is that of `optax.adam`.
    """
    share = every / (every + 1) if every > 1 else 1.0

    def made_with(beta2: Any) -> optax.GradientTransformation:
        return optax.adam(rate * share, b1=beta1**share, b2=beta2**share)

    def update(
        updates: Tree, state: Tree, params: Tree | None = None, *, beta2: Any = beta2, **others: Any
    ) -> tuple[Tree, Tree]:
        return made_with(beta2).update(updates, state, params)

    return optax.GradientTransformationExtraArgs(made_with(beta2).init, update)
