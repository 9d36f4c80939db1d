"""Take goods back: in steps, or a whole sale on its own day.

Everything is decided from rows read in the same unit of work that records the event. The writer runs one
step after the other, so of two tills that return the same unit at the same moment exactly one succeeds.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.holds.steps import check_refund
from edge_agent.lives import check_records
from edge_agent.once import Asked, Key, once
from edge_agent.people.steps import authorise
from edge_agent.returns import policy, rows, rules
from edge_agent.returns.allowing import allowed, allowed_beside
from edge_agent.returns.policy import Judged
from edge_agent.stored_value.steps import issued
from edge_agent.till.looks import todays_session
from edge_agent.till.rows import Session
from protocol.errors import NotFound, Refused
from protocol.events import OrderVoided, ReturnCompleted
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import OrderState, TillState
from protocol.orders import (
    LINES_PER_ORDER,
    SERIALS,
    Approval,
    Code,
    Quantity,
    ReturnLine,
    Serial,
    Tender,
    TenderKind,
)
from protocol.returns import Condition, Proof, ReturnFee
from protocol.rules.discounts import Act
from protocol.rules.refund import refund_units

Token = Annotated[str, Field(max_length=64)]


class Command(BaseModel):
    """What somebody asks for: frozen, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BringBack(Command):
    """Units of one line. No bucket: the one that the reason proposes."""

    line_no: int = Field(ge=1, le=LINES_PER_ORDER)
    quantity: Quantity
    reason: Code = "changed_mind"
    to_bucket: str = Field(default="", max_length=40)
    condition: Code = Condition.NEW.value
    serials: tuple[Serial, ...] = Field(default=(), max_length=SERIALS)

    @property
    def wish(self) -> rules.WantedLine:
        """Return it as the rules take it."""
        return rules.WantedLine(
            self.line_no, self.quantity, self.reason, self.to_bucket, self.condition, self.serials
        )


class Terms(Command):
    """What shows that it was bought here, and what the customer would like for it."""

    proof: Code = Proof.RECEIPT.value
    store_credit: bool = False
    """Store credit also where the money could go back the way it came."""


class ReturnUnits(Command):
    """Take units of an order back. The till defaults to the one the person stands at."""

    key: Key
    lines: tuple[BringBack, ...] = Field(min_length=1, max_length=LINES_PER_ORDER)
    terms: Terms = Terms()
    approval: Token | None = None
    till: Code | None = None


class GiveGoodwill(Command):
    """Give money of one line back; the goods stay with the customer."""

    key: Key
    line_no: int = Field(ge=1, le=LINES_PER_ORDER)
    amount_minor: int = Field(gt=0, le=10**12)
    reason: str = Field(min_length=1, max_length=300)
    approval: Token | None = None
    till: Code | None = None


class VoidOrder(Command):
    """Take a whole sale back on the day it was made."""

    key: Key
    reason: str = Field(min_length=1, max_length=300)
    approval: Token | None = None


class Returned(BaseModel):
    """A return or a void that is done. `receipt_job` is the printed slip's job."""

    return_id: str
    number: str
    order_number: str
    order_state: str
    lines: tuple[ReturnLine, ...]
    refunds: tuple[Tender, ...]
    total_minor: int
    tax_minor: int
    fees: tuple[ReturnFee, ...] = ()
    seq: int
    receipt_job: str


@dataclass(frozen=True, slots=True)
class ReturnableLine:
    """A line of an order and what may still come back of it."""

    line_no: int
    sku: str
    name: str
    kind: str
    quantity: int
    returned: int
    left: int
    gross_minor: int
    refunded_minor: int
    refund_all_minor: int
    """What all that is left would give back."""
    last_day: date | None = None
    """Until when it may come back by the policy; None is for ever."""


@dataclass(frozen=True, slots=True)
class Returnable:
    """Everything a return screen shows of an order. `refusal` says why nothing can come back, if so."""

    order_id: str
    number: str
    state: str
    sold_us: int
    business_date: str
    till: str
    currency: str
    total_minor: int
    refunded_minor: int
    lines: tuple[ReturnableLine, ...]
    tenders: tuple[rules.TenderLeft, ...]
    returns: tuple[rows.ReturnRow, ...]
    reasons: tuple[rules.Reason, ...]
    buckets: tuple[tuple[str, str], ...]
    refusal: str
    may_void: bool
    why_no_void: str
    signed: bool = False
    """Known by its signed receipt alone: what came back elsewhere since is not known."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a return would do, and what the policy says of it; nothing was changed."""

    plan: rules.Plan
    judged: Judged


