"""What checks say of an order: pass, hold or refuse, with the reasons and the facts that were used.

Pure, and the same at a counter without a line and at the hub. One function for each kind of check; the rule
says what a failure comes to. Reasons are sentences for the record; screens say them by their code
(`protocol.kit.hold_words`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from protocol.checks import (
    KEY_DIGITS,
    CheckKind,
    CheckOutcome,
    CheckRule,
    CheckRules,
    CustomerTerm,
    OrderFacts,
    Signal,
    SignalRule,
)
from protocol.holds import Blocked, OnExpiry
from protocol.money import PPM, round_ratio
from protocol.people import HubRole

AT_STORE: Final = (CheckKind.OFFLINE_PAYMENT, CheckKind.FRAUD, CheckKind.CUSTOMER)
"""What a store looks at itself: its tills tell money, and its own shelves the rest."""
STRICTNESS: Final = (CheckOutcome.PASS, CheckOutcome.HOLD, CheckOutcome.REFUSE)
HOUR_US: Final = 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule found. `facts` are those that it used."""

    rule: CheckRule
    outcome: CheckOutcome
    code: str
    reason: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def until_us(self, now_us: int) -> int:
        """Return until when a hold by it waits for somebody; 0 for ever."""
        return now_us + self.rule.hours * HOUR_US if self.rule.hours else 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all rules together say of an order."""

    outcome: CheckOutcome
    findings: tuple[Finding, ...] = ()
    """Those that did not pass, in the order of the rules."""

    @property
    def refused(self) -> Finding | None:
        """The reason why it is refused; None when it is not."""
        return next((each for each in self.findings if each.outcome is CheckOutcome.REFUSE), None)


def evaluate(rules: CheckRules, facts: OrderFacts, kinds: Sequence[CheckKind] = tuple(CheckKind)) -> Verdict:
    """Return what the rules say of an order; `kinds` leaves out what is not looked at there."""
    terms = terms_of(rules, facts.customer)
    found: list[Finding] = []
    for rule in in_force(rules, facts):
        if rule.kind not in kinds:
            continue
        finding = _CHECKS[rule.kind](rule, facts, terms)
        if finding is not None:
            found.append(finding)
    outcome = strictest([each.outcome for each in found])
    return Verdict(outcome, tuple(found))


def for_store(rules: CheckRules, entity: str) -> CheckRules:
    """Return what a store of an entity has to know of the rules: those that it asks itself."""
    mine = [
        rule.model_copy(update={"entities": ()})
        for rule in rules.rules
        if rule.kind in AT_STORE and (not rule.entities or entity in rule.entities)
    ]
    return rules.model_copy(update={"rules": tuple(mine)})


def strictest(outcomes: Sequence[CheckOutcome]) -> CheckOutcome:
    """Return what several outcomes come to."""
    return max(outcomes, key=STRICTNESS.index, default=CheckOutcome.PASS)


def in_force(rules: CheckRules, facts: OrderFacts) -> list[CheckRule]:
    """Return the rules that speak of an order: of each kind the first that fits."""
    found: dict[CheckKind, CheckRule] = {}
    for rule in rules.rules:
        if rule.kind not in found and fits(rule, facts):
            found[rule.kind] = rule
    return list(found.values())


def fits(rule: CheckRule, facts: OrderFacts) -> bool:
    """Tell whether a rule speaks of an order's entity, channel and day."""
    return (
        (not rule.entities or facts.entity in rule.entities)
        and (not rule.channels or facts.channel in rule.channels)
        and (not rule.first_day or rule.first_day <= facts.day)
        and (not rule.last_day or facts.day <= rule.last_day)
    )


def customer_keys(email: str, phone_digits: str) -> tuple[str, ...]:
    """Return the digests by which rules name a customer, of the mail address and of the telephone number."""
    said = (("email", email.strip().lower()), ("phone", phone_digits.lstrip("0")))
    return tuple(
        hashlib.sha256(f"{what}:{value}".encode()).hexdigest()[:KEY_DIGITS] for what, value in said if value
    )


