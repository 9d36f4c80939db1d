"""Posting what associates earned with an event, or lost with it (matrix 47, 48)."""

from hub.ledger.rules import aftersales
from hub.ledger.stages import Books
from hub.spine.places import Places
from hub.spine.work import Applied, Work


def on_commissions(work: Work, applied: Applied) -> None:
    """Post what the stage of commissions found, person by person, where the order was sold or taken."""
    found = applied.results.get("commissions", ())
    if not found:
        return
    place = work.room(Places).of(applied.results["commissions_at"])
    drafts = [
        draft
        for person, minor in found
        for draft in aftersales.commission_due(minor, person, applied.body.number)
    ]
    work.room(Books).post(applied, place, drafts, applied.body.order_id)
