"""The month before a demo: two legal entities trade, close their books, and something comes late.

A demo that begins today has no month to look back on, and a month is what finance works with. So the stores'
own steps work on their databases, with their clocks at days of the month before: sales, returns, exchanges,
also of what the other entity sold, a card that a terminal took offline and that is declined, and goods that
one entity sends the other at a price.
What the stores wrote goes to the hub's inbox as their links would send it. Then finance closes that month in
both books (`closing`): over a payout that does not tie, what the audit found, and a store that sold offline
and tells of it only when its month is closed (`late`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa

from deploy.demo.closing import PREPARES, close_months
from deploy.demo.late import tell
from deploy.demo.layout import Layout, Place
from deploy.demo.people import MANAGER
from protocol.catalog import Product
from protocol.clock import Clock, from_us, to_us
from protocol.directives import DIRECTIVE_KINDS, CatalogPublish, Directive
from protocol.ids import IdMaker
from protocol.kit.system import ShiftedClock
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import TenderKind, WireModel
from protocol.transfer_messages import TransferExpect

if TYPE_CHECKING:
    from edge_agent.context import Edge
    from hub.context import Hub

Told = TypeVar("Told", bound=WireModel)

TILL: Final = "till-1"
FLOAT_MINOR: Final = 100_00
DAYS: Final = ("06", "13", "20")
"""Trading days of the month that a person finds in the books."""
HOUR: Final = 10
UNITS: Final = 40
SENT: Final = 6
UNPAID: Final = "declined-by-the-bank"
"""The reference of a card that the simulated service of the terminals does not pay."""
SHORT_MINOR: Final = 7_00
"""What is missing in one drawer, for the audit to find."""
PRICES: Final = {"markup_ppm": 50_000, "rate_ppm": 0, "reason": "what the company charges itself"}
"""Both entities are in one VAT group, so there is no tax between them."""
ODD_PAYOUT: Final = b"type,reference,amount,fee\nsale,LB1-09999,24.00,0.20\n"
ODD_PAYOUT_MINOR: Final = 23_00
"""A payout that is not the sum of its rows, one of which names no order: it waits for a visitor."""
_GOODS: Final = "SELECT sku FROM products WHERE kind = 'goods' ORDER BY sku LIMIT 4"


@dataclass(frozen=True, slots=True)
class Store:
    """One store on one day of the month."""

    edge: "Edge"
    day: str
    products: tuple[Product, ...]
    person: CurrentPerson

    def key(self, what: str) -> str:
        """Return the key of a command: each is given once a day."""
        return f"month-{self.day}-{what}"

    def do(self, step: Callable[..., Any], *args: Any) -> Any:
        """Take a step of the store in a unit of work of its own."""
        return self.edge.database.write(lambda unit: step(unit, self.edge, *args, person=self.person))


@dataclass(frozen=True, slots=True)
class Month:
    """A month that was played: what was otherwise than it should, and what one entity did for the other."""

    reasons: list[str]
    exchanged_between_entities: int
    """Exchanges of what another entity had sold, settled between the two."""


def play_month(layout: Layout, clock: Clock, ids: IdMaker) -> Month:
    """Play the month before today and close it."""
    from hub.app import parts
    from hub.settings import load_settings

    today = from_us(clock.now_us()).date()
    month = (today.replace(day=1) - timedelta(days=1)).isoformat()[:7]
    stores = [place for place in layout.places if place.kind == "store"]
    hub = parts(load_settings(layout.config("hub")), clock=clock, ids=ids)
    try:
        for day in DAYS:
            sold = ""
            for place in stores[:2]:
                with _open(layout, place, f"{month}-{day}", ids, hub) as store:
                    own = place is stores[0]
                    _heard(hub, store, sold)
                    short, offline = not own and day == DAYS[-1], own and day != DAYS[-1]
                    sold = _trade(store, sold, short=short, offline=offline)
                    tell(store.edge, hub)
            if day == DAYS[0]:
                _list_prices(hub, stores[0].entity, stores[1].entity)
        _send(layout, hub, (stores[0], stores[1]), f"{month}-{DAYS[1]}", ids)
        _decline(hub)
        reasons = [*_missing(hub, month, {place.entity for place in stores[:2]})]
        reasons += close_months(layout, hub, ids)
        _odd_payout(hub, stores[0].entity, today.isoformat())
        return Month(reasons, _exchanged_between(hub, month))
    finally:
        hub.database.close()


@contextmanager
def _open(layout: Layout, place: Place, day: str, ids: IdMaker, hub: "Hub") -> Iterator[Store]:
    from edge_agent.app import parts
    from edge_agent.settings import load_settings

    at_us = to_us(datetime.fromisoformat(day).replace(hour=HOUR, tzinfo=UTC))
    edge = parts(load_settings(layout.config(place.name)), clock=ShiftedClock(at_us), ids=ids)
    try:
        if edge.database.read().execute(_GOODS).fetchone() is None:
            _stock_range(edge, hub, place)
        connection = edge.database.read()
        skus = [row[0] for row in connection.execute(_GOODS)]
        found = edge.products.find_all(connection, skus)
        person = CurrentPerson(MANAGER.person_id, MANAGER.name, MANAGER.role, TILL)
        yield Store(edge, day, tuple(found[sku] for sku in skus), person)
    finally:
        edge.database.close()


def _trade(store: Store, elsewhere: str, *, short: bool, offline: bool) -> str:
    """A day at the till: two sales, a return, exchanges, perhaps a card without a line, the close.

    `elsewhere` is a sale of the other entity's store that comes here too, empty for none. Returns the number
    of a sale of which something may come back at the next store.
    """
    from edge_agent.returns.steps import BringBack, ReturnUnits, return_units
    from edge_agent.stock.steps import MoveLine, Moves, move
    from edge_agent.till import steps as till

    first, second, third, _fourth = store.products
    lines = tuple(MoveLine(sku=each.sku, quantity=UNITS) for each in store.products)
    store.do(move, Moves(key=store.key("goods"), reason="received", lines=lines))
    opened = till.OpenTill(key=store.key("open"), float_minor=FLOAT_MINOR, business_date=store.day)
    store.edge.database.write(
        lambda unit: till.open_till(unit, store.edge, TILL, opened, person=store.person)
    )
    cash = _sell(store, "cash", first, 3, TenderKind.CASH)
    card = _sell(store, "card", second, 2, TenderKind.CARD)
    if offline:
        _sell(store, "offline", third, 1, TenderKind.CARD, reference=UNPAID, offline=True)
    back = (BringBack(line_no=1, quantity=1),)
    store.do(return_units, cash, ReturnUnits(key=store.key("return"), lines=back, till=TILL))
    taken = sum(_exchange(store, number, second, third) for number in (card, elsewhere) if number)
    drawer = FLOAT_MINOR + 2 * first.price_minor + taken
    _close(store, drawer - SHORT_MINOR if short else drawer)
    return card


def _exchange(store: Store, number: str, back: Product, wanted: Product) -> int:
    """Take a unit back for another article; return the cash that the customer added."""
    from edge_agent.returns.exchange import ExchangeUnits, exchange_units

    basket_id, version, rest = _basket(store, wanted, worth=back.price_minor)
    paid = ({"kind": "cash", "amount_minor": rest},) if rest > 0 else ()
    said = ExchangeUnits.model_validate(
        {
            "key": store.key(f"exchange-{number}"),
            "lines": ({"line_no": 1, "quantity": 1},),
            "till": TILL,
            "basket_id": basket_id,
            "version": version,
            "tenders": paid,
        }
    )
    store.do(exchange_units, number, said)
    return max(0, rest)


def _heard(hub: "Hub", store: Store, number: str) -> None:
    """Let a store have asked the hub about an order that it did not sell."""
    from edge_agent.later.hub import OrderAnswer
    from edge_agent.returns.rows import note_told
    from hub.returns.elsewhere import told

    if not number:
        return
    edge, now_us = store.edge, store.edge.clock.now_us()
    with hub.database.read() as connection:
        found = told(connection, number, asker=edge.identity.edge, now_us=now_us)
    said = OrderAnswer.model_validate(found.model_dump())
    edge.database.write(lambda unit: note_told(unit, said, now_us))


def _sell(store: Store, what: str, product: Product, units: int, kind: TenderKind, **more: Any) -> str:
    from edge_agent.counter.steps.sale import Sale, SaleLine, TenderGiven, sell

    due = product.price_minor * units
    sale = Sale(
        key=store.key(what),
        till=TILL,
        lines=(SaleLine(sku=product.sku, quantity=units),),
        tenders=(TenderGiven(kind=kind, amount_minor=due, **more),),
    )
    sold, _new = store.do(sell, sale)
    return str(sold.number)


def _basket(store: Store, product: Product, *, worth: int) -> tuple[str, int, int]:
    """Fill a basket with what is wanted instead; return it, its version, and what is left to pay."""
    from edge_agent.counter.steps import basket as baskets
    from edge_agent.counter.steps.basket_models import ScanWanted

    def fill(unit: Any) -> Any:
        begun = baskets.begin(unit, store.edge, store.person, TILL)
        scan = ScanWanted(code=product.sku)
        return baskets.scan(unit, store.edge, begun.basket_id, scan, person=store.person).basket

    basket = store.edge.database.write(fill)
    return basket.basket_id, basket.version, basket.total_minor - worth


def _close(store: Store, counted_minor: int) -> None:
    """Count the drawer and close the till; what is missing is confirmed by whoever counts."""
    from edge_agent.till import steps as till

    write, edge, person = store.edge.database.write, store.edge, store.person
    counted = till.CountTill(key=store.key("count"), counted_minor=counted_minor)
    write(lambda unit: till.count(unit, edge, TILL, counted, person=person))
    write(lambda unit: till.confirm(unit, edge, TILL))
    write(lambda unit: till.close(unit, edge, TILL, till.CloseTill(key=store.key("close")), person=person))


def _send(layout: Layout, hub: "Hub", ends: tuple[Place, Place], day: str, ids: IdMaker) -> None:
    """Send goods of one entity to a store of another, which takes them in by the label of their carton."""
    from edge_agent.transfers.steps import asking, inbox, packing, receiving, walking
    from edge_agent.transfers.steps import commands as say

    source, target = ends
    with _open(layout, source, day, ids, hub) as store:
        sku = store.products[0].sku
        lines = (say.AskedLine(sku=sku, quantity=SENT),)
        asked = say.Ask(key=store.key("ask"), way="out", other=target.name, lines=lines, sure=True)
        begun, _new = store.do(asking.ask, asked)
        found = say.SetFound(key=store.key("found"), line_no=1, units=SENT)
        store.do(walking.set_found, begun.transfer_id, found)
        store.do(walking.finish, begun.transfer_id, say.KeyOnly(key=store.key("walked")))
        packed, _new = store.do(packing.pack, begun.transfer_id, say.PackCarton(key=store.key("pack")))
        store.do(packing.ship, begun.transfer_id, say.Ship(key=store.key("ship")))
        tell(store.edge, hub)
    with _open(layout, target, day, ids, hub) as store:
        edge, body = store.edge, _announced(hub, target, TransferExpect)
        edge.database.write(lambda unit: inbox.expect(unit, edge, body))
        taken = say.TakeIn(key=store.key("take-in"), cartons=(packed.sscc,), final=True)
        store.do(receiving.receive, begun.transfer_id, taken)
        tell(edge, hub)


def _stock_range(edge: "Edge", hub: "Hub", place: Place) -> None:
    """Give a store that has not heard of the hub's catalogue what it will be told."""
    from edge_agent.catalog.steps import apply_file
    from hub.catalog.steps import catalog_file

    body = _announced(hub, place, CatalogPublish)
    found = catalog_file(hub)(body.version)
    assert found is not None  # it was published when the demo was set up
    edge.database.write(lambda unit: apply_file(unit, edge, body, found[0]))


