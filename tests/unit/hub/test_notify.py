"""What customers are told: which notice follows, whether it is still true, and what stands in the mail."""

import io
from email import message_from_bytes, policy

import pytest
import zxingcpp
from PIL import Image

from hub.notify import letters
from hub.notify.letters import Written
from hub.notify.rules import (
    AGAIN_SECONDS,
    HOUR_US,
    MAX_TRIES,
    Drop,
    Facts,
    Kind,
    Later,
    SaidLine,
    SaidParcel,
    Send,
    State,
    Told,
    Wait,
    after_doubt,
    after_trouble,
    follows,
    verdict,
)
from hub.settings import HubSettings, load_settings
from protocol.customers import Contact
from protocol.errors import Invalid
from protocol.fulfilment import (
    AssignedLine,
    FulfilKind,
    Parcel,
    Promise,
    RoutedPart,
    ShortLine,
    ShortReason,
    UnitsLine,
    Verified,
)
from protocol.ids import slip_code
from protocol.later import (
    AssignmentHandedOver,
    AssignmentPicked,
    AssignmentShipped,
    AssignmentStaged,
    CancelledLine,
    HandoverUndone,
    LinesAdded,
    OrderCancelled,
    OrderChanged,
    OrderPlaced,
    OrderRouted,
    OwnPart,
)
from protocol.orders import LineKind, OrderLine, WireModel

NOW_US = 1_793_620_800_000_000  # Mon 2 Nov 2026, 12:00 UTC
ANNA = Contact(contact_id="c-1", version=3, first_name="Anna", last_name="Reed", email="anna@post.test")
ABOUT = {"assignment_id": "a-1", "order_id": "o-1", "number": "HB1-00007"}


def line(line_no: int, sku: str, quantity: int, kind: LineKind = LineKind.GOODS) -> OrderLine:
    return OrderLine(
        line_no=line_no,
        sku=sku,
        name=f"Thing {sku}",
        kind=kind,
        quantity=quantity,
        list_price_minor=100,
        unit_price_minor=100,
        gross_minor=100 * quantity,
        tax_minor=17 * quantity,
        rate_ppm=200_000,
    )


def placed(**more: object) -> OrderPlaced:
    values: dict[str, object] = {
        "order_id": "o-1",
        "number": "HB1-00007",
        "channel": "web",
        "currency": "GBP",
        "lines": (line(1, "A", 3), line(2, "B", 1), line(3, "SHIPPING", 1, LineKind.SHIPPING)),
        "total_minor": 500,
        "tax_minor": 85,
        "promise": Promise(
            kind=FulfilKind.COLLECT,
            location="store-1",
            due_us=NOW_US + 2 * HOUR_US,
            keep_until_us=NOW_US + 120 * HOUR_US,
        ),
        "contact_id": "c-1",
        "pickup_code": "482913",
    }
    return OrderPlaced.model_validate(values | more)


ROUTED = OrderRouted(
    decision_id="d-1",
    order_id="o-1",
    number="HB1-00007",
    parts=(
        RoutedPart(
            assignment_id="a-1",
            location="store-1",
            lines=(
                AssignedLine(line_no=1, sku="A", name="Thing A", quantity=3),
                AssignedLine(line_no=2, sku="B", name="Thing B", quantity=1),
            ),
        ),
    ),
)
STAGED = AssignmentStaged(**ABOUT, shelf="P-03", bags=1)
UNITS = (UnitsLine(line_no=1, sku="A", lent=3),)


def handed(*, rest: bool = False) -> AssignmentHandedOver:
    return AssignmentHandedOver(**ABOUT, handover_id="h-1", lines=UNITS, verified=Verified.CODE, rest=rest)


def cancelled(cancel_id: str, *lines: tuple[int, int], by_customer: bool = False) -> OrderCancelled:
    return OrderCancelled(
        cancel_id=cancel_id,
        order_id="o-1",
        number="HB1-00007",
        lines=tuple(CancelledLine(line_no=n, sku="A", quantity=units) for n, units in lines),
        by_customer=by_customer,
    )


def history(*bodies: WireModel) -> list[Told]:
    return [Told("store-1", NOW_US, body) for body in bodies]


def facts_of(kind: Kind, subject_id: str, *bodies: WireModel) -> Facts:
    found = verdict(kind, subject_id, history(*bodies), NOW_US)
    assert isinstance(found, Send)
    return found.facts


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (placed(), ["received:o-1"]),
        (placed(channel="counter"), []),
        (placed(contact_id=""), []),
        (STAGED, ["ready:a-1", "reminder:a-1"]),
        (cancelled("x-1", (1, 1)), ["cancelled:x-1"]),
        (handed(), []),
    ],
)
def test_each_event_asks_for_the_notices_that_follow_it_and_no_others(
    body: WireModel, keys: list[str]
) -> None:
    assert [wanted.dedupe_key for wanted in follows(body)] == keys


