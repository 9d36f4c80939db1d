"""Orders for later come in over HTTP: taken once, priced and given to a location, or refused whole."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from hub.capture.rows import captured
from hub.customers.rows import contacts
from hub.database import HubDatabase
from hub.fleet.rows import directives
from hub.once import KEPT_US, api_keys, forget_old_keys
from hub.route.rows import decisions
from hub.spine.rows import events, orders
from hub.stock.rows import allocations
from protocol.envelope import decode_event
from tests.support.promising import Channel, company, hear, rights, rows

MINUTE_US = 60_000_000


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(
        made.hub,
        stores={"store-1": {"A": 5, "B": 2}, "store-2": {"A": 1}},
        warehouses={"dc-1": {"A": 50, "B": 50, "C": 50}},
    )
    yield made
    made.close()


def told(channel: Channel) -> list[tuple[str, str]]:
    """Return the hub's own events as (kind, by)."""
    return [(row["kind"], row["by"]) for row in rows(channel.hub, events)]


def nothing_is_stored(channel: Channel) -> bool:
    tables = (orders, events, captured, contacts, api_keys, allocations, decisions, directives)
    return not any(rows(channel.hub, table) for table in tables)


def test_an_order_to_collect_is_given_to_its_store_with_a_code(channel: Channel) -> None:
    answer = channel.send(channel.collect(lines=[{"sku": "A", "quantity": 2}]), key="k-1")

    assert answer["number"] == "HB1-00001"
    assert (answer["state"], answer["total_minor"], answer["tax_minor"]) == ("routed", 20_00, 3_33)
    assert len(answer["pickup_code"]) == 6
    assert answer["pickup_code"].isdigit()
    [part] = answer["assignments"]
    assert (part["location"], part["lines"]) == ("store-1", [{"line_no": 1, "units": 2}])
    assert rights(channel.hub, "store-1", "A") == (5, 2, 0, 1)
    assert told(channel) == [("order.placed", "shop"), ("order.routed", "")]
    assert [(row["edge"], row["kind"], row["state"]) for row in rows(channel.hub, directives)] == [
        ("store-1", "assignment.offer", "queued")
    ]
    assert answer["promise"] == {
        "kind": "collect",
        "location": "store-1",
        "due_us": channel.clock.at_us + 8 * 60 * MINUTE_US,
        "promise_class": "same_day",
        "service": "",
        "keep_until_us": channel.clock.at_us + (8 + 7 * 24) * 60 * MINUTE_US,
        "deliver_us": 0,
        "price_minor": 0,
    }


def test_an_order_to_ship_goes_to_the_cheapest_location_and_its_customer_stands_beside_the_record(
    channel: Channel,
) -> None:
    answer = channel.send(channel.ship())

    assert answer["assignments"][0]["location"] == "dc-1"
    assert (answer["paid_minor"], answer["total_minor"], answer["pickup_code"]) == (14_00, 14_00, "")
    assert answer["sentence"] == (
        "Dc 1 is the cheapest of 3 locations that keep the promise; next is Store 1, 0.42 more."
    )
    [contact] = rows(channel.hub, contacts)
    assert (contact["contact_id"], contact["origin"], contact["name"]) == (
        answer["contact_id"],
        "hub",
        "ada byron",
    )
    assert not any(b"Byron" in row["bytes"] for row in rows(channel.hub, events))
    assert [kind for kind, _by in told(channel)] == ["order.placed", "order.paid_online", "order.routed"]
    [offer] = rows(channel.hub, directives)
    assert b'"due_minor":0' in offer["bytes"]
    [decision] = channel.ask("GET", "/api/orders/HB1-00001/decisions")
    assert decision["body"]["sent"] == [
        {
            "location": "dc-1",
            "service": "standard",
            "late_days": 0,
            "units": {"1": 1},
            "cost_minor": 433,
            "fixed_minor": 400,
            "band_minor": 0,
            "pick_lines_minor": 25,
            "pick_units_minor": 8,
            "unit_minor": 0,
            "opportunity_minor": 0,
            "assignment_id": answer["assignments"][0]["assignment_id"],
            "risks": {},
        }
    ]
    assert decision["body"]["insist"] == [
        [0, 0, 0, 0, True, ["dc-1"]],
        [0, 0, 42, 0, True, ["store-1", "store-2"]],
    ]
    assert decision["body"]["if_rejected"] == {"dc-1": [0, 0, 42, 0]}
    assert (decision["body"]["proof"], decision["body"]["engine"]) == ("optimal", 1)