def _announced(hub: "Hub", place: Place, model: type[Told]) -> Told:
    """Return the newest that the hub is about to tell a place of a kind; its line tells it once more."""
    from hub.fleet.rows import directives

    kind = next(kind for (kind, _v), known in DIRECTIVE_KINDS.items() if known is model)

    with hub.database.read() as connection:
        data = connection.execute(
            sa.select(directives.c.bytes)
            .where(directives.c.edge == place.name, directives.c.kind == kind)
            .order_by(directives.c.cseq.desc())
            .limit(1)
        ).scalar_one()
    return model.model_validate(Directive.model_validate_json(bytes(data)).body)


def _list_prices(hub: "Hub", supplier: str, buyer: str) -> None:
    from hub.ledger.between.steps import set_prices

    set_prices(hub, {"supplier": supplier, "buyer": buyer, **PRICES}, by=PREPARES)


def _decline(hub: "Hub") -> None:
    """The service of the terminals says which cards it pays; one is made good, the others stay owed."""
    from hub.payments.asks import ask_services, made_good
    from hub.spine.payment_rows import offline_cards

    ask_services(hub)
    with hub.database.read() as connection:
        declined = connection.execute(
            sa.select(offline_cards.c.card_id)
            .where(offline_cards.c.state == "declined_late")
            .order_by(offline_cards.c.card_id)
        ).scalars()
        first = next(iter(declined), None)
    if first is not None:
        made_good(hub, first, how="paid_again", reason="the customer sent the money", by=PREPARES)


