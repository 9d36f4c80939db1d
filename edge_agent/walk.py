"""A walk along the shelves, for whichever room sends somebody: what a scan is for, and what came of it.

Facts in, decision out. Units of a line are *lent* (the hub promised them by a right of this store) or *bound*
(the store set them aside itself). What is found is the lent units first, and what is given up is told by both
kinds, so that both sides compute the same rights from it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from protocol.errors import Refused
from protocol.fulfilment import PutBackLine, ShortLine, ShortReason, UnitsLine
from protocol.kit.text import _
from protocol.stock import bin_key


class Owed(Protocol):
    """A line of which this store still owes units."""

    @property
    def line_no(self) -> int:
        """Its number."""

    @property
    def sku(self) -> str:
        """Its article."""

    @property
    def lent(self) -> int:
        """Units that the hub promised."""

    @property
    def bound(self) -> int:
        """Units that this store set aside."""

    @property
    def picked_lent(self) -> int:
        """Of the first, those that are off the shelf."""

    @property
    def picked_bound(self) -> int:
        """Of the second, those that are off the shelf."""


@dataclass(frozen=True, slots=True)
class PickLine:
    """One line of a walk: what to take, from where, into which tote, and what was found already."""

    assignment_id: str
    """What it is for; of a walk for a transfer it is the transfer."""
    line_no: int
    number: str
    """The order's."""
    tote: str
    sku: str
    name: str
    bin: str
    wanted: int
    found: int
    short: int
    due_us: int
    substitutes: bool = False

    @property
    def left(self) -> int:
        """Units that nobody has looked for yet."""
        return self.wanted - self.found - self.short


@dataclass(frozen=True, slots=True)
class Took:
    """The scanned item belongs here."""

    line: PickLine


@dataclass(frozen=True, slots=True)
class WrongItem:
    """The scanned item is not the one that is wanted; None when nothing is wanted any more."""

    wanted: PickLine | None


@dataclass(frozen=True, slots=True)
class OverScan:
    """The item is right, and there is enough of it already."""

    line: PickLine


def judge_scan(
    lines: Sequence[PickLine], sku: str, *, focus: tuple[str, int] | None = None
) -> Took | WrongItem | OverScan:
    """Return which line a scanned item is for; with `focus` only that line counts.

    Without a focus a batch fills the order that is due first: the lines come in the order of the walk.
    """
    if focus is not None:
        lines = [line for line in lines if (line.assignment_id, line.line_no) == focus]
    fitting = sorted((line for line in lines if line.sku == sku), key=lambda line: line.due_us)
    for line in fitting:
        if line.left > 0:
            return Took(line)
    if fitting:
        return OverScan(fitting[-1])
    return WrongItem(next((line for line in lines if line.left > 0), None))


def walk_key(line: PickLine) -> tuple[object, ...]:
    """Return where a line comes on the walk, as on paper."""
    return (bin_key(line.bin), line.name, line.sku, line.tote)


def too_many(line: PickLine) -> Refused:
    """Return the refusal of a number that does not fit beside what is known of a line."""
    return Refused(
        _("{wanted} of {name} are wanted: {found} found, {short} not there.",
          wanted=line.wanted, name=line.name, found=line.found, short=line.short),
        _("Take a number that fits."),
        code="too_many",
        wanted=line.wanted,
        found=line.found,
        short=line.short,
    )  # fmt: skip


def unfinished(left: Sequence[PickLine], facts: list[Any]) -> Refused:
    """Return the refusal to end a walk before every line is found or said to be missing."""
    return Refused(
        _("{count} lines are not done: {names}.",
          count=len(left), names=", ".join(line.name for line in left[:3])),
        _("Scan what is there, and say of the rest why it is not."),
        code="unfinished",
        lines=facts,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Walked:
    """What came of looking for one line: how many were found, and how many were not, each with its reason."""

    found: int = 0
    shorts: tuple[tuple[ShortReason, int], ...] = ()

    @property
    def short(self) -> int:
        """Units that are not there."""
        return sum(units for _reason, units in self.shorts)


def picked_lines(line: Owed, walked: Walked) -> tuple[UnitsLine | None, tuple[ShortLine, ...]]:
    """Return what the event of a walk says of one line.

    What was not found is taken from the lent units last of all: a unit that the customer of a lent promise
    gets is worth as much, and the hub routes the missing ones again either way.
    """
    lent, bound = line.lent - line.picked_lent, line.bound - line.picked_bound
    found = None
    if walked.found:
        found_lent = min(walked.found, lent)
        found = UnitsLine(
            line_no=line.line_no, sku=line.sku, lent=found_lent, bound=walked.found - found_lent
        )
        lent, bound = lent - found_lent, bound - (walked.found - found_lent)
    shorts = []
    for reason, units in walked.shorts:
        short_lent = min(units, lent)
        shorts.append(
            ShortLine(
                line_no=line.line_no,
                sku=line.sku,
                lent=short_lent,
                bound=units - short_lent,
                reason=reason,
            )
        )
        lent, bound = lent - short_lent, bound - (units - short_lent)
    return found, tuple(shorts)


def put_back(lines: Iterable[Owed]) -> tuple[PutBackLine, ...]:
    """Return everything that is given up."""
    return tuple(
        PutBackLine(
            line_no=line.line_no,
            sku=line.sku,
            lent=line.lent,
            bound=line.bound,
            picked=line.picked_lent + line.picked_bound,
        )
        for line in lines
        if line.lent + line.bound > 0
    )
