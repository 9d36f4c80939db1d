"""What a hub says to a store about fulfilment, and a store's way through it, for tests."""

import json
from dataclasses import dataclass, field
from typing import Any

from edge_agent.link.directives import DirectiveInbox
from edge_agent.link.lending import grant, stock_of
from edge_agent.link.rows import set_link
from protocol.rights import EdgeStock
from tests.support.store import START_US, Store, ok

HOUR_US = 3600 * 1_000_000
HUB_INC = "hub-life-1"
CODES = {"COAT-M": "5012345678900", "MUG-1": "4006381333931", "BOOK-1": "9783161484100"}
CONTACT = {
    "contact_id": "c-1",
    "first_name": "Ada",
    "last_name": "Quill",
    "email": "ada@example.com",
    "phone": "+44 20 7946 0123",
    "collector": "Sam Quill",
    "address": {"line1": "1 High Street", "city": "London", "postcode": "N1 9GU", "country": "GB"},
}


def directive(
    cseq: int, kind: str, body: dict[str, Any], *, directive_id: str = "", exp: int | None = None
) -> bytes:
    """Return the bytes of a directive."""
    said = {
        "cseq": cseq,
        "id": directive_id or f"d-{cseq}",
        "kind": kind,
        "at": START_US,
        "exp": exp,
        "body": body,
    }
    return json.dumps(said).encode()


