"""Posting counts, adjustments and receipts, at what their movements are worth."""

from hub.ledger.rules import stock as rules
from hub.ledger.stages import Books
from hub.spine.places import Places
from hub.spine.work import Applied, Work
from protocol import stock


def on_count_posted(work: Work, applied: Applied) -> None:
    """Post what a count lost and gained."""
    body: stock.CountPosted = applied.body
    drafts = rules.counted("count", applied.results["moves"], body.number, undone=False)
    work.room(Books).post(applied, work.room(Places).of(applied.edge), drafts)


def on_count_undone(work: Work, applied: Applied) -> None:
    """Post that a count is taken back."""
    body: stock.CountUndone = applied.body
    drafts = rules.counted("count_undone", applied.results["moves"], body.number, undone=True)
    work.room(Books).post(applied, work.room(Places).of(applied.edge), drafts)


def on_stock_adjusted(work: Work, applied: Applied) -> None:
    """Post an adjustment to the account of its reason."""
    body: stock.StockAdjusted = applied.body
    rule = "adjustment_undone" if body.undoes else "adjustment"
    drafts = rules.moved(rule, applied.results["moves"], body.number, rules.purpose_of(body.reason))
    work.room(Books).post(applied, work.room(Places).of(applied.edge), drafts)


def on_delivery_received(work: Work, applied: Applied) -> None:
    """Post what a supplier brought: received, not invoiced."""
    body: stock.DeliveryReceived = applied.body
    drafts = rules.moved("receipt", applied.results["moves"], body.number)
    work.room(Books).post(applied, work.room(Places).of(applied.edge), drafts)


def on_receipt_corrected(work: Work, applied: Applied) -> None:
    """Post what a receipt had too much or too little, at its own cost."""
    body: stock.ReceiptCorrected = applied.body
    drafts = rules.moved("receipt_corrected", applied.results["moves"], body.number)
    work.room(Books).post(applied, work.room(Places).of(applied.edge), drafts)
