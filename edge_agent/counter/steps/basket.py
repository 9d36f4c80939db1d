"""Build a basket: scan, change, undo, park, recall, pay.

Each step is shared by the API and the pages. A basket belongs to the device it is open at. What a person
does looks at a version and is refused when the basket has moved on, with the basket as it is now in the
refusal; a scan only adds and carries its own id, so it needs no version and can be sent twice.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from edge_agent.context import Edge, ParkedBasket
from edge_agent.counter import rows
from edge_agent.counter.rules import basket as rules
from edge_agent.counter.rules.basket import Basket, BasketLine, Discount, Scan, Word
from edge_agent.counter.rules.sale import Ask, Grant, Missing, judge
from edge_agent.counter.steps.basket_models import (
    NOTES,
    BasketView,
    DiscountWanted,
    LineChange,
    LineView,
    PaidBasket,
    Parked,
    ParkedView,
    ParkWanted,
    PayWanted,
    ScanAnswer,
    ScanWanted,
    Version,
    view,
)
from edge_agent.counter.steps.sale import (
    complete,
    inactive,
)
from edge_agent.database import EdgeUnit
from edge_agent.once import once
from edge_agent.people.steps import approval_needed, spend_approval
from protocol.errors import Invalid, NotFound, Refused, StaleVersion
from protocol.ids import parse_slip_code, slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import BASKET, BasketEvent, BasketState
from protocol.people import StoreRole
from protocol.rules.discounts import Act, discount_ppm

__all__ = [
    "NOTES",
    "SLIP_TYPE",
    "BasketView",
    "DiscountWanted",
    "LineChange",
    "LineView",
    "PaidBasket",
    "ParkWanted",
    "Parked",
    "ParkedView",
    "PayWanted",
    "ScanAnswer",
    "ScanWanted",
    "Version",
    "abandon",
    "begin",
    "change_line",
    "current",
    "discount",
    "look",
    "move",
    "park",
    "parked",
    "pay",
    "recall",
    "remove_line",
    "scan",
    "set_customer",
    "store",
    "to_be_paid",
    "undo",
    "view",
]

SLIP_TYPE: Final = "bk"


def look(connection: Connection, edge: Edge, basket_id: str) -> BasketView:
    """Return a basket.

    Raises:
        NotFound: there is none of this id.
    """
    return view(edge, _find(connection, basket_id))


def parked(connection: Connection, edge: Edge) -> list[ParkedView]:
    """Return the baskets that wait for their customer."""
    found = []
    for row in rows.parked_baskets(connection):
        basket = Basket.model_validate_json(row.body)
        found.append(
            ParkedView(
                basket_id=row.basket_id,
                number=row.number or "",
                units=basket.units,
                total_minor=basket.priced(edge.settings.currency).total_minor,
                note=basket.note,
                person_id=row.person_id,
                parked_us=row.changed_us,
            )
        )
    return found


def begin(unit: EdgeUnit, edge: Edge, person: CurrentPerson, device: str) -> BasketView:
    """Return the basket that is open at a device, or open one."""
    row = rows.open_basket_of(unit.connection, device)
    if row is None:
        row = rows.BasketRow(
            basket_id=edge.ids.new_id(),
            device=device,
            state=BasketState.OPEN.value,
            version=0,
            number=None,
            body=Basket().model_dump_json(),
            person_id=person.person_id,
            changed_us=edge.clock.now_us(),
        )
        rows.insert_basket(unit, row)
        _tell(unit, edge, row)
    return view(edge, row)


def scan(
    unit: EdgeUnit, edge: Edge, basket_id: str, wanted: ScanWanted, *, person: CurrentPerson
) -> ScanAnswer:
    """Add what a code means. What it does not mean becomes a row too, so that nothing is silent."""
    row = _own(unit, edge, basket_id, person)
    basket = Basket.model_validate_json(row.body)
    if wanted.scan_id and wanted.scan_id in basket.known_scans:
        before = next((known for known in basket.scans if known.scan_id == wanted.scan_id), None)
        return ScanAnswer(
            scan=before or Scan(scan_id=wanted.scan_id, code=wanted.code), basket=view(edge, row)
        )
    noted = Scan(scan_id=wanted.scan_id, code=wanted.code[:120])
    product, units = edge.products.sold(unit.connection, wanted.code) or (None, 0)
    if product is None:
        problem = "misread" if edge.products.misread(wanted.code) else "unknown_code"
        basket = rules.note_scan(basket, noted.model_copy(update={"problem": problem}))
    elif not product.active:
        basket = rules.note_scan(
            basket,
            noted.model_copy(
                update={"problem": "product_inactive", "sku": product.sku, "name": product.name}
            ),
        )
    else:
        named = noted.model_copy(update={"sku": product.sku, "name": product.name})
        basket = rules.add(basket, product, wanted.quantity * units, named)
    row = store(unit, edge, row, basket, person)
    return ScanAnswer(scan=basket.scans[0], basket=view(edge, row))


def change_line(
    unit: EdgeUnit, edge: Edge, basket_id: str, n: int, wanted: LineChange, *, person: CurrentPerson
) -> BasketView:
    """Change quantity, discount or price of a line.

    Raises:
        NotPermitted: `needs_approval`, with the role that may; the basket is as it was.
    """
    row, basket = current(unit, edge, basket_id, wanted.version, person)
    line = basket.line(n)
    if wanted.quantity is not None:
        line = line.model_copy(update={"quantity": wanted.quantity})
    if wanted.serials is not None:
        line = line.model_copy(update={"serials": tuple(dict.fromkeys(wanted.serials))})
    line = _with_price(line, wanted)
    line = _with_discount(line, wanted)
    rules.check_quantity(line.quantity)
    words = _words(unit, edge, wanted.approval)
    line = line.model_copy(update={"words": _allowed_line(edge, line, words, person, wanted.reason)})
    return view(edge, store(unit, edge, row, rules.change(basket, line), person))


def _with_price(line: BasketLine, wanted: LineChange) -> BasketLine:
    if wanted.unit_price_minor is None:
        return line
    if wanted.unit_price_minor != line.list_price_minor and not wanted.reason:
        raise Invalid(
            _("A changed price needs a reason."), _("Choose or type why."), code="reason_needed", n=line.n
        )
    return line.model_copy(update={"unit_price_minor": wanted.unit_price_minor, "reason": wanted.reason})


def _with_discount(line: BasketLine, wanted: LineChange) -> BasketLine:
    if wanted.line_discount_minor is not None and wanted.line_discount_percent is not None:
        raise Invalid(
            _("Give the discount as an amount or as a percentage."), _("Not both."), code="bad_discount"
        )
    if wanted.line_discount_percent is not None:
        update: dict[str, object] = {"discount_ppm": _ppm(wanted.line_discount_percent), "discount_minor": 0}
    elif wanted.line_discount_minor is not None:
        update = {"discount_ppm": 0, "discount_minor": wanted.line_discount_minor}
    else:
        return line
    return line.model_copy(update=update | {"reason": wanted.reason or line.reason})


def _allowed_line(
    edge: Edge, line: BasketLine, words: Sequence[Grant], person: CurrentPerson, reason: str
) -> tuple[Word, ...]:
    """Return whose words this line stands on, as it is now."""
    asked = []
    grants = tuple(word.grant for word in line.words)
    if line.unit_price_minor != line.list_price_minor:
        asked.append(Ask(Act.PRICE_OVERRIDE, 0, grants, line.reason))
    if line.taken_off_minor:
        share = discount_ppm(line.taken_off_minor, line.extension_minor)
        asked.append(Ask(Act.LINE_DISCOUNT, share, grants, line.reason))
    return _judged(edge, asked, words, person, reason)


def _judged(
    edge: Edge, asked: Sequence[Ask], words: Sequence[Grant], person: CurrentPerson, reason: str
) -> tuple[Word, ...]:
    seller = Grant("", person.person_id, StoreRole(person.role), reason)
    allowed = judge(asked, seller, words, edge.authority)
    if isinstance(allowed, Missing):
        raise approval_needed(allowed.act, allowed.role_needed)
    roles = {person.person_id: seller.role} | {
        word.by: word.role for word in (*words, *(grant for ask in asked for grant in ask.grants))
    }
    return tuple(
        Word(action=given.action, by=given.by, role=roles[given.by], reason=given.reason) for given in allowed
    )


def remove_line(
    unit: EdgeUnit, edge: Edge, basket_id: str, n: int, version: int, *, person: CurrentPerson
) -> BasketView:
    """Take a line out."""
    row, basket = current(unit, edge, basket_id, version, person)
    return view(edge, store(unit, edge, row, rules.remove(basket, n), person))


def discount(
    unit: EdgeUnit, edge: Edge, basket_id: str, wanted: DiscountWanted, *, person: CurrentPerson
) -> BasketView:
    """Give a discount on the whole basket, or take it away."""
    row, basket = current(unit, edge, basket_id, wanted.version, person)
    if wanted.amount_minor is not None and wanted.percent is not None:
        raise Invalid(
            _("Give the discount as an amount or as a percentage."), _("Not both."), code="bad_discount"
        )
    given = Discount(
        amount_minor=wanted.amount_minor or 0,
        share_ppm=_ppm(wanted.percent) if wanted.percent is not None else 0,
    )
    changed = rules.set_discount(basket, given)
    asked = []
    if changed.discount_minor:
        share = discount_ppm(changed.discount_minor, changed.subtotal_minor)
        asked.append(Ask(Act.ORDER_DISCOUNT, share, (), wanted.reason))
    words = _judged(edge, asked, _words(unit, edge, wanted.approval), person, wanted.reason)
    changed = changed.model_copy(update={"discount": given.model_copy(update={"words": words})})
    return view(edge, store(unit, edge, row, changed, person))


def set_customer(
    unit: EdgeUnit, edge: Edge, basket_id: str, customer_id: str, version: int, *, person: CurrentPerson
) -> BasketView:
    """Say whose basket it is; empty for nobody's."""
    row, basket = current(unit, edge, basket_id, version, person)
    changed = basket.model_copy(update={"customer_id": customer_id})
    return view(edge, store(unit, edge, row, changed, person))


