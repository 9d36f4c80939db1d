"""Pages of orders for later: who may see and do what, what is refused, and that nothing typed is lost."""

import re
from collections.abc import Callable, Iterator
from math import prod

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from hub.app import build
from hub.capture.wanted import OrderAnswer
from hub.customers.steps import erase
from hub.database import HubUnit
from hub.fulfil.rows import assignment_lines, assignments
from hub.settings import HubSettings
from hub.stock.rows import balances
from protocol.people import HubRole
from tests.browser.hub.later_site import furnish_later
from tests.browser.hub.site import EVIL, NOW_US, PASSWORD, PEOPLE
from tests.support.hub import TestClock, TestIds

Visit = Callable[[HubRole], TestClient]
HTML = {"accept": "text/html"}


class Company:
    """A hub with orders for later, and whoever signs in."""

    def __init__(self, folder: object) -> None:
        settings = HubSettings.model_validate({"data_dir": folder})
        self.app = build(settings, clock=TestClock(NOW_US), ids=TestIds("hub"))
        self.orders: dict[str, OrderAnswer] = furnish_later(self.app)
        self._clients: dict[HubRole, TestClient] = {}

    def visit(self, role: HubRole = HubRole.OPS) -> TestClient:
        """Return a browser of somebody with this role; each signs in once."""
        if role in self._clients:
            return self._clients[role]
        client = TestClient(self.app, base_url="http://127.0.0.1", follow_redirects=False, headers=HTML)
        done = client.post("/sign-in", data={"name": PEOPLE[role], "password": PASSWORD, "next": "/"})
        assert done.status_code == 303
        self._clients[role] = client
        return client

    def at(self, word: str) -> str:
        """Return the address of an order."""
        return f"/orders/{self.orders[word].number}"

    def post(self, path: str, role: HubRole = HubRole.OPS, /, **said: str) -> tuple[int, str, str]:
        """Send a form; return the status, where it leads, and what came back."""
        client = self.visit(role)
        found = re.search(r'name="csrf" value="([^"]+)"', client.get("/account").text)
        assert found
        answer = client.post(path, data={"csrf": found[1], **said})
        return answer.status_code, answer.headers.get("location", ""), answer.text


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    made = Company(tmp_path_factory.mktemp("hub"))
    yield made
    made.app.state.hub.database.close()


def test_the_page_says_how_likely_an_order_is_late_and_every_reason_in_words(company: Company) -> None:
    hub, order_id = company.app.state.hub, company.orders["silent"].order_id

    def one_is_left(unit: HubUnit) -> None:
        lines = sa.select(assignments.c.location, assignment_lines).join(
            assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id
        )
        row = unit.connection.execute(lines.where(assignments.c.order_id == order_id)).first()
        assert row is not None
        mine = (balances.c.location == row.location) & (balances.c.sku == row.sku)
        unit.connection.execute(sa.delete(balances).where(mine))
        said = {"location": row.location, "sku": row.sku, "bucket": "sellable", "quantity": row.quantity}
        unit.connection.execute(sa.insert(balances).values(**said))

    hub.database.write(one_is_left)
    page = company.visit().get(company.at("silent")).text

    found = re.search(r"Risk of being late: (\d+) %.*?</details>", page, re.DOTALL)
    assert found
    for said in (
        "Line to the store, ",
        "On display, 10 %: ",
        "the last piece there",
        "Whether it is there, ",
    ):
        assert said in found[0]
    kept = prod(1 - int(percent) / 100 for percent in re.findall(r", (\d+) %: ", found[0]))
    assert int(found[1]) == round(100 * (1 - kept))
    assert "Risk of being late" not in company.visit().get(company.at("collected")).text


