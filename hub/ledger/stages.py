"""Posting: drafts become journals, in the transaction in which their event is applied.

A journal's number is its event's place in the log and its place among the event's journals, so a rebuild
gives every journal the number it had.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from hub.database import Lookup
from hub.ledger import rules
from hub.ledger.between import stages as between
from hub.ledger.chain import Head, head_of, link
from hub.ledger.chart import SUSPENSE_ACCOUNT, account_for, mapping_of
from hub.ledger.close.reads import states_of
from hub.ledger.close.rules import Posting, together
from hub.ledger.rows import chain as chain_rows
from hub.ledger.rows import chain_heads, entries, journals
from hub.ledger.rules import Draft, Posted, Side, abroad
from hub.ledger.rules.returns import sold
from hub.spine.bulk import Insert, Upsert
from hub.spine.log import Log
from hub.spine.orders import Orders
from hub.spine.places import Place, Places
from hub.spine.rows import event_subjects, events, orders
from hub.spine.steps import raise_exception
from hub.spine.work import Applied, Work
from protocol.events import (
    OrderSold,
    OrderVoided,
    ReturnCompleted,
    StockMoved,
    TillClosed,
    TillOpened,
)
from protocol.lifecycles import PeriodState

JOURNALS_PER_EVENT: Final = 100
CURRENCY: Final = "currency"
"""In `results`: the currency of an event that was not at a till and is about an order."""
_JOURNALS: Final = Insert(journals)
_ENTRIES: Final = Insert(entries)
_CHAIN: Final = Insert(chain_rows)
_HEADS: Final = Upsert(chain_heads)
_OF_SALE: Final = Lookup(
    sa.select(journals.c.journal_id, journals.c.rule, journals.c.entity)
    .join(events, events.c.event_id == journals.c.event_id)
    .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
    .where(
        event_subjects.c.subject == sa.bindparam("of"),
        sa.or_(
            journals.c.rule.in_((rules.SALE, rules.SALE_COST)),
            journals.c.rule.startswith(abroad.VALUE_ABROAD),
        ),
    )
    .order_by(journals.c.journal_id)
)
_SIDES: Final = Lookup(
    sa.select(entries.c.account, entries.c.amount_minor, entries.c.rate_ppm, entries.c.ref)
    .where(entries.c.journal_id == sa.bindparam("of"))
    .order_by(entries.c.n)
)
_SOLD_AT: Final = Lookup(sa.select(orders.c.location).where(orders.c.order_id == sa.bindparam("of")))


class Books:
    """The journals of one unit of work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._journals: list[tuple[Any, ...]] = []
        self._entries: list[tuple[Any, ...]] = []
        self._chain: list[tuple[int, str, bytes]] = []
        self._heads: dict[str, Head] = {}
        self._mappings: dict[str, dict[str, str]] = {}
        self._periods: dict[str, dict[str, PeriodState]] = {}
        self._dates: dict[tuple[str, ...], Posting] = {}
        self._numbered: tuple[int, int] = (0, 0)

    def prepare(self, batch: Sequence[Applied]) -> None:
        """The mapping is read when the first draft needs it."""

    def post(
        self,
        applied: Applied,
        place: Place,
        drafts: Sequence[Draft],
        order_id: str = "",
        *,
        beside: Sequence[str] = (),
    ) -> None:
        """Post drafts of an event; what has no account goes to suspense by name.

        `beside` names the other entities that the event posts in: all of them post on the same day.
        """
        mapping = self._mapping(place.entity)
        for draft in drafts:
            sums: dict[tuple[str, int | None, str], int] = {}
            for line in draft.lines:
                amount, purpose = line.amount_minor, line.purpose
                if not amount:
                    continue
                account = mapping.get(purpose) or account_for(mapping, purpose)
                if account is None or purpose == rules.SUSPENSE:
                    account = account or SUSPENSE_ACCOUNT
                    self._in_suspense(applied, place, draft, purpose)
                key = (account, line.rate_ppm, line.ref)
                sums[key] = sums.get(key, 0) + amount
            sides = [(account, amount, rate, ref) for (account, rate, ref), amount in sums.items() if amount]
            self.write(applied, place, draft, sides, order_id, beside=beside)

    def write(
        self,
        applied: Applied,
        place: Place,
        draft: Draft,
        sides: Sequence[Side],
        order_id: str,
        *,
        beside: Sequence[str] = (),
    ) -> None:
        """Write one journal with the accounts it is given; one without entries is left out."""
        if not sides:
            return
        apply_order, entity, body = applied.apply_order, place.entity, applied.body
        order, used = self._numbered
        used = used + 1 if order == apply_order else 1
        self._numbered = (apply_order, used)
        journal_id = apply_order * JOURNALS_PER_EVENT + used
        self._entries += [(journal_id, n, *side) for n, side in enumerate(sides, start=1)]
        date = getattr(body, "business_date", "") or place.calendar_date(applied.at_us)
        head = (
            journal_id,
            applied.event_id,
            entity,
            draft.rule,
            rules.RULE_VERSION,
            apply_order,
            place.location,
            order_id,
            date,
            self.dated(date, entity, *beside).date,
            applied.arrived_us,
            getattr(body, "currency", "") or applied.results.get(CURRENCY) or self._work.terms.currency,
            draft.memo,
            draft.reverses,
        )
        self._journals.append(head)
        count, before = self._heads.get(entity) or head_of(self._work.connection, entity)
        hashed = link(before, head, sides)
        self._heads[entity] = (count + 1, hashed)
        self._chain.append((journal_id, entity, hashed))

    def dated(self, business_date: str, *entities: str) -> Posting:
        """Return where a fact of a business date posts: the latest day that all these entities permit."""
        key = (business_date, *entities)
        found = self._dates.get(key)
        if found is None:
            states = [self._states(entity) for entity in entities]
            found = self._dates[key] = together(business_date, states)
        return found

    def moved(self, entity: str, period: str, state: PeriodState) -> None:
        """Note that a period has moved, for what is posted after it in this unit of work."""
        self.flush()
        self._states(entity)[period] = state
        self._dates.clear()

    def mapped(self, entity: str) -> None:
        """Forget which account serves which purpose: it has just changed."""
        self._mappings.pop(entity, None)

    def mapping(self, entity: str) -> dict[str, str]:
        """Return which account serves which purpose now."""
        return self._mapping(entity)

    def _states(self, entity: str) -> dict[str, PeriodState]:
        found = self._periods.get(entity)
        if found is None:
            found = self._periods[entity] = states_of(self._work.connection, entity)
        return found

    def of_sale(self, order_id: str) -> list[Posted]:
        """Return the journals that the sale of an order posted."""
        self._work.room(Log).flush()
        self.flush()
        found = _OF_SALE.all(self._work.connection, of=f"order:{order_id}")
        return [Posted(row.journal_id, row.rule, self._sides(row.journal_id), row.entity) for row in found]

    def _sides(self, journal_id: int) -> tuple[Side, ...]:
        rows = _SIDES.all(self._work.connection, of=journal_id)
        return tuple((row.account, row.amount_minor, row.rate_ppm, row.ref) for row in rows)

    def _mapping(self, entity: str) -> dict[str, str]:
        found = self._mappings.get(entity)
        if found is None:
            found = self._mappings[entity] = mapping_of(self._work.connection, entity)
        return found

    def _in_suspense(self, applied: Applied, place: Place, draft: Draft, purpose: str) -> None:
        raise_exception(
            self._work,
            kind="suspense",
            subject=applied.subjects[0] if applied.subjects else f"edge:{applied.edge}",
            title=f"Money of {draft.memo or draft.rule} stands in suspense",
            facts={
                "rule": draft.rule,
                "purpose": purpose,
                "entity": place.entity,
                "event_id": applied.event_id,
            },
            dedupe_key=f"suspense:{applied.event_id}",
        )

    def flush(self) -> None:
        """Write the entries, then the journals that seal them."""
        sides, self._entries = self._entries, []
        heads, self._journals = self._journals, []
        links, self._chain = self._chain, []
        _ENTRIES.run(self._work.connection, sides)
        _JOURNALS.run(self._work.connection, heads)
        _CHAIN.run(self._work.connection, links)
        if links:
            _HEADS.run(self._work.connection, [(name, *head) for name, head in self._heads.items()])


