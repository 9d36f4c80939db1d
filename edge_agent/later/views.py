"""What pages show of orders for later: the plan of a basket, and the state of an order in one sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge_agent.context import Edge
from edge_agent.counter.rules.basket import Basket, ForLater
from edge_agent.counter.rules.sale import price
from edge_agent.customers import rows as customers
from edge_agent.fulfil.rows import assignments
from edge_agent.fulfil.rows.assignments import Assignment
from edge_agent.later import places, rows, rules
from edge_agent.later.hub import Option, PromiseAnswer
from edge_agent.later.rules import HubDecides, NotHere, Own, Placing, Way
from edge_agent.later.steps.people import check_address
from edge_agent.later.steps.place import draft_of, hours_of, offer_of, service_of, service_word
from edge_agent.stock.rows import on_hand_of
from protocol.customers import Contact
from protocol.errors import Invalid
from protocol.fulfilment import FulfilKind, Promise
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.filters import money, when
from protocol.kit.web.shell import Shape
from protocol.lifecycles import AssignmentState, OrderState

MATCHES: Final = 8
"""Customers listed for what was typed: more than that asks for another letter."""
DAY: Final = "EEE d MMM"
HOUR: Final = "EEE d MMM, HH:mm"


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to get the goods: what it would mean now, or what stands against it."""

    way: Way
    icon: str
    word: str
    says: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """One service that parcels go by: its price, and when it arrives as far as the hub says."""

    name: str
    word: str
    minor: int
    deliver_us: int = 0
    asked: bool = False
    """Whether the hub was asked and offers it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that the page of an order which is being taken shows."""

    chosen: ForLater
    way: Way
    firm: bool
    provisional: bool
    choices: tuple[Choice, ...]
    times: tuple[rules.Time, ...]
    options: tuple[Option, ...]
    places: tuple[places.PlaceRow, ...]
    services: tuple["Service", ...]
    asked: bool
    """Whether the hub has answered."""
    sentence: str
    contact: Contact | None
    due_us: int
    shipping_minor: int
    total_minor: int
    least_minor: int
    now_minor: int
    why_not: str
    """What must be said first; empty when the order may be taken."""


@dataclass(frozen=True, slots=True)
class State:
    """Where an order is: a word with its shape, and the sentence that a customer is told."""

    word: str
    shape: Shape
    says: str


def plan_of(connection: Connection, edge: Edge, basket: Basket, answer: PromiseAnswer | None) -> Plan:
    """Return how the order in a basket stands, as far as it was said."""
    chosen, settings = basket.later or ForLater(), edge.settings
    way = Way(chosen.way)
    goods = basket.priced(settings.currency)
    total = price(draft_of(settings, basket, way, chosen.service, answer), settings.currency).total_minor
    wanted = rules.needs(goods.lines)
    free = {sku: here.rights.sellable for sku, here in on_hand_of(connection, wanted).items()}
    placing = rules.placing(way, wanted, free, hub=answer is not None)
    least = rules.deposit_least(total, settings.deposit_percent_min)
    asked_now = total if chosen.deposit_minor is None else min(max(chosen.deposit_minor, least), total)
    contact = customers.find(connection, basket.customer_id)
    known = contact if contact is not None and not contact.erased else None
    options = answer.options if answer else ()
    return Plan(
        chosen=chosen,
        way=way,
        firm=isinstance(placing, Own),
        provisional=isinstance(placing, HubDecides) and placing.provisional,
        choices=_choices(edge, wanted, free),
        times=rules.times_here(edge.clock.now_us(), hours_of(settings)),
        options=options,
        places=places.places(connection),
        services=_services(edge, answer if way is Way.SHIP else None),
        asked=answer is not None,
        sentence=answer.why_not if answer else "",
        contact=known,
        due_us=_due_us(edge, chosen, placing, options),
        shipping_minor=total - goods.total_minor,
        total_minor=total,
        least_minor=least,
        now_minor=asked_now,
        why_not=_why_not(placing, chosen, known, options, answer),
    )


