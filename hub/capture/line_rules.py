"""What a change of lines means: which units are no longer wanted, and what is ordered beside them or instead.

Pure. What was ordered keeps its money for ever, so nothing here changes a line: fewer of it are cancelled
units, more of it are a new line at the price of the old one, another item in its place is both.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from protocol.errors import Invalid, Refused
from protocol.kit.text import _
from protocol.orders import LineKind


class LineNow(NamedTuple):
    """One line of an order as it stands."""

    line_no: int
    sku: str
    name: str
    kind: LineKind
    wanted: int
    """Ordered and not cancelled."""
    open: int
    """Of these, those that have not left."""
    unit_price_minor: int
    exact: bool
    """Its price is finer than a minor unit, so no unit of it has a price of its own."""


class LineChange(NamedTuple):
    """What somebody wants: `line_no` another quantity, `sku` one more item, both an item in its place."""

    line_no: int | None
    sku: str
    quantity: int
    unit_price_minor: int | None = None
    discount_minor: int = 0


class More(NamedTuple):
    """Units of an item that are ordered too; the catalogue's price where none is named."""

    sku: str
    quantity: int
    unit_price_minor: int | None = None
    discount_minor: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is ordered too, and which units of which lines are no longer wanted."""

    more: tuple[More, ...] = ()
    less: Mapping[int, int] = field(default_factory=dict)


def plan_lines(now: Iterable[LineNow], changes: Sequence[LineChange]) -> Plan:
    """Return what a change comes to.

    Raises:
        Invalid: it names no line and no item, or one line twice, or nothing would be different.
        Refused: the order has no such line, it is not goods, or too few of it are left.
    """
    lines = {line.line_no: line for line in now}
    named = [change.line_no for change in changes if change.line_no is not None]
    if len(set(named)) != len(named):
        raise Invalid(
            _("One line is named twice."), _("Say once how many there shall be."), code="line_twice"
        )
    more: list[More] = []
    less: dict[int, int] = {}
    for change in changes:
        if change.line_no is None:
            more.append(_item(change))
            continue
        line = _line(lines, change.line_no)
        if change.sku and change.sku != line.sku:
            less[line.line_no] = _open_of(line, line.open)
            more.append(_item(change))
        elif change.quantity < line.wanted:
            less[line.line_no] = _open_of(line, line.wanted - change.quantity)
        elif change.quantity > line.wanted:
            more.append(_more_of(line, change.quantity - line.wanted))
    if not more and not less:
        raise Invalid(_("Nothing would change."), _("Say what shall be different."), code="nothing_to_change")
    return Plan(tuple(more), less)


def plan_order(now: Iterable[LineNow], wanted: Sequence[More]) -> Plan:
    """Return what makes an order into the one that a channel sends anew, item by item.

    Raises:
        Refused: a price or a discount of what was ordered before would be another one.
    """
    lines = [line for line in now if line.kind is not LineKind.SHIPPING]
    there: dict[str, int] = {}
    for line in lines:
        there[line.sku] = there.get(line.sku, 0) + line.wanted
    asked: dict[str, int] = {}
    for item in wanted:
        asked[item.sku] = asked.get(item.sku, 0) + item.quantity
    more = tuple(
        _same_price(item, lines)._replace(quantity=asked[item.sku] - there.get(item.sku, 0))
        for item in {item.sku: item for item in wanted}.values()
        if asked[item.sku] > there.get(item.sku, 0)
    )
    less: dict[int, int] = {}
    for sku, units in there.items():
        gone = units - asked.get(sku, 0)
        for line in reversed([line for line in lines if line.sku == sku]):
            some = min(max(0, gone), line.wanted)
            if some:
                less[line.line_no] = _open_of(line, some)
                gone -= some
    return Plan(more, less)


def _same_price(item: More, lines: Iterable[LineNow]) -> More:
    before = next((line for line in lines if line.sku == item.sku and line.wanted), None)
    if before is None:
        return item
    if item.discount_minor or item.unit_price_minor not in {None, before.unit_price_minor}:
        raise Refused(
            _("What was ordered keeps its price."),
            _("Cancel units of it, or send the item at the price it had."),
            code="price_is_fixed",
            sku=item.sku,
        )
    return _more_of(before, item.quantity)


def _item(change: LineChange) -> More:
    if not change.sku:
        raise Invalid(
            _("Neither a line nor an item is named."), _("Name the line, the item, or both."), code="no_line"
        )
    return More(change.sku, change.quantity, change.unit_price_minor, change.discount_minor)


def _more_of(line: LineNow, units: int) -> More:
    if line.exact:
        raise Refused(
            _("{name} was sold at a price for all of it together.", name=line.name),
            _("Add it as an item of its own, with its price."),
            code="price_for_all",
            line_no=line.line_no,
        )
    return More(line.sku, units, line.unit_price_minor, 0, line.name)


def _line(lines: Mapping[int, LineNow], line_no: int) -> LineNow:
    line = lines.get(line_no)
    if line is None or line.kind is LineKind.SHIPPING:
        raise Refused(
            _("The order has no goods on line {n}.", n=line_no),
            _("Look the order up again."),
            code="no_such_line",
            line_no=line_no,
        )
    return line


def _open_of(line: LineNow, units: int) -> int:
    if not 0 < units <= line.open:
        raise Refused(
            _("Of line {n} only {left} units can still be taken off.", n=line.line_no, left=line.open),
            _("Take fewer off; what has left can come back as a return."),
            code="not_open",
            line_no=line.line_no,
            wanted=units,
            open=max(0, line.open),
        )
    return units
