"""What is on its way to locations that will lend it to the hub the moment they receive it.

Only what its destination has acknowledged counts (`transfer.expect` was applied): then `granted` of it is
lent in the transaction of the receipt, and a promise for a later day may rest on it (`hub.stock.claims`).
What has arrived is lent already, so it is never counted twice; what is missing once the destination has said
that nothing more comes is no longer expected by anybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.spine.bulk import Select
from hub.stock.claim_rows import inbound_claims
from hub.transfers.rows import transfer_lines, transfers

_OPEN: Final = inbound_claims.c.units - inbound_claims.c.arrived
_ON_ITS_WAY: Final = (
    sa.select(
        transfer_lines.c.sku,
        transfer_lines.c.to_grant,
        transfer_lines.c.granted,
        (transfer_lines.c.shipped - transfer_lines.c.matched - transfer_lines.c.lost).label("transit"),
        transfers.c.destination,
        transfers.c.arrive_by_us,
        transfers.c.due_us,
        transfers.c.transfer_id,
        transfers.c.number,
    )
    .join(transfers, transfers.c.transfer_id == transfer_lines.c.transfer_id)
    .where(
        transfer_lines.c.to_grant > transfer_lines.c.granted,
        transfers.c.acknowledged_us.is_not(None),
        transfers.c.transit > 0,
        ~transfers.c.final,
    )
    .order_by(transfer_lines.c.sku, transfers.c.destination, transfers.c.transfer_id)
)
_COMING: Final = Select(_ON_ITS_WAY, transfer_lines.c.sku)
_COMING_TO: Final = Select(
    _ON_ITS_WAY.where(transfers.c.destination == sa.bindparam("to")), transfer_lines.c.sku
)
_EXPECTED: Final = Select(
    sa.select(transfer_lines.c.sku)
    .join(transfers, transfers.c.transfer_id == transfer_lines.c.transfer_id)
    .where(
        transfer_lines.c.to_grant > transfer_lines.c.granted,
        ~transfers.c.final,
        transfers.c.destination == sa.bindparam("to"),
    )
    .distinct(),
    transfer_lines.c.sku,
)
_PROMISED: Final = Select(
    sa.select(inbound_claims.c.transfer_id, inbound_claims.c.sku, sa.func.sum(_OPEN).label("units"))
    .where(inbound_claims.c.state == "open")
    .group_by(inbound_claims.c.transfer_id, inbound_claims.c.sku),
    inbound_claims.c.transfer_id,
)


@dataclass(frozen=True, slots=True)
class Inbound:
    """Units of one item on their way to one location by one transfer."""

    sku: str
    location: str
    units: int
    due_us: int
    """When they are expected; 0 when nobody said."""
    transfer_id: str
    number: str
    promised: int = 0
    """Of `units`, those that orders wait for."""

    @property
    def unclaimed(self) -> int:
        """Units that nobody waits for."""
        return max(0, self.units - self.promised)


def units_by_sku(found: Iterable[Inbound], *, before_us: int | None = None) -> dict[str, int]:
    """Return how many units of each item are lent on receipt, of what is expected before a moment.

    What nobody gave a day for counts only when no moment is asked for.
    """
    sums: dict[str, int] = {}
    for each in found:
        if before_us is None or 0 < each.due_us <= before_us:
            sums[each.sku] = sums.get(each.sku, 0) + each.units
    return sums


def still_to_grant(*, to_grant: int, granted: int, transit: int) -> int:
    """Return how many units of a line will be lent when they arrive: never more than are on their way."""
    return max(0, min(to_grant - granted, transit))


def acknowledged(connection: Connection, skus: Sequence[str], *, location: str = "") -> list[Inbound]:
    """Return what is on its way of these items and will be lent on receipt, by its location and transfer."""
    wanted = list(dict.fromkeys(skus))
    rows = _COMING_TO.run(connection, wanted, to=location) if location else _COMING.run(connection, wanted)
    found: dict[tuple[str, str], Inbound] = {}
    for row in rows:
        units = still_to_grant(to_grant=row.to_grant, granted=row.granted, transit=row.transit)
        if units:
            key, due_us = (row.transfer_id, row.sku), row.arrive_by_us or row.due_us
            before = found[key].units if key in found else 0
            found[key] = Inbound(
                row.sku, row.destination, before + units, due_us, row.transfer_id, row.number
            )
    promised = _promised(connection, sorted({transfer_id for transfer_id, _sku in found}))
    return [replace(each, promised=promised.get(key, 0)) for key, each in found.items()]


def expected(connection: Connection, skus: Sequence[str], location: str) -> set[str]:
    """Return those of some items of which a location may have received something that it lends.

    Whether it has acknowledged the transfer says nothing here: its answer may be heard after its rights.
    """
    return set(_EXPECTED.scalars(connection, list(skus), to=location))


def promised_by_sku(found: Iterable[Inbound]) -> dict[str, int]:
    """Return how many units of each item on their way orders wait for."""
    sums: dict[str, int] = {}
    for each in found:
        sums[each.sku] = sums.get(each.sku, 0) + each.promised
    return sums


def _promised(connection: Connection, ids: Sequence[str]) -> dict[tuple[str, str], int]:
    if not ids:
        return {}
    rows = _PROMISED.run(connection, list(ids))
    return {(row.transfer_id, row.sku): int(row.units) for row in rows}
