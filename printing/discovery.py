"""Looks for printers in the store's own network, only when somebody asks, and never further than that.

At most 254 addresses of one private /24 are tried on port 9100, a few at a time, with one short wait each.
What accepts a connection is asked for its status (`DLE EOT 1`, one byte that no printer prints); what
answers is a receipt printer, what does not may be one or something else, and the list says which.
"""

import contextlib
import ipaddress
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from printing.status import ASK_PRINTER
from protocol.errors import Invalid

PORT: Final = 9100
AT_ONCE: Final = 64
CONNECT_SECONDS: Final = 0.4
ANSWER_SECONDS: Final = 0.4


@dataclass(frozen=True, slots=True)
class Found:
    """Something that listens where printers do. `answers`: it speaks ESC/POS."""

    host: str
    port: int
    answers: bool


def neighbours(own: str) -> list[str]:
    """Return the other addresses of the /24 that an address is in.

    Raises:
        Invalid: it is not a private IPv4 address; nothing beyond the store is ever searched.
    """
    try:
        address = ipaddress.IPv4Address(own)
    except ValueError as error:
        raise _not_here(own) from error
    if not address.is_private or address.is_unspecified:
        raise _not_here(own)
    network = ipaddress.IPv4Network(f"{address}/24", strict=False)
    return [str(each) for each in network.hosts() if each != address or address.is_loopback]


def _not_here(own: str) -> Invalid:
    return Invalid(
        f"{own[:60]} is not an address of a store's own network.",
        "Give the address of the printer by hand; it stands on its test page.",
        code="not_private",
    )


def own_address() -> str:
    """Return this machine's address in its own network; no packet is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def search(hosts: Iterable[str], port: int = PORT) -> list[Found]:
    """Return what listens on the port, in the order of the addresses; takes about two seconds for 254."""
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="printer-search") as pool:
        found = pool.map(lambda host: _ask(host, port), hosts)
        return [each for each in found if each is not None]


def _ask(host: str, port: int) -> Found | None:
    try:
        peer = socket.create_connection((host, port), CONNECT_SECONDS)
    except OSError:
        return None
    with peer:
        answer = b""
        with contextlib.suppress(OSError):
            peer.settimeout(ANSWER_SECONDS)
            peer.sendall(ASK_PRINTER)
            answer = peer.recv(1)
    return Found(host, port, bool(answer) and answer[0] & 0x93 == 0x12)
