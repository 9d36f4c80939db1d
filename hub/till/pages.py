"""Store days: till sessions and their closes as the hub added them up again."""

from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from hub.console.web import (
    EXPORT_ROWS,
    FINANCE,
    PAGE_ROWS,
    csv_file,
    filled,
    locked,
    may,
    pages_of,
    place_names,
    show,
)
from hub.service.forms import Form
from hub.till import audit_reads, reads
from hub.till.audit_pages import limit_text
from hub.till.rows import UNDECIDED
from hub.web import Anybody, Finance, TheHub
from protocol.kit.text import _
from protocol.kit.web.filters import amount

Page = Annotated[int, Query(ge=1, le=20_000)]
Day = Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2})?$")]
Name = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]
COUNTED: Final = ("sales", "returns", "voids", "no_sales")

router = APIRouter(include_in_schema=False)


@router.get("/finance/days")
def days(
    request: Request, hub: TheHub, person: Anybody, *, day: Day = "", store: Name = "", page: Page = 1
) -> Response:
    """List till sessions by day, each with its close."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    with hub.database.read() as connection:
        found, total = reads.listed(
            connection, day=day, store=store, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS
        )
        closes, tied, off = reads.counts(connection)
        waits = audit_reads.waiting_by_session(connection, [row.session_id for row in found])
        names = place_names(connection)
    return show(
        request,
        "till/days.html",
        found=found,
        total=total,
        closes=closes,
        tied=tied,
        off=off,
        waits=waits,
        page=page,
        pages=pages_of(total),
        day=day,
        store=store,
        query=filled({"day": day, "store": store}),
        names=names,
        places=sorted(((p, n) for p, n in names.items() if p != "hub"), key=lambda item: item[1]),
    )


@router.get("/finance/days.csv")
def days_file(hub: TheHub, _person: Finance, day: Day = "", store: Name = "") -> Response:
    """Send till sessions as a file."""
    head = ("business_date", "store", "till", "state", "close", "ties", "difference")

    def lines() -> Iterator[tuple[object, ...]]:
        with hub.database.read(slowly=True) as connection:
            names = place_names(connection)
            for row in reads.listed(connection, day=day, store=store, limit=EXPORT_ROWS)[0]:
                gap = "" if row.difference_minor is None else _plain(row.difference_minor, row.currency)
                ties = "" if row.matches is None else "yes" if row.matches else "no"
                place = names.get(row.location, row.location)
                yield row.business_date, place, row.till, row.state, row.number, ties, gap

    return csv_file("store-days", head, lines())


@router.get("/finance/days/{session_id}")
def close(
    request: Request,
    hub: TheHub,
    person: Anybody,
    session_id: Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")],
) -> Response:
    """Show one close: what the store said beside what its events add up to."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    with hub.database.read() as connection:
        found = reads.close_of(connection, session_id)
        hits = audit_reads.of_session(connection, session_id)
        names = place_names(connection)
    return show(
        request,
        "till/close.html",
        close=found,
        day=found.day,
        names=names,
        sums=_sums(found),
        hits=hits,
        waits=sum(hit.state in UNDECIDED for hit in hits),
        limit_text=limit_text,
        form=Form(),
    )


def _sums(close: reads.Close) -> list[tuple[str, str, str, bool]]:
    """Return each sum as (name, said, added up, the same)."""
    words = {
        "sales": _("Sales"),
        "sales_minor": _("Sold"),
        "returns": _("Returns"),
        "returns_minor": _("Returned"),
        "voids": _("Voids"),
        "voids_minor": _("Voided"),
        "discounts_minor": _("Discounts"),
        "no_sales": _("Drawer opened without a sale"),
        "cash_minor": _("Cash taken"),
        "card_minor": _("Card taken"),
        "float_minor": _("Float"),
    }
    rare = {
        "store_credit_minor": _("Store credit"),
        "gift_card_minor": _("Gift cards taken"),
        "gift_cards_minor": _("Gift cards sold"),
        "fees_minor": _("Restocking fees"),
        "paid_in_minor": _("Paid in"),
        "paid_out_minor": _("Paid out"),
        "loans_minor": _("From the safe"),
        "drops_minor": _("To the safe"),
    }
    found = []
    for name, word in (words | rare).items():
        said, again = close.said.get(name, 0), close.again.get(name, 0)
        if name in rare and not said and not again:
            continue
        if name in COUNTED:
            shown = str(said), str(again)
        else:
            shown = amount(said, close.day.currency), amount(again, close.day.currency)
        found.append((word, *shown, said == again))
    return found


def _plain(minor: int, currency: str) -> str:
    return amount(minor, currency).replace(",", "").replace("\u2212", "-")