@dataclass
class Desk:
    """A store as the hub and its people see it: every call gets a new key unless one is given."""

    store: Store
    _keys: int = 0
    _cseq: int = 0
    _orders: int = 0
    totals: dict[str, int] = field(default_factory=dict)

    def key(self) -> str:
        """Return a new key."""
        self._keys += 1
        return f"key-{self._keys}"

    # What the hub does.

    @property
    def inbox(self) -> DirectiveInbox:
        """The store's inbox of directives."""
        found: DirectiveInbox = self.store.app.state.link.directives
        return found

    def tell(self, kind: str, body: dict[str, Any], *, directive_id: str = "", exp: int | None = None) -> str:
        """Let the hub say something; return the outcome, with the code when it was refused."""
        self._cseq += 1
        data = directive(self._cseq, kind, body, directive_id=directive_id, exp=exp)
        if self._cseq == 1:
            self.store.edge.database.write(lambda unit: set_link(unit, hub_inc=HUB_INC))
        self.inbox._store_durably(HUB_INC, self._cseq, data)
        outcome, code = self.store.rows("SELECT outcome, code FROM directives WHERE cseq = ?", self._cseq)[0]
        return f"{outcome} {code}".strip()

    def offer(self, *lines: tuple[str, int], kind: str = "collect", **more: Any) -> str:
        """Offer an assignment and return its id."""
        self._orders += 1
        n = self._orders
        body = offered(n, *lines, kind=kind, **more)
        assert self.tell("assignment.offer", body) == "applied"
        return str(body["assignment_id"])

    def lend(self, sku: str, units: int) -> None:
        """Lend units to the hub."""
        self.store.edge.database.write(lambda unit: grant(unit, stock_of(unit.connection, sku), units))

    # What people do.

    def verb(
        self, path: str, status: int = 201, *, role: str = "associate", key: str = "", **body: Any
    ) -> Any:
        """Do something; return the answer, or the error when a refusal is expected."""
        answer = self.store.post(f"/api/fulfil/{path}", {"key": key or self.key(), **body}, role=role)
        assert answer.status_code == status, answer.text
        said = answer.json()
        return said.get("error", said)

    def start(self, *assignments: str) -> str:
        """Begin to walk and return the list."""
        return str(self.verb("picks", assignments=list(assignments))["list_id"])

    def scan(self, list_id: str, sku: str, times: int = 1) -> Any:
        """Scan an article; return the last answer."""
        said = None
        for _ in range(times):
            said = self.verb(f"picks/{list_id}/scan", code=CODES[sku])["scan"]
        return said

    def pick(self, assignment_id: str) -> str:
        """Walk one assignment, finding everything; return the list."""
        list_id = self.start(assignment_id)
        for line in self.pick_view(list_id)["lines"]:
            if line["left"]:
                self.verb(
                    f"picks/{list_id}/set",
                    assignment_id=line["assignment_id"],
                    line_no=line["line_no"],
                    units=line["wanted"],
                )
        self.verb(f"picks/{list_id}/finish")
        return list_id

    def ready(self, assignment_id: str, *, bags: int = 1, shelf: str = "S-1") -> None:
        """Pick, pack and stage."""
        self.pick(assignment_id)
        self.verb(f"assignments/{assignment_id}/pack", bags=bags)
        self.verb(f"assignments/{assignment_id}/stage", shelf=shelf)

    def packed(self, assignment_id: str) -> list[str]:
        """Pick and pack into one parcel; return the parcels."""
        self.pick(assignment_id)
        said = self.verb(f"assignments/{assignment_id}/pack", parcels=[{"weight_g": 900}])
        return list(said["parcels"])

    def recognise(self, assignment_id: str, code: str = "123456") -> str:
        """Check the code; return the verification."""
        said = self.verb(f"assignments/{assignment_id}/verify", how="code", said=code)
        return str(said["verification"])

    def collect(self, assignment_id: str, *lines: tuple[int, int]) -> Any:
        """Recognise and hand over."""
        named = [{"line_no": n, "units": units} for n, units in lines]
        verification = self.recognise(assignment_id)
        return self.verb(f"assignments/{assignment_id}/hand-over", verification=verification, lines=named)

    # What can be seen.

    def view(self, assignment_id: str) -> Any:
        """Return an assignment."""
        return ok(self.store.get(f"/api/fulfil/assignments/{assignment_id}"))

    def pick_view(self, list_id: str) -> Any:
        """Return a pick list."""
        return ok(self.store.get(f"/api/fulfil/picks/{list_id}"))

    def state(self, assignment_id: str) -> str:
        """Return where an assignment is."""
        return str(self.view(assignment_id)["state"])

    def rights(self, sku: str) -> EdgeStock:
        """Return one SKU as the lending rules see it."""
        return stock_of(self.store.edge.database.read(), sku)

    def letters(self, sku: str) -> dict[str, int]:
        """Return P, B, L, O and F of a SKU."""
        stock = self.rights(sku)
        return {
            "P": stock.physical,
            "B": stock.bound,
            "L": stock.sellable,
            "O": stock.outstanding,
            "F": stock.cells.finished,
        }

    def buckets(self, sku: str) -> dict[str, int]:
        """Return the units of a SKU by bucket, those that are empty left out."""
        found = self.store.rows("SELECT bucket, quantity FROM balances WHERE sku = ? AND quantity <> 0", sku)
        return {str(bucket): int(units) for bucket, units in found}

    def kinds(self) -> list[str]:
        """Return the kinds of the events about orders and assignments, in order."""
        found = self.store.rows(
            "SELECT kind FROM events WHERE kind LIKE 'assignment.%' OR kind LIKE 'manifest.%'"
            " OR kind LIKE 'order.%' ORDER BY seq"
        )
        return [str(row[0]) for row in found]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """Return the bodies of the events of a kind."""
        rows = self.store.rows("SELECT bytes FROM events WHERE kind = ? ORDER BY seq", kind)
        return [json.loads(row[0])["body"] for row in rows]

    def jobs(self, document: str) -> list[str]:
        """Return the business ids of the slips of a kind."""
        rows = self.store.rows(
            "SELECT business_id FROM print_jobs WHERE document = ? ORDER BY rowid", document
        )
        return [str(row[0]) for row in rows]

    def open_exceptions(self) -> list[str]:
        """Return the keys of what needs a person."""
        rows = self.store.rows(
            "SELECT dedupe_key FROM exceptions WHERE closed_us IS NULL ORDER BY raised_us, dedupe_key"
        )
        return [str(row[0]) for row in rows]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row that must not change when something is refused."""
        tables = (
            "events", "assignments", "assignment_lines", "parcels", "handovers", "manifests", "pick_lists",
            "pick_list_orders", "pick_scans", "pick_shorts", "device_holds", "balances", "movements",
            "rights", "print_jobs", "idempotency", "exceptions", "counters",
        )  # fmt: skip
        return {table: self.store.rows(f"SELECT * FROM {table}") for table in tables}


def offered(n: int, *lines: tuple[str, int], kind: str = "collect", **more: Any) -> dict[str, Any]:
    """Return the body of an offer."""
    promise = {"kind": kind, "location": "store-1", "due_us": START_US + HOUR_US, "service": ""}
    body: dict[str, Any] = {
        "assignment_id": f"a-{n}",
        "order_id": f"o-{n}",
        "number": f"HB1-{n:05d}",
        "channel": "web",
        "currency": "GBP",
        "promise": promise | more.pop("promise", {}),
        "lines": [
            {"line_no": at, "sku": sku, "name": sku.title(), "quantity": units}
            for at, (sku, units) in enumerate(lines, start=1)
        ],
        "pickup_code": "123456",
    }
    return body | more
