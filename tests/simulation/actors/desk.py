"""Operations at the desk: whoever sees that a store misses promised goods decides whose promise gives way.

Apart from the others, with a source of randomness of its own, as goods on their way are. What is chosen takes
as long as the line to reach the store, which repeats what it misses meanwhile: nobody may be chosen twice.
"""

import random
from typing import Any, Final

from hub.context import Hub
from hub.desk import steps
from tests.simulation.hub import HubNode
from tests.simulation.node import Command

CARDS: Final = """
SELECT exception_id FROM exceptions WHERE kind = 'stock_deficit' AND state = 'open' ORDER BY exception_id
"""
GIVES_WAY: Final = ("order.reroute", "transfer.cancel")
PROMPT: Final = 0.7
"""Share of decisions that are one of the choices of the card; the others settle it with a note alone."""


def decide(node: HubNode, rng: random.Random) -> Command | None:
    """Take a card about missing goods: have somebody give way, or settle it because it has been seen to."""
    cards = node.audit.execute(CARDS).fetchall()
    if not cards:
        return None
    card = rng.choice(cards)[0]
    settles = rng.random() > PROMPT

    def step(_unit: Any, hub: Hub) -> str:
        offered = steps.offered(hub, card, role="ops", by="ops")
        able = [each for each in offered if each.may and not each.preview.refused]
        chosen = [each for each in able if each.choice.command in GIVES_WAY][: not settles] or able[-1:]
        if not chosen:
            return "nothing can be done"
        choice, preview = chosen[0].choice, chosen[0].preview
        wanted = steps.Wanted(choice.choice_id, preview.digest, "they are not there", confirmed=True)
        return steps.choose(hub, card, wanted, role="ops", by="ops").state

    return Command("decide at the desk", node.ids.new_id(), step, said=str, repeatable=False)
