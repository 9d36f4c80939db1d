"""Lending stock, so that a store and the hub can both promise while they cannot talk.

The store owns its stock and lends the hub a number of units per SKU. Every cell has one writer and only
grows; messages carry current values and the receiver takes the maximum, so lost, repeated, late and
reordered messages are harmless. Whoever gives a right away lowers its own first; the other gains when the
message arrives. **Open promises never exceed the stock on hand minus local reservations plus a declared
deficit**, with no clock, no order and no exactly-once delivery: only atomic local commits, and no rollback
of one's own cells (that is what `epoch` is for). There is no lease: a right that expires would turn this
proof into a probability.

Each method is one transition and belongs in one transaction. It returns a new value; a refusal changes
nothing. Letters in comments and on the wire: P physical, B bound, G granted, F finished, A allocated,
K ended, R returned, L sellable, O outstanding, H free, d deficit.
"""

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Annotated

from pydantic import Field

from protocol.errors import Invalid, OutOfRights, OutOfStock
from protocol.money import PPM
from protocol.orders import Code, WireModel

Cell = Annotated[int, Field(ge=0)]


class EdgeVector(WireModel):
    """What an edge tells about one SKU: its cells G and F, and what else it knows at version `ver`."""

    sku: Code
    ep: Cell
    ver: Cell
    G: Cell
    F: Cell
    P: int
    B: Cell
    d: Cell = 0
    R: Cell = 0
    """The hub's R as this edge has seen it; without it the hub would repair one deficit twice."""
    want_back: Cell = 0

    def merge(self, other: "EdgeVector") -> "EdgeVector":
        """Return the two as one: cells by maximum, the rest by newest version, of the newest epoch."""
        if self.ep != other.ep:
            return self if self.ep > other.ep else other
        newest = other if other.ver > self.ver else self
        return newest.model_copy(
            update={"G": max(self.G, other.G), "F": max(self.F, other.F), "R": max(self.R, other.R)}
        )


class HubVector(WireModel):
    """What the hub tells about one SKU of one edge: its cells A, K and R, and what it wants."""

    sku: Code
    ep: Cell
    ver: Cell
    A: Cell
    K: Cell
    R: Cell
    want: Cell = 0
    """How many units the hub wants to hold free: a level, so that the same wish twice lends nothing more."""

    def merge(self, other: "HubVector") -> "HubVector":
        """Return the two as one: cells by maximum, the rest by newest version, of the newest epoch."""
        if self.ep != other.ep:
            return self if self.ep > other.ep else other
        newest = other if other.ver > self.ver else self
        return newest.model_copy(
            update={"A": max(self.A, other.A), "K": max(self.K, other.K), "R": max(self.R, other.R)}
        )


@dataclass(frozen=True, slots=True)
class EdgeCells:
    """The cells only the edge writes."""

    granted: int = 0
    finished: int = 0


@dataclass(frozen=True, slots=True)
class HubCells:
    """The cells only the hub writes."""

    allocated: int = 0
    ended: int = 0
    returned: int = 0


