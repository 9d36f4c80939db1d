import threading
import time
import urllib.request

from protocol.kit.web.secrets import hash_secret, needs_new_hash, verify_secret, verify_secret_aside
from protocol.kit.web.server import WebServer
from tests.unit.kit.web import gallery


def test_a_server_stops_at_once_although_a_page_still_listens() -> None:
    made = gallery()
    server = WebServer(made.app, on_stop=[made.broadcaster.close])
    server.start()
    with urllib.request.urlopen(f"{server.url}/events?topics=orders", timeout=5) as stream:
        assert stream.readline() == b"retry: 1000\n"
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 3
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


def test_asking_for_somebody_unknown_takes_as_long_as_for_somebody_known() -> None:
    stored = hash_secret("4719")
    verify_secret(None, "warm")
    spans = []
    for known in (stored, None):
        began = time.process_time()
        assert not verify_secret(known, "0000")
        spans.append(time.process_time() - began)

    assert 0.2 < spans[1] / spans[0] < 5


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
