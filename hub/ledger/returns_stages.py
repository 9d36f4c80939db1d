"""Posting restocking fees, gift cards and decisions about goods."""

from hub.ledger.rules import returns as rules
from hub.ledger.stages import Books, seller_of
from hub.spine.places import Places
from hub.spine.work import Applied, Work
from protocol.dispositions import GoodsDecided
from protocol.events import CashMoved, GiftCardSold, ReturnCompleted


def on_return_completed(work: Work, applied: Applied) -> None:
    """Post the fees that were kept of a return."""
    body: ReturnCompleted = applied.body
    here = work.room(Places).of(applied.edge)
    # Whoever sold it owes the refund (`rules.abroad.returned`), so the fee that is kept of it is theirs.
    seller = seller_of(work, body.order_id, here)
    beside = () if seller.entity == here.entity else (here.entity,)
    work.room(Books).post(
        applied, here if not beside else seller, rules.fees_kept(body), body.order_id, beside=beside
    )


def on_gift_card_sold(work: Work, applied: Applied) -> None:
    """Post a gift card as what it is, a debt."""
    body: GiftCardSold = applied.body
    work.room(Books).post(applied, work.room(Places).of(applied.edge), rules.gift_card(body))


def on_goods_decided(work: Work, applied: Applied) -> None:
    """Post what became of goods, and what they lost in worth."""
    body: GoodsDecided = applied.body
    drafts = rules.decided(body, applied.results["moves"], applied.results["written_down"])
    work.room(Books).post(applied, work.room(Places).of(applied.edge), drafts)


def on_cash_moved(work: Work, applied: Applied) -> None:
    """Post cash that went into a drawer or out of it without a sale."""
    body: CashMoved = applied.body
    work.room(Books).post(applied, work.room(Places).of(applied.edge), rules.cash_moved(body))
