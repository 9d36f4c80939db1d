"""The page on which the lines of an order are changed: nothing is done before its figures were seen."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hub.spine.later_rows import later_orders
from hub.spine.rows import orders
from protocol.people import HubRole
from tests.integration.hub.test_later_pages import Company


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    made = Company(tmp_path_factory.mktemp("hub"))
    yield made
    made.app.state.hub.database.close()


def hidden(text: str) -> dict[str, str]:
    """Return what the form carries beside what is typed."""
    return dict(re.findall(r'<input type="hidden" name="(key|looked|seen)" value="([^"]*)"', text))


def units_of(text: str) -> dict[str, str]:
    """Return the units of each line as the form has them."""
    return dict(re.findall(r'name="(units-\d+)"[^>]*value="(\d+)"', text))


def test_an_item_is_added_after_its_difference_was_seen(company: Company) -> None:
    at = f"{company.at('silent')}/lines"
    found = company.post(at, q="Jumbo", act="find")
    added = company.post(at, act="add:85099B")
    blind = company.post(at, sku="85099B", quantity="1", instead="", act="do")

    assert (found[0], "Add Jumbo Bag Red Retrospot" in found[2]) == (200, True)
    assert "In place of" in added[2]
    assert (blind[0], "Look at what it comes to now, then do it." in blind[2]) == (409, True)


def test_a_quantity_is_lowered_by_asking_the_store_and_the_page_says_so_first(company: Company) -> None:
    at = f"{company.at('ready')}/lines"
    before = company.visit().get(at).text
    assert units_of(before) == {"units-1": "4", "units-2": "2"}

    seen = company.post(at, **{"units-1": "3", "act": "look"})
    assert "Is asked to leave on its shelf what is no longer wanted" in seen[2]
    assert "Goes back to the customer" in seen[2]
    done = company.post(at, **{**hidden(seen[2]), "units-1": "3", "act": "do"})

    assert done[:2] == (303, f"{company.at('ready')}?said=requested")
    text = company.visit().get(company.at("ready")).text
    assert "Change requested" in text
    assert "Asked to leave units of it on their shelf." in text
    again = company.post(at, **{"units-1": "2", "act": "look"})
    assert "has been asked about" in again[2]


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"units-1": "0"}, "At least 1. To take all of it off, cancel it."),
        ({"units-1": "some"}, "Type a whole number of units."),
        ({"sku": "NOTHING", "quantity": "1", "instead": ""}, "has no item NOTHING"),
        ({"sku": "85099B", "quantity": "0", "instead": ""}, "Type a whole number of units."),
        ({"sku": "85099B", "quantity": "99999", "instead": ""}, "Nothing was done."),
    ],
)
def test_a_change_that_cannot_be_says_why_and_keeps_what_was_typed(
    company: Company, said: dict[str, str], complaint: str
) -> None:
    status, _where, text = company.post(f"{company.at('late')}/lines", **said, act="do")

    assert status in {404, 409, 422}
    assert complaint in text


def test_an_order_that_is_over_cannot_be_changed_and_finance_sees_no_form(company: Company) -> None:
    gone = company.post(
        f"{company.at('collected')}/lines", sku="85099B", quantity="1", instead="", act="look"
    )

    assert "is open any more." in gone[2]
    assert company.visit(HubRole.FINANCE).get(f"{company.at('late')}/lines").status_code == 403
    assert company.post(f"{company.at('late')}/lines", HubRole.FINANCE, act="look")[0] == 403
    assert company.visit().get("/orders/NO-SUCH/lines").status_code == 404


def test_a_decision_shows_how_old_the_knowledge_of_each_location_was(company: Company) -> None:
    text = company.visit().get(f"{company.at('silent')}/routing").text

    assert "Oldest knowledge" in text
    assert re.search(r"heard \d+ s before", text)


def test_an_item_is_added_to_an_order_that_its_store_has_set_aside(company: Company) -> None:
    hub = company.app.state.hub
    with hub.database.read() as connection:
        own = sa.select(orders.c.number).join(later_orders, later_orders.c.order_id == orders.c.order_id)
        number = connection.execute(own.where(later_orders.c.own)).scalars().first()
    item = {"sku": "85099B", "quantity": "1", "instead": ""}

    seen = company.post(f"/orders/{number}/lines", **item, act="look")
    assert (seen[0], "set its goods aside itself" in seen[2]) == (200, False)
    assert "Nobody has to answer first." in seen[2] or "At once" in seen[2]
    done = company.post(f"/orders/{number}/lines", **{**hidden(seen[2]), **item, "act": "do"})

    assert done[:2] == (303, f"/orders/{number}?said=lines")
