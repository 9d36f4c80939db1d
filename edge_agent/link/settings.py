"""What the link is told: where the hub is, as whom to speak, and where its own small files lie.

Secrets are read from their files once, when the link is built, and are never shown or logged.
"""

import hashlib
import platform
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from edge_agent.settings import EdgeSettings
from protocol.kit.mqtt import Broker, read_secret

MACHINE_ID: Final = Path("/etc/machine-id")


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """How to reach the hub."""

    broker: Broker | None
    """None where no broker is set: the store then works alone and says so."""
    marker_file: Path
    incoming: Path
    """Where downloads wait until they are applied."""
    hub_url: str = ""
    hub_token: str = field(default="", repr=False)
    machine: str = ""
    software: str = ""
    watch_clock: bool = True
    """Warn when the clock is off; a replay of a past month has another day on purpose."""
    lend_share_ppm: int = 0
    """Share of each SKU's free stock that the hub may promise; 0 lends nothing."""
    lend_cap: int = 3

    @property
    def ca_file(self) -> Path | None:
        """The authority that signed the certificates of the broker and the hub; None for the machine's."""
        return self.broker.ca_file if self.broker else None


def link_settings(settings: EdgeSettings) -> LinkSettings:
    """Return what the link needs of a store's settings.

    Raises:
        Invalid: a file with a secret is named and cannot be read.
    """
    broker = None
    if settings.broker_host:
        broker = Broker(
            host=settings.broker_host,
            port=settings.broker_port,
            user=settings.edge,
            password=read_secret(settings.mqtt_password_file),
            client_id=settings.edge,
            version=settings.mqtt_version,
            ca_file=settings.broker_ca_file,
        )
    return LinkSettings(
        broker=broker,
        marker_file=settings.marker,
        incoming=settings.data_dir / "incoming",
        hub_url=settings.hub_url.rstrip("/"),
        hub_token=read_secret(settings.hub_token_file),
        machine=machine_id(),
        software=_software(),
        watch_clock=not settings.replay_clock,
        lend_share_ppm=settings.lend_share_ppm,
        lend_cap=settings.lend_cap,
    )


def _software() -> str:
    try:
        return f"orderspine {version('orderspine')}"
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "orderspine"


def machine_id() -> str:
    """Return what tells this machine from another, hashed, so that it cannot be used elsewhere."""
    try:
        known = MACHINE_ID.read_text(encoding="ascii").strip()
    except OSError:
        known = ""
    return hashlib.sha256(f"orderspine|{known}|{platform.node()}".encode()).hexdigest()[:32]
