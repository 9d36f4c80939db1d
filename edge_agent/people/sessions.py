"""Who is signed in right now, kept in memory beside the table, because every request asks.

A sign-in makes one secret token. A program sends it as a bearer token; a browser holds a signed cookie that
names the first half of its hash. So a copy of the database lets nobody in, and ending a sign-in ends both.
"""

import hashlib
import threading
from collections.abc import Iterable
from typing import Final

from protocol.clock import MICROSECONDS, Clock
from protocol.kit.web.signin import SHIFT_SECONDS, CurrentPerson

SESSION_DIGITS: Final = 24


def token_hash(token: str) -> str:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class SignIns:
    """The sign-ins that hold."""

    def __init__(self, clock: Clock, *, lapse: bool = True) -> None:
        """Let them lapse after a shift, unless the clock is one that a replay moves by months."""
        self._clock = clock
        self._lapse = lapse
        self._lock = threading.Lock()
        self._by_token: dict[str, tuple[CurrentPerson, int]] = {}
        self._by_session: dict[str, str] = {}

    @property
    def since_us(self) -> int:
        """The oldest sign-in that still holds."""
        return self._clock.now_us() - SHIFT_SECONDS * MICROSECONDS if self._lapse else 0

    def load(self, rows: Iterable[tuple[str, str, str, str, str, int]]) -> None:
        """Take over what the table holds when the program starts."""
        for digest, person_id, name, role, device, at_us in rows:
            self.begin(digest, CurrentPerson(person_id, name, role, device, digest[:SESSION_DIGITS]), at_us)

    def begin(self, digest: str, person: CurrentPerson, at_us: int) -> None:
        """Note a sign-in, after it was committed."""
        with self._lock:
            self._by_token[digest] = (person, at_us)
            self._by_session[person.session_id] = digest

    def end_session(self, session_id: str) -> None:
        """Forget one sign-in."""
        with self._lock:
            self._by_token.pop(self._by_session.pop(session_id, ""), None)

    def end_person(self, person_id: str) -> None:
        """Forget every sign-in of a person."""
        with self._lock:
            for digest, (person, _at) in list(self._by_token.items()):
                if person.person_id == person_id:
                    del self._by_token[digest]
                    self._by_session.pop(person.session_id, None)

    def bearer(self, token: str) -> CurrentPerson | None:
        """Return the person whose token this is."""
        return self._holding(token_hash(token))

    def still_valid(self, person: CurrentPerson) -> bool:
        """Tell whether the sign-in that a cookie names still holds."""
        return self._holding(self._by_session.get(person.session_id, "")) is not None

    def _holding(self, digest: str) -> CurrentPerson | None:
        found = self._by_token.get(digest)
        if found is None or found[1] < self.since_us:
            return None
        return found[0]
