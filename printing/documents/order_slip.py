"""The order slip: the customer's copy of an order taken at the counter for later.

It answers what the customer will ask at home: when, where, how much is left to pay, and the code that
fetches it. It is no receipt: that follows with the goods.
"""

from dataclasses import dataclass
from datetime import date, datetime

from printing.document import Band, Document, Row, Rule, Space, Text
from printing.documents.parts import (
    Blocks,
    company,
    day,
    day_and_time,
    ending,
    head_and_person,
    heading,
    money,
    slip_codes,
)
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class OrderedLine:
    """One line as ordered. `gross_minor` is what it costs, every discount taken off."""

    name: str
    sku: str
    quantity: int
    gross_minor: int


@dataclass(frozen=True, slots=True)
class CollectPromise:
    """Where and when the order waits for its customer."""

    location: str
    ready_at: datetime
    keep_until: date
    location_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShipPromise:
    """By when the order is on its way, and where to; the first line of `ship_to` is a name."""

    by: date
    ship_to: tuple[str, ...] = ()
    service: str = ""


@dataclass(frozen=True, slots=True)
class OrderSlipFacts:
    """All that an order slip says. What is paid and what is due add up to the total.

    An order is provisional while nobody has confirmed that it can be kept, such as one that a store
    took while it was cut off.
    """

    store_name: str
    store_lines: tuple[str, ...]
    vat_number: str
    number: str
    ordered_at: datetime
    till: str
    associate: str
    lines: tuple[OrderedLine, ...]
    total_minor: int
    paid: tuple[tuple[str, int], ...]
    due_minor: int
    currency: str
    promise: CollectPromise | ShipPromise | None
    pickup_code: str = ""
    provisional: bool = False
    demo: bool = False


def order_slip(facts: OrderSlipFacts) -> Document:
    """Return the customer's copy of an order for later."""
    blocks: Blocks = [
        *heading(demo=facts.demo),
        *company(facts.store_name, facts.store_lines, facts.vat_number),
        Rule(),
        *head_and_person(
            _("Order"), facts.number, day_and_time(facts.ordered_at), facts.till, facts.associate
        ),
        Rule(),
    ]
    for line in facts.lines:
        blocks.append(Row.pair(line.name, money(line.gross_minor, facts.currency)))
        blocks.append(Text(f"  {line.quantity} x {line.sku}" if line.quantity != 1 else f"  {line.sku}"))
    blocks.extend([Rule(), *_sums(facts), Rule(heavy=True)])
    if facts.provisional:
        blocks.append(Band(_("PROVISIONAL - not confirmed")))
        blocks.extend([Text(_("We will tell you as soon as it is certain."), bold=True), Space()])
    blocks.extend(_promise(facts.promise))
    if facts.pickup_code:
        blocks.extend(
            [Space(), Text(_("Pickup code"), "center"), Text(facts.pickup_code, "center", size=4, bold=True)]
        )
    blocks.extend(slip_codes("po", facts.number, facts.number))
    blocks.extend(
        [Space(), Text(_("This is no receipt: it comes with the goods."), "center"), *ending("order_slip")]
    )
    return Document(_("Order {number}", number=facts.number), tuple(blocks), language.get())


def _sums(facts: OrderSlipFacts) -> Blocks:
    total = money(facts.total_minor, facts.currency)
    blocks: Blocks = [Row.pair(_("Total {currency}", currency=facts.currency), total, size=2, bold=True)]
    if facts.paid:
        paid = money(sum(amount for _label, amount in facts.paid), facts.currency)
        blocks.append(Row.pair(_("Deposit") if facts.due_minor else _("Paid now"), paid, bold=True))
        blocks.extend(Row.pair(f"  {label}", money(amount, facts.currency)) for label, amount in facts.paid)
    if facts.due_minor:
        due = money(facts.due_minor, facts.currency)
        shipped = isinstance(facts.promise, ShipPromise)
        blocks.append(Row.pair(_("Due {currency}", currency=facts.currency), due, size=2, bold=True))
        blocks.append(Text(_("still to be paid") if shipped else _("to be paid at collection")))
    return blocks


def _promise(promise: CollectPromise | ShipPromise | None) -> Blocks:
    match promise:
        case CollectPromise():
            return [
                Text(_("Collect at")),
                Text(promise.location, size=2, bold=True),
                *(Text(line) for line in promise.location_lines),
                Row.pair(_("from"), day_and_time(promise.ready_at), bold=True),
                Row.pair(_("until"), day(promise.keep_until), bold=True),
            ]
        case ShipPromise():
            blocks: Blocks = [Text(_("Shipped by {day}", day=day(promise.by)), size=2, bold=True)]
            if promise.service:
                blocks.append(Text(promise.service))
            blocks.extend(Text(line) for line in promise.ship_to)
            return blocks
    return []
