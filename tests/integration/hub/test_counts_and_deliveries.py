"""Counts, adjustments and deliveries at the hub: progress, variances, and books that tie to the penny."""

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.exceptions.rows import listed
from hub.fleet.rows import directives
from hub.ledger.reads import trial_balance
from hub.rebuild import verify
from hub.stock import tasks
from hub.stock.rows import balances, stock_values
from hub.stock.task_answers import answers_of
from hub.stock.task_rows import count_lines, count_tasks, deliveries, delivery_lines
from hub.stock.tasks import CountsWanted, DeliveriesWanted
from protocol import stock
from protocol.directives import DirectiveOutcome, Outcome
from protocol.errors import Invalid, Refused
from protocol.stock import REASONS
from tests.support.hub import Shop, send
from tests.support.promising import company as founded
from tests.support.promising import place

INVENTORY = ("1300", "1310", "1320", "1330", "1340")


def balance_of(hub: Hub) -> dict[str, int]:
    with hub.database.read() as connection:
        return {row.account: row.amount_minor for row in trial_balance(connection) if row.amount_minor}


def tied(hub: Hub) -> dict[str, int]:
    """Return the trial balance, after looking that it is even, ties with the stock, and comes out again."""
    books = balance_of(hub)
    with hub.database.read() as connection:
        worth = connection.execute(sa.select(sa.func.sum(stock_values.c.value_minor))).scalar() or 0
        quantities = connection.execute(
            sa.select(stock_values.c.sku, stock_values.c.bucket, stock_values.c.quantity)
        ).all()
        held = connection.execute(sa.select(balances.c.sku, balances.c.bucket, balances.c.quantity)).all()
    assert sum(books.values()) == 0
    assert sum(books.get(account, 0) for account in INVENTORY) == worth
    assert {tuple(row) for row in quantities if row[2]} == {tuple(row) for row in held if row[2]}
    assert verify(hub) == {}
    return books


def count(shop: Shop, *lines: tuple[str, int, int], count_id: str = "c1", place_: str = "shelf") -> None:
    """Open, confirm and post a count of (SKU, counted, variance)."""
    scope = {"title": "A count", "skus": [sku for sku, _counted, _variance in lines], "place": place_}
    shop.say(
        stock.CountOpened.model_validate(
            scope | {"count_id": count_id, "number": f"LB1-C{count_id}", "source": "store"}
        )
    )
    shop.say(
        stock.CountConfirmed(
            count_id=count_id,
            number=f"LB1-C{count_id}",
            lines=tuple(
                stock.ConfirmedLine(
                    sku=sku, pass_no=1, counted=counted, balance=counted - variance, variance=variance
                )
                for sku, counted, variance in lines
            ),
        )
    )
    shop.say(
        stock.CountPosted(
            count_id=count_id,
            number=f"LB1-C{count_id}",
            place=stock.Place(place_),
            lines=posted(*lines),
        )
    )


def posted(*lines: tuple[str, int, int]) -> tuple[stock.PostedLine, ...]:
    return tuple(
        stock.PostedLine(sku=sku, counted=counted, variance=variance, passes=1, unit_cost_minor=999)
        for sku, counted, variance in lines
    )


def adjusted(
    shop: Shop, reason: str, sku: str, units: int, *, adjustment_id: str = "a1", undoes: str | None = None
) -> None:
    rule = REASONS[reason]
    source, target = rule.from_bucket.value, rule.to_bucket.value
    if undoes:
        source, target = target, source
    line = stock.AdjustedLine(
        sku=sku, quantity=units, from_bucket=source, to_bucket=target, unit_cost_minor=999
    )
    shop.say(
        stock.StockAdjusted(
            adjustment_id=adjustment_id,
            number=f"LB1-{adjustment_id}",
            reason=reason,
            undoes=undoes,
            lines=(line,),
        )
    )


def test_a_count_of_more_than_a_million_screws_is_booked_like_any_other(hub: Hub) -> None:
    shop = Shop()
    for _ in range(3):
        shop.stock("A", 1_000_000, 2)
    count(shop, ("A", 1_500_000, -1_500_000), ("B", stock.FIGURES, stock.FIGURES))

    answers = send(hub, shop)

    assert sum(answer.parked for answer in answers) == 0
    assert tied(hub)["5100"] == 3_000_000
    with hub.database.read() as connection:
        lines = connection.execute(sa.select(count_lines).order_by(count_lines.c.sku)).all()
    assert [(row.sku, row.posted) for row in lines] == [("A", -1_500_000), ("B", stock.FIGURES)]


