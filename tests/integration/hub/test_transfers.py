"""Goods between two stores as the hub hears of them: stock, books, and what is decided about the rest."""

from collections.abc import Iterator

import pytest

from hub.context import Hub
from hub.rebuild import verify
from hub.transfers import steps
from hub.transfers.inbound import acknowledged, units_by_sku
from hub.transfers.rows import transfer_lines
from hub.transfers.rows import transfers as transfer_table
from hub.transfers.wanted import (
    DecideWanted,
    LineWanted,
    TransferWanted,
)
from protocol.directives import DirectiveOutcome, Outcome
from protocol.errors import Invalid, Refused
from protocol.transfers import SettledLine
from tests.support.promising import rows
from tests.support.road import Road
from tests.support.transfers import accounts_at, held, ties, trial

BY = steps.By(name="C. Ford")
DAY_US = 24 * 3600 * 1_000_000


@pytest.fixture
def road(hub: Hub) -> Iterator[Road]:
    made = Road(hub)
    yield made
    assert ties(hub) == []


def test_goods_go_from_shelf_to_shelf_with_their_cost_and_in_transit_returns_to_zero(road: Road) -> None:
    move = road.move()
    move.request()
    move.accept()
    road.line.all()
    set_aside = held(road.hub, "store-1")
    move.pick()
    move.pack()
    road.line.all()
    picked = held(road.hub, "store-1")
    move.ship()
    road.line.all()
    on_its_way, books = held(road.hub, "store-1"), accounts_at(road.hub)
    move.receive(4, 1, final=True)
    road.line.all()

    assert set_aside == {"sellable": (6, 1800), "reserved": (4, 1200)}
    assert picked == {"sellable": (6, 1800), "picked": (4, 1200)}
    assert on_its_way == {"sellable": (6, 1800), "in_transit": (4, 1200)}
    assert books["store-1", "1340"] == 1200 + 1000
    assert held(road.hub, "store-1") == {"sellable": (6, 1800)}
    assert held(road.hub, "store-2") == {"sellable": (6, 2200)}
    assert held(road.hub, "store-2", "B") == {"sellable": (1, 1000)}
    assert trial(road.hub).get(("main", "1340"), 0) == 0
    head = road.head()
    assert (head["send_state"], head["receive_state"], head["transit"]) == ("shipped", "settled", 0)
    settled = road.told("store-1")[-1]
    assert settled[0] == "transfer.settled"
    assert [(line["received"], line["missing"]) for line in settled[1]["lines"]] == [(4, 0), (1, 0)]
    assert road.told("store-2")[-1][0] == "transfer.settled"
    assert road.cards() == []

    move.close(*(SettledLine(**line) for line in settled[1]["lines"]))
    road.line.all()
    assert road.head()["ended_us"] is not None
    assert held(road.hub, "store-1") == {"sellable": (6, 1800)}


def test_the_destination_is_told_what_comes_and_knowing_it_makes_it_count_as_inbound(road: Road) -> None:
    asked = steps.request(
        road.hub,
        TransferWanted(
            source="store-1", destination="store-2", lines=(LineWanted(sku="A", quantity=4, grant=3),)
        ),
        BY,
    )
    move = road.move(("A", 4), transfer_id=asked.transfer_id, number=asked.number)
    assert asked.number == "HBX-00001"
    assert road.told("store-1")[-1][0] == "transfer.request"
    move.accept()
    move.pick()
    move.pack()
    move.ship()
    road.line.all()
    kind, body = road.told("store-2")[-1]
    with road.hub.database.read() as connection:
        before = acknowledged(connection, ["A"])
    assert road.answer("store-2", "transfer.expect", DirectiveOutcome(cseq=1, res=Outcome.APPLIED))
    with road.hub.database.read() as connection:
        coming = acknowledged(connection, ["A", "B"])
        elsewhere = acknowledged(connection, ["A"], location="store-1")

    assert (kind, body["lines"][0]["grant"], body["cartons"][0]["lines"][0]["quantity"]) == (
        "transfer.expect",
        3,
        4,
    )
    assert (before, elsewhere) == ([], [])
    assert [(each.sku, each.location, each.units) for each in coming] == [("A", "store-2", 3)]
    assert units_by_sku(coming) == {"A": 3}
    assert units_by_sku(coming, before_us=10**18) == {}

    move.receive(4, granted=3, final=True)
    road.line.all()
    with road.hub.database.read() as connection:
        assert acknowledged(connection, ["A"]) == []


