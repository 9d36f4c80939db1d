"""Which choices a card has: a list for each kind, made from how its record stands now.

What is offered is worth a try, not promised to work: whether it can be done, and what it does, is found by
running it. So nothing here asks twice what a command checks itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.console.web import place_names
from hub.context import Hub
from hub.database import HubUnit
from hub.desk.commands import CLOSE
from hub.exceptions.rows import ExceptionRow
from hub.fulfil import deficits
from hub.fulfil.harm import give_way, pending, victims
from hub.fulfil.reads import open_rows
from hub.fulfil.rows import assignments
from hub.fulfil.rules import OPEN
from hub.fulfil.silence import may_go_on_without, was_told
from hub.holds.restored import silent_for
from hub.holds.rows import find
from hub.payments.gateways import gateways_of
from hub.payments.rows import gateway_commands
from hub.route.alternatives import alternatives_of
from hub.spine.held import held
from hub.spine.later_rows import later_orders
from hub.spine.rows import orders
from hub.stock.availability import heard_places
from hub.stock.deficits import need, right_of
from hub.transfers import steps as transfers
from protocol.fulfilment import FulfilKind, Promise
from protocol.kit.text import _
from protocol.kit.web.filters import money, when
from protocol.transfer_desk import Choice as Fate

MOST: Final = 9
"""Choices have the keys 1 to 9."""
REASON: Final = "reason"
REFERENCE: Final = "reference"
HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
UNDECIDED: Final = frozenset({"order_on_hold"})
"""Kinds of which no choice is the likeliest: a hold was put on so that a person decides."""
_SHOWN: Final = 3
"""Parts or promises that have a choice each; the others are found on their own pages."""
_STORES: Final = 2
"""Other stores that a card names; the page of the order has more."""
_HELD: Final = 200
"""Orders of a silent store that go elsewhere with one choice."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be done about a card: a command of the product with its arguments."""

    choice_id: str
    label: str
    command: str
    args: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = (REASON,)
    """What a person must say beside it."""
    settles: bool = False
    """True where nothing else would close the card once this is done."""


def choices_of(hub: Hub, unit: HubUnit, row: ExceptionRow) -> tuple[Choice, ...]:
    """Return what can be done about a card, the likeliest first, to settle it with a note last."""
    found: list[Choice] = []
    if row.state == "open":
        about = _About(hub, unit, row, place_names(unit.connection))
        for choice in _CHOICES.get(row.kind, _nothing)(about):
            if all(known.choice_id != choice.choice_id for known in found):
                found.append(choice)
        note = _("Settle it with a note")
        found = [*found[: MOST - 1], Choice(CLOSE, note, CLOSE, {"exception_id": row.exception_id})]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _About:
    """A card, and where its record is read."""

    hub: Hub
    unit: HubUnit
    row: ExceptionRow
    names: Mapping[str, str]

    @property
    def connection(self) -> Connection:
        return self.unit.connection

    def fact(self, name: str) -> Any:
        return self.row.facts.get(name)

    def name(self, location: str) -> str:
        return self.names.get(location, location)

    @property
    def order_id(self) -> str:
        return self.row.subject.removeprefix("order:")


def _nothing(_about: _About) -> Iterator[Choice]:
    return iter(())


def _order(about: _About) -> Iterator[Choice]:
    """Offer what can be done about an order whose promise is in danger or broken."""
    later = about.connection.execute(
        sa.select(orders.c.number, later_orders.c.promise)
        .join(orders, orders.c.order_id == later_orders.c.order_id)
        .where(later_orders.c.order_id == about.order_id)
    ).first()
    if later is None:
        return
    number, promise = later.number, Promise.model_validate_json(later.promise)
    now = held(about.hub.spine.work(about.unit), about.order_id)
    loose = now.loose
    if loose:
        yield Choice("order.route", _("Look again who can fulfil it"), "order.route", {"number": number}, ())
        if promise.kind is FulfilKind.COLLECT:
            label = _("Have it brought to {place} from who has it", place=about.name(promise.location))
            yield Choice("order.bring", label, "order.bring", {"number": number}, ())
    yield from _parts(about, number)
    yield from _instead(about, number)
    if loose or now.open_holdings:
        yield _later(about, number, promise)
    if loose and now.open_holdings:
        lines = [[line_no, units] for line_no, units in sorted(loose.items())]
        args = {"number": number, "lines": lines}
        label = _("Cancel what nobody has, and keep the rest")
        yield Choice("order.cancel:loose", label, "order.cancel", args)
    if loose or now.open_holdings:
        yield Choice("order.cancel", _("Cancel all that is open"), "order.cancel", {"number": number})
    yield from _without(about)  # last, because it may cost goods; the page of each part has it too


