"""A store that is asked what is open: a question that comes late spoils no answer to a newer one."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from edge_agent.link.reopening import Reopening
from edge_agent.link.stream import Stream
from protocol.reopening import IAm, NewEpoch, Who
from tests.support.fulfilment import Desk
from tests.support.store import Store

SESS, HUB = "1" * 32, "2" * 32


@pytest.fixture
def desk(store: Store) -> Desk:
    made = Desk(store)
    made.lend("COAT-M", 3)
    return made


def asked(desk: Desk) -> tuple[Reopening, list[IAm]]:
    said: list[IAm] = []
    stream = cast("Stream", SimpleNamespace(hold=lambda _at: None))
    return Reopening(desk.store.edge, stream, said.append), said


def who(desk: Desk, nonce: str, n: int) -> Who:
    return Who(inc=desk.store.edge.identity.inc, sess=SESS, hub_inc=HUB, nonce=nonce * 32, n=n)


def test_what_is_finished_after_the_answer_counts_though_an_older_question_comes_late(desk: Desk) -> None:
    order = desk.offer(("COAT-M", 2))
    desk.packed(order)
    desk.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE link SET hub_inc = ?", (HUB,)).rowcount
    )
    reopening, said = asked(desk)

    reopening.who(who(desk, "b", 2), 0.0)
    desk.collect(order)
    reopening.who(who(desk, "a", 1), 1.0)

    assert [each.nonce for each in said] == ["b" * 32]
    new = NewEpoch(inc=said[0].inc, sess=SESS, hub_inc=HUB, ep=said[0].ep + 1, open=said[0].open)
    assert reopening.new(new) is True
    cells = desk.rights("COAT-M").cells
    assert (cells.granted, cells.finished) == (2, 2)


@pytest.mark.parametrize(("n", "now"), [(3, 1.0), (1, 61.0)], ids=["newer", "after the wait"])
def test_a_newer_question_and_one_after_the_wait_are_about_another_moment(
    desk: Desk, n: int, now: float
) -> None:
    reopening, said = asked(desk)
    reopening.who(who(desk, "b", 2), 0.0)
    reopening.tick(now)
    order: Any = desk.offer(("COAT-M", 1))

    reopening.who(who(desk, "c", n), now)

    assert [[units.owner for units in each.open] for each in said] == [[], [order]]
