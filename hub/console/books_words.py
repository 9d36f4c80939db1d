"""The words of the books: events, journals, periods, checks and settlements, chained behind the record's."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from protocol.kit.text import _
from protocol.kit.web.shell import Shape


class HasAccount(Protocol):
    """What has the number and the name of an account."""

    @property
    def account(self) -> str:
        """The number."""

    @property
    def name(self) -> str:
        """What people call it."""


GRAVE: Final = frozenset({"settlement_mismatch", "audit_escalated"})
"""What stops the books."""


def event_word(kind: str) -> str:
    """Return what happened to the books, as the head of an event."""
    words = {
        "books.chart_changed": _("Accounts changed"),
        "books.journal_made": _("Journal made"),
        "books.debts_netted": _("Debts set off"),
        "books.money_moved": _("Money moved"),
        "books.settlement_taken": _("Settlement taken in"),
        "books.period_moved": _("Period moved"),
        "books.period_signed": _("Period signed"),
        "books.gap_declared": _("Gap declared"),
        "books.accruals_set": _("Accruals set"),
        "books.accrued": _("Accrued"),
        "books.mapper_set": _("Mapper of settlements written"),
        "books.prices_set": _("Prices between entities set"),
        "books.terms_set": _("When tax is due set"),
        "audit.rules_changed": _("Audit rules changed"),
        "audit.decided": _("Audit decided"),
    }
    return words.get(kind, "")


def rule_word(rule: str) -> str:
    """Return what a journal was posted for."""
    words = {
        "netting": _("Debts set off"),
        "settlement": _("Settlement"),
        "reclassified": _("Taken out of suspense"),
        "manual": _("Made by hand"),
        "accrual": _("Accrual"),
        "accrual_back": _("Accrual taken back"),
        "deposit_prepared": _("Bank deposit prepared"),
        "deposit_credited": _("Bank deposit credited"),
        "chargeback_received": _("Chargeback received"),
        "chargeback_won": _("Chargeback won"),
        "chargeback_lost": _("Chargeback lost"),
        "commission_paid": _("Commission paid"),
        "sell_off_paid": _("Sold-off goods paid"),
        "expected_returns": _("Expected returns"),
        "expected_returns_back": _("Expected returns taken back"),
        "fees_expected": _("Fees of marketplaces expected"),
        "fees_expected_back": _("Expected fees taken back"),
        "breakage": _("Breakage of gift cards"),
        "breakage_back": _("Breakage taken back"),
        "value_abroad": _("Stored value set off"),
        "card_declined": _("Offline card declined"),
        "card_voided": _("Declined card voided"),
        "card_paid_again": _("Declined card paid again"),
        "card_written_off": _("Declined card given up"),
    }
    return words.get(rule, "")


def exception_word(kind: str) -> str:
    """Return what kind of thing needs a person."""
    words = {
        "settlement_mismatch": _("Settlement does not tie"),
        "audit_escalated": _("Audit needs a second person"),
    }
    return words.get(kind, "")


def exception_says(kind: str) -> str:
    """Return what a kind of exception means, and what settles it."""
    if kind == "audit_escalated":
        return _("Somebody looked at this and asks another person to decide. Do so under Audit.")
    if kind != "settlement_mismatch":
        return ""
    return _(
        "What a provider paid out is not the sum of its rows, or a row names no order of ours. The rest "
        "stands in suspense: find out what it is, take it out of suspense, then close this."
    )


def fact_word(name: str) -> str:
    """Return the name of a fact of an exception."""
    words = {
        "provider": _("Provider"),
        "entity": _("Entity"),
        "reference": _("Reference"),
        "expected": _("Sum of its rows"),
        "unmatched": _("Rows without an order"),
    }
    return words.get(name, "")


def period_pill(state: str) -> tuple[str, Shape]:
    """Return how far a month is."""
    words: Mapping[str, tuple[str, Shape]] = {
        "open": (_("Open"), "live"),
        "soft_closed": (_("Soft-closed"), "wait"),
        "closing": (_("Closing"), "wait"),
        "closed": (_("Closed"), "done"),
        "reopened": (_("Reopened"), "act"),
        "hard_locked": (_("Locked"), "done"),
    }
    return words.get(state, (state, "calm"))


def check_word(name: str) -> str:
    """Return a check of the close as a statement that holds or does not."""
    words = {
        "PREVIOUS_OPEN": _("The month before is closed"),
        "UNSYNCED_EDGE": _("Every store has told everything"),
        "OPEN_TILL": _("Every till is closed"),
        "UNCOUNTED": _("Every drawer is counted"),
        "DAY_NOT_TIED": _("Every close ties to its events"),
        "DAY_NOT_AUDITED": _("Somebody has looked at what the audit found"),
        "SUSPENSE": _("Nothing is in suspense"),
        "UNPOSTED": _("Every event is posted"),
        "TRIAL_BALANCE": _("Debits and credits are equal"),
        "CHAIN": _("No journal was changed or taken away"),
        "TIE_INVENTORY": _("Inventory is what the stock is worth"),
        "TIE_DEPOSITS": _("Deposits are what open orders hold"),
        "TIE_REFUNDS": _("Refunds payable are what customers are owed"),
        "TIE_RECEIVABLE": _("Receivables are what customers owe"),
        "TIE_STORE_CREDIT": _("Store credit is what its holders have"),
        "TIE_GIFT_CARD": _("Gift cards are what they hold"),
        "TIE_CASH": _("Drawers hold what was taken and not put away"),
        "TIE_TRANSIT": _("Goods in transit are what is on its way"),
        "TIE_SETTLEMENT": _("Clearing is what was taken and not paid out"),
        "TIE_MARKETPLACE": _("Marketplaces owe what they took and have not paid out"),
        "TIE_RESERVE": _("Reserves are what providers hold back"),
        "TIE_DISPUTES": _("Disputes are the chargebacks that have not ended"),
        "TIE_TAX": _("Output tax is the tax of what was sold"),
        "TIE_COMMISSION": _("Commissions payable are what is owed"),
        "TIE_INPUT_TAX": _("Input tax is the tax of what entities sold each other"),
        "ELIMINATION": _("Sales between entities are what a consolidation takes out"),
        "INTERCOMPANY": _("Entities say the same of their debts"),
        "ACCRUALS": _("What the month expects is posted"),
        "EXCHANGE_CLEARING": _("Every exchange is settled"),
        "EXCEPTIONS": _("Nothing that stops the books is open"),
        "TRANSIT_UNMATCHED": _("Every arrival is explained"),
        "OLD_REFUNDS": _("No refund waits since last month"),
        "OLD_SETTLEMENTS": _("No taking waits for its payout"),
        "NEGATIVE_STOCK": _("No stock is below zero"),
        "PRIOR_PERIOD": _("Nothing of an earlier month came late"),
    }
    return words.get(name, name)


def audit_word(test: str) -> str:
    """Return what a test of the audit looks at."""
    words = {
        "over_short": _("Over or short"),
        "return_without_receipt": _("Return without a receipt"),
        "refund_by_seller": _("Refund by whoever sold it"),
        "voids": _("Voids of one cashier"),
        "no_sales": _("Openings without a sale"),
        "discount_share": _("Share of discounts"),
        "price_cut": _("Price below the list"),
        "paid_out": _("Paid out of the drawer"),
    }
    return words.get(test, test)


def audit_tests(tests: Iterable[str]) -> list[tuple[str, str]]:
    """Return the tests of the audit to choose from."""
    units = {"voids": _("times"), "no_sales": _("times"), "discount_share": "%", "price_cut": "%"}
    return [
        (test, f"{audit_word(test)} ({units[test]})" if test in units else audit_word(test)) for test in tests
    ]


def audit_says(test: str, value: str, bound: str) -> str:
    """Return what a test measured beside the limit of its rule."""
    if test in {"voids", "no_sales"}:
        return _("{n} times, the rule hits above {limit}.", n=value, limit=bound)
    if test in {"discount_share", "price_cut"}:
        return _("{n} %, the rule hits above {limit} %.", n=value, limit=bound)
    return _("{n}, the rule hits above {limit}.", n=value, limit=bound)


def audit_state(state: str) -> str:
    """Return how far somebody is with a hit."""
    words = {
        "corrected": _("Corrected"),
        "overridden": _("In order"),
        "escalated": _("A second person is asked"),
    }
    return words.get(state, _("Waits"))


def check_help(name: str) -> str:
    """Return what to do about a check that does not hold."""
    ties = _("A tie that breaks is a fault of the program: export both sides and report it.")
    words = {
        "PREVIOUS_OPEN": _("Close that month first; months close in their order."),
        "UNSYNCED_EDGE": _("Wait for the store, replace its PC, or let two people declare what is missing."),
        "OPEN_TILL": _("Ask the store to close it; a till that is forgotten is closed at its screen."),
        "UNCOUNTED": _("Ask the store to finish its count."),
        "DAY_NOT_TIED": _("Find out what differs, then close its exception with what you found."),
        "DAY_NOT_AUDITED": _("Open the audit, and decide about each of them."),
        "SUSPENSE": _("Open the suspense account, and take each journal to the account where it belongs."),
        "UNPOSTED": _("Replay or discard the events that were set aside."),
        "CHAIN": _("Restore a backup from before that journal was touched, and find out who did it."),
        "INTERCOMPANY": _("Look at the debts of both entities; a journal by hand may name only one of them."),
        "ACCRUALS": _("It is posted when the month begins to close; or say beside this how much it is."),
        "EXCHANGE_CLEARING": _("Finish the exchange at its order."),
        "EXCEPTIONS": _("Settle them at the desk."),
        "TRANSIT_UNMATCHED": _("Match the arrivals with what was sent, or wait for their source."),
        "OLD_REFUNDS": _("Pay them, or look why the gateway refuses."),
        "NEGATIVE_STOCK": _("Count these articles; they are valued at an estimate."),
        "PRIOR_PERIOD": _("Look at them before you sign; they stand in this month with their own date."),
        "TIE_SETTLEMENT": _("Take in the missing settlement file, or name what its rows are."),
        "TIE_STORE_CREDIT": _("Hold the account against the moves of each number, then report what differs."),
        "TIE_GIFT_CARD": _("Hold the account against the moves of each number, then report what differs."),
        "TIE_COMMISSION": _("Find the journal by hand that touched this account."),
    }
    return words.get(name, ties)


def move_word(what: str) -> str:
    """Return what money at the desk is about."""
    return rule_word(what) or what


def line_kind_word(kind: str) -> str:
    """Return what a row of a settlement is."""
    words = {
        "sale": _("Sale"),
        "refund": _("Refund"),
        "fee": _("Fee"),
        "chargeback": _("Chargeback"),
        "reserve": _("Held back"),
        "release": _("Released"),
        "adjustment": _("Adjustment"),
    }
    return words.get(kind, kind)


def accounts_of(chart: Iterable[HasAccount]) -> list[tuple[str, str]]:
    """Return accounts as the choices of a list."""
    return [(row.account, f"{row.account} {row.name}") for row in chart]


BOOKS_WORDS: Final = {
    "period_pill": period_pill,
    "check_word": check_word,
    "check_help": check_help,
    "move_word": move_word,
    "line_kind_word": line_kind_word,
    "accounts_of": accounts_of,
    "audit_word": audit_word,
    "audit_tests": audit_tests,
    "audit_says": audit_says,
    "audit_state": audit_state,
}
"""What the templates of Finance may say by name."""
