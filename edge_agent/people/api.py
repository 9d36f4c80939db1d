"""Sign-in, sign-out and approvals over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.people import rows, steps
from edge_agent.people.sessions import SignIns
from edge_agent.web import REFUSALS, edge_of, signed_in
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.kit.web.security import RateLimit
from protocol.kit.web.signin import CurrentPerson, SessionSigner

DeviceName = Annotated[str, Field(default="", max_length=64, pattern=r"^[A-Za-z0-9._-]*$")]


class Wanted(BaseModel):
    """What a client sends: frozen, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Tile(BaseModel):
    """One person to tap at sign-in."""

    person_id: str
    name: str
    role: str


class SignInWanted(Wanted):
    """A person by tile or badge, and the PIN."""

    person_id: str = Field(default="", max_length=64)
    badge: str = Field(default="", max_length=64)
    pin: str = Field(min_length=1, max_length=12)
    device: DeviceName = ""


class SignInAnswer(BaseModel):
    """The token for programs; browsers get the cookie and send `csrf` as `X-CSRF-Token`."""

    token: str
    csrf: str
    person: Tile


class ApprovalWanted(Wanted):
    """Another person's PIN for one action."""

    person_id: str = Field(min_length=1, max_length=64)
    pin: str = Field(min_length=1, max_length=12)
    action: str = Field(pattern=r"^[a-z_]{3,40}$")
    reason: str = Field(default="", max_length=300)


class ApprovalAnswer(BaseModel):
    """A word that can be used once, within two minutes."""

    token: str
    action: str


def router(signer: SessionSigner, sign_ins: SignIns) -> APIRouter:
    """Return the routes of this room."""
    routes = APIRouter(prefix="/api", tags=["people"], responses=REFUSALS)
    per_device = RateLimit("30 per minute")

    @routes.get("/people")
    async def people(edge: Annotated[Edge, Depends(edge_of)]) -> list[Tile]:
        """List who may sign in here; no secrets."""
        return [
            Tile(person_id=person.person_id, name=person.name, role=person.role)
            for person in rows.everybody(edge.database.read())
        ]

    @routes.post("/sign-in")
    async def sign_in(
        wanted: SignInWanted, request: Request, response: Response, edge: Annotated[Edge, Depends(edge_of)]
    ) -> SignInAnswer:
        """Sign in by tile or badge, and PIN."""
        if bool(wanted.person_id) == bool(wanted.badge):
            raise Invalid(_("Say who it is, by tile or by badge."), _("Give one of person_id and badge."))
        per_device.check(wanted.device, request.client.host if request.client else "")
        done = await steps.sign_in(
            edge,
            sign_ins,
            person_id=wanted.person_id,
            badge=wanted.badge,
            pin=wanted.pin,
            device=wanted.device,
        )
        current = done.person
        signer.sign_in(
            request,
            response,
            person_id=current.person_id,
            name=current.name,
            role=current.role,
            device=current.device,
            session_id=current.session_id,
        )
        tile = Tile(person_id=current.person_id, name=current.name, role=current.role)
        return SignInAnswer(token=done.token, csrf=signer.csrf(current), person=tile)

    @routes.post("/sign-out", status_code=204)
    async def sign_out(
        response: Response,
        edge: Annotated[Edge, Depends(edge_of)],
        person: Annotated[CurrentPerson, Depends(signed_in)],
    ) -> None:
        """End this sign-in."""
        await steps.sign_out(edge, sign_ins, person)
        signer.sign_out(response)

    _approve_route(routes, per_device)
    return routes


def _approve_route(routes: APIRouter, per_device: RateLimit) -> None:
    @routes.post("/approve")
    async def approve(
        wanted: ApprovalWanted,
        edge: Annotated[Edge, Depends(edge_of)],
        person: Annotated[CurrentPerson, Depends(signed_in)],
    ) -> ApprovalAnswer:
        """Take another person's word for one action at this device."""
        per_device.check(person.device, person.session_id)
        token = await steps.approve(
            edge,
            person_id=wanted.person_id,
            pin=wanted.pin,
            action=wanted.action,
            reason=wanted.reason,
            device=person.device,
        )
        return ApprovalAnswer(token=token, action=wanted.action)
