"""Was anything lost, done twice, or sold that was not there? Histories of clients against files and books.

The history of the clients is the only witness that no process of ours made up. It is read from its file; the
databases of the edges and the hub are read from outside, with plain SQL. Every difference is a sentence.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.demo.books import reading
from hub.ledger.chart import MAPPING, RETURNS_ACCOUNT, SALES_ACCOUNT, TAX_ACCOUNT
from protocol.kit.sqlite import Connection
from tests.faults.run.company import FaultCompany
from tests.support.later_audit import audit, logs
from tests.support.later_walk import Walk

MOVED: Final = frozenset({"hand_over", "ship", "undo"})
PLACED: Final = frozenset({"place", "take"})
NO_ANSWER: Final = frozenset({"refused"})
"""A refusal is kept too, and nothing may have come of it."""
INSIDE: Final = ("sellable", "reserved", "picked")

HUB_CELLS: Final = """
SELECT sku, granted_seen - returned - allocated + ended, allocated - ended - finished_seen
FROM hub_rights WHERE location = ?
"""
"""H and U."""
EDGE_CELLS: Final = """
WITH stock AS (SELECT sku, sum(CASE WHEN bucket = 'sellable' THEN quantity ELSE 0 END) AS sellable,
                      sum(CASE WHEN bucket = 'reserved' THEN quantity ELSE 0 END) AS reserved,
                      sum(CASE WHEN bucket = 'picked' THEN quantity ELSE 0 END) AS picked
               FROM balances GROUP BY sku)
SELECT sku, sellable + reserved + picked, reserved + picked - coalesce(hub_picked, 0),
       coalesce(granted - returned_seen - (finished - finished_base), 0)
FROM stock LEFT JOIN rights USING (sku)
"""
"""P, B and O; L is what is left of P."""
_MOVED_BY: Final = """
SELECT sku, ? * sum(CASE WHEN to_bucket IN ('sellable', 'reserved') THEN quantity ELSE 0 END
                    - CASE WHEN from_bucket IN ('sellable', 'reserved', 'picked') THEN quantity ELSE 0 END)
