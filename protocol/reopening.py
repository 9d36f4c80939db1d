"""Beginning the lending of stock anew after one side lost its past: WHO, IAM, NEW.

This is the only place where a store and the hub must talk about rights. Whoever was restored has lost some
of its own cells, so the rules of `protocol.rights` no longer hold between the two. The hub promises nothing
there (`fenced`) and asks WHO; the edge says IAM with what is open at a certain point of its log; the hub
applies the log up to that point, takes the union of what either side calls open, and says NEW: from now on
exactly these units are lent, all of them promised. It promises again when the first vector of the new epoch
arrives. Rights that nobody was promised die in the switch and are granted anew.

What a reader would get wrong: the union is taken, not the newer word. A unit that only one side calls open
costs a little availability; a unit that one side forgot could be promised twice.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from protocol.handshake import Incarnation, Nonce, Seq
from protocol.orders import Code, WireModel

OPEN_LIMIT = 20_000
"""Lines that are open at one location at once; a large store has some hundreds."""
Owner = Annotated[str, Field(min_length=1, max_length=160)]


class OpenUnits(WireModel):
    """Lent units of one line that somebody was promised and that have neither left nor been given up."""

    owner: Owner
    """The assignment, or what the hub calls a checkout that holds units."""
    line_no: int = Field(ge=0)
    sku: Code
    units: int = Field(ge=1)


class OpenOrder(WireModel):
    """Which order an assignment belongs to of which units are open: the hub may have forgotten both."""

    assignment_id: Owner
    order_id: Code
    number: Code


class Who(WireModel):
    """The hub asks what is open at a location whose rights must be re-opened."""

    type: Literal["who"] = "who"
    inc: Incarnation
    sess: Nonce
    hub_inc: Incarnation
    nonce: Nonce
    n: int = Field(default=0, ge=0)
    """Which question of this process of the hub it is: after a newer one, a late one is not answered."""


class IAm(WireModel):
    """An edge says what is open after event `position` and directive `cseq_done`."""

    type: Literal["iam"]
    inc: Incarnation
    sess: Nonce
    hub_inc: Incarnation
    nonce: Nonce
    ep: int = Field(ge=0)
    position: Seq
    cseq_done: Seq
    open: tuple[OpenUnits, ...] = Field(default=(), max_length=OPEN_LIMIT)
    orders: tuple[OpenOrder, ...] = Field(default=(), max_length=OPEN_LIMIT)


class NewEpoch(WireModel):
    """The hub says what an epoch begins with: these units are lent and promised, and nothing else is."""

    type: Literal["new"] = "new"
    inc: Incarnation
    sess: Nonce
    hub_inc: Incarnation
    ep: int = Field(ge=1)
    position: Seq | None = None
    """Which answer of the edge it rests on: F of the epoch begins there, though the edge has answered again
    since, because the same question came late. A hub that is older does not say it."""
    open: tuple[OpenUnits, ...] = Field(default=(), max_length=2 * OPEN_LIMIT)


def union(hub: Iterable[OpenUnits], edge: Iterable[OpenUnits]) -> tuple[OpenUnits, ...]:
    """Return what either side calls open: of a line that both name, the larger number."""
    found: dict[tuple[str, int], OpenUnits] = {}
    for units in (*hub, *edge):
        key = units.owner, units.line_no
        if key not in found or found[key].units < units.units:
            found[key] = units
    return tuple(found[key] for key in sorted(found))


def by_sku(units: Iterable[OpenUnits]) -> Mapping[str, int]:
    """Return how many units of each SKU an epoch begins with (G and A)."""
    sums: dict[str, int] = {}
    for line in units:
        sums[line.sku] = sums.get(line.sku, 0) + line.units
    return sums


def next_epoch(hub_ep: int, edge_ep: int) -> int:
    """Return the number of an epoch that neither side has ever had."""
    return max(hub_ep, edge_ep) + 1


def may_adopt(new: NewEpoch, *, inc: str, hub_inc: str, ep: int) -> bool:
    """Tell whether an edge takes an epoch over: it is for this very life of it, and it is a later one.

    A NEW may come minutes late and to a database that was rolled back meanwhile. The number alone would let
    it be adopted twice; the incarnation does not.
    """
    return new.inc == inc and new.hub_inc == hub_inc and new.ep > ep
