"""The company's own words, programs that are told, and what a customer wants no more: on both databases."""

import re
from collections.abc import Iterator

import pytest

from hub.context import Hub
from hub.database import HubDatabase
from hub.exceptions.rows import listed as exceptions_listed
from hub.notify import hook_steps, refusing, rows, steps, words_steps
from hub.notify.hook_steps import HookWanted
from hub.notify.hooks import tell_programs
from hub.notify.rules import MAX_TRIES, Kind
from hub.notify.sender import send_due
from hub.notify.words_steps import WordsWanted
from protocol.errors import Conflict, Invalid, NotFound, StaleVersion
from protocol.kit.system import SystemClock
from tests.support.hub import Shop, TestClock, send
from tests.support.mail import MailBox, mail_server, text_of
from tests.support.notices import SECOND_US, go_on, hub_around, known, make_ready, ordered, staged
from tests.support.webhooks import Taken, taking_channel

OURS = WordsWanted(
    subject="{number}: come & get it",
    opening="Hello {name}, it waits at {place}.",
    closing="Until {keep_until}.\n\nBring a bag.",
    version=0,
)
READY = (Kind.READY, "collect", "en")


@pytest.fixture
def box() -> Iterator[MailBox]:
    """A mail server that takes everything."""
    with mail_server() as started:
        yield started


@pytest.fixture
def told(hub_database: HubDatabase, box: MailBox) -> Hub:
    """A hub that may send, knows Anna, and is reached by customers."""
    return hub_around(
        hub_database,
        smtp_host="127.0.0.1",
        smtp_port=box.port,
        mail_from="shop@shop.test",
        public_url="https://orders.shop.test",
    )


def catch_up(hub: Hub) -> None:
    """Set the hub's clock right: a receiver checks when something was signed."""
    assert isinstance(hub.clock, TestClock)
    hub.clock.at_us = SystemClock().now_us()


@pytest.fixture
def program() -> Iterator[Taken]:
    """A program that takes what it is told."""
    with taking_channel() as started:
        yield started


def test_a_notice_leaves_in_the_companys_words_and_is_shown_in_them_for_ever(told: Hub, box: MailBox) -> None:
    version = words_steps.keep(told, *READY, OURS, by="C. Ford")
    make_ready(told)
    send_due(told)
    (mail,) = box.mails

    assert mail["Subject"] == "LB1-00001: come & get it"
    assert "it waits at store-1." in text_of(mail)
    assert "Bring a bag." in text_of(mail)
    assert "482 913" in text_of(mail)  # the code is the program's
    html = mail.get_body(("html",))
    assert html is not None
    assert "come &amp; get it" in str(html.get_content())

    words_steps.restore(told, *READY, version, by="C. Ford")
    make_ready_again(told)
    send_due(told)
    assert box.mails[1]["Subject"] == "Your order LB1-00002 is ready to be collected"
    first, _second = known(told)
    shown = steps.preview(told, first.notice_id).mail
    assert shown is not None
    assert shown.subject == "LB1-00001: come & get it"


def make_due(told: Hub) -> None:
    """Let every pause of the outbox be over, while a receiver's clock stays where it is."""
    told.database.write(
        lambda unit: unit.connection.execute(rows.notices.update().values(next_us=told.clock.now_us()))
    )


def make_ready_again(told: Hub) -> None:
    shop = Shop(edge="store-2", step_us=SECOND_US)
    shop.say(ordered(2))
    shop.say(staged(2))
    send(told, shop)


def test_words_that_could_not_be_said_are_refused_and_nothing_is_kept(told: Hub) -> None:
    said = OURS.model_dump()
    for wrong, code in (
        ({"subject": " "}, "words_missing"),
        ({"opening": "Take {bag}"}, "unknown_field"),
        ({"opening": "Take } this"}, "unknown_field"),
        ({"closing": "x" * 2_001}, "words_too_long"),
        ({"subject": "two\nlines"}, "subject_lines"),
    ):
        with pytest.raises(Invalid) as refusal:
            words_steps.keep(told, *READY, WordsWanted.model_validate({**said, **wrong}), by="C. Ford")
        assert refusal.value.reason == code
    with pytest.raises(Invalid):
        words_steps.keep(told, Kind.READY, "ship", "en", OURS, by="C. Ford")
    words_steps.keep(told, *READY, OURS, by="C. Ford")
    with pytest.raises(StaleVersion):
        words_steps.keep(told, *READY, OURS, by="A. Poe")
    with told.database.read() as connection:
        assert [(each.version, each.by) for each in rows.words_history(connection, *READY)] == [
            (1, "C. Ford")
        ]


