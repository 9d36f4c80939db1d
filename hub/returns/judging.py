"""A store's decision, written down and judged again with what only the hub knows."""

import json
from typing import Final

import sqlalchemy as sa

from hub.database import Change, Lookup
from hub.returns.policy import current
from hub.returns.rows import mail_ins, return_decisions
from hub.returns.rules import Came, Doubt, doubts
from hub.spine.entries import Entry
from hub.spine.orders import Orders
from hub.spine.rows import orders
from hub.spine.steps import raise_exception
from hub.spine.work import Applied, Work
from protocol.clock import DAY_US
from protocol.events import ReturnCompleted, ReturnInspected

_BACK_US: Final = 90 * DAY_US
_KEEP: Final = Change(sa.insert(return_decisions))
_OF_ORDER: Final = Lookup(sa.select(orders.c.customer_id).where(orders.c.order_id == sa.bindparam("of")))
_SENDER: Final = Lookup(
    sa.select(mail_ins.c.contact_id).where(mail_ins.c.authorisation_id == sa.bindparam("of"))
)


def on_return_completed(work: Work, applied: Applied) -> None:
    """Keep a decision, and tell operations of one that the company's policy does not bear out."""
    body: ReturnCompleted = applied.body
    decision = body.decision
    if decision is None:
        return
    customer = decision.customer_id or _customer_of(work, body.order_id, work.room(Orders).get(body.order_id))
    came = Came(
        decision=decision,
        lines=tuple((line.sku, line.reason) for line in body.lines),
        business_date=body.business_date,
        total_minor=body.total_minor,
        by=applied.by,
        announced=isinstance(body, ReturnInspected),
    )
    found = doubts(
        current(work.connection, work.unit.memory), came, returns_90d=_returns_of(work, applied, customer)
    )
    _KEEP.run(
        work.connection,
        return_id=body.return_id,
        number=body.number,
        order_number=body.order_number,
        location=applied.edge,
        by=applied.by,
        customer_id=customer,
        at_us=applied.at_us,
        business_date=body.business_date,
        currency=body.currency,
        total_minor=body.total_minor,
        outcome=decision.outcome.value,
        policy_version=decision.policy_version,
        overridden_by=decision.override.by if decision.override else "",
        body=decision.model_dump_json(),
        lines=json.dumps(came.lines),
        doubts=json.dumps(found),
    )
    if found:
        _raise(work, applied, body, found)


def _customer_of(work: Work, order_id: str, entry: Entry | None) -> str:
    """Return whose order it is; one that was sold in the same batch is not in its table yet."""
    if entry is not None and entry.sale is not None:
        return str(getattr(entry.sale.body, "customer_id", ""))
    found = _OF_ORDER.scalar(work.connection, of=order_id)
    if found is None:  # what came by parcel without proof has no order, but somebody who announced it
        found = _SENDER.scalar(work.connection, of=order_id)
    return str(found or "")


def _returns_of(work: Work, applied: Applied, customer: str) -> int:
    """Return how often a customer had brought something back anywhere in the ninety days before."""
    if not customer:
        return 0
    table = return_decisions.c
    return int(
        work.connection.execute(
            sa.select(sa.func.count()).where(
                table.customer_id == customer,
                table.at_us.between(applied.at_us - _BACK_US, applied.at_us),
                table.return_id != applied.body.return_id,
            )
        ).scalar_one()
    )


def _raise(work: Work, applied: Applied, body: ReturnCompleted, found: tuple[Doubt, ...]) -> None:
    decision = body.decision
    assert decision is not None
    over = decision.override
    raise_exception(
        work,
        kind="return_outside_policy",
        subject=f"order:{body.order_id}",
        title=f"The return {body.number} is not what the policy allows",
        facts={
            "number": body.number,
            "order_number": body.order_number,
            "location": applied.edge,
            "doubts": list(found),
            "policy_version": decision.policy_version,
            "total_minor": body.total_minor,
            **({"allowed_by": over.by, "role": over.role.value, "reason": over.reason} if over else {}),
        },
        dedupe_key=f"return_policy:{body.return_id}",
    )