def on_order_sold(work: Work, applied: Applied) -> None:
    """Post a sale and its cost."""
    body: OrderSold = applied.body
    place = work.room(Places).of(applied.edge)
    drafts = sold(body, applied.results["moves"])
    _with_value(work, applied, place, drafts, between.foreign(work, place.entity, body.tenders, 1))


def on_return_completed(work: Work, applied: Applied) -> None:
    """Post a return, its refund and its cost."""
    body: ReturnCompleted = applied.body
    here = work.room(Places).of(applied.edge)
    seller = seller_of(work, body.order_id, here)
    moves = applied.results["moves"]
    drafts = rules.refund(body, moves)
    value = between.foreign(work, here.entity, body.refunds, -1)
    if seller.entity == here.entity:
        _with_value(work, applied, here, drafts, value)
        return
    pair = abroad.Pair(here.entity, seller.entity)
    charge = between.take_back(work, applied, pair, moves, always=False)
    cost = sum(abroad.cost_back(draft) for draft in drafts)
    rate = between.keep(work, applied, pair, cost) if charge is None else 0
    both = abroad.returned(drafts, pair, supplied_at=charge, rate_ppm=rate)
    _with_value(work, applied, here, both.here, value, beside=(seller.entity,))
    others = (here.entity, *(each.issuer for each in value))
    work.room(Books).post(applied, seller, both.seller, body.order_id, beside=others)


