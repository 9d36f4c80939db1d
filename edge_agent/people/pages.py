"""Sign-in, the person's own page, and the people of the store, as pages."""

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.pages import Form, form_of, go_to, show, templates_of, till_word
from edge_agent.people import rows, steps
from edge_agent.people.rules import locked_seconds, role_word
from edge_agent.people.sessions import SignIns
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, NotSignedIn, OrderspineError, TooManyTries
from protocol.kit.text import LANGUAGES, _
from protocol.kit.web.filters import duration
from protocol.kit.web.security import RateLimit
from protocol.kit.web.signin import SHIFT_SECONDS, CurrentPerson, SessionSigner, current_person, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Manager = Annotated[CurrentPerson, Depends(require(StoreRole.MANAGER))]
TILL_COOKIE: Final = "os_till"
LANGUAGE_COOKIE: Final = "os_language"
_YEAR_SECONDS: Final = 365 * 24 * 3600
LANGUAGE_WORDS: Final = (("en", "English"), ("de", "Deutsch"))


def router(signer: SessionSigner, sign_ins: SignIns) -> APIRouter:
    """Return the pages of this room."""
    routes = APIRouter(include_in_schema=False)
    per_device = RateLimit("30 per minute")

    @routes.get("/sign-in")
    async def sign_in_page(request: Request, edge: AnyEdge, next: str = "/sell") -> Response:  # noqa: A002 - the name in the address
        """Show the tiles."""
        if current_person(request) is not None:
            return go_to(request, _inside(next))
        return _door(request, edge, next=next)

    @routes.post("/sign-in")
    async def sign_in(request: Request, edge: AnyEdge) -> Response:
        """Sign in by tile or badge, and PIN; what is wrong is said beside the field."""
        form = await form_of(request)
        till = form.get("till") if form.get("till") in edge.settings.stations else _till_of(request, edge)
        try:
            per_device.check(till, request.client.host if request.client else "")
            done = await _signed_in(edge, sign_ins, form, till)
        except (NotSignedIn, TooManyTries, Invalid) as error:
            return _door(request, edge, next=form.get("next"), form=form, error=error)
        response = go_to(request, _inside(form.get("next")))
        who = done.person
        signer.sign_in(
            request,
            response,
            person_id=who.person_id,
            name=who.name,
            role=who.role,
            device=who.device,
            session_id=who.session_id,
        )
        found = rows.find_person(edge.database.read(), who.person_id)
        _remember(response, TILL_COOKIE, till)
        _remember(response, LANGUAGE_COOKIE, found.language if found else edge.settings.language)
        return response

    _account_routes(routes, signer, sign_ins)
    _people_routes(routes, sign_ins)
    return routes


def _account_routes(routes: APIRouter, signer: SessionSigner, sign_ins: SignIns) -> None:
    @routes.get("/account")
    async def account(request: Request, person: Anybody) -> Response:
        """Show who is signed in, since when, and in which language."""
        return show(
            request,
            "people/account.html",
            person=person,
            role_word=role_word(person.role),
            till_word=till_word(person.device),
            languages=LANGUAGE_WORDS,
            hours=SHIFT_SECONDS // 3600,
        )

    @routes.post("/account/sign-out")
    async def sign_out(request: Request, person: Anybody, edge: AnyEdge) -> Response:
        """End this sign-in; the basket and everything unsent stay on this PC."""
        await steps.sign_out(edge, sign_ins, person)
        response = go_to(request, "/sign-in")
        signer.sign_out(response)
        return response

    @routes.post("/account/language")
    async def language(request: Request, person: Anybody, edge: AnyEdge) -> Response:
        """Keep the language for this person and this browser."""
        chosen = (await form_of(request)).get("language")
        if chosen not in LANGUAGES:
            raise Invalid(_("This language is not spoken here."), _("Choose one of the list."))
        await edge.database.awrite(lambda unit: rows.set_language(unit, person.person_id, chosen))
        response = go_to(request, "/account")
        _remember(response, LANGUAGE_COOKIE, chosen)
        return response


