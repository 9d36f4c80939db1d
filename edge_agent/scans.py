"""Scans that can be taken back, in whichever room they were made."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from protocol.errors import Refused
from protocol.kit.text import _


class Kept(Protocol):
    """A scan as a room keeps it."""

    @property
    def scan_id(self) -> str:
        """What names it."""

    @property
    def undone(self) -> int:
        """True once it was taken back."""


Row = TypeVar("Row", bound=Kept)


def to_take_back(scans: Iterable[Row], scan_id: str) -> Row | None:
    """Return the scan that is named, else the last that counts. `scans` come with the newest first."""
    return next((each for each in scans if not each.undone and scan_id in {"", each.scan_id}), None)


def nothing_to_undo(remedy: str) -> Refused:
    """Return the refusal to take back a scan that is not there."""
    return Refused(_("There is no scan to take back."), remedy, code="nothing_to_undo")
