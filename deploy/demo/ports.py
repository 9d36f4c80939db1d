"""Finds free loopback ports that nobody will take by accident.

Ports from the range the system hands to outgoing connections are avoided: while a killed process is down,
an outgoing connection could sit on its port, and its successor could not start. Below 30000 none does.
"""

import random
import socket
from collections.abc import Iterable
from typing import Final

from protocol.errors import Unavailable

LOWEST: Final = 15_000
HIGHEST: Final = 30_000
TRIES: Final = 500


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Tell whether a port can be bound at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_ports(count: int, rng: random.Random, *, wanted: Iterable[int] = ()) -> list[int]:
    """Return so many free ports, the wanted ones first where they are free.

    Raises:
        Unavailable: hardly any port of the machine is free.
    """
    found = [port for port in wanted if is_free(port)][:count]
    for _ in range(TRIES + count):
        if len(found) == count:
            return found
        port = rng.randrange(LOWEST, HIGHEST)
        if port not in found and is_free(port):
            found.append(port)
    raise Unavailable(
        "There are not enough free ports on this machine.", "Stop what uses them and try again."
    )