def require_order(connection: Connection, edge: Edge, number: str) -> rows.SoldOrder:
    """Return an order that was sold here, or of which the hub has just told.

    Raises:
        NotFound: `unknown_order`.
    """
    order = rows.find_order(connection, number, edge.clock.now_us())
    if order is None:
        raise NotFound(
            _("No order {number} was sold here.", number=number[:40]),
            _("Sold elsewhere? Ask the hub when the line is back, or check the number on the receipt."),
            code="unknown_order",
        )
    return order


def returnable(connection: Connection, edge: Edge, number: str) -> Returnable:
    """Return what may come back of an order.

    Raises:
        NotFound: `unknown_order`.
    """
    order = require_order(connection, edge, number)
    refusal = ""
    try:
        rules.check_state(order.state, order.number)
    except Refused as error:
        refusal = error.what
    why_no_void = _why_no_void(connection, order)
    lines = rows.sold_lines(connection, order.order_id).values()
    ends = policy.last_days(connection, edge, order, lines)
    return Returnable(
        order_id=order.order_id,
        number=order.number,
        state=order.state,
        sold_us=order.at_us,
        business_date=order.business_date,
        till=order.till,
        currency=order.currency,
        total_minor=order.total_minor,
        refunded_minor=order.refunded_minor,
        lines=tuple(_line(line, ends[line.line_no]) for line in lines),
        tenders=rows.tenders_left(connection, order.order_id),
        returns=rows.returns_of(connection, order.order_id),
        reasons=rules.reasons(),
        buckets=tuple((bucket.value, rules.bucket_label(bucket.value)) for bucket in rules.RETURN_BUCKETS),
        refusal=refusal,
        may_void=not why_no_void,
        why_no_void=why_no_void,
        signed=order.signed,
    )


def _line(line: rules.SoldLine, last_day: date | None) -> ReturnableLine:
    left = line.money.left_quantity
    return ReturnableLine(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        kind=line.kind.value,
        quantity=line.money.quantity,
        returned=line.money.returned_quantity,
        left=left,
        gross_minor=line.money.gross_minor,
        refunded_minor=line.money.refunded_minor,
        refund_all_minor=refund_units(line.money, left).gross_minor if left else 0,
        last_day=last_day,
    )


def preview(
    connection: Connection,
    edge: Edge,
    number: str,
    lines: tuple[BringBack, ...],
    terms: Terms,
    *,
    person: CurrentPerson,
) -> Look:
    """Return what a return would give back, to the penny and per tender, and what the policy says of it."""
    found = look(connection, edge, require_order(connection, edge, number), lines, terms, person=person)
    return replace(found, judged=policy.with_cash(connection, edge, found.judged, found.plan.cash_minor))


def look(
    connection: Connection,
    edge: Edge,
    order: rows.SoldOrder,
    lines: tuple[BringBack, ...],
    terms: Terms,
    *,
    person: CurrentPerson,
) -> Look:
    """Return what a return of an order would do. Nothing is refused here for what the policy says."""
    rules.check_state(order.state, order.number)
    wanted = [line.wish for line in lines]
    tenders = rows.tenders_left(connection, order.order_id)
    step, first = edge.settings.cash_step_minor, policy.current(connection).refund_first
    sold = rows.sold_lines(connection, order.order_id, [line.line_no for line in lines])
    plan = rules.plan_return(sold, tenders, wanted, cash_step_minor=step, first=first)
    brought = policy.Brought(terms.proof, person.person_id)
    judged = policy.judge(connection, edge, order, plan.lines, wanted, brought)
    credit = terms.store_credit or not judged.may_pay_out
    plan = rules.on_terms(plan, tenders, judged.fees, as_credit=credit, cash_step_minor=step, first=first)
    return Look(plan, judged)


