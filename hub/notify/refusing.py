"""What a customer wants to be told no more: said by themselves with a link, or for them by who serves them.

The link of a mail names the customer's id and a mark that only this hub can make, so nobody stops another's
mails by guessing; it needs no sign-in and never runs out, as the law wants it. What confirms a contract or
ends it cannot be refused (`rules.REFUSABLE`).
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import hub_meta
from hub.notify.rows import Notice, find, notice_refusals, refused
from hub.notify.rules import REFUSABLE, Kind
from hub.spine.later_rows import later_orders
from protocol.customers import Contact
from protocol.errors import Invalid, NotFound
from protocol.kit.text import _

PATH: Final = "/stop-mail"
KEY: Final = "notice_links"
"""In `hub_meta`, because every process of the hub must make and know the same marks."""
_MARK_CHARS: Final = 32


def link(hub: Hub, connection: Connection, kind: Kind, contact: Contact) -> str:
    """Return where a customer stops notices of a kind; empty where they cannot, or cannot reach us."""
    key = _key(connection)
    if kind not in REFUSABLE or not hub.settings.public_url or not key:
        return ""
    return f"{hub.settings.public_url}{PATH}/{token(key, contact.contact_id)}"


def token(key: str, contact_id: str) -> str:
    """Return what a link names a customer by."""
    named = base64.urlsafe_b64encode(contact_id.encode()).decode().rstrip("=")
    return f"{named}.{_mark(key, contact_id)}"


def prepare(hub: Hub) -> None:
    """Make the key of the links, once for all processes, where mails carry links at all."""
    if not hub.settings.public_url:
        return
    with hub.database.read() as connection:
        if _key(connection):
            return

    def step(unit: HubUnit) -> None:
        if not _key(unit.connection):
            unit.connection.execute(sa.insert(hub_meta).values(key=KEY, value=hub.ids.secret(32)))

    hub.database.write(step)


def contact_of(connection: Connection, said: str) -> str:
    """Return the customer whom a link names.

    Raises:
        NotFound: it is none that this hub has made.
    """
    named, _dot, mark = said.partition(".")
    key = _key(connection)
    try:
        contact_id = base64.urlsafe_b64decode(named + "=" * (-len(named) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        contact_id = ""
    if not key or not contact_id or not hmac.compare_digest(mark, _mark(key, contact_id)):
        raise NotFound(
            _("This link is not one of ours, or not whole."),
            _("Open it from the mail itself, or tell us which mails you want no more."),
            code="no_such_link",
        )
    return contact_id


def choose(hub: Hub, contact_id: str, kind: str, *, wanted: bool, by: str) -> None:
    """Keep what a customer wants; said twice it changes nothing.

    Raises:
        Invalid: such notices cannot be refused.
    """
    if kind not in REFUSABLE:
        raise Invalid(
            _("This has to be told whether or not a customer wants it."),
            _("Choose one of the others."),
            code="not_refusable",
        )
    mine = (notice_refusals.c.contact_id == contact_id) & (notice_refusals.c.kind == kind)

    def step(unit: HubUnit) -> None:
        if wanted:
            unit.connection.execute(sa.delete(notice_refusals).where(mine))
        elif kind not in refused(unit.connection, contact_id):
            row = {"contact_id": contact_id, "kind": kind, "by": by, "at_us": hub.clock.now_us()}
            unit.connection.execute(sa.insert(notice_refusals).values(row))

    hub.database.write(step)


def refuse_all(hub: Hub, contact_id: str) -> None:
    """Keep that a customer wants none of what they may refuse."""
    for kind in REFUSABLE:
        choose(hub, contact_id, kind, wanted=False, by="")


def _key(connection: Connection) -> str:
    return str(connection.execute(sa.select(hub_meta.c.value).where(hub_meta.c.key == KEY)).scalar() or "")


def _mark(key: str, contact_id: str) -> str:
    return hmac.new(key.encode(), f"stop:{contact_id}".encode(), hashlib.sha256).hexdigest()[:_MARK_CHARS]


def customer_of(connection: Connection, notice: Notice) -> str:
    """Return who a notice is for; empty for people of the company, or while its order is not known."""
    if notice.contact_id:
        return notice.contact_id
    found = connection.execute(
        sa.select(later_orders.c.contact_id).where(later_orders.c.order_id == notice.order_id)
    ).scalar()
    return str(found or "")


def wish(hub: Hub, notice_id: str, kind: str, *, wanted: bool, by: str) -> None:
    """Keep what the customer of a notice wants.

    Raises:
        NotFound: there is no such notice, or it is for no customer.
        Invalid: such notices cannot be refused.
    """
    with hub.database.read() as connection:
        contact_id = customer_of(connection, find(connection, notice_id))
    if not contact_id:
        raise NotFound(_("This notice is for no customer."), _("Look the list up again."), code="no_customer")
    choose(hub, contact_id, kind, wanted=wanted, by=by)
