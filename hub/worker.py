"""A hub process without pages: it only applies what arrives. For a second process on PostgreSQL.

Each process has its own name on the broker (`worker` in the settings). SQLite has one writer, so there the
web process applies events itself and this refuses to start.
"""

import threading

from hub.app import parts
from hub.fleet.presence import FleetPresence
from hub.link.service import link_of
from hub.settings import HubSettings
from protocol.errors import Refused


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
    link = link_of(hub, FleetPresence(hub.clock))
    link.start()
    try:
        stopping.wait()
    finally:
        link.stop()
        hub.database.close()
