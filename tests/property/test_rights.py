"""Lending over a network that loses, repeats, delays and reorders, and what each rule of it is for.

The rules of the machine are the events of the real world; its invariant is the promise of the product.
The mutants at the end each leave one rule of lending out, and what always holds must break.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from protocol.errors import OutOfRights, OutOfStock
from protocol.rights import EdgeStock, EdgeVector, HubRight, HubVector

UNITS = st.integers(min_value=1, max_value=4)
WHICH = st.integers(min_value=0, max_value=9)
SKU = "COAT-M"


@dataclass
class Promise:
    """One allocation row, as the hub and the edge each know it."""

    units: int
    epoch: int
    sent: bool = False
    open_at_edge: bool = True
    answered_cancelled: bool = False
    cancel_asked: bool = False
    ended: bool = False


class LendingOverABadNetwork(RuleBasedStateMachine):
    """A store sells and lends, the hub promises; a vector may be lost, late, or delivered many times."""

    edge_type: ClassVar[type[EdgeStock]] = EdgeStock
    hub_type: ClassVar[type[HubRight]] = HubRight
    frees_at_once: ClassVar[bool] = False
    frees_twice: ClassVar[bool] = False

    up = Bundle("up")
    down = Bundle("down")

    @initialize(physical=st.integers(min_value=0, max_value=12))
    def the_store_opens(self, physical: int) -> None:
        self.edge = self.edge_type(SKU, physical=physical)
        self.hub = self.hub_type(SKU)
        self.promises: list[Promise] = []
        self.version = 0
        self.honest = True

    # What happens in the store.

    @rule(units=UNITS)
    def a_walk_in_customer_buys(self, units: int) -> None:
        with contextlib.suppress(OutOfStock):
            self.edge = self.edge.take(units)

    @rule(units=UNITS)
    def a_customer_carries_away_what_may_be_promised(self, units: int) -> None:
        self.edge = self.edge.take_in_hand(units)
        self.honest = False

    @rule(units=UNITS)
    def a_local_order_is_reserved(self, units: int) -> None:
        with contextlib.suppress(OutOfStock):
            self.edge = self.edge.reserve(units)

    @rule(units=UNITS)
    def a_local_order_is_collected(self, units: int) -> None:
        with contextlib.suppress(OutOfStock):
            self.edge = self.edge.fulfil_reservation(units)

    @rule(units=UNITS)
    def a_local_order_is_given_up(self, units: int) -> None:
        with contextlib.suppress(OutOfStock):
            self.edge = self.edge.release(units)

    @rule(units=UNITS)
    def goods_arrive(self, units: int) -> None:
        self.edge = self.edge.receive(units)

    @rule(units=UNITS)
    def goods_arrive_for_a_local_order(self, units: int) -> None:
        self.edge = self.edge.receive_for_order(units)

    @rule(physical=st.integers(min_value=0, max_value=12))
    def the_shelf_is_counted(self, physical: int) -> None:
        self.honest = self.honest and physical >= self.edge.physical
        self.edge = self.edge.count(physical)

    @rule(units=UNITS)
    def the_store_lends(self, units: int) -> None:
        with contextlib.suppress(OutOfStock):
            self.edge = self.edge.grant(units)

    # What happens to the hub's promises.

    @rule(units=UNITS)
    def an_online_customer_orders(self, units: int) -> None:
        with contextlib.suppress(OutOfRights):
            self.hub = self.hub.allocate(units)
            self.promises.append(Promise(units, self.hub.epoch))

    @rule(which=WHICH)
    def an_assignment_reaches_the_store(self, which: int) -> None:
        if promise := self._pick(which, lambda p: p.open_at_edge):
            promise.sent = True

    @rule(which=WHICH)
    def an_online_order_is_handed_over(self, which: int) -> None:
        if promise := self._pick(which, lambda p: p.sent and p.open_at_edge):
            self.edge = self.edge.fulfil_allocation(promise.units)
            promise.open_at_edge = False

    @rule(units=UNITS)
    def a_handover_is_undone(self, units: int) -> None:
        self.edge = self.edge.undo_handover(units)

    @rule(which=WHICH, gone=st.integers(min_value=0, max_value=4))
    def an_online_order_is_picked_short(self, which: int, gone: int) -> None:
        if promise := self._pick(which, lambda p: p.sent and p.open_at_edge):
            self.edge = self.edge.short_pick(promise.units, gone=min(gone, promise.units))
            promise.open_at_edge = False

    @rule(which=WHICH)
    def an_online_order_is_cancelled(self, which: int) -> None:
        if promise := self._pick(which, lambda p: not p.ended and not p.cancel_asked):
            promise.cancel_asked = True
            if not promise.sent:
                promise.open_at_edge = False
                promise.answered_cancelled = True
                self._free(promise)
            elif self.frees_at_once:
                self._free(promise)

    @rule(which=WHICH)
    def the_store_answers_a_cancel(self, which: int) -> None:
        if promise := self._pick(which, lambda p: p.cancel_asked and p.open_at_edge):
            promise.open_at_edge = False
            promise.answered_cancelled = True

    @rule(which=WHICH)
    def the_hub_hears_an_answer_perhaps_again(self, which: int) -> None:
        if promise := self._pick(which, lambda p: p.answered_cancelled):
            self._free(promise)

    @rule(units=UNITS)
    def the_hub_gives_back(self, units: int) -> None:
        with contextlib.suppress(OutOfRights):
            self.hub = self.hub.give_back(units)

    # What the network does.

    @rule(target=up)
    def the_store_says_how_it_stands(self) -> EdgeVector:
        self.version += 1
        return self.edge.vector(self.version)

    @rule(target=down)
    def the_hub_says_how_it_stands(self) -> HubVector:
        self.version += 1
        return self.hub.vector(self.version)

    @rule(vector=up)
    def the_hub_receives_one_in_any_order_any_number_of_times(self, vector: EdgeVector) -> None:
        self.hub = self.hub.see(vector)

    @rule(vector=down)
    def the_store_receives_one_in_any_order_any_number_of_times(self, vector: HubVector) -> None:
        self.edge = self.edge.see(vector)

    @rule(target=up, one=up, other=up)
    def two_vectors_are_merged_on_the_way(self, one: EdgeVector, other: EdgeVector) -> EdgeVector:
        assert one.merge(other) == other.merge(one)
        return one.merge(other)

    @rule(target=down, one=down, other=down)
    def two_answers_are_merged_on_the_way(self, one: HubVector, other: HubVector) -> HubVector:
        assert one.merge(other) == other.merge(one)
        return one.merge(other)

    @rule(target=up)
    @precondition(lambda self: self.edge.epoch < 3)
    def rights_are_opened_anew_while_old_vectors_are_on_the_way(self) -> object:
        old = self.edge.vector(self.version + 1)
        self.version += 1
        epoch = self.edge.epoch + 1
        still_open = [p for p in self.promises if p.open_at_edge]
        for promise in still_open:
            promise.epoch = epoch
        units = sum(p.units for p in still_open)
        self.edge = self.edge.reopened(epoch, allocated=units, finished=0)
        self.hub = self.hub.reopened(epoch, allocated=units)
        return multiple(old)

    @rule()
    def everything_arrives_and_nothing_has_leaked(self) -> None:
        for promise in self.promises:
            if promise.answered_cancelled:
                self._free(promise)
        self.edge = self.edge.see(self.hub.vector(self.version + 1))
        self.hub = self.hub.see(self.edge.vector(self.version + 2))
        self.version += 2

        edge = self.edge
        assert edge.physical == edge.bound + edge.sellable + self._open_units() + self.hub.free

    # What always holds.

    @invariant()
    def open_promises_never_exceed_what_is_there_plus_the_declared_deficit(self) -> None:
        there = max(0, self.edge.physical) - self.edge.bound + self.edge.deficit
        assert self._open_units() <= self.edge.outstanding
        assert self._open_units() <= there

    @invariant()
    def with_honest_counts_nothing_is_missing(self) -> None:
        assert not self.honest or (self.edge.deficit == 0 and self.edge.sellable >= 0)

    @invariant()
    def nobody_holds_less_than_nothing(self) -> None:
        assert self.hub.free >= 0
        assert self.edge.bound >= 0
        assert self.hub.need() >= 0

    def _open_units(self) -> int:
        return sum(promise.units for promise in self.promises if promise.open_at_edge)

    def _pick(self, which: int, wanted: Callable[[Promise], bool]) -> Promise | None:
        fitting = [promise for promise in self.promises if wanted(promise)]
        return fitting[which % len(fitting)] if fitting else None

    def _free(self, promise: Promise) -> None:
        """Move K once per row, and only for a row of this epoch."""
        if (promise.ended and not self.frees_twice) or promise.epoch != self.hub.epoch:
            return
        promise.ended = True
        with contextlib.suppress(OutOfRights):
            self.hub = self.hub.end(promise.units)


LendingOverABadNetwork.TestCase.settings = settings(
    max_examples=300, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLendingOverABadNetwork = LendingOverABadNetwork.TestCase


class LendsWhatItHasNot(EdgeStock):
    def _need(self, units: int) -> None:
        """Leave rule 1 out."""


class PromisesWhatItHasNot(HubRight):
    def _need_free(self, units: int) -> None:
        """Leave rules 2 and 3 out."""


class AddsGrantsUp(HubRight):
    def see(self, vector: EdgeVector) -> HubRight:
        """Read a vector as a change, which a repeated message counts twice."""
        return replace(super().see(vector), granted_seen=self.granted_seen + vector.G)


class TakesTheLastGrantHeard(HubRight):
    def see(self, vector: EdgeVector) -> HubRight:
        """Take cells as they come, so that an old message lowers them."""
        return replace(super().see(vector), granted_seen=vector.G)


class AddsReturnsUp(EdgeStock):
    def see(self, vector: HubVector) -> EdgeStock:
        """Read a vector of the hub as a change."""
        return replace(self, returned_seen=self.returned_seen + vector.R)


class ForgetsToFinish(EdgeStock):
    def fulfil_allocation(self, units: int) -> EdgeStock:
        """Leave `F += n` of rule 4 out."""
        return replace(self, physical=self.physical - units)


class IgnoresEpochs(HubRight):
    def see(self, vector: EdgeVector) -> HubRight:
        """Believe a vector of before the rights were opened anew."""
        return super().see(vector.model_copy(update={"ep": self.epoch}))


Step = Callable[[LendingOverABadNetwork], object]


@dataclass(frozen=True)
class Mutant:
    """A rule left out, and the shortest story that shows what it is for."""

    left_out: dict[str, object]
    story: tuple[Step, ...]


def opens(physical: int) -> Step:
    return lambda m: m.the_store_opens(physical=physical)


def lends(units: int) -> Step:
    return lambda m: m.the_store_lends(units=units)


def sells(units: int) -> Step:
    return lambda m: m.a_walk_in_customer_buys(units=units)


def orders(units: int) -> Step:
    return lambda m: m.an_online_customer_orders(units=units)


def hub_is_told(times: int = 1) -> Step:
    def tell(m: LendingOverABadNetwork) -> None:
        vector = m.the_store_says_how_it_stands()
        for _ in range(times):
            m.the_hub_receives_one_in_any_order_any_number_of_times(vector=vector)

    return tell


def store_is_told(times: int) -> Step:
    def tell(m: LendingOverABadNetwork) -> None:
        vector = m.the_hub_says_how_it_stands()
        for _ in range(times):
            m.the_store_receives_one_in_any_order_any_number_of_times(vector=vector)

    return tell


def hub_hears_an_old_word_after(between: Step) -> Step:
    def tell(m: LendingOverABadNetwork) -> None:
        old = m.the_store_says_how_it_stands()
        between(m)
        m.the_hub_receives_one_in_any_order_any_number_of_times(vector=old)

    return tell


def together(*steps: Step) -> Step:
    def all_of_them(m: LendingOverABadNetwork) -> None:
        for step in steps:
            step(m)

    return all_of_them


def first(name: str) -> Step:
    """Let a rule happen to the first promise it fits."""
    return lambda m: getattr(m, name)(which=0)


REACHES = first("an_assignment_reaches_the_store")
CANCELLED = first("an_online_order_is_cancelled")
ANSWERED = first("the_store_answers_a_cancel")
HEARD = first("the_hub_hears_an_answer_perhaps_again")
HANDED_OVER = first("an_online_order_is_handed_over")
REOPENED: Step = lambda m: m.rights_are_opened_anew_while_old_vectors_are_on_the_way()  # noqa: E731 -- reads as the others
GIVES_BACK: Step = lambda m: m.the_hub_gives_back(units=1)  # noqa: E731 -- reads as the others

MUTANTS = {
    "rule 1, no outflow without L": Mutant({"edge_type": LendsWhatItHasNot}, (opens(1), lends(1), sells(1))),
    "rules 2 and 3, no promise without H": Mutant({"hub_type": PromisesWhatItHasNot}, (opens(1), orders(1))),
    "vectors are states, not changes": Mutant(
        {"hub_type": AddsGrantsUp}, (opens(1), lends(1), hub_is_told(2), orders(2))
    ),
    "cells merge by maximum": Mutant(
        {"hub_type": TakesTheLastGrantHeard},
        (
            opens(2),
            lends(1),
            hub_hears_an_old_word_after(together(lends(1), hub_is_told(), orders(2))),
        ),
    ),
    "returns are states, not changes": Mutant(
        {"edge_type": AddsReturnsUp},
        (opens(2), lends(2), hub_is_told(), orders(1), GIVES_BACK, store_is_told(2)),
    ),
    "rule 4, a handover moves F": Mutant(
        {"edge_type": ForgetsToFinish}, (opens(1), lends(1), hub_is_told(), orders(1), REACHES, HANDED_OVER)
    ),
    "rule 5, a cancel waits for the edge": Mutant(
        {"frees_at_once": True}, (opens(1), lends(1), hub_is_told(), orders(1), REACHES, CANCELLED, orders(1))
    ),
    "rule 5, K moves once per row": Mutant(
        {"frees_twice": True},
        (
            *(opens(2), lends(2), hub_is_told(), orders(1), orders(1)),
            *(REACHES, CANCELLED, ANSWERED, HEARD, HEARD, orders(2)),
        ),
    ),
    "vectors of an older epoch are dropped": Mutant(
        {"hub_type": IgnoresEpochs}, (opens(2), lends(2), hub_hears_an_old_word_after(REOPENED), orders(2))
    ),
}


def tell(machine: LendingOverABadNetwork, story: tuple[Step, ...]) -> None:
    """Let a story happen, with everything that always holds checked after each step and at rest."""
    for step in story:
        step(machine)
        machine.open_promises_never_exceed_what_is_there_plus_the_declared_deficit()
        machine.with_honest_counts_nothing_is_missing()
        machine.nobody_holds_less_than_nothing()
    machine.everything_arrives_and_nothing_has_leaked()


@pytest.mark.parametrize("name", MUTANTS)
def test_each_rule_left_out_breaks_a_story_that_holds_with_it(name: str) -> None:
    mutant = MUTANTS[name]
    tell(LendingOverABadNetwork(), mutant.story)

    with pytest.raises(AssertionError):
        tell(type("Broken", (LendingOverABadNetwork,), dict(mutant.left_out))(), mutant.story)
