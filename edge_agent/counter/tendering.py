"""Tenders on a page: what is due, what was given, what goes back; for a sale and an order for later alike.

What was already taken towards a bill stands in the page's address, so a reload or another person's sign-in
does not forget it. Nothing is recorded before the last tender.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from starlette.responses import Response

from edge_agent.checks import steps as checks
from edge_agent.context import Edge
from edge_agent.counter.rules.sale import quick_cash
from edge_agent.counter.steps.basket_models import NOTES
from edge_agent.counter.steps.sale import TenderGiven
from edge_agent.pages import Form, show
from edge_agent.till.rules import DENOMINATIONS
from edge_agent.words import tender_label
from protocol.errors import Invalid, OrderspineError
from protocol.kit.text import _
from protocol.orders import TenderKind
from protocol.rules.tenders import round_cash

TENDERS_LIMIT: Final = 10
SMALLEST_NOTE: Final = {"GBP": 500, "EUR": 500}
OFFLINE: Final = "-offline"
"""In an address, behind a card that the terminal took without asking the bank."""
WAYS: Final = r"^(cash|card|split)$"


@dataclass(frozen=True, slots=True)
class Taken:
    """Money that was taken towards this bill already."""

    kind: TenderKind
    amount_minor: int
    reference: str = ""
    last4: str = ""
    offline: bool = False
    """A card whose terminal had no line: whether it pays is known later."""

    @property
    def word(self) -> str:
        """What it is, as people say it."""
        word = tender_label(self.kind)
        return _("{tender}, without the bank", tender=word) if self.offline else word

    @property
    def text(self) -> str:
        """The same as it stands in the address."""
        kind = f"{self.kind.value}{OFFLINE if self.offline else ''}"
        return ":".join((kind, str(self.amount_minor), self.last4, self.reference))

    @property
    def given(self) -> TenderGiven:
        """The same for a step."""
        return TenderGiven(
            kind=self.kind,
            amount_minor=self.amount_minor,
            tendered_minor=self.amount_minor if self.kind is TenderKind.CASH else 0,
            reference=self.reference,
            last4=self.last4,
            offline=self.offline,
        )


@dataclass(frozen=True, slots=True)
class Bill:
    """What is paid on a page: how much, for what in words, where it is sent and where one goes back to."""

    total_minor: int
    currency: str
    word: str
    """What is due, such as "Due, 3 items"."""
    here: str
    """The address of the page."""
    back: str
    back_word: str
    carried: tuple[tuple[str, str], ...]
    """What the form sends along, as (name, value)."""
    query: tuple[tuple[str, str], ...] = ()
    """What the address of the page says besides."""
    kept: str = ""
    """What happens when cash is taken, in a sentence."""
    tab: str = "/sell"
    stored: bool = False
    """Whether gift cards and store credit may pay for it."""

    def address(self, by: str, taken: Sequence[Taken]) -> str:
        """Return the address of the page with what was taken so far."""
        return f"{self.here}?" + urlencode(
            [("by", by), *self.query, *(("taken", tender.text) for tender in taken)]
        )

    def left_minor(self, taken: Sequence[Taken]) -> int:
        """Return what is left to pay."""
        return self.total_minor - sum(tender.amount_minor for tender in taken)


def read_taken(texts: Sequence[str]) -> tuple[Taken, ...]:
    """Return what was taken so far; what does not read as a tender is left out."""
    found = []
    for text in texts[:TENDERS_LIMIT]:
        said, _colon, rest = text.partition(":")
        kind, offline = said.removesuffix(OFFLINE), said.endswith(OFFLINE)
        amount, _colon, rest = rest.partition(":")
        last4, _colon, reference = rest.partition(":")
        if kind in set(TenderKind) and amount.isdecimal() and 0 < int(amount) <= 10**12:
            found.append(Taken(TenderKind(kind), int(amount), reference[:64], _digits(last4), offline))
    return tuple(found)


def taken_in(form: Form) -> tuple[Taken, ...]:
    """Return what a form carries of what was taken so far."""
    return read_taken([text for name, text in form.values if name == "taken"])


def next_tender(form: Form, edge: Edge, by: str, left_minor: int) -> Taken:
    """Return the tender that a form adds.

    Raises:
        Invalid: it is no amount, or more than is left on a card.
    """
    currency = edge.settings.currency
    minor = form.minor("got", currency) if form.get("got") else 0
    if by == "card" or form.get("kind") == "card":
        if minor > left_minor:
            raise Invalid(
                _("A card is charged what is due, not more."),
                _("Type {left} or less.", left=f"{left_minor / 100:.2f}"),
            )
        offline = form.get("offline") == "yes"
        return Taken(TenderKind.CARD, minor, form.get("reference")[:64], _digits(form.get("last4")), offline)
    return Taken(TenderKind.CASH, minor)


def covers(edge: Edge, tender: Taken, left_minor: int) -> bool:
    """Tell whether a tender pays all that is left."""
    if tender.kind is TenderKind.CASH:
        return tender.amount_minor >= round_cash(left_minor, edge.settings.cash_step_minor)[0]
    return tender.amount_minor == left_minor


def pay_page(
    request: Request,
    edge: Edge,
    bill: Bill,
    by: str,
    taken: Sequence[Taken],
    *,
    error: OrderspineError | None = None,
    status_code: int = 200,
) -> Response:
    """Show what is due and how it may be paid."""
    left = max(0, bill.left_minor(taken))
    due = round_cash(left, edge.settings.cash_step_minor)[0] if by != "card" else left
    notes = NOTES.get(bill.currency, ())
    quick = quick_cash(left, cash_step_minor=edge.settings.cash_step_minor, notes_minor=notes)
    proposed = quick[1] if by == "cash" and len(quick) > 1 and not taken else due
    address: Callable[[str], str] = lambda to: bill.address(to, taken)  # noqa: E731 - a name for the template
    return show(
        request,
        f"counter/pay_{by}.html",
        status_code=status_code,
        bill=bill,
        taken=tuple(taken),
        left_minor=left,
        due_minor=due,
        proposed_minor=proposed,
        quick=quick[:4],
        key=edge.ids.new_id(),
        values=DENOMINATIONS.get(bill.currency, (1,)),
        note=SMALLEST_NOTE.get(bill.currency, 10**9),
        error=f"{error.what} {error.remedy}" if error else "",
        address=address,
        online=edge.online(),
        offline_says=checks.exposure_says(edge.database.read(), edge),
    )


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isdigit())[-4:]
