"""Open a till, count it, close it; open its drawer without a sale.

Each verb is one unit of work that ends in one event. What must never happen: the expected cash reaching
the one who counts before the count is confirmed. So a count answers with what was counted alone, a refused
close names no amount, and a reading (X) is refused between the first count and its confirmation.
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import raise_exception
from edge_agent.once import Asked, Key, once
from edge_agent.people.steps import authorise, require_word
from edge_agent.till import rows, rules
from edge_agent.till.looks import (
    Confirmed,
    TillLook,
    calendar_date,
    check_till,
    close_checklist,
    confirmation,
    counted_session,
    look,
    require_session,
)
from edge_agent.words import till_word
from protocol.errors import Refused
from protocol.events import CashMoved, DrawerOpened, TillClosed, TillCounted, TillOpened
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.money import format_minor
from protocol.orders import Approval
from protocol.people import StoreRole
from protocol.rules.discounts import Act
from protocol.till import SessionTotals, TenderTotal

DIFFERENCE: Final = "till_difference"
"""Action an approval names when a manager confirms a difference above the tolerance."""
MOVE_CASH: Final = "move_cash"
"""Action an approval names when cash goes in or out without a sale."""
RESUME: Final = "till_resume"
"""Action an approval names when a lead lets a counted till go on selling."""


class Command(BaseModel):
    """What somebody asks of a till: frozen, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OpenTill(Command):
    """Begin a session with a float. The business date is the calendar's unless a person says otherwise."""

    key: Key
    float_minor: int = Field(ge=0, le=10**9)
    business_date: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")


class CountTill(Command):
    """Say what is in the drawer: pieces by value in minor units (`{"2000": 14}`), or a total."""

    denominations: dict[str, int] = Field(default_factory=dict, max_length=40)
    counted_minor: int | None = Field(default=None, ge=0, le=10**12)
    key: Key | None = None


class CloseTill(Command):
    """Seal the session. `approval` is a manager's word, needed above the tolerance."""

    key: Key
    approval: str | None = Field(default=None, max_length=64)


class NoSale(Command):
    """Open the drawer without a sale, for a reason, with a lead's word."""

    key: Key
    reason: str = Field(min_length=1, max_length=200)
    approval: str | None = Field(default=None, max_length=64)


class Opened(BaseModel):
    """A session that has begun."""

    session_id: str
    till: str
    business_date: str
    float_minor: int
    seq: int


class Counted(BaseModel):
    """A count as it was taken down. What was expected is not said here on purpose."""

    attempt: int
    counted_minor: int
    may_repeat: bool
    seq: int


class Closed(BaseModel):
    """A Z."""

    number: str
    z_number: int
    session_id: str
    till: str
    business_date: str
    first_seq: int
    last_seq: int
    range_hash: str
    totals: SessionTotals
    tenders: tuple[TenderTotal, ...]
    seq: int


class DrawerAnswer(BaseModel):
    """The drawer has been told to open."""

    seq: int


def open_till(
    unit: EdgeUnit, edge: Edge, till: str, command: OpenTill, *, person: CurrentPerson
) -> tuple[Opened, bool]:
    """Open a till with its float; return the session and whether it is new.

    Raises:
        Refused: `till_open`, it has a session already.
    """
    check_till(edge, till)
    asked = Asked(to=f"open:{till}", command=command)
    return once(unit, edge, asked, command.key, Opened, lambda: _open(unit, edge, till, command, person))


def _open(unit: EdgeUnit, edge: Edge, till: str, command: OpenTill, person: CurrentPerson) -> Opened:
    running = rows.open_session(unit.connection, till)
    if running is not None and not running.left_open:
        raise Refused(
            _("{till} is open for {date}.", till=till, date=running.business_date),
            _("Sell on it, or close it first."),
            code="till_open",
            session_id=running.session_id,
        )
    date = rules.confirm_date(command.business_date, calendar_date(edge))
    body = TillOpened(
        session_id=edge.ids.new_id(),
        till=till,
        business_date=date,
        currency=edge.settings.currency,
        float_minor=command.float_minor,
    )
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    _tell(unit, edge)
    return Opened(
        session_id=body.session_id,
        till=till,
        business_date=date,
        float_minor=command.float_minor,
        seq=recorded.seq,
    )


