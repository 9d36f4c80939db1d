"""Contacts over HTTPS: stores tell of customers and fetch those whose orders they have; people may erase."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from hub.customers import rows, steps
from hub.customers.steps import Kept, MaySee
from hub.database import HubDatabase, HubUnit
from hub.fleet.api import EdgeDoor
from hub.web import REFUSALS, Admin, Ops, TheHub
from protocol.clock import Clock
from protocol.customers import CONTACT_BYTES, Contact
from protocol.errors import Invalid, NotFound, TooLarge
from protocol.kit.text import _

router = APIRouter(prefix="/api/contacts", tags=["customers"], responses=REFUSALS)
ContactId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


class KeptView(BaseModel):
    """Which version the hub has now, and whether it is the one that was sent."""

    contact_id: str
    version: int
    kept: bool


def edge_contacts(database: HubDatabase, *, clock: Clock, may_see: MaySee) -> APIRouter:
    """Return the routes by which stores tell of contacts and fetch them."""
    edge_router = APIRouter(prefix="/edge/contacts", include_in_schema=False)
    Edge = Annotated[str, Depends(EdgeDoor(database))]  # noqa: N806 - a type for the routes below

    @edge_router.put("/{contact_id}")
    async def put_contact(contact_id: ContactId, request: Request, edge: Edge) -> KeptView:
        contact = _read(await _body(request), contact_id)

        def step(unit: HubUnit) -> Kept:
            return steps.tell(unit, edge, contact, now_us=clock.now_us(), may_see=may_see)

        return KeptView(**asdict(await database.awrite(step)))

    @edge_router.get("/{contact_id}")
    async def get_contact(contact_id: ContactId, edge: Edge) -> Contact:
        def look() -> Contact:
            with database.read() as connection:
                return steps.show(connection, edge, contact_id, may_see=may_see)

        return await run_in_threadpool(look)

    return edge_router


@router.get("/{contact_id}")
def one(hub: TheHub, _person: Ops, contact_id: ContactId) -> Contact:
    """Show a contact."""
    with hub.database.read() as connection:
        found = rows.find(connection, contact_id)
    if found is None:
        raise NotFound(_("There is no such contact."), _("Look the order up again."), code="no_contact")
    return found


@router.post("/{contact_id}/erase")
def erase(hub: TheHub, _person: Admin, contact_id: ContactId) -> Contact:
    """Empty a contact; its id stays, so that its orders still add up."""
    return hub.database.write(lambda unit: steps.erase(unit, contact_id, now_us=hub.clock.now_us()))


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > CONTACT_BYTES:
            raise TooLarge(_("A contact may not be so large."), _("Shorten it."), limit=CONTACT_BYTES)
    return bytes(data)


def _read(data: bytes, contact_id: str) -> Contact:
    try:
        contact = Contact.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Invalid(
            _("This is not a contact."),
            _("Send the fields that the protocol names."),
            code="bad_contact",
            field=".".join(str(part) for part in first["loc"]),
            why=first["msg"],
        ) from error
    if contact.contact_id != contact_id:
        raise Invalid(_("The address names another contact."), _("Send it to its own."), code="other_contact")
    return contact
