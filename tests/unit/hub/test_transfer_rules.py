"""What goods between two locations are worth, and what may be asked and decided about them."""

import pytest

from hub.transfers.inbound import still_to_grant
from hub.transfers.rules import (
    Fate,
    Lender,
    OpenLine,
    Route,
    State,
    carton_state,
    check_cancel,
    check_route,
    settlement_of,
    sources_for,
    state_of,
)
from hub.transfers.rules.csv_rows import gathered, read_rows
from hub.transfers.rules.worth import Arrival, Shipment, cost_upto, revalue, standing
from protocol.errors import Invalid, Refused
from protocol.transfer_desk import Choice
from protocol.transfers import ReceiveState, SendState

SENT = Shipment(10, "e1", 3, 1000)


def came(units: int, *, at: int = 20, receipt: str = "r1", n: int = 1, estimate: int = 0) -> Arrival:
    return Arrival(at, receipt, n, units, estimate)


def test_the_last_unit_that_arrives_takes_the_cents_that_are_left() -> None:
    parts = [cost_upto([SENT], units) for units in range(5)]

    assert parts == [0, 333, 667, 1000, 1000]


def test_units_of_several_shipments_are_matched_in_the_order_in_which_they_left() -> None:
    later = Shipment(11, "e2", 2, 4000)

    found = standing([later, SENT], [came(2), came(2, at=30, receipt="r2")])

    assert [piece.matched_minor for piece in found.pieces] == [667, 333 + 2000]
    assert (found.transit, found.transit_minor) == (1, 2000)


def test_goods_without_a_shipment_are_worth_their_estimate_and_open() -> None:
    (piece,) = standing([], [came(4, estimate=200)]).pieces

    assert (piece.matched, piece.open, piece.open_minor, piece.value_minor) == (0, 4, 200, 200)


def test_units_beyond_what_was_shipped_are_worth_what_the_others_cost() -> None:
    (piece,) = standing([SENT], [came(4, estimate=1)]).pieces

    assert (piece.matched_minor, piece.open, piece.open_minor) == (1000, 1, 333)


def test_what_was_written_off_and_arrives_is_not_lost_any_more() -> None:
    before = standing([SENT], [came(2)], lost=1)
    after = standing([SENT], [came(2), came(1, at=30, receipt="r2")], lost=1)

    assert (before.lost, before.lost_minor, before.transit) == (1, 333, 0)
    assert (after.lost, after.lost_minor, after.transit, after.open) == (0, 0, 0, 0)


def test_what_was_kept_beyond_and_is_shipped_after_all_is_no_find_any_more() -> None:
    (kept,) = standing([], [came(2, estimate=100)], over=2).pieces
    (sent,) = standing([SENT], [came(2, estimate=100)], over=2).pieces

    assert (kept.over, kept.open) == (2, 0)
    assert (sent.over, sent.matched) == (0, 2)


@pytest.mark.parametrize(
    ("on_hand", "covered", "inventory", "variance"),
    [
        (4, 0, 40, 0),  # all of it is still there
        (2, 0, 20, 20),  # half of it was sold
        (0, 0, 0, 40),
        (-3, 0, 0, 40),
        (3, 1, 30, 10),  # one filled stock below zero
        (0, 4, 0, 40),
    ],
)
def test_a_cost_that_is_known_later_goes_to_what_is_still_there(
    on_hand: int, covered: int, inventory: int, variance: int
) -> None:
    found = revalue(100, 140, units=4, covered=covered, on_hand=on_hand, worth_minor=1_000)

    assert (found.inventory_minor, found.variance_minor) == (inventory, variance)


def test_a_cost_that_turns_out_lower_never_leaves_a_bucket_worth_less_than_nothing() -> None:
    found = revalue(1000, 100, units=2, covered=0, on_hand=2, worth_minor=300)

    assert (found.inventory_minor, found.variance_minor) == (-300, -600)


