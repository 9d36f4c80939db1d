"""What has arrived, is missing or too many adds up, in whatever order a store hears of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.sscc import make_sscc
from tests.support.putting_back import Hub, bring_back, copy_of, put_back
from tests.support.store import ok
from tests.support.transfer_ends import ENDS, NAMES, TRANSFER, End, one_end


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[End]:
    """The destination alone."""
    with one_end(tmp_path, "store-2") as made:
        yield made


class Asked:
    """Goods that a store has asked for: five mugs and three coats, under their own number."""

    def __init__(self, shop: End) -> None:
        lines = [{"sku": "MUG-1", "quantity": 5}, {"sku": "COAT-M", "quantity": 3}]
        made = shop.do("", way="in", other="store-1", lines=lines)
        self.transfer_id = str(made["transfer_id"])
        self._ends = ENDS | {"transfer_id": self.transfer_id, "number": made["number"]}

    def announce(self, shop: End, *lines: tuple[int, str, int]) -> None:
        """Say what was shipped: (line, SKU, units)."""
        said = [{"line_no": n, "sku": sku, "name": NAMES[sku], "quantity": units} for n, sku, units in lines]
        more = {"lines": said, "cartons": [], "shipped_us": 1}
        assert shop.tell("transfer.expect", self._ends | more) == "applied"

    def receive(self, shop: End, *lines: tuple[int, int], final: bool = False) -> str:
        """Take units of lines in; return the arrival."""
        said = [{"line_no": n, "units": units} for n, units in lines]
        return str(shop.do(f"/{self.transfer_id}/receive", lines=said, final=final)["receipt_id"])


def figures(shop: End, transfer_id: str) -> dict[str, tuple[int, ...]]:
    """Return (quantity, received, over, missing, expected) of each article."""
    names = ("quantity", "received", "over", "missing", "expected")
    return {line["sku"]: tuple(line[name] for name in names) for line in shop.transfer(transfer_id)["lines"]}


def undo(shop: End, receipt: str) -> None:
    shop.do(f"/receipts/{receipt}/undo")


def test_what_was_missed_before_the_announcement_is_missing_once_and_taken_back_whole(
    shop: End, tmp_path: Path
) -> None:
    asked = Asked(shop)
    receipt = asked.receive(shop, (1, 2), final=True)
    asked.announce(shop, (1, "MUG-1", 5), (2, "COAT-M", 3))

    assert figures(shop, asked.transfer_id) == {"MUG-1": (5, 2, 0, 3, 0), "COAT-M": (3, 0, 0, 3, 0)}
    undo(shop, receipt)
    assert figures(shop, asked.transfer_id) == {"MUG-1": (5, 0, 0, 0, 5), "COAT-M": (3, 0, 0, 0, 3)}
    asked.receive(shop, (1, 5), (2, 3))
    assert figures(shop, asked.transfer_id) == {"MUG-1": (5, 5, 0, 0, 0), "COAT-M": (3, 3, 0, 0, 0)}
    assert shop.rebuilt(tmp_path) == ()


def test_what_comes_although_it_was_missed_is_missing_no_more(shop: End) -> None:
    asked = Asked(shop)
    asked.receive(shop, (1, 2), (2, 3), final=True)
    asked.announce(shop, (1, "MUG-1", 5), (2, "COAT-M", 3))
    asked.receive(shop, (1, 2))

    assert figures(shop, asked.transfer_id)["MUG-1"] == (5, 4, 0, 1, 0)


def test_units_are_over_only_beside_what_stands(shop: End, tmp_path: Path) -> None:
    lines = [{"line_no": 1, "sku": "MUG-1", "name": "Mug", "quantity": 5}]
    shop.tell("transfer.expect", {**ENDS, "lines": lines, "cartons": [], "shipped_us": 1})
    five = [{"line_no": 1, "units": 5}]
    first = shop.do(f"/{TRANSFER}/receive", lines=five)["receipt_id"]
    assert shop.do(f"/{TRANSFER}/receive", lines=five)["over"] == 5

    undo(shop, first)

    assert figures(shop, TRANSFER) == {"MUG-1": (5, 5, 0, 0, 0)}
    assert shop.where() == "part_received"
    headers = shop.store.headers("associate") | {"accept": "text/html"}
    page = shop.store.client.get(f"/transfers/{TRANSFER}", headers=headers)
    assert "That was all" in page.text
    done = shop.do(f"/{TRANSFER}/receive", final=True)
    assert (done["units"], done["missing"], done["final"], shop.where()) == (0, 0, True, "received")
    assert shop.do(f"/{TRANSFER}/receive", 409, final=True)["code"] == "nothing_arrived"
    assert shop.rebuilt(tmp_path) == ()


def test_a_line_that_is_named_twice_counts_twice(shop: End) -> None:
    asked = Asked(shop)
    shop.do(
        f"/{asked.transfer_id}/receive",
        lines=[
            {"line_no": 1, "units": 2, "damaged": 1, "note": "Wet"},
            {"line_no": 1, "units": 3, "damaged": 1, "note": "Dry"},
        ],
    )
    [line] = shop.bodies("transfer.received")[0]["lines"]
    assert (line["quantity"], line["damaged"], line["note"]) == (5, 2, "Wet Dry")

    twice = [{"sku": "BOOK-1", "units": 2}, {"sku": "BOOK-1", "units": 1, "damaged": 1}]
    assert shop.do("/unannounced", sure=True, lines=twice)["units"] == 3
    assert shop.letters("BOOK-1")["P"] == 2


def test_a_line_that_is_accepted_in_two_parts_is_sent_whole(tmp_path: Path) -> None:
    with one_end(tmp_path) as source:
        source.asked(("MUG-1", 5))
        source.do(f"/{TRANSFER}/accept", lines=[{"line_no": 1, "units": 2}, {"line_no": 1, "units": 3}])

        assert source.letters("MUG-1")["B"] == 5


def test_more_units_than_one_arrival_takes_in_are_refused_and_change_nothing(shop: End) -> None:
    asked = Asked(shop)
    before = shop.all_rows()

    many = [{"line_no": 1, "units": 600_000}] * 2
    refusal = shop.do(f"/{asked.transfer_id}/receive", 422, lines=many)

    assert (refusal["code"], shop.all_rows()) == ("too_many_units", before)


def test_two_cartons_under_one_label_stay_each_with_its_transfer(shop: End, tmp_path: Path) -> None:
    label = make_sscc("95011010001", 1, 1)
    for n, (source, sku, units) in enumerate((("london-1", "MUG-1", 4), ("dc-1", "COAT-M", 2)), start=1):
        inside = {"line_no": 1, "sku": sku, "quantity": units}
        ends = {"transfer_id": f"t-{n}", "number": f"HBX-0000{n}", "source": source, "destination": "store-2"}
        body = {"lines": [inside | {"name": sku}], "cartons": [{"sscc": label, "lines": [inside]}]}
        assert shop.tell("transfer.expect", {**ends, **body, "shipped_us": 1}) == "applied"

    meant = ok(shop.store.get("/api/transfers/scan", code=label))
    assert (meant["transfer_id"], meant["state"]) == ("", "expected")
    assert "HBX-00001, HBX-00002" in meant["what"]
    for path in (f"/transfers/carton/{label}", "/transfers/scan"):
        headers = shop.store.headers("associate") | {"accept": "text/html"}
        client = shop.store.client
        page = client.post(path, data={"code": label}, headers=headers) if "scan" in path else None
        page = page or client.get(path, headers=headers)
        assert page.status_code == 409
        assert "HBX-00001, HBX-00002" in page.text

    shop.do("/t-2/arrival/scan", code=label)
    assert shop.do("/t-2/receive")["units"] == 2
    assert ok(shop.store.get("/api/transfers/scan", code=label))["transfer_id"] == "t-1"
    assert shop.do("/t-1/receive", cartons=[label])["units"] == 4
    assert (shop.letters("MUG-1")["P"], shop.letters("COAT-M")["P"]) == (4, 2)
    assert shop.do("/t-1/receive", 409, cartons=[label])["code"] == "carton_again"
    assert [shop.transfer(each)["lines"][0]["expected"] for each in ("t-1", "t-2")] == [0, 0]
    assert shop.rebuilt(tmp_path) == ()


ALIKE = [(1, "MUG-1", 5), (2, "COAT-M", 3)]


@pytest.mark.parametrize(
    "shipped",
    [ALIKE, [(1, "MUG-1", 7), (2, "COAT-M", 1)], [(1, "MUG-1", 1)], [(1, "COAT-M", 3), (2, "MUG-1", 5)]],
    ids=["alike", "other units", "fewer", "other lines"],
)
@pytest.mark.parametrize("undone", [(), (0,), (1,), (0, 1)], ids=str)
def test_a_restored_store_comes_to_the_same_figures(
    shop: End, tmp_path: Path, shipped: list[tuple[int, str, int]], undone: tuple[int, ...]
) -> None:
    backup = copy_of(shop, tmp_path)
    asked = Asked(shop)
    receipts = [asked.receive(shop, (1, 4), (2, 2)), asked.receive(shop, (1, 3), final=True)]
    asked.announce(shop, *shipped)
    for n in undone:
        undo(shop, receipts[n])
    rows = lines_of(shop)
    assert min(figure for row in rows for figure in row[2:]) >= 0

    with put_back(backup, tmp_path, edge="store-2") as again:
        asked.announce(again, *shipped)
        bring_back(again, Hub(shop.store))

        assert lines_of(again) == rows
        assert again.letters("MUG-1") == shop.letters("MUG-1")
        assert again.rebuilt(tmp_path) == ()


def lines_of(shop: End) -> list[tuple[Any, ...]]:
    """Return the lines as they are stored."""
    return shop.store.rows(
        "SELECT line_no, sku, quantity, received, damaged, over, for_order, granted,"
        " max(0, min(missing, quantity - received)) FROM transfer_lines ORDER BY line_no"
    )
