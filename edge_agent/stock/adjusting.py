"""Correct stock for a named reason, and take a correction back.

What each reason does is `protocol.stock.REASONS`. Goods that leave because somebody wants it (own use, a
sample, a donation) must be free, as for a sale: what is promised is not given away. What is broken or stolen
is gone whether it was promised or not; when a promise breaks by that, it is said in the same transaction, by
`edge_agent.stock.watching`. What is picked or staged is never touched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.lives import check_stands
from edge_agent.once import Asked, once
from edge_agent.people.steps import Given, require_word
from edge_agent.stock.assigned import require_free
from edge_agent.stock.count_models import Approval, Deficit, Revoke, Said, Wanted
from edge_agent.stock.count_posting import deficits
from edge_agent.stock.counting import check_items, check_not_counted_since
from edge_agent.stock.rows import on_hand_of
from edge_agent.stock.rules import OnHand
from protocol.errors import Invalid, NotFound, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.units import check_units
from protocol.kit.web.signin import CurrentPerson
from protocol.movements import OUTSIDE, Bucket
from protocol.orders import UNITS, Code, PositiveMinor
from protocol.people import StoreRole
from protocol.stock import REASONS, AdjustedLine, Reason, StockAdjusted

ADJUST = "adjust_stock"
LINES = 200
_NO_COSTS: Final[Mapping[str, int]] = MappingProxyType({})


class AdjustLine(BaseModel):
    """Units of one item."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Code
    quantity: Annotated[int, Field(strict=True, ge=-UNITS, le=UNITS)]
    unit_cost_minor: PositiveMinor = 0
    """What a unit that was found is worth; without it what the catalogue says."""


class AdjustStock(Wanted):
    """Correct stock for one of the named reasons."""

    reason: Annotated[str, Field(max_length=40)]
    lines: tuple[AdjustLine, ...] = Field(min_length=1, max_length=LINES)
    note: Said = ""
    approval: Approval = None


class Adjusted(BaseModel):
    """Stock was corrected."""

    adjustment_id: str
    number: str
    seq: int
    reason: str
    units: int
    deficits: tuple[Deficit, ...] = ()


class AdjustmentView(BaseModel):
    """One correction as a list shows it."""

    adjustment_id: str
    number: str
    at_us: int
    by: str
    reason: str
    note: str
    undoes: str | None
    undone_by: str | None
    lines: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class _Row:
    adjustment_id: str
    number: str
    seq: int
    at_us: int
    by: str
    reason: str
    note: str
    undoes: str | None
    undone_by: str | None


def adjust(
    unit: EdgeUnit, edge: Edge, command: AdjustStock, *, person: CurrentPerson
) -> tuple[Adjusted, bool]:
    """Correct stock.

    Raises:
        NotPermitted: `needs_approval`, the reason asks for another role.
        OutOfStock: `out_of_stock`, goods were to be given away that are promised.
        Refused: `not_in_bucket`, fewer are there.
        Invalid: no such reason, item or number of units.
    """

    def work() -> Adjusted:
        reason = _reason(command)
        given = require_word(unit, edge, person, ADJUST, reason.role, command.approval)
        units = _units(unit.connection, edge, command)
        _check(unit.connection, units, reason)
        costs = {line.sku: line.unit_cost_minor for line in command.lines}
        lines = _one_way(unit.connection, edge, units, (reason.from_bucket, reason.to_bucket), costs)
        body = _adjusted(unit, edge, command.reason, lines, note=command.note, given=given)
        return _record(unit, edge, body, person)

    return once(unit, edge, command, command.key, Adjusted, work)


def _reason(command: AdjustStock) -> Reason:
    reason = REASONS.get(command.reason)
    if reason is None:
        raise Invalid(
            _("Stock is not adjusted for {reason}.", reason=command.reason[:40] or "-"),
            _("Use one of: {reasons}.", reasons=", ".join(sorted(REASONS))),
            code="bad_reason",
            reason=command.reason[:40],
        )
    return reason


def _units(connection: Connection, edge: Edge, command: AdjustStock) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in command.lines:
        if line.quantity <= 0:
            raise Invalid(
                _("{n} units of {sku} cannot move.", n=line.quantity, sku=line.sku[:40]),
                _("Give at least one unit; the reason says which way they go."),
                code="no_units",
                sku=line.sku,
                quantity=line.quantity,
            )
        units[line.sku] = units.get(line.sku, 0) + line.quantity
    check_units(units.items(), _("Divide them over several corrections. Nothing was changed."))
    check_items(connection, edge, units)
    return units


