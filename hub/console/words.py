"""What people call the things of the record: states, roles, kinds of events, exceptions and journals.

A name that is new to this version is shown as it is, with blanks for its dots; it is never hidden.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final

from babel.dates import format_date

from hub.console import (
    books_words,
    hold_words,
    later_words,
    lending_words,
    lives_words,
    payment_words,
    return_words,
    stock_words,
    transfer_words,
)
from hub.fleet.rules import Pill
from protocol.kit.text import _
from protocol.kit.web.filters import duration, locale_name
from protocol.kit.web.shell import Shape
from protocol.lifecycles import OrderState
from protocol.people import HubRole, StoreRole

_OPAQUE: Final = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-|^[0-9a-f]{16,}$")
_NAME: Final = re.compile(r"(?<![\w-])[a-z][a-z0-9]*-[a-z0-9-]*\d+(?![\w-])")
JOURNALS_PER_EVENT: Final = 100
"""How the ledger numbers its journals: the figure of `hub.ledger.stages`; a test holds the two together."""
_GRAVE: Final = frozenset({
    "event_parked", "stream_fork", "z_mismatch", "suspense", "money_difference", "duplicate_number",
    "return_without_order", "edge_unreadable", "edge_clone",
})  # fmt: skip
_ALL_GRAVE: Final = (
    _GRAVE
    | later_words.GRAVE
    | lending_words.GRAVE
    | transfer_words.GRAVE
    | lives_words.GRAVE
    | books_words.GRAVE
    | return_words.GRAVE
    | payment_words.GRAVE
    | hold_words.GRAVE
)


Say = Callable[[str], str]
_EVENT_WORDS: Final = (
    later_words.event_word,
    transfer_words.event_word,
    stock_words.event_word,
    books_words.event_word,
    return_words.event_word,
    payment_words.event_word,
    hold_words.event_word,
)
_EXCEPTION_WORDS: Final = (
    later_words.exception_word,
    stock_words.exception_word,
    lending_words.exception_word,
    transfer_words.exception_word,
    lives_words.exception_word,
    books_words.exception_word,
    return_words.exception_word,
    payment_words.exception_word,
    hold_words.exception_word,
)
_EXCEPTION_SENTENCES: Final = (
    later_words.exception_says,
    stock_words.exception_says,
    lending_words.exception_says,
    transfer_words.exception_says,
    lives_words.exception_says,
    books_words.exception_says,
    return_words.exception_says,
    payment_words.exception_says,
    hold_words.exception_says,
)
_DIRECTIVE_WORDS: Final = (
    later_words.directive_word,
    lending_words.directive_word,
    transfer_words.directive_word,
    stock_words.directive_word,
    return_words.directive_word,
    hold_words.directive_word,
)
_RULE_WORDS: Final = (
    later_words.rule_word,
    transfer_words.rule_word,
    stock_words.rule_word,
    books_words.rule_word,
    return_words.rule_word,
)
_FACT_WORDS: Final = (
    later_words.fact_word,
    lending_words.fact_word,
    transfer_words.fact_word,
    lives_words.fact_word,
    books_words.fact_word,
    return_words.fact_word,
    hold_words.fact_word,
)
"""The words that other rooms of the hub have for their own things, the first that knows a name first."""


def _elsewhere(rooms: Iterable[Say], name: str) -> str:
    return next(filter(None, (say(name) for say in rooms)), "")


def plain(name: str) -> str:
    """Return a technical name as words."""
    said = name.replace("_", " ").replace(".", " ").replace("-", " ").strip()
    return said[:1].upper() + said[1:]


def role_word(role: str) -> str:
    """Return who owns something, as people say it."""
    words: Mapping[str, str] = {
        HubRole.OPS: _("Operations"),
        HubRole.FINANCE: _("Finance"),
        HubRole.ADMIN: _("Admin"),
        StoreRole.ASSOCIATE: _("Associate"),
        StoreRole.LEAD: _("Team lead"),
        StoreRole.MANAGER: _("Store manager"),
    }
    return words.get(role, plain(role))


def state_pill(state: str) -> tuple[str, Shape]:
    """Return the state of an order as a word and its shape."""
    words: Mapping[str, tuple[str, Shape]] = {
        OrderState.CAPTURED: (_("Captured"), "live"),
        OrderState.HELD: (_("Held"), "wait"),
        OrderState.ROUTED: (_("Routed"), "live"),
        OrderState.PICKING: (_("Picking"), "live"),
        OrderState.READY: (_("Ready"), "live"),
        OrderState.HANDED_OVER: (_("Handed over"), "done"),
        OrderState.COMPLETED: (_("With customer"), "done"),
        OrderState.PART_RETURNED: (_("Part returned"), "calm"),
        OrderState.RETURNED: (_("Returned"), "calm"),
        OrderState.VOIDED: (_("Voided"), "calm"),
        OrderState.CANCELLED: (_("Cancelled"), "calm"),
    }
    return words.get(state, (plain(state), "calm"))


def location_pill(pill: Pill) -> tuple[str, Shape]:
    """Return how a location is, in a word and its shape; offline is neutral, it sells on."""
    span = duration(pill.minutes * 60) if pill.minutes else ""
    match pill.state:
        case "online":
            return _("Online"), "live"
        case "late":
            return _("Late"), "wait"
        case "offline":
            return _("Offline {span}", span=span), "calm"
        case "revoked":
            return _("Shut out"), "act"
        case _:
            return _("Never seen"), "calm"


def exception_word(kind: str) -> str:
    """Return what kind of thing needs a person."""
    words = {
        "event_parked": _("Event set aside"),
        "stream_fork": _("Two histories"),
        "z_mismatch": _("Close does not tie"),
        "till_difference": _("Till over or short"),
        "suspense": _("Money in suspense"),
        "money_difference": _("Money does not add up"),
        "duplicate_number": _("Number used twice"),
        "return_without_order": _("Return without its order"),
        "stock_oversold": _("Sold beyond stock"),
        "slip_in_doubt": _("Slip in doubt"),
        "printer_trouble": _("Printer needs somebody"),
        "slip_refused": _("Slip cannot be printed"),
        "edge_unreadable": _("Store cannot be read"),
    }
    return words.get(kind) or _elsewhere(_EXCEPTION_WORDS, kind) or plain(kind)


def exception_shape(kind: str) -> Shape:
    """Return how urgent a kind looks: what stops the books or a stream comes with the triangle."""
    return "act" if kind in _ALL_GRAVE else "wait"


def exception_says(kind: str) -> str:
    """Return what a kind of exception means, and what settles it; empty for one that is new."""
    words = {
        "event_parked": _(
            "This hub could not apply an event, so it was set aside with its bytes. What follows on the same "
            "record waits behind it. Replay it after the repair, or discard it with a reason."
        ),
        "stream_fork": _(
            "A store continues another history than the hub knows, as after restoring an old copy of its "
            "disk. Nothing of the new history was taken; find out which of the two is true."
        ),
        "z_mismatch": _(
            "The hub added the close up again from the events it applied and found other sums than the store."
        ),
        "till_difference": _(
            "The drawer was counted above or below what the store expected. The difference is booked as over "
            "or short; ask the store what happened."
        ),
        "suspense": _(
            "A posting had no account, or did not add up. What was left over stands on the suspense account "
            "until somebody moves it."
        ),
        "money_difference": _(
            "The sums of a sale do not agree with each other. The sale happened and stands as it was sent."
        ),
        "duplicate_number": _("A printed number was used for two orders. Both stand."),
        "return_without_order": _(
            "A return names an order that the hub does not have, or more units than were sold."
        ),
        "stock_oversold": _("More was sold than the store's stock held. Count the item there."),
        "slip_in_doubt": _("Nobody knows whether a slip came out of its printer. Ask the store to look."),
        "slip_refused": _(
            "A slip is too long or holds a code that does not fit its paper. The store sees why; it can be "
            "looked at on the screen, or printed on a wider printer."
        ),
        "printer_trouble": _(
            "A printer of the store stands still, or left slips in doubt. It closes by itself when somebody "
            "there has put it right."
        ),
    }
    return words.get(kind) or _elsewhere(_EXCEPTION_SENTENCES, kind)


def named(text: str, names: Mapping[str, str]) -> str:
    """Return a sentence of the record with its edges and tills as people call them."""
    if not text:
        return text

    def word(found: re.Match[str]) -> str:
        return names.get(found[0]) or till_word(found[0])

    return _NAME.sub(word, text)


def event_word(kind: str) -> str:
    """Return what happened, as the head of an event in a timeline."""
    words = {
        "order.sold": _("Sold"),
        "order.voided": _("Voided"),
        "return.completed": _("Returned"),
        "stock.moved": _("Stock moved"),
        "till.opened": _("Till opened"),
        "till.drawer_opened": _("Drawer opened"),
        "till.counted": _("Drawer counted"),
        "till.closed": _("Till closed"),
        "catalog.applied": _("Catalogue applied"),
        "exception.raised": _("Exception raised"),
        "exception.closed": _("Exception closed"),
        "person.locked_out": _("PIN locked"),
    }
    return words.get(kind) or _elsewhere(_EVENT_WORDS, kind) or plain(kind)


def directive_word(kind: str) -> str:
    """Return what a location was told to do."""
    words = {"catalog.publish": _("Take over a catalogue version"), "message": _("Message")}
    return words.get(kind) or _elsewhere(_DIRECTIVE_WORDS, kind) or plain(kind)


def rule_word(rule: str) -> str:
    """Return what a journal was posted for."""
    words = {
        "sale": _("Sale"),
        "sale_cost": _("Cost of goods sold"),
        "return": _("Return"),
        "return_refund": _("Refund"),
        "return_cost": _("Goods back in stock"),
        "void": _("Void"),
        "void_refund": _("Refund of a void"),
        "void_cost": _("Goods back, void"),
        "stock": _("Stock"),
        "float": _("Till float"),
        "over_short": _("Cash over or short"),
    }
    return words.get(rule) or _elsewhere(_RULE_WORDS, rule) or plain(rule)


def account_kind_word(kind: str) -> str:
    """Return the kind of an account."""
    words = {
        "asset": _("Asset"),
        "liability": _("Liability"),
        "equity": _("Equity"),
        "income": _("Income"),
        "expense": _("Expense"),
    }
    return words.get(kind, plain(kind))


def tender_word(kind: str) -> str:
    """Return how money changed hands."""
    words = {
        "cash": _("Cash"),
        "card": _("Card"),
        "store_credit": _("Store credit"),
        "gift_card": _("Gift card"),
        "exchange": _("Exchange"),
    }
    return words.get(kind, plain(kind))


def bucket_word(bucket: str) -> str:
    """Return a bucket of stock."""
    words = {
        "sellable": _("Sellable"),
        "reserved": _("Reserved"),
        "picked": _("Picked"),
        "held": _("Held"),
        "returns": _("Returns"),
        "quarantine": _("Quarantine"),
        "repair": _("Repair"),
        "liquidation": _("Liquidation"),
        "in_transit": _("In transit"),
    }
    return words.get(bucket, plain(bucket))


def till_word(till: str) -> str:
    """Return a till's name as people say it: `till-2` is Till 2."""
    kind, _dash, number = till.partition("-")
    return _("Till {number}", number=number) if kind == "till" and number else till


