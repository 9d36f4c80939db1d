"""What guards every request, before any route: host, size, session, CSRF; and what every answer says.

The order matters. Headers go outermost, so that a refusal carries them too. A request that brings a bearer
token is a program: its cookie is ignored and no CSRF token is asked, because a browser cannot be tricked
into sending that header across sites. Everything else that changes something and carries the session's
cookie must bring the session's token, in `X-CSRF-Token` or as the first-party form field `csrf`.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import Request
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protocol.errors import Invalid, NotPermitted, OrderspineError, TooLarge, TooManyTries
from protocol.kit.text import _
from protocol.kit.web.errors import ErrorAnswers
from protocol.kit.web.signin import CurrentPerson, SessionSigner

CSRF_HEADER: Final = "x-csrf-token"
CSRF_FIELD: Final = "csrf"
MAX_BODY_BYTES: Final = 1024 * 1024
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

# Attributes such as style="--used:86%" carry numbers of the page; style elements and scripts stay files.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; "
    "manifest-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), microphone=(), payment=()",
}


class SecurityHeaders:
    """Says on every answer what a browser may do with it; pages are never kept in a shared cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, dressed)


class BodyLimit:
    """Refuses bodies above a limit, announced or not, before a route reads them."""

    def __init__(
        self,
        app: ASGIApp,
        answers: ErrorAnswers,
        *,
        max_bytes: int = MAX_BODY_BYTES,
        by_path: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._answers = answers
        self._max_bytes = max_bytes
        self._by_path = dict(by_path or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdigit() or int(announced) > limit:
            await self._refuse(scope, receive, send, limit)
            return
        taken = 0
        over = started = False

        async def counted() -> Message:
            nonlocal taken, over
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                over = True
                raise _OverLimit
            return message

        async def muted(message: Message) -> None:
            nonlocal started
            if over and not started:
                return  # what the route makes of the cut body is not the answer
            started = True
            await send(message)

        try:
            await self._app(scope, counted, muted)
        except _OverLimit:
            over = True
        if over and not started:
            await self._refuse(scope, receive, send, limit)

    def _limit(self, path: str) -> int:
        longest = max((prefix for prefix in self._by_path if path.startswith(prefix)), key=len, default=None)
        return self._max_bytes if longest is None else self._by_path[longest]

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        error = TooLarge(
            _("What was sent is larger than {limit} bytes, so nothing of it was read.", limit=limit),
            _("Send it in smaller parts."),
            limit_bytes=limit,
        )
        response = self._answers.refusal(Request(scope, receive), error, bare=True)
        response.headers["connection"] = "close"
        await response(scope, receive, send)


class _OverLimit(Exception):
    """The body went over its limit while it was read."""


class Sessions:
    """Finds out who asks, and refuses requests that another site made a browser send.

    `still_valid` lets a program end sessions early (person removed, role changed). `bearer` turns the token
    of an API client into a person. Both are called for every request and must not block.
    """

    def __init__(
        self,
        app: ASGIApp,
        signer: SessionSigner,
        answers: ErrorAnswers,
        *,
        allowed_hosts: Sequence[str] | None = None,
        still_valid: Callable[[CurrentPerson], bool] | None = None,
        bearer: Callable[[str], CurrentPerson | None] | None = None,
    ) -> None:
        self._app = app
        self._signer = signer
        self._answers = answers
        self._hosts = None if allowed_hosts is None else frozenset(host.lower() for host in allowed_hosts)
        self._still_valid = still_valid or (lambda _person: True)
        self._bearer = bearer or (lambda _token: None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            self._check_host(request)
            person, token = self._who(request)
            request.state.person = person
            request.state.csrf = self._signer.csrf(person) if token is None else ""
            if scope["method"] not in _SAFE and token is None:
                _check_origin(request)
                if person is not None:
                    receive = await self._check_csrf(request, receive)
        except OrderspineError as error:
            response = self._answers.refusal(request, error, bare=True)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check_host(self, request: Request) -> None:
        if self._hosts is None:
            return
        host = (urlsplit(f"//{request.headers.get('host', '')}").hostname or "").lower()
        if host not in self._hosts:
            raise Invalid(
                _("This program does not answer to the name {host}.", host=host),
                _("Open it under one of its own names, or add the name to its settings."),
                code="unknown_host",
            )

    def _who(self, request: Request) -> tuple[CurrentPerson | None, str | None]:
        scheme, _space, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._bearer(token.strip()), token
        person = self._signer.read(request.cookies.get(self._signer.cookie))
        if person is not None and not self._still_valid(person):
            person = None
        return person, None

    async def _check_csrf(self, request: Request, receive: Receive) -> Receive:
        expected = request.state.csrf
        given = request.headers.get(CSRF_HEADER)
        if given is None and "x-www-form-urlencoded" in request.headers.get("content-type", ""):
            body, receive = await _read_ahead(receive)
            given = parse_qs(body.decode("utf-8", "replace")).get(CSRF_FIELD, [""])[0]
        if not hmac.compare_digest(expected.encode(), (given or "").encode()):
            raise NotPermitted(
                _("This page is older than your sign-in, so nothing was done."),
                _("Reload the page and try again."),
                code="stale_page",
            )
        return receive


def _check_origin(request: Request) -> None:
    """Refuse what another site sent, also when nobody is signed in: a forced sign-in is an attack too."""
    origin = request.headers.get("origin")
    if origin is None or origin == "null":
        foreign = request.headers.get("sec-fetch-site", "same-origin") == "cross-site" or origin == "null"
    else:
        foreign = urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    if foreign:
        raise NotPermitted(
            _("Another site sent this request, so nothing was done."),
            _("Open the page here and try again."),
            code="foreign_origin",
        )


async def _read_ahead(receive: Receive) -> tuple[bytes, Receive]:
    """Return the whole body, and a receive that gives it out once more."""
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"".join(parts)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


class RateLimit:
    """So many tries per key and time, such as `RateLimit("10 per minute")`; counted in memory."""

    def __init__(self, rate: str) -> None:
        self._rate = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, *key: str) -> None:
        """Count one try and refuse it when there were too many."""
        if self._limiter.hit(self._rate, *key):
            return
        seconds = self._rate.get_expiry()
        raise TooManyTries(
            _("That was tried too often."),
            _("Wait {seconds} seconds, then try again.", seconds=seconds),
            retry_after_seconds=seconds,
        )

    def forget(self, *key: str) -> None:
        """Start over for a key: a right PIN clears the wrong ones."""
        self._limiter.clear(self._rate, *key)


def limited(limit: RateLimit) -> Callable[[Request], None]:
    """Return a dependency that counts requests per client address and path."""

    def ask(request: Request) -> None:
        limit.check(request.client.host if request.client else "", request.url.path)

    return ask
