import subprocess
import time
from pathlib import Path

import pytest

from edge_agent.app import CATALOG_BYTES
from tests.support.running_edge import RunningEdge
from tests.support.store import START_US, Store, begin_store, ok, refused, sale, sign_everybody_in


def test_every_answer_says_what_a_browser_may_do_with_it(store: Store) -> None:
    for path in ("/healthz", "/api/people", "/api/orders/none", "/no/such/page"):
        headers = store.client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_health_names_the_store_and_its_newest_number(store: Store) -> None:
    body = ok(store.client.get("/healthz"))

    assert (body["ok"], body["edge"], body["newest_seq"]) == (True, "store-1", 5)


def test_what_was_not_sent_is_told_by_kind_and_counted_for_prometheus(store: Store) -> None:
    ok(store.post("/api/sales", sale("k", ("MUG-1", 1), cash_minor=750)), 201)

    seen = ok(store.client.get("/api/sync"))

    assert (seen["state"], seen["unsent"], seen["acked"]) == ("store_mode", 6, 0)
    assert seen["by_kind"] == {"catalog.applied": 1, "order.sold": 1, "stock.moved": 3, "till.opened": 1}
    figures = store.client.get("/metrics").text
    assert "orderspine_edge_unsent_events 6.0" in figures
    assert "orderspine_edge_sold_minor_total 750.0" in figures


def test_a_body_above_its_limit_is_refused_before_it_is_read(store: Store) -> None:
    before = store.fingerprint()

    large = store.client.post(
        "/api/sales",
        content=b"{" + b" " * 1_100_000,
        headers=store.headers() | {"Content-Type": "application/json"},
    )

    assert refused(large, 413)["code"] == "too_large"
    assert CATALOG_BYTES > 100_000_000
    assert store.fingerprint() == before


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"key":"\\ud800"}', b"\xff\xfe", b'{"key":' + b"[" * 5_000]
)
def test_a_body_that_is_no_sale_gets_a_sentence(store: Store, body: bytes) -> None:
    answer = store.client.post("/api/sales", content=body, headers=store.headers())

    assert refused(answer, 422)["code"] == "invalid_field"


def test_the_time_of_a_request_is_set_only_where_a_replay_runs(store: Store, tmp_path: Path) -> None:
    december = 1_291_212_000_000_000
    headers = store.headers() | {"X-Replay-At": str(december)}
    store.client.post("/api/sales", json=sale("k", ("MUG-1", 1), cash_minor=750), headers=headers)
    assert store.rows("SELECT at_us >= ? FROM orders", START_US) == [(1,)]

    (tmp_path / "replay").mkdir()
    replay = begin_store(tmp_path / "replay", replay_clock=True)
    with replay.client:
        sign_everybody_in(replay)
        replay.open_till()
        headers = replay.headers() | {"X-Replay-At": str(december)}
        sold = replay.client.post("/api/sales", json=sale("k", ("MUG-1", 1), cash_minor=750), headers=headers)

        assert sold.status_code == 201
        at_us = replay.rows("SELECT at_us FROM orders")[0][0]
        assert 0 <= at_us - december < 5_000_000


@pytest.mark.processes
def test_a_store_that_is_told_to_stop_stops_within_a_second(tmp_path: Path) -> None:
    edge = RunningEdge(tmp_path)
    edge.start()
    assert edge.process is not None
    stream = subprocess.Popen(
        ["curl", "-sN", f"{edge.url}/events?topics=strip"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert stream.stdout is not None
    assert stream.stdout.readline().startswith(b"retry:")

    began = time.monotonic()
    edge.process.terminate()
    edge.process.wait(10)
    took = time.monotonic() - began
    stream.wait(5)
    stream.stdout.close()

    assert took < 3, f"{took:.1f} s; a busy machine gets three"
