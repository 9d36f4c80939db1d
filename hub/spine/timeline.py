"""The spine of an order as a person reads it: what happened, where, who did it, and what it did to the books.

Two times belong to every event: when it happened in its store, and when the hub heard of it. Where they lie
apart the gap is said and explained, because an order that arrives late is the normal work of a store that was
cut off, and looks like a mistake otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hub.console.words import event_word, exception_word, person_word, role_word, tender_word, till_word
from hub.exceptions.rows import ExceptionRow
from hub.ledger.reads import JournalRead
from hub.spine import later_says, transfer_says
from hub.spine.reads import Happened
from hub.spine.work import HUB_EDGE
from protocol.clock import MICROSECONDS
from protocol.kit.text import _
from protocol.kit.web.filters import duration, money
from protocol.kit.web.shell import Shape

LATE_US: Final = 5 * MICROSECONDS
"""A healthy wire takes less; from here on the arrival is said."""
OFFLINE_US: Final = 60 * MICROSECONDS
"""A store that was up would have sent within a minute; more has a reason, which is said too."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One node of the spine."""

    at_us: int
    title: str
    place: str
    says: str
    arrived_us: int | None = None
    """When the hub heard of it, if that was late."""
    late: str = ""
    shape: Shape | None = None
    href: str = ""
    journals: tuple[JournalRead, ...] = ()


def moments(
    happened: Sequence[Happened],
    journals: Sequence[JournalRead],
    exceptions: Sequence[ExceptionRow],
    names: Mapping[str, str],
    skews_us: Mapping[str, int],
    *,
    replayed: bool,
    zone: str = "Europe/London",
) -> list[Moment]:
    """Return the spine, by the time things happened.

    `skews_us` is by how much a store's clock is ahead of the hub's. `replayed`: events carry the times of a
    past month, so their arrival says nothing. `zone` is where the moments that a sentence names are read.
    """
    posted: dict[str, list[JournalRead]] = {}
    for journal in journals:
        posted.setdefault(journal.event_id, []).append(journal)
    found = [
        _of_event(event, tuple(posted.get(event.event_id, ())), names, skews_us, replayed=replayed, zone=zone)
        for event in happened
    ]
    for row in exceptions:
        found += _of_exception(row, names)
    return sorted(found, key=lambda moment: moment.at_us)


def late_by(event: Happened, skew_us: int) -> tuple[int, str] | None:
    """Return how late an event came in seconds, and the words for it; None when it came at once."""
    gap_us = event.gap_us + skew_us
    if gap_us <= LATE_US:
        return None
    seconds = gap_us // MICROSECONDS
    if gap_us < OFFLINE_US:
        return seconds, _("{span} later", span=duration(seconds))
    return seconds, _("{span} later: store offline", span=duration(seconds))


def _of_event(
    event: Happened,
    journals: tuple[JournalRead, ...],
    names: Mapping[str, str],
    skews_us: Mapping[str, int],
    *,
    replayed: bool,
    zone: str,
) -> Moment:
    place = [names.get(event.edge, event.edge)]
    till = str(event.body.get("till", ""))
    if till:
        place.append(till_word(till))
    elif event.device:
        place.append(till_word(event.device))
    if who := event.by if event.edge == HUB_EDGE else person_word(event.by):
        place.append(who)
    late = None if replayed else late_by(event, skews_us.get(event.edge, 0))
    return Moment(
        at_us=event.at_us,
        title=_title(event, names),
        place=", ".join(place),
        says=_says(event, names, zone),
        arrived_us=event.arrived_us if late else None,
        late=late[1] if late else "",
        shape="act" if later_says.is_act(event.kind, event.body) else None,
        journals=journals,
    )


def _title(event: Happened, names: Mapping[str, str]) -> str:
    number = event.body.get("number")
    if event.kind in ("return.completed", "order.voided") and number:
        return f"{event_word(event.kind)} {number}"
    return later_says.title(event.kind, event.body, names) or event_word(event.kind)


def _says(event: Happened, names: Mapping[str, str], zone: str) -> str:
    body = event.body
    currency = str(body.get("currency", "GBP"))
    match event.kind:
        case "order.sold":
            units = sum(line["quantity"] for line in body["lines"])
            said = [
                _("1 item") if units == 1 else _("{n} items", n=f"{units:,}"),
                _("paid {tenders}", tenders=_tenders(body["tenders"], currency)),
            ]
            if body.get("change_minor"):
                said.append(_("change {amount}", amount=money(body["change_minor"], currency)))
            approvals = [person_word(str(given["by"])) or "?" for given in body.get("approvals", ())]
            if approvals:
                said.append(_("allowed by {people}", people=", ".join(approvals)))
            return _sentence(said)
        case "order.voided":
            total = money(body["total_minor"], currency)
            return _("Taken back whole, {total}: {reason}", total=total, reason=body.get("reason", ""))
        case "return.completed":
            units = sum(line["quantity"] for line in body["lines"])
            back = _tenders(body["refunds"], currency)
            items = _("1 item back") if units == 1 else _("{n} items back", n=units)
            reasons = sorted({str(line["reason"]).replace("_", " ") for line in body["lines"]})
            return _sentence([items, _("refunded {tenders}", tenders=back), ", ".join(reasons)])
        case _:
            said_later = later_says.says(event.kind, event.body, names, zone)
            return said_later or transfer_says.says(event.kind, event.body, names, zone)


def _of_exception(row: ExceptionRow, names: Mapping[str, str]) -> list[Moment]:
    href = f"/exceptions/{row.exception_id}"
    found = [
        Moment(
            row.raised_us,
            _("Exception: {kind}", kind=exception_word(row.kind).lower()),
            f"{names.get(row.location, row.location)}, {role_word(row.owner_role)}",
            row.title,
            shape="act" if row.state == "open" else None,
            href=href,
        )
    ]
    if row.closed_us is not None:
        found.append(Moment(row.closed_us, _("Exception closed"), row.closed_by, row.note, href=href))
    return found


def _tenders(tenders: Sequence[Mapping[str, object]], currency: str) -> str:
    return " + ".join(
        f"{tender_word(str(tender['kind'])).lower()} {money(int(str(tender['amount_minor'])), currency)}"
        for tender in tenders
    )


def _sentence(parts: Sequence[str]) -> str:
    said = ", ".join(part for part in parts if part)
    return f"{said[:1].upper()}{said[1:]}."
