"""One order's part at this store as a spine: what has happened, what is next, and its paper."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge_agent.context import Edge
from edge_agent.fulfil.pages.words import next_word, verified_word
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.steps.models import AssignmentView
from edge_agent.paper import rows as paper_rows
from edge_agent.paper.rules import slip_label, state_label
from edge_agent.people.steps import name_of
from edge_agent.words import items_word
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.shell import Shape
from protocol.later import AssignmentChanged

_ORDER: Final = {
    "collect": ("accept", "pick", "pack", "stage", "hand_over"),
    "ship": ("accept", "pick", "pack", "ship"),
}
_ON_ITS_WAY: Final = frozenset({"queued", "sending", "sent", "held_at_printer", "voided", "expired"})


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the spine."""

    title: str
    says: str = ""
    at_us: int = 0
    where: str = "past"
    handover_id: str = ""
    undo_seconds: int = 0


@dataclass(frozen=True, slots=True)
class SlipShown:
    """A slip of an order, and what became of it."""

    job_id: str
    label: str
    state: str
    shape: Shape
    at_us: int
    document: str
    again: bool


def story(connection: Connection, edge: Edge, each: AssignmentView) -> tuple[Node, ...]:
    """Return what happened with an order here, then what is next."""
    return (*_past(connection, edge, each), *_next(each))


def _past(connection: Connection, edge: Edge, each: AssignmentView) -> Iterator[Node]:
    found = rows.find(connection, each.assignment_id)
    assert found is not None
    came = _("The hub gave it to this store") if each.origin == "hub" else _("Taken at this store's counter")
    items = items_word(sum(line.quantity for line in each.items))
    yield Node(came, _("Order {number}, {items}.", number=each.number, items=items), each.arrived_us)
    if found.accepted_us:
        yield Node(_("Accepted"), "", found.accepted_us)
    for at_us, says in changes_said(connection, each):
        yield Node(_("Other units are wanted"), says, at_us)
    picked = sum(line.picked + line.fulfilled for line in each.items)
    short = sum(line.short for line in each.items)
    if found.picker:
        says = _("By {who}, list {list}.", who=name_of(connection, found.picker), list=found.list_id)
        done = picked or short
        if short:
            says += " " + _("{n} were missing and went back to routing.", n=short)
        if each.state == "picking":
            yield Node(_("Being picked"), says, where="now")
        elif done:
            yield Node(_("Picked"), says)
    if each.parcels:
        count = len(each.parcels)
        says = ", ".join(parcel.parcel_id for parcel in each.parcels[:4])
        bags = each.kind == "collect"
        one, many = (
            (_("1 bag"), _("{n} bags", n=count)) if bags else (_("1 parcel"), _("{n} parcels", n=count))
        )
        yield Node(_("Packed into {what}", what=one if count == 1 else many), says)
    if each.shelf:
        yield Node(_("On shelf {shelf}", shelf=each.shelf), "", found.staged_us)
    yield from _left(connection, edge, each)
    if each.ended_how and each.state in {"cancelled", "rejected", "short"}:
        yield Node(_("Not from here any more"), each.ended_how, where="now")


def changes_said(connection: Connection, each: AssignmentView) -> tuple[tuple[int, str], ...]:
    """Return (when, what) of everything that the customer wants differently, one sentence each."""
    found = rows.changes_of(connection, each.assignment_id)
    return tuple((at_us, _change_words(change, each)) for at_us, change in found)


def _change_words(change: AssignmentChanged, each: AssignmentView) -> str:
    names = {line.line_no: line.name for line in each.items}
    said = [
        _("{n} × {name} less", n=line.units, name=names.get(line.line_no, line.sku))
        for line in change.dropped
    ]
    said += [_("{n} × {name} too", n=line.quantity, name=line.name) for line in change.added]
    return ", ".join([*said, change.reason] if change.reason else said) + "."


def _left(connection: Connection, edge: Edge, each: AssignmentView) -> Iterator[Node]:
    """Yield what went into a customer's or a carrier's hands."""
    now_us = edge.clock.now_us()
    for handover in each.handovers:
        says = _("{n} to the customer by {who}. {how}.",
                 n=items_word(handover.units), who=name_of(connection, handover.by),
                 how=verified_word(handover.verified))  # fmt: skip
        if handover.proxy:
            says += " " + _("Somebody else collected.")
        seconds = max(0, handover.undo_until_us - now_us) // 1_000_000
        yield Node(
            _("Handed over"), says, handover.at_us, handover_id=handover.handover_id, undo_seconds=seconds
        )
        if handover.undone_us:
            yield Node(_("Handover taken back"), _("The goods stand here again."), handover.undone_us)
    shipped = [parcel for parcel in each.parcels if parcel.tracking]
    if each.state == "shipped" and shipped:
        says = ", ".join(f"{parcel.carrier} {parcel.tracking}" for parcel in shipped)
        yield Node(_("Left with the carrier"), says, where="now")


def _next(each: AssignmentView) -> Iterator[Node]:
    order = _ORDER[each.kind]
    if each.next not in order:
        return
    begun = each.state == "picking"
    for n, verb in enumerate(order[order.index(each.next) :]):
        if begun and n == 0:
            continue
        yield Node(next_word(verb), where="now" if n == 0 else "next")


def slips_of(connection: Connection, each: AssignmentView) -> tuple[SlipShown, ...]:
    """Return the paper of an order, the oldest first."""
    names = [each.number, each.list_id, each.assignment_id, *(parcel.parcel_id for parcel in each.parcels)]
    jobs = {
        job.job_id: job
        for name in names
        if name
        for job in paper_rows.jobs(connection, state="", business_id=name, limit=20)
        if job.document not in {"drawer", "receipt", "order_slip", "payment_slip"}
    }
    return tuple(
        SlipShown(
            job_id=job.job_id,
            label=slip_label(job.document)
            + (", " + _("reprint") + f" {job.attempt - 1}" if job.attempt > 1 else ""),
            state=state_label(job.state),
            shape=_shape(job.state),
            at_us=job.queued_us,
            document=job.document,
            again=job.state not in _ON_ITS_WAY,
        )
        for job in sorted(jobs.values(), key=lambda job: job.queued_us)
    )


def _shape(state: str) -> Shape:
    if state in {"printed", "seen", "resolved_printed", "sent_unconfirmed"}:
        return "done"
    if state in {"unknown", "refused"}:
        return "act"
    return "calm" if state in {"expired", "voided", "resolved_missing"} else "wait"
