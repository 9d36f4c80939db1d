"""Open a till, count it, close it; open its drawer without a sale.

Each verb is one unit of work that ends in one event. What must never happen: the expected cash reaching
the one who counts before the count is confirmed. So a count answers with what was counted alone, a refused
close names no amount, and a reading (X) is refused between the first count and its confirmation.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import raise_exception
from edge_agent.once import Key, once
from edge_agent.people.steps import authorise, require_word
from edge_agent.till import rows, rules
from protocol.errors import IllegalTransition, NotFound, Refused
from protocol.events import DrawerOpened, TillClosed, TillCounted, TillOpened
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import TillState
from protocol.money import format_minor
from protocol.orders import Approval
from protocol.people import StoreRole
from protocol.rules.discounts import Act
from protocol.till import SessionTotals, TenderTotal

READING: Final = "till_reading"
"""Action an approval names when a lead lets an associate see a reading."""
DIFFERENCE: Final = "till_difference"
"""Action an approval names when a manager confirms a difference above the tolerance."""
RESUME: Final = "till_resume"
"""Action an approval names when a lead lets a counted till go on selling."""


class Command(BaseModel):
    """What somebody asks of a till: frozen, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Asked(BaseModel):
    """A command with what it was addressed to, so that one key cannot answer for another till or order."""

    model_config = ConfigDict(frozen=True)

    to: str
    command: SerializeAsAny[BaseModel]


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


class Confirmed(BaseModel):
    """A count that stands, and now what it should have been."""

    counted_minor: int
    expected_minor: int
    difference_minor: int
    tolerance_minor: int
    needs_manager: bool


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


class Reading(BaseModel):
    """An X: what a session has added up to so far. It closes nothing and uses up no number."""

    session_id: str
    till: str
    business_date: str
    currency: str
    opened_us: int
    opened_by: str
    at_us: int
    first_seq: int
    last_seq: int
    totals: SessionTotals
    expected_cash_minor: int


@dataclass(frozen=True, slots=True)
class TillLook:
    """What anybody signed in may see of a till: no money."""

    till: str
    state: str
    business_date: str
    session_id: str
    opened_us: int | None
    opened_by: str
    counts: int
    confirmed: bool
    calendar_date: str
    """What the store's calendar says now: the date an opening would propose."""


def check_till(edge: Edge, till: str) -> None:
    """Refuse a till that this store does not have.

    Raises:
        NotFound: there is no such till.
    """
    if till not in edge.settings.tills:
        raise NotFound(
            _("There is no till {till} in this store.", till=till[:40]),
            _("The tills here are: {tills}.", tills=", ".join(edge.settings.tills)),
            code="unknown_till",
        )


def calendar_date(edge: Edge) -> str:
    """Return the business date of this moment by the store's calendar."""
    return rules.business_date(edge.clock.now_us(), zone=edge.settings.zone, cutover=edge.settings.cutover)


def require_session(connection: Connection, edge: Edge, till: str) -> rows.Session:
    """Return the open session of a till.

    Raises:
        NotFound: this store has no such till.
        Refused: `till_closed`, it is not open.
    """
    check_till(edge, till)
    session = rows.open_session(connection, till)
    if session is None:
        raise Refused(
            _("{till} is closed.", till=till),
            _("Open it with its float, then do this again."),
            code="till_closed",
            till=till,
        )
    return session


def tills(connection: Connection, edge: Edge) -> list[TillLook]:
    """Return every till of the store and how it stands."""
    today = calendar_date(edge)
    return [_look(connection, till, today) for till in edge.settings.tills]


def _look(connection: Connection, till: str, today: str) -> TillLook:
    session = rows.open_session(connection, till)
    if session is None:
        return TillLook(
            till=till,
            state="closed",
            business_date="",
            session_id="",
            opened_us=None,
            opened_by="",
            counts=0,
            confirmed=False,
            calendar_date=today,
        )
    return TillLook(
        till=till,
        state=session.state.value,
        business_date=session.business_date,
        session_id=session.session_id,
        opened_us=session.opened_us,
        opened_by=session.opened_by,
        counts=session.counts,
        confirmed=rows.confirmed(connection, session.session_id),
        calendar_date=today,
    )


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
    if running is not None:
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
    session = _counted_session(unit.connection, edge, till)
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
    session = _counted_session(unit.connection, edge, till)
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
    return _look(unit.connection, till, calendar_date(edge))


