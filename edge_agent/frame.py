"""The frame around every page of a store: who is signed in, and what the connectivity strip says.

The strip is computed from what is stored, so it is right also while the link is not running: what the hub
has not acknowledged is counted in the journal itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from fastapi import Request

from edge_agent.context import Edge
from edge_agent.link.rows import at_of, newest
from edge_agent.link.rules import REOPENING
from edge_agent.pages import till_word
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.shell import Shell, Strip, Tab, TourStep
from protocol.kit.web.signin import SessionSigner, current_person

SyncState = Literal["online", "store_mode", "sending"]


@dataclass(frozen=True, slots=True)
class Unsent:
    """What the hub has not acknowledged."""

    count: int
    oldest_us: int | None
    last_ack_us: int | None
    quarantine: str
    recovery: str
    """What a restored store waits for: its own records (`pull`), or the agreement with the hub (`reopen`)."""


def unsent(connection: Connection) -> Unsent:
    """Return what still waits for the hub."""
    acked, acked_us, quarantine, recovery = connection.execute(
        "SELECT acked, acked_us, quarantine, recovery FROM link"
    ).fetchone()
    count = max(0, newest(connection) - acked)
    oldest_us = at_of(connection, acked + 1) if count else None
    return Unsent(count, oldest_us, acked_us or None, quarantine, recovery)


def tabs(waiting: int = 0) -> tuple[Tab, ...]:
    """Return the main pages, in the order of the day; `waiting` is what is to be picked and packed."""
    return (
        Tab("/sell", _("Sell")),
        Tab("/orders", _("Orders")),
        Tab("/fulfil", _("Fulfil"), tally=waiting),
        Tab("/stock", _("Stock")),
        Tab("/store", _("Store")),
    )


def work_waiting(connection: Connection) -> int:
    """Return how many orders wait for somebody of this store; what is ready waits for its customer."""
    count: int = connection.execute(
        "SELECT count(*) FROM assignments WHERE state <> 'ready'"
        " AND state IN ('acknowledged', 'picking', 'picked', 'packed', 'ready')"  # as the index says it
    ).fetchone()[0]
    return count


def frame_of(
    edge: Edge, signer: SessionSigner, tour: Callable[[], tuple[TourStep, ...]] = tuple
) -> Callable[[Request], Shell]:
    """Return the function that describes the frame of a request; `tour` says how far a demo's tour is."""

    def frame(request: Request) -> Shell:
        person = current_person(request)
        return Shell(
            program="edge",
            place=edge.settings.store_name,
            strip=strip(edge),
            tabs=tabs(work_waiting(edge.database.read())),
            station=till_word(person.device) if person else "",
            person=person,
            csrf=signer.csrf(person),
            zone=edge.settings.zone,
            now_us=edge.clock.now_us(),
            home="/sell",
            account="/account",
            demo=_("Nothing here is a real sale.") if edge.settings.demo else "",
            tour=tour() if edge.settings.demo else (),
            position=getattr(request.state, "position", 0),
        )

    return frame


def strip(edge: Edge) -> Strip:
    """Return the connectivity strip."""
    return replace(_state(edge), href="/store/sync", link=_("Details"))


def _state(edge: Edge) -> Strip:
    waiting = unsent(edge.database.read())
    if waiting.recovery:
        said = _("Its own records are coming back; sell, and count later.")
        if waiting.recovery == REOPENING:
            said = _("Its records are back; the web waits until both agree on what is open.")
        return Strip("act", _("Restored"), said)
    if waiting.quarantine:
        return Strip("act", _("Store mode"), _("The hub has set this store aside; somebody decides there."))
    if edge.online():
        if waiting.count:
            return Strip("live", _("Sending"), _("{count} to send", count=waiting.count), accent=True)
        return Strip("live", _("Online"), _("synced"), since_us=waiting.last_ack_us)
    said = _("{count} to send, oldest", count=waiting.count) if waiting.count else _("Everything is sent.")
    return Strip("wait", _("Store mode"), said, since_us=waiting.oldest_us)
