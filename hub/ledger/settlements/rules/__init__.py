"""Reading the file of a payment service or marketplace: pure.

Every service names its columns differently, so a *mapper* says which column is what, and which of its words
is which kind of row. Mappers are data: a company adds one for its own bank. A row that cannot be read makes
the whole file unreadable, because a settlement that is half taken in ties with nothing.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, cast

from protocol.books import LINES_PER_SETTLEMENT, MapperSet, RowKind, SettlementLine
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.money import parse_minor

KINDS: Final[tuple[RowKind, ...]] = (
    "sale",
    "refund",
    "fee",
    "chargeback",
    "reserve",
    "release",
    "adjustment",
    "payout",
)
FAULTS: Final = 20


@dataclass(frozen=True, slots=True)
class Mapper:
    """How the files of one provider are read."""

    name: str
    title: str
    marketplace: bool
    kind: str
    """The column that says what a row is."""
    reference: tuple[str, ...]
    """Columns that may name the order or payment; the first that is filled counts."""
    amount: str
    fee: str = ""
    kinds: Mapping[str, RowKind] = field(default_factory=dict)
    """What the provider calls each kind of row, in small letters; rows of other words are adjustments."""
    delimiter: str = ","
    fees_are_negative: bool = False
    version: int = 0
    """Of what a company wrote itself; 0 came with the product."""


MAPPERS: Final[Mapping[str, Mapper]] = MappingProxyType(
    {
        mapper.name: mapper
        for mapper in (
            Mapper(
                name="plain",
                title="Columns type, reference, amount, fee",
                marketplace=False,
                kind="type",
                reference=("reference",),
                amount="amount",
                fee="fee",
                kinds={kind: kind for kind in KINDS},
            ),
            Mapper(
                name="adyen",
                title="Adyen settlement detail report",
                marketplace=False,
                kind="Type",
                reference=("Psp Reference", "Merchant Reference"),
                amount="Gross",
                fee="Fee",
                kinds={
                    "settled": "sale",
                    "refunded": "refund",
                    "fee": "fee",
                    "invoicededuction": "fee",
                    "chargeback": "chargeback",
                    "depositcorrection": "reserve",
                    "merchantpayout": "payout",
                },
            ),
            Mapper(
                name="amazon",
                title="Amazon settlement report, flat file V2",
                marketplace=True,
                kind="amount-type",
                reference=("order-id",),
                amount="amount",
                kinds={
                    "itemprice": "sale",
                    "order": "sale",
                    "refund": "refund",
                    "itemfees": "fee",
                    "other-transaction": "adjustment",
                    "current reserve amount": "reserve",
                    "previous reserve amount balance": "release",
                    "transfer": "payout",
                },
                delimiter="\t",
            ),
        )
    }
)
"""The adyen and amazon mappers follow those providers' published column names."""


def mapper_of(body: MapperSet, version: int) -> Mapper:
    """Return a mapper as a company wrote it."""
    return Mapper(
        name=body.name,
        title=body.title,
        marketplace=body.marketplace,
        kind=body.kind,
        reference=body.reference,
        amount=body.amount,
        fee=body.fee,
        kinds=body.kinds,
        delimiter=body.delimiter,
        fees_are_negative=body.fees_are_negative,
        version=version,
    )


def columns_of(text: str, delimiter: str) -> tuple[str, ...]:
    """Return the columns that a file names in its first line."""
    return tuple(csv.DictReader(io.StringIO(text), delimiter=delimiter).fieldnames or ())


@dataclass(frozen=True, slots=True)
class File:
    """What a file says: its rows, and the payout if it names one."""

    lines: tuple[SettlementLine, ...]
    payout_minor: int | None


def read_file(text: str, mapper: Mapper, currency: str) -> File:
    """Return the rows of a settlement file.

    Raises:
        Invalid: a column is missing, a row cannot be read, or there are too many; the facts name the rows.
    """
    reader = csv.DictReader(io.StringIO(text), delimiter=mapper.delimiter)
    heads = set(reader.fieldnames or ())
    missing = [name for name in (mapper.kind, mapper.amount) if name not in heads]
    if missing:
        raise Invalid(
            _("The file has no column {name}.", name=missing[0]),
            _("Choose the mapper of the provider that made it; nothing was taken in."),
            code="no_column",
            columns=missing,
        )
    lines: list[SettlementLine] = []
    faults: list[str] = []
    payout: int | None = None
    for row, cells in _rows(reader, faults):
        kind = mapper.kinds.get(str(cells.get(mapper.kind) or "").strip().lower(), "adjustment")
        try:
            amount = parse_signed(str(cells.get(mapper.amount) or ""), currency)
            fee = parse_signed(str(cells.get(mapper.fee) or "0"), currency) if mapper.fee else 0
            fee = -fee if mapper.fees_are_negative else fee
        except Invalid:
            faults.append(_("Row {n}: the amount cannot be read.", n=row))
            continue
        if kind == "payout":
            payout = (payout or 0) + abs(amount)
            continue
        reference = next(
            (found for name in mapper.reference if (found := str(cells.get(name) or "").strip())), ""
        )
        if kind in {"sale", "refund"} and not reference:
            faults.append(_("Row {n}: it names no order and no payment.", n=row))
            continue
        lines.append(
            SettlementLine(row=row, kind=kind, reference=reference[:64], amount_minor=amount, fee_minor=fee)
        )
    if faults:
        raise Invalid(
            " ".join(faults[:FAULTS]),
            _("Correct the file and send it again; nothing was taken in."),
            code="bad_rows",
            rows=faults[:FAULTS],
        )
    if not lines:
        raise Invalid(_("The file has no rows."), _("Choose another file."), code="no_rows")
    return File(tuple(lines), payout)


def parse_signed(text: str, currency: str) -> int:
    """Return an amount with its sign in minor units, such as -12.50.

    Raises:
        Invalid: it is no amount.
    """
    clean = text.strip().replace(" ", "")
    if clean.startswith("-"):
        return -parse_minor(clean[1:], currency)
    return parse_minor(clean.removeprefix("+"), currency)


def _rows(
    reader: "csv.DictReader[str]", faults: list[str]
) -> Iterator[tuple[int, Mapping[str | None, object]]]:
    try:
        for n, cells in enumerate(reader, start=2):
            if n > LINES_PER_SETTLEMENT + 1:
                faults.append(_("The file has more than {n} rows.", n=LINES_PER_SETTLEMENT))
                return
            if any(cells.values()):
                yield n, cast("Mapping[str | None, object]", cells)
    except csv.Error as error:
        faults.append(_("The file cannot be read after row {n}.", n=reader.line_num))
        del error
