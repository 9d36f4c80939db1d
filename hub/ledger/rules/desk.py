"""What finance does to the books: deposits at the bank, disputes, settlements. Pure."""

from typing import Final

from hub.ledger.rules import SUSPENSE, Draft, Line
from protocol.books import MoneyMoved, SettlementLine, SettlementTaken

CARD: Final = "card"
"""The provider of the card terminals in stores: what it pays out clears the tender itself."""


def clearing(provider: str, *, marketplace: bool = False) -> str:
    """Return the purpose of what a provider has taken and not paid out yet."""
    if provider in {CARD, ""}:
        return "tender.card"
    return f"marketplace.{provider}" if marketplace else f"gateway.{provider}"


def money_moved(body: MoneyMoved) -> tuple[Draft, ...]:
    """Money on its way to the bank, at the bank, or in dispute (matrix 48, 55, 57)."""
    amount, other, ref = body.amount_minor, body.other_minor, body.reference
    taken = clearing(body.gateway)
    lines: tuple[Line, ...]
    match body.what:
        case "deposit_prepared":
            lines = (Line("in_transit_cash", amount, ref=ref), Line("safe", -amount))
        case "deposit_credited":
            lines = (
                Line("bank", other),
                Line("over_short", amount - other),
                Line("in_transit_cash", -amount, ref=ref),
            )
        case "chargeback_received":
            lines = (
                Line("disputes", amount, ref=ref),
                Line(taken, -amount),
                Line("payment_fees", other),
                Line(taken, -other),
            )
        case "chargeback_won":
            lines = (Line(taken, amount), Line("disputes", -amount, ref=ref))
        case "chargeback_lost":
            lines = (Line("chargeback_losses", amount), Line("disputes", -amount, ref=ref))
        case "commission_paid":
            lines = (Line("commissions_payable", amount, ref=ref), Line("bank", -amount))
        case "sell_off_paid":
            lines = (Line("bank", amount), Line("receivable", -amount))
    return (Draft(body.what, lines, ref),)


def fee_estimated(provider: str, minor: int, memo: str) -> tuple[Draft, ...]:
    """A marketplace will keep its fee of an order; its file says what it really was."""
    purpose = clearing(provider, marketplace=True)
    return (Draft("marketplace_fee", (Line("marketplace_fees", minor), Line(purpose, -minor)), memo),)


def expected_payout(lines: tuple[SettlementLine, ...]) -> int:
    """Return what the rows of a settlement add up to."""
    return sum(line.amount_minor - line.fee_minor for line in lines)


def settlement(body: SettlementTaken) -> tuple[Draft, ...]:
    """What was paid out clears what was taken, row by row (matrix 50, 52, 56).

    A sale or refund that matches no order, and what the payout differs from its rows, go to suspense by name.
    """
    taken = clearing(body.provider, marketplace=body.marketplace)
    fees = "marketplace_fees" if body.marketplace else "payment_fees"
    sums: dict[tuple[str, str], int] = {}

    def add(purpose: str, minor: int, ref: str = "") -> None:
        sums[purpose, ref] = sums.get((purpose, ref), 0) + minor

    for line in body.lines:
        # What was received by hand has lowered what the service owes already, and so has its fee.
        add(taken if line.known else fees, line.fee_minor)
        match line.kind:
            case "sale" | "refund":
                add(
                    taken if line.order_id else SUSPENSE,
                    -line.amount_minor,
                    "" if line.order_id else line.reference,
                )
            case "fee":
                add(fees, -line.amount_minor)
            case "chargeback" if line.known:
                add(taken, -line.amount_minor)
            case "chargeback":
                add("disputes", -line.amount_minor, line.reference)
            case "reserve" | "release":
                add("reserve", -line.amount_minor)
            case "adjustment":
                add(SUSPENSE, -line.amount_minor, line.reference)
    add("bank", body.payout_minor)
    add(SUSPENSE, expected_payout(body.lines) - body.payout_minor)
    lines = tuple(Line(purpose, minor, ref=ref) for (purpose, ref), minor in sums.items() if minor)
    return (Draft("settlement", lines, f"{body.provider} {body.reference}".strip()),)
