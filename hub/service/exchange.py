"""An exchange by customer service: what the customer will send back pays for what is sent to them now.

Goods that come back are announced as for any return by parcel; their worth pays for a new order at once,
and only the rest goes back to the customer or is paid by them. Return and order name one exchange as their
tender, so each stands for itself in stock, tax and books, and the clearing account between them ends at
zero. All of it happens in one unit of work, or none.

A policy that gives money back only once goods are here or looked at does not send other goods before that
either, so then another person agrees; and what the policy would not let back needs one too.
"""

from typing import Final

from pydantic import BaseModel, Field

from hub.capture.steps import By, Credit, place_for
from hub.capture.wanted import CustomerWanted, OrderAnswer, OrderWanted
from hub.context import Hub
from hub.customers.rows import find as find_contact
from hub.database import HubUnit
from hub.once import Key, once
from hub.people.vouching import Agreed, Vouch
from hub.returns import mail_in, money
from hub.returns import mail_in_rows as rows
from hub.returns.mail_in import LINES, Code, MailInAnswer, Planned, SentBack, Terms, Text, reaches
from hub.web import Wanted
from protocol.errors import Invalid, Refused
from protocol.kit.text import _
from protocol.orders import Tender, TenderKind
from protocol.returns import Outcome, Refund
from protocol.rules.exchange import exchange

WAYS: Final = frozenset({Refund.EXCHANGE, Refund.ORIGINAL_TENDER})


class ExchangeWanted(Wanted):
    """What comes back of an order, and what goes out for it. No customer: the one of that order."""

    key: Key | None = None
    back: tuple[SentBack, ...] = Field(min_length=1, max_length=LINES)
    location: Code = ""
    """Where it comes back to; empty: the one that usually takes parcels in."""
    order: OrderWanted
    allow: Text = ""
    """Why it may be so though the policy asks for another person, who agrees."""
    approval: Vouch | None = None


class Exchanged(BaseModel):
    """An exchange that is done. At most one of `due_minor` and `rest_minor` is above zero."""

    exchange_id: str
    exchanged_minor: int
    due_minor: int
    """What the new order costs more; what of it was not paid with it is paid when it is collected."""
    rest_minor: int
    """What goes back to the customer."""
    returned: MailInAnswer
    order: OrderAnswer


def needs_word(planned: Planned) -> bool:
    """Tell whether another person has to agree to an exchange before the goods are here."""
    return planned.outcome is not Outcome.AUTHORIZE or planned.policy.mail_in.refund != "sent"


def exchange_goods(
    unit: HubUnit, hub: Hub, number: str, command: ExchangeWanted, *, by: str, agreed: Agreed | None = None
) -> tuple[Exchanged, bool]:
    """Let units of an order come back and place another order that they pay for.

    Raises:
        NotFound: `unknown_order`.
        Invalid: as for a return and as for an order.
        Refused: as for a return and as for an order; `outside_policy`, `needs_approval`, `no_exchange`.
    """
    said = command.model_copy(update={"approval": None})

    def work() -> Exchanged:
        workspace = hub.spine.work(unit)
        planned = mail_in.plan(workspace, number, said.back, said.location)
        _check(planned, said, agreed)
        terms = Terms("sent", said.allow, agreed.name if agreed else "")
        back = mail_in.authorise(workspace, planned, terms, by=by)
        hub.finish(workspace, "mail_ins")
        credit = Credit(hub.ids.new_id(), planned.worth_minor)
        placed = place_for(hub, unit, _order(unit, said.order, back), By(by), credit)
        how = exchange(credit.amount_minor, placed.total_minor)
        swapped = Tender(
            kind=TenderKind.EXCHANGE, amount_minor=how.exchanged_minor, reference=credit.exchange_id
        )
        workspace = hub.spine.work(unit)
        money.advance(workspace, back, by=by, exchanged=(swapped,) if swapped.amount_minor else ())
        hub.finish(workspace, "mail_ins", "orders")
        return Exchanged(
            exchange_id=credit.exchange_id,
            exchanged_minor=how.exchanged_minor,
            due_minor=how.due_minor,
            rest_minor=how.rest_minor,
            returned=mail_in.answer(rows.need(unit.connection, back.number)),
            order=placed,
        )

    key = f"exchange/{by}/{said.key}" if said.key else ""
    return once(unit, hub, said, key, Exchanged, work)


def _check(planned: Planned, said: ExchangeWanted, agreed: Agreed | None) -> None:
    if said.order.external_id or said.order.reservation_id or said.order.sold_already:
        raise Invalid(
            _("The order of an exchange has no name of its own."),
            _("Leave external_id, reservation_id and sold_already out."),
            code="named_order",
        )
    if not planned.worth_minor:
        raise Refused(
            _("Nothing is left of what was paid for it."), _("Look at the order."), code="nothing_left"
        )
    if any(not WAYS & set(decision.refund) for decision in planned.decisions):
        raise Refused(
            _("Without proof of purchase it comes back for store credit only."),
            _("Let it be sent back, then sell the other goods for the store credit."),
            code="no_exchange",
        )
    if planned.outcome is not Outcome.AUTHORIZE:
        planned.require_word(said.allow, agreed)
    if not needs_word(planned) or (said.allow and reaches(planned.policy, planned.worth_minor, agreed)):
        return
    raise Refused(
        _("The policy gives nothing before the goods are here."),
        _("Somebody else agrees instead: they type their name and password, and you say why."),
        code="needs_approval",
    )


def _order(unit: HubUnit, order: OrderWanted, back: rows.MailIn) -> OrderWanted:
    """Return the new order, for the customer of the old one where nobody else is named."""
    contact = find_contact(unit.connection, back.contact_id) if back.contact_id else None
    if order.customer is not None or contact is None or contact.erased:
        return order
    names = set(CustomerWanted.model_fields)
    customer = CustomerWanted.model_validate(contact.model_dump(include=names))
    return order.model_copy(update={"customer": customer})