def undo(unit: EdgeUnit, edge: Edge, basket_id: str, version: int, *, person: CurrentPerson) -> BasketView:
    """Take the last change back, up to five deep."""
    row, basket = current(unit, edge, basket_id, version, person)
    return view(edge, store(unit, edge, row, rules.undo(basket), person))


def abandon(unit: EdgeUnit, edge: Edge, basket_id: str, version: int, *, person: CurrentPerson) -> BasketView:
    """Give a basket up; nothing was sold."""
    row = _find(unit.connection, basket_id)
    if row.state == BasketState.OPEN:
        row, _basket = current(unit, edge, basket_id, version, person)
    state = BASKET.next_state(BasketState(row.state), BasketEvent.ABANDONED)
    return view(edge, move(unit, edge, row, state))


def park(unit: EdgeUnit, edge: Edge, basket_id: str, wanted: ParkWanted, *, person: CurrentPerson) -> Parked:
    """Put a basket aside under a number, and print the slip that brings it back."""
    row, basket = current(unit, edge, basket_id, wanted.version, person)
    if not basket.lines:
        raise Refused(_("This basket is empty."), _("Scan something first."), code="empty_basket")
    number = row.number or edge.number(unit, "P")
    body = basket.model_copy(update={"note": wanted.note or basket.note}).model_dump_json()
    state = BASKET.next_state(BasketState(row.state), BasketEvent.PARKED)
    moved = move(unit, edge, replace(row, number=number, body=body, person_id=person.person_id), state)
    shown = view(edge, moved)
    slip = ParkedBasket(
        number=number,
        version=moved.version,
        device=row.device,
        units=shown.units,
        total_minor=shown.total_minor,
        note=shown.note,
    )
    job = edge.print_parked(unit, slip, person)
    return Parked(number=number, code=slip_code(SLIP_TYPE, number, 1), slip_job=job, basket=shown)


