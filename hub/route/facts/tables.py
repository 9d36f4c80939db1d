"""The tables of a set of parameters, described once: as a page, as a form, as a CSV file out and in.

A column knows how a person writes its value: amounts as 4.50, shares as 12.5%, coordinates as 53.80, weights
in grams, times as 17:30. A file of a table is a whole: rows that are not in it end. A row that cannot be used
is left out and named; nothing counts before somebody has seen what it changes (`steps`).
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final

from pydantic import ValidationError

from hub.route.facts import parameters as sets
from hub.route.facts.parameters import ParameterSet, Row
from protocol.errors import Invalid
from protocol.kit.product_csv import Fault, Report
from protocol.kit.text import _
from protocol.money import format_minor, parse_minor

FIELD_LIMIT: Final = 1_000
_DECIMAL: Final = re.compile(r"(-?)([0-9]{1,9})(?:[.,]([0-9]{1,5}))?")
_WHOLE: Final = re.compile(r"-?[0-9]{1,9}")
_YES: Final = frozenset({"yes", "true", "1", "y", "on"})
_NO: Final = frozenset({"no", "false", "0", "n", "off"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in files and forms, the field it fills, and how its value is written."""

    head: str
    field: str
    kind: str = "text"
    """`text`, `lower`, `upper`, `whole`, `minor`, `share`, `degrees`, `flag`."""
    optional: bool = False
    """Whether an empty cell means that nothing is said, instead of the default."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a set."""

    name: str
    model: type[Row]
    columns: tuple[Column, ...]
    """A file needs the first of them."""

    def rows(self, said: ParameterSet) -> tuple[Row, ...]:
        """Return the rows of this table in a set."""
        found: Any = getattr(said, self.name)
        return (found,) if isinstance(found, Row) else found

    @property
    def head(self) -> tuple[str, ...]:
        """Return the first line of a file."""
        return tuple(column.head for column in self.columns)

    def key_of(self, row: Row) -> str:
        """Return what a row speaks of, as one text."""
        key: tuple[str, ...] = row.key  # type: ignore[attr-defined]  # every row of a table has one
        return "|".join(key)

    def with_rows(self, said: ParameterSet, rows: Iterable[Row]) -> ParameterSet:
        """Return a set with other rows in this table."""
        sorted_rows = tuple(sorted(rows, key=self.key_of))
        value: Any = sorted_rows[0] if self.name == "general" else sorted_rows
        return said.model_copy(update={self.name: value})


def _c(head: str, kind: str = "text", field: str = "", *, optional: bool = False) -> Column:
    suffix = {"minor": "_minor", "share": "_ppm", "degrees": "_e5"}.get(kind, "")
    return Column(head, field or f"{head}{suffix}", kind, optional)


