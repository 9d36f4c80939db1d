"""Comparing two versions of the routing rules: a few orders for a preview, thousands in the background.

A comparison reads and writes nothing but its own row. A replay is worked off by a clock, piece by piece, and
says after each piece how far it is; one whose process died is begun anew by another one.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.route.facts import current
from hub.route.facts.book import Book
from hub.route.facts.rows import route_replays
from hub.route.what_if import past
from hub.route.what_if.replay import Answer, Past, Run, Sums, World
from protocol.clock import MICROSECONDS
from protocol.errors import Invalid, NotFound, OrderspineError
from protocol.kit.text import _

PREVIEWED: Final = 40
"""Orders that a preview routes twice: a fraction of a second."""
PIECE: Final = 50
"""Orders between two marks of the progress bar."""
GONE_US: Final = 60 * MICROSECONDS
"""A replay of which nobody has spoken for so long has lost its process."""
LISTED: Final = 30
DIFFERENT: Final = 50
"""Orders with another answer that a comparison lists."""
TOPIC: Final = "replays"


@dataclass(frozen=True, slots=True)
class Different:
    """One order that the two versions answer differently."""

    number: str
    left: Answer
    right: Answer


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs over the same orders."""

    left_version: int
    right_version: int
    left: Sums
    right: Sums
    different: int
    examples: tuple[Different, ...]


@dataclass(frozen=True, slots=True)
class Replay:
    """A comparison that is asked for, under way, or done."""

    replay_id: str
    state: str
    left_version: int
    right_version: int
    orders: int
    done: int
    made_us: int
    made_by: str
    body: dict[str, Any]
    """`left` and `right` as sums, `different`, and `examples`; or `why` it failed."""


def compare(
    books: tuple[Book, Book], world: World, orders: Sequence[Past], tell: Callable[[int], None]
) -> Comparison:
    """Route orders under two sets; `tell` hears after every piece how many are done."""
    runs = Run(books[0], world), Run(books[1], world)
    left, right = Sums(), Sums()
    examples: list[Different] = []
    different = 0
    for n, order in enumerate(orders, start=1):
        one, other = runs[0].route(order), runs[1].route(order)
        left.add(one)
        right.add(other)
        if one.sent != other.sent or one.unserved != other.unserved:
            different += 1
            if len(examples) < DIFFERENT:
                examples.append(Different(order.number, one, other))
        if n % PIECE == 0:
            tell(n)
    return Comparison(books[0].version, books[1].version, left, right, different, tuple(examples))


def preview(hub: Hub, connection: Connection, left: Book, right: Book, count: int = PREVIEWED) -> Comparison:
    """Return what two sets say of the newest orders; nothing is written."""
    orders = past.orders_of(connection, past.recent_ids(connection, count), seller=hub.settings.entity)
    world = past.world_of(connection, (left, right), orders, hub.clock.now_us())
    return compare((left, right), world, orders, lambda _done: None)


def ask(hub: Hub, *, left: int, right: int, count: int, by: str) -> str:
    """Ask for a replay of the newest orders under two versions; return its id.

    Raises:
        NotFound: there is no such version.
        Invalid: there is no order yet, or both versions are one.
    """
    if left == right:
        raise Invalid(
            _("Both sides are the same version."), _("Choose two different ones."), code="same_version"
        )

    def step(unit: HubUnit) -> str:
        connection = unit.connection
        for version in (left, right):
            current.book_of(connection, hub.spine.terms.promising, version)
        orders = len(past.recent_ids(connection, count))
        if not orders:
            raise Invalid(
                _("There is no order to route again yet."),
                _("Come back when there are some."),
                code="no_orders",
            )
        replay_id, now_us = hub.ids.new_id(), hub.clock.now_us()
        connection.execute(
            sa.insert(route_replays).values(
                replay_id=replay_id,
                state="queued",
                left_version=left,
                right_version=right,
                orders=orders,
                done=0,
                made_us=now_us,
                made_by=by[:120],
                seen_us=now_us,
                body="{}",
            )
        )
        unit.after_commit(partial(hub.broadcaster.publish, TOPIC))
        return replay_id

    return hub.database.write(step)


