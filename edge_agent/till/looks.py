"""What people may see of a till: how it stands, its readings, its day close.

Nothing here changes anything. The expected cash of a session is in two of these answers, a reading and a
confirmed count; both are kept from whoever counts until the count stands.
"""

from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.people.steps import require_word
from edge_agent.till import rows, rules
from protocol.errors import IllegalTransition, NotFound, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import TillState
from protocol.money import format_minor
from protocol.people import StoreRole
from protocol.till import SessionTotals

READING: Final = "till_reading"
"""Action an approval names when a lead lets an associate see a reading."""


class Confirmed(BaseModel):
    """A count that stands, and now what it should have been."""

    counted_minor: int
    expected_minor: int
    difference_minor: int
    tolerance_minor: int
    needs_manager: bool


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


def todays_session(connection: Connection, edge: Edge, till: str) -> rows.Session:
    """Return the open session of a till, unless that day was open when a database was lost.

    Raises:
        NotFound: this store has no such till.
        Refused: `till_closed`.
    """
    session = require_session(connection, edge, till)
    if session.left_open:
        raise Refused(
            _("{till} is closed but for a day from before this store was restored.", till=till),
            _("Open it with its float, then do this again; count and close the old day too."),
            code="till_closed",
            till=till,
        )
    return session


def counted_session(connection: Connection, edge: Edge, till: str) -> rows.Session:
    """Return the session of a till that has been counted.

    Raises:
        IllegalTransition: `not_counted`, nothing was counted.
    """
    session = require_session(connection, edge, till)
    if session.state is not TillState.COUNTING:
        raise IllegalTransition(
            _("{till} has not been counted.", till=till),
            _("Count the drawer, then confirm the count."),
            code="not_counted",
            till=till,
        )
    return session


def tills(connection: Connection, edge: Edge) -> list[TillLook]:
    """Return every till of the store and how it stands."""
    today = calendar_date(edge)
    return [look(connection, till, today) for till in edge.settings.tills]


def look(connection: Connection, till: str, today: str) -> TillLook:
    """Return how one till stands; `today` is the calendar's business date."""
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
    last_row, _head = edge.journal.last(connection)
    first_seq, last_seq = rows.stream_range(connection, session.opened_seq, last_row)
    return Reading(
        session_id=session.session_id,
        till=till,
        business_date=session.business_date,
        currency=session.currency,
        opened_us=session.opened_us,
        opened_by=session.opened_by,
        at_us=edge.clock.now_us(),
        first_seq=first_seq,
        last_seq=last_seq,
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
        along=edge.taken_along(connection, None),
    )
    return rules.checklist(facts)
