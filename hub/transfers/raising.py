"""Who is called about a transfer, and with which facts.

One open card for each thing; it closes itself when its cause is gone.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from hub.database import Lookup
from hub.fleet.rows import location
from hub.spine.steps import close_exception, raise_exception, record
from hub.spine.work import Applied, Work
from hub.transfers.facts import GONE, UNSENT
from hub.transfers.room import Line, LineKey, Transfer, named
from hub.transfers.rows import transfer_cartons, transfers
from protocol import transfer_messages as say
from protocol.stock import CountRequested
from protocol.transfers import AskedBy, SendState

OPS: Final = "ops"
LISTED: Final = 20
SHORT, OVER, REFUSED, ODD, DAMAGED = "tr-short", "tr-over", "tr-refused", "tr-odd", "tr-damaged"
LABEL: Final = "tr-label"
LATE, WAITS, OPEN, PLACE = "tr-late", "tr-waits", "tr-open", "tr-place"
"""What the keys of the clocks' own cards begin with; see `clocks`."""
_OTHER_WITH_LABEL: Final = Lookup(
    sa.select(transfers.c.number, transfers.c.source)
    .join(transfer_cartons, transfer_cartons.c.transfer_id == transfers.c.transfer_id)
    .where(
        transfer_cartons.c.sscc == sa.bindparam("label"),
        transfers.c.transfer_id != sa.bindparam("this"),
    )
    .order_by(transfers.c.number)
    .limit(1)
)


def look(work: Work, applied: Applied, transfer: Transfer) -> None:
    """Raise what a fact brought up, and close what it settled."""
    if not applied.results.get("in_order", True):
        _odd(work, applied, transfer)
    _refused(work, applied, transfer)
    _short(work, transfer)
    _over(work, transfer)
    _unknown_place(work, applied, transfer)
    if isinstance(applied.body, say.TransferReceived):
        _damaged(work, applied.body, transfer)
    if isinstance(applied.body, say.CartonPacked):
        _label_twice(work, transfer, applied.body.carton.sscc)
    if transfer.send_state in GONE | UNSENT:
        close_exception(work, f"{WAITS}:{transfer.transfer_id}", how="It was sent, or will not be")
    if not transfer.transit:
        close_exception(work, f"{LATE}:{transfer.transfer_id}", how="Nothing of it is on its way any more")
    if transfer.send_state in GONE:
        close_exception(work, f"{OPEN}:{transfer.transfer_id}", how="Its shipment is known")


def _unknown_place(work: Work, applied: Applied, transfer: Transfer) -> None:
    """A store that is dark may name any place; the clock closes the card when the place is added."""
    key = f"{PLACE}:{transfer.transfer_id}"
    if transfer.decided_us or transfer.send_state in UNSENT:
        close_exception(work, key, how="Nothing of it goes there any more")
        return
    if not isinstance(applied.body, say.TransferRequested | say.TransferShipped):
        return
    ends = (transfer.source, transfer.destination)
    unknown = [place for place in ends if location(work.connection, place) is None]
    if unknown:
        raise_exception(
            work,
            kind="transfer_unknown_place",
            subject=subject_of(transfer),
            title=unknown_title(transfer.number, unknown),
            facts=unknown_facts(transfer, unknown),
            dedupe_key=key,
        )


def unknown_title(number: str, unknown: Sequence[str]) -> str:
    """Return what the card says of a transfer that names places which the hub does not know."""
    return f"{number} names {' and '.join(unknown)}, and the hub knows no such place"


def unknown_facts(transfer: Transfer | sa.Row[Any], unknown: Sequence[str]) -> dict[str, object]:
    """Return the facts of that card; it is shown at the end that there is."""
    ends = (transfer.source, transfer.destination)
    there = next((place for place in ends if place not in unknown), "")
    return {**about(transfer), "location": there, "not_known": list(unknown)}


def close_receipt(work: Work, receipt_id: str) -> None:
    """Nobody has to look at a receipt any more."""
    close_exception(work, f"{OPEN}:{receipt_id}", how="It was kept as found")


def about(transfer: Transfer | sa.Row[Any]) -> dict[str, object]:
    """Return what every card about a transfer says; of one in a workspace, or of its row."""
    return {**named(transfer), "location": transfer.destination}


def units_of(count: int) -> str:
    """Return so many units in words."""
    return "1 unit" if count == 1 else f"{count} units"


def subject_of(transfer: Transfer) -> str:
    """Return the record that a card about a transfer leads to."""
    return f"transfer:{transfer.transfer_id}"


def _lines(found: list[tuple[LineKey, Line]], units: str) -> list[dict[str, object]]:
    return [{"sku": key[1], "units": getattr(line, units)} for key, line in found[:LISTED]]


def _odd(work: Work, applied: Applied, transfer: Transfer) -> None:
    raise_exception(
        work,
        kind="transfer_odd",
        subject=subject_of(transfer),
        title=f"Something of {transfer.number} happened out of order",
        facts={**about(transfer), "location": applied.edge, "kind": applied.kind},
        dedupe_key=f"{ODD}:{transfer.transfer_id}",
    )


