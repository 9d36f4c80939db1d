"""Promising what is on its way: a claim takes units of a transfer, and becomes rights when they arrive.

What may be claimed is what its destination has acknowledged to lend on receipt (`hub.transfers.inbound`),
less what is claimed, less what may have arrived already (`inbound_ahead`). A claim is made under a lock of
its transfer, so two processes never claim the same unit. When the rights of a location grow, its claims take
them in the same transaction, before anybody else sees them; they are held until all of it is there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, Lookup
from hub.spine.bulk import Select
from hub.stock import allocations
from hub.stock.claim_rows import inbound_ahead, inbound_claims
from hub.stock.claim_rules import Coming, Later, Waiting, behind, served, uncovered
from hub.transfers.inbound import Inbound, acknowledged, expected
from hub.transfers.rows import transfers
from protocol.errors import OutOfRights
from protocol.kit.text import _

OPEN: Final = inbound_claims.c.state == "open"
MISSING: Final = inbound_claims.c.units - inbound_claims.c.arrived
_IN_ORDER: Final = (
    sa.select(inbound_claims)
    .where(OPEN)
    .order_by(
        inbound_claims.c.promise_us,
        inbound_claims.c.order_id,
        inbound_claims.c.line_no,
        inbound_claims.c.claim_id,
    )
)
_OF_ORDER: Final = Lookup(_IN_ORDER.where(inbound_claims.c.order_id == sa.bindparam("order")))
_OF_WAIT: Final = Lookup(_IN_ORDER.where(inbound_claims.c.wait_id == sa.bindparam("wait")))
_OF_TRANSFER: Final = Lookup(
    _IN_ORDER.where(MISSING > 0, inbound_claims.c.transfer_id == sa.bindparam("transfer"))
)
_AHEAD: Final = Select(
    sa.select(inbound_ahead.c.location, inbound_ahead.c.sku, inbound_ahead.c.units), inbound_ahead.c.sku
)
_WAITING: Final = Select(
    _IN_ORDER.where(inbound_claims.c.location == sa.bindparam("at")), inbound_claims.c.sku
)
_MINE: Final = (inbound_ahead.c.location == sa.bindparam("at")) & (inbound_ahead.c.sku == sa.bindparam("of"))
_BEFORE: Final = Lookup(sa.select(inbound_ahead.c.units).where(_MINE).with_for_update())
_RUN: Final = Change(sa.insert(inbound_ahead))
_RUN_ON: Final = Change(
    sa.update(inbound_ahead).where(_MINE).values(units=sa.bindparam("so_many"), at_us=sa.bindparam("now_us"))
)
_CAUGHT_UP: Final = Change(sa.delete(inbound_ahead).where(_MINE))


@dataclass(frozen=True, slots=True)
class Claim:
    """Units of one order line that wait for a transfer, or are held beside what waits."""

    claim_id: str
    wait_id: str
    order_id: str
    number: str
    line_no: int
    sku: str
    location: str
    transfer_id: str
    transfer_number: str
    units: int
    arrived: int
    state: str
    due_us: int
    promise_us: int
    why: str
    made_us: int

    @property
    def missing(self) -> int:
        """Units that are still to come."""
        return self.units - self.arrived


@dataclass(frozen=True, slots=True)
class Wait:
    """One order that waits: by which decision, and what its customer was promised."""

    wait_id: str
    order_id: str
    number: str
    promise_us: int
    made_us: int


def owner_of_wait(wait_id: str, location: str) -> str:
    """Return the name under which an order that waits holds rights at a location."""
    return f"w:{wait_id}:{location}"


def claimable(connection: Connection, skus: Sequence[str], *, location: str = "") -> list[Coming]:
    """Return what is on its way of these items and nobody waits for, the earliest first; with a day."""
    found = acknowledged(connection, skus, location=location)
    coming = [
        Coming(each.sku, each.location, each.transfer_id, each.number, each.due_us, each.unclaimed)
        for each in found
        if each.due_us and each.unclaimed
    ]
    return behind(coming, _ahead(connection, skus)) if coming else []


def inbound(connection: Connection, skus: Sequence[str], *, location: str = "") -> list[Inbound]:
    """Return what is on its way of these items, without what seems to have arrived already.

    Its rights were heard before its receipt, and those units are counted as free.
    """
    found = acknowledged(connection, skus, location=location)
    if not found:
        return []
    all_of_it = [
        Coming(each.sku, each.location, each.transfer_id, each.number, each.due_us, each.units)
        for each in found
    ]
    units = {(each.transfer_id, each.sku): each.units for each in behind(all_of_it, _ahead(connection, skus))}
    return [
        replace(each, units=units[each.transfer_id, each.sku])
        for each in found
        if (each.transfer_id, each.sku) in units
    ]


def claim(
    connection: Connection, wait: Wait, claim_ids: Iterable[str], location: str, later: Sequence[Later]
) -> None:
    """Claim units that are on their way to a location, all of them or none.

    Call it inside a savepoint, or let its refusal end the unit of work.

    Raises:
        OutOfRights: fewer are on their way by now, or somebody else waits for them.
    """
    ids = sorted({each.coming.transfer_id for each in later})
    # In the order of transfers, so that two processes never wait for each other's rows in a circle.
    connection.execute(
        sa.select(transfers.c.transfer_id)
        .where(transfers.c.transfer_id.in_(ids))
        .order_by(transfers.c.transfer_id)
        .with_for_update()
    ).all()
    skus = sorted({each.coming.sku for each in later})
    left: dict[tuple[str, str], int] = {
        (each.transfer_id, each.sku): each.units for each in claimable(connection, skus, location=location)
    }
    rows = []
    for claim_id, each in zip(claim_ids, later, strict=True):
        coming, key = each.coming, (each.coming.transfer_id, each.coming.sku)
        if left.get(key, 0) < each.units:
            raise OutOfRights(
                _(
                    "{n} of {sku} may be claimed of {number}.",
                    n=left.get(key, 0),
                    sku=coming.sku,
                    number=coming.number,
                ),
                _("Ask for fewer, for another location, or for a later day."),
                location=location,
                sku=coming.sku,
                wanted=each.units,
                free=left.get(key, 0),
            )
        left[key] -= each.units
        rows.append(_row(wait, claim_id, (each.line_no, coming.sku, each.units), location, coming))
    if rows:
        connection.execute(sa.insert(inbound_claims), rows)


def hold(
    connection: Connection,
    wait: Wait,
    claim_ids: Iterable[str],
    location: str,
    wanted: Sequence[allocations.Wanted],
) -> None:
    """Hold free units for an order that waits for others.

    Raises:
        OutOfRights: as `hub.stock.allocations.allocate`.
    """
    if wanted:
        allocations.allocate(connection, owner_of_wait(wait.wait_id, location), location, wanted)
        rows = [_row(wait, each, what, location) for each, what in zip(claim_ids, wanted, strict=True)]
        connection.execute(sa.insert(inbound_claims), rows)


def of_order(connection: Connection, order_id: str) -> list[Claim]:
    """Return what an order waits for, and what is held for it meanwhile."""
    return _read(_OF_ORDER.all(connection, order=order_id))


def of_wait(connection: Connection, wait_id: str) -> list[Claim]:
    """Return what belongs to one decision to wait, while it waits."""
    return _read(_OF_WAIT.all(connection, wait=wait_id))


def of_transfer(connection: Connection, transfer_id: str) -> list[Claim]:
    """Return who waits for the goods of a transfer, the earliest promise first."""
    return _read(_OF_TRANSFER.all(connection, transfer=transfer_id))


def waiting_at(connection: Connection, location: str, skus: Sequence[str]) -> list[Claim]:
    """Return what waits or is held at a location of some items."""
    return _read(_WAITING.run(connection, list(skus), at=location))


def waiting_units(connection: Connection, order_id: str) -> dict[int, int]:
    """Return the units of each line that wait, or are held beside what waits."""
    found: dict[int, int] = {}
    for each in of_order(connection, order_id):
        found[each.line_no] = found.get(each.line_no, 0) + each.units
    return found


def serve(connection: Connection, location: str, sku: str) -> list[str]:
    """Let what became free at a location go to who waits for it there; return the orders that got some."""
    claims = {each.claim_id: each for each in waiting_at(connection, location, [sku]) if each.missing}
    if not claims:
        return []
    free, deficit = allocations.free_units(connection, location, sku)
    if deficit:
        return []
    orders: list[str] = []
    for claim_id, units in served([_waiting(each) for each in claims.values()], free):
        mine = claims[claim_id]
        owner = owner_of_wait(mine.wait_id, location)
        allocations.allocate_more(connection, owner, location, (mine.line_no, sku, units))
        connection.execute(
            sa.update(inbound_claims)
            .where(inbound_claims.c.claim_id == claim_id)
            .values(arrived=inbound_claims.c.arrived + units)
        )
        orders.append(mine.order_id)
    return list(dict.fromkeys(orders))


def fallen(connection: Connection, location: str, sku: str) -> list[Claim]:
    """Return the claims on one item at one location that nothing stands behind any more."""
    claims = {each.claim_id: each for each in waiting_at(connection, location, [sku]) if each.missing}
    if not claims:
        return []
    still = {each.transfer_id: each.units for each in acknowledged(connection, [sku], location=location)}
    pending = -min(0, _ahead(connection, [sku]).get((location, sku), 0))
    return [claims[each] for each in uncovered([_waiting(one) for one in claims.values()], still, pending)]


def use(connection: Connection, wait_id: str, assignments: Mapping[str, str]) -> None:
    """Let the parts of an order take over what was held for it: by location, the part that it was given."""
    for location, assignment_id in sorted(assignments.items()):
        allocations.transfer(connection, owner_of_wait(wait_id, location), assignment_id)
    _ended(connection, wait_id, "used", "")


def end(connection: Connection, wait_id: str, why: str) -> None:
    """Let an order wait no longer: what was held for it is free again, and what comes is anybody's."""
    claims = of_wait(connection, wait_id)
    _ended(connection, wait_id, "ended", why)
    for location in sorted({each.location for each in claims}):
        allocations.end_all(connection, owner_of_wait(wait_id, location))


