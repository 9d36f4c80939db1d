"""What a customer ordered, paid, got back and holds, as an account with a running balance.

A customer is whoever has the same mail address or telephone number, or the same number at a till: most orders
bring a contact of their own. The first account is of their orders: what was charged, what was paid, and what
is left in their favour (deposits and refunds that are owed, less what they owe). Its movements come from the
journals, so every line leads to its entries; what it must end at comes from the orders' own records, which no
journal is read for, so the tie proves something (`hub.ledger.close.subledgers`). Behind it stands each gift
card and store credit that they paid with or were given, with its own balance.

Reads only; nothing is kept.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.customers.rows import contacts
from hub.customers.rows import find as find_contact
from hub.ledger.chart import accounts_ever
from hub.ledger.rows import entries, journals
from hub.ledger.rules.later import DEPOSIT_TAX
from hub.returns.rows import mail_ins, return_decisions
from hub.spine.bulk import among
from hub.spine.later_rows import later_orders
from hub.spine.payment_rows import offline_cards
from hub.spine.rows import event_subjects, events, order_tenders, orders, return_tenders, returns
from hub.stored_value.rows import stored_value_moves, stored_values
from protocol.clock import from_us
from protocol.customers import Contact, phone_digits
from protocol.envelope import decode_event, read_body
from protocol.errors import NotFound, TooLarge
from protocol.kit.text import _
from protocol.mail_in import ReturnCredited
from protocol.orders import STORED_VALUE

ORDERS: Final = 2_000
"""More than anybody buys; a till that gives everybody the same number must not read the whole company."""
_MONEY: Final = ("tender.", "gateway", "marketplace", "rounding")
_BALANCE: Final = ("deposits", "receivable", "refunds_payable")
_STORED: Final = tuple(kind.value for kind in STORED_VALUE)


@dataclass(frozen=True, slots=True)
class Row:
    """One movement. Of orders `charged` and `paid`; of a number that was paid with only `paid`, onto it."""

    day: str
    apply_order: int
    kind: str
    """The kind of the event that did it."""
    number: str
    order_number: str
    event_id: str
    charged_minor: int
    paid_minor: int
    balance_minor: int
    """In the customer's favour, after it."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a customer over a period. Without a `number` it is that of their orders."""

    number: str
    kind: str
    opening_minor: int
    rows: tuple[Row, ...]
    closing_minor: int
    now_minor: int
    """As its movements have it, whatever the period."""
    kept_minor: int
    """As the record beside the ledger has it now; the same, or something is wrong."""

    @property
    def ties(self) -> bool:
        """Tell whether the movements end where the record stands."""
        return self.now_minor == self.kept_minor

    @property
    def charged_minor(self) -> int:
        """What was charged in the period."""
        return sum(row.charged_minor for row in self.rows)

    @property
    def paid_minor(self) -> int:
        """What was paid in the period."""
        return sum(row.paid_minor for row in self.rows)


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order of the customer, as it stands."""

    number: str
    day: str
    channel: str
    state: str
    total_minor: int
    refunded_minor: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What a customer's accounts say of a period; days are inside, and empty is without end."""

    customer: str
    contact: Contact | None
    currency: str
    first: str
    last: str
    orders: tuple[Ordered, ...]
    account: Account
    values: tuple[Account, ...]

    @property
    def accounts(self) -> tuple[Account, ...]:
        """All of them, that of the orders first."""
        return (self.account, *self.values)


def statement_of(  # noqa: PLR0917 - who, of which days, and what a day and money are here
    connection: Connection, customer: str, first: str, last: str, zone: str, currency: str
) -> Statement:
    """Return the statement of a customer, known by a contact's id or their number at a till.

    Raises:
        NotFound: `unknown_customer`, nothing is known of them.
        TooLarge: they have more orders than one statement holds.
    """
    ids = same_customer(connection, customer)
    numbers = _orders_of(connection, ids)
    contact = find_contact(connection, customer)
    if not numbers and contact is None:
        raise NotFound(
            _("Nothing is known of the customer {customer}.", customer=customer[:40]),
            _("Look for them by name, mail address or telephone number."),
            code="unknown_customer",
        )
    if len(numbers) > ORDERS:
        raise TooLarge(
            _("This customer has more than {n} orders.", n=ORDERS),
            _("It is a number that many share: look at single orders."),
            limit=ORDERS,
        )
    rows = _movements(connection, numbers)
    return Statement(
        customer=customer,
        contact=contact,
        currency=currency,
        first=first,
        last=last,
        orders=tuple(_ordered(connection, list(numbers), first, last)),
        account=_account("", "", rows, _kept(connection, list(numbers)), (first, last)),
        values=tuple(_values(connection, numbers, (first, last), zone)),
    )


