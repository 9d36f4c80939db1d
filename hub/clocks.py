"""The hub's clocks: small things that must happen because time passes, on one thread.

Each is called every few seconds. One that fails is logged and called again; one that goes on failing puts a
card on the desk, which closes itself when it works again. None may wait for the network: who needs that has
a thread of its own. Several processes may run the same clocks, so every one of them must be harmless twice.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from hub.context import Hub
from hub.database import HubUnit
from hub.spine.steps import close_exception, raise_exception
from protocol.errors import OrderspineError

LOOK_SECONDS: Final = 1.0
STOP_SECONDS: Final = 5.0
FAILURES_BEFORE_CARD: Final = 5
"""In a row: a database that restarts is gone for fewer."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tick:
    """Something that is called again and again."""

    name: str
    every_seconds: float
    run: Callable[[Hub], object]
    deadline_seconds: float = 5.0
    """Longer than this is logged: others wait for it."""


class Clocks:
    """Calls the ticks of one hub process."""

    def __init__(self, hub: Hub, ticks: Sequence[Tick]) -> None:
        self._hub = hub
        self._ticks = tuple(ticks)
        self._due = {tick.name: hub.clock.monotonic() + tick.every_seconds for tick in ticks}
        self._failures = dict.fromkeys(self._due, 0)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in the background."""
        self._thread = threading.Thread(target=self._run, name="hub-clocks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End once the tick at hand is done."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def look(self) -> None:
        """Call every tick whose time has come."""
        for tick in self._ticks:
            if self._stopping.is_set():
                return
            if self._hub.clock.monotonic() >= self._due[tick.name]:
                self._call(tick)
                self._due[tick.name] = self._hub.clock.monotonic() + tick.every_seconds

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self.look()

    def _call(self, tick: Tick) -> None:
        began = self._hub.clock.monotonic()
        try:
            tick.run(self._hub)
        except Exception as error:  # noqa: BLE001 - one clock that trips a bug must not stop the others
            self._failed(tick, error)
        else:
            if self._failures[tick.name] >= FAILURES_BEFORE_CARD:
                self._say(lambda unit: self._close(unit, tick))
            self._failures[tick.name] = 0
        took = self._hub.clock.monotonic() - began
        if took > tick.deadline_seconds:
            _log.warning("clock_slow", clock=tick.name, seconds=round(took, 1))

    def _failed(self, tick: Tick, error: Exception) -> None:
        self._failures[tick.name] += 1
        why = error.what if isinstance(error, OrderspineError) else f"{type(error).__name__}: {error}"[:200]
        times = self._failures[tick.name]
        _log.warning("clock_failed", clock=tick.name, times=times, why=why, exc_info=error)
        if times == FAILURES_BEFORE_CARD:
            self._say(lambda unit: self._raise(unit, tick, why))

    def _say(self, step: Callable[[HubUnit], None]) -> None:
        try:
            self._hub.database.write(step)
        except OrderspineError as error:
            _log.warning("clock_card_failed", why=error.what)

    def _raise(self, unit: HubUnit, tick: Tick, why: str) -> None:
        work = self._hub.spine.work(unit)
        raise_exception(
            work,
            kind="clock_failed",
            subject=f"clock:{tick.name}",
            title=f"The hub cannot do what it must do on time: {tick.name}",
            facts={"clock": tick.name, "why": why, "every_seconds": tick.every_seconds},
            dedupe_key=f"clock:{tick.name}",
        )
        work.flush()

    def _close(self, unit: HubUnit, tick: Tick) -> None:
        work = self._hub.spine.work(unit)
        close_exception(work, f"clock:{tick.name}", how="It works again.")
        work.flush()
