"""Taking in what a provider paid out: read, match with orders, post, and say what does not tie."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.ledger.desk import open_day
from hub.ledger.rules.desk import CARD, expected_payout
from hub.ledger.settlements.mappers import mapper_named
from hub.ledger.settlements.rows import money_moves, settlement_lines, settlements
from hub.ledger.settlements.rules import Mapper, read_file
from hub.spine.bulk import among
from hub.spine.later_rows import later_orders, payments
from hub.spine.payment_rows import offline_cards
from hub.spine.rows import order_tenders, orders
from hub.spine.steps import raise_exception, record, take_orders
from hub.spine.work import Work, chunks
from hub.stored_value.rows import gift_card_tenders
from protocol.books import SettlementLine, SettlementTaken
from protocol.errors import Invalid, Refused
from protocol.kit.csv_text import MEGABYTE, text_of
from protocol.kit.text import _
from protocol.payments import CardCleared

MEGABYTES: Final = 8
BYTES: Final = MEGABYTES * MEGABYTE


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody says about a file beside its rows."""

    entity: str
    provider: str
    mapper: str
    reference: str
    """The provider's own name of the payout."""
    paid_on: str
    payout_minor: int | None
    """What the bank shows; None takes what the file says."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a file."""

    settlement_id: str
    lines: int
    matched: int
    payout_minor: int
    expected_minor: int

    @property
    def ties(self) -> bool:
        """Tell whether the payout is the sum of its rows and every sale has its order."""
        return self.payout_minor == self.expected_minor and self.matched == self.lines


def take(hub: Hub, data: bytes, wanted: Wanted, *, by: str) -> Taken:
    """Take in a settlement file whole, or refuse it whole.

    Raises:
        Invalid: the file or what was said about it cannot be read.
        Refused: it was taken in before, or its month is closed.
    """
    with hub.database.read() as connection:
        mapper = mapper_named(connection, wanted.mapper)
    text = text_of(data, megabytes=MEGABYTES)
    file = read_file(text, mapper, hub.settings.currency)
    payout = wanted.payout_minor if wanted.payout_minor is not None else file.payout_minor
    if payout is None:
        raise Invalid(
            _("The file does not say what was paid out."),
            _("Type what arrived at the bank."),
            code="no_payout",
        )

    def step(unit: HubUnit) -> Taken:
        take_orders(unit, 0)
        _new(unit.connection, wanted)
        lines = _known(unit.connection, wanted.entity, matched(unit.connection, file.lines))
        body = _body(wanted, mapper, hub.settings.currency, payout, lines)
        work = hub.spine.work(unit)
        record(work, body, by=by)
        _cleared(work, body, by)
        done = _summed(body)
        if not done.ties:
            _say(work, wanted, done)
        hub.finish(work, "books")
        return done

    return hub.database.write(step)


def _cleared(work: Work, body: SettlementTaken, by: str) -> None:
    """A payout of the terminals is also the word that a card of a store offline was taken."""
    if body.provider != CARD:
        return
    paid = {
        (line.order_id, line.amount_minor): line
        for line in body.lines
        if line.kind == "sale" and line.order_id
    }
    table = offline_cards.c
    for piece in chunks(order_id for order_id, _minor in paid):
        rows = work.connection.execute(
            sa.select(offline_cards).where(
                table.state == "offline_pending", among(work.connection, table.order_id, piece)
            )
        ).all()
        for row in rows:
            line = paid.get((row.order_id, row.amount_minor))
            if line is not None:
                said = {name: getattr(row, name) for name in ("card_id", "order_id", "number", "location")}
                said |= {"amount_minor": row.amount_minor, "currency": row.currency}
                record(work, CardCleared(**said, reference=line.reference), by=by)


def _known(
    connection: Connection, entity: str, lines: tuple[SettlementLine, ...]
) -> tuple[SettlementLine, ...]:
    """Return the rows with those chargebacks marked that somebody has received by hand before."""
    if not any(line.kind == "chargeback" for line in lines):
        return lines
    open_ = {
        (name, int(row.amount_minor))
        for row in connection.execute(
            sa.select(money_moves).where(
                money_moves.c.entity == entity, money_moves.c.what == "chargeback_received"
            )
        )
        for name in (row.reference, row.order_id)
        if name
    }
    return tuple(
        line.model_copy(update={"known": True})
        if line.kind == "chargeback"
        and {(line.reference, -line.amount_minor), (line.order_id, -line.amount_minor)} & open_
        else line
        for line in lines
    )