def test_a_count_posts_losses_to_shrink_and_gains_beside_and_is_taken_back_to_the_penny(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 10, 333)
    shop.stock("B", 4, 250)
    count(shop, ("A", 7, -3), ("B", 6, 2), ("C", 1, 1))
    send(hub, shop)

    books = tied(hub)
    assert (books["5100"], books["5105"]) == (999, -500 - 999)
    with hub.database.read() as connection:
        task = connection.execute(sa.select(count_tasks)).one()
        lines = connection.execute(sa.select(count_lines).order_by(count_lines.c.sku)).all()
    assert (task.state, task.items, task.counted, task.over, task.short, task.value_minor) == (
        "posted", 3, 3, 3, 3, 500,
    )  # fmt: skip
    assert [(row.sku, row.posted, row.value_minor) for row in lines] == [
        ("A", -3, -999),
        ("B", 2, 500),
        ("C", 1, 999),
    ]

    shop.stock("A", 7, 900, reason="received", from_bucket="supplier")  # the average is another one by now
    lines_ = posted(("A", 7, -3), ("B", 6, 2), ("C", 1, 1))
    shop.say(
        stock.CountUndone(
            count_id="c1", number="LB1-Cc1", place=stock.Place.SHELF, reason="Wrong", lines=lines_
        )
    )
    send(hub, shop, first=len(shop.events) - 1)

    books = tied(hub)
    assert ("5100" in books, "5105" in books) == (False, False)
    with hub.database.read() as connection:
        assert connection.execute(sa.select(count_tasks.c.state)).scalar_one() == "undone"


def test_goods_that_were_not_found_for_an_order_are_shrink_and_come_back_with_their_count(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 10, 333)
    line = stock.AdjustedLine(sku="A", quantity=2, from_bucket="sellable", to_bucket="missing")
    said = {"adjustment_id": "a1", "number": "LB1-a1", "reason": "not_found", "note": "HB1-00001"}
    shop.say(stock.StockAdjusted.model_validate(said | {"lines": [line]}))
    send(hub, shop)

    assert tied(hub)["5100"] == 666

    count(shop, ("A", 10, 2))
    send(hub, shop, first=len(shop.events) - 2)
    books = tied(hub)
    assert (books["5100"], books["5105"]) == (666, -666)


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_posts_to_its_account_and_its_undoing_leaves_nothing_there(
    hub: Hub, reason: str
) -> None:
    shop, rule = Shop(), REASONS[reason]
    shop.stock("A", 10, 400)
    for bucket in ("quarantine", "held", "returns"):
        shop.stock("A", 5, 400, to_bucket=bucket)
    adjusted(shop, reason, "A", 3)
    send(hub, shop)
    accounts = {
        "stock_gain": "5105", "shrink": "5100", "own_use": "5150", "samples": "5160", "donations": "5170",
        "payables": "2000", "disposal": "5110",
    }  # fmt: skip

    books = tied(hub)
    if rule.purpose:
        sign = -1 if rule.from_bucket.value == "adjustment" else 1
        assert books[accounts[rule.purpose]] == sign * 1_200

    shop.stock("A", 10, 700, reason="received", from_bucket="supplier")
    adjusted(shop, reason, "A", 3, adjustment_id="a2", undoes="a1")
    send(hub, shop, first=len(shop.events) - 1)

    books = tied(hub)
    if rule.purpose and rule.purpose != "payables":
        assert accounts[rule.purpose] not in books


def receipt(
    shop: Shop, *lines: tuple[str, int, int, int, int], delivery_id: str | None = "d1", final: bool = True
) -> None:
    """Say a receipt of (SKU, expected, good, damaged, cost)."""
    shop.say(
        stock.DeliveryReceived(
            receipt_id="r1",
            number="LB1-W00001",
            delivery_id=delivery_id,
            supplier="Northern Cloth",
            reference="DN 1",
            final=final,
            lines=tuple(
                stock.ReceivedLine(sku=sku, expected=due, good=good, damaged=bad, unit_cost_minor=cost)
                for sku, due, good, bad, cost in lines
            ),
        )
    )