def return_units(
    unit: EdgeUnit, edge: Edge, number: str, command: ReturnUnits, *, person: CurrentPerson
) -> tuple[Returned, bool]:
    """Take units back and pay them out; return what was done and whether it is new.

    Raises:
        NotFound: `unknown_order`.
        Refused: `till_closed`, `order_voided`, `all_returned`, `too_many_units`, `outside_policy`,
            `records_missing`, `on_hold`.
        NotPermitted: `needs_approval`, the amount is above this person's limit, or the policy asks for
            another person's word.
    """

    def work() -> Returned:
        order = require_order(unit.connection, edge, number)
        check_records(unit.connection, order.seq)
        found = look(unit.connection, edge, order, command.lines, command.terms, person=person)
        session = selling(unit.connection, edge, till_for(edge, command.till, person, order))
        return take_back(unit, edge, order, found, session, command.approval, person=person)

    asked = Asked(to=f"return:{number}", command=command)
    return once(unit, edge, asked, command.key, Returned, work)


def take_back(  # noqa: PLR0917 - what comes back, at which till, by whose word
    unit: EdgeUnit,
    edge: Edge,
    order: rows.SoldOrder,
    found: Look,
    session: Session,
    token: str | None,
    *,
    person: CurrentPerson,
) -> Returned:
    """Record a return that was looked at, in the unit of work that may pay something with it.

    Raises:
        Refused: `outside_policy`.
        NotPermitted: `needs_approval`.
    """
    judged = policy.with_cash(unit.connection, edge, found.judged, found.plan.cash_minor)
    approval, decision = allowed(unit, edge, found.plan, judged, token, person=person)
    plan = replace(found.plan, refunds=issued(unit, edge, found.plan.refunds))
    facts = _facts(unit, edge, order, session, plan, approval)
    return _record(unit, edge, order, ReturnCompleted(**facts, decision=decision, fees=plan.fees), person)


def give_goodwill(
    unit: EdgeUnit, edge: Edge, number: str, command: GiveGoodwill, *, person: CurrentPerson
) -> tuple[Returned, bool]:
    """Give money of a line back and leave the goods where they are; it lowers what can still go back.

    Raises:
        NotFound: `unknown_order`.
        Refused: `till_closed`, `order_voided`, `all_returned`, `too_much_money`.
        NotPermitted: `needs_approval`, the amount is above this person's limit.
    """

    def work() -> Returned:
        order = require_order(unit.connection, edge, number)
        check_records(unit.connection, order.seq)
        rules.check_state(order.state, order.number)
        plan = rules.plan_goodwill(
            rows.sold_lines(unit.connection, order.order_id, [command.line_no]),
            rows.tenders_left(unit.connection, order.order_id),
            command.line_no,
            command.amount_minor,
            cash_step_minor=edge.settings.cash_step_minor,
            first=policy.current(unit.connection).refund_first,
        )
        session = selling(unit.connection, edge, till_for(edge, command.till, person, order))
        given = allowed_beside(unit, edge, plan, command.approval, person=person)
        said = Approval(action=rules.GOODWILL, by=person.person_id, reason=command.reason)
        facts = _facts(unit, edge, order, session, plan, given.approval if given else said)
        return _record(unit, edge, order, ReturnCompleted(**facts), person)

    asked = Asked(to=f"goodwill:{number}", command=command)
    return once(unit, edge, asked, command.key, Returned, work)


def void_order(
    unit: EdgeUnit, edge: Edge, number: str, command: VoidOrder, *, person: CurrentPerson
) -> tuple[Returned, bool]:
    """Take a whole sale back: on its own day, in its own till session, with nothing returned yet.

    Raises:
        NotFound: `unknown_order`.
        Refused: `cannot_void`, with the reason; `records_missing`.
        NotPermitted: `needs_approval`, a lead must agree.
    """

    def work() -> Returned:
        order = require_order(unit.connection, edge, number)
        check_records(unit.connection, order.seq)
        why_not = _why_no_void(unit.connection, order)
        if why_not:
            raise Refused(why_not, _("Return its lines instead."), code="cannot_void", number=order.number)
        session = selling(unit.connection, edge, order.till)
        given = authorise(unit, edge, person, Act.POST_VOID, token=command.approval)
        plan = rules.plan_void(
            rows.sold_lines(unit.connection, order.order_id).values(),
            rows.tenders_left(unit.connection, order.order_id),
        )
        facts = _facts(unit, edge, order, session, plan, given.approval if given else None)
        return _record(unit, edge, order, OrderVoided(**facts, reason=command.reason), person)

    asked = Asked(to=f"void:{number}", command=command)
    return once(unit, edge, asked, command.key, Returned, work)


