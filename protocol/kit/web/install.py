"""Puts the shell on an application: one call in a program's `app.py`.

It adds the guards in the order they need, the error answers, `/static`, the icon that browsers ask for,
`/healthz`, the event stream `/events` and the connectivity strip `/shell/strip`. Rooms then add their
routers.
"""

from collections.abc import Callable, Mapping, Sequence

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from protocol.ids import IdMaker
from protocol.kit.text import choose_language, language
from protocol.kit.web.errors import ErrorAnswers, LastNet, install_errors
from protocol.kit.web.security import MAX_BODY_BYTES, BodyLimit, SecurityHeaders, Sessions
from protocol.kit.web.shell import Templates
from protocol.kit.web.signin import CurrentPerson, SessionSigner, current_person
from protocol.kit.web.sse import Broadcaster

OPEN_TOPICS = frozenset({"strip", "tour"})  # what may be heard before anybody has signed in


def install_shell(  # noqa: PLR0913 - the settings of a program's web side, all said by name
    app: FastAPI,
    *,
    templates: Templates,
    signer: SessionSigner,
    broadcaster: Broadcaster,
    ids: IdMaker,
    allowed_hosts: Sequence[str] | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
    body_limits: Mapping[str, int] | None = None,
    still_valid: Callable[[CurrentPerson], bool] | None = None,
    bearer: Callable[[str], CurrentPerson | None] | None = None,
    healthy: Callable[[], Mapping[str, object]] | None = None,
) -> None:
    """Make an application speak the shell.

    `healthy` returns what `/healthz` shows; an OrderspineError it raises becomes its answer.
    """
    answers = ErrorAnswers(templates, ids)
    install_errors(app, answers)
    app.add_middleware(LastNet, answers=answers)
    app.add_middleware(RequestContext, broadcaster=broadcaster)
    app.add_middleware(
        Sessions,
        signer=signer,
        answers=answers,
        allowed_hosts=allowed_hosts,
        still_valid=still_valid,
        bearer=bearer,
    )
    app.add_middleware(BodyLimit, answers=answers, max_bytes=max_body_bytes, by_path=body_limits)
    app.add_middleware(SecurityHeaders)
    app.mount("/static", templates.assets)

    async def healthz() -> Response:
        facts = dict(healthy()) if healthy else {}
        return JSONResponse({"ok": True, **facts})

    async def events(request: Request, topics: str = "strip", since: int | None = None) -> Response:
        wanted = frozenset(topics.split(","))
        if current_person(request) is None:
            wanted &= OPEN_TOPICS
        return await broadcaster.stream(request, wanted, since=since)

    def strip(request: Request) -> Response:
        return templates.page(request, "strip.html")

    def favicon() -> Response:
        return RedirectResponse(templates.assets.url("spine.svg"))

    app.add_api_route("/healthz", healthz, include_in_schema=False)
    app.add_api_route("/favicon.ico", favicon, include_in_schema=False)
    app.add_api_route("/events", events, include_in_schema=False)
    app.add_api_route("/shell/strip", strip, include_in_schema=False)


def add_routes(app: FastAPI, *routers: APIRouter) -> None:
    """Give an application the routes of routers, as they are.

    `include_router` would build every one of them a second time, with all its schemas, when the first request
    comes: half a second in which a store that was just started answers nobody.
    """
    for router in routers:
        app.router.routes.extend(router.routes)


class RequestContext:
    """Sets the language of a request, and notes how far live updates were when it began."""

    def __init__(self, app: ASGIApp, broadcaster: Broadcaster) -> None:
        self._app = app
        self._broadcaster = broadcaster

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.position = self._broadcaster.position
        chosen = choose_language(request.headers.get("accept-language"), request.cookies.get("os_language"))
        token = language.set(chosen)
        try:
            await self._app(scope, receive, send)
        finally:
            language.reset(token)
