"""What a count may not be confirmed or posted with.

Goods along with a handheld, figures beyond all counting, figures that whoever posts has not seen.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Final

from edge_agent.along import TakenAlong, way_out
from edge_agent.context import Edge
from edge_agent.stock import count_rows as rows
from edge_agent.stock.count_models import PostCount
from protocol.errors import Invalid, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.filters import qty
from protocol.stock import FIGURES, Books, Place

NAMED: Final = 5
"""Orders and items that a refusal names; a sentence that names more is not read."""


def check_nothing_along(connection: Connection, edge: Edge, task: rows.Task, skus: Collection[str]) -> None:
    """Refuse to compare with the books what a handheld has taken along.

    What it takes is missing from the shelf before the books know. A difference confirmed meanwhile would be
    written beside the pick that the device brings back.
    """
    along = along_of(connection, edge, task.place, skus)
    if not along:
        return
    items = list(dict.fromkeys(sku for each in along for sku in each.skus))
    products = edge.products.find_all(connection, items)
    raise Refused(
        _(
            "{orders} Until that is settled, nobody knows what was taken of {items}:"
            " no difference is written, and what was counted is kept.",
            orders=" ".join(each.says for each in along[:NAMED]),
            items=", ".join(products[sku].name if sku in products else sku for sku in items[:NAMED]),
        ),
        way_out(),
        code="checked_out_elsewhere",
        device=along[0].device,
        orders=[asdict(each) for each in along],
        skus=items,
    )


def along_of(connection: Connection, edge: Edge, place: str, skus: Collection[str]) -> tuple[TakenAlong, ...]:
    """Return the orders on handhelds that a count of these items waits for; all come from the shelf."""
    return edge.taken_along(connection, skus) if place == Place.SHELF else ()


def check_figures(sku: str, counted: int, books: Books) -> None:
    """Refuse figures that no count can say; more than a million are counted like anything else."""
    largest = max(counted, abs(books.balance), books.came, books.left, abs(books.variance(counted)))
    if largest > FIGURES:
        raise Refused(
            _("{sku} comes to {n}, and a count speaks of {limit} at most.",
              sku=sku, n=qty(largest), limit=qty(FIGURES)),
            _("Correct its stock with an adjustment first, then count it again. Your scans are kept."),
            code="beyond_counting",
            sku=sku,
            units=largest,
        )  # fmt: skip


def check_seen(
    connection: Connection, edge: Edge, passes: Mapping[str, Sequence[rows.PassRow]], command: PostCount
) -> None:
    """Refuse to write what was confirmed after whoever posts had looked.

    They agree to the figures in front of them, and above all to those that they believe without another
    pass. A figure that came later may be anything.

    Raises:
        Invalid: `as_of_missing`, figures are accepted, and nobody says when they were read.
        Refused: `stale_count`, items were counted since; it names them.
    """
    if command.as_of is None:
        if command.accept:
            raise Invalid(
                _("Nobody says when the figures that are to be believed were looked at."),
                _("Read the count, and send its as_of along with what is accepted."),
                code="as_of_missing",
            )
        return
    since = [sku for sku, done in passes.items() if done[-1].seq > command.as_of]
    if since:
        products = edge.products.find_all(connection, since[:NAMED])
        raise Refused(
            _(
                "{items}: counted since this page was opened, so nothing was posted.",
                items=", ".join(products[sku].name if sku in products else sku for sku in since[:NAMED]),
            ),
            _("Look at the new figures, then post the count."),
            code="stale_count",
            skus=since[:50],
            items=len(since),
        )