def recall(unit: EdgeUnit, edge: Edge, code: str, device: str, *, person: CurrentPerson) -> BasketView:
    """Bring a parked basket back, at any till of the store, once.

    Raises:
        NotFound: no basket was parked under this code.
        Refused: it was brought back already, or another basket is open here.
    """
    slip = parse_slip_code(code)
    number = slip[1] if slip is not None and slip[0] == SLIP_TYPE else code.strip().upper()
    row = rows.find_parked(unit.connection, number)
    if row is None:
        raise NotFound(
            _("No basket was parked here under {code}.", code=number[:60]),
            _("Scan the code of the slip again, or look in the list of parked baskets."),
            code="unknown_basket",
        )
    if row.state != BasketState.PARKED:
        raise Refused(
            _("The basket {number} is not parked any more: it is {state}.", number=number, state=row.state),
            _("A slip brings its basket back once; look for the sale under Orders."),
            code="basket_not_parked",
            number=number,
            state=row.state,
            device=row.device,
        )
    _clear_counter(unit, edge, device)
    state = BASKET.next_state(BasketState(row.state), BasketEvent.RECALLED)
    return view(edge, move(unit, edge, replace(row, device=device, person_id=person.person_id), state))


def _clear_counter(unit: EdgeUnit, edge: Edge, device: str) -> None:
    """Give up an empty basket at a device, or refuse to lose one that has something in it."""
    here = rows.open_basket_of(unit.connection, device)
    if here is None:
        return
    if Basket.model_validate_json(here.body).lines:
        raise Refused(
            _("Another basket is open at this till."),
            _("Park it or finish it first."),
            code="basket_in_use",
            basket_id=here.basket_id,
        )
    move(unit, edge, here, BasketState.ABANDONED)


