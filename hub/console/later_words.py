"""What people call the things of an order for later: its events, its parts, why a location was not chosen.

`hub.console.words` asks here for what it does not know itself. Every function returns "" for a name that is
new to this version; whoever shows it says it in plain words then.
"""

from collections.abc import Mapping
from typing import Final

from protocol.fulfilment import FulfilKind, RejectReason, ShortReason, Verified
from protocol.kit.text import _, inside
from protocol.kit.web.filters import qty
from protocol.kit.web.shell import Shape
from protocol.lifecycles import AssignmentState

GRAVE: Final = frozenset({
    "double_fulfilled", "fulfilled_after_cancel", "promise_late", "unroutable", "refund_failed",
    "cancel_too_late", "assignment_over", "rejected_twice", "mail_server", "clock_failed",
})  # fmt: skip
"""What costs a customer or money as long as nobody looks."""


def event_word(kind: str) -> str:
    """Return what happened to an order for later, as the head of an event in a timeline."""
    words = {
        "order.placed": _("Ordered"),
        "order.paid": _("Paid at a till"),
        "order.paid_online": _("Paid online"),
        "order.cancelled": _("Cancelled"),
        "order.refunded": _("Refunded at a till"),
        "order.refunded_online": _("Refunded online"),
        "order.changed": _("Changed"),
        "order.routed": _("Routed"),
        "order.unroutable": _("Nobody can fulfil it"),
        "order.waits": _("Waits for a delivery"),
        "assignment.answered": _("Answered"),
        "assignment.withdrawn": _("Taken back before it was sent"),
        "assignment.written_off": _("Gone on without it"),
        "assignment.cancel_requested": _("Asked to give it up"),
        "order.lines_added": _("More ordered"),
        "assignment.change_requested": _("Asked to fetch other units"),
        "assignment.change_refused": _("Change not taken over"),
        "assignment.changed": _("Fetches other units"),
        "assignment.accepted": _("Accepted"),
        "assignment.rejected": _("Given back"),
        "assignment.pick_started": _("Picking started"),
        "assignment.picked": _("Picked"),
        "assignment.packed": _("Packed"),
        "assignment.staged": _("Ready to be collected"),
        "assignment.shipped": _("On its way"),
        "assignment.handed_over": _("Handed over"),
        "assignment.handover_undone": _("Handover undone"),
        "assignment.cancelled": _("Given up as asked"),
        "assignment.cancel_refused": _("Too late to give it up"),
        "manifest.closed": _("Manifest closed"),
    }
    return words.get(kind, "")


def exception_word(kind: str) -> str:
    """Return what kind of thing about an order for later needs a person."""
    words = {
        "event_without_order": _("Event without its order"),
        "double_fulfilled": _("Fulfilled twice"),
        "fulfilled_after_cancel": _("Left after cancelling"),
        "assignment_over": _("Went on after it was over"),
        "short_pick": _("Short pick"),
        "rejected_twice": _("Given back twice"),
        "cancel_too_late": _("Too late to cancel"),
        "both_changed": _("Cancelled here, added there"),
        "no_show": _("Not collected"),
        "promise_late": _("Late"),
        "promise_at_risk": _("Promise at risk"),
        "order_at_risk": _("Will be late"),
        "store_silent": _("Store silent"),
        "refund_not_owed": _("Refund not owed"),
        "refund_to_make": _("Refund to make"),
        "refund_failed": _("Refund failed"),
        "notice_failed": _("Customer not told"),
        "mail_server": _("Mail server"),
        "unroutable": _("Nobody can fulfil it"),
        "count_due": _("Count needed"),
        "put_back": _("To put back"),
        "left_after_take_back": _("Left after it was taken back"),
        "clock_failed": _("Hub behind its clock"),
        "more_undone_than_fulfilled": _("Undone beyond fulfilled"),
        "more_cancelled_than_open": _("Cancelled beyond open"),
        "more_fulfilled_than_open": _("Fulfilled beyond open"),
        "unknown_line": _("Line nobody ordered"),
    }
    return words.get(kind, "")


