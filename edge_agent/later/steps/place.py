"""Take an order for later: one step, from the key of the request to the slip in the customer's hand.

The order, the money and the goods that are set aside are recorded in one unit of work. What the hub has
answered is handed in: nobody waits for a line while the store's one writer stands still. Stock is read here
and not before, so two counters cannot set the same unit aside by looking at the same moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.checks import steps as checks
from edge_agent.context import Edge
from edge_agent.counter.rows import OpenTill
from edge_agent.counter.rules.basket import Basket
from edge_agent.counter.rules.sale import Draft, DraftLine, Paid, Priced, price
from edge_agent.counter.steps import basket as baskets
from edge_agent.counter.steps.sale import allowed, paid_by, require_open_till, words_of
from edge_agent.database import EdgeUnit
from edge_agent.later import places, rows, rules
from edge_agent.later.hub import Option, PromiseAnswer
from edge_agent.later.models import Placed, PlaceWanted
from edge_agent.later.rules import HubDecides, NotHere, Way
from edge_agent.later.steps.people import contact_for
from edge_agent.once import once
from edge_agent.paper.rules import Slip
from edge_agent.paper.steps import queue_slip
from edge_agent.settings import EdgeSettings, ShippingService
from edge_agent.stock.rows import on_hand_of
from protocol.catalog import Product
from protocol.errors import Invalid, OutOfStock, Refused
from protocol.fulfilment import LINES_FOR_LATER, AssignedLine, FulfilKind, Promise, PromiseClass
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.later import OrderPaid, OrderPlaced, OwnPart
from protocol.lifecycles import BASKET, BasketEvent, BasketState
from protocol.orders import Approval, LineKind, OrderLine, Tender, TenderKind

CHANNEL = "counter"
CODE_TRIES = 5
"""A code that another waiting customer has is drawn again; after so many the same one is no misfortune."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Who keeps an order, and what the customer is told."""

    promise: Promise
    own: OwnPart | None


def place(
    unit: EdgeUnit,
    edge: Edge,
    command: PlaceWanted,
    answer: PromiseAnswer | None,
    *,
    person: CurrentPerson,
) -> tuple[Placed, bool]:
    """Take what is in a basket as an order for later; return the answer and whether it is new.

    `answer` is what the hub would promise, asked a moment ago; None when it could not be reached.

    Raises:
        StaleVersion: the basket has changed since.
        OutOfStock: it cannot be collected here, with what is missing in `facts`.
        Refused: nothing was done; `code` says why (would_be_provisional, no_longer_offered, till_closed,
            deposit_too_small, unpaid_rest, check_refused, …).
        NotPermitted: `needs_approval`, as in a sale.
    """
    return once(unit, edge, command, command.key, Placed, lambda: _place(unit, edge, command, answer, person))


def _place(
    unit: EdgeUnit, edge: Edge, command: PlaceWanted, answer: PromiseAnswer | None, person: CurrentPerson
) -> Placed:
    row, basket = baskets.to_be_paid(unit, edge, command.basket_id, command.version, person)
    currency = edge.settings.currency
    draft = draft_of(edge.settings, basket, command.way, command.service, answer)
    priced = price(draft, currency)
    approvals = allowed(edge, draft, words_of(unit, edge, command.approvals), person, currency)
    contact = contact_for(unit, edge, command, basket.customer_id)
    kept = _keep(unit, edge, command, priced, answer)
    now_minor = rules.pay_now(
        priced.total_minor, command.deposit_minor, percent_min=edge.settings.deposit_percent_min
    )
    session, paid = _money(unit, edge, command, now_minor)
    body = _event(unit, edge, command, priced, kept, contact_id=contact.contact_id, approvals=approvals)
    verdict = checks.check(unit, edge, body, contact, paid.tenders if paid else ())
    device = person.device or command.till
    recorded = edge.journal.record(unit, body, by=person.person_id, device=device)
    checks.hold(unit, edge, (body.order_id, body.number), verdict, person)
    slip = {"seq": recorded.seq}
    if session is not None and paid is not None:
        payment = payment_of(edge, session, (body.order_id, body.number), now_minor, paid)
        slip["paid_seq"] = edge.journal.record(unit, payment, by=person.person_id, device=device).seq
        unit.after_commit(lambda: edge.broadcaster.publish("till"))
    kick = paid is not None and paid.opens_drawer
    job = queue_slip(unit, edge, Slip.ORDER_SLIP, body.number, body.number, slip, kick=kick)
    baskets.move(unit, edge, row, BASKET.next_state(BasketState(row.state), BasketEvent.PAID))
    tell(unit, edge)
    return Placed(
        order_id=body.order_id,
        number=body.number,
        own=kept.own is not None,
        provisional=kept.promise.provisional,
        promise=kept.promise,
        pickup_code=body.pickup_code,
        contact_id=contact.contact_id,
        total_minor=body.total_minor,
        paid_minor=now_minor,
        due_minor=body.total_minor - now_minor,
        change_minor=paid.change_minor if paid else 0,
        rounding_minor=paid.rounding_minor if paid else 0,
        seq=recorded.seq,
        slip_job=job,
    )


