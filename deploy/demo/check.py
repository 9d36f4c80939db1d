"""Is it all there? What the clients were told, what each store wrote, what the hub has: three counts.

The check waits until every store has been heard to its last event, then compares order by order and sum by
sum. It reads the files of stores and hub itself (`books`), because a program that lost a sale would also
leave it out of its report. Every difference is a sentence with a name in it.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.demo.books import Told, one, reading
from deploy.demo.layout import Layout
from deploy.demo.online_check import Online, check_online
from hub.ledger.chart import MAPPING, RETURNS_ACCOUNT, SALES_ACCOUNT, TAX_ACCOUNT
from protocol.clock import Clock
from protocol.errors import Unavailable

SYNC_SECONDS: Final = 180.0
PACE_SECONDS: Final = 0.2
SENTENCES: Final = 20
"""More differences than these tell nobody more."""

_EDGE_TOLD: Final = """
SELECT (SELECT count(*) FROM orders),
       (SELECT count(*) FROM order_lines),
       (SELECT coalesce(sum(total_minor), 0) FROM orders),
       (SELECT count(*) FROM returns WHERE kind = 'return'),
       (SELECT coalesce(sum(total_minor), 0) FROM returns WHERE kind = 'return'),
       (SELECT count(*) FROM returns WHERE kind = 'void'),
       (SELECT coalesce(sum(total_minor), 0) FROM returns WHERE kind = 'void')
"""
_HUB_TOLD: Final = """
WITH sold AS (SELECT * FROM orders WHERE location = :place
              AND order_id NOT IN (SELECT order_id FROM later_orders))
SELECT (SELECT count(*) FROM sold),
       (SELECT count(*) FROM order_lines JOIN sold USING (order_id)),
       (SELECT coalesce(sum(total_minor), 0) FROM sold),
       (SELECT count(*) FROM returns WHERE kind = 'return' AND location = :place),
       (SELECT coalesce(sum(total_minor), 0) FROM returns WHERE kind = 'return' AND location = :place),
       (SELECT count(*) FROM returns WHERE kind = 'void' AND location = :place),
       (SELECT coalesce(sum(total_minor), 0) FROM returns WHERE kind = 'void' AND location = :place)
