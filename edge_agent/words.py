"""What people call the things of a store, on screens and on paper alike."""

from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.orders import TenderKind


def till_word(till: str) -> str:
    """Return a till's name as people say it: `till-2` is Till 2, `handheld-1` is Handheld 1."""
    kind, _dash, number = till.partition("-")
    if kind == "handheld" and number:
        return _("Handheld {number}", number=number)
    return _("Till {number}", number=number) if kind == "till" and number else till


def items_word(units: int) -> str:
    """Return a number of items."""
    return _("1 item") if units == 1 else _("{n} items", n=units)


def tender_label(kind: TenderKind) -> str:
    """Return how money changed hands, for screens and paper."""
    return {
        TenderKind.CASH: _("Cash"),
        TenderKind.CARD: _("Card"),
        TenderKind.STORE_CREDIT: _("Store credit"),
        TenderKind.GIFT_CARD: _("Gift card"),
        TenderKind.EXCHANGE: _("Exchange"),
    }[kind]


def cash_word(kind: str) -> str:
    """Return how cash goes into a drawer or out of it without a sale."""
    words = {
        "paid_in": _("Paid in"),
        "paid_out": _("Paid out"),
        "loan": _("From the safe"),
        "drop": _("Dropped into the safe"),
        "pickup": _("Picked up"),
    }
    return words.get(kind, kind)


def piece_word(value_minor: int, currency: str) -> str:
    """Return what a note or coin is called: £20, 50p."""
    if value_minor < 100:
        return f"{value_minor}{'p' if currency == 'GBP' else 'c'}"
    return money(value_minor, currency).replace(".00", "").replace(",00", "")