def _choices(
    edge: Edge, wanted: Mapping[str, tuple[str, int]], free: Mapping[str, int]
) -> tuple[Choice, ...]:
    here = rules.placing(Way.HERE, wanted, free, hub=False)
    soon = rules.times_here(edge.clock.now_us(), hours_of(edge.settings))[0]
    found = [
        Choice(
            Way.HERE,
            "shelf",
            _("Collect here"),
            _("Ready {at}, set aside at once", at=_at(edge, soon.due_us)),
            why_not=_short(here) if isinstance(here, NotHere) else "",
        ),
        Choice(
            Way.ELSEWHERE,
            "box",
            _("Collect at another store"),
            _("The hub says where and when") if edge.online() else _("Provisional: the hub cannot be asked"),
        ),
    ]
    if edge.settings.shipping:
        says = _("From {amount}", amount=money(min(each.minor for each in edge.settings.shipping)))
        if not edge.online():
            ships = isinstance(here, Own)
            says = _("Firm, from this store's shelf") if ships else _("Provisional: not all of it is here")
        found.append(Choice(Way.SHIP, "van", _("Ship it"), says))
    return tuple(found)


def _services(edge: Edge, answer: PromiseAnswer | None) -> tuple[Service, ...]:
    found = []
    for each in edge.settings.shipping:
        offer = offer_of(answer, each.name)
        word = service_word(each.name)
        if offer is None:
            found.append(Service(each.name, word, each.minor))
        else:
            minor = offer.price_minor or each.minor
            found.append(Service(each.name, word, minor, offer.deliver_us, asked=True))
    return tuple(found)


def _short(found: NotHere) -> str:
    first, more = found.short[0], len(found.short) - 1
    said = _("{free} of {wanted} {name} are free here", free=first.free, wanted=first.wanted, name=first.name)
    return _("{said}, and {more} more are short", said=said, more=more) if more else said


def _due_us(edge: Edge, chosen: ForLater, placing: Placing, options: tuple[Option, ...]) -> int:
    """Return what would be promised; 0 while it cannot be said."""
    now_us, hours = edge.clock.now_us(), hours_of(edge.settings)
    if isinstance(placing, NotHere):
        return 0
    if isinstance(placing, HubDecides):
        if placing.provisional:
            return rules.after_days(now_us, rules.PROVISIONAL_DAYS, hours)
        if chosen.way == Way.SHIP:
            name = service_of(edge.settings, chosen.service).name
            fitting = [each for each in options if each.service == name] or list(options)
        else:
            fitting = [each for each in options if each.location == chosen.location]
        return min((each.due_us for each in fitting), default=0)
    return _own_due_us(edge, chosen, now_us, hours)


def _own_due_us(edge: Edge, chosen: ForLater, now_us: int, hours: rules.Hours) -> int:
    if chosen.way == Way.SHIP:
        return rules.after_days(now_us, service_of(edge.settings, chosen.service).days, hours)
    if chosen.when == "on":
        try:
            return rules.time_on(chosen.on, now_us, hours).due_us
        except Invalid:
            return 0
    times = rules.times_here(now_us, hours)
    return next((each for each in times if each.key == chosen.when), times[0]).due_us


def _why_not(
    placing: Placing,
    chosen: ForLater,
    contact: Contact | None,
    options: tuple[Option, ...],
    answer: PromiseAnswer | None,
) -> str:
    if isinstance(placing, NotHere):
        return _("It cannot be collected here: {short}.", short=_short(placing))
    if answer is not None and not options and isinstance(placing, HubDecides):
        return answer.why_not or _("No other store can keep it.")
    if chosen.way == Way.ELSEWHERE and not chosen.location:
        return _("First: choose the store.")
    if contact is None:
        return _("First: say who it is for.")
    if chosen.way == Way.SHIP:
        try:
            check_address(contact)
        except Invalid as error:
            return error.what
    return ""


def time_word(edge: Edge, time: rules.Time) -> str:
    """Return a time that may be promised as it is said."""
    at = _at(edge, time.due_us)
    clock = when(time.due_us, edge.settings.zone, "HH:mm").striptags()
    words = {
        "soon": _("Soon: {at}", at=clock),
        "today": _("Today: {at}", at=clock),
        "tomorrow": _("Tomorrow: {at}", at=clock),
    }
    return words.get(time.key, at)


