"""What the page of an order for later says first, what is still to come, and how a clock looks."""

import pytest

from hub.fulfil.faces import face
from hub.service.rules import Goods, Part, answer, coming

MINUTE_US = 60_000_000
LEEDS, YORK = "Leeds Briggate", "York Coppergate"


def goods(ordered: int = 3, **said: int) -> Goods:
    counts = {"cancelled": 0, "fulfilled": 0, "returned": 0, "loose": 0, **said}
    return Goods(ordered, **counts)


def part(state: str, place: str = LEEDS, units: int = 3, fulfilled: int = 0, kept: str = "") -> Part:
    return Part(place, state, units, fulfilled, kept)


@pytest.mark.parametrize(
    ("kind", "counted", "parts", "said"),
    [
        ("collect", goods(loose=3), [], "Nobody fulfils it yet"),
        ("collect", goods(loose=1), [part("picked", units=2)], "Nobody fulfils 1 unit"),
        ("collect", goods(), [part("proposed")], "Waits to be sent to Leeds Briggate"),
        ("collect", goods(), [part("sent")], "Sent to Leeds Briggate, not answered yet"),
        ("ship", goods(), [part("acknowledged")], "Leeds Briggate has it and has not begun"),
        ("ship", goods(), [part("rejected"), part("picking", YORK)], "York Coppergate is picking it"),
        ("collect", goods(), [part("ready"), part("packed", YORK)], "Packed at York Coppergate"),
        ("collect", goods(), [part("ready", kept="1 Dec")], "Ready at Leeds Briggate, kept until 1 Dec"),
        ("collect", goods(fulfilled=3), [part("handed_over", fulfilled=3)], "Collected at Leeds Briggate"),
        (
            "collect",
            goods(fulfilled=1),
            [part("ready", fulfilled=1)],
            "1 of 3 units collected, the rest is at Leeds Briggate",
        ),
        ("collect", goods(cancelled=3), [part("cancelled")], "Cancelled, nothing of it left"),
        ("collect", goods(fulfilled=3, returned=3), [part("handed_over")], "Everything came back"),
        (
            "collect",
            goods(fulfilled=3, returned=1),
            [part("handed_over")],
            "With the customer, 1 of 3 units came back",
        ),
    ],
)  # fmt: skip
def test_an_order_is_answered_in_one_sentence(
    kind: str, counted: Goods, parts: list[Part], said: str
) -> None:
    assert answer(kind, counted, parts) == said


def test_a_shipment_counts_the_parcels_that_have_left() -> None:
    waiting = [part("shipped", fulfilled=2), part("packed", YORK)]

    assert answer("ship", goods(fulfilled=2), waiting, parcels=(1, 2)) == "On its way, 1 of 2 parcels"
    assert answer("ship", goods(fulfilled=2), waiting, parcels=(1, 1)) == "On its way, 2 of 3 units"
    assert answer("ship", goods(fulfilled=3), waiting, parcels=(2, 2)) == "On its way, 2 parcels"


@pytest.mark.parametrize(
    ("kind", "counted", "parts", "titles"),
    [
        ("collect", goods(), [part("sent")], ["Answer", "Picked", "Ready to be collected", "Handover"]),
        ("collect", goods(), [part("ready")], ["Handover"]),
        ("ship", goods(), [part("picked")], ["On its way"]),
        ("ship", goods(loose=3), [], ["A location", "Answer", "Picked", "On its way"]),
        ("ship", goods(fulfilled=3), [part("shipped")], []),
    ],
)
def test_the_spine_goes_on_with_what_has_not_happened(
    kind: str, counted: Goods, parts: list[Part], titles: list[str]
) -> None:
    assert [step.title for step in coming(kind, counted, parts)] == titles


@pytest.mark.parametrize(
    ("now", "begun", "left", "shape"),
    [
        (10, False, "in 1 h 50 min", "calm"),
        (45, False, "in 1 h 15 min", "wait"),
        (95, False, "in 25 min", "act"),
        (95, True, "in 25 min", "calm"),
        (130, True, "10 min late", "act"),
    ],
)
def test_a_clock_is_loud_once_it_is_too_late_to_begin(now: int, begun: bool, left: str, shape: str) -> None:
    shown = face(0, 120 * MINUTE_US, now * MINUTE_US, 30 * MINUTE_US, begun=begun)

    assert (shown.left, shown.shape, shown.start) == (left, shape, 75)
