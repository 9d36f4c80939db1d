"""The editor's fields: a rule as texts, and texts as a rule; the same for customers and for an order to try.

What somebody typed stays in its field beside what is wrong with it. A form of a rule has the fields of its
kind alone; the kind is chosen before.
"""

from typing import Any, Final

from hub.service.forms import Form
from protocol.checks import CheckKind, CheckRule, CheckRules, CustomerTerm, OrderFacts, Signal
from protocol.customers import phone_digits
from protocol.holds import Blocked
from protocol.kit.text import _
from protocol.money import PPM, format_minor
from protocol.people import HubRole
from protocol.rules.checks import customer_keys

ROLES: Final = (HubRole.OPS, HubRole.FINANCE, HubRole.ADMIN)
MONEY: Final = ("cap_minor", "exposure_minor", "order_limit_minor", "tolerance_minor")
WHOLE: Final = ("review_points", "deny_points", "open_orders", "hours")
PERCENT: Final = ("ship_paid_ppm", "collect_paid_ppm")
PARAMETERS: Final[dict[CheckKind, tuple[str, ...]]] = {
    CheckKind.PAYMENT: ("ship_paid_ppm", "collect_paid_ppm"),
    CheckKind.OFFLINE_PAYMENT: ("cap_minor", "exposure_minor"),
    CheckKind.FRAUD: ("review_points", "deny_points"),
    CheckKind.CUSTOMER: ("order_limit_minor", "open_orders"),
    CheckKind.TAX: ("tolerance_minor",),
    CheckKind.AVAILABILITY: (),
}


def label_of(name: str) -> tuple[str, str]:
    """Return what a parameter is called, and what to type."""
    words = {
        "ship_paid_ppm": (_("Paid before it is shipped, in percent"), ""),
        "collect_paid_ppm": (_("Paid before it is collected, in percent"), ""),
        "cap_minor": (_("Without the bank, one order at most"), _("Empty: without limit.")),
        "exposure_minor": (_("Without the bank, all of a store at most"), _("Empty: without limit.")),
        "review_points": (_("On hold from, points"), _("Empty: never.")),
        "deny_points": (_("Refused from, points"), _("Empty: never.")),
        "order_limit_minor": (_("One order at most"), _("Empty: without limit.")),
        "open_orders": (_("Open orders at most"), _("Empty: without limit.")),
        "tolerance_minor": (_("Difference that is allowed"), _("What rounding may make.")),
    }
    return words[name]


def rule_texts(rule: CheckRule, place: int, currency: str) -> dict[str, str]:
    """Return a rule as the texts of its form."""
    texts = {
        "rule_id": rule.rule_id,
        "before": rule.rule_id,
        "kind": rule.kind.value,
        "place": str(place),
        "entities": " ".join(rule.entities),
        "channels": " ".join(rule.channels),
        "first_day": rule.first_day,
        "last_day": rule.last_day,
        "outcome": rule.outcome.value,
        "then": rule.then.value,
        **{f"blocks_{each.value}": "yes" for each in rule.blocks},
        **{f"may_{each}": "yes" for each in rule.may},
        **{name: _percent_text(getattr(rule, name)) for name in PERCENT},
        **{name: _whole_text(getattr(rule, name)) for name in WHOLE},
        **{name: _money_text(getattr(rule, name), currency) for name in MONEY},
    }
    for each in rule.signals:
        texts[f"points_{each.signal.value}"] = str(each.points)
        is_money = each.signal is Signal.AMOUNT
        texts[f"limit_{each.signal.value}"] = (
            _money_text(each.limit, currency) if is_money else _whole_text(each.limit)
        )
    return texts


def rule_of(form: Form, currency: str) -> CheckRule | None:
    """Return the rule that a form says; None when something of it cannot be read, with the errors kept."""
    said: dict[str, Any] = {
        "rule_id": form.get("rule_id").lower(),
        "kind": form.get("kind"),
        "entities": tuple(form.get("entities").replace(",", " ").split()),
        "channels": tuple(form.get("channels").replace(",", " ").split()),
        "first_day": form.get("first_day"),
        "last_day": form.get("last_day"),
        "outcome": form.get("outcome") or "hold",
        "then": form.get("then") or "keep",
        "blocks": tuple(each.value for each in Blocked if form.get(f"blocks_{each.value}")),
        "may": tuple(each.value for each in ROLES if form.get(f"may_{each.value}")) or ("admin",),
        "signals": tuple(_signals(form, currency)),
        "hours": form.units("hours"),
    }
    for name in PERCENT:
        if form.get(name):
            said[name] = _percent(form, name)
    for name in MONEY:
        if form.get(name):
            said[name] = form.minor(name, currency)
    for name in ("review_points", "deny_points", "open_orders"):
        if form.get(name):
            said[name] = form.units(name)
    made = form.read(CheckRule, said)
    return None if form.errors else made


