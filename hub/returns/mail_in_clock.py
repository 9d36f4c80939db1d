"""Parcels that should have been here: a card each, before the customer asks where their money is."""

from functools import partial
from typing import Final

from hub.context import Hub
from hub.database import HubUnit
from hub.returns import mail_in_rows as rows
from hub.returns.mail_in_stages import overdue_key
from hub.spine.steps import raise_exception, take_orders

AT_ONCE: Final = 100


def look_at_mail_ins(hub: Hub) -> int:
    """Put what is overdue on the desk; return how many there are."""
    now_us = hub.clock.now_us()
    with hub.database.read() as connection:
        late = rows.overdue(connection, now_us, AT_ONCE)
    if late:
        hub.database.write(partial(_raise, hub, late))
    return len(late)


def _raise(hub: Hub, late: list[rows.MailIn], unit: HubUnit) -> None:
    take_orders(unit, 0)
    work = hub.spine.work(unit)
    for found in late:
        raise_exception(
            work,
            kind="mail_in_late",
            subject=f"order:{found.order_id}",
            title=f"{found.number} was sent back to {found.location} and has not come",
            facts={
                "number": found.number,
                "order_number": found.order_number,
                "location": found.location,
                "due_us": found.due_us,
                "paid_before_minor": found.advanced_minor,
                "tracking": found.tracking,
            },
            dedupe_key=overdue_key(found.authorisation_id),
        )
    hub.finish(work)