def corrected(shop: Shop, *lines: tuple[str, int, int, int], delivery_id: str | None = "d1") -> None:
    shop.say(
        stock.ReceiptCorrected(
            receipt_id="r1",
            number="LB1-W00001",
            delivery_id=delivery_id,
            reason="Wrong",
            lines=tuple(
                stock.CorrectedLine(sku=sku, good=good, damaged=bad, unit_cost_minor=cost)
                for sku, good, bad, cost in lines
            ),
        )
    )


def test_a_receipt_stands_against_what_is_not_invoiced_and_damage_keeps_its_value(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 10, 400)
    receipt(shop, ("A", 12, 8, 2, 700), delivery_id=None)
    send(hub, shop)

    books = tied(hub)

    assert (books["2000"], books["1300"], books["1310"]) == (-7_000, 4_000 + 5_600, 1_400)


def test_a_receipt_that_is_taken_back_owes_nothing_though_the_average_has_moved(hub: Hub) -> None:
    shop = Shop()
    shop.stock("A", 10, 400)
    receipt(shop, ("A", 0, 8, 2, 700), delivery_id=None)
    corrected(shop, ("A", -8, -2, 700), delivery_id=None)
    send(hub, shop)

    books = tied(hub)

    assert "2000" not in books
    assert books["5130"] + books["1300"] == 4_000


def test_a_wrong_cost_is_put_right_by_taking_all_out_and_in_again(hub: Hub) -> None:
    shop = Shop()
    receipt(shop, ("A", 0, 8, 0, 700), delivery_id=None)
    corrected(shop, ("A", -8, 0, 700), ("A", 8, 0, 650), delivery_id=None)
    send(hub, shop)

    books = tied(hub)

    assert (books["2000"], books["1300"]) == (-5_200, 5_200)


def company(hub: Hub) -> None:
    founded(hub, stores={"store-1": {}, "store-2": {}}, warehouses={})
    hub.database.write(lambda unit: place(unit, "store-9", status="revoked"))


def told(hub: Hub) -> list[tuple[str, str, str]]:
    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(directives.c.edge, directives.c.kind, directives.c.state).order_by(
                directives.c.edge, directives.c.cseq
            )
        )
        return [(row.edge, row.kind, row.state) for row in rows]


def answer(hub: Hub, edge: str, outcome: Outcome, code: str = "") -> None:
    """Answer the newest directive of a location."""

    def step(unit: Any) -> None:
        row = unit.connection.execute(
            sa.select(directives).where(directives.c.edge == edge).order_by(directives.c.cseq.desc()).limit(1)
        ).one()
        said = DirectiveOutcome(cseq=row.cseq, res=outcome, code=code, detail="None of it is known here.")
        assert answers_of(hub)(unit, edge, row, said)

    hub.database.write(step)


def test_the_hub_asks_many_stores_to_count_and_sees_each_of_them_progress(hub: Hub) -> None:
    company(hub)
    wanted = CountsWanted(key="k", locations=("store-1", "store-2"), skus=("A", "B"), tolerance_units=2)
    done, fresh = hub.database.write(lambda unit: tasks.ask(unit, hub, wanted, by="ops"))
    again, fresh_again = hub.database.write(lambda unit: tasks.ask(unit, hub, wanted, by="ops"))

    assert (again, fresh, fresh_again) == (done, True, False)
    assert told(hub) == [("store-1", "count.request", "queued"), ("store-2", "count.request", "queued")]
    shop = Shop()
    shop.stock("A", 5)
    count(shop, ("A", 4, -1), ("B", 0, 0), count_id=done.counts["store-1"])
    answer(hub, "store-2", Outcome.REJECTED, "unknown_sku")
    send(hub, shop)

    with hub.database.read() as connection:
        rows = connection.execute(sa.select(count_tasks).order_by(count_tasks.c.location)).all()
        raised = [found.kind for found in listed(connection)[0]]
    assert [(row.location, row.state, row.number[:5], row.plan_id == done.plan_id) for row in rows] == [
        ("store-1", "posted", "LB1-C", True),
        ("store-2", "refused", "", True),
    ]
    assert "stock_task_refused" in raised
    tied(hub)