@dataclass(frozen=True, slots=True)
class EdgeStock:
    """One SKU as the edge of its location sees it. The edge alone changes it.

    `physical` is sellable + reserved + picked; `bound` is what of it local orders have reserved or picked.
    `physical` may fall below zero: what a customer carries away is sold, whatever the books say.
    """

    sku: str
    physical: int = 0
    bound: int = 0
    cells: EdgeCells = field(default=EdgeCells())
    returned_seen: int = 0
    epoch: int = 0

    @property
    def outstanding(self) -> int:
        """Units the hub may still hold rights to, or has promised (O)."""
        return self.cells.granted - self.returned_seen - self.cells.finished

    @property
    def sellable(self) -> int:
        """Units the store may promise or let go of its own accord (L)."""
        return self.physical - self.bound - self.outstanding

    @property
    def deficit(self) -> int:
        """Units promised that are not there (d); what lies beyond the promises is a count task."""
        return min(max(0, -self.sellable), self.outstanding + self.bound)

    def take(self, units: int) -> "EdgeStock":
        """Let units go: a sale, a transfer out, a write-off by choice. Raises OutOfStock."""
        self._need(units)
        return replace(self, physical=self.physical - units)

    def take_in_hand(self, units: int) -> "EdgeStock":
        """Sell what the customer already holds, whatever is promised; a deficit may appear."""
        _positive(units)
        return replace(self, physical=self.physical - units)

    def reserve(self, units: int) -> "EdgeStock":
        """Bind units to a local order. Raises OutOfStock."""
        self._need(units)
        return replace(self, bound=self.bound + units)

    def release(self, units: int) -> "EdgeStock":
        """Give up a local reservation; its units may be sold again. Raises OutOfStock."""
        self._need_bound(units)
        return replace(self, bound=self.bound - units)

    def grant(self, units: int) -> "EdgeStock":
        """Lend units to the hub. Raises OutOfStock."""
        self._need(units)
        return self._with_cells(granted=self.cells.granted + units)

    def fulfil_allocation(self, units: int) -> "EdgeStock":
        """Hand over or ship units the hub has promised. Raises OutOfRights."""
        self._need_outstanding(units)
        return replace(self._with_cells(finished=self.cells.finished + units), physical=self.physical - units)

    def fulfil_reservation(self, units: int) -> "EdgeStock":
        """Hand over or ship units of a local order. Raises OutOfStock."""
        self._need_bound(units)
        return replace(self, physical=self.physical - units, bound=self.bound - units)

    def short_pick(self, units: int, *, gone: int) -> "EdgeStock":
        """End an allocation that could not be picked; `gone` of its units leave the stock for good.

        Raises:
            OutOfRights: the hub has not so many promised here.
        """
        self._need_outstanding(units)
        if not 0 <= gone <= units:
            raise Invalid(
                f"A short pick of {units} cannot lose {gone}.",
                "Count the shelf instead.",
                code="bad_short_pick",
                units=units,
                gone=gone,
            )
        return replace(self._with_cells(finished=self.cells.finished + units), physical=self.physical - gone)

    def undo_handover(self, units: int) -> "EdgeStock":
        """Take back what was handed over by mistake: bound to the same order; F never falls."""
        return self.receive_for_order(units)

    def receive(self, units: int) -> "EdgeStock":
        """Put units on the shelf: a receipt, a return to stock."""
        _positive(units)
        return replace(self, physical=self.physical + units)

    def receive_for_order(self, units: int) -> "EdgeStock":
        """Put units away for the order they came for, as by a transfer."""
        _positive(units)
        return replace(self, physical=self.physical + units, bound=self.bound + units)

    def count(self, physical: int) -> "EdgeStock":
        """Believe a count, or a loss that nobody chose; a deficit may appear."""
        return replace(self, physical=physical)

    def see(self, vector: HubVector) -> "EdgeStock":
        """Take in what the hub returned; a vector of another SKU or epoch changes nothing."""
        if vector.sku != self.sku or vector.ep != self.epoch:
            return self
        return replace(self, returned_seen=max(self.returned_seen, vector.R))

    def hub_free(self, vector: HubVector) -> int:
        """Return what the hub could give back, as far as this vector knows; a guess, only for wishes."""
        return max(0, self.cells.granted - vector.R - vector.A + vector.K)

    def vector(self, version: int, want_back: int = 0) -> EdgeVector:
        """Return what to tell the hub."""
        return EdgeVector(
            sku=self.sku,
            ep=self.epoch,
            ver=version,
            G=self.cells.granted,
            F=self.cells.finished,
            P=self.physical,
            B=self.bound,
            d=self.deficit,
            R=self.returned_seen,
            want_back=want_back,
        )

    def reopened(self, epoch: int, *, allocated: int, finished: int) -> "EdgeStock":
        """Begin a newer epoch with only the open promises lent; an epoch already seen changes nothing."""
        if epoch <= self.epoch:
            return self
        return replace(self, epoch=epoch, cells=EdgeCells(allocated, finished), returned_seen=0)

    def _with_cells(self, *, granted: int | None = None, finished: int | None = None) -> "EdgeStock":
        return replace(
            self,
            cells=EdgeCells(
                self.cells.granted if granted is None else granted,
                self.cells.finished if finished is None else finished,
            ),
        )

    def _need(self, units: int) -> None:
        _positive(units)
        if units > self.sellable:
            raise OutOfStock(
                f"{units} of {self.sku} are needed and {max(0, self.sellable)} are free.",
                "Take fewer, ask for more to be sent, or sell what the customer holds with a lead's word.",
                sku=self.sku,
                wanted=units,
                sellable=self.sellable,
                physical=self.physical,
                bound=self.bound,
                outstanding=self.outstanding,
            )

    def _need_bound(self, units: int) -> None:
        _positive(units)
        if units > self.bound:
            raise OutOfStock(
                f"{units} of {self.sku} were to leave a reservation and {self.bound} are reserved.",
                "Look the order up again.",
                code="not_reserved",
                sku=self.sku,
                wanted=units,
                bound=self.bound,
            )

    def _need_outstanding(self, units: int) -> None:
        _positive(units)
        if units > self.outstanding:
            raise OutOfRights(
                f"{units} of {self.sku} were to be fulfilled for the hub and {self.outstanding} are lent.",
                "Hand over what the customer holds and raise an exception.",
                code="not_lent",
                sku=self.sku,
                wanted=units,
                outstanding=self.outstanding,
            )


