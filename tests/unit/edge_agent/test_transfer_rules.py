"""What a label means, what goes into a carton, how the numbers of cartons are made."""

from pathlib import Path

import pytest

from edge_agent.transfers.rules import (
    Counted,
    Line,
    arrived,
    counted_in,
    into_carton,
    line_for,
    loose,
    number_of,
)
from protocol.errors import Invalid, Refused, Unavailable
from protocol.fulfilment import UnitsLine
from protocol.ids import slip_code
from protocol.sscc import check_digit, is_sscc, make_sscc, read_label, spaced
from protocol.transfers import CartonLine, ReceivedLine, SettledLine, adds_up, settlement
from tests.support.store import settings_for

EXAMPLE = "106141412345678908"
"""The SSCC that GS1's General Specifications print as their example."""
COATS = Line(1, "COAT-M", "Coat", 3)
MUGS = Line(2, "MUG-1", "Mug", 4)


def test_the_check_digit_is_that_of_the_standards_own_example() -> None:
    assert check_digit(EXAMPLE[:-1]) == EXAMPLE[-1]
    assert is_sscc(EXAMPLE)
    assert spaced(EXAMPLE) == "1061 4141 2345 6789 08"


@pytest.mark.parametrize(
    ("text", "sscc"),
    [
        (f"]C100{EXAMPLE}", EXAMPLE),
        (f"00{EXAMPLE}", EXAMPLE),
        (f"(00){EXAMPLE}", EXAMPLE),
        (f"(00) {spaced(EXAMPLE)} ", EXAMPLE),
        (EXAMPLE, EXAMPLE),
        (f"00{EXAMPLE[:-1]}9", ""),
        (EXAMPLE[:-1], ""),
        ("٣" * 18, ""),
        ("4006381333931", ""),
        (slip_code("tf", "LB1-X00001", 1), ""),
        ("", ""),
    ],
)
def test_a_label_is_read_with_everything_that_scanners_and_people_put_around_it(text: str, sscc: str) -> None:
    assert read_label(text) == sscc


def test_the_code_of_a_manifest_names_its_transfer() -> None:
    assert number_of(slip_code("tf", "LB1-X00001", 2)) == "LB1-X00001"
    assert number_of(slip_code("mf", "LB1-M00001", 1)) == ""
    assert number_of("LB1-X00001") == ""


def test_another_life_of_the_same_store_never_prints_a_number_again() -> None:
    stem = "9501101001"

    assert make_sscc(stem, 1, 1) == "095011010010000015"
    assert make_sscc(stem, 2, 1)[0] == "1"
    assert make_sscc(stem, 11, 1)[:-1] == "09501101001100001"
    with pytest.raises(Unavailable):
        make_sscc(stem, 1, 100_000)
    with pytest.raises(Unavailable):
        make_sscc(stem, 101, 1)
    with pytest.raises(Invalid):
        make_sscc("12", 1, 1)


def test_a_store_has_a_block_of_its_own_even_when_nobody_gave_it_one(tmp_path: Path) -> None:
    plain = settings_for(tmp_path).cartons
    told = settings_for(tmp_path, cartons={"company_prefix": "4012345", "block": "077"}).cartons

    assert plain.stem("store-1") == "95011019001"
    assert plain.stem("store-2147") == "95011019147"
    assert plain.stem("warehouse-1") == "95011016001"
    assert plain.stem("leeds") != plain.stem("york")
    assert told.stem("store-1") == "4012345077"


def test_a_carton_takes_what_was_scanned_and_leaves_the_rest_loose() -> None:
    lines = [Line(1, "COAT-M", "Coat", 3, picked_bound=3), Line(2, "MUG-1", "Mug", 4, picked_lent=4)]

    first = into_carton(lines, loose(lines, []), {"COAT-M": 2, "MUG-1": 1})

    assert [(line.line_no, line.quantity) for line in first] == [(1, 2), (2, 1)]
    assert loose(lines, first) == {1: 1, 2: 3}
    with pytest.raises(Refused) as refusal:
        into_carton(lines, loose(lines, first), {"COAT-M": 2})
    assert refusal.value.facts == {"extra": {"COAT-M": 1}}


def test_two_lines_of_one_article_are_filled_one_after_the_other() -> None:
    lines = [Line(1, "COAT-M", "Coat", 2), Line(2, "COAT-M", "Coat", 1, order_id="o")]

    assert [line_for(lines, {1: n}, "COAT-M") for n in (0, 1, 2)] == [1, 1, 2]
    assert line_for(lines, {1: 2, 2: 1}, "COAT-M") == 2
    assert line_for(lines, {}, "MUG-1") == 0


def test_a_word_about_a_line_is_the_last_word() -> None:
    carton = (CartonLine(line_no=1, sku="COAT-M", quantity=3), CartonLine(line_no=2, sku="MUG-1", quantity=4))

    counted = counted_in(
        [COATS, MUGS],
        [(1, carton)],
        [Counted(2, "MUG-1", "Mug", 1, at_us=2)],
        [Counted(1, "COAT-M", "Coat", 2, damaged=1, at_us=3)],
    )

    assert [(each.line_no, each.units, each.damaged) for each in counted] == [(1, 2, 1), (2, 5, 0)]


def test_what_is_scanned_after_a_word_comes_on_top_of_it() -> None:
    first, second = (
        (at_us, (CartonLine(line_no=1, sku="COAT-M", quantity=units),)) for at_us, units in ((1, 6), (4, 4))
    )
    loose = [Counted(1, "COAT-M", "Coat", 1, at_us=at_us) for at_us in (2, 5)]

    counted = counted_in(
        [COATS], [first, second], loose, [Counted(1, "COAT-M", "Coat", 6, damaged=1, at_us=3)]
    )

    assert [(each.units, each.damaged) for each in counted] == [(11, 1)]


def test_what_turns_up_after_it_was_said_to_be_missing_is_not_called_over() -> None:
    gone = Line(1, "COAT-M", "Coat", 3, received=2, missing=1)

    late = arrived([gone], [Counted(1, "COAT-M", "Coat", 1)], {}, may_bind=frozenset(), free={"COAT-M": 0})

    assert (late.lines[0].over, late.shorts) == (0, ())


def test_a_settlement_says_of_every_shipped_unit_what_became_of_it() -> None:
    shipped = [
        UnitsLine(line_no=1, sku="COAT-M", lent=1, bound=2),
        UnitsLine(line_no=2, sku="MUG-1", bound=4),
    ]
    received = [
        ReceivedLine(line_no=1, sku="COAT-M", name="Coat", quantity=2, damaged=1),
        ReceivedLine(line_no=2, sku="MUG-1", name="Mug", quantity=5, over=1),
        ReceivedLine(sku="BOOK-1", name="Book", quantity=1),
    ]

    settled = settlement(shipped, received)

    assert settled == (
        SettledLine(line_no=1, sku="COAT-M", received=2, missing=1),
        SettledLine(line_no=2, sku="MUG-1", received=4, over=1),
        SettledLine(line_no=0, sku="BOOK-1", over=1),
    )
    assert adds_up(shipped, settled)
    assert not adds_up(shipped, settled[:1])
    assert not adds_up(shipped, (settled[0].model_copy(update={"missing": 2}), *settled[1:]))
