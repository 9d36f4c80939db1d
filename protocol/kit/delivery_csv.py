"""What suppliers will bring as a CSV file: one item a row, and a report that names every row with a fault.

    location,supplier,reference,sku,quantity,cost,due
    store-1,Lighthouse Candles,DN 4711,85123A,48,1.28,2026-11-26

Only sku and quantity are needed; the supplier and the reference may be said once for the whole file. Rows
of one supplier and reference are one delivery. A row that cannot be used is left out and listed; when
nothing is left, nothing is expected.
"""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from io import StringIO
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from protocol.clock import to_us
from protocol.errors import Invalid
from protocol.kit.product_csv import FIELD_LIMIT, Fault, Report
from protocol.kit.text import _
from protocol.money import parse_minor
from protocol.orders import MINOR, UNITS
from protocol.stock import REQUEST_LINES, ExpectedLine

FILE_BYTES: Final = 4 * 1024 * 1024
ROWS: Final = 20_000
COLUMNS: Final = ("location", "supplier", "reference", "sku", "quantity", "cost", "due")
_COUNT: Final = frozenset("0123456789")
Pair = tuple[str, str]
"""(location, SKU)"""


@dataclass(slots=True)
class Announced:
    """One delivery of a file. `part` counts from 1 where a reference has more items than fit in one."""

    location: str
    supplier: str
    reference: str
    part: int
    due_us: int | None
    lines: list[ExpectedLine] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Given:
    """What is true of rows that do not say it themselves."""

    location: str = ""
    supplier: str = ""
    reference: str = ""


def read_deliveries(
    text: str,
    report: Report,
    *,
    given: Given,
    currency: str,
    zone: str,
    wrong_of: Callable[[Collection[Pair]], Mapping[Pair, str]],
) -> list[Announced]:
    """Return the deliveries of a file, filling in the report.

    `wrong_of` is asked once, about everything that the file names: it says what is wrong with which of it.

    Raises:
        Invalid: it is no such file, or no row of it can be used.
    """
    deliveries: dict[tuple[str, str, str], list[Announced]] = {}
    seen: set[tuple[str, str, str, str]] = set()
    rows = [(number, values, _read(values, given, currency, zone)) for number, values in _rows(text)]
    wrong = wrong_of({row.pair for _number, _values, row in rows if isinstance(row, _Row)})
    for number, values, row in rows:
        report.rows += 1
        said = row if isinstance(row, str) else wrong.get(row.pair, "") or _again(row, seen)
        if isinstance(row, str) or said:
            report.note(Fault(number, values.get("sku", "")[:64], said, _("left out")), left_out=True)
            continue
        seen.add(row.key)
        parts = deliveries.setdefault(row.head, [])
        if not parts or len(parts[-1].lines) >= REQUEST_LINES:
            parts.append(Announced(*row.head, part=len(parts) + 1, due_us=row.due_us))
        parts[-1].lines.append(row.line)
        report.taken += 1
    if not report.taken:
        first = report.faults[0] if report.faults else Fault(1, "", _("there is no row"), "")
        raise Invalid(
            _("No row of the file can be used, so nothing is expected."),
            _("The first is row {row}: {wrong}. Correct the file and send it again.",
              row=first.row, wrong=first.wrong),
            code="no_rows",
            faults=[{"row": f.row, "sku": f.sku, "wrong": f.wrong} for f in report.faults[:20]],
        )  # fmt: skip
    return [part for parts in deliveries.values() for part in parts]


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        head = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in ("sku", "quantity") if name not in head]
        if missing:
            raise Invalid(
                _("The file has no column {name}.", name=missing[0]),
                _("Its first line names the columns: {columns}.", columns=", ".join(COLUMNS)),
                code="missing_column",
                missing=missing,
            )
        for number, cells in enumerate(reader, start=2):
            if number > ROWS:
                raise Invalid(
                    _("The file has more than {n} rows.", n=ROWS), _("Split it."), code="too_many_rows"
                )
            if any(cell.strip() for cell in cells):
                yield number, {name: cell.strip() for name, cell in zip(head, cells, strict=False)}
    except csv.Error as error:
        raise Invalid(
            _("The file cannot be read as CSV: {why}.", why=str(error)[:200]),
            _("Save it as CSV in UTF-8 with commas, and send it again."),
            code="not_csv",
        ) from error


class _Row(NamedTuple):
    head: tuple[str, str, str]
    """Location, supplier and reference: what a delivery is known by."""
    line: ExpectedLine
    due_us: int | None

    @property
    def pair(self) -> Pair:
        return self.head[0], self.line.sku

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (*self.head, self.line.sku)


def _again(row: _Row, seen: Collection[tuple[str, str, str, str]]) -> str:
    return _("this item was in an earlier row of the delivery") if row.key in seen else ""


def _read(values: Mapping[str, str], given: Given, currency: str, zone: str) -> _Row | str:
    """Return what a row says, or why it cannot be read."""
    try:
        return _row(values, given, currency, zone)
    except Invalid as error:
        return error.what.rstrip(".")
    except ValueError as error:
        return str(error)


def _row(values: Mapping[str, str], given: Given, currency: str, zone: str) -> _Row:
    quantity, sku = values.get("quantity", ""), values.get("sku", "")
    if not sku or len(sku) > 64 or not sku.isprintable():
        raise ValueError(_("sku {said} is no item", said=repr(sku[:20])))
    if not quantity or len(quantity) > 7 or not set(quantity) <= _COUNT or not 1 <= int(quantity) <= UNITS:
        raise ValueError(_("quantity is {said}, not a number of units from 1", said=repr(quantity[:20])))
    supplier = values.get("supplier") or given.supplier
    if not supplier or not supplier.isprintable():
        raise ValueError(_("no supplier is named"))
    reference = values.get("reference") or given.reference
    if not reference.isprintable():
        raise ValueError(_("reference {said} cannot be printed", said=repr(reference[:20])))
    cost = values.get("cost", "")
    cost_minor = parse_minor(cost, currency) if cost else 0
    if cost_minor > MINOR:
        raise ValueError(_("cost is {said}, more than one unit can cost", said=repr(cost[:20])))
    line = ExpectedLine(sku=sku, quantity=int(quantity), unit_cost_minor=cost_minor)
    head = ((values.get("location") or given.location)[:64], supplier[:120], reference[:80])
    return _Row(head, line, _due(values.get("due", ""), zone))


def _due(text: str, zone: str) -> int | None:
    """Return the end of a day as a time."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(_("due is {said}, not a day such as 2026-11-26", said=repr(text[:20]))) from None
    if not 2000 <= day.year <= 2200:
        raise ValueError(_("due is {said}, not a day such as 2026-11-26", said=repr(text[:20])))
    return to_us(datetime(day.year, day.month, day.day, 18, tzinfo=ZoneInfo(zone)))
