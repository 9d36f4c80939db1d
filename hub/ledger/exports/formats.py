"""The books of a month as text: pure, so the same month gives the same bytes for ever.

Every format has the opening balances, each journal with all of its dimensions, and what each account must
stand at in the end. Beancount and hledger check those assertions, so a journal that was lost, doubled or
changed on the way is refused by a program that is not ours. Syntax as of Beancount 3 and hledger 1.25.
"""

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.books import Assertion
from protocol.money import exponent, format_minor

ROOTS: Final[Mapping[str, str]] = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}
COLUMNS: Final = (
    "journal",
    "entity",
    "posting_date",
    "business_date",
    "rule",
    "rule_version",
    "location",
    "order",
    "event",
    "memo",
    "reverses",
    "account",
    "name",
    "amount",
    "currency",
    "tax_rate_ppm",
    "reference",
    "chain",
)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a journal."""

    account: str
    amount_minor: int
    rate_ppm: int | None
    ref: str


@dataclass(frozen=True, slots=True)
class Journal:
    """One journal as it is exported."""

    journal_id: int
    event_id: str
    entity: str
    rule: str
    rule_version: int
    location: str
    order_id: str
    business_date: str
    posting_date: str
    currency: str
    memo: str
    reverses: int | None
    chain: str
    sides: tuple[Side, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """What an export is of, beside its journals."""

    entity: str
    period: str
    first: str
    last: str
    after: str
    currency: str
    opening: Mapping[str, int]
    closing: tuple[Assertion, ...]

    def account(self, number: str) -> str:
        """Return the name of an account as both plain-text programs write it."""
        found = next((each for each in self.closing if each.account == number), None)
        words = _slug(found.name) if found else ""
        root = ROOTS[found.kind] if found else "Equity"
        return f"{root}:{number}-{words}" if words else f"{root}:{number}"


def csv_head() -> str:
    """Return the head of the file of journal lines."""
    return _csv([COLUMNS])


def csv_of(journal: Journal, month: Month) -> str:
    """Return a journal, one line for each side."""
    names = {each.account: each.name for each in month.closing}
    return _csv(
        (
            journal.journal_id,
            journal.entity,
            journal.posting_date,
            journal.business_date,
            journal.rule,
            journal.rule_version,
            journal.location,
            journal.order_id,
            journal.event_id,
            journal.memo,
            "" if journal.reverses is None else journal.reverses,
            side.account,
            names.get(side.account, ""),
            format_minor(side.amount_minor, journal.currency),
            journal.currency,
            "" if side.rate_ppm is None else side.rate_ppm,
            side.ref,
            journal.chain,
        )
        for side in journal.sides
    )


def json_of(journal: Journal) -> str:
    """Return a journal as one line of JSON."""
    said = {
        "journal": journal.journal_id,
        "entity": journal.entity,
        "posting_date": journal.posting_date,
        "business_date": journal.business_date,
        "rule": journal.rule,
        "rule_version": journal.rule_version,
        "location": journal.location,
        "order": journal.order_id,
        "event": journal.event_id,
        "memo": journal.memo,
        "reverses": journal.reverses,
        "currency": journal.currency,
        "chain": journal.chain,
        "lines": [
            {
                "account": side.account,
                "amount_minor": side.amount_minor,
                "tax_rate_ppm": side.rate_ppm,
                "reference": side.ref,
            }
            for side in journal.sides
        ],
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")) + "\n"


def trial_of(month: Month, moved: Mapping[str, tuple[int, int]]) -> str:
    """Return the trial balance: opening, debits, credits and closing of each account, and who says so."""
    rows: list[Sequence[object]] = [
        ("account", "name", "kind", "opening", "debit", "credit", "closing", "source")
    ]
    for each in month.closing:
        debit, credit = moved.get(each.account, (0, 0))
        figures = (month.opening.get(each.account, 0), debit, credit, each.amount_minor)
        shown = [format_minor(minor, month.currency) for minor in figures]
        rows.append((each.account, each.name, each.kind, *shown, each.source))
    return _csv(rows)


def _opening(month: Month, *, indent: int) -> list[str]:
    """Return what every account begins with; both languages say a side alike."""
    return [
        f"{' ' * indent}{month.account(account)}  {format_minor(minor, month.currency)} {month.currency}"
        for account, minor in sorted(month.opening.items())
        if minor
    ]


def beancount_head(month: Month) -> str:
    """Return the options, the accounts and the opening balances."""
    lines = [
        f'option "title" "{_quoted(month.entity)} {month.period}"',
        f'option "operating_currency" "{month.currency}"',
        f'option "inferred_tolerance_default" "{month.currency}:0"',
        "",
    ]
    lines += [f"{month.first} open {month.account(each.account)} {month.currency}" for each in month.closing]
    lines.append("")
    if any(month.opening.values()):
        lines.append(f'{month.first} * "Opening balances"')
        lines += [*_opening(month, indent=2), ""]
    return "\n".join(lines) + "\n"


def beancount_of(journal: Journal, month: Month) -> str:
    """Return a journal as a transaction."""
    lines = [f'{journal.posting_date} * "{_quoted(journal.rule)}" "{_quoted(journal.memo)}"']
    for name, value in _tags(journal):
        lines.append(f'  {name}: "{_quoted(value)}"')
    for side in journal.sides:
        amount = format_minor(side.amount_minor, journal.currency)
        lines.append(f"  {month.account(side.account)}  {amount} {journal.currency}")
        if side.ref:
            lines.append(f'    reference: "{_quoted(side.ref)}"')
        if side.rate_ppm is not None:
            lines.append(f'    rate: "{side.rate_ppm}"')
    return "\n".join(lines) + "\n\n"


def beancount_foot(month: Month) -> str:
    """Return what every account must stand at when the month is over."""
    return "".join(
        f"{month.after} balance {month.account(each.account)}"
        f"  {format_minor(each.amount_minor, month.currency)} {month.currency} ; {each.source}\n"
        for each in month.closing
    )


def hledger_head(month: Month) -> str:
    """Return the commodity, the accounts and the opening balances."""
    places = exponent(month.currency)
    shape = f"1000.{'0' * places}"
    lines = [
        f"; {month.entity} {month.period}",
        f"commodity {month.currency}",
        f"  format {shape} {month.currency}",
        "",
    ]
    lines += [f"account {month.account(each.account)}" for each in month.closing]
    lines.append("")
    if any(month.opening.values()):
        lines.append(f"{month.first} * Opening balances")
        lines += [*_opening(month, indent=4), ""]
    return "\n".join(lines) + "\n"


def hledger_of(journal: Journal, month: Month) -> str:
    """Return a journal as a transaction."""
    said = " ".join(filter(None, (journal.rule, _plain(journal.memo))))
    lines = [f"{journal.posting_date} * ({journal.journal_id}) {said}"]
    lines += [f"    ; {name}: {_plain(value)}" for name, value in _tags(journal) if name != "journal"]
    for side in journal.sides:
        amount = format_minor(side.amount_minor, journal.currency)
        tag = f"  ; reference: {_plain(side.ref)}" if side.ref else ""
        lines.append(f"    {month.account(side.account)}  {amount} {journal.currency}{tag}")
    return "\n".join(lines) + "\n\n"


def hledger_foot(month: Month) -> str:
    """Return what every account must stand at on the last day of the month."""
    lines = [f"{month.last} * Balances as the sub-ledgers say"]
    lines += [
        f"    {month.account(each.account)}  {format_minor(0, month.currency)} {month.currency}"
        f" = {format_minor(each.amount_minor, month.currency)} {month.currency}  ; {each.source}"
        for each in month.closing
    ]
    return "\n".join(lines) + "\n"


def _tags(journal: Journal) -> list[tuple[str, str]]:
    tags = [
        ("journal", str(journal.journal_id)),
        ("event", journal.event_id),
        ("location", journal.location),
        ("order", journal.order_id),
        ("business-date", journal.business_date if journal.business_date != journal.posting_date else ""),
        ("reverses", "" if journal.reverses is None else str(journal.reverses)),
        ("chain", journal.chain),
    ]
    return [(name, value) for name, value in tags if value]


def _csv(rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _quoted(text: str) -> str:
    return " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')


def _plain(text: str) -> str:
    """Return a text without what hledger reads as the begin of a comment or a tag."""
    return " ".join(re.sub(r"[;,|]", " ", text).split())


def _slug(name: str) -> str:
    """Return a name as a component of an account: letters, figures and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "-".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", plain))
