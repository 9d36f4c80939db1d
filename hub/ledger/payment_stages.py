"""Posting what becomes of cards that stores took while their terminals had no line."""

from collections.abc import Sequence

from hub.ledger.rules import Draft, payments
from hub.ledger.stages import CURRENCY, Books
from hub.spine.payment_rows import cards_of
from hub.spine.places import Places
from hub.spine.work import Applied, Work
from protocol.events import OrderVoided
from protocol.payments import CardDeclinedLate, CardMadeGood


def on_card_declined_late(work: Work, applied: Applied) -> None:
    """The customer owes what the card does not pay."""
    body: CardDeclinedLate = applied.body
    _post(work, applied, payments.declined_late(body.amount_minor, body.number))


def on_card_made_good(work: Work, applied: Applied) -> None:
    """The customer owes nothing any more."""
    body: CardMadeGood = applied.body
    _post(work, applied, payments.made_good(body.how, body.amount_minor, body.number))


def on_order_voided(work: Work, applied: Applied) -> None:
    """The void of a sale gave back what its card never paid; stands before the card is void itself."""
    body: OrderVoided = applied.body
    cards = cards_of(work.connection, body.order_id)
    owed = sum(row.amount_minor for row in cards if row.state == "declined_late")
    if owed:
        place = work.room(Places).of(applied.edge)
        work.room(Books).post(applied, place, payments.undeclined(owed, body.number), body.order_id)


def _post(work: Work, applied: Applied, drafts: Sequence[Draft]) -> None:
    """Post where the store is that took the card."""
    body: CardDeclinedLate | CardMadeGood = applied.body
    applied.results[CURRENCY] = body.currency
    work.room(Books).post(applied, work.room(Places).of(body.location), drafts, body.order_id)
