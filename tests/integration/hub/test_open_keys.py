"""What the hub has raised and not closed, when both happen within one unit of work."""

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.spine.log import Log, open_keys
from hub.spine.steps import close_exception, raise_exception
from hub.spine.work import Work

KEY = "deficit:COAT-M"


def test_what_is_closed_and_raised_again_at_once_is_open(hub: Hub) -> None:
    hub.database.write(lambda unit: _do(hub, unit, raised=1))
    hub.database.write(lambda unit: _do(hub, unit, closed=1, raised=1))

    assert _open(hub) == [KEY]


def test_what_is_raised_and_closed_at_once_is_not_open(hub: Hub) -> None:
    hub.database.write(lambda unit: _do(hub, unit, raised=1, closed=1))

    assert _open(hub) == []


def _do(hub: Hub, unit: HubUnit, **times: int) -> None:
    work = hub.spine.work(unit)
    for what in times:
        if what == "raised":
            _raise(work)
        else:
            close_exception(work, KEY, how="Enough is there again.")
    work.room(Log).flush()
    work.flush()


def _raise(work: Work) -> None:
    raise_exception(
        work,
        kind="stock_deficit",
        subject="sku:COAT-M",
        title="Two are missing",
        facts={},
        owner_role="ops",
        dedupe_key=KEY,
    )


def _open(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return list(connection.execute(sa.select(open_keys.c.dedupe_key)).scalars())
