"""A store sold something offline on the last day of a month, and tells it when that month is closed.

The processes have stopped, so the store's own steps work on its database here, with its clock at that day;
what they wrote goes to the hub's inbox in the batches that its link would have sent.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from deploy.demo.layout import Layout, Place
from deploy.demo.people import MANAGER
from deploy.demo.replayer import TILL
from protocol.clock import to_us
from protocol.envelope import decode_batch
from protocol.ids import IdMaker
from protocol.kit.system import ShiftedClock
from protocol.orders import TenderKind

if TYPE_CHECKING:
    from edge_agent.context import Edge
    from hub.context import Hub

NOON: Final = 12
PRICE_MINOR: Final = 3_00


def sell_late(layout: Layout, place: Place, hub: "Hub", day: str, ids: IdMaker) -> Iterator[str]:
    """Sell on a day of a closed month, tell the hub; yield what the books did otherwise than they should."""
    import sqlalchemy as sa

    from edge_agent.app import parts
    from edge_agent.settings import load_settings
    from hub.ledger.close import rules, steps
    from hub.ledger.rows import journals

    at_us = to_us(datetime.fromisoformat(day).replace(hour=NOON, tzinfo=UTC))
    edge = parts(load_settings(layout.config(place.name)), clock=ShiftedClock(at_us), ids=ids)
    try:
        number = _sell(edge, day)
        tell(edge, hub)
    finally:
        edge.database.close()
    following = rules.next_month(day[:7])
    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(journals.c.business_date, journals.c.posting_date).where(journals.c.memo == number)
        )
        posted = {(row.business_date, row.posting_date) for row in rows}
    if posted != {(day, f"{following}-01")}:
        yield f"{number} of {day} was told after its month had closed, and stands on {sorted(posted)}"
    if "PRIOR_PERIOD" not in rules.warnings(steps.look(hub, place.entity, following)):
        yield f"{place.entity} {following} does not say that something of the month before came late"


def _sell(edge: "Edge", day: str) -> str:
    """Open the till, sell one piece of what was sold last, for cash, close the till; return the number."""
    from edge_agent.counter.steps.sale import Sale, SaleLine, TenderGiven, sell
    from edge_agent.till import steps as till
    from protocol.kit.web.signin import CurrentPerson

    person = CurrentPerson(MANAGER.person_id, MANAGER.name, MANAGER.role, TILL)
    newest = "SELECT sku FROM order_lines WHERE kind = 'goods' ORDER BY order_id DESC, line_no LIMIT 1"
    sku = edge.database.read().execute(newest).fetchone()[0]
    opened = till.OpenTill(key="late-open", float_minor=0, business_date=day)
    sale = Sale(
        key="late-sale",
        till=TILL,
        lines=(SaleLine(sku=sku, unit_price_minor=PRICE_MINOR, reason="price of the day"),),
        tenders=(TenderGiven(kind=TenderKind.CASH, amount_minor=PRICE_MINOR),),
    )
    counted = till.CountTill(key="late-count", counted_minor=PRICE_MINOR)
    write = edge.database.write
    write(lambda unit: till.open_till(unit, edge, TILL, opened, person=person))
    sold, _new = write(lambda unit: sell(unit, edge, sale, person=person))
    write(lambda unit: till.count(unit, edge, TILL, counted, person=person))
    write(lambda unit: till.confirm(unit, edge, TILL))
    write(lambda unit: till.close(unit, edge, TILL, till.CloseTill(key="late-close"), person=person))
    return sold.number


def tell(edge: "Edge", hub: "Hub") -> None:
    """Send the hub all that it does not have of a store."""
    import sqlalchemy as sa

    from edge_agent.link.batches import Batcher, Ready
    from edge_agent.link.rows import newest
    from hub.fleet.rows import CURRENT, streams

    batcher, connection = Batcher(edge.identity), edge.database.read()
    with hub.database.read() as known:
        after = known.execute(
            sa.select(streams.c.upto).where(streams.c.edge == edge.identity.edge, streams.c.state == CURRENT)
        ).scalar()
    after, last = int(after or 0), newest(connection)
    while after < last:
        ready = batcher.next(
            connection, after, sess="late", newest=last, oldest_ms=0, limit=last - after, delivered=()
        )
        assert isinstance(ready, Ready)  # no event of one small sale is too large for a batch
        batch = decode_batch(ready.payload)
        hub.inbox.receive(batch, batch.events, hub.clock.now_us())
        after = ready.last
