"""A choice claims what it does, and what it settles closes every card of the same cause."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from hub.capture.steps import By
from hub.capture.wanted import CancelWanted, LineUnits
from hub.database import HubDatabase
from hub.desk.consequences import Preview
from hub.desk.words import Reader
from hub.exceptions.rows import exceptions
from hub.fulfil.steps import look_at_clocks
from hub.route.rows import decisions
from hub.schema import create_schema
from hub.service.steps import cancel
from hub.spine.later_rows import later_orders
from protocol import later
from protocol.fulfilment import ShortLine, ShortReason, UnitsLine
from tests.support import desk
from tests.support.desk_kinds import (
    HOUR_US,
    Company,
    gives_up,
    promise_at_risk,
    promise_late,
    rejected_twice,
    short_pick,
)
from tests.support.promising import rows

NAMES = {"store-1": "York", "store-2": "Leeds", "store-3": "Hull"}


@pytest.fixture
def company(tmp_path: Path) -> Iterator[Company]:
    database = HubDatabase(f"sqlite:///{tmp_path / 'hub.db'}")
    create_schema(database.engine)
    yield Company(database)
    database.close()


def late_short_pick(company: Company) -> None:
    """Nothing is found where the customer collects it, and the day of the promise passes."""
    short_pick(company)
    company.pass_time(60, *NAMES)
    look_at_clocks(company.hub)


def late_and_allowed(company: Company) -> None:
    """The same, and being late is better than not coming at all."""
    late_short_pick(company)
    _late_allowed(company)


def soon_and_allowed(company: Company) -> None:
    """The same a minute before it is due: too little to have it ready."""
    short_pick(company)
    due_us = rows(company.hub, later_orders)[0]["due_us"]
    company.pass_time((due_us - company.hub.clock.now_us()) / HOUR_US - 1 / 60, *NAMES)
    _late_allowed(company)


def _late_allowed(company: Company) -> None:
    channel = company.story.channel
    channel.admin()
    rules = {"base": 0, "set": {"general": {"late_allowed": True}}}
    version = channel.ask("POST", "/api/routing/sets", rules, status=201)["version"]
    channel.ask("POST", f"/api/routing/sets/{version}/activate", {"seen": 0})


def half_short_pick(company: Company) -> None:
    """One of two is found where the customer collects it, and nobody else may bring the other."""
    company.story.place()
    company.story.leave()
    company.story.tell(
        later.AssignmentPicked(
            **company.story.assignment,
            list_id="l-1",
            lines=(UnitsLine(line_no=1, sku="A", lent=1),),
            shorts=(ShortLine(line_no=1, sku="A", lent=1, reason=ShortReason.NOT_FOUND),),
        )
    )


def pills(company: Company, kind: str) -> dict[str, tuple[str, str]]:
    """Return the pill of every choice of a card, a word and its shape."""
    reader = Reader(NAMES, "GBP", "Europe/London", 0)
    found = desk.offered(company.hub, desk.card(company.hub, kind)).items()
    shown = {name: reader.shown(each.choice, each.preview, may=True) for name, each in found}
    return {name: (each.word, each.shape) for name, each in shown.items()}


@pytest.mark.parametrize(
    ("drive", "kind", "choice", "pill"),
    [
        (short_pick, "short_pick", "order.route", ("Promise kept", "done")),
        (short_pick, "short_pick", "order.bring", ("Promise kept if Leeds sends it", "wait")),
        (short_pick, "short_pick", "order.instead:collect:store-2:", ("Promised otherwise", "wait")),
        (late_short_pick, "short_pick", "order.route", ("Changes nothing", "calm")),
        (late_and_allowed, "short_pick", "order.route", ("Somebody has it, late", "wait")),
        (soon_and_allowed, "short_pick", "order.route", ("Somebody has it, late", "wait")),
        (late_short_pick, "short_pick", "order.bring", ("Late, if Leeds sends it", "wait")),
        (rejected_twice, "rejected_twice", "order.reroute:store-1", ("Nobody would fulfil it", "act")),
        (rejected_twice, "rejected_twice", "order.instead:ship::express", ("Promise kept", "done")),
    ],
)
def test_a_pill_claims_no_more_than_a_choice_does(
    company: Company, drive: Callable[[Company], None], kind: str, choice: str, pill: tuple[str, str]
) -> None:
    drive(company)

    assert pills(company, kind)[choice] == pill


def closes(shown: Preview) -> list[str]:
    """Return the kinds of card that a preview closes."""
    return sorted(card.kind for card in shown.consequences.cards if not card.opened)


@pytest.mark.parametrize("kind", ["short_pick", "unroutable", "promise_late"])
@pytest.mark.parametrize("choice", ["order.cancel", "order.bring", "order.promise"])
def test_every_card_of_one_cause_closes_with_it_and_the_preview_shows_that(
    company: Company, kind: str, choice: str
) -> None:
    late_short_pick(company)
    assert open_cards(company) == ["promise_late", "short_pick", "unroutable"]

    shown = desk.outcome_as_shown(company.hub, desk.card(company.hub, kind), choice)

    assert closes(shown) == ["promise_late", "short_pick", "unroutable"]
    assert open_cards(company) == []
    look_at_clocks(company.hub)
    assert open_cards(company) == ([] if choice != "order.bring" else ["promise_late"])


@pytest.mark.parametrize("kind", ["short_pick", "unroutable"])
def test_cancelling_what_nobody_has_closes_every_card_about_it_and_none_about_the_rest(
    company: Company, kind: str
) -> None:
    half_short_pick(company)
    assert open_cards(company) == ["short_pick", "unroutable"]

    shown = desk.outcome_as_shown(company.hub, desk.card(company.hub, kind), "order.cancel:loose")

    assert closes(shown) == ["short_pick", "unroutable"]
    assert open_cards(company) == []


def test_cancelling_a_part_of_what_nobody_has_leaves_the_cards_about_the_rest(company: Company) -> None:
    short_pick(company)
    line = LineUnits(line_no=1, units=1)
    wanted = CancelWanted(lines=(line,), reason="one is enough", by_customer=True)

    cancel(company.hub, company.story.order["number"], wanted, By("Ada"))

    assert open_cards(company) == ["short_pick", "unroutable"]


def test_an_order_that_is_cancelled_needs_nobody_who_decides_who_fulfils_it(company: Company) -> None:
    rejected_twice(company)

    shown = desk.outcome_as_shown(company.hub, desk.card(company.hub, "rejected_twice"), "order.cancel")

    assert closes(shown) == ["rejected_twice"]
    assert open_cards(company) == []


@pytest.mark.parametrize("drive", [promise_late, promise_at_risk])
def test_a_part_that_is_given_up_is_late_nowhere_any_more(
    company: Company, drive: Callable[[Company], None]
) -> None:
    drive(company)
    kind = drive.__name__
    where = str(rows(company.hub, decisions)[0]["location"])
    exception_id = desk.card(company.hub, kind)

    shown = desk.outcome_as_shown(
        company.hub, exception_id, f"order.reroute:{where}", partial(gives_up, company), "agreed"
    )

    agreed = next(each.consequences for each in shown.outcomes if each.answer == "agreed")
    assert kind in [card.kind for card in agreed.cards if not card.opened]
    assert kind not in open_cards(company)


def test_a_later_promise_is_late_no_more(company: Company) -> None:
    promise_late(company)

    shown = desk.outcome_as_shown(company.hub, desk.card(company.hub, "promise_late"), "order.promise")

    assert closes(shown) == ["promise_late"]
    assert open_cards(company) == []


def open_cards(company: Company) -> list[str]:
    """Return the kinds of the cards that are open."""
    return sorted(row["kind"] for row in rows(company.hub, exceptions) if row["state"] == "open")
