"""Beginning the lending anew: either side may be rolled back, and no unit is owed to two customers.

The pure rules of both sides, with a network that loses, delays and repeats everything it was ever given, also
what was meant for a life that is over. A restore is what it is in a store: the copy knows less, it is
noticed, and what was on the shelf is counted.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from protocol.errors import OrderspineError
from protocol.reopening import IAm, NewEpoch, OpenUnits, by_sku, may_adopt, next_epoch, union
from protocol.rights import EdgeCells, EdgeStock, EdgeVector, HubRight, HubVector

SKU = "COAT-M"
UNITS = st.integers(min_value=1, max_value=3)
SIDE = st.sampled_from(("store", "hub"))
WHICH = st.integers(min_value=0, max_value=9)
SESS, NONCE = "0" * 16, "1" * 16
NO_VECTOR = EdgeVector(sku=SKU, ep=0, ver=0, G=0, F=0, P=0, B=0)


def inc(n: int) -> str:
    return f"{n:032x}"


@dataclass(frozen=True)
class Hub:
    """What the hub keeps; a backup is one of these."""

    right: HubRight
    life: int
    fenced: bool = False
    told: NewEpoch | None = None


@dataclass(frozen=True)
class Store:
    """What the store keeps; a backup is one of these."""

    stock: EdgeStock
    life: int
    open: frozenset[str] = frozenset()
    """Assignments that have arrived and that nobody has fulfilled."""
    fenced: bool = False
    finished_asked: int = 0


class BeginningAnew(RuleBasedStateMachine):
    """One SKU between a store and the hub. What customers were told is never rolled back."""

    said_by_store = Bundle("said_by_store")
    said_by_hub = Bundle("said_by_hub")
    new_epochs = Bundle("new_epochs")
    """Every NEW that was ever said, also to a life that is over."""

    @initialize(physical=st.integers(min_value=0, max_value=12))
    def open_the_store(self, physical: int) -> None:
        self.store = Store(EdgeStock(SKU, physical=physical), life=1)
        self.hub = Hub(HubRight(SKU), life=1)
        self.lives = 1
        self.hub_lives = 1
        self.version = 0
        self.promised: dict[str, int] = {}
        """Every promise a customer has, and its units; the hub commits them where no restore reaches."""
        self.gone: set[str] = set()
        self.store_copies, self.hub_copies = [self.store], [self.hub]

    # --- ordinary days ---

    @rule(units=UNITS)
    def sell(self, units: int) -> None:
        self._store(lambda stock: stock.take(units))

    @rule(units=UNITS)
    def receive(self, units: int) -> None:
        self._store(lambda stock: stock.receive(units))

    @rule(units=UNITS)
    def lend(self, units: int) -> None:
        if not self.store.fenced:
            self._store(lambda stock: stock.grant(units))

    @rule(target=said_by_store)
    def tell(self) -> tuple[int, int, EdgeVector]:
        self.version += 1
        return self.store.life, self.hub.life, self.store.stock.vector(self.version)

    @rule(said=said_by_store)
    def the_hub_hears(self, said: tuple[int, int, EdgeVector]) -> None:
        life, hub_life, vector = said
        hub = self.hub
        if life != self.store.life or hub_life != hub.life:
            return  # of a session that is over
        if hub.fenced:
            new = hub.told
            if new is None or (new.ep, new.inc) != (vector.ep, inc(life)):
                return
            hub = replace(hub, fenced=False, told=None)
        self.hub = replace(hub, right=hub.right.see(vector))

    @rule(units=UNITS)
    def promise(self, units: int) -> None:
        if self.hub.fenced:
            return
        try:
            self.hub = replace(self.hub, right=self.hub.right.allocate(units))
        except OrderspineError:
            return
        self.promised[f"a-{len(self.promised)}"] = units

    @rule(units=UNITS)
    def give_back(self, units: int) -> None:
        if self.hub.fenced:
            return
        try:
            self.hub = replace(self.hub, right=self.hub.right.give_back(units))
        except OrderspineError:
            return

    @rule(target=said_by_hub)
    def the_hub_tells(self) -> HubVector:
        return self.hub.right.vector(0)

    @rule(said=said_by_hub)
    def the_store_hears(self, said: HubVector) -> None:
        if not self.store.fenced:
            self._store(lambda stock: stock.see(said))

    @rule()
    def an_assignment_arrives(self) -> None:
        waiting = sorted(set(self.promised) - self.gone - self.store.open)
        if waiting and not self.store.fenced:
            self.store = replace(self.store, open=self.store.open | {waiting[0]})

    @rule()
    def hand_over(self) -> None:
        if not self.store.open or self.store.fenced:
            return
        name = min(self.store.open)
        units = self.promised[name]
        try:
            stock = self.store.stock.fulfil_allocation(units)
        except OrderspineError:
            return
        self.store = replace(self.store, stock=stock, open=self.store.open - {name})
        self.gone.add(name)

    # --- somebody loses his past ---

    @rule()
    def back_up_the_store(self) -> None:
        self.store_copies.append(self.store)

    @rule()
    def back_up_the_hub(self) -> None:
        self.hub_copies.append(self.hub)

    @rule(which=WHICH)
    def restore_the_store(self, which: int) -> None:
        """The copy gets a new life; what is on the shelf is counted, and its own log comes back."""
        copy = self.store_copies[which % len(self.store_copies)]
        self.lives += 1
        self.store = replace(
            copy,
            stock=replace(copy.stock, physical=self.store.stock.physical),
            life=self.lives,
            open=copy.open - self.gone,
            fenced=True,
        )
        self.hub = replace(self.hub, fenced=True, told=None)

    @rule(side=SIDE, which=WHICH, new=new_epochs)
    def one_side_is_restored_and_the_first_word_is_late(self, side: str, which: int, new: NewEpoch) -> None:
        self._restore(side, which)
        self.the_store_hears_of_an_epoch(new)

    @rule(which=WHICH)
    def restore_the_hub(self, which: int) -> None:
        """The copy gets a new life and fences the store, which hears of it with its next word."""
        copy = self.hub_copies[which % len(self.hub_copies)]
        self.hub_lives += 1
        self.hub = replace(copy, life=self.hub_lives, fenced=True, told=None)
        self.store = replace(self.store, fenced=True)

    def _restore(self, side: str, which: int) -> None:
        if side == "store":
            self.restore_the_store(which)
        else:
            self.restore_the_hub(which)

    # --- and both begin anew ---

    @rule()
    def who_are_you(self) -> None:
        """The answer is lost; that the store has noted what had left by then is not."""
        self._iam()

    def _iam(self) -> IAm:
        self.store = replace(self.store, finished_asked=self.store.stock.cells.finished)
        return IAm(
            type="iam",
            inc=inc(self.store.life),
            sess=SESS,
            hub_inc=inc(self.hub.life),
            nonce=NONCE,
            ep=self.store.stock.epoch,
            position=0,
            cseq_done=0,
            open=tuple(self._line(name) for name in sorted(self.store.open)),
        )

    @precondition(lambda self: self.hub.fenced)
    @rule(target=new_epochs)
    def who_is_answered_and_new_is_said(self) -> NewEpoch:
        return self._new()

    def _new(self) -> NewEpoch:
        """The hub has applied the log: it knows what has left, also what its copy had forgotten."""
        iam = self._iam()
        mine = [self._line(name) for name in sorted(set(self.promised) - self.gone)]
        units = union(mine, iam.open)
        ep = next_epoch(self.hub.right.epoch, iam.ep)
        new = NewEpoch(inc=iam.inc, sess=SESS, hub_inc=iam.hub_inc, ep=ep, open=units)
        right = self.hub.right.reopened(ep, allocated=by_sku(units).get(SKU, 0))
        self.hub = replace(self.hub, right=right, told=new)
        return new

    @rule(target=new_epochs, side=SIDE, which=WHICH, units=UNITS)
    def one_side_is_restored_and_both_trade_again(self, side: str, which: int, units: int) -> NewEpoch:
        """Nothing is lost on the way, but what was said may come once more at any later time."""
        self._restore(side, which)
        new = self._new()
        self.the_store_hears_of_an_epoch(new)
        self.the_hub_hears(self.tell())
        self.lend(units)
        self.the_hub_hears(self.tell())
        self.promise(units)
        return new

    @rule(new=new_epochs)
    def the_store_hears_of_an_epoch(self, new: NewEpoch) -> None:
        """Begin a new epoch as the store's rows do: what `may_adopt` lets through is taken as it stands."""
        store = self.store
        if not may_adopt(new, inc=inc(store.life), hub_inc=inc(self.hub.life), ep=store.stock.epoch):
            return
        done = store.stock.cells.finished - store.finished_asked
        cells = EdgeCells(granted=by_sku(new.open).get(SKU, 0), finished=done)
        stock = replace(store.stock, epoch=new.ep, cells=cells, returned_seen=0)
        self.store = replace(store, stock=stock, fenced=False, finished_asked=0)

    def _line(self, name: str) -> OpenUnits:
        return OpenUnits(owner=name, line_no=1, sku=SKU, units=self.promised[name])

    def _store(self, change: Callable[[EdgeStock], EdgeStock]) -> None:
        try:
            self.store = replace(self.store, stock=change(self.store.stock))
        except OrderspineError:
            return

    @invariant()
    def no_unit_is_owed_to_two_customers(self) -> None:
        """Open promises never exceed the stock, but for what the store declares."""
        if self.store.fenced:
            return  # it is set aside: counted and agreed on before it goes on
        stock = self.store.stock
        # More left than the books had: beyond what is promised that is a count to make and no deficit.
        assert self.owed <= max(0, stock.physical - stock.bound) + stock.deficit

    @invariant()
    def a_store_that_goes_on_has_lent_whatever_is_owed(self) -> None:
        """Otherwise it would sell a promised unit to the next customer."""
        if not self.store.fenced:
            assert self.owed <= self.store.stock.outstanding

    @property
    def owed(self) -> int:
        return sum(units for name, units in self.promised.items() if name not in self.gone)

    @invariant()
    def a_hub_that_is_fenced_has_promised_nothing_new(self) -> None:
        if self.hub.fenced and self.hub.told is not None:
            assert self.hub.right.free == 0


BeginningAnew.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestBeginningAnew = BeginningAnew.TestCase


def in_any_life(new: NewEpoch, *, inc: str, hub_inc: str, ep: int) -> bool:
    del inc
    return new.hub_inc == hub_inc and new.ep > ep


def any_epoch(new: NewEpoch, *, inc: str, hub_inc: str, ep: int) -> bool:
    del ep
    return new.inc == inc and new.hub_inc == hub_inc


@pytest.mark.parametrize("without_a_check", [in_any_life, any_epoch])
def test_a_store_that_takes_a_late_epoch_over_without_looking_at_it_is_found(
    monkeypatch: pytest.MonkeyPatch, without_a_check: Callable[..., bool]
) -> None:
    """A late NEW comes to a life that it is not meant for, or for a second time."""
    monkeypatch.setattr(sys.modules[__name__], "may_adopt", without_a_check)
    once = settings(
        max_examples=300,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )

    with pytest.raises(AssertionError, match="owed"):
        run_state_machine_as_test(BeginningAnew, settings=once)
