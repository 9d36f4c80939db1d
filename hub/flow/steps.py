"""Following the log: what happened since the last look moves the parts of orders on, once and in order.

What a reader would get wrong: this runs behind the log, so the record's tables are newer than the event at
hand. Only what an order's events can never change is read from them (what a line is worth, the channel of a
sale that stands earlier in the log); so counting step by step and counting everything anew agree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.flow import books, rows
from hub.flow.rows import position
from hub.flow.rules import Fact, Leak, Stage, Stay, Track, Worth, goodwill, happen, leave, placed
from hub.flow.waits import bucket_of
from hub.flow.weeks import week_of
from hub.spine.bulk import Select
from hub.spine.later import CONCERNS
from hub.spine.later_rows import later_lines
from hub.spine.rows import counters, event_subjects, events, order_lines, orders
from protocol.dispositions import DecidedGoods, Disposition, GoodsDecided
from protocol.envelope import decode_event, read_body
from protocol.events import KIND_OF, OrderVoided, ReturnAdvanced, ReturnCompleted, ReturnInspected
from protocol.holds import HoldLapsed, HoldPlaced, HoldRejected, HoldReleased
from protocol.later import OrderPlaced
from protocol.movements import Bucket
from protocol.orders import LineKind, WireModel

AT_ONCE: Final = 2_000
"""Numbers of the log in one transaction: a tenth of a second, while others wait for the writer."""
LOOKS: Final = 40
LOOK_SECONDS: Final = 1.0
"""A hub that counts its past for the first time goes on with the next look: other clocks wait for it."""
TOPIC: Final = "flow"
_LATER: Final[frozenset[type[WireModel]]] = frozenset(
    {OrderPlaced, *CONCERNS, HoldPlaced, HoldReleased, HoldRejected, HoldLapsed}
)
_BACK: Final = (ReturnCompleted, OrderVoided, ReturnInspected, ReturnAdvanced, GoodsDecided)
KINDS: Final = tuple(
    sorted(kind for model, (kind, _v) in KIND_OF.items() if model in _LATER or model in _BACK)
)
_START: Final = {
    name: dialect.insert(counters).values(name=rows.COUNTER, value=0).on_conflict_do_nothing()
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_FACTS: Final = sa.select(
    events.c.apply_order, events.c.event_id, events.c.edge, events.c.at_us, events.c.bytes
)
_EARLIER: Final = Select(
    _FACTS.add_columns(event_subjects.c.subject)
    .join(event_subjects, event_subjects.c.apply_order == events.c.apply_order)
    .where(events.c.kind.in_(KINDS), events.c.apply_order <= sa.bindparam("upto"))
    .order_by(events.c.apply_order),
    event_subjects.c.subject,
)
_LINES: Final = Select(
    sa.select(
        order_lines.c.order_id,
        order_lines.c.line_no,
        order_lines.c.quantity,
        order_lines.c.gross_minor,
        order_lines.c.tax_minor,
        later_lines.c.unit_cost_minor,
    )
    .join(
        later_lines,
        sa.and_(
            later_lines.c.order_id == order_lines.c.order_id, later_lines.c.line_no == order_lines.c.line_no
        ),
    )
    .where(order_lines.c.kind == LineKind.GOODS.value),
    order_lines.c.order_id,
)
_SALES: Final = Select(
    sa.select(orders.c.order_id, orders.c.channel, orders.c.apply_order), orders.c.order_id
)


@dataclass(slots=True)
class Memory:
    """What one look has read and changed."""

    tracks: dict[str, Track]
    lines: dict[str, dict[int, Worth]]
    channels: dict[str, tuple[str, int]]
    """Channel and place in the log of the sales that something came back of."""
    waiting: list[Stay]
    """Goods that came back and wait for a decision, first come first."""
    ended: list[Stay] = field(default_factory=list)
    leaks: list[Leak] = field(default_factory=list)
    """Money that went back while the goods stayed with their customer."""
    decided: dict[int, list[tuple[Stay, int]]] = field(default_factory=dict)
    """Whose goods a decision was about, by its place in the log: the stay and how many of its units."""


def follow(hub: Hub) -> int:
    """Count what happened since the last look and return how many numbers of the log that was.

    A clock calls it; in every process of the hub, and harmless twice.
    """
    until, done = hub.clock.monotonic() + LOOK_SECONDS, 0
    for _look in range(LOOKS):
        taken = look(hub)
        done += taken
        if not taken or hub.clock.monotonic() >= until:
            break
    return done


def look(hub: Hub, upto: int | None = None) -> int:
    """Count the next numbers of the log, up to one, and return how many those were."""
    with hub.database.read() as connection:
        since, newest = position(connection)
        last = min(newest if upto is None else upto, since + AT_ONCE)
        if last <= since:
            return 0
        facts = _read(connection, since, last)
    return hub.database.write(partial(_count, hub, facts, since, last))


def _read(connection: Connection, since: int, last: int) -> list[Fact]:
    found = connection.execute(
        _FACTS.where(
            events.c.apply_order > since, events.c.apply_order <= last, events.c.kind.in_(KINDS)
        ).order_by(events.c.apply_order)
    )
    return [_fact(row) for row in found]


def _fact(row: Any) -> Fact:
    body = read_body(decode_event(bytes(row.bytes)))
    return Fact(row.apply_order, row.event_id, row.edge, row.at_us, body)


def _count(hub: Hub, facts: Sequence[Fact], since: int, last: int, unit: HubUnit) -> int:
    connection = unit.connection
    connection.execute(_START[connection.dialect.name])
    stands = connection.execute(
        sa.select(counters.c.value).where(counters.c.name == rows.COUNTER).with_for_update()
    ).scalar_one()
    if int(stands) != since:
        return 0  # another process was faster
    memory = _remember(connection, facts)
    for fact in facts:
        _tell(connection, memory, fact)
    leaks = [*memory.leaks, *(leak for track in memory.tracks.values() for leak in track.leaks)]
    told = {leak.apply_order for leak in memory.leaks}
    leaks += books.leaks(connection, since, last, decided=memory.decided, told=told)
    _write(connection, memory, leaks, hub.spine.terms.zone)
    connection.execute(sa.update(counters).where(counters.c.name == rows.COUNTER).values(value=last))
    if facts or leaks:
        unit.after_commit(partial(hub.broadcaster.publish, TOPIC))
    return last - since


def _remember(connection: Connection, facts: Sequence[Fact]) -> Memory:
    order_ids = sorted({fact.body.order_id for fact in facts if type(fact.body) in _LATER})  # type: ignore[attr-defined]  # each of them has one
    back = [fact for fact in facts if isinstance(fact.body, ReturnCompleted)]
    sold = sorted({fact.body.order_id for fact in back if isinstance(fact.body, ReturnCompleted)})
    decisions = sorted({fact.edge for fact in facts if isinstance(fact.body, GoodsDecided)})
    lines: dict[str, dict[int, Worth]] = {}
    for row in _LINES.run(connection, order_ids):
        worth = Worth(row.quantity, row.gross_minor - row.tax_minor, row.unit_cost_minor)
        lines.setdefault(row.order_id, {})[row.line_no] = worth
    return Memory(
        tracks=rows.tracks(connection, order_ids),
        lines=lines,
        channels={row.order_id: (row.channel, row.apply_order) for row in _SALES.run(connection, sold)},
        waiting=rows.returned(connection, decisions),
    )


def _tell(connection: Connection, memory: Memory, fact: Fact) -> None:
    match fact.body:
        case OrderPlaced() as body:
            if body.order_id not in memory.tracks:
                track = memory.tracks[body.order_id] = placed(fact)
                _catch_up(connection, memory, track, fact)
        case ReturnCompleted() as body:
            _came_back(memory, fact, body)
        case GoodsDecided() as body:
            _decided(memory, fact, body)
        case _:
            order_id = fact.body.order_id  # type: ignore[attr-defined]  # each of them has one
            found = memory.tracks.get(order_id)
            if found is not None:
                happen(found, fact, memory.lines.get(order_id, {}))


def _catch_up(connection: Connection, memory: Memory, track: Track, fact: Fact) -> None:
    """Tell what had happened to an order before it was heard of."""
    subject = f"order:{track.order_id}"
    for row in _EARLIER.run(connection, [subject], upto=fact.apply_order - 1):
        earlier = _fact(row)
        if type(earlier.body) in _LATER and not isinstance(earlier.body, OrderPlaced):
            happen(track, earlier, memory.lines.get(track.order_id, {}))


def _came_back(memory: Memory, fact: Fact, body: ReturnCompleted) -> None:
    """Let goods wait that came back and lie in no shop yet; note money that went back without any."""
    channel, sold = memory.channels.get(body.order_id, ("", 0))
    channel = channel if 0 < sold <= fact.apply_order else ""
    if type(body) is ReturnCompleted or (isinstance(body, ReturnAdvanced) and not body.authorisation_id):
        memory.leaks += goodwill(fact, body, channel)
    units: dict[str, int] = {}
    for line in body.lines:
        if line.to_bucket == Bucket.RETURNS.value and line.quantity:
            units[line.sku] = units.get(line.sku, 0) + line.quantity
    for sku, n in units.items():
        stay = Stay(
            order_id=body.order_id,
            part=f"{body.return_id}:{sku}",
            since=fact.apply_order,
            number=body.order_number,
            stage=Stage.RETURNED,
            channel=channel,
            location=fact.edge,
            kind="",
            sku=sku,
            units=n,
            cost_minor=0,
            entered_us=fact.at_us,
        )
        memory.waiting.append(stay)


def _decided(memory: Memory, fact: Fact, body: GoodsDecided) -> None:
    """End the waiting of goods that were decided about: first come first, nobody says whose they are."""
    for line in body.lines:
        if line.from_bucket == Bucket.RETURNS.value and line.disposition is not Disposition.INSPECT:
            _take(memory, fact, line)


def _take(memory: Memory, fact: Fact, line: DecidedGoods) -> None:
    left = line.quantity
    for stay in memory.waiting:
        if not left:
            return
        if (stay.location, stay.sku, stay.left_us) != (fact.edge, line.sku, None):
            continue
        some = min(left, stay.units)
        left -= some
        stay.units -= some
        memory.decided.setdefault(fact.apply_order, []).append((stay, some))
        if not stay.units:
            leave(stay, fact.at_us, line.disposition.value)
            memory.ended.append(stay)


def _write(connection: Connection, memory: Memory, leaks: Iterable[Leak], zone: str) -> None:
    tracks = memory.tracks.values()
    ended = [*memory.ended, *(stay for track in tracks for stay in track.ended)]
    open_ = [stay for track in tracks for stay in track.open.values()]
    stays = {(stay.order_id, stay.part, stay.since): stay for stay in (*open_, *memory.waiting, *ended)}
    rows.KEEP_ORDERS.run(connection, [rows.order_row(track) for track in tracks])
    rows.KEEP_STAYS.run(connection, [rows.stay_row(stay) for _key, stay in sorted(stays.items())])
    waits: dict[tuple[str, str, str, str, int], int] = {}
    for stay in ended:
        assert stay.left_us is not None
        bucket = bucket_of((stay.left_us - stay.entered_us) // 1_000)
        key = (week_of(stay.left_us, zone), stay.stage.value, stay.channel, stay.location, bucket)
        waits[key] = waits.get(key, 0) + 1
    rows.COUNT_WAITS.run(connection, [(*key, n) for key, n in sorted(waits.items())])
    rows.KEEP_LEAKS.run(connection, list(_leak_rows(leaks, zone)))


def _leak_rows(leaks: Iterable[Leak], zone: str) -> Iterable[tuple[object, ...]]:
    nth: dict[int, int] = {}
    for leak in sorted(leaks, key=lambda each: (each.apply_order, each.source, each.number)):
        nth[leak.apply_order] = nth.get(leak.apply_order, 0) + 1
        yield (
            leak.apply_order,
            nth[leak.apply_order],
            leak.order_id,
            leak.number,
            week_of(leak.at_us, zone),
            leak.stage.value,
            leak.kind.value,
            leak.channel,
            leak.location,
            leak.at_us,
            leak.amount_minor,
            leak.currency,
            leak.source,
        )
