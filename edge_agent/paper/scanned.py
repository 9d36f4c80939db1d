"""Which print job a scanned code belongs to, and which codes are in what was told to the store.

A slip's code names what it is about and which copy it is. The same list may be printed anew after a change,
as a job of its own under the same code; such a code proves nothing once two of its jobs were sent, because
nobody could say which paper is in the hand.
"""

from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from edge_agent.paper import rows
from edge_agent.paper.rules import Slip
from printing.job import JobState
from protocol.ids import NUMBER_PATTERN, SYMBOLOGY, parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.sscc import read_label

SLIP_OF: Final = {
    "rc": Slip.RECEIPT,
    "rt": Slip.RETURN_RECEIPT,
    "vd": Slip.RETURN_RECEIPT,
    "z": Slip.TILL_REPORT,
    "bk": Slip.PARKED_SLIP,
    "sv": Slip.VALUE_SLIP,
    "st": Slip.ITEM_STICKER,
    "pl": Slip.PICK_LIST,
    "vs": Slip.VOID_SLIP,
    "ps": Slip.PACKING_SLIP,
    "bg": Slip.PICKUP_LABEL,
    "tr": Slip.SHIPPING_LABEL,
    "mf": Slip.MANIFEST,
    "tf": Slip.TRANSFER_MANIFEST,
    "ho": Slip.HANDOVER_SLIP,
    "po": Slip.ORDER_SLIP,
    "py": Slip.PAYMENT_SLIP,
    "ct": Slip.COUNT_SHEET,
    "gr": Slip.GOODS_RECEIVED,
    "gf": Slip.GIFT_RECEIPT,
}
"""Which slip carries which type of code; `tp`, the test page, names its job itself."""
FIRST, SECOND = 1, 2
"""Copies of a slip."""


def copy_of(connection: Connection, code: str, *, asked: bool = False) -> tuple[rows.JobRow | None, int]:
    """Return the job of a code and which copy it is on; the code of a carton does not say that.

    `asked`: somebody was asked for a slip, so the number under its square code will do (`_numbered`).
    """
    slip = parse_slip_code(code)
    if slip is not None:
        kind, slip_id, attempt = slip
        return _job_of(connection, kind, slip_id, attempt), attempt
    sscc = read_label(code)
    if not sscc:
        return _numbered(connection, code, asked=asked)
    row = rows.find_newest(connection, Slip.CARTON_LABEL, sscc)
    return row, row.attempt if row else FIRST


def _numbered(connection: Connection, code: str, *, asked: bool) -> tuple[rows.JobRow | None, int]:
    """Return the job of a slip by the number that stands under its square code, and which copy it is.

    A number is read from screens and typed as well, so it counts where a scanner says that it read a bar code
    (`]C0`, `]C1`), or where a slip was `asked` for. It proves nothing where several slips bear it, or where
    two copies went out.
    """
    mark = SYMBOLOGY.match(code.strip())
    number = code.strip()[mark.end() :] if mark else code.strip()
    if NUMBER_PATTERN.fullmatch(number) is None or not (asked or (mark and mark.group()[1] == "C")):
        return None, FIRST
    found = rows.find_titled(connection, number)
    if len(found) != 1:
        return None, FIRST
    (row,) = found
    if row.attempt == FIRST or (row.attempt == SECOND and row.state == JobState.QUEUED):
        return row, FIRST
    return None, FIRST


def _job_of(connection: Connection, kind: str, slip_id: str, attempt: int) -> rows.JobRow | None:
    if kind == "tp":
        found = rows.find_job(connection, slip_id)
        return found if found is not None and found.document == Slip.TEST_PAGE else None
    slip = SLIP_OF.get(kind)
    if slip is None:
        return None
    if slip is Slip.ITEM_STICKER:  # one job prints the stickers of a return, numbered behind its number
        slip_id = slip_id.rpartition("-")[0]
    copies = rows.find_copies(connection, slip, slip_id, attempt)
    if len({each.business_id for each in copies}) > 1:
        copies = [each for each in copies if each.kicked]
    return copies[0] if len({each.business_id for each in copies}) == 1 else None


def sent_before(connection: Connection, row: rows.JobRow, attempt: int) -> bool:
    """Tell whether this very job went out in that attempt, so that its next one is only for the doubt."""
    log = rows.log_of(connection, row.job_id)
    return any(each.attempt == attempt and each.state == JobState.SENDING for each in log)


def codes_in(told: BaseModel) -> Iterator[str]:
    """Return the codes of slips and cartons among what was told, such as the bags of a handover."""
    for name in type(told).model_fields:
        value = getattr(told, name)
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and (parse_slip_code(text) or (name == "code" and read_label(text))):
                yield text
