"""Asking for transfers, taking them back, and deciding about what did not arrive; one function for each verb.

Whoever decides waits for others who do (`take_orders`), so nothing is decided on what has just changed.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.engine import Connection

from hub.capture import reads as captured
from hub.catalog.goods import check_goods
from hub.catalog.rows import names_of
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import all_locations
from hub.once import once
from hub.spine.bulk import among
from hub.spine.steps import record, take_orders
from hub.spine.work import Work
from hub.stock.rows import balances
from hub.transfers import orders, raising, reads, telling
from hub.transfers.numbers import next_number
from hub.transfers.room import Receipt, Transfer, Transfers, named
from hub.transfers.rules import (
    DAY_US,
    OpenLine,
    Route,
    State,
    check_cancel,
    check_route,
    settlement_of,
    state_of,
)
from hub.transfers.wanted import (
    Asked,
    CancelWanted,
    DecideWanted,
    Done,
    ExtendWanted,
    ForOrderWanted,
    MatchWanted,
    TransferWanted,
)
from protocol import transfer_desk as desk
from protocol import transfer_messages as say
from protocol.errors import Invalid, NotFound, Refused
from protocol.kit.moments import check_to_come
from protocol.kit.text import _
from protocol.kit.units import check_units
from protocol.transfer_desk import About, Choice
from protocol.transfers import AskedBy, TransferLine

LONGEST_WAIT_DAYS: Final = 366
Answer = TypeVar("Answer", bound=BaseModel)


class By(BaseModel):
    """Who asks, and under which key; without a key it is done each time."""

    name: str
    key: str = ""


def _once(  # noqa: PLR0917 - the same six in the same order at every call
    hub: Hub, wanted: BaseModel, by: By, about: str, answer: type[Answer], act: Callable[[Work], Answer]
) -> Answer:
    def step(unit: HubUnit) -> Answer:
        def do() -> Answer:
            take_orders(unit, 0)
            work = hub.spine.work(unit)
            done = act(work)
            hub.finish(work)
            return done

        key = f"{by.name}/{about}/{by.key}" if by.key else ""
        return once(unit, hub, wanted, key, answer, do)[0]

    return hub.database.write(step)


def request(hub: Hub, wanted: TransferWanted, by: By) -> Asked:
    """Ask a location to send goods to another one.

    Raises:
        Invalid: it goes to itself, a location or item is not known, an item is a service or adds up to too
            many units; `due_past`.
    """
    return _once(hub, wanted, by, "transfers", Asked, lambda work: ask(work, wanted, by.name))


def ask(work: Work, wanted: TransferWanted, by: str) -> Asked:
    """Ask for a transfer in the caller's unit of work; see `request`."""
    connection = work.connection
    check_route(Route(wanted.source, wanted.destination), known_places(connection))
    names = known_names(connection, [line.sku for line in wanted.lines])
    units: dict[str, int] = {}
    grants: dict[str, int] = {}
    for line in wanted.lines:
        if line.sku not in names:
            raise Invalid(
                _("The hub knows no item {sku}.", sku=line.sku[:40]),
                _("Import it with the catalogue first, or correct the code."),
                code="unknown_sku",
                sku=line.sku[:64],
            )
        units[line.sku] = units.get(line.sku, 0) + line.quantity
        grants[line.sku] = grants.get(line.sku, 0) + line.grant
    check_goods(connection, list(units))
    check_units(units.items(), _("Divide them over several transfers. Nothing was asked for."))
    check_to_come(wanted.due_us, work.clock.now_us())
    transfer_id = work.ids.new_id()
    lines = telling.lend(
        work,
        transfer_id,
        wanted.source,
        [
            TransferLine(line_no=n, sku=sku, name=names[sku], quantity=count, grant=min(count, grants[sku]))
            for n, (sku, count) in enumerate(units.items(), start=1)
        ],
    )
    body = say.TransferRequested(
        transfer_id=transfer_id,
        number=next_number(work),
        source=wanted.source,
        destination=wanted.destination,
        asked_by=AskedBy.HUB,
        reason=wanted.reason,
        lines=lines,
        due_us=wanted.due_us,
        note=wanted.note,
    )
    record(work, body, by=by)
    return asked_of(body)


