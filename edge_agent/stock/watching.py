"""What a running store does about counts and corrections beside writing them down.

An item that was not where the books said gets a count task by itself (`count_due`), and while that is open
none of it is lent. A posted count closes it. Whatever took units away may have broken a promise: that is
raised in the same transaction, so the deficit is never a surprise of the evening.
"""

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import close_exception
from edge_agent.fulfil.steps.promises import COUNT_DUE, watch
from edge_agent.journal import Recorded
from edge_agent.stock.count_rows import open_task_of
from edge_agent.stock.counting import begin
from edge_agent.stock.moved import moves_of
from protocol.events import ExceptionRaised
from protocol.kit.text import _
from protocol.stock import CountPosted, CountScope, Place


def on_exception_raised(unit: EdgeUnit, edge: Edge, recorded: Recorded) -> None:
    """An item has to be counted: there is a task for it, unless one asks for it already."""
    assert isinstance(recorded.body, ExceptionRaised)
    kind, _colon, sku = recorded.body.dedupe_key.partition(":")
    if kind != COUNT_DUE or not sku or open_task_of(unit.connection, sku) is not None:
        return
    product = edge.products.find(unit.connection, sku)
    scope = CountScope(
        title=(product.name if product else sku)[:120],
        skus=(sku,),
        tolerance_units=0,
        note=recorded.body.title,
    )
    begin(unit, edge, scope, count_id=edge.ids.new_id(), source="exception")


def on_count_posted(unit: EdgeUnit, edge: Edge, recorded: Recorded) -> None:
    """What had to be counted is counted, and promises are safe again or not."""
    body = recorded.body
    assert isinstance(body, CountPosted)
    if body.place is Place.SHELF:
        for line in body.lines:
            close_exception(unit, edge, f"{COUNT_DUE}:{line.sku}", how=_("It was counted."))
    on_corrected(unit, edge, recorded)


def on_corrected(unit: EdgeUnit, edge: Edge, recorded: Recorded) -> None:
    """Units came or went: whose promise that breaks is said at once, and what is safe again is closed."""
    skus = sorted({move.sku for move in moves_of(recorded.body)})
    if skus:
        watch(unit, edge, skus)
