"""One decision and what follows from it, in the caller's transaction: rights, the record, a card if need be.

Another process may take the last unit between the snapshot and the rights. Then everything is read anew and
chosen again, three times at most: after that the order waits for a person rather than spinning.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from hub.route import reads
from hub.route.rows import decisions
from hub.route.rules.choice import Ask, Candidate, Chosen, Need, NoLocation, Priced, Rejected, choose
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
    ages: Mapping[str, int | None] = field(default_factory=dict)
    """How long ago each location that was looked at had been heard, in seconds; None for never."""


def ages_of(candidates: Iterable[Candidate]) -> dict[str, int | None]:
    """Return how old the knowledge of each location is."""
    return {each.location: each.silent_seconds for each in candidates}


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
        because = replace(because, ages=ages_of(candidates))
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


def keep_extension(work: Work, order: ToRoute, because: Because, found: Chosen, assignment_id: str) -> None:
    """Keep why units that were added go to whoever holds the rest; it has no event of routing of its own."""
    sentence = f"{found.best.name} holds the rest of it and keeps the promise with this too."
    row = _Kept(work.ids.new_id(), order.order_id, assignment_id, found.best, sentence, found.digest)
    _write(work, row, because, _said(order.lines, found.rejected, {"best": _priced(found.best), "able": 1}))


def _keep(
    work: Work, body: Decided, found: Chosen | NoLocation, because: Because, said: Mapping[str, Any]
) -> None:
    part = body.parts[0] if isinstance(body, OrderRouted) else None
    lines = part.lines if part else body.lines if isinstance(body, OrderUnroutable) else ()
    best = found.best if part and isinstance(found, Chosen) else None
    owner = part.assignment_id if part else ""
    row = _Kept(body.decision_id, body.order_id, owner, best, body.sentence, found.digest)
    _write(work, row, because, _said(lines, found.rejected, said))


class _Kept(NamedTuple):
    decision_id: str
    order_id: str
    assignment_id: str
    best: Priced | None
    sentence: str
    digest: str


def _said(
    lines: Iterable[AssignedLine], rejected: Iterable[Rejected], said: Mapping[str, Any]
) -> dict[str, Any]:
    reasons: dict[str, list[tuple[str, str]]] = {}
    for reason in rejected:
        reasons.setdefault(reason.code, []).append((reason.location, reason.fact))
    return {
        **said,
        "lines": [(line.line_no, line.sku, line.quantity) for line in lines],
        "rejected": reasons,
    }


def _write(work: Work, kept: _Kept, because: Because, said: Mapping[str, Any]) -> None:
    best = kept.best
    row = (
        kept.decision_id,
        kept.order_id,
        because.attempt,
        because.trigger,
        "chosen" if best else "unroutable",
        kept.assignment_id,
        best.location if best else "",
        best.cost_minor if best else 0,
        kept.sentence,
        kept.digest,
        json.dumps(because.excluded),
        _json(said),
        work.clock.now_us(),
        _json(because.ages),
    )
    _DECISIONS.run(work.connection, [row])


def _json(said: Mapping[str, Any]) -> str:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


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
