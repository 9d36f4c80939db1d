"""Promising lent units: each promise takes rights in one conditional statement, and gives them back once.

The cells only grow (`protocol.rights`): A when units are promised, K when a promise ends without goods having
left. So a row here remembers how much of it has ended or was fulfilled, and nothing ends twice. Whoever asks
for more than a location has lent gets `OutOfRights` and nothing is taken, whichever process was quicker.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, Lookup
from hub.fleet.rows import streams
from hub.spine.bulk import Insert
from hub.stock.changed import note_changed
from hub.stock.deficits import give_back
from hub.stock.rows import FREE_UNITS, allocations, hub_rights, is_fenced, rights_epochs
from protocol.errors import OutOfRights
from protocol.kit.text import _

Wanted = tuple[int, str, int]
"""(line_no, sku, units)"""
Said = tuple[str, int]
"""(incarnation, number) of the event of a location that tells of something."""

_NEW: Final = Insert(allocations)
_UNITS: Final = sa.bindparam("units", type_=sa.BigInteger)
_RIGHT: Final = (hub_rights.c.location == sa.bindparam("at")) & (hub_rights.c.sku == sa.bindparam("of"))
_HELD: Final = allocations.c.owner == sa.bindparam("who")
_LINE: Final = _HELD & (allocations.c.line_no == sa.bindparam("nth", type_=sa.BigInteger))
_FREE: Final = Lookup(sa.select(FREE_UNITS.label("free"), hub_rights.c.deficit).where(_RIGHT))
_OF_OWNER: Final = Lookup(sa.select(allocations).where(_HELD).order_by(allocations.c.line_no))
_ROW: Final = Lookup(sa.select(allocations).where(_LINE).with_for_update())
_SET: Final = Change(
    sa.update(allocations)
    .where(_LINE)
    .values(
        units=sa.bindparam("promised", type_=sa.BigInteger),
        finished=sa.bindparam("left", type_=sa.BigInteger),
        ended=sa.bindparam("back", type_=sa.BigInteger),
    )
)
_COME_BACK: Final = Change(
    sa.update(hub_rights)
    .where(_RIGHT)
    .values(ended=hub_rights.c.ended + _UNITS, version=hub_rights.c.version + 1)
)
_BEGAN: Final = Lookup(
    sa.select(rights_epochs.c.inc, rights_epochs.c.position).where(
        rights_epochs.c.location == sa.bindparam("at"), rights_epochs.c.inc != ""
    )
)
_LIVES: Final = sa.select(streams.c.inc, streams.c.ordinal).where(
    streams.c.edge == sa.bindparam("at"), streams.c.inc.in_(sa.bindparam("of", expanding=True))
)
_TAKE: Final = Change(
    sa.update(hub_rights)
    .where(
        _RIGHT,
        hub_rights.c.deficit == 0,
        sa.bindparam("wanted", type_=sa.BigInteger) <= FREE_UNITS,
        ~is_fenced(hub_rights.c.location),
    )
    .values(
        allocated=hub_rights.c.allocated + sa.bindparam("wanted", type_=sa.BigInteger),
        version=hub_rights.c.version + 1,
    )
)


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units of one line that somebody holds rights to."""

    owner: str
    line_no: int
    location: str
    sku: str
    units: int
    finished: int
    ended: int

    @property
    def open(self) -> int:
        """Units that are still promised."""
        return self.units - self.finished - self.ended


def owner_of_reservation(reservation_id: str, location: str) -> str:
    """Return the name under which a checkout holds rights at a location."""
    return f"r:{reservation_id}:{location}"


def free_units(connection: Connection, location: str, sku: str) -> tuple[int, int]:
    """Return (units that may be promised, deficit that the location reports)."""
    row = _FREE.first(connection, at=location, of=sku)
    return (0, 0) if row is None else (max(0, int(row.free)), int(row.deficit))


def allocate(connection: Connection, owner: str, location: str, wanted: Sequence[Wanted]) -> None:
    """Take rights for an owner, all of them or none.

    Call it inside a savepoint, or let its refusal end the unit of work: what it took of other SKUs before
    it had to refuse is undone with that.

    Raises:
        OutOfRights: fewer units are free, or the location reports that promised units are missing.
    """
    # In the order of SKUs, so that two processes never wait for each other's rows in a circle.
    for sku, units in sorted(_summed(wanted).items()):
        _take(connection, location, sku, units)
    _NEW.run(connection, [(owner, line_no, location, sku, units, 0, 0) for line_no, sku, units in wanted])
    note_changed(connection, [sku for _line_no, sku, _units in wanted])


