"""An order for later as a page tells it: what happened to it here, in the order in which it happened."""

from dataclasses import dataclass
from typing import Any, Final

from edge_agent.context import Edge
from edge_agent.customers import rows as customers
from edge_agent.fulfil.rows import assignments
from edge_agent.holds.steps import of_order as holds_of
from edge_agent.later import rows
from edge_agent.later.elsewhere import told_of
from edge_agent.later.steps.change import why_not_changed
from edge_agent.later.steps.money import going_back, why_over
from edge_agent.later.views import promise_word, state_of
from edge_agent.paper import rows as paper_rows
from edge_agent.paper.rules import slip_label, state_label
from edge_agent.people import rows as people
from protocol import later
from protocol.elsewhere import OrderElsewhere
from protocol.envelope import decode_event, read_body
from protocol.fulfilment import FulfilKind
from protocol.kit.hold_words import reason_says, stop_says
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.kit.web.shell import Shape
from protocol.lifecycles import AssignmentState
from protocol.orders import WireModel

STEPS: Final = 60
"""More than that happened to no order; what is older is told first."""


@dataclass(frozen=True, slots=True)
class Step:
    """One node of an order's spine."""

    at_us: int
    title: str
    says: str
    where: str = "past"


@dataclass(frozen=True, slots=True)
class SlipShown:
    """A slip of this order, and what became of it."""

    job_id: str
    label: str
    state: str
    shape: Shape
    at_us: int


def order_view(edge: Edge, order: rows.OrderRow) -> dict[str, Any]:
    """Return everything the page of an order for later shows."""
    connection, head = edge.database.read(), order.head
    contact = customers.find(connection, head.contact_id)
    settled = order.settled.promise if order.settled and not head.assignment_id else head.promise
    first = promise_word(connection, edge, head.first_promise)
    now = promise_word(connection, edge, settled)
    over = why_over(head.state, order.settled)
    seller = people.find_person(connection, head.by)
    return {
        "order": order,
        "head": head,
        "account": head.account,
        "elsewhere": told[0] if (told := told_of(connection, head.order_id)) else None,
        "state": state_of(connection, order),
        "stops": [
            stop_says(each.kind, reason_says(each), each.blocks)
            for each in holds_of(connection, head.order_id, edge.clock.now_us())
        ],
        "promise": now,
        "first_promise": first if first != now else "",
        "contact": contact if contact is not None and not contact.erased else None,
        "who": seller.name if seller else head.by,
        "back": going_back(connection, order, head.account.owed_minor),
        "refusal": why_not_changed(connection, order),
        "why_no_rest": _("The order is over: no money is taken for it.") if over else "",
        "steps": (*_steps(connection, edge, order), _ending(connection, order)),
        "slips": _slips(connection, order),
        "pickup": _pickup(connection, order),
    }


def _pickup(connection: Connection, order: rows.OrderRow) -> str:
    """Return where an order that waits here is handed over; nothing for all others."""
    parts = assignments.of_order(connection, order.head.order_id)
    ready = any(held.state in {AssignmentState.PACKED, AssignmentState.READY} for held in parts)
    collected = order.head.promise.kind is FulfilKind.COLLECT
    return f"/fulfil/pickup?q={order.head.number}" if ready and collected else ""


def _steps(connection: Connection, edge: Edge, order: rows.OrderRow) -> tuple[Step, ...]:
    head = order.head
    found = []
    for data in rows.story_of(connection, head.order_id, STEPS):
        event = decode_event(data)
        body = read_body(event)
        person = people.find_person(connection, event.by)
        name = person.name if person else event.by
        said = _of_order(connection, edge, body, name) or _of_work(body, name)
        if said is not None:
            found.append(Step(event.at, *said))
    if order.settled is not None:
        found.append(
            Step(order.settled.at_us, _("The hub said"), order.settled.sentence or order.settled.state)
        )
    known = told_of(connection, head.order_id)
    if known is not None:
        found.append(Step(known[1], _("Recorded elsewhere"), elsewhere_word(known[0], head.currency)))
    return tuple(sorted(found, key=lambda step: step.at_us)[:STEPS])


