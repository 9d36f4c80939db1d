"""Take what is still due, and give back what was paid too much: the money of orders for later at a till.

An order that another store or the web took is paid here too when it is collected here: what is due on it
came with its assignment. What others took for an order of this store's own is in its account, as far as the
hub has told (`edge_agent.later.elsewhere`); but a refund never exceeds what these tills took.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.checks import steps as checks
from edge_agent.context import Edge
from edge_agent.counter.rows import OpenTill
from edge_agent.counter.steps.sale import paid_by, require_open_till
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import assignments
from edge_agent.fulfil.rules import OPEN_STATES as AT_WORK
from edge_agent.holds.steps import check_refund
from edge_agent.later import rows, rules
from edge_agent.later.elsewhere import told_of
from edge_agent.later.models import BackWanted, GivenBack, Paid, PaymentWanted
from edge_agent.later.steps.place import counted, payment_of, tell
from edge_agent.lives import check_records
from edge_agent.once import Asked, once
from edge_agent.paper.rules import Slip
from edge_agent.paper.steps import queue_slip
from edge_agent.people.steps import authorise
from edge_agent.returns.rules import TenderLeft, split_over
from protocol.errors import NotFound, Refused
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.later import OrderRefunded
from protocol.lifecycles import OrderState
from protocol.orders import Approval, Tender, TenderKind
from protocol.rules.discounts import Act

OVER_ELSEWHERE = frozenset({"handed_over", "cancelled"})
"""What the hub says of an order that is done with."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What is due on an order, as far as it is known here."""

    order_id: str
    number: str
    currency: str
    due_minor: int
    total_minor: int
    """What it costs; 0 where only the rest is known here."""
    why_not: str = ""
    """Why no money may be taken for it any more, as a code."""


def require(connection: Connection, number: str) -> rows.OrderRow:
    """Return an order for later that this store took.

    Raises:
        NotFound: `unknown_order`.
    """
    slip = parse_slip_code(number)
    wanted = slip[1] if slip else number.strip()
    found = rows.find(connection, wanted) or rows.find(connection, wanted.upper())
    if found is None:
        raise NotFound(
            _("No order for later {number} was taken here.", number=wanted[:40]),
            _("Scan its slip again, or ask the hub about orders of other stores."),
            code="unknown_order",
        )
    return found


def bill_of(connection: Connection, number: str) -> Bill:
    """Return what is due on an order by its number, its id, or what its slip's code says.

    Raises:
        NotFound: `unknown_order`.
    """
    slip = parse_slip_code(number)
    wanted = slip[1] if slip else number.strip()
    order = rows.find(connection, wanted) or rows.find(connection, wanted.upper())
    if order is not None:
        head = order.head
        return Bill(
            order_id=head.order_id,
            number=head.number,
            currency=head.currency,
            due_minor=head.account.due_minor,
            total_minor=head.account.worth_minor,
            why_not=why_over(head.state, order.settled),
        )
    held = assignments.of_number(connection, wanted.upper()) or assignments.of_order(connection, wanted)
    if not held:
        raise NotFound(
            _("No order for later {number} is known here.", number=wanted[:40]),
            _("Scan its slip again, or ask the hub about orders of other stores."),
            code="unknown_order",
        )
    working = [each for each in held if each.state in AT_WORK]
    first = (working or held)[0]
    return Bill(
        order_id=first.order_id,
        number=first.number,
        currency=first.currency,
        due_minor=max(0, first.due_minor),
        total_minor=0,
        why_not="" if working else "order_over",
    )


def why_over(state: OrderState, settled: rows.SettledRow | None) -> str:
    """Return why an order takes no more money or change; nothing while it is under way."""
    elsewhere = settled is not None and settled.state in OVER_ELSEWHERE
    return "order_over" if state not in rules.OPEN_STATES or elsewhere else ""


def take_payment(
    unit: EdgeUnit, edge: Edge, number: str, command: PaymentWanted, *, person: CurrentPerson
) -> tuple[Paid, bool]:
    """Take money for an order, all that is due or a part of it; return the answer and whether it is new.

    Raises:
        NotFound: `unknown_order`.
        Refused: `nothing_due`, `overpaid`, `order_over`, `till_closed`, `unpaid_rest`, `overpaid_card`.
    """

    def work() -> Paid:
        bill = bill_of(unit.connection, number)
        if bill.why_not:
            raise Refused(
                _("{number} is over: no money is taken for it.", number=bill.number),
                _("Look at the order; what was handed over comes back as a return."),
                code=bill.why_not,
                number=bill.number,
            )
        amount = bill.due_minor if command.amount_minor is None else command.amount_minor
        rules.check_payment(amount, bill.due_minor)
        if amount <= 0:
            raise Refused(_("A payment of nothing is none."), _("Type an amount."), code="nothing_paid")
        session = require_open_till(unit, edge, command.till)
        paid = paid_by(edge, amount, command.tenders, session.currency)
        verdict = checks.check_payment(unit, edge, paid.tenders)
        body = payment_of(edge, session, (bill.order_id, bill.number), amount, paid)
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device or command.till)
        checks.hold(unit, edge, (bill.order_id, bill.number), verdict, person)
        unit.after_commit(lambda: edge.broadcaster.publish("till"))
        tell(unit, edge)
        due = bill.due_minor - amount
        slip = _slip(unit, edge, body.number, body.payment_id, recorded.seq, due, kick=paid.opens_drawer)
        return Paid(
            payment_id=body.payment_id,
            number=bill.number,
            amount_minor=amount,
            due_minor=due,
            change_minor=body.change_minor,
            rounding_minor=body.rounding_minor,
            seq=recorded.seq,
            slip_job=slip,
        )

    return once(unit, edge, Asked(to=f"later-pay:{number}", command=command), command.key, Paid, work)