def _hold(about: _About) -> Iterator[Choice]:
    """Offer to release a hold or to reject it, for the role that owns its card."""
    role = about.row.owner_role
    args = {"hold_id": about.fact("hold_id"), "role": role}
    hold = find(about.connection, about.fact("hold_id"))
    silent = silent_for(about.connection, hold.hold) if hold else []
    label = _("Release the hold: the order goes on")
    needs: tuple[str, ...] = ()
    if silent:
        places = ", ".join([about.name(each) for each in silent[:_STORES]])
        more = "" if len(silent) <= _STORES else _(" and {n} more", n=len(silent) - _STORES)
        label = _("Release it although {places} may have it: it may be fulfilled twice", places=places + more)
        needs = (REASON,)
    yield Choice("hold.release", label, f"hold.release:{role}", args, needs)
    label = _("Reject the order: cancel what is open, and pay back")
    yield Choice("hold.reject", label, f"hold.reject:{role}", args)


def _parts(about: _About, number: str) -> Iterator[Choice]:
    """Offer to have another location fulfil each part that has not left."""
    rows = about.connection.execute(
        sa.select(assignments)
        .where(
            assignments.c.order_id == about.order_id,
            assignments.c.state.in_(sorted(state.value for state in OPEN)),
            ~assignments.c.cancel_asked,
        )
        .order_by(assignments.c.created_us, assignments.c.assignment_id)
        .limit(_SHOWN)
    ).all()
    for row in rows:
        args = {"number": number, "assignment_id": row.assignment_id}
        label = _("Have another location do what {place} has", place=about.name(row.location))
        yield Choice(f"order.reroute:{row.location}", label, "order.reroute", args)


def _without(about: _About) -> Iterator[Choice]:
    """Offer to go on without each silent location that was told of a part, one at a time: it is a loss."""
    now_us = about.hub.clock.now_us()
    heard = heard_places(about.connection, now_us=now_us)
    rows = open_rows(about.connection, order_id=about.order_id)
    for row in [row for row in rows if may_go_on_without(row, heard)][:_SHOWN]:
        yield _go_on(about, row, row.location)


def _go_on(about: _About, row: sa.Row[Any], name: str) -> Choice:
    args = {"number": row.number, "assignment_id": row.assignment_id}
    said = {"number": row.number, "place": about.name(row.location)}
    label = _("Go on with {number} without {place}: it may be fulfilled twice", **said)
    return Choice(f"order.write_off:{name}", label, "order.write_off", args)


def _instead(about: _About, number: str) -> Iterator[Choice]:
    """Offer another store or shipping, each with its day and what it costs us."""
    zone, left = about.hub.settings.zone, {"collect": _STORES, "ship": 1}
    for each in alternatives_of(about.hub, about.connection, about.order_id):
        if each.promise is None or not left.get(each.kind):
            continue
        left[each.kind] -= 1
        has_it_us = each.promise.deliver_us or each.promise.due_us
        said = {
            "day": when(has_it_us, zone, "EEE d MMM, HH:mm").striptags(),
            "cost": money(each.minor, about.hub.settings.currency),
        }
        label = (
            _("Let it be collected at {place} from {day}, {cost}", place=each.place, **said)
            if each.kind == "collect"
            else _("Ship it by {service}, there by {day}, {cost}", service=each.promise.service, **said)
        )
        # Whole hours, so that it is the same choice for the next minutes.
        until_us = has_it_us - has_it_us % HOUR_US + 2 * HOUR_US
        args = {"number": number, "key": each.key, "until_us": until_us}
        yield Choice(f"order.instead:{each.key}", label, "order.instead", args)


