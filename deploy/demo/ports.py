"""Finds free loopback ports that nobody will take by accident.

Ports from the range the system hands to outgoing connections are avoided: while a killed process is down,
an outgoing connection could sit on its port, and its successor could not start. Below 30000 none does.

What was found stays bound here, without listening, until it is let go: two companies that begin at the same
moment would choose each other's otherwise. Whoever listens on such a port must set SO_REUSEADDR, as every
server of the company does.
"""

import atexit
import random
import socket
from collections.abc import Iterable
from typing import Final

from protocol.errors import Unavailable

LOWEST: Final = 15_000
HIGHEST: Final = 30_000
TRIES: Final = 500
_HELD: Final[dict[int, socket.socket]] = {}


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
    """Return so many free ports, the wanted ones first where they are free; the others are held.

    Raises:
        Unavailable: hardly any port of the machine is free.
    """
    found = [port for port in wanted if is_free(port)][:count]
    for _ in range(TRIES + count):
        if len(found) == count:
            return found
        port = rng.randrange(LOWEST, HIGHEST)
        if _hold(port):
            found.append(port)
    raise Unavailable(
        "There are not enough free ports on this machine.", "Stop what uses them and try again."
    )


def let_go(ports: Iterable[int]) -> None:
    """Hold these no longer; those that are not held are passed over."""
    for port in ports:
        if port in _HELD:
            _HELD.pop(port).close()


@atexit.register
def _let_all_go() -> None:
    let_go(list(_HELD))


def _hold(port: int, host: str = "127.0.0.1") -> bool:
    """Bind a port that nobody has bound, and let those share it who say that they would."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        held.bind((host, port))
    except OSError:
        held.close()
        return False
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _HELD[port] = held
    return True
