"""What may be done with an assignment now, which line a scan is for, and whose units leave first.

Facts in, decision out. Units of a line are *lent* (the hub promised them by a right of this store) or *bound*
(the store set them aside itself); after an undone handover a line has both. Lent units leave first, because
that ends what is owed to the hub; every event then says how many of each it ended, and both sides compute
the same rights from it.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from protocol.errors import Invalid, Refused
from protocol.fulfilment import FulfilKind, UnitsLine
from protocol.ids import NUMBER_PATTERN
from protocol.kit.text import _
from protocol.lifecycles import ASSIGNMENT, AssignmentEvent, AssignmentState

MINUTE_US: Final = 60 * 1_000_000
DAY_US: Final = 24 * 60 * MINUTE_US
BATCH_LIMIT: Final = 12
"""Totes on one trolley: more orders than that nobody pushes through an aisle."""
TOTES: Final = "ABCDEFGHJKLM"
VERIFIED_FOR_US: Final = 15 * MINUTE_US
"""Who was recognised stands at the desk; later somebody else may."""
LOCKED_US: Final = 5 * MINUTE_US
"""How long a code stays locked after too many wrong tries, as a tile does after wrong PINs."""
SCANS_SHOWN: Final = 5
OPEN_STATES: Final = frozenset(
    {
        AssignmentState.ACKNOWLEDGED,
        AssignmentState.PICKING,
        AssignmentState.PICKED,
        AssignmentState.PACKED,
        AssignmentState.READY,
    }
)
"""States in which this store owes work. A list of all of them is the store's inbox."""
_SHELF: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,31}")

