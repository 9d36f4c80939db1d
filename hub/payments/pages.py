"""Payments on the screen: cards of stores offline, authorisations, refunds that wait for their service."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.console.web import FINANCE, go_to, locked, may, place_names, show
from hub.context import Hub
from hub.payments import asks, rows, steps
from hub.service.forms import Form, form_of
from hub.spine import payment_rows as record
from hub.web import Anybody, Finance, TheHub
from protocol.errors import Invalid, OrderspineError
from protocol.kit.text import _

PAGE: Final = "/finance/payments"
SHOWN: Final = 200
Said = Annotated[str, Query(pattern=r"^(done)?$")]

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
def payments(request: Request, hub: TheHub, person: Anybody, said: Said = "") -> Response:
    """Show what stores are exposed to, and everything that waits for a payment service."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    return _page(request, hub, Form(), said=_("Recorded.") if said else "")


@router.post(PAGE)
async def act(request: Request, hub: TheHub, person: Finance) -> Response:
    """Say what a payment service did, or how a declined card ended."""
    form = await form_of(request)

    def work() -> Response:
        try:
            _act(hub, form, person.name)
        except OrderspineError as error:
            form.refuse(error)
            return _page(request, hub, form, status=error.http_status)
        return go_to(PAGE, said="done")

    return await run_in_threadpool(work)


def _act(hub: Hub, form: Form, by: str) -> None:
    about, why = form.get("about")[:80], form.get("why")[:300]
    doing: dict[str, Callable[[], object]] = {
        "pays": lambda: asks.answered_by_hand(hub, about, pays=True, why=why, by=by),
        "declined": lambda: asks.answered_by_hand(hub, about, pays=False, why=why, by=by),
        "paid_again": lambda: asks.made_good(hub, about, how="paid_again", reason=why, by=by),
        "written_off": lambda: asks.made_good(hub, about, how="written_off", reason=why, by=by),
        "captured": lambda: asks.captured_by_hand(hub, about, reference=why, by=by),
        "refunded": lambda: steps.confirm(
            hub, form.get("number")[:64], reference=_reference(why), command_id=about, by=by
        ),
    }
    step = doing.get(form.get("act"))
    if step is None:
        raise Invalid(_("Nobody knows this step."), _("Use one of the buttons."), code="bad_step")
    step()


def _reference(text: str) -> str:
    if not text.strip():
        raise Invalid(
            _("The reference is missing."), _("Type what the payment service calls it."), code="no_reference"
        )
    return text.strip()


def _page(request: Request, hub: Hub, form: Form, *, said: str = "", status: int = 200) -> Response:
    with hub.database.read() as connection:
        values: dict[str, Any] = {
            "exposure": record.exposure(connection),
            "cards": _some(connection, record.offline_cards, ("declined_late", "offline_pending")),
            "held": _some(connection, record.authorisations, ("authorised",)),
            "captures": _some(connection, rows.payment_asks, ("queued", "failed"), kind="capture"),
            "refunds": rows.waiting_refunds(connection, SHOWN),
            "names": place_names(connection),
        }
    return show(request, "payments/payments.html", status_code=status, said=said, form=form, **values)


def _some(connection: Connection, table: sa.Table, states: tuple[str, ...], *, kind: str = "") -> list[Any]:
    """Return the rows of a table in some states, the oldest of each state first."""
    since = next(table.c[name] for name in ("taken_us", "made_us", "created_us") if name in table.c)
    query = sa.select(table).where(table.c.state.in_(states)).order_by(table.c.state, since).limit(SHOWN)
    if kind:
        query = query.where(table.c.kind == kind)
    return list(connection.execute(query))