def terms_of(rules: CheckRules, keys: Sequence[str]) -> CustomerTerm | None:
    """Return what holds for a customer alone; None where nothing does."""
    return next((term for term in rules.customers if term.key in keys), None)


def _failed(rule: CheckRule, code: str, reason: str, **facts: Any) -> Finding:
    return Finding(rule, rule.outcome, code, reason, facts)


def _payment(rule: CheckRule, facts: OrderFacts, _terms: CustomerTerm | None) -> Finding | None:
    """V1: enough is captured, or authorised and still good."""
    if facts.paid_minor is None:
        return None
    part = rule.ship_paid_ppm if facts.ships else rule.collect_paid_ppm
    needed = round_ratio(facts.total_minor * part, PPM)
    good = facts.authorised_until_us == 0 or facts.at_us <= facts.authorised_until_us
    there = facts.paid_minor + (facts.authorised_minor if good else 0)
    if there >= needed:
        return None
    used = {"paid_minor": facts.paid_minor, "needed_minor": needed, "total_minor": facts.total_minor}
    if not good and facts.paid_minor + facts.authorised_minor >= needed:
        until = {"authorised_minor": facts.authorised_minor, "authorised_until_us": facts.authorised_until_us}
        return _failed(rule, "payment_expired", "The payment was authorised too long ago.", **used, **until)
    return _failed(rule, "not_paid", "Less is paid than has to be before anything happens.", **used)


def _offline(rule: CheckRule, facts: OrderFacts, _terms: CustomerTerm | None) -> Finding | None:
    """V1 without the bank: not too much at once, and not too much open."""
    if not facts.offline_minor:
        return None
    used = {"offline_minor": facts.offline_minor}
    if rule.cap_minor is not None and facts.offline_minor > rule.cap_minor:
        why = "More was paid without the bank than may be."
        return _failed(rule, "offline_over_cap", why, **used, cap_minor=rule.cap_minor)
    if rule.exposure_minor is None or facts.exposure_minor is None:
        return None
    open_minor = facts.exposure_minor + facts.offline_minor
    if open_minor <= rule.exposure_minor:
        return None
    caps = {"exposure_minor": open_minor, "exposure_cap_minor": rule.exposure_minor}
    return _failed(
        rule, "offline_exposure", "Too much is paid without the bank and not settled.", **used, **caps
    )


def _fraud(rule: CheckRule, facts: OrderFacts, _terms: CustomerTerm | None) -> Finding | None:
    """V2: points of the signs that are there, against the two thresholds."""
    there = [(each, number) for each in rule.signals if (number := _signal(each, facts)) is not None]
    points = sum(each.points for each, _number in there)
    if rule.deny_points and points >= rule.deny_points:
        outcome = CheckOutcome.REFUSE
    elif rule.review_points and points >= rule.review_points:
        outcome = CheckOutcome.HOLD
    else:
        return None
    signs = [{"signal": each.signal.value, "points": each.points, "count": number} for each, number in there]
    names = ", ".join(each.signal.value.replace("_", " ") for each, _number in there)
    used = {"points": points, "review_points": rule.review_points, "deny_points": rule.deny_points}
    return Finding(rule, outcome, "fraud_points", f"{points} points: {names}.", {**used, "signals": signs})


def _signal(rule: SignalRule, facts: OrderFacts) -> int | None:
    """Return the number by which a sign is there; None when it is not, or nobody knows."""
    counts: Mapping[Signal, int | None] = {
        Signal.VELOCITY: facts.orders_24h,
        Signal.AMOUNT: facts.total_minor,
        Signal.MANY_CARDS: facts.cards_30d,
        Signal.CHARGEBACKS: facts.chargebacks,
        Signal.REFUND_ABUSE: facts.refunds_90d,
    }
    if rule.signal in counts:
        count = counts[rule.signal]
        return count if count is not None and count >= max(1, rule.limit) else None
    there = {
        Signal.ADDRESS: facts.address_differs,
        Signal.PAYER: facts.payer_differs,
        Signal.PROXY: facts.proxy,
        Signal.QUICK_PICKUP: facts.known_customer is False and facts.same_hour and not facts.ships,
    }
    return 1 if there[rule.signal] else None


