"""The pages of finance: a month worked off, settlements, suspense, accounts, journals by hand."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient

from hub.app import build
from hub.context import Hub
from hub.ledger.close import reads
from hub.ledger.reads import trial_balance
from hub.ledger.rows import journals
from hub.people.steps import add_person
from hub.rebuild import verify
from hub.settings import HubSettings
from hub.spine.rows import orders
from protocol.orders import TenderKind
from protocol.people import HubRole
from tests.support.hub import Shop, TestClock, TestIds, send

WORD = "a long password for two"
PEOPLE = {"A. Abel": HubRole.FINANCE, "B. Bohr": HubRole.ADMIN, "O. Ops": HubRole.OPS}
DECEMBER_US = 1_764_600_000_000_000
MONTH = "/finance/periods/main/2025-11"


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """A hub with one November of trade, seen in December."""
    settings = HubSettings(data_dir=tmp_path_factory.mktemp("hub"))
    made = build(settings, clock=TestClock(DECEMBER_US), ids=TestIds("hub"))
    hub: Hub = made.state.hub
    for name, role in PEOPLE.items():
        add_person(hub, name=name, role=role, password=WORD)
    shop = Shop()
    shop.stock("A", 40)
    shop.open()
    for n in range(4):
        kind = TenderKind.CASH if n % 2 else TenderKind.CARD
        shop.tell_sale(shop.sale(("A", 1, 1200), kind=kind))
    shop.close()
    send(hub, shop)
    yield made
    assert verify(hub) == {}
    with hub.database.read() as connection:
        assert sum(row.amount_minor for row in trial_balance(connection)) == 0
    hub.database.close()


def enter(app: FastAPI, name: str = "A. Abel") -> TestClient:
    client = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    done = client.post("/sign-in", data={"name": name, "password": WORD, "next": "/finance"})
    assert done.status_code == 303
    return client


def post(client: TestClient, path: str, **said: str | list[str]) -> tuple[int, str, str]:
    """Send a form as the page would, and return the answer, where it leads, and its text."""
    page = client.get(path.partition("?")[0]).text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page + client.get("/finance/chart").text)
    assert csrf is not None
    seen = re.search(r'name="seen" value="([0-9a-f]*)"', page)
    done = client.post(path, data={"csrf": csrf[1], "seen": seen[1] if seen else "", **said})
    return done.status_code, done.headers.get("location", ""), done.text


def balance(app: FastAPI, account: str) -> int:
    with app.state.hub.database.read() as connection:
        return sum(row.amount_minor for row in trial_balance(connection) if row.account == account)


def numbers(app: FastAPI, kind: int) -> list[str]:
    """Return the numbers of the sales, those by card (0) or in cash (1)."""
    with app.state.hub.database.read() as connection:
        return list(connection.execute(sa.select(orders.c.number).order_by(orders.c.apply_order)).scalars())[
            kind::2
        ]


def test_a_month_is_worked_off_on_its_page_and_its_books_are_sent(app: FastAPI) -> None:
    ann, ben = enter(app), enter(app, "B. Bohr")
    assert "1 stops" not in ann.get("/finance/periods").text
    assert "Soft-close the month" in ann.get(MONTH).text
    for client, act, said in [
        (ann, "soft", "soft"),
        (ann, "begin", "begin"),
        (ann, "prepared", "sign"),
        (ben, "approved", "sign"),
        (ben, "close", "close"),
    ]:
        assert post(client, MONTH, act=act)[:2] == (303, f"{MONTH}?said={said}")

    text = ann.get(MONTH).text
    assert "Closed by B. Bohr" in text
    file = ann.get(f"{MONTH}/books.zip")
    assert (file.status_code, file.headers["content-type"]) == (200, "application/zip")
    assert file.content == ann.get(f"{MONTH}/books.zip").content
    assert list((app.state.hub.settings.data_dir / "exports").iterdir()) == []


def test_a_step_that_cannot_be_says_why_and_changes_nothing(app: FastAPI) -> None:
    ann = enter(app)
    early = post(ann, "/finance/periods/main/2025-12", act="soft")
    out_of_order = post(ann, MONTH, act="close")
    unknown = post(ann, MONTH, act="burn")
    post(ann, MONTH, act="soft")
    post(ann, MONTH, act="begin")
    unsigned = post(ann, MONTH, act="close")
    alone = post(ann, MONTH, act="lock", reason="filed", second="A. Abel", word=WORD)

    assert (early[0], "This month is not over yet." in early[2]) == (409, True)
    assert out_of_order[0] == 409
    assert (unknown[0], "Use one of the buttons." in unknown[2]) == (422, True)
    assert (unsigned[0], "Two people sign before a month is closed." in unsigned[2]) == (409, True)
    assert (alone[0], "This takes two people of finance." in alone[2]) == (409, True)
    with app.state.hub.database.read() as connection:
        assert reads.one(connection, "main", "2025-11", "GBP").state.value == "closing"


def test_a_settlement_that_ties_clears_the_cards_and_one_that_does_not_says_so(app: FastAPI) -> None:
    ann = enter(app)
    cards = numbers(app, 0)
    rows = [f"sale,{number},12.00,0.20" for number in cards]
    taken = take(ann, "\n".join(["type,reference,amount,fee", *rows, "payout,,23.60,"]), "P-1")
    assert (taken[0], "the payout is their sum" in taken[1]) == (200, True)
    assert (balance(app, "1100"), balance(app, "1030"), balance(app, "6120")) == (0, 23_60, 40)

    again = take(ann, "type,reference,amount,fee\nsale,X,1.00,0\npayout,,1.00,", "P-1")
    assert (again[0], "was taken in before" in again[1]) == (409, True)
    odd = take(ann, "type,reference,amount,fee\nsale,NOBODY,5.00,0.10\npayout,,4.85,", "P-2")
    assert (odd[0], "0 of 1 sales and refunds have an order" in odd[1]) == (200, True)
    assert balance(app, "2500") == -5_00 + 5
    where = re.search(r"/finance/settlements/[0-9a-f]{32}", odd[1])
    assert where is not None
    assert "No order" in ann.get(where[0]).text
    assert "Settlement does not tie" in ann.get("/exceptions?owner=finance").text
    assert "1 stops" in ann.get(MONTH).text or "stop the close" in ann.get(MONTH).text


def take(client: TestClient, text: str, reference: str, **more: str) -> tuple[int, str]:
    """Send a settlement file as the page does."""
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/finance/chart").text)
    assert csrf is not None
    said = {"entity": "main", "provider": "card", "mapper": "plain", "reference": reference}
    said |= {"day": "2025-11-28", "payout": "", **more}
    files = {"file": ("payout.csv", text.encode(), "text/csv")}
    done = client.post("/finance/settlements", data=said, files=files, headers={"x-csrf-token": csrf[1]})
    return done.status_code, done.text


FAULTS: list[tuple[str, dict[str, str], str]] = [
    ("", {}, "No file was chosen."),
    ("a,b\n1,2\n", {}, "The file has no column type."),
    ("type,reference,amount,fee\nsale,X,lots,0\n", {}, "Row 2: the amount cannot be read."),
    ("type,reference,amount,fee\nsale,,1.00,0\n", {}, "Row 2: it names no order and no payment."),
    ("type,reference,amount,fee\nsale,X,1.00,0\n", {}, "The file does not say what was paid out."),
    ("type,reference,amount,fee\n", {}, "The file has no rows."),
    ("type,reference,amount,fee\nfee,,-1.00,0\n", {"mapper": "none"}, "There is no such mapper."),
    ("type,reference,amount,fee\nfee,,-1.00,0\n", {"day": ""}, "Look at the marked fields."),
    ("type,reference,amount,fee\nfee,,-1.00,0\n", {"day": "soon", "payout": "1"}, "cannot be read"),
]


def test_a_file_with_a_fault_is_refused_whole_and_posts_nothing(app: FastAPI) -> None:
    ann = enter(app)
    with app.state.hub.database.read() as connection:
        before = connection.execute(sa.select(sa.func.count()).select_from(journals)).scalar_one()

    answers = [take(ann, text, "P-9", **more) for text, more, _complaint in FAULTS]

    assert {status for status, _text in answers} == {422}
    assert [
        complaint
        for (_s, said), (_t, _m, complaint) in zip(answers, FAULTS, strict=True)
        if complaint not in said
    ] == []
    with app.state.hub.database.read() as connection:
        after = connection.execute(sa.select(sa.func.count()).select_from(journals)).scalar_one()
    assert after == before


def test_what_is_in_suspense_is_taken_where_it_belongs(app: FastAPI) -> None:
    ann = enter(app)
    take(ann, "type,reference,amount,fee\nsale,NOBODY,5.00,0\npayout,,5.00,", "P-2")
    page = ann.get("/finance/suspense").text
    journal = re.search(r'name="journal" value="(\d+)"', page)
    assert journal is not None
    wrong = post(ann, "/finance/suspense", entity="main", journal=journal[1], account="9999", reason="?")
    mute = post(ann, "/finance/suspense", entity="main", journal=journal[1], account="4000", reason="")
    done = post(ann, "/finance/suspense", entity="main", journal=journal[1], account="4000", reason="a sale")
    again = post(ann, "/finance/suspense", entity="main", journal=journal[1], account="4000", reason="a sale")

    assert (wrong[0], "There is no account 9999." in wrong[2]) == (422, True)
    assert mute[0] == 422
    assert done[0] == 303
    assert again[0] == 404
    assert (balance(app, "2500"), balance(app, "4000")) == (0, -40_00 - 5_00)
    assert "Nothing is in suspense" in ann.get("/finance/suspense").text


def test_a_purpose_is_mapped_elsewhere_and_a_journal_by_hand_balances_or_is_refused(app: FastAPI) -> None:
    ann = enter(app)
    named = post(
        ann,
        "/finance/chart",
        entity="main",
        act="name",
        account="4001",
        name="Web",
        kind="income",
        reason="x",
    )
    kind = post(
        ann, "/finance/chart", entity="main", act="name", account="4001", name="W", kind="asset", reason="x"
    )
    lost = post(ann, "/finance/chart", entity="main", act="map", purpose="sales", account="4999", reason="x")
    mapped = post(
        ann, "/finance/chart", entity="main", act="map", purpose="sales", account="4001", reason="x"
    )
    hub: Hub = app.state.hub
    shop = Shop(edge="store-2", code="MI")
    shop.open(0)
    shop.sell(("A", 1, 1200))
    send(hub, shop)

    assert [each[0] for each in (named, kind, lost, mapped)] == [303, 422, 422, 303]
    assert (balance(app, "4001"), balance(app, "4000")) == (-10_00, -40_00)

    lines = {"account": ["6150", "2000"], "debit": ["5.00", ""], "reference": ["", ""]}
    head = {"entity": "main", "day": "2025-12-01", "reason": "rent", "memo": "December"}
    uneven = post(ann, "/finance/journal", **head, **lines, credit=["", "4.00"])
    even = post(ann, "/finance/journal", **head, **lines, credit=["", "5.00"])
    assert (uneven[0], "Its debits and credits differ." in uneven[2]) == (422, True)
    assert (even[0], balance(app, "6150")) == (303, 5_00)


def test_a_deposit_is_prepared_and_credited_once_and_a_dispute_ends_once(app: FastAPI) -> None:
    ann = enter(app)
    day = {"entity": "main", "day": "2025-11-29"}
    assert (
        post(ann, "/finance/money", what="deposit_prepared", reference="BAG-1", amount="300.00", **day)[0]
        == 303
    )
    credited = {"what": "deposit_credited", "reference": "BAG-1", "amount": "300.00", "other": "299.95"}
    assert post(ann, "/finance/money", **credited, **day)[0] == 303
    assert post(ann, "/finance/money", **credited, **day)[0] == 409
    assert (balance(app, "1020"), balance(app, "1030"), balance(app, "6100")) == (0, 299_95, 5)

    unknown = post(ann, "/finance/money", what="chargeback_lost", reference="CB-1", amount="12.00", **day)
    assert (unknown[0], "Nothing with the reference CB-1" in unknown[2]) == (409, True)
    begun = {"what": "chargeback_received", "reference": "CB-1", "amount": "12.00", "other": "15.00"}
    assert post(ann, "/finance/money", **begun, **day)[0] == 303
    assert "Waits for the bank" in ann.get("/finance/money").text
    assert (
        post(ann, "/finance/money", what="chargeback_lost", reference="CB-1", amount="12.00", **day)[0] == 303
    )
    assert (balance(app, "1210"), balance(app, "6130"), balance(app, "6120")) == (0, 12_00, 15_00)


def test_only_finance_sees_these_pages_and_a_closed_month_refuses_a_journal_by_hand(app: FastAPI) -> None:
    ops = enter(app, "O. Ops")
    pages = ("/finance/periods", MONTH, "/finance/chart", "/finance/suspense", "/finance/journal")
    more = ("/finance/money", "/finance/settlements", f"{MONTH}/books.zip")
    assert {path: ops.get(path).status_code for path in pages + more} == dict.fromkeys(pages + more, 403)
    ann, ben = enter(app), enter(app, "B. Bohr")
    for client, act in ((ann, "soft"), (ann, "begin"), (ann, "prepared"), (ben, "approved"), (ann, "close")):
        assert post(client, MONTH, act=act)[0] == 303

    lines = {
        "account": ["6150", "2000"],
        "debit": ["5.00", ""],
        "credit": ["", "5.00"],
        "reference": ["", ""],
    }
    refused = post(ann, "/finance/journal", entity="main", day="2025-11-30", reason="late", **lines)

    assert (refused[0], "The month of 2025-11-30 is closed." in refused[2]) == (409, True)


def test_the_audit_is_worked_off_and_its_rules_are_written_on_one_page(app: FastAPI) -> None:
    client = enter(app)
    shop = Shop(edge="store-2", code="YC")
    shop.open()
    shop.close(missing_minor=9_00)
    send(app.state.hub, shop)
    page = client.get("/finance/audit").text
    hit = re.search(r'name="hit" value="([^"]+)"', page)
    assert hit is not None
    assert "9.00, the rule hits above 5.00." in page

    status, _where, text = post(client, "/finance/audit", hit=hit[1], outcome="overridden", reason="")
    assert (status, "A reason is missing." in text) == (422, True)
    said = {"hit": hit[1], "outcome": "overridden", "reason": "counted again"}
    assert post(client, "/finance/audit", **said)[:2] == (303, "/finance/audit?said=done")
    close = client.get(f"/finance/days/{shop.session_id}").text
    assert "counted again" in close
    assert "Audited" in close

    rules: dict[str, str | list[str]] = {
        "name": ["few-voids", ""],
        "test": ["voids", "voids"],
        "limit": ["2", ""],
        "location": ["", ""],
        "active": ["yes", "yes"],
    }
    status, _where, text = post(client, "/finance/audit/rules", **(rules | {"limit": ["two", ""]}), why="x")
    assert (status, "The rule few-voids cannot be read." in text) == (422, True)
    assert post(client, "/finance/audit/rules", **rules, why="fewer")[:2] == (
        303,
        "/finance/audit?said=rules",
    )
    assert 'value="few-voids"' in client.get("/finance/audit").text
    assert "Payments" in client.get("/finance/payments").text


def test_a_mapper_is_tried_on_a_file_before_it_is_kept(app: FastAPI) -> None:
    client = enter(app)
    page = client.get("/finance/chart").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf is not None
    said = {
        "name": "bank-x",
        "title": "Bank X",
        "delimiter": "semicolon",
        "kind": "art",
        "reference": "auftrag",
        "amount": "betrag",
        "kinds": "verkauf = sale",
        "act": "try",
    }

    def sent(data: bytes, **more: str) -> tuple[int, str]:
        file = {"file": ("x.csv", data, "text/csv")}
        page = "/finance/settlements/mappers"
        done = client.post(page, data=said | more, files=file, headers={"x-csrf-token": csrf[1]})
        return done.status_code, done.text

    status, text = sent(b"art;auftrag;betrag\nVerkauf;R-77;12,00\n")
    assert (status, "R-77" in text, "art, auftrag, betrag" in text) == (200, True, True)
    status, text = sent(b"kind;order;amount\n")
    assert (status, "The file has no column art." in text, "kind, order, amount" in text) == (200, True, True)
    status, text = sent(b"", act="keep")
    assert (status, "The reason of this mapper cannot be read." in text) == (422, True)
    status, text = sent(b"", act="keep", reason="a new bank")
    assert (status, "Kept. The next file is read by it." in text) == (200, True)
    assert "Bank X" in client.get("/finance/settlements").text
    assert "Version 1" in client.get("/finance/settlements/mappers?name=bank-x").text