def going_back(connection: Connection, order: rows.OrderRow, owed_minor: int) -> rules.GoingBack:
    """Return how what is owed on an order goes back: online what was paid so, the rest at these tills."""
    known = told_of(connection, order.head.order_id)
    kept = sum(each.amount_minor if each.direction == "in" else -each.amount_minor for each in order.payments)
    online = known[0].left_online_minor if known else 0
    return rules.going_back(owed_minor, kept_here_minor=kept, left_online_minor=online)


def refunds_of(
    connection: Connection, order_id: str, owed_minor: int, *, cash_step_minor: int
) -> tuple[Tender, ...]:
    """Return what goes back to each tender that these tills took for an order, never more than is left on it.

    Cash that was rounded when it was taken may leave less than is owed, by less than one coin.
    """
    standing = [
        TenderLeft(
            n,
            tender.kind,
            tender.amount_minor,
            tender.amount_minor - tender.refunded_minor,
            tender.reference,
            tender.last4,
        )
        for n, tender in enumerate(rows.tenders_left(connection, order_id), start=1)
    ]
    return split_over(standing, owed_minor, cash_step_minor=cash_step_minor) if owed_minor else ()


def refund(  # noqa: PLR0913 - what goes back, for what, at which till, by whose word
    unit: EdgeUnit,
    edge: Edge,
    head: rows.OrderHead,
    session: OpenTill,
    *,
    amount_minor: int,
    due_minor: int,
    tenders: Sequence[Tender],
    reason: str,
    approval: Approval | None,
    person: CurrentPerson,
) -> tuple[OrderRefunded, str]:
    """Record that money went back at a till, with its slip, in the unit of work of what it goes back for."""
    going = counted(tuple(tenders))
    body = OrderRefunded(
        session_id=session.session_id,
        till=session.till,
        business_date=session.business_date,
        currency=session.currency,
        refund_id=edge.ids.new_id(),
        order_id=head.order_id,
        number=head.number,
        tenders=going,
        amount_minor=amount_minor,
        rounding_minor=amount_minor - sum(tender.amount_minor for tender in going),
        reason=reason[:300],
        approvals=(approval,) if approval else (),
    )
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device or session.till)
    unit.after_commit(lambda: edge.broadcaster.publish("till"))
    kick = any(tender.kind is TenderKind.CASH for tender in tenders)
    slip = _slip(unit, edge, head.number, body.refund_id, recorded.seq, due_minor, kick=kick)
    return body, slip


def may_refund(
    unit: EdgeUnit,
    edge: Edge,
    head: rows.OrderHead,
    said: tuple[str, str | None],
    owed_minor: int,
    *,
    person: CurrentPerson,
) -> tuple[OpenTill | None, Approval | None]:
    """Return at which open till money goes back, and by whose word; nothing when none is owed.

    `said`: the till that was named, and another person's word; either may be missing.

    Raises:
        Refused: `till_closed`, `records_missing`, `on_hold`.
        NotPermitted: `needs_approval`.
    """
    if not owed_minor:
        return None, None
    check_records(unit.connection, head.seq)
    check_refund(unit.connection, edge, (head.order_id, head.number))
    at_till = person.device if person.device in edge.settings.tills else head.till
    session = require_open_till(unit, edge, said[0] or at_till)
    given = authorise(unit, edge, person, Act.RETURN, token=said[1], amount_minor=owed_minor)
    return session, given.approval if given else None


def give_back(
    unit: EdgeUnit, edge: Edge, number: str, command: BackWanted, *, person: CurrentPerson
) -> tuple[GivenBack, bool]:
    """Give back what is owed since others cancelled something of an order, as far as tills here took it.

    Raises:
        NotFound: `unknown_order`.
        Refused: `nothing_owed`, `till_closed`.
        NotPermitted: `needs_approval`, the amount is above this person's limit for returns.
    """

    def work() -> GivenBack:
        order = require(unit.connection, number)
        owed = going_back(unit.connection, order, order.head.account.owed_minor).here_minor
        said = (command.till, command.approval)
        session, approval = may_refund(unit, edge, order.head, said, owed, person=person)
        if session is None:
            raise Refused(
                _("Nothing is owed on {number} that was paid at a till here.", number=order.head.number),
                _("What was paid online goes back online, from the hub."),
                code="nothing_owed",
                number=order.head.number,
            )
        step = edge.settings.cash_step_minor
        refunds = refunds_of(unit.connection, order.head.order_id, owed, cash_step_minor=step)
        body, slip = refund(
            unit,
            edge,
            order.head,
            session,
            amount_minor=owed,
            due_minor=0,
            tenders=refunds,
            reason=command.reason,
            approval=approval,
            person=person,
        )
        tell(unit, edge)
        return GivenBack(
            refund_id=body.refund_id,
            number=body.number,
            amount_minor=owed,
            refunds=refunds,
            rounding_minor=body.rounding_minor,
            slip_job=slip,
        )

    return once(unit, edge, Asked(to=f"later-back:{number}", command=command), command.key, GivenBack, work)


def _slip(  # noqa: PLR0917 - one job in the order of its parts
    unit: EdgeUnit, edge: Edge, number: str, payment_id: str, seq: int, due_minor: int, *, kick: bool
) -> str:
    facts = {"seq": seq, "due_minor": due_minor}
    return queue_slip(unit, edge, Slip.PAYMENT_SLIP, number, payment_id, facts, kick=kick)
