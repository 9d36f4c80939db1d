"""Who fulfils an order and what every other answer would have cost, decided on paper."""

from dataclasses import replace
from typing import Any

from hub.route.rules.choice import Chosen, NoLocation, Rejected, choose, digest_of
from hub.route.rules.instance import Instance, Line, Objective, Option, Site
from tests.support.routing import shuffled

STANDARD, EXPRESS = Option("standard", 0, 400, ((9999, 0),)), Option("express", 0, 900, ((9999, 0),))
NAMES = {"dc": "Wakefield DC", "leeds": "Leeds", "york": "York"}
STALE = Rejected("hull", "STALE", "was not heard for 6 min 40 s")


def site(location: str, one: int = 9, two: int = 9, **changed: Any) -> Site:
    """Return a location with units of both lines, at the prices of a store."""
    plain = Site(location, 99, {"1": one, "2": two}, 60, 15, {}, {}, (EXPRESS, STANDARD))
    return plain._replace(**changed)


def warehouse(one: int = 9, two: int = 9) -> Site:
    """Return a location at the prices of a warehouse."""
    return site("dc", one, two, pick_line_minor=25, pick_unit_minor=8)


def asked(*sites: Site, shipments: int = 3) -> Instance:
    """Return two units of line 1 and one of line 2."""
    return Instance("order-1", "ship", shipments, (Line("1", 2), Line("2", 1)), sites)


def chosen(instance: Instance) -> Chosen:
    """Return an answer that must exist."""
    found = choose(instance, (STALE,), NAMES)
    assert isinstance(found, Chosen)
    return found


def refused(instance: Instance, **said: Any) -> NoLocation:
    """Return a refusal that must come."""
    found = choose(instance, (STALE,), NAMES, **said)
    assert isinstance(found, NoLocation)
    return found


def test_the_cheapest_location_that_has_everything_is_chosen_and_the_next_best_priced() -> None:
    found = chosen(asked(site("leeds"), warehouse()))

    [sent] = found.sent
    assert (sent.location, sent.name, sent.service, sent.cost_minor) == (
        "dc",
        "Wakefield DC",
        "standard",
        474,
    )
    assert sent.parts == (400, 0, 50, 24, 0, 0)
    assert found.sentence == (
        "Wakefield DC is the cheapest of 2 locations that keep the promise; next is Leeds, 0.91 more."
    )
    assert [(row.locations, row.minor, row.exact) for row in found.insisted] == [
        (("dc",), 0, True),
        (("leeds",), 91, True),
    ]
    assert found.if_rejected == {"dc": Objective(0, 0, 565, 1)}
    assert found.rejected == (STALE,)


def test_an_only_location_is_said_to_be_the_only_one() -> None:
    found = chosen(asked(site("leeds")))

    assert found.sentence == "Leeds is the only location that keeps the promise."
    assert found.if_rejected == {"leeds": Objective(3, 0, 0, 0)}


def test_insisting_on_a_location_that_has_a_part_costs_the_parcel_more() -> None:
    found = chosen(asked(warehouse(), site("york", 1, 0)))

    assert [(row.locations, row.minor, row.shipments) for row in found.insisted] == [
        (("dc",), 0, 0),
        (("york",), 400 + 60 + 15 - 8, 1),
    ]


def test_two_locations_send_it_together_where_nobody_has_it_whole() -> None:
    found = chosen(asked(site("leeds", 2, 0), site("york", 0, 1)))

    assert [(each.location, each.units) for each in found.sent] == [("leeds", {1: 2}), ("york", {2: 1})]
    assert found.objective == (0, 0, 490 + 475, 2)
    assert found.sentence == "Leeds sends 2 units; York sends 1 unit: together they keep the promise."


def test_a_first_parcel_splits_nothing_and_a_second_one_costs_the_customers_patience() -> None:
    patience = 150
    sites = [
        each._replace(options=tuple(o._replace(fixed_minor=o.fixed_minor + patience) for o in each.options))
        for each in (site("leeds", 2, 0), site("york", 0, 1), warehouse())
    ]
    one = choose(asked(*sites), (), NAMES, split_minor=patience)
    two = choose(asked(*sites[:2]), (), NAMES, split_minor=patience)

    assert isinstance(one, Chosen)
    assert isinstance(two, Chosen)
    assert (one.sent[0].cost_minor, one.objective.minor) == (474, 474)
    assert one.if_rejected["dc"] == (0, 0, 490 + 475 + patience, 2)
    assert [each.cost_minor for each in two.sent] == [490, 475 + patience]
    assert two.objective == (0, 0, 490 + 475 + patience, 2)


def test_what_cannot_be_fulfilled_whole_is_refused_with_what_could_be_sent() -> None:
    found = refused(asked(site("leeds", 1, 1)))

    assert found.rejected == (
        Rejected("leeds", "NO_ATP", "has 1 of 2 of line 1, and nobody has the rest"),
        STALE,
    )
    [part] = found.choices
    assert (part.objective, part.sent[0].units) == ((1, 0, 550, 1), {1: 1, 2: 1})
    assert found.sentence == (
        "No location can keep the promise. leeds: has 1 of 2 of line 1, and nobody has the rest;"
        " hull: was not heard for 6 min 40 s."
    )


def test_nobody_at_all_is_a_clear_answer() -> None:
    assert choose(asked(), (), {}).sentence == "No location can keep the promise: none is known."


def test_being_in_time_at_any_price_is_a_choice_for_a_person() -> None:
    late = Option("standard", 2, 400, ((9999, 0),))
    soon = Option("express", 0, 20_000, ((9999, 0),))
    question = asked(site("leeds", options=(late, soon)))

    assert isinstance(choose(question, (), NAMES, saved_day_minor=5_000), Chosen)
    found = refused(question, saved_day_minor=2_500)

    assert [answer.objective for answer in found.choices] == [(0, 0, 20_165, 1), (0, 6, 565, 1)]
    assert found.sentence == (
        "Being 6 unit-days earlier would cost 196.00 more than being late: somebody decides."
    )


def test_a_location_whose_parcels_are_all_too_heavy_is_removed_by_that_rule() -> None:
    light = site("york", options=(Option("standard", 0, 400, ((10, 0),)),))
    question = asked(warehouse(), light)
    question = replace(question, lines=(Line("1", 2, 500), Line("2", 1, 500)))

    found = chosen(question)

    assert found.rejected == (
        STALE,
        Rejected("york", "TOO_HEAVY", "no service takes so much weight from there"),
    )
    assert [row.locations for row in found.insisted] == [("dc",)]


def test_the_digest_changes_with_any_fact_and_with_no_order_of_facts() -> None:
    question = asked(site("leeds"), site("york", 5), warehouse())
    digest = digest_of(question, (STALE,))

    assert digest_of(shuffled(question, 3), (STALE,)) == digest
    assert digest_of(question, ()) != digest
    assert digest_of(asked(site("leeds"), site("york", 4), warehouse()), (STALE,)) != digest
    assert digest_of(replace(question, max_shipments=1), (STALE,)) != digest
    dearer = site("york", 5, options=(STANDARD, EXPRESS._replace(fixed_minor=901)))
    assert digest_of(asked(site("leeds"), dearer, warehouse()), (STALE,)) != digest
