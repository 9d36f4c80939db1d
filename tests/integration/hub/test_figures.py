"""Every figure of money on the screens of the books, orders and stock opens the journals behind it."""

import re
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI

from hub.context import Hub
from hub.fleet.steps import NewLocation, add_location
from hub.ledger.settlements.steps import Wanted, take
from protocol.orders import TenderKind
from tests.integration.hub.test_ledger_pages import app, enter
from tests.support.hub import Shop, send
from tests.support.later_shop import paid_online, record_at, web_order

__all__ = ["app"]
LEADS = (
    "/finance/journals",
    "/finance/accounts/",
    "/finance/settlements/",
    "/finance/between?",
    "/customers/",
    "/orders/",
    "#entries",
)
"""Journals, or a page of the walk whose own figures open them."""
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"})


class Figures(HTMLParser):
    """Collects the amounts in cells of money, each with where it leads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open: list[tuple[str, bool, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            said = dict(attrs)
            money = "money" in (said.get("class") or "").split()
            self._open.append((tag, money, (said.get("href") or "") if tag == "a" else ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if re.search(r"\d[.,]\d\d", data) and any(money for _tag, money, _href in self._open):
            self.found.append((data.strip(), next((href for _t, _m, href in self._open if href), "")))


@pytest.fixture
def pages(app: FastAPI) -> list[str]:
    """The addresses of every screen with figures of the books, on a hub with some of each kind."""
    hub: Hub = app.state.hub
    outlet = NewLocation(edge="store-9", code="AB", name="Outlet", entity="outlet")
    hub.database.write(lambda unit: add_location(unit, outlet, clock=hub.clock, ids=hub.ids))
    order = web_order(("A", 1, 12_00))
    record_at(hub, order)
    record_at(hub, paid_online(order))
    shop = Shop(edge="store-2", code="YC")
    shop.stock("B", 5)
    shop.open()
    sold = shop.sell(("B", 2, 10_00), kind=TenderKind.CASH)
    shop.give_back(sold, (1, 1))
    shop.close(missing_minor=1_00)
    send(hub, shop)
    abroad = Shop(edge="store-9", code="AB")
    abroad.open()
    abroad.stock("B", 3)
    abroad.backs = dict(shop.backs)
    abroad.give_back(sold, (1, 1))
    send(hub, abroad)
    file = b"type,reference,amount,fee\nsale,nobody,10.00,0.10\nchargeback,CB-1,-2.00,0.00\n"
    done = take(hub, file, Wanted("main", "card", "plain", "P-1", "2025-11-28", 7_00), by="A. Abel")
    return [
        "/finance",
        "/finance/accounts/4000?entity=main",
        "/finance/journals",
        "/finance/journals/101",
        "/finance/days",
        f"/finance/days/{shop.session_id}",
        "/finance/periods",
        "/finance/periods/main/2025-11",
        "/finance/settlements",
        f"/finance/settlements/{done.settlement_id}",
        "/finance/money",
        "/finance/suspense",
        "/finance/payments",
        f"/orders/{order.number}",
        f"/orders/{sold.number}",
        "/finance/between?entity=main",
        "/finance/between?entity=outlet",
        "/customers/c-1/statement?from=2025-11-01",
        "/stock",
        "/stock/B",
    ]


def test_every_figure_opens_its_journals_and_every_journal_its_event_and_order(
    app: FastAPI, pages: list[str]
) -> None:
    client = enter(app)
    without: list[tuple[str, str, str]] = []
    leads: set[str] = set()
    for page in pages:
        answer = client.get(page)
        assert answer.status_code == 200, page
        figures = Figures()
        figures.feed(answer.text)
        without += [(page, text, href) for text, href in figures.found if not href.startswith(LEADS)]
        leads |= {href for _text, href in figures.found if href.startswith("/")}
        assert figures.found or page in {"/finance/periods", "/finance/payments"}, page
    assert without == [], without
    for lead in sorted(leads):
        assert client.get(lead).status_code == 200, lead
    for lead in (lead for lead in leads if lead.startswith("/finance/journals?")):
        assert "/finance/journals/" in client.get(lead).text, f"{lead} opens no journal"
    journal = client.get("/finance/journals?order=store-2-o1").text
    one = re.search(r"/finance/journals/(\d+)", journal)
    assert one is not None
    shown = client.get(f"/finance/journals/{one[1]}").text
    assert "Number in its stream" in shown
    assert "/orders/YC1-00001" in shown
