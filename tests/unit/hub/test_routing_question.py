"""The routing question that facts make: prices, and a reason for every location that is not in it."""

import random
from typing import Any

import pytest

from hub.route.facts.book import Book
from hub.route.facts.geo import Destination, Point
from hub.route.facts.known import About, Facts, Good, Known
from hub.route.facts.outcomes import Outcomes
from hub.route.facts.parameters import ParameterSet
from hub.route.facts.question import Question, question_of
from hub.route.rules.choice import Ask, Need
from hub.route.rules.instance import Plan, Site
from hub.route.rules.solve import solve
from hub.spine.work import Promising
from protocol.fulfilment import FulfilKind

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
MONDAY_US = 1_793_610_000_000_000  # Monday 2 November 2026, 09:00 in London
SERVICES = ("standard", "express")
LEEDS, YORK, LONDON = Point(5_379_700, -154_800), Point(5_395_800, -108_000), Point(5_150_700, -12_800)


def ask(kind: FulfilKind = FulfilKind.SHIP, *lines: Need, **said: Any) -> Ask:
    wanted = lines or (Need(1, "A", 2), Need(2, "B", 1))
    return Ask("order-1", kind, said.pop("due_us", MONDAY_US + 2 * DAY_US), MONDAY_US, wanted, **said)


def place(location: str, *stock: int, kind: str = "store", **said: Any) -> Known:
    """Return a location with (free, missing, promisable) of each item, nine of both unless said."""
    return Known(
        location=location,
        name=location.title(),
        kind=kind,
        entity=said.pop("entity", "main"),
        zone="Europe/London",
        silent=said.pop("silent", ""),
        age_seconds=said.pop("age_seconds", 5),
        stock=stock or (9, 0, 9, 9, 0, 9),
        backlog=said.pop("backlog", 0),
    )


def asked(known: list[Known], about: About | None = None, of: Ask | None = None, **said: Any) -> Question:
    """Return the question of a set of parameters, said as its tables."""
    names = ("accepts", "goods", "shelf", "rate_milli", "points")
    facts = {name: said.pop(name) for name in names if name in said}
    said["general"] = {
        "max_shipments": 1,
        **said.get("general", {}),
    }  # whole orders, unless a test splits them
    book = Book(1, ParameterSet.model_validate(said), Promising())
    return question_of(book, Facts(of or ask(), about or About(), known, **facts))


def why(question: Question) -> dict[str, str]:
    return {row.location: row.code for row in question.rejected}


def site(question: Question, location: str = "leeds") -> Site:
    return next(each for each in question.instance.sites if each.location == location)


def by_the_settings(known: Known, of: Ask, terms: Promising) -> tuple[str, int]:
    """Return why the settings alone remove a location, or what fulfilling everything from there costs."""
    collect, store = of.kind is FulfilKind.COLLECT, known.kind == "store"
    short = [n for n, need in enumerate(of.lines) if known.stock[3 * n + 2] < need.quantity]
    reasons = [
        ("NOT_CAPABLE", collect and (known.location != of.location or not store)),
        ("EXCLUDED_REJECTED", known.location in of.excluded),
        (known.silent, bool(known.silent)),
        ("NO_ATP", bool(short)),
        ("CUTOFF", of.now_us + terms.ready_minutes * 60_000_000 > of.due_us),
    ]
    code = next((code for code, applies in reasons if applies), "")
    line, unit = (
        (terms.pick_line_minor, terms.pick_unit_minor)
        if store
        else (terms.warehouse_pick_line_minor, terms.warehouse_pick_unit_minor)
    )
    label = 0 if collect else min(minor for _service, minor in terms.ship_minor)
    return code, label + len(of.lines) * line + of.units * unit


