"""Goods that customers send back, followed from event to event; cards for what needs a person.

A parcel whose label a location read before it had heard of it is matched by its number. What comes although
nobody waits for it any more is taken in: goods that are here are here.
"""

import json
from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from hub.returns import mail_in_rows as rows
from hub.returns import money
from hub.returns.numbers import next_number
from hub.returns.rows import mail_ins
from hub.spine.orders import Orders
from hub.spine.steps import close_exception, raise_exception, record
from hub.spine.work import Applied, Work
from protocol.events import ReturnAdvanced, ReturnInspected
from protocol.fold import credited
from protocol.mail_in import (
    MAIL_IN,
    MailInChanged,
    MailInEvent,
    MailInState,
    ParcelArrived,
    ReturnAuthorised,
    ReturnCredited,
    ReturnExpect,
    ReturnExpectationEnded,
)
from protocol.orders import Tender, TenderKind

ANNOUNCED: Final = "announced"
"""Where `results` of a parcel that arrived say what it was announced as, for whoever tells the customer."""
HEX_BYTES: Final = 4
"""Of the secret behind the number of a store credit, as at a counter."""
_ENDED: Final = {
    "cancelled": (MailInEvent.CANCELLED, False),
    "given_up": (MailInEvent.GIVEN_UP, True),
}


def overdue_key(authorisation_id: str) -> str:
    """Return the key of the card of a parcel that has not come."""
    return f"mail_in_late:{authorisation_id}"


def on_authorised(work: Work, applied: Applied) -> None:
    """Keep it, and tell its location."""
    body: ReturnAuthorised = applied.body
    lines = [
        rows.MailInLine(
            line_no=line.line_no, sku=line.sku, name=line.name, reason=line.reason, units=line.units
        ).model_dump()
        for line in body.lines
    ]
    work.connection.execute(
        sa.insert(mail_ins).values(
            authorisation_id=body.authorisation_id,
            number=body.number,
            order_id=body.order_id,
            order_number=body.order_number,
            location=body.location,
            contact_id=body.contact_id,
            state=MAIL_IN.initial.value,
            refund=body.refund,
            currency=body.currency,
            tracking=body.tracking,
            lines=json.dumps(lines),
            created_us=applied.at_us,
            created_by=applied.by,
            due_us=body.due_us,
            accepted_minor=0,
            advanced_minor=0,
            credits="[]",
            reason=_why(body),
        )
    )
    if work.post is not None:
        expect = ReturnExpect.model_validate(body.model_dump())
        work.post.send_directive(
            work.unit, body.location, expect, subjects=(f"mail_in:{body.authorisation_id}",)
        )
    work.topics.update(("mail_ins", "orders"))


def _why(body: ReturnAuthorised) -> str:
    """Return the word that stands beside it, with the name of whoever agreed."""
    return " · ".join(filter(None, (body.note, body.approved_by)))[:400]


def on_changed(work: Work, applied: Applied) -> None:
    """Wait longer, or no more."""
    body: MailInChanged = applied.body
    found = rows.by_id(work.connection, body.authorisation_id)
    if found is None:
        return
    if body.what == "waiting":
        rows.change(work.connection, found.authorisation_id, due_us=body.due_us, reason=body.reason)
    else:
        event, given_up = _ENDED[body.what]
        state, _in_order = MAIL_IN.after_fact(MailInState(found.state), event)
        rows.change(
            work.connection,
            found.authorisation_id,
            state=state.value,
            ended_us=applied.at_us,
            reason=body.reason,
        )
        if work.post is not None:
            ended = ReturnExpectationEnded(
                authorisation_id=body.authorisation_id, given_up=given_up, reason=body.reason
            )
            work.post.send_directive(work.unit, found.location, ended)
    close_exception(work, overdue_key(found.authorisation_id), how=body.reason, by=applied.by)
    work.topics.update(("mail_ins", "orders"))


def on_arrived(work: Work, applied: Applied) -> None:
    """A parcel is here; where the policy pays then, it is paid."""
    body: ParcelArrived = applied.body
    found = rows.find(work.connection, body.authorisation_id or body.number)
    if found is None:
        raise_exception(
            work,
            kind="mail_in_unknown",
            subject=f"mail_in:{body.number}",
            title=f"A parcel {body.number} came back that nobody had announced",
            facts={"number": body.number, "location": applied.edge},
            dedupe_key=f"mail_in_unknown:{body.number}",
        )
        return
    applied.results[ANNOUNCED] = (found.authorisation_id, found.order_id, found.order_number)
    state, _in_order = MAIL_IN.after_fact(MailInState(found.state), MailInEvent.ARRIVED)
    rows.change(
        work.connection,
        found.authorisation_id,
        state=state.value,
        arrived_us=found.arrived_us or applied.at_us,
        ended_us=None,
        location=applied.edge,
    )
    close_exception(work, overdue_key(found.authorisation_id), how="It has come", by=applied.by)
    if not work.rebuilding and found.refund == "arrived" and not found.advanced_minor:
        work.room(Orders).flush()
        money.advance(work, found, by=applied.by)
    work.topics.update(("mail_ins", "orders"))