def exception_says(kind: str) -> str:
    """Return what a kind of exception about orders for later means, and what settles it."""
    words = {
        "event_without_order": _(
            "A store tells of an order that the hub does not have. It closes itself when the order arrives."
        ),
        "double_fulfilled": _(
            "More units left than were ordered, as when two locations fulfil the same part. Nothing was "
            "earned for the units too many: ask for them back, or charge them."
        ),
        "fulfilled_after_cancel": _(
            "Units left after they had been cancelled, and their money is owed back or gone back. Ask for "
            "the goods, or charge them again."
        ),
        "short_pick": _(
            "Units were not where the stock said. The rest goes on; the missing units are routed to another "
            "location by themselves if one has them in time, and the card closes then."
        ),
        "rejected_twice": _(
            "Two locations gave this order back. Something is wrong with more than one of them."
        ),
        "no_show": _(
            "Nobody came for it. Nothing is given up by the clock: remind the customer, or cancel it and "
            "give the money back."
        ),
        "promise_late": _("What was promised is due and is not ready. Call the location, or promise anew."),
        "order_at_risk": _(
            "Nothing has gone wrong yet, but what is known of the stock, the hands, the line and the goods "
            "on their way makes it likely that this promise breaks. There is still time to do something else."
        ),
        "promise_at_risk": _("Nobody has begun, and it must begin now to be ready in time."),
        "store_silent": _(
            "A store that was told of orders is not heard. It may have them and go on by itself, so nothing "
            "is given to another location before it answers. Wait, ask it by phone, or go on without it for "
            "one order: that may then be fulfilled twice."
        ),
        "refund_not_owed": _(
            "Money went back that the hub did not owe by its books. Ask who gave it and why."
        ),
        "refund_to_make": _(
            "This payment service is not asked by the hub. Give the money back there, then say so on the "
            "order."
        ),
        "refund_failed": _("The payment service would not give the money back. Make it there by hand."),
        "notice_failed": _("A mail to the customer did not leave. Correct the address, or call them."),
        "mail_server": _("The mail server cannot be used. Mails wait and leave by themselves once it can."),
        "unroutable": _(
            "No location can fulfil these units as they were promised. Promise something else, cancel them, "
            "or route again once there is stock."
        ),
        "count_due": _("An article was not where the books said. Until it is counted, none of it is lent."),
        "left_after_take_back": _(
            "A device had an order along, it was taken back from it and ended at the store; then the device "
            "said that its goods had left. Nothing was booked for that. Ask the store who has the goods; its "
            "stock is right once the items are counted."
        ),
        "clock_failed": _("Something that must happen on time cannot be done. The reason stands below."),
    }
    return words.get(kind) or _change_says(kind)


def _change_says(kind: str) -> str:
    words = {
        "put_back": _(
            "Goods of an order that was given up stand beside their shelf until somebody puts them back."
        ),
        "cancel_too_late": _(
            "A location was asked to give its part up and had handed it over already. The order stands as it "
            "was; tell the customer."
        ),
        "assignment_over": _(
            "A location went on with a part that it had given up, or that somebody had gone on without while "
            "it was silent. Make sure that nobody else fulfils it too."
        ),
        "both_changed": _(
            "The store cancelled what it kept of this order while more of it was ordered at the hub. Both "
            "stand: what was added is fulfilled and its money is due. Ask the customer, and cancel the rest "
            "if it is not wanted either; the card closes when nothing is open any more."
        ),
    }
    return words.get(kind, "")


def directive_word(kind: str) -> str:
    """Return what a location was told about orders for later."""
    words = {
        "assignment.offer": _("Fulfil a part of an order"),
        "assignment.cancel": _("Give a part of an order up"),
        "assignment.amend": _("Change of an order"),
        "assignment.change": _("Fetch other units of an order"),
        "order.settled": _("What became of an order"),
        "order.elsewhere": _("What others recorded about an order"),
    }
    return words.get(kind, "")


