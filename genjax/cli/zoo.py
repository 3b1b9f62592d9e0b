"""`genjax zoo`: lists the trained models that come with genjax."""

import json
from dataclasses import dataclass

from genjax.terminal import result, table


@dataclass(frozen=True)
class ZooCommand:
    """Lists the small trained models that come with genjax: use one as zoo:NAME wherever a run is named."""

    json: bool = False
    """Print JSON and nothing else: the whole cards."""


def run_zoo(command: ZooCommand) -> int:
    """Prints a line for each model, or the cards."""
    from genjax.zoo.cards import PREFIX, cards

    found = cards()
    if command.json:
        result(json.dumps([card._asdict() for card in found], indent=2))
        return 0
    rows = [(f"{PREFIX}{card.name}", card.summary, card.trained, card.licence) for card in found]
    result(table(("model", "what it draws", "trained", "licence"), rows))
    return 0
