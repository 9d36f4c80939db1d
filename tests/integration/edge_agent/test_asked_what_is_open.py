"""A store that is asked what is open: a question that comes late spoils no answer to a newer one."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from edge_agent.database import EdgeUnit
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


def test_an_epoch_begins_where_the_answer_stood_that_it_rests_on_though_the_question_came_again(
    desk: Desk,
) -> None:
    order = desk.offer(("COAT-M", 2))
    desk.packed(order)
    desk.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE link SET hub_inc = ?", (HUB,)).rowcount
    )
    reopening, said = asked(desk)
    question = who(desk, "b", 2)

    reopening.who(question, 0.0)
    reopening.tick(61.0)
    desk.collect(order)
    reopening.who(question, 62.0)

    first, again = said
    assert (again.position > first.position, again.open) == (True, ())
    new = NewEpoch(
        inc=first.inc, sess=SESS, hub_inc=HUB, ep=first.ep + 1, position=first.position, open=first.open
    )
    assert reopening.new(new) is True
    cells = desk.rights("COAT-M").cells
    assert (cells.granted, cells.finished) == (2, 2)
    assert desk.store.rows("SELECT * FROM finished_asked") == []


def test_a_new_epoch_is_told_also_about_what_is_lent_no_more(desk: Desk) -> None:
    database = desk.store.edge.database

    def settle(unit: EdgeUnit) -> None:
        """Let the hub have heard of the article, of which nothing is lent now."""
        unit.connection.execute("UPDATE link SET hub_inc = ?", (HUB,))
        unit.connection.execute("UPDATE rights SET granted = 0, finished_base = 0, echoed = version")
        unit.connection.execute("DELETE FROM rights_to_tell")

    database.write(settle)
    reopening, said = asked(desk)
    reopening.who(who(desk, "b", 1), 0.0)
    new = NewEpoch(inc=said[0].inc, sess=SESS, hub_inc=HUB, ep=said[0].ep + 1, open=())

    assert reopening.new(new) is True

    told = database.read().execute("SELECT sku FROM rights_to_tell").fetchall()
    assert [row[0] for row in told] == ["COAT-M"]
