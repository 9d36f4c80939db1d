"""What becomes of goods that came back: proposed from how they came, decided by scanning, decided again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.database import EdgeUnit
from edge_agent.returns import deciding, policy, steps
from protocol.errors import Invalid, NotPermitted, OrderspineError
from protocol.kit.web.signin import CurrentPerson
from protocol.movements import Bucket
from protocol.returns import GoodsRule, ReturnPolicy
from tests.support.store_day import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    running = Store(tmp_path)
    running.open()
    yield running
    running.close()


def came_back(
    store: Store, sku: str = "BOOK", *, reason: str = "faulty", units: int = 2, **said: Any
) -> None:
    sold = store.sell([(sku, units)])
    line = {"line_no": 1, "quantity": units, "reason": reason, "to_bucket": "returns"} | said
    wanted = steps.ReturnUnits.model_validate({"key": store.key(), "lines": [line]})
    store.edge.database.write(
        lambda unit: steps.return_units(unit, store.edge, sold.number, wanted, person=store.manager)
    )


def decide(
    store: Store,
    disposition: str,
    *,
    person: CurrentPerson | None = None,
    approval: str | None = None,
    **said: Any,
) -> deciding.Decided:
    line = {"sku": "BOOK", "quantity": 1, "from_bucket": "returns", "disposition": disposition} | said
    wanted = deciding.DecideGoods.model_validate({"key": store.key(), "lines": [line], "approval": approval})
    return store.edge.database.write(
        lambda unit: deciding.decide_goods(unit, store.edge, wanted, person=person or store.manager)
    )[0]


def there(store: Store, bucket: str, sku: str = "BOOK") -> int:
    found = store.edge.database.read().execute(
        "SELECT quantity FROM balances WHERE sku = ? AND bucket = ?", (sku, bucket)
    )
    return int((found.fetchone() or (0,))[0])


def said(store: Store, **rule: Any) -> None:
    body = ReturnPolicy(version=1, items={"BOOK": GoodsRule(**rule)})

    def step(unit: EdgeUnit) -> None:
        policy.take_policy(unit, store.edge, body)

    store.edge.database.write(step)


def waiting(store: Store) -> deciding.Waiting:
    [found] = deciding.waiting(store.edge.database.read(), store.edge, "BOOK")
    return found


@pytest.mark.parametrize(
    ("rule", "how", "proposed"),
    [
        ({"repair_minor": 100}, {"reason": "faulty"}, "repair"),
        ({"vendor_return": True}, {"reason": "faulty"}, "return_to_vendor"),
        ({"liquidation_ppm": 250_000}, {"reason": "faulty"}, "liquidate"),
        ({"hygiene": True}, {"reason": "changed_mind", "condition": "opened"}, "dispose"),
        ({}, {"reason": "changed_mind", "condition": "new"}, "restock"),
        ({}, {"reason": "changed_mind", "condition": "used"}, "inspect"),
    ],
)
def test_what_is_proposed_follows_from_how_the_goods_came_back(
    store: Store, rule: dict[str, Any], how: dict[str, Any], proposed: str
) -> None:
    if rule:
        said(store, **rule)
    came_back(store, **how)

    found = waiting(store)

    assert found.suggested == proposed
    assert (found.units, found.bucket, found.reason) == (2, Bucket.RETURNS, how["reason"])


def test_goods_are_decided_about_twice_and_the_tables_follow_from_the_log(store: Store) -> None:
    came_back(store)
    shelf = there(store, "sellable")

    first = decide(store, "repair", person=store.lead)
    second = decide(store, "restock", from_bucket="repair", bill_minor=250, person=store.associate)

    assert (first.number, second.number) == ("LB1-D00001", "LB1-D00002")
    assert (there(store, "returns"), there(store, "repair"), there(store, "sellable")) == (1, 0, shelf + 1)
    mended = store.bodies("goods.decided")[1]["lines"][0]
    assert (mended["bill_minor"], mended["disposition"]) == (250, "restock")
    before = store.shadows()
    store.rebuild()
    assert store.shadows() == before


def test_what_is_sold_off_carries_its_tax_and_what_is_written_down_its_worth(store: Store) -> None:
    came_back(store, "85123A")

    decide(store, "liquidate", sku="85123A", quantity=2, worth_minor=100)
    decide(store, "sell_off", sku="85123A", quantity=2, from_bucket="liquidation", proceeds_minor=120)

    down, off = (body["lines"][0] for body in store.bodies("goods.decided"))
    assert down["worth_minor"] == 100
    assert (off["proceeds_minor"], off["tax_minor"], off["rate_ppm"]) == (120, 20, 200_000)
    assert there(store, "liquidation", "85123A") == 0


def test_what_costs_the_company_something_needs_a_manager(store: Store) -> None:
    came_back(store)

    with pytest.raises(NotPermitted) as refused:
        decide(store, "dispose", person=store.lead)
    decide(store, "dispose", person=store.lead, approval=store.word(store.manager, "decide_goods"))

    assert refused.value.facts == {"action": "decide_goods", "role": "manager"}
    assert store.bodies("goods.decided")[0]["approvals"] == [{"action": "decide_goods", "by": "m-khan"}]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ({"disposition": "sell_off"}, "no_choice"),
        ({"disposition": "inspect"}, "no_choice"),
        ({"disposition": "burn"}, "no_choice"),
        ({"disposition": "restock", "from_bucket": "sellable"}, "no_choice"),
        ({"disposition": "restock", "quantity": 3}, "not_in_bucket"),
        ({"disposition": "restock", "sku": "NO-SUCH"}, "unknown_sku"),
    ],
)
def test_what_cannot_become_of_goods_changes_nothing(store: Store, line: dict[str, Any], code: str) -> None:
    came_back(store)
    before = (store.newest_seq(), store.shadows(), store.rows("counters"))

    with pytest.raises(OrderspineError) as refused:
        decide(store, **line)

    assert refused.value.reason == code
    assert (store.newest_seq(), store.shadows(), store.rows("counters")) == before


def test_the_same_key_decides_once(store: Store) -> None:
    came_back(store)
    line = {"sku": "BOOK", "quantity": 1, "disposition": "restock"}
    wanted = deciding.DecideGoods.model_validate({"key": "once", "lines": [line]})

    def step(unit: EdgeUnit) -> tuple[deciding.Decided, bool]:
        return deciding.decide_goods(unit, store.edge, wanted, person=store.manager)

    first, second = store.edge.database.write(step), store.edge.database.write(step)

    assert (first[1], second[1]) == (True, False)
    assert first[0] == second[0]
    with pytest.raises(Invalid):
        decide(store, "restock", from_bucket="nowhere")