def _odd_payout(hub: "Hub", entity: str, day: str) -> None:
    """Take in a payout that does not tie, and leave it to whoever looks at the demo."""
    from hub.ledger.settlements.steps import Wanted, take

    wanted = Wanted(entity, "card", "plain", f"{entity}-odd", day, ODD_PAYOUT_MINOR)
    take(hub, ODD_PAYOUT, wanted, by=PREPARES)


def _missing(hub: "Hub", month: str, entities: set[str]) -> Iterator[str]:
    """Say what the month should show a person and does not."""
    from hub.ledger.rows import journals

    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(journals.c.entity, journals.c.rule).where(journals.c.posting_date >= f"{month}-01")
        ).all()
    seen = {row.rule for row in rows}
    if not entities <= {row.entity for row in rows}:
        yield f"{month} is not in the books of {sorted(entities)}"
    for rule in ("sale", "return", "exchange_sale", "card_declined", "card_paid_again", "over_short"):
        if rule not in seen:
            yield f"{month} has no {rule}"
    if not _exchanged_between(hub, month):
        yield f"{month} has no exchange of what another entity sold, settled between the two"
    if not any(rule.startswith("transfer_") and rule.endswith("_due") for rule in seen):
        yield f"{month} has no goods that one entity sent the other"


def _exchanged_between(hub: "Hub", month: str) -> int:
    """Return how many exchanges of the month took back what another entity sold, owed in both books."""
    from hub.ledger.rows import entries, journals
    from hub.spine.rows import return_tenders, returns

    due = sa.select(journals.c.event_id).join(entries, entries.c.journal_id == journals.c.journal_id)
    owed = [due.where(entries.c.account == account) for account in ("1400", "2400")]
    with hub.database.read() as connection:
        return int(
            connection.execute(
                sa.select(sa.func.count(sa.distinct(returns.c.return_id)))
                .join(return_tenders, return_tenders.c.return_id == returns.c.return_id)
                .join(journals, journals.c.apply_order == returns.c.apply_order)
                .where(
                    return_tenders.c.kind == TenderKind.EXCHANGE.value,
                    returns.c.business_date.startswith(month),
                    *(journals.c.event_id.in_(each) for each in owed),
                )
            ).scalar_one()
        )
