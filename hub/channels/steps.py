"""What a person does with the endpoints of channels: add, test, rotate, switch off, start again."""

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.engine import Connection

from hub.channels.line import Answer, new_secret, open_client, post
from hub.channels.rows import channel_buffers, channel_deliveries, channel_endpoints, channel_items
from hub.channels.rules import ENDPOINTS_LIMIT, OLD_SECRET_SECONDS
from hub.channels.sender import TOPIC, body_of, close_card, secrets_of
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import meta
from hub.link.lives import put_meta
from hub.spine.steps import take_orders
from hub.stock.changed import note_all_changed
from hub.web import Wanted
from protocol.clock import MICROSECONDS
from protocol.errors import Conflict, NotFound
from protocol.kit.text import _

BUFFER_LIMIT: Final = 1_000_000
CHANGES_SHOWN: Final = 5
TEST: Final = "webhook.test"
KEPT_BACK: Final = "kept_back"
"""What the settings kept back of every item when a process of the hub started last."""


class EndpointWanted(Wanted):
    """Where a channel wants to be told."""

    channel: str = Field(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9-]*$")
    url: str = Field(
        min_length=8, max_length=300, pattern=r"^https?://[^\s@/?#\x00-\x1f]+(/[^\s\x00-\x1f]*)?$"
    )
    buffer: int = Field(default=0, strict=True, ge=0, le=BUFFER_LIMIT)


class BufferWanted(Wanted):
    """How many units of every item are kept from a channel."""

    buffer: int = Field(strict=True, ge=0, le=BUFFER_LIMIT)


