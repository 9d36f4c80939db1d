"""Carrying out what else an order could be promised: the verbs behind each of `hub.route.alternatives`.

Each is a command that exists without this: a change of the promise, or a cancellation. What a reader would
get wrong: what was shown may have become worse meanwhile. It is worked out again in the transaction that
does it, and one that is later than shown, or gone, is refused and not done anyhow.
"""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.capture import changes
from hub.capture import reads as captured
from hub.capture.changes import Cancellation, Change
from hub.capture.steps import By
from hub.capture.wanted import Changed
from hub.console.web import go_to
from hub.context import Hub
from hub.database import HubUnit
from hub.once import once
from hub.promises import PromiseView
from hub.route.alternatives import Alternative, Kind, alternatives_of
from hub.service.forms import form_of
from hub.spine.work import Work
from hub.web import REFUSALS, Number, Ops, TheHub, Wanted
from protocol.errors import Invalid, Refused
from protocol.kit.moments import MaybeMoment
from protocol.kit.text import _
from protocol.orders import WireModel

router = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/orders", tags=["orders"], responses=REFUSALS)
Reason = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00]*$")]


class AlternativeWanted(Wanted):
    """One that was shown: its key, and the latest moment that it may mean by now."""

    key: Annotated[str, Field(max_length=120, pattern=r"^[a-z]+:[a-z0-9-]*:[a-z0-9_-]*$")]
    until_us: MaybeMoment = 0
    """0: whenever it is."""
    reason: Reason


class AlternativeView(WireModel):
    """One thing that could be done about an order."""

    key: str
    kind: Kind
    promise: PromiseView | None
    place: str
    units: dict[str, int]
    minor: int
    """What fulfilling it costs the company; of a cancellation, what goes back to the customer."""
    shipments: int
    late_us: int
    age_seconds: int | None
    until_us: int
    """What to send with the key, so that nothing later than this is done."""


@api.get("/{number}/alternatives")
def listed(hub: TheHub, _person: Ops, number: Number) -> list[AlternativeView]:
    """Return what else an order could be promised, each with its price; nothing is set aside."""
    with hub.database.read() as connection:
        found = alternatives_of(hub, connection, captured.order_id_of(connection, number))
    return [view(each) for each in found]


@api.post("/{number}/alternatives")
async def chosen(hub: TheHub, person: Ops, number: Number, wanted: AlternativeWanted) -> Changed:
    """Do one of them, unless it means something later by now."""
    return await run_in_threadpool(take, hub, number, wanted, By(person.name))


@router.post("/orders/{number}/alternatives")
async def from_page(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Do what somebody chose on the page of the order."""
    form = await form_of(request)
    said = {"key": form.get("alternative"), "until_us": form.get("until_us") or "0"}
    wanted = form.read(AlternativeWanted, {**said, "reason": form.get("reason")})
    if wanted is None:
        raise Invalid(
            _("Say why in a few words."), _("Go back, type a reason and choose again."), code="no_reason"
        )
    done = await run_in_threadpool(take, hub, number, wanted, By(person.name, form.get("key")))
    word = "requested" if done.requested else "cancelled" if done.cancelled else "changed"
    return go_to(f"/orders/{number}", said=word)


def take(hub: Hub, number: str, wanted: AlternativeWanted, by: By) -> Changed:
    """Carry an alternative out, once for its key.

    Raises:
        Refused: it is not possible any more, or only later than was shown (`gone`, `worse`).
    """

    def step(unit: HubUnit) -> Changed:
        def do() -> Changed:
            work = changes.begin(hub, unit)
            done = carry_out(hub, work, captured.order_id_of(unit.connection, number), wanted, by.name)
            hub.finish(work)
            return done

        key = f"{by.name}/{number}/{by.key}" if by.key else ""
        return once(unit, hub, wanted, key, Changed, do)[0]

    return hub.database.write(step)


def carry_out(hub: Hub, work: Work, order_id: str, wanted: AlternativeWanted, by: str) -> Changed:
    """Carry an alternative out in the caller's transaction: a preview undoes it.

    Raises:
        Refused: as `take`.
    """
    found = next(
        (each for each in alternatives_of(hub, work.connection, order_id) if each.key == wanted.key), None
    )
    if found is None:
        raise Refused(_("This is not possible any more."), _("Look at what could be done now."), code="gone")
    if wanted.until_us and until_us(found) > wanted.until_us:
        raise Refused(
            _("By now it would be later than was shown."),
            _("Look at what could be done now, and tell the customer."),
            code="worse",
            until_us=until_us(found),
        )
    if found.promise is None:
        lines = tuple(sorted(found.units.items()))
        return changes.cancel(work, order_id, Cancellation(wanted.reason, by, by_customer=False, lines=lines))
    return changes.change(work, order_id, Change(wanted.reason, by, found.promise))


def until_us(each: Alternative) -> int:
    """Return the moment by which the customer has it, 0 for a cancellation."""
    return 0 if each.promise is None else each.promise.deliver_us or each.promise.due_us


def view(each: Alternative) -> AlternativeView:
    """Return one as programs see it."""
    return AlternativeView(
        key=each.key,
        kind=each.kind,
        promise=PromiseView.model_validate(each.promise.model_dump()) if each.promise else None,
        place=each.place,
        units={str(line_no): units for line_no, units in sorted(each.units.items())},
        minor=each.minor,
        shipments=each.shipments,
        late_us=each.late_us,
        age_seconds=each.age_seconds,
        until_us=until_us(each),
    )
