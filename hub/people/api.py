"""Sign-in and sign-out over HTTP."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from hub.people import steps
from hub.people.steps import SignIns
from hub.web import REFUSALS, Admin, Anybody, TheHub, Wanted
from protocol.kit.web.security import RateLimit
from protocol.kit.web.signin import SessionSigner

PER_NAME = "10 per minute"
PER_ADDRESS = "60 per minute"


class SignInWanted(Wanted):
    """A name and a password."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[^\x00]*$")
    password: str = Field(min_length=1, max_length=200)


class PersonView(BaseModel):
    """Somebody who may sign in."""

    person_id: str
    name: str
    role: str


class SignInAnswer(BaseModel):
    """The token for programs; browsers get the cookie and send `csrf` as `X-CSRF-Token`."""

    token: str
    csrf: str
    person: PersonView


def router(signer: SessionSigner, signed: SignIns) -> APIRouter:
    """Return the routes of this room."""
    routes = APIRouter(prefix="/api", tags=["people"], responses=REFUSALS)
    per_name, per_address = RateLimit(PER_NAME), RateLimit(PER_ADDRESS)

    @routes.post("/sign-in")
    def sign_in(wanted: SignInWanted, request: Request, response: Response, hub: TheHub) -> SignInAnswer:
        """Sign in with name and password."""
        per_address.check(request.client.host if request.client else "")
        per_name.check(wanted.name.casefold())
        token, person = steps.sign_in(hub, signed, name=wanted.name, password=wanted.password)
        per_name.forget(wanted.name.casefold())
        signer.sign_in(
            request,
            response,
            person_id=person.person_id,
            name=person.name,
            role=person.role,
            session_id=person.session_id,
        )
        view = PersonView(person_id=person.person_id, name=person.name, role=person.role)
        return SignInAnswer(token=token, csrf=signer.csrf(person), person=view)

    @routes.post("/sign-out", status_code=204)
    def sign_out(response: Response, hub: TheHub, person: Anybody) -> None:
        """End this sign-in."""
        steps.sign_out(hub, signed, person)
        signer.sign_out(response)

    @routes.get("/me")
    def me(person: Anybody) -> PersonView:
        """Say who is signed in."""
        return PersonView(person_id=person.person_id, name=person.name, role=person.role)

    @routes.get("/people")
    def people(hub: TheHub, _person: Admin) -> list[PersonView]:
        """List who may sign in."""
        return [
            PersonView(person_id=row.person_id, name=row.name, role=row.role) for row in steps.everybody(hub)
        ]

    return routes
