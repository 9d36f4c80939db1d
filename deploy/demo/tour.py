"""The tour of the first minutes: steps that tick themselves off when they have happened.

Nothing is ticked by a click alone but the last, which is to look at something. What happened is read from
the stores' and the hub's own files, every second, against what was there when the demo started.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from deploy.demo.books import one
from deploy.demo.layout import Layout
from protocol.kit.sqlite import DatabaseError
from protocol.kit.text import _, language

PACE_SECONDS: Final = 1.0
FIRST, SECOND = "store-1", "store-2"
_FULFILLED: Final = {"pick": "assignment.picked", "pickup": "assignment.handed_over"}


def words() -> dict[str, str]:
    """Return what the steps are called, in English: each page says them in its reader's language."""
    spoken = language.set("en")
    try:
        return {
            "sell": _("Sell something at store 1"),
            "cut": _("Cut store 2's network and sell again"),
            "catch_up": _("Watch the hub catch up"),
            "paper": _("See the receipt as it would print"),
            "pick": _("Pick a web order"),
            "pickup": _("Hand it over with the code from its mail"),
        }
    finally:
        language.reset(spoken)


class Tour:
    """Watches a demo and knows which steps have happened."""

    def __init__(self, layout: Layout, is_cut: Callable[[str], bool]) -> None:
        self._layout = layout
        self._is_cut = is_cut
        self._done: set[str] = set()
        self._began = {name: self._orders(name) for name in (FIRST, SECOND)}
        self._before = {kind: self._events(kind) for kind in _FULFILLED.values()}
        self._at_cut: int | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="tour", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopping.set()
        self._thread.join()

    def line_cut(self, name: str) -> None:
        """Note what the second store had sold at the moment its line was cut."""
        if name == SECOND:
            self._at_cut = self._orders(SECOND)

    def saw_paper(self) -> None:
        """Note that somebody looked at the paper."""
        self._done.add("paper")

    def state(self) -> Mapping[str, Any]:
        """Return the steps with their words, where they lead, and whether they happened."""
        leads = {
            "sell": self._layout.edge_url(FIRST),
            "cut": self._layout.edge_url(SECOND),
            "catch_up": self._layout.hub_url,
            "paper": f"http://127.0.0.1:{self._layout.ports.control}/paper",
            "pick": f"{self._layout.edge_url(FIRST)}/fulfil",
            "pickup": f"{self._layout.edge_url(FIRST)}/fulfil/pickup",
        }
        steps = [
            {"id": step, "word": word, "href": leads[step], "done": step in self._done}
            for step, word in words().items()
        ]
        return {"steps": steps}

    def look(self) -> None:
        """Look once and tick off what has happened."""
        if self._orders(FIRST) > self._began[FIRST]:
            self._done.add("sell")
        if self._is_cut(SECOND) and self._at_cut is not None and self._orders(SECOND) > self._at_cut:
            self._done.add("cut")
        for step, kind in _FULFILLED.items():
            if self._events(kind) > self._before[kind]:
                self._done.add(step)
        if "cut" in self._done and not self._is_cut(SECOND) and self._caught_up():
            self._done.add("catch_up")

    def _watch(self) -> None:
        while not self._stopping.wait(PACE_SECONDS):
            self.look()

    def _orders(self, name: str) -> int:
        return self._count(name, "SELECT count(*) FROM orders")

    def _events(self, kind: str) -> int:
        """Return how many there are in all stores: whoever picks elsewhere has picked as well."""
        return sum(
            self._count(place.name, "SELECT count(*) FROM events WHERE kind = ?", kind)
            for place in self._layout.places
        )

    def _count(self, name: str, query: str, *values: str) -> int:
        try:
            return int(one(self._layout.folder / name / "edge.db", query, *values) or 0)
        except DatabaseError:  # the store has not made its file yet
            return 0

    def _caught_up(self) -> bool:
        try:
            newest = one(self._layout.folder / SECOND / "edge.db", "SELECT max(seq) FROM events")
            known = one(
                self._layout.folder / "hub" / "hub.db", "SELECT max(upto) FROM streams WHERE edge = ?", SECOND
            )
        except DatabaseError:
            return False
        return bool(newest) and newest == known
