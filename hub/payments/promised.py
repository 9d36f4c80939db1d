"""Money that is promised and not taken: authorisations of web orders, and cards of stores offline.

An authorisation is captured when the first goods of its order are picked, for what the order then needs, and
what is left of it is let go when the order needs nothing more. A card that a store took offline is asked
about as soon as its sale is here. The services themselves are asked outside, by `asks`.
"""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from hub.database import Change
from hub.payments import rows
from hub.payments.gateways import CARD
from hub.spine import payment_rows as record
from hub.spine.entries import Entry
from hub.spine.stages import WRITTEN_OFF
from hub.spine.steps import close_exception, raise_exception
from hub.spine.work import Applied, Work
from protocol import later, payments
from protocol.events import OrderSold, ReturnCompleted
from protocol.orders import Tender, TenderKind

_UNPAID: Final = frozenset({"offline_pending", "declined_late"})
_NOW_US: Final = sa.bindparam("now_us", type_=sa.BigInteger)
_VOID: Final = Change(
    sa.update(record.offline_cards)
    .where(
        record.offline_cards.c.order_id == sa.bindparam("of"),
        record.offline_cards.c.state.in_(sorted(_UNPAID)),
    )
    .values(state="voided", detail="", ended_us=_NOW_US)
)
_ONE: Final = Change(
    sa.update(record.offline_cards)
    .where(record.offline_cards.c.card_id == sa.bindparam("of"))
    .values(state=sa.bindparam("to"), detail=sa.bindparam("why"), ended_us=_NOW_US)
)
_OTHER_WAYS: Final = frozenset({TenderKind.CASH, TenderKind.STORE_CREDIT, TenderKind.GIFT_CARD})


def on_order_placed(work: Work, applied: Applied) -> None:
    """Have the money of an order promised on the token that came with it."""
    body: later.OrderPlaced = applied.body
    token: record.CardToken | None = applied.results.get(record.ON_CARD)
    if token is not None and not work.rebuilding:
        rows.ask(
            work.connection,
            ask_id=work.ids.new_id(),
            kind="authorise",
            about=work.ids.new_id(),
            order_id=body.order_id,
            number=body.number,
            gateway=token.gateway,
            amount_minor=token.amount_minor,
            currency=token.currency,
            reference=token.token,
            created_us=work.clock.now_us(),
        )


def on_authorised(work: Work, applied: Applied) -> None:
    """Keep what a service promised; it posts nothing."""
    body: payments.PaymentAuthorised = applied.body
    work.connection.execute(
        sa.insert(record.authorisations).values(
            authorisation_id=body.auth_id,
            order_id=body.order_id,
            number=body.number,
            gateway=body.gateway,
            reference=body.reference,
            amount_minor=body.amount_minor,
            captured_minor=0,
            currency=body.currency,
            state="authorised",
            detail="",
            expires_us=body.expires_us,
            made_us=applied.at_us,
        )
    )
    work.topics.add("payments")


def on_paid_online(work: Work, applied: Applied) -> None:
    """A capture uses up its authorisation, all of it or a part."""
    body: later.OrderPaidOnline = applied.body
    if not body.auth_id:
        return
    table = record.authorisations
    taken = table.c.captured_minor + body.amount_minor
    work.connection.execute(
        sa.update(table)
        .where(table.c.authorisation_id == body.auth_id)
        .values(
            captured_minor=taken,
            state=sa.case((taken >= table.c.amount_minor, "captured"), else_=table.c.state),
            ended_us=sa.case((taken >= table.c.amount_minor, applied.at_us), else_=table.c.ended_us),
        )
    )
    close_exception(work, f"capture:{body.auth_id}", how="The money was captured", by=applied.by)
    work.topics.add("payments")


def on_ended(work: Work, applied: Applied) -> None:
    """What is left of an authorisation is gone."""
    body: payments.AuthorisationEnded = applied.body
    table = record.authorisations
    work.connection.execute(
        sa.update(table)
        .where(table.c.authorisation_id == body.auth_id)
        .values(
            state=sa.case((table.c.captured_minor > 0, "captured"), else_=body.how),
            detail=body.detail,
            ended_us=applied.at_us,
        )
    )
    work.topics.add("payments")


def on_goods_picked(work: Work, applied: Applied) -> None:
    """Goods of an order were found, or have left: have its money taken, before the customer has them."""
    entry: Entry | None = applied.results["entry"]
    if work.rebuilding or entry is None or entry.later is None or applied.results.get(WRITTEN_OFF):
        return
    due = entry.later.due_minor(entry.record)
    for row in record.authorised(work.connection, applied.body.order_id) if due > 0 else ():
        amount = min(due, row.amount_minor - row.captured_minor)
        due -= amount
        if amount > 0:
            _ask(work, row, "capture", amount)


def let_go(work: Work, entry: Entry | None) -> None:
    """Have authorisations released of an order that needs no money any more; stands after the ledger."""
    if work.rebuilding or entry is None or entry.later is None or entry.later.due_minor(entry.record) > 0:
        return
    for row in record.authorised(work.connection, entry.record.order_id):
        _ask(work, row, "release", row.amount_minor - row.captured_minor)