def _with_value(  # noqa: PLR0917 - what is posted where, and whose stored value is in it
    work: Work,
    applied: Applied,
    place: Place,
    drafts: Sequence[Draft],
    value: Sequence[abroad.Foreign],
    beside: tuple[str, ...] = (),
) -> None:
    """Post drafts; stored value of other entities among them is set off in both books."""
    books, order_id = work.room(Books), applied.body.order_id
    if not value:
        books.post(applied, place, drafts, order_id, beside=beside)
        return
    own, theirs = abroad.stored_value(drafts, place.entity, value)
    all_of = {place.entity, *beside, *theirs}
    books.post(applied, place, own, order_id, beside=sorted(all_of - {place.entity}))
    for issuer, owed in theirs.items():
        at = Place(place.location, issuer, place.zone)
        books.post(applied, at, owed, order_id, beside=sorted(all_of - {issuer}))
    between.set_off(work, applied, place.entity, value)


def seller_of(work: Work, order_id: str, here: Place) -> Place:
    """Return where an order was sold or taken; one that nobody knows counts as sold where it came back."""
    entry = work.room(Orders).get(order_id)
    if entry is None:
        return here
    if entry.sale is not None:
        return work.room(Places).of(entry.sale.edge)
    found = entry.later.location if entry.later else _SOLD_AT.scalar(work.connection, of=order_id)
    return work.room(Places).of(found) if found else here


def on_order_voided(work: Work, applied: Applied) -> None:
    """Mirror the journals of the sale; what had been touched since is posted like a return."""
    body: OrderVoided = applied.body
    books, place = work.room(Books), work.room(Places).of(applied.edge)
    moves = applied.results["moves"]
    posted = books.of_sale(body.order_id) if applied.results["untouched"] else []
    if not posted or not _undoes(posted, body):
        value = between.foreign(work, place.entity, body.refunds, -1)
        _with_value(work, applied, place, rules.refund(body, moves, rule="void"), value)
        return
    entities = {journal.entity for journal in posted}
    for journal, (draft, sides) in zip(posted, rules.mirror(posted, body.number), strict=True):
        at = Place(place.location, journal.entity, place.zone)
        others = sorted(entities - {journal.entity})
        books.write(applied, at, draft, sides, body.order_id, beside=others)
    between.undo_set_offs(work, applied, posted[0].journal_id // JOURNALS_PER_EVENT)
    books.post(applied, place, rules.void_variance(moves, body.number), body.order_id)


def _undoes(posted: Sequence[Posted], body: OrderVoided) -> bool:
    """Tell whether a void gives back exactly what its sale took, so that a mirror says the truth."""
    sale = [journal.entries for journal in posted if journal.rule == rules.SALE]
    taken = sum(amount for sides in sale for _account, amount, _rate, _ref in sides if amount > 0)
    paid_back = sum(tender.amount_minor for tender in body.refunds)
    return taken == sum(line.gross_minor for line in body.lines) == paid_back


def on_stock_moved(work: Work, applied: Applied) -> None:
    """Post what a stock correction is worth."""
    body: StockMoved = applied.body
    place = work.room(Places).of(applied.edge)
    memo = body.reference or body.reason
    work.room(Books).post(applied, place, rules.cost_of("stock", applied.results["moves"], memo))


def on_till_opened(work: Work, applied: Applied) -> None:
    """Post the float."""
    body: TillOpened = applied.body
    work.room(Books).post(applied, work.room(Places).of(applied.edge), rules.float_given(body))


def on_till_closed(work: Work, applied: Applied) -> None:
    """Post what was over or short, and take the float out."""
    body: TillClosed = applied.body
    work.room(Books).post(applied, work.room(Places).of(applied.edge), rules.till_closed(body))
