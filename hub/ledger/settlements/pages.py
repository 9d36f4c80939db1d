"""What providers paid out: the list, taking a file in, and one settlement row by row."""

from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from hub.console.web import FINANCE, PAGE_ROWS, locked, may, pages_of, place_names, show
from hub.context import Hub
from hub.ledger.chart import mapping_of
from hub.ledger.pages import entities
from hub.ledger.rows import journals
from hub.ledger.settlements import mappers, steps
from hub.ledger.settlements.rows import settlements
from hub.ledger.settlements.steps import Taken, Wanted
from hub.service.forms import Form
from hub.spine.rows import orders
from hub.web import Anybody, Finance, TheHub
from protocol.errors import Invalid, OrderspineError
from protocol.kit.text import _

FILE_PAGE = "/finance/settlements"
Entity = Annotated[str, Query(max_length=40, pattern=r"^[A-Za-z0-9-]*$")]
Page = Annotated[int, Query(ge=1, le=20_000)]
FIELDS = ("entity", "provider", "mapper", "reference", "day", "payout")

router = APIRouter(include_in_schema=False)


@router.get(FILE_PAGE)
def listed(
    request: Request, hub: TheHub, person: Anybody, *, entity: Entity = "", page: Page = 1
) -> Response:
    """List what was paid out, the newest first, and take another file in."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    return _page(request, hub, entity, Form(), page=page)


@router.post(FILE_PAGE)
async def take(request: Request, hub: TheHub, person: Finance) -> Response:
    """Take a file in whole, or say what is wrong with it."""
    form = Form()
    async with request.form(max_fields=20, max_files=1) as sent:
        file = sent.get("file")
        data = await file.read() if isinstance(file, UploadFile) else b""
        for name in FIELDS:
            form.texts[name] = str(sent.get(name) or "").replace("\x00", "").strip()[:80]

    def act() -> Response:
        try:
            taken = steps.take(hub, data, _wanted(hub, form), by=person.name)
        except OrderspineError as error:
            form.refuse(error)
            return _page(request, hub, form.get("entity"), form, status=error.http_status)
        return _page(request, hub, form.get("entity"), Form(), taken=taken)

    return await run_in_threadpool(act)


@router.get(FILE_PAGE + "/{settlement_id}")
def one(
    request: Request,
    hub: TheHub,
    person: Anybody,
    settlement_id: Annotated[str, Path(max_length=64, pattern=r"^[0-9a-z]+$")],
) -> Response:
    """Show one settlement row by row, with the journal that it posted."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    with hub.database.read() as connection:
        head, rows = steps.one(connection, settlement_id)
        journal = connection.execute(
            sa.select(journals.c.journal_id).where(journals.c.event_id == head.event_id)
        ).scalar()
        ids = [row.order_id for row in rows if row.order_id][:1_000]
        numbers = {
            row.order_id: row.number
            for row in connection.execute(
                sa.select(orders.c.order_id, orders.c.number).where(orders.c.order_id.in_(ids))
            )
        }
    return show(request, "ledger/settlement.html", head=head, rows=rows, journal=journal, numbers=numbers)


def _wanted(hub: Hub, form: Form) -> Wanted:
    payout = form.minor("payout", hub.settings.currency) if form.get("payout") else None
    wanted = Wanted(
        entity=form.get("entity")[:40],
        provider=form.get("provider").lower()[:40],
        mapper=form.get("mapper"),
        reference=form.get("reference")[:60],
        paid_on=form.get("day"),
        payout_minor=payout,
    )
    for name in ("entity", "provider", "reference", "day"):
        if not form.get(name):
            form.errors[name] = _("Fill this in.")
    if form.errors:
        raise Invalid(
            _("Something is missing or cannot be read."), _("Look at the marked fields."), code="bad_form"
        )
    return wanted


def _page(
    request: Request,
    hub: Hub,
    entity: str,
    form: Form,
    *,
    page: int = 1,
    status: int = 200,
    taken: Taken | None = None,
) -> Response:
    with hub.database.read() as connection:
        known = entities(connection)
        chosen = entity if entity in known else (known[0] if known else "")
        own = settlements.c.entity == chosen
        found = connection.execute(
            sa.select(settlements)
            .where(own)
            .order_by(settlements.c.paid_on.desc(), settlements.c.at_us.desc())
            .limit(PAGE_ROWS)
            .offset((page - 1) * PAGE_ROWS)
        ).all()
        total = connection.execute(
            sa.select(sa.func.count()).select_from(settlements).where(own)
        ).scalar_one()
        names = place_names(connection)
        known_mappers = [(mapper.name, mapper.title) for mapper in mappers.listed(connection)]
        held = mappers.held(connection, chosen)
        accounts = mapping_of(connection, chosen) if chosen else {}
    return show(
        request,
        "ledger/settlements.html",
        status_code=status,
        entities=known,
        entity=chosen,
        found=found,
        page=page,
        pages=pages_of(int(total)),
        mappers=known_mappers,
        held=held,
        accounts=accounts,
        form=form,
        names=names,
        taken=taken,
    )