FROM movements WHERE reason = ? GROUP BY sku
"""
"""By what the shelf, and what was picked from it, became more; or less, when asked for with -1."""
_LEFT_BY_SKU: Final = """
SELECT l.sku, sum(l.fulfilled) FROM order_lines l JOIN later_orders USING (order_id)
WHERE l.kind = 'goods' GROUP BY l.sku
"""
_EARNED: Final = """
SELECT coalesce(sum(gross_minor * fulfilled / quantity), 0)
FROM order_lines JOIN later_orders USING (order_id)
"""


@dataclass
class Told:
    """What the clients wrote down, added up."""

    kinds: Counter[str] = field(default_factory=Counter)
    sales: dict[str, dict[str, int]] = field(default_factory=dict)
    """Place -> number -> total."""
    returns: dict[str, dict[str, int]] = field(default_factory=dict)
    sold: Counter[str] = field(default_factory=Counter)
    """SKU -> units that went over a counter; what came back is taken off by its order."""
    delivered: dict[str, Counter[str]] = field(default_factory=dict)
    counted: dict[str, Counter[str]] = field(default_factory=dict)
    """Place -> SKU -> units that counts found beyond the books, less those that they missed."""
    sent: dict[str, Counter[str]] = field(default_factory=dict)
    taken_in: dict[str, Counter[str]] = field(default_factory=dict)
    transfers: set[str] = field(default_factory=set)
    """Numbers of those that left."""
    left: Counter[str] = field(default_factory=Counter)
    """Number of an order for later -> units that its customer has."""
    placed: set[str] = field(default_factory=set)

    @property
    def acknowledged(self) -> int:
        """How many answers said that something was done."""
        return sum(count for kind, count in self.kinds.items() if kind not in NO_ANSWER)

    @property
    def taken_minor(self) -> int:
        """What the counters took for sales, less what they gave back."""
        came = sum(sum(each.values()) for each in self.sales.values())
        return came - sum(sum(each.values()) for each in self.returns.values())


_BY_PLACE: Final[Mapping[str, Callable[[Told], dict[str, Counter[str]]]]] = {
    "delivery": lambda told: told.delivered,
    "count": lambda told: told.counted,
    "send": lambda told: told.sent,
    "take_in": lambda told: told.taken_in,
}


def told_by(lines: Iterable[Mapping[str, Any]]) -> Told:
    """Add up a history."""
    told, of_order = Told(), {}
    for line in lines:
        kind, place = str(line["kind"]), str(line["store"])
        told.kinds[kind] += 1
        if kind == "sale":
            told.sales.setdefault(place, {})[line["number"]] = line["total_minor"]
            of_order[line["number"]] = line["lines"][0]["sku"]
            for each in line["lines"]:
                told.sold[each["sku"]] += each["quantity"]
        elif kind == "return":
            told.returns.setdefault(place, {})[line["number"]] = line["total_minor"]
            told.sold[of_order[line["of"]]] -= 1
        elif kind in _BY_PLACE:
            _BY_PLACE[kind](told).setdefault(place, Counter())[line["sku"]] += line["units"]
            if kind == "send":
                told.transfers.add(line["number"])
        elif kind in MOVED:
            told.left[line["number"]] += line["units"]
        elif kind in PLACED:
            told.placed.add(line["number"])
    return told


@dataclass
class Findings:
    """Everything that was found, sorted by what it means."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    oversold: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    """Where P is not B + L + U + H."""
    cells: int = 0
    """How many places and SKUs were added up for that."""
    other: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        """Every sentence."""
        return self.lost + self.doubled + self.oversold + self.rest + self.other


def find(company: FaultCompany, told: Told, walks: Iterable[Walk]) -> Findings:
    """Compare everything with everything."""
    found = Findings()
    with reading(company.hub_file) as hub:
        for place in company.names:
            with reading(company.edge_file(place)) as edge:
                _sales(found, told, place, edge, hub)
                _shelves(found, told, place, edge)
                _events(found, place, edge, hub)
                _cells(found, place, edge, hub)
        _orders(found, told, hub)
        _transfers(found, told, hub)
        _units(found, company, told, hub)
        found.other += _books(told, hub)
    found.other += audit(company, walks)
    found.other += logs(company)
    return found


def _sales(found: Findings, told: Told, place: str, edge: Connection, hub: Connection) -> None:
    """Every sale and return is there once, at the price that was said, on both sides."""
    later = "SELECT order_id FROM later_orders"
    asked = (
        (told.sales, "orders", f"FROM orders WHERE location = ? AND order_id NOT IN ({later})"),
        (told.returns, "returns", "FROM returns WHERE location = ?"),
    )
    for said, table, at_hub in asked:
        mine = said.get(place, {})
        sides = {
            place: dict(map(tuple, edge.execute(f"SELECT number, total_minor FROM {table}"))),
            "the hub": dict(map(tuple, hub.execute(f"SELECT number, total_minor {at_hub}", (place,)))),
        }
        for side, there in sides.items():
            for number in sorted(mine.keys() | there.keys()):
                if number not in there:
                    found.lost.append(f"{number} of {place} is not at {side}")
                elif number not in mine:
                    found.doubled.append(f"{number} of {place} is at {side}, and no client was told of it")
                elif mine[number] != there[number]:
                    found.other.append(f"{number}: {mine[number]} was said, {side} has {there[number]}")


def _shelves(found: Findings, told: Told, place: str, edge: Connection) -> None:
    """What was brought, counted, sent away and taken in has moved exactly so many units, once."""
    for what, reason, direction, said in (
        ("delivered to", "received", 1, told.delivered),
        ("found by counts at", "count", 1, told.counted),
        ("sent from", "transfer_out", -1, told.sent),
        ("taken in at", "transfer_in", 1, told.taken_in),
    ):
        mine = said.get(place, Counter())
        rows = edge.execute(_MOVED_BY, (direction, reason))
        there = Counter({str(row[0]): int(row[1]) for row in rows})
        for sku in sorted(mine.keys() | there.keys()):
            if mine[sku] != there[sku]:
                sentence = f"{mine[sku]} of {sku} were {what} {place}, its movements say {there[sku]}"
                (found.lost if abs(mine[sku]) > abs(there[sku]) else found.doubled).append(sentence)
    on_its_way = edge.execute(
        "SELECT sku, quantity FROM balances WHERE bucket = 'in_transit' AND quantity <> 0"
    )
    found.other += [f"{row[1]} of {row[0]} are still on their way from {place}" for row in on_its_way]


def _transfers(found: Findings, told: Told, hub: Connection) -> None:
    """Every transfer is at the hub once, and over."""
    there = dict(map(tuple, hub.execute("SELECT number, ended_us IS NOT NULL FROM transfers")))
    found.lost += [
        f"{number} was sent and is not at the hub" for number in sorted(told.transfers - there.keys())
    ]
    found.other += [
        f"{number} is not over" for number in sorted(told.transfers & there.keys()) if not there[number]
    ]


def _events(found: Findings, place: str, edge: Connection, hub: Connection) -> None:
    """Every event of an edge took effect at the hub exactly once."""
    written = {str(row[0]) for row in edge.execute("SELECT id FROM events")}
    applied = Counter(
        str(row[0]) for row in hub.execute("SELECT event_id FROM events WHERE edge = ?", (place,))
    )
    missing, twice = written - applied.keys(), [each for each, count in applied.items() if count > 1]
    if missing:
        found.lost.append(f"{len(missing)} events of {place} are not at the hub")
    if twice:
        found.doubled.append(f"{len(twice)} events of {place} are at the hub twice")


def _cells(found: Findings, place: str, edge: Connection, hub: Connection) -> None:
    """Nothing is below zero, and at rest P = B + L + U + H."""
    at_hub = {str(row[0]): (int(row[1]), int(row[2])) for row in hub.execute(HUB_CELLS, (place,))}
    for row in edge.execute(EDGE_CELLS):
        sku, physical, bound, outstanding = str(row[0]), int(row[1]), int(row[2]), int(row[3])
        free, open_units = at_hub.get(sku, (0, 0))
        sellable = physical - bound - outstanding
        found.cells += 1
        if min(physical, bound, outstanding, sellable, free, open_units) < 0:
            found.oversold.append(
                f"{sku} at {place}: P {physical}, B {bound}, L {sellable}, U {open_units}, H {free}"
            )
        if physical != bound + sellable + open_units + free:
            found.rest.append(
                f"{sku} at {place}: P {physical} is not B {bound} + L {sellable} + U {open_units} + H {free}"
            )
    below = edge.execute("SELECT sku, bucket, quantity FROM balances WHERE quantity < 0")
    found.oversold += [f"{row[0]} at {place}: {row[2]} in the bucket {row[1]}" for row in below]


def _orders(found: Findings, told: Told, hub: Connection) -> None:
    """Every order for later is there once, and its customer has what was said."""
    rows = hub.execute(
        "SELECT o.number, sum(l.fulfilled) FROM later_orders JOIN orders o USING (order_id)"
        " JOIN order_lines l USING (order_id) WHERE l.kind = 'goods' GROUP BY o.order_id"
    )
    there: dict[str, int] = {}
    for number, units in rows:
        if number in there:
            found.doubled.append(f"{number} is there twice")
        there[str(number)] = int(units)
    for number in sorted(told.placed | there.keys()):
        if number not in there:
            found.lost.append(f"{number} was placed and is not at the hub")
        elif number not in told.placed:
            found.doubled.append(f"{number} is at the hub, and no client was told of it")
        elif there[number] < told.left[number]:
            found.lost.append(f"{number}: customers have {told.left[number]}, the hub says {there[number]}")
        elif there[number] > told.left[number]:
            found.doubled.append(
                f"{number}: customers have {told.left[number]}, the hub says {there[number]}"
            )


def _units(found: Findings, company: FaultCompany, told: Told, hub: Connection) -> None:
    """No more of an article went to customers than there ever was."""
    left = Counter({str(row[0]): int(row[1]) for row in hub.execute(_LEFT_BY_SKU)})
    delivered: Counter[str] = Counter()
    for each in (*told.delivered.values(), *told.counted.values()):
        delivered.update(each)
    for sku in sorted(told.sold.keys() | left.keys()):
        was = company.stock(int(sku)) * len(company.names) + delivered[sku]
        if told.sold[sku] + left[sku] > was:
            found.oversold.append(
                f"{told.sold[sku] + left[sku]} of {sku} went to customers, {was} were there"
            )


def _books(told: Told, hub: Connection) -> Iterator[str]:
    """The ledger says what the clients were told."""
    accounts = Counter(
        {
            str(row[0]): int(row[1])
            for row in hub.execute("SELECT account, sum(amount_minor) FROM entries GROUP BY account")
        }
    )
    income = (SALES_ACCOUNT, RETURNS_ACCOUNT, TAX_ACCOUNT, MAPPING["shipping_income"])
    booked = -sum(accounts[account] for account in income)
    earned = int(hub.execute(_EARNED).fetchone()[0])
    if booked != told.taken_minor + earned:
        yield f"{booked} were booked, {told.taken_minor} taken at counters, {earned} earned by later orders"
