"""The flow map on the screen: where orders wait, leak margin or break promises, with the orders behind."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from babel.dates import format_date
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from hub.console.later_words import channel_word
from hub.console.web import EXPORT_ROWS, PAGE_ROWS, csv_file, filled, pages_of, place_names, show
from hub.context import Hub
from hub.flow import reads
from hub.flow.api import Asked
from hub.flow.reads import By, Filters, FlowMap, Numbers, What
from hub.flow.rows import position
from hub.flow.rules import Stage
from hub.flow.weeks import monday_of, week_of
from hub.flow.words import end_word, stage_says, stage_word, wait_word, what_word
from hub.web import Anybody, TheHub
from protocol.clock import from_us
from protocol.kit.text import _
from protocol.kit.web.filters import locale_name, money

Page = Annotated[int, Query(ge=1, le=20_000)]
_THICKEST_PX: Final = 12
_HEAD: Final = ("now", "passed", "median_seconds", "p90_seconds", "usual_median_seconds", "broken", "leaked")

router = APIRouter(include_in_schema=False)


@router.get("/flow")
def flow(request: Request, hub: TheHub, _person: Anybody, filters: Asked, by: By = "store") -> Response:
    """Show where orders wait in one week."""
    now_us, zone = hub.clock.now_us(), hub.settings.zone
    with hub.database.read() as connection:
        seen = reads.flow_map(connection, filters, by=by, now_us=now_us)
        counted, newest = position(connection)
        names = place_names(connection)
        weeks = reads.weeks_known(connection, now_us, zone)
        channels = reads.channels_known(connection)
    this_week = week_of(now_us, zone)
    return show(
        request,
        "flow/flow.html",
        seen=seen,
        by=by,
        headline=headline(seen, this_week=filters.week == this_week),
        says=says(seen, hub.settings.currency),
        behind=max(0, newest - counted),
        counted=counted,
        query=_query(filters, this_week, by=by),
        weeks=[(week, week_word(week, this_week)) for week in sorted({*weeks, filters.week}, reverse=True)],
        places=sorted(names.items(), key=lambda place: (place[0] == "hub", place[1])),
        channels=[(channel, channel_word(channel)) for channel in channels],
        names={"": _("Not known"), **names},
        width=width_of(seen),
        link=_linker(filters, this_week),
        **_words(hub),
    )


@router.get("/flow/orders")
def behind(  # noqa: PLR0917 - the filters of a list are its parameters
    request: Request,
    hub: TheHub,
    _person: Anybody,
    filters: Asked,
    what: What = "now",
    stage: Stage | None = None,
    page: Page = 1,
) -> Response:
    """Show the orders that a number counts."""
    of_stage = stage.value if stage else ""
    with hub.database.read() as connection:
        found = reads.orders_behind(
            connection,
            filters,
            what=what,
            stage=of_stage,
            now_us=hub.clock.now_us(),
            limit=PAGE_ROWS,
            offset=(page - 1) * PAGE_ROWS,
        )
        names = place_names(connection)
    this_week = week_of(hub.clock.now_us(), hub.settings.zone)
    query = _query(filters, this_week, what=what, stage=of_stage)
    return show(
        request,
        "flow/orders.html",
        found=found,
        what=what,
        stage=of_stage,
        page=page,
        pages=pages_of(found.rows),
        query=query,
        back=_query(filters, this_week),
        where=_where(filters, this_week, names, what),
        names={"": _("Not known"), **names},
        **_words(hub),
    )


@router.get("/flow.csv")
def export(hub: TheHub, _person: Anybody, filters: Asked, by: By = "store") -> Response:
    """Send the numbers of a week as a file: the stages first, then the stores, channels or weeks."""
    with hub.database.read() as connection:
        seen = reads.flow_map(connection, filters, by=by, now_us=hub.clock.now_us())
    rows = [("stage", *_cells(one)) for one in seen.stages] + [(by, *_cells(one)) for one in seen.rows]
    return csv_file(f"flow-{filters.week}", ("by", "what", *_HEAD), rows)


@router.get("/flow/orders.csv")
def export_behind(
    hub: TheHub, _person: Anybody, filters: Asked, what: What = "now", stage: Stage | None = None
) -> Response:
    """Send the orders that a number counts as a file."""

    def lines() -> Iterator[tuple[object, ...]]:
        with hub.database.read() as connection:
            for one in reads.all_behind(
                connection,
                filters,
                EXPORT_ROWS,
                what=what,
                stage=stage.value if stage else "",
                now_us=hub.clock.now_us(),
            ):
                yield (
                    one.number,
                    one.stage,
                    one.channel,
                    one.location,
                    _iso(one.entered_us),
                    _iso(one.left_us),
                    one.wait_ms // 1_000,
                    _iso(one.broken_us),
                    one.how,
                    one.lost_minor,
                    one.currency,
                    one.source,
                )

    head = ("order", "stage", "channel", "location", "entered", "left", "wait_seconds", "promise_broken")
    return csv_file(
        f"flow-{what}-{filters.week}", (*head, "how", "lost_minor", "currency", "source"), lines()
    )


def headline(seen: FlowMap, *, this_week: bool) -> str:
    """Return the answer to "where do orders wait too long?" as a sentence."""
    waits = [one for one in seen.stages if one.times_usual]
    if waits:
        worst = max(waits, key=lambda one: one.times_usual)
        return _("{stage} takes {n} times as long as usual", stage=stage_word(worst.key), n=worst.times_usual)
    broken = [one for one in seen.stages if one.broken]
    if broken:
        worst = max(broken, key=lambda one: one.broken)
        return _("Most promises break while: {stage}", stage=stage_word(worst.key))
    if not any(one.passed for one in seen.stages):
        if not this_week:
            return _("No order passed in that week")
        waiting = any(one.now for one in seen.stages)
        return (
            _("No order has passed a stage this week") if waiting else _("No order for later has come in yet")
        )
    return _("Nothing takes much longer than usual")


def says(seen: FlowMap, currency: str) -> str:
    """Return what a week comes to, in a sentence."""
    entered = _("1 order came in") if seen.entered == 1 else _("{n} orders came in", n=f"{seen.entered:,}")
    gone = _("1 left") if seen.gone == 1 else _("{n} left", n=f"{seen.gone:,}")
    broken = (
        _("1 promise was broken") if seen.broken == 1 else _("{n} promises were broken", n=f"{seen.broken:,}")
    )
    leaked = " + ".join(money(minor, each) for each, minor in sorted(seen.leaked.items()) if minor)
    lost = leaked or money(0, currency)
    return _(
        "{entered}, {gone}. {broken}, {lost} leaked.", entered=entered, gone=gone, broken=broken, lost=lost
    )


def week_word(week: str, this_week: str) -> str:
    """Return a week as people say it."""
    if week == this_week:
        return _("This week")
    return _("Week of {day}", day=format_date(monday_of(week), "d MMM y", locale=locale_name()))


def width_of(seen: FlowMap) -> Mapping[str, int]:
    """Return how thick the line is behind each stage: as many parts as passed it."""
    most = max((one.passed for one in seen.stages), default=0)
    return {one.key: max(2, round(_THICKEST_PX * one.passed / most)) if most else 2 for one in seen.stages}


def _where(filters: Filters, this_week: str, names: Mapping[str, str], what: str) -> str:
    parts = [] if what == "now" else [week_word(filters.week, this_week)]
    if filters.channel:
        parts.append(channel_word(filters.channel))
    if filters.location:
        parts.append(names.get(filters.location, filters.location))
    return " · ".join(parts)


def _query(filters: Filters, this_week: str, **more: str) -> dict[str, Any]:
    """Return the filters as they stand in an address; what is usual is left out."""
    usual = {"by": "store", "week": this_week}
    every = {"week": filters.week, "channel": filters.channel, "location": filters.location, **more}
    return filled({name: value for name, value in every.items() if usual.get(name) != value})


def _linker(filters: Filters, this_week: str) -> Any:
    """Return what makes the address of the orders behind a number of a row or a stage."""

    def link(what: str, stage: str = "", **other: str) -> dict[str, Any]:
        found = Filters(
            other.get("week", filters.week),
            filters.zone,
            other.get("channel", filters.channel),
            other.get("store", filters.location),
        )
        return _query(found, this_week, what=what, stage=stage)

    return link


def _words(hub: Hub) -> dict[str, Any]:
    return {
        "stage_word": stage_word,
        "stage_says": stage_says,
        "end_word": end_word,
        "what_word": what_word,
        "wait_word": wait_word,
        "week_word": lambda week: week_word(week, week_of(hub.clock.now_us(), hub.settings.zone)),
        "money_of": lambda minor, currency: money(minor, currency or hub.settings.currency),
    }


def _cells(one: Numbers) -> tuple[object, ...]:
    return (
        one.key,
        one.now,
        one.passed,
        *(None if ms is None else ms / 1_000 for ms in (one.median_ms, one.slow_ms, one.usual_ms)),
        one.broken,
        " ".join(f"{currency} {minor}" for currency, minor in sorted(one.leaked.items())),
    )


def _iso(at_us: int | None) -> str:
    return from_us(at_us).isoformat(timespec="seconds") if at_us else ""