def test_ready_names_what_was_found_and_leaves_out_what_was_short() -> None:
    picked = AssignmentPicked(
        **ABOUT,
        list_id="l-1",
        lines=UNITS,
        shorts=(ShortLine(line_no=2, sku="B", lent=1, reason=ShortReason.NOT_FOUND),),
    )

    facts = facts_of(Kind.READY, "a-1", placed(), ROUTED, picked, STAGED)

    assert facts.lines == (SaidLine(name="Thing A", quantity=3),)
    assert (facts.location, facts.pickup_code) == ("store-1", "482913")


def test_ready_of_what_a_store_set_aside_itself_names_its_own_lines() -> None:
    own = OwnPart(assignment_id="a-1", lines=(AssignedLine(line_no=2, sku="B", name="Thing B", quantity=1),))

    facts = facts_of(Kind.READY, "a-1", placed(own=own, channel="counter"), STAGED)

    assert facts.lines == (SaidLine(name="Thing B", quantity=1),)


@pytest.mark.parametrize(
    ("bodies", "found"),
    [
        ((placed(), ROUTED, STAGED, handed()), Drop("collected")),
        ((placed(), ROUTED, STAGED, handed(rest=True)), Drop("collected")),
        ((placed(contact_id=""), ROUTED, STAGED), Drop("no_contact")),
        ((STAGED,), Later("no_order")),
    ],
)
def test_ready_is_not_sent_when_it_is_not_true_any_more(bodies: tuple[WireModel, ...], found: object) -> None:
    assert verdict(Kind.READY, "a-1", history(*bodies), NOW_US) == found


def test_a_handover_that_was_undone_makes_the_goods_wait_again() -> None:
    undone = HandoverUndone(**ABOUT, handover_id="h-1", lines=UNITS)

    assert isinstance(
        verdict(Kind.READY, "a-1", history(placed(), ROUTED, STAGED, handed(), undone), NOW_US), Send
    )


def test_a_reminder_waits_until_a_day_before_the_end_and_then_leaves_if_goods_are_left() -> None:
    told = history(placed(), ROUTED, STAGED)
    due_us = NOW_US + 96 * HOUR_US

    assert verdict(Kind.REMINDER, "a-1", told, NOW_US) == Wait(due_us)
    assert isinstance(verdict(Kind.REMINDER, "a-1", told, due_us), Send)
    assert isinstance(verdict(Kind.REMINDER, "a-1", [*told, *history(handed(rest=True))], due_us), Send)
    assert verdict(Kind.REMINDER, "a-1", [*told, *history(handed())], due_us) == Drop("collected")


@pytest.mark.parametrize("keep_hours", [0, 30])
def test_nobody_is_reminded_of_goods_that_are_kept_for_a_day_or_without_an_end(keep_hours: int) -> None:
    promise = Promise(
        kind=FulfilKind.COLLECT,
        location="store-1",
        due_us=NOW_US,
        keep_until_us=NOW_US + keep_hours * HOUR_US if keep_hours else 0,
    )

    assert verdict(Kind.REMINDER, "a-1", history(placed(promise=promise), ROUTED, STAGED), NOW_US) == Drop(
        "no_need"
    )


def test_a_changed_contact_is_told_and_one_that_is_only_asked_for_is_not() -> None:
    change = OrderChanged(
        order_id="o-1",
        number="HB1-00007",
        what=("contact",),
        promise=placed().promise,
        contact_id="c-2",
    )
    asked = change.model_copy(update={"contact_id": "c-3", "requested": True})

    found = verdict(Kind.READY, "a-1", history(placed(), ROUTED, change, asked, STAGED), NOW_US)

    assert isinstance(found, Send)
    assert found.contact_id == "c-2"


def test_shipped_says_each_parcel_and_what_is_in_them() -> None:
    shipped = AssignmentShipped(
        **ABOUT,
        parcels=(
            Parcel(parcel_no=1, parcel_id="LB1-B00001", carrier="own", tracking="LB1-T00001"),
            Parcel(parcel_no=2, parcel_id="LB1-B00002", carrier="own", tracking="LB1-T00002"),
        ),
        lines=UNITS,
    )

    facts = facts_of(Kind.SHIPPED, "a-1", placed(), ROUTED, shipped)

    assert [parcel.tracking for parcel in facts.parcels] == ["LB1-T00001", "LB1-T00002"]
    assert facts.lines == (SaidLine(name="Thing A", quantity=3),)