def pay(
    unit: EdgeUnit, edge: Edge, basket_id: str, wanted: PayWanted, *, person: CurrentPerson
) -> tuple[PaidBasket, bool]:
    """Sell what is in a basket; return the answer and whether it is new."""

    def work() -> PaidBasket:
        row, basket = to_be_paid(unit, edge, basket_id, wanted.version, person)
        sold = complete(
            unit,
            edge,
            basket.draft(),
            till=wanted.till,
            tenders=wanted.tenders,
            tokens=wanted.approvals,
            customer_id=basket.customer_id,
            person=person,
        )
        state = BASKET.next_state(BasketState(row.state), BasketEvent.PAID)
        return PaidBasket(sold=sold, basket=view(edge, move(unit, edge, row, state)))

    return once(unit, edge, wanted, wanted.key, PaidBasket, work)


def to_be_paid(
    unit: EdgeUnit, edge: Edge, basket_id: str, version: int, person: CurrentPerson
) -> tuple[rows.BasketRow, Basket]:
    """Return an open basket that may be sold as it is: something is in it, and all of it is still sold.

    Raises:
        StaleVersion: it has changed since; the basket as it is now is in `facts`.
        Refused: `empty_basket` or `product_inactive`.
    """
    row, basket = current(unit, edge, basket_id, version, person)
    if not basket.lines:
        raise Refused(_("This basket is empty."), _("Scan something first."), code="empty_basket")
    for line in basket.lines:
        product = edge.products.find(unit.connection, line.sku)
        if product is not None and not product.active:
            raise inactive(product, line.n)
    return row, basket


def _find(connection: Connection, basket_id: str) -> rows.BasketRow:
    row = rows.find_basket(connection, basket_id)
    if row is None:
        raise NotFound(_("There is no such basket."), _("Begin a new one."), code="unknown_basket")
    return row


def _own(unit: EdgeUnit, edge: Edge, basket_id: str, person: CurrentPerson) -> rows.BasketRow:
    """Return an open basket that this device may change."""
    row = _find(unit.connection, basket_id)
    if row.state != BasketState.OPEN:
        raise Refused(
            _("This basket is {state}.", state=row.state),
            _("Begin a new one, or bring it back by its slip."),
            code="basket_closed",
            state=row.state,
            basket=view(edge, row).model_dump(mode="json"),
        )
    if person.device and row.device and person.device != row.device:
        raise Refused(
            _("This basket is open at {device}.", device=row.device),
            _("Park it there and bring it back here by its slip."),
            code="other_device",
            device=row.device,
        )
    return row


def current(
    unit: EdgeUnit, edge: Edge, basket_id: str, version: int, person: CurrentPerson
) -> tuple[rows.BasketRow, Basket]:
    """Return an open basket that is still as the screen showed it.

    Raises:
        StaleVersion: it has changed since; the basket as it is now is in `facts`.
    """
    row = _own(unit, edge, basket_id, person)
    if row.version != version:
        raise StaleVersion(
            _("The basket has changed since this screen was drawn."),
            _("Look at it as it is now and do it again."),
            version=row.version,
            basket=view(edge, row).model_dump(mode="json"),
        )
    return row, Basket.model_validate_json(row.body)


def store(
    unit: EdgeUnit, edge: Edge, row: rows.BasketRow, basket: Basket, person: CurrentPerson
) -> rows.BasketRow:
    """Store what is in a basket now, and tell every screen that shows it."""
    changed = replace(
        row,
        version=row.version + 1,
        body=basket.model_dump_json(),
        person_id=person.person_id,
        changed_us=edge.clock.now_us(),
    )
    rows.update_basket(unit, changed)
    _tell(unit, edge, changed)
    return changed


def move(unit: EdgeUnit, edge: Edge, row: rows.BasketRow, state: BasketState) -> rows.BasketRow:
    """Bring a basket into its next state, and tell every screen that shows it."""
    moved = replace(row, state=state.value, version=row.version + 1, changed_us=edge.clock.now_us())
    rows.update_basket(unit, moved)
    _tell(unit, edge, moved)
    return moved


def _tell(unit: EdgeUnit, edge: Edge, row: rows.BasketRow) -> None:
    device = row.device
    unit.after_commit(lambda: edge.broadcaster.publish("basket", device))


def _words(unit: EdgeUnit, edge: Edge, token: str | None) -> tuple[Grant, ...]:
    if token is None:
        return ()
    given = spend_approval(unit, edge, token)
    return (Grant(given.approval.action, given.approval.by, given.role, given.approval.reason),)


def _ppm(percent: float) -> int:
    """Return a percentage as parts per million, as written: binary fractions stay out of money."""
    return round(percent * 10_000)
