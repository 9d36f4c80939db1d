"""The flow map over HTTP, for programs."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from hub.flow import reads
from hub.flow.reads import By, Filters, What
from hub.flow.rows import position
from hub.flow.rules import Stage
from hub.flow.waits import ERROR_PPM
from hub.flow.weeks import PATTERN, is_week, week_of
from hub.web import REFUSALS, Anybody, Limit, Offset, Text, TheHub
from protocol.errors import Invalid
from protocol.kit.text import _

router = APIRouter(prefix="/api", tags=["flow"], responses=REFUSALS)
Week = Annotated[str, Query(pattern=rf"^$|{PATTERN}")]


def asked(hub: TheHub, week: Week = "", channel: Text = "", location: Text = "") -> Filters:
    """Read the filters of an address; without a week it is this one.

    Raises:
        Invalid: the year has no such week.
    """
    if week and not is_week(week):
        raise Invalid(
            _("There is no week {week}.", week=week), _("Name a week such as 2026-W48."), code="no_week"
        )
    return Filters(
        week or week_of(hub.clock.now_us(), hub.settings.zone), hub.settings.zone, channel, location
    )


Asked = Annotated[Filters, Depends(asked)]


class NumbersView(BaseModel):
    """One stage, store, channel or week; waits in milliseconds, money in minor units by currency."""

    key: str
    now: int
    oldest_us: int
    passed: int
    median_ms: int | None
    slow_ms: int | None
    usual_ms: int | None
    broken: int
    leaked: dict[str, int]


class FlowView(BaseModel):
    """The map of one week. A median lies within `error_ppm` millionths of the true one."""

    week: str
    entered: int
    gone: int
    broken: int
    leaked: dict[str, int]
    stages: list[NumbersView]
    rows: list[NumbersView]
    counted_upto: int
    log_upto: int
    error_ppm: int


class StayView(BaseModel):
    """One order behind a number."""

    order_id: str
    number: str
    stage: str
    channel: str
    location: str
    entered_us: int
    left_us: int | None
    broken_us: int
    how: str
    wait_ms: int
    lost_minor: int
    currency: str
    source: str


class StayPage(BaseModel):
    """A page of what a number counts: `rows` parts of `orders` orders."""

    rows: int
    orders: int
    stays: list[StayView]


@router.get("/flow")
def flow(hub: TheHub, _person: Anybody, filters: Asked, by: By = "store") -> FlowView:
    """Return where orders wait, leak margin and break promises in one week; ISO weeks, company time."""
    with hub.database.read() as connection:
        found = reads.flow_map(connection, filters, by=by, now_us=hub.clock.now_us())
        counted, newest = position(connection)
    return FlowView(
        week=filters.week,
        entered=found.entered,
        gone=found.gone,
        broken=found.broken,
        leaked=dict(found.leaked),
        stages=[NumbersView(**asdict(one)) for one in found.stages],
        rows=[NumbersView(**asdict(one)) for one in found.rows],
        counted_upto=counted,
        log_upto=newest,
        error_ppm=ERROR_PPM,
    )


@router.get("/flow/orders")
def behind(  # noqa: PLR0917 - the filters of a list are its parameters
    hub: TheHub,
    _person: Anybody,
    filters: Asked,
    what: What = "now",
    stage: Stage | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> StayPage:
    """List the orders behind a number of the map, those that waited longest or lost most first."""
    with hub.database.read() as connection:
        found = reads.orders_behind(
            connection,
            filters,
            what=what,
            stage=stage.value if stage else "",
            now_us=hub.clock.now_us(),
            limit=limit,
            offset=offset,
        )
    return StayPage(
        rows=found.rows, orders=found.orders, stays=[StayView(**asdict(one)) for one in found.found]
    )