def _customer(rule: CheckRule, facts: OrderFacts, terms: CustomerTerm | None) -> Finding | None:
    """V3: blocked, above a limit, or with too many orders open."""
    if terms is not None and terms.blocked:
        return _failed(rule, "customer_blocked", "The customer is blocked.")
    limit = rule.order_limit_minor if terms is None else terms.order_limit_minor
    if limit is None:
        limit = rule.order_limit_minor
    if limit is not None and facts.total_minor > limit:
        why = "The order is above the customer's limit."
        return _failed(rule, "customer_limit", why, total_minor=facts.total_minor, limit_minor=limit)
    most = rule.open_orders if terms is None or terms.open_orders is None else terms.open_orders
    if most is None or facts.open_orders is None or facts.open_orders < most:
        return None
    why = "The customer has too many orders open."
    return _failed(rule, "customer_open_limit", why, open_orders=facts.open_orders, limit=most)


def _tax(rule: CheckRule, facts: OrderFacts, terms: CustomerTerm | None) -> Finding | None:
    """V4: the tax that was charged against the one that is due; the charge itself stands as it is."""
    if facts.tax_again_minor is None:
        return None
    again = 0 if terms is not None and terms.tax_exempt else facts.tax_again_minor
    if abs(facts.tax_minor - again) <= rule.tolerance_minor:
        return None
    used = {"tax_minor": facts.tax_minor, "tax_again_minor": again, "rates": list(facts.other_rates)}
    if not facts.tax_minor and again:
        return _failed(rule, "tax_exempt_unknown", "No tax is charged, and no exemption is known.", **used)
    return _failed(rule, "tax_differs", "The tax of the order is not what the rates come to.", **used)


def _availability(rule: CheckRule, facts: OrderFacts, _terms: CustomerTerm | None) -> Finding | None:
    """V5: the promise function could keep what is promised."""
    if facts.available is not False:
        return None
    return _failed(rule, "not_available", "Nobody could keep the promise.", why=facts.why_not)


