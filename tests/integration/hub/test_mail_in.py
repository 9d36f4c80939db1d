"""Goods that a customer sends back, from the hub to a store that opens the parcel and back to the money."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from edge_agent.app import KINDS
from edge_agent.database import EdgeUnit
from edge_agent.paper import rows as paper_rows
from edge_agent.paper.slips import Slips
from edge_agent.rebuild import rebuild
from edge_agent.returns import mail_in as at_store
from edge_agent.returns import mail_in_rows as parcels
from hub.database import HubDatabase
from hub.exceptions.rows import exceptions
from hub.fleet.rows import directives, locations
from hub.ledger.close.subledgers import exchanges, scope_of
from hub.ledger.rows import entries, journals
from hub.payments.gateways import Simulator
from hub.payments.rows import gateway_commands
from hub.payments.steps import work_off
from hub.people.steps import add_person
from hub.rebuild import verify
from hub.returns.mail_in_clock import look_at_mail_ins
from hub.returns.rows import mail_ins, return_decisions
from hub.spine.rows import events, orders
from printing.document import Row
from protocol.directives import DIRECTIVE_KINDS, Directive
from protocol.envelope import decode_event, read_body
from protocol.errors import Refused
from protocol.ids import slip_code
from protocol.people import HubRole
from protocol.returns import Condition, GoodsRule, ReturnPolicy
from tests.integration.hub.test_return_policy import accounts
from tests.support.hub import send
from tests.support.later_shop import LaterShop, paid_online, record_at, web_order
from tests.support.promising import ADDRESS, Channel, company, lend, rows
from tests.support.store_day import Store

DAY_US = 24 * 3_600_000_000


@pytest.fixture
def channel(hub_database: HubDatabase) -> Iterator[Channel]:
    made = Channel(hub_database)
    company(made.hub, stores={"store-1": {"A": 5}, "store-2": {"A": 4}}, warehouses={})
    yield made
    made.close()


def delivered(channel: Channel, units: int = 3, paid: int | None = None) -> LaterShop:
    """Let a web order of A at 10.00 be handed over by store-1."""
    shop = LaterShop()
    shop.open()
    shop.stock("A", 10)
    order = web_order(("A", units, 10_00))
    record_at(channel.hub, order, paid=paid_online(order, paid))
    shop.pick(order)
    shop.stage(order)
    shop.hand_over(order)
    send(channel.hub, shop)
    return shop


def tell(channel: Channel, store: Store) -> None:
    """Carry to the store what the hub has told it about parcels, once more each time."""

    def step(unit: EdgeUnit) -> None:
        for row in rows(channel.hub, directives):
            told = Directive.model_validate_json(row["bytes"])
            if row["edge"] != "store-1" or not told.kind.startswith("return."):
                continue
            body = DIRECTIVE_KINDS[told.kind, told.v].model_validate(told.body)
            seq, at_us = store.edge.journal.last(unit.connection)[0], store.clock.now_us()
            unit.memory["directive.arrived_us"] = at_us
            KINDS[told.kind].carry_out(unit, store.edge, body)
            known = unit.connection.execute("SELECT count(*) FROM directives").fetchone()[0]
            unit.connection.execute(
                "INSERT INTO directives (hub_inc, cseq, id, kind, bytes, arrived_us, outcome, code, detail,"
                " after_seq) VALUES ('h', ?, ?, ?, ?, ?, 'applied', '', '', ?)",
                (known + 1, f"d-{known}", told.kind, row["bytes"], at_us, seq),
            )

    store.edge.database.write(step)


def arrive(store: Store, number: str) -> None:
    wanted = at_store.Arrived(key=store.key(), code=slip_code("ra", number, 1))
    store.edge.database.write(lambda unit: at_store.arrive(unit, store.edge, wanted, person=store.associate))


def inspect(store: Store, number: str, **said: Any) -> at_store.Inspected:
    wanted = at_store.Inspect.model_validate({"key": store.key()} | said)
    return store.edge.database.write(
        lambda unit: at_store.inspect(unit, store.edge, number, wanted, person=store.associate)
    )[0]


def hear(channel: Channel, shop: LaterShop, store: Store) -> None:
    """Let the hub hear what the store has said about parcels."""
    said = store.edge.database.read().execute(
        "SELECT bytes FROM events WHERE kind IN ('return.arrived', 'return.inspected') ORDER BY seq"
    )
    first = len(shop.events) + 1
    for (data,) in said.fetchall():
        shop.say(read_body(decode_event(data)))
    send(channel.hub, shop, first)


def one(channel: Channel) -> dict[str, Any]:
    [found] = rows(channel.hub, mail_ins)
    return found


def open_cards(channel: Channel) -> list[str]:
    with channel.hub.database.read() as connection:
        found = connection.execute(sa.select(exceptions.c.kind).where(exceptions.c.state == "open")).scalars()
        return sorted(kind for kind in found if kind.startswith("mail_in"))


def money(channel: Channel) -> list[tuple[str, int]]:
    return [(row["state"], row["amount_minor"]) for row in rows(channel.hub, gateway_commands)]


def test_a_parcel_is_taken_in_before_it_is_heard_of_looked_into_in_parts_and_paid_online(
    channel: Channel, store: Store
) -> None:
    shop = delivered(channel)
    wanted = {"lines": [{"line_no": 1, "units": 3, "reason": "faulty"}], "location": "store-1"}
    made = channel.ask("POST", "/api/orders/HB1-00001/mail-in", wanted, status=201)
    again = channel.ask("POST", "/api/orders/HB1-00001/mail-in", wanted, status=409)

    arrive(store, made["number"])
    with pytest.raises(Refused, match="has not said yet"):
        inspect(store, made["number"], done=True)
    tell(channel, store)
    tell(channel, store)
    first = inspect(store, made["number"], accepted=[{"line_no": 1, "quantity": 1}])
    with pytest.raises(Refused, match="too many"):
        inspect(store, made["number"], accepted=[{"line_no": 1, "quantity": 3}])
    last = inspect(
        store,
        made["number"],
        accepted=[{"line_no": 1, "quantity": 1, "to_bucket": "sellable"}],
        refused=[{"line_no": 1, "units": 1, "why": "worn"}],
        done=True,
    )
    hear(channel, shop, store)
    queued = money(channel)
    work_off(channel.hub, {"simulator": Simulator()})

    reader = store.edge.database.read()
    [job] = paper_rows.jobs(reader, state="", business_id=first.return_number, limit=2)
    slip = [b.cells for b in Slips(store.edge.settings).document(reader, job).blocks if isinstance(b, Row)]

    assert ("Paid by customer service", "10.00") in slip
    assert (again["code"], made["state"]) == ("too_many_units", "expected")
    assert (first.total_minor, last.total_minor, last.state) == (10_00, 10_00, "closed")
    assert queued == [("queued", 10_00), ("queued", 10_00)]
    assert [state for state, _amount in money(channel)] == ["done", "done"]
    [head] = [row for row in rows(channel.hub, orders) if row["number"] == "HB1-00001"]
    assert (head["refunded_minor"], one(channel)["state"], one(channel)["accepted_minor"]) == (
        20_00, "closed", 20_00,
    )  # fmt: skip
    assert accounts(channel.hub, "return") == {"2110": -20_00, "2200": 3_33, "4020": 16_67}
    assert accounts(channel.hub, "refund_online")["2110"] == 20_00
    assert open_cards(channel) == ["mail_in_refused"]
    assert verify(channel.hub) == {}
    assert not rebuild(store.edge.database.path, store.edge.database.path.with_name("again.db")).differences


def test_money_at_once_is_store_credit_for_what_no_service_took_and_is_given_once(
    channel: Channel, store: Store
) -> None:
    shop = LaterShop()
    shop.open()
    shop.stock("A", 10)
    order = shop.sell(("A", 2, 10_00))
    send(channel.hub, shop)
    wanted = {"lines": [{"line_no": 1, "units": 1}], "location": "store-1", "refund": "sent"}
    made = channel.ask("POST", f"/api/orders/{order.number}/mail-in", wanted, status=201)
    tell(channel, store)
    channel.clock.at_us += 22 * DAY_US
    look_at_mail_ins(channel.hub)
    late = open_cards(channel)
    longer = {"what": "waiting", "days": 3, "reason": "the carrier is late"}
    waiting = channel.ask("POST", f"/api/returns/mail-in/{made['number']}/change", longer)
    arrive(store, made["number"])
    done = inspect(store, made["number"], accepted=[{"line_no": 1, "quantity": 1}], done=True)
    hear(channel, shop, store)

    [credit] = made["credits"]
    assert (made["advanced_minor"], credit["amount_minor"], done.total_minor) == (10_00, 10_00, 0)
    assert (late, open_cards(channel), waiting["state"]) == (["mail_in_late"], [], "expected")
    assert accounts(channel.hub, "refund") == {"2110": 10_00, "2120": -10_00}
    assert accounts(channel.hub, "return")["2110"] == -10_00
    assert channel.ask("GET", f"/api/stored-value/{credit['number']}")["balance_minor"] == 10_00
    assert verify(channel.hub) == {}


def test_how_goods_look_decides_whether_they_are_taken_back_and_a_fee_is_kept(
    channel: Channel, store: Store
) -> None:
    shop = delivered(channel)
    policy = ReturnPolicy(
        version=1,
        items={"A": GoodsRule(fee_ppm=100_000, fee_when=(Condition.OPENED,))},
        exchange_only_conditions=(),
        reject_conditions=(Condition.ALTERED,),
    )
    store.edge.database.write(lambda unit: KINDS["return.policy"].carry_out(unit, store.edge, policy))
    wanted = {"lines": [{"line_no": 1, "units": 2}], "location": "store-1"}
    made = channel.ask("POST", "/api/orders/HB1-00001/mail-in", wanted, status=201)
    tell(channel, store)
    arrive(store, made["number"])

    with pytest.raises(Refused, match="does not come back"):
        inspect(store, made["number"], accepted=[{"line_no": 1, "quantity": 1, "condition": "altered"}])
    kept = inspect(
        store, made["number"], accepted=[{"line_no": 1, "quantity": 1, "condition": "opened"}], done=True
    )
    hear(channel, shop, store)

    assert kept.total_minor == 9_00
    assert money(channel) == [("queued", 9_00)]
    assert open_cards(channel) == ["mail_in_short"]
    assert parcels.find(store.edge.database.read(), made["number"]) is not None


def test_a_customer_gets_a_label_and_the_desk_gives_money_back_without_goods(channel: Channel) -> None:
    delivered(channel, units=2, paid=15_00)
    wanted = {"lines": [{"line_no": 1, "units": 1}], "location": "store-1"}
    made = channel.ask("POST", "/api/orders/HB1-00001/mail-in", wanted, status=201)
    files = {kind: channel.client.get(f"{made['label']}.{kind}") for kind in ("pdf", "png", "zpl")}
    amount = {"line_no": 1, "amount_minor": 4_00, "reason": "a scratch"}
    given = channel.ask("POST", "/api/orders/HB1-00001/give-back", amount, status=201)
    too_much = channel.ask(
        "POST", "/api/orders/HB1-00001/give-back", amount | {"amount_minor": 99_00}, status=409
    )
    form = {"units-1": "1", "reason-1": "changed_mind", "location": "store-2", "key": "k-1"}
    page = channel.client.post("/orders/HB1-00001/send-back", data=form)
    kept = channel.client.post(
        "/orders/HB1-00001/give-back", data={"line": "1", "what": "units", "units": "1", "why": "too far"}
    )
    nowhere = channel.ask(
        "POST", "/api/orders/HB1-00001/mail-in", wanted | {"location": "nowhere"}, status=422
    )

    assert [files[kind].content[:4] for kind in ("pdf", "png", "zpl")] == [b"%PDF", b"\x89PNG", b"^XA^"]
    assert made["tracking"].encode() in files["zpl"].content
    assert (given["total_minor"], too_much["code"], nowhere["code"]) == (
        4_00, "too_much_money", "unknown_location",
    )  # fmt: skip
    assert page.status_code == 200
    assert "Store 2 expects it" in page.text
    assert "8.00 goes back" in kept.text
    assert sorted(money(channel)) == [("queued", 4_00), ("queued", 8_00)]
    assert channel.client.get("/returns/mail-in").status_code == 200
    assert verify(channel.hub) == {}


WORD = {"name": "Ada", "password": "correct horse"}


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("send-back", {"units-0": "1"}),
        ("send-back", {"units-6000": "1"}),
        ("send-back", {f"units-{'9' * 5_000}": "1"}),
        ("send-back", {"units-1": "9" * 5_000}),
        ("give-back", {"line": "9" * 5_000, "what": "units", "units": "1", "why": "torn"}),
        ("exchange", {"units-6000": "1", "act": "look"}),
        ("exchange", {"units-1": "2000000", "act": "place"}),
    ],
)
def test_a_form_that_names_no_line_or_no_number_of_units_is_refused_in_words(
    channel: Channel, path: str, form: dict[str, str]
) -> None:
    delivered(channel, units=2, paid=15_00)
    before = len(rows(channel.hub, events))

    answer = channel.client.post(f"/orders/HB1-00001/{path}", data=form)

    assert answer.status_code == 422, answer.text
    assert len(rows(channel.hub, events)) == before


def said(policy: dict[str, Any], channel: Channel) -> None:
    channel.ask("PUT", "/api/return-policy", {"base": 0, "policy": policy})


def standing(channel: Channel, entity: str = "") -> dict[str, int]:
    """Return every account that does not stand at nothing, of one entity or of all together."""
    with channel.hub.database.read() as connection:
        found = connection.execute(
            sa.select(entries.c.account, sa.func.sum(entries.c.amount_minor))
            .join(journals, journals.c.journal_id == entries.c.journal_id)
            .where(journals.c.entity == entity if entity else sa.true())
            .group_by(entries.c.account)
        )
        return {row[0]: int(row[1]) for row in found if row[1]}


def test_an_exchange_pays_new_goods_with_those_on_their_way_and_gives_back_only_the_rest(
    channel: Channel, store: Store
) -> None:
    shop = delivered(channel, units=3)
    add_person(channel.hub, name="Ada", role=HubRole.OPS, password=WORD["password"])
    goods = {"channel": "service", "currency": "GBP", "lines": [{"sku": "B", "quantity": 3}]}
    collect = {"kind": "collect", "location": "store-2"}
    lend_more(channel)
    wanted = {
        "back": [{"line_no": 1, "units": 2, "reason": "wrong_size"}],
        "location": "store-1",
        "order": goods | {"promise": collect},
        "key": "swap-1",
    }
    path = "/api/orders/HB1-00001/exchange"
    unheard = channel.ask("POST", path, wanted, status=409)
    alone = channel.ask(
        "POST", path, wanted | {"allow": "a gift", "approval": WORD | {"password": "x"}}, status=403
    )
    too_many = channel.ask("POST", path, wanted | {"back": [{"line_no": 1, "units": 4}]}, status=409)
    before = len(rows(channel.hub, orders))
    form = {"units-1": "2", "sku": "B", "quantity": "3", "where": "collect:store-2", "act": "look"}
    shown = channel.client.post("/orders/HB1-00001/exchange", data=form)
    refused = channel.client.post(
        "/orders/HB1-00001/exchange",
        data=form | {"act": "place", "approver": "Ada", "approver_password": "x-y-z"},
    )
    agreed = wanted | {"allow": "a gift", "approval": WORD}
    done = channel.ask("POST", path, agreed, status=201)
    again = channel.ask("POST", path, agreed)

    assert (unheard["code"], alone["code"], too_many["code"], before) == (
        "needs_approval", "wrong_password", "too_many_units", 1,
    )  # fmt: skip
    assert "Exchange, £5.00 goes back" in shown.text
    assert "The policy gives nothing before the goods are here" in shown.text
    assert (refused.status_code, "x-y-z" in refused.text, "Ada" in refused.text) == (422, False, True)
    assert done == again
    assert (done["exchanged_minor"], done["due_minor"], done["rest_minor"]) == (15_00, 0, 5_00)
    assert (done["order"]["paid_minor"], done["returned"]["advanced_minor"]) == (15_00, 20_00)
    assert one(channel)["reason"] == "a gift · Ada"
    assert money(channel) == [("queued", 5_00)]
    work_off(channel.hub, {"simulator": Simulator()})
    assert "2150" not in standing(channel)
    assert standing(channel)["2100"] == -15_00
    tell(channel, store)
    arrive(store, done["returned"]["number"])
    inspect(store, done["returned"]["number"], accepted=[{"line_no": 1, "quantity": 2}], done=True)
    hear(channel, shop, store)
    with channel.hub.database.read() as connection:
        left = exchanges(connection, scope_of(connection, "main", "main"))
    assert set(left.values()) == {0}
    assert ("2110" not in standing(channel), open_cards(channel)) == (True, [])
    assert verify(channel.hub) == {}


def test_what_the_policy_would_not_let_back_needs_the_word_of_somebody_else(channel: Channel) -> None:
    delivered(channel)
    add_person(channel.hub, name="Ada", role=HubRole.OPS, password=WORD["password"])
    said({"default_days": 1, "grace_days": 30}, channel)
    channel.clock.at_us += 5 * DAY_US
    path, wanted = "/api/orders/HB1-00001/mail-in", {"lines": [{"line_no": 1, "units": 1}]}
    alone = channel.ask("POST", path, wanted | {"allow": "a friend"}, status=409)
    why = channel.ask("POST", path, wanted | {"approval": WORD}, status=409)
    made = channel.ask("POST", path, wanted | {"allow": "a friend", "approval": WORD}, status=201)
    channel.clock.at_us += 40 * DAY_US
    never = channel.ask("POST", path, wanted | {"allow": "a friend", "approval": WORD}, status=409)

    assert [each["facts"]["codes"] for each in (alone, why, never)] == [
        ["WINDOW"],
        ["WINDOW"],
        ["WINDOW_HARD"],
    ]
    assert (made["state"], one(channel)["reason"]) == ("expected", "a friend · Ada")


def test_what_costs_more_is_paid_when_it_is_collected_and_one_entity_settles_with_another(
    channel: Channel,
) -> None:
    move_to(channel, "store-1", "outlet")
    shop = LaterShop()
    shop.open()
    shop.stock("A", 10)
    number = shop.sell(("A", 1, 10_00)).number
    send(channel.hub, shop)
    said({"mail_in": {"refund": "sent"}}, channel)
    goods = {"channel": "service", "currency": "GBP", "lines": [{"sku": "A", "quantity": 2}]}
    wanted: dict[str, Any] = {
        "back": [{"line_no": 1, "units": 1}],
        "location": "store-1",
        "order": goods | {"promise": {"kind": "ship"}, "customer": {"address": ADDRESS}},
    }
    unpaid = channel.ask("POST", f"/api/orders/{number}/exchange", wanted, status=409)
    paid = {"gateway": "simulator", "reference": "p-9", "amount_minor": 10_00}
    wanted["order"]["payment"] = paid
    done = channel.ask("POST", f"/api/orders/{number}/exchange", wanted, status=201)

    assert unpaid["code"] == "unpaid"
    assert (done["exchanged_minor"], done["due_minor"], done["order"]["paid_minor"]) == (10_00, 10_00, 20_00)
    assert money(channel) == []
    assert "2150" not in standing(channel)
    assert (standing(channel, "outlet")["2400"], standing(channel, "main")["1400"]) == (-10_00, 10_00)
    assert verify(channel.hub) == {}


def test_without_proof_it_comes_back_for_store_credit_within_the_limits_or_by_anothers_word(
    channel: Channel, store: Store
) -> None:
    shop = LaterShop()
    shop.open()
    shop.stock("A", 10)
    shop.sell(("A", 2, 8_00))
    send(channel.hub, shop)
    add_person(channel.hub, name="Ada", role=HubRole.ADMIN, password=WORD["password"])
    add_person(channel.hub, name="Bo", role=HubRole.OPS, password=WORD["password"])
    limits = {"max_amount_minor": 10_00, "max_count_90d": 1}
    said({"no_receipt": limits, "authorities": [{"role": "manager", "up_to_minor": 5_00}]}, channel)
    wanted = {"lines": [{"sku": "A", "units": 1}], "customer": "jo@example.org", "location": "store-1"}
    path = "/api/returns/no-receipt"
    made = channel.ask("POST", path, wanted, status=201)
    often = channel.ask("POST", path, wanted, status=409)
    dear = channel.ask(
        "POST", path, wanted | {"customer": "al", "lines": [{"sku": "A", "units": 2}]}, status=409
    )
    strange = channel.ask("POST", path, wanted | {"lines": [{"sku": "nothing"}]}, status=422)
    less = {"allow": "an old friend", "approval": WORD | {"name": "Bo"}}
    beyond = channel.ask("POST", path, wanted | less, status=403)
    allowed = channel.ask("POST", path, wanted | {"allow": "an old friend", "approval": WORD}, status=201)
    label = channel.client.get(f"{made['label']}.zpl")
    page = channel.client.get(f"/returns/mail-in/{made['number']}")
    form = {"sku": "A", "quantity": "2", "customer": "al", "act": "make"}
    refused = channel.client.post("/returns/no-receipt", data=form)
    by_form = channel.client.post("/returns/no-receipt", data=form | {"quantity": "1"})

    tell(channel, store)
    arrive(store, made["number"])
    looked = inspect(store, made["number"], accepted=[{"line_no": 1, "quantity": 1}], done=True)
    hear(channel, shop, store)
    found = channel.ask("GET", f"/api/returns/mail-in/{made['number']}")
    [credit] = found["credits"]

    assert (often["facts"]["codes"], dear["facts"]["codes"], strange["code"]) == (
        ["NO_RECEIPT_COUNT"], ["NO_RECEIPT_AMOUNT"], "unknown_sku",
    )  # fmt: skip
    assert (refused.status_code, "Without proof no more than £10.00" in refused.text) == (422, True)
    assert (by_form.status_code, "Store 1 expects it" in by_form.text) == (200, True)
    assert beyond["code"] == "beyond_authority"
    assert (allowed["state"], label.status_code, page.status_code) == ("expected", 200, 200)
    assert (looked.total_minor, credit["amount_minor"], found["state"]) == (8_00, 8_00, "closed")
    assert channel.ask("GET", f"/api/stored-value/{credit['number']}")["balance_minor"] == 8_00
    assert accounts(channel.hub, "return") == {"2110": -8_00, "2200": 1_33, "4020": 6_67}
    assert "2110" not in standing(channel)
    [decided] = rows(channel.hub, return_decisions)
    assert (decided["customer_id"], decided["doubts"]) == ("jo@example.org", "[]")
    assert verify(channel.hub) == {}


def lend_more(channel: Channel) -> None:
    """Let store-2 lend three of B as well."""
    channel.hub.database.write(lambda unit: lend(unit, "store-2", B=3))


def move_to(channel: Channel, location: str, entity: str) -> None:
    """Let a location be another legal entity's, from its next fact on."""
    change = sa.update(locations).where(locations.c.location_id == location).values(entity=entity)
    channel.hub.database.write(lambda unit: unit.connection.execute(change))