def test_the_same_key_gets_the_first_answer_and_another_body_under_it_a_refusal(channel: Channel) -> None:
    order = channel.collect()
    first = channel.send(order, key="k-1")

    assert channel.send(order, key="k-1", status=200) == first
    refusal = channel.send({**order, "note": "ring twice"}, key="k-1", status=409)

    assert (refusal["code"], refusal["facts"]) == ("key_reused", {"key": "k-1"})
    assert len(rows(channel.hub, orders)) == 1
    assert rights(channel.hub, "store-1", "A") == (5, 1, 0, 1)


def test_a_key_is_forgotten_after_a_month(channel: Channel) -> None:
    channel.send(channel.collect(), key="k-1")
    channel.clock.at_us += KEPT_US
    assert forget_old_keys(channel.hub) == 0

    channel.clock.at_us += 1

    assert forget_old_keys(channel.hub) == 1
    assert rows(channel.hub, api_keys) == []


def test_an_order_named_again_is_the_same_order_under_any_key(channel: Channel) -> None:
    order = channel.collect()
    first = channel.send(order, key="k-1")

    again = channel.send(order, key="k-2", status=200)

    assert {**again, "sentence": first["sentence"]} == first
    assert len(rows(channel.hub, orders)) == 1


def test_other_content_under_the_same_name_and_version_is_refused(channel: Channel) -> None:
    order = channel.collect()
    channel.send(order)

    refusal = channel.send({**order, "lines": [{"sku": "B", "quantity": 1}]}, status=409)

    assert (refusal["code"], refusal["facts"]["differs"]) == ("identity_reused", ["lines"])
    assert len(rows(channel.hub, orders)) == 1


def test_a_newer_version_changes_what_differs_and_an_older_draft_never_a_paid_order(
    channel: Channel,
) -> None:
    draft = channel.collect(version=1, customer={"last_name": "Byron"}, note="")
    channel.send({**draft, "version": 2, "payment": paid(10_00)})

    late = channel.send({**draft, "note": "draft"}, status=409)
    assert (late["code"], late["facts"]) == ("older_version", {"version": 2, "sent": 1})

    changed = channel.send(
        {
            **draft,
            "version": 3,
            "payment": paid(10_00),
            "customer": {"last_name": "Lovelace"},
            "note": "bell",
        },
        status=200,
    )

    assert (changed["version"], changed["paid_minor"]) == (3, 10_00)
    assert [kind for kind, _by in told(channel)] == [
        "order.placed",
        "order.paid_online",
        "order.routed",
        "order.changed",
    ]
    [contact] = rows(channel.hub, contacts)
    assert (contact["version"], contact["name"]) == (2, "lovelace")
    other = channel.send({**draft, "version": 4, "lines": [{"sku": "B", "quantity": 1}]}, status=200)
    assert [part["lines"] for part in other["assignments"]] == [[{"line_no": 2, "units": 1}]]
    assert [kind for kind, _by in told(channel)][-3:] == [
        "order.lines_added",
        "order.cancelled",
        "order.routed",
    ]


