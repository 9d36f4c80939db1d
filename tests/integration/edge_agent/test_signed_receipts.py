"""A receipt speaks for its sale at a store that can ask nobody: signed, verified, limited, never doubled."""

from typing import Any

import pytest

from edge_agent.app import KINDS
from edge_agent.paper import rows as paper_rows
from edge_agent.paper.slips import Slips
from printing.document import Symbol
from printing.encoder import encode
from printing.profiles import profile_of
from protocol import receipts
from protocol.kit.signing import SigningKey, is_signed, signing_key
from protocol.receipts import StatedLine, StatedSale, StatedTender, StoreKey, StoreKeys
from protocol.returns import ReturnPolicy
from tests.support.store import Store, ok, refused, sale

YORK = signing_key("7e" * 32)
SALE = StatedSale(
    signer="york",
    order_id="0198c0de-0000-7000-8000-0000000000aa",
    number="YK1-00042",
    currency="GBP",
    start="2026-11-20",
    sold_us=1_795_000_000_000_000,
    lines=(
        StatedLine(
            line_no=1, sku="MUG-1", quantity=3, gross_minor=2_250, tax_minor=375, rate_ppm=200_000,
            returned=1, refunded_minor=750, refunded_tax_minor=125,
        ),
    ),
    tenders=(StatedTender(n=1, kind="card", amount_minor=2_250, refunded_minor=750, last4="4242"),),
)  # fmt: skip


def said(sale: StatedSale = SALE, key: SigningKey = YORK) -> str:
    data = receipts.packed(sale)
    return receipts.text_of(key.sign(data), data)


def tell(store: Store, kind: str, body: Any) -> None:
    store.edge.database.write(lambda unit: KINDS[kind].carry_out(unit, store.edge, body))


@pytest.fixture
def dark(store: Store) -> Store:
    """A store without a line that knows the key of York."""
    tell(store, "store.keys", StoreKeys(keys=(StoreKey(location="york", public=YORK.public),)))
    return store


def read(store: Store, code: str) -> Any:
    return store.post("/api/returns/receipt", {"code": code})


def back(store: Store, units: int, key: str, **more: Any) -> Any:
    body = {"key": key, "lines": [{"line_no": 1, "quantity": units}]} | more
    return store.post(f"/api/orders/{SALE.number}/returns", body)


def test_a_dark_store_takes_back_what_a_receipt_says_is_left_and_no_unit_twice(dark: Store) -> None:
    found = ok(read(dark, said()))
    assert (found["signed"], found["lines"][0]["name"], found["lines"][0]["left"]) == (True, "Mug", 2)

    done = ok(back(dark, 2, "r-1"), 201)
    again = ok(read(dark, said()))

    assert (done["total_minor"], done["tax_minor"]) == (1_500, 250)
    assert [(t["kind"], t["amount_minor"], t["last4"]) for t in done["refunds"]] == [("card", 1_500, "4242")]
    assert again["lines"][0]["left"] == 0
    assert refused(back(dark, 1, "r-2"), 409)["code"] == "too_many_units"


def test_what_this_store_printed_itself_counts_its_own_returns_once(dark: Store) -> None:
    ok(read(dark, said()))
    ok(back(dark, 1, "r-1"), 201)
    own = dark.edge.sign_receipt(dark.edge.database.read(), SALE.order_id)
    dark.clock.set(dark.clock.now_us() + 601_000_000)

    found = ok(read(dark, own))

    assert (found["number"], found["lines"][0]["left"]) == (SALE.number, 1)


CHANGED = SALE.model_copy(update={"lines": (SALE.lines[0].model_copy(update={"gross_minor": 22_500}),)})
ENDED = SALE.model_copy(update={"sold_us": SALE.sold_us + 10_000_000})


STRANGERS = (
    (said(key=signing_key("11" * 32)), "forged_receipt"),
    (receipts.text_of(YORK.sign(receipts.packed(SALE)), receipts.packed(CHANGED)), "forged_receipt"),
    (said()[:40], "unreadable_receipt"),
    ("OSR1:no code at all", "unreadable_receipt"),
    (said(SALE.model_copy(update={"signer": "leeds"})), "unknown_signer"),
    (said(SALE.model_copy(update={"currency": "EUR"})), "other_currency"),
    (said(ENDED, signing_key("22" * 32)), "forged_receipt"),
)


def test_a_receipt_that_is_not_ours_is_refused_and_changes_nothing(dark: Store) -> None:
    ended = StoreKey(location="york", public=signing_key("22" * 32).public, until_us=SALE.sold_us)
    tell(dark, "store.keys", StoreKeys(keys=(ended,)))
    before = dark.fingerprint()

    for code, wrong in STRANGERS:
        assert refused(read(dark, code), 409)["code"] == wrong, code
    assert dark.fingerprint() == before
    assert dark.rows("SELECT count(*) FROM orders_told") == [(0,)]


def test_beyond_the_limit_of_the_policy_a_receipt_alone_needs_another_persons_word(dark: Store) -> None:
    tell(dark, "return.policy", ReturnPolicy(version=1, signed_up_to_minor=1_000))
    ok(read(dark, said()))

    wrong = refused(back(dark, 2, "r-1"), 403)
    token = dark.approve("manager", "return_override", reason="regular customer")
    ok(back(dark, 2, "r-2", approval=token), 201)

    assert wrong["code"] == "needs_approval"
    [[body]] = dark.rows(
        "SELECT json_extract(bytes, '$.body.decision') FROM events WHERE kind = 'return.completed'"
    )
    assert "SIGNED_AMOUNT" in body


def test_a_receipt_and_the_slip_of_its_return_say_what_is_left_by_this_stores_key(store: Store) -> None:
    sold = ok(store.post("/api/sales", sale("s-1", ("MUG-1", 3), cash_minor=2_250)), 201)
    body = {"key": "r-1", "lines": [{"line_no": 1, "quantity": 1}]}
    ok(store.post(f"/api/orders/{sold['number']}/returns", body), 201)
    slips = Slips(store.edge.settings, store.edge.sign_receipt)
    connection = store.edge.database.read()

    for document in ("receipt", "return_receipt"):
        [job] = [
            job
            for job in paper_rows.jobs(connection, state="", business_id="", limit=9)
            if job.document == document
        ]
        blocks = slips.document(connection, job).blocks
        [code] = [
            block.data for block in blocks if isinstance(block, Symbol) and receipts.is_statement(block.data)
        ]
        signature, data = receipts.parts_of(code)
        said = receipts.unpacked(data)

        assert is_signed(store.edge.receipt_key, signature, data)
        assert (said.number, said.signer, said.lines[0].quantity, said.lines[0].returned) == (
            sold["number"], store.edge.identity.edge, 3, 1,
        )  # fmt: skip
        assert encode(slips.document(connection, job), profile_of("epson_58")).data


def test_the_scan_of_a_signed_receipt_opens_its_return_from_every_scan_box(dark: Store) -> None:
    headers = dark.headers() | {"HX-Request": "true"}
    for path, form in (("/orders/scan", {"code": said()}), ("/sell/scan", {"code": said()})):
        answer = dark.client.post(path, data=form, headers=headers)
        assert answer.status_code < 400, answer.text
    page = dark.client.get("/orders", params={"q": said(), "for": "return"}, headers=dark.headers())

    assert "The receipt is ours and unchanged" in page.text
