"""The pages of transfers: what is open and on its way, one with its timeline, what somebody decides about it.

Every act has a page of its own: what is typed there is not disturbed by what happens meanwhile, and a refusal
comes back on the same page with everything that was typed.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.console.web import (
    EXPORT_ROWS,
    FINANCE,
    OPS,
    PAGE_ROWS,
    csv_file,
    filled,
    go_to,
    locked,
    may,
    pages_of,
    place_names,
    show,
)
from hub.context import Hub
from hub.exceptions import rows as exceptions
from hub.fleet.rows import all_locations, link_sessions
from hub.ledger import reads as books
from hub.service.forms import Form, form_of
from hub.spine import reads as record
from hub.spine.timeline import Moment, moments
from hub.transfers import figures, reads, steps
from hub.transfers.reads import Filters, TransferPage
from hub.transfers.rules import BEFORE_LEAVING, STILL_TO_COME, State
from hub.transfers.wanted import CancelWanted, DecideWanted, ExtendWanted, MatchWanted
from hub.web import Anybody, Number, Ops, Text, TheHub
from protocol.clock import from_us
from protocol.errors import NotFound, OrderspineError
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

router = APIRouter(include_in_schema=False)
Page = Annotated[int, Query(ge=1, le=20_000)]
ViewName = Annotated[str, Query(pattern=r"^(open|way|decide|unexplained|over|all)$")]
Said = Annotated[str, Query(pattern=r"^(asked|cancelled|requested|settled|counting|extended|matched|kept)?$")]
KEY_BYTES: Final = 8
_CHUNK: Final = 500


def said_of(word: str) -> str:
    """Return what the page says after something was done."""
    words = {
        "asked": _("Asked. The source hears of it at once, or when it is back."),
        "cancelled": _("Taken back. The source never heard of it."),
        "requested": _(
            "Asked. Until the location answers this is requested, and everything stands as it was."
        ),
        "settled": _("Settled. Both places hear of it, and nothing of it is on its way any more."),
        "counting": _("Settled. The source is asked to count."),
        "extended": _("It is waited for until then."),
        "matched": _("Asked. The destination says what it made of it."),
        "kept": _("Kept. These units count as found from now on."),
    }
    return words.get(word, "")


@router.get("/transfers")
def transfers(  # noqa: PLR0913, PLR0917 - the filters of a list are its parameters
    request: Request,
    hub: TheHub,
    person: Anybody,
    view: ViewName = "open",
    location: Text = "",
    q: Text = "",
    page: Page = 1,
    said: Said = "",
) -> Response:
    """List transfers, with what is on its way between which places above them."""
    filters = _filters(view, location, q)
    with hub.database.read() as connection:
        found, total = reads.listed(connection, filters, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS)
        receipts = reads.unexplained(connection, location=location) if view in {"open", "unexplained"} else []
        lanes = figures.lanes(connection)
        totals = figures.totals(connection)
        names = place_names(connection)
        places = active_places(connection)
    query = filled({"view": "" if view == "open" else view, "location": location, "q": q.strip()})
    return show(
        request,
        "transfers/transfers.html",
        said=said_of(said),
        found=found,
        total=total,
        receipts=receipts,
        lanes=lanes,
        totals=totals,
        names=names,
        places=places,
        view=view,
        location=location,
        q=q,
        page=page,
        pages=pages_of(total),
        query=query,
        may_act=may(person, OPS),
    )


@router.get("/transfers.csv")
def export(
    hub: TheHub, _person: Anybody, view: ViewName = "open", location: Text = "", q: Text = ""
) -> Response:
    """Send what the filters find as a file."""
    head = (
        "number", "from", "to", "state", "asked", "sent", "arrived", "on_the_way", "worth_minor", "requested",
        "left", "orders",
    )  # fmt: skip
    filters = _filters(view, location, q)

    def lines() -> Iterator[tuple[object, ...]]:
        with hub.database.read(slowly=True) as connection:
            names = place_names(connection)
            for offset in range(0, EXPORT_ROWS, _CHUNK):
                found, _total = reads.listed(connection, filters, limit=_CHUNK, offset=offset)
                for each in found:
                    yield (
                        each.number,
                        names.get(each.source, each.source),
                        names.get(each.destination, each.destination),
                        each.state,
                        each.asked,
                        each.shipped,
                        each.received,
                        each.transit,
                        each.transit_minor,
                        from_us(each.created_us).isoformat(timespec="seconds"),
                        from_us(each.shipped_us).isoformat(timespec="seconds") if each.shipped_us else "",
                        " ".join(each.orders),
                    )
                if len(found) < _CHUNK:
                    return

    return csv_file("transfers", head, lines())


def _filters(view: str, location: str, q: str) -> Filters:
    asked: Any = "all" if view == "unexplained" else view
    return Filters(view=asked, location=location, text=q.strip())


def active_places(connection: Connection) -> list[tuple[str, str]]:
    """Return the locations that may send and receive, by name."""
    rows = [row for row in all_locations(connection) if row.status == "active"]
    return sorted(((row.location_id, row.name) for row in rows), key=lambda place: place[1])


@router.get("/transfers/receipts/{receipt_id}")
def receipt_page(request: Request, hub: TheHub, person: Anybody, receipt_id: Number) -> Response:
    """Show goods that belong to no transfer, and what they may be of."""
    return _receipt_page(request, hub, person, receipt_id, Form())


@router.post("/transfers/receipts/{receipt_id}")
async def receipt_act(request: Request, hub: TheHub, person: Ops, receipt_id: Number) -> Response:
    """Say which transfer goods are of, or keep them as found."""
    form = await form_of(request)

    def do() -> str:
        by = steps.By(name=person.name, key=form.get("key"))
        if form.get("act") == "keep":
            kept = form.read(CancelWanted, {"reason": form.get("reason")})
            if kept is None:
                return ""
            steps.accept_receipt(hub, receipt_id, kept, by)
            return "kept"
        wanted = form.read(MatchWanted, {"receipt_id": receipt_id})
        if wanted is None:
            return ""
        steps.match(hub, form.get("transfer")[:64], wanted, by)
        return "matched"

    def work() -> Response:
        done, status = _try(form, do)
        if done:
            return go_to("/transfers", view="unexplained", said=done)
        return _receipt_page(request, hub, person, receipt_id, form, status=status)

    return await run_in_threadpool(work)


def _receipt_page(
    request: Request, hub: Hub, person: CurrentPerson, receipt_id: str, form: Form, *, status: int = 200
) -> Response:
    with hub.database.read() as connection:
        receipt = reads.find_unexplained(connection, receipt_id)
        choices = reads.candidates(connection, receipt)
        names = place_names(connection)
    form.set_default(key=hub.ids.secret(KEY_BYTES))
    return show(
        request,
        "transfers/receipt.html",
        status_code=status,
        receipt=receipt,
        choices=choices,
        names=names,
        form=form,
        may_act=may(person, OPS),
    )


@router.get("/transfers/{number}")
def one(request: Request, hub: TheHub, person: Anybody, number: Number, said: Said = "") -> Response:
    """Show one transfer: where its goods are, its cartons, and what each step did to the books."""
    with hub.database.read() as connection:
        found, names = reads.find(connection, number), place_names(connection)
        spine, raised = _spine(connection, hub, found, names)
    return show(
        request,
        "transfers/transfer.html",
        said=said_of(said),
        said_shape="wait" if said in {"requested", "matched", "asked"} else "done",
        page=found,
        head=found.transfer,
        spine=spine,
        steps=_coming(found),
        names=names,
        open=[row for row in raised if row.state == "open"],
        may_act=may(person, OPS),
        may_books=may(person, FINANCE),
        can_cancel=found.transfer.state in BEFORE_LEAVING and not found.transfer.cancel_asked,
        business=_Day(),
    )


class _Day:
    """What the timeline asks its record for; a transfer has no business date."""

    business_date: Final = ""


def _spine(
    connection: Connection, hub: Hub, page: TransferPage, names: dict[str, str]
) -> tuple[list[Moment], list[exceptions.ExceptionRow]]:
    subject = f"transfer:{page.transfer.transfer_id}"
    happened = record.timeline(connection, subject)
    known = {event.event_id for event in happened}
    for receipt in page.receipts:
        happened += [
            event
            for event in record.timeline(connection, f"receipt:{receipt.receipt_id}")
            if event.event_id not in known
        ]
    raised = list(exceptions.of_subject(connection, subject))
    skews = connection.execute(sa.select(link_sessions.c.edge, link_sessions.c.skew_us))
    spine = moments(
        happened,
        books.of_events(connection, [event.event_id for event in happened]),
        raised,
        names,
        {row.edge: row.skew_us for row in skews},
        replayed=hub.settings.replay_clock,
        zone=hub.settings.zone,
    )
    return spine, raised


def _coming(page: TransferPage) -> list[dict[str, Any]]:
    """Return the steps that are still to come, for the end of the timeline."""
    words = {
        "accepted": (_("Accepted"), _("The source sets the goods aside.")),
        "picked": (_("Picked"), _("They come off the shelf.")),
        "packed": (_("Packed"), _("Into cartons with a label each.")),
        "on_the_way": (_("Leaves"), _("The goods are on their way at what they cost.")),
        "received": (_("Arrives"), _("The destination takes them in.")),
    }
    left = STILL_TO_COME.get(State(page.transfer.state), ())
    return [{"title": words[step][0], "says": words[step][1], "due": False} for step in left]


@router.get("/transfers/{number}/cancel")
def cancel_page(request: Request, hub: TheHub, person: Anybody, number: Number) -> Response:
    """Show what it means to take a transfer back."""
    return _form_page(request, hub, person, number, "transfers/cancel.html", Form())


@router.post("/transfers/{number}/cancel")
async def cancel(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Take a transfer back, or ask its source not to send it."""
    form = await form_of(request)

    def do() -> str:
        wanted = form.read(CancelWanted, {"reason": form.get("reason")})
        if wanted is None:
            return ""
        by = steps.By(name=person.name, key=form.get("key"))
        return "requested" if steps.cancel(hub, number, wanted, by).requested else "cancelled"

    return await run_in_threadpool(_act, request, hub, person, number, "transfers/cancel.html", form, do)


