"""Pay: what is due, what was given, what goes back.

What was already taken towards a split sale stands in the page's address, so a reload or another person's
sign-in does not forget it. Nothing is recorded before the last tender: then the whole sale is one step, under
one key, and the next sale has the screen at once while the receipt prints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.counter import rows
from edge_agent.counter.rules.sale import quick_cash
from edge_agent.counter.steps import basket as steps
from edge_agent.counter.steps.basket import BasketView, PaidBasket
from edge_agent.counter.steps.sale import TenderGiven
from edge_agent.counter.views import till_of
from edge_agent.database import EdgeUnit
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, go_to, show
from edge_agent.till.rules import DENOMINATIONS
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, OrderspineError, Refused, StaleVersion
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import TenderKind
from protocol.rules.tenders import round_cash

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
TENDERS_LIMIT: Final = 10
SMALLEST_NOTE: Final = {"GBP": 500, "EUR": 500}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """Money that was taken towards this sale already."""

    kind: TenderKind
    amount_minor: int
    reference: str = ""
    last4: str = ""

    @property
    def text(self) -> str:
        """The same as it stands in the address."""
        return ":".join((self.kind.value, str(self.amount_minor), self.last4, self.reference))


@router.get("/sell/pay")
async def pay_page(
    request: Request,
    edge: AnyEdge,
    person: Anybody,
    by: Annotated[str, Query(pattern=r"^(cash|card|split)$")] = "cash",
    taken: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Show what is due and how it may be paid."""
    row = rows.open_basket_of(edge.database.read(), till_of(edge, person))
    basket = steps.view(edge, row) if row else None
    if basket is None or not basket.lines:
        return go_to(request, "/sell")
    return _pay(request, edge, basket, by, read_taken(taken or ()))


@router.post("/sell/pay")
async def pay(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Take a tender; when nothing is left to pay, the sale is done."""
    form = await form_of(request)
    by = form.get("by", "cash")
    taken = read_taken([text for name, text in form.values if name == "taken"])
    row = rows.find_basket(edge.database.read(), form.get("basket"))
    if row is None or row.state != "open":
        return go_to(request, "/sell")
    basket = steps.view(edge, row)
    left = basket.total_minor - sum(tender.amount_minor for tender in taken)
    try:
        tender = _tender(form, edge, by, left)
    except Invalid as error:
        return _pay(request, edge, basket, by, taken, error=error, status_code=422)
    if _covers(edge, tender, left):
        return await _finish(request, edge, person, form, basket, (*taken, tender))
    if tender.amount_minor <= 0:
        return _pay(request, edge, basket, by, taken)
    if len(taken) >= TENDERS_LIMIT:
        raise Refused(_("This sale has too many tenders."), _("Take the rest in one."))
    return go_to(request, address("split", (*taken, tender)))


def address(by: str, taken: Sequence[Taken]) -> str:
    """Return the address of the pay page with what was taken so far."""
    return "/sell/pay?" + urlencode([("by", by), *(("taken", tender.text) for tender in taken)])


def read_taken(texts: Sequence[str]) -> tuple[Taken, ...]:
    """Return what was taken so far; what does not read as a tender is left out."""
    found = []
    for text in texts[:TENDERS_LIMIT]:
        kind, _colon, rest = text.partition(":")
        amount, _colon, rest = rest.partition(":")
        last4, _colon, reference = rest.partition(":")
        if kind in set(TenderKind) and amount.isdecimal() and 0 < int(amount) <= 10**12:
            found.append(Taken(TenderKind(kind), int(amount), reference[:64], _digits(last4)))
    return tuple(found)


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isdigit())[-4:]


def _tender(form: Form, edge: Edge, by: str, left_minor: int) -> Taken:
    currency = edge.settings.currency
    minor = form.minor("got", currency) if form.get("got") else 0
    if by == "card" or form.get("kind") == "card":
        if minor > left_minor:
            raise Invalid(
                _("A card is charged what is due, not more."),
                _("Type {left} or less.", left=_plain(left_minor)),
            )
        return Taken(TenderKind.CARD, minor, form.get("reference")[:64], _digits(form.get("last4")))
    return Taken(TenderKind.CASH, minor)


def _plain(minor: int) -> str:
    return f"{minor / 100:.2f}"


def _covers(edge: Edge, tender: Taken, left_minor: int) -> bool:
    if tender.kind is TenderKind.CASH:
        return tender.amount_minor >= round_cash(left_minor, edge.settings.cash_step_minor)[0]
    return tender.amount_minor == left_minor


async def _finish(  # noqa: PLR0917 - who pays for what with what
    request: Request,
    edge: Edge,
    person: CurrentPerson,
    form: Form,
    basket: BasketView,
    tenders: Sequence[Taken],
) -> Response:
    given = tuple(
        TenderGiven(
            kind=tender.kind,
            amount_minor=tender.amount_minor,
            tendered_minor=tender.amount_minor if tender.kind is TenderKind.CASH else 0,
            reference=tender.reference,
            last4=tender.last4,
        )
        for tender in tenders
    )
    wanted = command(
        steps.PayWanted,
        key=form.get("key") or edge.ids.new_id(),
        version=form.whole("version"),
        till=till_of(edge, person),
        tenders=given,
    )

    def step(unit: EdgeUnit, token: str | None) -> PaidBasket:
        agreed = wanted.model_copy(update={"approvals": (token,) if token else ()})
        return steps.pay(unit, edge, basket.basket_id, agreed, person=person)[0]

    ask = Ask(
        _("Selling more than the books have"),
        _("Somebody who may allow it agrees here. The basket and what was taken stay as they are."),
        allow=_("Allow the sale"),
    )
    try:
        done = await ask_in_place(request, edge, person, form, ask, step)
    except StaleVersion as error:
        row = rows.find_basket(edge.database.read(), basket.basket_id)
        now = steps.view(edge, row) if row else basket
        return _pay(request, edge, now, form.get("by", "cash"), tenders[:-1], error=error, status_code=409)
    if isinstance(done, Response):
        return done
    return go_to(request, f"/sell?{urlencode({'sold': done.sold.number})}")


def _pay(
    request: Request,
    edge: Edge,
    basket: BasketView,
    by: str,
    taken: Sequence[Taken],
    *,
    error: OrderspineError | None = None,
    status_code: int = 200,
) -> Response:
    left = max(0, basket.total_minor - sum(tender.amount_minor for tender in taken))
    due = round_cash(left, edge.settings.cash_step_minor)[0] if by != "card" else left
    notes = steps.NOTES.get(basket.currency, ())
    quick = quick_cash(left, cash_step_minor=edge.settings.cash_step_minor, notes_minor=notes)
    proposed = quick[1] if by == "cash" and len(quick) > 1 and not taken else due
    return show(
        request,
        f"counter/pay_{by}.html",
        status_code=status_code,
        basket=basket,
        taken=tuple(taken),
        left_minor=left,
        due_minor=due,
        proposed_minor=proposed,
        quick=quick[:4],
        key=edge.ids.new_id(),
        values=DENOMINATIONS.get(basket.currency, (1,)),
        note=SMALLEST_NOTE.get(basket.currency, 10**9),
        error=f"{error.what} {error.remedy}" if error else "",
        address=lambda to: address(to, taken),
        online=edge.online(),
    )
