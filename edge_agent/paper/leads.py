"""Where the thing on a scanned slip is looked at, from a screen that is about something else."""

from typing import Final
from urllib.parse import quote

from edge_agent.context import Edge
from edge_agent.fulfil.pages.inbox import leads_to
from edge_agent.fulfil.steps.views import look_up
from edge_agent.paper.scanned import copy_of
from edge_agent.returns import finding
from protocol.errors import NotFound
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.sscc import read_label

WORK_SLIPS: Final = frozenset({"pl", "bg", "ps", "as", "vs", "ho", "tr", "mf"})
"""Slips of fulfilment: they stand for work, not for an order's own page."""


def place_of(connection: Connection, edge: Edge, code: str) -> str:
    """Return the page that the code of a slip or a carton leads to; empty when it is neither.

    It is the page of what the slip is about; where this store has none, that of the slip itself.
    """
    sscc, slip = read_label(code), parse_slip_code(code)
    if sscc:
        return f"/transfers/carton/{sscc}"
    if slip is None:
        return ""
    return _work(connection, edge, code, slip[0]) or _subject(connection, code, slip[0], slip[1])


def _work(connection: Connection, edge: Edge, code: str, kind: str) -> str:
    if kind not in WORK_SLIPS:
        return ""
    try:
        return leads_to(look_up(connection, edge, code), kind)
    except NotFound:
        return ""  # the order is gone from here; its slip is not


def _subject(connection: Connection, code: str, kind: str, slip_id: str) -> str:
    if kind == "tf":
        return f"/transfers/number/{slip_id}"
    if kind == "st" and (sku := _on_sticker(connection, slip_id)):
        return f"/stock/decide?sku={quote(sku)}"
    number = finding.number_of(connection, code)
    if number is not None:
        return f"/orders/{number}"
    job, _copy = copy_of(connection, code)
    return f"/store/printers/jobs/{job.job_id}" if job else f"/orders/{slip_id}"


def _on_sticker(connection: Connection, sticker: str) -> str:
    """Return the article of a sticker: its number counts the units of the return, line by line."""
    number, _dash, unit = sticker.rpartition("-")
    lines = connection.execute(
        "SELECT sku, quantity FROM return_lines WHERE number = ? ORDER BY seq, n", (number,)
    )
    left = int(unit) if unit.isdigit() else 0
    for sku, quantity in lines:
        if 0 < left <= quantity:
            return str(sku)
        left -= quantity
    return ""
