"""Which legal entity and time zone a location belongs to, looked up once per unit of work."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from hub.fleet.rows import location
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.clock import from_us


@dataclass(frozen=True, slots=True)
class Place:
    """What the stages need to know of a location."""

    location: str
    entity: str
    zone: str

    def calendar_date(self, at_us: int) -> str:
        """Return the date there at a moment, for facts that name no business date."""
        return from_us(at_us).astimezone(ZoneInfo(self.zone)).date().isoformat()


class Places:
    """The locations of one unit of work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._known: dict[str, Place] = {}

    def prepare(self, batch: Sequence[Applied]) -> None:
        """Locations are looked up when they are asked for; a batch has one."""

    def flush(self) -> None:
        """Nothing is written here."""

    def of(self, edge: str) -> Place:
        """Return the location of an edge; one that nobody registered belongs to the default entity."""
        place = self._known.get(edge)
        if place is None:
            row = None if edge == HUB_EDGE else location(self._work.connection, edge)
            terms = self._work.terms
            place = Place(edge, row.entity if row else terms.entity, row.zone if row else terms.zone)
            self._known[edge] = place
        return place
