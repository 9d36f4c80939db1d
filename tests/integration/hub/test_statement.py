"""A customer's statement: every movement, a balance that runs, and an end that the sub-ledgers have too."""

from collections.abc import Iterator

import pytest

from hub.customers import rows as contacts
from hub.customers.statement import statement_of
from hub.database import HubDatabase, HubUnit
from hub.ledger.close.subledgers import orders_for_later, scope_of, stored_value
from hub.people.steps import add_token
from protocol.customers import Contact
from protocol.orders import TenderKind
from protocol.people import HubRole
from tests.support.hub import send
from tests.support.later_shop import paid_online, record_at, web_order
from tests.support.promising import Channel, company
from tests.support.returns_shop import ReturnsShop, money


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 9}}, warehouses={})
    yield made
    made.close()


def known(channel: Channel) -> None:
    """Let two contacts be one customer, by their mail address, and a third be somebody else."""

    def step(unit: HubUnit) -> None:
        for contact_id, email in (("c-1", "jo@example.org"), ("c-2", "Jo@example.org"), ("c-3", "al@x.org")):
            contact = Contact(contact_id=contact_id, first_name="Jo", last_name="March", email=email)
            contacts.put(unit.connection, contact, origin="hub", now_us=1)

    channel.hub.database.write(step)


def a_year(channel: Channel) -> None:
    """One order that left and of which money went back, one with a deposit, sales and a return for credit."""
    shop = ReturnsShop()
    shop.open()
    shop.stock("A", 30)
    gone = web_order(("A", 3, 10_00))
    record_at(channel.hub, gone, paid=paid_online(gone))
    shop.pick(gone)
    shop.stage(gone)
    shop.hand_over(gone)
    half = web_order(("A", 2, 10_00), name="w-2").model_copy(update={"contact_id": "c-2"})
    record_at(channel.hub, half, paid=paid_online(half, 15_00))
    other = web_order(("A", 1, 10_00), name="w-3").model_copy(update={"contact_id": "c-3"})
    record_at(channel.hub, other, paid=paid_online(other, 5_00))
    sale = shop.sale(("A", 2, 8_00), kind=TenderKind.CASH).model_copy(update={"customer_id": "c-1"})
    shop.tell_sale(sale)
    shop.refund_by(sale, (1, 1), tenders=(money(TenderKind.STORE_CREDIT, 8_00, "LB1-S1"),))
    bought = shop.sale(("A", 1, 5_00)).model_copy(
        update={"customer_id": "c-2", "tenders": (money(TenderKind.STORE_CREDIT, 5_00, "LB1-S1"),)}
    )
    shop.business_date = "2025-12-03"
    shop.tell_sale(bought.model_copy(update={"business_date": "2025-12-03"}))
    send(channel.hub, shop)
    amount = {"line_no": 1, "amount_minor": 4_00, "reason": "a scratch"}
    channel.ask("POST", "/api/orders/HB1-00001/give-back", amount, status=201)


def test_a_statement_ends_where_the_sub_ledgers_stand(channel: Channel) -> None:
    known(channel)
    a_year(channel)
    said = channel.ask("GET", "/api/customers/c-1/statement")
    [of_orders, credit] = said["accounts"]

    with channel.hub.database.read() as connection:
        scope = scope_of(connection, "main", "main")
        held = {key: -minor for purpose, key, minor in orders_for_later(connection, scope) if minor}
        values = -sum(minor for purpose, _key, minor in stored_value(connection, scope))
        statements = [
            statement_of(connection, who, "", "", "Europe/London", "GBP") for who in ("c-1", "c-2", "c-3")
        ]
    assert [(row["charged_minor"], row["paid_minor"], row["balance_minor"]) for row in of_orders["rows"]] == [
        (0, 30_00, 30_00),
        (0, 15_00, 45_00),
        (30_00, 0, 15_00),
        (16_00, 16_00, 15_00),
        (-8_00, -8_00, 15_00),
        (-4_00, 0, 19_00),
        (5_00, 5_00, 19_00),
    ]
    assert of_orders["closing_minor"] == 19_00 == held["w-1"] + held["w-2"]
    assert (credit["number"], credit["closing_minor"]) == ("LB1-S1", 3_00)
    assert credit["closing_minor"] == values
    assert all(account.ties for each in statements for account in each.accounts)
    assert statements[0].account == statements[1].account
    assert statements[2].account.closing_minor == 5_00 == held["w-3"]


def test_a_period_begins_with_what_was_brought_forward_and_is_given_out_as_a_file(channel: Channel) -> None:
    known(channel)
    a_year(channel)
    december = channel.ask("GET", "/api/customers/c-1/statement?from=2025-12-01&to=2025-12-31")
    [of_orders, _credit] = december["accounts"]
    file = channel.client.get("/customers/c-1/statement.csv?from=2025-12-01").text.splitlines()
    page = channel.client.get("/customers/c-1/statement")
    by_order = channel.client.get("/customers?q=hb1-00002", follow_redirects=False)
    by_name = channel.client.get("/customers?q=march")
    finance = add_token(channel.hub, name="books", role=HubRole.FINANCE)
    unnamed = channel.client.get(
        "/customers/c-1/statement", headers={"authorization": f"Bearer {finance}"}
    ).text
    odd = [channel.client.get(f"/api/customers/c-1/statement?{q}").status_code for q in PERIODS]
    nobody = channel.ask("GET", "/api/customers/nobody/statement", status=404)

    assert (of_orders["opening_minor"], of_orders["closing_minor"], len(of_orders["rows"])) == (
        19_00,
        19_00,
        1,
    )
    assert file[1].endswith(",opening,,,,,19.00,GBP")
    assert [line.split(",")[0] for line in file[1:]].count("LB1-S1") == 2
    assert "£19.00 in the customer&#39;s favour" in page.text
    assert "Jo March" in page.text
    assert "Jo March" not in unnamed
    assert by_order.headers["location"] == "/customers/c-2/statement"
    assert (by_name.text.count("jo@example.org"), by_name.text.count("al@x.org")) == (1, 1)
    assert (odd, nobody["code"]) == ([422, 422], "unknown_customer")


PERIODS = ("from=2025-13-01", "from=2025-12-02&to=2025-12-01")
