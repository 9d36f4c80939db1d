"""Margin that the books say was lost: each loss is a journal, found by the account that it was posted to.

Which account serves `goodwill` or `write_down` is the company's choice and may change, so a journal is read
by the mapping that held when it was posted.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.flow.rules import BOOKED, Leak, LeakKind, Stage, Stay
from hub.ledger.rows import account_mapping, entries, journals, mapping_changes
from hub.ledger.stages import JOURNALS_PER_EVENT
from hub.spine.bulk import Select
from hub.spine.rows import events, orders
from protocol.money import round_ratio

_PURPOSES: Final = tuple(BOOKED)
_BEGAN: Final = sa.select(account_mapping).where(account_mapping.c.purpose.in_(_PURPOSES))
_CHANGED: Final = (
    sa.select(mapping_changes)
    .where(mapping_changes.c.purpose.in_(_PURPOSES))
    .order_by(mapping_changes.c.apply_order)
)
_ORDERS: Final = Select(
    sa.select(orders.c.order_id, orders.c.number, orders.c.channel, orders.c.apply_order), orders.c.order_id
)


@dataclass(frozen=True, slots=True)
class _Loss:
    """One journal and what of it was lost."""

    row: Any
    kind: LeakKind
    amount_minor: int


def leaks(
    connection: Connection,
    since: int,
    last: int,
    *,
    decided: Mapping[int, Sequence[tuple[Stay, int]]],
    told: Collection[int] = (),
) -> list[Leak]:
    """Return what the journals of some numbers of the log say was lost.

    `decided`: whose goods those were, by number. `told`: numbers whose goodwill is known already.
    """
    losses = [
        loss
        for loss in _losses(connection, since, last)
        if loss.kind is not LeakKind.GOODWILL or loss.row.apply_order not in told
    ]
    known = {
        row.order_id: row
        for row in _ORDERS.run(
            connection, sorted({loss.row.order_id for loss in losses if loss.row.order_id})
        )
    }
    found = []
    for loss in losses:
        row = loss.row
        order = known.get(row.order_id)
        if order is not None and order.apply_order <= row.apply_order:
            shares = [(row.order_id, order.number, order.channel, loss.amount_minor)]
        else:
            shares = _shared(loss.amount_minor, decided.get(row.apply_order, ()))
        found += [
            Leak(
                apply_order=row.apply_order,
                order_id=order_id,
                number=number,
                stage=Stage.RETURNED,
                kind=loss.kind,
                channel=channel,
                location=row.location,
                at_us=row.at_us,
                amount_minor=minor,
                currency=row.currency,
                source=f"journal:{row.journal_id}",
            )
            for order_id, number, channel, minor in shares
        ]
    return found


def _shared(amount_minor: int, stays: Sequence[tuple[Stay, int]]) -> list[tuple[str, str, str, int]]:
    """Share a loss among the orders whose goods it was, by units, exact to the cent."""
    total = sum(units for _stay, units in stays)
    if not total:
        return [("", "", "", amount_minor)]
    shares: dict[tuple[str, str, str], int] = {}
    seen = given = 0
    for stay, units in stays:
        seen += units
        upto = round_ratio(amount_minor * seen, total)
        key = (stay.order_id, stay.number, stay.channel)
        shares[key] = shares.get(key, 0) + upto - given
        given = upto
    return [(*key, minor) for key, minor in shares.items() if minor]


def _losses(connection: Connection, since: int, last: int) -> list[_Loss]:
    serves = _Mapping(connection)
    if not serves.accounts:
        return []
    found = connection.execute(
        sa.select(
            journals.c.journal_id,
            journals.c.entity,
            journals.c.apply_order,
            journals.c.location,
            journals.c.order_id,
            journals.c.currency,
            events.c.at_us,
            entries.c.account,
            entries.c.amount_minor,
        )
        .join(entries, entries.c.journal_id == journals.c.journal_id)
        .join(events, events.c.apply_order == journals.c.apply_order)
        .where(
            journals.c.journal_id >= (since + 1) * JOURNALS_PER_EVENT,
            journals.c.journal_id < (last + 1) * JOURNALS_PER_EVENT,
            entries.c.account.in_(sorted(serves.accounts)),
        )
        .order_by(journals.c.journal_id, entries.c.n)
    )
    sums: dict[tuple[int, LeakKind], tuple[Any, int]] = {}
    for row in found:
        kind = serves.kind(row.entity, row.account, row.apply_order)
        if kind is not None:
            before = sums.get((row.journal_id, kind), (row, 0))[1]
            sums[row.journal_id, kind] = (row, before + row.amount_minor)
    return [_Loss(row, kind, minor) for (_journal, kind), (row, minor) in sums.items() if minor]


class _Mapping:
    """Which account serves which of the purposes, from which number of the log on."""

    def __init__(self, connection: Connection) -> None:
        self._since: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for row in connection.execute(_BEGAN):
            self._since[row.entity, row.purpose] = [(0, row.account)]
        for row in connection.execute(_CHANGED):
            self._since.setdefault((row.entity, row.purpose), []).append((row.apply_order, row.account))
        self.accounts = {account for steps in self._since.values() for _since, account in steps}

    def kind(self, entity: str, account: str, apply_order: int) -> LeakKind | None:
        """Return what an account said at a number of the log; None when it spoke of no loss."""
        for purpose, kind in BOOKED.items():
            held = [named for since, named in self._since.get((entity, purpose), ()) if since <= apply_order]
            if held and held[-1] == account:
                return kind
        return None