def _people_routes(routes: APIRouter, sign_ins: SignIns) -> None:
    @routes.get("/store/people")
    async def people(request: Request, person: Anybody, edge: AnyEdge) -> Response:
        """List the people of this store."""
        return show(request, "people/people.html", **_people_view(edge, person))

    @routes.post("/store/people/{person_id}/pin")
    async def new_pin(request: Request, person_id: str, person: Manager, edge: AnyEdge) -> Response:
        """Give somebody a new PIN and lift their lock."""
        form = await form_of(request)
        if form.get("pin") != form.get("again"):
            raise Invalid(
                _("The two PINs are not the same, so nothing was changed."), _("Type the new PIN twice.")
            )
        # Hashing takes a sixth of a second: not on the loop that serves everybody.
        await asyncio.to_thread(steps.change_pin, edge, person_id, form.get("pin"))
        sign_ins.end_person(person_id)
        found = rows.find_person(edge.database.read(), person_id)
        toast = _("{name} has a new PIN from now on.", name=found.name if found else person_id)
        return show(request, "people/people.html", toast=toast, **_people_view(edge, person))

    @routes.post("/store/people")
    async def add(request: Request, person: Manager, edge: AnyEdge) -> Response:
        """Add somebody to this store."""
        form = await form_of(request)
        name = form.get("name")
        if not 1 <= len(name) <= 60:
            raise Invalid(_("A person needs a name."), _("Type it as it should stand on the tile."))
        role = form.get("role", StoreRole.ASSOCIATE)
        if role not in set(StoreRole):
            raise Invalid(_("{role} is no role of a store.", role=role[:40]), _("Choose one from the list."))
        added = await asyncio.to_thread(
            steps.add_person,
            edge,
            name=name,
            role=StoreRole(role),
            pin=form.get("pin"),
            badge=form.get("badge") or None,
        )
        toast = _("{name} may sign in now.", name=added.name)
        return show(request, "people/people.html", toast=toast, **_people_view(edge, person))


async def _signed_in(edge: Edge, sign_ins: SignIns, form: Form, till: str) -> steps.SignedIn:
    badge, tile = form.get("badge"), form.get("person_id")
    if not badge and not tile:
        raise Invalid(_("Nobody is chosen."), _("Tap your name, or scan your badge."))
    return await steps.sign_in(
        edge,
        sign_ins,
        person_id="" if badge else tile,
        badge=badge,
        pin=form.get("pin")[:12] or "-",
        device=till,
    )


def _door(
    request: Request,
    edge: Edge,
    *,
    next: str,  # noqa: A002 - the name in the address
    form: Form | None = None,
    error: OrderspineError | None = None,
) -> Response:
    """Return the sign-in page. A locked tile says for how long; the rest of the store can sign in."""
    now_us = edge.clock.now_us()
    chosen = form.get("person_id") if form else ""
    people = [
        {
            "id": person.person_id,
            "name": person.name,
            "role": role_word(person.role),
            "locked": duration(seconds)
            if (seconds := locked_seconds(person.locked_until_us, now_us))
            else "",
        }
        for person in rows.everybody(edge.database.read())
    ]
    said = ""
    if isinstance(error, TooManyTries) and "retry_after_seconds" in error.facts:
        left = duration(float(str(error.facts["retry_after_seconds"])))
        said = _("{what} Try again in {left}, or ask a manager for a new PIN.", what=error.what, left=left)
    elif error is not None:
        said = f"{error.what} {error.remedy}"
    return templates_of(request).page(
        request,
        "people/sign_in.html",
        status_code=error.http_status if error else 200,
        people=people,
        chosen=chosen,
        error=said,
        next=_inside(next),
        tills=[(till, till_word(till)) for till in edge.settings.stations],
        till=_till_of(request, edge),
    )


def _people_view(edge: Edge, person: CurrentPerson) -> dict[str, Any]:
    now_us = edge.clock.now_us()
    people = [
        {
            "id": each.person_id,
            "name": each.name,
            "role_word": role_word(each.role),
            "badge": bool(each.badge),
            "language": dict(LANGUAGE_WORDS).get(each.language, each.language),
            "active": each.active,
            "locked": duration(seconds) if (seconds := locked_seconds(each.locked_until_us, now_us)) else "",
        }
        for each in rows.everybody(edge.database.read(), active_only=False)
    ]
    return {
        "people": people,
        "may_change": person.role == StoreRole.MANAGER,
        "roles": [(role.value, role_word(role)) for role in StoreRole],
    }


def _till_of(request: Request, edge: Edge) -> str:
    """Return the till this browser stands at; it was chosen at an earlier sign-in."""
    till = request.cookies.get(TILL_COOKIE, "")
    return till if till in edge.settings.stations else edge.settings.stations[0]


def _inside(address: str) -> str:
    """Return an address of this store only; anything else leads to Sell."""
    inside = address.startswith("/") and not address.startswith(("//", "/\\", "/sign-in"))
    return address if inside else "/sell"


def _remember(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=_YEAR_SECONDS, httponly=True, samesite="lax")