def asked_of(body: say.TransferRequested) -> Asked:
    """Return what was asked for, as whoever asked is told."""
    return Asked(
        transfer_id=body.transfer_id,
        number=body.number,
        source=body.source,
        destination=body.destination,
        asked_by=body.asked_by,
        units=sum(line.quantity for line in body.lines),
        lent=sum(line.lent for line in body.lines),
    )


def for_order(hub: Hub, number: str, wanted: ForOrderWanted, by: By) -> Asked:
    """Have what nobody holds of an order brought to where its customer collects.

    Raises:
        NotFound: the hub has no such order.
        Refused: it is not collected, nothing of it waits, or nobody can send it.
    """

    def act(work: Work) -> Asked:
        order_id = captured.order_id_of(work.connection, number)
        body = orders.request_for_order(work, order_id, source=wanted.source, by=by.name, note=wanted.note)
        return asked_of(body)

    return _once(hub, wanted, by, f"orders/{number}", Asked, act)


def cancel(hub: Hub, number: str, wanted: CancelWanted, by: By) -> Done:
    """Take a transfer back: with certainty if its source never heard of it, else by asking.

    Raises:
        NotFound: there is no such transfer.
        Refused: it has left, it is over, or its source was asked before.
    """

    def act(work: Work) -> Done:
        transfer = need(work, number)
        check_cancel(transfer.number, state_in(transfer), asked=transfer.cancel_asked, place=transfer.source)
        if telling.withdraw(work, transfer):
            answer = desk.TransferAnswered(
                **named(transfer),
                about=About.REQUEST,
                location=transfer.source,
                outcome="withdrawn",
                detail=wanted.reason,
            )
            record(work, answer, by=by.name)
        else:
            record(work, desk.TransferCancelRequested(**named(transfer), reason=wanted.reason), by=by.name)
        work.catch_up()
        return Done(number=transfer.number, state=state_in(transfer).value, requested=transfer.cancel_asked)

    return _once(hub, wanted, by, number, Done, act)


def decide(hub: Hub, number: str, wanted: DecideWanted, by: By) -> Done:
    """Settle a transfer: what is missing is written off or never left, what is too much is kept.

    Raises:
        NotFound: there is no such transfer.
        Refused: nothing of it is left to decide.
        Invalid: a line has no choice that fits it.
    """

    def act(work: Work) -> Done:
        transfer = need(work, number)
        choices = {(line.line_no, line.sku): line.choice for line in wanted.lines}
        lines = settlement_of(transfer.number, open_lines(transfer), choices)
        body = desk.TransferDecided(**named(transfer), lines=lines, reason=wanted.reason)
        record(work, body, by=by.name)
        to_count = [line.sku for line in lines if line.choice in {Choice.AT_SOURCE, Choice.ACCEPT}]
        counting = raising.ask_to_count(
            work,
            transfer.source,
            to_count,
            title=f"Count after {transfer.number}",
            why=f"{wanted.reason} ({transfer.number})",
        )
        return Done(number=transfer.number, state=state_in(transfer).value, counting=counting)

    return _once(hub, wanted, by, number, Done, act)


def extend(hub: Hub, number: str, wanted: ExtendWanted, by: By) -> Done:
    """Wait for a transfer until another day.

    Raises:
        Refused: nothing of it is on its way.
        Invalid: the day is over, or too far off.
    """

    def act(work: Work) -> Done:
        transfer = need(work, number)
        now_us = work.clock.now_us()
        if transfer.transit <= 0:
            raise Refused(
                _("Nothing of {number} is on its way.", number=transfer.number),
                _("Nothing is left to wait for."),
                code="nothing_open",
            )
        if not now_us < wanted.arrive_by_us <= now_us + LONGEST_WAIT_DAYS * DAY_US:
            raise Invalid(
                _("A transfer is waited for until a later day, within a year."),
                _("Choose a day after today."),
                code="bad_day",
            )
        body = desk.TransferExtended(
            **named(transfer), arrive_by_us=wanted.arrive_by_us, reason=wanted.reason
        )
        record(work, body, by=by.name)
        return Done(number=transfer.number, state=state_in(transfer).value)

    return _once(hub, wanted, by, number, Done, act)


