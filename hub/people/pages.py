"""Sign-in by name and password, the person's own page, and who may sign in."""

from typing import Annotated, Final
from urllib.parse import urlsplit

import sqlalchemy as sa
from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from hub.console.web import ADMIN, go_to, locked, may, show, templates_of
from hub.people import rows, steps
from hub.people.api import PER_ADDRESS, PER_NAME
from hub.people.steps import SignIns
from hub.web import Anybody, TheHub
from protocol.errors import Invalid, NotSignedIn, TooManyTries
from protocol.kit.text import LANGUAGES, _
from protocol.kit.web.security import RateLimit
from protocol.kit.web.signin import SHIFT_SECONDS, SessionSigner, current_person

LANGUAGE_COOKIE: Final = "os_language"
LANGUAGE_WORDS: Final = (("en", "English"), ("de", "Deutsch"))
_YEAR_SECONDS: Final = 365 * 24 * 3600
Name = Annotated[str, Form(max_length=60, pattern=r"^[^\x00]*$")]
Secret = Annotated[str, Form(max_length=200)]
Next = Annotated[str, Form(alias="next", max_length=300)]


def router(signer: SessionSigner, signed: SignIns) -> APIRouter:
    """Return the pages of this room."""
    routes = APIRouter(include_in_schema=False)
    per_name, per_address = RateLimit(PER_NAME), RateLimit(PER_ADDRESS)

    @routes.get("/sign-in")
    def sign_in_page(
        request: Request,
        next: Annotated[str, Query(max_length=300)] = "/",  # noqa: A002 - the name in the address
    ) -> Response:
        """Show the door."""
        if current_person(request) is not None:
            return go_to(inside(next))
        return _door(request, next, "", "", 200)

    @routes.post("/sign-in")
    def sign_in(
        request: Request, hub: TheHub, name: Name = "", password: Secret = "", onward: Next = "/"
    ) -> Response:
        """Sign in; what is wrong is said above the fields, and how long to wait after too many tries."""
        try:
            per_address.check(request.client.host if request.client else "")
            per_name.check(name.casefold())
            _token, person = steps.sign_in(hub, signed, name=" ".join(name.split()), password=password)
        except TooManyTries as error:
            said = _("Too many tries for this name or this address. {remedy}", remedy=error.remedy)
            return _door(request, onward, name, said, 429)
        except (NotSignedIn, Invalid) as error:
            return _door(request, onward, name, f"{error.what} {error.remedy}", error.http_status)
        per_name.forget(name.casefold())
        response = go_to(inside(onward))
        signer.sign_in(
            request,
            response,
            person_id=person.person_id,
            name=person.name,
            role=person.role,
            session_id=person.session_id,
        )
        return response

    _own_page(routes, signer, signed)
    _people_page(routes)
    return routes


def _own_page(routes: APIRouter, signer: SessionSigner, signed: SignIns) -> None:
    @routes.get("/account")
    def account(request: Request, person: Anybody) -> Response:
        """Show who is signed in and in which language."""
        return show(
            request,
            "people/account.html",
            person=person,
            languages=LANGUAGE_WORDS,
            hours=SHIFT_SECONDS // 3600,
        )

    @routes.post("/account/sign-out")
    def sign_out(hub: TheHub, person: Anybody) -> Response:
        """End this sign-in."""
        steps.sign_out(hub, signed, person)
        response = go_to("/sign-in")
        signer.sign_out(response)
        return response

    @routes.post("/account/language")
    def language(_person: Anybody, language: Annotated[str, Form(max_length=5)]) -> Response:
        """Keep the language for this browser."""
        if language not in LANGUAGES:
            raise Invalid(_("This language is not spoken here."), _("Choose one of the list."))
        response = go_to("/account")
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_SECONDS, samesite="lax")
        return response


def _people_page(routes: APIRouter) -> None:
    @routes.get("/people")
    def people(request: Request, hub: TheHub, person: Anybody) -> Response:
        """List who may sign in, and which programs have a token."""
        if not may(person, ADMIN):
            return locked(request, _("People"), ADMIN)
        with hub.database.read() as connection:
            latest = dict(
                connection.execute(
                    sa.select(rows.sign_ins.c.person_id, sa.func.max(rows.sign_ins.c.at_us)).group_by(
                        rows.sign_ins.c.person_id
                    )
                ).all()
            )
            tokens = connection.execute(
                sa.select(
                    rows.api_tokens.c.name,
                    rows.api_tokens.c.role,
                    rows.api_tokens.c.created_us,
                    rows.api_tokens.c.revoked_us,
                ).order_by(rows.api_tokens.c.name)
            ).all()
        return show(
            request,
            "people/people.html",
            everybody=steps.everybody(hub),
            latest=latest,
            tokens=tokens,
            me=person.person_id,
        )


def inside(address: str) -> str:
    """Return an address of this hub, or the overview for one that leads elsewhere."""
    parts = urlsplit(address)
    elsewhere = parts.scheme or parts.netloc or not address.startswith("/") or address.startswith("//")
    return "/" if elsewhere or "\\" in address else address


def _door(request: Request, onward: str, name: str, error: str, status: int) -> Response:
    return templates_of(request).page(
        request,
        "sign_in_hub.html",
        status_code=status,
        error=error,
        next=inside(onward),
        action="/sign-in",
        name=name,
    )
