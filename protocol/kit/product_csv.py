"""A catalogue as a CSV file: one product a row, and a report that names every row with a fault.

    sku,name,price,barcodes,tax_rate,kind,category,bin,cost,active
    4006381,"Pencil HB",0.85,4006381333931|10001,20,goods,Writing,A-03,0.31,yes

Only sku, name and price are needed. A row that cannot be used is left out and listed; above the limit
(more than 20 rows and more than 1 in 20) the whole file is refused, because then it is the wrong file.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Final

from pydantic import ValidationError

from protocol.catalog import Product
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.money import parse_minor

FAULTS_LISTED: Final = 200
FAULTS_ALWAYS_FINE: Final = 20
FAULTS_SHARE: Final = 20
ROWS: Final = 1_000_000
FIELD_LIMIT: Final = 10_000
NEEDED: Final = ("sku", "name", "price")
KNOWN: Final = frozenset(
    (*NEEDED, "barcodes", "barcode", "tax_rate", "kind", "category", "bin", "cost", "active")
)
_YES: Final = frozenset({"", "1", "yes", "true", "y", "active"})
_NO: Final = frozenset({"0", "no", "false", "n", "inactive"})
_RATE: Final = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,4}))?\s*%?")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, and what was done about it."""

    row: int
    sku: str
    wrong: str
    done: str


@dataclass(slots=True)
class Report:
    """What became of a file, row by row. Only the first faults are kept; all are counted."""

    rows: int = 0
    taken: int = 0
    left_out: int = 0
    corrected: int = 0
    faults: list[Fault] = field(default_factory=list)

    def note(self, fault: Fault, *, left_out: bool) -> None:
        """Count a fault and list it while there is room."""
        self.left_out += left_out
        self.corrected += not left_out
        if len(self.faults) < FAULTS_LISTED:
            self.faults.append(fault)

    @property
    def beyond_limit(self) -> bool:
        """Whether so much is wrong that it must be the wrong file."""
        return self.left_out > FAULTS_ALWAYS_FINE and self.left_out * FAULTS_SHARE > self.rows


def read_products(
    source: IO[str], report: Report, *, currency: str, rate_ppm: int = 200_000
) -> Iterator[Product]:
    """Yield the products of a file as they are read, filling in the report.

    `rate_ppm` is the tax of rows that do not say theirs. A second row of a SKU and a code that another
    product has already are left out and named.

    Raises:
        Invalid: it is not such a file, or too many rows are wrong; nothing of it may be used then.
    """
    reader = csv.reader(source)
    columns = _columns(reader)
    seen: set[str] = set()
    codes: dict[str, str] = {}
    for number, cells in _numbered(reader):
        if not any(cell.strip() for cell in cells):
            continue
        report.rows += 1
        values = {name: cells[at].strip() for name, at in columns.items() if at < len(cells)}
        sku = values.get("sku", "")[:64]
        try:
            product = _product(values, currency=currency, rate_ppm=rate_ppm)
            if product.sku in seen:
                raise ValueError(_("this SKU was in an earlier row"))
        except (Invalid, ValueError) as error:
            said = error.what if isinstance(error, Invalid) else str(error)
            report.note(Fault(number, sku, said, _("left out")), left_out=True)
            _stop_if_hopeless(report)
            continue
        seen.add(product.sku)
        yield _own_codes(product, codes, report, number)
        report.taken += 1
    _stop_if_hopeless(report, final=True)


def _columns(reader: Iterator[list[str]]) -> dict[str, int]:
    csv.field_size_limit(FIELD_LIMIT)
    try:
        head = next(reader, [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise _no_csv(str(error)) from error
    columns = {name.strip().lower().removeprefix("\ufeff"): at for at, name in enumerate(head)}
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise Invalid(
            _("The file has no column {name}.", name=missing[0]),
            _("Its first line names the columns: {columns}.", columns=", ".join(sorted(KNOWN - {"barcode"}))),
            code="missing_column",
            missing=missing,
        )
    return {("barcodes" if name == "barcode" else name): at for name, at in columns.items() if name in KNOWN}


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Yield rows with their number as a spreadsheet shows it (the first line is 1)."""
    number = 1
    while True:
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, UnicodeDecodeError) as error:
            raise _no_csv(f"row {number}: {error}") from error
        if number > ROWS:
            raise _no_csv(_("more than {rows} rows", rows=ROWS))
        yield number, cells


def _product(values: dict[str, str], *, currency: str, rate_ppm: int) -> Product:
    active = values.get("active", "").lower()
    if active not in _YES | _NO:
        raise ValueError(_("active is {said!r}, not yes or no", said=active[:20]))
    rate = values.get("tax_rate", "")
    cost = values.get("cost", "")
    try:
        return Product(
            sku=values.get("sku", ""),
            name=values.get("name", ""),
            kind=values.get("kind", "").lower() or "goods",
            price_minor=parse_minor(values.get("price", ""), currency),
            rate_ppm=_rate_ppm(rate) if rate else rate_ppm,
            unit_cost_minor=parse_minor(cost, currency) if cost else 0,
            barcodes=tuple(
                dict.fromkeys(code.strip() for code in values.get("barcodes", "").split("|") if code.strip())
            ),
            category=values.get("category", ""),
            bin=values.get("bin", ""),
            active=active in _YES,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from error


def _rate_ppm(text: str) -> int:
    """Return a rate such as `20`, `5.5` or `20 %`."""
    found = _RATE.fullmatch(text)
    if found is None or int(found.group(1)) > 100:
        raise ValueError(_("tax_rate is {said!r}, not a percentage", said=text[:20]))
    return int(found.group(1)) * 10_000 + int((found.group(2) or "").ljust(4, "0"))


def _own_codes(product: Product, codes: dict[str, str], report: Report, number: int) -> Product:
    """Return the product without codes that an earlier one has: a scan must mean one thing."""
    taken = [code for code in product.barcodes if codes.setdefault(code, product.sku) != product.sku]
    if not taken:
        return product
    wrong = _("code {code} belongs to {sku} already", code=taken[0], sku=codes[taken[0]])
    report.note(Fault(number, product.sku, wrong, _("taken without that code")), left_out=False)
    kept = tuple(code for code in product.barcodes if code not in taken)
    return product.model_copy(update={"barcodes": kept})


def _stop_if_hopeless(report: Report, *, final: bool = False) -> None:
    """Refuse a file that is wrong as a whole; early only when it is plain already."""
    if report.beyond_limit and (final or report.left_out >= FAULTS_LISTED):
        first = report.faults[0]
        raise Invalid(
            _("{bad} of {rows} rows cannot be used, so nothing was taken over.",
              bad=report.left_out, rows=report.rows),
            _("The first is row {row}: {wrong}. Correct the file and send it again.",
              row=first.row, wrong=first.wrong),
            code="too_many_bad_rows",
            left_out=report.left_out,
            rows=report.rows,
            faults=[{"row": f.row, "sku": f.sku, "wrong": f.wrong} for f in report.faults[:20]],
        )  # fmt: skip


def _no_csv(why: str) -> Invalid:
    return Invalid(
        _("The file cannot be read as CSV: {why}.", why=why[:200]),
        _("Save it as CSV in UTF-8 with commas, and send it again."),
        code="not_csv",
    )