def count(unit: EdgeUnit, edge: Edge, till: str, command: CountTill, *, person: CurrentPerson) -> Counted:
    """Take down a blind count. It may be repeated once; both stay on record.

    Raises:
        Refused: `count_stands`, it was confirmed or repeated already.
        Invalid: the notes do not exist or do not add up.
    """
    if command.key is not None:
        asked = Asked(to=f"count:{till}", command=command)
        answer, _new = once(
            unit, edge, asked, command.key, Counted, lambda: _count(unit, edge, till, command, person)
        )
        return answer
    return _count(unit, edge, till, command, person)


def _count(unit: EdgeUnit, edge: Edge, till: str, command: CountTill, person: CurrentPerson) -> Counted:
    session = require_session(unit.connection, edge, till)
    attempt = rules.check_count(session.counts, confirmed=rows.confirmed(unit.connection, session.session_id))
    counted = rules.counted_total(command.denominations, command.counted_minor, currency=session.currency)
    body = TillCounted(
        session_id=session.session_id,
        till=till,
        business_date=session.business_date,
        currency=session.currency,
        attempt=attempt,
        counted_minor=counted,
        denominations={value: pieces for value, pieces in command.denominations.items() if pieces},
    )
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    _tell(unit, edge)
    return Counted(
        attempt=attempt,
        counted_minor=counted,
        may_repeat=attempt < rules.COUNT_ATTEMPTS,
        seq=recorded.seq,
    )


def confirm(unit: EdgeUnit, edge: Edge, till: str) -> Confirmed:
    """Let the last count stand and show what was expected.

    Raises:
        IllegalTransition: nothing was counted.
    """
    session = counted_session(unit.connection, edge, till)
    rows.confirm(unit, session.session_id)
    _tell(unit, edge)
    return confirmation(edge, session)


def resume(
    unit: EdgeUnit, edge: Edge, till: str, *, person: CurrentPerson, approval: str | None = None
) -> TillLook:
    """Give a count up and go on selling. It needs a lead, and stays on record as an event.

    Raises:
        IllegalTransition: nothing was counted.
        NotPermitted: `needs_approval`, a lead must agree.
    """
    session = counted_session(unit.connection, edge, till)
    require_word(unit, edge, person, RESUME, StoreRole.LEAD, approval)
    body = TillCounted(
        session_id=session.session_id,
        till=till,
        business_date=session.business_date,
        currency=session.currency,
        attempt=max(session.counts, 1),
        counted_minor=session.counted_minor or 0,
        abandoned=True,
    )
    edge.journal.record(unit, body, by=person.person_id, device=person.device)
    _tell(unit, edge)
    return look(unit.connection, till, calendar_date(edge))


def close(
    unit: EdgeUnit, edge: Edge, till: str, command: CloseTill, *, person: CurrentPerson
) -> tuple[Closed, bool]:
    """Close a counted till with a numbered Z, sealed over its stretch of the log.

    Raises:
        Refused: `till_blocked`, with every reason in `facts`.
        NotPermitted: `needs_approval`, the difference is above the tolerance. The amounts are not said
            unless the count was confirmed.
    """
    check_till(edge, till)
    asked = Asked(to=f"close:{till}", command=command)
    return once(unit, edge, asked, command.key, Closed, lambda: _close(unit, edge, till, command, person))


def _close(unit: EdgeUnit, edge: Edge, till: str, command: CloseTill, person: CurrentPerson) -> Closed:
    session = require_session(unit.connection, edge, till)
    blocking = rules.blockers(close_checklist(unit.connection, edge, till))
    if blocking:
        raise Refused(
            _(
                "{till} cannot close yet: {reasons}",
                till=till,
                reasons=" ".join(s.title + "." for s in blocking),
            ),
            " ".join(dict.fromkeys(step.remedy for step in blocking)),
            code="till_blocked",
            reasons=[{"key": s.key, "title": s.title, "remedy": s.remedy} for s in blocking],
        )
    verdict = confirmation(edge, session)
    approvals: tuple[Approval, ...] = ()
    if verdict.needs_manager:
        given = require_word(unit, edge, person, DIFFERENCE, StoreRole.MANAGER, command.approval)
        approvals = (given.approval,) if given else (Approval(action=DIFFERENCE, by=person.person_id),)
    body = _z(unit, edge, session, verdict.counted_minor, approvals)
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    if verdict.needs_manager:
        _report_difference(unit, edge, body, verdict)
    _tell(unit, edge)
    return Closed(**body.model_dump(exclude={"currency", "approvals"}), seq=recorded.seq)


