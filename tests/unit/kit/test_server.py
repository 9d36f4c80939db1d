import threading
import urllib.request
from typing import Literal

import pytest
from argon2 import PasswordHasher, extract_parameters

from protocol.kit.web import secrets
from protocol.kit.web.secrets import hash_secret, needs_new_hash, verify_secret, verify_secret_aside
from protocol.kit.web.server import WebServer
from tests.unit.kit.web import gallery


def test_a_server_stops_although_a_page_still_listens() -> None:
    made = gallery()
    server = WebServer(made.app, on_stop=[made.broadcaster.close])
    server.start()
    with urllib.request.urlopen(f"{server.url}/events?topics=orders", timeout=5) as stream:
        assert stream.readline() == b"retry: 1000\n"
        server.stop()
        stream.read()

    assert made.broadcaster.listeners == 0
    assert f"web-{server.port}" not in {thread.name for thread in threading.enumerate()}


def test_a_server_says_that_it_is_well() -> None:
    made = gallery()
    server = WebServer(made.app, on_stop=[made.broadcaster.close])
    server.start()
    try:
        with urllib.request.urlopen(f"{server.url}/healthz", timeout=5) as answer:
            assert answer.read() == b'{"ok":true}'
    finally:
        server.stop()


def test_a_pin_is_kept_as_a_hash_and_only_the_right_one_opens_it() -> None:
    import asyncio

    stored = hash_secret("4719")

    assert stored.startswith("$argon2id$")
    assert "4719" not in stored
    assert verify_secret(stored, "4719")
    assert not verify_secret(stored, "4718")
    assert not verify_secret("not a hash", "4719")
    assert asyncio.run(verify_secret_aside(stored, "4719"))
    assert not needs_new_hash(stored)


def test_asking_for_somebody_unknown_takes_the_work_of_asking_for_somebody_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the name is argon2's
            asked.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(secrets, "_HASHER", Watched())
    secrets.forget_stand_in()

    assert not verify_secret(hash_secret("4719"), "0000")
    assert not verify_secret(None, "0000")

    known, unknown = (extract_parameters(stored) for stored in asked)
    assert known == unknown


def test_whoever_is_not_signed_in_hears_of_the_strip_and_of_nothing_else() -> None:
    made = gallery()
    server = WebServer(made.app, on_stop=[made.broadcaster.close])
    server.start()
    try:
        with urllib.request.urlopen(f"{server.url}/events?topics=orders,strip", timeout=5) as stream:
            assert [stream.readline() for _ in range(3)] == [b"retry: 1000\n", b"id: 0\n", b"\n"]
            made.broadcaster.publish("orders", "secret")
            made.broadcaster.publish("strip")
            assert stream.readline() == b"event: strip\n"
    finally:
        server.stop()
