"""What the timeline says of each event of an order for later: one sentence, beside the head and its place.

Bodies are read as they stand in the log, because a timeline shows also what a newer version wrote. What a
reader would get wrong: an event that only asks (`requested`, `cancel_requested`) says so, and never that it
has happened.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.console.later_words import (
    channel_word,
    code_word,
    reason_word,
    refusal_word,
    trigger_word,
    verified_word,
)
from hub.console.words import person_word, plain, tender_word
from protocol.holds import OnExpiry
from protocol.kit.hold_words import blocks_words, code_says, expiry_word, hold_kind_word
from protocol.kit.text import _, inside
from protocol.kit.web.filters import money, when

Body = Mapping[str, Any]
_ACTS = frozenset({
    "order.unroutable", "assignment.cancel_refused", "assignment.change_refused", "hold.placed",
})  # fmt: skip
PARTS = 4
"""What one sentence names; more are counted."""


def title(kind: str, body: Body, names: Mapping[str, str]) -> str:
    """Return the head of an event where it says more than the word for its kind; else ""."""
    said = _TITLES.get(kind)
    return said(body, names) if said else ""


def says(kind: str, body: Body, names: Mapping[str, str], zone: str) -> str:
    """Return one sentence about an event of an order for later; "" for one that needs none."""
    said = _SAYS.get(kind)
    return said(body, names, zone) if said else ""


def promise_words(promise: Body, names: Mapping[str, str], zone: str) -> str:
    """Return a promise as people say it: how, where, by when."""
    place = str(promise.get("location", ""))
    due = _time(int(promise["due_us"]), zone)
    if promise["kind"] == "ship":
        return _("ship by {when}", when=due)
    return _("collect at {place} by {when}", place=names.get(place, place), when=due)


def is_act(kind: str, body: Body) -> bool:
    """Tell whether an event stands with the triangle."""
    return kind in _ACTS or bool(kind == "assignment.picked" and body.get("shorts"))


def _placed(body: Body, names: Mapping[str, str], zone: str) -> str:
    units = sum(line["quantity"] for line in body["lines"] if line.get("kind", "goods") == "goods")
    items = _("1 item") if units == 1 else _("{n} items", n=f"{units:,}")
    said = [items, promise_words(body["promise"], names, zone), channel_word(body["channel"])]
    if body.get("external_id"):
        said.append(body["external_id"])
    if body["promise"].get("provisional"):
        said.append(_("provisional until the hub has answered"))
    if body.get("own"):
        said.append(_("set aside by the store itself"))
    return _sentence(said)


def _paid(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    currency = str(body.get("currency", "GBP"))
    if "tenders" not in body:
        return _(
            "{amount} through {service}.",
            amount=money(body["amount_minor"], currency),
            service=body["gateway"],
        )
    tenders = [
        f"{inside(tender_word(str(tender['kind'])))} {money(int(tender['amount_minor']), currency)}"
        for tender in body["tenders"]
    ]
    return _sentence([" + ".join(tenders)])


def _cancelled(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    who = _("the customer asked") if body.get("by_customer") else ""
    return _sentence([_goods(body["lines"]), who, body.get("reason", "")])


def _changed(body: Body) -> str:
    words = {"promise": _("Promise changed"), "contact": _("Customer changed"), "note": _("Note changed")}
    return _and([words.get(what, what) for what in body["what"]])


def _says_changed(body: Body, names: Mapping[str, str], zone: str) -> str:
    said = []
    if "promise" in body["what"]:
        said.append(promise_words(body["promise"], names, zone))
    if body.get("requested"):
        said.append(_("stays as it was until who holds it has answered"))
    if "note" in body["what"] and body.get("note"):
        said.append(body["note"])
    return _sentence([*said, reason_word(body.get("reason", ""))])


def _routed(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    trigger = str(body.get("trigger", "placed"))
    why = "" if trigger == "placed" else _("Decided {why}.", why=trigger_word(trigger))
    return " ".join(part for part in (str(body.get("sentence", "")), why) if part)


def _unroutable(body: Body, names: Mapping[str, str], _zone: str) -> str:
    found = [
        f"{names.get(row['location'], row['location'])}: {inside(code_word(row['code'])) or row['code']}"
        for row in body.get("ruled_out", ())[:PARTS]
    ]
    more = len(body.get("ruled_out", ())) - PARTS
    if more > 0:
        found.append(_("{n} more", n=more))
    return _sentence([_goods(body["lines"]), *found])


def _answered(body: Body, names: Mapping[str, str]) -> str:
    place = names.get(body["location"], body["location"])
    match body["outcome"]:
        case "rejected":
            return _("{place} could not take it", place=place)
        case "expired":
            return _("The offer to {place} expired", place=place)
    return _("{place} has it", place=place)


def _why(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    reason = reason_word(str(body.get("reason", "")))
    detail = str(body.get("detail", "")) or str(body.get("note", ""))
    return _sentence([reason, detail])


def _cancel_requested(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    then = (
        _("its units then go to another location")
        if body.get("reroute")
        else _("what is not wanted any more is then cancelled")
    )
    return _sentence([_("requested until it answers"), then, reason_word(body.get("reason", ""))])


def _written_off(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    units = sum(_units(line) for line in body["lines"])
    stays = (
        _("1 unit stays promised there until it is heard, and may be handed over all the same")
        if units == 1
        else _(
            "{n} units stay promised there until it is heard, and may be handed over all the same", n=units
        )
    )
    return _sentence([stays, reason_word(body.get("reason", ""))])


def _lines_added(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    gross = sum(int(line["gross_minor"]) for line in body["lines"])
    worth = _("worth {amount}", amount=money(gross, str(body.get("currency", "GBP"))))
    return _sentence([_goods(body["lines"]), worth, body.get("reason", "")])


def _change_requested(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    waits = _("requested until it answers") if body.get("dropped") else ""
    return _sentence([*_other_units(body), waits, reason_word(body.get("reason", ""))])


def _change_refused(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    detail = str(body.get("detail", "")).rstrip(".")
    why = refusal_word(str(body.get("code", ""))) or detail
    return _sentence([why, _("it fetches what it fetched before")])


def _changed_there(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    return _sentence([*_other_units(body), reason_word(body.get("reason", ""))])


def _other_units(body: Body) -> list[str]:
    """Return what a location fetches too, and what it no longer fetches."""
    found = []
    if body.get("added"):
        found.append(_("{goods} too", goods=_goods(body["added"])))
    for line in body.get("dropped", ())[:PARTS]:
        units = int(line["quantity"]) if "quantity" in line else _units(line)
        found.append(_("{n} × {sku} less", n=units, sku=line["sku"]))
    return found


def _given_back(body: Body, names: Mapping[str, str], zone: str) -> str:
    units = sum(_units(line) for line in body["lines"])
    goods = _("1 unit") if units == 1 else _("{n} units", n=units)
    rest = _why(body, names, zone).rstrip(".")
    return _sentence([goods, inside(rest)])


def _pick_started(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    who = person_word(str(body.get("picker", "")))
    return _sentence([_("list {number}", number=body["list_id"]) if len(body["list_id"]) < 16 else "", who])


def _picked(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    found = sum(_units(line) for line in body.get("lines", ()))
    said = [_("1 unit picked") if found == 1 else _("{n} units picked", n=found)]
    said += [
        _("{n} × {sku} {reason}", n=_units(line), sku=line["sku"], reason=reason_word(line["reason"]))
        for line in body.get("shorts", ())[:PARTS]
    ]
    return _sentence(said)


def _packed(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    count = len(body["parcels"])
    weight = sum(parcel.get("weight_g", 0) for parcel in body["parcels"])
    parcels = _("1 parcel or bag") if count == 1 else _("{n} parcels or bags", n=count)
    return _sentence([parcels, _("{n} g", n=f"{weight:,}") if weight else ""])


def _staged(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    bags = int(body["bags"])
    said = _("1 bag") if bags == 1 else _("{n} bags", n=bags)
    return _sentence([_("shelf {shelf}", shelf=body["shelf"]), said])


def _shipped(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    found = [
        " ".join(part for part in (parcel.get("carrier", ""), parcel.get("tracking", "")) if part)
        for parcel in body["parcels"]
    ]
    parcels = _("1 parcel") if len(found) == 1 else _("{n} parcels", n=len(found))
    return _sentence([parcels, *found[:PARTS]])


def _handed_over(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    units = sum(_units(line) for line in body["lines"])
    goods = _("1 unit") if units == 1 else _("{n} units", n=units)
    proxy = _("to somebody for the customer") if body.get("proxy") else ""
    rest = _("the rest waits on its shelf") if body.get("rest") else ""
    return _sentence([goods, verified_word(body["verified"]), proxy, rest])


def _held(body: Body, _names: Mapping[str, str], zone: str) -> str:
    until = int(body.get("until_us", 0))
    last = (
        _("until {when}, {then}", when=_time(until, zone), then=expiry_word(body.get("then", OnExpiry.KEEP)))
        if until
        else ""
    )
    why = (code_says(str(body.get("code", ""))) or str(body["reason"])).rstrip(".")
    return _sentence([why, _("blocks {what}", what=blocks_words(body["blocks"])), last])


def _hold_ended(body: Body, _names: Mapping[str, str], _zone: str) -> str:
    return _sentence([str(body.get("note", "")).rstrip(".")])


def _title_held(body: Body, _names: Mapping[str, str]) -> str:
    return _("On hold: {kind}", kind=inside(hold_kind_word(body["kind"])))


def _title_lapsed(body: Body, _names: Mapping[str, str]) -> str:
    if body.get("then") == "reject":
        return _("Hold lapsed, the order is cancelled")
    return _("Hold lapsed, the order goes on")


def _title_routed(body: Body, names: Mapping[str, str]) -> str:
    return _("Routed to {places}", places=_and(_names_of(body["parts"], names)))


def _title_picked(body: Body, _names: Mapping[str, str]) -> str:
    short = sum(_units(line) for line in body.get("shorts", ()))
    if not short:
        return ""
    return _("Short pick, 1 unit") if short == 1 else _("Short pick, {n} units", n=short)


def _title_asked(body: Body, names: Mapping[str, str]) -> str:
    return _("{place} is asked to give it up", place=names.get(body["location"], body["location"]))


def _title_change_asked(body: Body, names: Mapping[str, str]) -> str:
    return _("{place} is asked to fetch other units", place=names.get(body["location"], body["location"]))


def _title_change_refused(body: Body, names: Mapping[str, str]) -> str:
    return _("{place} did not take the change over", place=names.get(body["location"], body["location"]))


def _title_withdrawn(body: Body, names: Mapping[str, str]) -> str:
    return _("Taken back from {place} unsent", place=names.get(body["location"], body["location"]))


def _title_written_off(body: Body, names: Mapping[str, str]) -> str:
    return _("Gone on without {place}", place=names.get(body["location"], body["location"]))


def _title_handed_over(body: Body, _names: Mapping[str, str]) -> str:
    return _("Part handed over") if body.get("rest") else ""


def _title_changed(body: Body, _names: Mapping[str, str]) -> str:
    return _("Change asked for") if body.get("requested") else _changed(body)


_TITLES = {
    "order.routed": _title_routed,
    "order.changed": _title_changed,
    "hold.placed": _title_held,
    "hold.lapsed": _title_lapsed,
    "assignment.answered": _answered,
    "assignment.withdrawn": _title_withdrawn,
    "assignment.written_off": _title_written_off,
    "assignment.cancel_requested": _title_asked,
    "assignment.change_requested": _title_change_asked,
    "assignment.change_refused": _title_change_refused,
    "assignment.picked": _title_picked,
    "assignment.handed_over": _title_handed_over,
}
_SAYS = {
    "order.placed": _placed,
    "order.paid": _paid,
    "order.paid_online": _paid,
    "order.refunded": _paid,
    "order.refunded_online": _paid,
    "order.cancelled": _cancelled,
    "order.changed": _says_changed,
    "order.lines_added": _lines_added,
    "assignment.change_requested": _change_requested,
    "assignment.change_refused": _change_refused,
    "assignment.changed": _changed_there,
    "order.routed": _routed,
    "order.unroutable": _unroutable,
    "order.waits": _routed,
    "assignment.answered": _why,
    "assignment.withdrawn": _why,
    "assignment.written_off": _written_off,
    "assignment.cancel_requested": _cancel_requested,
    "assignment.rejected": _given_back,
    "assignment.pick_started": _pick_started,
    "assignment.picked": _picked,
    "assignment.packed": _packed,
    "assignment.staged": _staged,
    "assignment.shipped": _shipped,
    "assignment.handed_over": _handed_over,
    "assignment.handover_undone": _given_back,
    "assignment.cancelled": _given_back,
    "assignment.cancel_refused": _why,
    "hold.placed": _held,
    "hold.released": _hold_ended,
    "hold.rejected": _hold_ended,
    "hold.lapsed": _hold_ended,
}


def _goods(lines: Sequence[Body]) -> str:
    found = [f"{line['quantity']} × {line.get('name') or line['sku']}" for line in lines[:PARTS]]
    if len(lines) > PARTS:
        found.append(_("{n} more", n=len(lines) - PARTS))
    return ", ".join(found)


def _units(line: Body) -> int:
    return int(line.get("lent", 0)) + int(line.get("bound", 0))


def _names_of(parts: Sequence[Body], names: Mapping[str, str]) -> list[str]:
    return [names.get(part["location"], plain(part["location"])) for part in parts]


def _and(words: Sequence[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return _("{first} and {last}", first=", ".join(words[:-1]), last=words[-1])


def _time(at_us: int, zone: str) -> str:
    return str(when(at_us, zone).striptags())


def _sentence(parts: Sequence[str]) -> str:
    said = ", ".join(part for part in parts if part)
    return f"{said[:1].upper()}{said[1:]}." if said else ""