def test_goods_that_arrive_before_anybody_sent_them_are_taken_in_and_matched_later(road: Road) -> None:
    move = road.move(("A", 4))
    move.leave()
    move.receive(4, final=True)
    road.line.tell(road.two)
    early, books = held(road.hub, "store-2"), trial(road.hub)
    head = road.head()
    assert (head["send_state"], head["receive_state"], head["unmatched"]) == ("requested", "received", 4)
    assert early == {"sellable": (6, 3000), "in_transit": (-4, -2000)}
    assert books["main", "1345"] == -2000
    assert ties(road.hub) == []

    road.line.tell(road.one)

    assert held(road.hub, "store-2") == {"sellable": (6, 2200)}
    assert held(road.hub, "store-1") == {"sellable": (6, 1800)}
    assert {account: amount for (_e, account), amount in trial(road.hub).items()} == {
        "1300": 8000,
        "3000": -8000,
    }
    assert road.head()["receive_state"] == "settled"


def test_a_receipt_of_nobody_is_explained_when_its_destination_says_so(road: Road) -> None:
    move = road.move(("A", 4))
    move.leave()
    receipt = move.receive(4, known=False)
    road.line.tell(road.two)
    assert rows(road.hub, transfer_table) == []
    assert held(road.hub, "store-2")["in_transit"] == (-4, -2000)
    road.line.tell(road.one)
    expect = road.told("store-2")[-1]
    assert (expect[0], expect[1]["receipts"]) == ("transfer.expect", [receipt])

    move.match(receipt, 4, bound=1)
    road.line.all()

    assert held(road.hub, "store-2") == {"sellable": (5, 1900), "reserved": (1, 300)}
    assert road.head()["receive_state"] == "settled"


def test_units_that_do_not_arrive_are_a_card_with_choices_and_writing_them_off_ends_it(road: Road) -> None:
    move = road.move(("A", 4))
    move.leave()
    move.receive(3, shorts=[1], final=True)
    road.line.all()
    assert road.cards() == [("transfer_short", "ops")]
    assert road.head()["transit"] == 1

    with pytest.raises(Invalid, match="Say what became of A"):
        steps.decide(road.hub, "LB1-X00001", decided(("A", "accept")), BY)
    done = steps.decide(road.hub, "LB1-X00001", decided(("A", "write_off")), BY)
    with pytest.raises(Refused, match="Nothing of LB1-X00001 is left to decide"):
        steps.decide(road.hub, "LB1-X00001", decided(("A", "write_off")), BY)

    assert (done.state, road.cards()) == ("settled", [])
    assert held(road.hub, "store-1") == {"sellable": (6, 1800)}
    assert trial(road.hub)["main", "5100"] == 300
    assert road.told("store-1")[-1][1]["lines"][0]["missing"] == 1


def decided(*choices: tuple[str, str], line_no: int = 1) -> DecideWanted:
    lines = [{"line_no": line_no, "sku": sku, "choice": choice} for sku, choice in choices]
    return DecideWanted.model_validate({"lines": lines, "reason": "The carrier lost it"})


def test_what_turns_up_after_it_was_written_off_takes_the_write_off_back(road: Road) -> None:
    move = road.move(("A", 4))
    move.leave()
    move.receive(3, shorts=[1], final=True)
    road.line.all()
    steps.decide(road.hub, "LB1-X00001", decided(("A", "write_off")), BY)
    move.close(SettledLine(line_no=1, sku="A", received=3, missing=1))
    road.line.all()

    move.receive(1)
    road.line.all()

    assert held(road.hub, "store-2") == {"sellable": (6, 2200)}
    assert ("main", "5100") not in trial(road.hub)
    assert (road.head()["transit"], road.head()["unmatched"], road.cards()) == (0, 0, [])


