"""The policy of returns, what stores decided, and stored value: every screen of the hub, at both sizes."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from hub.returns.mail_in import MailInWanted, SentBack, announce
from hub.returns.policy import current
from hub.returns.policy_steps import save
from hub.spine.rows import orders
from protocol.returns import Condition, GoodsRule, ReturnPolicy
from tests.browser.hub.conftest import Opens
from tests.browser.hub.site import Site
from tests.support.browser import DESK, HANDHELD, axe, overflows

pytestmark = pytest.mark.browser
POLICY = ReturnPolicy(
    default_days=30,
    categories={"Coats": GoodsRule(days=60), "Lingerie": GoodsRule(final_sale=True, hygiene=True)},
    items={"RADIO-1": GoodsRule(fee_ppm=150_000, fee_when=(Condition.OPENED,))},
)


def announced(site: Site, size: tuple[int, int]) -> tuple[str, str]:
    """Let a unit of the newest sale come back by parcel; return the numbers of both."""
    with site.hub.database.read() as connection:
        found = connection.execute(
            sa.select(orders.c.number)
            .where(orders.c.state == "completed", orders.c.session_id != "")
            .order_by(orders.c.apply_order.desc())
            .offset(size[0] % 7)
        )
        number = str(found.scalars().first())
    wanted = MailInWanted(lines=(SentBack(line_no=1, units=1),), note="shown on a screen")
    return number, site.hub.database.write(
        lambda unit: announce(unit, site.hub, number, wanted, by="Priya Nair")[0].number
    )


@pytest.mark.parametrize("size", [DESK, HANDHELD], ids=["desk", "handheld"])
def test_the_policy_is_read_tried_and_changed_on_a_screen(
    site: Site, opens: Opens, shots: Path, size: tuple[int, int]
) -> None:
    with site.hub.database.read() as connection:
        base = current(connection).version
    save(site.hub, POLICY, base=base, by="Priya Nair")
    order, parcel = announced(site, size)
    for path in (
        "/returns",
        "/stored-value",
        "/returns/policy?scope=item&name=RADIO-1",
        "/returns/mail-in",
        f"/returns/mail-in/{parcel}",
        f"/orders/{order}/send-back",
        f"/orders/{order}/exchange",
        "/returns/no-receipt",
        "/finance/commissions",
    ):
        with opens(path, size=size) as page:
            assert (path, axe(page), overflows(page)) == (path, [], False)
            name = path.split("?")[0].strip("/").replace("/", "-")
            page.screenshot(path=shots / f"hub-{name}-{size[0]}.png", full_page=True)
    with opens("/returns/policy", size=size) as page:
        page.locator("#try-category").fill("Coats")
        page.locator("#try-bought").fill("2026-01-01")
        page.locator("#try-back").fill("2026-06-01")
        page.get_by_role("button", name="What does it say?").click()
        expect(page.get_by_text("It could come back until 2 Mar 2026.")).to_be_visible()
        page.locator("#name").fill("Coats")
        page.locator("#days").fill("14")
        page.get_by_role("button", name="See what changes").last.click()
        expect(page.get_by_role("button", name="Let it count")).to_be_visible()
        assert (axe(page), overflows(page)) == ([], False)
