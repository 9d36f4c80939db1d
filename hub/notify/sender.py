"""One round of sending: what is due leaves over one line, and each is told apart from the next.

A notice is marked `sending` in a committed transaction before its mail is handed over. If the process dies in
between, or the line breaks after the mail's last byte, nobody knows whether it arrived. Such a notice is sent
once more under the same Message-ID, and never a third time: then it is `failed` and a person looks. So a
customer gets every notice once, in doubt twice, and none is lost.

A server that cannot be spoken to costs no notice a try: all of them wait, for as long as it takes.
"""

import smtplib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import sqlalchemy as sa
import structlog
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.customers import rows as customers
from hub.database import HubUnit
from hub.fleet.rows import locations
from hub.notify import letters, of_returns, refusing, rows
from hub.notify.letters import Written
from hub.notify.line import Outcome, close_line, hand_over, open_line
from hub.notify.of_returns import OF_RETURNS
from hub.notify.rows import Notice
from hub.notify.rules import (
    REFUSABLE,
    Drop,
    Facts,
    Kind,
    Later,
    Send,
    State,
    Verdict,
    Wait,
    Way,
    after_doubt,
    after_trouble,
    verdict,
)
from hub.notify.wording import case_of
from hub.spine.steps import close_exception, raise_exception
from protocol.clock import MICROSECONDS
from protocol.customers import Contact
from protocol.errors import BadMessage, Invalid, Unavailable

ROUND_NOTICES: Final = 50
"""One round shares its thread with the hub's other clocks."""
ROUND_SECONDS: Final = 20.0
"""A round stops between two mails after so long; what is left is due in the next."""
SERVER_AGAIN_SECONDS: Final = 60
SERVER_ALARM_SECONDS: Final = 15 * 60
"""A mail server that is restarted needs nobody; one that is away for longer does."""
SERVER_KEY: Final = "mail_server"
TOPIC: Final = "notices"
DOUBT: Final = "doubt"
"""What a notice says whose mail may have arrived."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """A notice that leaves now, with what it says and who it is for."""

    notice: Notice
    facts: Facts
    contact: Contact


def send_due(hub: Hub) -> int:
    """Send what is due and return how many mails the server took; for the hub's clock, every few seconds."""
    with hub.database.read() as connection:
        if not rows.due(connection, hub.clock.now_us(), 1):
            return 0
    refusing.prepare(hub)
    ready = hub.database.write(partial(sort_due, hub, Way.MAIL))
    if not ready:
        return 0
    if not hub.settings.smtp_host:
        hub.database.write(partial(_keep, hub, ready))
        return 0
    try:
        line = open_line(hub.settings)
    except Unavailable as trouble:
        hub.database.write(partial(_postpone, hub, [each.notice for each in ready], trouble.reason))
        return 0
    try:
        return _send(hub, line, ready)
    finally:
        close_line(line)


def look(hub: Hub, connection: Connection, notice: Notice) -> tuple[Verdict, Contact | None]:
    """Decide as of now whether a notice leaves, and read who it is for."""
    if notice.facts.said is not None:
        return Send("", notice.facts), Contact(contact_id=notice.notice_id, email=notice.facts.said.to)
    try:
        told = rows.history(connection, notice.order_id)
        kind = Kind(notice.kind)
        if kind in OF_RETURNS:
            found = of_returns.verdict(kind, notice.subject_id, told)
        else:
            found = verdict(kind, notice.subject_id, told, hub.clock.now_us())
        if not isinstance(found, Send):
            return found, None
        contact = customers.find(connection, found.contact_id)
    except (BadMessage, ValidationError):  # one row that a later version wrote must not hold up all others
        return Later("unreadable"), None
    if contact is None:
        return Later("no_contact_yet"), None
    why = _unwanted(connection, notice, contact)
    if why:
        return Drop(why), contact
    return Send(found.contact_id, _placed(hub, connection, notice, found.facts, contact)), contact


def _unwanted(connection: Connection, notice: Notice, contact: Contact) -> str:
    """Return why a customer is not told; empty when they are. A program finds its own way to them."""
    if contact.erased:
        return "erased"
    if notice.kind in REFUSABLE and notice.kind in rows.refused(connection, contact.contact_id):
        return "refused"
    return "no_address" if notice.way == Way.MAIL and not contact.email else ""


