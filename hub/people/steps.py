"""Adding people and tokens, signing in and out.

Signing in is limited per name and per address; a name that nobody has takes as long as one that somebody
has. Who is signed in is kept in memory beside the table, because every request asks.
"""

import hashlib
import threading
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.people.rows import api_tokens, people, sign_ins
from protocol.clock import MICROSECONDS
from protocol.errors import Conflict, Invalid, NotFound, NotSignedIn
from protocol.kit.text import _
from protocol.kit.web.secrets import hash_secret, verify_secret
from protocol.kit.web.signin import SHIFT_SECONDS, CurrentPerson
from protocol.people import HubRole

PASSWORD_LETTERS: Final = 10
NAME_LETTERS: Final = 60
TOKEN_BYTES: Final = 24
TOKEN_PREFIX: Final = "osh_"  # noqa: S105 - what a token begins with, not a token
_SESSION_DIGITS: Final = 24
_SIGN_IN: Final = (
    sa.select(people.c.person_id, people.c.name, people.c.role, sign_ins.c.at_us)
    .join(people, people.c.person_id == sign_ins.c.person_id)
    .where(sign_ins.c.session_id == sa.bindparam("of"), sign_ins.c.ended_us.is_(None), people.c.active)
)
_PROGRAM: Final = sa.select(api_tokens.c.name, api_tokens.c.role).where(
    api_tokens.c.token_hash == sa.bindparam("of"), api_tokens.c.revoked_us.is_(None)
)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody who may sign in."""

    person_id: str
    name: str
    role: str
    active: bool


class SignIns:
    """Who is signed in at this moment, and which programs have a token."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._lock = threading.Lock()
        self._sessions: dict[str, tuple[CurrentPerson, int]] = {}
        self._tokens: dict[str, str] = {}

    def still_valid(self, person: CurrentPerson) -> bool:
        """Tell whether a cookie's sign-in still holds."""
        return self._session(person.session_id) is not None

    def bearer(self, token: str) -> CurrentPerson | None:
        """Return whose token this is: of a sign-in, or of a program."""
        digest = token_hash(token)
        if token.startswith(TOKEN_PREFIX):
            return self._program(digest)
        return self._session(digest[:_SESSION_DIGITS]) or self._program(digest)

    def begin(self, digest: str, person: CurrentPerson, at_us: int) -> None:
        """Note a sign-in, after it was committed."""
        with self._lock:
            self._sessions[digest[:_SESSION_DIGITS]] = (person, at_us)

    def end(self, session_id: str) -> None:
        """Forget a sign-in, after it was ended."""
        with self._lock:
            self._sessions.pop(session_id, None)

    def _session(self, session_id: str) -> CurrentPerson | None:
        oldest_us = self._hub.clock.now_us() - SHIFT_SECONDS * MICROSECONDS
        with self._lock:
            known = self._sessions.get(session_id)
        if known is None:
            known = self._load(session_id)
        return known[0] if known is not None and known[1] >= oldest_us else None

    def _load(self, session_id: str) -> tuple[CurrentPerson, int] | None:
        """Look a sign-in up that another process or an earlier run has begun."""
        with self._hub.database.read() as connection:
            row = connection.execute(_SIGN_IN, {"of": session_id}).first()
        if row is None:
            return None
        found = (CurrentPerson(row.person_id, row.name, row.role, "", session_id), row.at_us)
        with self._lock:
            self._sessions[session_id] = found
        return found

    def _program(self, digest: str) -> CurrentPerson | None:
        with self._hub.database.read() as connection:
            row = connection.execute(_PROGRAM, {"of": digest}).first()
        return None if row is None else CurrentPerson(f"token:{row.name}", row.name, row.role)