@pytest.mark.parametrize(
    ("send", "receive", "decided", "state"),
    [
        (SendState.REQUESTED, ReceiveState.UNANNOUNCED, False, State.REQUESTED),
        (SendState.PICKED, ReceiveState.PART_RECEIVED, False, State.UNMATCHED),
        (SendState.SHIPPED, ReceiveState.EXPECTED, False, State.ON_THE_WAY),
        (SendState.SHIPPED, ReceiveState.PART_RECEIVED, False, State.PART_RECEIVED),
        (SendState.SHIPPED, ReceiveState.RECEIVED, False, State.RECEIVED),
        (SendState.SHIPPED, ReceiveState.RECEIVED, True, State.SETTLED),
        (SendState.CANCELLED, ReceiveState.UNANNOUNCED, False, State.CANCELLED),
    ],
)
def test_a_transfer_is_where_both_ends_together_say(
    send: SendState, receive: ReceiveState, decided: bool, state: State
) -> None:
    assert state_of(send, receive, decided=decided) is state


def test_a_location_that_is_shut_out_neither_sends_nor_receives() -> None:
    known = {"store-1": True, "store-2": False}

    check_route(Route("store-1", "store-3"), {"store-1": True, "store-3": True})
    with pytest.raises(Invalid) as refusal:
        check_route(Route("store-1", "store-2"), known)

    assert refusal.value.reason == "location_shut_out"


@pytest.mark.parametrize("state", [State.REJECTED, State.SHORT, State.CANCELLED])
def test_what_is_over_is_not_cancelled_again(state: State) -> None:
    with pytest.raises(Refused) as refusal:
        check_cancel("HBX-00001", state, asked=False, place="store-1")

    assert refusal.value.reason == "transfer_over"


@pytest.mark.parametrize(
    ("told", "fates", "state"),
    [
        ("shipped", [Fate(transit=3, lost=0, arrived=2)], "shipped"),
        ("shipped", [Fate(transit=0, lost=0, arrived=5), Fate(transit=1, lost=0, arrived=0)], "shipped"),
        ("shipped", [Fate(transit=0, lost=0, arrived=5), Fate(transit=0, lost=0, arrived=1)], "received"),
        ("shipped", [Fate(transit=0, lost=4, arrived=0)], "lost"),
        ("shipped", [Fate(transit=0, lost=1, arrived=4)], "settled"),
        ("shipped", [], "shipped"),
        ("received", [Fate(transit=0, lost=5, arrived=0)], "received"),
        ("packed", [Fate(transit=0, lost=0, arrived=0)], "packed"),
    ],
)
def test_a_carton_whose_label_nobody_scans_is_where_its_lines_are(
    told: str, fates: list[Fate], state: str
) -> None:
    assert carton_state(told, fates) == state


def test_a_decision_covers_every_open_line_and_leaves_the_others_as_they_stand() -> None:
    lines = [
        OpenLine(1, "A", received=3, lost=0, transit=1, open=0, over=0),
        OpenLine(2, "B", received=4, lost=0, transit=0, open=2, over=0),
        OpenLine(3, "C", received=1, lost=0, transit=0, open=0, over=0),
    ]
    with pytest.raises(Invalid):
        settlement_of("X", lines, {(1, "A"): Choice.WRITE_OFF})

    found = settlement_of("X", lines, {(1, "A"): Choice.WRITE_OFF, (2, "B"): Choice.ACCEPT})

    assert [(line.received, line.missing, line.over, line.choice) for line in found] == [
        (3, 1, 0, Choice.WRITE_OFF),
        (4, 0, 2, Choice.ACCEPT),
        (1, 0, 0, None),
    ]


def test_who_has_most_to_spare_is_asked_first_and_who_is_silent_is_not() -> None:
    lenders = [
        Lender("store-1", "", {"A": 9}),
        Lender("store-2", "", {"A": 4}),
        Lender("store-3", "", {"A": 7}),
        Lender("store-4", "STALE", {"A": 99}),
        Lender("store-5", "", {"A": 1}),
    ]

    assert sources_for({"A": 2}, lenders, destination="store-1") == ["store-3", "store-2"]


def test_no_more_is_promised_of_what_comes_than_is_still_on_its_way() -> None:
    assert still_to_grant(to_grant=5, granted=1, transit=3) == 3
    assert still_to_grant(to_grant=2, granted=2, transit=3) == 0


def test_rows_between_the_same_places_are_one_transfer_of_at_most_so_many_lines() -> None:
    head = "source,destination,sku,quantity\n"
    text = head + "".join(f"a,b,S{n},1\n" for n in range(101)) + "a,c,S1,2\n"
    rows, faults = read_rows(text, units_limit=10)

    assert faults == []
    assert [len(part) for part in gathered(rows)] == [100, 1, 1]
