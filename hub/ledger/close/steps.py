"""Working off a period: soft close, checks, signatures, close, reopen, lock; one function for each verb.

Every step is an event of the hub, so whoever asks later sees who did what and why. Reading the checks takes
seconds in a large company, so they are read in a snapshot of their own; the step that closes then only makes
sure that the month is still the one that was signed (`fingerprint`). Nothing here can block itself: every
step but the lock has one that undoes it, and a store that cannot tell is declared by two people.
"""

import json
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from typing import Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.ledger.chart import accounts_ever
from hub.ledger.close import accruals, facts, reads, rules
from hub.ledger.close.rows import periods
from hub.ledger.close.subledgers import scope_of
from hub.ledger.desk import write
from hub.ledger.rows import accounts, journals
from hub.people.rows import people
from hub.spine.steps import record
from hub.spine.work import Work
from protocol.books import Assertion, DebtsNetted, GapDeclared, PeriodMoved, PeriodSigned
from protocol.clock import MICROSECONDS, from_us
from protocol.errors import Invalid, NotFound, Refused
from protocol.kit.text import _
from protocol.kit.web.secrets import verify_secret
from protocol.lifecycles import PERIOD, PeriodEvent, PeriodState
from protocol.people import HubRole

REOPEN_HOURS: Final = 72
"""A reopened month goes back to closing by itself after at most this; nobody leaves one open by accident."""
SIGNING: Final = ("prepared", "approved")
_CHART: Final = sa.select(accounts.c.account, accounts.c.name, accounts.c.kind).where(
    accounts.c.entity == sa.bindparam("of")
)
Answer = TypeVar("Answer")


class Second(NamedTuple):
    """The second person beside the one who is signed in."""

    name: str
    password: str


def look(hub: Hub, entity: str, period: str) -> tuple[rules.Check, ...]:
    """Return the checks of a month as things stand now."""
    with hub.database.read() as connection:
        return checked(connection, hub, entity, period)


def checked(connection: Connection, hub: Hub, entity: str, period: str) -> tuple[rules.Check, ...]:
    """Return the checks of a month in the caller's snapshot."""
    return rules.checks(facts.gather(connection, entity, period, default=hub.settings.entity))


def soft_close(hub: Hub, entity: str, period: str, *, by: str) -> None:
    """Say that a month is over; what comes late still posts into it, and is marked.

    Raises:
        NotFound: the entity has no books.
        Refused: the month has not ended.
        IllegalTransition: it is closed already, or closing.
    """

    def act(work: Work) -> None:
        _known(work.connection, entity)
        today = hub.clock.now_us()
        _first, after = reads.days_of(period)
        if _day(hub, today) < after:
            raise Refused(
                _("This month is not over yet."),
                _("Close it from {day} on.", day=after),
                code="month_not_over",
                period=period,
            )
        _move(work, hub, entity, period, PeriodEvent.SOFT_CLOSED, by=by)

    write(hub, act)


def undo_soft_close(hub: Hub, entity: str, period: str, *, by: str) -> None:
    """Open a month again that was only soft-closed."""
    write(hub, lambda work: _move(work, hub, entity, period, PeriodEvent.SOFT_CLOSE_UNDONE, by=by))


def begin(hub: Hub, entity: str, period: str, *, by: str) -> None:
    """Begin to close: debts are set off, what the month expects is posted, then checks and signatures."""

    def act(work: Work) -> None:
        _move(work, hub, entity, period, PeriodEvent.CLOSE_STARTED, by=by)
        _net(work, hub, entity, period, by)
        work.flush()
        accruals.post_due(work, entity, period, hub.settings.currency, by)

    write(hub, act)


def abandon(hub: Hub, entity: str, period: str, *, by: str) -> None:
    """Go back to soft-closed; signatures fall."""
    write(hub, lambda work: _move(work, hub, entity, period, PeriodEvent.CLOSE_ABANDONED, by=by))


def sign(hub: Hub, entity: str, period: str, *, role: str, by: str, seen: str) -> None:
    """Sign the books of a month as they stand: two people, one prepares and another approves.

    `seen` is the fingerprint that was on the signer's screen.

    Raises:
        Refused: something posted meanwhile, the other signature is by the same person, or it is not closing.
        Invalid: there is no such role of a signature.
    """
    if role not in SIGNING:
        raise Invalid(_("Nobody signs as that."), _("Sign as prepared or as approved."), code="bad_role")

    def act(work: Work) -> None:
        row = reads.one(work.connection, entity, period, hub.settings.currency)
        if row.state is not PeriodState.CLOSING:
            raise Refused(
                _("A month is signed while it is closing."), _("Begin to close it first."), code="not_closing"
            )
        now = reads.fingerprint(work.connection, entity, period)
        _same_books(seen, now)
        other = SIGNING[1 - SIGNING.index(role)]
        standing = reads.signatures(work.connection, entity, period).get(other)
        if standing is not None and standing.by == by:
            raise Refused(
                _("You have signed this month already."),
                _("The second signature is another person's."),
                code="same_person",
            )
        body = PeriodSigned(
            entity=entity, period=period, currency=row.currency, role=role, fingerprint=now or "-"
        )
        record(work, body, by=by)

    write(hub, act)


