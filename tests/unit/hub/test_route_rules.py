"""Where an order is fulfilled, decided on paper."""

import random
from dataclasses import replace
from types import MappingProxyType

import pytest

from hub.route.rules.choice import (
    Ask,
    Candidate,
    Chosen,
    Need,
    NoLocation,
    Option,
    Parameters,
    Rejected,
    choose,
    why_not,
)
from protocol.fulfilment import FulfilKind, PromiseClass

HOUR_US = 3_600_000_000
SHIP = (Option("express", 0, 900), Option("standard", 0, 400))
PARAMETERS = Parameters(ship_minor=MappingProxyType({"standard": 400, "express": 900}))


def an_ask(**said: object) -> Ask:
    return replace(
        Ask(
            key="order-1",
            kind=FulfilKind.SHIP,
            due_us=48 * HOUR_US,
            now_us=0,
            lines=(Need(1, "A", 2), Need(2, "B", 1)),
        ),
        **said,  # type: ignore[arg-type]  # each test names fields of an Ask
    )


def place(location: str, *stock: int, kind: str = "store", silent: str = "", seconds: int = 0) -> Candidate:
    """Return a location with (free, missing, promisable) of each item."""
    return Candidate(location, location.title(), kind, silent, seconds, stock or (9, 0, 9, 9, 0, 9), SHIP)


def test_the_cheapest_location_that_has_everything_is_chosen_and_the_next_best_named() -> None:
    chosen = choose(an_ask(), [place("leeds"), place("dc", kind="warehouse")], PARAMETERS)

    assert isinstance(chosen, Chosen)
    assert (chosen.best.location, chosen.best.service, chosen.best.cost_minor) == ("dc", "standard", 474)
    assert (chosen.best.carrier_minor, chosen.best.pick_lines_minor, chosen.best.pick_units_minor) == (
        400,
        50,
        24,
    )
    assert chosen.next_best is not None
    assert (chosen.next_best.location, chosen.next_best.cost_minor) == ("leeds", 565)
    assert chosen.sentence == (
        "Dc is the cheapest of 2 locations that keep the promise; next is Leeds, 0.91 more."
    )


def test_the_order_in_which_locations_are_given_changes_nothing() -> None:
    places = [place(f"store-{n}") for n in range(40)] + [place("dry", 9, 0, 9, 0, 0, 0)]
    first = choose(an_ask(), places, PARAMETERS)
    for seed in range(20):
        random.Random(seed).shuffle(places)
        assert choose(an_ask(), places, PARAMETERS) == first


def test_locations_that_cost_the_same_take_turns() -> None:
    places = [place(f"store-{n}") for n in range(5)]
    chosen = {
        found.best.location
        for n in range(60)
        if isinstance(found := choose(an_ask(key=f"order-{n}"), places, PARAMETERS), Chosen)
    }

    assert chosen == {f"store-{n}" for n in range(5)}


@pytest.mark.parametrize(
    ("candidate", "ask", "code", "fact"),
    [
        (place("x", 1, 0, 1, 9, 0, 9), an_ask(), "NO_ATP", "has 1 of A free, 2 needed"),
        (place("x", 9, 0, 9, 0, 0, 0), an_ask(), "NO_ATP", "has none of B free"),
        (place("x", 3, 0, 1, 9, 0, 9), an_ask(), "SAFETY_STOCK", "has 3 of A free and keeps 2"),
        (place("x", 9, 4, 0, 9, 0, 9), an_ask(), "DEFICIT", "misses 4 of A that are promised already"),
        (place("x", silent="STALE", seconds=400), an_ask(), "STALE", "was not heard for 400 seconds"),
        (place("x", silent="INACTIVE"), an_ask(), "INACTIVE", "is shut out"),
        (
            place("x"),
            an_ask(excluded=frozenset({"x"})),
            "EXCLUDED_REJECTED",
            "has given this order back",
        ),
        (place("x"), an_ask(location="y"), "NOT_CAPABLE", "the goods were promised from y"),
        (
            place("x", kind="warehouse"),
            an_ask(kind=FulfilKind.COLLECT, location="x"),
            "NOT_CAPABLE",
            "nobody can collect there",
        ),
        (place("x")._replace(options=()), an_ask(service="drone"), "NOT_CAPABLE", "does not ship by drone"),
    ],
)
def test_every_location_that_is_passed_over_keeps_its_reason(
    candidate: Candidate, ask: Ask, code: str, fact: str
) -> None:
    assert why_not(ask, candidate, ask.wanted) == (code, fact)
    refused = choose(ask, [candidate], PARAMETERS)

    assert isinstance(refused, NoLocation)
    assert refused.rejected == (Rejected("x", code, fact),)
    assert refused.sentence == f"No location can keep the promise. x: {fact}."


def test_units_of_one_item_on_several_lines_are_needed_together() -> None:
    ask = an_ask(lines=(Need(1, "A", 2), Need(2, "A", 2)))

    refused = choose(ask, [place("x", 3, 0, 3)], PARAMETERS)

    assert isinstance(refused, NoLocation)
    assert refused.rejected == (Rejected("x", "NO_ATP", "has 3 of A free, 4 needed"),)


def test_a_location_that_cannot_be_ready_in_time_is_passed_over() -> None:
    ask = an_ask(due_us=10 * 60_000_000)
    assert PARAMETERS.options(ask) == (Option("express", 1, 900), Option("standard", 1, 400))
    late = place("x")._replace(options=PARAMETERS.options(ask))

    refused = choose(ask, [late], PARAMETERS)

    assert isinstance(refused, NoLocation)
    assert refused.rejected == (Rejected("x", "CUTOFF", "needs 30 minutes, and less is left"),)


def test_a_service_that_was_promised_is_the_only_option() -> None:
    assert PARAMETERS.options(an_ask(service="express")) == (Option("express", 0, 900),)
    assert PARAMETERS.options(an_ask(kind=FulfilKind.COLLECT)) == (Option("", 0, 0),)


def test_what_the_company_keeps_for_all_is_promised_from_nowhere() -> None:
    kept = replace(PARAMETERS, left_for_all={"A": 1, "B": 5})

    refused = choose(an_ask(), [place("x"), place("y")], kept)

    assert isinstance(refused, NoLocation)
    assert {row.code for row in refused.rejected} == {"RULE:company_threshold"}
    assert refused.rejected[0].fact == "1 of A may still be promised at all"


def test_a_decision_keeps_a_digest_of_exactly_what_it_rested_on() -> None:
    same = choose(an_ask(), [place("x"), place("y")], PARAMETERS).digest
    assert choose(an_ask(), [place("y"), place("x")], PARAMETERS).digest == same
    assert choose(an_ask(), [place("x"), place("y", 8, 0, 8, 9, 0, 9)], PARAMETERS).digest != same
    assert choose(an_ask(promise_class=PromiseClass.SAME_DAY, due_us=1), [], PARAMETERS).digest != same


def test_without_any_location_the_sentence_says_so() -> None:
    assert choose(an_ask(), [], PARAMETERS).sentence == "No location can keep the promise: none is known."


def test_a_long_list_of_reasons_is_cut_in_the_sentence_and_kept_in_the_answer() -> None:
    refused = choose(an_ask(), [place(f"s{n}", 0, 0, 0, 0, 0, 0) for n in range(5)], PARAMETERS)

    assert isinstance(refused, NoLocation)
    assert len(refused.rejected) == 5
    assert refused.sentence.endswith("s2: has none of A free; and 2 more.")
