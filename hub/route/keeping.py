"""The record of a decision: what was chosen at what price, and what every other answer would have cost.

One row for each decision, beside the log (`rows`).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy.engine import Connection

from hub.route.asking import Asked
from hub.route.facts.apart import Apart
from hub.route.rows import decisions
from hub.route.rules.choice import ENGINE, Answer, Chosen, NoLocation, Sent
from hub.spine.bulk import Insert
from protocol.fulfilment import AssignedLine

_DECISIONS: Final = Insert(decisions)


@dataclass(frozen=True, slots=True)
class Because:
    """Why it is decided now, who must not be asked again, and what was known."""

    trigger: str = "placed"
    attempt: int = 1
    excluded: tuple[str, ...] = ()
    ages: Mapping[str, int | None] = field(default_factory=dict)
    """How long ago each location that was looked at had been heard, in seconds; None for never."""
    version: int = 0
    """Of the set of parameters."""
    ms: int = 0
    """How long it took to read the facts and to choose."""
    apart: Mapping[str, Apart] = field(default_factory=dict)
    """By location: what the price of a unit from there is made of."""
    missed: str = ""
    """What the order had waited for and does not come, in a sentence; whoever has to look at it is told."""

    def knowing(self, put: Asked, *, ms: int = 0) -> "Because":
        """Return it with what the question rested on."""
        return replace(self, ages=put.ages, version=put.version, ms=ms, apart=put.question.apart)


class Kept(NamedTuple):
    """What is kept of one decision."""

    decision_id: str
    order_id: str
    sentence: str
    digest: str
    found: Chosen | NoLocation
    assignments: Mapping[str, str]
    """By location that sends: the part it was given."""
    waits: tuple[dict[str, Any], ...] = ()
    """What it waits for, where it rests on goods that are on their way (`hub.route.awaiting`)."""


def keep(
    connection: Connection, kept: Kept, because: Because, lines: Iterable[AssignedLine], now_us: int
) -> None:
    """Write the row of one decision."""
    found = kept.found
    first = found.sent[0] if isinstance(found, Chosen) else None
    row = (
        kept.decision_id,
        kept.order_id,
        because.attempt,
        because.trigger,
        "chosen" if first else "unroutable",
        kept.assignments[first.location] if first else "",
        first.location if first else "",
        found.objective.minor if isinstance(found, Chosen) else 0,
        kept.sentence,
        kept.digest,
        json.dumps(because.excluded),
        _json(_body(kept, because, lines)),
        now_us,
        _json(because.ages),
    )
    _DECISIONS.run(connection, [row])


def _body(kept: Kept, because: Because, lines: Iterable[AssignedLine]) -> dict[str, Any]:
    reasons: dict[str, list[tuple[str, str]]] = {}
    for reason in kept.found.rejected:
        reasons.setdefault(reason.code, []).append((reason.location, reason.fact))
    said: dict[str, Any] = {
        "lines": [(line.line_no, line.sku, line.quantity) for line in lines],
        "rejected": reasons,
        "version": because.version,
        "engine": ENGINE,
        "ms": because.ms,
    }
    if kept.waits:
        said["waits"] = kept.waits
    if isinstance(kept.found, Chosen):
        return {**said, **_chosen(kept.found, kept.assignments, because.apart)}
    return {**said, "choices": [_answer(answer) for answer in kept.found.choices]}


def _chosen(found: Chosen, assignments: Mapping[str, str], apart: Mapping[str, Apart]) -> dict[str, Any]:
    return {
        "sent": [
            {
                **_sent(each),
                "assignment_id": assignments[each.location],
                "risks": risks_of(apart.get(each.location, Apart()), each.units),
            }
            for each in found.sent
        ],
        "objective": found.objective,
        "proof": found.proof,
        "bound": found.bound,
        "able": found.able,
        "insist": [(*row[1:], row.locations) for row in found.insisted],
        "if_rejected": {
            location: [after - now for after, now in zip(objective, found.objective, strict=True)]
            for location, objective in found.if_rejected.items()
        },
    }


def risks_of(apart: Apart, units: Mapping[int, int]) -> dict[str, int]:
    """Return what a shipment pays for beyond hands and parcels, by what it is paid for, in minor units.

    All but `offline` is in the price of its units; `offline` is in what it costs each time.
    """
    count = sum(units.values())
    found = {
        "busy": apart.busy_minor * count,
        "transfer": apart.transfer_minor * count,
        "entity": apart.entity_minor * count,
        "risk": sum([apart.risk_minor.get(str(line), 0) * n for line, n in units.items()]),
        "return": sum([apart.return_minor.get(str(line), 0) * n for line, n in units.items()]),
        "offline": apart.offline_minor,
    }
    return {name: minor for name, minor in found.items() if minor}


def _answer(answer: Answer) -> dict[str, Any]:
    return {"sent": [_sent(each) for each in answer.sent], "objective": answer.objective}


def _sent(sent: Sent) -> dict[str, Any]:
    return {
        "location": sent.location,
        "service": sent.service,
        "late_days": sent.late_days,
        "units": sent.units,
        "cost_minor": sent.cost_minor,
        **sent.parts._asdict(),
    }


def _json(said: Mapping[str, Any]) -> str:
    return orjson.dumps(said, default=list, option=orjson.OPT_NON_STR_KEYS).decode()
