"""Returns, exchanges, goods to decide and stored value on the screens of a store, large and small."""

import pytest
from playwright.sync_api import Browser, expect

from edge_agent.context import SYSTEM
from edge_agent.returns import mail_in
from edge_agent.returns.policy import take_policy
from protocol.mail_in import ExpectedLine, ReturnExpect
from protocol.returns import Channel, Condition, GoodsRule, ReturnPolicy
from tests.browser.edge.conftest import shot, sign_in
from tests.browser.edge.store import CODES, Store, sell
from tests.support.browser import DESK, HANDHELD, axe, overflows, ready, scan, window

pytestmark = pytest.mark.browser
SCREENS = ("/stock/decide", "/sell/value", "/returns/no-receipt", "/store/day")


def parcel(store: Store, size: tuple[int, int]) -> str:
    """Let a parcel be announced and taken in; return its number."""
    number = f"HB1-Q{size[0]:05d}"
    line = ExpectedLine(
        line_no=1,
        sku="22423",
        name="Regency Cakestand 3 Tier",
        units=2,
        reason="faulty",
        sold=2,
        gross_minor=2_550,
        tax_minor=425,
        rate_ppm=200_000,
        serials=("S-1", "S-2"),
    )
    body = ReturnExpect(
        authorisation_id=f"a-{size[0]}",
        number=number,
        order_id=f"w-{size[0]}",
        order_number="HB1-00042",
        channel=Channel.WEB,
        currency="GBP",
        start="2026-11-01",
        authorised_on="2026-11-10",
        due_us=store.edge.clock.now_us(),
        refund="arrived",
        lines=(line,),
    )
    store.edge.database.write(lambda unit: mail_in.expect(unit, store.edge, body))
    wanted = mail_in.Arrived(key=f"k-{number}", code=number)
    store.edge.database.write(lambda unit: mail_in.arrive(unit, store.edge, wanted, person=SYSTEM))
    return number


@pytest.mark.parametrize("size", [DESK, HANDHELD], ids=["desk", "handheld"])
def test_the_screens_of_returns_say_the_policy_and_fit(
    browser: Browser, store: Store, size: tuple[int, int]
) -> None:
    key = f"returns-{size[0]}"
    number = sell(store.edge, key, ("22423", 2), ("85099B", 1)).number
    policy = ReturnPolicy(
        version=1,
        default_days=30,
        items={"22423": GoodsRule(fee_ppm=100_000)},
        exchange_only_conditions=(Condition.USED,),
    )
    store.edge.database.write(lambda unit: take_policy(unit, store.edge, policy))
    with window(browser, size) as opened:
        page = opened.page
        sign_in(page, store, "S. Rowe")
        scan(page, CODES["47566"])
        expect(page.locator("#to-pay")).to_contain_text("4.95")
        page.goto(f"{store.url}/orders/{number}/return")
        ready(page)
        page.get_by_role("button", name="One more of Regency Cakestand 3 Tier").click()
        expect(page.get_by_text("May come back.")).to_be_visible()
        expect(page.get_by_text("less a restocking fee of £1.28")).to_be_visible()
        assert (axe(page), overflows(page)) == ([], False)
        shot(page, f"return-policy-{size[0]}", full=True)
        page.get_by_label("It looks").select_option("used")
        expect(page.get_by_text("it is exchanged, or comes back for store credit")).to_be_visible()
        page.get_by_label("The customer gets").select_option("exchange")
        expect(page.get_by_role("button", name="Exchange")).to_be_visible()
        assert (axe(page), overflows(page)) == ([], False)
        shot(page, f"return-exchange-{size[0]}", full=True)
        page.get_by_label("The goods go").select_option("returns")
        page.get_by_role("button", name="Exchange").click()
        expect(page.get_by_text("Sold for it")).to_be_visible()
        for path in (
            f"/stock/mail-in/{parcel(store, size)}",
            "/stock/mail-in",
            "/stock/decide",
            "/sell/value",
            "/returns/no-receipt",
            f"/orders/{number}",
            "/store/day",
        ):
            page.goto(store.url + path)
            ready(page)
            assert (path, axe(page), overflows(page)) == (path, [], False)
            shot(page, f"returns{path.replace('/', '-')}-{size[0]}", full=True)
