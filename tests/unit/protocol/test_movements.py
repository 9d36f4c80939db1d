"""Which movements a fact means."""

import pytest

from protocol.errors import Invalid
from protocol.fulfilment import ShortLine, ShortReason
from protocol.movements import (
    INSIDE,
    OUTSIDE,
    PHYSICAL,
    Bucket,
    Movement,
    adjustment_movements,
    deltas,
    goods,
    move,
    opening_movements,
    physical_change,
    pick_movements,
    receipt_movements,
    return_movements,
    sale_movements,
    void_movements,
)
from protocol.orders import LineKind

B = Bucket


def test_a_sale_takes_goods_from_the_shelf_to_the_customer() -> None:
    assert sale_movements([("TEA", 2), ("MUG", 1)]) == (
        Movement("TEA", B.SELLABLE, B.CUSTOMER, 2, "sale"),
        Movement("MUG", B.SELLABLE, B.CUSTOMER, 1, "sale"),
    )
    assert deltas(sale_movements([("TEA", 2), ("TEA", 1)])) == {("TEA", B.SELLABLE): -3}


def test_an_order_that_is_handed_over_leaves_what_was_picked() -> None:
    assert deltas(sale_movements([("TEA", 2)], from_bucket=B.PICKED)) == {("TEA", B.PICKED): -2}


def test_a_void_undoes_exactly_its_sale() -> None:
    lines = [("TEA", 2), ("MUG", 1)]

    assert deltas([*sale_movements(lines), *void_movements(lines)]) == {}


def test_each_returned_line_goes_where_it_was_decided() -> None:
    moved = return_movements([("TEA", 1, B.RETURNS), ("MUG", 2, B.QUARANTINE), ("HAT", 0, B.SELLABLE)])

    assert deltas(moved) == {("TEA", B.RETURNS): 1, ("MUG", B.QUARANTINE): 2}
    assert {movement.from_bucket for movement in moved} == {B.CUSTOMER}


def test_receipts_and_the_opening_bring_goods_in() -> None:
    assert deltas(receipt_movements([("TEA", 5)], to_bucket=B.HELD)) == {("TEA", B.HELD): 5}
    assert opening_movements([("TEA", 5)]) == (Movement("TEA", B.OPENING, B.SELLABLE, 5, "opening"),)


def test_an_adjustment_goes_both_ways_and_nothing_moves_for_nothing() -> None:
    assert adjustment_movements([("TEA", 2), ("MUG", -3), ("HAT", 0)], reason="count") == (
        Movement("TEA", B.ADJUSTMENT, B.SELLABLE, 2, "count"),
        Movement("MUG", B.SELLABLE, B.ADJUSTMENT, 3, "count"),
    )


def test_moving_inside_the_location_keeps_its_sum() -> None:
    moved = move([("TEA", 2)], B.SELLABLE, B.QUARANTINE, "damaged")
    changes = deltas(moved)

    assert changes == {("TEA", B.SELLABLE): -2, ("TEA", B.QUARANTINE): 2}
    assert physical_change(changes, "TEA") == -2
    assert physical_change(deltas(move([("TEA", 2)], B.SELLABLE, B.PICKED, "pick")), "TEA") == 0


def test_every_place_is_inside_or_outside_and_physical_stock_is_inside() -> None:
    assert set(Bucket) == INSIDE | OUTSIDE
    assert not INSIDE & OUTSIDE
    assert {B.SELLABLE, B.RESERVED, B.PICKED} == PHYSICAL
    assert PHYSICAL < INSIDE


def test_a_service_takes_nothing_from_the_shelf() -> None:
    assert goods([(LineKind.GOODS, "TEA", 2), (LineKind.SERVICE, "WRAP", 1)]) == (("TEA", 2),)


@pytest.mark.parametrize(("to_bucket", "quantity"), [(B.CUSTOMER, 0), (B.CUSTOMER, -1), (B.SELLABLE, 1)])
def test_a_movement_of_nothing_or_to_nowhere_is_refused(to_bucket: Bucket, quantity: int) -> None:
    with pytest.raises(Invalid) as refusal:
        Movement("TEA", B.SELLABLE, to_bucket, quantity, "sale")

    assert refusal.value.reason == "bad_movement"


def test_a_negative_sale_is_refused_not_turned_around() -> None:
    with pytest.raises(Invalid) as refusal:
        sale_movements([("TEA", -1)])

    assert refusal.value.facts == {"sku": "TEA", "quantity": -1}


@pytest.mark.parametrize(("missed", "lost", "freed"), [(0, 3, 0), (1, 2, 0), (3, 0, 1)])
def test_what_the_books_had_lost_before_leaves_no_shelf_and_is_set_aside_for_nobody(
    missed: int, lost: int, freed: int
) -> None:
    short = ShortLine(line_no=1, sku="TEA", lent=2, bound=1, reason=ShortReason.NOT_FOUND, missed=missed)

    moves = pick_movements((), (short,))

    assert sum(each.quantity for each in moves if each.to_bucket is B.MISSING) == lost
    assert sum(each.quantity for each in moves if each.to_bucket is B.SELLABLE) == freed
    assert deltas(moves).get(("TEA", B.RESERVED), 0) == -1
    assert physical_change(deltas(moves), "TEA") == -lost


def test_nobody_misses_more_than_was_looked_for() -> None:
    with pytest.raises(ValueError, match="more is missed"):
        ShortLine(line_no=1, sku="TEA", lent=1, reason=ShortReason.NOT_FOUND, missed=2)
