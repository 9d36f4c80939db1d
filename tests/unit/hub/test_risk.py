"""How likely a promise breaks: each part by its own fact, all of them as faults of their own."""

import pytest

from hub.fulfil.risk import CALL_AT, CALM_AT, Coming, Facts, Part, Risk, Shelf, calls, risk_of

NOW_US, DUE_US = 0, 6 * 3_600_000_000


def shelf(**said: int | None) -> Shelf:
    """Return an item that was counted yesterday and never missed."""
    known = {"counted_days": 1, "shrink_ppm": 0, "picked_lately": 0, "failed_lately": 0}
    return Shelf(sku="A", units=1, **{**known, **said})  # type: ignore[arg-type]  # as the fields are


def facts(**said: object) -> Facts:
    """Return a part of an order at a store that is heard now."""
    return Facts(now_us=NOW_US, due_us=DUE_US, **{"heard_seconds": 5, **said})  # type: ignore[arg-type]  # the same


def test_what_was_counted_just_now_at_a_store_that_is_heard_is_hardly_a_risk() -> None:
    assert risk_of(facts(shelves=(shelf(),))) == Risk(1, (Part("stock", 1, "A: counted yesterday"),))


@pytest.mark.parametrize(
    ("said", "percent"),
    [
        ({"counted_days": 8}, 3),
        ({"counted_days": 31}, 8),
        ({"counted_days": 91}, 12),
        ({"counted_days": None}, 12),
        ({"shrink_ppm": 250_000}, 26),
        ({"picked_lately": 30, "failed_lately": 50}, 51),
        ({"failed_lately": 1}, 5),
        ({"shrink_ppm": 1_000_000, "failed_lately": 900}, 95),
    ],
)
def test_stock_is_trusted_by_its_last_count_its_shrink_and_its_failed_picks(
    said: dict[str, int | None], percent: int
) -> None:
    assert risk_of(facts(shelves=(shelf(**said),))).percent == percent


def test_the_last_piece_of_a_store_is_on_display_and_said_so() -> None:
    found = risk_of(facts(shelves=(shelf(on_display=True),)))

    assert [(part.what, part.percent, part.fact) for part in found.parts] == [
        ("display", 10, "A: the last piece there, so it is on display"),
        ("stock", 1, "A: counted yesterday"),
    ]
    assert found.percent == 11


@pytest.mark.parametrize(
    ("ahead", "hands", "percent"), [(50, 100, 0), (100, 100, 47), (150, 100, 95), (900, 100, 95), (1, 0, 95)]
)
def test_hands_are_a_risk_once_half_of_them_is_needed(ahead: int, hands: int, percent: int) -> None:
    assert risk_of(facts(ahead_units=ahead, hands_units=hands)).percent == percent


def test_a_figure_that_nobody_knows_calls_nobody() -> None:
    assert risk_of(facts(ahead_units=10_000, hands_units=None)) == Risk(0, ())


@pytest.mark.parametrize(("seconds", "percent"), [(90, 0), (91, 5), (301, 20), (3_600, 60), (None, 60)])
def test_a_store_is_a_risk_by_how_long_it_was_not_heard(seconds: int | None, percent: int) -> None:
    assert risk_of(facts(heard_seconds=seconds)).percent == percent


@pytest.mark.parametrize(
    ("coming", "percent"),
    [
        (Coming("X-1", DUE_US + 1, left=True), 95),
        (Coming("X-1", DUE_US - 1, left=True), 10),
        (Coming("X-1", -1, left=True), 50),
        (Coming("X-1", DUE_US - 1, left=False), 60),
    ],
)
def test_goods_from_elsewhere_are_a_risk_until_they_are_there(coming: Coming, percent: int) -> None:
    assert risk_of(facts(coming=(coming,))).percent == percent


def test_parts_add_up_as_faults_that_do_not_depend_on_each_other_the_greatest_first() -> None:
    found = risk_of(facts(shelves=(shelf(counted_days=None),), ahead_units=100, hands_units=100))

    assert [(part.what, part.percent) for part in found.parts] == [("capacity", 47), ("stock", 12)]
    assert found.percent == round(100 * (1 - 0.53 * 0.88))


def test_a_card_that_is_open_stays_until_it_is_clearly_better() -> None:
    assert calls(Risk(CALL_AT, ()), open_now=False)
    assert not calls(Risk(CALL_AT - 1, ()), open_now=False)
    assert calls(Risk(CALM_AT, ()), open_now=True)
    assert not calls(Risk(CALM_AT - 1, ()), open_now=True)
