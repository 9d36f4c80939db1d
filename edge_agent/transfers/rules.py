"""What a source may send, what a walk found, what fits into a carton, and what an arrival means.

Facts in, decision out. Units of a line that leaves here are *lent* or *bound*, as in an assignment: the hub's
own are sent first and given up last. An arrival is judged line by line against what is still expected of it:
more is over, and nothing is ever refused because nobody announced it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from protocol.errors import Invalid, Refused
from protocol.fulfilment import UnitsLine
from protocol.ids import parse_slip_code
from protocol.kit.text import _
from protocol.transfers import (
    ArrivalReason,
    ArrivalShort,
    CartonLine,
    DeclinedLine,
    ReceivedLine,
    SendState,
    TransferRefusal,
)

TO_ANSWER: Final = frozenset({SendState.REQUESTED})
TO_SEND: Final = frozenset({SendState.ACCEPTED, SendState.PICKED, SendState.PACKED})
NOTE_LENGTH: Final = 300
CANCELLABLE: Final = TO_ANSWER | TO_SEND


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a transfer as this store knows it.

    Going out, `quantity = lent + bound + shipped + short + declined + given_up` once it was answered.
    Coming in, `received` counts what arrived of it (with `damaged`), `over` of these what is beyond
    `quantity`, `missing` what somebody has missed and has not come since.
    """

    line_no: int
    sku: str
    name: str
    quantity: int
    wants_lent: int = 0
    lent: int = 0
    bound: int = 0
    picked_lent: int = 0
    picked_bound: int = 0
    shipped: int = 0
    short: int = 0
    declined: int = 0
    given_up: int = 0
    received: int = 0
    damaged: int = 0
    over: int = 0
    missing: int = 0
    for_order: int = 0
    to_grant: int = 0
    granted: int = 0
    order_id: str = ""
    order_number: str = ""
    order_line_no: int = 0
    assignment_id: str = ""

    @property
    def open(self) -> int:
        """Units that this store still sends."""
        return self.lent + self.bound

    @property
    def picked(self) -> int:
        """Units of these that are off the shelf."""
        return self.picked_lent + self.picked_bound

    @property
    def room(self) -> int:
        """Units that were announced and have not arrived: more than that is over."""
        return max(0, self.quantity - self.received)

    @property
    def expected(self) -> int:
        """Units that may still arrive, as far as anybody knows."""
        return max(0, self.room - self.missing)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of one article when goods arrived. `line_no` 0: nobody announced it."""

    line_no: int
    sku: str
    name: str
    units: int
    damaged: int = 0
    note: str = ""
    at_us: int = 0
    """When it was scanned or said; 0 where everything is named in one go."""


def number_of(text: str) -> str:
    """Return the number of the transfer whose manifest was scanned, or nothing."""
    slip = parse_slip_code(text)
    return slip[1] if slip is not None and slip[0] == "tf" else ""


def other_place(here: str, other: str) -> str:
    """Return the other end of a transfer.

    Raises:
        Refused: `to_itself`.
    """
    if other == here:
        raise Refused(
            _("A transfer goes to another location, and {place} is this one.", place=other),
            _("Choose another location. What is moved within the store needs no transfer."),
            code="to_itself",
            place=other,
        )
    return other


def answered(
    lines: Sequence[Line], wanted: Mapping[int, int], reason: TransferRefusal
) -> tuple[tuple[UnitsLine, ...], tuple[DeclinedLine, ...]]:
    """Return what a source sends and what it declines; a line that is not named is sent whole.

    Raises:
        Invalid: `too_many`, more than was asked; `no_line`.
        Refused: `nothing_accepted`, that would be a rejection.
    """
    unknown = wanted.keys() - {line.line_no for line in lines}
    if unknown:
        raise Invalid(_("There is no such line in this transfer."), _("Look at it again."), code="no_line")
    sent: list[UnitsLine] = []
    declined: list[DeclinedLine] = []
    for line in lines:
        units = wanted.get(line.line_no, line.quantity)
        if units > line.quantity:
            raise Invalid(
                _("{asked} of {name} are asked for.", asked=line.quantity, name=line.name),
                _("Send so many or fewer; for more make a transfer of your own."),
                code="too_many",
                line=line.line_no,
            )
        lent = min(units, line.wants_lent)
        named = {"line_no": line.line_no, "sku": line.sku}
        if units:
            sent.append(UnitsLine.model_validate({**named, "lent": lent, "bound": units - lent}))
        if units < line.quantity:
            less_lent = line.wants_lent - lent
            rest = {"lent": less_lent, "bound": line.quantity - units - less_lent, "reason": reason}
            declined.append(DeclinedLine.model_validate(named | rest))
    if not sent:
        raise Refused(
            _("Nothing of it would be sent."), _("Reject the transfer and say why."), code="nothing_accepted"
        )
    return tuple(sent), tuple(declined)


def bound_units(lines: Iterable[UnitsLine]) -> dict[str, int]:
    """Return how many units of each SKU are to be set aside."""
    wanted: dict[str, int] = {}
    for line in lines:
        if line.bound:
            wanted[line.sku] = wanted.get(line.sku, 0) + line.bound
    return wanted


def loose(lines: Sequence[Line], packed: Iterable[CartonLine]) -> dict[int, int]:
    """Return the picked units of each line that lie in no carton yet."""
    left = {line.line_no: line.picked for line in lines if line.picked}
    for each in packed:
        left[each.line_no] = left.get(each.line_no, 0) - each.quantity
    return {line_no: units for line_no, units in left.items() if units > 0}


def into_carton(
    lines: Sequence[Line], left: Mapping[int, int], scanned: Mapping[str, int]
) -> tuple[CartonLine, ...]:
    """Return what goes into a carton: what was scanned by SKU, or everything that is loose.

    Raises:
        Refused: `nothing_to_pack`, or `pack_mismatch`, something in it was never picked for this transfer.
    """
    if not left:
        raise Refused(
            _("Everything that was picked lies in a carton already."), _("Ship it."), code="nothing_to_pack"
        )
    named = {line.line_no: line for line in lines}
    if not scanned:
        return tuple(
            CartonLine(line_no=line_no, sku=named[line_no].sku, quantity=units)
            for line_no, units in sorted(left.items())
        )
    wanted = dict(scanned)
    inside = []
    for line_no, units in sorted(left.items()):
        take = min(units, wanted.get(named[line_no].sku, 0))
        if take:
            inside.append(CartonLine(line_no=line_no, sku=named[line_no].sku, quantity=take))
            wanted[named[line_no].sku] -= take
    extra = {sku: units for sku, units in wanted.items() if units}
    if extra:
        raise Refused(
            _("This does not belong into the carton: {items}.",
              items=", ".join(f"{units} x {sku}" for sku, units in sorted(extra.items()))),
            _("Take it out again; only what was picked for this transfer goes in."),
            code="pack_mismatch",
            extra=extra,
        )  # fmt: skip
    return tuple(inside)


def counted_in(
    lines: Sequence[Line],
    cartons: Iterable[tuple[int, Sequence[CartonLine]]],
    loose_units: Iterable[Counted],
    words: Iterable[Counted],
) -> tuple[Counted, ...]:
    """Return what arrived, by line: what the scanned cartons say, what was scanned loose, and corrections.

    Cartons come with the time of their scan. A correction is the last word about what was scanned of its line
    before; what is scanned after it comes on top. What has no line here keeps line 0 and its SKU.
    """
    named = {line.line_no: line for line in lines}
    said = {(word.line_no, word.sku): word for word in words}
    found = dict(said)

    def add(each: Counted) -> None:
        key = each.line_no, each.sku
        if key in said and each.at_us <= said[key].at_us:
            return
        known = found.get(key)
        found[key] = each if known is None else replace(known, units=known.units + each.units)

    for at_us, carton in cartons:
        for inside in carton:
            name = named[inside.line_no].name if inside.line_no in named else inside.sku
            add(Counted(inside.line_no, inside.sku, name, inside.quantity, at_us=at_us))
    for each in loose_units:
        add(each)
    return tuple(found[key] for key in sorted(found))


def summed(words: Iterable[Counted]) -> tuple[Counted, ...]:
    """Return what was said of each line once: who names a line twice means both."""
    found: dict[tuple[int, str], Counted] = {}
    for word in words:
        key = word.line_no, word.sku
        known = found.get(key, replace(word, units=0, damaged=0, note=""))
        found[key] = replace(
            word,
            units=known.units + word.units,
            damaged=known.damaged + word.damaged,
            note=" ".join(dict.fromkeys(filter(None, (known.note, word.note))))[:NOTE_LENGTH],
        )
    return tuple(found.values())


def line_for(lines: Sequence[Line], counted: Mapping[int, int], sku: str) -> int:
    """Return the line that one more scanned unit of an article counts for, 0 when nobody announced it."""
    fitting = [line for line in lines if line.sku == sku]
    for line in fitting:
        if counted.get(line.line_no, 0) < line.expected:
            return line.line_no
    return fitting[-1].line_no if fitting else 0


@dataclass(frozen=True, slots=True)
class Arrived:
    """What an arrival says and does."""

    lines: tuple[ReceivedLine, ...]
    shorts: tuple[ArrivalShort, ...]
    final: bool


def arrived(
    lines: Sequence[Line],
    counted: Sequence[Counted],
    promised: Mapping[int, int],
    *,
    may_bind: frozenset[str],
    free: Mapping[str, int],
    may_lend: bool = True,
    final: bool = False,
) -> Arrived:
    """Return what a receipt says, line by line.

    `promised` is what the scanned cartons should have held: less is missing. `may_bind` are the assignments
    that still wait for goods, `free` is L of each SKU before the receipt: only so many units are lent (rule
    1), even though they were promised to be.
    """
    named = {line.line_no: line for line in lines}
    left = dict(free)
    received: list[ReceivedLine] = []
    shorts: list[ArrivalShort] = []
    after = {line.line_no: line.expected for line in lines}
    for each in counted:
        line = named.get(each.line_no)
        if each.units:
            received.append(_received(line, each, may_bind=may_bind, free=left, may_lend=may_lend))
        if line is not None:
            after[line.line_no] = max(0, line.expected - each.units)
            gone = min(after[line.line_no], max(0, promised.get(line.line_no, 0) - each.units))
            if gone:
                after[line.line_no] -= gone
                shorts.append(ArrivalShort(line_no=line.line_no, sku=line.sku, quantity=gone, note=each.note))
    if final:
        for line_no, units in after.items():
            if units:
                rest = ArrivalShort(
                    line_no=line_no,
                    sku=named[line_no].sku,
                    quantity=units,
                    reason=ArrivalReason.CARTON_MISSING,
                )
                shorts.append(rest)
    return Arrived(tuple(received), tuple(shorts), final or (bool(lines) and not any(after.values())))


def _received(
    line: Line | None, each: Counted, *, may_bind: frozenset[str], free: dict[str, int], may_lend: bool
) -> ReceivedLine:
    damaged = min(each.damaged, each.units)
    good = each.units - damaged
    room = line.room if line else 0
    bound = granted = 0
    if line is not None and line.order_id and line.assignment_id in may_bind:
        bound = min(good, max(0, line.quantity - line.for_order), room)
    free[each.sku] = free.get(each.sku, 0) + good - bound
    if may_lend and line is not None and not line.order_id:
        granted = max(0, min(line.to_grant - line.granted, good, free[each.sku]))
        free[each.sku] -= granted
    over = max(0, each.units - room) if line is not None else 0
    reason = ArrivalReason.DAMAGED if damaged else ArrivalReason.OVER if over else None
    return ReceivedLine(
        line_no=each.line_no,
        sku=each.sku,
        name=each.name,
        quantity=each.units,
        damaged=damaged,
        over=over,
        bound=bound,
        granted=granted,
        assignment_id=line.assignment_id if line and bound else "",
        order_id=line.order_id if line and bound else "",
        order_line_no=line.order_line_no if line and bound else 0,
        reason=reason,
        note=each.note,
    )


def matched(
    lines: Sequence[Line],
    receipt: Sequence[ReceivedLine],
    *,
    may_bind: frozenset[str],
    free: Mapping[str, int],
    may_lend: bool = True,
) -> tuple[ReceivedLine, ...]:
    """Return a receipt again by the lines of the transfer it turns out to be of.

    Its units lie on the shelf and may have been sold meanwhile, so only what is still free is bound or lent.
    """
    taken: dict[int, int] = {}
    left = dict(free)
    said: list[ReceivedLine] = []
    for each in receipt:
        rest, damaged = each.quantity, each.damaged
        fitting = [line for line in lines if line.sku == each.sku]
        for line in fitting:
            last = line is fitting[-1]
            room = max(0, line.room - taken.get(line.line_no, 0))
            units = rest if last else min(rest, room)
            if not units:
                continue
            broken = min(damaged, units)
            rest, damaged = rest - units, damaged - broken
            taken[line.line_no] = taken.get(line.line_no, 0) + units
            said.append(
                _matched(
                    line if may_lend else replace(line, to_grant=0),
                    each,
                    (units, broken, max(0, units - room)),
                    may_bind,
                    left,
                )
            )
        if rest:
            said.append(each.model_copy(update={"line_no": 0, "quantity": rest, "damaged": damaged}))
    return tuple(said)


def _matched(
    line: Line,
    each: ReceivedLine,
    units: tuple[int, int, int],
    may_bind: frozenset[str],
    left: dict[str, int],
) -> ReceivedLine:
    quantity, damaged, over = units
    good = quantity - damaged
    bound = granted = 0
    if line.order_id and line.assignment_id in may_bind:
        wanted = min(good - min(good, over), line.quantity - line.for_order)
        bound = max(0, min(wanted, left.get(line.sku, 0)))
    elif not line.order_id:
        granted = max(0, min(line.to_grant - line.granted, good, left.get(line.sku, 0)))
    left[line.sku] = left.get(line.sku, 0) - bound - granted
    return ReceivedLine(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        quantity=quantity,
        damaged=damaged,
        over=over,
        bound=bound,
        granted=granted,
        assignment_id=line.assignment_id if bound else "",
        order_id=line.order_id if bound else "",
        order_line_no=line.order_line_no if bound else 0,
        reason=each.reason,
        note=each.note,
    )