_WHERE: Final = _c("location", "lower")
_DAY: Final = _c("day", "lower")
TABLES: Final = (
    Table(
        "general",
        sets.General,
        (
            _c("max_shipments", "whole"),
            _c("split", "minor"),
            _c("split_from", "minor"),
            _c("late_allowed", "flag"),
            _c("saved_day", "minor"),
            _c("busy_from", "share"),
            _c("overtime", "minor"),
            _c("demand", "flag"),
            _c("recapture", "share"),
            _c("reroute", "minor"),
            _c("return", "minor"),
        ),
    ),
    Table(
        "places",
        sets.PlaceRow,
        (
            _WHERE,
            _c("group", "lower"),
            _c("ships", "flag"),
            _c("collects", "flag"),
            _c("sends", "flag"),
            _c("receives", "flag"),
            _c("country", "upper"),
            _c("postcode", "upper"),
            _c("latitude", "degrees", optional=True),
            _c("longitude", "degrees", optional=True),
            _c("ready_minutes", "whole", optional=True),
            _c("hour", "minor", optional=True),
            _c("line_seconds", "whole", optional=True),
            _c("unit_seconds", "whole", optional=True),
            _c("restock_days", "whole", optional=True),
            _c("stale_minutes", "whole", optional=True),
        ),
    ),
    Table("hours", sets.HoursRow, (_DAY, _WHERE, _c("opens"), _c("closes"))),
    Table("capacity", sets.CapacityRow, (_DAY, _WHERE, _c("begins"), _c("ends"), _c("units", "whole"))),
    Table("cutoffs", sets.CutoffRow, (_c("service", "lower"), _DAY, _WHERE, _c("at"))),
    Table(
        "services",
        sets.ServiceRow,
        (
            _c("service", "lower"),
            _c("zone", "lower"),
            _c("days", "whole"),
            _c("label", "minor"),
            _c("price", "minor"),
        ),
    ),
    Table(
        "bands",
        sets.BandRow,
        (_c("service", "lower"), _c("zone", "lower"), _c("up_to_g", "whole"), _c("extra", "minor")),
    ),
    Table(
        "zones",
        sets.ZoneRow,
        (
            _c("zone", "lower"),
            _c("origin", "lower"),
            _c("country", "upper"),
            _c("postcode", "upper"),
            _c("up_to_km", "whole", optional=True),
        ),
    ),
    Table(
        "lanes",
        sets.LaneRow,
        (
            _c("origin", "lower"),
            _c("to", "lower"),
            _c("days", "whole"),
            _c("fixed", "minor"),
            _c("unit", "minor"),
        ),
    ),
    Table("packages", sets.PackageRow, (_c("up_to_g", "whole"), _c("cost", "minor"))),
    Table("accept", sets.AcceptRow, (_c("accept", "share"), _WHERE, _c("category"))),
    Table(
        "items",
        sets.ItemRow,
        (
            _c("applies_to", "lower", "scope"),
            _c("name"),
            _c("weight_g", "whole"),
            _c("whole", "flag"),
            _c("together", "lower"),
            _c("returned", "share", "return_ppm"),
            _c("residual", "minor"),
        ),
    ),
    Table(
        "entities",
        sets.EntityRow,
        (_c("seller", "lower"), _c("owner", "lower"), _c("allowed", "flag"), _c("unit", "minor")),
    ),
    Table(
        "filters",
        sets.FilterRow,
        (
            _c("name", "lower"),
            _c("kind", "lower"),
            _c("category"),
            _c("removes", "lower"),
            _c("beyond_km", "whole", optional=True),
        ),
    ),
)
BY_NAME: Final[Mapping[str, Table]] = {table.name: table for table in TABLES}


def table_of(name: str) -> Table:
    """Return a table by its name.

    Raises:
        Invalid: there is none.
    """
    found = BY_NAME.get(name)
    if found is None:
        raise Invalid(_("There is no such table."), _("Choose one of the list."), code="no_table")
    return found


def cells_of(table: Table, row: Row, currency: str) -> tuple[str, ...]:
    """Return a row as a person writes it."""
    return tuple(_written(column, getattr(row, column.field), currency) for column in table.columns)


def said_by(table: Table, row: Row, currency: str) -> list[tuple[str, str]]:
    """Return what a row says beyond its first column, as (column, value); a default says nothing."""
    fields = table.model.model_fields
    return [
        (column.head, _written(column, value, currency))
        for column in table.columns[1:]
        if (value := getattr(row, column.field)) != fields[column.field].get_default()
    ]


def row_from(table: Table, cells: Mapping[str, str], currency: str) -> Row:
    """Return the row that cells say.

    Raises:
        ValueError: says which value cannot be used.
    """
    said: dict[str, Any] = {}
    for column in table.columns:
        text = (cells.get(column.head) or "").strip()
        if text:
            said[column.field] = _READ[column.kind](text, column.head, currency)
    try:
        return table.model.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else ""
        head = next((column.head for column in table.columns if column.field == field), field)
        raise ValueError(f"{head}: {_plainly(first['type'], first['msg'])}") from error


