"""What this store wants to lend and to have back of each article: the policy, the rates, the hub's own wish.

The policy came as a directive and is kept, so it counts without a line too; before the first one, the
settings say what is lent. The store's own rate of sale is read from its movements; what the hub sells is the
hub's to measure, and comes as the level that it wants to hold free. Everything here is a wish
(`protocol.lending`): a figure of the hub that is late makes a loan too small or too large, no promise wrong.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.directives import arrived_us
from edge_agent.link.rows import read_meta, set_meta
from edge_agent.link.settings import LinkSettings
from edge_agent.stock.rows import lent_and_promised, on_hand_of
from protocol.clock import DAY_US
from protocol.kit.sqlite import Connection
from protocol.lending import MILLI, LendingPolicy, Policy, Terms, Wish, balance, policy_of
from protocol.rights import EdgeStock

RATE_DAYS: Final = 14
"""How far back the store's own sales count."""
_BASE: Final = "lending.base"
_FIRST: Final = "SELECT at_us FROM events WHERE seq > ? ORDER BY seq LIMIT 1"
_EVERYTHING: Final = "INSERT OR IGNORE INTO rights_to_lend SELECT sku FROM balances GROUP BY sku"
_COUNT_DUE: Final = "SELECT 1 FROM exceptions WHERE closed_us IS NULL AND dedupe_key = ?"
_NOW: Final = "SELECT value, (SELECT coalesce(max(seq), 0) FROM events) FROM meta WHERE key = 'edge'"


class Kept(NamedTuple):
    """The policy that counts here; version 0 is that of the settings."""

    version: int
    policy: Policy


def policy(connection: Connection, settings: LinkSettings) -> Kept:
    """Return the policy that counts here."""
    base = Terms(
        share_ppm=settings.lend_share_ppm, cap=settings.lend_cap, least=settings.lend_cap, kept_units=1
    )
    row = connection.execute("SELECT version, body FROM lending_policy").fetchone()
    return Kept(0, Policy(base)) if row is None else Kept(int(row[0]), _read(row[1], base))


@lru_cache(maxsize=4)
def _read(body: str, base: Terms) -> Policy:
    """Return the policy of a directive: it is asked for with every look and hardly ever another one."""
    return policy_of(LendingPolicy.model_validate_json(body).rules, base)


def lends(connection: Connection, settings: LinkSettings) -> bool:
    """Tell whether anything may be lent here at all."""
    if settings.lend_share_ppm:
        return True
    return connection.execute("SELECT 1 FROM lending_policy").fetchone() is not None


def take_policy(unit: EdgeUnit, edge: Edge, body: LendingPolicy) -> None:
    """Take a policy over, whole, and look at every article anew; one older than is kept changes nothing."""
    unit.connection.execute(
        "INSERT INTO lending_policy (one, version, body, arrived_us) VALUES (1, ?, ?, ?)"
        " ON CONFLICT (one) DO UPDATE SET version = excluded.version, body = excluded.body,"
        " arrived_us = excluded.arrived_us WHERE excluded.version >= version",
        (body.version, body.model_dump_json(), arrived_us(unit, edge)),
    )
    unit.connection.execute(_EVERYTHING)
    unit.after_commit(lambda: edge.broadcaster.publish("stock"))


def remember_base(unit: EdgeUnit, settings: LinkSettings) -> None:
    """Look at every article anew when the store was started with other settings."""
    base = json.dumps([settings.lend_share_ppm, settings.lend_cap])
    if read_meta(unit.connection, _BASE) != base:
        set_meta(unit, _BASE, base)
        unit.connection.execute(_EVERYTHING)


def epoch(connection: Connection) -> int:
    """Return the epoch that the rights of this store belong to."""
    return int(connection.execute("SELECT ep FROM link").fetchone()[0])


def paused(connection: Connection, sku: str) -> bool:
    """Tell whether an article has to be counted first: none is lent, and what is free is wanted back."""
    return connection.execute(_COUNT_DUE, (f"count_due:{sku}",)).fetchone() is not None