def _at(edge: Edge, at_us: int) -> str:
    today = when(edge.clock.now_us(), edge.settings.zone, DAY).striptags()
    said = when(at_us, edge.settings.zone, DAY).striptags()
    return when(at_us, edge.settings.zone, "HH:mm" if said == today else HOUR).striptags()


def promise_word(connection: Connection, edge: Edge, promise: Promise) -> str:
    """Return what was promised as a sentence without its end."""
    at = _at(edge, promise.due_us)
    if promise.kind is FulfilKind.SHIP:
        return _("Shipped by {at}", at=when(promise.due_us, edge.settings.zone, DAY).striptags())
    if promise.location == edge.settings.edge:
        return _("Collect here from {at}", at=at)
    return _("Collect at {place} from {at}", place=place_word(connection, promise.location), at=at)


def place_word(connection: Connection, location: str) -> str:
    """Return what another location is called, as far as it is known."""
    known = {place.location: place.name for place in places.places(connection)}
    return known.get(location) or location


def state_of(connection: Connection, order: rows.OrderRow) -> State:
    """Return where an order is, as a person at a counter says it."""
    head = order.head
    held = assignments.find(connection, head.assignment_id)
    if head.state is OrderState.CANCELLED:
        return State(_("Cancelled"), "calm", _("Nothing of it is kept for anybody."))
    if head.state is OrderState.HANDED_OVER:
        shipped = head.promise.kind is FulfilKind.SHIP
        return State(_("Shipped") if shipped else _("Collected"), "done", _("The customer has it."))
    if held is not None and head.assignment_id:
        return _state_added(held) if held.state in _OVER_HERE else _state_here(held)
    return _state_elsewhere(connection, order)


_OVER_HERE = frozenset({AssignmentState.HANDED_OVER, AssignmentState.SHIPPED, AssignmentState.CANCELLED})


def _state_added(held: Assignment) -> State:
    """Return where an order is of which this store's own part is over and something else is not."""
    over = _("Cancelled here") if held.state is AssignmentState.CANCELLED else _("Partly with the customer")
    return State(over, "live", _("What is still open is with the hub, as a part of its own."))


def _state_here(held: Assignment) -> State:
    shelf = _("It waits on shelf {shelf}.", shelf=held.shelf) if held.shelf else _("It waits at the desk.")
    words: dict[AssignmentState, State] = {
        AssignmentState.ACKNOWLEDGED: State(
            _("To be picked"), "live", _("Set aside here; it is to be picked.")
        ),
        AssignmentState.PICKING: State(_("Being picked"), "live", _("Somebody is fetching it.")),
        AssignmentState.PICKED: State(_("Picked"), "live", _("It is to be packed.")),
        AssignmentState.PACKED: State(_("Packed"), "live", _("It is to be put on its shelf or shipped.")),
        AssignmentState.READY: State(_("Ready"), "done", shelf),
    }
    given_up = State(_("Given back"), "act", _("This store gave it back; the hub decides who keeps it."))
    return words.get(held.state, given_up)


def _state_elsewhere(connection: Connection, order: rows.OrderRow) -> State:
    head, settled = order.head, order.settled
    if settled is None:
        if head.promise.provisional:
            says = _("Provisional: the hub confirms it as soon as the line is back.")
            return State(_("Waiting for the hub"), "wait", says)
        return State(_("At the hub"), "live", _("The hub gives it to the store that keeps it."))
    at = place_word(connection, settled.promise.location)
    states: dict[str, State] = {
        "routed": State(_("Confirmed"), "live", _("{place} keeps it.", place=at)
                        if settled.promise.location else _("A store of ours ships it.")),
        "waiting": State(_("Nobody has it yet"), "act", _("The hub is looking for it; a person decides.")),
        "handed_over": State(_("Collected"), "done", _("The customer has it.")),
        "cancelled": State(_("Cancelled"), "calm", _("It was cancelled at the hub.")),
    }  # fmt: skip
    found = states.get(settled.state, State(settled.state.replace("_", " "), "live", ""))
    return State(found.word, found.shape, settled.sentence or found.says)


def matches(connection: Connection, text: str) -> tuple[Contact, ...]:
    """Return customers that what was typed may mean."""
    found = (customers.find(connection, each) for each in customers.search(connection, text)[:MATCHES])
    return tuple(each for each in found if each is not None and not each.erased)
