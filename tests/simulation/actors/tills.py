"""The day of a till: opened, counted blind, closed with a Z, and opened again."""

import random

from edge_agent.till import steps as till
from protocol.till import SessionTotals
from tests.simulation.edge import MANAGER, TILLS, EdgeNode
from tests.simulation.node import Command


def open_till(node: EdgeNode, rng: random.Random) -> Command:
    """Begin a day; refused where one is running."""
    name = rng.choice(TILLS)
    wanted = till.OpenTill(key=node.ids.new_id(), float_minor=rng.choice((0, 100_00)))
    return Command(
        "open till",
        wanted.key,
        lambda unit, edge: till.open_till(unit, edge, name, wanted, person=MANAGER),
        said=lambda opened: opened.session_id,
    )


def count_till(node: EdgeNode, rng: random.Random) -> Command:
    """Say what is in the drawer, right or wrong."""
    name = rng.choice(TILLS)
    row = node.audit.execute(
        "SELECT totals FROM till_sessions WHERE till = ? AND state <> 'closed'"
        " ORDER BY left_open, opened_seq",
        (name,),
    ).fetchone()
    known = SessionTotals.model_validate_json(row[0]) if row else SessionTotals()
    right = known.float_minor + known.cash_minor
    wanted = till.CountTill(
        key=node.ids.new_id(), counted_minor=max(0, right + rng.choice((0, 0, 0, -250, -9_999)))
    )
    return Command(
        "count till",
        str(wanted.key),
        lambda unit, edge: (till.count(unit, edge, name, wanted, person=MANAGER), True),
        said=lambda counted: f"{counted.seq} {counted.counted_minor}",
    )


def close_till(node: EdgeNode, rng: random.Random) -> Command:
    """Seal a counted day with a Z."""
    name = rng.choice(TILLS)
    wanted = till.CloseTill(key=node.ids.new_id())
    return Command(
        "close till",
        wanted.key,
        lambda unit, edge: till.close(unit, edge, name, wanted, person=MANAGER),
        said=lambda closed: closed.number,
        learned=lambda closed: node.learn_number(closed.number),
    )


def no_sale(node: EdgeNode, rng: random.Random) -> Command:
    """Open the drawer to change a note."""
    name = rng.choice(TILLS)
    wanted = till.NoSale(key=node.ids.new_id(), reason="change")
    return Command(
        "no sale",
        wanted.key,
        lambda unit, edge: till.no_sale(unit, edge, name, wanted, person=MANAGER),
        said=lambda opened: str(opened.seq),
    )
