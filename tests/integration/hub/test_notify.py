"""Customers are told once: the outbox on both databases, and a real mail server that behaves or does not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from fastapi.testclient import TestClient

from hub.app import build
from hub.context import Hub
from hub.customers import rows as customers
from hub.database import HubDatabase, HubUnit
from hub.exceptions.rows import listed as exceptions_listed
from hub.notify import rows, stages, steps
from hub.notify.rows import Notice
from hub.notify.rules import HOUR_US, MAX_TRIES
from hub.notify.sender import send_due
from hub.settings import HubSettings
from hub.spine.rows import events
from protocol.customers import Contact
from protocol.errors import IllegalTransition, StaleVersion
from tests.support.hub import MONDAY_US, Shop, send
from tests.support.mail import PASSWORD, MailBox, mail_server, text_of
from tests.support.notices import (
    ANNA,
    TOLD,
    collected,
    go_on,
    hub_around,
    know,
    known,
    make_ready,
    ordered,
    staged,
)
from tests.support.wire import eventually


@pytest.fixture
def box() -> Iterator[MailBox]:
    """A mail server that takes everything until it is told otherwise."""
    with mail_server() as started:
        yield started


@pytest.fixture
def told(hub_database: HubDatabase, box: MailBox) -> Hub:
    """A hub that may send, and knows Anna."""
    return hub_around(hub_database, smtp_host="127.0.0.1", smtp_port=box.port, mail_from="shop@shop.test")


def only(hub: Hub, kind: str = "ready") -> Notice:
    (notice,) = known(hub, kind)
    return notice


def raised(hub: Hub, state: str = "open") -> list[str]:
    with hub.database.read() as connection:
        return [row.kind for row in exceptions_listed(connection, state=state)[0]]


def test_a_hub_that_runs_sends_what_is_due_by_itself(
    tmp_path: Path, box: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.app.JOURNEY", TOLD)
    app = build(
        HubSettings(data_dir=tmp_path, smtp_host="127.0.0.1", smtp_port=box.port, mail_from="shop@shop.test")
    )
    with TestClient(app):
        know(app.state.hub, ANNA)
        make_ready(app.state.hub)
        ready = "Your order LB1-00001 is ready to be collected"
        eventually(lambda: ready in [mail["Subject"] for mail in box.mails], what="the mail to leave")

    subjects = [mail["Subject"] for mail in box.mails]
    assert len(subjects) == len(set(subjects))


def test_an_order_that_is_ready_is_told_once_however_often_its_event_comes(told: Hub, box: MailBox) -> None:
    shop = make_ready(told)
    send(told, shop)

    assert [send_due(told) for _ in range(3)] == [1, 0, 0]
    (mail,) = box.mails
    assert mail["Subject"] == "Your order LB1-00001 is ready to be collected"
    assert mail["To"] == "Anna Reed <anna@post.test>"
    assert "    482 913\n" in text_of(mail)
    assert "2 × Jumbo Bag" in text_of(mail)
    notice = only(told)
    assert (notice.state, notice.tries, notice.contact_id) == ("sent", 1, "c-1")
    assert mail["Message-ID"] == f"<{notice.notice_id}@shop.test>"
    assert "Anna" not in repr(notice)
    assert "anna@" not in repr(notice)


def test_what_was_sent_stands_in_the_preview_word_for_word(told: Hub, box: MailBox) -> None:
    make_ready(told)
    before = steps.preview(told, only(told).notice_id)

    send_due(told)

    after = steps.preview(told, only(told).notice_id)
    assert after.mail is not None
    assert text_of(box.mails[0]) == after.mail.text
    assert before.mail == after.mail
    assert not after.changed


def test_nothing_is_written_while_tables_are_made_anew(told: Hub) -> None:
    seen: list[int] = []

    def again(unit: HubUnit) -> None:
        work = told.spine.work(unit, rebuilding=True)
        applied = type("Again", (), {"body": staged(), "results": {}})()
        stages.on_staged(work, applied)
        seen.append(
            unit.connection.execute(sa.select(sa.func.count()).select_from(rows.notices)).scalar_one()
        )

    told.database.write(again)

    assert seen == [0]


def test_a_server_that_says_later_is_asked_again_later_with_the_same_message_id(
    told: Hub, box: MailBox
) -> None:
    make_ready(told)
    box.data = ["451 4.7.1 Try again"]

    first = send_due(told)
    waiting = only(told)
    at_once = send_due(told)
    go_on(told, 60)
    later = send_due(told)

    assert (first, at_once, later) == (0, 0, 1)
    assert (waiting.state, waiting.detail, waiting.tries) == ("queued", "451 4.7.1", 1)
    assert len(set(box.tried)) == 1
    assert len(box.tried) == 2
    assert len(box.mails) == 1
    assert raised(told) == []


def test_a_refused_mailbox_needs_a_person_and_does_not_hold_up_the_others(told: Hub, box: MailBox) -> None:
    make_ready(told, 2)
    box.rcpt = ["550 5.1.1 No such mailbox"]

    assert send_due(told) == 1
    states = sorted((notice.state, notice.detail) for notice in known(told))
    assert states == [("failed", "550 5.1.1"), ("sent", "")]
    assert raised(told) == ["notice_failed"]
    assert send_due(told) == 0
    with told.database.read() as connection:
        said = b"".join(connection.execute(sa.select(events.c.bytes)).scalars())
    assert b"anna" not in said.lower()


def test_a_notice_that_is_never_taken_ends_after_its_last_try(told: Hub, box: MailBox) -> None:
    make_ready(told)
    box.rcpt = ["452 4.2.2 Mailbox full"] * 30

    for _ in range(MAX_TRIES):
        assert only(told).state == "queued"
        assert send_due(told) == 0
        go_on(told, 86_400)

    assert (only(told).state, only(told).tries) == ("failed", MAX_TRIES)
    assert raised(told) == ["notice_failed"]


def test_a_line_that_breaks_before_the_mail_is_only_another_try(told: Hub, box: MailBox) -> None:
    make_ready(told)
    box.rcpt = ["drop"]

    first = send_due(told)
    waiting = only(told)
    go_on(told, 60)

    assert (first, send_due(told)) == (0, 1)
    assert (waiting.state, waiting.doubts) == ("queued", 0)
    assert len(box.mails) == 1


def test_a_line_that_breaks_after_the_mail_was_handed_over_gives_it_one_more_try_and_no_third(
    told: Hub, box: MailBox
) -> None:
    make_ready(told)
    box.data = ["drop", "drop"]

    for _ in range(5):
        send_due(told)
        go_on(told, 3_600)

    assert box.data == []
    assert len(box.tried) == 2
    assert len(set(box.tried)) == 1
    assert (only(told).state, only(told).detail) == ("failed", "doubt")
    assert raised(told) == ["notice_failed"]


def test_a_mail_in_doubt_that_is_taken_at_its_second_try_was_sent(told: Hub, box: MailBox) -> None:
    make_ready(told)
    box.data = ["drop"]

    send_due(told)
    go_on(told, 300)

    assert send_due(told) == 1
    assert only(told).state == "sent"
    assert raised(told) == []


def test_a_process_that_dies_while_it_sends_leaves_a_doubt_and_nothing_is_lost(
    told: Hub, box: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ready(told)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("hub.notify.sender.hand_over", die)
        with pytest.raises(KeyboardInterrupt):
            send_due(told)
    died = only(told)
    at_once = send_due(told)
    go_on(told, 600)

    assert died.state == "sending"
    assert (at_once, send_due(told)) == (0, 1)
    assert (only(told).state, only(told).doubts) == ("sent", 1)
    assert len(box.mails) == 1


def test_a_server_that_is_away_costs_no_try_and_is_said_once_when_it_takes_long(
    hub_database: HubDatabase,
) -> None:
    with mail_server() as gone:
        port = gone.port
    hub = hub_around(hub_database, smtp_host="127.0.0.1", smtp_port=port, mail_from="shop@shop.test")
    make_ready(hub)

    seen = []
    for _ in range(20):
        assert send_due(hub) == 0
        seen.append(tuple(raised(hub)))
        go_on(hub, 60)
    waiting = only(hub)
    with mail_server(port) as back:
        sent = send_due(hub)

    assert seen == [()] * 15 + [("mail_server",)] * 5
    assert (waiting.state, waiting.tries, waiting.detail) == ("queued", 0, "no_server")
    assert sent == 1
    assert len(back.mails) == 1
    assert raised(hub) == []
    assert raised(hub, "closed") == ["mail_server"]


def test_a_server_that_refuses_our_own_address_is_trouble_of_all_mail_and_of_no_customer(
    told: Hub, box: MailBox
) -> None:
    make_ready(told, 2)
    box.sender = ["553 5.7.1 Not from here"]

    assert send_due(told) == 0
    assert [(notice.state, notice.tries) for notice in known(told)] == [("queued", 0), ("queued", 0)]
    assert raised(told) == []
    go_on(told, 60)
    assert send_due(told) == 2


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")
def test_the_server_is_signed_in_to_and_the_password_is_never_logged(
    hub_database: HubDatabase, tmp_path: Any
) -> None:
    secret = tmp_path / "smtp.password"
    with mail_server(sign_in=True) as box:
        hub = hub_around(
            hub_database,
            smtp_host="127.0.0.1",
            smtp_port=box.port,
            smtp_user="shop",
            smtp_password_file=secret,
            mail_from="shop@shop.test",
        )
        make_ready(hub)
        with structlog.testing.capture_logs() as logs:
            without = send_due(hub)
            secret.write_text("not the right one")
            go_on(hub, 60)
            wrong = send_due(hub)
            secret.write_text(PASSWORD + "\n")
            go_on(hub, 60)
            right = send_due(hub)

    assert (without, wrong, right) == (0, 0, 1)
    assert [line["code"] for line in logs] == ["no_secret", "smtp_535"]
    assert PASSWORD not in repr(logs)
    assert "not the right one" not in repr(logs)


def test_without_a_mail_server_notices_are_kept_until_somebody_sends_them(
    hub_database: HubDatabase, box: MailBox
) -> None:
    hub = hub_around(hub_database)
    make_ready(hub)

    assert send_due(hub) == 0
    assert (only(hub).state, only(hub).detail) == ("kept", "no_mail_server")
    with pytest.raises(IllegalTransition) as refusal:
        steps.resend(hub, only(hub).notice_id, by="C. Ford", why="they asked")
    assert refusal.value.reason == "no_mail_server"

    later = hub_around(hub_database, smtp_host="127.0.0.1", smtp_port=box.port, mail_from="s@shop.test")
    assert send_due(later) == 0
    queued = steps.resend(later, only(later).notice_id, by="C. Ford", why="they asked")
    assert (queued.state, queued.asked_by) == ("queued", "C. Ford")
    assert send_due(later) == 1


def test_a_contact_that_arrives_after_its_order_is_told_then(hub_database: HubDatabase, box: MailBox) -> None:
    hub = hub_around(
        hub_database, anna=False, smtp_host="127.0.0.1", smtp_port=box.port, mail_from="shop@shop.test"
    )
    make_ready(hub)

    first = send_due(hub)
    waiting = only(hub)
    know(hub, ANNA)
    go_on(hub, 60)

    assert (first, send_due(hub)) == (0, 1)
    assert (waiting.state, waiting.detail) == ("queued", "no_contact_yet")


@pytest.mark.parametrize(("changed", "detail"), [({"email": ""}, "no_address"), ({"erased": True}, "erased")])
def test_who_has_no_address_or_was_erased_is_not_told(
    told: Hub, box: MailBox, changed: dict[str, Any], detail: str
) -> None:
    make_ready(told)
    know(told, ANNA.model_copy(update={"version": 2} | changed))

    assert send_due(told) == 0
    assert (only(told).state, only(told).detail) == ("dropped", detail)
    assert steps.preview(told, only(told).notice_id).mail is None
    assert box.tried == []


def test_nobody_is_told_that_goods_are_ready_which_they_have_collected(told: Hub, box: MailBox) -> None:
    shop = make_ready(told)
    shop.say(collected())
    send(told, shop, 3)

    assert send_due(told) == 0
    assert [(only(told, kind).state, only(told, kind).detail) for kind in ("ready", "reminder")] == [
        ("dropped", "collected"),
        ("dropped", "collected"),
    ]
    with pytest.raises(IllegalTransition) as refusal:
        steps.resend(told, only(told).notice_id, by="C. Ford", why="they asked")
    assert refusal.value.what == "It was collected already."


def test_a_reminder_leaves_a_day_before_the_goods_stop_being_kept(told: Hub, box: MailBox) -> None:
    make_ready(told)
    send_due(told)
    waiting = only(told, "reminder")
    go_on(told, 96 * 3_600 - 1)
    before = send_due(told)
    go_on(told, 1)

    assert (waiting.state, waiting.next_us) == ("queued", MONDAY_US + 96 * HOUR_US)
    assert (before, send_due(told)) == (0, 1)
    assert [mail["Subject"] for mail in box.mails] == [
        "Your order LB1-00001 is ready to be collected",
        "Your order LB1-00001 still waits for you",
    ]


def test_sending_once_more_is_a_mail_of_its_own_and_a_second_click_sends_nothing(
    told: Hub, box: MailBox
) -> None:
    make_ready(told)
    send_due(told)
    first = only(told)

    made = steps.resend(told, first.notice_id, by="C. Ford", why="they asked", again=0)
    with pytest.raises(StaleVersion):
        steps.resend(told, first.notice_id, by="C. Ford", why="they asked", again=0)
    with pytest.raises(IllegalTransition) as waits:
        steps.resend(told, first.notice_id, by="C. Ford", why="they asked")
    sent = send_due(told)

    assert waits.value.reason == "notice_waits"
    assert sent == 1
    assert (made.asked_by, made.dedupe_key) == ("C. Ford", "ready:a-1#1")
    assert len({str(mail["Message-ID"]) for mail in box.mails}) == 2
    assert len(known(told)) == 2


def test_a_failed_notice_that_is_sent_after_all_closes_its_exception(told: Hub, box: MailBox) -> None:
    make_ready(told)
    box.rcpt = ["550 5.1.1 No such mailbox"]
    send_due(told)
    know(told, ANNA.model_copy(update={"version": 2, "email": "anna.reed@post.test"}))

    steps.resend(told, only(told).notice_id, by="C. Ford", why="they asked")

    assert raised(told) == ["notice_failed"]
    assert send_due(told) == 1
    assert box.mails[0]["To"] == "Anna Reed <anna.reed@post.test>"
    assert raised(told) == []


def test_an_address_that_no_mail_may_carry_fails_alone_and_says_why(told: Hub, box: MailBox) -> None:
    make_ready(told)
    know(told, ANNA.model_copy(update={"version": 2, "email": f"anna@{'x' * 80}.test"}))

    send_due(told)

    assert (only(told).state, only(told).detail) == ("failed", "bad_address")
    assert box.tried == []
    assert raised(told) == ["notice_failed"]


def test_a_contact_that_cannot_be_read_holds_up_nobody_else(told: Hub, box: MailBox) -> None:
    make_ready(told)
    know(told, Contact(contact_id="c-2", first_name="Bo", email="bo@post.test"))
    shop = Shop(edge="store-2", code="CM")
    shop.say(ordered(2, contact_id="c-2"))
    shop.say(staged(2))
    send(told, shop)

    def spoil(unit: HubUnit) -> None:
        unit.connection.execute(
            sa.update(customers.contacts)
            .where(customers.contacts.c.contact_id == "c-1")
            .values(body='{"contact_id":"c-1","last_name":"Reed\\r\\nBcc: all@post.test"}')
        )

    told.database.write(spoil)

    assert send_due(told) == 1
    assert [(notice.state, notice.detail) for notice in known(told)] == [
        ("queued", "unreadable"),
        ("sent", ""),
    ]
