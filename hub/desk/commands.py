"""The commands of the product that a card may offer, by name: the very functions its screens and API call.

Nothing is done here that cannot be done elsewhere. A choice names a command and its arguments; previewing and
choosing it both come through `COMMANDS`, so what is shown is what is done.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from hub.capture.steps import By
from hub.capture.wanted import CancelWanted, ChangeWanted, LineUnits, RerouteWanted, WriteOffWanted
from hub.channels import steps as channels
from hub.context import Hub
from hub.exceptions import steps as exceptions
from hub.holds import steps as holds
from hub.holds.api import ReleaseWanted
from hub.holds.steps import Decision
from hub.link import repair
from hub.notify import steps as notify
from hub.payments import steps as payments
from hub.promises import PromiseWanted
from hub.service import alternatives
from hub.service import steps as service
from hub.service.alternatives import AlternativeWanted
from hub.stock import tasks
from hub.stock.tasks import CountsWanted
from hub.transfers import steps as transfers
from hub.transfers.steps import By as TransferBy
from hub.transfers.wanted import CancelWanted as TransferCancelWanted
from hub.transfers.wanted import DecideWanted, ExtendWanted, ForOrderWanted
from protocol.clock import from_us
from protocol.errors import Invalid, Refused
from protocol.kit.text import _
from protocol.people import HubRole

Args = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """Who chooses, and what they said beside it."""

    by: str
    reason: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: who may give it, as at its own screen, and what runs it."""

    roles: tuple[str, ...]
    """None: whoever is signed in. An administrator may do everything."""
    run: Callable[[Hub, Args, Given], object]


def _route(hub: Hub, args: Args, _given: Given) -> object:
    return service.route(hub, args["number"])


def _cancel(hub: Hub, args: Args, given: Given) -> object:
    lines = tuple(LineUnits(line_no=line_no, units=units) for line_no, units in args.get("lines", ()))
    wanted = CancelWanted(lines=lines, reason=given.reason, by_customer=False)
    return service.cancel(hub, args["number"], wanted, By(given.by))


def _promise(hub: Hub, args: Args, given: Given) -> object:
    promise = PromiseWanted(
        kind=args["kind"], location=args["location"], due_at=from_us(args["due_us"]), service=args["service"]
    )
    wanted = ChangeWanted(promise=promise, reason=given.reason)
    return service.change(hub, args["number"], wanted, By(given.by))


def _instead(hub: Hub, args: Args, given: Given) -> object:
    wanted = AlternativeWanted(key=args["key"], until_us=args["until_us"], reason=given.reason)
    return alternatives.take(hub, args["number"], wanted, By(given.by))


def _reroute(hub: Hub, args: Args, given: Given) -> object:
    wanted = RerouteWanted(assignment_id=args["assignment_id"], reason=given.reason)
    return service.reroute(hub, args["number"], wanted, By(given.by))


def _reroute_all(hub: Hub, args: Args, given: Given) -> object:
    """Reroute every part of a list: one that is gone or was asked meanwhile stops none of the others."""
    done, refused = 0, None
    for number, assignment_id in args["parts"]:
        try:
            _reroute(hub, {"number": number, "assignment_id": assignment_id}, given)
        except Refused as error:
            refused = error
        else:
            done += 1
    if refused is not None and not done:
        raise refused
    return done


def _write_off(hub: Hub, args: Args, given: Given) -> object:
    """Go on without one location; a reason that its model does not take is refused like any other.

    Raises:
        Invalid: too little or too much was said.
    """
    said = {"assignment_id": args["assignment_id"], "reason": given.reason}
    try:
        wanted = WriteOffWanted.model_validate(said)
    except ValidationError as error:
        raise Invalid(
            _("The reason is too short or too long, so nothing was done."),
            _("Say why in 3 to 250 characters; it stays on the record."),
            code="no_reason",
        ) from error
    return service.write_off(hub, args["number"], wanted, By(given.by))


def _bring(hub: Hub, args: Args, given: Given) -> object:
    return transfers.for_order(hub, args["number"], ForOrderWanted(), TransferBy(name=given.by))


def _count(hub: Hub, args: Args, given: Given) -> object:
    wanted = CountsWanted(locations=(args["location"],), skus=tuple(args["skus"]))
    return hub.database.write(lambda unit: tasks.ask(unit, hub, wanted, by=given.by))


