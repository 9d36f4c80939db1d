"""Asking for many transfers at once from a CSV file, with a report of every row.

Each transfer is a unit of its own: one that cannot be asked for leaves the others as they are, and its rows
say why.
"""

import hashlib

from hub.context import Hub
from hub.transfers.rules.csv_rows import Row, RowReport, gathered, read_rows
from hub.transfers.steps import By, request
from hub.transfers.wanted import UNITS_PER_LINE, LineWanted, TransferWanted
from protocol.errors import OrderspineError
from protocol.kit.csv_text import MEGABYTE, text_of
from protocol.kit.text import _

MEGABYTES = 1
BYTES = MEGABYTES * MEGABYTE


def import_csv(hub: Hub, data: bytes, by: By) -> list[RowReport]:
    """Ask for everything that a file says, and return what became of each row, in their order.

    Sent again under the same key, every transfer is the one that was made before.

    Raises:
        Invalid: it is no such file; nothing was asked for.
    """
    rows, reports = read_rows(text_of(data, megabytes=MEGABYTES), units_limit=UNITS_PER_LINE)
    for n, group in enumerate(gathered(rows)):
        reports += _ask(hub, group, By(name=by.name, key=f"{by.key}/{n}" if by.key else ""))
    return sorted(reports, key=lambda report: report.row)


def _key(key: str, rows: int) -> str:
    """Return the key of one try: without a row that was left out it is another request."""
    return hashlib.sha256(f"{key}/{rows}".encode()).hexdigest()[:32] if key else ""


def _ask(hub: Hub, group: list[Row], by: By) -> list[RowReport]:
    first = group[0]
    try:
        wanted = TransferWanted(
            source=first.source[:40],
            destination=first.destination[:40],
            lines=tuple(
                LineWanted(sku=row.sku[:64], quantity=row.quantity, grant=row.grant) for row in group
            ),
            note=first.note,
        )
        own = By(name=by.name, key=_key(by.key, len(group)))
        number, wrong, bad = request(hub, wanted, own).number, "", ""
    except OrderspineError as error:
        number, wrong, bad = "", error.what, str(error.facts.get("sku", ""))
    except ValueError:
        number, wrong, bad = "", _("it cannot be read"), ""
    if bad and any(row.sku != bad for row in group):
        # One article that is not known costs its own rows, not the whole transfer.
        rest = [row for row in group if row.sku != bad]
        mine = [RowReport(row.row, row.sku, "", wrong) for row in group if row.sku == bad]
        return mine + _ask(hub, rest, by)
    return [RowReport(row.row, row.sku, number, wrong) for row in group]