def _later(about: _About, number: str, promise: Promise) -> Choice:
    """Offer the same a day later; on the hour, so that it is the same choice for the next minutes."""
    now_us = about.hub.clock.now_us()
    due_us = max(promise.due_us, now_us - now_us % HOUR_US + HOUR_US) + DAY_US
    args = {
        "number": number,
        "kind": promise.kind.value,
        "location": promise.location,
        "service": promise.service,
        "due_us": due_us,
    }
    return Choice("order.promise", _("Promise it for a day later"), "order.promise", args)


def _short(about: _About) -> Iterator[Choice]:
    """Offer what can be done about an order, and to have the shelf counted."""
    yield from _order(about)
    skus = [line["sku"] for line in about.fact("lines") or () if line.get("sku")]
    yield from _count(about, str(about.fact("location") or ""), skus)


def _count(about: _About, location: str, skus: Sequence[str]) -> Iterator[Choice]:
    if location and skus:
        label = _("Ask {place} to count it", place=about.name(location))
        args = {"location": location, "skus": list(dict.fromkeys(skus))}
        yield Choice("count.ask", label, "count.ask", args, ())


def _stock(about: _About) -> Iterator[Choice]:
    yield from _count(about, about.row.place, [str(about.fact("sku") or about.row.subject.partition(":")[2])])


def _silent(about: _About) -> Iterator[Choice]:
    """Offer to ask a silent store for all that it has not begun, or to go on without it for one order.

    What it is asked for others fulfil once it has answered. Going on without it waits for nothing and may
    cost goods, so it is decided for each order: what is due first comes first.
    """
    location = str(about.fact("location") or "")
    waiting = [
        row
        for row in open_rows(about.connection)
        if row.location == location and not row.own and row.state in {"proposed", "acknowledged"}
    ]
    parts = [[row.number, row.assignment_id] for row in waiting[:_HELD]]
    if parts:
        number = waiting[0].number
        one = _("Ask it to give {number} back", number=number)
        many = _("Ask it to give {number} and {n} more back", number=number, n=len(parts) - 1)
        label = one if len(parts) == 1 else many
        yield Choice("orders.reroute", label, "orders.reroute", {"parts": parts})
    told = [row for row in open_rows(about.connection, [location]) if was_told(row)]
    for row in told[:_SHOWN]:
        yield _go_on(about, row, row.number)


def _deficit(about: _About) -> Iterator[Choice]:
    """Offer each of the promises that can be broken with the least harm, and a count."""
    location, sku = str(about.fact("location") or ""), str(about.fact("sku") or "")
    right = right_of(about.connection, location, sku)
    promised = deficits.promises(about.connection, location, sku)
    sent = deficits.sendings(about.connection, location, sku)
    missing = need(right, pending([*promised, *sent])) if right is not None else 0
    unsent = give_way(sent, missing)
    for sending in unsent[:_SHOWN]:
        label = _("Do not send {number}", number=sending.number)
        yield Choice(
            f"transfer.cancel:{sending.number}", label, "transfer.cancel", {"number": sending.number}
        )
    first = victims(promised, missing - sum(one.units for one in unsent))
    others = (each for each in promised if each not in first and each.state in OPEN)
    for one in [*first, *others][:_SHOWN]:
        args = {"number": one.number, "assignment_id": one.assignment_id}
        label = _("Have {number} fulfilled elsewhere", number=one.number)
        yield Choice(f"order.reroute:{one.number}", label, "order.reroute", args)
    yield from _count(about, location, [sku])


def _no_show(about: _About) -> Iterator[Choice]:
    """Offer to keep it longer, or to give it up; an order that was put back can be promised again."""
    for choice in _order(about):
        if choice.command in {"order.promise", "order.cancel", "order.route"}:
            yield choice


def _refund(about: _About) -> Iterator[Choice]:
    command_id = str(about.fact("command_id") or "")
    row = about.connection.execute(
        sa.select(gateway_commands).where(gateway_commands.c.command_id == command_id)
    ).first()
    if row is None:
        return
    args = {"number": row.number, "command_id": command_id}
    label = _("It was given back at {service}", service=row.gateway)
    yield Choice("refund.confirm", label, "refund.confirm", args, (REFERENCE,))
    if row.gateway in gateways_of(about.hub) or row.state == "failed":
        label = _("Ask {service} once more", service=row.gateway)
        yield Choice("refund.again", label, "refund.again", {"command_id": command_id}, ())


