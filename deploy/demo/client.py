"""A client of a store or the hub, as patient as a till must be: it repeats until it knows what happened.

A request that changes something carries a key. When the store is killed before it answers, the same request
goes out again with the same key, and the store answers as it did, or would have done, the first time.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from protocol.clock import Clock
from protocol.errors import Refused, Unavailable

PATIENCE_SECONDS: Final = 90.0
PAUSE_SECONDS: Final = 0.1
TOO_OFTEN: Final = 429
TRY_AGAIN: Final = frozenset({TOO_OFTEN, 502, 503, 504})

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Login:
    """Who works at this client."""

    person_id: str
    pin: str
    device: str

    @property
    def wanted(self) -> Json:
        """What a store is told to sign in."""
        return {"person_id": self.person_id, "pin": self.pin, "device": self.device}


@dataclass(frozen=True, slots=True)
class HubLogin:
    """Who works at the hub; a web shop signs in like a person of operations."""

    name: str
    password: str

    @property
    def wanted(self) -> Json:
        """What the hub is told to sign in."""
        return {"name": self.name, "password": self.password}


@dataclass
class StoreClient:
    """One person at one device of one store, or at the hub."""

    store: str
    url: str
    login: Login | HubLogin
    clock: Clock
    stopping: threading.Event = field(default_factory=threading.Event)
    at_us: int | None = None
    """The time to send as `X-Replay-At`; None leaves the store's clock alone."""
    repeats: int = 0
    """How often a request had to be sent again."""
    was_repeated: bool = False
    """Whether the latest request was: then its first sending may have taken effect."""

    def __post_init__(self) -> None:
        self._http = httpx.Client(base_url=self.url, timeout=30.0, trust_env=False)
        self._token = ""

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def sign_in(self) -> None:
        """Sign the person in."""
        self._token = ""
        self._token = self.ask("POST", "/api/sign-in", self.login.wanted)["token"]

    def get(self, path: str, **params: Any) -> Any:
        """Ask for something."""
        return self.ask("GET", path, None, params)

    def post(self, path: str, wanted: Mapping[str, Any]) -> Any:
        """Have something done."""
        return self.ask("POST", path, wanted)

    def ask(
        self,
        method: str,
        path: str,
        wanted: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        """Send a request until it is answered, and return what the answer says.

        Raises:
            Refused: the store said no; `facts` holds the facts of its answer.
            Unavailable: it did not answer for a long time.
        """
        deadline = self.clock.monotonic() + PATIENCE_SECONDS
        self.was_repeated = False
        while not self.stopping.is_set():
            pause = PAUSE_SECONDS
            try:
                answer = self._http.request(method, path, json=wanted, params=params, headers=self._headers())
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__}: {error}"
            else:
                if answer.is_success:
                    return answer.json() if answer.content else {}
                if answer.status_code == 401 and self._token:
                    self.sign_in()
                    continue
                trouble = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code not in TRY_AGAIN:
                    raise _refusal(self.store, method, path, answer)
                pause = self._pause_told(answer)
            if self.clock.monotonic() > deadline:
                break
            self.repeats += 1
            self.was_repeated = True
            self.stopping.wait(min(pause, max(PAUSE_SECONDS, deadline - self.clock.monotonic())))
        else:
            trouble = "the run was stopped"
        raise Unavailable(f"{self.store} did not answer {method} {path}: {trouble}.", "Look at its log.")

    def _pause_told(self, answer: httpx.Response) -> float:
        """Return the seconds to wait: what somebody is told who tried too often, else a moment."""
        if answer.status_code != TOO_OFTEN:
            return PAUSE_SECONDS
        said = facts_of(_refusal(self.store, "", "", answer)).get("retry_after_seconds", 0)
        return max(PAUSE_SECONDS, float(said))

    def _headers(self) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if self.at_us is not None:
            headers["X-Replay-At"] = str(self.at_us)
        return headers


def facts_of(refusal: Refused) -> Mapping[str, Any]:
    """Return the facts that a store put into its refusal."""
    facts = refusal.facts.get("facts")
    return facts if isinstance(facts, dict) else {}


def _refusal(store: str, method: str, path: str, answer: httpx.Response) -> Refused:
    try:
        facts = answer.json()
    except ValueError:
        facts = {"text": answer.text[:300]}
    said = facts.get("error", facts) if isinstance(facts, dict) else {"text": str(facts)}
    return Refused(
        f"{store} refused {method} {path} ({answer.status_code}): {said.get('what') or said}.",
        str(said.get("remedy") or "Look at its log."),
        code=str(said.get("code") or "refused"),
        status=answer.status_code,
        facts=said.get("facts") or {},
    )
