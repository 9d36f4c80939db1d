"""Turns the rows of an Online Retail file into sales and returns: facts in, plan out.

A row counts when it sold something for money; each counted row is an order line of its own, and an invoice
without one is no order. The store is the CRC32 of the invoice number, so that every run and every checker
agree. A row of a cancellation takes its units back at the store that sold them, from the newest line of
the same customer and code that still has that many, at the price that was paid.

Nothing here talks to a store: the plan can be counted by hand, which is what its test does.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from zlib import crc32

from deploy.demo.retail import RetailFile, Row, is_goods

PENNY: Final = Decimal("0.01")
VAT_PPM: Final = 200_000
COST_SHARE: Final = Decimal("0.6")
FINEST: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """One counted row; `exact` is the unit price in pounds as the file has it."""

    position: int
    line_no: int
    code: str
    quantity: int
    exact: str
    gross_minor: int

    @property
    def unit_price_minor(self) -> int:
        """The unit price in pence, rounded: what a screen shows."""
        return pence(Decimal(self.exact))

    @property
    def is_finer_than_a_penny(self) -> bool:
        """Whether the extension cannot be worked out from whole pence."""
        price = Decimal(self.exact)
        return price != price.quantize(PENNY)


@dataclass(frozen=True, slots=True)
class PlannedSale:
    """One invoice: an order at one store."""

    invoice: str
    position: int
    store: int
    day: str
    at_us: int
    customer: str
    lines: tuple[PlannedLine, ...]

    @property
    def total_minor(self) -> int:
        """What the customer paid."""
        return sum(line.gross_minor for line in self.lines)


@dataclass(frozen=True, slots=True)
class PlannedReturn:
    """One row of a cancellation that found its line."""

    cancellation: str
    position: int
    store: int
    day: str
    at_us: int
    invoice: str
    line_no: int
    quantity: int


Step = PlannedSale | PlannedReturn


@dataclass(frozen=True, slots=True)
class PlannedProduct:
    """One code of the file as the catalogue will know it."""

    code: str
    name: str
    goods: bool
    price_minor: int
    cost_minor: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that will happen, and every row that will not, by reason."""

    stores: int
    sales: tuple[PlannedSale, ...]
    returns: tuple[PlannedReturn, ...]
    skipped: Mapping[str, int]
    products: tuple[PlannedProduct, ...]

    def days(self, store: int) -> list[tuple[str, list[Step]]]:
        """Return what one store does, trading day by trading day, each in file order."""
        by_day: dict[str, list[Step]] = defaultdict(list)
        steps: list[Step] = [*self.sales, *self.returns]
        for step in sorted(steps, key=lambda step: step.position):
            if step.store == store:
                by_day[step.day].append(step)
        return sorted(by_day.items())

    def opening(self, store: int, seed: int) -> list[tuple[str, int]]:
        """Return a generous opening stock: all that this store will sell, a quarter more, and some."""
        sold: Counter[str] = Counter()
        for sale in self.sales:
            if sale.store == store:
                sold.update({line.code: 0 for line in sale.lines})
                for line in sale.lines:
                    sold[line.code] += line.quantity
        rng = random.Random(seed * 1_000 + store)
        return [
            (code, min(1_000_000, quantity + quantity // 4 + rng.randint(5, 50)))
            for code, quantity in sorted(sold.items())
            if is_goods(code)
        ]


def store_of(invoice: str, stores: int) -> int:
    """Return the index of the store of an invoice; store-1 has index 0."""
    return crc32(invoice.encode()) % stores


def pence(pounds: Decimal) -> int:
    """Return an amount in pence, rounded half away from zero."""
    return int((pounds * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def plan(file: RetailFile, stores: int) -> Plan:
    """Return what the file means for a number of stores."""
    skipped: Counter[str] = Counter({"unreadable": file.unreadable} if file.unreadable else {})
    counted: dict[str, list[Row]] = defaultdict(list)
    for row in file.rows:
        if row.cancels:
            continue
        if row.quantity <= 0:
            skipped["not_a_sale"] += 1
        elif row.price <= 0:
            skipped["no_price"] += 1
        else:
            counted[row.invoice].append(row)
    sales = {invoice: _sale(invoice, rows, stores) for invoice, rows in counted.items()}
    returns = _returns(file.rows, sales, skipped)
    return Plan(
        stores=stores,
        sales=tuple(sales.values()),
        returns=tuple(returns),
        skipped=dict(sorted(skipped.items())),
        products=tuple(_products(file, counted.values())),
    )


def _sale(invoice: str, rows: Sequence[Row], stores: int) -> PlannedSale:
    lines = tuple(
        PlannedLine(
            position=row.position,
            line_no=line_no,
            code=row.code,
            quantity=row.quantity,
            exact=_exact(row.price),
            gross_minor=pence(row.price * row.quantity),
        )
        for line_no, row in enumerate(rows, start=1)
    )
    first = rows[0]
    return PlannedSale(
        invoice=invoice,
        position=first.position,
        store=store_of(invoice, stores),
        day=first.day,
        at_us=first.at_us,
        customer=first.customer,
        lines=lines,
    )


@dataclass(slots=True)
class _Left:
    """Units of one sold line that have not come back yet."""

    row: Row
    invoice: str
    line_no: int
    units: int


def _returns(
    rows: Iterable[Row], sales: Mapping[str, PlannedSale], skipped: Counter[str]
) -> Iterable[PlannedReturn]:
    line_of = {line.position: (sale.invoice, line.line_no) for sale in sales.values() for line in sale.lines}
    sold: dict[tuple[str, str], list[_Left]] = defaultdict(list)
    found: list[PlannedReturn] = []
    for row in rows:
        if row.cancels:
            line = _newest(sold, row)
            if line is None:
                skipped["unmatched"] += 1
            else:
                line.units += row.quantity
                found.append(_return(row, line, sales[line.invoice]))
        elif row.position in line_of:
            invoice, line_no = line_of[row.position]
            sold[(row.customer, row.code)].append(_Left(row, invoice, line_no, row.quantity))
    return found


def _newest(sold: Mapping[tuple[str, str], Sequence[_Left]], row: Row) -> _Left | None:
    if not row.customer or row.quantity >= 0:
        return None
    able = [line for line in sold.get((row.customer, row.code), ()) if line.units >= -row.quantity]
    return max(able, key=lambda line: (line.row.at, line.row.position), default=None)


def _return(row: Row, line: _Left, sale: PlannedSale) -> PlannedReturn:
    return PlannedReturn(
        cancellation=row.invoice,
        position=max(row.position, sale.position + 1),
        store=sale.store,
        day=max(row.day, sale.day),
        at_us=max(row.at_us, sale.at_us),
        invoice=line.invoice,
        line_no=line.line_no,
        quantity=-row.quantity,
    )


def _products(file: RetailFile, counted: Iterable[Sequence[Row]]) -> Iterable[PlannedProduct]:
    """Return one product per sold code, at the price it was most often sold for."""
    prices: dict[str, Counter[Decimal]] = defaultdict(Counter)
    for rows in counted:
        for row in rows:
            prices[row.code][row.price] += 1
    names = file.names()
    for code in sorted(prices):
        price = max(prices[code].items(), key=lambda pair: (pair[1], pair[0]))[0]
        net = price * 1_000_000 / (1_000_000 + VAT_PPM)
        yield PlannedProduct(
            code=code,
            name=names[code],
            goods=is_goods(code),
            price_minor=pence(price),
            cost_minor=pence(net * COST_SHARE) if is_goods(code) else 0,
        )


def _exact(price: Decimal) -> str:
    """Return a price as digits, to the sixth decimal at most, without an exponent."""
    return f"{price.quantize(FINEST, rounding=ROUND_HALF_UP).normalize():f}"