def _check(connection: Connection, units: Mapping[str, int], reason: Reason) -> None:
    """Refuse what is not there, and what is there but promised when nobody has to give it away."""
    if reason.from_bucket in OUTSIDE:
        return
    if reason.voluntary:
        remedy = _("The rest is promised to orders or lent to the hub. Give fewer away.")
        require_free(connection, units, remedy)
    for sku, here in on_hand_of(connection, units).items():
        require_there(here, units[sku], reason.from_bucket)


def require_there(here: OnHand, units: int, bucket: Bucket) -> None:
    """Refuse to take more from a place than stands there; on the shelf stands what is reserved, too.

    Raises:
        Refused: `not_in_bucket`.
    """
    there = here.standing_in(bucket)
    if units > there:
        raise Refused(
            _("{quantity} of {sku} were to leave {bucket}, {here} are in it.",
              quantity=units, sku=here.sku, bucket=bucket.value, here=there),
            _("Count again, or correct another bucket."),
            code="not_in_bucket",
            sku=here.sku,
            bucket=bucket.value,
            here=there,
        )  # fmt: skip


def take_off_shelf(
    unit: EdgeUnit,
    edge: Edge,
    reason: str,
    to_bucket: Bucket,
    units: Mapping[str, int],
    *,
    note: str,
    person: CurrentPerson,
) -> None:
    """Write that units are not on the shelf, or not fit for it, because whoever looked for them says so.

    It needs nobody's word, as a short pick does not: what is not there is gone, promised or not.
    """
    lines = _one_way(unit.connection, edge, units, (Bucket.SELLABLE, to_bucket))
    _record(unit, edge, _adjusted(unit, edge, reason, lines, note=note), person)


def _one_way(
    connection: Connection,
    edge: Edge,
    units: Mapping[str, int],
    way: tuple[Bucket, Bucket],
    costs: Mapping[str, int] = _NO_COSTS,
) -> tuple[AdjustedLine, ...]:
    """Return units that go one way, at the cost that was said or that the catalogue knows."""
    products = edge.products.find_all(connection, units)
    from_bucket, to_bucket = way
    return tuple(
        AdjustedLine(
            sku=sku,
            quantity=quantity,
            from_bucket=from_bucket.value,
            to_bucket=to_bucket.value,
            unit_cost_minor=costs.get(sku) or (products[sku].unit_cost_minor if sku in products else 0),
        )
        for sku, quantity in units.items()
    )


def _adjusted(
    unit: EdgeUnit,
    edge: Edge,
    reason: str,
    lines: tuple[AdjustedLine, ...],
    *,
    note: str,
    given: Given | None = None,
    undoes: str | None = None,
) -> StockAdjusted:
    return StockAdjusted(
        adjustment_id=edge.ids.new_id(),
        number=edge.number(unit, "A"),
        reason=reason,
        note=note,
        undoes=undoes,
        lines=lines,
        approvals=(given.approval,) if given else (),
    )


def _record(unit: EdgeUnit, edge: Edge, body: StockAdjusted, person: CurrentPerson) -> Adjusted:
    recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
    unit.after_commit(lambda: edge.broadcaster.publish("stock"))
    return Adjusted(
        adjustment_id=body.adjustment_id,
        number=body.number,
        seq=recorded.seq,
        reason=body.reason,
        units=sum(line.quantity for line in body.lines),
        deficits=deficits(unit.connection, edge, sorted({line.sku for line in body.lines})),
    )


