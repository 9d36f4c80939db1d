"""A customer's history and statement: found, read, printed, and given out as a file or over HTTP.

Customer service and finance read it. Who may not look names up finds a customer by an order, and sees their
account without their name.
"""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel
from sqlalchemy.engine import Connection
from starlette.responses import Response

from hub.console.web import FINANCE, OPS, csv_file, go_to, may, show
from hub.console.words import event_word
from hub.context import Hub
from hub.customers.rows import contacts, is_like
from hub.customers.statement import Account, Statement, statement_of
from hub.spine.later_rows import later_orders
from hub.spine.rows import orders
from hub.web import REFUSALS, Anybody, Text, TheHub
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.money import format_minor

FOUND: Final = 50
Customer = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Day = Annotated[str, Query(alias="from", pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Until = Annotated[str, Query(alias="to", pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
COLUMNS: Final = (
    "account", "day", "what", "document", "order", "charged", "paid", "balance", "currency",
)  # fmt: skip
router = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/customers", tags=["customers"], responses=REFUSALS)


class RowView(BaseModel):
    """One movement; amounts in minor units, the balance in the customer's favour."""

    day: str
    kind: str
    number: str
    order_number: str
    charged_minor: int
    paid_minor: int
    balance_minor: int


class AccountView(BaseModel):
    """The account of the orders (without a number), or of a gift card or store credit."""

    number: str
    kind: str
    opening_minor: int
    closing_minor: int
    now_minor: int
    kept_minor: int
    ties: bool
    rows: list[RowView]


class StatementView(BaseModel):
    """A customer's accounts over a period."""

    customer: str
    currency: str
    first: str
    last: str
    accounts: list[AccountView]


@router.get("/customers")
def found(request: Request, hub: TheHub, person: Anybody, q: Text = "") -> Response:
    """Find a customer by order, name, mail address or telephone number."""
    text = q.strip()
    with hub.database.read() as connection:
        known = _found(connection, text, people=may(person, OPS)) if text else []
    if len(known) == 1:
        return go_to(f"/customers/{known[0][0]}/statement")
    return show(request, "customers/found.html", q=text, known=known, may_names=may(person, OPS))


@router.get("/customers/{customer}/statement")
def read(  # noqa: PLR0917 - FastAPI names what a route needs in its signature
    request: Request, hub: TheHub, person: Anybody, customer: Customer, first: Day = "", last: Until = ""
) -> Response:
    """Show what a customer ordered, paid, got back and holds."""
    try:
        said = _statement(hub, customer, first, last)
        error = ""
    except Invalid as refused:
        said, error = _statement(hub, customer, "", ""), f"{refused.what} {refused.remedy}"
    return show(
        request,
        "customers/statement.html",
        status_code=422 if error else 200,
        said_of=said,
        error=error,
        first=first,
        last=last,
        event_word=event_word,
        who=_who(said, person),
        may_books=may(person, FINANCE),
    )


@router.get("/customers/{customer}/statement.csv")
def file(hub: TheHub, _person: Anybody, customer: Customer, first: Day = "", last: Until = "") -> Response:
    """Give the statement out as a file: every account with its opening, its movements and its closing."""
    said = _statement(hub, customer, first, last)
    name = "".join(letter if letter.isalnum() else "-" for letter in customer)
    return csv_file(f"statement-{name}", COLUMNS, _lines(said))


@api.get("/{customer}/statement")
def view(
    hub: TheHub, _person: Anybody, customer: Customer, first: Day = "", last: Until = ""
) -> StatementView:
    """Return what a customer ordered, paid, got back and holds; days are inside the period."""
    said = _statement(hub, customer, first, last)
    return StatementView(
        customer=said.customer,
        currency=said.currency,
        first=said.first,
        last=said.last,
        accounts=[_view(each) for each in said.accounts],
    )


def _view(account: Account) -> AccountView:
    names = set(RowView.model_fields)
    rows = [
        RowView(**{name: value for name, value in asdict(row).items() if name in names})
        for row in account.rows
    ]
    return AccountView(
        number=account.number,
        kind=account.kind,
        opening_minor=account.opening_minor,
        closing_minor=account.closing_minor,
        now_minor=account.now_minor,
        kept_minor=account.kept_minor,
        ties=account.ties,
        rows=rows,
    )


def _statement(hub: Hub, customer: str, first: str, last: str) -> Statement:
    for day in filter(None, (first, last)):
        try:
            date.fromisoformat(day)
        except ValueError as error:
            raise Invalid(_("{day} is no day.", day=day), _("Choose another one."), code="no_day") from error
    if first and last and last < first:
        raise Invalid(_("The period ends before it begins."), _("Choose other days."), code="no_period")
    with hub.database.read() as connection:
        return statement_of(connection, customer, first, last, hub.settings.zone, hub.settings.currency)


def _who(said: Statement, person: CurrentPerson) -> tuple[str, tuple[str, ...]]:
    """Return the name and the lines of the address that somebody may see."""
    if said.contact is None or said.contact.erased or not may(person, OPS):
        return "", ()
    return said.contact.full_name, said.contact.address.lines


def _lines(said: Statement) -> Iterator[tuple[object, ...]]:
    for account in said.accounts:
        name = account.number or "orders"

        def minor(amount: int) -> str:
            return format_minor(amount, said.currency)

        yield name, said.first, "opening", "", "", "", "", minor(account.opening_minor), said.currency
        for row in account.rows:
            yield (
                name,
                row.day,
                row.kind,
                row.number,
                row.order_number,
                minor(row.charged_minor),
                minor(row.paid_minor),
                minor(row.balance_minor),
                said.currency,
            )
        closing = (minor(account.charged_minor), minor(account.paid_minor), minor(account.closing_minor))
        yield name, said.last, "closing", "", "", *closing, said.currency


def _found(connection: Connection, text: str, *, people: bool) -> list[tuple[str, str]]:
    """Return (id, what to call them) of customers; each mail address or telephone number once."""
    of_order = connection.execute(
        sa.select(sa.func.coalesce(later_orders.c.contact_id, orders.c.customer_id))
        .outerjoin(later_orders, later_orders.c.order_id == orders.c.order_id)
        .where(orders.c.number == text.upper())
    ).scalars()
    known = {customer: text for customer in of_order if customer}
    at_till = connection.execute(
        sa.select(orders.c.customer_id).where(orders.c.customer_id == text).limit(1)
    ).scalar()
    if at_till:
        known[at_till] = text
    if people:
        rows = connection.execute(
            sa.select(contacts.c.contact_id, contacts.c.name, contacts.c.email, contacts.c.phone)
            .where(is_like(text))
            .order_by(contacts.c.name, contacts.c.changed_us.desc())
            .limit(500)
        )
        seen: set[str] = set()
        for row in rows:
            same = row.email or row.phone or row.contact_id
            if same not in seen and len(known) < FOUND:
                seen.add(same)
                known[row.contact_id] = " · ".join(filter(None, (row.name.title(), row.email, row.phone)))
    return list(known.items())
