"""A plain MQTT client for tests that say what no honest program would."""

import queue
from types import TracebackType
from typing import Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from protocol.kit.mqtt import Broker


class Client:
    """Connected inside a `with`; says what it is told and keeps what it hears."""

    def __init__(self, broker: Broker, *listen: str) -> None:
        self._broker = broker
        self._listen = listen
        self._heard: queue.Queue[bytes] = queue.Queue()
        self._ready: queue.Queue[int] = queue.Queue()
        self._said: queue.Queue[int] = queue.Queue()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id or broker.user,
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        self._client.username_pw_set(broker.user, broker.password)
        self._client.on_connect = lambda _c, _d, _f, reason, _p: self._ready.put(reason.value)
        self._client.on_subscribe = lambda *_: self._ready.put(0)
        self._client.on_message = lambda _c, _d, message: self._heard.put(bytes(message.payload))
        self._client.on_publish = lambda _c, _d, _m, reason, _p: self._said.put(reason.value)

    def __enter__(self) -> Self:
        self._client.connect(self._broker.host, self._broker.port)
        self._client.loop_start()
        assert self._ready.get(timeout=5) == 0
        if self._listen:
            self._client.subscribe([(topic, 1) for topic in self._listen])
            self._ready.get(timeout=5)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Publish, and return what the broker thinks of it."""
        self._client.publish(topic, payload, qos=1, retain=retain)
        return int(self._said.get(timeout=5))

    def hear(self) -> bytes:
        """Return the next packet."""
        return self._heard.get(timeout=5)

    def heard(self) -> list[bytes]:
        """Return what has come and was not taken."""
        found = []
        while not self._heard.empty():
            found.append(self._heard.get())
        return found