def _why_no_void(connection: Connection, order: rows.SoldOrder) -> str:
    """Return the sentence that says why a sale cannot be voided, or nothing."""
    if order.elsewhere:
        return _("{number} was sold elsewhere; only its own store can void it.", number=order.number)
    if order.state == OrderState.VOIDED:
        return _("{number} is voided already.", number=order.number)
    if order.state != OrderState.COMPLETED or order.refunded_minor:
        return _("Something of {number} has come back already.", number=order.number)
    if any(t.kind is TenderKind.EXCHANGE for t in rows.tenders_left(connection, order.order_id)):
        return _("{number} was paid for with goods that came back.", number=order.number)
    row = connection.execute(
        "SELECT state, business_date FROM till_sessions WHERE session_id = ?", (order.session_id,)
    ).fetchone()
    if row is None or row[0] == TillState.CLOSED or row[1] != order.business_date:
        return _("The till session in which {number} was sold is closed.", number=order.number)
    return ""


def till_for(edge: Edge, wanted: str | None, person: CurrentPerson, order: rows.SoldOrder) -> str:
    """Return where the money goes out: as asked, where the person stands, or where it was sold."""
    if wanted is not None:
        return wanted
    return person.device if person.device in edge.settings.tills else order.till or edge.settings.tills[0]


def selling(connection: Connection, edge: Edge, till: str) -> Session:
    """Return the session of a till that may give money out.

    Raises:
        Refused: `till_closed` or `till_counting`.
    """
    session = todays_session(connection, edge, till)
    if session.state is not TillState.OPEN:
        raise Refused(
            _("{till} is being counted, so no money may leave its drawer.", till=till),
            _("Do it at another till, or let a lead give the count up first."),
            code="till_counting",
            till=till,
        )
    return session


def _state_elsewhere(connection: Connection, order: rows.SoldOrder) -> str:
    """Return the state of an order that was sold elsewhere, as far as this store can tell."""
    left = any(line.money.left_quantity for line in rows.sold_lines(connection, order.order_id).values())
    return (OrderState.PART_RETURNED if left else OrderState.RETURNED).value


def _facts(  # noqa: PLR0917 - the parts an event of this kind is made of
    unit: EdgeUnit,
    edge: Edge,
    order: rows.SoldOrder,
    session: Session,
    plan: rules.Plan,
    approval: Approval | None,
) -> dict[str, object]:
    return {
        "session_id": session.session_id,
        "till": session.till,
        "business_date": session.business_date,
        "currency": order.currency,
        "return_id": edge.ids.new_id(),
        "number": edge.number(unit, "R"),
        "order_id": order.order_id,
        "order_number": order.number,
        "lines": plan.lines,
        "refunds": plan.refunds,
        "total_minor": plan.total_minor,
        "tax_minor": plan.tax_minor,
        "approvals": (approval,) if approval else (),
    }


def _record(
    unit: EdgeUnit, edge: Edge, order: rows.SoldOrder, body: ReturnCompleted, person: CurrentPerson
) -> Returned:
    check_refund(unit.connection, edge, (order.order_id, order.number))
    done = recorded(unit, edge, body, person)
    row = unit.connection.execute("SELECT state FROM orders WHERE order_id = ?", (order.order_id,)).fetchone()
    state = row[0] if row else _state_elsewhere(unit.connection, order)
    return done.model_copy(update={"order_state": state})


def recorded(
    unit: EdgeUnit, edge: Edge, body: ReturnCompleted, person: CurrentPerson, *, state: str = ""
) -> Returned:
    """Record a return and say what was done; `state` is that of its order, where somebody knows it."""
    fact = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    unit.after_commit(lambda: edge.broadcaster.publish("till"))
    return Returned(
        return_id=body.return_id,
        number=body.number,
        order_number=body.order_number,
        order_state=state,
        lines=body.lines,
        refunds=body.refunds,
        total_minor=body.total_minor,
        tax_minor=body.tax_minor,
        fees=body.fees,
        seq=fact.seq,
        receipt_job=unit.memory.get("print_jobs", {}).get(body.number, ""),
    )