def _refused(work: Work, applied: Applied, transfer: Transfer) -> None:
    """The source sends less than was asked, or nothing; whoever asked for it has to know."""
    body = applied.body
    if transfer.asked_by == AskedBy.SOURCE.value:
        return
    missing = [(key, line) for key, line in sorted(transfer.lines.items()) if line.declined + line.short > 0]
    refused = transfer.send_state in {SendState.REJECTED, SendState.SHORT}
    news = isinstance(body, say.TransferAccepted | say.TransferPicked | say.TransferRejected)
    if not (news or (refused and not isinstance(body, say.TransferRequested))) or not (missing or refused):
        return
    numbers = [line.order_number for line in transfer.lines.values() if line.order_number]
    what = "nothing" if refused else "less than was asked"
    raise_exception(
        work,
        kind="transfer_refused",
        subject=subject_of(transfer),
        title=f"{transfer.source} sends {what} of {transfer.number}",
        facts={
            **about(transfer),
            "location": transfer.source,
            "reason": transfer.refusal,
            "lines": [{"sku": key[1], "units": line.declined + line.short} for key, line in missing[:LISTED]],
            "orders": list(dict.fromkeys(numbers)),
        },
        dedupe_key=f"{REFUSED}:{transfer.transfer_id}",
    )


def _short(work: Work, transfer: Transfer) -> None:
    """The destination waits for no more of it, and units are still on their way."""
    key = f"{SHORT}:{transfer.transfer_id}"
    said = transfer.final or any(line.arrival for line in transfer.lines.values())
    if transfer.decided_us or not transfer.transit or not said:
        close_exception(work, key, how="Nothing of it is on its way any more")
        return
    missing = [(each, line) for each, line in sorted(transfer.lines.items()) if line.transit > 0]
    raise_exception(
        work,
        kind="transfer_short",
        subject=subject_of(transfer),
        title=f"{units_of(transfer.transit)} of {transfer.number} did not arrive at {transfer.destination}",
        facts={
            **about(transfer),
            "lines": _lines(missing, "transit"),
            "reasons": sorted({line.arrival for _key, line in missing if line.arrival}),
            "value_minor": transfer.transit_minor,
            "choices": ["Write them off", "They never left", "Wait for them"],
        },
        dedupe_key=key,
    )


def _over(work: Work, transfer: Transfer) -> None:
    """More arrived than was sent. Without a shipment it is not known yet: then the clock looks at it."""
    key = f"{OVER}:{transfer.transfer_id}"
    over: dict[str, int] = {}
    for _receipt, piece in transfer.pieces():
        if piece.worth.open:
            over[piece.sku] = over.get(piece.sku, 0) + piece.worth.open
    if not over:
        close_exception(work, key, how="It is explained")
        return
    if transfer.send_state not in GONE:
        return
    raise_exception(
        work,
        kind="transfer_over",
        subject=subject_of(transfer),
        title=f"{units_of(sum(over.values()))} of {transfer.number} arrived beyond what was sent",
        facts={
            **about(transfer),
            "lines": [{"sku": sku, "units": units} for sku, units in sorted(over.items())[:LISTED]],
            "choices": ["Keep them, and have the source count"],
        },
        dedupe_key=key,
    )


def _damaged(work: Work, body: say.TransferReceived, transfer: Transfer) -> None:
    broken = [line for line in body.lines if line.damaged]
    if not broken:
        return
    raise_exception(
        work,
        kind="transfer_damaged",
        subject=subject_of(transfer),
        title=f"{units_of(sum(line.damaged for line in broken))} of {transfer.number} arrived damaged",
        facts={
            **about(transfer),
            "lines": [{"sku": line.sku, "units": line.damaged} for line in broken[:LISTED]],
            "detail": "; ".join(line.note for line in broken if line.note)[:300],
        },
        dedupe_key=f"{DAMAGED}:{body.receipt_id}",
    )


def _label_twice(work: Work, transfer: Transfer, sscc: str) -> None:
    """No two cartons share a number: where two do, two locations print from one range."""
    other = _OTHER_WITH_LABEL.first(work.connection, label=sscc, this=transfer.transfer_id)
    if other is None:
        return
    raise_exception(
        work,
        kind="carton_label_twice",
        subject=subject_of(transfer),
        title=f"Carton {sscc} of {transfer.number} has the number of a carton of {other.number}",
        facts={
            **about(transfer),
            "location": transfer.source,
            "carton": sscc,
            "other": other.number,
            "other_location": other.source,
        },
        dedupe_key=f"{LABEL}:{sscc}",
    )


def ask_to_count(work: Work, location: str, skus: list[str], *, title: str, why: str) -> bool:
    """Have a location count articles; False when this hub cannot ask for counts."""
    if not skus or not work.knows("count.requested"):
        return False
    record(
        work,
        CountRequested(
            count_id=work.ids.new_id(),
            plan_id=work.ids.new_id(),
            location=location,
            title=title[:300],
            skus=tuple(sorted(set(skus))),
            note=why[:300],
        ),
    )
    return True