Clock = Literal["fine", "soon", "late"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an assignment as it stands. `quantity = lent + bound + fulfilled + short + given_up`."""

    line_no: int
    sku: str
    name: str
    quantity: int
    substitutes: bool
    lent: int
    bound: int
    picked_lent: int
    picked_bound: int
    fulfilled: int
    short: int
    given_up: int

    @property
    def open(self) -> int:
        """Units that are still owed to the customer from here."""
        return self.lent + self.bound

    @property
    def picked(self) -> int:
        """Units of these that are off the shelf."""
        return self.picked_lent + self.picked_bound

    @property
    def to_pick(self) -> int:
        """Units that still lie on the shelf."""
        return self.open - self.picked


def clock_of(due_us: int, now_us: int, soon_us: int) -> Clock:
    """Return how a promise stands against the clock."""
    if now_us > due_us:
        return "late"
    return "soon" if due_us - now_us <= soon_us else "fine"


def due_in_minutes(due_us: int, now_us: int) -> int:
    """Return the whole minutes that are left, below nothing when it is late."""
    return (due_us - now_us) // MINUTE_US


def next_verb(kind: FulfilKind, state: AssignmentState, *, accepted: bool, cancel_asked: bool) -> str:
    """Return what somebody does next with an assignment; empty when nobody does anything."""
    if state not in OPEN_STATES:
        return ""
    if cancel_asked:
        return "check_in"
    if state is AssignmentState.ACKNOWLEDGED and not accepted:
        return "accept"
    verbs = {
        AssignmentState.ACKNOWLEDGED: "pick",
        AssignmentState.PICKING: "pick",
        AssignmentState.PICKED: "pack",
        AssignmentState.PACKED: "ship" if kind is FulfilKind.SHIP else "stage",
        AssignmentState.READY: "ship" if kind is FulfilKind.SHIP else "hand_over",
    }
    return verbs[state]


def allowed_verbs(kind: FulfilKind, state: AssignmentState, *, accepted: bool) -> tuple[str, ...]:
    """Return what a screen offers; it is read from the one table of assignments."""
    can = {event for event in ASSIGNMENT.allowed_events(state) if state in OPEN_STATES}
    verbs: list[str] = []
    if state is AssignmentState.ACKNOWLEDGED and not accepted:
        verbs.append("accept")
    if AssignmentEvent.PICKED in can:
        verbs.append("pick")
    if AssignmentEvent.PACKED in can or state is AssignmentState.PACKED:
        verbs.append("pack")
    if kind is FulfilKind.COLLECT and state in {AssignmentState.PACKED, AssignmentState.READY}:
        verbs += ["stage", "verify", "hand_over"]
    if kind is FulfilKind.SHIP and state in {AssignmentState.PACKED, AssignmentState.READY}:
        verbs.append("ship")
    if AssignmentEvent.REJECTED in can:
        verbs.append("reject")
    return tuple(verbs)


def leaving(line: Line, units: int) -> UnitsLine:
    """Return units of a line that leave, the lent ones first.

    Raises:
        Invalid: not so many of it are picked.
    """
    if not 0 < units <= line.picked:
        raise Invalid(
            _("{units} of {name} were to leave, {picked} are picked.",
              units=units, name=line.name, picked=line.picked),
            _("Look at the order again."),
            code="not_picked",
            line=line.line_no,
            picked=line.picked,
        )  # fmt: skip
    lent = min(units, line.picked_lent)
    return UnitsLine(line_no=line.line_no, sku=line.sku, lent=lent, bound=units - lent)


def check_shelf(text: str) -> str:
    """Return the name of a shelf as it was scanned or typed.

    Raises:
        Invalid: `not_a_shelf`; most often a slip or an article was scanned instead.
    """
    shelf = " ".join(text.split()).upper()
    if _SHELF.fullmatch(shelf) is None or shelf.startswith("OS1"):
        raise not_a_shelf(text)
    return shelf


def not_a_shelf(text: str) -> Invalid:
    """Return the refusal of something that is no shelf."""
    return Invalid(
        _("{text} is not a shelf.", text=text[:40]),
        _("Scan the code on the shelf, or type its name."),
        code="not_a_shelf",
    )


def tracking_number(number: str) -> str:
    """Return a number of the series T with its check digit, as the own-label carrier prints it."""
    return f"{number}-{_check_digit(number)}"


def is_own_tracking(tracking: str) -> bool:
    """Tell whether a tracking number is one of the own label and was read right."""
    number, _dash, digit = tracking.rpartition("-")
    return bool(number) and "-T" in number and digit == _check_digit(number)


def _check_digit(number: str) -> str:
    """Return the check digit of GS1 over the characters' values: it finds one wrong digit and most swaps."""
    values = [int(letter, 36) if letter.isalnum() else 0 for letter in reversed(number)]
    total = sum(value * (3 if place % 2 == 0 else 1) for place, value in enumerate(values))
    return str(-total % 10)


def foreign_location(number: str, own_code: str) -> str:
    """Return the code of the other location that a printed number belongs to; empty for one of ours."""
    found = NUMBER_PATTERN.match(number)
    return found.group(1) if found and found.group(1) != own_code else ""


def ended(state: AssignmentState, number: str, how: str = "") -> Refused:
    """Return why nothing can be done with an assignment any more; `how` is what was said when it ended."""
    reasons = {
        AssignmentState.CANCELLED: (
            "cancelled",
            _("Order {number} was taken back: {why}.", number=number, why=how.rstrip("."))
            if how
            else _("Order {number} was cancelled.", number=number),
            _("Put back what is picked, and do not hand it over."),
        ),
        AssignmentState.REJECTED: (
            "rejected",
            _("Order {number} was given back; another store may have it.", number=number),
            _("Put back what is picked."),
        ),
        AssignmentState.HANDED_OVER: (
            "already_handed_over",
            _("Order {number} was handed over already.", number=number),
            _("If it was a mistake, undo the handover; after ten minutes take it as a return."),
        ),
        AssignmentState.SHIPPED: (
            "already_shipped",
            _("Order {number} has left with the carrier.", number=number),
            _("Look at its tracking number."),
        ),
        AssignmentState.SHORT: (
            "nothing_found",
            _("Nothing of order {number} was found here; it went back to routing.", number=number),
            _("There is nothing left to do."),
        ),
    }
    code, what, remedy = reasons.get(
        state, ("not_now", _("Order {number} is not here any more.", number=number), _("Reload the list."))
    )
    return Refused(what, remedy, code=code, state=state.value)


def locked_seconds(locked_until_us: int, now_us: int) -> int:
    """Return how long a code stays locked, in whole seconds; 0 when it is not."""
    return max(0, -((now_us - locked_until_us) // 1_000_000))


def keep_until_us(promised_us: int, staged_us: int, keep_days: int) -> int:
    """Return until when staged goods are kept: as promised, else for the store's number of days."""
    return promised_us or (staged_us + keep_days * DAY_US if staged_us else 0)
