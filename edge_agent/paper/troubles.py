"""A printer that needs a person raises one card, and the card closes when it does not any more.

The card is for whoever stands nearest: a roll, a cover, a cable, or a slip somebody has to look for. Each
trouble of a printer has a key of its own, of which one at most is open, so a card always says what is wrong
now; the hub sees it like every other.
"""

from typing import Final

from edge_agent.context import SYSTEM, Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import close_exception, raise_exception
from edge_agent.paper.rules import DOUBT, STUCK, Load
from protocol.kit.text import _

KIND: Final = "printer_trouble"


def settle_trouble(
    unit: EdgeUnit, edge: Edge, *, printer_id: str, name: str, trouble: str, load: Load
) -> None:
    """Let the card of a printer say its trouble, or close it where there is none."""
    for each in sorted({*STUCK, DOUBT} - {trouble}):
        how = _("All its slips are accounted for.") if each == DOUBT else _("It is no longer so.")
        close_exception(unit, edge, _key(printer_id, each), how=how, person=SYSTEM)
    if trouble:
        raise_exception(
            unit,
            edge,
            kind=KIND,
            subject=f"printer:{printer_id}",
            title=_title(name, trouble),
            facts={
                "printer_id": printer_id,
                "printer": name,
                "trouble": trouble,
                "waiting": load.waiting,
                "in_doubt": load.doubts,
            },
            dedupe_key=_key(printer_id, trouble),
        )


def _key(printer_id: str, trouble: str) -> str:
    return f"printer:{printer_id}:{trouble}"


def _title(name: str, trouble: str) -> str:
    titles = {
        "no_paper": _("{printer} has no paper", printer=name),
        "cover_open": _("The cover of {printer} is open", printer=name),
        "fault": _("{printer} reports a fault", printer=name),
        "silent": _("{printer} does not answer, and slips wait for it", printer=name),
        "unreachable": _("{printer} cannot be reached, and slips wait for it", printer=name),
        DOUBT: _("Slips of {printer} are in doubt: scan the last one", printer=name),
    }
    return titles[trouble]