def test_goods_that_never_left_are_counted_at_their_source(road: Road) -> None:
    move = road.move(("A", 4))
    move.leave()
    move.receive(3, shorts=[1], final=True)
    road.line.all()

    done = steps.decide(road.hub, "LB1-X00001", decided(("A", "at_source")), BY)

    counts = [body for kind, body in road.told("store-1") if kind == "count.request"]
    assert (done.counting, [body["skus"] for body in counts]) == (True, [["A"]])


def test_more_than_was_sent_is_kept_and_the_source_counts(road: Road) -> None:
    move = road.move(("A", 4))
    move.leave()
    move.receive(5, final=True)
    road.line.all()
    assert road.cards() == [("transfer_over", "ops")]
    assert held(road.hub, "store-2") == {"sellable": (7, 2500), "in_transit": (-1, -300)}

    done = steps.decide(road.hub, "LB1-X00001", decided(("A", "accept")), BY)

    assert (done.counting, road.cards()) == (True, [])
    assert held(road.hub, "store-2") == {"sellable": (7, 2500)}
    assert trial(road.hub)["main", "5100"] == -300
    assert road.told("store-1")[-2][1]["lines"][0]["over"] == 1
    assert verify(road.hub) == {}


def test_damaged_units_stand_in_quarantine_at_what_they_cost(road: Road) -> None:
    move = road.move(("A", 4))
    move.leave()
    move.receive(4, damaged=1, final=True)
    road.line.all()

    assert held(road.hub, "store-2") == {"sellable": (5, 1900), "quarantine": (1, 300)}
    assert (trial(road.hub)["main", "1310"], road.cards()) == (300, [("transfer_damaged", "manager")])
    assert road.head()["receive_state"] == "settled"


def test_a_carton_number_that_two_transfers_carry_calls_somebody_once(road: Road) -> None:
    first, second = road.move(("A", 1)), road.move(("B", 1), transfer_id="t-2", number="LB1-X00002")
    first.leave()
    road.line.all()
    assert road.cards() == []
    second.leave()
    road.line.all()

    assert road.cards() == [("carton_label_twice", "ops")]


def test_a_receipt_that_is_taken_back_leaves_no_trace_in_the_stock(road: Road) -> None:
    move = road.move(("A", 4))
    move.leave()
    wrong = move.receive(2)
    move.undo(wrong, 2)
    road.line.all()

    assert held(road.hub, "store-2") == {"sellable": (2, 1000)}
    assert held(road.hub, "store-1")["in_transit"] == (4, 1200)
    assert road.head()["transit"] == 4


def test_a_transfer_between_two_companies_leaves_each_balanced_and_owing(hub: Hub) -> None:
    road = Road(hub, ("main", "north"))
    move = road.move(("A", 4))
    move.leave()
    move.receive(1)
    road.line.all()
    move.receive(3, final=True)
    road.line.all()

    found = trial(hub)
    assert ties(hub) == []
    assert (found["main", "1400"], found["north", "2400"]) == (1200, -1200)
    assert found["north", "1300"] == 1000 + 1200


def test_the_lines_keep_what_both_ends_have_said(road: Road) -> None:
    move = road.move(("A", 4), ("B", 2))
    move.leave([3, 2])
    move.receive(3, 1, shorts=[0, 1])
    road.line.all()

    found = {row["sku"]: row for row in rows(road.hub, transfer_lines)}
    assert {
        sku: (row["asked"], row["picked"], row["short"], row["shipped"], row["received"], row["arrival"])
        for sku, row in found.items()
    } == {"A": (4, 3, 1, 3, 3, ""), "B": (2, 2, 0, 2, 1, "missing")}
