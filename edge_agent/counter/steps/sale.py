"""Sell: one step of the writer, from the key of the request to the job of the receipt.

Everything a sale does is in this unit of work or follows from the event in it (`edge_agent.journey`), and
the caller hears of it after COMMIT. Stock is read here and not before, so two tills cannot sell one unit
by looking at the same moment.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.checks import steps as checks
from edge_agent.context import Edge
from edge_agent.counter import rows
from edge_agent.counter.rules.sale import (
    SELL_BEYOND_STOCK,
    Draft,
    DraftLine,
    Grant,
    Missing,
    Paid,
    Priced,
    asks,
    has_role,
    judge,
    pay,
    price,
)
from edge_agent.counter.steps.serials import check_serials
from edge_agent.database import EdgeUnit
from edge_agent.once import Key, once
from edge_agent.people.steps import approval_needed, spend_approval
from edge_agent.stock.rows import on_hand_of
from edge_agent.stored_value.steps import require_value
from protocol.catalog import Product
from protocol.errors import Invalid, NotFound, OutOfStock, Refused
from protocol.events import OrderSold
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import (
    LINES_PER_ORDER,
    SERIALS,
    STORED_VALUE,
    Approval,
    Code,
    LineKind,
    PositiveMinor,
    Quantity,
    Serial,
    Tender,
    TenderKind,
)
from protocol.people import StoreRole

TILL_NAME = r"^[a-z0-9-]{1,32}$"
Text300 = Annotated[str, Field(max_length=300)]
Token = Annotated[str, Field(min_length=1, max_length=64)]


class Wanted(BaseModel):
    """What a client sends: frozen, and nothing that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SaleLine(Wanted):
    """One line of a whole sale."""

    sku: Code
    quantity: Quantity = 1
    unit_price_minor: PositiveMinor | None = None
    unit_price_exact: str = Field(default="", pattern=r"^([0-9]{1,9}(\.[0-9]{1,6})?)?$")
    line_discount_minor: PositiveMinor = 0
    reason: Text300 = ""
    serials: tuple[Serial, ...] = Field(default=(), max_length=SERIALS)


class TenderGiven(Wanted):
    """Money on the counter, or charged on an external terminal."""

    kind: TenderKind
    amount_minor: PositiveMinor
    tendered_minor: PositiveMinor = 0
    reference: str = Field(default="", max_length=64)
    last4: str = Field(default="", pattern=r"^[0-9]{0,4}$")
    offline: bool = False
    """For a card: the terminal had no line and will send it later."""


class Sale(Wanted):
    """A whole sale in one request."""

    key: Key
    till: str = Field(pattern=TILL_NAME)
    lines: tuple[SaleLine, ...] = Field(min_length=1, max_length=LINES_PER_ORDER)
    order_discount_minor: PositiveMinor = 0
    tenders: tuple[TenderGiven, ...] = Field(default=(), max_length=20)
    customer_id: str = Field(default="", max_length=64)
    approvals: tuple[Token, ...] = Field(default=(), max_length=10)


class Sold(BaseModel):
    """What was sold, as the answer to whoever sold it."""

    order_id: str
    number: str
    total_minor: int
    tax_minor: int
    change_minor: int
    rounding_minor: int = 0
    seq: int
    receipt_job: str = ""


def sell(unit: EdgeUnit, edge: Edge, command: Sale, *, person: CurrentPerson) -> tuple[Sold, bool]:
    """Sell what a program asks for in one request; return the answer and whether it is new.

    Raises:
        Refused: nothing was done; `code` says why (till_closed, unknown_sku, unpaid_rest, out_of_stock, …).
        Conflict: the key was used for another sale.
    """

    def work() -> Sold:
        products = edge.products.find_all(unit.connection, [line.sku for line in command.lines])
        lines = tuple(
            DraftLine(
                product=product_to_sell(products.get(line.sku), line.sku, number),
                quantity=line.quantity,
                unit_price_minor=line.unit_price_minor,
                unit_price_exact=line.unit_price_exact,
                discount_minor=line.line_discount_minor,
                reason=line.reason,
                serials=line.serials,
            )
            for number, line in enumerate(command.lines, start=1)
        )
        draft = Draft(lines, command.order_discount_minor)
        return complete(
            unit,
            edge,
            draft,
            till=command.till,
            tenders=command.tenders,
            tokens=command.approvals,
            customer_id=command.customer_id,
            person=person,
        )

    return once(unit, edge, command, command.key, Sold, work)


