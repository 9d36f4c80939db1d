"""Cash that goes into a drawer or out of it without a sale: expected, printed, and part of the Z."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.till import rules, steps
from protocol.errors import NotPermitted, Refused
from protocol.kit.web.signin import CurrentPerson
from protocol.till import SessionTotals
from tests.support.store_day import Store

DATA = Path(__file__).parents[2] / "data" / "returns.json"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    running = Store(tmp_path)
    running.open(float_minor=15_000)
    yield running
    running.close()


def move(store: Store, kind: str, amount: int, *, person: CurrentPerson | None = None, **said: Any) -> None:
    wanted = steps.MoveCash.model_validate(
        {"key": store.key(), "kind": kind, "amount_minor": amount, "reason": "stamps"} | said
    )
    who = person or store.lead
    store.edge.database.write(lambda unit: steps.move_cash(unit, store.edge, "till-1", wanted, person=who))


def test_a_drawer_is_expected_to_hold_what_was_put_in_less_what_was_taken_out(store: Store) -> None:
    [till] = [v for v in json.loads(DATA.read_text())["vectors"] if v["id"] == "till-01"]
    given, expected = till["input"], till["expected"]
    totals = SessionTotals(
        float_minor=given["float"],
        cash_minor=given["sales"] - given["refunds"],
        paid_in_minor=given["paid_in"],
        paid_out_minor=given["paid_out"],
        drops_minor=given["pickups"],
    )

    [cash, _card] = rules.tender_totals(totals, given["counted"])

    assert (cash.expected_minor, cash.difference_minor) == (expected["expected"], expected["over_short"])


def test_moved_cash_is_in_the_count_and_the_z_and_ties_to_its_events(store: Store) -> None:
    store.sell([("BOOK", 2)])  # 15.98
    move(store, "paid_out", 550)
    move(store, "paid_in", 1_000)
    move(store, "loan", 2_000)
    move(store, "drop", 3_000, person=store.associate)
    move(store, "pickup", 500)

    store.count(15_000 + 1_598 - 550 + 1_000 + 2_000 - 3_000 - 500)
    z = store.close_till()

    assert [(t.kind, t.difference_minor) for t in z.tenders] == [("cash", 0), ("card", 0)]
    totals = z.totals
    assert (totals.paid_out_minor, totals.paid_in_minor, totals.loans_minor) == (550, 1_000, 2_000)
    assert totals.drops_minor == 3_500
    slips = [job for job in store.rows("print_jobs") if job[3] == "cash_slip"]
    assert len(slips) == 5


def test_a_drop_is_anybodys_and_the_rest_needs_a_lead(store: Store) -> None:
    for kind in ("paid_in", "paid_out", "loan", "pickup"):
        with pytest.raises(NotPermitted) as refused:
            move(store, kind, 100, person=store.associate)
        assert refused.value.facts == {"action": "move_cash", "role": "lead"}
    move(store, "paid_out", 100, person=store.associate, approval=store.word(store.lead, "move_cash"))

    [body] = store.bodies("till.cash_moved")
    assert (body["kind"], body["approvals"]) == ("paid_out", [{"action": "move_cash", "by": "s-rowe"}])


def test_cash_that_moves_after_a_count_makes_it_worthless_and_a_closed_till_moves_none(store: Store) -> None:
    store.count(15_000)
    move(store, "drop", 1_000)

    state = store.edge.database.read().execute("SELECT state, counts FROM till_sessions").fetchone()
    assert tuple(state) == ("open", 0)
    store.count(14_000)
    store.close_till()
    with pytest.raises(Refused) as closed:
        move(store, "drop", 100)
    assert closed.value.reason == "till_closed"
