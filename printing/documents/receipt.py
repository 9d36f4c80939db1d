"""The receipt of a sale: what was bought, what was paid, and codes that find the sale again."""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Document, Row, Rule, Space, Text
from printing.documents.parts import (
    Back,
    Blocks,
    codes,
    company,
    day_and_time,
    ending,
    head_and_person,
    heading,
    money,
    own_back,
    return_until,
    signed_code,
    tax_table,
    usual_back,
)
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One line as sold. `gross_minor` is what is paid for it, its own discount already taken off."""

    name: str
    sku: str
    quantity: int
    unit_price_minor: int
    discount_minor: int
    gross_minor: int
    back: Back | None = None
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """All that a receipt says. `discount_minor` is the order's own, beyond those of its lines.

    The lines' gross less the order's discount is the total. Tax rows are (rate in ppm, net, tax). Until when
    something may come back was fixed when it was sold: a policy of later says nothing about this paper.
    """

    store_name: str
    store_lines: tuple[str, ...]
    vat_number: str
    number: str
    sold_at: datetime
    till: str
    associate: str
    lines: tuple[ReceiptLine, ...]
    discount_minor: int
    total_minor: int
    tax: tuple[tuple[int, int, int], ...]
    tenders: tuple[tuple[str, int], ...]
    change_minor: int
    currency: str
    code: str
    signed: str = ""
    """What the store signed of the sale, for stores that can ask nobody."""
    copy_note: str = ""
    open_drawer: bool = False
    demo: bool = False


def receipt(facts: ReceiptFacts) -> Document:
    """Return the receipt of a sale."""
    blocks: Blocks = [
        *heading(open_drawer=facts.open_drawer, demo=facts.demo, note=facts.copy_note),
        *company(facts.store_name, facts.store_lines, facts.vat_number),
        Rule(),
        *head_and_person(
            _("Receipt"), facts.number, day_and_time(facts.sold_at), facts.till, facts.associate
        ),
        Rule(),
    ]
    usual = usual_back(line.back for line in facts.lines)
    for line in facts.lines:
        blocks.extend(_line(line, facts.currency))
        blocks.extend(own_back(line.back, usual))
    blocks.extend(_sums(facts))
    blocks.extend(
        [
            Rule(),
            *tax_table(facts.tax, facts.currency),
            Space(),
            *codes(facts.code, facts.number),
            *return_until(usual),
            *signed_code(facts.signed),
            Text(
                _("Please keep this receipt: it finds your purchase if you bring something back."), "center"
            ),
            *ending("receipt"),
        ]
    )
    return Document(_("Receipt {number}", number=facts.number), tuple(blocks), language.get())


def _line(line: ReceiptLine, currency: str) -> Blocks:
    before = money(line.gross_minor + line.discount_minor, currency)
    if line.quantity == 1:
        detail = f"  {line.sku}"
    else:
        detail = f"  {line.quantity} x {money(line.unit_price_minor, currency)}   {line.sku}"
    blocks: Blocks = [Row.pair(line.name, before), Text(detail)]
    blocks.extend(Text("  " + _("Serial {number}", number=serial)) for serial in line.serials)
    if line.discount_minor:
        blocks.append(Row.pair("  " + _("Discount"), money(-line.discount_minor, currency)))
    return blocks


def _sums(facts: ReceiptFacts) -> Blocks:
    units = sum(line.quantity for line in facts.lines)
    blocks: Blocks = [Rule()]
    if facts.discount_minor:
        blocks.append(Row.pair(_("Discount"), money(-facts.discount_minor, facts.currency)))
    total = Row.pair(
        _("Total {currency}", currency=facts.currency),
        money(facts.total_minor, facts.currency),
        size=2,
        bold=True,
    )
    blocks.extend([total, Text(_("Items: {count}", count=units)), Space()])
    blocks.extend(Row.pair(label, money(amount, facts.currency)) for label, amount in facts.tenders)
    if facts.change_minor:
        blocks.append(Row.pair(_("Change"), money(facts.change_minor, facts.currency), bold=True))
    return blocks