def answer_of(text: str) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", text, re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", "", found[1]).strip()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("short", "Nobody fulfils 1 unit"),
        ("ready", "Ready at Leeds Briggate, kept until Mon 9 Nov"),
        ("collected", "Collected at Leeds Briggate"),
        ("shipped", "On its way, 1 parcel"),
        ("silent", "Sent to Sheffield Fargate, not answered yet"),
        ("late", "York Coppergate is picking it"),
        ("nobody", "Nobody fulfils it yet"),
        ("cancelled", "Cancelled, nothing of it left"),
    ],
)
def test_the_page_of_an_order_begins_with_where_it_is(company: Company, word: str, said: str) -> None:
    text = company.visit().get(company.at(word)).text

    assert answer_of(text) == said


def test_the_spine_tells_every_event_in_words_with_its_arrival_and_its_books(company: Company) -> None:
    text = company.visit(HubRole.ADMIN).get(company.at("short")).text

    for said in (
        "Routed to York Coppergate",
        "Short pick, 1 unit",
        "12 units picked, 1 × 22423 not found.",
        "15 min later: store offline",
        "Nobody can fulfil it",
        "Customer deposits",
    ):
        assert said in text, said
    assert "assignment." not in text
    assert "order.placed" not in text


def test_a_short_pick_is_counted_where_it_is_missing(company: Company) -> None:
    text = company.visit().get(company.at("short")).text
    line = text[text.index('id="line-2"') :]

    assert "nobody fulfils 1" in line[: line.index("</tr>")]


def test_what_was_sent_and_not_answered_is_called_that_and_silence_is_said(company: Company) -> None:
    text = company.visit().get(company.at("silent")).text

    assert "The offer left the hub; whether the store has it is not known." in text
    assert "Offline 38 min. It may have the order and go on by itself." in text


@pytest.mark.parametrize(("role", "sees"), [(HubRole.OPS, True), (HubRole.FINANCE, False)])
def test_names_and_codes_of_customers_are_for_operations(company: Company, role: HubRole, sees: bool) -> None:
    client = company.visit(role)
    text = client.get(company.at("ready")).text
    code = client.get(f"{company.at('ready')}/code")
    found = client.get("/orders?q=anna%40post.test").text

    assert ("Anna Reed" in text) is sees
    assert ("Show the pickup code" in text) is sees
    assert company.orders["ready"].pickup_code not in text
    assert code.status_code == (200 if sees else 403)
    assert ("No order fits" not in found) is sees


@pytest.mark.parametrize("act", ["cancel", "promise", "customer"])
def test_finance_looks_at_no_form_and_changes_nothing(company: Company, act: str) -> None:
    path = f"{company.at('ready')}/{act}"
    before = company.visit().get(company.at("ready")).text.count("<li")

    assert company.visit(HubRole.FINANCE).get(path).status_code == 403
    assert company.post(path, HubRole.FINANCE, reason="x")[0] == 403
    assert company.visit().get(company.at("ready")).text.count("<li") == before


def test_a_form_without_its_token_changes_nothing(company: Company) -> None:
    client = company.visit()

    answer = client.post(f"{company.at('ready')}/cancel", data={"units-1": "1", "reason": "x"})

    assert answer.status_code == 403
    assert "Change requested" not in client.get(company.at("ready")).text