def draft_of(
    settings: EdgeSettings, basket: Basket, way: Way, service: str, answer: PromiseAnswer | None = None
) -> Draft:
    """Return what is to be ordered: the basket, and the way to the customer where it is shipped.

    The way costs what the hub said for this service and address, else what the store's settings say.

    Raises:
        Invalid: `unknown_service`.
    """
    draft = basket.draft()
    if way is not Way.SHIP:
        return draft
    chosen = service_of(settings, service)
    offer = offer_of(answer, chosen.name)
    line = DraftLine(
        product=Product(
            sku=f"SHIP-{chosen.name.upper()}",
            name=service_word(chosen.name),
            kind=LineKind.SHIPPING,
            price_minor=offer.price_minor if offer is not None and offer.price_minor else chosen.minor,
            rate_ppm=chosen.rate_ppm,
        ),
        quantity=1,
    )
    return Draft((*draft.lines, line), draft.order_discount_minor, draft.order_grants)


def offer_of(answer: PromiseAnswer | None, service: str) -> Option | None:
    """Return what the hub offers for a service; None where it does not, or was not asked."""
    return next((each for each in answer.options if each.service == service), None) if answer else None


def service_of(settings: EdgeSettings, name: str) -> ShippingService:
    """Return a shipping service of this store; the first one when none is said.

    Raises:
        Invalid: `unknown_service`.
    """
    found = next((each for each in settings.shipping if not name or each.name == name), None)
    if found is None:
        raise Invalid(
            _("This store does not ship with {service}.", service=name[:32] or "-"),
            _("Choose one of: {services}.", services=", ".join(each.name for each in settings.shipping)),
            code="unknown_service",
        )
    return found


def service_word(name: str) -> str:
    """Return what a service is called on a line."""
    words = {"standard": _("Standard shipping"), "express": _("Express shipping")}
    return words.get(name) or _("Shipping, {service}", service=name)


def hours_of(settings: EdgeSettings) -> rules.Hours:
    """Return the hours of this store."""
    return rules.Hours(settings.zone, settings.closes, settings.collect_ready_minutes)


def _keep(
    unit: EdgeUnit, edge: Edge, command: PlaceWanted, priced: Priced, answer: PromiseAnswer | None
) -> Kept:
    """Return who keeps the order and what is promised, or refuse it."""
    wanted = rules.needs(priced.lines)
    if not wanted:
        raise Refused(
            _("Nothing in this basket waits for anybody: there are no goods in it."),
            _("Sell it at once instead."),
            code="no_goods",
        )
    if len(priced.lines) > LINES_FOR_LATER:
        raise Refused(
            _("An order for later has {limit} lines at most.", limit=LINES_FOR_LATER),
            _("Split it into two orders."),
            code="too_many_lines",
        )
    free = {sku: here.rights.sellable for sku, here in on_hand_of(unit.connection, wanted).items()}
    decided = rules.placing(command.way, wanted, free, hub=answer is not None)
    if isinstance(decided, NotHere):
        raise not_here(decided)
    if isinstance(decided, HubDecides):
        if decided.provisional and not command.provisional:
            raise Refused(
                _("The hub cannot be asked now, so this order would be provisional."),
                _("Tell the customer that it is not certain yet, then take it as provisional."),
                code="would_be_provisional",
            )
        return Kept(_promise(unit, edge, command, answer), None)
    own = OwnPart(assignment_id=edge.ids.new_id(), lines=_assigned(priced.lines))
    return Kept(_own_promise(edge, command), own)