@dataclass(frozen=True, slots=True)
class HubRight:
    """The hub's rights to one SKU of one edge. The hub alone changes it.

    `version`, `deficit` and `returned_echoed` are of the newest vector seen of the edge.
    """

    sku: str
    granted_seen: int = 0
    finished_seen: int = 0
    cells: HubCells = field(default=HubCells())
    epoch: int = 0
    version: int = -1
    deficit: int = 0
    returned_echoed: int = 0
    want_back: int = 0

    @property
    def free(self) -> int:
        """Units the hub may promise or give back (H)."""
        return self.granted_seen - self.cells.returned - self.cells.allocated + self.cells.ended

    def allocate(self, units: int, deficit_reported: int | None = None) -> "HubRight":
        """Promise units to a customer; `deficit_reported` is that of the newest vector unless given.

        Raises:
            OutOfRights: fewer are free, or the store reports that promised units are missing.
        """
        _positive(units)
        missing = self.deficit if deficit_reported is None else deficit_reported
        if missing:
            raise OutOfRights(
                f"The store misses {missing} of {self.sku} that are promised already.",
                "Promise from another location until the store has sorted it out.",
                code="deficit_reported",
                sku=self.sku,
                wanted=units,
                deficit=missing,
            )
        self._need_free(units)
        return replace(self, cells=replace(self.cells, allocated=self.cells.allocated + units))

    def end(self, units: int) -> "HubRight":
        """Free the right of an allocation that ended without fulfilment: once per allocation row.

        Only when the edge has answered cancelled, rejected or expired, or it was never sent to it.
        """
        _positive(units)
        open_units = self.cells.allocated - self.cells.ended
        if units > open_units:
            raise OutOfRights(
                f"{units} of {self.sku} were to be freed and {open_units} are allocated.",
                "Free each allocation once.",
                code="not_allocated",
                sku=self.sku,
                wanted=units,
                allocated=open_units,
            )
        return replace(self, cells=replace(self.cells, ended=self.cells.ended + units))

    def give_back(self, units: int) -> "HubRight":
        """Return free rights to the store. Raises OutOfRights."""
        _positive(units)
        self._need_free(units)
        return replace(self, cells=replace(self.cells, returned=self.cells.returned + units))

    def need(self, cancels_pending: int = 0) -> int:
        """Return how many units the reported deficit still asks of the hub.

        What was returned since that vector, and what is being cancelled, is already on its way: a
        repeated vector chooses no victim twice.
        """
        on_the_way = self.cells.returned - self.returned_echoed + cancels_pending
        return max(0, self.deficit - on_the_way)

    def see(self, vector: EdgeVector) -> "HubRight":
        """Take in what the edge says: cells by maximum, the rest only of a newer version.

        A vector of another SKU or epoch changes nothing.
        """
        if vector.sku != self.sku or vector.ep != self.epoch:
            return self
        seen = replace(
            self,
            granted_seen=max(self.granted_seen, vector.G),
            finished_seen=max(self.finished_seen, vector.F),
            returned_echoed=max(self.returned_echoed, vector.R),
        )
        if vector.ver <= self.version:
            return seen
        return replace(
            seen,
            version=vector.ver,
            deficit=vector.d,
            returned_echoed=vector.R,
            want_back=vector.want_back,
        )

    def vector(self, version: int, want: int = 0) -> HubVector:
        """Return what to tell the edge."""
        return HubVector(
            sku=self.sku,
            ep=self.epoch,
            ver=version,
            A=self.cells.allocated,
            K=self.cells.ended,
            R=self.cells.returned,
            want=want,
        )

    def reopened(self, epoch: int, *, allocated: int) -> "HubRight":
        """Begin a newer epoch with only the open promises lent; unpromised rights die here."""
        if epoch <= self.epoch:
            return self
        return replace(
            self,
            granted_seen=allocated,
            finished_seen=0,
            cells=HubCells(allocated=allocated),
            epoch=epoch,
            version=-1,
            deficit=0,
            returned_echoed=0,
            want_back=0,
        )

    def _need_free(self, units: int) -> None:
        if units > self.free:
            raise OutOfRights(
                f"{units} of {self.sku} are needed and {self.free} rights are free.",
                "Promise from another location, or ask the store for more.",
                sku=self.sku,
                wanted=units,
                free=self.free,
            )


def quota(
    *,
    online_rate_per_day: float,
    refill_days: float,
    k: float,
    share_ppm: int,
    physical: int,
    bound: int,
    cap: int,
) -> int:
    """Return how many units the hub should hold: min(ceil(rate x refill x k), share x (P - B), cap).

    A loan is refilled within one round trip, so it can be small. Decimals are taken as written: binary
    ones would lend a unit too many where 0.1 x 3 x 10 comes out a hair above 3.
    """
    demand = math.ceil(_exact(online_rate_per_day) * _exact(refill_days) * _exact(k))
    share = max(0, physical - bound) * share_ppm // PPM
    return max(0, min(demand, share, cap))


def spare_last_units(units: int, *, physical: int, bound: int, kept: int) -> int:
    """Return how much of a loan a store-first SKU allows: the last `kept` units are the store's own."""
    return max(0, min(units, physical - bound - kept))


def wanted_back(*, sellable: int, floor: int, hub_free: int) -> int:
    """Return how many units an edge that runs low should ask back of what the hub has free."""
    return max(0, min(floor - sellable, hub_free))


def wanted(*, hub_free: int, loan: int) -> int:
    """Return how many units the hub should ask for to hold its quota again."""
    return max(0, loan - hub_free)


def _exact(number: float) -> Fraction:
    return Fraction(str(number))


def _positive(units: int) -> None:
    if units <= 0:
        raise Invalid(f"{units} units cannot move.", "Give at least one unit.", code="no_units", units=units)