def same_customer(connection: Connection, customer: str) -> list[str]:
    """Return the ids of everybody who has the mail address or telephone number of a contact, and its own."""
    contact = find_contact(connection, customer)
    if contact is None or contact.erased:
        return [customer]
    ways: list[sa.ColumnElement[bool]] = []
    if contact.email:
        ways.append(contacts.c.email == contact.email.lower())
    if phone_digits(contact.phone):
        ways.append(contacts.c.phone == phone_digits(contact.phone))
    if not ways:
        return [customer]
    found = connection.execute(
        sa.select(contacts.c.contact_id).where(~contacts.c.erased, sa.or_(*ways)).limit(ORDERS)
    ).scalars()
    return list(dict.fromkeys([customer, *found]))


def _orders_of(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return (order id -> number) of all that is theirs; a return without proof is an order of its own."""
    later = sa.select(later_orders.c.order_id).where(among(connection, later_orders.c.contact_id, ids))
    mine = among(connection, orders.c.customer_id, ids) | orders.c.order_id.in_(later)
    queries = (
        sa.select(orders.c.order_id.label("id"), orders.c.number).where(mine),
        sa.select(mail_ins.c.order_id.label("id"), mail_ins.c.number).where(
            among(connection, mail_ins.c.contact_id, ids), mail_ins.c.order_id == mail_ins.c.authorisation_id
        ),
        sa.select(return_decisions.c.return_id.label("id"), return_decisions.c.number).where(
            among(connection, return_decisions.c.customer_id, ids),
            return_decisions.c.order_number == return_decisions.c.number,
        ),
    )
    found: dict[str, str] = {}
    for query in queries:
        found.update({row.id: row.number for row in connection.execute(query.limit(ORDERS + 1))})
    return found


def _movements(connection: Connection, numbers: Mapping[str, str]) -> list[Row]:
    """Return what the journals of orders did to what is charged and paid, event by event, in order."""
    found = _posted(connection, list(numbers)) if numbers else []
    sides = {entity: _sides(connection, entity) for entity in {row.entity for row in found}}
    rows = []
    for _event, group in itertools.groupby(found, key=lambda row: (row.business_date, row.event_id)):
        lines = list(group)
        paid = sum(int(line.minor) for line in lines if line.account in sides[line.entity][0])
        change = -sum(int(line.minor) for line in lines if line.account in sides[line.entity][1])
        if paid or change:
            head = lines[0]
            rows.append(
                Row(
                    head.business_date,
                    head.apply_order,
                    head.kind,
                    head.memo,
                    numbers[head.order_id],
                    head.event_id,
                    charged_minor=paid - change,
                    paid_minor=paid,
                    balance_minor=0,
                )
            )
    return rows


def _posted(connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
    """Return what each event of orders posted on each account, in the order of days and of the log."""
    told = (
        sa.select(events.c.event_id)
        .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
        .where(among(connection, event_subjects.c.subject, [f"order:{order_id}" for order_id in ids]))
    )
    table = journals.c
    by = (
        table.event_id,
        events.c.kind,
        table.apply_order,
        table.business_date,
        table.memo,
        table.order_id,
        table.entity,
        entries.c.account,
    )
    return connection.execute(
        sa.select(*by, sa.func.sum(entries.c.amount_minor).label("minor"))
        .join(entries, entries.c.journal_id == table.journal_id)
        .join(events, events.c.event_id == table.event_id)
        .where(
            table.event_id.in_(told),
            among(connection, table.order_id, ids),
            # Tax in a deposit is between us and the state: the customer's money stays all theirs.
            table.rule != DEPOSIT_TAX,
        )
        .group_by(*by)
        .order_by(table.business_date, table.apply_order, table.event_id)
    ).all()


def _sides(connection: Connection, entity: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the accounts that say what was paid, and those that say what is left, of an entity."""
    served = accounts_ever(connection, entity)

    def of(starts: tuple[str, ...]) -> frozenset[str]:
        return frozenset(
            account for purpose, them in served.items() if purpose.startswith(starts) for account in them
        )

    return of(_MONEY), of(_BALANCE)


def _kept(connection: Connection, ids: Sequence[str]) -> int:
    """Return what the orders' own records hold in the customer's favour; no journal is read for it."""
    table = later_orders.c
    held = connection.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(table.deposits_minor + table.owed_minor - table.receivable_minor), 0)
        ).where(among(connection, table.order_id, ids))
    ).scalar_one()
    declined = connection.execute(
        sa.select(sa.func.coalesce(sa.func.sum(offline_cards.c.amount_minor), 0)).where(
            among(connection, offline_cards.c.order_id, ids), offline_cards.c.state == "declined_late"
        )
    ).scalar_one()
    return int(held) - int(declined)


