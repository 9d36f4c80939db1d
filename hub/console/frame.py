"""The frame around every page of the hub: its tabs by role, and what the strip says of the whole fleet.

The strip is a sentence computed from what is stored and heard at this moment. A store that is away is named,
because it sells on by itself and somebody will ask; it is not an alarm.
"""

from collections.abc import Callable, Sequence

from fastapi import Request

from hub.console.web import FINANCE, OPS
from hub.context import Hub
from hub.exceptions import rows as exceptions
from hub.fleet.presence import FleetPresence
from hub.fleet.steps import LocationView, fleet_view
from hub.link.line import LineStatus
from protocol.clock import MICROSECONDS
from protocol.kit.text import _
from protocol.kit.web.filters import duration
from protocol.kit.web.shell import Shell, Strip, Tab, TourStep
from protocol.kit.web.signin import CurrentPerson, SessionSigner, current_person
from protocol.people import HubRole


def tabs(person: CurrentPerson, waiting: int) -> tuple[Tab, ...]:
    """Return the pages of a role."""
    every = [
        Tab("/", _("Overview")),
        Tab("/orders", _("Orders")),
        Tab("/exceptions", _("Exceptions"), tally=waiting),
        Tab("/flow", _("Flow")),
        Tab("/stock", _("Stock")),
        Tab("/routing", _("Routing")),
        Tab("/returns", _("Returns")),
    ]
    if person.role in FINANCE:
        every.append(Tab("/finance", _("Finance")))
    every.append(Tab("/fleet", _("Fleet")))
    if person.role in OPS:
        every.append(Tab("/catalog", _("Catalogue")))
    if person.role == HubRole.ADMIN:
        every.append(Tab("/people", _("People")))
    return tuple(every)


def frame_of(
    hub: Hub,
    signer: SessionSigner,
    presence: FleetPresence,
    tour: Callable[[], tuple[TourStep, ...]] = tuple,
) -> Callable[[Request], Shell]:
    """Return the function that describes the frame of a request; `tour` says how far a demo's tour is."""

    def frame(request: Request) -> Shell:
        person = current_person(request)
        demo = hub.settings.demo
        with hub.database.read() as connection:
            view = fleet_view(connection, hub.clock, presence)
            waiting = exceptions.open_count(connection) if person else 0
        return Shell(
            program="hub",
            place=hub.settings.name,
            strip=strip(
                view, hub.clock.now_us(), presence, line=hub.line.status, signed_in=person is not None
            ),
            tabs=tabs(person, waiting) if person else (),
            person=person,
            csrf=signer.csrf(person),
            zone=hub.settings.zone,
            now_us=hub.clock.now_us(),
            home="/",
            find="/orders" if person else "",
            account="/account" if person else "",
            demo=_("Nothing here is a real sale.") if demo else "",
            tour=tour() if demo else (),
            position=getattr(request.state, "position", 0),
        )

    return frame


def strip(
    view: Sequence[LocationView],
    now_us: int,
    presence: FleetPresence,
    *,
    line: LineStatus,
    signed_in: bool = True,
) -> Strip:
    """Return the connectivity strip: how many locations are in step, the slowest, and who is away."""
    if not signed_in:
        return Strip("live", _("Online"), _("the hub answers."))
    known = [location for location in view if location.pill.state != "revoked"]
    if not known:
        return Strip("calm", _("Ready"), _("no location is registered yet."), href="/fleet", link=_("Fleet"))
    if line.is_down and line.where:
        # Else every location would look as if its own line were down.
        says = _("the hub is not connected to the broker, so no location can be heard. They sell on.")
        return Strip("act", _("No line"), says, href="/fleet", link=_("Fleet"))
    away = [location for location in known if location.pill.state in ("offline", "late")]
    unseen = [location for location in known if location.pill.state == "never_seen"]
    here = [location for location in known if location.pill.state == "online"]
    said = [_("hub synced with {n} of {all} locations.", n=len(here), all=len(known))]
    heard = [age for location in here if (age := presence.seconds_since(location.location_id)) is not None]
    if heard:
        said[0] = _(
            "hub synced with {n} of {all} locations, slowest {span} ago.",
            n=len(here),
            all=len(known),
            span=duration(max(heard)),
        )
    said += _away(away, now_us)
    if unseen and not away:
        said.append(_one_or_more(unseen, _("{name} was never heard."), _("{n} were never heard.")))
    behind = [location for location in here if location.unsent]
    if behind:
        waiting = sum(location.unsent for location in behind)
        said.append(_("{n} events are on their way.", n=f"{waiting:,}"))
    word = _("Online") if here else _("Store mode")
    return Strip("live" if here else "wait", word, " ".join(said), href="/fleet", link=_("Fleet"))


def _away(away: Sequence[LocationView], now_us: int) -> list[str]:
    if not away:
        return []
    if len(away) == 1:
        span = duration(max(0, now_us - (away[0].last_us or now_us)) / MICROSECONDS)
        return [_("{name} is in store mode, last heard {span} ago.", name=away[0].name, span=span)]
    longest = min(away, key=lambda location: location.last_us or 0)
    span = duration(max(0, now_us - (longest.last_us or now_us)) / MICROSECONDS)
    return [
        _("{n} are in store mode, {name} the longest: {span}.", n=len(away), name=longest.name, span=span)
    ]


def _one_or_more(found: Sequence[LocationView], one: str, more: str) -> str:
    return one.format(name=found[0].name) if len(found) == 1 else more.format(n=len(found))
