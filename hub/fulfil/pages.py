"""What waits where: the parts of orders that locations still have to fulfil, by store and age."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from hub.console.web import (
    EXPORT_ROWS,
    PAGE_ROWS,
    csv_file,
    pages_of,
    place_names,
    presence_of,
    show,
)
from hub.fleet.steps import fleet_view
from hub.fulfil import figures, reads
from hub.fulfil.api import MINUTE_US, State
from hub.fulfil.faces import BEGUN, Face, face, silent_places
from hub.fulfil.reads import AssignmentRead, Filters
from hub.fulfil.rules import OPEN, STEPS
from hub.web import Anybody, Text, TheHub
from protocol.clock import from_us
from protocol.kit.text import _
from protocol.lifecycles import AssignmentState

Page = Annotated[int, Query(ge=1, le=20_000)]
Kind = Annotated[str, Query(pattern=r"^(collect|ship)?$")]
Late = Annotated[str, Query(pattern=r"^(yes)?$")]
Older = Annotated[str, Query(pattern=r"^(1|4|24)?$")]
Sort = Annotated[str, Query(pattern=r"^-?(age|due|place)$")]
OLDEST_FIRST: Final = "age"
_CHUNK: Final = 500

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an address asks for; empty means everything, and nothing said means everything open."""

    location: str = ""
    state: str = "open"
    kind: str = ""
    late: str = ""
    older: str = ""
    sort: str = OLDEST_FIRST

    def filters(self, now_us: int) -> Filters:
        """Return it as the list understands it at this moment."""
        return Filters(
            location=self.location,
            state=self.state,
            created_before_us=now_us - int(self.older) * 60 * MINUTE_US if self.older else None,
            kind=self.kind,
            late_at_us=now_us if self.late else None,
        )

    def query(self) -> dict[str, str]:
        """Return it as it stands in an address, without what says nothing."""
        usual = asdict(Wish())
        return {name: value for name, value in asdict(self).items() if value != usual[name]}


def asked(
    *,
    location: Text = "",
    state: State = "open",
    kind: Kind = "",
    late: Late = "",
    older: Older = "",
    sort: Sort = OLDEST_FIRST,
) -> Wish:
    """Read the filters of an address."""
    return Wish(location, state, kind, late, older, sort)


Asked = Annotated[Wish, Depends(asked)]


def clock_of(part: AssignmentRead, now_us: int, work_us: int) -> Face | None:
    """Return the clock of a part; none for what is over, or waits on its shelf to be collected."""
    waits = part.kind == "collect" and part.state == AssignmentState.READY
    if waits or (part.state != AssignmentState.SENT and part.state not in OPEN):
        return None
    return face(part.created_us, part.due_us, now_us, work_us, begun=part.state in BEGUN)


@router.get("/assignments")
def assignments(request: Request, hub: TheHub, _person: Anybody, wish: Asked, page: Page = 1) -> Response:
    """List what waits where, the oldest first, with the sum of each location above it."""
    now_us, work_us = hub.clock.now_us(), hub.settings.ready_minutes * MINUTE_US
    with hub.database.read() as connection:
        found, total = reads.listed(
            connection,
            wish.filters(now_us),
            limit=PAGE_ROWS,
            offset=(page - 1) * PAGE_ROWS,
            sort=wish.sort,
        )
        loads = list(figures.loads(connection, now_us).values())
        fleet = fleet_view(connection, hub.clock, presence_of(request))
        names = place_names(connection)
    return show(
        request,
        "fulfil/assignments.html",
        found=[(part, clock_of(part, now_us, work_us)) for part in found],
        total=total,
        page=page,
        pages=pages_of(total),
        wish=wish,
        query=wish.query(),
        loads=loads,
        headline=headline(sum(load.open for load in loads), sum(load.late for load in loads), len(loads)),
        silent=silent_places(fleet),
        names=names,
        places=sorted(
            ((place.location_id, place.name) for place in fleet if place.pill.state != "revoked"),
            key=lambda place: place[1],
        ),
        states=STEPS,
    )


@router.get("/assignments.csv")
def export(hub: TheHub, _person: Anybody, wish: Asked) -> Response:
    """Send what the filters find as a file."""
    now_us = hub.clock.now_us()
    head = ("order", "location", "kind", "state", "units", "fulfilled", "given", "due", "age_minutes")

    def lines() -> Iterator[tuple[object, ...]]:
        with hub.database.read(slowly=True) as connection:
            names = place_names(connection)
            for offset in range(0, EXPORT_ROWS, _CHUNK):
                found, _total = reads.listed(
                    connection, wish.filters(now_us), limit=_CHUNK, offset=offset, sort=wish.sort
                )
                for part in found:
                    yield (
                        part.number,
                        names.get(part.location, part.location),
                        part.kind,
                        part.state,
                        part.units,
                        part.fulfilled,
                        from_us(part.created_us).isoformat(timespec="seconds"),
                        from_us(part.due_us).isoformat(timespec="seconds"),
                        max(0, (part.ended_us or now_us) - part.created_us) // MINUTE_US,
                    )
                if len(found) < _CHUNK:
                    return

    return csv_file("assignments", head, lines())


def headline(open_parts: int, late: int, places: int) -> str:
    """Return what waits where as a sentence."""
    if not open_parts:
        return _("Nothing waits at a location")
    parts = _("1 part of an order waits") if open_parts == 1 else _("{n} parts of orders wait", n=open_parts)
    where = _("at 1 location") if places == 1 else _("at {n} locations", n=places)
    tail = _(", {n} late", n=late) if late else ""
    return f"{parts} {where}{tail}"
