"""Output tax that is due when a deposit is paid: taken out of what is held, and back when that moves on."""

import re

import pytest
from fastapi import FastAPI

from hub.context import Hub
from hub.ledger.close.subledgers import orders_for_later, scope_of, taxes
from hub.ledger.terms import set_terms
from protocol.books import TermsSet
from protocol.errors import Invalid
from tests.integration.hub.test_later_ledger import a_shop, assert_sound, posted, standing
from tests.integration.hub.test_ledger_pages import app, enter, post
from tests.support.hub import send

__all__ = ["app"]
AT_PAYMENT = TermsSet(entity="main", tax_at_payment=True, reason="payments on account")


def test_tax_is_due_with_a_deposit_where_an_entity_has_it_so_and_moves_on_with_its_money(
    hub: Hub,
) -> None:
    shop = a_shop(A=10)
    send(hub, shop)
    set_terms(hub, AT_PAYMENT, by="finance")
    for refused in (AT_PAYMENT, AT_PAYMENT.model_copy(update={"entity": "nobody"})):
        with pytest.raises(Invalid):
            set_terms(hub, refused, by="finance")
    at = len(shop.events) + 1
    order = shop.place(("A", 3, 12_00))
    shop.pay(order, 9_00)
    send(hub, shop, at)
    part = standing(hub, "2100", "2200")
    at = len(shop.events) + 1
    shop.pay(order, 27_00)
    shop.ready(order)
    send(hub, shop, at)
    whole = standing(hub, "2100", "2200")
    at = len(shop.events) + 1
    first = shop.hand_over(order, {1: 1}, rest=True)
    send(hub, shop, at)
    left = standing(hub, "2100", "2200", "4000")
    at = len(shop.events) + 1
    shop.undo(first)
    shop.cancel(order, {1: 2})
    send(hub, shop, at)
    ended = standing(hub, "2100", "2110", "2200", "4000")
    with hub.database.read() as connection:
        scope = scope_of(connection, "main", "main")
        kept = orders_for_later(connection, scope)
        held = sum(minor for purpose, _key, minor in kept if purpose == "deposits")
        tax = sum(minor for _purpose, _key, minor in taxes(connection, scope))
    at = len(shop.events) + 1
    shop.hand_over(order, {1: 1})
    send(hub, shop, at)

    assert part == (-7_50, -1_50)
    assert whole == (-30_00, -6_00)
    assert left == (-20_00, -6_00, -10_00)
    assert ended == (-10_00, -24_00, -2_00, 0)
    assert (held, tax) == (-10_00, -2_00)
    assert standing(hub, "2100", "2200", "4000") == (0, -2_00, -10_00)
    assert [rule for rule, _sides in posted(hub, order.number)].count("deposit_tax") == 6
    assert_sound(hub)


def test_finance_sets_when_tax_is_due_on_the_page_of_accounts(app: FastAPI) -> None:
    client = enter(app)
    unsaid = post(client, "/finance/chart", entity="main", act="tax", due="payment", reason="")
    done = post(client, "/finance/chart", entity="main", act="tax", due="payment", reason="on account")
    page = client.get("/finance/chart").text

    assert (unsaid[0], done[0]) == (422, 303)
    assert "A. Abel" in page
    assert re.search(r'value="payment" selected', page)
