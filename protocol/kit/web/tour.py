"""The tour of the demo: asks the demo's supervisor which steps have happened, and tells open pages.

Only a program that was started by a demo has an address to ask. Whatever goes wrong while asking leaves the
steps as they were: the tour is a help, and no page waits for it.
"""

import threading
from typing import Final

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from protocol.kit.text import _
from protocol.kit.web.shell import TourStep
from protocol.kit.web.sse import Broadcaster

PACE_SECONDS: Final = 1.5
PATIENCE_SECONDS: Final = 1.0


class _Step(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    word: str = Field(max_length=120)
    href: str = Field(max_length=200, pattern=r"^(/|http://)")
    done: bool


class _Steps(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    steps: tuple[_Step, ...] = Field(max_length=12)


class TourWatch:
    """Keeps the steps of the tour up to date. `start` it once, `stop` it once."""

    def __init__(self, url: str, broadcaster: Broadcaster) -> None:
        self._url = url
        self._broadcaster = broadcaster
        self._steps: tuple[_Step, ...] = ()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tour", daemon=True)

    def start(self) -> None:
        """Begin to ask, if there is anybody to ask."""
        if self._url:
            self._thread.start()

    def stop(self) -> None:
        """Ask no longer."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(2 * PATIENCE_SECONDS)

    def steps(self) -> tuple[TourStep, ...]:
        """Return the steps in the language of this request."""
        return tuple(TourStep(_(step.word), step.href, step.done) for step in self._steps)

    def _watch(self) -> None:
        with httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False) as client:
            while not self._stopping.is_set():
                self._look(client)
                self._stopping.wait(PACE_SECONDS)

    def _look(self, client: httpx.Client) -> None:
        try:
            found = _Steps.model_validate_json(client.get(self._url).content).steps
        except (httpx.HTTPError, ValidationError):
            return
        if found != self._steps:
            self._steps = found
            self._broadcaster.publish("tour")