def expect(connection: Connection, order_id: str, dues: Mapping[str, int]) -> None:
    """Note new days of transfers that an order goes on waiting for."""
    for transfer_id, due_us in sorted(dues.items()):
        connection.execute(
            sa.update(inbound_claims)
            .where(OPEN, inbound_claims.c.order_id == order_id, inbound_claims.c.transfer_id == transfer_id)
            .values(due_us=due_us)
        )


def grew(connection: Connection, location: str, grown: Mapping[str, int], now_us: int) -> None:
    """Note that rights of a location grew: perhaps by a receipt that was not heard yet."""
    if grown:
        coming = expected(connection, list(grown), location)
        behind_it = {
            sku for (_at, sku), units in _ahead(connection, list(grown)).items() if _at == location and units
        }
        for sku in sorted(coming | behind_it):
            _run_ahead(connection, location, sku, grown[sku], now_us)


def received(connection: Connection, location: str, granted: Mapping[str, int], now_us: int) -> None:
    """Note that a receipt was heard that lent units: their rights came before it, or are still to come."""
    for sku, units in sorted(granted.items()):
        _run_ahead(connection, location, sku, -units, now_us)


def forget_ahead(connection: Connection, location: str, before_us: int) -> int:
    """Forget by how much a location ran ahead, once it has told everything since; return how many items."""
    return connection.execute(
        sa.delete(inbound_ahead).where(
            inbound_ahead.c.location == location, inbound_ahead.c.at_us <= before_us
        )
    ).rowcount