def _body(
    wanted: Wanted, mapper: Mapper, currency: str, payout: int, lines: tuple[SettlementLine, ...]
) -> SettlementTaken:
    try:
        return SettlementTaken(
            settlement_id=settlement_id_of(wanted),
            entity=wanted.entity,
            provider=wanted.provider,
            marketplace=mapper.marketplace,
            reference=wanted.reference,
            business_date=wanted.paid_on,
            currency=currency,
            payout_minor=payout,
            lines=lines,
            mapper=mapper.name,
            mapper_version=mapper.version,
        )
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise Invalid(
            _("The {name} of this settlement cannot be read.", name=str(fault["loc"][0]).replace("_", " ")),
            _("Correct it and send the file again; nothing was taken in."),
            code="bad_settlement",
        ) from error


def settlement_id_of(wanted: Wanted) -> str:
    """Return the id of a payout: the same file twice is the same payout."""
    identity = f"{wanted.entity}/{wanted.provider}/{wanted.reference}"
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def _new(connection: Connection, wanted: Wanted) -> None:
    mine = settlements.c.settlement_id == settlement_id_of(wanted)
    known = sa.select(settlements.c.settlement_id).where(mine)
    if connection.execute(known).first() is not None:
        raise Refused(
            _("The payout {reference} was taken in before.", reference=wanted.reference),
            _("Look at it in the list; nothing was posted twice."),
            code="taken_already",
        )
    open_day(connection, wanted.entity, wanted.paid_on)


def _summed(body: SettlementTaken) -> Taken:
    money = [line for line in body.lines if line.kind in {"sale", "refund"}]
    return Taken(
        body.settlement_id,
        len(money),
        sum(bool(line.order_id) for line in money),
        body.payout_minor,
        expected_payout(body.lines),
    )


def _say(work: Work, wanted: Wanted, done: Taken) -> None:
    raise_exception(
        work,
        kind="settlement_mismatch",
        subject=f"settlement:{done.settlement_id}",
        title=f"The payout {wanted.reference} of {wanted.provider} does not tie",
        facts={
            "provider": wanted.provider,
            "reference": wanted.reference,
            "entity": wanted.entity,
            "amount_minor": done.payout_minor,
            "expected_minor": done.expected_minor,
            "unmatched": done.lines - done.matched,
        },
        dedupe_key=f"settlement:{done.settlement_id}",
    )


def matched(connection: Connection, lines: Sequence[SettlementLine]) -> tuple[SettlementLine, ...]:
    """Return the rows with the orders that their references name: a payment, a tender, or an order number.

    A gift card is paid for without an order; its rows are given the number of the card.
    """
    wanted = [line.reference for line in lines if line.kind in {"sale", "refund", "chargeback"}]
    found: dict[str, str] = {}
    columns = (
        (orders.c.number, orders.c.order_id),
        (later_orders.c.external_id, later_orders.c.order_id),
        (order_tenders.c.reference, order_tenders.c.order_id),
        (payments.c.reference, payments.c.order_id),
        (gift_card_tenders.c.reference, gift_card_tenders.c.number),
    )
    for piece in chunks(wanted):
        for named, order_id in columns:
            rows = connection.execute(
                sa.select(named.label("named"), order_id.label("order_id")).where(
                    among(connection, named, piece), named != ""
                )
            )
            found.update({row.named: row.order_id for row in rows})
    return tuple(
        line.model_copy(update={"order_id": found[line.reference]}) if line.reference in found else line
        for line in lines
    )


def one(connection: Connection, settlement_id: str) -> tuple[sa.Row[Any], Sequence[sa.Row[Any]]]:
    """Return a settlement and its rows."""
    head = connection.execute(
        sa.select(settlements).where(settlements.c.settlement_id == settlement_id)
    ).first()
    if head is None:
        raise Invalid(_("There is no such settlement."), _("Look at the list."), code="no_settlement")
    rows = connection.execute(
        sa.select(settlement_lines)
        .where(settlement_lines.c.settlement_id == settlement_id)
        .order_by(settlement_lines.c.row)
    ).all()
    return head, rows
