"""What must be true of orders for later once everybody has heard everything, read from the files themselves.

Every difference is a sentence with a name in it; none is good. Nothing of a program is asked, except for the
two that compare their tables with their logs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

from deploy.demo.books import reading
from deploy.demo.supervisor import HUB
from edge_agent.rebuild import rebuild
from hub.ledger.chart import MAPPING
from protocol.kit.sqlite import Connection
from tests.support.later_company import LaterCompany
from tests.support.later_walk import Walk

_TRACE_LINES: Final = 80
_OVER: Final = "('handed_over', 'shipped', 'rejected', 'short', 'cancelled', 'expired')"
_NAMED: Final = (
    "EXISTS (SELECT 1 FROM exceptions e WHERE e.subject = 'order:' || l.order_id AND e.state = 'open')"
)
_TWICE: Final = f"""
SELECT o.number || ' line ' || l.line_no || ': ' || l.fulfilled || ' left and ' || l.cancelled
       || ' were cancelled of ' || l.quantity || ', and no exception says so'
FROM order_lines l JOIN orders o USING (order_id) JOIN later_orders USING (order_id)
WHERE l.fulfilled + l.cancelled > l.quantity AND NOT {_NAMED}
"""
_OWNERLESS: Final = f"""
SELECT DISTINCT o.number || ' has open units that nobody owns'
FROM order_lines l JOIN orders o USING (order_id) JOIN later_orders USING (order_id)
WHERE l.kind = 'goods' AND l.quantity > l.fulfilled + l.cancelled AND NOT {_NAMED}
  AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.order_id = o.order_id AND a.state NOT IN {_OVER})
"""
_UNSETTLED: Final = """
SELECT 'a request about ' || o.number || ' was never settled: ' || r.kind
FROM order_requests r JOIN orders o USING (order_id) WHERE r.settled_us IS NULL
"""
_PARKED: Final = "SELECT 'an event of ' || edge || ' is parked: ' || kind FROM parked WHERE state = 'parked'"
_ODD_CARDS: Final = """
SELECT kind || ': ' || title FROM exceptions WHERE kind IN ('clock_failed', 'event_conflict', 'poisoned')
"""
_HUB_LINES: Final = """
SELECT a.assignment_id, a.state, l.line_no, l.quantity, l.fulfilled, l.short, l.given_up
FROM assignments a JOIN assignment_lines l USING (assignment_id) WHERE a.location = ?
"""
_EDGE_LINES: Final = """
SELECT a.assignment_id, a.state, l.line_no, l.quantity, l.fulfilled, l.short, l.given_up
FROM assignments a JOIN assignment_lines l USING (assignment_id)
"""
_HUB_ACCOUNT: Final = """
SELECT o.number, s.line_no, s.quantity, s.fulfilled, s.cancelled, s.gross_minor, o.total_minor, o.paid_minor,
       o.refunded_minor
FROM orders o JOIN later_orders l USING (order_id) JOIN order_lines s USING (order_id) WHERE l.location = ?
"""
_EDGE_ACCOUNT: Final = """
SELECT o.number, s.line_no, s.quantity, s.fulfilled, s.cancelled, s.gross_minor, o.total_minor, o.paid_minor,
       o.refunded_minor
FROM later_orders o JOIN later_order_lines s USING (order_id)
"""
_HUB_CELLS: Final = """
SELECT r.sku, r.granted_seen, r.finished_seen, r.allocated, r.ended, r.returned,
       coalesce((SELECT sum(units - finished - ended) FROM allocations p
                 WHERE p.location = r.location AND p.sku = r.sku), 0)
FROM hub_rights r WHERE r.location = ?
"""
_EDGE_CELLS: Final = """
WITH held AS (SELECT sku, sum(lent) AS lent, sum(bound) AS bound, sum(picked_lent) AS picked_lent,
                     sum(picked_lent + picked_bound) AS picked FROM assignment_lines GROUP BY sku),
     stock AS (SELECT sku, sum(CASE WHEN bucket = 'sellable' THEN quantity ELSE 0 END) AS sellable,
                      sum(CASE WHEN bucket = 'reserved' THEN quantity ELSE 0 END) AS reserved,
                      sum(CASE WHEN bucket = 'picked' THEN quantity ELSE 0 END) AS picked
               FROM balances GROUP BY sku)
