"""One decision and what follows from it, in the caller's transaction: rights, the record, a card if need be.

Another process may take the last unit between the snapshot and the rights. Then everything is read anew and
chosen again, three times at most: after that the order waits for a person rather than spinning.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hub.route import reads
from hub.route.rows import decisions
from hub.route.rules import Ask, Chosen, Need, NoLocation, Priced, Rejected, choose
from hub.spine.bulk import Insert
from hub.spine.steps import close_exception, raise_exception, record
from hub.spine.work import Work
from hub.stock import allocations
from protocol.errors import OutOfRights
from protocol.fulfilment import AssignedLine, Promise, RoutedPart, RuledOut
from protocol.later import OrderRouted, OrderUnroutable

TRIES: Final = 3
EVENT_REASONS: Final = 20
"""Reasons that travel in the event; the row of the decision keeps all of them."""
SENTENCE: Final = 300
FACT: Final = 200

_DECISIONS: Final = Insert(decisions)


@dataclass(frozen=True, slots=True)
class ToRoute:
    """Units of an order that nobody fulfils yet, and what was promised."""

    order_id: str
    number: str
    promise: Promise
    lines: tuple[AssignedLine, ...]


@dataclass(frozen=True, slots=True)
class Because:
    """Why it is decided now, and who must not be asked again."""

    trigger: str = "placed"
    attempt: int = 1
    excluded: tuple[str, ...] = ()


Decided = OrderRouted | OrderUnroutable


def ask_of(
    key: str, promise: Promise, lines: Iterable[Need], now_us: int, excluded: Iterable[str] = ()
) -> Ask:
    """Return the question that a promise puts."""
    return Ask(
        key=key,
        kind=promise.kind,
        due_us=promise.due_us,
        now_us=now_us,
        lines=tuple(lines),
        location=promise.location,
        service=promise.service,
        promise_class=promise.promise_class,
        excluded=frozenset(excluded),
    )


def decide(work: Work, order: ToRoute, because: Because) -> Decided:
    """Choose who fulfils, take the rights and record it; or record that nobody can, with a card."""
    needs = [Need(line.line_no, line.sku, line.quantity) for line in order.lines]
    ask = ask_of(order.order_id, order.promise, needs, work.clock.now_us(), because.excluded)
    wanted = [(line.line_no, line.sku, line.quantity) for line in order.lines]
    for _again in range(TRIES):
        candidates, parameters = reads.snapshot(work.connection, ask, work.terms.promising, work.unit.memory)
        found = choose(ask, candidates, parameters)
        if isinstance(found, NoLocation):
            return unroutable(work, order, because, found, found.sentence)
        assignment_id = work.ids.new_id()
        try:
            with work.unit.savepoint():
                allocations.allocate(work.connection, assignment_id, found.best.location, wanted)
        except OutOfRights:
            continue
        return routed(work, order, because, found, assignment_id)
    quicker = NoLocation((), "")
    return unroutable(work, order, because, quicker, "Other orders took the units each time; try again.")


def routed(work: Work, order: ToRoute, because: Because, found: Chosen, assignment_id: str) -> OrderRouted:
    """Record that a location fulfils these units; its rights are taken already."""
    body = OrderRouted(
        decision_id=work.ids.new_id(),
        order_id=order.order_id,
        number=order.number,
        attempt=because.attempt,
        trigger=because.trigger,
        parts=(
            RoutedPart(
                assignment_id=assignment_id,
                location=found.best.location,
                lines=order.lines,
                service=found.best.service,
                cost_minor=found.best.cost_minor,
            ),
        ),
        sentence=found.sentence[:SENTENCE],
        ruled_out=_ruled_out(found.rejected),
        excluded=because.excluded[:50],
        digest=found.digest,
    )
    said = {
        "best": _priced(found.best),
        "next": _priced(found.next_best) if found.next_best else None,
        "able": found.able,
    }
    _keep(work, body, found, because, said)
    if because.trigger != "placed":
        close_exception(work, unroutable_key(order.order_id), how=body.sentence)
    record(work, body)
    return body


def unroutable(
    work: Work, order: ToRoute, because: Because, found: NoLocation, sentence: str
) -> OrderUnroutable:
    """Record that nobody can fulfil these units as promised, and call a person."""
    body = OrderUnroutable(
        decision_id=work.ids.new_id(),
        order_id=order.order_id,
        number=order.number,
        trigger=because.trigger,
        lines=order.lines,
        sentence=sentence[:SENTENCE],
        ruled_out=_ruled_out(found.rejected),
    )
    _keep(work, body, found, because, {})
    record(work, body)
    raise_exception(
        work,
        kind="unroutable",
        subject=f"order:{order.order_id}",
        title=f"Nobody can fulfil {order.number} as it was promised",
        facts={
            "number": order.number,
            "why": body.sentence,
            "due_us": order.promise.due_us,
            "location": order.promise.location,
            "lines": [{"sku": line.sku, "units": line.quantity} for line in order.lines[:EVENT_REASONS]],
            "reasons": [row.model_dump() for row in body.ruled_out],
            "decision_id": body.decision_id,
        },
        owner_role="ops",
        dedupe_key=unroutable_key(order.order_id),
    )
    return body


def unroutable_key(order_id: str) -> str:
    """Return the key of the card of an order that nobody can fulfil."""
    return f"unroutable:{order_id}"


def _keep(
    work: Work, body: Decided, found: Chosen | NoLocation, because: Because, said: Mapping[str, Any]
) -> None:
    part = body.parts[0] if isinstance(body, OrderRouted) else None
    lines = part.lines if part else body.lines if isinstance(body, OrderUnroutable) else ()
    reasons: dict[str, list[tuple[str, str]]] = {}
    for reason in found.rejected:
        reasons.setdefault(reason.code, []).append((reason.location, reason.fact))
    kept = {**said, "lines": [(line.line_no, line.sku, line.quantity) for line in lines], "rejected": reasons}
    row = (
        body.decision_id,
        body.order_id,
        because.attempt,
        because.trigger,
        "chosen" if part else "unroutable",
        part.assignment_id if part else "",
        part.location if part else "",
        part.cost_minor if part else 0,
        body.sentence,
        found.digest,
        json.dumps(because.excluded),
        json.dumps(kept, ensure_ascii=False, separators=(",", ":")),
        work.clock.now_us(),
    )
    _DECISIONS.run(work.connection, [row])


def _priced(priced: Priced) -> dict[str, Any]:
    return {
        "location": priced.location,
        "service": priced.service,
        "late_days": priced.late_days,
        "cost_minor": priced.cost_minor,
        "carrier_minor": priced.carrier_minor,
        "pick_lines_minor": priced.pick_lines_minor,
        "pick_units_minor": priced.pick_units_minor,
    }


def _ruled_out(rejected: tuple[Rejected, ...]) -> tuple[RuledOut, ...]:
    return tuple(
        RuledOut(location=row.location, code=row.code, fact=row.fact[:FACT])
        for row in rejected[:EVENT_REASONS]
    )
