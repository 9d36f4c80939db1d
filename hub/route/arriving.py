"""What becomes of orders that wait: their goods arrive and they are routed, or do not come and they are too.

Everything here runs in the transaction that learned of it: rights that grew go to who waits before anybody
else can take them, and a receipt that comes short or a transfer that is lost ends what rested on it. Then
the order is decided anew, from what is free, from what else is on its way, or by a person who reads what did
not come. A clock looks at what nobody tells: that a day has passed, or that a location lends nothing now.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit, Lookup
from hub.fleet.rows import locations
from hub.holds.restored import hold_if_older
from hub.holds.rows import blocking
from hub.route import awaiting, reads
from hub.route.asking import lines_of
from hub.route.deciding import Part, routed
from hub.route.facts.snapshot import planned
from hub.route.rounds import next_round
from hub.route.stages import ATTEMPTS, route_missed, to_route
from hub.spine.held import held
from hub.spine.steps import take_orders
from hub.spine.work import Applied, Work
from hub.stock import allocations, claims
from hub.stock.claim_rows import inbound_claims
from hub.stock.claims import Claim
from hub.stock.rows import is_fenced
from hub.transfers.rows import transfers
from protocol.holds import Blocked, HoldEnded

AT_ONCE: Final = 50
"""Orders that one round looks at, each in its own unit of work. The rest follows in the next (`rounds`)."""
_SHUT_OUT: Final = (
    sa.exists()
    .where(locations.c.location_id == inbound_claims.c.location, locations.c.status != "active")
    .correlate(inbound_claims)
)
_FENCED: Final = is_fenced(inbound_claims.c.location)
_LENDS_NOTHING: Final = _FENCED | _SHUT_OUT
_LATE: Final = (claims.MISSING > 0) & (inbound_claims.c.due_us <= sa.bindparam("now"))
_UNCERTAIN: Final = sa.select(inbound_claims).where(claims.OPEN, _LATE | _LENDS_NOTHING)
_UNLENT: Final = Lookup(
    sa.select(inbound_claims.c.location, _FENCED.label("fenced")).where(
        claims.OPEN, inbound_claims.c.order_id == sa.bindparam("of"), _LENDS_NOTHING
    )
)
_DUE: Final = Lookup(
    sa.select(transfers.c.arrive_by_us, transfers.c.due_us).where(
        transfers.c.transfer_id == sa.bindparam("of")
    )
)


def on_rights(work: Work, location: str, served: Iterable[str], missing: Iterable[str]) -> None:
    """Route orders that got rights of what they waited for; stands after those were held for them.

    `missing`: items of which the location misses promised units. What is held there for somebody who waits
    anyway is the first to be given up: nobody has begun with it.
    """
    for sku in dict.fromkeys(missing):
        mine = claims.waiting_at(work.connection, location, [sku])
        if allocations.free_units(work.connection, location, sku)[1]:
            for order_id in _orders(mine):
                route_missed(work, order_id, why=f"{location} misses {sku} that it had promised.")
    for order_id in dict.fromkeys(served):
        go_on(work, order_id)


def on_receipt(work: Work, location: str, skus: Iterable[str]) -> None:
    """Look whether what waits at a location is still covered, after something was heard of a transfer."""
    for sku in sorted(set(skus)):
        for claim in claims.fallen(work.connection, location, sku):
            if claims.of_wait(work.connection, claim.wait_id):
                route_missed(work, claim.order_id, why=_did_not_come(claim))


def on_due_changed(work: Work, transfer_id: str) -> None:
    """Look whether who waits for a transfer can wait for its new day."""
    due_us = _due_us(work, transfer_id)
    for order_id in _orders(claims.of_transfer(work.connection, transfer_id)):
        _keep_or_miss(work, order_id, {transfer_id: due_us})


def on_hold_ended(work: Work, applied: Applied) -> None:
    """Route an order that may go on and whose goods have come meanwhile; stands before it is routed anew."""
    body: HoldEnded = applied.body
    if not work.rebuilding:
        go_on(work, body.order_id)


def go_on(work: Work, order_id: str) -> bool:
    """Route an order all of whose units have arrived; tell whether it was.

    One on hold keeps what is held for it: released, it is routed with that.
    """
    waits: dict[str, list[Claim]] = {}
    for each in claims.of_order(work.connection, order_id):
        waits.setdefault(each.wait_id, []).append(each)
    there = [wait_id for wait_id, mine in sorted(waits.items()) if not any(each.missing for each in mine)]
    if not there or blocking(work, order_id, Blocked.ROUTE) or hold_if_older(work, order_id):
        return False
    for wait_id in there:
        _route_held(work, order_id, wait_id, waits[wait_id])
    return True


def _route_held(work: Work, order_id: str, wait_id: str, mine: list[Claim]) -> None:
    units: dict[int, int] = {}
    for each in mine:
        units[each.line_no] = units.get(each.line_no, 0) + each.units
    loose = held(work, order_id).loose
    order = to_route(work, order_id, units)
    found = awaiting.from_held(work, order, mine) if order else None
    if order is None or found is None or any(count > loose.get(n, 0) for n, count in units.items()):
        # It could only be fulfilled otherwise than it was promised: another way is found, or a person.
        route_missed(
            work, order_id, why="What it waited for has come, and it cannot be fulfilled from there."
        )
        return
    chosen, because = found
    before = reads.before(work.connection, order_id)
    parts = []
    for sent in sorted(chosen.sent, key=lambda each: each.location):
        lines = lines_of(order.lines, sent.units)
        parts.append(Part(sent, work.ids.new_id(), sent.location, lines))
        planned(work.unit.memory, sent.location, sum(sent.units.values()))
    claims.use(work.connection, wait_id, {part.location: part.assignment_id for part in parts})
    because = replace(because, attempt=min(before.attempts + 1, ATTEMPTS), excluded=before.excluded)
    routed(work, order, because, chosen, parts)


def look_at_waits(hub: Hub) -> int:
    """Decide anew about orders whose goods are overdue or whose location lends nothing; return how many.

    A clock calls it. An order whose goods are late, but that could be kept if they came now, goes on waiting.
    """
    key, now = inbound_claims.c.order_id, {"now": hub.clock.now_us()}
    with hub.database.read() as connection:
        ids = next_round(hub, connection, "awaited", _UNCERTAIN, key, AT_ONCE, now)
    return sum([hub.database.write(partial(_look, hub, order_id)) for order_id in ids])


def _look(hub: Hub, order_id: str, unit: HubUnit) -> bool:
    take_orders(unit, 0)
    work = hub.spine.work(unit)
    ended = _lends_nothing(work, order_id) or _keep_or_miss(work, order_id, {})
    hub.finish(work)
    return ended


def _lends_nothing(work: Work, order_id: str) -> bool:
    found = _UNLENT.first(work.connection, of=order_id)
    if found is None:
        return False
    why = f"What {found.location} had lent is being counted anew, so nothing there is certain."
    if not found.fenced:
        why = f"{found.location} was shut out, so it lends nothing of what arrives there."
    route_missed(work, order_id, why=why)
    return True


def _keep_or_miss(work: Work, order_id: str, dues: Mapping[str, int]) -> bool:
    """End what an order waits for if it came too late now; `dues` are new days of transfers."""
    now_us = work.clock.now_us()
    mine = claims.of_order(work.connection, order_id)
    late = [each for each in mine if each.missing and (each.transfer_id in dues or each.due_us <= now_us)]
    if not late:
        return False
    units: dict[int, int] = {}
    for each in mine:
        units[each.line_no] = units.get(each.line_no, 0) + each.units
    order = to_route(work, order_id, units)
    arrives_us = max([now_us, *[dues.get(each.transfer_id, 0) for each in late]])
    if order is not None and awaiting.keeps_if_arrived(work, order, mine, arrives_us) is not None:
        claims.expect(work.connection, order_id, dues)
        return False
    route_missed(work, order_id, why=_did_not_come(late[0]))
    return True


def _did_not_come(claim: Claim) -> str:
    return f"{claim.missing} of {claim.sku} did not come with transfer {claim.transfer_number} as expected."


def _orders(found: Iterable[Claim]) -> list[str]:
    return list(dict.fromkeys([each.order_id for each in found]))


def _due_us(work: Work, transfer_id: str) -> int:
    row = _DUE.first(work.connection, of=transfer_id)
    return 0 if row is None else int(row.arrive_by_us or row.due_us)
