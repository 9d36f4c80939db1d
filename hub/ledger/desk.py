"""What finance does with accounts and money: map, reclassify, post, deposit, dispute; one function each verb.

Each is an event of the hub. A closed month is refused where a person names the day; what the product posts
by itself goes to the next open day instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.ledger.chart import accounts_ever, mapping_of
from hub.ledger.close import reads
from hub.ledger.close.rules import CLOSED, next_month, posting, state_of
from hub.ledger.close.subledgers import scope_of
from hub.ledger.rows import accounts, entries, journals
from hub.ledger.settlements.rows import money_moves, settlement_lines, settlements
from hub.ledger.stages import JOURNALS_PER_EVENT
from hub.spine.steps import close_exception, record
from hub.spine.work import Work
from hub.stock.rows import sold_off
from protocol.books import ChartChanged, JournalLine, JournalMade, MoneyMoved
from protocol.errors import Invalid, NotFound, Refused
from protocol.kit.text import _

RECLASSIFIED: Final = "reclassified"
TAKEN_BACK: Final = "accrual_back"
_ENDS: Final = {
    "deposit_credited": ("deposit_prepared",),
    "chargeback_won": ("chargeback_received",),
    "chargeback_lost": ("chargeback_received",),
}
_ENDED: Final = frozenset({"deposit_credited", "chargeback_won", "chargeback_lost"})
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One account of the chart, and what it serves."""

    account: str
    name: str
    kind: str
    purposes: tuple[str, ...]


def chart(connection: Connection, entity: str) -> list[AccountRow]:
    """Return the chart of an entity with the purposes that each account serves."""
    serves: dict[str, list[str]] = {}
    for purpose, account in sorted(mapping_of(connection, entity).items()):
        serves.setdefault(account, []).append(purpose)
    rows = connection.execute(
        sa.select(accounts).where(accounts.c.entity == entity).order_by(accounts.c.account)
    )
    return [AccountRow(row.account, row.name, row.kind, tuple(serves.get(row.account, ()))) for row in rows]


def change_chart(hub: Hub, wanted: ChartChanged, *, by: str) -> None:
    """Name accounts and map purposes; it holds for what is posted from now on.

    Raises:
        Invalid: an account is not in the chart, or its kind would change, or nothing would.
    """

    def act(work: Work) -> None:
        known = {row.account: row for row in chart(work.connection, wanted.entity)}
        for named in wanted.accounts:
            there = known.get(named.account)
            if there is not None and there.kind != named.kind:
                raise Invalid(
                    _("Account {account} has another kind already.", account=named.account),
                    _("Open a new account and map what it is for to that one."),
                    code="kind_fixed",
                )
        numbers = {*known, *(named.account for named in wanted.accounts)}
        for mapped in wanted.purposes:
            if mapped.account not in numbers:
                raise Invalid(
                    _("There is no account {account}.", account=mapped.account),
                    _("Add it to the chart first."),
                    code="unknown_account",
                    account=mapped.account,
                )
        if not wanted.accounts and not wanted.purposes:
            raise Invalid(_("Nothing would change."), _("Name an account or a purpose."), code="nothing")
        record(work, wanted, by=by)

    write(hub, act)


def make_journal(hub: Hub, wanted: JournalMade, *, by: str, taken_back: bool = False) -> None:
    """Post a journal that a person made.

    `taken_back` posts its opposite on the first day of the next month too, as an accrual wants it.

    Raises:
        Invalid: an account is not in the chart, or its debits and credits differ.
        Refused: its day lies in a closed month.
    """

    def act(work: Work) -> None:
        known = set(
            work.connection.execute(
                sa.select(accounts.c.account).where(accounts.c.entity == wanted.entity)
            ).scalars()
        )
        for line in wanted.lines:
            if line.account not in known:
                raise Invalid(
                    _("There is no account {account}.", account=line.account),
                    _("Choose an account of the chart, or add it first."),
                    code="unknown_account",
                    account=line.account,
                )
        open_day(work.connection, wanted.entity, wanted.business_date)
        applied = record(work, wanted, by=by)
        if taken_back:
            first = f"{next_month(wanted.business_date[:7])}-01"
            open_day(work.connection, wanted.entity, first)
            opposite = [line.model_copy(update={"amount_minor": -line.amount_minor}) for line in wanted.lines]
            said = {
                "business_date": first,
                "rule": TAKEN_BACK,
                "lines": tuple(opposite),
                "reverses": applied.apply_order * JOURNALS_PER_EVENT + 1,
            }
            record(work, wanted.model_copy(update=said), by=by)

    write(hub, act)


