"""Reads an Online Retail file: bytes in, typed rows out, and a word for each row it cannot read.

Real files differ: some are UTF-8 and some Windows-1252, dates are written `2010-12-01 08:26:00` or
`12/1/2010 8:26`, numbers were once floats (`17850.0`), the columns of later editions have other names. All
of that ends here, so that the rules of the replay read like its description.
"""

import csv
import gzip
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from protocol.clock import to_us
from protocol.errors import Invalid

ZONE: Final = ZoneInfo("Europe/London")
GOODS: Final = re.compile(r"\d{5}")
FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%y %H:%M",
    "%Y-%m-%dT%H:%M:%S",
)
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "invoice": ("InvoiceNo", "Invoice"),
    "code": ("StockCode",),
    "description": ("Description",),
    "quantity": ("Quantity",),
    "at": ("InvoiceDate",),
    "price": ("UnitPrice", "Price"),
    "customer": ("CustomerID", "Customer ID"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file; `price` is in pounds and may be finer than a penny, or negative."""

    position: int
    invoice: str
    code: str
    description: str
    quantity: int
    at: datetime
    price: Decimal
    customer: str

    @property
    def at_us(self) -> int:
        """The row's local time as microseconds UTC."""
        return to_us(self.at.replace(tzinfo=ZONE))

    @property
    def day(self) -> str:
        """The row's local date."""
        return self.at.date().isoformat()

    @property
    def cancels(self) -> bool:
        """Whether the row takes something back."""
        return self.invoice.startswith("C")


@dataclass(frozen=True, slots=True)
class RetailFile:
    """The rows that could be read, in file order, and how many could not."""

    rows: tuple[Row, ...]
    unreadable: int

    def names(self) -> dict[str, str]:
        """Return each code's commonest description; a code that never had one is called by its code."""
        said: dict[str, Counter[str]] = defaultdict(Counter)
        for row in self.rows:
            said[row.code][row.description] += 1
        return {code: _best(code, counted) for code, counted in said.items()}


def is_goods(code: str) -> bool:
    """Tell whether a code stands for something on a shelf: it starts with five digits."""
    return GOODS.match(code) is not None


def read_file(source: Path) -> RetailFile:
    """Read a file, gzipped or not.

    Raises:
        Invalid: it is no Online Retail file at all.
    """
    text = _text(source)
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip() for name in next(reader, [])]
    places = _places(source, header)
    rows: list[Row] = []
    unreadable = 0
    for position, fields in enumerate(reader):
        if not any(field.strip() for field in fields):
            continue
        row = _row(position, fields, places)
        if row is None:
            unreadable += 1
        else:
            rows.append(row)
    return RetailFile(rows=tuple(rows), unreadable=unreadable)


def _text(source: Path) -> str:
    try:
        data = source.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise Invalid(f"{source} cannot be read: {error}.", "Give a CSV file, gzipped or not.") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _places(source: Path, header: Sequence[str]) -> dict[str, int]:
    by_name = {name.lower(): place for place, name in enumerate(header)}
    places = {
        column: by_name[name.lower()]
        for column, names in COLUMNS.items()
        for name in names
        if name.lower() in by_name
    }
    missing = [names[0] for column, names in COLUMNS.items() if column not in places]
    if missing:
        raise Invalid(
            f"{source.name} has no column {', '.join(missing)}.",
            "Give an Online Retail file: InvoiceNo, StockCode, Description, Quantity, InvoiceDate, "
            "UnitPrice, CustomerID.",
            missing=missing,
        )
    return places


def _row(position: int, fields: Sequence[str], places: Mapping[str, int]) -> Row | None:
    try:
        value = {column: fields[place].strip() for column, place in places.items()}
        at, price = _time(value["at"]), Decimal(value["price"])
        quantity = Decimal(value["quantity"])
    except (IndexError, InvalidOperation, ValueError):
        return None
    if not value["invoice"] or not value["code"] or not price.is_finite() or quantity != int(quantity):
        return None
    return Row(
        position=position,
        invoice=_whole(value["invoice"]),
        code=_whole(value["code"]),
        description=" ".join(value["description"].split()),
        quantity=int(quantity),
        at=at,
        price=price,
        customer=_whole(value["customer"]),
    )


def _whole(text: str) -> str:
    """Return `17850` of `17850.0`, which is what a number becomes on its way through a spreadsheet."""
    return text[:-2] if re.fullmatch(r"\d+\.0", text) else text


def _time(text: str) -> datetime:
    for form in FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - a local time; `Row.at_us` adds the zone
        except ValueError:
            continue
    raise ValueError(text)


def _best(code: str, counted: Counter[str]) -> str:
    named: Iterable[tuple[str, int]] = ((name, times) for name, times in counted.items() if name)
    return max(named, key=lambda pair: (pair[1], pair[0]), default=(code, 0))[0]