def complete(  # noqa: PLR0913 - all that a sale is, said by name
    unit: EdgeUnit,
    edge: Edge,
    draft: Draft,
    *,
    till: str,
    tenders: Sequence[TenderGiven],
    tokens: Sequence[str],
    customer_id: str,
    person: CurrentPerson,
    exchanged: Tender | None = None,
) -> Sold:
    """Check a draft, record the sale and return what the counter needs to know.

    `exchanged` is what came back in the same unit of work and pays for a part of it.
    """
    session = require_open_till(unit, edge, till)
    words = words_of(unit, edge, tokens)
    check_serials(unit.connection, edge, draft)
    priced = price(draft, session.currency)
    approvals = allowed(edge, draft, words, person, session.currency)
    paid = paid_by(edge, priced.total_minor, tenders, session.currency, exchanged=exchanged, stored=True)
    checks.check_sale(unit, edge, paid.tenders)
    require_value(unit, edge, paid.tenders)
    beyond = _beyond_stock(unit, edge, priced, words)
    if beyond.word is not None:
        approvals = (*approvals, beyond.word)
    sold = _event(edge, unit, session, priced, paid, approvals=approvals, customer_id=customer_id)
    recorded = edge.journal.record(unit, sold, by=person.person_id, device=person.device or till)
    for sku, sellable in beyond.skus.items():
        edge.journal.raise_exception(
            unit,
            kind="stock_oversold",
            subject=f"sku:{sku}",
            title=_("Sold beyond stock: {sku}", sku=sku),
            facts={"sku": sku, "sellable": sellable, "order": sold.number},
            dedupe_key=f"stock_oversold:{sku}",
            by=person.person_id,
            device=person.device or till,
        )
    return Sold(
        order_id=sold.order_id,
        number=sold.number,
        total_minor=sold.total_minor,
        tax_minor=sold.tax_minor,
        change_minor=sold.change_minor,
        rounding_minor=sold.rounding_minor,
        seq=recorded.seq,
        receipt_job=recorded.event_id,
    )


def product_to_sell(product: Product | None, sku: str, line_no: int) -> Product:
    """Return a product that may be sold, or refuse the line by its number."""
    if product is None:
        raise NotFound(
            _("Line {line}: {sku} is not in the catalogue of this store.", line=line_no, sku=sku),
            _("Check the code, or import a catalogue that has it."),
            code="unknown_sku",
            sku=sku,
            line=line_no,
        )
    if not product.active:
        raise inactive(product, line_no)
    return product


def inactive(product: Product, line_no: int | None = None) -> Refused:
    """Return the refusal to sell what has left the range."""
    return Refused(
        _("{name} is no longer sold.", name=product.name),
        _("Leave it out, or ask a manager to put it back in the catalogue."),
        code="product_inactive",
        sku=product.sku,
        line=line_no,
    )


def require_open_till(unit: EdgeUnit, edge: Edge, till: str) -> rows.OpenTill:
    """Return the open session of a till.

    Raises:
        NotFound: this store has no such till.
        Refused: `till_closed`; says to open it.
    """
    if till not in edge.settings.tills:
        raise NotFound(
            _("This store has no till {till}.", till=till),
            _("Use one of {tills}.", tills=", ".join(edge.settings.tills)),
            code="unknown_till",
            till=till,
        )
    session = rows.open_till(unit.connection, till)
    if session is None:
        raise Refused(
            _("The till {till} is not open.", till=till),
            _("Open it with its float, or finish its day close, then sell."),
            code="till_closed",
            till=till,
        )
    return session