@router.get("/transfers/{number}/settle")
def settle_page(request: Request, hub: TheHub, person: Anybody, number: Number) -> Response:
    """Show what did not arrive as it was sent, and what each choice does."""
    return _form_page(request, hub, person, number, "transfers/settle.html", Form())


@router.post("/transfers/{number}/settle")
async def settle(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Settle a transfer, or wait for it until another day."""
    form = await form_of(request)

    def do() -> str:
        by = steps.By(name=person.name, key=form.get("key"))
        if form.get("act") == "wait":
            wanted_wait = form.read(
                ExtendWanted,
                {
                    "arrive_by_us": form.day_us("until", hub.settings.zone),
                    "reason": form.get("why"),
                },
                {"reason": "why", "arrive_by_us": "until"},
            )
            if wanted_wait is None or form.errors:
                return ""
            steps.extend(hub, number, wanted_wait, by)
            return "extended"
        said = {"lines": _choices(form), "reason": form.get("reason")}
        wanted = form.read(DecideWanted, said, {"lines": ""})
        if wanted is None:
            return ""
        return "counting" if steps.decide(hub, number, wanted, by).counting else "settled"

    return await run_in_threadpool(_act, request, hub, person, number, "transfers/settle.html", form, do)


def _choices(form: Form) -> list[dict[str, Any]]:
    """Return what was chosen for each line; a field is named `choice-<line>-<sku>`."""
    found = []
    for name, choice in form.texts.items():
        line_no, _dash, sku = name.removeprefix("choice-").partition("-")
        if name.startswith("choice-") and line_no.isdecimal() and len(line_no) < 4 and sku and choice:
            found.append({"line_no": int(line_no), "sku": sku, "choice": choice})
    return found


def _try(form: Form, do: Callable[[], str]) -> tuple[str, int]:
    """Do what a form asks for; return what was done, or nothing and the status of the refusal."""
    try:
        return do(), 422
    except NotFound:
        raise
    except OrderspineError as error:
        form.refuse(error)
        return "", error.http_status


def _act(  # noqa: PLR0917 - what a form page is made of, and what it does
    request: Request,
    hub: Hub,
    person: CurrentPerson,
    number: str,
    template: str,
    form: Form,
    do: Callable[[], str],
) -> Response:
    done, status = _try(form, do)
    if done:
        return go_to(f"/transfers/{quote(number)}", said=done)
    return _form_page(request, hub, person, number, template, form, status=status)


def _form_page(  # noqa: PLR0917 - what a form page is made of
    request: Request,
    hub: Hub,
    person: CurrentPerson,
    number: str,
    template: str,
    form: Form,
    *,
    status: int = 200,
) -> Response:
    if not may(person, OPS):
        return locked(request, _("Changing a transfer"), OPS)
    with hub.database.read() as connection:
        found, names = reads.find(connection, number), place_names(connection)
    form.set_default(key=hub.ids.secret(KEY_BYTES))
    return show(
        request, template, status_code=status, page=found, head=found.transfer, names=names, form=form
    )
