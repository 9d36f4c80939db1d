"""Single transitions of lending: what they change, and what a refusal leaves as it was."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from protocol.errors import Invalid, OutOfRights, OutOfStock
from protocol.rights import (
    EdgeCells,
    EdgeStock,
    EdgeVector,
    HubCells,
    HubRight,
    HubVector,
    quota,
    spare_last_units,
    wanted,
    wanted_back,
)

SKU = "COAT-M"
LENT = EdgeStock(SKU, physical=10, bound=2, cells=EdgeCells(granted=5, finished=1), returned_seen=1)
HELD = HubRight(SKU, granted_seen=5, cells=HubCells(allocated=3, ended=1, returned=1))


def test_what_is_sellable_is_neither_bound_nor_lent() -> None:
    assert (LENT.outstanding, LENT.sellable, LENT.deficit) == (3, 5, 0)
    assert HELD.free == 2


@pytest.mark.parametrize("act", [EdgeStock.take, EdgeStock.reserve, EdgeStock.grant])
def test_no_outflow_of_choice_takes_more_than_is_sellable(act: Callable[[EdgeStock, int], EdgeStock]) -> None:
    assert act(LENT, 5).sellable == 0
    with pytest.raises(OutOfStock) as refusal:
        act(LENT, 6)

    assert refusal.value.reason == "out_of_stock"
    assert refusal.value.facts == {
        "sku": SKU,
        "wanted": 6,
        "sellable": 5,
        "physical": 10,
        "bound": 2,
        "outstanding": 3,
    }
    assert (LENT.physical, LENT.bound, LENT.cells) == (10, 2, EdgeCells(5, 1))


def test_handing_over_for_the_hub_leaves_what_is_sellable_alone() -> None:
    after = LENT.fulfil_allocation(3)

    assert (after.physical, after.cells, after.sellable) == (7, EdgeCells(5, 4), 5)
    with pytest.raises(OutOfRights) as refusal:
        LENT.fulfil_allocation(4)
    assert refusal.value.facts == {"sku": SKU, "wanted": 4, "outstanding": 3}


def test_handing_over_a_local_order_leaves_what_is_sellable_alone() -> None:
    after = LENT.fulfil_reservation(2)

    assert (after.physical, after.bound, after.sellable) == (8, 0, 5)
    with pytest.raises(OutOfStock) as refusal:
        LENT.fulfil_reservation(3)
    assert refusal.value.reason == "not_reserved"


def test_an_undone_handover_is_bound_to_its_order_and_f_never_falls() -> None:
    after = LENT.fulfil_allocation(2).undo_handover(2)

    assert (after.physical, after.bound, after.cells, after.sellable) == (10, 4, EdgeCells(5, 3), 5)


def test_a_reservation_given_up_may_be_sold_again() -> None:
    assert LENT.release(2).sellable == 7


@pytest.mark.parametrize(("gone", "physical", "sellable"), [(0, 10, 8), (1, 9, 7), (3, 7, 5)])
def test_a_short_pick_ends_the_allocation_and_loses_what_is_gone(
    gone: int, physical: int, sellable: int
) -> None:
    after = LENT.short_pick(3, gone=gone)

    assert (after.physical, after.sellable, after.outstanding) == (physical, sellable, 0)


@pytest.mark.parametrize("gone", [-1, 4])
def test_a_short_pick_cannot_lose_more_than_it_was_for(gone: int) -> None:
    with pytest.raises(Invalid) as refusal:
        LENT.short_pick(3, gone=gone)

    assert refusal.value.reason == "bad_short_pick"


def test_a_count_below_what_is_promised_declares_a_deficit_and_stops_local_sale() -> None:
    short = LENT.count(3)

    assert (short.sellable, short.deficit) == (-2, 2)
    with pytest.raises(OutOfStock):
        short.take(1)


def test_what_a_customer_carries_away_is_sold_and_at_most_the_promises_are_missing() -> None:
    gone = LENT.take_in_hand(20)

    assert (gone.physical, gone.sellable, gone.deficit) == (-10, -15, 5)


def test_goods_that_come_in_are_sellable_unless_they_came_for_an_order() -> None:
    assert LENT.receive(4).sellable == 9
    assert LENT.receive_for_order(4).sellable == 5


def test_the_hub_promises_and_returns_only_free_rights() -> None:
    assert HELD.allocate(2).free == 0
    assert HELD.give_back(2).cells == HubCells(3, 1, 3)
    for act in (HubRight.allocate, HubRight.give_back):
        with pytest.raises(OutOfRights) as refusal:
            act(HELD, 3)
        assert refusal.value.facts == {"sku": SKU, "wanted": 3, "free": 2}


def test_the_hub_promises_nothing_while_a_deficit_is_reported() -> None:
    short = HELD.see(LENT.count(3).vector(7))

    for right, reported in ((short, None), (HELD, 2)):
        with pytest.raises(OutOfRights) as refusal:
            right.allocate(1, reported)
        assert (refusal.value.reason, refusal.value.facts["deficit"]) == ("deficit_reported", 2)
    assert short.allocate(1, 0).free == short.free - 1


def test_an_allocation_that_ended_frees_its_right_and_no_more() -> None:
    assert HELD.end(2).free == 4
    with pytest.raises(OutOfRights) as refusal:
        HELD.end(3)
    assert refusal.value.reason == "not_allocated"


def test_a_repeated_deficit_chooses_no_victim_twice() -> None:
    right = HubRight(SKU, granted_seen=6, cells=HubCells(allocated=4))
    edge = EdgeStock(SKU, physical=3, cells=EdgeCells(granted=6))
    right = right.see(edge.vector(1))
    assert (right.deficit, right.free, right.need()) == (3, 2, 3)

    right = right.give_back(2)
    assert right.need() == 1
    assert right.need(cancels_pending=1) == 0
    right = right.see(edge.vector(1))
    assert right.need(cancels_pending=1) == 0

    right = right.see(edge.see(right.vector(1)).vector(2))
    assert (right.deficit, right.need(), right.need(cancels_pending=1)) == (1, 1, 0)


def test_a_vector_of_another_epoch_or_sku_changes_nothing() -> None:
    other = EdgeStock("HAT", 50, cells=EdgeCells(granted=50)).vector(9)
    older = HubRight(SKU, epoch=1)

    assert HELD.see(other) is HELD
    assert older.see(LENT.vector(9)) is older
    assert LENT.see(HubVector(sku=SKU, ep=1, ver=1, A=0, K=0, R=9)) is LENT


def test_cells_take_the_maximum_and_the_rest_the_newest_version() -> None:
    newer = EdgeVector(sku=SKU, ep=0, ver=2, G=5, F=1, P=4, B=1, d=1, R=0, want_back=1)
    older = EdgeVector(sku=SKU, ep=0, ver=1, G=6, F=0, P=9, B=0, d=0, R=2, want_back=3)
    merged = EdgeVector(sku=SKU, ep=0, ver=2, G=6, F=1, P=4, B=1, d=1, R=2, want_back=1)

    assert newer.merge(older) == older.merge(newer) == merged
    right = HubRight(SKU).see(newer).see(older)
    assert (right.granted_seen, right.finished_seen, right.version, right.deficit) == (6, 1, 2, 1)


def test_vectors_of_a_newer_epoch_replace_older_ones_whole() -> None:
    old = HubVector(sku=SKU, ep=1, ver=9, A=9, K=9, R=9, want=9)
    new = HubVector(sku=SKU, ep=2, ver=1, A=1, K=0, R=0)

    assert old.merge(new) == new.merge(old) == new


def test_opening_rights_anew_lends_only_what_is_promised() -> None:
    edge, right = LENT.reopened(1, allocated=2, finished=0), HELD.reopened(1, allocated=2)

    assert (edge.cells, edge.returned_seen, edge.outstanding, edge.sellable) == (EdgeCells(2, 0), 0, 2, 6)
    assert (right.free, right.cells) == (0, HubCells(allocated=2))
    assert edge.reopened(1, allocated=9, finished=9) is edge
    assert right.reopened(1, allocated=9) is right


def test_a_vector_travels_as_json_and_ignores_what_a_newer_version_added() -> None:
    vector = LENT.vector(4, want_back=2)
    text = '{"sku":"COAT-M","ep":0,"ver":4,"G":5,"F":1,"P":10,"B":2,"d":0,"R":1,"want_back":2'

    assert vector.model_dump_json() == text + "}"
    assert EdgeVector.model_validate_json(text + ',"mood":"sunny"}') == vector


@pytest.mark.parametrize("field", ["ep", "ver", "G", "F", "B", "d", "R"])
def test_a_vector_with_a_negative_cell_is_refused(field: str) -> None:
    facts = LENT.vector(4).model_dump()

    with pytest.raises(ValidationError):
        EdgeVector.model_validate(facts | {field: -1})


@pytest.mark.parametrize("units", [0, -1])
def test_no_transition_moves_nothing_or_less(units: int) -> None:
    for act in (LENT.take, LENT.reserve, LENT.grant, LENT.release, LENT.receive, LENT.take_in_hand):
        with pytest.raises(Invalid, match="cannot move"):
            act(units)
    for give in (HELD.allocate, HELD.end, HELD.give_back):
        with pytest.raises(Invalid, match="cannot move"):
            give(units)


@pytest.mark.parametrize(
    ("rate", "facts", "units"),
    [
        (0.1, {"share_ppm": 500_000, "physical": 20, "bound": 0, "cap": 50}, 3),
        (0.11, {"share_ppm": 500_000, "physical": 20, "bound": 0, "cap": 50}, 4),
        (40.0, {"share_ppm": 500_000, "physical": 21, "bound": 2, "cap": 50}, 9),
        (40.0, {"share_ppm": 1_000_000, "physical": 90, "bound": 0, "cap": 5}, 5),
        (0.0, {"share_ppm": 500_000, "physical": 20, "bound": 0, "cap": 50}, 0),
        (5.0, {"share_ppm": 500_000, "physical": 2, "bound": 4, "cap": 50}, 0),
    ],
)
def test_a_loan_is_the_least_of_demand_share_and_cap(rate: float, facts: dict[str, int], units: int) -> None:
    assert quota(online_rate_per_day=rate, refill_days=3, k=10, **facts) == units


def test_the_last_units_of_a_store_first_sku_stay_in_the_store() -> None:
    assert [spare_last_units(3, physical=p, bound=1, kept=2) for p in (2, 3, 4, 9)] == [0, 0, 1, 3]


def test_wishes_ask_for_what_the_other_side_can_give() -> None:
    assert wanted_back(sellable=1, floor=4, hub_free=2) == 2
    assert wanted_back(sellable=1, floor=2, hub_free=9) == 1
    assert wanted_back(sellable=5, floor=2, hub_free=9) == 0
    assert (wanted(hub_free=1, loan=3), wanted(hub_free=5, loan=3)) == (2, 0)


def test_the_edge_guesses_what_the_hub_has_free_from_its_vector() -> None:
    assert LENT.hub_free(HELD.vector(1)) == 2
    assert LENT.hub_free(HubVector(sku=SKU, ep=0, ver=1, A=9, K=0, R=0)) == 0