def written(hub: Hub, notice: Notice, facts: Facts, contact: Contact) -> Written:
    """Return a notice as it leaves."""
    if facts.said is not None:
        return Written(to=facts.said.to, to_name="", **facts.said.model_dump(exclude={"to"}))
    kind = Kind(notice.kind)
    with hub.database.read() as connection:
        words = rows.words_of(connection, kind, case_of(kind, facts), contact.language, facts.words_version)
        stop = refusing.link(hub, connection, kind, contact) if notice.way == Way.MAIL else ""
    return letters.write(kind, notice.number, facts, contact, shop=hub.settings.name, words=words, stop=stop)


def _placed(hub: Hub, connection: Connection, notice: Notice, facts: Facts, contact: Contact) -> Facts:
    """Return the facts with the name and the time of the place they speak of."""
    place = connection.execute(
        sa.select(locations.c.name, locations.c.zone).where(locations.c.location_id == facts.location)
    ).first()
    kind = Kind(notice.kind)
    words = rows.words_of(connection, kind, case_of(kind, facts), contact.language)
    return facts.model_copy(
        update={
            "words_version": words.version if words is not None and words.own else 0,
            "place": place.name if place else "",
            "zone": place.zone if place else hub.settings.zone,
            "contact_version": contact.version,
        }
    )


def sort_due(hub: Hub, way: Way, unit: HubUnit) -> list[Ready]:
    """Look at everything that is due: what leaves is returned, the rest is settled or waits."""
    connection, now_us = unit.connection, hub.clock.now_us()
    ready = []
    for notice in rows.due(connection, now_us, ROUND_NOTICES, way):
        known = _revived(hub, unit, notice)
        if known is None:
            continue
        found, contact = look(hub, connection, known)
        match found:
            case Send() if contact is not None:
                ready.append(Ready(known, found.facts, contact))
            case Wait(until_us=until_us):
                rows.change(connection, known, next_us=until_us)
            case Later(why=why):
                again(hub, unit, known, why, tries=known.tries + 1)
            case Drop(why=why):
                who = contact.contact_id if contact is not None else ""
                rows.change(connection, known, state=State.DROPPED.value, detail=why, contact_id=who)
                _tell(hub, unit)
    return ready


def _revived(hub: Hub, unit: HubUnit, notice: Notice) -> Notice | None:
    """Return a notice ready to be looked at; one that died while it was sent is in doubt first."""
    if notice.state != State.SENDING:
        return notice
    if notice.way == Way.HOOK:  # sent again under the same id, which its receiver knows
        return rows.change(unit.connection, notice, state=State.QUEUED.value)
    step = after_doubt(notice.doubts + 1, hub.clock.now_us())
    if step.state is State.FAILED:
        fail(hub, unit, notice, DOUBT)
        return None
    return rows.change(
        unit.connection, notice, state=step.state.value, doubts=notice.doubts + 1, detail=DOUBT
    )


def _keep(hub: Hub, ready: Sequence[Ready], unit: HubUnit) -> None:
    for each in ready:
        rows.change(unit.connection, each.notice, state=State.KEPT.value, detail="no_mail_server")
    _tell(hub, unit)


def _postpone(hub: Hub, waiting: Sequence[Notice], code: str, unit: HubUnit) -> None:
    """Let notices wait for their server, and say so when that takes long."""
    now_us = hub.clock.now_us()
    for notice in waiting:
        rows.change(
            unit.connection,
            notice,
            state=State.QUEUED.value,
            next_us=now_us + SERVER_AGAIN_SECONDS * MICROSECONDS,
            detail=rows.NO_SERVER,
        )
    _log.warning("mail_server_trouble", host=hub.settings.smtp_host, code=code, waiting=len(waiting))
    since_us = rows.waiting_since(unit.connection)
    if since_us is not None and now_us - since_us >= SERVER_ALARM_SECONDS * MICROSECONDS:
        work = hub.spine.work(unit)
        raise_exception(
            work,
            kind="mail_server",
            subject="hub:mail",
            title="The mail server cannot be used, so customers are not told",
            facts={"host": hub.settings.smtp_host, "port": hub.settings.smtp_port, "code": code},
            dedupe_key=SERVER_KEY,
        )
        work.flush()
        _tell(hub, unit, *work.topics)
    _tell(hub, unit)


def _send(hub: Hub, line: smtplib.SMTP, ready: Sequence[Ready]) -> int:
    """Hand over one after the other until the line is lost or the round is over."""
    until = hub.clock.monotonic() + ROUND_SECONDS
    sent = 0
    for each in ready:
        if hub.clock.monotonic() >= until:
            break
        outcome = _attempt(hub, line, each)
        sent += outcome == "sent"
        if outcome in ("broken", "doubt", "sender") or line.sock is None:
            break
    return sent