def allocate_more(connection: Connection, owner: str, location: str, wanted: Wanted) -> None:
    """Take rights for an owner who may hold some of this line already.

    Raises:
        OutOfRights: as `allocate`; then nothing is taken.
    """
    line_no, sku, units = wanted
    row = _row(connection, owner, line_no)
    if row is None:
        allocate(connection, owner, location, [wanted])
        return
    _take(connection, location, sku, units)
    _set(connection, replace(row, units=row.units + units))
    note_changed(connection, (sku,))


def _take(connection: Connection, location: str, sku: str, units: int) -> None:
    if _TAKE.run(connection, at=location, of=sku, wanted=units) != 1:
        free, deficit = free_units(connection, location, sku)
        raise OutOfRights(
            _("{n} of {sku} are needed and {free} may be promised there.", n=units, sku=sku, free=free),
            _("Ask for fewer, for another location, or for a later day."),
            location=location,
            sku=sku,
            wanted=units,
            free=free,
            deficit=deficit,
        )


def end(connection: Connection, owner: str, line_no: int, units: int) -> int:
    """Give rights back because nothing will be fulfilled with them; return how many really came back."""
    row = _row(connection, owner, line_no)
    really = 0 if row is None else min(units, row.open)
    if row is None or really <= 0:
        return 0
    _set(connection, replace(row, ended=row.ended + really))
    _come_back(connection, row, really)
    return really


def finish(connection: Connection, owner: str, line_no: int, units: int, *, said: Said) -> int:
    """Note that units were fulfilled; the location moves the cell of that. Return how many were open.

    An event that was set aside and is applied after the location's rights were re-opened tells of goods that
    had left before: the cell of the location begins after them, so the promise ends here.
    """
    row = _row(connection, owner, line_no)
    really = 0 if row is None else min(units, row.open)
    if row is None or really <= 0:
        return 0
    _set(connection, replace(row, finished=row.finished + really))
    if _before_epoch(connection, row.location, said):
        _come_back(connection, row, really)
    return really


def _before_epoch(connection: Connection, location: str, said: Said) -> bool:
    """Tell whether a location said something before the epoch of its rights began."""
    row = _BEGAN.first(connection, at=location)
    if row is None:
        return False
    inc, seq = said
    if inc == row.inc:
        return bool(seq <= row.position)
    # A life that began after the one of the epoch goes on in it until its own lending is begun.
    lives = dict(map(tuple, connection.execute(_LIVES, {"at": location, "of": [inc, row.inc]})))
    return bool(lives.get(inc, 0) <= lives.get(row.inc, 0))


def _come_back(connection: Connection, row: Allocation, units: int) -> None:
    """Count units as promised no more (K)."""
    _COME_BACK.run(connection, at=row.location, of=row.sku, units=units)
    # What came back may be missing there: then it goes on to the location, and nobody else is promised it.
    give_back(connection, row.location, row.sku)
    note_changed(connection, (row.sku,))


def end_all(connection: Connection, owner: str) -> int:
    """Give everything back that an owner still holds; return how many units."""
    return sum([end(connection, owner, row.line_no, row.open) for row in of_owner(connection, owner)])


def transfer(connection: Connection, from_owner: str, to_owner: str, line_nos: Iterable[int] = ()) -> int:
    """Let another owner hold what one holds, all of its lines or those named; return how many units."""
    named = set(line_nos)
    moved = 0
    for row in of_owner(connection, from_owner):
        if row.open > 0 and (not named or row.line_no in named):
            connection.execute(
                sa.update(allocations)
                .where(allocations.c.owner == from_owner, allocations.c.line_no == row.line_no)
                .values(owner=to_owner)
            )
            moved += row.open
    return moved


def of_owner(connection: Connection, owner: str) -> list[Allocation]:
    """Return what an owner holds or held, line by line."""
    return [_allocation(row) for row in _OF_OWNER.all(connection, who=owner)]


def _row(connection: Connection, owner: str, line_no: int) -> Allocation | None:
    row = _ROW.first(connection, who=owner, nth=line_no)
    return None if row is None else _allocation(row)


def _allocation(row: sa.Row[Any]) -> Allocation:
    return Allocation(row.owner, row.line_no, row.location, row.sku, row.units, row.finished, row.ended)


def _set(connection: Connection, row: Allocation) -> None:
    units = {"promised": row.units, "left": row.finished, "back": row.ended}
    _SET.run(connection, who=row.owner, nth=row.line_no, **units)


def _summed(wanted: Sequence[Wanted]) -> dict[str, int]:
    found: dict[str, int] = {}
    for _line_no, sku, units in wanted:
        found[sku] = found.get(sku, 0) + units
    return found
