"""Whether something may come back: the policy of returns, as one pure rule that edge and hub share.

Several rules may speak of one line; each that does leaves a finding with its code, and **the strictest
outcome wins**: deny, deny but another person may override, allowed with another person's word, allowed. Two
things no setting can undercut: goods that are faulty within their time (`WARRANTY`), and a right to withdraw
that the law gives a channel (`LAW`); they silence window, final sale and fee. Everything is counted in days
of the store's business calendar from the handover on, and the last day is inside.

Sentences for people are `protocol.kit.return_words`; here are codes, dates and amounts.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from protocol.money import PPM, round_ratio
from protocol.people import STORE_RANK, StoreRole
from protocol.returns import (
    WITHOUT_LIMIT,
    Channel,
    Condition,
    GoodsRule,
    Holiday,
    Outcome,
    Proof,
    Refund,
    ReturnPolicy,
)
from protocol.rules.tax import tax_inclusive

FAULTS: Final = frozenset({"defective", "faulty", "not_as_described"})
"""Reasons for which the goods themselves answer."""
OUR_MISTAKES: Final = FAULTS | {"wrong_item"}
"""Reasons for which a customer pays no fee."""
_STRICTNESS: Final = {outcome: rank for rank, outcome in enumerate(Outcome)}
_NO_RULE: Final = GoodsRule()
_VALUES: Final = tuple(name for name in GoodsRule.model_fields if name != "fee_when")
_DAYS_LOOKED_AHEAD: Final = 60
"""A calendar in which every day is closed must not be walked for ever."""


class Finding(StrEnum):
    """Every code that the policy can give, in the order in which findings are listed."""

    WINDOW = "WINDOW"
    WINDOW_HARD = "WINDOW_HARD"
    FINAL_SALE = "FINAL_SALE"
    WARRANTY = "WARRANTY"
    LAW = "LAW"
    CHANNEL = "CHANNEL"
    SERIAL_MISMATCH = "SERIAL_MISMATCH"
    SERIAL_MISSING = "SERIAL_MISSING"
    CONDITION = "CONDITION"
    EXCHANGE_ONLY = "EXCHANGE_ONLY"
    NO_RECEIPT = "NO_RECEIPT"
    NO_RECEIPT_AMOUNT = "NO_RECEIPT_AMOUNT"
    NO_RECEIPT_COUNT = "NO_RECEIPT_COUNT"
    CUSTOMER_LIMIT = "CUSTOMER_LIMIT"
    OWN_SALE = "OWN_SALE"
    APPROVAL = "APPROVAL"
    SIGNED_AMOUNT = "SIGNED_AMOUNT"
    CASH_LIMIT = "CASH_LIMIT"


@dataclass(frozen=True, slots=True)
class SoldFacts:
    """What was sold, as far as the policy asks."""

    sku: str
    category: str
    start: date
    """The day of the handover or the delivery."""
    channel: Channel = Channel.STORE
    final_sale: bool = False
    serial: str = ""


@dataclass(frozen=True, slots=True)
class BackFacts:
    """How it comes back, and what is known of who brings it. `amount_minor` is that of the whole return."""

    today: date
    condition: Condition
    reason: str
    proof: Proof
    amount_minor: int
    customer_returns_90d: int = 0
    no_receipt_returns_90d: int = 0
    own_sale: bool = False
    serial: str = ""
    signed_only: bool = False
    """All that is known of the sale is what its receipt says: the hub could not be asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """One rule that spoke. `until` is a date it turns on, `limit` an amount in minor units or a number."""

    code: Finding
    outcome: Outcome
    until: date | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says of one line. No `last_day`: without limit."""

    outcome: Outcome
    found: tuple[Found, ...]
    last_day: date | None
    refund: tuple[Refund, ...]
    fee_ppm: int = 0

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the codes, as they are recorded."""
        return tuple(each.code.value for each in self.found)

    @property
    def needs(self) -> tuple[str, ...]:
        """Return what has to come along."""
        asks = self.outcome in {Outcome.CONTINGENT, Outcome.DENY_OVERRIDABLE}
        return ("manager_pin", "reason") if asks else ()