def paid_by(
    edge: Edge,
    total_minor: int,
    tenders: Sequence[TenderGiven],
    currency: str,
    *,
    exchanged: Tender | None = None,
    stored: bool = False,
) -> Paid:
    """Return how what was given pays an amount, by the cash rounding of this store.

    Raises:
        Refused: `unpaid_rest` or `overpaid_card`, with the amounts in `facts`; `not_a_tender`, it was given
            something that pays for nothing here (`stored` allows gift cards and store credit).
    """
    money = {TenderKind.CASH, TenderKind.CARD, *(STORED_VALUE if stored else ())}
    strange = next((tender.kind for tender in tenders if tender.kind not in money), None)
    if strange is not None:
        raise Refused(
            _("This cannot be paid with {kind}.", kind=strange.value.replace("_", " ")),
            _("Take cash or a card."),
            code="not_a_tender",
            kind=strange.value,
        )
    return pay(
        total_minor,
        [
            *((exchanged,) if exchanged else ()),
            *(
                Tender(
                    kind=tender.kind,
                    amount_minor=tender.amount_minor,
                    tendered_minor=tender.tendered_minor,
                    reference=tender.reference,
                    last4=tender.last4,
                    offline=tender.offline and tender.kind is TenderKind.CARD,
                )
                for tender in tenders
            ),
        ],
        cash_step_minor=edge.settings.cash_step_minor,
        currency=currency,
    )


def words_of(unit: EdgeUnit, edge: Edge, tokens: Sequence[str]) -> list[Grant]:
    """Return the words that came with a sale; each is used up."""
    given = [spend_approval(unit, edge, token) for token in tokens]
    return [Grant(each.approval.action, each.approval.by, each.role, each.approval.reason) for each in given]


def allowed(
    edge: Edge, draft: Draft, words: Sequence[Grant], person: CurrentPerson, currency: str
) -> tuple[Approval, ...]:
    """Return whose word allows everything in a draft that goes beyond an ordinary sale.

    Raises:
        NotPermitted: `needs_approval`, with the act and the role that may allow it.
    """
    asked = asks(draft, currency)
    if not asked:
        return ()
    seller = Grant("", person.person_id, StoreRole(person.role))
    found = judge(asked, seller, words, edge.authority)
    if isinstance(found, Missing):
        raise approval_needed(found.act, found.role_needed)
    return found


class _Beyond:
    """What a sale takes below nothing, and whose word allows it."""

    __slots__ = ("skus", "word")

    def __init__(self) -> None:
        self.skus: dict[str, int] = {}
        self.word: Approval | None = None


def _beyond_stock(unit: EdgeUnit, edge: Edge, priced: Priced, words: Sequence[Grant]) -> _Beyond:
    """Return the SKUs of which less than nothing will be free, or refuse them.

    Raises:
        OutOfStock: this store sells beyond its stock only with a lead's word.
    """
    taken: dict[str, int] = {}
    for line in priced.lines:
        if line.kind is LineKind.GOODS:
            taken[line.sku] = taken.get(line.sku, 0) + line.quantity
    found = _Beyond()
    for sku, here in on_hand_of(unit.connection, taken).items():
        sellable = here.rights.sellable
        if sellable >= taken[sku]:
            continue
        found.skus[sku] = sellable - taken[sku]
        if edge.settings.sell_beyond_stock:
            continue
        word = has_role(words, SELL_BEYOND_STOCK, StoreRole.LEAD)
        if word is None:
            raise OutOfStock(
                _(
                    "{wanted} x {sku} asked, {free} free here.",
                    wanted=taken[sku],
                    sku=sku,
                    free=max(0, sellable),
                ),
                _("Sell fewer, or ask a lead to allow it if the goods are in the customer's hand."),
                sku=sku,
                wanted=taken[sku],
                sellable=sellable,
                physical=here.rights.physical,
                bound=here.rights.bound,
                outstanding=here.rights.outstanding,
                action=SELL_BEYOND_STOCK,
                role=StoreRole.LEAD.value,
            )
        found.word = word.approval
    return found


def _event(
    edge: Edge,
    unit: EdgeUnit,
    session: rows.OpenTill,
    priced: Priced,
    paid: Paid,
    *,
    approvals: tuple[Approval, ...],
    customer_id: str,
) -> OrderSold:
    if len(approvals) > LINES_PER_ORDER:
        raise Invalid(_("Too many reasons in one sale."), _("Split it into several sales."))
    return OrderSold(
        session_id=session.session_id,
        till=session.till,
        business_date=session.business_date,
        currency=session.currency,
        order_id=edge.ids.new_id(),
        number=edge.number(unit),
        lines=priced.lines,
        tenders=paid.tenders,
        total_minor=priced.total_minor,
        tax_minor=priced.tax_minor,
        change_minor=paid.change_minor,
        rounding_minor=paid.rounding_minor,
        customer_id=customer_id,
        approvals=approvals,
    )