@pytest.mark.parametrize(
    ("act", "said", "status", "complaint"),
    [
        ("cancel", {"units-1": "many", "reason": "Too many"}, 422, "Type a whole number of units."),
        ("cancel", {"units-1": "99", "reason": "Too many"}, 409, "Line 1 has 4 units that can be cancelled."),
        ("cancel", {"units-9": "1", "reason": "Too many"}, 409, "Line 9 has 0 units that can be cancelled."),
        ("cancel", {"reason": "Too many"}, 422, "Nothing was cancelled."),
        ("cancel", {"units-1": "1", "reason": ""}, 422, "Fill this in."),
        ("cancel", {"units-1": "1", "reason": "x" * 301}, 422, "At most 300 characters."),
        ("promise", {"where": "collect:store-9", "reason": "Moved"}, 422, "There is no location store-9."),
        ("promise", {"where": "collect:", "reason": "Moved"}, 422, "An order to collect needs a store."),
        ("promise", {"where": "teleport", "reason": "Moved"}, 422, "Choose one of the list."),
        (
            "promise",
            {"where": "collect:store-1", "date": "2026-11-01", "time": "09:00", "reason": "Moved"},
            422,
            "The promise is in the past.",
        ),
        ("promise", {"where": "ship", "date": "soon", "reason": "Moved"}, 422, "Type a date and a time"),
        ("customer", {"contact": "yes", "email": "no mail", "reason": "Moved"}, 422, "This cannot be read."),
        ("customer", {"note": "", "note_before": "", "reason": "Moved"}, 422, "Nothing would change."),
    ],
)  # fmt: skip
def test_a_refused_form_says_why_in_place_and_keeps_what_was_typed(
    company: Company, act: str, said: dict[str, str], status: int, complaint: str
) -> None:
    before = company.visit().get(company.at("ready")).text

    answer = company.post(f"{company.at('ready')}/{act}", **said)

    assert answer[0] == status, answer[2][:2000]
    assert complaint in answer[2]
    typed = said.get("units-1") or said.get("email") or said["reason"]
    assert f'value="{typed}"' in answer[2] or act == "customer"
    assert answer_of(company.visit().get(company.at("ready")).text) == answer_of(before)


def test_a_store_that_cannot_is_named_with_its_reason_in_place(company: Company) -> None:
    said = {"where": "collect:store-3", "reason": "Moved"}

    status, _where, text = company.post(f"{company.at('nobody')}/promise", **said)

    assert status == 409
    assert re.search(r"<b>Hull Trinity</b>\s*has none of 22423 free", text)
    assert re.search(r'value="collect:store-3" checked', text)


def test_who_holds_goods_is_asked_and_until_it_answers_everything_is_requested(company: Company) -> None:
    path = f"{company.at('late')}/parts/{company.orders['late'].assignments[0].assignment_id}"
    form = {"reason": "The shelf is blocked", "key": "k-1"}

    first = company.post(path, **form)
    again = company.post(path, **form)
    other = company.post(path, **{**form, "key": "k-2"})
    text = company.visit().get(company.at("late")).text

    assert first[:2] == again[:2] == (303, f"{company.at('late')}?said=requested")
    assert (other[0], "has been asked already" in other[2]) == (409, True)
    assert "Change requested" in text
    assert "Asked to give it up. Until it answers its units stay its own." in text
    assert answer_of(text) == "York Coppergate is picking it"


def test_a_silent_store_is_not_asked_without_a_warning(company: Company) -> None:
    part = company.orders["silent"].assignments[0].assignment_id

    text = company.visit().get(f"{company.at('silent')}/parts/{part}").text

    assert "Asking it fulfils nothing twice" in text
    assert "Sheffield Fargate is silent: offline 38 min." in text
    assert company.visit().get(f"{company.at('silent')}/parts/nothing").status_code == 404


def test_a_refund_that_a_person_made_is_recorded_once_by_finance(company: Company) -> None:
    from hub.payments.rows import of_order

    with company.app.state.hub.database.read() as connection:
        command = of_order(connection, company.orders["cancelled"].order_id)[0].command_id
    path = f"{company.at('cancelled')}/refunds/{command}"

    empty = company.post(path, HubRole.FINANCE, reference="")
    done = company.post(path, HubRole.FINANCE, reference="RF-7")
    again = company.post(path, HubRole.FINANCE, reference="RF-8")
    text = company.visit(HubRole.FINANCE).get(company.at("cancelled")).text

    assert (empty[0], "Fill this in." in empty[2]) == (422, True)
    assert done[:2] == (303, f"{company.at('cancelled')}?said=refunded")
    assert again[0] == 409
    assert "RF-7" in text
    assert "Refund waits" not in text
    assert company.visit().get(f"{company.at('cancelled')}/refunds/nothing").status_code == 404


