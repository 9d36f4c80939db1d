"""What a customer hears of goods that they send back by mail: once each, as it is when the mail leaves."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database import HubDatabase, HubUnit
from hub.notify import rows as notice_rows
from hub.notify.rules import Kind, State
from hub.notify.steps import preview, resend
from hub.notify.words_steps import WordsWanted, everything, keep
from protocol.customers import Contact
from tests.integration.hub.test_mail_in import arrive, delivered, hear, inspect, tell
from tests.support.notices import know
from tests.support.promising import Channel, company, rows
from tests.support.store_day import Store

PATH = "/api/orders/HB1-00001/mail-in"
ANNA = Contact(contact_id="c-1", first_name="Anna", last_name="Reed", email="anna@example.org", language="en")


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5}, "store-2": {"A": 4}}, warehouses={})
    know(made.hub, ANNA)
    yield made
    made.close()


def told(channel: Channel) -> list[str]:
    """Return the kinds of the notices about returns, the oldest first."""
    found = sorted(rows(channel.hub, notice_rows.notices), key=lambda row: row["notice_id"])
    return [row["kind"] for row in found if row["kind"].startswith("return_")]


def letter(channel: Channel, kind: str, nth: int = 0) -> str:
    """Return what a notice says now, in one line; or why it says nothing."""
    found = sorted(rows(channel.hub, notice_rows.notices), key=lambda row: row["notice_id"])
    shown = preview(channel.hub, [row["notice_id"] for row in found if row["kind"] == kind][nth])
    return " ".join(f"{shown.mail.subject} {shown.mail.text}".split()) if shown.mail else shown.why


def sent_back(channel: Channel, **said: Any) -> dict[str, Any]:
    wanted = {"lines": [{"line_no": 1, "units": 2, "reason": "faulty"}], "location": "store-1", **said}
    made: dict[str, Any] = channel.ask("POST", PATH, wanted, status=201)
    return made


def test_a_return_by_mail_is_told_from_its_label_to_its_money(channel: Channel, store: Store) -> None:
    shop = delivered(channel)
    made = sent_back(channel)
    assert told(channel) == ["return_expected"]
    registered = letter(channel, "return_expected")
    tell(channel, store)
    arrive(store, made["number"])
    hear(channel, shop, store)
    assert told(channel) == ["return_expected", "return_arrived"]
    arrived = letter(channel, "return_arrived")
    late = letter(channel, "return_expected")
    inspect(
        store,
        made["number"],
        accepted=[{"line_no": 1, "quantity": 1}],
        refused=[{"line_no": 1, "units": 1, "why": "worn for weeks"}],
        done=True,
    )
    hear(channel, shop, store)

    assert told(channel) == ["return_expected", "return_arrived", "return_refunded"]
    refunded = letter(channel, "return_refunded")
    for said in (
        "Your return of order HB1-00001 is registered",
        made["number"],
        made["tracking"],
        "2 × Thing A",
    ):
        assert said in registered, said
    assert "Your money goes back once we have looked at what you send." in registered
    assert "Your return of order HB1-00001 has arrived" in arrived
    assert late == "The parcel is here already."
    assert letter(channel, "return_arrived") == "The parcel was looked into already."
    for said in ("You get £10.00 back for your return.", "Not taken back: 1 × Thing A", "worn for weeks"):
        assert said in refunded, said


def test_what_is_not_taken_back_is_said_with_its_reason_and_no_money(channel: Channel, store: Store) -> None:
    shop = delivered(channel)
    made = sent_back(channel)
    tell(channel, store)
    arrive(store, made["number"])
    refused = [{"line_no": 1, "units": 2, "why": "not what we sold"}]
    inspect(store, made["number"], refused=refused, done=True)
    hear(channel, shop, store)

    assert told(channel) == ["return_expected", "return_arrived", "return_refused"]
    said = letter(channel, "return_refused")
    assert "Your return of order HB1-00001 is not taken back" in said
    assert "not what we sold" in said
    assert "£" not in said


def test_money_that_goes_back_at_once_is_told_once_and_not_again_when_the_parcel_is_opened(
    channel: Channel, store: Store
) -> None:
    shop = delivered(channel)
    made = sent_back(channel, refund="sent")
    tell(channel, store)
    arrive(store, made["number"])
    inspect(store, made["number"], accepted=[{"line_no": 1, "quantity": 2}], done=True)
    hear(channel, shop, store)

    assert told(channel) == ["return_expected", "return_refunded", "return_arrived"]
    assert "You get £20.00 back for your return." in letter(channel, "return_refunded")


def test_a_parcel_whose_label_came_before_its_announcement_is_told_of_its_order(
    channel: Channel, store: Store
) -> None:
    shop = delivered(channel)
    made = sent_back(channel)
    arrive(store, made["number"])
    hear(channel, shop, store)

    assert told(channel) == ["return_expected", "return_arrived"]
    assert "Your parcel is here." in letter(channel, "return_arrived")


def test_a_return_that_nobody_waits_for_is_not_announced_any_more(channel: Channel) -> None:
    delivered(channel)
    made = sent_back(channel)
    change = {"what": "cancelled", "reason": "the customer keeps it"}
    channel.ask("POST", f"/api/returns/mail-in/{made['number']}/change", change)

    assert letter(channel, "return_expected") == "Nobody waits for the parcel any more."


def test_a_customer_reads_it_in_their_language_and_gets_it_once_more_on_request(channel: Channel) -> None:
    know(channel.hub, ANNA.model_copy(update={"language": "de", "version": 2}))
    channel.hub.settings = channel.hub.settings.model_copy(update={"smtp_host": "mail.example.org"})
    delivered(channel)
    sent_back(channel)
    [notice] = [row for row in rows(channel.hub, notice_rows.notices) if row["kind"] == "return_expected"]

    assert "Ihre Rücksendung zur Bestellung HB1-00001 ist angemeldet" in letter(channel, "return_expected")

    def sent(unit: HubUnit) -> None:
        mine = notice_rows.notices.c.notice_id == notice["notice_id"]
        unit.connection.execute(sa.update(notice_rows.notices).where(mine).values(state=State.SENT.value))

    channel.hub.database.write(sent)
    resend(channel.hub, notice["notice_id"], by="Ada", why="the mailbox was full", again=0)
    assert told(channel) == ["return_expected", "return_expected"]


def test_a_company_says_it_in_its_own_words(channel: Channel) -> None:
    stands = [each for each in everything(channel.hub) if each.kind is Kind.RETURN_REFUNDED]
    assert [(each.case, each.language) for each in stands] == [("sent_back", "en"), ("sent_back", "de")]
    assert stands[0].opening == "You get {total} back for your return."
    for each in stands:
        said = {"subject": each.subject, "opening": each.opening, "closing": each.closing}
        keep(channel.hub, each.kind, each.case, each.language, WordsWanted(**said, version=0), by="Ada")
