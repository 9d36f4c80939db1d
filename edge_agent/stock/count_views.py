"""What a count looks like: for whoever counts without a figure of the books, for whoever posts with them."""

from collections.abc import Sequence
from typing import Any

from edge_agent.context import Edge
from edge_agent.stock import count_rows as rows
from edge_agent.stock.count_models import CountView, LineView, StrayView, TaskView
from edge_agent.stock.count_posting import settled
from edge_agent.stock.counting import require_task
from protocol.catalog import Product
from protocol.kit.sqlite import Connection
from protocol.stock import bin_key

LISTED = 200


def listed(connection: Connection, edge: Edge, *, is_open: bool, limit: int = LISTED) -> list[TaskView]:
    """Return the counts of this store, the open ones or those that are closed."""
    return [
        TaskView(**_head(connection, edge, task))
        for task in rows.tasks(connection, is_open=is_open, limit=limit)
    ]


def view(connection: Connection, edge: Edge, count_id: str, *, device: str, sees_books: bool) -> CountView:
    """Return a count with its rows; `sees_books` shows differences, to those who post.

    Raises:
        NotFound: `no_count`.
    """
    # Before the rows: what is confirmed while they are read counts as not seen.
    as_of = edge.journal.last(connection)[0]
    task = require_task(connection, count_id)
    found = rows.lines_of(connection, task.count_id)
    passes = rows.passes_of(connection, task.count_id)
    tallies = rows.tallies_of(connection, task.count_id)
    skus = list(dict.fromkeys((*found, *tallies)))
    products = edge.products.find_all(connection, skus)
    strays = rows.strays_of(connection, task.count_id)
    names = edge.products.find_all(connection, [stray.sku for stray in strays if stray.sku])
    lines = [
        _line(
            task,
            found.get(sku, rows.LineRow(sku, listed=False, posted=None, accepted=False)),
            passes.get(sku, []),
            tallies.get(sku, []),
            products.get(sku),
            device=device,
            sees_books=sees_books,
        )
        for sku in skus
    ]
    lines.sort(key=lambda line: (bin_key(line.bin), line.name, line.sku))
    return CountView(
        **_head(connection, edge, task),
        note=task.note,
        bins=task.bins,
        tolerance_units=task.tolerance.units,
        tolerance_minor=task.tolerance.value_minor,
        reason=task.reason,
        as_of=as_of,
        lines=tuple(lines),
        strays=tuple(
            StrayView(
                code=stray.code,
                name=names[stray.sku].name if stray.sku in names else "",
                bin=names[stray.sku].bin if stray.sku in names else "",
                units=stray.units,
            )
            for stray in strays
        ),
    )


def _line(
    task: rows.Task,
    row: rows.LineRow,
    passes: Sequence[rows.PassRow],
    tallies: Sequence[rows.Tally],
    product: Product | None,
    *,
    device: str,
    sees_books: bool,
) -> LineView:
    shown = sees_books and bool(passes) and not tallies
    variance = passes[-1].variance if shown else None
    cost = product.unit_cost_minor if product else 0
    total = sum(tally.units for tally in tallies)
    return LineView(
        sku=row.sku,
        name=product.name if product else row.sku,
        bin=product.bin if product else "",
        listed=row.listed,
        state=_state(task, row, passes, tallies, product),
        pass_no=tallies[0].pass_no if tallies else max(1, len(passes)),
        counted=total if tallies else passes[-1].counted if passes else None,
        mine=sum(tally.units for tally in tallies if tally.device == device),
        devices=tuple(tally.device for tally in tallies if tally.units and tally.device != device),
        counted_us=max((tally.changed_us for tally in tallies), default=0),
        variance=variance,
        value_minor=None if variance is None else variance * cost,
    )


def _state(
    task: rows.Task,
    row: rows.LineRow,
    passes: Sequence[rows.PassRow],
    tallies: Sequence[rows.Tally],
    product: Product | None,
) -> Any:
    if row.posted is not None:
        return "posted"
    if tallies:
        return "counting"
    if not passes:
        return "to_count"
    return "counted" if settled(task, passes, product) else "again"


def _head(connection: Connection, edge: Edge, task: rows.Task) -> dict[str, Any]:
    found = rows.lines_of(connection, task.count_id)
    passes = rows.passes_of(connection, task.count_id)
    products = edge.products.find_all(connection, passes)
    believed = sum(settled(task, done, products.get(sku)) for sku, done in passes.items())
    return {
        "count_id": task.count_id,
        "number": task.number,
        "title": task.title,
        "source": task.source,
        "place": task.place.value,
        "scope": task.scope,
        "state": task.state,
        "due_us": task.due_us,
        "opened_us": task.opened_us,
        "closed_us": task.closed_us,
        "rows": len(found),
        "counted": believed,
        "again": len(passes) - believed,
    }
