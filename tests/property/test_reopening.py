"""Beginning the lending anew: either side may be rolled back, and no unit is owed to two customers.

The pure rules of both sides, with a network that loses, delays and repeats everything it was ever given, also
what was meant for a life that is over. A restore is what it is in a store: the copy knows less, it is
noticed, and what was on the shelf is counted.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from protocol.errors import OrderspineError
from protocol.reopening import IAm, NewEpoch, OpenUnits, by_sku, may_adopt, next_epoch, union
from protocol.rights import EdgeStock, EdgeVector, HubRight, HubVector

SKU = "COAT-M"
UNITS = st.integers(min_value=1, max_value=3)
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
        self.store_copy, self.hub_copy = self.store, self.hub

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
    def the_hub_hears(self, said: tuple[int, int, EdgeVector] | IAm) -> None:
        if isinstance(said, IAm):
            return
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
    def the_store_hears(self, said: HubVector | NewEpoch) -> None:
        if isinstance(said, NewEpoch):
            self._adopt(said)
        elif not self.store.fenced:
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
        self.store_copy = self.store

    @rule()
    def back_up_the_hub(self) -> None:
        self.hub_copy = self.hub

    @rule()
    def restore_the_store(self) -> None:
        """The copy gets a new life; what is on the shelf is counted, and its own log comes back."""
        self.lives += 1
        stock = replace(self.store_copy.stock, physical=self.store.stock.physical)
        self.store = replace(
            self.store_copy,
            stock=stock,
            life=self.lives,
            open=self.store_copy.open - self.gone,
            fenced=True,
        )
        self.hub = replace(self.hub, fenced=True, told=None)

    @rule()
    def restore_the_hub(self) -> None:
        """The copy gets a new life and fences the store, which hears of it with its next word."""
        self.hub_lives += 1
        self.hub = replace(self.hub_copy, life=self.hub_lives, fenced=True, told=None)
        self.store = replace(self.store, fenced=True)

    # --- and both begin anew ---

    @rule(target=said_by_store)
    def who_are_you(self) -> IAm:
        return self._iam()

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

    @rule(target=said_by_hub)
    def who_is_answered_and_new_is_said(self) -> NewEpoch | HubVector:
        """The hub has applied the log: it knows what has left, also what its copy had forgotten."""
        iam = self._iam()
        if not self.hub.fenced:
            return self.hub.right.vector(0)
        mine = [self._line(name) for name in sorted(set(self.promised) - self.gone)]
        units = union(mine, iam.open)
        ep = next_epoch(self.hub.right.epoch, iam.ep)
        new = NewEpoch(inc=iam.inc, sess=SESS, hub_inc=iam.hub_inc, ep=ep, open=units)
        right = self.hub.right.reopened(ep, allocated=by_sku(units).get(SKU, 0))
        self.hub = replace(self.hub, right=right, told=new)
        return new

    def _adopt(self, new: NewEpoch) -> None:
        store = self.store
        if not may_adopt(new, inc=inc(store.life), hub_inc=inc(self.hub.life), ep=store.stock.epoch):
            return
        done = store.stock.cells.finished - store.finished_asked
        stock = store.stock.reopened(new.ep, allocated=by_sku(new.open).get(SKU, 0), finished=done)
        self.store = replace(store, stock=stock, fenced=False)

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
        owed = sum(units for name, units in self.promised.items() if name not in self.gone)
        stock = self.store.stock
        assert owed <= stock.physical - stock.bound + stock.deficit

    @invariant()
    def a_hub_that_is_fenced_has_promised_nothing_new(self) -> None:
        if self.hub.fenced and self.hub.told is not None:
            assert self.hub.right.free == 0


BeginningAnew.TestCase.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestBeginningAnew = BeginningAnew.TestCase
