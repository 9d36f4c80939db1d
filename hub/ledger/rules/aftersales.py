"""What happens after a sale: returns, exchanges, fees, stored value, commissions.

Stages post `fee_kept`, `gift_card_sold`, `accepted`, `paid_back` (by `rules.returns`) and `commission_due`.
The others say what the matrix says of facts as the scenario proves it: the legs of an exchange (posted by
`rules.returns.sold`) and breakage, which a month's accrual posts.

Pure. Amounts are whole minor units, positive as the fact names them; signs are made here. `net` is without
tax, `taxes` is tax by rate in parts per million. Rooms that keep these facts call a rule with their figures
and post what it returns.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from hub.ledger.rules import Draft, Line, draft_of
from protocol.money import round_ratio

OWED: Final = "refunds_payable"
EXCHANGE: Final = "exchange"
EXCHANGE_TENDER: Final = "tender.exchange"
STORE_CREDIT: Final = "tender.store_credit"
GIFT_CARD: Final = "tender.gift_card"
RATE_BASE: Final = 1_000_000
Taxes = Mapping[int, int]


def accepted(
    net_minor: int, taxes: Taxes, memo: str, *, rule: str = "return", owed_to: str = OWED
) -> tuple[Draft, ...]:
    """A return or an appeasement is accepted: sales are taken back at their own tax, the money is owed."""
    gross = net_minor + sum(taxes.values())
    lines = (
        Line("sales_returns", net_minor),
        *(Line("sales_tax", tax, rate) for rate, tax in taxes.items()),
        Line(owed_to, -gross),
    )
    return (Draft(rule, lines, memo),)


def fee_kept(net_minor: int, taxes: Taxes, memo: str) -> tuple[Draft, ...]:
    """A fee is kept back from what is owed."""
    gross = net_minor + sum(taxes.values())
    lines = (
        Line(OWED, gross),
        Line("restocking_fees", -net_minor),
        *(Line("sales_tax", -tax, rate) for rate, tax in taxes.items() if tax),
    )
    return (Draft("restocking_fee", lines, memo),)


def paid_back(tenders: Mapping[str, int], memo: str, *, rounding_minor: int = 0) -> tuple[Draft, ...]:
    """What is owed is paid, tender by tender; stored value is a tender too.

    `rounding_minor` is what cash was rounded down by: the customer got less than was owed.
    """
    out = sum(tenders.values())
    lines = (
        Line(OWED, out + rounding_minor),
        *(Line(purpose, -minor) for purpose, minor in tenders.items()),
        Line("rounding", -rounding_minor),
    )
    return (Draft("refund", lines, memo),)


def exchanged(net_minor: int, taxes: Taxes, memo: str) -> tuple[Draft, ...]:
    """The new leg of an exchange, at today's price and tax, against its clearing account."""
    gross = net_minor + sum(taxes.values())
    lines = (
        Line(EXCHANGE, gross),
        Line("sales", -net_minor),
        *(Line("sales_tax", -tax, rate) for rate, tax in taxes.items()),
    )
    return (Draft("exchange_sale", lines, memo),)


def exchange_paid(tenders: Mapping[str, int], memo: str) -> tuple[Draft, ...]:
    """The customer pays what the new goods cost more."""
    sums = {**tenders, EXCHANGE: -sum(tenders.values())}
    return draft_of("exchange_paid", sums, memo)


def gift_card_sold(tenders: Sequence[tuple[str, int]], worth_minor: int, card: str) -> tuple[Draft, ...]:
    """Money for a card of several uses: owed to its holder, without tax; what is missing is in suspense."""
    lines = (
        *(Line(purpose, minor) for purpose, minor in tenders),
        Line(GIFT_CARD, -worth_minor),
        Line("suspense", worth_minor - sum(minor for _purpose, minor in tenders)),
    )
    return (Draft("gift_card", lines, card),)


def broken(minor: int, card: str) -> tuple[Draft, ...]:
    """What a holder will never use is income, where the law lets it be."""
    return (Draft("breakage", (Line("gift_cards", minor, ref=card), Line("breakage", -minor)), card),)


def commission_of(net_minor: int, rate_ppm: int) -> int:
    """Return the commission on a line, rounded half away from zero."""
    return round_ratio(net_minor * rate_ppm, RATE_BASE)


def commission_due(minor: int, person: str, memo: str) -> tuple[Draft, ...]:
    """A seller has earned a commission with what left; below zero it is taken back."""
    lines = (Line("commissions", minor), Line("commissions_payable", -minor, ref=person))
    return (Draft("commission" if minor >= 0 else "commission_back", lines, memo),)
