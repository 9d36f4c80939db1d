"""Units that a location gives back are routed again: elsewhere, at most twice, never while it has them."""

import json
from collections.abc import Iterator

import pytest

from hub.database import HubDatabase
from hub.fleet.rows import directives
from hub.route.rows import decisions
from protocol import later
from protocol.fulfilment import (
    FulfilKind,
    Parcel,
    Promise,
    PutBackLine,
    RejectReason,
    ShortLine,
    ShortReason,
    UnitsLine,
)
from protocol.orders import OrderLine
from tests.support.promising import Story, lend, rights, rows


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    made = Story(hub_database)
    yield made
    made.channel.close()


def back(units: int, line_no: int = 1, sku: str = "A") -> tuple[PutBackLine, ...]:
    return (PutBackLine(line_no=line_no, sku=sku, lent=units),)


def test_a_shipped_order_that_a_store_rejects_goes_to_the_next_one_and_never_back(story: Story) -> None:
    story.order = story.channel.send(story.channel.ship())
    for n in range(3):
        newest = rows(story.hub, decisions)[-1]["location"]
        assert len(story.decided()) == n + 1
        story.leave(newest)
        story.tell(
            later.AssignmentRejected(**story.assignment, reason=RejectReason.NO_CAPACITY, lines=back(1)),
            newest,
        )

    triggers = [(row["trigger"], row["outcome"]) for row in rows(story.hub, decisions)]
    places = [row["location"] for row in rows(story.hub, decisions)]
    assert triggers == [
        ("placed", "chosen"),
        ("rejected", "chosen"),
        ("rejected", "chosen"),
        ("rejected", "unroutable"),
    ]
    assert sorted(places) == ["", "store-1", "store-2", "store-3"]
    assert "unroutable" in story.cards()
    for store in ("store-1", "store-2", "store-3"):
        granted, allocated, ended, _version = rights(story.hub, store, "A")
        assert (allocated, ended) == (1, 1), (store, granted)


def test_an_order_that_was_given_back_twice_and_then_sent_is_read_on_one_screen(story: Story) -> None:
    story.order = story.channel.send(story.channel.ship())
    for _twice in range(2):
        at = rows(story.hub, decisions)[-1]["location"]
        story.leave(at)
        gives = later.AssignmentRejected(**story.assignment, reason=RejectReason.NO_CAPACITY, lines=back(1))
        story.tell(gives, at)
    assert story.cards() == ["rejected_twice"]
    at, about = rows(story.hub, decisions)[-1]["location"], story.assignment
    story.leave(at)
    all_of_it = (UnitsLine(line_no=1, sku="A", lent=1),)
    parcel = Parcel(
        parcel_no=1, parcel_id="p-1", weight_g=500, lines=all_of_it, carrier="own", tracking="T-7"
    )
    story.tell(later.AssignmentPicked(**about, list_id="l-1", lines=all_of_it), at)
    story.tell(later.AssignmentPacked(**about, parcels=(parcel,)), at)
    story.tell(later.AssignmentShipped(**about, parcels=(parcel,), lines=all_of_it), at)

    order = story.channel.client.get(f"/orders/{story.order['number']}").text
    routing = story.channel.client.get(f"/orders/{story.order['number']}/routing").text
    assert story.cards() == []  # there is nothing left to decide
    assert order.count("Routed to") == 3
    assert order.count("Given back") >= 2
    for said in ("On its way, 1 parcel", "1 of 1 sent", "Decided after a location gave it back", "attempt 3"):
        assert said in order, said
    for said in ("Every decision about it", "Since then", "if it gives it back: nobody else has all of it"):
        assert said in routing, said
    assert routing.count("EXCLUDED_REJECTED") == 2


def test_only_the_units_that_were_short_are_routed_again(story: Story) -> None:
    story.order = story.channel.send(
        story.channel.ship(
            lines=[{"sku": "A", "quantity": 3}],
            payment={"gateway": "psp", "reference": "c", "amount_minor": 34_00},
        )
    )
    first = rows(story.hub, decisions)[-1]["location"]
    story.leave(first)

    story.tell(
        later.AssignmentPicked(
            **story.assignment,
            list_id="l-1",
            lines=(UnitsLine(line_no=1, sku="A", lent=2),),
            shorts=(ShortLine(line_no=1, sku="A", lent=1, reason=ShortReason.NOT_FOUND),),
        ),
        first,
    )

    _placed, (trigger, second) = story.decided()
    assert trigger == "short"
    assert second != first
    assert json.loads(rows(story.hub, decisions)[-1]["body"])["lines"] == [[1, "A", 1]]
    assert rights(story.hub, second, "A")[1] == 1


def test_a_collection_that_nobody_came_for_is_not_sent_elsewhere(story: Story) -> None:
    story.place()
    story.leave()

    story.tell(later.AssignmentRejected(**story.assignment, reason=RejectReason.NO_SHOW, lines=back(2)))

    assert story.decided() == [("placed", "store-1")]
    assert rights(story.hub, "store-1", "A") == (5, 2, 2, 2)


