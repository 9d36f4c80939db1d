"""Say at once when a promise is in danger, and when an article has to be counted.

Both are exceptions with a cause: `promise_at_risk` is open while less is here than is promised, `count_due`
from a short pick that found nothing, or from work that was given back for its goods, until the article was
counted. While `count_due` is open nothing more of the article is lent to the hub.
"""

from collections.abc import Iterable
from typing import Literal

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.rows import find_open
from edge_agent.exceptions.steps import close_exception, raise_exception
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.journal import Recorded
from edge_agent.stock.rows import on_hand_of
from protocol.dispositions import GoodsDecided
from protocol.events import ExceptionClosed, OrderSold, OrderVoided, ReturnCompleted, StockMoved
from protocol.kit.text import _

AT_RISK = "promise_at_risk"
COUNT_DUE = "count_due"
For = Literal["order", "transfer"]
"""What somebody looked for the goods for, when they were not as the books say."""


def watch(unit: EdgeUnit, edge: Edge, skus: Iterable[str]) -> None:
    """Raise what breaks a promise, and close it when enough is here again."""
    here = on_hand_of(unit.connection, skus)
    for sku, stock in here.items():
        missing = stock.rights.deficit
        key = f"{AT_RISK}:{sku}"
        broken = rows.at_risk(unit.connection, sku) if missing else []
        if broken:
            _at_risk(unit, edge, sku, missing, broken)
        elif not missing and find_open(unit.connection, key) is not None:
            close_exception(unit, edge, key, how=_("Enough is here again."))


def _at_risk(
    unit: EdgeUnit, edge: Edge, sku: str, missing: int, broken: list[tuple[str, str, int, int]]
) -> None:
    product = edge.products.find(unit.connection, sku)
    numbers = [number for _id, number, _units, _due in broken]
    raise_exception(
        unit,
        edge,
        kind=AT_RISK,
        subject=f"sku:{sku}",
        title=_(
            "{missing} x {name} promised and not here: order {number} is at risk",
            missing=missing,
            name=product.name if product else sku,
            number=numbers[0],
        )[:300],
        facts={
            "sku": sku,
            "missing": missing,
            "orders": numbers[:20],
            "assignment_id": broken[0][0],
            "due_us": broken[0][3],
        },
        dedupe_key=f"{AT_RISK}:{sku}",
    )


def count_due(
    unit: EdgeUnit,
    edge: Edge,
    sku: str,
    *,
    number: str,
    units: int,
    damaged: bool = False,
    work: For = "order",
) -> None:
    """Have an article counted that was not where or how the books said; until then none of it is lent."""
    product = edge.products.find(unit.connection, sku)
    name, bin_ = (product.name, product.bin) if product else (sku, "")
    said = {"name": name, "units": units, "number": number}
    titles = {
        ("order", False): _("Count {name}: {units} were not found for order {number}", **said),
        ("order", True): _("Count {name}: {units} are damaged, order {number}", **said),
        ("transfer", False): _("Count {name}: {units} were not found for transfer {number}", **said),
        ("transfer", True): _("Count {name}: {units} are damaged, transfer {number}", **said),
    }
    raise_exception(
        unit,
        edge,
        kind=COUNT_DUE,
        subject=f"sku:{sku}",
        title=titles[work, damaged][:300],
        facts={"sku": sku, "bin": bin_, "units": units, work: number},
        dedupe_key=f"{COUNT_DUE}:{sku}",
    )


def on_order_sold(unit: EdgeUnit, edge: Edge, recorded: Recorded) -> None:
    """Goods in the customer's hand are sold; whose promise that breaks is said in the same transaction."""
    assert isinstance(recorded.body, OrderSold)
    promised = rows.promised_skus(unit.connection, (line.sku for line in recorded.body.lines))
    if promised:
        watch(unit, edge, promised)


def on_goods_back(unit: EdgeUnit, edge: Edge, recorded: Recorded) -> None:
    """Goods came back, or back to the shelf: a promise may be safe again."""
    assert isinstance(recorded.body, ReturnCompleted | OrderVoided | GoodsDecided)
    watch(unit, edge, sorted({line.sku for line in recorded.body.lines}))


def on_stock_moved(unit: EdgeUnit, edge: Edge, recorded: Recorded) -> None:
    """A count ends the task to count, and may break a promise or save one."""
    assert isinstance(recorded.body, StockMoved)
    skus = {line.sku for line in recorded.body.lines}
    if recorded.body.reason == "adjusted":
        for sku in sorted(skus):
            close_exception(unit, edge, f"{COUNT_DUE}:{sku}", how=_("It was counted."))
    watch(unit, edge, sorted(skus))


def on_exception_closed(unit: EdgeUnit, _edge: Edge, recorded: Recorded) -> None:
    """An article may be lent again: the hub hears of it, although nothing has moved."""
    assert isinstance(recorded.body, ExceptionClosed)
    kind, _colon, sku = recorded.body.dedupe_key.partition(":")
    if kind == COUNT_DUE:
        unit.connection.execute("UPDATE rights SET version = version + 1 WHERE sku = ?", (sku,))