def _ask(work: Work, row: sa.Row[tuple[object, ...]], kind: str, amount_minor: int) -> None:
    rows.ask(
        work.connection,
        ask_id=work.ids.new_id(),
        kind=kind,
        about=row.authorisation_id,
        order_id=row.order_id,
        number=row.number,
        gateway=row.gateway,
        amount_minor=amount_minor,
        currency=row.currency,
        reference=row.reference,
        created_us=work.clock.now_us(),
    )


def on_order_sold(work: Work, applied: Applied) -> None:
    """Keep the cards of a sale whose terminal had no line, and have its service asked about them."""
    body: OrderSold = applied.body
    _cards(work, applied, body.order_id, body.tenders)


def on_paid(work: Work, applied: Applied) -> None:
    """Keep the offline cards of a payment at a till for an order for later."""
    body: later.OrderPaid = applied.body
    _cards(work, applied, body.payment_id, body.tenders)


def _cards(work: Work, applied: Applied, name: str, tenders: Sequence[Tender]) -> None:
    body: OrderSold | later.OrderPaid = applied.body
    for n, tender in enumerate(tenders, start=1):
        if not tender.offline or tender.kind is not TenderKind.CARD or not tender.amount_minor:
            continue
        card_id = f"{name[:60]}:{n}"
        work.connection.execute(
            sa.insert(record.offline_cards).values(
                card_id=card_id,
                order_id=body.order_id,
                number=body.number,
                location=applied.edge,
                business_date=body.business_date,
                currency=body.currency,
                reference=tender.reference,
                last4=tender.last4,
                amount_minor=tender.amount_minor,
                state="offline_pending",
                detail="",
                taken_us=applied.at_us,
            )
        )
        work.topics.add("payments")
        if not work.rebuilding:
            rows.ask(
                work.connection,
                ask_id=work.ids.new_id(),
                kind="clear",
                about=card_id,
                order_id=body.order_id,
                number=body.number,
                gateway=CARD,
                amount_minor=tender.amount_minor,
                currency=body.currency,
                reference=tender.reference,
                created_us=work.clock.now_us(),
            )


def on_order_voided(work: Work, applied: Applied) -> None:
    """A card that has not paid is void with its sale: nobody takes it, and nobody owes it."""
    cards = record.cards_of(work.connection, applied.body.order_id)
    if cards:
        _VOID.run(work.connection, of=applied.body.order_id, now_us=applied.at_us)
        work.topics.add("payments")
    for row in cards:
        if row.state == "declined_late":
            close_exception(work, f"declined:{row.card_id}", how="Its sale was voided", by=applied.by)


def on_return_completed(work: Work, applied: Applied) -> None:
    """Say so when money went out another way for a card that has not paid: such a sale can only be voided."""
    body: ReturnCompleted = applied.body
    cards = record.cards_of(work.connection, body.order_id)
    unpaid = sum(row.amount_minor for row in cards if row.state in _UNPAID)
    ways = (
        _OTHER_WAYS | {TenderKind.CARD} if any(row.state == "declined_late" for row in cards) else _OTHER_WAYS
    )
    paid_out = sum(tender.amount_minor for tender in body.refunds if tender.kind in ways)
    if unpaid and paid_out:
        raise_exception(
            work,
            kind="unpaid_card_paid_out",
            subject=f"order:{body.order_id}",
            title=f"Money went out for a card of {body.order_number} that has not paid",
            facts={
                "number": body.order_number,
                "location": applied.edge,
                "amount_minor": paid_out,
                "unpaid_minor": unpaid,
            },
            dedupe_key=f"paid_out:{body.return_id}",
        )


def on_card_cleared(work: Work, applied: Applied) -> None:
    """The service took the card after all."""
    _one(work, applied, "captured", "")


def on_card_declined_late(work: Work, applied: Applied) -> None:
    """The goods are gone and the card does not pay: a person calls the customer."""
    body: payments.CardDeclinedLate = applied.body
    _one(work, applied, "declined_late", body.detail)
    raise_exception(
        work,
        kind="card_declined_late",
        subject=f"order:{body.order_id}",
        title=f"A card of {body.number} that was taken offline does not pay",
        facts={
            "number": body.number,
            "location": body.location,
            "amount_minor": body.amount_minor,
            "why": body.detail,
        },
        dedupe_key=f"declined:{body.card_id}",
    )


def on_card_made_good(work: Work, applied: Applied) -> None:
    """What was declined is paid another way, or given up."""
    body: payments.CardMadeGood = applied.body
    _one(work, applied, body.how, body.reason)
    how = "The customer paid it" if body.how == "paid_again" else "It was given up"
    close_exception(work, f"declined:{body.card_id}", how=how, by=applied.by)


def _one(work: Work, applied: Applied, state: str, detail: str) -> None:
    """Move one card, and tell the store that took it: its exposure follows what the bank said."""
    body: payments.OfACard = applied.body
    _ONE.run(work.connection, of=body.card_id, to=state, why=detail, now_us=applied.at_us)
    work.topics.add("payments")
    if work.post is not None:
        said = {"card_id": body.card_id, "order_id": body.order_id, "state": state}
        told = payments.CardTold.model_validate(said)
        work.post.send_directive(work.unit, body.location, told, subjects=(f"order:{body.order_id}",))
