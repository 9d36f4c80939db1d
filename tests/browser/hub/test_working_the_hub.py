"""What people do at the hub, by hand and by keyboard, in a real browser."""

import re

import pytest
from playwright.sync_api import Browser, expect

from hub.console.web import go_to
from protocol.people import HubRole
from tests.browser.hub.conftest import Opens
from tests.browser.hub.site import EVIL, Site
from tests.support.browser import HANDHELD, ready, scan, window
from tests.support.hub import send

pytestmark = pytest.mark.browser


def test_an_order_is_found_read_followed_into_its_journal_and_back(opens: Opens) -> None:
    with opens("/") as page:
        page.keyboard.press("/")
        expect(page.locator("#find-all")).to_be_focused()
        page.locator("#find-all").fill("HT1-00007")
        page.keyboard.press("Enter")
        ready(page, "/orders/HT1-00007")
        spine = page.locator(".timeline > li")
        titles = [item.split("\n")[0] for item in spine.locator("h3").all_inner_texts()]
        late = page.inner_text(".late-by")
        page.locator(".books a.ref").first.click()
        page.wait_for_url("**/finance/journals/*")
        accounts = page.locator("tbody th").all_inner_texts()
        page.get_by_role("link", name="Order HT1-00007").click()
        ready(page, "/orders/HT1-00007")
        back = page.inner_text("h1")

    assert [title.split(" Hull")[0] for title in titles] == ["Sold", "Returned HT1-R00008"]
    assert late == "Arrived 09:53, 41 min later: store offline"
    assert accounts == ["1100 Card clearing", "2200 Output tax", "4000 Sales"]
    assert back == "HT1-00007"


def test_a_scanned_receipt_opens_its_order_from_anywhere(opens: Opens) -> None:
    with opens("/fleet") as page:
        scan(page, "HT1-00007")
        ready(page, "/orders/HT1-00007")
        found = page.inner_text("h1")

    assert found == "HT1-00007"


def test_the_keyboard_walks_the_queue_and_a_note_closes_an_exception(opens: Opens, site: Site) -> None:
    with opens("/exceptions?owner=finance", HubRole.FINANCE) as page:
        before = page.inner_text("#q")
        first = page.inner_text("#x")
        page.keyboard.press("j")
        page.wait_for_url(re.compile("/exceptions/.+"))
        ready(page)
        second = page.inner_text("#x")
        page.keyboard.press("k")
        expect(page.locator("#x")).to_have_text(first)
        ready(page)
        page.fill("[name=note]", "Read with the manager: a test of the supplier.")
        page.get_by_role("button", name="Close it").click()
        expect(page.locator(".notice")).to_contain_text("It stands on the record")
        after = page.inner_text("#q")
        page.goto(f"{site.url}/exceptions?state=closed&owner=finance")
        page.locator(".queue a", has_text=first).click()
        expect(page.locator("#x")).to_have_text(first)
        kept = page.inner_text("article")

    assert int(before.split()[0]) - int(after.split()[0]) == 1
    assert first == "Till 1 of York Coppergate closed over or short"
    assert second != first
    assert "Read with the manager" in kept
    assert "R. Lamb" in kept


def test_zero_is_drilled_down_to_the_entries_of_one_journal(opens: Opens) -> None:
    with opens("/finance", HubRole.FINANCE) as page:
        zero = page.inner_text(".zero")
        page.get_by_role("link", name="6100", exact=True).click()
        balance = page.inner_text(".answer")
        page.locator("tbody a.ref").first.click()
        page.wait_for_url("**/finance/journals/*")
        rows = page.locator("tbody tr").all_inner_texts()

    assert zero == "0.00"
    assert "£7.50" in balance
    assert [row.split("\t")[0] for row in rows] == ["6100 Cash over and short", "1000 Till cash"]


def test_orders_are_exported_as_they_were_filtered(opens: Opens) -> None:
    with opens("/orders?store=store-3&from=2026-11-02") as page:
        with page.expect_download() as waiting:
            page.get_by_role("link", name="Export CSV").click()
        lines = waiting.value.path().read_text(encoding="utf-8-sig").splitlines()

    assert lines == [
        "number,store,till,business_date,state,currency,total,tax,refunded,promise,place,due,with,says",
        "HT1-00007,Hull Trinity,till-1,2026-11-02,part_returned,GBP,60.45,10.08,2.95,,,,,",
    ]


def test_a_name_that_is_a_script_is_only_ever_text(opens: Opens, site: Site) -> None:
    seen = []
    with opens("/stock/EVIL") as page:
        seen.append(page.inner_text("h1"))
        page.goto(f"{site.url}/orders/LB1-00016")
        seen.append(page.locator("tbody th").first.inner_text().split("\n")[0])
        title = page.title()

    assert seen == [EVIL, EVIL]
    assert title == "Order LB1-00016 - Orderspine"