def strictest(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome that counts where several were found; none is an authorisation."""
    return min(outcomes, key=_STRICTNESS.__getitem__, default=Outcome.AUTHORIZE)


def last_day(
    start: date,
    days: int,
    *,
    holidays: Sequence[Holiday] = (),
    closed_weekdays: Sequence[int] = (),
    closed_dates: Sequence[str] = (),
    at_least: int = 0,
) -> date | None:
    """Return the last day of a window; None is for ever.

    The window is `days` from the start or `at_least`, whichever is longer; a holiday rule of the day of
    purchase may end later; and what ends on a closed day ends on the next open one.
    """
    if days == WITHOUT_LIMIT:
        return None
    end = start + timedelta(days=max(days, at_least))
    for holiday in holidays:
        if holiday.bought_from <= start.isoformat() <= holiday.bought_to:
            end = max(end, _day(holiday.until) or end)
    for _step in range(_DAYS_LOOKED_AHEAD):
        if end.isoweekday() not in closed_weekdays and end.isoformat() not in closed_dates:
            break
        end += timedelta(days=1)
    return end


def decide(policy: ReturnPolicy, sold: SoldFacts, back: BackFacts) -> Decision:
    """Return what the policy says of one line that comes back."""
    rule = goods_rule(policy, sold)
    end = window(policy, sold)
    protected = _protected(policy, sold, back)
    found = [*([protected] if protected else _by_time(policy, rule, sold, back, end))]
    found += _by_goods(policy, sold, back, protected=protected is not None)
    proven = back.proof in policy.proofs and back.proof is not Proof.NONE
    if not proven:
        found += _without_proof(policy, back)
    found += _by_people(policy, back)
    found.sort(key=lambda each: list(Finding).index(each.code))
    return Decision(
        outcome=strictest(each.outcome for each in found),
        found=tuple(found),
        last_day=end,
        refund=_refund(found, proven=proven),
        fee_ppm=0 if protected or back.reason in OUR_MISTAKES else _fee(rule, back.condition),
    )


def goods_rule(policy: ReturnPolicy, sold: SoldFacts) -> GoodsRule:
    """Return what is said of the goods: of every value the article's own rule comes before its category's."""
    own = policy.items.get(sold.sku, _NO_RULE)
    category = policy.categories.get(sold.category, _NO_RULE)
    said = {name: getattr(own, name) for name in _VALUES if getattr(own, name) is not None}
    if own.fee_ppm is not None:
        said["fee_when"] = own.fee_when
    return category.model_copy(update=said)


def window(policy: ReturnPolicy, sold: SoldFacts) -> date | None:
    """Return the last day on which a line may come back; None is for ever."""
    days = goods_rule(policy, sold).days
    if days is None:
        channel = policy.channels.get(sold.channel)
        days = channel.days if channel and channel.days is not None else policy.default_days
    return last_day(
        sold.start,
        days,
        holidays=policy.holidays,
        closed_weekdays=policy.closed_weekdays,
        closed_dates=policy.closed_dates,
        at_least=policy.law_days.get(sold.channel, 0),
    )


def restocking_fee(
    gross_minor: int, tax_minor: int, fee_ppm: int, rate_ppm: int, *, taxed: bool
) -> tuple[int, int]:
    """Return (fee, tax in it) that is kept of a refund of so much, never more than it.

    Taxed, the fee is a part of the gross amount and carries the line's own rate; untaxed, it is a part of the
    net amount and the whole tax goes back.
    """
    if taxed:
        fee = round_ratio(gross_minor * fee_ppm, PPM)
        return fee, tax_inclusive(fee, rate_ppm)
    return round_ratio((gross_minor - tax_minor) * fee_ppm, PPM), 0


def role_needed(policy: ReturnPolicy, amount_minor: int) -> StoreRole | None:
    """Return the least role whose word reaches over the policy for an amount; None when nobody's does."""
    reaching = [
        authority.role
        for authority in policy.authorities
        if authority.up_to_minor is None or amount_minor <= authority.up_to_minor
    ]
    return min(reaching, key=STORE_RANK.__getitem__, default=None)


def _protected(policy: ReturnPolicy, sold: SoldFacts, back: BackFacts) -> Found | None:
    """Return what the law or a warranty says for the customer, while it lasts."""
    if back.reason in FAULTS:
        end = last_day(sold.start, policy.defective_days, at_least=policy.law_defective_days)
        if end is None or back.today <= end:
            return Found(Finding.WARRANTY, Outcome.AUTHORIZE, until=end)
    law = policy.law_days.get(sold.channel, 0)
    if law and back.today <= sold.start + timedelta(days=law):
        return Found(Finding.LAW, Outcome.AUTHORIZE, until=sold.start + timedelta(days=law))
    return None


def _by_time(
    policy: ReturnPolicy, rule: GoodsRule, sold: SoldFacts, back: BackFacts, end: date | None
) -> list[Found]:
    found = []
    if rule.final_sale or sold.final_sale:
        found.append(Found(Finding.FINAL_SALE, Outcome.DENY))
    if end is not None and back.today > end:
        if back.today <= end + timedelta(days=policy.grace_days):
            found.append(Found(Finding.WINDOW, Outcome.DENY_OVERRIDABLE, until=end))
        else:
            found.append(Found(Finding.WINDOW_HARD, Outcome.DENY, until=end))
    return found


def _by_goods(policy: ReturnPolicy, sold: SoldFacts, back: BackFacts, *, protected: bool) -> list[Found]:
    found = []
    channel = policy.channels.get(sold.channel)
    if channel is not None and not channel.in_store:
        found.append(Found(Finding.CHANNEL, Outcome.DENY))
    if sold.serial and back.serial and sold.serial != back.serial:
        found.append(Found(Finding.SERIAL_MISMATCH, Outcome.DENY))
    elif sold.serial and not back.serial:
        found.append(Found(Finding.SERIAL_MISSING, Outcome.DENY_OVERRIDABLE))
    if back.condition in policy.reject_conditions:
        found.append(Found(Finding.CONDITION, Outcome.DENY))
    elif back.condition in policy.exchange_only_conditions and not protected:
        found.append(Found(Finding.EXCHANGE_ONLY, Outcome.AUTHORIZE))
    return found


def _without_proof(policy: ReturnPolicy, back: BackFacts) -> list[Found]:
    limits = policy.no_receipt
    found = []
    if back.amount_minor > limits.max_amount_minor:
        found.append(
            Found(Finding.NO_RECEIPT_AMOUNT, Outcome.DENY_OVERRIDABLE, limit=limits.max_amount_minor)
        )
    if back.no_receipt_returns_90d >= limits.max_count_90d:
        found.append(Found(Finding.NO_RECEIPT_COUNT, Outcome.DENY_OVERRIDABLE, limit=limits.max_count_90d))
    return found or [Found(Finding.NO_RECEIPT, Outcome.AUTHORIZE, limit=limits.max_amount_minor)]


def _by_people(policy: ReturnPolicy, back: BackFacts) -> list[Found]:
    found = []
    often = policy.customer_limit
    if often.count_90d and back.customer_returns_90d >= often.count_90d:
        found.append(Found(Finding.CUSTOMER_LIMIT, often.outcome, limit=often.count_90d))
    if policy.own_sale and back.own_sale:
        found.append(Found(Finding.OWN_SALE, Outcome.CONTINGENT))
    if policy.approval_over_minor is not None and back.amount_minor > policy.approval_over_minor:
        found.append(Found(Finding.APPROVAL, Outcome.CONTINGENT, limit=policy.approval_over_minor))
    signed = policy.signed_up_to_minor
    if back.signed_only and signed is not None and back.amount_minor > signed:
        found.append(Found(Finding.SIGNED_AMOUNT, Outcome.DENY_OVERRIDABLE, limit=signed))
    return found


def serial_pair(sold: Collection[str], read: Sequence[str], units: int) -> tuple[str, str]:
    """Return one serial number that was sold and one that was read, as `decide` compares them.

    `sold` are those of a line that have not come back; nothing is compared where none was taken down.
    """
    if not sold:
        return "", ""
    strange = next((each for each in read if each not in sold), None)
    first = min(sold)
    if strange is not None:
        return first, strange
    return first, first if len(set(read)) >= units else ""


def over_cash(limit_minor: int | None, given_minor: int, cash_minor: int) -> Found | None:
    """Return the finding of a store that would give more cash back today than it may, else None.

    `given_minor` went out for returns before, `cash_minor` is what would go out now.
    """
    if limit_minor is None or not cash_minor or given_minor + cash_minor <= limit_minor:
        return None
    return Found(Finding.CASH_LIMIT, Outcome.CONTINGENT, limit=limit_minor)


LOOKS: Final = frozenset(
    {Finding.CONDITION, Finding.EXCHANGE_ONLY, Finding.SERIAL_MISMATCH, Finding.SERIAL_MISSING}
)
"""What only somebody who sees the goods can find."""


def only(decision: Decision, codes: Collection[Finding]) -> Decision:
    """Return a decision to which only these rules have spoken."""
    kept = tuple(each for each in decision.found if each.code in codes)
    return replace(decision, found=kept, outcome=strictest(each.outcome for each in kept))


def with_found(decision: Decision, found: Found) -> Decision:
    """Return a decision to which another rule has spoken."""
    all_found = tuple(sorted((*decision.found, found), key=lambda each: list(Finding).index(each.code)))
    outcome = strictest((decision.outcome, found.outcome))
    return replace(decision, found=all_found, outcome=outcome)


def _refund(found: Iterable[Found], *, proven: bool) -> tuple[Refund, ...]:
    if not proven:
        return (Refund.STORE_CREDIT,)
    if any(each.code is Finding.EXCHANGE_ONLY for each in found):
        return (Refund.EXCHANGE, Refund.STORE_CREDIT)
    return (Refund.ORIGINAL_TENDER,)


def _fee(rule: GoodsRule, condition: Condition) -> int:
    due = not rule.fee_when or condition in rule.fee_when
    return (rule.fee_ppm or 0) if due else 0


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


CHANNELS: Final[Mapping[str, Channel]] = {
    "pos": Channel.STORE,
    "store": Channel.STORE,
    "amazon": Channel.MARKETPLACE,
    "marketplace": Channel.MARKETPLACE,
}
"""Which channel of an order is which of the policy; every other one is the web."""


def channel_of(order_channel: str) -> Channel:
    """Return the policy's word for the channel of an order."""
    return CHANNELS.get(order_channel, Channel.WEB)