def test_a_customer_who_was_erased_is_shown_as_that_and_gets_no_new_name(company: Company) -> None:
    hub = company.app.state.hub
    contact = company.orders["collected"].contact_id
    hub.database.write(lambda unit: erase(unit, contact, now_us=NOW_US))

    text = company.visit().get(company.at("collected")).text
    status, _where, refused = company.post(
        f"{company.at('collected')}/customer", contact="yes", first_name="Anna", reason="Moved"
    )

    assert "Erased" in text
    assert "Anna Reed" not in text
    assert (status, "This customer was erased." in refused) == (409, True)


def test_what_a_customer_typed_is_only_ever_text(company: Company) -> None:
    client = company.visit()
    pages = [
        client.get(path).text
        for path in (company.at("evil"), f"{company.at('evil')}/customer", "/orders", "/assignments")
    ]

    assert all(EVIL not in text for text in pages)
    assert "&lt;script&gt;" in pages[0]


def test_a_decision_shows_what_was_chosen_and_what_removed_every_other(company: Company) -> None:
    client = company.visit()
    chosen = client.get(f"{company.at('shipped')}/routing").text
    nobody = client.get(f"{company.at('nobody')}/routing").text

    assert "Wakefield DC fulfils it for £4.90" in chosen
    assert "0.50 walk · 0.40 handling" in chosen
    assert "+1.05" in chosen
    assert "Too few to promise: has 3 of 22423 free, 9 needed" in nobody
    assert client.get(f"{company.at('short')}/routing?attempt=1").status_code == 200
    assert client.get(f"{company.at('short')}/routing?attempt=999").status_code == 200


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("view=ship", {"shipped"}),
        ("view=late", {"late"}),
        ("view=waiting", {"short", "nobody"}),
        ("q=WEB-50212", {"ready"}),
        ("q=lamb%40post.test", {"evil"}),
        ("q=22423", {"short", "nobody"}),
        ("view=collect&state=ready", {"ready"}),
    ],
)
def test_orders_for_later_are_found_by_view_channel_number_customer_and_item(
    company: Company, query: str, numbers: set[str]
) -> None:
    text = company.visit().get(f"/orders?{query}").text

    found = set(re.findall(r'<a class="ref" href="/orders/([^"]+)"', text))
    wanted = {company.orders[word].number for word in numbers}
    assert wanted <= found
    assert (
        not (found & {answer.number for answer in company.orders.values()})
        - wanted
        - {
            company.orders["cancelled"].number  # its card stays open until somebody closes it
        }
    )


def test_a_phone_number_and_a_name_find_all_orders_of_a_customer(company: Company) -> None:
    client = company.visit()
    texts = [client.get(f"/orders?q={text}").text for text in ("0113 496 0001", "+44 113 496 0001", "anna r")]

    assert all(company.orders["ready"].number in text for text in texts[::2])
    assert all(company.orders["evil"].number not in text for text in texts)


