"""Looks at the clocks of promises: who did not come in time, and what is due soon.

Nothing is decided here. A task is raised for goods that nobody came for, what nobody paid for expires, and
every open page is told now and then to show its clocks anew. A replay has another day on purpose, so its
clock is not looked at.
"""

import threading
from typing import Final

from edge_agent.context import Edge
from edge_agent.fulfil.steps import uncollected
from protocol.errors import OrderspineError

LOOK_SECONDS: Final = 30.0


class FulfilClock:
    """One thread that looks every half minute. `start` it once, `stop` it once."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fulfil-clock", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        if not self._edge.settings.replay_clock:
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> int:
        """Raise a task for everything that nobody came for, or let it expire; return how much there is.

        It is looked for by reading, so that a store where all is well writes nothing.
        """
        reader = self._edge.database.read()
        expired = 0
        if uncollected.unpaid(reader, self._edge):
            expired = self._edge.database.write(lambda unit: uncollected.expire(unit, self._edge))
        found = len(uncollected.overdue(reader, self._edge))
        if found:
            self._edge.database.write(lambda unit: uncollected.no_shows(unit, self._edge))
        self._edge.broadcaster.publish("fulfil")
        return expired + found

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except OrderspineError:
                # A full disk or a busy database: the goods still stand there at the next look.
                continue
