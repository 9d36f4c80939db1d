"""Finding orders: filters as they stand in an address, a page of what they find, and the same as a file."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import Query
from sqlalchemy.engine import Connection

from hub.service.listing import View, text_clause, view_clause
from hub.spine.reads import OrderHead
from hub.spine.rows import order_lines, orders
from protocol.errors import Invalid
from protocol.money import parse_minor

_SORTS: Final = {
    "at": orders.c.at_us,
    "number": orders.c.number,
    "total": orders.c.total_minor,
    "store": orders.c.location,
}
_COLUMNS: Final = [orders.c[name] for name in OrderHead.__dataclass_fields__]
_CHUNK: Final = 1_000
_TEXT: Final = r"^[^\x00]*$"
_DATE: Final = r"^(\d{4}-\d{2}-\d{2})?$"


@dataclass(frozen=True, slots=True)
class Filters:
    """What an address asks for; empty means everything."""

    q: str = ""
    store: str = ""
    state: str = ""
    begin: str = ""
    end: str = ""
    amount: str = ""
    sort: str = "-at"
    view: View = ""
    """Of orders for later: how the customer gets them, what is late, what waits for somebody at the hub."""

    def query(self) -> dict[str, str]:
        """Return them as they stand in an address, without what says nothing."""
        words = {"begin": "from", "end": "to"}
        said = {words.get(name, name): value for name, value in asdict(self).items() if value}
        if said.get("sort") == "-at":
            del said["sort"]
        return said

    @property
    def narrow(self) -> bool:
        """Tell whether anything is left out."""
        said = (self.q, self.store, self.state, self.begin, self.end, self.amount, self.view)
        return any(said)


@dataclass(frozen=True, slots=True)
class Eye:
    """Who looks, and when; `people`: whoever looks may find customers by their name, phone or mail."""

    currency: str
    now_us: int
    people: bool = False


def asked(  # noqa: PLR0913 - the filters of a list are its parameters
    *,
    q: Annotated[str, Query(max_length=64, pattern=_TEXT)] = "",
    store: Annotated[str, Query(max_length=64, pattern=_TEXT)] = "",
    state: Annotated[str, Query(max_length=20, pattern=r"^[a-z_]*$")] = "",
    begin: Annotated[str, Query(alias="from", pattern=_DATE)] = "",
    end: Annotated[str, Query(alias="to", pattern=_DATE)] = "",
    amount: Annotated[str, Query(max_length=16, pattern=r"^[£€$ \d.,]*$")] = "",
    sort: Annotated[str, Query(pattern=r"^-?(at|number|total|store)$")] = "-at",
    view: View = "",
) -> Filters:
    """Read the filters of an address."""
    return Filters(q.strip(), store, state, begin, end, amount.strip(" £€$"), sort, view)


def found(
    connection: Connection, filters: Filters, eye: Eye, *, limit: int, offset: int = 0
) -> tuple[list[OrderHead], int]:
    """Return a page of orders and how many there are in all."""
    where = _where(filters, eye)
    total = connection.execute(sa.select(sa.func.count()).select_from(orders).where(*where)).scalar_one()
    rows = connection.execute(
        sa.select(*_COLUMNS).where(*where).order_by(*_order(filters)).limit(limit).offset(offset)
    ).all()
    return [OrderHead(*row) for row in rows], int(total)


def all_of(connection: Connection, filters: Filters, eye: Eye, *, limit: int) -> Iterator[OrderHead]:
    """Return every order that the filters find, up to a limit, without holding them all."""
    query = sa.select(*_COLUMNS).where(*_where(filters, eye)).order_by(*_order(filters)).limit(limit)
    for row in connection.execute(query.execution_options(yield_per=_CHUNK)):
        yield OrderHead(*row)


def newest(connection: Connection) -> int:
    """Return the place in the log of the newest order."""
    return int(connection.execute(sa.select(sa.func.max(orders.c.apply_order))).scalar() or 0)


def newer_than(connection: Connection, apply_order: int, filters: Filters, eye: Eye) -> int:
    """Return how many orders came since, as far as the filters find them."""
    where = [*_where(filters, eye), orders.c.apply_order > apply_order]
    return int(connection.execute(sa.select(sa.func.count()).select_from(orders).where(*where)).scalar_one())


def _order(filters: Filters) -> tuple[Any, Any]:
    column = _SORTS[filters.sort.removeprefix("-")]
    down = filters.sort.startswith("-")
    return (
        column.desc() if down else column.asc(),
        orders.c.apply_order.desc() if down else orders.c.apply_order.asc(),
    )


def _where(filters: Filters, eye: Eye) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if filters.q:
        begin = filters.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        with_sku = sa.select(order_lines.c.order_id).where(order_lines.c.sku == filters.q.upper())
        where.append(
            orders.c.number.like(begin, escape="\\")
            | (orders.c.customer_id == filters.q)
            | orders.c.order_id.in_(with_sku)
            | text_clause(filters.q, people=eye.people)
        )
    if filters.store:
        where.append(orders.c.location == filters.store)
    if filters.state:
        where.append(orders.c.state == filters.state)
    if filters.begin:
        where.append(orders.c.business_date >= filters.begin)
    if filters.end:
        where.append(orders.c.business_date <= filters.end)
    if filters.amount:
        try:
            where.append(orders.c.total_minor == parse_minor(filters.amount, eye.currency))
        except Invalid:
            where.append(sa.false())
    shown = view_clause(filters.view, eye.now_us)
    if shown is not None:
        where.append(shown)
    return where