SELECT r.sku, r.granted, r.finished - r.finished_base, r.returned_seen, r.hub_picked,
       coalesce(h.lent, 0), coalesce(h.bound, 0), coalesce(h.picked_lent, 0), coalesce(h.picked, 0),
       s.sellable, s.reserved, s.picked
FROM rights r LEFT JOIN held h USING (sku) LEFT JOIN stock s USING (sku)
"""


def audit(company: LaterCompany, walks: Iterable[Walk]) -> list[str]:
    """Say everything that does not add up."""
    with reading(company.hub_file) as hub:
        said = [
            *(str(row[0]) for query in (_TWICE, _OWNERLESS, _UNSETTLED, _PARKED, _ODD_CARDS)
              for row in hub.execute(query)),
            *_told(hub, walks),
            *_books(hub),
        ]  # fmt: skip
        for place in company.names:
            with reading(company.edge_file(place)) as edge:
                said += [f"{place}: {each}" for each in chain(_assignments(hub, edge, place),
                                                              _accounts(hub, edge, place),
                                                              _rights(hub, edge, place))]  # fmt: skip
    return said


def logs(company: LaterCompany) -> list[str]:
    """Say which process wrote a trace, and its first one."""
    said = []
    for name in (HUB, *company.names):
        file = company.layout.logs / f"{name}.log"
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        first = next((n for n, line in enumerate(lines) if "Traceback" in line), None)
        if first is not None:
            said.append("\n".join([f"{file} has a trace:", *lines[first : first + _TRACE_LINES]]))
    return said


def rebuilt(company: LaterCompany, folder: Path) -> list[str]:
    """Say what differs from the logs, as `hub verify` and `edge rebuild --check` do; nothing runs."""
    from hub.app import parts
    from hub.rebuild import verify
    from hub.settings import load_settings

    hub = parts(load_settings(company.layout.config(HUB)), clock=company.clock)
    try:
        said = [f"hub verify: {count} rows of {table}" for table, count in verify(hub).items()]
    finally:
        hub.database.close()
    for place in company.names:
        found = rebuild(company.edge_file(place), folder / f"{place}-rebuilt.db").differences
        said += [f"{place} rebuild: {each.table}: {each.row}" for each in found]
    return said


def _told(hub: Connection, walks: Iterable[Walk]) -> Iterator[str]:
    """Customers hold what clients were told, no more and no less, and every order is there once."""
    left = dict(
        tuple(row)
        for row in hub.execute(
            "SELECT o.number, sum(l.fulfilled) FROM orders o JOIN order_lines l USING (order_id)"
            " WHERE l.kind = 'goods' GROUP BY o.number"
        )
    )
    for walk in walks:
        told = sum(walk.told.values())
        if walk.number and left.get(walk.number) != told:
            yield f"{walk}: clients were told {told} units, the hub has {left.get(walk.number)}"
    for external_id, count in hub.execute(
        "SELECT external_id, count(*) FROM later_orders WHERE external_id <> ''"
        " GROUP BY channel, external_id HAVING count(*) > 1"
    ):
        yield f"{external_id} is there {count} times"


def _assignments(hub: Connection, edge: Connection, place: str) -> Iterator[str]:
    """Hub and place say the same of every assignment; one that never reached it is not there."""
    there = {(row[0], row[2]): tuple(row) for row in edge.execute(_EDGE_LINES)}
    here = {(row[0], row[2]): tuple(row) for row in hub.execute(_HUB_LINES, (place,))}
    for key in sorted(here.keys() | there.keys()):
        at_hub, at_edge = here.get(key), there.get(key)
        if at_edge is None and at_hub is not None and at_hub[1] in {"cancelled", "rejected", "expired"}:
            continue
        if at_hub != at_edge:
            yield f"the hub says {at_hub}, the place {at_edge}"


def _accounts(hub: Connection, edge: Connection, place: str) -> Iterator[str]:
    """The store that took an order has the hub's account of it: its lines, what became of them, its money."""
    here = {tuple(row)[:2]: tuple(row)[2:] for row in hub.execute(_HUB_ACCOUNT, (place,))}
    there = {tuple(row)[:2]: tuple(row)[2:] for row in edge.execute(_EDGE_ACCOUNT)}
    for key in sorted(here.keys() | there.keys()):
        if here.get(key) != there.get(key):
            yield f"{key[0]} line {key[1]}: the hub has {here.get(key)}, its store {there.get(key)}"