def _cancel_transfer(hub: Hub, args: Args, given: Given) -> object:
    return transfers.cancel(
        hub, args["number"], TransferCancelWanted(reason=given.reason), TransferBy(name=given.by)
    )


def _decide_transfer(hub: Hub, args: Args, given: Given) -> object:
    wanted = DecideWanted.model_validate({"lines": args["lines"], "reason": given.reason})
    return transfers.decide(hub, args["number"], wanted, TransferBy(name=given.by))


def _extend_transfer(hub: Hub, args: Args, given: Given) -> object:
    wanted = ExtendWanted(arrive_by_us=args["until_us"], reason=given.reason)
    return transfers.extend(hub, args["number"], wanted, TransferBy(name=given.by))


def _accept_receipt(hub: Hub, args: Args, given: Given) -> object:
    wanted = TransferCancelWanted(reason=given.reason)
    return transfers.accept_receipt(hub, args["receipt_id"], wanted, TransferBy(name=given.by))


def _confirm_refund(hub: Hub, args: Args, given: Given) -> object:
    return payments.confirm(
        hub, args["number"], reference=given.reference, command_id=args["command_id"], by=given.by
    )


def _refund_again(hub: Hub, args: Args, given: Given) -> None:
    payments.ask_again(hub, args["command_id"], by=given.by)


def _replay(hub: Hub, args: Args, given: Given) -> object:
    return repair.replay(hub, args["edge"], args["seq"], inc=args["inc"], by=given.by)


def _discard(hub: Hub, args: Args, given: Given) -> object:
    return repair.discard(hub, args["edge"], args["seq"], inc=args["inc"], note=given.reason, by=given.by)


def _resend(hub: Hub, args: Args, given: Given) -> object:
    why = given.reason or _("Asked for on its card.")
    return notify.resend(hub, args["notice_id"], by=given.by, why=why)


def _start_channel(hub: Hub, args: Args, _given: Given) -> None:
    channels.switch(hub, args["endpoint_id"], on=True)


def _close(hub: Hub, args: Args, given: Given) -> object:
    return exceptions.close(hub, args["exception_id"], note=given.reason, by=given.by)


def _release(hub: Hub, args: Args, given: Given) -> object:
    decision = Decision(args["hold_id"], given.reason, args["role"], By(given.by))
    return holds.release(hub, decision, ReleaseWanted())


def _reject(hub: Hub, args: Args, given: Given) -> object:
    decision = Decision(args["hold_id"], given.reason, args["role"], By(given.by))
    return holds.reject(hub, decision, ReleaseWanted())


_OPS: Final = (HubRole.OPS.value,)
_MONEY: Final = (HubRole.OPS.value, HubRole.FINANCE.value)
_ADMIN: Final = (HubRole.ADMIN.value,)
CLOSE: Final = "card.close"

COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "order.route": Command(_OPS, _route),
        "order.cancel": Command(_OPS, _cancel),
        "order.promise": Command(_OPS, _promise),
        "order.instead": Command(_OPS, _instead),
        "order.reroute": Command(_OPS, _reroute),
        "orders.reroute": Command(_OPS, _reroute_all),
        "order.write_off": Command(_OPS, _write_off),
        "order.bring": Command(_OPS, _bring),
        "count.ask": Command(_OPS, _count),
        "transfer.cancel": Command(_OPS, _cancel_transfer),
        "transfer.decide": Command(_OPS, _decide_transfer),
        "transfer.extend": Command(_OPS, _extend_transfer),
        "receipt.accept": Command(_OPS, _accept_receipt),
        "refund.confirm": Command(_MONEY, _confirm_refund),
        "refund.again": Command(_MONEY, _refund_again),
        "event.replay": Command(_ADMIN, _replay),
        "event.discard": Command(_ADMIN, _discard),
        "notice.resend": Command(_OPS, _resend),
        "channel.start": Command(_ADMIN, _start_channel),
        **{f"hold.release:{role.value}": Command((role.value,), _release) for role in HubRole},
        **{f"hold.reject:{role.value}": Command((role.value,), _reject) for role in HubRole},
        CLOSE: Command((), _close),
    }
)
