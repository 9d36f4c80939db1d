import json
import queue
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge_agent.customers import rows as contacts
from edge_agent.customers import steps as customers
from edge_agent.fulfil.directives import kinds_of
from edge_agent.fulfil.steps import inbox
from edge_agent.link.contacts import ContactUploads
from edge_agent.link.courier import Courier
from edge_agent.link.directives import Answer, DirectiveInbox, Kind
from edge_agent.link.recovery import Recovery
from edge_agent.link.rows import read_link, set_link
from protocol.customers import Contact
from protocol.directives import AssignmentOffer, Outcome
from protocol.errors import Refused, Unavailable
from protocol.handshake import DirectiveBatch
from protocol.stream import chain, first_hash
from tests.support.fulfilment import CONTACT, directive, offered
from tests.support.store import Store
from tests.support.wire import eventually


class HubOfContacts(ThreadingHTTPServer):
    """The HTTPS side of a hub, as far as contacts go; `status` is what it answers instead."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.known: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.status = 0


class Answers(BaseHTTPRequestHandler):
    """One request."""

    server: HubOfContacts

    def do_GET(self) -> None:
        """Give a contact."""
        self._said("GET")
        body = self.server.known.get(self.path)
        self._answer(self.server.status or (200 if body is not None else 404), body or b"{}")

    def do_PUT(self) -> None:
        """Take a contact."""
        self._said("PUT")
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.status:
            self.server.known[self.path] = body
        self._answer(self.server.status or 204, b"")

    def _said(self, verb: str) -> None:
        self.server.asked.append(f"{verb} {self.path} {self.headers['Authorization']}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if status != 204 else 0))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is http.server's
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[HubOfContacts]:
    made = HubOfContacts()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def courier(hub: HubOfContacts, tmp_path: Path) -> Iterator[Courier]:
    made = Courier(f"http://127.0.0.1:{hub.server_address[1]}", "secret", tmp_path / "incoming")
    yield made
    made.close()


def put(store: Store, contact_id: str) -> None:
    """Have a store write a customer down."""
    said = Contact(contact_id=contact_id, last_name="Moss")
    store.edge.database.write(lambda unit: customers.put(unit, store.edge, said))


def batch(store: Store, data: list[bytes]) -> DirectiveBatch:
    """Return the first directives of a life of the hub that a store has met."""
    hub_inc = "0" * 32
    store.edge.database.write(lambda unit: set_link(unit, hub_inc=hub_inc))
    begin = first_hash(store.edge.identity.edge, hub_inc)
    return DirectiveBatch(
        inc=store.edge.identity.inc,
        sess="0" * 16,
        hub_inc=hub_inc,
        first=1,
        prev=begin,
        head=chain(begin, data),
        directives=tuple(each.decode() for each in data),
    )


def test_a_customer_goes_up_once_and_again_only_when_something_changed(
    store: Store, hub: HubOfContacts, courier: Courier
) -> None:
    put(store, "c/1")
    uploads = ContactUploads(store.edge, courier)

    assert uploads.bring_all() is True
    assert uploads.bring_all() is True

    assert hub.asked == ["PUT /edge/contacts/c%2F1 Bearer secret"]
    assert json.loads(hub.known["/edge/contacts/c%2F1"])["last_name"] == "Moss"
    store.edge.database.write(lambda unit: customers.erase(unit, store.edge, "c/1"))
    uploads.bring_all()
    assert json.loads(hub.known["/edge/contacts/c%2F1"]) == json.loads(
        Contact(contact_id="c/1", version=2, erased=True).model_dump_json()
    )


def test_what_the_hub_cannot_take_now_waits_in_its_row_and_goes_up_later(
    store: Store, hub: HubOfContacts, courier: Courier
) -> None:
    put(store, "c-1")
    hub.status = 503
    uploads = ContactUploads(store.edge, courier)

    with pytest.raises(Unavailable):
        uploads.bring_all()
    assert contacts.next_waiting(store.edge.database.read()) is not None

    hub.status = 0
    after_a_restart = ContactUploads(store.edge, courier)
    assert after_a_restart.bring_all() is True
    assert contacts.next_waiting(store.edge.database.read()) is None


def test_a_customer_that_the_hub_refuses_stops_no_other(
    store: Store, hub: HubOfContacts, courier: Courier
) -> None:
    put(store, "c-1")
    put(store, "c-2")
    hub.status = 422
    uploads = ContactUploads(store.edge, courier)

    assert uploads.bring_all() is False

    assert len(hub.asked) == 2
    assert uploads.trouble is not None


def test_a_contact_is_fetched_before_an_offer_is_answered_and_only_when_it_is_newer(
    store: Store, hub: HubOfContacts, courier: Courier
) -> None:
    hub.known["/edge/contacts/c-1"] = json.dumps(CONTACT | {"version": 3}).encode()
    prepare = kinds_of(store.edge)(courier)["assignment.offer"].prepare
    assert prepare is not None
    body = AssignmentOffer.model_validate(offered(1, ("MUG-1", 1), contact_id="c-1", contact_version=3))

    prepare(body, threading.Event())
    prepare(body, threading.Event())

    assert hub.asked == ["GET /edge/contacts/c-1 Bearer secret"]
    found = contacts.find(store.edge.database.read(), "c-1")
    assert found is not None
    assert (found.label, found.version) == ("Quill A.", 3)
    assert contacts.next_waiting(store.edge.database.read()) is None


def test_a_restored_store_fetches_the_customers_of_its_open_orders_again(
    store: Store, hub: HubOfContacts, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.known["/edge/contacts/c-1"] = json.dumps(CONTACT | {"version": 3}).encode()
    hub.known["/edge/contacts/c-2"] = b"no contact"
    for n, who in enumerate(("c-1", "c-2", "c-3"), start=1):
        body = AssignmentOffer.model_validate(offered(n, ("MUG-1", 1), contact_id=who, contact_version=3))
        store.edge.database.write(lambda unit, body=body: inbox.offer(unit, store.edge, body))  # type: ignore[misc]  # bound now
    store.edge.database.write(lambda unit: unit.connection.execute("UPDATE link SET recovery = 'pull'"))
    monkeypatch.setattr(courier, "fetch_directives", lambda _hub_inc, _after: [])
    directives = DirectiveInbox(store.edge, {}, random.Random(1), lambda _answer: None)

    Recovery(store.edge, courier, directives, lambda: None).work((), "")

    asked = [f"GET /edge/contacts/c-{n} Bearer secret" for n in (1, 2, 3)]
    assert hub.asked == ["GET /edge/hub-lives Bearer secret", *asked]
    known = [contacts.version_of(store.edge.database.read(), f"c-{n}") for n in (1, 2, 3)]
    assert known == [3, 0, 0]
    assert read_link(store.edge.database.read()).recovery == "reopen"


def test_an_offer_waits_while_the_line_is_down_and_goes_on_without_a_customer_nobody_knows(
    store: Store, hub: HubOfContacts, courier: Courier
) -> None:
    prepare = kinds_of(store.edge)(courier)["assignment.offer"].prepare
    assert prepare is not None
    body = AssignmentOffer.model_validate(offered(1, ("MUG-1", 1), contact_id="c-9", contact_version=1))

    hub.status = 503
    with pytest.raises(Unavailable):
        prepare(body, threading.Event())
    hub.status = 0
    prepare(body, threading.Event())

    assert contacts.find(store.edge.database.read(), "c-9") is None
    hub.known["/edge/contacts/c-9"] = b"not json"
    with pytest.raises(Refused) as refusal:
        prepare(body, threading.Event())
    assert refusal.value.reason == "bad_contact"


def test_what_was_carried_out_is_answered_while_the_next_of_its_batch_waits_for_the_line(
    store: Store,
) -> None:
    def waits_for_the_second(body: AssignmentOffer, _stopping: threading.Event) -> None:
        if body.contact_id == "c-2":
            raise Unavailable("The line is down.", "Wait.")

    said: queue.Queue[Answer] = queue.Queue()
    kinds = {"assignment.offer": Kind(inbox.offer, waits_for_the_second)}
    directives = DirectiveInbox(store.edge, kinds, random.Random(1), said.put)
    data = [
        directive(n, "assignment.offer", offered(n, ("MUG-1", 1), contact_id=f"c-{n}", contact_version=1))
        for n in (1, 2)
    ]

    directives.start()
    directives.offer(batch(store, data))

    answer = said.get(timeout=10)
    directives.stop()
    assert (answer.upto, [(each.cseq, each.res) for each in answer.outcomes]) == (1, [(1, Outcome.APPLIED)])
    assert said.empty()


def test_what_waits_for_the_line_goes_on_at_once_when_it_is_there_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.link.directives.FIRST_WAIT_SECONDS", 3_600.0)
    tried: queue.Queue[str] = queue.Queue()
    is_down = threading.Event()
    is_down.set()

    def needs_the_line(body: AssignmentOffer, _stopping: threading.Event) -> None:
        tried.put(body.contact_id)
        if is_down.is_set():
            raise Unavailable("The line is down.", "Wait.")

    said: queue.Queue[Answer] = queue.Queue()
    kinds = {"assignment.offer": Kind(inbox.offer, needs_the_line)}
    directives = DirectiveInbox(store.edge, kinds, random.Random(1), said.put)
    data = [directive(1, "assignment.offer", offered(1, ("MUG-1", 1), contact_id="c-1", contact_version=1))]
    directives.start()
    directives.offer(batch(store, data))
    assert tried.get(timeout=10) == "c-1"
    is_down.clear()
    directives.try_again()

    assert said.get(timeout=10).upto == 1
    directives.stop()


def test_customers_who_wait_for_the_line_are_brought_at_once_when_it_is_there_again(
    store: Store, hub: HubOfContacts, courier: Courier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.link.contacts.FIRST_WAIT_SECONDS", 3_600.0)
    put(store, "c-1")
    uploads = ContactUploads(store.edge, courier)
    hub.status = 503
    uploads.start()
    eventually(lambda: uploads.trouble is not None)

    hub.status = 0
    uploads.try_again()

    eventually(lambda: contacts.next_waiting(store.edge.database.read()) is None)
    uploads.stop()
    assert hub.asked == ["PUT /edge/contacts/c-1 Bearer secret"] * 2
