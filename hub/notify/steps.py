"""What a person does with notices: look at one as the customer gets it, and have it sent once more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.customers import rows as customers
from hub.database import HubUnit
from hub.notify import rows
from hub.notify.letters import Written
from hub.notify.rows import Notice
from hub.notify.rules import Drop, Kind, Later, Send, State, Wait, Wanted, Way
from hub.notify.sender import TOPIC, look, written
from hub.notify.words import why_word
from protocol.customers import Contact
from protocol.errors import IllegalTransition, StaleVersion
from protocol.kit.text import _

TIMES: Final = 10
"""Often enough for any customer; a button that is stuck sends no more."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A notice as the customer got it or would get it now.

    `mail` is None when nothing can be shown, and `why` then says why not. `changed` is true for a notice
    that has left when the customer's name or address is another one now.
    """

    notice: Notice
    mail: Written | None
    why: str
    changed: bool
    again: int
    """How often this was asked for once more; given back with `resend`, it makes a second click harmless."""


def preview(hub: Hub, notice_id: str) -> Preview:
    """Return one notice with its mail.

    Raises:
        NotFound: there is none of that id.
    """
    with hub.database.read() as connection:
        notice = rows.find(connection, notice_id)
        mail, why, changed = _shown(hub, connection, notice)
        again = len(rows.like(connection, notice)) - 1
    return Preview(notice, mail, why, changed, again)


def resend(hub: Hub, notice_id: str, *, by: str, why: str, again: int | None = None) -> Notice:
    """Queue a notice once more and return what was queued; `why` is kept with it.

    What never left is queued again as it is. What was sent is sent as a new mail with a name of its own,
    because a mailbox hides a second mail of the same name.

    Raises:
        NotFound: there is none of that id.
        IllegalTransition: it is on its way, is not true any more, or was asked for too often.
        StaleVersion: somebody else has asked for it since `again` was read.
    """

    def step(unit: HubUnit) -> Notice:
        notice = rows.find(unit.connection, notice_id)
        same = rows.like(unit.connection, notice)
        _check(hub, unit.connection, notice, same, again)
        now_us = hub.clock.now_us()
        unit.after_commit(lambda: hub.broadcaster.publish(TOPIC))
        if notice.state != State.SENT:
            rows.change(
                unit.connection,
                notice,
                state=State.QUEUED.value,
                tries=0,
                doubts=0,
                next_us=now_us,
                detail="",
                asked_by=by,
                asked_why=why,
            )
            return rows.find(unit.connection, notice_id)
        wanted = Wanted(Kind(notice.kind), notice.order_id, notice.number, notice.subject_id)
        made, at_hook = hub.ids.new_id(), f"@{notice.hook_id}" if notice.hook_id else ""
        rows.add(
            unit.connection,
            wanted,
            notice_id=made,
            now_us=now_us,
            dedupe_key=f"{wanted.dedupe_key}#{len(same)}{at_hook}",
            asked_by=by,
            asked_why=why,
            hook_id=notice.hook_id,
            facts=notice.facts if notice.facts.said else None,
        )
        return rows.find(unit.connection, made)

    return hub.database.write(step)


def _check(
    hub: Hub, connection: Connection, notice: Notice, same: Sequence[Notice], again: int | None
) -> None:
    if again is not None and again != len(same) - 1:
        raise StaleVersion(
            _("This was sent once more already."), _("Look at the list, then decide."), code="sent_again"
        )
    if any(other.state in (State.QUEUED, State.SENDING) for other in same):
        raise IllegalTransition(
            _("This is on its way already."), _("Wait until it was sent."), code="notice_waits"
        )
    if len(same) > TIMES:
        raise IllegalTransition(
            _("This was sent {n} times.", n=len(same)), _("Call the customer."), code="too_often"
        )
    if notice.way == Way.MAIL and not hub.settings.smtp_host:
        raise IllegalTransition(
            why_word("no_mail_server"), _("Set smtp_host and mail_from, then send it."), code="no_mail_server"
        )
    found, _contact = look(hub, connection, notice)
    if isinstance(found, Drop | Wait | Later):
        raise IllegalTransition(
            why_word("not_due" if isinstance(found, Wait) else found.why),
            _("Nothing is sent."),
            code="notice_not_wanted",
        )


def _shown(hub: Hub, connection: Connection, notice: Notice) -> tuple[Written | None, str, bool]:
    if notice.facts.said is not None:
        return _as_sent(hub, notice, Contact(contact_id=notice.notice_id)), "", False
    if notice.state == State.SENT:
        contact = customers.find(connection, notice.contact_id)
        if contact is None or contact.erased:
            return None, why_word("erased"), False
        return _as_sent(hub, notice, contact), "", contact.version != notice.facts.contact_version
    found, contact = look(hub, connection, notice)
    if isinstance(found, Send) and contact is not None:
        return written(hub, notice, found.facts, contact), "", False
    return None, why_word("not_due" if isinstance(found, Wait | Send) else found.why), False


def _as_sent(hub: Hub, notice: Notice, contact: Contact) -> Written:
    return written(hub, notice, notice.facts, contact)
