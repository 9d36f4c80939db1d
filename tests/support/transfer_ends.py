"""Two stores at the ends of a transfer, and what a hub says between them, for tests of the stores.

`Van` carries announcements and settlements as the hub does, from the events that the stores wrote, and only
when a test lets it: a store that is not told is a store that is dark.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.later.places import note_places
from edge_agent.rebuild import Difference, rebuild
from edge_agent.stock.rows import on_hand
from protocol.fulfilment import UnitsLine
from protocol.movements import Bucket
from protocol.transfers import ReceivedLine, settlement
from tests.support.fulfilment import CODES, Desk
from tests.support.store import begin_store, ok, sign_everybody_in

NAMES = {"COAT-M": "Wool coat M", "MUG-1": "Mug", "BOOK-1": "Picture book"}
TRANSFER = "t-1"
ENDS = {
    "transfer_id": TRANSFER,
    "number": "HBX-00001",
    "source": "store-1",
    "destination": "store-2",
}


@dataclass
class End(Desk):
    """One of two stores, with the words of `/api/transfers`."""

    def do(self, path: str, status: int = 201, *, key: str = "", **body: Any) -> Any:
        """Do something; return the answer, or the error when a refusal is expected."""
        answer = self.store.post(f"/api/transfers{path}", {"key": key or self.key(), **body})
        assert answer.status_code == status, answer.text
        said = answer.json()
        return said.get("error", said)

    def asked(self, *lines: tuple[str, int], **more: Any) -> str:
        """Let the hub ask this store to send something; return the outcome."""
        return self.tell("transfer.request", requested(*lines, **more))

    def transfer(self, transfer_id: str = TRANSFER) -> Any:
        """Return a transfer as this store sees it."""
        return ok(self.store.get(f"/api/transfers/{transfer_id}"))

    def where(self, transfer_id: str = TRANSFER) -> str:
        """Return where a transfer is."""
        return str(self.transfer(transfer_id)["state"])

    def bucket(self, sku: str, bucket: Bucket) -> int:
        """Return a balance."""
        return on_hand(self.store.edge.database.read(), sku).buckets.get(bucket, 0)

    def all_rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row that must not change when something is refused."""
        tables = ("transfers", "transfer_lines", "cartons", "transfer_receipts", "transfer_scans")
        return self.everything() | {table: self.store.rows(f"SELECT * FROM {table}") for table in tables}

    def rebuilt(self, folder: Path) -> tuple[Difference, ...]:
        """Make the tables anew from the log; return what differs."""
        target = folder / f"{self.store.edge.identity.edge}-again.db"
        return rebuild(self.store.edge.database.path, target).differences

    def walk(self, transfer_id: str = TRANSFER) -> None:
        """Walk, finding everything."""
        for line in self.transfer(transfer_id)["lines"]:
            units = line["lent"] + line["bound"]
            if units:
                self.do(f"/{transfer_id}/pick/set", line_no=line["line_no"], units=units)
        self.do(f"/{transfer_id}/pick/finish")

    def carton(self, *skus: str, transfer_id: str = TRANSFER) -> str:
        """Close a carton and return its number."""
        return str(self.do(f"/{transfer_id}/cartons", scanned=[CODES[sku] for sku in skus])["sscc"])

    def send(self, transfer_id: str = TRANSFER) -> list[str]:
        """Pick, pack into one carton, ship; return the cartons."""
        self.walk(transfer_id)
        sscc = self.carton(transfer_id=transfer_id)
        self.do(f"/{transfer_id}/ship")
        return [sscc]


@dataclass
class Van:
    """The hub between a source and a destination."""

    source: End
    destination: End

    def shipped(self, transfer_id: str = TRANSFER) -> dict[str, Any]:
        """Return what left."""
        found = self.source.bodies("transfer.shipped")
        return next(each for each in found if each["transfer_id"] == transfer_id)

    def announce(self, transfer_id: str = TRANSFER, *, orders: tuple[Any, ...] = (), **more: Any) -> str:
        """Tell the destination what has been shipped; `line_1={…}` adds to a line."""
        shipped = self.shipped(transfer_id)
        named = {line["line_no"]: line for line in self.source.transfer(transfer_id)["lines"]}
        body = {
            **_ends(shipped),
            "lines": [
                {
                    "line_no": line["line_no"],
                    "sku": line["sku"],
                    "name": named[line["line_no"]]["name"],
                    "quantity": line.get("lent", 0) + line.get("bound", 0),
                    **more.get(f"line_{line['line_no']}", {}),
                }
                for line in shipped["lines"]
            ],
            "cartons": shipped["cartons"],
            "orders": list(orders),
            "receipts": list(more.get("receipts", ())),
            "shipped_us": 1,
        }
        return self.destination.tell("transfer.expect", body)

    def settle(self, transfer_id: str = TRANSFER) -> str:
        """Settle what was shipped against what was received; return the outcome at the source."""
        shipped = self.shipped(transfer_id)
        undone = {each["receipt_id"] for each in self.destination.bodies("transfer.receipt_undone")}
        received = [
            ReceivedLine.model_validate(line)
            for kind in ("transfer.received", "transfer.matched")
            for body in self.destination.bodies(kind)
            if body.get("transfer_id") == transfer_id and body["receipt_id"] not in undone
            for line in body.get("lines", [])
        ]
        settled = settlement([UnitsLine.model_validate(line) for line in shipped["lines"]], received)
        body = {**_ends(shipped), "lines": [line.model_dump(mode="json") for line in settled]}
        self.destination.tell("transfer.settled", body)
        return self.source.tell("transfer.settled", body)


def requested(*lines: tuple[str, int], **more: Any) -> dict[str, Any]:
    """Return the body of a request of the hub's; `line_1={…}` adds to a line."""
    extra = {name: more.pop(name) for name in list(more) if name.startswith("line_")}
    return {
        **ENDS,
        "asked_by": "hub",
        "lines": [
            {"line_no": n, "sku": sku, "name": NAMES[sku], "quantity": units, **extra.get(f"line_{n}", {})}
            for n, (sku, units) in enumerate(lines, start=1)
        ],
        **more,
    }


@contextmanager
def one_end(folder: Path, edge: str = "store-1", *, known: bool = True) -> Iterator[End]:
    """Return one store with people and products; the first has stock. `known`: the hub named the other."""
    (folder / edge).mkdir()
    code, name = {"store-1": ("LB", "Store 1"), "store-2": ("TO", "Store 2")}[edge]
    store = begin_store(folder / edge, edge=edge, code=code, store_name=name)
    with store.client:
        sign_everybody_in(store)
        if edge == "store-1":
            store.stock("COAT-M", 5)
            store.stock("MUG-1", 100)
        if known:
            other = {"store-1": "store-2", "store-2": "store-1"}[edge]
            store.edge.database.write(lambda unit: note_places(unit, [(other, other)], 0))
        yield End(store)


@contextmanager
def two_ends(folder: Path) -> Iterator[Van]:
    """Return two stores that send each other goods."""
    with one_end(folder) as source, one_end(folder, "store-2") as destination:
        yield Van(source, destination)


def _ends(body: dict[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in ENDS}
