"""Wishes and deficits over a bad network: nothing is promised twice, nobody gives way twice, and it settles.

The machine beside `test_rights` lends at random; here both sides do what the policy says. What a wish may
never do is break the claim, whatever was lost, repeated or late; and when everything has been heard, both
sides must agree to do nothing more: a loan that wandered to and fro would never come to rest.
"""

import contextlib
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hub.fulfil.harm import Promised, Sending, give_way, least_harm, pending, victims
from protocol.errors import OutOfRights, OutOfStock
from protocol.fulfilment import PromiseClass
from protocol.lending import LastUnits, Terms, Wish, balance
from protocol.lifecycles import AssignmentState
from protocol.money import PPM
from protocol.rights import EdgeStock, EdgeVector, HubRight, HubVector

UNITS = st.integers(min_value=1, max_value=4)
WHICH = st.integers(min_value=0, max_value=9)
ROUNDS = 12
TERMS = st.builds(
    Terms,
    share_ppm=st.sampled_from((PPM, PPM // 2, PPM // 3)),
    cap=st.integers(1, 6),
    least=st.integers(1, 4),
    last_units=st.sampled_from(LastUnits),
    kept_units=st.integers(0, 3),
)


@dataclass
class Order:
    """Units that the hub has promised to somebody."""

    units: int
    asked: bool = False
    open_at_edge: bool = True
    ended: bool = False


@dataclass
class Heard:
    """What the edge knows of the hub: cells by maximum, the wish by newest version."""

    allocated: int = 0
    ended: int = 0
    want: int = 0
    version: int = -1

    def hear(self, vector: HubVector) -> None:
        self.allocated, self.ended = max(self.allocated, vector.A), max(self.ended, vector.K)
        if vector.ver >= self.version:
            self.version, self.want = vector.ver, vector.want


@dataclass
class Desk:
    """The hub's side: its cells, and how much the store asked back."""

    right: HubRight
    version: int = 0
    back_upto: int = 0
    want: int = 0
    orders: list[Order] = field(default_factory=list)

    def hear(self, vector: EdgeVector) -> None:
        newer = vector.ver > self.right.version
        self.right = self.right.see(vector)
        if newer:
            self.back_upto = vector.R + vector.want_back
        self.give_back()

    def give_back(self) -> None:
        missing = self.right.need(sum(order.units for order in self.orders if order.asked))
        asked = self.back_upto - self.right.cells.returned
        units = min(self.right.free, max(missing, asked))
        if units > 0:
            self.right = self.right.give_back(units)
        self.version += 1

    def vector(self) -> HubVector:
        return self.right.vector(self.version, self.want)


class Rebalancing(RuleBasedStateMachine):
    """One article of one store and the hub, with everything that either of them ever said."""

    @initialize(physical=st.integers(2, 12), terms=TERMS)
    def begin(self, physical: int, terms: Terms) -> None:
        self.edge, self.terms = EdgeStock("A", physical=physical), terms
        self.heard, self.desk = Heard(), Desk(HubRight("A"))
        self.up: list[EdgeVector] = []
        self.down: list[HubVector] = []
        self.version = 0
        self.rate_milli = 0
        self.both_hear_each_other()

    @rule()
    def both_hear_each_other(self) -> None:
        self.the_store_looks_and_speaks()
        self.desk.hear(self.up[-1])
        self.the_hub_speaks()
        self.hear(self.down[-1])

    @rule(units=UNITS)
    def a_walk_in_customer_buys(self, units: int) -> None:
        with contextlib.suppress(OutOfStock):
            self.edge = self.edge.take(units)

    @rule(units=UNITS)
    def a_customer_carries_away_what_may_be_promised(self, units: int) -> None:
        self.edge = self.edge.take_in_hand(units)

    @rule(units=UNITS)
    def goods_arrive(self, units: int) -> None:
        self.edge = self.edge.receive(units)

    @rule(units=UNITS)
    def a_local_order_is_reserved_or_given_up(self, units: int) -> None:
        with contextlib.suppress(OutOfStock):
            self.edge = self.edge.release(units) if self.edge.bound >= units else self.edge.reserve(units)

    @rule(rate_milli=st.sampled_from((0, 5_000, 30_000)))
    def the_store_sells_faster_or_slower(self, rate_milli: int) -> None:
        self.rate_milli = rate_milli

    @rule(want=st.integers(0, 5))
    def the_hub_wants_more_or_less(self, want: int) -> None:
        self.desk.want, self.desk.version = want, self.desk.version + 1

    @rule(units=UNITS)
    def an_online_customer_orders(self, units: int) -> None:
        with contextlib.suppress(OutOfRights):
            self.desk.right = self.desk.right.allocate(units)
            self.desk.orders.append(Order(units))
            self.desk.version += 1

    @rule(which=WHICH)
    def somebody_is_chosen_to_give_way(self, which: int) -> None:
        waiting = [order for order in self.desk.orders if order.open_at_edge and not order.asked]
        if waiting:
            waiting[which % len(waiting)].asked = True

    @rule(which=WHICH)
    def the_store_gives_it_up_or_has_handed_it_over(self, which: int) -> None:
        waiting = [order for order in self.desk.orders if order.open_at_edge]
        if not waiting:
            return
        order = waiting[which % len(waiting)]
        order.open_at_edge = False
        if order.asked:
            self.desk.right = self.desk.right.end(order.units)
            order.asked = False
            self.desk.give_back()
        else:
            self.edge = self.edge.fulfil_allocation(order.units)

    @rule()
    def the_store_looks_and_speaks(self) -> None:
        wish = self.wish()
        if wish.lend:
            self.edge = self.edge.grant(wish.lend)
        self.version += 1
        self.up.append(self.edge.vector(self.version, wish.back))

    @rule()
    def the_hub_speaks(self) -> None:
        self.down.append(self.desk.vector())

    @rule(which=WHICH)
    def a_vector_reaches_the_hub_in_any_order_any_number_of_times(self, which: int) -> None:
        if self.up:
            self.desk.hear(self.up[-1 - which % len(self.up)])

    @rule(which=WHICH)
    def a_vector_reaches_the_store_in_any_order_any_number_of_times(self, which: int) -> None:
        if self.down:
            self.hear(self.down[-1 - which % len(self.down)])

    def hear(self, vector: HubVector) -> None:
        self.edge = self.edge.see(vector)
        self.heard.hear(vector)

    def wish(self) -> Wish:
        promised = self.heard.allocated - self.heard.ended
        free = self.edge.cells.granted - self.edge.returned_seen - promised
        return balance(
            self.edge,
            self.terms,
            hub_free=max(0, min(free, self.edge.outstanding)),
            want=self.heard.want,
            rate_milli=self.rate_milli,
        )

    @property
    def open_units(self) -> int:
        return sum(order.units for order in self.desk.orders if order.open_at_edge)

    @invariant()
    def open_promises_never_exceed_what_is_there_plus_the_declared_deficit(self) -> None:
        there = max(0, self.edge.physical) - self.edge.bound + self.edge.deficit
        assert self.open_units <= max(there, 0) or self.edge.physical < self.edge.bound

    @invariant()
    def neither_side_gives_what_it_does_not_have(self) -> None:
        assert self.desk.right.free >= 0
        assert self.edge.outstanding >= self.open_units

    def teardown(self) -> None:
        """Let everything be heard, and look whether it comes to rest with nothing leaked."""
        if not hasattr(self, "edge"):
            return
        self.settle()
        assert self.is_at_rest
        assert self.leaked == 0

    def settle(self) -> None:
        """Let everything be heard."""
        for _round in range(ROUNDS):
            self.both_hear_each_other()

    @property
    def is_at_rest(self) -> bool:
        """Whether the store neither lends more nor asks back what the hub could give."""
        wish = self.wish()
        return wish.lend == 0 and (wish.back <= 0 or self.desk.right.free == 0)

    @property
    def leaked(self) -> int:
        """Units on the shelf that neither side may sell and nobody waits for."""
        edge = self.edge
        return edge.physical - edge.bound - edge.sellable - self.open_units - self.desk.right.free


Rebalancing.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestRebalancing = Rebalancing.TestCase


@given(
    physical=st.integers(2, 12),
    terms=TERMS,
    sold=st.integers(0, 6),
    rate_milli=st.sampled_from((0, 12_000, 30_000)),
    want=st.integers(0, 5),
)
def test_a_loan_comes_to_rest_after_the_store_has_sold(
    physical: int, terms: Terms, sold: int, rate_milli: int, want: int
) -> None:
    both = Rebalancing()
    both.begin(physical=physical, terms=terms)
    both.the_hub_wants_more_or_less(want=want)
    for _unit in range(sold):
        both.a_walk_in_customer_buys(units=1)
    both.the_store_sells_faster_or_slower(rate_milli=rate_milli)

    both.settle()

    assert both.is_at_rest
    assert both.leaked == 0


PROMISED = st.lists(
    st.builds(
        Promised,
        assignment_id=st.uuids().map(str),
        order_id=st.just("o"),
        number=st.just("n"),
        units=st.integers(1, 4),
        picked=st.integers(0, 4),
        state=st.sampled_from((AssignmentState.PROPOSED, AssignmentState.PICKING, AssignmentState.READY)),
        promise_class=st.sampled_from(PromiseClass),
        due_us=st.integers(0, 5),
        own=st.booleans(),
        asked=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda one: one.assignment_id,
)


@given(promised=PROMISED, need=st.integers(0, 12))
def test_as_few_give_way_as_cover_what_is_missing_and_nobody_who_was_asked(
    promised: list[Promised], need: int
) -> None:
    chosen = victims(promised, need)
    free = [one for one in promised if not one.asked]

    assert chosen == least_harm(free)[: len(chosen)]
    assert sum(one.units for one in chosen) >= min(need, sum(one.units for one in free))
    assert sum(one.units for one in chosen[:-1]) < need or not chosen
    assert victims(list(reversed(promised)), need) == chosen


def test_goods_nobody_holds_are_not_sent_first_and_no_more_than_are_missing() -> None:
    def sending(name: str, units: int, *, picked: bool = False, asked: bool = False) -> Sending:
        return Sending(name, name, "store-2", units, picked, asked)

    sent = [sending("t1", 1), sending("t2", 3, picked=True), sending("t3", 2), sending("t4", 9, asked=True)]

    assert [one.number for one in give_way(sent, 2)] == ["t3"]
    assert [one.number for one in give_way(sent, 4)] == ["t3", "t1", "t2"]
    assert (give_way(sent, 0), pending(sent)) == ([], 9)


@given(promised=PROMISED, missing=st.integers(0, 12))
def test_whoever_was_chosen_is_not_chosen_again_by_the_same_vector(
    promised: list[Promised], missing: int
) -> None:
    first = victims(promised, max(0, missing - pending(promised)))
    asked = {one.assignment_id for one in first}
    after = [_asked(one) if one.assignment_id in asked else one for one in promised]

    again = victims(after, max(0, missing - pending(after)))

    assert not asked & {one.assignment_id for one in again}
    assert again == [] or pending(after) < missing


def _asked(one: Promised) -> Promised:
    return Promised(**{name: getattr(one, name) for name in Promised.__slots__} | {"asked": True})


@given(
    stock=st.builds(EdgeStock, sku=st.just("A"), physical=st.integers(-3, 20), bound=st.integers(0, 5)),
    terms=TERMS,
    hub_free=st.integers(0, 8),
    want=st.integers(0, 8),
    rate_milli=st.integers(0, 100_000),
)
def test_a_wish_never_lends_what_is_not_sellable_and_never_does_both(
    stock: EdgeStock, terms: Terms, hub_free: int, want: int, rate_milli: int
) -> None:
    wish = balance(stock, terms, hub_free=hub_free, want=want, rate_milli=rate_milli)

    assert 0 <= wish.lend <= max(0, stock.sellable)
    assert 0 <= wish.back <= hub_free
    assert not (wish.lend and wish.back)
    assert hub_free + wish.lend <= max(terms.cap, hub_free)
