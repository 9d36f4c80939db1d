"""Requests for transfers as a CSV file: one item a row, and a report that names what became of every row.

    source,destination,sku,quantity,grant,note
    depot-1,store-2,85123A,12,0,Christmas

Only the first four are needed. Rows between the same two places become one transfer, of at most so many
lines. A row that cannot be used is left out and listed; the others are taken.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.transfers import LINES_PER_TRANSFER

ROWS: Final = 5_000
NEEDED: Final = ("source", "destination", "sku", "quantity")
KNOWN: Final = (*NEEDED, "grant", "note")
_CELL: Final = 300


@dataclass(frozen=True, slots=True)
class Row:
    """One row that can be asked for."""

    row: int
    source: str
    destination: str
    sku: str
    quantity: int
    grant: int
    note: str


@dataclass(frozen=True, slots=True)
class RowReport:
    """What became of one row: the number of its transfer, or why it was left out."""

    row: int
    sku: str
    number: str
    wrong: str


def read_rows(text: str, *, units_limit: int) -> tuple[list[Row], list[RowReport]]:
    """Return the rows that can be asked for, and a report of those that cannot.

    Raises:
        Invalid: it is no such file; nothing of it is used then.
    """
    found: list[Row] = []
    faults: list[RowReport] = []
    for number, values in _rows(text):
        try:
            found.append(_row(number, values, units_limit))
        except ValueError as error:
            faults.append(RowReport(number, values.get("sku", "")[:64], "", str(error)))
    return found, faults


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        head = [name.strip().lower().removeprefix("\ufeff") for name in next(reader, [])]
        missing = [name for name in NEEDED if name not in head]
        if missing:
            raise Invalid(
                _("The file has no column {name}.", name=missing[0]),
                _("Its first line names the columns: {columns}.", columns=", ".join(KNOWN)),
                code="missing_column",
                missing=missing,
            )
        for number, cells in enumerate(reader, start=2):
            if number > ROWS + 1:
                raise Invalid(
                    _("The file has more than {n} rows.", n=ROWS),
                    _("Send it in several files."),
                    code="too_many_rows",
                )
            if any(cell.strip() for cell in cells):
                yield number, {name: cell.strip() for name, cell in zip(head, cells, strict=False)}
    except csv.Error as error:
        raise Invalid(
            _("The file cannot be read as CSV: {why}.", why=str(error)[:200]),
            _("Save it as CSV in UTF-8 with commas, and send it again."),
            code="not_csv",
        ) from error


def _row(number: int, values: dict[str, str], units_limit: int) -> Row:
    for name in ("source", "destination", "sku"):
        if not values.get(name):
            raise ValueError(_("{name} is empty", name=name))
    if any(len(cell) > _CELL for cell in values.values()):
        raise ValueError(_("a cell is longer than {n} characters", n=_CELL))
    quantity = _whole(values.get("quantity", ""), "quantity", units_limit)
    grant = _whole(values.get("grant") or "0", "grant", units_limit)
    if not quantity:
        raise ValueError(_("quantity is 0; ask for at least one unit"))
    if grant > quantity:
        raise ValueError(_("grant is more than quantity"))
    return Row(
        number,
        values["source"],
        values["destination"],
        values["sku"],
        quantity,
        grant,
        values.get("note", ""),
    )


def _whole(text: str, name: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(_("{name} is {said!r}, not a whole number", name=name, said=text[:20]))
    if len(text) > 9 or int(text) > limit:
        raise ValueError(_("{name} is more than {n}", name=name, n=limit))
    return int(text)


def gathered(rows: list[Row]) -> list[list[Row]]:
    """Return the rows of each transfer: those between the same places with the same note, some at a time."""
    groups: dict[tuple[str, str, str], list[list[Row]]] = {}
    for row in rows:
        parts = groups.setdefault((row.source, row.destination, row.note), [[]])
        if len({each.sku for each in parts[-1]} | {row.sku}) > LINES_PER_TRANSFER:
            parts.append([])
        parts[-1].append(row)
    return [part for parts in groups.values() for part in parts if part]
