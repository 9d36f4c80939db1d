"""What customers were told, as Operations sees it: the list, one mail, and sending it once more."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from hub.fleet.steps import NewLocation, add_location
from hub.notify import rows
from hub.notify.sender import send_due
from protocol.customers import Contact
from protocol.people import HubRole
from tests.browser.hub.conftest import enter
from tests.browser.hub.site import EVIL, NOW_US, Site, running
from tests.support.browser import DESK, HANDHELD, axe, ready, window, wrong_at
from tests.support.hub import Shop, send
from tests.support.mail import MailBox, mail_server
from tests.support.notices import TOLD, know, ordered, staged

pytestmark = pytest.mark.browser
MINUTE_US = 60_000_000
PEOPLE = (
    Contact(contact_id="c-1", first_name="Anna", last_name="Reed", email="anna@post.test"),
    Contact(contact_id="c-2", first_name=EVIL, last_name="Lamb", email="lamb@post.test"),
    Contact(contact_id="c-3", first_name="Jo", last_name="Hart", phone="0113 496 0001"),
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, MailBox]]:
    """A hub that has told some customers, could not tell one, and is waiting with another."""
    with pytest.MonkeyPatch.context() as patched, mail_server() as box:
        patched.setattr("hub.app.JOURNEY", TOLD)
        folder = tmp_path_factory.mktemp("notices")
        more = {"smtp_host": "127.0.0.1", "smtp_port": box.port, "mail_from": "orders@orderspine.test"}
        with running(folder, empty=True, **more) as site:
            fill(site, box)
            yield site, box


def fill(site: Site, box: MailBox) -> None:
    hub = site.hub
    new = NewLocation(edge="store-1", code="LB", name="Leeds Briggate", kind="store")
    hub.database.write(lambda unit: add_location(unit, new=new, clock=hub.clock, ids=hub.ids))
    for contact in PEOPLE:
        know(hub, contact)
    shop = Shop(at_us=NOW_US - 120 * MINUTE_US, step_us=MINUTE_US)
    for n in range(1, 6):
        promise = ordered(n).promise.model_copy(update={"keep_until_us": NOW_US + 7_200 * MINUTE_US})
        shop.say(ordered(n, contact_id=f"c-{min(n, 3)}", promise=promise))
    for n in (1, 2, 3):
        shop.say(staged(n))
    send(hub, shop)
    box.rcpt = ["250 2.1.5 Ok", "550 5.1.1 No such mailbox"]
    send_due(hub)
    said = len(shop.events)
    promise = ordered(6).promise.model_copy(update={"keep_until_us": NOW_US + 7_200 * MINUTE_US})
    shop.say(ordered(6, promise=promise))
    shop.say(staged(6))
    send(hub, shop, said + 1)
    box.rcpt = ["451 4.7.1 Later"]
    send_due(hub)


@pytest.fixture
def page(browser: Browser, told: tuple[Site, MailBox]) -> Iterator[Page]:
    """A window of an admin."""
    with window(browser, DESK) as opened:
        enter(opened.page, told[0], HubRole.ADMIN)
        yield opened.page


def of_order(site: Site, number: str) -> str:
    with site.hub.database.read() as connection:
        return rows.listed(connection, number=number, kind="ready")[0][0].notice_id


def test_axe_finds_nothing_on_the_notices_at_any_size(
    page: Page, told: tuple[Site, MailBox], shots: Path
) -> None:
    site, _box = told
    screens = {
        "notices": "/notices",
        "notices-none": "/notices?state=kept",
        "notice-sent": f"/notices/{of_order(site, 'LB1-00001')}",
        "notice-failed": f"/notices/{of_order(site, 'LB1-00002')}",
        "notice-dropped": f"/notices/{of_order(site, 'LB1-00003')}",
    }
    found: dict[str, object] = {}
    for name, path in screens.items():
        page.goto(site.url + path)
        ready(page)
        found |= wrong_at(page, f"hub-{name}", shots, (HANDHELD, DESK))

    assert found == {}


def test_a_notice_is_found_read_and_sent_once_more(page: Page, told: tuple[Site, MailBox]) -> None:
    site, box = told
    before = len(box.mails)
    page.goto(f"{site.url}/notices")
    page.get_by_label("Order number").fill("LB1-00001")
    page.get_by_label("State").select_option("sent")
    page.get_by_role("button", name="Find").click()
    expect(page).to_have_url(re.compile(r"q=LB1-00001.*state=sent"))
    page.get_by_role("link", name="Ready to be collected, order LB1-00001").click()
    ready(page)
    text = page.inner_text("pre")
    page.get_by_label("Reason").fill("They asked on the telephone")
    page.get_by_role("button", name="Send once more").click()
    expect(page.locator(".notice.is-done")).to_have_text("It is sent with the next round.")
    refused = page.get_by_role("button", name="Send it").get_attribute("title")
    sent = send_due(site.hub)
    expect(page.locator("h1 + .pill")).to_have_text("Sent")

    assert "482 913" in text
    assert refused == "It is on its way already."
    assert sent == 1
    assert len(box.mails) == before + 1


def test_a_customer_whose_name_is_a_script_runs_nothing_on_the_page(
    page: Page, told: tuple[Site, MailBox]
) -> None:
    site, _box = told
    page.goto(f"{site.url}/notices/{of_order(site, 'LB1-00002')}")
    ready(page)

    assert EVIL in page.inner_text("pre")
    assert page.title() != "owned"


def test_an_empty_list_says_what_will_appear_and_that_no_server_is_set_up(
    browser: Browser, tmp_path: Path
) -> None:
    with running(tmp_path, empty=True) as site, window(browser) as opened:
        enter(opened.page, site, HubRole.ADMIN)
        opened.page.goto(f"{site.url}/notices")
        ready(opened.page)

        assert opened.page.locator(".empty h2").inner_text() == "Nobody was told anything yet"
        assert opened.page.locator(".notice.is-wait").is_visible()
        assert axe(opened.page) == []
