"""Who is signed in: a signed cookie, the person in it, and what a route asks for.

The cookie is readable by whoever holds it and unforgeable by anybody: it names the person, it proves
nothing secret. Browsers share cookies between ports of one host, so every program needs a cookie name of
its own (`os_hub`, `os_lb`), or a demo on one machine signs itself out all the time.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request
from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer
from starlette.responses import Response

from protocol.clock import MICROSECONDS, Clock
from protocol.errors import NotPermitted, NotSignedIn
from protocol.ids import IdMaker
from protocol.kit.text import _

SHIFT_SECONDS = 12 * 3600


@dataclass(frozen=True, slots=True)
class CurrentPerson:
    """The associate who is signed in, where, and as what."""

    person_id: str
    name: str
    role: str
    device: str = ""
    session_id: str = ""


class SessionSigner:
    """Makes, reads and ends sessions."""

    def __init__(
        self, secret: str, *, cookie: str, clock: Clock, ids: IdMaker, max_age_seconds: int = SHIFT_SECONDS
    ) -> None:
        self.cookie = cookie
        self._secret = secret.encode()
        self._ids = ids
        self._max_age_seconds = max_age_seconds

        class ClockSigner(TimestampSigner):
            def get_timestamp(self) -> int:
                return clock.now_us() // MICROSECONDS

        self._serializer = URLSafeTimedSerializer(secret, salt="orderspine-session", signer=ClockSigner)

    def seal(self, person: CurrentPerson) -> str:
        """Return the cookie's value for a person."""
        fields = [person.person_id, person.name, person.role, person.device, person.session_id]
        return str(self._serializer.dumps(fields))

    def read(self, value: str | None) -> CurrentPerson | None:
        """Return the person a cookie names, or None when it is absent, forged or too old."""
        if not value:
            return None
        try:
            fields = self._serializer.loads(value, max_age=self._max_age_seconds)
        except BadData:
            return None
        return CurrentPerson(*fields)

    def csrf(self, person: CurrentPerson | None) -> str:
        """Return the token that forms of this session carry; empty when nobody is signed in."""
        if person is None:
            return ""
        return hmac.new(self._secret, f"csrf:{person.session_id}".encode(), hashlib.sha256).hexdigest()[:40]

    def sign_in(
        self,
        request: Request,
        response: Response,
        *,
        person_id: str,
        name: str,
        role: str,
        device: str = "",
        session_id: str = "",
    ) -> CurrentPerson:
        """Start a session on this response and return the person.

        A program that keeps its sign-ins in a table gives its own `session_id`.
        """
        person = CurrentPerson(person_id, name, role, device, session_id or self._ids.secret(12))
        response.set_cookie(
            self.cookie,
            self.seal(person),
            max_age=self._max_age_seconds,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return person

    def sign_out(self, response: Response) -> None:
        """End the session of whoever receives this response."""
        response.delete_cookie(self.cookie, httponly=True, samesite="lax")


def current_person(request: Request) -> CurrentPerson | None:
    """Return who is signed in, or None."""
    person: CurrentPerson | None = getattr(request.state, "person", None)
    return person


def require(*roles: str) -> Callable[[Request], Awaitable[CurrentPerson]]:
    """Return a dependency that gives the person; without roles anybody who is signed in may pass.

    Use: `person: Annotated[CurrentPerson, Depends(require("manager"))]`.
    """

    async def ask(request: Request) -> CurrentPerson:
        person = current_person(request)
        if person is None:
            raise NotSignedIn(_("Nobody is signed in."), _("Sign in, then try again."))
        if roles and person.role not in roles:
            raise NotPermitted(
                _("{name} may not do this.", name=person.name),
                _("Ask somebody who may: {roles}.", roles=", ".join(roles)),
                role=person.role,
                needs=list(roles),
            )
        return person

    return ask