def test_money_that_comes_with_a_newer_version_counts_once(channel: Channel) -> None:
    order = channel.collect()
    channel.send(order)

    first = channel.send({**order, "version": 2, "payment": paid(4_00)}, status=200)
    assert first["paid_minor"] == 4_00
    again = channel.send({**order, "version": 3, "payment": paid(4_00)}, status=200)
    assert again["paid_minor"] == 4_00
    more = channel.send({**order, "version": 4, "payment": paid(7_00, "ch_2")}, status=422)
    assert more["code"] == "overpaid"


def paid(amount_minor: int, reference: str = "ch_1") -> dict[str, Any]:
    return {"gateway": "psp", "reference": reference, "amount_minor": amount_minor}


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"lines": [{"sku": "Z", "quantity": 1}]}, 422, "unknown_sku"),
    ({"lines": [{"sku": "A", "quantity": 0}]}, 422, "invalid_field"),
    ({"lines": []}, 422, "invalid_field"),
    ({"lines": [{"sku": "A", "quantity": 1}] * 200}, 422, "invalid_field"),
    ({"lines": [{"sku": "A", "quantity": 1, "discount_minor": 10_01}]}, 422, "bad_line_discount"),
    ({"currency": "EUR"}, 422, "wrong_currency"),
    ({"channel": "Web Shop"}, 422, "invalid_field"),
    ({"promise": {"kind": "collect", "location": "nowhere"}}, 422, "no_location"),
    ({"promise": {"kind": "collect"}}, 422, "no_collect_location"),
    (
        {"promise": {"kind": "collect", "location": "store-1", "due_at": "2020-01-01T00:00:00Z"}},
        422,
        "promise_past",
    ),
    ({"promise": {"kind": "ship"}}, 409, "unpaid"),
    ({"promise": {"kind": "ship"}, "payment": paid(10_00)}, 422, "no_address"),
    ({"payment": paid(10_01)}, 422, "overpaid"),
    ({"lines": [{"sku": "A", "quantity": 6}]}, 409, "out_of_rights"),
    ({"promise": {"kind": "collect", "location": "dc-1"}}, 409, "unroutable"),
    ({"reservation_id": "nothing\x00"}, 422, "invalid_field"),
    ({"unknown": 1}, 422, "invalid_field"),
]


def test_an_order_that_cannot_be_is_refused_and_nothing_of_it_is_stored(channel: Channel) -> None:
    for said, status, code in REFUSED:
        refusal = channel.send(channel.collect(**said), key="k-1", status=status)

        assert refusal["code"] == code, said
        assert refusal["what"]
        assert refusal["remedy"]
        assert nothing_is_stored(channel), said


def test_a_refusal_says_why_not_for_every_location(channel: Channel) -> None:
    order = channel.ship(
        lines=[{"sku": "C", "quantity": 51}],
        shipping_minor=0,
        payment=paid(51 * 2_50),
    )

    refusal = channel.send(order, status=409)

    assert refusal["facts"]["reasons"] == [
        {"location": "dc-1", "code": "NO_ATP", "fact": "has 50 of 51 of line 1, and nobody has the rest"},
        {"location": "store-1", "code": "NO_ATP", "fact": "has none of C free"},
        {"location": "store-2", "code": "NO_ATP", "fact": "has none of C free"},
    ]


def test_what_the_channel_has_sold_already_is_taken_in_and_becomes_an_exception(channel: Channel) -> None:
    answer = channel.send(channel.collect(lines=[{"sku": "A", "quantity": 6}], sold_already=True))

    assert (answer["state"], answer["assignments"]) == ("captured", [])
    assert answer["sentence"].endswith("store-1: has 5 of A free, 6 needed.")
    [card] = channel.ask("GET", "/api/exceptions")["exceptions"]
    assert (card["kind"], card["owner_role"], card["subject"]) == (
        "unroutable",
        "ops",
        f"order:{answer['order_id']}",
    )
    assert card["facts"]["reasons"] == [
        {"location": "store-1", "code": "NO_ATP", "fact": "has 5 of A free, 6 needed"}
    ]
    assert rights(channel.hub, "store-1", "A") == (5, 0, 0, 0)


