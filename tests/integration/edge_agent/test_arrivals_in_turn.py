"""Scans and words about one arrival, in turn: a word is the last one about what was scanned before it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.sscc import make_sscc
from tests.support.fulfilment import CODES, HOUR_US
from tests.support.store import ok
from tests.support.transfer_ends import ENDS, TRANSFER, End, one_end

FIRST, SECOND = (make_sscc("9501101001", 1, n) for n in (1, 2))
STRANGER = make_sscc("9501101077", 1, 12)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[End]:
    """A destination that ten coats are coming to, six in one carton and four in another."""
    with one_end(tmp_path, "store-2") as made:
        line = {"line_no": 1, "sku": "COAT-M", "name": "Coat"}
        cartons = [
            {"sscc": sscc, "lines": [{"line_no": 1, "sku": "COAT-M", "quantity": units}]}
            for sscc, units in ((FIRST, 6), (SECOND, 4))
        ]
        body = {**ENDS, "lines": [line | {"quantity": 10}], "cartons": cartons, "orders": [], "receipts": []}
        assert made.tell("transfer.expect", body) == "applied"
        yield made


def test_a_carton_that_is_scanned_after_a_correction_is_taken_in_as_well(shop: End) -> None:
    shop.do(f"/{TRANSFER}/arrival/scan", code=f"(00){FIRST}")
    shop.do(f"/{TRANSFER}/arrival/line", line_no=1, units=6, damaged=1)
    shop.do(f"/{TRANSFER}/arrival/scan", code=f"(00){SECOND}")

    done = shop.do(f"/{TRANSFER}/receive")

    assert (done["units"], done["damaged"], done["missing"]) == (10, 1, 0)
    assert shop.buckets("COAT-M") == {"sellable": 9, "quarantine": 1}


def test_articles_scanned_after_a_correction_count_and_say_how_many_there_are(shop: End) -> None:
    shop.do(f"/{TRANSFER}/arrival/scan", code=f"(00){FIRST}")
    shop.do(f"/{TRANSFER}/arrival/line", line_no=1, units=5, damaged=0)
    scans = [shop.do(f"/{TRANSFER}/arrival/scan", code=CODES["COAT-M"]) for _ in range(2)]
    shop.do(f"/{TRANSFER}/arrival/undo", scan_id=scans[1]["scan_id"])

    assert [(scan["found"], scan["wanted"]) for scan in scans] == [(6, 10), (7, 10)]
    assert shop.do(f"/{TRANSFER}/receive")["units"] == 6


def test_a_clock_that_was_set_back_puts_nothing_before_what_was_said(shop: End) -> None:
    shop.do(f"/{TRANSFER}/arrival/scan", code=f"(00){FIRST}")
    shop.do(f"/{TRANSFER}/arrival/line", line_no=1, units=6)
    shop.store.clock.set(shop.store.clock.now_us() - HOUR_US)
    shop.do(f"/{TRANSFER}/arrival/scan", code=f"(00){SECOND}")
    counted = shop.do(f"/{TRANSFER}/arrival/scan", code=CODES["COAT-M"])
    shop.do(f"/{TRANSFER}/arrival/line", line_no=1, units=10)

    assert counted["found"] == 11
    assert shop.do(f"/{TRANSFER}/receive")["units"] == 10


def test_a_correction_on_a_page_that_is_behind_changes_nothing(shop: End) -> None:
    shop.do(f"/{TRANSFER}/arrival/scan", code=f"(00){FIRST}")
    shop.do(f"/{TRANSFER}/arrival/scan", code=f"(00){SECOND}")

    said = shop.do(f"/{TRANSFER}/arrival/line", 409, line_no=1, units=6, damaged=1, seen=6)
    shop.do(f"/{TRANSFER}/arrival/line", line_no=1, units=10, damaged=1, seen=10)

    assert (said["code"], said["what"][:5]) == ("stale_arrival", "10 of")
    assert shop.do(f"/{TRANSFER}/receive")["damaged"] == 1
    assert shop.buckets("COAT-M") == {"sellable": 9, "quarantine": 1}


def test_what_nobody_announced_is_counted_in_turn_too(shop: End) -> None:
    work = f"carton-{STRANGER}"
    shop.do(f"/{work}/arrival/line", sku="MUG-1", units=3, damaged=1)
    for _ in range(2):
        ok(shop.store.post(f"/transfers/arrivals/{work}/scan", {"key": shop.key(), "code": CODES["MUG-1"]}))
    taken = {"key": shop.key(), "sscc": STRANGER, "sure": True}
    ok(shop.store.post(f"/transfers/arrivals/{work}/take-in", taken))

    assert shop.buckets("MUG-1") == {"sellable": 4, "quarantine": 1}
