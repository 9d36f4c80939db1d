"""Goods that are brought to where a customer collects, and transfers as programs and people ask for them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hub.database import HubDatabase
from hub.fleet.rows import directives
from hub.fulfil.answers import answers_of
from hub.fulfil.rows import assignments
from hub.stock.rows import allocations
from hub.transfers.rows import transfer_lines, transfers
from protocol import later
from protocol import transfer_messages as say
from protocol.directives import DirectiveOutcome, Outcome
from protocol.fulfilment import UnitsLine
from protocol.transfers import (
    Carton,
    CartonLine,
    ReceivedLine,
    TransferRefusal,
)
from tests.support.promising import Story, rights, rows
from tests.support.transfers import sscc


@pytest.fixture
def story(hub_database: HubDatabase) -> Iterator[Story]:
    made = Story(hub_database)
    yield made
    made.channel.close()


def lacking(story: Story) -> dict[str, Any]:
    """Place an order whose store gives it back, so that nobody has it."""
    order = story.place(lines=[{"sku": "A", "quantity": 2}])
    story.leave()
    lines = ({"line_no": 1, "sku": "A", "lent": 2, "bound": 0, "picked": 0},)
    story.tell(later.AssignmentRejected(**story.assignment, reason="not_found", lines=lines))
    assert "unroutable" in story.cards()
    return order


def ask(story: Story, status: int = 201, **said: Any) -> Any:
    return story.channel.ask("POST", f"/api/orders/{story.order['number']}/transfer", said, status=status)


def of(asked: dict[str, Any]) -> dict[str, str]:
    return {name: asked[name] for name in ("transfer_id", "number", "source", "destination")}


def told(story: Story, edge: str, kind: str) -> list[dict[str, Any]]:
    return [
        json.loads(row["bytes"])["body"]
        for row in rows(story.hub, directives)
        if (row["edge"], row["kind"]) == (edge, kind)
    ]


def ship(story: Story, asked: dict[str, Any]) -> None:
    lines = (UnitsLine(line_no=1, sku="A", lent=2),)
    carton = Carton(sscc=sscc(1), lines=(CartonLine(line_no=1, sku="A", quantity=2),))
    for body in (
        say.TransferAccepted(**of(asked), lines=lines),
        say.TransferPicked(**of(asked), lines=lines),
        say.CartonPacked(**of(asked), carton=carton, done=True),
        say.TransferShipped(**of(asked), cartons=(carton,), lines=lines),
    ):
        story.tell(body, asked["source"])


def test_what_an_order_lacks_is_brought_to_its_store_and_bound_to_it_on_arrival(story: Story) -> None:
    order = lacking(story)
    asked = ask(story)
    assert (asked["source"], asked["destination"], asked["units"], asked["lent"]) == (
        "store-2",
        "store-1",
        2,
        2,
    )
    part = rows(story.hub, assignments)[-1]
    assert (part["location"], part["state"]) == ("store-1", "proposed")
    assert rights(story.hub, "store-2", "A")[1:3] == (2, 0)
    assert "unroutable" not in story.cards()
    assert story.told("store-1").count("assignment.offer") == 1

    ship(story, asked)
    (expect,) = told(story, "store-1", "transfer.expect")
    assert [coming["number"] for coming in expect["orders"]] == [order["number"]]
    assert expect["lines"][0]["assignment_id"] == part["assignment_id"]
    with story.hub.database.read() as connection:
        held = connection.execute(
            sa.select(allocations.c.finished).where(allocations.c.owner == f"t:{asked['transfer_id']}")
        ).scalar()
    assert held == 2

    arrived = ReceivedLine(
        line_no=1,
        sku="A",
        name="Article A",
        quantity=2,
        bound=2,
        assignment_id=part["assignment_id"],
        order_id=order["order_id"],
        order_line_no=1,
    )
    receipt = say.TransferReceived(
        receipt_id="r1", **of(asked), cartons=(sscc(1),), lines=(arrived,), final=True
    )
    story.tell(receipt)
    page = story.channel.ask("GET", f"/api/transfers/{asked['number']}")

    assert page["transfer"]["state"] == "settled"
    assert page["receipts"][0]["pieces"][0]["bucket"] == "reserved"
    assert page["cartons"][0]["state"] == "received"
    assert page["transfer"]["orders"] == [order["number"]]


def test_a_transfer_for_an_order_that_is_refused_gives_the_part_back_and_calls_somebody(story: Story) -> None:
    lacking(story)
    asked = ask(story)
    story.tell(say.TransferRejected(**of(asked), reason=TransferRefusal.NO_CAPACITY), "store-2")

    assert rights(story.hub, "store-2", "A")[1:3] == (2, 2)
    assert rows(story.hub, assignments)[-1]["ended_us"] is not None
    assert {"transfer_refused", "unroutable"} <= set(story.cards())


def test_an_order_that_was_cancelled_meanwhile_lets_its_goods_go_to_the_shelf(story: Story) -> None:
    lacking(story)
    asked = ask(story)
    part = rows(story.hub, assignments)[-1]
    story.cancel()
    story.hub.database.write(lambda unit: story.hub.outbox.take(unit, "store-1", 0, resend=False))
    with story.hub.database.read() as connection:
        row = connection.execute(
            sa.select(directives)
            .where(directives.c.edge == "store-1", directives.c.kind == "assignment.cancel")
            .order_by(directives.c.cseq.desc())
        ).first()
    assert row is not None
    outcome = DirectiveOutcome(cseq=row.cseq, res=Outcome.REJECTED, code="no_assignment")
    story.hub.database.write(lambda unit: answers_of(story.hub)(unit, "store-1", row, outcome))
    ship(story, asked)
    (expect,) = told(story, "store-1", "transfer.expect")

    assert part["assignment_id"]
    assert (expect["orders"], expect["lines"][0]["order_id"]) == ([], "")


def test_customer_service_sees_who_could_send_it_and_the_order_leads_there_and_back(story: Story) -> None:
    order = lacking(story)
    client, number = story.channel.client, order["number"]
    before, form = client.get(f"/orders/{number}").text, client.get(f"/orders/{number}/transfer").text
    asked = ask(story, source="store-3")
    after, over = client.get(f"/orders/{number}").text, client.get(f"/orders/{number}/transfer").text

    assert f"/orders/{number}/transfer" in before
    assert form.index("Store 2") < form.index("Store 3")
    assert (asked["source"], f"/transfers/{asked['number']}" in after) == ("store-3", True)
    assert "waits for a location" in over


@pytest.mark.parametrize(("source", "code"), [("store-1", "nobody_sends"), ("store-9", "nobody_sends")])
def test_a_location_that_cannot_send_it_is_a_clear_answer(story: Story, source: str, code: str) -> None:
    lacking(story)

    assert ask(story, 409, source=source)["code"] == code
    assert rows(story.hub, transfers) == []


def test_an_order_that_somebody_has_is_not_brought_from_elsewhere(story: Story) -> None:
    story.place()

    assert ask(story, 409)["code"] == "nothing_loose"


def test_an_order_on_hold_is_brought_nowhere_until_it_is_released(story: Story) -> None:
    number = lacking(story)["number"]
    hold = {"reason": "looks odd", "blocks": ["route"]}
    held = story.channel.ask("POST", f"/api/orders/{number}/holds", hold, status=201)
    refused = ask(story, 409)
    page = story.channel.client.get(f"/orders/{number}/transfer", headers={"accept": "text/html"})

    assert (refused["code"], refused["facts"]["hold_id"]) == ("on_hold", held["hold_id"])
    assert f"{number} is on hold: looks odd" in page.text
    assert rows(story.hub, transfers) == []


def test_programs_ask_once_under_a_key_and_read_what_is_on_its_way(story: Story) -> None:
    wanted = {"source": "store-2", "destination": "store-1", "lines": [{"sku": "A", "quantity": 3}]}
    client = story.channel.client
    headers = {"idempotency-key": "k-1"}
    first = client.post("/api/transfers", json=wanted, headers=headers)
    again = client.post("/api/transfers", json=wanted, headers=headers)
    other = client.post("/api/transfers", json={**wanted, "note": "more"}, headers=headers)
    found = story.channel.ask("GET", "/api/transfers?view=all")
    lanes = story.channel.ask("GET", "/api/transfers/on-the-way")

    assert (first.status_code, again.json(), other.status_code) == (201, first.json(), 409)
    assert (found["total"], found["transfers"][0]["state"], lanes) == (1, "requested", [])


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ([{"sku": "A", "quantity": 0}], 422),
        ([{"sku": "A", "quantity": 10**6}], 422),
        ([], 422),
        ([{"sku": "A", "quantity": 1}] * 101, 422),
        ([{"sku": "", "quantity": 1}], 422),
        ([{"sku": "A", "quantity": True}], 422),
        ([{"sku": "A\x00", "quantity": 1}], 422),
    ],
)
def test_amounts_and_lines_beyond_their_limits_are_refused(
    story: Story, lines: list[dict[str, Any]], status: int
) -> None:
    wanted = {"source": "store-2", "destination": "store-1", "lines": lines}
    story.channel.ask("POST", "/api/transfers", wanted, status=status)

    assert rows(story.hub, transfers) == []


def test_a_file_asks_for_many_transfers_and_says_what_became_of_every_row(story: Story) -> None:
    text = (
        "source,destination,sku,quantity,grant,note\n"
        "store-2,store-1,A,3,1,\n"
        "store-2,store-1,B,2,,\n"
        "store-2,store-1,NOPE,2,,\n"
        "store-1,store-1,A,1,,\n"
        "store-2,store-3,A,zero,,\n"
        "store-2,store-3,A,0,,\n"
        "store-2,store-3,C,1,2,\n"
        "store-2,store-3,C,1,1,Soon\n"
    )
    headers = {"idempotency-key": "file-1", "content-type": "text/csv"}
    client = story.channel.client
    first = client.post("/api/transfers/import", content=text.encode(), headers=headers).json()
    again = client.post("/api/transfers/import", content=text.encode(), headers=headers).json()

    assert [(row["row"], row["number"], row["wrong"]) for row in first["report"]] == [
        (2, "HBX-00001", ""),
        (3, "HBX-00001", ""),
        (4, "", "The hub knows no item NOPE."),
        (5, "", "A transfer goes to another location; store-1 was named twice."),
        (6, "", "quantity is 'zero', not a whole number"),
        (7, "", "quantity is 0; ask for at least one unit"),
        (8, "", "grant is more than quantity"),
        (9, "HBX-00002", ""),
    ]
    assert again == first
    assert len(rows(story.hub, transfers)) == 2
    assert {row["sku"]: row["to_grant"] for row in rows(story.hub, transfer_lines)} == {
        "A": 1,
        "B": 0,
        "C": 1,
    }


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "no_file"),
        (b"\xff\xfe\x00", "not_csv"),
        (b"a,b,c\n1,2,3\n", "missing_column"),
        (b"x" * (1024 * 1024 + 1), "too_large_file"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(story: Story, data: bytes, code: str) -> None:
    answer = story.channel.client.post(
        "/api/transfers/import", content=data, headers={"content-type": "text/csv"}
    )

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