def _account(
    number: str, kind: str, rows: Iterable[Row], kept_minor: int, period: tuple[str, str]
) -> Account:
    """Return an account over a period, from all of its movements in their order."""
    first, last = period
    balance = opening = closing = 0
    shown = []
    for row in rows:
        balance += row.paid_minor - row.charged_minor
        if first and row.day < first:
            opening = balance
        if not last or row.day <= last:
            closing = balance
            if row.day >= first:
                shown.append(
                    Row(
                        row.day,
                        row.apply_order,
                        row.kind,
                        row.number,
                        row.order_number,
                        row.event_id,
                        charged_minor=row.charged_minor,
                        paid_minor=row.paid_minor,
                        balance_minor=balance,
                    )
                )
    return Account(number, kind, opening, tuple(shown), closing, balance, kept_minor)


def _ordered(connection: Connection, ids: Sequence[str], first: str, last: str) -> Iterable[Ordered]:
    found = connection.execute(
        sa.select(orders)
        .where(
            among(connection, orders.c.order_id, ids),
            orders.c.business_date >= first,
            orders.c.business_date <= last if last else sa.true(),
        )
        .order_by(orders.c.business_date.desc(), orders.c.apply_order.desc())
    )
    for row in found:
        yield Ordered(
            row.number, row.business_date, row.channel, row.state, row.total_minor, row.refunded_minor
        )


def _values(
    connection: Connection, numbers: Mapping[str, str], period: tuple[str, str], zone: str
) -> Iterable[Account]:
    """Return the gift cards and store credits that orders and their returns name, each with what it did."""
    names = sorted(_paid_with(connection, list(numbers)))
    heads = {
        row.number: row
        for row in connection.execute(
            sa.select(stored_values).where(among(connection, stored_values.c.number, names))
        )
    }
    moves: dict[str, list[Row]] = {}
    table = stored_value_moves
    for row in connection.execute(
        sa.select(table, events.c.kind.label("did"), events.c.event_id)
        .join(events, events.c.apply_order == table.c.apply_order)
        .where(among(connection, table.c.number, names))
        .order_by(table.c.apply_order, table.c.n)
    ):
        day = from_us(row.at_us).astimezone(ZoneInfo(zone)).date().isoformat()
        moves.setdefault(row.number, []).append(
            Row(
                day,
                row.apply_order,
                row.did,
                row.reference,
                "",
                row.event_id,
                charged_minor=0,
                paid_minor=row.amount_minor,
                balance_minor=0,
            )
        )
    for name, head in heads.items():
        rows = sorted(moves.get(name, ()), key=lambda row: (row.day, row.apply_order))
        yield _account(name, head.kind, rows, int(head.balance_minor), period)


def _paid_with(connection: Connection, ids: Sequence[str]) -> set[str]:
    came = sa.select(order_tenders.c.reference).where(
        among(connection, order_tenders.c.order_id, ids), order_tenders.c.kind.in_(_STORED)
    )
    went = (
        sa.select(return_tenders.c.reference)
        .join(returns, returns.c.return_id == return_tenders.c.return_id)
        .where(among(connection, returns.c.order_id, ids), return_tenders.c.kind.in_(_STORED))
    )
    found = {str(name) for query in (came, went) for name in connection.execute(query).scalars()}
    given = connection.execute(
        sa.select(events.c.bytes)
        .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
        .where(
            among(connection, event_subjects.c.subject, [f"order:{order_id}" for order_id in ids]),
            events.c.kind == "return.credited",
        )
    ).scalars()
    for data in given:
        body = read_body(decode_event(data))
        assert isinstance(body, ReturnCredited)
        found.add(body.credit_number)
    return found
