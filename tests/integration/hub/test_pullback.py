"""What a store brings a restored hub, and what it gets back: its own past, life by life."""

from functools import partial

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import directives, streams
from hub.link import lives
from hub.link.pullback import answered_directives, lives_before, take_in
from hub.rebuild import verify
from hub.spine.rows import events
from protocol.directives import CatalogPublish, DirectiveOutcome, Outcome
from protocol.errors import Invalid, NotFound
from tests.support.hub import Shop, send


def day(inc: str) -> Shop:
    shop = Shop(inc=inc)
    shop.stock("A", 10)
    shop.open()
    shop.sell(("A", 1, 999))
    return shop


def test_a_life_that_the_hub_has_forgotten_is_taken_in_whole_and_stays_closed(hub: Hub) -> None:
    before, now = day("0a" * 16), Shop(inc="0b" * 16)
    now.say(before.bodies[0], event_id="of-the-life-now")
    send(hub, now)
    batch = before.batch(1, len(before.events))

    received = hub.database.write(lambda unit: take_in(hub, unit, "store-1", before.inc, batch))
    again = hub.database.write(lambda unit: take_in(hub, unit, "store-1", before.inc, batch))

    assert (received.upto, again.upto) == (3, 3)
    with hub.database.read() as connection:
        known = sa.select(streams.c.inc, streams.c.state, streams.c.upto).order_by(streams.c.inc)
        assert [tuple(row) for row in connection.execute(known)] == [
            (before.inc, "closed", 3),
            (now.inc, "current", 1),
        ]
        count = sa.select(sa.func.count()).select_from(events).where(events.c.inc == before.inc)
        assert connection.execute(count).scalar_one() == 3
    assert verify(hub) == {}


def test_a_store_that_has_no_life_here_brings_none_and_a_life_that_goes_on_is_not_brought(hub: Hub) -> None:
    shop, other = day("0a" * 16), day("0b" * 16)
    batch = shop.batch(1, 3)

    with pytest.raises(NotFound) as stranger:
        hub.database.write(lambda unit: take_in(hub, unit, "store-1", shop.inc, batch))
    send(hub, shop)
    with pytest.raises(Invalid) as current:
        hub.database.write(lambda unit: take_in(hub, unit, "store-1", shop.inc, batch))
    with pytest.raises(Invalid) as named:
        hub.database.write(lambda unit: take_in(hub, unit, "store-1", other.inc, batch))

    assert [each.value.reason for each in (stranger, current, named)] == ["no_life", "bad_batch", "bad_batch"]
    with hub.database.read() as connection:
        assert list(connection.execute(sa.select(streams.c.inc)).scalars()) == [shop.inc]


def test_what_was_answered_in_a_life_of_the_hub_that_is_over_can_still_be_had(hub: Hub) -> None:
    def tell(unit: HubUnit, version: int) -> int:
        body = CatalogPublish(
            version=version, path=f"/edge/catalog/{version}", sha256="ab" * 32, size=10, products=1
        )
        return hub.outbox.send_directive(unit, "store-1", body)

    def answer(unit: HubUnit, cseq: int) -> None:
        hub.outbox.answered(unit, "store-1", [DirectiveOutcome(cseq=cseq, res=Outcome.APPLIED)])

    for version in (1, 2, 3):
        hub.database.write(partial(tell, version=version))
    for cseq in (1, 3):
        hub.database.write(partial(answer, cseq=cseq))
    with hub.database.read() as connection:
        old = lives.life(connection).hub_inc
        assert lives_before(connection, "store-1") == []
        assert [each["cseq"] for each in answered_directives(connection, "store-1", old, 0)] == [1]
    hub.database.write(lambda unit: lives.begin_life(unit, hub.outbox, clock=hub.clock, why="restored"))

    with hub.database.read() as connection:
        now = lives.life(connection).hub_inc
        assert lives_before(connection, "store-1") == [old]
        assert [each["cseq"] for each in answered_directives(connection, "store-1", old, 0)] == [1, 3]
        assert answered_directives(connection, "store-1", now, 0) == []
        waiting = sa.select(directives.c.cseq).where(directives.c.hub_inc == now)
        assert list(connection.execute(waiting).scalars()) == [1]