def undo(
    unit: EdgeUnit, edge: Edge, adjustment_id: str, command: Revoke, *, person: CurrentPerson
) -> tuple[Adjusted, bool]:
    """Take a correction back by another one that goes the other way.

    Raises:
        NotFound: `no_adjustment`.
        NotPermitted: `needs_approval`, a manager must agree.
        Refused: `undone_already`, `not_in_bucket`, `stale_count`, an item was counted anew since, or
            `records_missing`.
    """

    def work() -> Adjusted:
        row = _find(unit.connection, adjustment_id)
        if row is None:
            raise NotFound(
                _("There is no correction {number} here.", number=adjustment_id[:40]),
                _("Reload the list."),
                code="no_adjustment",
            )
        check_stands(unit.connection, row.seq)
        if row.undone_by or row.undoes:
            raise Refused(
                _("{number} cannot be taken back once more.", number=row.number),
                _("Write a new correction."),
                code="undone_already",
                number=row.number,
            )
        given = require_word(unit, edge, person, ADJUST, StoreRole.MANAGER, command.approval)
        lines = tuple(
            line.model_copy(update={"from_bucket": line.to_bucket, "to_bucket": line.from_bucket})
            for line in _lines(unit.connection, row.adjustment_id)
        )
        here = on_hand_of(unit.connection, [line.sku for line in lines])
        for line in lines:
            moved = {Bucket(line.from_bucket), Bucket(line.to_bucket)} - OUTSIDE
            check_not_counted_since(unit.connection, moved, {line.sku: row.seq})
            if Bucket(line.from_bucket) not in OUTSIDE:
                require_there(here[line.sku], line.quantity, Bucket(line.from_bucket))
        undoes = row.adjustment_id
        body = _adjusted(unit, edge, row.reason, lines, note=command.reason, given=given, undoes=undoes)
        return _record(unit, edge, body, person)

    asked = Asked(to=f"unadjust:{adjustment_id}", command=command)
    return once(unit, edge, asked, command.key, Adjusted, work)


_LATEST = (
    "SELECT adjustment_id, number, seq, at_us, by, reason, note, undoes, undone_by FROM adjustments"
    " WHERE :sku = '' OR adjustment_id IN (SELECT adjustment_id FROM adjustment_lines WHERE sku = :sku)"
    " ORDER BY seq DESC LIMIT :limit"
)
_ONE = (
    "SELECT adjustment_id, number, seq, at_us, by, reason, note, undoes, undone_by FROM adjustments"
    " WHERE adjustment_id = :of OR number = :of"
)


def _find(connection: Connection, adjustment_id: str) -> _Row | None:
    row = connection.execute(_ONE, {"of": adjustment_id}).fetchone()
    return None if row is None else _Row(*row)


def _lines(connection: Connection, adjustment_id: str) -> Sequence[AdjustedLine]:
    return [
        AdjustedLine(sku=sku, quantity=units, from_bucket=source, to_bucket=target, unit_cost_minor=cost)
        for sku, units, source, target, cost in connection.execute(
            "SELECT sku, quantity, from_bucket, to_bucket, unit_cost_minor FROM adjustment_lines"
            " WHERE adjustment_id = ? ORDER BY n",
            (adjustment_id,),
        )
    ]


def listed(connection: Connection, limit: int = 50, sku: str = "") -> list[AdjustmentView]:
    """Return the last corrections, the newest first; of one item if it is named."""
    rows = connection.execute(_LATEST, {"sku": sku, "limit": limit}).fetchall()
    found = [_Row(*row) for row in rows]
    return [
        AdjustmentView(
            adjustment_id=row.adjustment_id,
            number=row.number,
            at_us=row.at_us,
            by=row.by,
            reason=row.reason,
            note=row.note,
            undoes=row.undoes,
            undone_by=row.undone_by,
            lines=tuple(line.model_dump() for line in _lines(connection, row.adjustment_id)),
        )
        for row in found
    ]


def on_stock_adjusted(unit: EdgeUnit, recorded: Recorded) -> None:
    """Stock was corrected."""
    body = recorded.body
    assert isinstance(body, StockAdjusted)
    unit.connection.execute(
        "INSERT INTO adjustments (adjustment_id, number, seq, at_us, by, reason, note, undoes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            body.adjustment_id, body.number, recorded.seq, recorded.at_us, recorded.by, body.reason,
            body.note, body.undoes,
        ),
    )  # fmt: skip
    unit.connection.executemany(
        "INSERT INTO adjustment_lines VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (body.adjustment_id, n, line.sku, line.quantity, line.from_bucket, line.to_bucket,
             line.unit_cost_minor)
            for n, line in enumerate(body.lines, start=1)
        ],
    )  # fmt: skip
    if body.undoes:
        unit.connection.execute(
            "UPDATE adjustments SET undone_by = ? WHERE adjustment_id = ?", (body.adjustment_id, body.undoes)
        )
