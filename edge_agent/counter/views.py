"""What the sell page shows of a basket: the last scan in words, the sale before it, what was found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from edge_agent.catalog import rows as catalog_rows
from edge_agent.context import Edge
from edge_agent.counter import rows
from edge_agent.counter.rules.basket import Scan
from edge_agent.counter.steps.basket import BasketView
from edge_agent.customers import rows as customers
from edge_agent.pages import Form, till_word
from edge_agent.paper import rows as paper_rows
from edge_agent.paper.rules import state_label
from edge_agent.stock import rows as stock_rows
from edge_agent.stock.words import sold_parts
from protocol.errors import Invalid
from protocol.kit.sqlite import Connection
from protocol.kit.text import _, inside
from protocol.kit.web.filters import money
from protocol.kit.web.signin import CurrentPerson

FOUND_LIMIT: Final = 8
FOUND_COUNTED: Final = 100
"""So many hits are counted for "n more"; a text that means more of them is no search yet."""


@dataclass(frozen=True, slots=True)
class ScanShown:
    """What the last scan did, as a person reads it from a metre away."""

    word: str
    name: str
    quantity: str
    detail: str
    shape: str
    tone: str
    nth: int
    code: str
    unknown: bool
    parts: Sequence[tuple[str, str, int]] = ()
    """What the number of units left is made of, where `detail` says one: rows of `ui.made_of`."""


@dataclass(frozen=True, slots=True)
class LastSale:
    """The sale before this one, and what became of its receipt."""

    number: str
    total_minor: int
    change_minor: int
    at_us: int
    paper: str
    fresh: bool


def till_of(edge: Edge, person: CurrentPerson) -> str:
    """Return the till a person stands at, or the handheld in their hand."""
    return person.device if person.device in edge.settings.stations else edge.settings.tills[0]


def view(
    edge: Edge, person: CurrentPerson, basket: BasketView, *, quiet: bool = False, sold: str = ""
) -> dict[str, Any]:
    """Return everything the sell page shows."""
    connection = edge.database.read()
    till = till_of(edge, person)
    latest = basket.scans[0] if basket.scans and not quiet else None
    is_till = till in edge.settings.tills
    open_till = rows.open_till(connection, till)
    empty = "" if basket.lines else _("Scan something first.")
    closed = "" if open_till or not is_till else _("Open {till} with its float first.", till=till_word(till))
    return {
        "basket": basket,
        "is_till": is_till,
        "customer": _customer(connection, basket.customer_id),
        "lines": tuple(reversed(basket.lines)),
        "short": _short(connection, basket),
        "unread": asks_for_serials(edge, basket),
        "now_n": latest.n if latest else 0,
        "scan": _scan_shown(connection, latest, basket) if latest else None,
        "parked": len(rows.parked_baskets(connection)),
        "last": _last_sale(connection, till, sold),
        "saved_minor": sum(line.discount_minor for line in basket.lines) + basket.discount_minor,
        "why_no_pay": closed or empty,
        "why_empty": empty,
        "closed": closed,
        "till_word": till_word(till),
        "online": edge.online(),
    }


def _customer(connection: Connection, customer_id: str) -> str:
    """Return whose basket it is, as it is said: a known customer by name."""
    contact = customers.find(connection, customer_id)
    return contact.full_name if contact is not None and not contact.erased else customer_id


def asks_for_serials(edge: Edge, basket: BasketView) -> dict[int, int]:
    """Return, for each line whose units have serial numbers, how many are not read."""
    connection = edge.database.read()
    products = edge.products.find_all(connection, [line.sku for line in basket.lines])
    asked = edge.serial_skus(connection, products.values())
    unread = {line.n: line.quantity - len(line.serials) for line in basket.lines if line.sku in asked}
    return {n: count for n, count in unread.items() if count > 0}


def _short(connection: Connection, basket: BasketView) -> dict[int, int]:
    """Return, for each line of which the store has not enough free, how many are free."""
    wanted: dict[str, int] = {}
    for line in basket.lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    here = stock_rows.on_hand_of(connection, wanted)
    return {
        line.n: max(0, here[line.sku].rights.sellable)
        for line in basket.lines
        if here[line.sku].buckets and here[line.sku].rights.sellable < wanted[line.sku]
    }


def percent_or_amount(form: Form, currency: str) -> tuple[float | None, int | None]:
    """Return a discount as a percentage or as an amount; (None, None) takes it away.

    Raises:
        Invalid: neither reads as a number.
    """
    percent, minor = form.get("percent").rstrip("% "), form.get("amount")
    if percent and minor:
        raise Invalid(_("Give the discount as a percentage or as an amount."), _("Leave one of them empty."))
    if minor:
        return None, form.minor("amount", currency)
    if not percent:
        return None, None
    try:
        value = float(percent.replace(",", "."))
    except ValueError as error:
        raise Invalid(_("This is not a percentage."), _("Type it like 10 or 12.5.")) from error
    if not 0 <= value <= 100:
        raise Invalid(_("A discount is between 0 and 100 percent."), _("Type it again."))
    return value, None


def found_products(edge: Edge, text: str) -> tuple[list[dict[str, Any]], int]:
    """Return the first products a typed text may mean, with what is left, and how many more there are."""
    connection = edge.database.read()
    if len(text.strip()) < 2:
        return [], 0
    found = catalog_rows.search(connection, text, FOUND_COUNTED)
    first = found[:FOUND_LIMIT]
    here = stock_rows.on_hand_of(connection, [product.sku for product in first])
    shown = [
        {
            "sku": product.sku,
            "name": product.name,
            "price_minor": product.price_minor,
            "active": product.active,
            "parts": sold_parts(here[product.sku].rights),
        }
        for product in first
    ]
    return shown, len(found) - len(shown)


def _scan_shown(connection: Connection, scan: Scan, basket: BasketView) -> ScanShown:
    nth = basket.version
    problems = {
        "unknown_code": (_("Unknown code"), scan.code, _("It is not in the catalogue of this store.")),
        "misread": (_("Misread"), scan.code, _("The check digit is wrong: scan it once more.")),
        "product_inactive": (_("No longer sold"), scan.name, _("It has left the range; nothing was added.")),
    }
    if scan.problem:
        word, name, detail = problems.get(scan.problem, (_("Not added"), scan.code, ""))
        unknown = scan.problem == "unknown_code"
        return ScanShown(word, name, "", detail, "act", "error", nth, scan.code, unknown)
    line = next((line for line in basket.lines if line.n == scan.n), None)
    if line is None:
        return ScanShown(_("Taken out"), scan.name, "", "", "calm", "ok", nth, scan.code, unknown=False)
    each = money(line.unit_price_minor, basket.currency)
    here = stock_rows.on_hand(connection, line.sku)
    wanted = sum(other.quantity for other in basket.lines if other.sku == line.sku)
    left = here.rights.sellable - wanted
    shape, tone, word = "done", "ok", _("Added")
    if not here.buckets:
        said = _("{each} each", each=each)
    elif left >= 0:
        said = _("{each} each, {left} left here", each=each, left=left)
    else:
        shape, tone, word = "wait", "over", _("Added, beyond the books")
        said = _(
            "{each} each. The books have {have} here; sell it if the customer holds it.",
            each=each,
            have=max(0, here.rights.sellable),
        )
    parts = [*sold_parts(here.rights), ("−", _("in this basket"), wanted), ("=", _("left here"), left)]
    shown = ScanShown(word, line.name, str(line.quantity), said, shape, tone, nth, scan.code, unknown=False)
    return replace(shown, parts=parts) if here.buckets else shown


def _last_sale(connection: Connection, till: str, sold: str) -> LastSale | None:
    head = next((head for head in rows.search_orders(connection, sold, limit=5) if head.till == till), None)
    if head is None:
        return None
    job = next(iter(paper_rows.jobs(connection, state="", business_id=head.number, limit=1)), None)
    paper = inside(state_label(job.state)) if job else _("none")
    fresh = bool(sold) and head.number == sold
    return LastSale(head.number, head.total_minor, head.change_minor, head.at_us, paper, fresh)