@dataclass(frozen=True, slots=True)
class BufferChange:
    """Who changed a buffer, and from what to what."""

    at_us: int
    by: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class EndpointRead:
    """An endpoint as it is shown; its secret is not."""

    endpoint_id: str
    channel: str
    url: str
    buffer: int
    state: str
    rotating: bool
    """The old secret still signs beside the new one."""
    created_us: int
    created_by: str
    due: int
    """Items that wait to be told."""
    last_us: int | None
    last: str
    tries: int
    next_us: int | None
    buffer_changes: tuple[BufferChange, ...]
    """The newest first, a few of them."""


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint and its secret, which is told this once."""

    endpoint_id: str
    secret: str


def settle(hub: Hub) -> None:
    """Look, at the start, whether the settings keep back something else than before; then note every item."""
    terms = hub.spine.terms.promising
    now = f"{terms.safety_stock}/{terms.company_threshold}"

    def step(unit: HubUnit) -> None:
        put_meta(unit.connection, KEPT_BACK, now)
        note_all_changed(unit.connection)

    with hub.database.read() as connection:
        before = meta(connection, KEPT_BACK)
    if before != now:
        hub.database.write(step)


def add(hub: Hub, wanted: EndpointWanted, *, by: str) -> Made:
    """Add an endpoint; it is told of everything that may be promised, and then of every change.

    Raises:
        Conflict: there are too many, or this channel has this address already.
    """

    def step(unit: HubUnit) -> Made:
        connection = unit.connection
        rows = connection.execute(sa.select(channel_endpoints.c.channel, channel_endpoints.c.url)).all()
        if (wanted.channel, wanted.url) in {tuple(row) for row in rows}:
            raise Conflict(
                _("{channel} is told at this address already.", channel=wanted.channel),
                _("Give another address, or change the one that is there."),
                code="endpoint_exists",
            )
        if len(rows) >= ENDPOINTS_LIMIT:
            raise Conflict(
                _("There are {n} endpoints already.", n=len(rows)),
                _("Remove one that nobody needs any more."),
                code="too_many_endpoints",
            )
        made = Made(hub.ids.new_id(), new_secret(hub.ids))
        connection.execute(
            sa.insert(channel_endpoints).values(
                endpoint_id=made.endpoint_id,
                channel=wanted.channel,
                url=wanted.url,
                secret=made.secret,
                old_secret="",
                old_until_us=0,
                buffer=wanted.buffer,
                state="active",
                created_us=hub.clock.now_us(),
                created_by=by[:120],
            )
        )
        note_all_changed(connection)
        _tell(hub, unit)
        return made

    return hub.database.write(step)


def rotate(hub: Hub, endpoint_id: str) -> Made:
    """Give an endpoint another secret; for a day both sign."""

    def step(unit: HubUnit) -> Made:
        row = _need(unit.connection, endpoint_id)
        made = Made(endpoint_id, new_secret(hub.ids))
        _set(
            unit,
            endpoint_id,
            secret=made.secret,
            old_secret=row.secret,
            old_until_us=hub.clock.now_us() + OLD_SECRET_SECONDS * MICROSECONDS,
        )
        _tell(hub, unit)
        return made

    return hub.database.write(step)


def keep_from(hub: Hub, endpoint_id: str, buffer: int, *, by: str) -> EndpointRead:
    """Keep another number of units of every item from a channel; it is told at once what it may sell then."""

    def step(unit: HubUnit) -> EndpointRead:
        take_orders(unit, 0)  # before the items, as every round takes both
        connection, mine = unit.connection, channel_endpoints.c.endpoint_id == endpoint_id
        locked = sa.select(channel_endpoints.c.endpoint_id).where(mine).with_for_update()
        connection.execute(locked)
        before = int(_need(connection, endpoint_id).buffer)
        if before != buffer:
            _set(unit, endpoint_id, buffer=buffer)
            change = BufferChange(hub.clock.now_us(), by[:120], before, buffer)
            _note_buffer(connection, endpoint_id, change)
            connection.execute(
                sa.update(channel_items).where(channel_items.c.endpoint_id == endpoint_id).values(due=1)
            )
            _tell(hub, unit)
        return _read(hub, connection, _need(connection, endpoint_id))

    return hub.database.write(step)


def switch(hub: Hub, endpoint_id: str, *, on: bool) -> None:
    """Switch an endpoint off, or on again: then it is told everything that has changed meanwhile."""

    def step(unit: HubUnit) -> None:
        _need(unit.connection, endpoint_id)
        _set(unit, endpoint_id, state="active" if on else "off")
        mine = channel_deliveries.c.endpoint_id == endpoint_id
        open_ = mine & channel_deliveries.c.state.in_(("queued", "sending"))
        if on:
            unit.connection.execute(sa.update(channel_deliveries).where(open_).values(next_us=0, tries=0))
            note_all_changed(unit.connection)
            close_card(hub, unit, endpoint_id, how="It was started again.")
        _tell(hub, unit)

    hub.database.write(step)


def remove(hub: Hub, endpoint_id: str) -> None:
    """Tell an endpoint nothing any more, and forget it."""

    def step(unit: HubUnit) -> None:
        _need(unit.connection, endpoint_id)
        for table in (channel_deliveries, channel_items, channel_buffers, channel_endpoints):
            unit.connection.execute(sa.delete(table).where(table.c.endpoint_id == endpoint_id))
        close_card(hub, unit, endpoint_id, how="The endpoint was removed.")
        _tell(hub, unit)

    hub.database.write(step)


def test(hub: Hub, endpoint_id: str) -> Answer:
    """Send one signed request with no item in it, and return what the channel says; waits for it."""
    with hub.database.read() as connection:
        row = _need(connection, endpoint_id)
    now_us = hub.clock.now_us()
    with open_client() as client:
        return post(
            client,
            row.url,
            body_of(TEST, now_us, row.channel, {}),
            delivery_id=hub.ids.new_id(),
            at_us=now_us,
            secrets=secrets_of(row, now_us),
        )


def listed(hub: Hub, connection: Connection) -> list[EndpointRead]:
    """Return every endpoint with how it is doing."""
    rows = connection.execute(
        sa.select(channel_endpoints).order_by(channel_endpoints.c.channel, channel_endpoints.c.endpoint_id)
    ).all()
    return [_read(hub, connection, row) for row in rows]


def _read(hub: Hub, connection: Connection, row: sa.Row[Any]) -> EndpointRead:
    due = connection.execute(
        sa.select(sa.func.count()).where(
            channel_items.c.endpoint_id == row.endpoint_id, channel_items.c.due == sa.literal_column("1")
        )
    ).scalar_one()
    last = connection.execute(
        sa.select(channel_deliveries)
        .where(channel_deliveries.c.endpoint_id == row.endpoint_id)
        .order_by(channel_deliveries.c.created_us.desc())
        .limit(1)
    ).first()
    return EndpointRead(
        endpoint_id=row.endpoint_id,
        channel=row.channel,
        url=row.url,
        buffer=int(row.buffer),
        state=row.state,
        rotating=bool(row.old_secret) and hub.clock.now_us() < row.old_until_us,
        created_us=row.created_us,
        created_by=row.created_by,
        due=int(due),
        last_us=None if last is None else last.sent_us or last.created_us,
        last="" if last is None else last.detail or last.state,
        tries=0 if last is None else last.tries,
        next_us=last.next_us if last is not None and last.state == "queued" else None,
        buffer_changes=_buffer_changes(connection, row.endpoint_id),
    )


def _buffer_changes(connection: Connection, endpoint_id: str) -> tuple[BufferChange, ...]:
    rows = connection.execute(
        sa.select(
            channel_buffers.c.at_us, channel_buffers.c.by, channel_buffers.c.before, channel_buffers.c.after
        )
        .where(channel_buffers.c.endpoint_id == endpoint_id)
        .order_by(channel_buffers.c.n.desc())
        .limit(CHANGES_SHOWN)
    )
    return tuple(BufferChange(*row) for row in rows)


def _note_buffer(connection: Connection, endpoint_id: str, change: BufferChange) -> None:
    newest = sa.select(sa.func.max(channel_buffers.c.n)).where(channel_buffers.c.endpoint_id == endpoint_id)
    connection.execute(
        sa.insert(channel_buffers).values(
            endpoint_id=endpoint_id,
            n=int(connection.execute(newest).scalar() or 0) + 1,
            **asdict(change),
        )
    )


def _need(connection: Connection, endpoint_id: str) -> sa.Row[Any]:
    row = connection.execute(
        sa.select(channel_endpoints).where(channel_endpoints.c.endpoint_id == endpoint_id)
    ).first()
    if row is None:
        raise NotFound(
            _("There is no such endpoint."), _("Look at the list of channels."), code="no_endpoint"
        )
    return row


def _set(unit: HubUnit, endpoint_id: str, **values: Any) -> None:
    unit.connection.execute(
        sa.update(channel_endpoints).where(channel_endpoints.c.endpoint_id == endpoint_id).values(**values)
    )


def _tell(hub: Hub, unit: HubUnit) -> None:
    unit.after_commit(partial(hub.broadcaster.publish, TOPIC))