def reclassify(hub: Hub, journal_id: int, *, account: str, reason: str, by: str) -> None:
    """Take what a journal put into suspense out of it, to an account that a person chooses.

    Raises:
        NotFound: there is no such journal, or nothing of it is in suspense any more.
        Invalid: the account is not in the chart.
    """
    with hub.database.read() as connection:
        head = connection.execute(sa.select(journals).where(journals.c.journal_id == journal_id)).first()
        if head is None:
            raise NotFound(
                _("There is no such journal."), _("Look at the suspense account."), code="no_journal"
            )
        where = accounts_ever(connection, head.entity).get("suspense", frozenset())
        rows = connection.execute(
            sa.select(entries.c.account, sa.func.sum(entries.c.amount_minor).label("minor"))
            .join(journals, journals.c.journal_id == entries.c.journal_id)
            .where(
                sa.or_(journals.c.journal_id == journal_id, journals.c.reverses == journal_id),
                entries.c.account.in_(where),
            )
            .group_by(entries.c.account)
        ).all()
        left = [(row.account, int(row.minor)) for row in rows if row.minor]
        day = _postable(connection, head.entity, head.posting_date)
    if not left:
        raise NotFound(
            _("Nothing of this journal is in suspense any more."),
            _("Look at the suspense account."),
            code="not_in_suspense",
        )
    total = sum(minor for _number, minor in left)
    lines = [JournalLine(account=number, amount_minor=-minor) for number, minor in left]
    wanted = made(
        {
            "entity": head.entity,
            "business_date": day,
            "currency": head.currency,
            "rule": RECLASSIFIED,
            "memo": head.memo,
            "reason": reason,
            "lines": (*lines, JournalLine(account=account, amount_minor=total)),
            "order_id": head.order_id,
            "reverses": journal_id,
        }
    )
    make_journal(hub, wanted, by=by)
    _settled(hub, f"suspense:{head.event_id}", by)


def made(said: dict[str, object]) -> JournalMade:
    """Return a journal as somebody said it.

    Raises:
        Invalid: it does not balance or cannot be read.
    """
    try:
        return JournalMade.model_validate(said)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        differs = "differ" in str(fault["msg"])
        raise Invalid(
            _("Its debits and credits differ.") if differs else _("This journal cannot be read."),
            _("Correct it; nothing was posted."),
            code="unbalanced" if differs else "bad_journal",
        ) from error


def move_money(hub: Hub, wanted: MoneyMoved, *, by: str) -> None:
    """Post a deposit or a dispute, or how one ended.

    Raises:
        Refused: it ends what never began or has ended, repeats what stands, or its month is closed.
    """

    def act(work: Work) -> None:
        open_day(work.connection, wanted.entity, wanted.business_date)
        rows = work.connection.execute(
            sa.select(money_moves.c.what, money_moves.c.amount_minor).where(
                money_moves.c.entity == wanted.entity, money_moves.c.reference == wanted.reference
            )
        ).all()
        whats = {row.what: int(row.amount_minor) for row in rows}
        begun = _ENDS.get(wanted.what, ())
        if wanted.what in whats or (wanted.what in _ENDED and _ENDED & set(whats)):
            raise Refused(
                _("{reference} is posted already.", reference=wanted.reference),
                _("Use another reference, or look at the list."),
                code="posted_already",
            )
        paid_out = 0
        if "chargeback_received" in begun:
            paid_out = disputed(work.connection, wanted.entity).get(wanted.reference, 0)
        if (
            begun
            and not any(whats.get(each) == wanted.amount_minor for each in begun)
            and paid_out != wanted.amount_minor
        ):
            raise Refused(
                _(
                    "Nothing with the reference {reference} and this amount waits.",
                    reference=wanted.reference,
                ),
                _("Choose one of the list."),
                code="nothing_waits",
            )
        if wanted.what == "sell_off_paid" and wanted.amount_minor != _proceeds(hub, work, wanted):
            raise Refused(
                _("No goods were sold off for this amount under {reference}.", reference=wanted.reference),
                _("Give the number of the decision and all that was to be paid for its goods."),
                code="nothing_waits",
            )
        record(work, wanted, by=by)

    write(hub, act)


