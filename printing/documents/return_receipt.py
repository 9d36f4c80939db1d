"""The receipt of a return: what came back, why, where it goes, and what was paid back how."""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Document, Row, Rule, Space, Text
from printing.documents.parts import (
    Blocks,
    codes,
    company,
    day_and_time,
    ending,
    head_and_person,
    heading,
    money,
    signed_code,
    tax_table,
)
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class ReturnLine:
    """Units that came back. `refund_minor` is for all of them, as it was paid."""

    name: str
    sku: str
    quantity: int
    reason: str
    disposition: str
    refund_minor: int


@dataclass(frozen=True, slots=True)
class ReturnReceiptFacts:
    """All that a return receipt says. Amounts are positive: they go to the customer."""

    store_name: str
    store_lines: tuple[str, ...]
    vat_number: str
    number: str
    original_number: str
    original_sold_at: datetime | None
    returned_at: datetime
    till: str
    associate: str
    lines: tuple[ReturnLine, ...]
    total_minor: int
    tax: tuple[tuple[int, int, int], ...]
    refunds: tuple[tuple[str, int], ...]
    currency: str
    code: str
    fees: tuple[tuple[str, int], ...] = ()
    """What was kept, as (label, amount)."""
    signed: str = ""
    """What the store signed of the sale, with what has come back of it."""
    approved_by: str = ""
    copy_note: str = ""
    open_drawer: bool = False
    demo: bool = False


def return_receipt(facts: ReturnReceiptFacts) -> Document:
    """Return the receipt of a return."""
    blocks: Blocks = [
        *heading(open_drawer=facts.open_drawer, demo=facts.demo, note=facts.copy_note),
        *company(facts.store_name, facts.store_lines, facts.vat_number),
        Rule(),
        *head_and_person(
            _("Return"), facts.number, day_and_time(facts.returned_at), facts.till, facts.associate
        ),
        Text(_original(facts)),
    ]
    if facts.approved_by:
        blocks.append(Text(_("Approved by {name}", name=facts.approved_by)))
    blocks.append(Rule())
    for line in facts.lines:
        what = f"{line.quantity} x {line.name}" if line.quantity else line.name
        blocks.append(Row.pair(what, money(line.refund_minor, facts.currency)))
        blocks.append(Text(f"  {line.sku}"))
        blocks.append(Text(f"  {line.reason} - {line.disposition}"))
    for label, fee in facts.fees:
        blocks.append(Row.pair(label, money(-fee, facts.currency)))
    total = money(facts.total_minor - sum(fee for _label, fee in facts.fees), facts.currency)
    blocks.append(Rule())
    blocks.append(Row.pair(_("Refund {currency}", currency=facts.currency), total, size=2, bold=True))
    blocks.append(Space())
    blocks.extend(Row.pair(label, money(amount, facts.currency)) for label, amount in facts.refunds)
    blocks.extend([Rule(), *tax_table(facts.tax, facts.currency)])
    blocks.extend([Space(2), Rule(), Text(_("Customer's signature")), Space()])
    blocks.extend([*codes(facts.code, facts.number), *signed_code(facts.signed), *ending("return_receipt")])
    return Document(_("Return {number}", number=facts.number), tuple(blocks), language.get())


def _original(facts: ReturnReceiptFacts) -> str:
    if facts.original_sold_at is None:
        return _("Of receipt {number}", number=facts.original_number)
    day = f"{facts.original_sold_at:%Y-%m-%d}"
    return _("Of receipt {number}, {day}", number=facts.original_number, day=day)