def test_the_programs_words_can_be_taken_over_as_they_are(told: Hub) -> None:
    for each in words_steps.everything(told):
        wanted = WordsWanted(
            subject=each.subject, opening=each.opening, closing=each.closing, version=each.version
        )
        made = words_steps.try_out(told, each.kind, each.case, each.language, wanted)
        assert "LB1-00042" in made.subject, each
        assert "{" not in made.text, each


def test_a_program_is_told_once_under_one_id_however_often_it_was_away(
    told: Hub, box: MailBox, program: Taken
) -> None:
    catch_up(told)
    hook = hook_steps.add(told, HookWanted(name="SMS", url=program.url, kinds=(Kind.READY,)), by="C. Ford")
    program.secret = hook.secret
    assert hook_steps.test(told, hook.hook_id).ok
    program.status = 503
    make_ready(told)
    assert tell_programs(told) == 0
    go_on(told, 61)
    program.status = 200
    assert (tell_programs(told), tell_programs(told)) == (1, 0)
    assert send_due(told) == 2  # and the reminder, which is due by this clock

    assert program.forged == 0
    assert program.ids[1] == program.ids[2]
    body = program.bodies[-1]
    assert (body["type"], body["data"]["customer"]["email"]) == ("notice.ready", "anna@post.test")
    mail = next(mail for mail in box.mails if "still waits" not in mail["Subject"])
    assert text_of(mail).startswith(body["data"]["text"].rstrip())
    assert "stop-mail" not in body["data"]["text"]
    assert sorted((notice.way, notice.state) for notice in known(told)) == [
        ("hook", "sent"),
        ("mail", "sent"),
    ]


def test_a_program_that_stays_away_fails_with_a_card_and_is_told_by_hand(told: Hub, program: Taken) -> None:
    catch_up(told)
    wanted = HookWanted(name="SMS", url=program.url, kinds=(Kind.READY,))
    program.secret = hook_steps.add(told, wanted, by="C. Ford").secret
    with pytest.raises(Conflict):
        hook_steps.add(told, wanted, by="C. Ford")
    program.status = 500
    make_ready(told)
    for _n in range(MAX_TRIES):
        tell_programs(told)
        make_due(told)
    failed = next(notice for notice in known(told) if notice.way == "hook")

    assert (failed.state, failed.tries, failed.detail) == ("failed", MAX_TRIES, "HTTP 500")
    with told.database.read() as connection:
        (card,) = exceptions_listed(connection)[0]
    assert card.title == "A program could not be told about LB1-00001"
    program.status = 200
    queued = steps.resend(told, failed.notice_id, by="C. Ford", why="It runs again")
    assert (queued.asked_by, queued.asked_why) == ("C. Ford", "It runs again")
    assert tell_programs(told) == 1


def test_a_customer_stops_what_may_be_stopped_and_still_gets_what_must_be_told(
    told: Hub, box: MailBox
) -> None:
    make_ready(told)
    send_due(told)
    (mail,) = box.mails
    link = re.search(r"https://orders\.shop\.test/stop-mail/(\S+)", text_of(mail))
    assert link
    assert mail["List-Unsubscribe"].strip() == f"<{link[0]}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    with told.database.read() as connection:
        contact_id = refusing.contact_of(connection, link[1])
        with pytest.raises(NotFound):
            refusing.contact_of(connection, link[1][:-1] + ("0" if link[1][-1] != "0" else "1"))
    assert contact_id == "c-1"

    refusing.refuse_all(told, contact_id)
    make_ready_again(told)
    assert send_due(told) == 0
    dropped = next(notice for notice in known(told) if notice.order_id == "o-2")
    assert (dropped.state, dropped.detail) == ("dropped", "refused")
    with pytest.raises(Invalid):
        refusing.choose(told, contact_id, "cancelled", wanted=False, by="")
    refusing.wish(told, dropped.notice_id, "ready", wanted=True, by="C. Ford")
    steps.resend(told, dropped.notice_id, by="C. Ford", why="they asked")
    assert send_due(told) == 1
