"""One round of telling channels: what changed becomes due, what is due becomes a delivery, deliveries leave.

Each step is a transaction of its own, and only `_leave` waits for the network; whatever calls this has a
thread of its own. A delivery is marked `sending` in a committed transaction before its request, with a time
after which another process may take it over: a process that dies in between sends it twice under one id,
which a channel can tell, and never loses it.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import httpx
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.channels.line import Answer, open_client, post
from hub.channels.rows import channel_deliveries, channel_endpoints, channel_items, channel_places
from hub.channels.rules import ENDPOINTS_LIMIT, ITEMS_PER_DELIVERY, NOT_SAID, is_dead, sellable, wait_us
from hub.context import Hub
from hub.database import HubUnit
from hub.spine.bulk import Upsert, among
from hub.spine.steps import close_exception, raise_exception, take_orders
from hub.stock.availability import At, Place, available, places
from hub.stock.changed import note_location_changed
from hub.stock.policy import kept_back
from hub.stock.rows import atp_changed
from protocol.clock import MICROSECONDS

CHANGES: Final = 500
"""Items that one round takes out of the queue."""
ROUND_SECONDS: Final = 20.0
"""A round ends after so long; what is left is due in the next."""
SENDING_US: Final = 60 * MICROSECONDS
KEEP_US: Final = 7 * 24 * 3600 * MICROSECONDS
"""Sent deliveries are kept for a week, to be looked at."""
KIND: Final = "availability.changed"
TOPIC: Final = "channels"
_ITEMS: Final = Upsert(channel_items)
_PLACES: Final = Upsert(channel_places)


def tell_channels(hub: Hub) -> int:
    """Tell every channel what changed; return how many deliveries were taken."""
    with hub.database.read() as connection:
        endpoints = _active(connection)
        if not endpoints:
            return 0
        silent = _silences(hub, connection)
        queued = connection.execute(sa.select(atp_changed.c.sku).limit(1)).first() is not None
    if silent:
        hub.database.write(lambda unit: _note_silences(silent, unit.connection))
    if silent or queued:
        hub.database.write(_fan_out)
    until = hub.clock.monotonic() + ROUND_SECONDS
    return sum([_tell(hub, endpoint, until) for endpoint in endpoints])


def _tell(hub: Hub, endpoint: sa.Row[Any], until: float) -> int:
    """Let what is due at an endpoint leave over one connection; return how many deliveries were taken."""

    def claim() -> sa.Row[Any] | None:
        if hub.clock.monotonic() >= until:
            return None
        return hub.database.write(partial(_claim, hub, endpoint.endpoint_id))

    sent, delivery = 0, claim()
    if delivery is None:
        return 0
    with open_client() as client:
        while delivery is not None and _leave(hub, client, endpoint, delivery):
            sent, delivery = sent + 1, claim()
    return sent


def compose(hub: Hub, connection: Connection, endpoint: sa.Row[Any], skus: Sequence[str]) -> dict[str, int]:
    """Return what an endpoint may sell of items, as of now.

    Who is silent at this moment is noted with it: one that is heard again before the next look would change
    nothing that the look can see, and the channel would keep a number without it.
    """
    kept = kept_back(connection, hub.spine.terms.promising, skus)
    found, everywhere = available(connection, skus, now_us=hub.clock.now_us(), kept_back=kept)
    _note_silences(_differing(connection, everywhere), connection)
    return {sku: sellable(found[sku].promisable, endpoint.buffer) for sku in skus}


def body_of(kind: str, at_us: int, channel: str, items: dict[str, int]) -> str:
    """Return the body of a delivery."""
    return json.dumps(
        {
            "type": kind,
            "timestamp_us": at_us,
            "data": {
                "channel": channel,
                "items": [{"sku": sku, "available": units} for sku, units in sorted(items.items())],
            },
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def secrets_of(endpoint: sa.Row[Any], now_us: int) -> list[str]:
    """Return the secrets to sign with: two while a channel changes over."""
    old = [endpoint.old_secret] if endpoint.old_secret and now_us < endpoint.old_until_us else []
    return [endpoint.secret, *old]


def _active(connection: Connection) -> Sequence[sa.Row[Any]]:
    return connection.execute(
        sa.select(channel_endpoints)
        .where(channel_endpoints.c.state == "active")
        .order_by(channel_endpoints.c.endpoint_id)
        .limit(ENDPOINTS_LIMIT)
    ).all()


def _silences(hub: Hub, connection: Connection) -> list[tuple[str, str]]:
    """Return the locations that fell silent, or are heard again, since the last look."""
    return _differing(connection, places(connection, now_us=hub.clock.now_us()))


def _differing(connection: Connection, now: Sequence[Place | At]) -> list[tuple[str, str]]:
    known = {row.location: row.silent for row in connection.execute(sa.select(channel_places))}
    changed = [(place.location, place.silent) for place in now if known.get(place.location) != place.silent]
    return sorted(changed)  # so that two processes never wait for each other's rows in a circle


def _note_silences(changed: Sequence[tuple[str, str]], connection: Connection) -> None:
    if changed:
        _PLACES.run(connection, list(changed))
    for location, _silent in changed:
        note_location_changed(connection, location)


def _fan_out(unit: HubUnit) -> None:
    """Let changed items be due at every endpoint.

    The lock of the log comes first: a promise that is under way has noted its items and is waited for, so its
    note is not taken out of the queue before its change can be seen.
    """
    take_orders(unit, 0)
    connection = unit.connection
    skus = list(connection.execute(sa.select(atp_changed.c.sku).limit(CHANGES)).scalars())
    if not skus:
        return
    connection.execute(sa.delete(atp_changed).where(among(connection, atp_changed.c.sku, skus)))
    for endpoint in connection.execute(
        sa.select(channel_endpoints.c.endpoint_id).where(channel_endpoints.c.state != "off")
    ).scalars():
        heard = connection.execute(
            sa.select(channel_items.c.sku, channel_items.c.said).where(
                channel_items.c.endpoint_id == endpoint, among(connection, channel_items.c.sku, skus)
            )
        )
        said = {row.sku: row.said for row in heard}
        _ITEMS.run(connection, [(endpoint, sku, said.get(sku, NOT_SAID), 1) for sku in skus])


def _claim(hub: Hub, endpoint_id: str, unit: HubUnit) -> sa.Row[Any] | None:
    """Mark the delivery of an endpoint that leaves now; make one of what is due where none is under way."""
    connection, now_us = unit.connection, hub.clock.now_us()
    endpoint = connection.execute(
        sa.select(channel_endpoints)
        .where(channel_endpoints.c.endpoint_id == endpoint_id, channel_endpoints.c.state == "active")
        .with_for_update()
    ).first()
    if endpoint is None:
        return None
    waiting = connection.execute(
        sa.select(channel_deliveries)
        .where(
            channel_deliveries.c.endpoint_id == endpoint_id,
            channel_deliveries.c.state.in_(("queued", "sending")),
        )
        .order_by(channel_deliveries.c.created_us)
        .limit(1)
    ).first()
    delivery_id = waiting.delivery_id if waiting is not None else _make(hub, connection, endpoint)
    if delivery_id is None or (waiting is not None and waiting.next_us > now_us):
        return None
    mine = channel_deliveries.c.delivery_id == delivery_id
    connection.execute(
        sa.update(channel_deliveries)
        .where(mine)
        .values(state="sending", tries=channel_deliveries.c.tries + 1, next_us=now_us + SENDING_US)
    )
    return connection.execute(sa.select(channel_deliveries).where(mine)).one()


def _make(hub: Hub, connection: Connection, endpoint: sa.Row[Any]) -> str | None:
    """Write a delivery of what is due and differs from what the channel heard last."""
    of = channel_items.c.endpoint_id == endpoint.endpoint_id
    due = connection.execute(
        sa.select(channel_items.c.sku, channel_items.c.said)
        .where(of, channel_items.c.due == sa.literal_column("1"))
        .order_by(channel_items.c.sku)
        .limit(ITEMS_PER_DELIVERY)
    )
    said = {row.sku: row.said for row in due}
    if not said:
        return None
    now = compose(hub, connection, endpoint, list(said))
    _ITEMS.run(connection, [(endpoint.endpoint_id, sku, units, 0) for sku, units in now.items()])
    told = {sku: units for sku, units in now.items() if units != said[sku]}
    if not told:
        return None
    delivery_id, now_us = hub.ids.new_id(), hub.clock.now_us()
    connection.execute(
        sa.insert(channel_deliveries).values(
            delivery_id=delivery_id,
            endpoint_id=endpoint.endpoint_id,
            state="queued",
            body=body_of(KIND, now_us, endpoint.channel, told),
            items=len(told),
            tries=0,
            next_us=now_us,
            created_us=now_us,
            sent_us=None,
            detail="",
        )
    )
    return delivery_id


def _leave(hub: Hub, client: httpx.Client, endpoint: sa.Row[Any], delivery: sa.Row[Any]) -> bool:
    now_us = hub.clock.now_us()
    answer = post(
        client,
        endpoint.url,
        delivery.body,
        delivery_id=delivery.delivery_id,
        at_us=now_us,
        secrets=secrets_of(endpoint, now_us),
    )
    hub.database.write(partial(_settle, hub, endpoint, delivery, answer))
    return answer.ok


def _settle(hub: Hub, endpoint: sa.Row[Any], delivery: sa.Row[Any], answer: Answer, unit: HubUnit) -> None:
    connection, now_us = unit.connection, hub.clock.now_us()
    mine = (channel_deliveries.c.delivery_id == delivery.delivery_id) & (
        channel_deliveries.c.tries == delivery.tries
    )
    unit.after_commit(partial(hub.broadcaster.publish, TOPIC))
    if answer.ok:
        done = {"state": "sent", "sent_us": now_us, "detail": answer.detail}
        connection.execute(sa.update(channel_deliveries).where(mine).values(**done))
        _forget_old(connection, endpoint.endpoint_id, now_us)
        close_card(hub, unit, endpoint.endpoint_id, how="It was told again.")
        return
    if not is_dead(delivery.tries):
        again = {"state": "queued", "next_us": now_us + wait_us(delivery.tries), "detail": answer.detail}
        connection.execute(sa.update(channel_deliveries).where(mine).values(**again))
        return
    connection.execute(sa.update(channel_deliveries).where(mine).values(state="dead", detail=answer.detail))
    _give_up(hub, unit, endpoint, delivery, answer.detail)


def _give_up(hub: Hub, unit: HubUnit, endpoint: sa.Row[Any], delivery: sa.Row[Any], detail: str) -> None:
    """Stop telling an endpoint, and ask for a person; what it was not told stays due."""
    connection = unit.connection
    connection.execute(
        sa.update(channel_endpoints)
        .where(channel_endpoints.c.endpoint_id == endpoint.endpoint_id, channel_endpoints.c.state == "active")
        .values(state="dead")
    )
    skus = [item["sku"] for item in json.loads(delivery.body)["data"]["items"]]
    _ITEMS.run(connection, [(endpoint.endpoint_id, sku, NOT_SAID, 1) for sku in skus])
    work = hub.spine.work(unit)
    raise_exception(
        work,
        kind="channel_dead",
        subject=f"channel:{endpoint.endpoint_id}",
        title=f"{endpoint.channel} was not told what it may sell, {delivery.tries} times",
        facts={"channel": endpoint.channel, "tries": delivery.tries, "status": detail},
        dedupe_key=_card_key(endpoint.endpoint_id),
    )
    hub.finish(work, "exceptions")


def _card_key(endpoint_id: str) -> str:
    return f"channel:{endpoint_id}"


def close_card(hub: Hub, unit: HubUnit, endpoint_id: str, *, how: str) -> None:
    """Nobody has to look at an endpoint any more because it was not reached."""
    work = hub.spine.work(unit)
    close_exception(work, _card_key(endpoint_id), how=how)
    hub.finish(work)


def _forget_old(connection: Connection, endpoint_id: str, now_us: int) -> None:
    connection.execute(
        sa.delete(channel_deliveries).where(
            channel_deliveries.c.endpoint_id == endpoint_id,
            channel_deliveries.c.state == "sent",
            channel_deliveries.c.created_us < now_us - KEEP_US,
        )
    )
