"""What finance does by hand, on both databases: the books follow, balance, and are made anew alike."""

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import listed
from hub.ledger import desk
from hub.ledger.close import facts, rules
from hub.ledger.rows import journals
from hub.ledger.settlements import mappers
from hub.ledger.settlements.rows import settlements
from hub.ledger.settlements.rules import mapper_of
from hub.ledger.settlements.steps import Taken, Wanted, take
from hub.rebuild import verify
from protocol.books import AccountNamed, ChartChanged, MoneyMoved, PurposeMapped
from protocol.errors import Invalid, Refused
from protocol.orders import TenderKind
from tests.support.hub import Shop, send
from tests.support.later_shop import paid_online, record_at, web_order
from tests.support.transfers import trial

ANN = "A. Abel"


@pytest.fixture
def shop(hub: Hub) -> Shop:
    """A store that sold by card, and a web order that was paid."""
    made = Shop()
    made.stock("A", 20)
    made.open()
    for _n in range(3):
        made.tell_sale(made.sale(("A", 1, 12_00), kind=TenderKind.CARD))
    send(hub, made)
    order = web_order(("A", 1, 12_00))
    record_at(hub, order)
    record_at(hub, paid_online(order))
    return made


def settle(hub: Hub, text: str, *, provider: str = "card", reference: str = "P-1") -> Taken:
    wanted = Wanted("main", provider, "plain", reference, "2025-11-28", None)
    return take(hub, f"type,reference,amount,fee\n{text}".encode(), wanted, by=ANN)


def account(hub: Hub, number: str) -> int:
    return trial(hub).get(("main", number), 0)


