"""The fleet: how every location is, and one of them with its stream, what was set aside, what it was told."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import Response

from hub.catalog.steps import newest_version
from hub.console.web import ADMIN, by_kind, go_to, may, place_names, presence_of, show
from hub.fleet import reads
from hub.fleet.line import line_view
from hub.fleet.steps import fleet_view
from hub.fulfil import reads as assignments
from hub.fulfil.api import MINUTE_US
from hub.fulfil.faces import silent_places
from hub.fulfil.pages import clock_of
from hub.fulfil.reads import Filters
from hub.holds.restored_steps import how_many
from hub.link import clones, repair
from hub.link.epochs import epoch_of
from hub.web import Admin, Anybody, TheHub
from protocol.kit.text import _
from protocol.people import HubRole

Edge = Annotated[str, Path(max_length=40, pattern=r"^[a-z0-9-]+$")]
Seq = Annotated[int, Path(ge=1, le=10**15)]
Life = Annotated[str, Form(pattern=r"^([0-9a-f]{32})?$")]
"""The incarnation of a store whose number it is; a restored one numbers from 1 again."""
Note = Annotated[str, Form(min_length=3, max_length=250, pattern=r"^[^\x00]*\S[^\x00]*$")]
Said = Annotated[str, Query(pattern=r"^(replayed|discarded|accepted|refused)?$")]

WAITING_SHOWN = 8
"""The rest is one click away."""

router = APIRouter(include_in_schema=False)


@router.get("/fleet")
def fleet(request: Request, hub: TheHub, _person: Anybody) -> Response:
    """Show every location in one table."""
    with hub.database.read() as connection:
        view = by_kind(fleet_view(connection, hub.clock, presence_of(request)))
        parked = reads.parked_counts(connection)
        newest = reads.newest_of(connection)
        catalog = newest_version(connection)
        waits = how_many(connection)
        line = line_view(connection, hub.line.status)
    away = sum(place.pill.state in ("offline", "late") for place in view)
    return show(
        request,
        "fleet/fleet.html",
        view=view,
        parked=parked,
        newest=newest,
        catalog=catalog,
        away=away,
        unseen=sum(place.pill.state == "never_seen" for place in view),
        unsent=sum(place.unsent for place in view),
        waits=waits,
        line=line,
        forgot=line.tells(hub.clock.now_us()),
    )


@router.get("/fleet/{edge}")
def one(request: Request, hub: TheHub, person: Anybody, edge: Edge, said: Said = "") -> Response:
    """Show one location."""
    with hub.database.read() as connection:
        row = reads.require_location(connection, edge)
        view = next(
            place
            for place in fleet_view(connection, hub.clock, presence_of(request))
            if place.location_id == edge
        )
        bars = reads.streams_of(connection, edge)
        parked = reads.parked_of(connection, edge)
        told = reads.directives_of(connection, edge)
        sessions = reads.sessions_of(connection, edge)
        beat = reads.heartbeat_of(connection, edge)
        catalog = newest_version(connection)
        epoch, second = epoch_of(connection, edge), clones.second_of(connection, edge)
        chosen = clones.admitted(connection, edge)
        now_us = hub.clock.now_us()
        names = place_names(connection)
        waits, waits_total = assignments.listed(
            connection, Filters(location=edge, state="open"), limit=WAITING_SHOWN, sort="age"
        )
    work_us = hub.settings.ready_minutes * MINUTE_US
    words = {
        "replayed": _("Replayed. The event and what waited behind it count now."),
        "accepted": _("Chosen. It is the store from its next try on, within two minutes."),
        "refused": _("Chosen. The first computer goes on; switch the second one off."),
        "discarded": _("Discarded. Its bytes and your reason are kept; what waited behind it counts now."),
    }
    return show(
        request,
        "fleet/location.html",
        said=words.get(said, ""),
        row=row,
        view=view,
        bars=bars,
        parked=parked,
        told=told,
        sessions=sessions,
        beat=beat,
        catalog=catalog,
        names=names,
        waits=[(part, clock_of(part, now_us, work_us)) for part in waits],
        waits_total=waits_total,
        silent=silent_places([view]).get(edge, ""),
        may_repair=may(person, ADMIN),
        may_reclaim=may(person, HubRole.OPS),
        epoch=epoch,
        second=second,
        admitted=chosen,
    )


@router.post("/fleet/{edge}/parked/{seq}/replay")
def replay(hub: TheHub, person: Admin, edge: Edge, seq: Seq, inc: Life = "") -> Response:
    """Apply an event that was set aside, and what waited behind it."""
    repair.replay(hub, edge, seq, inc=inc, by=person.name)
    return go_to(f"/fleet/{edge}", said="replayed")


@router.post("/fleet/{edge}/parked/{seq}/discard")
def discard(  # noqa: PLR0917 - what is discarded, by whom and why
    hub: TheHub, person: Admin, edge: Edge, seq: Seq, note: Note, inc: Life = ""
) -> Response:
    """Give an event up for good, with a reason."""
    repair.discard(hub, edge, seq, inc=inc, note=note.strip(), by=person.name)
    return go_to(f"/fleet/{edge}", said="discarded")
