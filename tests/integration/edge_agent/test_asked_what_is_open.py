"""A store that is asked what is open: it says one moment until that is used, however often it is asked."""

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


def who(desk: Desk, nonce: str) -> Who:
    return Who(inc=desk.store.edge.identity.inc, sess=SESS, hub_inc=HUB, nonce=nonce * 32)


def test_what_is_finished_between_two_questions_counts_whichever_answer_the_hub_takes(desk: Desk) -> None:
    order = desk.offer(("COAT-M", 2))
    desk.packed(order)
    desk.store.edge.database.write(
        lambda unit: unit.connection.execute("UPDATE link SET hub_inc = ?", (HUB,)).rowcount
    )
    reopening, said = asked(desk)

    reopening.who(who(desk, "a"), 0.0)
    desk.collect(order)
    reopening.who(who(desk, "b"), 1.0)

    first, second = said
    assert (first.nonce, second.nonce) == ("a" * 32, "b" * 32)
    assert second == first.model_copy(update={"nonce": second.nonce})
    new = NewEpoch(inc=first.inc, sess=SESS, hub_inc=HUB, ep=first.ep + 1, open=first.open)
    assert reopening.new(new) is True
    cells = desk.rights("COAT-M").cells
    assert (cells.granted, cells.finished) == (2, 2)


def test_after_it_was_used_the_next_question_is_about_another_moment(desk: Desk) -> None:
    reopening, said = asked(desk)
    reopening.who(who(desk, "a"), 0.0)
    reopening.tick(60.0)
    order: Any = desk.offer(("COAT-M", 1))

    reopening.who(who(desk, "a"), 61.0)

    assert [[units.owner for units in each.open] for each in said] == [[], [order]]
