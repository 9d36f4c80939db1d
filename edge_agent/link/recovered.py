"""What the people of a store that was restored are told to look at: shelves, articles, slips.

Everything here is raised as an exception with an owner, once, when the store's own records are back. What was
lost with the old disk before it reached the hub is known to nobody; so what was touched since the backup has
to be counted, and every open assignment has to be looked for on its shelf.
"""

from typing import Final

from edge_agent.context import SYSTEM, Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.rows import read_meta
from edge_agent.reacting import AGAIN
from edge_agent.till.rows import left_open
from protocol.events import StockLine, StockMoved
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.movements import Bucket

LISTED: Final = 200
"""So many exceptions of one sort; more than a day's work would hide the rest."""
_OPEN: Final = "state IN ('acknowledged', 'picking', 'picked', 'packed', 'ready')"
_TOUCHED: Final = (
    "SELECT DISTINCT m.sku FROM movements m WHERE m.seq IN (SELECT seq FROM brought_back)"
    " OR m.seq > (SELECT base FROM link) ORDER BY m.sku LIMIT ?"
)
_TWICE: Final = (
    "SELECT DISTINCT line.sku, was.number, here.number FROM receipts here"
    " JOIN receipts was ON was.supplier = here.supplier COLLATE NOCASE"
    " AND was.reference = here.reference COLLATE NOCASE"
    " JOIN brought_back back ON back.seq = was.seq AND back.after_seq >= here.seq"
    " JOIN receipt_lines line ON line.receipt_id = here.receipt_id AND line.good + line.damaged > 0"
    " JOIN receipt_lines other ON other.receipt_id = was.receipt_id AND other.sku = line.sku"
    " AND other.good + other.damaged > 0"
    " WHERE here.seq > (SELECT base FROM link) AND here.reference <> '' AND here.delivery_id IS NULL"
    " ORDER BY line.sku, was.number, here.number LIMIT ?"
)
"""Articles of deliveries that nobody had announced and that were received while their record was missing."""
_NUMBERS_TWICE: Final = (
    "SELECT number FROM orders WHERE seq IN (SELECT seq FROM brought_back) AND instr(number, ?1) > 0"
    " UNION SELECT number FROM returns WHERE seq IN (SELECT seq FROM brought_back) AND instr(number, ?1) > 0"
    " ORDER BY number LIMIT ?2"
)
"""What stands beside another of the same printed number."""
_LEFT_TWICE: Final = (
    "SELECT b.sku, coalesce(r.hub_picked, 0) - sum(b.quantity) AS units FROM balances b"
    " LEFT JOIN rights r USING (sku) WHERE b.bucket IN ('reserved', 'picked')"
    " GROUP BY b.sku HAVING units > 0 ORDER BY b.sku LIMIT ?"
)
"""Of what was set aside for orders of this store and for transfers, more has left than there was."""


def take_what_left_twice(unit: EdgeUnit, edge: Edge) -> None:
    """Take off the shelf what left a second time, before this store could know that it had left already.

    An image of a disk that went on without a line shipped it again: the units that it took then were others.
    """
    found = dict(unit.connection.execute(_LEFT_TWICE, (LISTED,)).fetchall())
    if not found:
        return
    known = edge.products.find_all(unit.connection, found)
    lines = tuple(
        StockLine(
            sku=sku,
            quantity=units,
            from_bucket=Bucket.SELLABLE.value,
            to_bucket=Bucket.PICKED.value,
            unit_cost_minor=known[sku].unit_cost_minor if sku in known else 0,
        )
        for sku, units in found.items()
    )
    edge.journal.record(unit, StockMoved(reason="left_twice", lines=lines), by=SYSTEM.person_id)


def say_what_to_do(unit: EdgeUnit, edge: Edge) -> None:
    """Raise what somebody has to look at after this store was restored."""
    connection = unit.connection
    inc = read_meta(connection, "inc")
    _overview(unit, edge, inc)
    for assignment_id, order_id, number in connection.execute(
        f"SELECT assignment_id, order_id, number FROM assignments WHERE {_OPEN}"  # noqa: S608 - a fixed text
        " ORDER BY due_us LIMIT ?",
        (LISTED,),
    ).fetchall():
        check_the_shelf(unit, edge, assignment_id, order_id, number)
    for sku, was, here in connection.execute(_TWICE, (LISTED,)).fetchall():
        edge.journal.raise_exception(
            unit,
            kind="count_due",
            subject=f"sku:{sku}",
            title=_("Count {sku}: one delivery may have been received twice, as {was} and as {here}.",
                    sku=sku, was=was, here=here)[:300],
            facts={"sku": sku, "why": "received_twice", "receipts": f"{was}, {here}"},
            dedupe_key=f"count_due:{sku}",
        )  # fmt: skip
    for (sku,) in connection.execute(_TOUCHED, (LISTED,)).fetchall():
        edge.journal.raise_exception(
            unit,
            kind="count_due",
            subject=f"sku:{sku}",
            title=_("Count {sku}: this store was restored.", sku=sku),
            facts={"sku": sku, "why": "restored"},
            dedupe_key=f"count_due:{sku}",
        )


def check_the_shelf(unit: EdgeUnit, edge: Edge, assignment_id: str, order_id: str, number: str) -> None:
    """Have somebody look for the goods of an order that was worked on before this store was restored."""
    edge.journal.raise_exception(
        unit,
        kind="check_the_shelf",
        subject=f"assignment:{assignment_id}",
        title=_("Check the shelf for order {number}: this store was restored.", number=number),
        facts={"order": order_id, "number": number, "assignment": assignment_id},
        dedupe_key=f"check_the_shelf:{assignment_id}",
    )


def _overview(unit: EdgeUnit, edge: Edge, inc: str) -> None:
    connection = unit.connection
    edge.journal.raise_exception(
        unit,
        kind="store_restored",
        subject="store",
        title=_("This store was restored: its records are back, shelves and counts have to be looked at."),
        facts={
            "why": read_meta(connection, "why"),
            "brought_back": _count(connection, "SELECT count(*) FROM brought_back"),
            "not_applied": _count(connection, "SELECT count(*) FROM brought_back WHERE failed <> ''"),
            "carried_over": _count(connection, "SELECT carried FROM link"),
            "sold_meanwhile": _count(
                connection,
                "SELECT count(*) FROM events WHERE kind = 'order.sold' AND seq > (SELECT base FROM link)",
            ),
            "received_twice": ", ".join(
                dict.fromkeys(f"{was} = {here}" for _sku, was, here in connection.execute(_TWICE, (LISTED,)))
            ),
            "numbers_twice": ", ".join(
                str(number) for (number,) in connection.execute(_NUMBERS_TWICE, (AGAIN, LISTED)).fetchall()
            ),
            "tills_left_open": ", ".join(left_open(connection)),
            "slips_in_doubt": _count(connection, "SELECT count(*) FROM print_jobs WHERE state = 'unknown'"),
        },
        dedupe_key=f"store_restored:{inc}",
    )


def _count(connection: Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
