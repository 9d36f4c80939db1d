"""Runs a virtual printer with its page until the process is told to stop."""

from pathlib import Path

import uvicorn

from printing.virtual.brands import brand_of
from printing.virtual.page import create_app
from printing.virtual.server import VirtualPrinter
from protocol.clock import Clock


def serve(
    port: int,
    http_port: int,
    brand: str,
    clock: Clock,
    *,
    folder: Path | None = None,
    host: str = "127.0.0.1",
    name: str = "",
) -> None:
    """Print what arrives on `port` and show it on `http_port`; returns after Ctrl+C or SIGTERM.

    With a folder every slip is also written there as PNG and trace. `name` is the heading of its page.

    Raises:
        NotFound: when there is no such brand or profile.
        OSError: when a port is taken.
    """
    habits = brand_of(brand)
    printer = VirtualPrinter(
        habits.profile,
        clock,
        brand=habits,
        host=host,
        port=port,
        mm_per_second=habits.mm_per_second,
        folder=folder,
    )
    with printer:
        config = uvicorn.Config(
            create_app(printer, name=name), host=host, port=http_port, log_level="warning"
        )
        uvicorn.Server(config).run()