def work_off(hub: Hub) -> int:
    """Run the replay that has waited longest; return how many orders it had. A clock calls it."""
    with hub.database.read() as connection:
        if not _waits(connection, hub.clock.now_us()):
            return 0
    claimed = hub.database.write(lambda unit: _claim(unit, hub))
    if claimed is None:
        return 0
    try:
        body = _run(hub, claimed)
    except OrderspineError as error:
        _say(hub, claimed.replay_id, state="failed", body={"why": error.what})
        raise
    _say(hub, claimed.replay_id, state="done", done=claimed.orders, body=body)
    return claimed.orders


def find(connection: Connection, replay_id: str) -> Replay:
    """Return a replay.

    Raises:
        NotFound: there is none of that id.
    """
    row = connection.execute(sa.select(route_replays).where(route_replays.c.replay_id == replay_id)).first()
    if row is None:
        raise NotFound(_("There is no such replay."), _("Choose one of the list."), code="no_replay")
    return _replay(row)


def newest(connection: Connection) -> list[Replay]:
    """Return the newest replays."""
    rows = connection.execute(
        sa.select(route_replays)
        .order_by(route_replays.c.made_us.desc(), route_replays.c.replay_id.desc())
        .limit(LISTED)
    )
    return [_replay(row) for row in rows]


def said_of(compared: Comparison) -> dict[str, Any]:
    """Return a comparison as it is kept and sent."""
    return {
        "left": compared.left.as_dict(),
        "right": compared.right.as_dict(),
        "different": compared.different,
        "examples": [
            {"number": each.number, "left": _said(each.left), "right": _said(each.right)}
            for each in compared.examples
        ],
    }


def _said(answer: Answer) -> dict[str, Any]:
    return {
        "minor": answer.minor,
        "late": answer.late,
        "unserved": answer.unserved,
        "sent": [list(part) for part in answer.sent],
    }


def _run(hub: Hub, replay: Replay) -> dict[str, Any]:
    terms = hub.spine.terms.promising
    with hub.database.read() as connection:
        books = (
            current.book_of(connection, terms, replay.left_version),
            current.book_of(connection, terms, replay.right_version),
        )
        ids = past.recent_ids(connection, replay.orders)
        orders = past.orders_of(connection, ids, seller=hub.settings.entity)
        world = past.world_of(connection, books, orders, hub.clock.now_us())
    compared = compare(
        books, world, orders, lambda done: _say(hub, replay.replay_id, state="running", done=done)
    )
    return said_of(compared)


def _waiting(now_us: int) -> sa.ColumnElement[bool]:
    lost = (route_replays.c.state == "running") & (route_replays.c.seen_us < now_us - GONE_US)
    return (route_replays.c.state == "queued") | lost


def _waits(connection: Connection, now_us: int) -> bool:
    return bool(connection.execute(sa.select(sa.exists().where(_waiting(now_us)))).scalar_one())


def _claim(unit: HubUnit, hub: Hub) -> Replay | None:
    now_us = hub.clock.now_us()
    row = unit.connection.execute(
        sa.select(route_replays)
        .where(_waiting(now_us))
        .order_by(route_replays.c.made_us)
        .limit(1)
        .with_for_update()
    ).first()
    if row is None:
        return None
    unit.connection.execute(
        sa.update(route_replays)
        .where(route_replays.c.replay_id == row.replay_id)
        .values(state="running", done=0, seen_us=now_us)
    )
    unit.after_commit(partial(hub.broadcaster.publish, TOPIC))
    return _replay(row)


def _say(hub: Hub, replay_id: str, *, state: str, done: int | None = None, body: Any = None) -> None:
    values: dict[str, Any] = {"state": state, "seen_us": hub.clock.now_us()}
    if done is not None:
        values["done"] = done
    if body is not None:
        values["body"] = json.dumps(body, ensure_ascii=False)

    def step(unit: HubUnit) -> None:
        unit.connection.execute(
            sa.update(route_replays).where(route_replays.c.replay_id == replay_id).values(values)
        )
        unit.after_commit(partial(hub.broadcaster.publish, TOPIC))

    hub.database.write(step)


def _replay(row: Any) -> Replay:
    return Replay(
        row.replay_id,
        row.state,
        row.left_version,
        row.right_version,
        row.orders,
        row.done,
        row.made_us,
        row.made_by,
        json.loads(row.body),
    )