def rule_word(rule: str) -> str:
    """Return what a journal about an order for later was posted for."""
    words = {
        "payment": _("Payment at a till"),
        "payment_online": _("Payment online"),
        "fulfil": _("Goods left"),
        "fulfil_cost": _("Cost of goods that left"),
        "undo_fulfil": _("Handover undone"),
        "undo_fulfil_cost": _("Goods back, handover undone"),
        "cancel": _("Cancelled"),
        "kept_for_more": _("Owed money kept for more"),
        "refund": _("Refund at a till"),
        "refund_online": _("Refund online"),
        "pick": _("Picked"),
        "put_back": _("Put back"),
        "reserve": _("Set aside"),
    }
    return words.get(rule, "")


def fact_word(name: str) -> str:
    """Return the name of a fact of an exception about orders for later."""
    words = {
        "gateway": _("Payment service"),
        "payment_reference": _("Its payment"),
        "numbers": _("Orders"),
        "silent_minutes": _("Minutes silent"),
        "store_silent": _("Store silent"),
        "start_by": _("Must begin by"),
        "first_due": _("First promised for"),
        "choices": _("What can be done"),
        "could": _("Instead"),
        "risk_percent": _("Per cent risk"),
        "because": _("Because"),
        "late_orders": _("Late by now"),
        "reasons": _("Why"),
        "reason": _("Reason"),
        "lines": _("Lines"),
        "detail": _("Detail"),
        "clock": _("Clock"),
    }
    return words.get(name, "")


def channel_word(channel: str) -> str:
    """Return where an order was taken."""
    words = {"web": _("Web shop"), "pos": _("Counter"), "service": _("Customer service")}
    return words.get(channel, channel)


def kind_word(kind: str) -> str:
    """Return how the customer gets the goods."""
    words: Mapping[str, str] = {FulfilKind.COLLECT: _("Collect"), FulfilKind.SHIP: _("Ship")}
    return words.get(kind, kind)


def part_pill(state: str) -> tuple[str, Shape]:
    """Return the state of the part of an order that one location fulfils; sent is a question, no answer."""
    words: Mapping[str, tuple[str, Shape]] = {
        AssignmentState.PROPOSED: (_("Not sent yet"), "wait"),
        AssignmentState.SENT: (_("Sent, not answered"), "wait"),
        AssignmentState.ACKNOWLEDGED: (_("Has it, not begun"), "live"),
        AssignmentState.PICKING: (_("Picking"), "live"),
        AssignmentState.PICKED: (_("Picked"), "live"),
        AssignmentState.PACKED: (_("Packed"), "live"),
        AssignmentState.READY: (_("Ready"), "done"),
        AssignmentState.HANDED_OVER: (_("Handed over"), "done"),
        AssignmentState.SHIPPED: (_("On its way"), "done"),
        AssignmentState.REJECTED: (_("Given back"), "calm"),
        AssignmentState.SHORT: (_("Not found"), "act"),
        AssignmentState.CANCELLED: (_("Given up"), "calm"),
        AssignmentState.EXPIRED: (_("Expired"), "calm"),
        AssignmentState.WRITTEN_OFF: (_("Gone on without it"), "act"),
    }
    return words.get(state, (state, "calm"))


def reason_word(reason: str) -> str:
    """Return why units were not found, or a part was given back; what was typed stays as it is."""
    words: Mapping[str, str] = {
        ShortReason.NOT_FOUND: _("not found"),
        ShortReason.MISMATCH: _("something else was there"),
        ShortReason.DAMAGED: _("damaged"),
        ShortReason.DISPLAY_WORN: _("worn from display"),
        RejectReason.NO_CAPACITY: _("no time for it"),
        RejectReason.CLOSING: _("the store closes"),
        RejectReason.NO_SHOW: _("nobody collected it"),
        RejectReason.OTHER: _("another reason"),
        "nobody has paid for it in the time it was kept": _("nobody has paid for it in the time it was kept"),
        "cancelled": _("cancelled"),
        "asked": _("asked for"),
    }
    return words.get(reason, reason)