def close(hub: Hub, entity: str, period: str, *, by: str) -> None:
    """Close a month that every blocking check and both signatures permit.

    Raises:
        Refused: something stops it; the facts name what.
        IllegalTransition: it is not closing, or somebody else has closed it meanwhile.
    """
    with hub.database.read() as connection:
        row = reads.one(connection, entity, period, hub.settings.currency)
        PERIOD.next_state(row.state, PeriodEvent.CLOSED)
        found = checked(connection, hub, entity, period)
        seen = reads.fingerprint(connection, entity, period)
        assertions = asserted(connection, entity, period, default=hub.settings.entity)
    stopped = rules.blockers(found)
    if stopped:
        raise Refused(
            _("{n} checks stop the close.", n=len(stopped)),
            _("Settle them, or go back to soft-closed; nothing has changed."),
            code="checks_failed",
            checks=stopped,
        )

    def act(work: Work) -> None:
        now = reads.fingerprint(work.connection, entity, period)
        signed = reads.signatures(work.connection, entity, period)
        fresh = {name for name, each in signed.items() if each.fingerprint == (now or "-")}
        if fresh != set(SIGNING):
            raise Refused(
                _("Two people sign before a month is closed."),
                _("A signature falls when something posts into the month after it. Sign again, then close."),
                code="not_signed",
                missing=sorted(set(SIGNING) - fresh),
            )
        _same_books(seen, now)
        _move(
            work,
            hub,
            entity,
            period,
            PeriodEvent.CLOSED,
            by=by,
            also_by=signed[SIGNING[1]].by,
            fingerprint=now or "-",
            assertions=assertions,
            checks=json.dumps([asdict(check) for check in found]),
        )

    write(hub, act)


def reopen(hub: Hub, entity: str, period: str, *, by: str, second: Second, reason: str, hours: int) -> None:
    """Open a closed month again, for a reason and a time, with a second person's consent.

    Raises:
        Refused: the month after it is locked, or one person stands for two.
        Invalid: no reason, or too many hours.
    """
    if not 1 <= hours <= REOPEN_HOURS:
        raise Invalid(
            _("A month is reopened for 1 to {n} hours.", n=REOPEN_HOURS),
            _("Choose a time."),
            code="bad_hours",
        )
    _reasoned(reason)
    also_by = consented(hub, second, by)

    def act(work: Work) -> None:
        states = reads.states_of(work.connection, entity)
        if any(other > period and state is PeriodState.HARD_LOCKED for other, state in states.items()):
            raise Refused(
                _("A later month is locked, so this one stays closed."),
                _("Post the correction into the month that is open now."),
                code="later_locked",
            )
        until_us = hub.clock.now_us() + hours * 3600 * MICROSECONDS
        _move(
            work,
            hub,
            entity,
            period,
            PeriodEvent.REOPENED,
            by=by,
            also_by=also_by,
            reason=reason,
            until_us=until_us,
        )

    write(hub, act)


def close_again(hub: Hub, entity: str, period: str, *, by: str) -> None:
    """Bring a reopened month back to closing; it passes the checks and is signed again."""
    begin(hub, entity, period, by=by)


def lock(hub: Hub, entity: str, period: str, *, by: str, second: Second, reason: str) -> None:
    """Lock a closed month for ever, once its taxes are filed."""
    _reasoned(reason)
    also_by = consented(hub, second, by)

    def act(work: Work) -> None:
        _move(work, hub, entity, period, PeriodEvent.LOCKED, by=by, also_by=also_by, reason=reason)

    write(hub, act)


def declare_gap(
    hub: Hub, entity: str, period: str, *, location: str, by: str, second: Second, reason: str
) -> None:
    """Close over a store that cannot tell its days: two people name what is missing, and it comes late.

    Raises:
        Refused: nothing of this store is missing, or one person stands for two.
    """
    _reasoned(reason)
    also_by = consented(hub, second, by)

    def act(work: Work) -> None:
        found = facts.gather(work.connection, entity, period, default=hub.settings.entity)
        gap = next((edge for edge in found.edges if edge.location == location and edge.missing), None)
        if gap is None:
            raise Refused(
                _("Nothing of this store is missing."), _("Look at the checks again."), code="no_gap"
            )
        row = reads.one(work.connection, entity, period, hub.settings.currency)
        body = GapDeclared(
            entity=entity,
            period=period,
            currency=row.currency,
            location=location,
            upto=gap.upto,
            newest=gap.needed,
            reason=reason,
            also_by=also_by,
        )
        record(work, body, by=by)

    write(hub, act)