def test_new_orders_wait_above_the_list_until_somebody_asks_for_them(opens: Opens, site: Site) -> None:
    with opens("/orders") as page:
        expect(page.locator("#live")).to_be_attached()
        top = page.locator("tbody th").first.inner_text()
        store = site.stores["store-1"]
        sent = len(store.events)
        sold = store.buys(("47566", 2), moment_us=site.clock.at_us)
        send(site.hub, store, sent + 1)
        expect(page.locator("#news")).to_contain_text("1 order has arrived.")
        still = page.locator("tbody th").first.inner_text()
        page.get_by_role("link", name="Show them").click()
        fresh = page.locator("tbody th").first.inner_text()

    assert still == top
    assert fresh == sold.number


def test_the_overview_follows_a_sale_without_being_asked(opens: Opens, site: Site) -> None:
    with opens("/") as page:
        row = page.locator("#sales-store-1 td").first
        before = int(row.inner_text())
        store = site.stores["store-1"]
        sent = len(store.events)
        store.buys(("20725", 1), moment_us=site.clock.at_us)
        send(site.hub, store, sent + 1)
        expect(row).to_have_text(str(before + 1))


def test_the_overview_counts_whom_it_lists_and_a_store_that_is_away_needs_nobody(opens: Opens) -> None:
    with opens("/") as page:
        headline, says = page.inner_text("h1"), page.inner_text("h1 + p")
        lists = page.locator("ul.needs")
        needs, away = (lists.nth(n).locator("h3").all_inner_texts() for n in (0, 1))

    counted = "1 location" if len(needs) == 1 else f"{len(needs)} locations"
    assert headline.startswith(f"{counted} ")
    assert "Hull Trinity" in needs
    assert away == ["Sheffield Fargate"]
    assert says.endswith("Sheffield Fargate is in store mode and sells on.")


@pytest.mark.parametrize("path", ["/people", "/catalog", "/fleet"])
def test_a_table_too_wide_for_a_handheld_stands_as_cards_that_name_each_figure(
    opens: Opens, path: str
) -> None:
    with opens(path, size=HANDHELD) as page:
        cells = page.locator("table[data-stacked] td .pill")
        boxes = [cell.bounding_box() for cell in cells.all()]
        names = set(page.locator("td:has(> .pill)").evaluate_all("(all) => all.map((e) => e.dataset.label)"))

    assert boxes
    assert all(box and box["x"] + box["width"] <= HANDHELD[0] for box in boxes)
    assert "State" in names


def test_the_strip_of_a_handheld_takes_two_lines_and_leads_on_wherever_it_is_tapped(opens: Opens) -> None:
    with opens("/stock", size=HANDHELD) as page:
        box = page.locator("#strip").bounding_box()
        page.mouse.click(120, 16)
        ready(page, "/fleet")

    assert box
    assert box["height"] <= 56


def test_only_an_admin_discards_an_event_and_says_why(opens: Opens, site: Site) -> None:
    with opens("/fleet/store-2", HubRole.OPS) as page:
        buttons = page.get_by_role("button", name=re.compile("Replay|Discard")).count()
        told = page.inner_text(".parked")
    with opens("/fleet/store-2") as page:
        page.locator("summary").click()
        page.get_by_label("Why it never counts").fill("Gift wrap is not sold any more.")
        page.get_by_role("button", name="Discard event 19").click()
        expect(page.locator(".notice")).to_contain_text("Discarded.")
        kept = page.inner_text(".parked")

    assert buttons == 0
    assert "An admin replays or discards it." in told
    assert "Gift wrap is not sold any more." in kept


def test_a_wrong_password_says_so_and_too_many_say_how_long_to_wait(browser: Browser, site: Site) -> None:
    with window(browser, expect=("401", "429")) as opened:
        page = opened.page
        page.goto(f"{site.url}/sign-in")
        said = []
        for tries in (1, 9, 1):
            for _try in range(tries - 1):
                page.request.post(f"{site.url}/sign-in", form={"name": "Nobody", "password": "wrong"})
            page.fill("[name=name]", "Nobody")
            page.fill("[name=password]", "wrong")
            page.get_by_role("button", name="Sign in").click()
            ready(page)
            said.append(page.inner_text("[role=alert]"))

    assert said[0] == said[1] == "The name or the password is wrong. Type both again."
    assert said[2] == "Too many tries for this name or this address. Wait 60 seconds, then try again."


def test_leading_on_never_carries_a_bare_question_mark() -> None:
    assert go_to("/fleet").headers["location"] == "/fleet"