def with_rule(rules: CheckRules, rule: CheckRule, before: str, place: str) -> CheckRules:
    """Return rules with one more, or with one changed (`before` is what it was called), at a place."""
    kept = [each for each in rules.rules if each.rule_id != before]
    was = next((n for n, each in enumerate(rules.rules) if each.rule_id == before), len(kept))
    at = int(place) - 1 if place.isdecimal() and len(place) < 4 else was
    kept.insert(max(0, at), rule)
    return rules.model_copy(update={"rules": tuple(kept)})


def without_rule(rules: CheckRules, rule_id: str) -> CheckRules:
    """Return rules without one."""
    kept = tuple(each for each in rules.rules if each.rule_id != rule_id)
    return rules.model_copy(update={"rules": kept})


def term_of(form: Form, currency: str) -> CustomerTerm | None:
    """Return what a form says of a customer; the mail address or number becomes a digest and is not kept."""
    said = form.get("who")
    keys = customer_keys(said, "") if "@" in said else customer_keys("", phone_digits(said))
    if not keys:
        form.errors["who"] = _("Type the mail address or the telephone number of a customer.")
        return None
    known: dict[str, Any] = {
        "key": keys[0],
        "note": form.get("note"),
        "blocked": form.get("blocked") == "yes",
        "tax_exempt": form.get("tax_exempt") == "yes",
    }
    if form.get("order_limit_minor"):
        known["order_limit_minor"] = form.minor("order_limit_minor", currency)
    if form.get("open_orders"):
        known["open_orders"] = form.units("open_orders")
    made = form.read(CustomerTerm, known)
    return None if form.errors else made


def with_term(rules: CheckRules, term: CustomerTerm) -> CheckRules:
    """Return rules with what holds for one customer, in place of what held before."""
    kept = tuple(each for each in rules.customers if each.key != term.key)
    return rules.model_copy(update={"customers": (*kept, term)})


def without_term(rules: CheckRules, key: str) -> CheckRules:
    """Return rules without what holds for one customer."""
    kept = tuple(each for each in rules.customers if each.key != key)
    return rules.model_copy(update={"customers": kept})


def facts_of(form: Form, currency: str, day: str) -> OrderFacts | None:
    """Return the order that somebody tries; None when it cannot be read."""
    keys = customer_keys(form.get("who"), "") if "@" in form.get("who") else ()
    total, tax = form.minor("total", currency), form.minor("tax", currency)
    said = {
        "channel": form.get("channel"),
        "entity": form.get("entity"),
        "day": form.get("day") or day,
        "total_minor": total,
        "ships": form.get("way") == "ship",
        "same_hour": form.get("way") == "hour",
        "paid_minor": form.minor("paid", currency),
        "offline_minor": form.minor("offline", currency),
        "exposure_minor": form.minor("exposure", currency),
        "customer": keys,
        "known_customer": form.get("known") != "no",
        "tax_minor": tax,
        "tax_again_minor": form.minor("tax_again", currency) if form.get("tax_again") else tax,
        "available": form.get("available") != "no",
        **{name: form.get(name) == "yes" for name in ("proxy", "payer_differs", "address_differs")},
        **{
            name: form.units(name)
            for name in ("orders_24h", "open_orders", "cards_30d", "chargebacks", "refunds_90d")
        },
    }
    made = form.read(OrderFacts, said)
    return None if form.errors else made


def _signals(form: Form, currency: str) -> list[dict[str, Any]]:
    found = []
    for each in Signal:
        if not (points := form.units(f"points_{each.value}")):
            continue
        name = f"limit_{each.value}"
        limit = form.minor(name, currency) if each is Signal.AMOUNT else form.units(name)
        found.append({"signal": each.value, "points": points, "limit": limit})
    return found


def _percent(form: Form, name: str) -> int:
    text = form.get(name).removesuffix("%").strip().replace(",", ".")
    try:
        found = round(float(text) * 10_000)
    except (ValueError, OverflowError):
        found = -1
    if not 0 <= found <= PPM:
        form.errors[name] = _("Type a number from 0 to 100.")
        return 0
    return found


def _percent_text(ppm: int) -> str:
    return f"{ppm / 10_000:g}"


def _whole_text(count: int | None) -> str:
    return str(count) if count else ""


def _money_text(minor: int | None, currency: str) -> str:
    return "" if minor is None else format_minor(minor, currency)
