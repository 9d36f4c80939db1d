"""What is read in one go is of one moment, on both databases and however long that takes."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub import rebuild
from hub.database import HubDatabase, HubUnit
from hub.fleet.rows import hub_meta
from hub.rebuild import verify
from hub.spine.rows import orders
from tests.support.promising import Story

LIMIT = "SHOW idle_in_transaction_session_timeout"


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    made = Story(hub_database)
    yield made
    made.channel.close()


@pytest.mark.parametrize("slowly", [False, True])
def test_what_is_written_meanwhile_is_not_seen(hub_database: HubDatabase, slowly: bool) -> None:
    with hub_database.read(slowly=slowly) as connection:
        before = _keys(connection)
        hub_database.write(_another_key)
        meanwhile = _keys(connection)
    with hub_database.read() as connection:
        after = _keys(connection)

    assert (before, meanwhile, after) == ([], [], ["written"])


def test_a_slow_reader_is_waited_for_and_the_next_one_is_not(hub_database: HubDatabase) -> None:
    if hub_database.is_sqlite:  # nobody is thrown off there: a reader is read to its end
        with hub_database.read(slowly=True) as connection:
            assert connection.execute(sa.select(1)).scalar_one() == 1
        return

    with hub_database.read(slowly=True) as connection:
        slow = connection.exec_driver_sql(LIMIT).scalar_one()
    with hub_database.read() as connection:
        usual = connection.exec_driver_sql(LIMIT).scalar_one()

    assert (slow, usual) == ("10min", "10s")


def test_the_tables_may_be_checked_while_the_hub_goes_on(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    _another(story)
    apply = rebuild._apply
    more: list[str] = []

    def meanwhile(*given: object) -> None:
        if not more:
            more.append(_another(story))
        apply(*given)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(rebuild, "_apply", meanwhile)

    assert verify(story.hub) == {}
    with story.hub.database.read() as connection:
        assert more[0] in connection.execute(sa.select(orders.c.order_id)).scalars().all()


def _another(story: Story) -> str:
    sent = story.channel.send(story.channel.ship(lines=[{"sku": "A", "quantity": 1}]))
    return str(sent["order_id"])


def _keys(connection: Connection) -> list[str]:
    found = sa.select(hub_meta.c.key).where(hub_meta.c.value == "meanwhile")
    return list(connection.execute(found).scalars())


def _another_key(unit: HubUnit) -> None:
    unit.connection.execute(sa.insert(hub_meta).values(key="written", value="meanwhile"))