def _transfer(about: _About) -> Iterator[Choice]:
    """Offer to settle a transfer either way, to wait for it, or to take it back."""
    number = str(about.fact("number") or "")
    transfer = transfers.need(about.hub.spine.work(about.unit), number)
    lines = [line for line in transfers.open_lines(transfer) if line.asks]
    missing = any(line.transit > 0 for line in lines)
    fates = (
        ("never_left", Fate.AT_SOURCE, _("They never left {place}", place=about.name(transfer.source))),
        ("write_off", Fate.WRITE_OFF, _("Write off what did not arrive")),
    )
    for word, fate, label in fates if missing else ():
        args = {"number": number, "lines": _decided(lines, fate)}
        yield Choice(f"transfer.decide:{word}", label, "transfer.decide", args)
    if lines and not missing:
        args = {"number": number, "lines": _decided(lines, Fate.ACCEPT)}
        label = _("Keep what came beyond it, and have {place} count", place=about.name(transfer.source))
        yield Choice("transfer.decide:accept", label, "transfer.decide", args)
    if transfer.transit > 0:
        now_us = about.hub.clock.now_us()
        until = {"number": number, "until_us": now_us - now_us % HOUR_US + HOUR_US + 2 * DAY_US}
        yield Choice("transfer.extend", _("Wait two days more for it"), "transfer.extend", until)
    elif not transfer.has_left:
        yield Choice("transfer.cancel", _("Do not send it"), "transfer.cancel", {"number": number})


def _transfer_nowhere(about: _About) -> Iterator[Choice]:
    """Offer the same but to wait: nobody there will ever take it in."""
    yield from (choice for choice in _transfer(about) if choice.command != "transfer.extend")


def _decided(lines: Sequence[Any], fate: Fate) -> list[dict[str, Any]]:
    return [
        {
            "line_no": line.line_no,
            "sku": line.sku,
            "choice": (fate if line.transit > 0 else Fate.ACCEPT).value,
        }
        for line in lines
    ]


def _unmatched(about: _About) -> Iterator[Choice]:
    kind, _colon, name = about.row.subject.partition(":")
    if kind == "receipt":
        label = _("Keep what arrived as found")
        yield Choice("receipt.accept", label, "receipt.accept", {"receipt_id": name})
    else:
        yield from _transfer(about)


def _parked(about: _About) -> Iterator[Choice]:
    args = {"edge": about.fact("edge"), "seq": about.fact("seq"), "inc": about.fact("inc") or ""}
    yield Choice("event.replay", _("Apply it now"), "event.replay", args, ())
    yield Choice("event.discard", _("Give it up, and go on with what waits behind it"), "event.discard", args)


def _notice(about: _About) -> Iterator[Choice]:
    args = {"notice_id": str(about.fact("notice_id") or "")}
    yield Choice("notice.resend", _("Send it once more"), "notice.resend", args, (), settles=True)


def _channel(about: _About) -> Iterator[Choice]:
    args = {"endpoint_id": about.row.subject.removeprefix("channel:")}
    label = _("Tell {channel} again", channel=about.fact("channel"))
    yield Choice("channel.start", label, "channel.start", args, ())


_CHOICES: Final[Mapping[str, Callable[[_About], Iterator[Choice]]]] = MappingProxyType(
    {
        "short_pick": _short,
        "order_on_hold": _hold,
        "unroutable": _order,
        "promise_late": _order,
        "promise_at_risk": _order,
        "order_at_risk": _order,
        "rejected_twice": _order,
        "cancel_too_late": _order,
        "both_changed": _order,
        "assignment_over": _order,
        "no_show": _no_show,
        "store_silent": _silent,
        "stock_deficit": _deficit,
        "refund_to_make": _refund,
        "refund_failed": _refund,
        "stock_oversold": _stock,
        "transfer_short": _transfer,
        "transfer_over": _transfer,
        "transfer_late": _transfer,
        "transfer_waits": _transfer,
        "transfer_refused": _transfer,
        "transfer_unknown_place": _transfer_nowhere,
        "transfer_unmatched": _unmatched,
        "event_parked": _parked,
        "notice_failed": _notice,
        "channel_dead": _channel,
    }
)
"""A kind that is not here is settled with a note, on the page of its record."""
