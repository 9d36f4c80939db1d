"""What is known of an exception, as a person reads it."""

import pytest

from hub.console.words import JOURNALS_PER_EVENT, journal_word
from hub.exceptions.facts import Fact, Reader
from hub.ledger import stages

READER = Reader({"store-2": "York Coppergate", "store-3": "Hull Trinity"})


def read(**facts: object) -> list[tuple[str, str]]:
    return [(fact.word, fact.text) for fact in READER.read(facts)]


def test_amounts_are_money_and_are_called_what_they_are_of() -> None:
    assert read(z="YC1-Z00009", expected_minor=24120, counted_minor=23370, difference_minor=-750) == [
        ("Close", "YC1-Z00009"),
        ("Expected", "£241.20"),
        ("Counted", "£233.70"),
        ("Over or short", "−£7.50"),
    ]


def test_what_differs_in_a_close_is_said_in_the_figure_it_is_in() -> None:
    seal = {"said": "a" * 64, "added_up": "b" * 64}
    assert read(
        differences={
            "sales_minor": {"said": 100, "added_up": 5225},
            "no_sales": {"said": 3, "added_up": 0},
            "expected_cash": {"said": 12_090, "added_up": 12_190},
            "range_hash": seal,
        }
    ) == [
        ("Sales", "the store said £1.00, its events add up to £52.25"),
        ("Drawer opened without a sale", "the store said 3, its events add up to 0"),
        ("Cash expected", "the store said £120.90, its events add up to £121.90"),
        ("Seal over the events", "the store said something else than its events add up to"),
    ]


def test_what_does_not_add_up_in_a_sale_names_its_line() -> None:
    wrong = {"what": "tax", "line_no": 2, "said_minor": 395, "worked_out_minor": 495}
    assert read(differences=[wrong]) == [
        ("Tax, line 2", "the store said £3.95, the hub works out £4.95"),
    ]


@pytest.mark.parametrize(
    ("facts", "word", "text"),
    [
        ({"tenders": {"cash": -501}}, "Cash", "−£5.01"),
        ({"lines": [{"sku": "22423", "units": 2, "reason": "not_found"}]}, "Lines", "2 × 22423, Not found"),
        ({"locations": ["store-2", "store-3"]}, "Locations", "York Coppergate, Hull Trinity"),
        ({"units": {"1": 2}}, "Line 1", "2"),
        ({"due_us": 1_793_629_920_000_000}, "Promised for", "Mon 2 Nov, 14:32"),
        ({"kind": "order.paid"}, "What arrived", "Paid at a till"),
        ({"asked_by": "a-osei"}, "Asked by", "A. Osei"),
        ({"void": True}, "A void", "yes"),
        ({"till": "till-2"}, "Till", "Till 2"),
        ({"never_heard_of": 1_234}, "Never heard of", "1,234"),
    ],
)  # fmt: skip
def test_no_fact_is_shown_as_the_program_keeps_it(facts: dict[str, object], word: str, text: str) -> None:
    assert read(**facts) == [(word, text)]


def test_ids_that_lead_nowhere_and_empty_facts_are_left_out_and_a_code_is_set_as_one() -> None:
    facts = {"assignment_id": "a-1", "location": "store-2", "note": "", "code": "unknown_kind"}

    assert READER.read(facts) == [Fact("Code", "unknown_kind", mono=True)]


def test_a_journal_is_quoted_by_the_event_that_posted_it() -> None:
    assert JOURNALS_PER_EVENT == stages.JOURNALS_PER_EVENT
    assert journal_word(8_302) == "J-83.2"