"""
_KNOWN: Final = "SELECT upto FROM streams WHERE edge = ? AND state = 'current'"


@dataclass
class Verdict:
    """What was found, and every reason why it is not right."""

    clients: Told
    edges: Told
    hub: Told
    missing: int = 0
    duplicates: int = 0
    oversold_units: int = 0
    trial_balance_minor: int = 0
    ledger_sales_minor: int = 0
    ledger_vat_minor: int = 0
    online: Online = field(default_factory=Online)
    reasons: list[str] = field(default_factory=list)


def wait_for_sync(layout: Layout, clock: Clock, stopping: threading.Event) -> dict[str, int]:
    """Wait until the hub has every store's stream to its end, and return where that is.

    A store may note one more thing while it is being stopped, such as a slip that may not have been printed;
    what stands above these numbers goes to the hub at the next start.

    Raises:
        Unavailable: it did not get there in time; says who lags and by how much.
    """
    deadline = clock.monotonic() + SYNC_SECONDS
    steady_since: dict[str, int] = {}
    while True:
        newest = {place.name: _newest(layout, place.name) for place in layout.places}
        behind = {name: _behind(layout, name, last) for name, last in newest.items()}
        if not any(behind.values()):
            return newest
        if behind != steady_since:
            steady_since, deadline = behind, clock.monotonic() + SYNC_SECONDS
        if clock.monotonic() > deadline or stopping.wait(PACE_SECONDS):
            late = ", ".join(f"{name} by {count}" for name, count in behind.items() if count)
            raise Unavailable(
                f"The hub has not caught up: {late} events.", "Look at the logs of these stores."
            )


def wait_for_catalogue(layout: Layout, clock: Clock, stopping: threading.Event, seconds: float) -> None:
    """Wait until every store has taken over the catalogue and the return policy that the hub published.

    Raises:
        Unavailable: a store did not get them in time.
    """
    deadline = clock.monotonic() + seconds
    while True:
        without = [place.name for place in layout.places if not _has_catalogue(layout, place.name)]
        if not without:
            return
        if clock.monotonic() > deadline or stopping.wait(PACE_SECONDS):
            raise Unavailable(
                f"{', '.join(without)} did not get catalogue and policy.", "Look at their logs."
            )


def check(
    layout: Layout, history: Iterable[Mapping[str, Any]], clients: Told, newest: Mapping[str, int]
) -> Verdict:
    """Compare everything up to the newest event of each store and return what was found."""
    edges, hub = Told(), Told()
    reasons: list[str] = []
    told_lines = list(history)
    told = _orders_told(told_lines)
    missing = duplicates = oversold = 0
    for place in layout.places:
        name = place.name
        at_edge, at_hub = _told_by_edge(layout, name), _told_by_hub(layout, name)
        edges, hub = edges.plus(at_edge), hub.plus(at_hub)
        if at_edge != at_hub:
            reasons.append(f"{name} has {at_edge}, the hub has {at_hub}")
        reasons += _compare_orders(layout, name, told.get(name, {}))
        lost, doubled = _events(layout, name, newest[name])
        missing += lost
        duplicates += doubled
        oversold += _oversold(layout, name)
    if clients != edges:
        reasons.append(f"the clients were told {clients}, the stores have {edges}")
    online = check_online(layout, told_lines)
    reasons += online.reasons
    verdict = Verdict(clients, edges, hub, missing, duplicates, oversold, online=online, reasons=reasons)
    _books(layout, verdict)
    return verdict


def told_by_clients(history: Iterable[Mapping[str, Any]]) -> Told:
    """Add up what the clients wrote down."""
    told = Told()
    for line in history:
        match line["kind"]:
            case "sale":
                told = told.plus(Told(orders=1, order_lines=line["lines"], gross_minor=line["total_minor"]))
            case "return":
                told = told.plus(Told(returns=1, refund_minor=line["total_minor"]))
            case "void":
                told = told.plus(Told(voids=1, voided_minor=line["total_minor"]))
    return told


def _books(layout: Layout, verdict: Verdict) -> None:
    """Add the ledger's figures, and say what does not hold."""
    file = layout.folder / "hub" / "hub.db"
    verdict.trial_balance_minor = int(one(file, "SELECT coalesce(sum(amount_minor), 0) FROM entries"))
    unbalanced = one(
        file,
        "SELECT count(*) FROM"
        " (SELECT journal_id FROM entries GROUP BY journal_id HAVING sum(amount_minor) <> 0)",
    )
    verdict.ledger_sales_minor = -_on_account(layout, SALES_ACCOUNT) - _on_account(layout, RETURNS_ACCOUNT)
    verdict.ledger_vat_minor = -_on_account(layout, TAX_ACCOUNT)
    taken = verdict.hub.gross_minor - verdict.hub.refund_minor - verdict.hub.voided_minor
    taken += verdict.online.earned_minor
    shipping = -_on_account(layout, MAPPING["shipping_income"])
    booked = verdict.ledger_sales_minor + verdict.ledger_vat_minor + shipping
    cost_booked, cost_known = _cost_in_the_books(layout)
    checks = {
        "events are missing at the hub": verdict.missing,
        "events or orders are there twice": verdict.duplicates,
        "units were sold that were not there": verdict.oversold_units,
        "pence is what the trial balance is off": verdict.trial_balance_minor,
        "journals do not balance": int(unbalanced),
        "pence is what sales and VAT in the books differ from the orders": booked - taken,
        "pence is what the cost in the books differs from that of the lines": cost_booked - cost_known,
        "pence is what stored value in the books differs from its numbers": _stored_value_gap(layout),
        "pence is what exchanges left in their clearing account": _on_account(layout, MAPPING["exchange"]),
        "pence is what inventory in the books differs from the stock's value": _inventory_gap(layout),
    }
    verdict.reasons += [f"{number} {what}" for what, number in checks.items() if number]
    if not cost_known:
        verdict.reasons.append("goods were sold, and the books know of no cost")


def _cost_in_the_books(layout: Layout) -> tuple[int, int]:
    """Return the cost of what was sold and stayed sold: by the ledger, and by the lines that say so.

    What came back without proof of purchase belongs to no order: its own return says what it cost.
    """
    booked = _on_account(layout, MAPPING["cogs"]) + _on_account(layout, MAPPING["cogs_returns"])
    known = one(
        layout.folder / "hub" / "hub.db",
        "SELECT (SELECT sum(cost_minor - returned_cost_minor) FROM order_lines) - (SELECT"
        " coalesce(sum(cost_minor), 0) FROM return_lines JOIN returns USING (return_id)"
        " WHERE order_id = return_id)",
    )
    return booked, int(known or 0)