def read_rows(table: Table, source: IO[str], report: Report, currency: str) -> dict[int, Row]:
    """Return the rows of a file by their line, filling in the report.

    Raises:
        Invalid: it is not such a file.
    """
    csv.field_size_limit(FIELD_LIMIT)
    rows = csv.reader(source)
    try:
        head = [name.strip().lower().removeprefix("\ufeff") for name in next(rows, [])]
        needed = table.columns[0].head
        if needed not in head:
            raise Invalid(
                _("The file has no column {name}.", name=needed),
                _("Its first line names the columns: {columns}.", columns=", ".join(table.head)),
                code="missing_column",
            )
        found: dict[str, tuple[int, Row]] = {}
        for number, cells in enumerate(rows, start=2):
            if any(cell.strip() for cell in cells):
                _take(table, dict(zip(head, cells, strict=False)), (number, currency), report, found)
    except (csv.Error, UnicodeDecodeError) as error:
        raise Invalid(
            _("The file cannot be read as CSV: {why}.", why=str(error)[:100]),
            _("Save it as CSV UTF-8 and send it again."),
            code="not_csv",
        ) from error
    if not report.rows:
        raise Invalid(_("The file has no row."), _("Give it one row below the names."), code="no_row")
    if not found:
        raise Invalid(
            _("No row of the file can be used, so the table stays as it was."),
            _("Correct the rows as the report says, and send it again."),
            code="no_good_row",
        )
    return dict(found.values())


def written(table: Table, said: ParameterSet, currency: str) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a file."""
    for row in table.rows(said):
        yield cells_of(table, row, currency)


def _take(
    table: Table,
    cells: dict[str, str],
    at: tuple[int, str],
    report: Report,
    found: dict[str, tuple[int, Row]],
) -> None:
    number, currency = at
    report.rows += 1
    named = next((cell.strip()[:64] for cell in cells.values() if cell and cell.strip()), "")
    try:
        row = row_from(table, cells, currency)
        key = table.key_of(row)
        if key in found:
            raise ValueError(_("an earlier row speaks of the same"))
        if len(found) >= sets.ROWS:
            raise ValueError(_("more than {n} rows", n=sets.ROWS))
    except ValueError as error:
        report.note(Fault(number, named, str(error)[:200], _("left out")), left_out=True)
        return
    found[key] = number, row
    report.taken += 1


def _plainly(kind: str, said: str) -> str:
    words = {
        "missing": _("is missing"),
        "greater_than_equal": _("is too little"),
        "less_than_equal": _("is too much"),
        "string_too_long": _("is too long"),
        "string_too_short": _("is missing"),
        "string_pattern_mismatch": _("cannot be used"),
        "literal_error": _("is none of the words that it may be"),
    }
    return words.get(kind, said)


def _whole(text: str, head: str, _currency: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(_("{name} is no whole number", name=head))
    return int(text)


def _minor(text: str, head: str, currency: str) -> int:
    sign = -1 if text.startswith("-") else 1
    try:
        return sign * parse_minor(text.removeprefix("-"), currency)
    except Invalid as error:
        raise ValueError(_("{name} is no amount such as 4.50", name=head)) from error


def _scaled(scale: int, digits: int) -> Callable[[str, str, str], int]:
    parts: int = 10**digits

    def read(text: str, head: str, _currency: str) -> int:
        match = _DECIMAL.fullmatch(text.removesuffix("%").strip())
        if match is None:
            raise ValueError(_("{name} is no number such as 50 or 1.5", name=head))
        part = (match[3] or "").ljust(digits, "0")[:digits]
        value = int(match[2]) * scale + int(part) * scale // parts
        return -value if match[1] else value

    return read


def _flag(text: str, head: str, _currency: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError(_("{name} is neither yes nor no", name=head))


_READ: Final[Mapping[str, Callable[[str, str, str], Any]]] = {
    "text": lambda text, _head, _currency: text,
    "lower": lambda text, _head, _currency: text.lower(),
    "upper": lambda text, _head, _currency: text.upper(),
    "whole": _whole,
    "minor": _minor,
    "share": _scaled(10_000, 4),
    "degrees": _scaled(100_000, 5),
    "flag": _flag,
}


def _written(column: Column, value: Any, currency: str) -> str:
    if value is None:
        return ""
    match column.kind:
        case "minor":
            return format_minor(value, currency)
        case "share":
            return f"{_plain(value, 10_000, 4)}%"
        case "degrees":
            return _plain(value, 100_000, 5)
        case "flag":
            return "yes" if value else "no"
        case _:
            return str(value)


def _plain(value: int, scale: int, digits: int) -> str:
    whole, rest = divmod(abs(value), scale)
    part = f"{rest:0{digits}d}".rstrip("0")
    return f"{'-' if value < 0 else ''}{whole}{'.' + part if part else ''}"