def _z(
    unit: EdgeUnit, edge: Edge, session: rows.Session, counted_minor: int, approvals: tuple[Approval, ...]
) -> TillClosed:
    number = edge.number(unit, "Z")
    last_row, _head = edge.journal.last(unit.connection)
    first_seq, last_seq = rows.stream_range(unit.connection, session.opened_seq, last_row)
    return TillClosed(
        session_id=session.session_id,
        till=session.till,
        business_date=session.business_date,
        currency=session.currency,
        z_number=int(number.rpartition("Z")[2]),
        number=number,
        first_seq=first_seq,
        last_seq=last_seq,
        range_hash=rows.range_hash(unit.connection, first_seq, last_seq),
        totals=session.totals,
        tenders=rules.tender_totals(session.totals, counted_minor),
        approvals=approvals,
    )


def _report_difference(unit: EdgeUnit, edge: Edge, z: TillClosed, verdict: Confirmed) -> None:
    amount = format_minor(verdict.difference_minor, z.currency, sign=True)
    raise_exception(
        unit,
        edge,
        kind="till_difference",
        subject=f"till:{z.session_id}",
        title=_("{till} closed with a difference of {amount}", till=till_word(z.till), amount=amount),
        facts={
            "z": z.number,
            "expected_minor": verdict.expected_minor,
            "counted_minor": verdict.counted_minor,
            "difference_minor": verdict.difference_minor,
        },
        dedupe_key=f"till_difference:{z.session_id}",
    )


def no_sale(
    unit: EdgeUnit, edge: Edge, till: str, command: NoSale, *, person: CurrentPerson
) -> tuple[DrawerAnswer, bool]:
    """Open the drawer without a sale.

    Raises:
        NotPermitted: `needs_approval`, a lead must agree.
    """
    check_till(edge, till)

    def work() -> DrawerAnswer:
        session = require_session(unit.connection, edge, till)
        given = authorise(unit, edge, person, Act.NO_SALE, token=command.approval)
        body = DrawerOpened(
            session_id=session.session_id,
            till=till,
            business_date=session.business_date,
            currency=session.currency,
            reason=command.reason,
            approvals=(given.approval,) if given else (),
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        return DrawerAnswer(seq=recorded.seq)

    asked = Asked(to=f"no-sale:{till}", command=command)
    return once(unit, edge, asked, command.key, DrawerAnswer, work)


class MoveCash(Command):
    """Put cash into a drawer or take it out, without a sale."""

    key: Key
    kind: Literal["paid_in", "paid_out", "loan", "drop", "pickup"]
    amount_minor: int = Field(gt=0, le=10**9)
    reason: str = Field(min_length=1, max_length=200)
    approval: str | None = Field(default=None, max_length=64)


class CashAnswer(BaseModel):
    """Cash that was moved."""

    kind: str
    amount_minor: int
    seq: int


def move_cash(
    unit: EdgeUnit, edge: Edge, till: str, command: MoveCash, *, person: CurrentPerson
) -> tuple[CashAnswer, bool]:
    """Put cash into a drawer or take it out; a drop to the safe is anybody's, the rest needs a lead.

    Raises:
        Refused: `till_closed`.
        NotPermitted: `needs_approval`, a lead must agree.
    """
    check_till(edge, till)

    def work() -> CashAnswer:
        session = require_session(unit.connection, edge, till)
        needed = StoreRole.ASSOCIATE if command.kind == "drop" else StoreRole.LEAD
        given = require_word(unit, edge, person, MOVE_CASH, needed, command.approval)
        body = CashMoved(
            session_id=session.session_id,
            till=till,
            business_date=session.business_date,
            currency=session.currency,
            kind=command.kind,
            amount_minor=command.amount_minor,
            reason=command.reason,
            approvals=(given.approval,) if given else (),
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        _tell(unit, edge)
        return CashAnswer(kind=command.kind, amount_minor=command.amount_minor, seq=recorded.seq)

    asked = Asked(to=f"cash:{till}", command=command)
    return once(unit, edge, asked, command.key, CashAnswer, work)


def _tell(unit: EdgeUnit, edge: Edge) -> None:
    unit.after_commit(lambda: edge.broadcaster.publish("till"))
