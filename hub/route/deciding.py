"""One decision and what follows from it, in the caller's transaction: rights, the record, a card if need be.

Every location of the answer gets a part of its own. Another process may take the last unit between the
snapshot and the rights. Then nothing of the decision is kept, everything is read anew and chosen again, three
times at most: after that the order waits for a person rather than spinning.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from hub.route import asking, awaiting, keeping
from hub.route.asking import ToRoute, ask_about, ask_of, lines_of
from hub.route.facts.snapshot import planned
from hub.route.facts.ways import TRANSFER
from hub.route.keeping import Because, Kept
from hub.route.rules.choice import Answer, Chosen, NoLocation, Rejected, Sent
from hub.spine.held import held
from hub.spine.steps import close_exception, raise_exception, record
from hub.spine.work import Work
from hub.stock import allocations, claims
from protocol.errors import OutOfRights
from protocol.fulfilment import AssignedLine, FulfilKind, RoutedPart, RuledOut
from protocol.later import OrderRouted, OrderUnroutable, OrderWaits
from protocol.transfers import RIGHTS_OWNER

TRIES: Final = 3
EVENT_REASONS: Final = 20
"""Reasons that travel in the event; the row of the decision keeps all of them."""
SENTENCE: Final = 300
FACT: Final = 200
SOURCES: Final = "sources"
"""In `results` of a decision: by transfer, from where goods are to come to where they are collected."""

Decided = OrderRouted | OrderUnroutable | OrderWaits


class Part(NamedTuple):
    """What one location sends, with the rights that were taken for it."""

    sent: Sent
    assignment_id: str
    location: str
    """Who fulfils it: where the customer collects when goods come there by a transfer."""
    lines: tuple[AssignedLine, ...]
    transfer_id: str = ""


def decide(work: Work, order: ToRoute, because: Because) -> Decided:
    """Choose who fulfils, take the rights and record it; or record that nobody can, with a card.

    What is free comes first. Where nothing free keeps the promise and goods on their way do, it waits.
    """
    ask = ask_of(order.order_id, order.promise, order.needs, work.clock.now_us(), because.excluded)
    for _again in range(TRIES):
        began = work.clock.monotonic()
        put = ask_about(work, order, ask)
        found = asking.answer(put)
        because = because.knowing(put, ms=int((work.clock.monotonic() - began) * 1000))
        if isinstance(found, NoLocation) or found.objective.late:
            waits = awaiting.wait(work, order, because)
            if waits is not None:
                if because.trigger != "placed":
                    off_the_desk(work, order.order_id, how=waits.sentence)
                return waits
        if isinstance(found, NoLocation):
            return unroutable(work, order, because, found)
        try:
            with work.unit.savepoint():
                parts = take(work, order, found)
        except OutOfRights:
            continue
        return routed(work, order, because, found, parts)
    quicker = NoLocation((), "", said="Other orders took the units each time; try again.")
    return unroutable(work, order, because, quicker)


def take(work: Work, order: ToRoute, found: Chosen) -> list[Part]:
    """Take the rights of every location, all of them or none, in the order of locations.

    In that order two processes never wait for each other's rows in a circle. Call it inside a savepoint.

    Raises:
        OutOfRights: somebody else was quicker.
    """
    collect = order.promise.location if order.promise.kind is FulfilKind.COLLECT else ""
    parts: list[Part] = []
    for sent in sorted(found.sent, key=lambda each: each.location):
        lines = lines_of(order.lines, sent.units)
        assignment_id = work.ids.new_id()
        if sent.service == TRANSFER and collect:
            transfer_id = work.ids.new_id()
            owner = f"{RIGHTS_OWNER}{transfer_id}"
            wanted = [(n, line.sku, line.quantity) for n, line in enumerate(lines, start=1)]
            parts.append(Part(sent, assignment_id, collect, lines, transfer_id))
        else:
            owner, wanted = assignment_id, [(line.line_no, line.sku, line.quantity) for line in lines]
            parts.append(Part(sent, assignment_id, sent.location, lines))
        allocations.allocate(work.connection, owner, sent.location, wanted)
        planned(work.unit.memory, sent.location, sum(sent.units.values()))
    return parts


def routed(work: Work, order: ToRoute, because: Because, found: Chosen, parts: list[Part]) -> OrderRouted:
    """Record who fulfils these units; their rights are taken already."""
    body = OrderRouted(
        decision_id=work.ids.new_id(),
        order_id=order.order_id,
        number=order.number,
        attempt=because.attempt,
        trigger=because.trigger,
        parts=tuple(
            RoutedPart(
                assignment_id=part.assignment_id,
                location=part.location,
                lines=part.lines,
                service="" if part.transfer_id else part.sent.service,
                cost_minor=part.sent.cost_minor,
                transfer_id=part.transfer_id,
            )
            for part in parts
        ),
        sentence=found.sentence[:SENTENCE],
        ruled_out=_ruled_out(found.rejected),
        excluded=because.excluded[:50],
        digest=found.digest,
    )
    assignments = {part.sent.location: part.assignment_id for part in parts}
    kept = Kept(body.decision_id, order.order_id, body.sentence, found.digest, found, assignments)
    keeping.keep(work.connection, kept, because, order.lines, work.clock.now_us())
    if because.trigger != "placed":
        off_the_desk(work, order.order_id, how=body.sentence, placed=order.lines)
    sources = {part.transfer_id: part.sent.location for part in parts if part.transfer_id}
    record(work, body, results={SOURCES: sources})
    return body


def unroutable(work: Work, order: ToRoute, because: Because, found: NoLocation) -> OrderUnroutable:
    """Record that nobody can fulfil these units as promised, and call a person with what could be done."""
    body = OrderUnroutable(
        decision_id=work.ids.new_id(),
        order_id=order.order_id,
        number=order.number,
        trigger=because.trigger,
        lines=order.lines,
        sentence=f"{because.missed} {found.sentence}".strip()[:SENTENCE],
        ruled_out=_ruled_out(found.rejected),
    )
    kept = Kept(body.decision_id, order.order_id, body.sentence, found.digest, found, {})
    keeping.keep(work.connection, kept, because, order.lines, work.clock.now_us())
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
            "could": [could(answer) for answer in found.choices],
            "decision_id": body.decision_id,
        },
        dedupe_key=unroutable_key(order.order_id),
    )
    return body


def off_the_desk(work: Work, order_id: str, *, how: str, placed: Iterable[AssignedLine] = ()) -> None:
    """Take the card of an order away, unless another line is left that nobody can fulfil.

    Without its card nobody would ever try that line again. `placed`: what is decided and not yet recorded.
    """
    cared_for = claims.waiting_units(work.connection, order_id)
    for line in placed:
        cared_for[line.line_no] = cared_for.get(line.line_no, 0) + line.quantity
    loose = held(work, order_id).loose
    if all(units <= cared_for.get(line_no, 0) for line_no, units in loose.items()):
        close_exception(work, unroutable_key(order_id), how=how)


def could(answer: Answer) -> str:
    """Say what could be done instead, with its price."""
    who = " and ".join(f"{each.name} {sum(each.units.values())}" for each in answer.sent)
    minor, late, left = answer.objective.minor, answer.objective.late, answer.objective.unserved
    said = [f"units from {who} for {minor / 100:.2f}"]
    said += [f"{late} unit-days late"] if late else []
    said += [f"{left} left over"] if left else []
    return ", ".join(said)


def unroutable_key(order_id: str) -> str:
    """Return the key of the card of an order that nobody can fulfil."""
    return f"unroutable:{order_id}"


def _ruled_out(rejected: tuple[Rejected, ...]) -> tuple[RuledOut, ...]:
    return tuple(
        RuledOut(location=row.location, code=row.code, fact=row.fact[:FACT])
        for row in rejected[:EVENT_REASONS]
    )
