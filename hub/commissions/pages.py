"""Commissions on the screen: a figure for each associate, what stands behind it, and the rates."""

from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.commissions import rows, steps
from hub.commissions.api import MOVES, Day, Person
from hub.console.web import FINANCE, go_to, locked, may, place_names, show
from hub.context import Hub
from hub.returns.form_fields import Read
from hub.service.forms import Form, form_of
from hub.spine.rows import orders
from hub.web import Anybody, Finance, TheHub
from protocol.clock import from_us
from protocol.commissions import CommissionPlan
from protocol.errors import Invalid, StaleVersion
from protocol.kit.text import _
from protocol.money import PPM

PATH: Final = "/finance/commissions"
router = APIRouter(include_in_schema=False)


@router.get(PATH)
def figures(
    request: Request,
    hub: TheHub,
    person: Anybody,
    *,
    first: Day = "",
    last: Day = "",
    who: Person = "",
    said: Annotated[str, Query(pattern=r"^\d{0,12}$")] = "",
) -> Response:
    """Show the figure of each associate; with `who` what stands behind one."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    form = Form()
    return _page(request, hub, form, first=first, last=last, who=who, said=said)


@router.post(PATH)
async def save(request: Request, hub: TheHub, person: Finance) -> Response:
    """Let other rates count from a day on."""
    form = await form_of(request)

    def work() -> Response:
        try:
            plan, base = _wanted(form, hub.settings.currency)
            made = steps.save(hub, plan, base=base, by=person.name)
        except (Invalid, StaleVersion) as error:
            form.refuse(error)
            return _page(request, hub, form)
        return go_to(PATH, said=str(made.version))

    return await run_in_threadpool(work)


def _wanted(form: Form, currency: str) -> tuple[CommissionPlan, int]:
    labels = {"default": _("For everybody"), "named": _("Other rates"), "from_day": _("From")}
    read = Read(form.texts, currency, labels)
    named: dict[str, dict[str, int]] = {"items": {}, "people": {}, "locations": {}}
    kinds = {"item": "items", "person": "people", "store": "locations"}
    for row in read.rows("named"):
        parts = row.split()
        rate = Read({"named": parts[-1]}, currency, labels).percent("named")
        if len(parts) != 3 or parts[0] not in kinds or rate is None:
            raise read.unusable("named", row)
        named[kinds[parts[0]]][parts[1]] = rate
    base = read.whole("base") or 0
    plan = read.made(
        lambda: CommissionPlan(
            from_day=read.text("from_day"), default_ppm=read.percent("default") or 0, **named
        )
    )
    return plan, base


def _texts(plan: CommissionPlan, today: str) -> dict[str, str]:
    named = [
        f"{kind} {name} {ppm * 100 / PPM:g}"
        for kind, rates in (("item", plan.items), ("person", plan.people), ("store", plan.locations))
        for name, ppm in rates.items()
    ]
    return {
        "default": f"{plan.default_ppm * 100 / PPM:g}",
        "named": "\n".join(named),
        "from_day": today,
        "base": str(plan.version),
    }


def _page(
    request: Request,
    hub: Hub,
    form: Form,
    *,
    first: str = "",
    last: str = "",
    who: str = "",
    said: str = "",
) -> Response:
    with hub.database.read() as connection:
        found = rows.figures(connection, first=first, last=last)
        moves = rows.moves_of(connection, who, MOVES) if who else []
        known = rows.plans(connection)
        names = place_names(connection)
        numbers = _orders(connection, [row.order_id for row in moves])
    today = from_us(hub.clock.now_us()).date().isoformat()
    if not form.texts:
        form.set_default(**_texts(known[0] if known else CommissionPlan(), today))
    return show(
        request,
        "commissions/list.html",
        status_code=422 if form.errors else 200,
        found=found,
        moves=moves,
        numbers=numbers,
        plans=known,
        names=names,
        first=first,
        last=last,
        who=who,
        said=said,
        form=form,
    )


def _orders(connection: Connection, order_ids: list[str]) -> dict[str, str]:
    """Return the numbers of orders, to lead to them."""
    found = connection.execute(
        sa.select(orders.c.order_id, orders.c.number).where(orders.c.order_id.in_(set(order_ids)))
    )
    return {row.order_id: row.number for row in found}