def _stored_value_gap(layout: Layout) -> int:
    owed = one(layout.folder / "hub" / "hub.db", "SELECT coalesce(sum(balance_minor), 0) FROM stored_values")
    accounts = (MAPPING["store_credit"], MAPPING["gift_cards"])
    return sum(_on_account(layout, account) for account in accounts) + int(owed or 0)


def _inventory_gap(layout: Layout) -> int:
    held = {purpose for purpose in MAPPING if purpose.startswith("inventory")} | {"transit_unmatched"}
    accounts = {MAPPING[purpose] for purpose in held}
    worth = one(layout.folder / "hub" / "hub.db", "SELECT sum(value_minor) FROM stock_values")
    return sum(_on_account(layout, account) for account in sorted(accounts)) - int(worth or 0)


def _on_account(layout: Layout, account: str) -> int:
    query = "SELECT coalesce(sum(amount_minor), 0) FROM entries WHERE account = ?"
    return int(one(layout.folder / "hub" / "hub.db", query, account))


def _newest(layout: Layout, name: str) -> int:
    query = "SELECT max(carried, coalesce((SELECT max(seq) FROM events), 0) - base) FROM link"
    return int(one(layout.folder / name / "edge.db", query))


def _behind(layout: Layout, name: str, newest: int) -> int:
    acked = one(layout.folder / name / "edge.db", "SELECT acked FROM link")
    known = one(layout.folder / "hub" / "hub.db", _KNOWN, name)
    return newest - min(int(known or 0), int(acked or 0))


def _has_catalogue(layout: Layout, name: str) -> bool:
    query = "SELECT (SELECT max(version) FROM catalog) AND (SELECT version FROM return_policy)"
    return bool(one(layout.folder / name / "edge.db", query))


def _told_by_edge(layout: Layout, name: str) -> Told:
    with reading(layout.folder / name / "edge.db") as connection:
        return Told(*tuple(connection.execute(_EDGE_TOLD).fetchone()))


def _told_by_hub(layout: Layout, name: str) -> Told:
    with reading(layout.folder / "hub" / "hub.db") as connection:
        return Told(*tuple(connection.execute(_HUB_TOLD, {"place": name}).fetchone()))


def _orders_told(history: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    told: dict[str, dict[str, int]] = {}
    for line in history:
        if line["kind"] == "sale":
            told.setdefault(line["store"], {})[line["number"]] = line["total_minor"]
    return told


def _compare_orders(layout: Layout, name: str, told: Mapping[str, int]) -> Sequence[str]:
    """Say which orders one of the three does not have, or has at another price."""
    with reading(layout.folder / name / "edge.db") as connection:
        edge = dict(tuple(row) for row in connection.execute("SELECT number, total_minor FROM orders"))
    with reading(layout.folder / "hub" / "hub.db") as connection:
        query = (
            "SELECT number, total_minor FROM orders WHERE location = ?"
            " AND order_id NOT IN (SELECT order_id FROM later_orders)"
        )
        hub = dict(tuple(row) for row in connection.execute(query, (name,)))
    found = []
    for number in sorted({*told, *edge, *hub}):
        amounts = (told.get(number), edge.get(number), hub.get(number))
        if len(set(amounts)) > 1:
            found.append(f"{number}: client {amounts[0]}, store {amounts[1]}, hub {amounts[2]}")
    return found[:SENTENCES]


def _events(layout: Layout, name: str, newest: int) -> tuple[int, int]:
    """Return how many of a store's events the hub lacks or has set aside, and how many it has twice."""
    with reading(layout.folder / name / "edge.db") as connection:
        rows = connection.execute("SELECT id, seq - (SELECT base FROM link) FROM events")
        written = {row[0]: row[1] for row in rows}
    with reading(layout.folder / "hub" / "hub.db") as connection:
        applied = [
            row[0] for row in connection.execute("SELECT event_id FROM events WHERE edge = ?", (name,))
        ]
        numbers = connection.execute(
            "SELECT count(*) - count(DISTINCT number) FROM orders WHERE location = ?", (name,)
        ).fetchone()[0]
    known = set(applied)
    missing = sum(1 for event_id, seq in written.items() if seq <= newest and event_id not in known)
    strangers = len(known - set(written))
    return missing, len(applied) - len(known) + strangers + int(numbers)


def _oversold(layout: Layout, name: str) -> int:
    query = "SELECT coalesce(-sum(quantity), 0) FROM balances WHERE bucket = 'sellable' AND quantity < 0"
    return int(one(layout.folder / name / "edge.db", query))
