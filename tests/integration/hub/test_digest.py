"""The daily digest on both databases: it leaves once, says what was skipped, through a real mail server."""

from collections.abc import Iterator

import pytest

from hub.context import Hub
from hub.database import HubDatabase
from hub.digest import rows, steps
from hub.digest.rows import digest_days
from hub.digest.rules import Role
from hub.digest.steps import DigestWanted, send_digests
from hub.exceptions.rows import listed
from hub.flow.steps import follow
from hub.journey import JOURNEY
from hub.notify.rows import listed as notices_listed
from hub.notify.sender import send_due
from hub.settings import HubSettings
from hub.spine.steps import raise_exception
from protocol.errors import Conflict, Invalid
from protocol.kit.web.sse import Broadcaster
from tests.integration.hub.test_fulfil import a_company, routed, where
from tests.support.hub import MONDAY_US, TestClock, TestIds
from tests.support.later_shop import promised, web_order
from tests.support.mail import MailBox, mail_server, text_of

HOUR_US, DAY_US = 3_600_000_000, 24 * 3_600_000_000


@pytest.fixture
def box() -> Iterator[MailBox]:
    """A mail server that takes everything."""
    with mail_server() as started:
        yield started


@pytest.fixture
def hub(hub_database: HubDatabase, box: MailBox) -> Hub:
    """A hub that may send."""
    return another(hub_database, box.port)


def another(database: HubDatabase, port: int, name: str = "hub") -> Hub:
    return Hub(
        settings=HubSettings(smtp_host="127.0.0.1", smtp_port=port, mail_from="shop@shop.test"),
        database=database,
        clock=TestClock(MONDAY_US),
        ids=TestIds(name),
        broadcaster=Broadcaster(),
        journey=JOURNEY,
    )


def to_ops(**said: str) -> DigestWanted:
    return DigestWanted.model_validate({"address": "ops@shop.test", "role": "ops", "minute": 20 * 60, **said})


def at(hub: Hub, day: int, hour: float) -> None:
    assert isinstance(hub.clock, TestClock)
    midnight = MONDAY_US - MONDAY_US % DAY_US
    hub.clock.at_us = midnight + day * DAY_US + round(hour * HOUR_US)


def call(hub: Hub) -> None:
    def step(unit: object) -> None:
        work = hub.spine.work(unit)  # type: ignore[arg-type]  # the writer's own unit
        raise_exception(
            work,
            kind="short_pick",
            subject="order:o-1",
            title="A short pick",
            facts={},
            owner_role="ops",
            dedupe_key="d-1",
        )
        work.flush()

    hub.database.write(step)


def test_a_digest_leaves_once_a_day_however_many_processes_look(
    hub: Hub, hub_database: HubDatabase, box: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_company(hub)
    order = web_order(("A", 2, 10_00), promise=promised("ship", due_us=MONDAY_US + HOUR_US))
    here, there = where(hub, routed(hub, order))
    call(hub)
    follow(hub)
    steps.add(hub, to_ops(), by="C. Ford")
    other = another(hub_database, box.port, "hub-2")
    at(hub, 1, 19.9)
    assert send_digests(hub) == 0
    at(hub, 1, 20)
    at(other, 1, 20.1)

    assert (send_digests(hub), send_digests(other), send_digests(hub)) == (1, 0, 0)
    with monkeypatch.context() as patched:  # it had looked before the first one marked the day
        patched.setattr("hub.digest.rows.last_days", lambda _connection: {})
        assert send_digests(other) == 0
    assert (send_due(hub), send_due(other)) == (1, 0)
    (mail,) = box.mails
    assert (mail["To"], mail["Subject"]) == ("ops@shop.test", "Orderspine: 1 open, 1 late, 1 broken")
    said = text_of(mail)
    assert "Short pick: 1, oldest" in said
    assert f"- {order.number}: " in said
    assert "1 order was promised for Monday 24 November. 1 promise was broken." in said
    assert "No digest left on" not in said
    for place, n in ((here, 1), (there, 0)):
        mine = steps.add(hub, to_ops(role="store", location=place), by="C. Ford")
        of_store = steps.preview(hub, mine).said
        assert of_store.subject.endswith("1 late, 1 broken" if n else "nothing is open")
        assert ("1 order was promised" in of_store.text) == bool(n)


def test_days_without_a_hub_are_skipped_and_named_in_the_next(hub: Hub, box: MailBox) -> None:
    made = steps.add(hub, to_ops(), by="C. Ford")
    at(hub, 1, 20)
    assert send_digests(hub) == 1
    at(hub, 4, 23)
    assert send_digests(hub) == 1
    send_due(hub)

    assert "No digest left on: 26 Nov, 27 Nov." in text_of(box.mails[1])
    assert "Tuesday 25 November to Thursday 27 November" in text_of(box.mails[1])
    with hub.database.read() as connection:
        days = {row["day"]: row["outcome"] for row in rows.recent(connection, made)}
    assert days == {
        "2025-11-28": "queued",
        "2025-11-27": "skipped",
        "2025-11-26": "skipped",
        "2025-11-25": "queued",
    }


def test_a_preview_and_a_test_mark_no_day(hub: Hub, box: MailBox) -> None:
    made = steps.add(hub, to_ops(language="de"), by="C. Ford")
    at(hub, 1, 12)
    before = steps.preview(hub, made)
    notice = steps.send_test(hub, made, by="C. Ford")
    send_due(hub)
    (mail,) = box.mails

    assert mail["Subject"] == f"Test: {before.said.subject}"
    with hub.database.read() as connection:
        assert connection.execute(digest_days.select()).all() == []
        (shown,), _total = notices_listed(connection, kind="test")
    assert (shown.notice_id, shown.state, shown.asked_by) == (notice, "sent", "C. Ford")
    assert listed_kinds(hub) == []


def listed_kinds(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return [row.kind for row in listed(connection)[0]]


def test_what_cannot_be_set_up_is_refused_and_nothing_is_kept(hub: Hub) -> None:
    a_company(hub)
    steps.add(hub, to_ops(), by="C. Ford")
    for wanted, error in (
        (to_ops(address="OPS@shop.test"), Conflict),
        (to_ops(location="store-1"), Invalid),
        (to_ops(role=Role.STORE, location="store-9"), Invalid),
    ):
        with pytest.raises(error):
            steps.add(hub, wanted, by="C. Ford")
    for clock in ("7", "24:00", "", "07:60"):
        with pytest.raises(Invalid):
            steps.minute_of(clock)

    with hub.database.read() as connection:
        (kept,) = rows.listed(connection)
    steps.switch(hub, kept.digest_id, on=False)
    at(hub, 1, 21)
    assert send_digests(hub) == 0
    steps.switch(hub, kept.digest_id, on=True)
    assert send_digests(hub) == 0
    at(hub, 2, 21)
    assert send_digests(hub) == 1
    steps.remove(hub, kept.digest_id)
    at(hub, 3, 21)
    assert send_digests(hub) == 0