def _rights(hub: Connection, edge: Connection, place: str) -> Iterator[str]:
    """What is promised is lent, and what is lent is there."""
    here = {row[0]: tuple(row)[1:] for row in hub.execute(_HUB_CELLS, (place,))}
    for row in edge.execute(_EDGE_CELLS):
        (sku, granted, finished, returned_seen, hub_picked, lent, bound, picked_lent, picked,
         sellable, in_reserve, in_picked) = tuple(row)  # fmt: skip
        granted_seen, finished_seen, allocated, ended, returned, promised = here.get(sku, (0,) * 6)
        outstanding = granted - returned_seen - finished
        kept = in_reserve + in_picked - hub_picked
        free = sellable + in_reserve + in_picked - kept - outstanding  # L = P - B - O
        facts: dict[str, tuple[Any, Any]] = {
            "A - K - F and the open units of the hub's allocations": (allocated - ended - finished, promised),
            "the open units of allocations and of lent lines": (promised, lent),
            "B and the bound units of lines": (kept, bound),
            "hub_picked and the picked lent units of lines": (hub_picked, picked_lent),
            "the bucket picked and the picked units of lines": (in_picked, picked),
            "R at both ends": (returned_seen, returned),
        }
        yield from (f"{sku}: {what}: {one} and {two}" for what, (one, two) in facts.items() if one != two)
        if granted_seen > granted or finished_seen > finished:
            yield f"{sku}: the hub has seen more than there was"
        if not 0 <= lent <= outstanding or free < 0:
            yield f"{sku}: {lent} of {outstanding} lent are promised, {free} free, {sellable} on the shelf"


def _books(hub: Connection) -> Iterator[str]:
    """The books balance, and hold for each order what was paid and has not been earned."""
    accounts: Counter[str] = Counter()
    for account, amount in hub.execute("SELECT account, sum(amount_minor) FROM entries GROUP BY account"):
        accounts[account] = int(amount)
    if sum(accounts.values()):
        yield f"the trial balance is off by {sum(accounts.values())}"
    for (journal,) in hub.execute(
        "SELECT journal_id FROM entries GROUP BY journal_id HAVING sum(amount_minor) <> 0"
    ):
        yield f"journal {journal} does not balance"
    unearned = owed = 0
    for row in hub.execute(_MONEY):
        number, deposits, receivable, owes, paid, worth_open, worth_left = tuple(row)
        unearned, owed = unearned + deposits, owed + owes
        if deposits != worth_open and not receivable:
            yield f"{number}: {deposits} are held for open units worth {worth_open}"
        if paid != worth_left + deposits + owes - receivable:
            yield f"{number}: {paid} paid, {worth_left} earned, {deposits} held, {owes} owed back"
    if -accounts[MAPPING["deposits"]] != unearned:
        yield f"deposits are {-accounts[MAPPING['deposits']]} in the books and {unearned} by the orders"
    if -accounts[MAPPING["refunds_payable"]] != owed:
        yield f"{-accounts[MAPPING['refunds_payable']]} are owed back in the books and {owed} by the orders"


_MONEY: Final = """
SELECT o.number, l.deposits_minor, l.receivable_minor, l.owed_minor,
       (SELECT coalesce(sum(CASE direction WHEN 'in' THEN amount_minor ELSE -amount_minor END), 0)
        FROM payments p WHERE p.order_id = l.order_id),
       (SELECT coalesce(sum(s.gross_minor * (s.quantity - s.fulfilled - s.cancelled) / s.quantity), 0)
        FROM order_lines s WHERE s.order_id = l.order_id),
       (SELECT coalesce(sum(s.gross_minor * s.fulfilled / s.quantity), 0)
        FROM order_lines s WHERE s.order_id = l.order_id)
FROM later_orders l JOIN orders o USING (order_id)
"""
"""Every line here costs its price times its units, so that the shares are whole."""