def wishes_of(
    connection: Connection, settings: LinkSettings, now_us: int, skus: Sequence[str]
) -> Iterator[tuple[EdgeStock, Wish]]:
    """Return what to do about each of these articles."""
    if not skus:
        return
    counts = policy(connection, settings).policy
    location, newest = connection.execute(_NOW).fetchone()
    after, days = _window(connection, newest, now_us)
    hub = _said_by_hub(connection, skus)
    categories = _categories(connection, skus)
    for sku, here in on_hand_of(connection, skus).items():
        stock = here.rights
        if paused(connection, sku):
            yield stock, Wish(back=max(0, stock.outstanding))
            continue
        allocated, ended, want = hub.get(sku, (0, 0, 0))
        yield (
            stock,
            balance(
                stock,
                counts.terms(sku, categories.get(sku, ""), location),
                hub_free=_hub_free(connection, stock, allocated - ended),
                want=want,
                rate_milli=_sold(connection, sku, after) * MILLI // days,
            ),
        )


def ask_back(unit: EdgeUnit, stock: EdgeStock, units: int) -> None:
    """Have the hub told that units are wanted back, unless that has been said of as many already."""
    asked = unit.connection.execute(
        "INSERT INTO lending_hub (sku, ep, ver, allocated, ended, want, asked)"
        " SELECT ?1, ep, 0, 0, 0, 0, ?2 FROM link WHERE true"
        " ON CONFLICT (sku) DO UPDATE SET asked = excluded.asked WHERE asked < excluded.asked RETURNING sku",
        (stock.sku, stock.returned_seen + units),
    ).fetchone()
    if asked is not None:
        unit.connection.execute("UPDATE rights SET version = version + 1 WHERE sku = ?", (stock.sku,))


def hub_may_sell(connection: Connection, stock: EdgeStock) -> int:
    """Return how many lent units the hub can still promise, as far as this store knows."""
    allocated, ended, _want = _said_by_hub(connection, [stock.sku]).get(stock.sku, (0, 0, 0))
    return _hub_free(connection, stock, allocated - ended)


def _hub_free(connection: Connection, stock: EdgeStock, promised: int) -> int:
    """Return what the hub holds free: less than both sides know of is promised."""
    free = stock.cells.granted - stock.returned_seen - promised
    return max(0, min(free, stock.outstanding - lent_and_promised(connection, stock.sku)))


def _said_by_hub(connection: Connection, skus: Sequence[str]) -> Mapping[str, tuple[int, int, int]]:
    """Return (allocated, ended, wanted) of each article, of this epoch, as the hub said last."""
    marks = ",".join("?" * len(skus))
    rows = connection.execute(
        f"SELECT sku, allocated, ended, want FROM lending_hub WHERE sku IN ({marks})"  # noqa: S608 - marks only
        " AND ep = (SELECT ep FROM link)",
        tuple(skus),
    )
    return {sku: (allocated, ended, want) for sku, allocated, ended, want in rows}


def _categories(connection: Connection, skus: Sequence[str]) -> Mapping[str, str]:
    marks = ",".join("?" * len(skus))
    rows = connection.execute(
        f"SELECT sku, category FROM products WHERE sku IN ({marks})",  # noqa: S608 - marks only
        tuple(skus),
    )
    return dict(tuple(row) for row in rows)


def _window(connection: Connection, newest: int, now_us: int) -> tuple[int, int]:
    """Return the newest event that is too old for the rate of sale, and how many days lie behind it.

    Events stand in the order of their numbers and nearly in that of their times, so it is found by halving.
    """
    since_us = now_us - RATE_DAYS * DAY_US
    low, high = 0, newest
    middle = 1  # nothing is too old in the first weeks of a store: that shows at once
    while low < high:
        row = connection.execute("SELECT at_us FROM events WHERE seq = ?", (middle,)).fetchone()
        if row is not None and row[0] > since_us:
            high = middle - 1
        else:
            low = middle
        middle = (low + high + 1) // 2
    first = connection.execute(_FIRST, (low,)).fetchone()
    span_us = now_us - max(since_us, first[0] if first else since_us)
    return low, max(1, min(RATE_DAYS, -(-span_us // DAY_US)))


def _sold(connection: Connection, sku: str, after: int) -> int:
    row = connection.execute(
        "SELECT coalesce(sum(quantity), 0) FROM movements WHERE sku = ? AND seq > ? AND reason = 'sale'"
        " AND to_bucket = 'customer'",
        (sku, after),
    ).fetchone()
    return int(row[0])
