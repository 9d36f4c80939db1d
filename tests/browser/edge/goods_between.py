"""Two stores and what a hub says between them about a transfer, for pages to be driven without a hub."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from playwright.sync_api import Page

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.transfers.steps import inbox
from protocol import transfer_messages as say
from protocol.envelope import decode_event, read_body
from protocol.orders import WireModel
from protocol.transfers import (
    AskedBy,
    ReceivedLine,
    TransferLine,
    TransferReason,
    settlement,
)
from tests.browser.edge import work
from tests.browser.edge.store import GOODS, Store, running
from tests.support.browser import ready

NAMES = {sku: name for sku, name, *_rest in GOODS}


@contextmanager
def two_stores(folder: Path) -> Iterator[tuple[Store, Store]]:
    """Serve a source and a destination until the block ends."""
    (folder / "leeds").mkdir()
    (folder / "york").mkdir()
    york = {
        "edge": "store-2",
        "code": "YK",
        "store_name": "York Stonegate",
        "address": ("3 Stonegate", "York"),
    }
    with running(folder / "leeds") as source, running(folder / "york", **york) as destination:
        for here, place, name in (
            (source, "store-2", "York Stonegate"),
            (destination, "store-1", "Leeds Briggate"),
        ):
            here.edge.database.write(partial(_know, place=place, name=name))
        yield source, destination


def _know(unit: EdgeUnit, place: str, name: str) -> None:
    unit.connection.execute("INSERT INTO later_places VALUES (?, ?, 0)", (place, name))


def request(edge: Edge, n: int, *lines: tuple[str, int], note: str = "") -> str:
    """Let the hub ask a source to send something; return the transfer."""
    body = say.TransferRequest(
        transfer_id=f"transfer-{n}",
        number=f"HBX-{n:05d}",
        source="store-1",
        destination="store-2",
        asked_by=AskedBy.HUB,
        reason=TransferReason.REPLENISH,
        lines=tuple(
            TransferLine(line_no=at, sku=sku, name=NAMES[sku], quantity=units)
            for at, (sku, units) in enumerate(lines, start=1)
        ),
        note=note,
    )
    edge.database.write(lambda unit: inbox.request(unit, edge, body))
    return body.transfer_id


def bodies(edge: Edge, kind: str) -> list[WireModel]:
    """Return what a store wrote of a kind."""
    rows = edge.database.read().execute("SELECT bytes FROM events WHERE kind = ? ORDER BY seq", (kind,))
    return [read_body(decode_event(row[0])) for row in rows]


def shipped(edge: Edge, transfer_id: str) -> say.TransferShipped:
    """Return what left."""
    return next(
        body
        for body in bodies(edge, "transfer.shipped")
        if isinstance(body, say.TransferShipped) and body.transfer_id == transfer_id
    )


def announce(source: Edge, destination: Edge, transfer_id: str) -> None:
    """Tell the destination what has been shipped."""
    left = shipped(source, transfer_id)
    body = say.TransferExpect(
        **_ends(left),
        lines=tuple(
            TransferLine(line_no=line.line_no, sku=line.sku, name=NAMES[line.sku], quantity=line.units)
            for line in left.lines
        ),
        cartons=left.cartons,
    )
    destination.database.write(lambda unit: inbox.expect(unit, destination, body))


def settle(source: Edge, destination: Edge, transfer_id: str) -> None:
    """Settle what was shipped against what was received."""
    left = shipped(source, transfer_id)
    received: list[ReceivedLine] = []
    for body in (*bodies(destination, "transfer.received"), *bodies(destination, "transfer.matched")):
        assert isinstance(body, say.TransferReceived | say.ReceiptMatched)
        received += body.lines if body.transfer_id == transfer_id else ()
    settled = say.TransferSettled(**_ends(left), lines=settlement(left.lines, received))
    for edge in (destination, source):
        edge.database.write(partial(inbox.settled, edge=edge, body=settled))


def sign_in(page: Page, store: Store, path: str = "/transfers", *, device: str = "till-1") -> None:
    """Sign in and open a page of transfers."""
    work.sign_in_at(page, store, device=device)
    page.goto(store.url + path)
    ready(page)


def _ends(body: say.OnTransfer) -> dict[str, str]:
    return {
        "transfer_id": body.transfer_id,
        "number": body.number,
        "source": body.source,
        "destination": body.destination,
    }
