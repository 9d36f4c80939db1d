"""Posting restocking fees, gift cards, decisions about goods, and returns whose steps lie apart.

Goods that come by parcel are accepted in one fact and paid in another, so what is owed stands between them:
for an order for later with what else it is owed, for a sale only until the store credit behind it.
"""

from hub.ledger.rules import abroad, aftersales, cost_of
from hub.ledger.rules import returns as rules
from hub.ledger.stages import Books, seller_of
from hub.spine.orders import Orders
from hub.spine.places import Place, Places
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.dispositions import GoodsDecided
from protocol.events import CashMoved, GiftCardSold, ReturnCompleted
from protocol.mail_in import ReturnCredited
from protocol.orders import TenderKind


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


def on_return_accepted(work: Work, applied: Applied) -> None:
    """Goods that came by parcel were accepted, or money was promised for goods nobody looked at: it is owed.

    Leaves `due_minor` and `seller`, the location whose entity owes it, in `results`.
    """
    body: ReturnCompleted = applied.body
    books, places = work.room(Books), work.room(Places)
    entry = work.room(Orders).get(body.order_id)
    here = places.of(applied.edge)
    seller = seller_of(work, body.order_id, here)
    if applied.edge == HUB_EDGE:
        here = seller
    swapped = sum(tender.amount_minor for tender in body.refunds if tender.kind is TenderKind.EXCHANGE)
    due = body.total_minor - sum(fee.amount_minor for fee in body.fees) - swapped
    applied.results.update(due_minor=due, seller=seller.location)
    if entry is not None and entry.later is not None:
        entry.later.owed_minor += due
        work.room(Orders).touch(entry)
    owed = rules.accepted(body)
    goods = cost_of("return_cost", applied.results["moves"], body.number)
    if here.entity == seller.entity:
        books.post(applied, seller, owed, body.order_id)
        books.post(applied, here, goods, body.order_id)
        _post_exchanged(work, applied, seller, swapped)
        return
    kept = abroad.kept(goods, abroad.Pair(here.entity, seller.entity))
    books.post(applied, seller, (*owed, *kept.seller), body.order_id, beside=(here.entity,))
    books.post(applied, here, kept.here, body.order_id, beside=(seller.entity,))


def _post_exchanged(work: Work, applied: Applied, seller: Place, minor: int) -> None:
    """Post what goods pay of an order that the hub took for them, in the hub's entity and the seller's."""
    if not minor:
        return
    body: ReturnCompleted = applied.body
    books, desk = work.room(Books), work.room(Places).of(HUB_EDGE)
    drafts = aftersales.paid_back({aftersales.EXCHANGE_TENDER: minor}, body.number)
    if desk.entity == seller.entity:
        books.post(applied, seller, drafts, body.order_id)
        return
    both = abroad.money(drafts, abroad.Pair(desk.entity, seller.entity))
    books.post(applied, desk, both.here, body.order_id, beside=(seller.entity,))
    books.post(applied, seller, both.seller, body.order_id, beside=(desk.entity,))


def on_return_credited(work: Work, applied: Applied) -> None:
    """What was owed was given as store credit."""
    body: ReturnCredited = applied.body
    entry = applied.results["entry"]
    if entry is not None and entry.later is not None:
        entry.later.owed_minor -= body.amount_minor
        work.room(Orders).touch(entry)
    drafts = rules.paid_as_credit(body)
    work.room(Books).post(applied, work.room(Places).of(body.location), drafts, body.order_id)


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
