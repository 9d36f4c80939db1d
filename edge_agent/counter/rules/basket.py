"""A basket, and how each act changes it: a basket in, a new basket out.

Line numbers stay with their lines, so a screen that is a moment old changes the line it shows and no other.
A price is the one that was shown when the item was scanned. Each change remembers what it replaced, five
deep, because undo is quicker than "are you sure".
"""

from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.counter.rules.sale import Draft, DraftLine, Grant, Priced, price
from protocol.catalog import Product
from protocol.errors import Invalid, NotFound
from protocol.kit.text import _
from protocol.orders import LineKind
from protocol.people import StoreRole
from protocol.rules.discounts import percent_of

REMEMBERED: Final = 5
SCANS_KNOWN: Final = 200
"""Ids of scans already taken: a scanner's queue that is sent again is never longer."""
LINES: Final = 500
QUANTITY: Final = 99_999


class Part(BaseModel):
    """A piece of a basket, as it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


P = TypeVar("P", bound=Part)


class Word(Part):
    """Whose word allows something on this line."""

    action: str
    by: str
    role: StoreRole
    reason: str = ""

    @property
    def grant(self) -> Grant:
        """The same for the rules of a sale."""
        return Grant(self.action, self.by, self.role, self.reason)


class BasketLine(Part):
    """One item in the basket. A discount is an amount or, where it follows the quantity, a share."""

    n: int
    sku: str
    name: str
    kind: LineKind
    quantity: int
    list_price_minor: int
    unit_price_minor: int
    rate_ppm: int
    unit_cost_minor: int = 0
    discount_minor: int = 0
    discount_ppm: int = 0
    reason: str = ""
    words: tuple[Word, ...] = ()
    category: str = ""
    serials: tuple[str, ...] = ()

    @property
    def extension_minor(self) -> int:
        """What the line costs before its discount."""
        return self.unit_price_minor * self.quantity

    @property
    def taken_off_minor(self) -> int:
        """The discount as an amount."""
        return (
            percent_of(self.extension_minor, self.discount_ppm) if self.discount_ppm else self.discount_minor
        )


class Discount(Part):
    """A discount on the whole basket."""

    amount_minor: int = 0
    share_ppm: int = 0
    words: tuple[Word, ...] = ()


class Scan(Part):
    """One scan and what came of it; `problem` is a code, empty when an item was added."""

    scan_id: str
    code: str
    name: str = ""
    sku: str = ""
    n: int = 0
    quantity: int = 0
    problem: str = ""


class Undo(Part):
    """What a change replaced: the line as it was (None when it was new) or the discount."""

    said: str
    n: int = 0
    line: BasketLine | None = None
    place: int = 0
    discount: Discount | None = None
    of_discount: bool = False


class ForLater(Part):
    """How the customer wants to get what is in the basket, as far as it was said; nothing is promised yet.

    It is part of the basket, so that what was agreed beside the shelf is still there once the basket is
    brought back at a till.
    """

    way: str = "here"
    location: str = ""
    location_name: str = ""
    service: str = ""
    when: str = ""
    on: str = ""
    note: str = ""
    gift: bool = False
    deposit_minor: int | None = None
    """What is paid now; None is all of it."""


class Basket(Part):
    """Everything that is in a basket."""

    lines: tuple[BasketLine, ...] = ()
    discount: Discount = Discount()
    customer_id: str = ""
    later: ForLater | None = None
    note: Annotated[str, Field(max_length=80)] = ""
    next_n: int = 1
    scans: tuple[Scan, ...] = ()
    undo: tuple[Undo, ...] = ()
    known_scans: tuple[str, ...] = ()

    @property
    def units(self) -> int:
        """How many things are in it."""
        return sum(line.quantity for line in self.lines)

    @property
    def subtotal_minor(self) -> int:
        """What it costs before the discount on the whole."""
        return sum(line.extension_minor - line.taken_off_minor for line in self.lines)

    @property
    def discount_minor(self) -> int:
        """The discount on the whole as an amount; never more than there is to take it from."""
        share = self.discount.share_ppm
        amount = percent_of(self.subtotal_minor, share) if share else self.discount.amount_minor
        return min(amount, self.subtotal_minor)

    def line(self, n: int) -> BasketLine:
        """Return a line by its number.

        Raises:
            NotFound: it is not in the basket, or no longer.
        """
        for line in self.lines:
            if line.n == n:
                return line
        raise NotFound(
            _("Line {n} is not in this basket any more.", n=n),
            _("Look at the basket as it is now and try again."),
            code="no_such_line",
            n=n,
        )

    def draft(self) -> Draft:
        """Return what is to be sold."""
        return Draft(
            lines=tuple(_draft_line(line) for line in self.lines),
            order_discount_minor=self.discount_minor,
            order_grants=tuple(word.grant for word in self.discount.words),
        )

    def priced(self, currency: str) -> Priced:
        """Return what it comes to."""
        return price(self.draft(), currency)


def _draft_line(line: BasketLine) -> DraftLine:
    product = Product.model_construct(
        sku=line.sku,
        name=line.name,
        kind=line.kind,
        price_minor=line.list_price_minor,
        rate_ppm=line.rate_ppm,
        unit_cost_minor=line.unit_cost_minor,
        category=line.category,
    )
    return DraftLine(
        product=product,
        quantity=line.quantity,
        unit_price_minor=line.unit_price_minor,
        discount_minor=line.taken_off_minor,
        reason=line.reason,
        grants=tuple(word.grant for word in line.words),
        serials=line.serials,
    )


def add(basket: Basket, product: Product, quantity: int, scan: Scan) -> Basket:
    """Add an item: one more of the line that has it at its ordinary price, or a new line at the end."""
    found = next(
        (
            line
            for line in basket.lines
            if (line.sku, line.name) == (product.sku, product.name)
            and line.list_price_minor == product.price_minor
            and not (line.words or line.discount_minor or line.discount_ppm)
        ),
        None,
    )
    if found is not None:
        changed = _with(found, quantity=check_quantity(found.quantity + quantity))
        done = _replace(basket, changed, said=product.name)
        return note_scan(done, _with(scan, n=found.n, quantity=changed.quantity))
    if len(basket.lines) >= LINES:
        raise Invalid(
            _("This basket is full: {lines} lines.", lines=LINES),
            _("Take payment for these, then go on in a new basket."),
            code="basket_full",
        )
    line = BasketLine(
        n=basket.next_n,
        sku=product.sku,
        name=product.name,
        kind=product.kind,
        quantity=check_quantity(quantity),
        list_price_minor=product.price_minor,
        unit_price_minor=product.price_minor,
        rate_ppm=product.rate_ppm,
        unit_cost_minor=product.unit_cost_minor,
        category=product.category,
    )
    done = _with(basket, lines=(*basket.lines, line), next_n=line.n + 1)
    done = _remember(done, Undo(said=product.name, n=line.n))
    return note_scan(done, _with(scan, n=line.n, quantity=quantity))


def note_scan(basket: Basket, scan: Scan) -> Basket:
    """Remember a scan, also one that added nothing: a row on the screen, never a dialog."""
    known = (*basket.known_scans, scan.scan_id)[-SCANS_KNOWN:] if scan.scan_id else basket.known_scans
    return _with(basket, scans=(scan, *basket.scans)[:REMEMBERED], known_scans=known)


def change(basket: Basket, line: BasketLine) -> Basket:
    """Put a changed line in the place of the one with its number."""
    check_quantity(line.quantity)
    if not 0 <= line.taken_off_minor <= line.extension_minor:
        raise Invalid(
            _("The discount is more than the line."),
            _("Give a discount between nothing and the whole line."),
            code="bad_discount",
            n=line.n,
        )
    return _replace(basket, line, said=line.name)


def remove(basket: Basket, n: int) -> Basket:
    """Take a line out."""
    line = basket.line(n)
    place = basket.lines.index(line)
    done = _with(basket, lines=tuple(other for other in basket.lines if other.n != n))
    return _remember(done, Undo(said=line.name, n=n, line=line, place=place))


def set_discount(basket: Basket, discount: Discount) -> Basket:
    """Give a discount on the whole, or take it away."""
    if not 0 <= discount.amount_minor <= basket.subtotal_minor:
        raise Invalid(
            _("The discount is more than the basket."),
            _("Give a discount between nothing and the whole basket."),
            code="bad_discount",
        )
    done = _with(basket, discount=discount)
    return _remember(done, Undo(said=_("Discount"), discount=basket.discount, of_discount=True))


def undo(basket: Basket) -> Basket:
    """Take the last change back.

    Raises:
        NotFound: there is nothing to take back.
    """
    if not basket.undo:
        raise NotFound(
            _("There is nothing to undo in this basket."),
            _("Change the line instead."),
            code="nothing_to_undo",
        )
    last, rest = basket.undo[0], basket.undo[1:]
    if last.of_discount:
        return _with(basket, undo=rest, discount=last.discount or Discount())
    lines = [line for line in basket.lines if line.n != last.n]
    if last.line is not None:
        lines.insert(last.place, last.line)
    return _with(basket, undo=rest, lines=tuple(lines))


def check_quantity(quantity: int) -> int:
    """Return a quantity that a line may have.

    Raises:
        Invalid: it is not.
    """
    if not 1 <= quantity <= QUANTITY:
        raise Invalid(
            _("A line has 1 to {limit} of an item.", limit=QUANTITY),
            _("Type the quantity again; to take the item out, remove the line."),
            code="bad_quantity",
            quantity=quantity,
        )
    return quantity


def _replace(basket: Basket, line: BasketLine, *, said: str) -> Basket:
    before = basket.line(line.n)
    place = basket.lines.index(before)
    lines = (*basket.lines[:place], line, *basket.lines[place + 1 :])
    return _remember(_with(basket, lines=lines), Undo(said=said, n=line.n, line=before, place=place))


def _remember(basket: Basket, entry: Undo) -> Basket:
    return _with(basket, undo=(entry, *basket.undo)[:REMEMBERED])


def _with(part: P, **changes: object) -> P:
    return part.model_copy(update=changes)