def test_a_count_that_never_left_is_cancelled_for_certain_and_a_sent_one_is_asked_for_once(hub: Hub) -> None:
    company(hub)
    wanted = CountsWanted(locations=("store-1", "store-2"), scope="all")
    done, _fresh = hub.database.write(lambda unit: tasks.ask(unit, hub, wanted, by="ops"))
    hub.database.write(lambda unit: hub.outbox.take(unit, "store-2", 0, resend=False))

    def take_back(location: str) -> str:
        return hub.database.write(
            lambda unit: tasks.cancel_count(unit, hub, done.counts[location], "No", by="ops")
        ).state

    assert [take_back("store-1"), take_back("store-2"), take_back("store-2")] == [
        "cancelled",
        "asked",
        "asked",
    ]
    assert told(hub) == [
        ("store-1", "count.request", "withdrawn"),
        ("store-2", "count.request", "sent"),
        ("store-2", "count.cancel", "queued"),
    ]
    with pytest.raises(Refused) as refusal:
        take_back("store-1")
    assert refusal.value.reason == "count_closed"
    assert verify(hub) == {}


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"locations": ["store-3"], "skus": ["A"]}, "unknown_location"),
        ({"locations": ["store-9"], "skus": ["A"]}, "unknown_location"),
        ({"locations": ["store-1"], "skus": ["NO"]}, "unknown_sku"),
        ({"locations": ["store-1"]}, "nothing_to_count"),
        ({"locations": ["store-1"], "scope": "bins"}, "nothing_to_count"),
    ],
)
def test_a_count_that_nobody_could_make_is_not_asked_for(hub: Hub, wanted: dict[str, Any], code: str) -> None:
    company(hub)
    command = CountsWanted.model_validate(wanted)

    with pytest.raises(Invalid) as refusal:
        hub.database.write(lambda unit: tasks.ask(unit, hub, command, by="ops"))

    assert (refusal.value.reason, told(hub)) == (code, [])


def test_a_file_of_deliveries_goes_to_its_stores_and_comes_back_short_over_and_corrected(hub: Hub) -> None:
    company(hub)
    text = (
        "location,supplier,reference,sku,quantity,cost\n"
        "store-1,Northern Cloth,DN 1,A,12,7.00\n"
        "store-1,Northern Cloth,DN 1,B,3,\n"
        "store-2,Northern Cloth,DN 2,A,4,7.00\n"
        "store-7,Northern Cloth,DN 3,A,4,7.00\n"
        "store-1,Northern Cloth,DN 1,A,1,7.00\n"
    )
    command = DeliveriesWanted(csv=text)
    done, _fresh = hub.database.write(lambda unit: tasks.announce(unit, hub, command, by="ops"))
    first = next(each for each, location in done.deliveries.items() if location == "store-1")

    assert (done.rows, done.taken, [fault.row for fault in done.faults]) == (5, 3, [5, 6])
    assert told(hub) == [("store-1", "delivery.expect", "queued"), ("store-2", "delivery.expect", "queued")]
    shop = Shop()
    receipt(shop, ("A", 12, 11, 2, 700), ("B", 3, 0, 0, 300), delivery_id=first)
    corrected(shop, ("A", -1, 0, 700), delivery_id=first)
    send(hub, shop)

    with hub.database.read() as connection:
        row = connection.execute(sa.select(deliveries).where(deliveries.c.delivery_id == first)).one()
        lines = connection.execute(
            sa.select(delivery_lines)
            .where(delivery_lines.c.delivery_id == first)
            .order_by(delivery_lines.c.sku)
        ).all()
    assert (row.state, row.numbers) == ("received", "LB1-W00001")
    assert [(line.sku, line.expected, line.good, line.damaged, line.value_minor) for line in lines] == [
        ("A", 12, 10, 2, 8_400),
        ("B", 3, 0, 0, 0),
    ]
    assert tied(hub)["2000"] == -8_400


def test_a_long_file_of_deliveries_asks_the_catalogue_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    company(hub)
    asked: list[int] = []

    def names_of(connection: Connection, skus: Sequence[str]) -> dict[str, str]:
        asked.append(len(skus))
        return dict.fromkeys(skus, "Known")

    monkeypatch.setattr(tasks, "names_of", names_of)
    rows = "".join(f"store-1,Northern Cloth,DN 1,SKU-{n},1\n" for n in range(500))
    command = DeliveriesWanted(csv=f"location,supplier,reference,sku,quantity\n{rows}")

    done, _fresh = hub.database.write(lambda unit: tasks.announce(unit, hub, command, by="ops"))

    assert (done.taken, len(done.deliveries), asked) == (500, 2, [500])