def confirmation(edge: Edge, session: rows.Session) -> Confirmed:
    """Return what a confirmed count shows; call it for a confirmed count only."""
    counted = session.counted_minor or 0
    expected = rules.expected_cash(session.totals)
    tolerance = edge.settings.limits.till_tolerance_minor
    return Confirmed(
        counted_minor=counted,
        expected_minor=expected,
        difference_minor=counted - expected,
        tolerance_minor=tolerance,
        needs_manager=abs(counted - expected) > tolerance,
    )


def _counted_session(connection: Connection, edge: Edge, till: str) -> rows.Session:
    session = require_session(connection, edge, till)
    if session.state is not TillState.COUNTING:
        raise IllegalTransition(
            _("{till} has not been counted.", till=till),
            _("Count the drawer, then confirm the count."),
            code="not_counted",
            till=till,
        )
    return session


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
            " ".join(step.remedy for step in blocking),
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
    last_seq, _head = edge.journal.last(unit.connection)
    return TillClosed(
        session_id=session.session_id,
        till=session.till,
        business_date=session.business_date,
        currency=session.currency,
        z_number=int(number.rpartition("Z")[2]),
        number=number,
        first_seq=session.opened_seq,
        last_seq=last_seq,
        range_hash=rows.range_hash(unit.connection, session.opened_seq, last_seq),
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
        title=_("{till} closed with a difference of {amount}", till=z.till, amount=amount),
        facts={
            "z": z.number,
            "expected_minor": verdict.expected_minor,
            "counted_minor": verdict.counted_minor,
            "difference_minor": verdict.difference_minor,
        },
        owner_role="manager",
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


def reading(connection: Connection, edge: Edge, till: str) -> Reading:
    """Return an X of a till. The caller has checked that the one who asks may see it.

    Raises:
        Refused: `count_running`, a count waits for its confirmation and must stay blind.
    """
    session = require_session(connection, edge, till)
    if session.state is TillState.COUNTING and not rows.confirmed(connection, session.session_id):
        raise Refused(
            _("{till} is being counted, so its expected amounts are hidden.", till=till),
            _("Confirm the count first."),
            code="count_running",
        )
    return Reading(
        session_id=session.session_id,
        till=till,
        business_date=session.business_date,
        currency=session.currency,
        opened_us=session.opened_us,
        opened_by=session.opened_by,
        at_us=edge.clock.now_us(),
        first_seq=session.opened_seq,
        last_seq=edge.journal.last(connection)[0],
        totals=session.totals,
        expected_cash_minor=rules.expected_cash(session.totals),
    )


def may_read(unit: EdgeUnit, edge: Edge, person: CurrentPerson, token: str | None) -> None:
    """Refuse a reading to somebody who may not see what the drawer should hold.

    Raises:
        NotPermitted: `needs_approval`, a lead must agree.
    """
    require_word(unit, edge, person, READING, StoreRole.LEAD, token)


def close_checklist(connection: Connection, edge: Edge, till: str) -> tuple[rules.CloseStep, ...]:
    """Return the day close of a till as a list to work off.

    Raises:
        Refused: `till_closed`, there is nothing to close.
    """
    session = require_session(connection, edge, till)
    shown = confirmation(edge, session) if rows.confirmed(connection, session.session_id) else None
    currency = session.currency
    facts = rules.CloseFacts(
        till=till,
        counts=session.counts,
        counted_text=format_minor(session.counted_minor or 0, currency),
        difference_text=format_minor(shown.difference_minor, currency, sign=True) if shown else None,
        over_tolerance=shown is not None and shown.needs_manager,
        baskets=rows.waiting_baskets(connection, till, zone=edge.settings.zone),
        doubtful_slips=rows.doubtful_slips(connection),
        unsent=rows.unsent(connection),
    )
    return rules.checklist(facts)


def _tell(unit: EdgeUnit, edge: Edge) -> None:
    unit.after_commit(lambda: edge.broadcaster.publish("till"))
