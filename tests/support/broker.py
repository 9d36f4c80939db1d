"""A real broker that a test may kill, wipe and start again on the same port.

Every name has its own password and its own access, and nothing is stored, as in a shop.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from deploy.broker import EmbeddedBroker, find_mosquitto, password_line
from deploy.demo.ports import let_go
from protocol.kit.mqtt import Broker
from tests.support.ports import free_port

MISSING = (
    "Mosquitto is not installed; these tests talk through a real one. Install it: `apt install mosquitto`."
)


@dataclass
class TestBroker:
    """A broker with the users that a test needs."""

    __test__ = False

    process: EmbeddedBroker
    passwords: dict[str, str] = field(default_factory=dict)
    version: Literal["5", "3.1.1"] | None = None
    """What its clients speak; by itself the newest that it understands."""

    def admit(self, *names: str) -> None:
        """Give names their passwords; the broker takes them over at once."""
        for name in names:
            self.passwords.setdefault(name, random.randbytes(12).hex())
        self.process.admit([password_line(name, word) for name, word in self.passwords.items()])

    def as_user(self, name: str, *, client_id: str = "") -> Broker:
        return Broker(
            host="127.0.0.1",
            port=self.process.port,
            user=name,
            password=self.passwords[name],
            client_id=client_id,
            version=self.version or self.process.mqtt_version,
        )

    def kill(self) -> None:
        self.process.kill()

    def wipe(self) -> None:
        self.process.wipe()

    def start(self) -> None:
        self.process.start()


@contextmanager
def running_broker(
    home: Path, *names: str, kind: Literal["mosquitto", "amqtt"] = "mosquitto"
) -> Iterator[TestBroker]:
    if kind == "mosquitto" and find_mosquitto() is None:
        pytest.fail(MISSING)
    broker = TestBroker(EmbeddedBroker(home, free_port(), kind=kind))
    home.mkdir(parents=True, exist_ok=True)
    broker.admit("hub", *names)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()
        let_go([broker.process.port])