def test_the_files_say_promise_place_holder_and_age(company: Company) -> None:
    client = company.visit()
    orders = client.get("/orders.csv?view=ship").text.splitlines()
    parts = client.get("/assignments.csv?location=store-4").text.splitlines()

    assert orders[0].endswith("promise,place,due,with,says")
    assert orders[-1].endswith('ship,,2026-11-02T17:40:00+00:00,,"On its way, 1 parcel"')
    given, due = "2026-11-02T12:10:00+00:00", "2026-11-02T20:10:00+00:00"
    number = company.orders["silent"].number
    assert parts[1:] == [f"{number},Sheffield Fargate,collect,sent,2,0,{given},{due},142"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/assignments?state=perhaps", 422),
        ("/assignments?older=2", 422),
        ("/assignments?sort=secret", 422),
        ("/assignments?page=0", 422),
        ("/assignments?location=nowhere", 200),
        ("/assignments?state=&late=yes&kind=ship&older=24&sort=-place", 200),
        ("/orders?view=mine", 422),
        ("/orders?q=%25%5C_", 200),
        ("/orders/NOBODY-1/cancel", 404),
        ("/orders/NOBODY-1/routing", 404),
        ("/orders/HB1-00001?said=lies", 422),
        ("/orders/HB1-00001/routing?attempt=-1", 422),
        ("/orders/LB1-00003/routing", 404),
    ],
)
def test_an_address_that_makes_no_sense_gets_a_clear_answer(company: Company, path: str, status: int) -> None:
    answer = company.visit().get(path)

    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_an_order_by_phone_is_put_together_refused_and_placed_without_typing_twice(company: Company) -> None:
    draft = {
        "sku": "20725",
        "quantity": "2",
        "first_name": "Jo",
        "where": "ship",
        "shipping": "3.95",
        "line1": "1 Long Row",
        "key": "draft-1",
    }
    added = company.post("/orders/new", **{**draft, "act": "add:85099B"})
    unpaid = company.post("/orders/new", **draft, act="place")
    paid = {**draft, "gateway": "terminal", "reference": "T-1", "paid": "7.25", "act": "place"}
    placed = company.post("/orders/new", **paid)
    again = company.post("/orders/new", **paid)

    assert (added[0], "Jumbo Bag Red Retrospot" in added[2], 'value="Jo"' in added[2]) == (200, True, True)
    assert (unpaid[0], "must be paid first" in unpaid[2], 'value="1 Long Row"' in unpaid[2]) == (
        409,
        True,
        True,
    )
    assert placed[0] == 303
    assert placed[:2] == again[:2]
    number = placed[1].partition("?")[0]
    text = company.visit().get(number).text
    assert "Customer service" in text
    assert "£7.25" in text


@pytest.mark.parametrize(
    ("said", "status", "complaint"),
    [
        ({"act": "place"}, 422, "Add what is ordered first."),
        ({"sku": "NOTHING", "quantity": "1", "act": "look"}, 200, "has no item NOTHING"),
        ({"sku": "20725", "quantity": "lots", "act": "place"}, 422, "Type whole units for 20725."),
        ({"sku": "20725", "quantity": "1", "where": "", "act": "place"}, 422, "Nothing was done."),
        (
            {"sku": "20725", "quantity": "1", "where": "collect:store-1", "paid": "a lot", "act": "place"},
            422,
            "Type an amount such as 12.50.",
        ),
        (
            {"sku": "20725", "quantity": "1", "where": "collect:store-1", "country": "Wales", "act": "place"},
            422,
            "This cannot be read.",
        ),
        ({"q": "'; DROP", "act": "find"}, 200, "nothing like that"),
    ],
)
def test_a_draft_that_cannot_be_says_what_to_do(
    company: Company, said: dict[str, str], status: int, complaint: str
) -> None:
    answer = company.post("/orders/new", **said)

    assert answer[0] == status
    assert complaint in answer[2]


def test_a_draft_is_for_operations(company: Company) -> None:
    assert company.visit(HubRole.FINANCE).get("/orders/new").status_code == 403
    assert company.post("/orders/new", HubRole.FINANCE, act="place")[0] == 403


def test_an_item_shows_what_may_be_promised_and_why_the_rest_is_not(company: Company) -> None:
    text = company.visit().get("/stock/47566").text
    rows = {
        edge: re.sub(r"<[^>]+>|\s+", " ", text[text.index(f'id="atp-{edge}"') :].split("</tr>")[0])
        for edge in ("store-3", "store-4", "store-1")
    }

    assert "may be promised now" in text
    assert "Misses promised units" in rows["store-3"]
    assert "Not heard" in rows["store-4"]
    assert "Counted in" in rows["store-1"]


def test_the_overview_and_a_silent_location_lead_to_what_waits(company: Company) -> None:
    client = company.visit()
    overview = client.get("/").text
    location = client.get("/fleet/store-4").text

    assert re.search(r'href="/orders\?view=late"[^>]*><span class="shape"></span>1 order is late', overview)
    assert "wait for their location" in overview
    assert "1 part of an order waits here" in location
    assert "none of them is given to another location before it answers" in location