def test_an_order_that_waits_is_routed_again_by_hand_and_its_card_closes(channel: Channel) -> None:
    answer = channel.send(channel.collect(lines=[{"sku": "A", "quantity": 6}], sold_already=True))
    number = answer["number"]
    still = channel.ask("POST", f"/api/orders/{number}/route")
    assert still["routed"] is False

    def more(unit):  # type: ignore[no-untyped-def]  # a unit of work, as every step has
        unit.connection.execute(
            sa.text("UPDATE hub_rights SET granted_seen = 9 WHERE location = 'store-1' AND sku = 'A'")
        )

    channel.hub.database.write(more)

    done = channel.ask("POST", f"/api/orders/{number}/route")

    assert (done["routed"], done["location"]) == (True, "store-1")
    assert channel.ask("GET", "/api/exceptions")["exceptions"] == []
    assert [row["trigger"] for row in rows(channel.hub, decisions)] == ["placed", "asked", "asked"]
    assert channel.ask("POST", f"/api/orders/{number}/route", status=409)["code"] == "nothing_loose"
    assert channel.ask("POST", "/api/orders/HB9-99999/route", status=404)["code"] == "no_order"


def test_the_card_of_an_order_that_nobody_can_fulfil_closes_when_it_is_cancelled(channel: Channel) -> None:
    answer = channel.send(channel.collect(lines=[{"sku": "A", "quantity": 6}], sold_already=True))

    channel.ask("POST", f"/api/orders/{answer['number']}/cancel", {"reason": "sold out"})

    assert channel.ask("GET", "/api/exceptions")["exceptions"] == []


def test_a_store_that_is_silent_gets_no_tight_promise_and_then_none(channel: Channel) -> None:
    for seconds, promise_class, status in (
        (44, "same_hour", 201),
        (46, "same_hour", 409),
        (46, "same_day", 201),
        (301, "standard", 409),
    ):
        heard_us = channel.clock.at_us - seconds * 1_000_000
        channel.hub.database.write(partial(hear, location="store-1", at_us=heard_us))
        promise = {"kind": "collect", "location": "store-1", "promise_class": promise_class}

        answer = channel.send(channel.collect(promise=promise), status=status)

        if status == 409:
            assert answer["code"] == "unroutable"
            assert answer["facts"]["reasons"][0]["code"] == "STALE"


def test_stock_that_is_kept_back_is_not_promised(hub_database: HubDatabase) -> None:
    channel = Channel(hub_database, safety_stock=1, company_threshold=2)
    company(channel.hub, stores={"store-1": {"A": 3}, "store-2": {"A": 3}}, warehouses={})
    [seen] = channel.ask("GET", "/api/availability?sku=A")
    assert (seen["promisable"], seen["free"], [part["promisable"] for part in seen["parts"]]) == (
        2,
        6,
        [2, 2],
    )

    channel.send(channel.collect(lines=[{"sku": "A", "quantity": 2}]))
    refusal = channel.send(channel.collect("store-2"), status=409)

    assert refusal["facts"]["reasons"][0]["code"] == "RULE:company_threshold"
    channel.close()


def test_who_may_not_capture_is_turned_away(channel: Channel) -> None:
    del channel.client.headers["authorization"]

    assert channel.ask("POST", "/api/orders", channel.collect(), status=401)["code"] == "not_signed_in"
    assert channel.ask("GET", "/api/availability?sku=A", status=401)["code"] == "not_signed_in"
    assert nothing_is_stored(channel)


def test_the_record_of_an_order_can_be_read_back_from_its_bytes(channel: Channel) -> None:
    channel.send(channel.collect())

    found = [decode_event(bytes(row["bytes"])).kind for row in rows(channel.hub, events)]

    assert found == ["order.placed", "order.routed"]