def test_a_store_is_asked_for_its_part_so_that_another_one_fulfils_it(story: Story) -> None:
    story.order = story.channel.send(story.channel.ship())
    first = rows(story.hub, decisions)[-1]["location"]
    story.leave(first)
    path = f"/api/orders/{story.order['number']}/reroute"
    wanted = {"assignment_id": story.assignment["assignment_id"], "reason": "it is silent"}

    asked = story.channel.ask("POST", path, wanted)
    assert asked["requested"] == [first]
    assert len(story.decided()) == 1
    assert story.channel.ask("POST", path, wanted, status=409)["code"] == "already_requested"
    story.tell(later.AssignmentCancelled(**story.assignment, lines=back(1)), first)

    _placed, (trigger, second) = story.decided()
    assert (trigger, second != first) == ("cancelled", True)
    assert story.channel.ask("POST", path, wanted, status=409)["code"] == "not_held"


def test_an_order_that_was_never_sent_is_re_routed_at_once_and_elsewhere(story: Story) -> None:
    story.order = story.channel.send(story.channel.ship())
    first = rows(story.hub, decisions)[-1]["location"]
    path = f"/api/orders/{story.order['number']}/reroute"

    done = story.channel.ask(
        "POST", path, {"assignment_id": story.assignment["assignment_id"], "reason": "it is dark"}
    )

    assert done["requested"] == []
    _placed, (trigger, second) = story.decided()
    assert (trigger, second != first) == ("withdrawn", True)


def test_an_order_that_its_store_has_spoken_of_is_asked_for_though_this_hub_has_not_sent_it(
    story: Story,
) -> None:
    """The hub was restored: the life of it that had sent the offer is lost, the store's word is not."""
    story.order = story.channel.send(story.channel.ship())
    first = rows(story.hub, decisions)[-1]["location"]
    story.tell(later.AssignmentAccepted(**story.assignment), first)
    assert rows(story.hub, directives)[-1]["state"] == "queued"
    path = f"/api/orders/{story.order['number']}/reroute"

    done = story.channel.ask(
        "POST", path, {"assignment_id": story.assignment["assignment_id"], "reason": "it is dark"}
    )

    assert done["requested"] != []
    assert [row["kind"] for row in rows(story.hub, directives)][-1] == "assignment.cancel"
    assert len(story.decided()) == 1


def at_counter(story: Story, location: str, *, units: int = 1, total_minor: int = 10_00) -> later.OrderPlaced:
    """Return an order that store-1 took to be collected at another store."""
    line = OrderLine(
        line_no=1,
        sku="A",
        name="Article A",
        quantity=units,
        list_price_minor=10_00,
        unit_price_minor=10_00,
        gross_minor=units * 10_00,
        tax_minor=round(units * 10_00 / 6),
        rate_ppm=200_000,
    )
    return later.OrderPlaced(
        order_id="o-1",
        number="S11-00001",
        channel="pos",
        currency="GBP",
        lines=(line,),
        total_minor=total_minor,
        tax_minor=line.tax_minor,
        promise=Promise(
            kind=FulfilKind.COLLECT,
            location=location,
            due_us=story.channel.clock.at_us + 86_400_000_000,
            provisional=True,
        ),
    )


def test_an_order_that_one_store_took_for_another_is_routed_when_it_arrives(story: Story) -> None:
    story.tell(at_counter(story, "store-2"))

    assert story.decided() == [("placed", "store-2")]
    assert story.kinds() == ["order.placed", "order.routed"]
    assert story.told("store-2") == ["assignment.offer"]
    assert rights(story.hub, "store-2", "A") == (4, 1, 0, 1)
    assert story.cards() == []


def test_what_a_store_promised_and_nobody_can_keep_is_taken_in_and_needs_a_person(story: Story) -> None:
    story.tell(at_counter(story, "store-2", units=9, total_minor=89_99))

    assert story.kinds()[:2] == ["order.placed", "exception.raised"]
    assert sorted(story.cards()) == ["money_difference", "unroutable"]
    assert story.channel.ask("GET", "/api/orders/S11-00001")["order"]["state"] == "captured"
    assert rights(story.hub, "store-2", "A") == (4, 0, 0, 0)


def test_a_line_that_nobody_can_fulfil_stays_on_the_desk_when_another_one_finds_a_place(story: Story) -> None:
    lines = [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]
    paid = {"gateway": "psp", "reference": "ch_1", "amount_minor": 19_00}
    story.order = story.channel.send(story.channel.ship(lines=lines, payment=paid))
    story.leave()
    mine = story.assignment
    story.tell(later.PickStarted(**mine, list_id="l-1"))
    shorts = (ShortLine(line_no=2, sku="B", lent=1, reason=ShortReason.NOT_FOUND),)
    found = (UnitsLine(line_no=1, sku="A", lent=1),)
    story.tell(later.AssignmentPicked(**mine, list_id="l-1", lines=found, shorts=shorts))

    story.tell(later.AssignmentRejected(**mine, reason=RejectReason.NO_CAPACITY, lines=back(1)))
    cards = story.cards()
    story.hub.database.write(lambda unit: lend(unit, "store-3", B=1))
    story.channel.ask("POST", f"/api/orders/{story.order['number']}/route")

    assert "unroutable" in cards
    assert [trigger for trigger, _place in story.decided()] == ["placed", "short", "rejected", "asked"]
    assert "unroutable" not in story.cards()
