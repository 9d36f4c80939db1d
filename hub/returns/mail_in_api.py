"""Sending back, giving money back without goods, and labels, over HTTP: for the desk and for shops."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Response
from starlette.concurrency import run_in_threadpool

from hub.context import Hub
from hub.database import HubUnit
from hub.people.vouching import vouched
from hub.returns import mail_in, money
from hub.returns import mail_in_rows as rows
from hub.returns.mail_in import MailInAnswer, MailInChange, MailInWanted
from hub.returns.mail_in_label import document_of
from hub.returns.money import GiveBack, GivenBack
from hub.web import REFUSALS, Anybody, Limit, Number, Offset, Ops, TheHub
from printing.virtual.files import KINDS, label_file
from protocol.errors import NotFound
from protocol.kit.text import _
from protocol.people import HubRole

router = APIRouter(prefix="/api", tags=["returns"], responses=REFUSALS)
LabelKind = Annotated[Literal["pdf", "png", "zpl"], Path()]
State = Annotated[str, Query(max_length=20, pattern=r"^[a-z]*$")]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")
]


@router.post(
    "/orders/{number}/mail-in",
    status_code=201,
    responses={200: {"model": MailInAnswer, "description": "Known already"}},
)
async def announce(  # noqa: PLR0917 - FastAPI names what a route needs in its signature
    hub: TheHub,
    person: Ops,
    number: Number,
    wanted: MailInWanted,
    response: Response,
    key: IdempotencyKey = None,
) -> MailInAnswer:
    """Let goods come back by parcel; the answer says where the label is."""
    said = wanted.model_copy(update={"key": key or wanted.key})
    # A password is meant to take long to check, so that is done beside the other requests.
    agreed = await run_in_threadpool(vouched, hub, wanted.approval, person, HubRole.OPS)

    def step(unit: HubUnit) -> tuple[MailInAnswer, bool]:
        return mail_in.announce(unit, hub, number, said, by=person.name, agreed=agreed)

    done, new = await hub.database.awrite(step)
    response.status_code = 201 if new else 200
    return done


@router.post("/orders/{number}/give-back", status_code=201)
async def give_back(  # noqa: PLR0917 - FastAPI names what a route needs in its signature
    hub: TheHub,
    person: Ops,
    number: Number,
    wanted: GiveBack,
    response: Response,
    key: IdempotencyKey = None,
) -> GivenBack:
    """Give money back and leave the goods with the customer."""
    said = wanted.model_copy(update={"key": key or wanted.key})

    def step(unit: HubUnit) -> tuple[GivenBack, bool]:
        return money.give_back(unit, hub, number, said, by=person.name)

    done, new = await hub.database.awrite(step)
    response.status_code = 201 if new else 200
    return done


@router.get("/returns/mail-in")
def listed(
    hub: TheHub, _person: Anybody, state: State = "", limit: Limit = 50, offset: Offset = 0
) -> list[MailInAnswer]:
    """List goods that come back by parcel, the newest first."""
    with hub.database.read() as connection:
        found, _total = rows.listed(connection, state=state, text="", limit=limit, offset=offset)
    return [mail_in.answer(each) for each in found]


@router.get("/returns/mail-in/{number}")
def one(hub: TheHub, _person: Anybody, number: Number) -> MailInAnswer:
    """Return one: what was expected, what was taken back, what was paid."""
    with hub.database.read() as connection:
        return mail_in.answer(rows.need(connection, number))


@router.post("/returns/mail-in/{number}/change")
async def change(
    hub: TheHub, person: Ops, number: Number, wanted: MailInChange, key: IdempotencyKey = None
) -> MailInAnswer:
    """Wait longer for a parcel, or no more."""
    said = wanted.model_copy(update={"key": key or wanted.key})

    def step(unit: HubUnit) -> MailInAnswer:
        return mail_in.change(unit, hub, number, said, by=person.name)[0]

    return await hub.database.awrite(step)


@router.get("/returns/mail-in/{number}/label.{kind}", response_class=Response)
def label_of(hub: TheHub, _person: Anybody, number: Number, kind: LabelKind) -> Response:
    """Return the label of a return."""
    return labelled(hub, number, kind)


def labelled(hub: Hub, number: str, kind: str) -> Response:
    """Return the label of a return that somebody may still send.

    Raises:
        NotFound: there is no such return, or nobody waits for it any more.
    """
    with hub.database.read() as connection:
        found = rows.need(connection, number)
        if found.state in {"cancelled", "closed"}:
            raise NotFound(
                _("{number} is over; its label is of no use any more.", number=found.number),
                _("Announce another return."),
                code="no_label",
            )
        document = document_of(connection, found, demo=hub.settings.demo)
    name = f'attachment; filename="{found.number}.{kind}"'
    return Response(label_file(document, kind), media_type=KINDS[kind], headers={"Content-Disposition": name})