def person_word(person_id: str) -> str:
    """Return the person behind an id of a store, `a-osei` as A. Osei; an opaque id is left out."""
    if not person_id or _OPAQUE.match(person_id):
        return ""
    parts = [f"{part.upper()}." if len(part) == 1 else part.capitalize() for part in person_id.split("-")]
    return " ".join(part for part in parts if part)


def day_word(iso: str, form: str = "EEE d MMM y") -> str:
    """Return a business date as people write it; what is no date stays as it is."""
    try:
        return format_date(date.fromisoformat(iso), form, locale=locale_name())
    except ValueError:
        return iso


def journal_word(journal_id: int) -> str:
    """Return a journal as it is quoted: the hub's number of its event, then which of its journals it is.

    The id itself is the address of its page. It counts in hundreds, which looks like a count of journals and
    is none; the number of the event is what an exception and the journal's page say too.
    """
    event, nth = divmod(journal_id, JOURNALS_PER_EVENT)
    return f"J-{event}.{nth}"


def fact_word(name: str) -> str:
    """Return the name of a fact of an exception."""
    words = {
        "edge": _("Location"),
        "location": _("Location"),
        "locations": _("Locations"),
        "also_at": _("Also at"),
        "seq": _("Event number"),
        "upto": _("Complete to event"),
        "sent_from": _("Sent again from event"),
        "inc": _("Stream"),
        "why": _("Why"),
        "code": _("Code"),
        "z": _("Close"),
        "rule": _("Journal"),
        "sku": _("Item"),
        "sellable": _("May be sold"),
        "missing": _("Units missing at first"),
        "missing_now": _("Units missing now"),
        "bin": _("Bin"),
        "order": _("Order"),
        "orders": _("Orders"),
        "number": _("Number"),
        "order_number": _("Order"),
        "kind": _("What arrived"),
        "event": _("Event"),
        "event_id": _("Event"),
        "command_id": _("Command"),
        "expected": _("Expected"),
        "counted": _("Counted"),
        "difference": _("Over or short"),
        "expected_cash": _("Cash expected"),
        "expected_card": _("Card payments expected"),
        "amount": _("Amount"),
        "too_much": _("Too much"),
        "sales": _("Sales"),
        "returns": _("Returns"),
        "voids": _("Voids"),
        "discounts": _("Discounts"),
        "no_sales": _("Drawer opened without a sale"),
        "float": _("Float"),
        "cash": _("Cash"),
        "card": _("Card"),
        "by_rate": _("By VAT rate"),
        "range_hash": _("Seal over the events"),
        "due": _("Promised for"),
        "keep_until": _("Kept until"),
        "asked": _("Asked"),
        "asked_for": _("Asked for"),
        "asked_by": _("Asked by"),
        "by": _("By"),
        "every_seconds": _("Seconds between its runs"),
        "void": _("A void"),
    }
    # An amount and a moment are called what they are of; the unit is in how they are written.
    bare = name.removesuffix("_minor").removesuffix("_us")
    return words.get(name) or words.get(bare) or _elsewhere(_FACT_WORDS, bare) or plain(bare)


WORDS: Final = {
    "role_word": role_word,
    "state_pill": state_pill,
    "exception_word": exception_word,
    "exception_shape": exception_shape,
    "event_word": event_word,
    "exception_says": exception_says,
    "directive_word": directive_word,
    "rule_word": rule_word,
    "account_kind_word": account_kind_word,
    "tender_word": tender_word,
    "bucket_word": bucket_word,
    "till_word": till_word,
    "person_word": person_word,
    "day_word": day_word,
    "journal_word": journal_word,
    "fact_word": fact_word,
    "location_pill": location_pill,
    "count_state": stock_words.count_state,
    "delivery_state": stock_words.delivery_state,
    "place_word": stock_words.place_word,
    "source_word": stock_words.source_word,
    "promised_parts": stock_words.promised_parts,
    **later_words.LATER_WORDS,
    **transfer_words.TRANSFER_WORDS,
    **books_words.BOOKS_WORDS,
}
"""What templates may say by name."""