_CHECKS: Final[Mapping[CheckKind, Callable[[CheckRule, OrderFacts, CustomerTerm | None], Finding | None]]] = (
    MappingProxyType(
        {
            CheckKind.PAYMENT: _payment,
            CheckKind.OFFLINE_PAYMENT: _offline,
            CheckKind.FRAUD: _fraud,
            CheckKind.CUSTOMER: _customer,
            CheckKind.TAX: _tax,
            CheckKind.AVAILABILITY: _availability,
        }
    )
)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Why a set of rules cannot count. `other` is the second rule, or a number, that it clashes with."""

    code: str
    rule_id: str
    other: str = ""


def contradiction(rules: CheckRules) -> Contradiction | None:
    """Return the first thing in a set of rules that contradicts itself; None when nothing does."""
    names: set[str] = set()
    for n, rule in enumerate(rules.rules):
        if rule.rule_id in names:
            return Contradiction("same_name", rule.rule_id)
        names.add(rule.rule_id)
        own = _own_contradiction(rule)
        if own is not None:
            return own
        for earlier in rules.rules[:n]:
            if earlier.kind is rule.kind and _covers(earlier, rule):
                return Contradiction("never_asked", rule.rule_id, earlier.rule_id)
    keys = [term.key for term in rules.customers]
    twice = next((term for term in rules.customers if keys.count(term.key) > 1), None)
    return Contradiction("customer_twice", twice.note or twice.key) if twice is not None else None


def _own_contradiction(rule: CheckRule) -> Contradiction | None:
    most = sum(each.points for each in rule.signals)
    signals = [each.signal for each in rule.signals]
    cap, exposure = rule.cap_minor, rule.exposure_minor
    wrong: Mapping[str, tuple[bool, str]] = {
        "ends_before": (bool(rule.first_day and rule.last_day and rule.first_day > rule.last_day), ""),
        "blocks_nothing": (not rule.blocks and _may_hold(rule), ""),
        "no_time": (rule.then is not OnExpiry.KEEP and not rule.hours, ""),
        "signal_twice": (len(signals) != len(set(signals)), ""),
        "deny_below_review": (0 < rule.deny_points <= rule.review_points, ""),
        "never_reached": (0 < most < max(rule.review_points, rule.deny_points), str(most)),
        "no_threshold": (bool(most) and not rule.review_points and not rule.deny_points, ""),
        "no_signals": (rule.kind is CheckKind.FRAUD and not most, ""),
        "cap_above_exposure": (cap is not None and exposure is not None and cap > exposure, ""),
        "passes": (rule.outcome is CheckOutcome.PASS, ""),
    }
    return next(
        (Contradiction(code, rule.rule_id, other) for code, (bad, other) in wrong.items() if bad), None
    )


def _may_hold(rule: CheckRule) -> bool:
    return rule.kind is CheckKind.FRAUD or rule.outcome is CheckOutcome.HOLD


def _covers(wide: CheckRule, narrow: CheckRule) -> bool:
    """Tell whether one rule speaks of everything that another one speaks of."""
    return (
        (not wide.entities or bool(narrow.entities and set(narrow.entities) <= set(wide.entities)))
        and (not wide.channels or bool(narrow.channels and set(narrow.channels) <= set(wide.channels)))
        and (not wide.first_day or bool(narrow.first_day and wide.first_day <= narrow.first_day))
        and (not wide.last_day or bool(narrow.last_day and narrow.last_day <= wide.last_day))
    )


STANDARD: Final = CheckRules(
    rules=(
        CheckRule(rule_id="payment", kind=CheckKind.PAYMENT, hours=72, then=OnExpiry.REJECT),
        CheckRule(
            rule_id="fraud",
            kind=CheckKind.FRAUD,
            hours=24,
            review_points=60,
            deny_points=200,
            signals=(
                SignalRule(signal=Signal.VELOCITY, points=30, limit=5),
                SignalRule(signal=Signal.AMOUNT, points=20, limit=1_500_00),
                SignalRule(signal=Signal.ADDRESS, points=20),
                SignalRule(signal=Signal.PAYER, points=30),
                SignalRule(signal=Signal.QUICK_PICKUP, points=20),
                SignalRule(signal=Signal.MANY_CARDS, points=40, limit=3),
                SignalRule(signal=Signal.PROXY, points=10),
                SignalRule(signal=Signal.CHARGEBACKS, points=60, limit=1),
                SignalRule(signal=Signal.REFUND_ABUSE, points=30, limit=6),
            ),
        ),
        CheckRule(rule_id="offline", kind=CheckKind.OFFLINE_PAYMENT, outcome=CheckOutcome.REFUSE,
                  cap_minor=200_00, exposure_minor=2_000_00),
        CheckRule(rule_id="customer", kind=CheckKind.CUSTOMER, hours=24),
        CheckRule(rule_id="tax", kind=CheckKind.TAX, blocks=(Blocked.SHIP,), may=(HubRole.FINANCE,), hours=24,
                  then=OnExpiry.RELEASE, tolerance_minor=5),
    )
)  # fmt: skip
"""The rules of a company that has said nothing: no single sign holds an order, but for a past chargeback.

A difference of tax waits for finance for a day and no longer, and nobody at a counter waits for it: until
every store has applied the newest catalogue its rates may differ, and what was charged is a fact either way.
"""
