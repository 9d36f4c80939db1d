"""Tenders as they stand in the address of a page: nothing of them is lost on the way."""

from edge_agent.counter.tendering import Taken, read_taken
from protocol.orders import TenderKind


def test_a_card_without_a_line_is_still_one_after_a_reload_of_the_page() -> None:
    taken = (
        Taken(TenderKind.CARD, 30_00, "T:1", "4242", offline=True),
        Taken(TenderKind.CARD, 5_00, "", "1111"),
        Taken(TenderKind.CASH, 2_00),
    )

    assert read_taken([each.text for each in taken]) == taken
    assert [each.given.offline for each in taken] == [True, False, False]


def test_an_address_that_names_no_tender_is_passed_over() -> None:
    assert read_taken(["card-online:100::", "cheque:100::", "card-offline:-1::", "card"]) == ()