def _run_ahead(connection: Connection, location: str, sku: str, units: int, now_us: int) -> None:
    mine = {"at": location, "of": sku}
    before = _BEFORE.scalar(connection, **mine)
    if before is None:
        _RUN.run(connection, location=location, sku=sku, units=units, at_us=now_us)
    elif before + units == 0:
        _CAUGHT_UP.run(connection, **mine)
    else:
        _RUN_ON.run(connection, **mine, so_many=before + units, now_us=now_us)


def _ahead(connection: Connection, skus: Sequence[str]) -> dict[tuple[str, str], int]:
    return {(row.location, row.sku): row.units for row in _AHEAD.run(connection, list(skus))}


def _ended(connection: Connection, wait_id: str, state: str, why: str) -> None:
    connection.execute(
        sa.update(inbound_claims)
        .where(OPEN, inbound_claims.c.wait_id == wait_id)
        .values(state=state, why=why)
    )


def _waiting(claim: Claim) -> Waiting:
    return Waiting(claim.claim_id, claim.transfer_id, claim.missing, claim.promise_us)


def _row(
    wait: Wait, claim_id: str, what: allocations.Wanted, location: str, coming: Coming | None = None
) -> dict[str, Any]:
    line_no, sku, units = what
    return {
        "claim_id": claim_id,
        "wait_id": wait.wait_id,
        "order_id": wait.order_id,
        "number": wait.number,
        "line_no": line_no,
        "sku": sku,
        "location": location,
        "transfer_id": coming.transfer_id if coming else "",
        "transfer_number": coming.number if coming else "",
        "units": units,
        "arrived": 0 if coming else units,
        "state": "open",
        "due_us": coming.due_us if coming else 0,
        "promise_us": wait.promise_us,
        "why": "",
        "made_us": wait.made_us,
    }


def _read(rows: Iterable[Any]) -> list[Claim]:
    return [Claim(*row) for row in rows]