def _proceeds(hub: Hub, work: Work, wanted: MoneyMoved) -> int:
    """Return what was to be paid for the goods of a decision, where they were this entity's."""
    scope = scope_of(work.connection, wanted.entity, hub.settings.entity)
    rows = work.connection.execute(
        sa.select(sold_off.c.location, sold_off.c.proceeds_minor).where(sold_off.c.number == wanted.reference)
    )
    return sum(int(row.proceeds_minor) for row in rows if scope.has(row.location))


def open_day(connection: Connection, entity: str, day: str) -> None:
    """Make sure that a person may post on a day.

    Raises:
        Refused: its month is closed.
    """
    if state_of(day[:7], reads.states_of(connection, entity)) in CLOSED:
        raise Refused(
            _("The month of {day} is closed.", day=day),
            _("Post it on a day of an open month, or have the month reopened."),
            code="period_closed",
            period=day[:7],
        )


def _postable(connection: Connection, entity: str, day: str) -> str:
    return posting(day, reads.states_of(connection, entity)).date


def _settled(hub: Hub, key: str, by: str) -> None:
    def act(work: Work) -> None:
        close_exception(work, key, how="Taken out of suspense", by=by)

    write(hub, act)


def write(hub: Hub, act: Callable[[Work], Answer]) -> Answer:
    """Do something to the books in one unit of work, in the order of the log."""
    return hub.act(act, "books")


def disputed(connection: Connection, entity: str) -> dict[str, int]:
    """Return the chargebacks that payouts told of and that have not ended, by their reference."""
    told = connection.execute(
        sa.select(settlement_lines.c.reference, sa.func.sum(-settlement_lines.c.amount_minor).label("minor"))
        .join(settlements, settlements.c.settlement_id == settlement_lines.c.settlement_id)
        .where(
            settlements.c.entity == entity,
            settlement_lines.c.kind == "chargeback",
            ~settlement_lines.c.known,
        )
        .group_by(settlement_lines.c.reference)
    )
    found = {row.reference: int(row.minor) for row in told}
    ended = connection.execute(
        sa.select(money_moves.c.reference, money_moves.c.amount_minor).where(
            money_moves.c.entity == entity, money_moves.c.what.in_(("chargeback_won", "chargeback_lost"))
        )
    )
    for row in ended:
        if row.reference in found:
            found[row.reference] -= int(row.amount_minor)
    return {reference: minor for reference, minor in found.items() if minor > 0}


def waiting(connection: Connection, entity: str) -> Sequence[sa.Row[Any]]:
    """Return the deposits and disputes that have begun and not ended, the oldest first."""
    ended = money_moves.alias()
    return connection.execute(
        sa.select(money_moves)
        .where(
            money_moves.c.entity == entity,
            money_moves.c.what.in_(("deposit_prepared", "chargeback_received")),
            ~sa.exists().where(
                ended.c.entity == money_moves.c.entity,
                ended.c.reference == money_moves.c.reference,
                ended.c.what.in_(sorted(_ENDED)),
            ),
        )
        .order_by(money_moves.c.business_date, money_moves.c.reference)
    ).all()