def not_here(found: NotHere) -> OutOfStock:
    """Return the refusal to let something be collected here that is not here; elsewhere it may be."""
    first = found.short[0]
    return OutOfStock(
        _(
            "{wanted} x {name} asked, {free} free here.",
            wanted=first.wanted,
            name=first.name,
            free=first.free,
        ),
        _("Let it be collected at another store, or shipped."),
        code="not_here",
        short=[
            {"sku": each.sku, "name": each.name, "wanted": each.wanted, "free": each.free}
            for each in found.short
        ],
        alternatives=[Way.ELSEWHERE.value, Way.SHIP.value],
    )


def _own_promise(edge: Edge, command: PlaceWanted) -> Promise:
    settings, now_us = edge.settings, edge.clock.now_us()
    hours = hours_of(settings)
    if command.way is Way.SHIP:
        service = service_of(settings, command.service)
        return Promise(
            kind=FulfilKind.SHIP,
            location=settings.edge,
            due_us=rules.after_days(now_us, service.days, hours),
            service=service.name,
        )
    if command.on or command.when == "on":
        time = rules.time_on(command.on, now_us, hours)
    else:
        times = rules.times_here(now_us, hours)
        time = next((each for each in times if each.key == command.when), times[0])
    return Promise(
        kind=FulfilKind.COLLECT,
        location=settings.edge,
        due_us=time.due_us,
        promise_class=time.promise_class,
        keep_until_us=time.due_us + settings.collect_keep_days * rules.DAY_US,
    )


def _promise(unit: EdgeUnit, edge: Edge, command: PlaceWanted, answer: PromiseAnswer | None) -> Promise:
    """Return what the hub has said, or the careful guess of a counter that could not ask."""
    settings = edge.settings
    kind = rules.kind_of(command.way)
    place = command.location if command.way is Way.ELSEWHERE else ""
    service = service_of(settings, command.service).name if command.way is Way.SHIP else ""
    if command.way is Way.ELSEWHERE:
        _check_location(unit, edge, place, answer)
    deliver_us = price_minor = 0
    if answer is None:
        due_us = rules.after_days(edge.clock.now_us(), rules.PROVISIONAL_DAYS, hours_of(settings))
        promise_class, provisional = PromiseClass.STANDARD, True
    else:
        option = _chosen(answer, place, service)
        due_us, promise_class, provisional = option.due_us, option.promise_class, False
        if kind is FulfilKind.SHIP:
            deliver_us, price_minor = option.deliver_us, option.price_minor
        rules.check_due(due_us, edge.clock.now_us())
    keep_us = settings.collect_keep_days * rules.DAY_US if kind is FulfilKind.COLLECT else 0
    return Promise(
        kind=kind,
        location=place,
        due_us=due_us,
        promise_class=promise_class,
        service=service,
        keep_until_us=due_us + keep_us if keep_us else 0,
        deliver_us=deliver_us,
        price_minor=price_minor,
        provisional=provisional,
    )


def _check_location(unit: EdgeUnit, edge: Edge, place: str, answer: PromiseAnswer | None) -> None:
    known = {each.location for each in answer.options} if answer else set()
    known |= {each.location for each in places.places(unit.connection)}
    if place == edge.settings.edge or place not in known:
        raise Invalid(
            _("No other store is known as {location}.", location=place[:40] or "-"),
            _("Choose one of the list; without the line only stores that were asked for before are on it."),
            code="unknown_location",
            location=place[:40],
        )


