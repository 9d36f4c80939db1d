"""What a sale costs, what pays it, and which of it needs somebody's word.

A draft is what is asked for, whoever asks: a basket at a till or a program with a whole sale. Cash alone is
rounded and gives change; a card is charged exactly, so more than the rest on a card is refused, never given
back as change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from protocol.catalog import Product
from protocol.errors import Invalid, Refused
from protocol.kit.text import _
from protocol.money import format_minor
from protocol.orders import Approval, OrderLine, Tender, TenderKind
from protocol.people import StoreRole, at_least
from protocol.rules.discounts import Act, Allowed, Authority, discount_ppm, needs_approval
from protocol.rules.pricing import PriceLine, exact_extension, price_order
from protocol.rules.tenders import round_cash

AMOUNT_LIMIT: Final = 10**12
"""Far above any sale; below it no sum can leave 64 bits."""
SELL_BEYOND_STOCK: Final = "sell_beyond_stock"


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody's word for an act, with the role they had when they gave it."""

    action: str
    by: str
    role: StoreRole
    reason: str = ""

    @property
    def approval(self) -> Approval:
        """The same as an event keeps it."""
        return Approval(action=self.action, by=self.by, reason=self.reason)


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line as asked for; a price of None is the catalogue's."""

    product: Product
    quantity: int
    unit_price_minor: int | None = None
    unit_price_exact: str = ""
    discount_minor: int = 0
    reason: str = ""
    grants: tuple[Grant, ...] = ()
    serials: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole sale as asked for."""

    lines: tuple[DraftLine, ...]
    order_discount_minor: int = 0
    order_grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Priced:
    """What a draft comes to."""

    lines: tuple[OrderLine, ...]
    total_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class Ask:
    """Something of a draft that not everybody may do, and the words that came with it."""

    act: Act
    percent_ppm: int
    grants: tuple[Grant, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Paid:
    """How a total is paid: total = sum of the tenders + rounding."""

    tenders: tuple[Tender, ...]
    change_minor: int
    rounding_minor: int

    @property
    def opens_drawer(self) -> bool:
        """Cash came in or goes out."""
        return any(tender.kind is TenderKind.CASH for tender in self.tenders)


def price(draft: Draft, currency: str) -> Priced:
    """Return the lines of a draft with everything allocated to them.

    Raises:
        Invalid: a discount is larger than what it is taken from, or the sum is beyond all measure.
    """
    asked = [_price_line(line, currency) for line in draft.lines]
    _within_limit(sum(_extension(line) for line in asked))
    priced = price_order(asked, draft.order_discount_minor)
    lines = tuple(
        OrderLine(
            line_no=number,
            sku=line.product.sku,
            name=line.product.name,
            kind=line.product.kind,
            quantity=line.quantity,
            list_price_minor=line.product.price_minor,
            unit_price_minor=ask.unit_price_minor,
            unit_price_exact=line.unit_price_exact,
            line_discount_minor=line.discount_minor,
            order_discount_minor=share.order_discount_minor,
            gross_minor=share.gross_minor,
            tax_minor=share.tax_minor,
            rate_ppm=line.product.rate_ppm,
            unit_cost_minor=line.product.unit_cost_minor,
            serials=line.serials,
        )
        for number, (line, ask, share) in enumerate(
            zip(draft.lines, asked, priced.lines, strict=True), start=1
        )
    )
    return Priced(lines, priced.total_minor, priced.tax_minor)


def _price_line(line: DraftLine, currency: str) -> PriceLine:
    unit_price = line.product.price_minor if line.unit_price_minor is None else line.unit_price_minor
    extension = None
    if line.unit_price_exact:
        extension = exact_extension(line.unit_price_exact, line.quantity, currency)
        unit_price = exact_extension(line.unit_price_exact, 1, currency)
    return PriceLine(unit_price, line.quantity, line.discount_minor, line.product.rate_ppm, extension)


def _extension(line: PriceLine) -> int:
    return line.unit_price_minor * line.quantity if line.extension_minor is None else line.extension_minor


def _within_limit(amount_minor: int) -> None:
    if amount_minor > AMOUNT_LIMIT:
        raise Invalid(
            _("This comes to more than a sale can."),
            _("Check the quantities, or split it into several sales."),
            code="amount_too_large",
        )


def asks(draft: Draft, currency: str) -> tuple[Ask, ...]:
    """Return everything in a draft that goes beyond an ordinary sale."""
    found: list[Ask] = []
    after_lines = 0
    for line in draft.lines:
        extension = _extension(_price_line(line, currency))
        if extension != line.product.price_minor * line.quantity:
            found.append(Ask(Act.PRICE_OVERRIDE, 0, line.grants, line.reason))
        if line.discount_minor:
            share = discount_ppm(line.discount_minor, extension)
            found.append(Ask(Act.LINE_DISCOUNT, share, line.grants, line.reason))
        after_lines += extension - line.discount_minor
    if draft.order_discount_minor:
        share = discount_ppm(draft.order_discount_minor, after_lines)
        found.append(Ask(Act.ORDER_DISCOUNT, share, draft.order_grants, ""))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Missing:
    """An act that nobody here may allow yet."""

    act: Act
    role_needed: StoreRole


def judge(
    asked: Sequence[Ask], seller: Grant, words: Sequence[Grant], authority: Authority
) -> tuple[Approval, ...] | Missing:
    """Return whose word allows each act, the seller's own first; or the first act that lacks one.

    `seller` is the person at the till as a grant without action. What is kept is named once, however many
    lines it was given for.
    """
    given: dict[tuple[str, str, str], Approval] = {}
    for ask in asked:
        own = Grant(ask.act, seller.by, seller.role, ask.reason)
        candidates = [own, *(word for word in (*ask.grants, *words) if word.action == ask.act)]
        allowing = next((word for word in candidates if _may(word.role, ask, authority) is None), None)
        if allowing is None:
            needed = _may(seller.role, ask, authority)
            assert needed is not None
            return Missing(ask.act, needed)
        reason = allowing.reason or ask.reason
        given.setdefault(
            (ask.act, allowing.by, reason), Approval(action=ask.act, by=allowing.by, reason=reason)
        )
    return tuple(given.values())


def _may(role: StoreRole, ask: Ask, authority: Authority) -> StoreRole | None:
    """Return None when this role may do it alone, else the role that may."""
    answer = needs_approval(role, ask.act, percent_ppm=ask.percent_ppm, authority=authority)
    return None if isinstance(answer, Allowed) else answer.role_needed


def pay(total_minor: int, tenders: Sequence[Tender], *, cash_step_minor: int, currency: str) -> Paid:
    """Return how the tenders pay a total.

    For cash `amount_minor` may be what is due or what was put on the counter; `tendered_minor`, where it is
    said, is what was put on the counter.

    Raises:
        Refused: `unpaid_rest` or `overpaid_card`, with the amounts in `facts`.
    """
    cards = [tender for tender in tenders if tender.kind is not TenderKind.CASH]
    cash = [tender for tender in tenders if tender.kind is TenderKind.CASH]
    by_card = sum(tender.amount_minor for tender in cards)
    rest = total_minor - by_card
    if rest < 0:
        raise Refused(
            _("The cards come to {over} more than the sale.", over=format_minor(-rest, currency)),
            _("Charge no more than {total} on cards.", total=format_minor(total_minor, currency)),
            code="overpaid_card",
            total_minor=total_minor,
            over_minor=-rest,
        )
    if not cash:
        if rest:
            raise _unpaid(total_minor, rest, currency)
        return Paid(tuple(card for card in cards if card.amount_minor), 0, 0)
    due, rounding = round_cash(rest, cash_step_minor)
    said = sum(tender.amount_minor for tender in cash)
    on_counter = sum(max(tender.tendered_minor, tender.amount_minor) for tender in cash)
    if said == rest and on_counter == said:
        on_counter = due  # exactly what is due, before rounding to the coins there are
    if on_counter < due:
        raise _unpaid(total_minor, due - on_counter, currency)
    kept = Tender(
        kind=TenderKind.CASH,
        amount_minor=due,
        tendered_minor=on_counter,
        reference=cash[0].reference,
    )
    paid = tuple(tender for tender in (*cards, kept) if tender.amount_minor or tender.tendered_minor)
    return Paid(paid, on_counter - due, rounding)


def _unpaid(total_minor: int, rest_minor: int, currency: str) -> Refused:
    return Refused(
        _("{rest} of this sale are not paid.", rest=format_minor(rest_minor, currency)),
        _("Take the rest in cash or by card."),
        code="unpaid_rest",
        total_minor=total_minor,
        rest_minor=rest_minor,
    )


def quick_cash(due_minor: int, *, cash_step_minor: int, notes_minor: Sequence[int]) -> tuple[int, ...]:
    """Return what customers put on the counter for an amount: exactly it, then the next round sums."""
    exact = round_cash(due_minor, cash_step_minor)[0]
    if exact <= 0:
        return ()
    rounded = (-(-exact // note) * note for note in notes_minor)
    return tuple(dict.fromkeys((exact, *sorted(amount for amount in rounded if amount > exact))))[:5]


def has_role(grants: Sequence[Grant], action: str, needed: StoreRole) -> Grant | None:
    """Return the first word for an action from somebody with enough authority."""
    return next((word for word in grants if word.action == action and at_least(word.role, needed)), None)
