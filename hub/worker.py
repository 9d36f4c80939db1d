"""A hub process without pages: it only applies what arrives. For a second process on PostgreSQL.

Each process has its own name on the broker (`worker` in the settings). SQLite has one writer, so there the
web process applies events itself and this refuses to start.
"""

import gc
import threading
from typing import Final

from hub.app import TICKS, parts
from hub.clocks import Clocks
from hub.link import watch
from hub.link.service import link_of
from hub.settings import HubSettings
from protocol.errors import Refused

COLLECT_AFTER: Final = 50_000
"""New objects between two looks for garbage: a batch of 200 sales makes about 20,000, freed at its end."""


def collect_less() -> None:
    """Set what the program itself is made of aside from garbage collection, and look for garbage less often.

    Applying events makes many short-lived objects and no cycles; looking through all modules and tables again
    and again costs a fifth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


def run_worker(settings: HubSettings, stopping: threading.Event) -> None:
    """Apply events until told to stop.

    Raises:
        Refused: on SQLite, or without a broker.
    """
    if settings.url.startswith("sqlite"):
        raise Refused(
            "A second hub process needs PostgreSQL.",
            "Set database_url to postgresql+psycopg://…",
            code="needs_postgres",
        )
    if not settings.broker_host:
        raise Refused("A worker without a broker hears nothing.", "Set broker_host.", code="no_broker")
    hub = parts(settings)
    link = link_of(hub, hub.presence)
    clocks = Clocks(hub, TICKS)
    collect_less()
    link.start()
    clocks.start()
    try:
        stopping.wait()
    finally:
        clocks.stop()
        link.stop()
        watch.keep(hub)
        hub.database.close()
