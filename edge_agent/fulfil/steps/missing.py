"""Goods of work that is given back because they were not found, or are damaged.

Giving work back alone puts its units on the shelf again, where the next customer would be promised what is
not there. So these two reasons do to the stock what the same word does in a short pick: the units leave it at
once, and the article has to be counted before any of it is lent again. What the books miss already does not
leave them twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.fulfil.rows import work
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.fulfil.rules import Line
from edge_agent.fulfil.steps import promises
from edge_agent.fulfil.steps.promises import For
from edge_agent.stock.adjusting import take_off_shelf
from edge_agent.stock.rows import on_hand_of
from edge_agent.walk import Walked
from protocol.fulfilment import ShortReason
from protocol.kit.sqlite import Connection
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import AssignmentState
from protocol.movements import SHORT_GOES_TO, Bucket

GOES_TO: Final[Mapping[str, Bucket]] = {
    reason.value: SHORT_GOES_TO[reason] for reason in (ShortReason.NOT_FOUND, ShortReason.DAMAGED)
}
"""The reasons that say something about the goods, and where their units go; as in a short pick.

`RejectReason` of an order and `TransferRefusal` of a transfer have the same words for them.
"""


@dataclass(frozen=True, slots=True)
class Gone:
    """Units of one article that somebody says nobody can have; `missed` of them the books miss already."""

    sku: str
    units: int
    missed: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What left the shelf for that: units that are `lost`, or goods that are `damaged` and still here."""

    lost: int = 0
    damaged: bool = False


def gone_of_order(
    connection: Connection, found: Assignment, lines: Iterable[Line], reason: str
) -> tuple[Gone, ...]:
    """Return what a reason says of the goods of an assignment that is not given back yet.

    Of goods that are not found, those that lie in the tote were found.
    """
    walks = reason == ShortReason.NOT_FOUND and found.state is AssignmentState.PICKING
    walked = work.walked(connection, found.assignment_id) if walks else {}
    owed = ((line, line.lent + line.bound) for line in lines)
    return gone(
        connection,
        (
            (line.sku, units - min(units, walked.get(line.line_no, Walked()).found))
            for line, units in owed
            if units
        ),
        reason,
    )


def gone(connection: Connection, lines: Iterable[tuple[str, int]], reason: str) -> tuple[Gone, ...]:
    """Return what a reason says of units of articles, before anything is written of them."""
    if reason not in GOES_TO:
        return ()
    units: dict[str, int] = {}
    for sku, count in lines:
        units[sku] = units.get(sku, 0) + count
    here = on_hand_of(connection, units)
    missed = {sku: here[sku].rights.deficit if reason == ShortReason.NOT_FOUND else 0 for sku in units}
    return tuple(Gone(sku, count, missed[sku]) for sku, count in units.items())


def take_away(
    unit: EdgeUnit,
    edge: Edge,
    number: str,
    reason: str,
    said: Iterable[Gone],
    *,
    person: CurrentPerson,
) -> Taken:
    """Take the units of work that was just given back off the shelf.

    No more than stands there by the books: a count puts right what is wrong with them.
    """
    said = tuple(said)
    here = on_hand_of(unit.connection, [each.sku for each in said])
    units = {}
    for each in said:
        there = here[each.sku].standing_in(Bucket.SELLABLE)
        units[each.sku] = max(0, min(each.units - each.missed, there))
    leaving = {sku: count for sku, count in units.items() if count}
    if leaving:
        take_off_shelf(unit, edge, str(reason), GOES_TO[reason], leaving, note=number, person=person)
    if reason == ShortReason.DAMAGED:
        return Taken(damaged=bool(leaving))
    return Taken(lost=sum(leaving.values()))


def have_counted(
    unit: EdgeUnit, edge: Edge, number: str, reason: str, said: Iterable[Gone], *, work: For = "order"
) -> None:
    """Have every article counted of which somebody says that it is not there, or not fit for a customer."""
    for each in said:
        if each.units:
            damaged = reason == ShortReason.DAMAGED
            promises.count_due(
                unit, edge, each.sku, number=number, units=each.units, damaged=damaged, work=work
            )