def _attempt(hub: Hub, line: smtplib.SMTP, each: Ready) -> str:
    """Try one notice and settle what became of it; return how it went."""
    claimed = hub.database.write(partial(claim, hub, each))
    if claimed is None:
        return "taken"
    sender, shop = hub.settings.mail_from, hub.settings.name
    try:
        mail = letters.mail(
            written(hub, claimed, each.facts, each.contact),
            sender=sender,
            shop=shop,
            message_id=letters.message_id(claimed.notice_id, sender),
            at_us=hub.clock.now_us(),
        )
    except Invalid as error:
        outcome = Outcome("refused", error.reason)
    else:
        outcome = hand_over(line, mail, sender=sender)
    hub.database.write(partial(_settle, hub, claimed, outcome))
    return outcome.how


def claim(hub: Hub, each: Ready, unit: HubUnit) -> Notice | None:
    """Mark a notice as being sent; None when another process has it."""
    return rows.change(
        unit.connection,
        each.notice,
        facts=each.facts,
        state=State.SENDING.value,
        tries=each.notice.tries + 1,
        next_us=hub.clock.now_us() + rows.SENDING_US,
        contact_id=each.contact.contact_id,
        language=each.contact.language,
    )


def _settle(hub: Hub, notice: Notice, outcome: Outcome, unit: HubUnit) -> None:
    match outcome.how:
        case "sent":
            settle_sent(hub, unit, notice)
        case "refused":
            fail(hub, unit, notice, outcome.code)
        case "doubt":
            step = after_doubt(notice.doubts + 1, hub.clock.now_us())
            if step.state is State.FAILED:
                fail(hub, unit, notice, DOUBT)
            else:
                rows.change(
                    unit.connection,
                    notice,
                    state=step.state.value,
                    next_us=step.next_us,
                    doubts=notice.doubts + 1,
                    detail=DOUBT,
                )
        case "sender":
            spared = rows.change(
                unit.connection,
                notice,
                state=State.QUEUED.value,
                tries=notice.tries - 1,
                detail=rows.NO_SERVER,
            )
            _postpone(hub, [spared] if spared else [], outcome.code, unit)
        case _:
            again(hub, unit, notice, outcome.code, tries=notice.tries)
    _tell(hub, unit)


def settle_sent(hub: Hub, unit: HubUnit, notice: Notice) -> None:
    """Note that a notice was taken, and close what was raised about it."""
    now_us = hub.clock.now_us()
    rows.change(unit.connection, notice, state=State.SENT.value, sent_us=now_us, next_us=now_us, detail="")
    work = hub.spine.work(unit)
    close_exception(work, f"notice:{notice.notice_id}", how="It was sent after all.")
    if notice.way == Way.MAIL:
        close_exception(work, SERVER_KEY, how="The mail server takes mail again.")
    work.flush()
    _tell(hub, unit, *work.topics)


def again(hub: Hub, unit: HubUnit, notice: Notice, why: str, *, tries: int) -> None:
    """Try a notice again later, unless that was its last try."""
    step = after_trouble(tries, hub.clock.now_us())
    if step.state is State.FAILED:
        fail(hub, unit, notice, why, tries=tries)
        return
    rows.change(
        unit.connection, notice, state=step.state.value, next_us=step.next_us, tries=tries, detail=why
    )
    _tell(hub, unit)


def fail(hub: Hub, unit: HubUnit, notice: Notice, why: str, *, tries: int = 0) -> None:
    """Give a notice up and ask for a person; nothing personal is said, because events are kept for ever."""
    failed = rows.change(
        unit.connection,
        notice,
        state=State.FAILED.value,
        detail=why,
        tries=tries or notice.tries,
        doubts=notice.doubts + (why == DOUBT),
    )
    if failed is None:
        return
    work = hub.spine.work(unit)
    raise_exception(
        work,
        kind="notice_failed",
        subject=f"order:{notice.order_id}" if notice.order_id else "hub:mail",
        title=_failed_title(notice),
        facts={
            "number": notice.number,
            "notice": notice.kind,
            "notice_id": notice.notice_id,
            "code": why,
            "tries": failed.tries,
        },
        dedupe_key=f"notice:{notice.notice_id}",
    )
    work.flush()
    _tell(hub, unit, *work.topics)


def _failed_title(notice: Notice) -> str:
    if not notice.order_id:
        return "A mail to the company's own people could not be sent"
    if notice.way == Way.HOOK:
        return f"A program could not be told about {notice.number}"
    return f"The customer of {notice.number} could not be told by mail"


def _tell(hub: Hub, unit: HubUnit, *topics: str) -> None:
    """Let open pages look again once it is durable."""
    for topic in (TOPIC, *topics):
        unit.after_commit(partial(hub.broadcaster.publish, topic))