def match(hub: Hub, number: str, wanted: MatchWanted, by: By) -> Done:
    """Say to a destination that goods it took in from nobody are of this transfer; it answers what it did.

    Raises:
        NotFound: there is no such transfer or receipt.
        Refused: the receipt belongs to another one or to another place, or nothing was shipped.
    """

    def act(work: Work) -> Done:
        transfer = need(work, number)
        receipt = _unexplained(work, wanted.receipt_id)
        if receipt.destination != transfer.destination:
            raise Refused(
                _("These goods arrived at {place}.", place=receipt.destination),
                _("Choose a transfer that goes there."),
                code="other_place",
            )
        if not transfer.has_left:
            raise Refused(
                _("{number} was not sent, as far as is known.", number=transfer.number),
                _("Ask {place} to say that it has left.", place=transfer.source),
                code="not_shipped",
            )
        telling.expect(work, transfer, receipts=[receipt.receipt_id])
        return Done(number=transfer.number, state=state_in(transfer).value, requested=True)

    return _once(hub, wanted, by, number, Done, act)


def accept_receipt(hub: Hub, receipt_id: str, wanted: CancelWanted, by: By) -> Done:
    """Keep goods that no transfer explains: they count as found from now on.

    Raises:
        NotFound: there is no such receipt.
        Refused: it belongs to a transfer, or was settled before.
    """

    def act(work: Work) -> Done:
        receipt = _unexplained(work, receipt_id)
        body = desk.ReceiptAccepted(
            receipt_id=receipt_id, destination=receipt.destination, reason=wanted.reason
        )
        record(work, body, by=by.name)
        return Done(number=receipt.number, state="accepted")

    return _once(hub, wanted, by, f"receipts/{receipt_id}", Done, act)


def _unexplained(work: Work, receipt_id: str) -> Receipt:
    receipt = work.room(Transfers).receipt(receipt_id)
    if receipt is None:
        raise NotFound(_("There is no such receipt."), _("Look the list up again."), code="no_receipt")
    if receipt.transfer_id or receipt.undone_us or receipt.accepted_us:
        raise Refused(
            _("This receipt is explained already."), _("Look the list up again."), code="receipt_known"
        )
    return receipt


def need(work: Work, number: str) -> Transfer:
    """Return a transfer by its number or its id, in the workspace.

    Raises:
        NotFound: there is none.
    """
    found = work.room(Transfers).get(reads.find_id(work.connection, number))
    assert found is not None
    return found


def state_in(transfer: Transfer) -> State:
    """Return where a transfer's goods are."""
    return state_of(transfer.send_state, transfer.receive_state, decided=transfer.decided_us is not None)


def open_lines(transfer: Transfer) -> list[OpenLine]:
    """Return every line with what is left to decide about it."""
    found = []
    for key, line in sorted(transfer.lines.items()):
        worths = [piece.worth for _receipt, piece in transfer.pieces_of(key)]
        found.append(
            OpenLine(
                line_no=key[0],
                sku=key[1],
                received=line.matched,
                lost=line.lost,
                transit=line.transit,
                open=sum(worth.open for worth in worths),
                over=sum(worth.over for worth in worths),
            )
        )
    return found


def known_places(connection: Connection) -> dict[str, bool]:
    """Return every location, and whether it may come in."""
    return {row.location_id: row.status == "active" for row in all_locations(connection)}


def known_names(connection: Connection, skus: list[str]) -> dict[str, str]:
    """Return the names of items that the catalogue has, or that any location ever had."""
    wanted = list(dict.fromkeys(skus))
    found = names_of(connection, wanted)
    left = [sku for sku in wanted if sku not in found]
    if left:
        moved = connection.execute(
            sa.select(balances.c.sku).where(among(connection, balances.c.sku, left)).distinct()
        )
        found |= {sku: sku for sku in moved.scalars()}
    return found
