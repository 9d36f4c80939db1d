"""What the timeline says of each event of a transfer: one sentence, beside the head and its place.

Bodies are read as they stand in the log, because a timeline shows also what a newer version wrote.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hub.console.transfer_words import choice_word, refusal_word, transfer_reason
from protocol.kit.text import _, inside
from protocol.kit.web.filters import when

Body = Mapping[str, Any]


def says(kind: str, body: Body, names: Mapping[str, str], zone: str) -> str:
    """Return one sentence about an event of a transfer; "" for one that needs none."""
    said = _SAYS.get(kind)
    return said(body, names, zone) if said else ""


def _sum(lines: Iterable[Body], *fields: str) -> int:
    return sum(int(line.get(name, 0)) for line in lines for name in fields)


def _items(count: int) -> str:
    return _("1 unit") if count == 1 else _("{n} units", n=f"{count:,}")


def _requested(body: Body, names: Mapping[str, str], _zone: str) -> str:
    source, destination = str(body["source"]), str(body["destination"])
    units = _items(_sum(body["lines"], "quantity"))
    reason = transfer_reason(str(body.get("reason", "replenish")))
    return _(
        "{units} from {source} to {destination}: {reason}.",
        units=units,
        source=names.get(source, source),
        destination=names.get(destination, destination),
        reason=inside(reason),
    )


def _accepted(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    units = _items(_sum(body["lines"], "lent", "bound"))
    declined = _sum(body.get("declined", ()), "lent", "bound")
    if declined:
        return _("{units} are set aside, {n} are declined.", units=units, n=declined)
    return _("{units} are set aside.", units=units)


def _rejected(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    note = str(body.get("note", ""))
    return f"{_capital(refusal_word(str(body['reason'])))}. {note}".strip()


def _picked(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    found = _items(_sum(body.get("lines", ()), "lent", "bound"))
    missing = _sum(body.get("shorts", ()), "lent", "bound")
    if missing:
        return _("{units} off the shelf, {n} not found.", units=found, n=missing)
    return _("{units} off the shelf.", units=found)


def _packed(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    carton = body["carton"]
    return _("{units} in {sscc}.", units=_items(_sum(carton["lines"], "quantity")), sscc=carton["sscc"])


def _shipped(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    units, cartons = _items(_sum(body["lines"], "lent", "bound")), len(body["cartons"])
    boxes = _("1 carton") if cartons == 1 else _("{n} cartons", n=cartons)
    carrier = str(body.get("carrier", ""))
    return f"{units}, {boxes}{', ' if carrier else ''}{carrier}."


def _received(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    lines, shorts = body.get("lines", ()), body.get("shorts", ())
    said = [_items(_sum(lines, "quantity"))]
    if damaged := _sum(lines, "damaged"):
        said.append(_("{n} damaged", n=damaged))
    if over := _sum(lines, "over"):
        said.append(_("{n} more than announced", n=over))
    if missing := _sum(shorts, "quantity"):
        said.append(_("{n} missing", n=missing))
    return f"{', '.join(said)}."


def _closed(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    missing = _sum(body["lines"], "missing")
    arrived = _items(_sum(body["lines"], "received"))
    if missing:
        return _("{units} arrived, {n} are missing.", units=arrived, n=missing)
    return _("{units} arrived.", units=arrived)


def _reason(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    return _capital(str(body.get("reason", "")))


def _answered(body: Body, names: Mapping[str, str], _zone: str) -> str:
    place = str(body["location"])
    where = names.get(place, place)
    if body["outcome"] == "withdrawn":
        return _(
            "It was taken back before {place} heard of it. {why}", place=where, why=body.get("detail", "")
        )
    if body["about"] == "expect":
        return _("{place} knows what is coming.", place=where)
    return _("{place} refused: {why}.", place=where, why=refusal_word(str(body.get("code", ""))))


def _decided(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    if body.get("automatic"):
        return _("Everything arrived as it was sent.")
    choices = sorted({str(line["choice"]) for line in body["lines"] if line.get("choice")})
    said = ", ".join(choice_word(choice) for choice in choices)
    return f"{_capital(said)}: {body.get('reason', '')}."


def _extended(body: Body, _names: Mapping[str, str], zone: str) -> str:
    day = when(int(body["arrive_by_us"]), zone, "EEE d MMM y").striptags()
    return _("Until {day}: {why}", day=day, why=body.get("reason", ""))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_SAYS: Final[Mapping[str, Callable[[Body, Mapping[str, str], str], str]]] = {
    "transfer.requested": _requested,
    "transfer.accepted": _accepted,
    "transfer.rejected": _rejected,
    "transfer.picked": _picked,
    "transfer.carton_packed": _packed,
    "transfer.shipped": _shipped,
    "transfer.received": _received,
    "transfer.matched": _received,
    "transfer.closed": _closed,
    "transfer.cancelled": _reason,
    "transfer.cancel_asked": _reason,
    "transfer.cancel_requested": _reason,
    "transfer.receipt_undone": _reason,
    "transfer.receipt_accepted": _reason,
    "transfer.answered": _answered,
    "transfer.decided": _decided,
    "transfer.extended": _extended,
}