def end_reopened(hub: Hub) -> int:
    """Bring months back to closing whose time is up; return how many."""
    now_us = hub.clock.now_us()
    due = (
        sa.select(periods.c.entity, periods.c.period)
        .where(periods.c.state == PeriodState.REOPENED.value, periods.c.until_us <= now_us)
        .limit(20)
    )
    with hub.database.read() as connection:
        found = connection.execute(due).all()

    def act(work: Work, entity: str, period: str) -> None:
        row = reads.one(work.connection, entity, period, hub.settings.currency)
        if row.state is PeriodState.REOPENED and row.until_us <= now_us:
            _move(work, hub, entity, period, PeriodEvent.CLOSE_STARTED, reason="its time is up")

    for row in found:
        write(hub, partial(act, entity=row.entity, period=row.period))
    return len(found)


def asserted(connection: Connection, entity: str, period: str, *, default: str) -> tuple[Assertion, ...]:
    """Return what every account stands at by the end of a month: by its sub-ledger where it has one.

    A sub-ledger stands at now; what its account has posted since the month's end is taken off again. Where
    two accounts share a sub-ledger, and where there is none, the trial balance is asserted.
    """
    sums = facts.sums_of(connection, entity, period)
    then, now = facts.trial(sums), facts.trial(sums, "now_minor")
    scope = scope_of(connection, entity, default)
    sub: dict[str, int] = {}
    source: dict[str, str] = {}
    for tie in facts.ties(connection, scope, accounts_ever(connection, entity), sums):
        if "+" not in tie.account:
            sub[tie.account] = sub.get(tie.account, 0) + tie.sub_minor
            source[tie.account] = tie.check.removeprefix("TIE_").lower()
    chart = {row.account: row for row in connection.execute(_CHART, {"of": entity})}
    return tuple(
        Assertion(
            account=account,
            name=chart[account].name if account in chart else "",
            kind=chart[account].kind if account in chart else "liability",
            amount_minor=sub[account] - (now.get(account, 0) - then.get(account, 0))
            if account in sub
            else then[account],
            source=source.get(account, "trial_balance"),
        )
        for account in sorted(then)
    )


def _move(
    work: Work, hub: Hub, entity: str, period: str, event: PeriodEvent, *, by: str = "", **more: object
) -> None:
    row = reads.one(work.connection, entity, period, hub.settings.currency)
    state = PERIOD.next_state(row.state, event)
    body = PeriodMoved.model_validate(
        {"entity": entity, "period": period, "currency": row.currency, "step": event, "state": state, **more}
    )
    record(work, body, by=by)


def _net(work: Work, hub: Hub, entity: str, period: str, by: str) -> None:
    """Set off what two entities owe each other, on the last day of the month, where both books permit it."""
    served = accounts_ever(work.connection, entity)
    work.flush()
    debts = {
        (tie.account, tie.key): tie.ledger_minor
        for tie in facts.intercompany(work.connection, entity, served)
    }
    for other in sorted({key for _account, key in debts}):
        both = min(debts.get(("due_from", other), 0), -debts.get(("due_to", other), 0))
        if both > 0:
            body = DebtsNetted(
                entity=entity,
                other=other,
                business_date=_last_day(period),
                currency=hub.settings.currency,
                amount_minor=both,
            )
            record(work, body, by=by)


def _last_day(period: str) -> str:
    _first, after = reads.days_of(period)
    return (date.fromisoformat(after) - timedelta(days=1)).isoformat()


def _same_books(seen: str, now: str) -> None:
    if seen != now:
        raise Refused(
            _("Something has posted into this month meanwhile."),
            _("Look at the checks again; nothing has changed."),
            code="books_moved",
        )


def _known(connection: Connection, entity: str) -> None:
    some = sa.select(journals.c.journal_id).where(journals.c.entity == entity).limit(1)
    if connection.execute(some).first() is None:
        raise NotFound(
            _("There are no books of this entity."), _("Choose one of the list."), code="no_entity"
        )


def consented(hub: Hub, second: Second, by: str) -> str:
    """Return the name of a second person of finance who typed a password beside the first.

    Raises:
        Refused: it is the same person, the password is wrong, or the role may not.
    """
    with hub.database.read() as connection:
        row = connection.execute(
            sa.select(people.c.name, people.c.password_hash).where(
                people.c.name == second.name,
                people.c.active,
                people.c.role.in_((HubRole.FINANCE.value, HubRole.ADMIN.value)),
            )
        ).first()
    right = verify_secret(row.password_hash if row else None, second.password)
    if row is None or not right or row.name == by:
        raise Refused(
            _("This takes two people of finance."),
            _("Let a second person, who is not you, type a name and password."),
            code="second_person",
        )
    return str(row.name)


def _reasoned(reason: str) -> None:
    if not reason.strip():
        raise Invalid(_("A reason is missing."), _("Say why, for whoever asks later."), code="no_reason")


def _day(hub: Hub, at_us: int) -> str:
    return from_us(at_us).astimezone(ZoneInfo(hub.settings.zone)).date().isoformat()
