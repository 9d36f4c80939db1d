"""Posting what transfers are worth, each journal at the location whose stock it is about.

One fact may change the worth of goods at both ends: when a shipment is heard after its goods, the difference
to the estimate is posted where they are.
"""

from typing import Final

from hub.ledger.between import stages as between
from hub.ledger.rules import cost_of
from hub.ledger.rules import transfers as rules
from hub.ledger.rules.abroad import Pair
from hub.ledger.stages import Books
from hub.spine.places import Places
from hub.spine.work import Applied, Work
from hub.transfers.rules.booking import Booking

_RULES: Final = {
    "transfer.received": "transfer_in",
    "transfer.receipt_undone": "transfer_undone",
    "transfer.receipt_accepted": "transfer_found",
    "transfer.decided": "transfer_settled",
}
_MATCHED: Final = "transfer_match"


def on_transfer(work: Work, applied: Applied) -> None:
    """Post what a fact moved, what arrived by it, and what is lost."""
    booking: Booking = applied.results["transfer"]
    books, places = work.room(Books), work.room(Places)
    if booking.moves:
        drafts = cost_of(booking.rule, booking.moves, booking.number)
        books.post(applied, places.of(applied.edge), drafts)
    source = places.of(booking.source) if booking.source else None
    rule = _RULES.get(applied.kind, _MATCHED)
    for n, (location, what) in enumerate(sorted(booking.arrived.items())):
        place = places.of(location)
        # An event posts once under each rule: a carton that went astray gives its place a rule of its own.
        name = f"{rule}.{location}" if n else rule
        abroad = source if source is not None and source.entity != place.entity else None
        charge = None
        if abroad is not None:
            pair = Pair(abroad.entity, place.entity)
            charge = between.transferred(
                work, applied, pair, cost_minor=what.matched_minor, margin_minor=what.margin_minor
            )
        whose = abroad.entity if abroad else ""
        drafts = rules.arrived(name, what, booking.number, abroad=whose, charge=charge)
        books.post(applied, place, drafts, beside=(abroad.entity,) if abroad else ())
        if abroad is not None:
            due = rules.sent_abroad(name, what.matched_minor, booking.number, to=place.entity, charge=charge)
            books.post(applied, abroad, due, beside=(place.entity,))
    if source is not None:
        books.post(applied, source, rules.lost(booking.lost_minor, booking.number))