def ties(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        found = rules.checks(facts.gather(connection, "main", "2025-11", default="main"))
    return [check.name for check in found if check.blocks and check.name.startswith("TIE")]


def test_payouts_of_terminals_and_of_a_service_clear_what_they_took(hub: Hub, shop: Shop) -> None:
    rows = [f"sale,{sale.number},12.00,0.20" for sale in shop.sales.values()]
    cards = settle(hub, "\n".join([*rows, "payout,,35.40,"]))
    service = settle(hub, "sale,ch_1,12.00,0.50\npayout,,11.50,", provider="simulator", reference="S-1")

    assert (cards.ties, service.ties) == (True, True)
    assert (account(hub, "1100"), account(hub, "1130"), account(hub, "1030")) == (0, 0, 46_90)
    assert account(hub, "6120") == 1_10
    assert ties(hub) == []
    with pytest.raises(Refused):
        settle(hub, "fee,,-1.00,0\npayout,,-1.00,")
    assert verify(hub) == {}


def test_what_does_not_tie_is_named_and_taken_out_of_suspense_by_a_person(hub: Hub, shop: Shop) -> None:
    number = next(iter(shop.sales.values())).number
    odd = settle(hub, f"sale,{number},12.00,0\nsale,NOBODY,5.00,0\nreserve,,-2.00,0\npayout,,14.75,")

    assert (odd.ties, odd.matched, odd.lines, odd.expected_minor) == (False, 1, 2, 15_00)
    assert (account(hub, "2500"), account(hub, "1120")) == (-5_00 + 25, 2_00)
    assert ties(hub) == []
    with hub.database.read() as connection:
        kinds = {row.kind for row in listed(connection)[0]}
        journal = connection.execute(
            sa.select(journals.c.journal_id).where(journals.c.rule == "settlement")
        ).scalar_one()
    assert {"settlement_mismatch", "suspense"} <= kinds

    desk.reclassify(hub, journal, account="4000", reason="a sale of the old till", by=ANN)

    assert account(hub, "2500") == 0
    with hub.database.read() as connection:
        assert "suspense" not in {row.kind for row in listed(connection)[0]}
    assert verify(hub) == {}


def test_a_purpose_that_is_mapped_elsewhere_ties_over_both_accounts(hub: Hub, shop: Shop) -> None:
    desk.change_chart(
        hub,
        ChartChanged(
            entity="main",
            accounts=(AccountNamed(account="1105", name="Cards, new terminals", kind="asset"),),
            purposes=(PurposeMapped(purpose="tender.card", account="1105"),),
            reason="another acquirer",
        ),
        by=ANN,
    )
    told = len(shop.events)
    shop.tell_sale(shop.sale(("A", 1, 12_00), kind=TenderKind.CARD))
    send(hub, shop, told + 1)

    assert (account(hub, "1100"), account(hub, "1105")) == (36_00, 12_00)
    assert ties(hub) == []
    assert verify(hub) == {}


def test_an_accrual_stands_in_its_month_and_is_taken_back_in_the_next(hub: Hub, shop: Shop) -> None:
    wanted = desk.made(
        {
            "entity": "main",
            "business_date": "2025-11-30",
            "currency": "GBP",
            "rule": "accrual",
            "reason": "the invoice of November is late",
            "lines": (
                {"account": "6150", "amount_minor": 50_00},
                {"account": "2000", "amount_minor": -50_00},
            ),
        }
    )
    desk.make_journal(hub, wanted, by=ANN, taken_back=True)

    with hub.database.read() as connection:
        rows = connection.execute(
            sa.select(journals.c.journal_id, journals.c.posting_date, journals.c.reverses)
            .where(journals.c.rule.like("accrual%"))
            .order_by(journals.c.journal_id)
        ).all()
        november = facts.sums_of(connection, "main", "2025-11")
    assert [row.posting_date for row in rows] == ["2025-11-30", "2025-12-01"]
    assert rows[1].reverses == rows[0].journal_id
    assert facts.trial(november)["6150"] == 50_00
    assert account(hub, "6150") == 0
    assert verify(hub) == {}


def test_a_dispute_leaves_the_clearing_and_comes_back_when_it_is_won(hub: Hub, shop: Shop) -> None:
    said = {"entity": "main", "business_date": "2025-11-29", "currency": "GBP", "reference": "CB-1"}
    begun = MoneyMoved(what="chargeback_received", amount_minor=12_00, other_minor=15_00, **said)
    desk.move_money(hub, begun, by=ANN)
    assert (account(hub, "1210"), account(hub, "1100")) == (12_00, 36_00 - 27_00)
    assert ties(hub) == []
    with hub.database.read() as connection:
        assert [row.reference for row in desk.waiting(connection, "main")] == ["CB-1"]

    desk.move_money(hub, MoneyMoved(what="chargeback_won", amount_minor=12_00, **said), by=ANN)

    assert (account(hub, "1210"), account(hub, "1100")) == (0, 36_00 - 15_00)
    with hub.database.read() as connection:
        assert list(desk.waiting(connection, "main")) == []
    assert ties(hub) == []
    assert verify(hub) == {}


def test_a_dispute_that_a_payout_tells_of_waits_until_it_is_won_or_lost(hub: Hub, shop: Shop) -> None:
    said = {"entity": "main", "business_date": "2025-11-29", "currency": "GBP"}
    rows = [f"sale,{sale.number},12.00,0.00" for sale in shop.sales.values()]
    settle(hub, "\n".join([*rows, "chargeback,CB-7,-12.00,2.00", "payout,,22.00,"]))
    assert (account(hub, "1210"), account(hub, "1100"), ties(hub)) == (12_00, 0, [])
    with hub.database.read() as connection:
        assert desk.disputed(connection, "main") == {"CB-7": 12_00}
    lost = MoneyMoved(what="chargeback_lost", reference="CB-7", amount_minor=12_00, **said)
    with pytest.raises(Refused):
        desk.move_money(hub, lost.model_copy(update={"amount_minor": 1}), by=ANN)

    desk.move_money(hub, lost, by=ANN)

    assert (account(hub, "1210"), account(hub, "6130"), ties(hub)) == (0, 12_00, [])
    with hub.database.read() as connection:
        assert desk.disputed(connection, "main") == {}


def test_a_dispute_that_was_noted_by_hand_is_not_taken_twice_when_its_payout_comes(
    hub: Hub, shop: Shop
) -> None:
    said = {"entity": "main", "business_date": "2025-11-29", "currency": "GBP", "reference": "CB-1"}
    begun = MoneyMoved(what="chargeback_received", amount_minor=12_00, other_minor=2_00, **said)
    desk.move_money(hub, begun, by=ANN)
    rows = [f"sale,{sale.number},12.00,0.00" for sale in shop.sales.values()]
    settle(hub, "\n".join([*rows, "chargeback,CB-1,-12.00,2.00", "payout,,22.00,"]))

    assert (account(hub, "1210"), account(hub, "1100"), account(hub, "6120")) == (12_00, 0, 2_00)
    with hub.database.read() as connection:
        assert desk.disputed(connection, "main") == {}
    assert (ties(hub), verify(hub)) == ([], {})


def test_a_mapper_that_a_company_writes_reads_its_files_and_every_version_is_kept(
    hub: Hub, shop: Shop
) -> None:
    number = next(iter(shop.sales.values())).number
    text = f"art;auftrag;betrag;gebuehr\nVerkauf;{number};12,00;-0,30\nRuecklage;;-2,00;0,00\n"
    said = {
        "name": "bank-x",
        "title": "Bank X",
        "kind": "art",
        "reference": ["auftrag"],
        "amount": "betrag",
        "fee": "gebuehr",
        "kinds": mappers.words_of("Verkauf = sale\nRuecklage = reserve"),
        "delimiter": ";",
    }
    plain = mappers.read({**said, "reason": "first"})
    assert mappers.try_on(text, mapper_of(plain, 0), "GBP").expected_minor == 12_00 + 30 - 2_00
    mappers.set_mapper(hub, plain, by=ANN)
    right = mappers.read({**said, "fees_are_negative": True, "reason": "fees have a minus"})
    mappers.set_mapper(hub, right, by=ANN)
    for wrong in ({**said, "kind": ""}, {**said, "name": "Bank X"}, {**said, "reference": []}):
        with pytest.raises(Invalid):
            mappers.read({**wrong, "reason": "x"})
    with pytest.raises(Invalid):
        mappers.set_mapper(hub, right, by=ANN)
    with pytest.raises(Invalid):
        mappers.words_of("Verkauf: sale")

    wanted = Wanted("main", "card", "bank-x", "P-9", "2025-11-28", 9_70)
    done = take(hub, text.encode(), wanted, by=ANN)

    assert (done.ties, account(hub, "1030"), account(hub, "1120"), account(hub, "6120")) == (
        True,
        9_70,
        2_00,
        30,
    )
    with hub.database.read() as connection:
        row = connection.execute(sa.select(settlements)).one()
        assert (row.mapper, row.mapper_version) == ("bank-x", 2)
        assert [each.version for each in mappers.versions(connection, "bank-x")] == [2, 1]
        assert mappers.held(connection, "main") == [("card", 2_00)]
    assert (ties(hub), verify(hub)) == ([], {})
