"""Every packet of a store belongs to the session that was opened on the connection it is sent on.

A WELCOME that answers another connection's HELLO may arrive at any time: a broker holds packets back, and a
copy of the store has the same name. Whoever believes one talks into a session that is not his. This is seen
on the wire alone, by what was said on which connection.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from protocol import topics
from protocol.envelope import decompress
from tests.simulation.network import Connection

OF_A_SESSION = frozenset({"ack", "hb", "rights"})


@dataclass
class Handshakes:
    """Who asked for a session on which connection, and what the hub answered."""

    failed: Callable[[str], None]
    _nonces: dict[str, set[str]] = field(default_factory=dict)
    """What each connection asked with."""
    _asked_with: dict[str, set[str]] = field(default_factory=dict)
    """Which nonces the hub gave each session for; one that is asked for again is given again."""

    def heard(self, connection: Connection, topic: str, payload: bytes) -> None:
        """Take note of HELLO and WELCOME, and look at what is said in their name."""
        up = topics.parse_up(topic)
        if up is not None:
            self._from_store(connection, up[0], up[1], payload)
            return
        down = topics.parse_down(topic)
        if down is not None and down[1] == "ctl":
            said = json.loads(decompress(payload))
            if said["type"] == "welcome":
                self._asked_with.setdefault(said["sess"], set()).add(said["nonce"])

    def _from_store(self, connection: Connection, edge: str, kind: str, payload: bytes) -> None:
        if kind == "hello":
            self._nonces.setdefault(connection.conn, set()).add(json.loads(decompress(payload))["nonce"])
        elif kind in OF_A_SESSION:
            given_for = self._asked_with.get(json.loads(decompress(payload))["sess"], set())
            if not given_for & self._nonces.get(connection.conn, set()):
                self.failed(f"{edge} speaks in a session that was not opened on its connection")
