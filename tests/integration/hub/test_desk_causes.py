"""One cause may have several cards: what a choice claims to do is so, and what it settles closes all of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.database import HubDatabase
from hub.desk.words import Reader
from hub.fulfil.steps import look_at_clocks
from hub.schema import create_schema
from hub.spine.later_rows import later_orders
from protocol import later
from protocol.fulfilment import ShortLine, ShortReason, UnitsLine
from tests.support import desk
from tests.support.desk_kinds import HOUR_US, Company, rejected_twice, short_pick
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