def token_hash(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def add_person(hub: Hub, *, name: str, role: HubRole, password: str) -> str:
    """Add somebody who may sign in, and return the id.

    Raises:
        Invalid: the name or the password cannot be used.
        Conflict: the name is taken.
    """
    name = _name(name)
    if len(password) < PASSWORD_LETTERS:
        raise Invalid(
            _("The password is too short."),
            _("Use at least {count} letters.", count=PASSWORD_LETTERS),
            code="weak_password",
        )
    hashed = hash_secret(password)
    person_id = hub.ids.new_id()

    def step(unit: HubUnit) -> str:
        if unit.connection.execute(sa.select(people.c.person_id).where(people.c.name == name)).first():
            raise Conflict(_("There is somebody named {name}.", name=name), _("Choose another name."))
        unit.connection.execute(
            sa.insert(people).values(
                person_id=person_id,
                name=name,
                role=role.value,
                password_hash=hashed,
                created_us=hub.clock.now_us(),
            )
        )
        return person_id

    return hub.database.write(step)


def everybody(hub: Hub) -> list[PersonRow]:
    """Return who may sign in, by name."""
    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(people.c.person_id, people.c.name, people.c.role, people.c.active).order_by(
                people.c.name
            )
        ).all()
    return [PersonRow(*row) for row in rows]


def add_token(hub: Hub, *, name: str, role: HubRole) -> str:
    """Give a program a token and return it; it is never shown again.

    Raises:
        Conflict: a program of that name has one.
    """
    name = _name(name)
    token = TOKEN_PREFIX + hub.ids.secret(TOKEN_BYTES)

    def step(unit: HubUnit) -> None:
        if unit.connection.execute(sa.select(api_tokens.c.name).where(api_tokens.c.name == name)).first():
            raise Conflict(
                f"A program named {name} has a token.",
                "Revoke it first, or choose another name.",
                code="token_exists",
            )
        unit.connection.execute(
            sa.insert(api_tokens).values(
                token_hash=token_hash(token), name=name, role=role.value, created_us=hub.clock.now_us()
            )
        )

    hub.database.write(step)
    return token


def revoke_token(hub: Hub, *, name: str) -> None:
    """Make a program's token worth nothing.

    Raises:
        NotFound: no program of that name has one.
    """

    def step(unit: HubUnit) -> None:
        done = unit.connection.execute(
            sa.update(api_tokens)
            .where(api_tokens.c.name == name, api_tokens.c.revoked_us.is_(None))
            .values(revoked_us=hub.clock.now_us(), name=f"{name} ({hub.ids.secret(4)})")
        )
        if done.rowcount != 1:
            raise NotFound(f"No program named {name[:60]} has a token.", "Look at the list.", code="no_token")

    hub.database.write(step)


def sign_in(hub: Hub, signed: SignIns, *, name: str, password: str) -> tuple[str, CurrentPerson]:
    """Check a password and begin a sign-in; return its token and the person.

    Raises:
        NotSignedIn: the name or the password is wrong; which of them is not said.
    """
    with hub.database.read() as connection:
        row = connection.execute(sa.select(people).where(people.c.name == name, people.c.active)).first()
    if not verify_secret(row.password_hash if row else None, password) or row is None:
        raise NotSignedIn(
            _("The name or the password is wrong."), _("Type both again."), code="wrong_password"
        )
    token = hub.ids.secret(TOKEN_BYTES)
    digest, now_us = token_hash(token), hub.clock.now_us()
    person = CurrentPerson(row.person_id, row.name, row.role, "", digest[:_SESSION_DIGITS])

    def step(unit: HubUnit) -> None:
        unit.connection.execute(
            sa.insert(sign_ins).values(
                session_id=person.session_id, person_id=row.person_id, token_hash=digest, at_us=now_us
            )
        )
        unit.after_commit(lambda: signed.begin(digest, person, now_us))

    hub.database.write(step)
    return token, person


def sign_out(hub: Hub, signed: SignIns, person: CurrentPerson) -> None:
    """End a sign-in."""

    def step(unit: HubUnit) -> None:
        unit.connection.execute(
            sa.update(sign_ins)
            .where(sign_ins.c.session_id == person.session_id)
            .values(ended_us=hub.clock.now_us())
        )
        unit.after_commit(lambda: signed.end(person.session_id))

    hub.database.write(step)


def _name(name: str) -> str:
    clean = " ".join(name.split())
    if not 1 <= len(clean) <= NAME_LETTERS or not clean.isprintable():
        raise Invalid(
            _("This name cannot be used."),
            _("Use up to {count} letters.", count=NAME_LETTERS),
            code="bad_name",
        )
    return clean
