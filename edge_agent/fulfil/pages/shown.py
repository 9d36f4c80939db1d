"""What the pages show of work: rows of lists, lines of a walk, the steps after it. Words and numbers only."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.catalog.rows import barcodes_of
from edge_agent.context import Edge
from edge_agent.fulfil.pages.words import (
    ClockShown,
    clock,
    kind_word,
    next_word,
    short_effect,
    short_word,
    state_word,
)
from edge_agent.fulfil.steps.models import AssignmentView, ParcelView, PickLineView, WorkView
from edge_agent.people.steps import name_of
from edge_agent.stock.rules import lost_before
from edge_agent.words import items_word
from protocol.fulfilment import ShortReason
from protocol.kit.hold_words import hold_kind_word
from protocol.kit.sqlite import Connection
from protocol.kit.text import _, inside
from protocol.kit.web.filters import money
from protocol.kit.web.shell import Shape

COUNTED_WORDS: Final = 30
"""Numbers that a sentence is written out for in advance; beyond it the page fills in the number alone."""


@dataclass(frozen=True, slots=True)
class RowShown:
    """One assignment in a list."""

    assignment_id: str
    number: str
    contact_label: str
    says: str
    clock: ClockShown
    state: tuple[str, Shape]
    next_word: str
    href: str
    pickable: bool
    shelf: str


@dataclass(frozen=True, slots=True)
class ReasonShown:
    """A reason of a short pick with its effect, by number of units."""

    value: str
    word: str
    stock: str
    rest: str


@dataclass(frozen=True, slots=True)
class PickShown:
    """One line of a walk, with everything that its views need."""

    id: str
    assignment_id: str
    line_no: int
    number: str
    tote: str
    sku: str
    name: str
    bin: str
    wanted: int
    found: int
    short: int
    left: int
    on_hand: int
    says: str
    """What else a picker should know of it."""
    ends: str
    codes: tuple[str, ...]
    where: str
    near: bool
    reasons: tuple[ReasonShown, ...]
    why_words: str
    report_words: str


@dataclass(frozen=True, slots=True)
class OrderShown:
    """One order on a pick list."""

    assignment_id: str
    number: str
    tote: str
    label: str
    cancelled: bool
    clock: ClockShown
    state: tuple[str, Shape]
    next_word: str


@dataclass(frozen=True, slots=True)
class ItemShown:
    """One line that goes into a parcel."""

    name: str
    sku: str
    picked: int
    codes: str


@dataclass(frozen=True, slots=True)
class StepsShown:
    """What the steps after the walk need."""

    assignment_id: str
    number: str
    tote: str
    kind: str
    held: bool
    shelf: str
    items: tuple[ItemShown, ...]
    picked: int
    parcels: tuple[ParcelView, ...]
    due: str
    own_carrier: str
    service: str
    bag_words: str
    parcel_words: str


def row(connection: Connection, edge: Edge, each: WorkView, device: str) -> RowShown:
    """Return one assignment for a list."""
    held_elsewhere = bool(each.held_by) and each.held_by != device
    said = [kind_word(each.kind, each.service), items_word(each.units or each.picked)]
    if each.stopped is not None:
        said.append(_("on hold: {kind}", kind=inside(hold_kind_word(each.stopped.kind))))
    if each.held_by:
        said.append(_("taken along by {device}", device=each.held_by))
    elif each.state == "picking":
        said.append(_("{who} picks it", who=name_of(connection, each.picker)))
    elif each.state in {"picked", "packed"}:
        said.append(state_word(each.state)[0].lower())
    if each.gift:
        said.append(_("a gift"))
    return RowShown(
        assignment_id=each.assignment_id,
        number=each.number,
        contact_label=each.contact_label,
        says=", ".join(said),
        clock=clock(edge, each.due_us, each.clock),
        state=state_word(each.state, accepted=each.accepted),
        next_word=_("Go on") if each.state == "picking" and not held_elsewhere else next_word(each.next),
        href=_href(each, elsewhere=held_elsewhere),
        pickable=each.state == "acknowledged"
        and not each.held_by
        and not each.cancel_asked
        and each.stopped is None,
        shelf=each.shelf,
    )


def _href(each: WorkView, *, elsewhere: bool) -> str:
    if each.state == "picking" and each.list_id and not elsewhere:
        return f"/fulfil/pick/{each.list_id}"
    if each.next == "hand_over" and not elsewhere:
        return f"/fulfil/pickup/{each.assignment_id}"
    return f"/fulfil/work/{each.assignment_id}"


def counted(one: str, many: str, limit: int = COUNTED_WORDS) -> str:
    """Return a sentence by number, as `data-words` wants it; `{n}` stands for the number."""
    return json.dumps({"1": one, "many": many} | ({"0": many.replace("{n}", "0")} if limit else {}))


def pick_lines(
    connection: Connection, lines: Sequence[PickLineView], says: Callable[[PickLineView], str]
) -> tuple[PickShown, ...]:
    """Return the lines of a walk; the first that is not done is the one to find next."""
    at = next((n for n, line in enumerate(lines) if line.left > 0), len(lines))
    return tuple(_pick_line(connection, line, says(line), n, at) for n, line in enumerate(lines))


def _pick_line(connection: Connection, line: PickLineView, says: str, n: int, at: int) -> PickShown:
    codes = barcodes_of(connection, line.sku)
    where = "now" if n == at else "past" if n < at or not line.left else "next"
    return PickShown(
        id=f"{line.assignment_id}:{line.line_no}",
        assignment_id=line.assignment_id,
        line_no=line.line_no,
        number=line.number,
        tote=line.tote,
        sku=line.sku,
        name=line.name,
        bin=line.bin,
        wanted=line.wanted,
        found=line.found,
        short=line.short,
        left=line.left,
        on_hand=line.on_hand,
        says=says,
        ends=codes[0][-4:] if codes else "",
        codes=(line.sku, *codes),
        where=where,
        near=abs(n - at) == 1,
        reasons=tuple(_reason(reason, line) for reason in ShortReason),
        why_words=counted(_("Why is 1 missing?"), _("Why are {n} missing?")),
        report_words=counted(_("Report 1 short"), _("Report {n} short")),
    )


def _reason(reason: ShortReason, line: PickLineView) -> ReasonShown:
    most = min(max(1, line.wanted - line.found), COUNTED_WORDS)
    units = range(1, most + 1)
    # What the books have lost before leaves them no second time.
    leaving = {n: n - lost_before(reason, n, left=line.on_shelf, deficit=line.deficit) for n in units}
    stock = {
        str(n): _("Stock {before} → {after}.", before=line.on_hand, after=line.on_hand - gone)
        for n, gone in leaving.items()
    }
    rest = {str(n): short_effect(reason, gone, line.bin) for n, gone in leaving.items()}
    return ReasonShown(reason.value, short_word(reason), json.dumps(stock), json.dumps(rest))


def for_handheld(list_id: str, lines: Sequence[PickShown]) -> str:
    """Return a walk as `handheld.js` judges scans by it while the store PC cannot be asked."""
    return json.dumps(
        {
            "list": list_id,
            "over": False,
            "lines": [
                {
                    "id": line.id,
                    "a": line.assignment_id,
                    "l": line.line_no,
                    "codes": line.codes,
                    "name": line.name,
                    "tote": line.tote,
                    "wanted": line.wanted,
                    "found": line.found,
                    "short": line.short,
                }
                for line in lines
            ],
        }
    )


def steps(connection: Connection, edge: Edge, each: AssignmentView, device: str) -> StepsShown:
    """Return what the steps after the walk need; before its end, what is to be found counts as picked."""
    items = tuple(
        ItemShown(
            name=line.name,
            sku=line.sku,
            picked=line.picked or line.open,
            codes=json.dumps([line.sku, *barcodes_of(connection, line.sku)]),
        )
        for line in each.items
        if line.picked or (line.open and not each.picked)
    )
    return StepsShown(
        assignment_id=each.assignment_id,
        number=each.number,
        tote=each.tote,
        kind=each.kind,
        held=bool(each.held_by) and each.held_by == device,
        shelf=each.shelf,
        items=items,
        picked=sum(item.picked for item in items),
        parcels=each.parcels,
        due=money(each.due_minor, each.currency) if each.due_minor else "",
        own_carrier=edge.settings.fulfil.own_carrier,
        service=each.service,
        bag_words=counted(_("Pack into 1 bag, print its label"), _("Pack into {n} bags, print labels")),
        parcel_words=counted(_("Pack into 1 parcel"), _("Pack into {n} parcels")),
    )
