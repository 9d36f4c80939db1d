"""Giving money back: by asking the service, or by a person who did it there and says so.

The service is asked outside of any transaction. What it did is recorded in one, together with the command
that it settles; so a crash between the two asks again under the same key, and two processes record it once.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.payments import rows
from hub.payments.gateways import Declined, Done, Gateway, Wanted, gateways_of
from hub.payments.rules import TRIES, next_try_us
from hub.spine import reads as record_reads
from hub.spine.later_rows import payments
from hub.spine.steps import close_exception, raise_exception, record
from hub.spine.work import Work
from protocol.errors import NotFound, Refused, Unavailable
from protocol.kit.text import _
from protocol.later import OrderRefundedOnline

AT_ONCE: Final = 50
"""Commands in one round: a service that answers slowly must not hold the other clocks up for long."""


def work_off(hub: Hub, gateways: Mapping[str, Gateway] | None = None) -> int:
    """Ask the services for what is due and record what they did; return how many refunds were made."""
    services = gateways_of(hub) if gateways is None else gateways
    with hub.database.read() as connection:
        waiting = rows.due(connection, hub.clock.now_us(), AT_ONCE)
    made = 0
    for row in waiting:
        service = services.get(row.gateway)
        if service is None:
            _call_a_person(hub, row)
            continue
        try:
            answer = service.refund(
                Wanted(row.command_id, row.amount_minor, row.currency, row.payment_reference)
            )
        except Unavailable as error:
            _try_later(hub, row.command_id, error.what)
            continue
        if isinstance(answer, Done):
            made += settle(hub, row.command_id, reference=answer.reference)
        else:
            _failed(hub, row.command_id, answer)
    return made


def settle(hub: Hub, command_id: str, *, reference: str, by: str = "") -> bool:
    """Record that a refund was made; False when that is known already."""

    def step(unit: HubUnit) -> bool:
        row = rows.locked(unit.connection, command_id)
        if row is None or row.state == "done":
            return False
        work = hub.spine.work(unit)
        _record(hub, work, row, reference=reference, by=by)
        return True

    return hub.database.write(step)


def confirm(hub: Hub, number: str, *, reference: str, command_id: str = "", by: str) -> str:
    """A person made a refund at the payment service: record it and return the command it settles.

    Raises:
        NotFound: the hub does not have the order.
        Refused: `no_refund_waits`, or `which_refund` when several wait and none was named.
    """

    def step(unit: HubUnit) -> str:
        order_id = record_reads.order(unit.connection, number).head.order_id
        waiting = [
            row
            for row in rows.of_order(unit.connection, order_id)
            if row.state != "done" and command_id in {"", row.command_id}
        ]
        if not waiting:
            raise Refused(
                _("No refund of this order waits to be made."),
                _("Look at its payments: it may have been recorded already."),
                code="no_refund_waits",
                number=number,
            )
        if len(waiting) > 1:
            raise Refused(
                _("Several refunds of this order wait."),
                _("Say which one was made."),
                code="which_refund",
                commands=[row.command_id for row in waiting],
            )
        row = rows.locked(unit.connection, waiting[0].command_id)
        if row is None or row.state == "done":
            raise NotFound(_("This refund is recorded already."), _("Nothing is left to do."))
        _record(hub, hub.spine.work(unit), row, reference=reference, by=by)
        return str(row.command_id)

    return hub.database.write(step)


def ask_again(hub: Hub, command_id: str, *, by: str) -> None:
    """Ask the payment service once more for a refund that it would not make; its card goes until it answers.

    Raises:
        Refused: `no_refund_waits`, it was made meanwhile.
    """

    def step(unit: HubUnit) -> None:
        row = rows.locked(unit.connection, command_id)
        if row is None or row.state == "done":
            raise Refused(
                _("No refund of this order waits to be made."),
                _("Look at its payments: it may have been recorded already."),
                code="no_refund_waits",
            )
        rows.change(unit.connection, command_id, state="queued", tries=0, due_us=hub.clock.now_us())
        work = hub.spine.work(unit)
        close_exception(work, f"refund_failed:{command_id}", how="The service is asked again", by=by)
        hub.finish(work, "exceptions")

    hub.database.write(step)


def _record(hub: Hub, work: Work, row: sa.Row[Any], *, reference: str, by: str) -> None:
    record(
        work,
        OrderRefundedOnline(
            refund_id=row.command_id,
            order_id=row.order_id,
            number=row.number,
            gateway=row.gateway,
            reference=reference[:64],
            amount_minor=row.amount_minor,
            currency=row.currency,
            marketplace=_of_a_marketplace(work, row),
        ),
        by=by,
    )
    work.flush()
    for topic in ("orders", "exceptions"):
        work.unit.after_commit(partial(hub.broadcaster.publish, topic))


def _of_a_marketplace(work: Work, row: sa.Row[Any]) -> bool:
    """Tell whether a marketplace took the money of an order under this name: it gives it back then."""
    mine = (payments.c.order_id == row.order_id) & (payments.c.gateway == row.gateway)
    found = work.connection.execute(sa.select(payments.c.payment_id).where(mine, payments.c.marketplace))
    return found.first() is not None


def _try_later(hub: Hub, command_id: str, why: str) -> None:
    def step(unit: HubUnit) -> None:
        row = rows.locked(unit.connection, command_id)
        if row is None or row.state != "queued":
            return
        tries = row.tries + 1
        if tries >= TRIES:
            _give_up(hub, unit, row, why)
            return
        due_us = next_try_us(hub.clock.now_us(), tries)
        rows.change(unit.connection, command_id, tries=tries, due_us=due_us, detail=why[:300])

    hub.database.write(step)


def _failed(hub: Hub, command_id: str, answer: Declined) -> None:
    def step(unit: HubUnit) -> None:
        row = rows.locked(unit.connection, command_id)
        if row is not None and row.state == "queued":
            _give_up(hub, unit, row, answer.detail)

    hub.database.write(step)


def _give_up(hub: Hub, unit: HubUnit, row: sa.Row[Any], why: str) -> None:
    rows.change(unit.connection, row.command_id, state="failed", tries=row.tries + 1, detail=why[:300])
    _call(hub, unit, row, "refund_failed", f"A refund of {row.number} failed", why[:300])


def _call_a_person(hub: Hub, row: sa.Row[Any]) -> None:
    """Say once that a refund waits for somebody to make it; it is looked at again in a day."""

    def step(unit: HubUnit) -> None:
        due_us = next_try_us(hub.clock.now_us(), TRIES)
        rows.change(unit.connection, row.command_id, due_us=due_us)
        title = f"A refund of {row.number} is to be made at {row.gateway}"
        _call(hub, unit, row, "refund_to_make", title)

    hub.database.write(step)


def _call(  # noqa: PLR0917 - a card is about one row, and says what and why
    hub: Hub, unit: HubUnit, row: sa.Row[Any], kind: str, title: str, why: str = ""
) -> None:
    work = hub.spine.work(unit)
    raise_exception(
        work,
        kind=kind,
        subject=f"order:{row.order_id}",
        title=title,
        facts={
            "number": row.number,
            "gateway": row.gateway,
            "amount_minor": row.amount_minor,
            "command_id": row.command_id,
            "payment_reference": row.payment_reference,
            "why": why,
        },
        dedupe_key=f"{kind}:{row.command_id}",
    )
    work.flush()
    unit.after_commit(partial(hub.broadcaster.publish, "exceptions"))