def test_a_cancellation_knows_whether_anything_of_the_order_is_left() -> None:
    first, second = cancelled("x-1", (1, 3)), cancelled("x-2", (2, 1), by_customer=True)

    part = facts_of(Kind.CANCELLED, "x-1", placed(), first, second)
    rest = facts_of(Kind.CANCELLED, "x-2", placed(), first, second)

    assert (part.whole, part.by_customer, part.lines) == (
        False,
        False,
        (SaidLine(name="Thing A", quantity=3),),
    )
    assert (rest.whole, rest.by_customer, rest.lines) == (True, True, (SaidLine(name="Thing B", quantity=1),))


def test_tries_come_further_and_further_apart_and_end() -> None:
    assert [after_trouble(tries, 0).next_us // 1_000_000 for tries in range(1, MAX_TRIES)] == list(
        AGAIN_SECONDS
    )
    assert after_trouble(MAX_TRIES, 0).state is State.FAILED
    assert after_trouble(1, 0, lasting=True).state is State.FAILED


def test_a_mail_in_doubt_is_sent_once_more_and_never_a_third_time() -> None:
    assert [after_doubt(doubts, 0).state for doubts in (1, 2, 3)] == [
        State.QUEUED,
        State.FAILED,
        State.FAILED,
    ]


FACTS = Facts(
    location="store-1",
    place="Leeds Briggate",
    zone="Europe/London",
    due_us=NOW_US,
    keep_until_us=NOW_US + 120 * HOUR_US,
    pickup_code="482913",
    currency="GBP",
    total_minor=1_234_50,
    lines=(SaidLine(name="Jumbo Bag Red Retrospot", quantity=3),),
    parcels=(SaidParcel(carrier="own", tracking="LB1-T00003"),),
)


def write(kind: Kind, contact: Contact = ANNA, facts: Facts = FACTS, number: str = "HB1-00007") -> Written:
    return letters.write(kind, number, facts, contact, shop="Orderspine")


def test_the_ready_mail_reads_from_greeting_to_desk_with_its_code_on_a_line_of_its_own() -> None:
    assert write(Kind.READY).text == (
        "Hello Anna,\n"
        "\n"
        "Your order is ready. You can collect it at Leeds Briggate.\n"
        "\n"
        "Your pickup code\n"
        "\n"
        "    482 913\n"
        "\n"
        "Order number: HB1-00007\n"
        "Collect at: Leeds Briggate\n"
        "Kept for you until: Saturday 7 November, 12:00\n"
        "\n"
        "3 × Jumbo Bag Red Retrospot\n"
        "\n"
        "Say this code at the pickup desk. Whoever collects for you needs it too.\n"
        "\n"
        "Orderspine\n"
    )


def test_a_changed_order_is_told_in_one_mail_with_what_came_what_went_and_what_it_costs_now() -> None:
    order = placed(lines=(line(1, "A", 2), line(2, "W", 1, LineKind.SHIPPING)), total_minor=300)
    added = LinesAdded(
        change_id="ch-1",
        order_id="o-1",
        number="HB1-00007",
        lines=(line(3, "B", 1),),
        total_minor=100,
        tax_minor=17,
    )
    gone = OrderCancelled(
        cancel_id="x-1",
        order_id="o-1",
        number="HB1-00007",
        lines=(CancelledLine(line_no=1, sku="A", quantity=1),),
        change_id="ch-1",
    )
    history = [Told("hub", NOW_US, body) for body in (order, added, gone)]

    found = verdict(Kind.CHANGED, "ch-1", history, NOW_US)

    assert [wanted.kind for wanted in follows(added)] == [Kind.CHANGED]
    assert follows(gone) == ()
    assert isinstance(found, Send)
    assert found.facts.lines == (SaidLine(name="Thing B", quantity=1),)
    assert found.facts.gone == (SaidLine(name="Thing A", quantity=1),)
    assert found.facts.total_minor == order.total_minor
    text = letters.write(Kind.CHANGED, "HB1-00007", found.facts, ANNA, shop="Orderspine").text
    assert "1 × Thing B" in text
    assert "Not any more: 1 × Thing A" in text


