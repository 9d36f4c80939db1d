"""Pages of what another decision would have been: replays with their progress, one order elsewhere."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.console.web import OPS, go_to, may, place_names, show
from hub.context import Hub
from hub.route.facts.current import active_version
from hub.route.facts.steps import versions
from hub.route.steps import order_id_of
from hub.route.what_if import order as one_order
from hub.route.what_if import past, steps, words
from hub.service.forms import Form, form_of
from hub.web import Anybody, Number, Ops, TheHub
from protocol.errors import Invalid
from protocol.kit.text import _

PATH: Final = "/routing/replays"
router = APIRouter(include_in_schema=False)
Place = Annotated[str, Query(max_length=40, pattern=r"^[a-z0-9-]*$")]


@router.get(PATH)
def page(request: Request, hub: TheHub, person: Anybody) -> Response:
    """Show the newest replays."""
    return _list(request, hub, Form(), may_edit=may(person, OPS))


@router.post(PATH)
async def ask(request: Request, hub: TheHub, person: Ops) -> Response:
    """Ask for a replay; it is worked off in the background."""
    form = await form_of(request)
    return await run_in_threadpool(_asked, request, hub, form, person.name)


@router.get("/routing/replays/{replay_id}")
def one(
    request: Request,
    hub: TheHub,
    _person: Anybody,
    replay_id: Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")],
) -> Response:
    """Show how far a replay is, or what it came to."""
    with hub.database.read() as connection:
        row = steps.find(connection, replay_id)
        names = place_names(connection)
    done = row.state == "done"
    left, right = (row.body[side]["load"] if done else {} for side in ("left", "right"))
    everywhere = sorted(left.keys() | right.keys(), key=lambda at: (-right.get(at, 0), at))
    loads = [(names.get(at, at), left.get(at, 0), right.get(at, 0)) for at in everywhere]
    return show(
        request,
        "route/replay.html",
        row=row,
        sums=words.sums(row.body) if done else [],
        loads=loads,
        most=max([right for _name, _left, right in loads], default=0),
        names=names,
    )


@router.get("/orders/{number}/what-if")
def what_if(  # noqa: PLR0917 - each is a parameter of the address
    request: Request,
    hub: TheHub,
    _person: Anybody,
    number: Number,
    insist: Place = "",
    without: Place = "",
    version: Annotated[str, Query(pattern=r"^\d{0,15}$")] = "",
) -> Response:
    """Show what an order would come to under other rules or elsewhere; nothing is changed."""
    form = Form(texts={"insist": insist, "without": without, "version": version})
    found: one_order.Result | None = None
    with hub.database.read() as connection:
        order_id = order_id_of(connection, number)
        wanted = one_order.Wanted(int(version) if version else None, insist, frozenset({without} - {""}))
        try:
            found = one_order.what_if(hub, connection, order_id, wanted)
        except Invalid as error:
            form.refuse(error)
        names = place_names(connection)
        choices = _choices(connection)
        places = past.place_choices(connection)
    return show(
        request,
        "route/what_if.html",
        number=number,
        currency=hub.settings.currency,
        found=found,
        form=form,
        names=names,
        choices=[("", _("those that count")), *choices],
        places=[("", _("nobody")), *places],
    )


def _asked(request: Request, hub: Hub, form: Form, by: str) -> Response:
    numbers = {name: form.get(name) for name in ("left", "right", "orders")}
    try:
        if not all(text.isdigit() and len(text) <= 9 for text in numbers.values()):
            raise Invalid(_("Type a whole number of orders."), _("Then try again."), code="bad_number")
        count = int(numbers["orders"])
        if not 1 <= count <= past.MOST:
            raise Invalid(
                _("At most {n} orders are routed again at once.", n=past.MOST),
                _("Ask for fewer."),
                code="too_many",
            )
        replay_id = steps.ask(hub, left=int(numbers["left"]), right=int(numbers["right"]), count=count, by=by)
    except Invalid as error:
        form.refuse(error)
        return _list(request, hub, form, may_edit=True)
    return go_to(f"{PATH}/{replay_id}")


def _list(request: Request, hub: Hub, form: Form, *, may_edit: bool) -> Response:
    with hub.database.read() as connection:
        values: dict[str, Any] = {
            "rows": steps.newest(connection),
            "choices": _choices(connection),
            "counts": active_version(connection),
            "newest": max([each.version for each in versions(connection)], default=0),
        }
    status = 422 if form.errors else 200
    return show(request, "route/replays.html", status_code=status, form=form, may_edit=may_edit, **values)


def _choices(connection: Connection) -> list[tuple[str, str]]:
    counts = active_version(connection)
    found = [(each.version, each.made_by) for each in versions(connection)]
    return [
        (
            str(version),
            _("Version {n}, counts", n=version) if version == counts else _("Version {n}", n=version),
        )
        for version, _by in [*found, (0, "")]
    ]