def test_without_parameters_the_answer_is_that_of_the_settings() -> None:
    turn, terms = random.Random(7), Promising()
    for _n in range(80):
        kind = turn.choice([FulfilKind.SHIP, FulfilKind.COLLECT])
        names = [f"place-{n}" for n in range(5)]
        where = turn.choice(names) if kind is FulfilKind.COLLECT else ""
        due_us = MONDAY_US + turn.choice([HOUR_US // 4, DAY_US, DAY_US])
        question = ask(kind, location=where, due_us=due_us, excluded=frozenset(turn.sample(names, 1)))
        known = [
            place(
                name,
                *[units for _sku in "AB" for free in [turn.randint(0, 4)] for units in (free, 0, free)],
                kind=turn.choice(["store", "store", "warehouse"]),
                silent=turn.choice(["", "", "", "STALE", "INACTIVE"]),
            )
            for name in names
        ]
        wanted = {
            each.location: by_the_settings(each, question, terms)
            for each in known
            if not where or each.location == where
        }

        made = asked([each for each in known if each.location in wanted], of=question)
        plan = solve(made.instance)

        assert isinstance(plan, Plan)
        assert why(made) == {name: code for name, (code, _minor) in wanted.items() if code}
        able = [minor for code, minor in wanted.values() if not code]
        assert len(plan.shipments) == bool(able)
        if able:
            assert (plan.objective.unserved, plan.objective.minor) == (0, min(able))


def test_every_rule_says_whom_it_removed_and_by_which_fact() -> None:
    general: dict[str, Any] = {"general": {"max_shipments": 3}}
    cases: list[tuple[str, str, Question]] = [
        ("INACTIVE", "is shut out", asked([place("leeds", silent="INACTIVE")])),
        ("STALE", "was not heard for 6 min 40 s, 5 min are allowed", asked(
            [place("leeds", age_seconds=400)], places=[{"location": "leeds", "stale_minutes": 5}])),
        ("NOT_CAPABLE", "does not ship", asked(
            [place("leeds")], places=[{"location": "leeds", "ships": False}])),
        ("NOT_CAPABLE", "does not ship by drone", asked([place("leeds")], of=ask(service="drone"))),
        ("EXCLUDED_REJECTED", "has given this order back, or somebody went on without it", asked(
            [place("leeds")], of=ask(excluded=frozenset({"leeds"})))),
        ("LEGAL_ENTITY", "belongs to north, sold by main", asked(
            [place("leeds", entity="north")], About(seller="main"),
            entities=[{"seller": "main", "owner": "north", "allowed": False}])),
        ("DEFICIT", "misses 1 of A that are promised already", asked([place("leeds", 9, 1, 0, 9, 0, 9)])),
        ("SAFETY_STOCK", "has 3 of A free and keeps 2", asked([place("leeds", 3, 0, 1, 9, 0, 9)])),
        ("QUOTA_EMPTY", "has 7 of A on its shelf and has lent none", asked(
            [place("leeds", 0, 0, 0, 9, 0, 9)], shelf={("leeds", "A"): 7})),
        ("NO_ATP", "has 1 of A free, 2 needed", asked([place("leeds", 1, 0, 1, 9, 0, 9)])),
        ("SPLIT_VALUE_MIN", "has none of A free; too little is ordered for two places", asked(
            [place("leeds", 0, 0, 0, 9, 0, 9)], About(value_minor=500),
            general={"max_shipments": 3, "split_from_minor": 5_000})),
        ("LINE_NOT_WHOLE", "has 1 of 2 of line 1", asked(
            [place("leeds", 1, 0, 1, 0, 0, 0)],
            items=[{"scope": "sku", "name": "A", "whole": True}], **general)),
        ("GROUP_BROKEN", "cannot send all that travels together as set", asked(
            [place("leeds", 0, 0, 0, 9, 0, 9)],
            items=[{"scope": "sku", "name": sku, "together": "set"} for sku in "AB"], **general)),
        ("CLOSED", "is closed until too late", asked(
            [place("leeds")], of=ask(due_us=MONDAY_US + HOUR_US),
            hours=[{"day": "daily", "opens": "12:00", "closes": "18:00"}])),
        ("CLOSED", "is closed for weeks", asked(
            [place("leeds")], hours=[{"day": "2020-01-01", "opens": "12:00", "closes": "18:00"}])),
        ("NO_CAPACITY", "has 900 units to pick and no hands free in time", asked(
            [place("leeds", backlog=900)],
            capacity=[{"day": "daily", "begins": "09:00", "ends": "17:00", "units": 10}])),
        ("NO_CAPACITY", "has no hands free before it is due", asked(
            [place("leeds", backlog=30)],
            capacity=[{"day": "daily", "begins": "09:00", "ends": "17:00", "units": 10}])),
        ("CUTOFF", "the carrier comes too late", asked(
            [place("leeds")], of=ask(due_us=MONDAY_US + 2 * HOUR_US),
            cutoffs=[{"service": name, "day": "daily", "at": "16:00"} for name in ("standard", "express")])),
        ("CUTOFF", "needs 30 minutes, and less is left", asked(
            [place("leeds")], of=ask(due_us=MONDAY_US + 60))),
        ("CARRIER_ZONE", "the way there lies in no zone", asked(
            [place("leeds")], zones=[{"zone": "near", "up_to_km": 50}])),
        ("CARRIER_ZONE", "no carrier goes to zone everywhere", asked(
            [place("leeds")], services=[{"service": "s", "zone": "far", "days": 1, "label_minor": 1}])),
        ("TOO_HEAVY", "weighs 4500 g, at most 2000 g are taken", asked(
            [place("leeds")], items=[{"scope": "all", "weight_g": 1_500}],
            bands=[{"service": each, "up_to_g": 2_000, "extra_minor": 0} for each in SERVICES])),
        ("RULE:shield", "is left out by the rule shield", asked(
            [place("leeds")], filters=[{"name": "shield", "removes": "leeds"}])),
    ]  # fmt: skip
    for code, fact, question in cases:
        assert [(row.location, row.code, row.fact) for row in question.rejected] == [("leeds", code, fact)]
        assert question.instance.sites == ()


def test_zones_follow_the_distance_and_rules_may_look_at_it() -> None:
    services = [
        {"service": "van", "zone": "near", "days": 0, "label_minor": 250},
        {"service": "van", "zone": "far", "days": 2, "label_minor": 700},
    ]
    said: dict[str, Any] = {
        "services": services,
        "zones": [{"zone": "near", "up_to_km": 100}, {"zone": "far"}],
        "places": [
            {"location": "leeds", "latitude_e5": LEEDS[0], "longitude_e5": LEEDS[1]},
            {"location": "london", "group": "south", "latitude_e5": LONDON[0], "longitude_e5": LONDON[1]},
        ],
    }
    to_york = About(destination=Destination("GB", "YO1", YORK))

    question = asked([place("leeds"), place("london")], to_york, **said)

    assert {each.location: each.options[0].fixed_minor for each in question.instance.sites} == {
        "leeds": 250,
        "london": 700,
    }
    assert question.apart["leeds"].distance_m == pytest.approx(35_400, abs=400)
    shielded = asked(
        [place("leeds"), place("london")],
        to_york,
        filters=[{"name": "radius", "beyond_km": 120}],
        points={"leeds": LEEDS},
        **said,
    )
    assert why(shielded) == {"london": "RULE:radius"}
    grouped = asked([place("london")], to_york, filters=[{"name": "north-only", "removes": "south"}], **said)
    assert why(grouped) == {"london": "RULE:north-only"}


def test_prices_are_made_of_labour_capacity_risk_returns_entities_and_packages() -> None:
    question = asked(
        [place("leeds", entity="north", backlog=80)],
        About(seller="main"),
        goods={"A": Good("Lamps", 600), "B": Good("", 100)},
        general={
            "overtime_minor": 3_600,
            "busy_from_ppm": 500_000,
            "reroute_minor": 400,
            "return_minor": 300,
            "max_shipments": 2,
            "split_minor": 90,
        },
        places=[{"location": "leeds", "hour_minor": 1_200, "line_seconds": 120, "unit_seconds": 30}],
        capacity=[{"day": "daily", "begins": "09:00", "ends": "17:00", "units": 100}],
        accept=[{"category": "Lamps", "accept_ppm": 900_000}, {"accept_ppm": 1_000_000}],
        items=[{"scope": "sku", "name": "B", "return_ppm": 200_000, "weight_g": 100}],
        entities=[{"seller": "main", "owner": "north", "unit_minor": 7}],
        services=[{"service": "van", "days": 1, "label_minor": 350}],
        bands=[
            {"service": "van", "up_to_g": 1_000, "extra_minor": 0},
            {"service": "van", "up_to_g": 3_000, "extra_minor": 100},
        ],
        packages=[{"up_to_g": 500, "cost_minor": 20}, {"up_to_g": 2_000, "cost_minor": 45}],
    )

    found = site(question)

    assert (found.pick_line_minor, found.pick_unit_minor, found.cap_units) == (40, 10, 120)
    # 83 of 100 are planned with this order: 30 x ((0.83 - 0.5) / 0.5)^2 = 13.07, rounded up.
    assert question.apart["leeds"].busy_minor == 14
    assert found.unit_minor == {"1": 14 + 7 + 40, "2": 14 + 7 + 60}
    (option,) = found.options
    assert option.fixed_minor == 350 + 90
    assert option.bands == ((500, 20), (1_000, 45), (2_000, 145))


def test_a_unit_is_worth_what_the_stores_own_customers_would_leave() -> None:
    facts: dict[str, Any] = {
        "goods": {"A": Good("", 1_000), "B": Good("", 1_000)},
        "shelf": {("leeds", "A"): 3, ("dc", "A"): 90},
        "rate_milli": {("leeds", "A"): 286},  # two in a week
    }
    general = {"demand": True, "recapture_ppm": 250_000}

    question = asked(
        [place("leeds", 3, 0, 3, 9, 0, 9), place("dc", kind="warehouse")], general=general, **facts
    )

    worth = site(question).opportunity_minor["1"]
    assert worth == (242, 445)  # 750 x P(D >= 3), then x P(D >= 2), D of mean 2.00
    assert site(question, "dc").opportunity_minor == {}
    clearance = asked(
        [place("leeds", 3, 0, 3, 9, 0, 9)],
        general=general,
        items=[{"scope": "sku", "name": "A", "residual_minor": -400}],
        **facts,
    )
    assert site(clearance).opportunity_minor["1"][0] < 0


def test_goods_come_to_the_collecting_store_by_a_lane_in_time_or_not_at_all() -> None:
    lanes = [{"origin": "leeds", "to": "york", "days": 1, "fixed_minor": 150, "unit_minor": 20}]
    collect = ask(FulfilKind.COLLECT, location="york")
    nothing_there = place("york", 0, 0, 0, 0, 0, 0)

    question = asked([place("leeds"), nothing_there, place("hull")], of=collect, lanes=lanes)

    (only,) = question.instance.sites
    assert (only.location, [(o.service, o.fixed_minor) for o in only.options]) == (
        "leeds",
        [("transfer", 150)],
    )
    assert only.unit_minor == {"1": 20, "2": 20}
    assert why(question) == {"york": "NO_ATP", "hull": "NOT_CAPABLE"}
    soon = ask(FulfilKind.COLLECT, location="york", due_us=MONDAY_US + 12 * HOUR_US)
    (too_late, _nothing) = asked([place("leeds"), nothing_there], of=soon, lanes=lanes).rejected
    assert too_late == ("leeds", "CUTOFF", "what it sends comes to york too late")
    late = asked([place("leeds"), nothing_there], of=soon, lanes=lanes, general={"late_allowed": True})
    assert site(late).options[0].late_days == 1


def test_two_lines_of_one_item_share_what_a_location_has() -> None:
    twice = ask(FulfilKind.SHIP, Need(1, "A", 2), Need(2, "A", 3))

    question = asked([place("leeds", 4, 0, 4)], of=twice, general={"max_shipments": 2})

    assert site(question).atp == {"1": 2, "2": 2}
    assert why(asked([place("leeds", 4, 0, 4)], of=twice)) == {"leeds": "NO_ATP"}
    priced = asked(
        [place("leeds", 4, 0, 4)],
        of=twice,
        general={"max_shipments": 2, "demand": True},
        goods={"A": Good("", 1_000)},
        rate_milli={("leeds", "A"): 286},
    )
    # The second line begins where the first one ends: P(D >= 4), P(D >= 3), then P(D >= 2), P(D >= 1).
    assert site(priced).opportunity_minor == {"1": (143, 323), "2": (594, 865)}


def test_who_packs_a_part_already_sends_more_without_another_label() -> None:
    question = asked([place("leeds"), place("york")], About(holding=frozenset({"leeds"})))

    assert {each.location: each.options[1].fixed_minor for each in question.instance.sites} == {
        "leeds": 0,
        "york": 400,
    }


def test_patience_is_paid_for_from_the_second_shipment_on() -> None:
    general = {"max_shipments": 2, "split_minor": 150, "split_from_minor": 3_000}
    half, other = place("leeds", 9, 0, 9, 0, 0, 0), place("york", 0, 0, 0, 9, 0, 9)

    whole = asked([place("leeds")], general=general)
    split = asked([half, other], general=general)
    cheap = asked([place("leeds")], About(value_minor=500), general=general)

    plans = [solve(question.instance) for question in (whole, split, cheap)]
    assert [plan.objective.shipments for plan in plans if isinstance(plan, Plan)] == [1, 2, 1]
    costs = [
        question.cost_minor(plan)
        for question, plan in zip((whole, split, cheap), plans, strict=True)
        if isinstance(plan, Plan)
    ]
    assert costs == [400 + 2 * 60 + 3 * 15, 2 * 400 + 2 * 60 + 3 * 15 + 150, 400 + 2 * 60 + 3 * 15]


def test_what_a_location_did_before_prices_its_risk_and_a_row_that_names_it_wins() -> None:
    seen = {
        ("leeds", ""): Outcomes(kept=20, asked=60, newest_us=MONDAY_US),
        ("leeds", "shoes"): Outcomes(kept=0, asked=20, newest_us=MONDAY_US),
        ("york", ""): Outcomes(kept=1, asked=1, newest_us=MONDAY_US),
    }
    goods = {"A": Good(category="shoes"), "B": Good()}
    places = [place("leeds"), place("york"), place("hull")]
    everywhere = {"accept_ppm": 900_000}

    def risks(*rows: dict[str, Any]) -> dict[str, dict[str, int]]:
        found = asked(places, general={"reroute_minor": 1_000}, accept=rows, accepts=seen, goods=goods)
        return {name: dict(each.risk_minor) for name, each in found.apart.items()}

    # (20 + 20 x 0.9) / 80 for all of Leeds; (0 + 20 x 0.475) / 40 of its shoes; (1 + 20 x 0.9) / 21 of York.
    assert risks(everywhere) == {
        "leeds": {"1": 763, "2": 525},
        "york": {"1": 96, "2": 96},
        "hull": {"1": 100, "2": 100},
    }
    assert risks(everywhere, {"location": "leeds", "accept_ppm": 980_000})["leeds"] == {"1": 20, "2": 20}
    assert risks()["hull"] == {"1": 50, "2": 50}, "what is assumed where no row says it"
    assert asked(places, accepts=seen, goods=goods).apart["leeds"].risk_minor == {}, "it costs nothing"


def test_a_location_that_is_cut_off_costs_more_the_longer_it_has_been_silent() -> None:
    ages = {"hull": 44, "leeds": 3_600, "york": 86_400}
    places = [place(name, age_seconds=age) for name, age in ages.items()]

    found = asked(places, general={"reroute_minor": 1_000})

    # An hour silent, and 48 hours less half an hour until somebody must begin: 1 / (1 + 47.5) of 10.00.
    assert {name: each.offline_minor for name, each in found.apart.items()} == {
        "hull": 0,
        "leeds": 21,
        "york": 336,
    }
    fixed = {name: min(option.fixed_minor for option in site(found, name).options) for name in ages}
    assert (fixed["leeds"] - fixed["hull"], fixed["york"] - fixed["hull"]) == (21, 336)
    plan = solve(found.instance)
    assert isinstance(plan, Plan)
    assert [each.location for each in plan.shipments] == ["hull"]
    assert asked(places).apart["york"].offline_minor == 0, "where an order given back costs nothing"