def _chosen(answer: PromiseAnswer, place: str, service: str) -> Option:
    """Return what the hub offers for this store, or for this service from wherever; the soonest of it."""
    offered = [each for each in answer.options if not place or each.location == place]
    fitting = [each for each in offered if not each.service or each.service == service] or offered
    if not fitting:
        raise Refused(
            answer.why_not or _("Nobody can keep this order as it is asked for."),
            _("Choose another store or another way, or take fewer."),
            code="not_offered",
            options=[each.model_dump(mode="json") for each in answer.options[:20]],
        )
    return min(fitting, key=lambda each: (each.due_us, each.location))


def _assigned(lines: Sequence[OrderLine]) -> tuple[AssignedLine, ...]:
    return tuple(
        AssignedLine(line_no=line.line_no, sku=line.sku, name=line.name, quantity=line.quantity)
        for line in lines
        if line.kind is LineKind.GOODS
    )


def _money(
    unit: EdgeUnit, edge: Edge, command: PlaceWanted, now_minor: int
) -> tuple[OpenTill | None, Paid | None]:
    """Return at which open till what is paid; nothing at all when nothing is paid now."""
    if not now_minor:
        if any(tender.amount_minor or tender.tendered_minor for tender in command.tenders):
            raise Refused(
                _("Nothing is paid now, but money was given."),
                _("Say how much of it is the deposit, or give it back."),
                code="money_without_deposit",
            )
        return None, None
    session = require_open_till(unit, edge, command.till)
    return session, paid_by(edge, now_minor, command.tenders, session.currency)


def payment_of(
    edge: Edge, session: OpenTill, order: tuple[str, str], amount_minor: int, paid: Paid
) -> OrderPaid:
    """Return the event of money for an order (its id and number) that came in at a till."""
    return OrderPaid(
        session_id=session.session_id,
        till=session.till,
        business_date=session.business_date,
        currency=session.currency,
        payment_id=edge.ids.new_id(),
        order_id=order[0],
        number=order[1],
        tenders=counted(paid.tenders),
        amount_minor=amount_minor,
        change_minor=paid.change_minor,
        rounding_minor=paid.rounding_minor,
    )


def counted(tenders: tuple[Tender, ...]) -> tuple[Tender, ...]:
    """Return the tenders of an amount; one too small for any coin is cash of nothing, all of it rounding."""
    return tenders or (Tender(kind=TenderKind.CASH, amount_minor=0),)


def _event(
    unit: EdgeUnit,
    edge: Edge,
    command: PlaceWanted,
    priced: Priced,
    kept: Kept,
    *,
    contact_id: str,
    approvals: tuple[Approval, ...],
) -> OrderPlaced:
    collected = kept.promise.kind is FulfilKind.COLLECT
    return OrderPlaced(
        order_id=edge.ids.new_id(),
        number=edge.number(unit),
        channel=CHANNEL,
        currency=edge.settings.currency,
        lines=priced.lines,
        total_minor=priced.total_minor,
        tax_minor=priced.tax_minor,
        promise=kept.promise,
        contact_id=contact_id,
        pickup_code=_code(unit, edge) if collected else "",
        note=command.note,
        gift=command.gift,
        own=kept.own,
        till=command.till,
        approvals=approvals,
    )


def _code(unit: EdgeUnit, edge: Edge) -> str:
    code = rules.pickup_code(edge.ids.secret(8))
    for _try in range(CODE_TRIES):
        if not rows.code_in_use(unit.connection, code):
            break
        code = rules.pickup_code(edge.ids.secret(8))
    return code


def tell(unit: EdgeUnit, edge: Edge) -> None:
    """Have every page of orders and of stock look again."""

    def told() -> None:
        edge.broadcaster.publish("orders")
        edge.broadcaster.publish("stock")

    unit.after_commit(told)
