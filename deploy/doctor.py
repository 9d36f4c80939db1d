"""Looks at a machine before Orderspine trusts it with sales: each check says what it saw and what to do.

A check never changes anything. `fail` stands in the way, `warn` will hurt one day, `ok` is said as well,
because a person who calls for help reads this list aloud.
"""

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from protocol.clock import from_us
from protocol.kit.sqlite import SQLITE_VERSION
from protocol.kit.system import SystemClock
from protocol.kit.text import _

State = Literal["ok", "warn", "fail"]
FIRST_SAFE_SQLITE: Final = (3, 51, 3)
LOW_DISK_BYTES: Final = 2 * 1024**3
NO_DISK_BYTES: Final = 200 * 1024**2
BUILT_YEAR: Final = 2025
MARKS: Final = {"ok": "[green]✓[/]", "warn": "[yellow]▲[/]", "fail": "[red]✗[/]"}


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found."""

    name: str
    state: State
    says: str
    remedy: str = ""


def examine(folder: str, ports: Sequence[int]) -> list[Check]:
    """Return every check of this machine, for data in this folder."""
    place = Path(folder)
    looks: list[Callable[[], Check]] = [
        python,
        sqlite,
        broker,
        lambda: disk(place),
        lambda: permissions(place),
        lambda: durable(place),
        clock,
        *[lambda port=port: free_port(port) for port in ports],
    ]
    return [look() for look in looks]


def python() -> Check:
    """Look at the interpreter."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", "ok", _("Python {version}.", version=version))


def sqlite(version: str = SQLITE_VERSION) -> Check:
    """Look for the versions of SQLite that could corrupt a database in WAL mode."""
    if tuple(int(part) for part in version.split(".")) < FIRST_SAFE_SQLITE:
        return Check(
            "sqlite",
            "warn",
            _(
                "SQLite {version}: before 3.51.3 two connections that write at once can corrupt a file.",
                version=version,
            ),
            _("Orderspine writes through one connection only. Do not open its files with other programs."),
        )
    return Check("sqlite", "ok", _("SQLite {version}.", version=version))


def broker(path: str | None = None) -> Check:
    """Look for Mosquitto."""
    found = shutil.which("mosquitto", path=path or f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found:
        return Check("broker", "ok", _("Mosquitto is at {path}.", path=found))
    return Check(
        "broker",
        "warn",
        _("Mosquitto was not found; the demo uses a slower broker of its own."),
        _("For real stores: apt-get install mosquitto."),
    )


def disk(folder: Path) -> Check:
    """Look at the free space."""
    free = shutil.disk_usage(_existing(folder)).free
    says = _("{gigabytes} GB are free.", gigabytes=f"{free / 1024**3:.1f}")
    if free < NO_DISK_BYTES:
        return Check("disk", "fail", says, _("Free at least 2 GB: a full disk stops every sale."))
    if free < LOW_DISK_BYTES:
        return Check("disk", "warn", says, _("Free some space soon: a full disk stops every sale."))
    return Check("disk", "ok", says)


def permissions(folder: Path) -> Check:
    """Look whether data can be written there."""
    place = _existing(folder)
    if not os.access(place, os.W_OK | os.X_OK):
        return Check(
            "permissions",
            "fail",
            _("{folder} cannot be written.", folder=place),
            _("Give another --folder, or make it yours: chown -R $USER {folder}", folder=place),
        )
    return Check("permissions", "ok", _("{folder} can be written.", folder=place))


def durable(folder: Path) -> Check:
    """Look whether the disk takes a write and its sync, which is what a sale waits for."""
    steady = SystemClock()
    try:
        with tempfile.NamedTemporaryFile(dir=_existing(folder)) as file:
            file.write(b"0" * 4096)
            file.flush()
            began = steady.monotonic()
            os.fsync(file.fileno())
            took_ms = (steady.monotonic() - began) * 1000
    except OSError as error:
        return Check(
            "fsync", "fail", str(error), _("Data must lie on a disk that can be written and synced.")
        )
    says = _("A write is on the disk after {ms} ms.", ms=f"{took_ms:.1f}")
    if took_ms > 100:
        return Check("fsync", "warn", says, _("Every sale waits for this. Use a local SSD."))
    return Check("fsync", "ok", says)


def clock() -> Check:
    """Look whether the time of day can be true."""
    now = from_us(SystemClock().now_us())
    says = _("It is {time} UTC.", time=f"{now:%Y-%m-%d %H:%M:%S}")
    if now.year < BUILT_YEAR:
        return Check("clock", "fail", says, _("Set the clock: timedatectl set-ntp true"))
    return Check("clock", "ok", says)


def free_port(port: int) -> Check:
    """Look whether a port can be listened on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Check(
                f"port {port}",
                "fail",
                _("Port {port} cannot be used: {why}.", port=port, why=error.strerror),
                _("Find what has it with: ss -ltnp 'sport = :{port}'", port=port),
            )
    return Check(f"port {port}", "ok", _("Port {port} is free.", port=port))


def print_checks(checks: Sequence[Check], *, as_json: bool) -> None:
    """Print the list for a person, or as JSON for a program."""
    if as_json:
        worst = next((state for state in ("fail", "warn") if any(c.state == state for c in checks)), "ok")
        sys.stdout.write(json.dumps({"state": worst, "checks": [asdict(check) for check in checks]}) + "\n")
        return
    from rich.console import Console

    console = Console(highlight=False)
    for check in checks:
        console.print(f"{MARKS[check.state]} {check.name:<12} {check.says}")
        if check.remedy:
            console.print(f"  {'':<12} -> {check.remedy}")


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place