def on_inspected(work: Work, applied: Applied) -> None:
    """Somebody looked at goods: note what was taken back and what was not."""
    body: ReturnInspected = applied.body
    found = rows.by_id(work.connection, body.authorisation_id)
    if found is None:
        return
    lines = [_looked_at(line, body) for line in found.lines]
    event = MailInEvent.INSPECTED if body.done else MailInEvent.PART_INSPECTED
    state, _in_order = MAIL_IN.after_fact(MailInState(found.state), event)
    rows.change(
        work.connection,
        found.authorisation_id,
        lines=lines,
        state=state.value,
        arrived_us=found.arrived_us or applied.at_us,
        ended_us=applied.at_us if body.done else None,
        accepted_minor=found.accepted_minor + body.total_minor - sum(fee.amount_minor for fee in body.fees),
    )
    close_exception(work, overdue_key(found.authorisation_id), how="It has come", by=applied.by)
    if body.done:
        _settle(work, applied, found, lines)
    work.topics.update(("mail_ins", "orders"))


def _looked_at(line: rows.MailInLine, body: ReturnInspected) -> rows.MailInLine:
    refused = [each for each in body.refused if each.line_no == line.line_no]
    accepted = sum(each.quantity for each in body.lines if each.line_no == line.line_no)
    return line.model_copy(
        update={
            "accepted": line.accepted + accepted,
            "refused": line.refused + sum(each.units for each in refused),
            "why": " ".join(filter(None, (line.why, *(each.why for each in refused))))[:300],
        }
    )


def _settle(work: Work, applied: Applied, found: rows.MailIn, lines: Iterable[rows.MailInLine]) -> None:
    """Say what was not as announced: units that did not come, and units that are not taken back."""
    missing = {line.sku: line.open for line in lines if line.open}
    refused = {line.sku: line.refused for line in lines if line.refused}
    facts = {
        "number": found.number,
        "order_number": found.order_number,
        "location": applied.edge,
        "paid_before_minor": found.advanced_minor,
    }
    for kind, units, title in (
        ("mail_in_short", missing, f"Not all of {found.number} was in its parcel"),
        ("mail_in_refused", refused, f"Not all of {found.number} is taken back"),
    ):
        if units:
            raise_exception(
                work,
                kind=kind,
                subject=f"order:{found.order_id}",
                title=title,
                facts=facts | {"units": units, "why": " ".join(line.why for line in lines if line.why)},
                dedupe_key=f"{kind}:{found.authorisation_id}",
            )


def on_advanced(work: Work, applied: Applied) -> None:
    """Money went back before anybody looked at the goods."""
    body: ReturnAdvanced = applied.body
    found = rows.by_id(work.connection, body.authorisation_id) if body.authorisation_id else None
    if found is not None:
        rows.change(
            work.connection,
            found.authorisation_id,
            advanced_minor=found.advanced_minor + body.total_minor,
        )


def give_credit(work: Work, applied: Applied) -> None:
    """Give as store credit what no payment service takes back; stands behind the payments."""
    body: ReturnInspected | ReturnAdvanced = applied.body
    left = int(applied.results.get("left_minor", 0))
    if work.rebuilding or left <= 0:
        return
    secret = work.ids.secret(HEX_BYTES).upper()
    record(
        work,
        ReturnCredited(
            credit_id=work.ids.new_id(),
            order_id=body.order_id,
            number=body.number,
            credit_number=f"{next_number(work, 'credit')}-{secret}",
            location=applied.results["seller"],
            amount_minor=left,
            currency=body.currency,
            authorisation_id=body.authorisation_id,
        ),
        by=applied.by,
    )


def on_credited(work: Work, applied: Applied) -> None:
    """What was owed was given as store credit."""
    body: ReturnCredited = applied.body
    book = work.room(Orders)
    entry = book.need(body.order_id)
    applied.results["entry"] = entry
    applied.results["credit"] = Tender(
        kind=TenderKind.STORE_CREDIT, amount_minor=body.amount_minor, reference=body.credit_number
    )
    if entry is not None:
        entry.record = credited(entry.record, body.amount_minor)
        book.touch(entry)
    found = rows.by_id(work.connection, body.authorisation_id) if body.authorisation_id else None
    if found is not None:
        credit = rows.Credit(number=body.credit_number, amount_minor=body.amount_minor)
        rows.change(work.connection, found.authorisation_id, credits=(*found.credits, credit))
    work.topics.update(("mail_ins", "orders"))