@pytest.mark.parametrize(
    ("kind", "facts", "subject", "part"),
    [
        (Kind.RECEIVED, FACTS, "We have your order HB1-00007", "Total: £1,234.50"),
        (
            Kind.RECEIVED,
            FACTS.model_copy(update={"ship": True}),
            "We have your order HB1-00007",
            "Leaves us by: Monday 2 November, 12:00",
        ),
        (Kind.REMINDER, FACTS, "Your order HB1-00007 still waits for you", "    482 913\n"),
        (Kind.SHIPPED, FACTS, "Your order HB1-00007 is on its way", "Tracking number: LB1-T00003"),
        (Kind.CANCELLED, FACTS, "Your order HB1-00007 was cancelled", "We are sorry"),
        (
            Kind.CANCELLED,
            FACTS.model_copy(update={"whole": False, "by_customer": True}),
            "A part of your order HB1-00007 was cancelled",
            "As you asked",
        ),
    ],
)
def test_every_kind_says_the_order_and_what_matters_in_text_and_html(
    kind: Kind, facts: Facts, subject: str, part: str
) -> None:
    found = write(kind, facts=facts)

    assert found.subject == subject
    assert part in found.text
    assert "HB1-00007" in found.html
    assert all(len(row) <= letters.WIDTH for row in found.text.splitlines())


def test_dates_and_amounts_follow_the_language_of_the_customer() -> None:
    german = ANNA.model_copy(update={"language": "de"})

    found = write(Kind.RECEIVED, german)

    assert "1.234,50\xa0£" in found.text
    assert "Montag" in found.text
    assert '<html lang="de">' in found.html


def test_a_name_that_is_a_script_is_shown_and_never_run() -> None:
    evil = ANNA.model_copy(update={"first_name": "<script>alert(1)</script>"})
    facts = FACTS.model_copy(update={"lines": (SaidLine(name="<img src=x>\r\nBcc: you", quantity=1),)})

    found = write(Kind.READY, evil, facts)

    assert "<script" not in found.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in found.html
    assert "<img src=x>" not in found.html
    assert "1 × <img src=x> Bcc: you" in found.text


def as_mail(found: Written) -> bytes:
    return letters.mail(
        found, sender="shop@shop.test", shop="Orderspine", message_id="<n-1@shop.test>", at_us=NOW_US
    ).as_bytes()


def test_the_mail_carries_both_forms_and_the_head_that_a_mailbox_needs() -> None:
    mail = message_from_bytes(as_mail(write(Kind.READY)), policy=policy.default)

    assert mail["From"] == "Orderspine <shop@shop.test>"
    assert mail["To"] == "Anna Reed <anna@post.test>"
    assert mail["Message-ID"] == "<n-1@shop.test>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Mon, 02 Nov 2026 12:00:00 +0000"
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]


def test_the_code_that_the_customer_shows_is_the_order_as_the_desk_scans_it() -> None:
    mail = message_from_bytes(as_mail(write(Kind.READY)), policy=policy.default)
    picture = next(part for part in mail.walk() if part.get_content_type() == "image/png")

    shown = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture.get_content())).convert("L"))

    assert picture["Content-ID"] == "<order-code>"
    assert [code.text for code in shown] == [slip_code("po", "HB1-00007", 1)]


@pytest.mark.parametrize(
    "broken",
    [
        {"to": "anna@post.test\r\nBcc: all@post.test"},
        {"to_name": "Anna\nBcc: all@post.test"},
        {"subject": "Ready\r\nBcc: all@post.test"},
        {"to": "anna"},
        {"to": "@"},
        {"to": "ännä@post.test"},
        {"to": f"anna@{'x' * 80}.test"},
    ],
)
def test_a_line_break_or_a_broken_address_in_the_head_of_a_mail_is_refused(broken: dict[str, str]) -> None:
    found = write(Kind.READY)
    values = {name: getattr(found, name) for name in ("to", "to_name", "subject", "text", "html")}

    with pytest.raises(Invalid) as refusal:
        as_mail(Written(**(values | broken)))

    assert refusal.value.reason == "bad_address"


def test_a_number_with_a_line_break_stays_on_one_line_of_the_subject() -> None:
    assert write(Kind.READY, number="HB1\r\nBcc: all").subject == (
        "Your order HB1 Bcc: all is ready to be collected"
    )


def test_an_address_with_a_domain_beyond_ascii_is_written_in_its_plain_form() -> None:
    found = write(Kind.READY, ANNA.model_copy(update={"email": "anna@bücher.test"}))

    assert b"anna@xn--bcher-kva.test" in as_mail(found)


def test_a_mail_server_needs_an_address_that_mail_comes_from() -> None:
    with pytest.raises(Invalid) as refusal:
        load_settings(smtp_host="mail.test")

    assert refusal.value.facts["setting"] == "mail_from"
    assert HubSettings(smtp_host="mail.test", mail_from="shop@shop.test").smtp_security == "none"