def elsewhere_word(told: OrderElsewhere, currency: str) -> str:
    """Return what others recorded about an order, all of it until now, as a sentence."""
    added = sum(line.quantity for line in told.lines)
    cancelled = sum(each.cancelled for each in told.units)
    left = sum(each.left - each.back for each in told.units)

    def of(minor: int) -> str:
        return money(minor, currency)

    said = [
        _("{n} added", n=added) if added else "",
        _("{n} cancelled", n=cancelled) if cancelled else "",
        _("{n} handed over", n=left) if left > 0 else "",
        _("{amount} paid online", amount=of(told.paid_online_minor)) if told.paid_online_minor else "",
        _("{amount} going back online", amount=of(told.back_online_minor)) if told.back_online_minor else "",
        _("{amount} paid at another store", amount=of(told.paid_minor)) if told.paid_minor else "",
        _("{amount} back at another store", amount=of(told.refunded_minor)) if told.refunded_minor else "",
    ]
    return ", ".join(word for word in said if word) + "."


def _of_order(connection: Connection, edge: Edge, body: WireModel, name: str) -> tuple[str, str] | None:
    match body:
        case later.OrderPlaced():
            return _("Taken by {name}", name=name), promise_word(connection, edge, body.promise) + "."
        case later.OrderPaid():
            return _("{amount} paid", amount=money(body.amount_minor, body.currency)), name
        case later.OrderRefunded():
            return _("{amount} given back", amount=money(body.amount_minor, body.currency)), body.reason
        case later.OrderCancelled():
            units = sum(line.quantity for line in body.lines)
            return _("{units} cancelled", units=units), body.reason
        case later.OrderChanged():
            return _("Changed by {name}", name=name), promise_word(connection, edge, body.promise) + "."
    return None


def _of_work(body: WireModel, name: str) -> tuple[str, str] | None:
    if isinstance(body, later.AssignmentStaged):
        return _("Ready on shelf {shelf}", shelf=body.shelf), name
    words: dict[type[WireModel], str] = {
        later.PickStarted: _("Picking began"),
        later.AssignmentPicked: _("Picked"),
        later.AssignmentPacked: _("Packed"),
        later.AssignmentShipped: _("Shipped"),
        later.AssignmentHandedOver: _("Handed over"),
        later.HandoverUndone: _("Handover taken back"),
        later.AssignmentRejected: _("Given back by this store"),
    }
    word = words.get(type(body))
    return (word, name) if word else None


def _ending(connection: Connection, order: rows.OrderRow) -> Step:
    """Return the last node: whether the hub knows of it."""
    acked = connection.execute("SELECT base + acked FROM link").fetchone()[0]
    newest = max([order.head.seq, *(payment.seq for payment in order.payments)])
    if newest <= acked:
        return Step(0, _("The hub has it"), _("Everything of this order was sent and acknowledged."), "now")
    return Step(0, _("Not at the hub yet"), _("Safe on this PC; it goes out by itself."), "next")


def _slips(connection: Connection, order: rows.OrderRow) -> tuple[SlipShown, ...]:
    wanted = (order.head.number, *(payment.payment_id for payment in order.payments))
    jobs = [
        job for each in wanted for job in paper_rows.jobs(connection, state="", business_id=each, limit=20)
    ]
    jobs.sort(key=lambda job: job.queued_us)
    return tuple(
        SlipShown(
            job.job_id,
            slip_label(job.document)
            + (", " + _("reprint") + f" {job.attempt - 1}" if job.attempt > 1 else ""),
            state_label(job.state),
            slip_shape(job.state),
            job.queued_us,
        )
        for job in jobs
    )


def slip_shape(state: str) -> Shape:
    """Return the shape of a print job's state."""
    if state in {"printed", "seen", "resolved_printed", "sent_unconfirmed"}:
        return "done"
    if state in {"unknown", "refused"}:
        return "act"
    if state in {"expired", "voided", "resolved_missing"}:
        return "calm"
    return "wait" if state in {"queued", "held_at_printer"} else "live"