def refusal_word(code: str) -> str:
    """Return why a location did not take a change over; "" for a reason that says itself."""
    words = {
        "picked_already": _("it had picked them already"),
        "picking_begun": _("it had begun to pick"),
        "too_late": _("nothing of it was left to fetch"),
        "checked_out": _("a handheld had taken it along"),
        "cancel_asked": _("it was asked to give it up"),
        "no_assignment": _("it never had the order"),
        "unknown_sku": _("it does not know the item"),
        "unknown_kind": _("its program is older than the change"),
    }
    return words.get(code, "")


def verified_word(how: str) -> str:
    """Return how the person who collected was recognised."""
    words: Mapping[str, str] = {
        Verified.CODE: _("pickup code shown"),
        Verified.PHONE: _("known by phone number"),
        Verified.EMAIL: _("known by mail address"),
        Verified.NAME_AND_ID: _("known by name and document"),
        Verified.LEAD: _("allowed by a team lead"),
    }
    return words.get(how, how)


def code_word(code: str) -> str:
    """Return a rule that removed a location from a decision, in words."""
    words = {
        "INACTIVE": _("Shut out"),
        "STALE": _("Not heard"),
        "DEFICIT": _("Misses promised units"),
        "SAFETY_STOCK": _("Keeps its last units"),
        "NO_ATP": _("Too few to promise"),
        "CUTOFF": _("Too late for it"),
        "NOT_CAPABLE": _("Cannot do it"),
        "EXCLUDED_REJECTED": _("Gave it back"),
        "RULE:company_threshold": _("Kept back by the company"),
    }
    return words.get(code, "")


def risk_word(name: str) -> str:
    """Return what a part of a price is paid for, beyond hands and parcels."""
    return {
        "busy": _("a full day"),
        "transfer": _("the way to the store"),
        "entity": _("another legal entity"),
        "risk": _("risk of being given back"),
        "return": _("returns"),
        "offline": _("risk of staying cut off"),
    }.get(name, name)


def trigger_word(trigger: str) -> str:
    """Return why it was decided then who fulfils."""
    words = {
        "placed": _("when it was ordered"),
        "changed": _("after the order was changed"),
        "asked": _("because somebody asked for it"),
        "answered": _("after a location did not take it"),
        "cancelled": _("after a location gave it up"),
        "rejected": _("after a location gave it back"),
        "short": _("after a short pick"),
        "withdrawn": _("after it was taken back unsent"),
        "written_off": _("because somebody decided to go on without a silent location"),
        "waited": _("once a location could"),
        "moved": _("because it costs less elsewhere"),
        "released": _("once its hold had ended"),
        "arrived": _("once what it waited for had come"),
        "missed": _("because what it waited for does not come"),
    }
    return words.get(trigger, trigger)


def request_word(kind: str) -> str:
    """Return what a location was asked for."""
    words = {
        "cancel": _("Cancel it"),
        "reroute": _("Give it to another location"),
        "change": _("Give it up for another promise"),
    }
    return words.get(kind, kind)


def stays_promised(units: int, place: str) -> str:
    """Return what may be lost where somebody goes on without a location: its right stays used."""
    if not units:
        return _("Nothing stays promised at {place}", place=place)
    if units == 1:
        return _(
            "1 unit stays promised at {place} until it is heard; the goods may be handed over there all the "
            "same: it may be fulfilled twice",
            place=place,
        )
    return _(
        "{n} units stay promised at {place} until it is heard; the goods may be handed over there all the "
        "same: it may be fulfilled twice",
        n=qty(units),
        place=place,
    )


LATER_WORDS: Final = {
    "channel_word": channel_word,
    "kind_word": kind_word,
    "part_pill": part_pill,
    "reason_word": reason_word,
    "verified_word": verified_word,
    "code_word": code_word,
    "risk_word": risk_word,
    "trigger_word": trigger_word,
    "request_word": request_word,
    "stays_promised": stays_promised,
    "inside": inside,
}
"""What templates may say by name, beside `hub.console.words.WORDS`."""
