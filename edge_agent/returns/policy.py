"""The policy of returns as this store keeps it, and what it says of goods on the counter.

The policy came as a directive and stays, so a counter decides the same without a line. What the store can
know it asks its own rows: when the goods were handed over, what the customer brought back here in ninety
days, who sold them. What only the company knows (returns at other stores) the hub adds when it judges the
same return again (`hub.returns.stages`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Final, TypeVar

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.directives import arrived_us
from edge_agent.returns import rows
from edge_agent.returns.rules import SoldLine, WantedLine
from edge_agent.till.looks import calendar_date
from protocol.catalog import Product
from protocol.clock import DAY_US
from protocol.errors import Invalid
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.orders import LineKind, ReturnLine
from protocol.returns import (
    Channel,
    Condition,
    DecidedLine,
    Outcome,
    Proof,
    Refund,
    ReturnDecision,
    ReturnFee,
    ReturnPolicy,
)
from protocol.rules.policy import (
    LOOKS,
    BackFacts,
    Decision,
    SoldFacts,
    decide,
    goods_rule,
    only,
    over_cash,
    restocking_fee,
    serial_pair,
    strictest,
    window,
    with_found,
)

LOOKED_BACK_US: Final = 90 * DAY_US
_NOTHING_SAID: Final = ReturnPolicy()
Word = TypeVar("Word", Condition, Proof)


@dataclass(frozen=True, slots=True)
class Brought:
    """What shows that goods were bought, and who gives the money back.

    Goods that were `announced_on` a day were let back then, so only how they look is judged.
    """

    proof: str
    person_id: str = ""
    announced_on: date | None = None
    serials: Mapping[int, tuple[str, ...]] | None = None
    """The serial numbers that lines were sold with; None: as they stand here."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the policy says of a return. `by_line` is the strictest decision of each line number."""

    policy: ReturnPolicy
    by_line: Mapping[int, Decision]
    record: ReturnDecision
    fees: tuple[ReturnFee, ...]

    @property
    def outcome(self) -> Outcome:
        """Return what the whole return comes to."""
        return self.record.outcome

    @property
    def may_pay_out(self) -> bool:
        """Tell whether the money may go back the way it came."""
        return all(Refund.ORIGINAL_TENDER in decision.refund for decision in self.by_line.values())

    @property
    def codes(self) -> tuple[str, ...]:
        """Return every code that forbids something or asks for another person."""
        strict = [
            found.code.value
            for decision in self.by_line.values()
            for found in decision.found
            if found.outcome is not Outcome.AUTHORIZE
        ]
        return tuple(dict.fromkeys(strict))


def take_policy(unit: EdgeUnit, edge: Edge, body: ReturnPolicy) -> None:
    """Take a policy over, whole; one older than is kept changes nothing."""
    unit.connection.execute(
        "INSERT INTO return_policy (one, version, body, arrived_us) VALUES (1, ?, ?, ?)"
        " ON CONFLICT (one) DO UPDATE SET version = excluded.version, body = excluded.body,"
        " arrived_us = excluded.arrived_us WHERE excluded.version >= version",
        (body.version, body.model_dump_json(), arrived_us(unit, edge)),
    )


def current(connection: Connection) -> ReturnPolicy:
    """Return the policy that counts here; version 0 where nobody said anything."""
    row = connection.execute("SELECT body FROM return_policy").fetchone()
    return _NOTHING_SAID if row is None else _read(row[0])


@lru_cache(maxsize=2)
def _read(body: str) -> ReturnPolicy:
    """Return a policy from its JSON; every sale asks for it, and it changes once a season."""
    return ReturnPolicy.model_validate_json(body)


def serial_skus(connection: Connection, products: Iterable[Product]) -> frozenset[str]:
    """Return which products have a serial number on each unit, by the class that the policy names."""
    counts = current(connection)
    if not any(rule.serial for rule in (*counts.categories.values(), *counts.items.values())):
        return frozenset()
    return frozenset(
        product.sku
        for product in products
        if goods_rule(counts, SoldFacts(product.sku, product.category, date.min)).serial
    )


def last_days(
    connection: Connection, edge: Edge, order: rows.SoldOrder, lines: Iterable[SoldLine]
) -> dict[int, date | None]:
    """Return until when each line of an order may come back, before anything is said of its condition."""
    policy = current(connection)
    wanted = list(lines)
    categories = _categories(connection, edge, [line.sku for line in wanted])
    start, channel = date.fromisoformat(order.business_date), Channel(order.channel)
    return {
        line.line_no: window(policy, SoldFacts(line.sku, categories.get(line.sku, ""), start, channel))
        for line in wanted
    }


def judge(  # noqa: PLR0917 - which lines of which order, and who brings them
    connection: Connection,
    edge: Edge,
    order: rows.SoldOrder,
    lines: Sequence[ReturnLine],
    wanted: Sequence[WantedLine],
    brought: Brought,
) -> Judged:
    """Return what the policy says of lines of an order; `wanted` are the wishes they were planned from.

    Raises:
        Invalid: a condition or the proof is none that is known.
    """
    policy = current(connection)
    back_since = edge.clock.now_us() - LOOKED_BACK_US
    count, unproven = rows.customer_history(connection, order.customer_id, back_since)
    count = max(count, order.customer_returns)
    shown = known_word(Proof, brought.proof)
    total = sum(line.gross_minor for line in lines)
    categories = _categories(connection, edge, [line.sku for line in lines])
    start = date.fromisoformat(order.business_date)
    today = brought.announced_on or date.fromisoformat(calendar_date(edge))
    own_sale = order.by == brought.person_id
    by_line: dict[int, Decision] = {}
    numbers = rows.serials_sold(connection, order.order_id) if brought.serials is None else brought.serials
    decided, fees = [], []
    for line, wish in zip(lines, wanted, strict=True):
        category = categories.get(line.sku, "")
        serial, read = serial_pair(numbers.get(line.line_no, ()), wish.serials, line.quantity)
        sold = SoldFacts(line.sku, category, start, Channel(order.channel), serial=serial)
        back = BackFacts(
            today=max(today, start),
            condition=known_word(Condition, wish.condition),
            reason=line.reason,
            proof=shown,
            amount_minor=total,
            customer_returns_90d=count,
            no_receipt_returns_90d=unproven,
            own_sale=own_sale,
            serial=read,
            signed_only=order.signed,
        )
        found = decide(policy, sold, back)
        if brought.announced_on:
            found = only(found, LOOKS)
        fees += _fee(policy, found, line)
        decided.append(_record(line.line_no, sold, back, found))
        by_line[line.line_no] = _stricter(by_line.get(line.line_no), found)
    record = ReturnDecision(
        policy_version=policy.version,
        outcome=strictest(each.outcome for each in decided),
        proof=shown,
        channel=Channel(order.channel),
        customer_returns_90d=count,
        no_receipt_returns_90d=unproven,
        own_sale=own_sale,
        lines=tuple(decided),
    )
    return Judged(policy, by_line, record, tuple(fees))


def with_cash(connection: Connection, edge: Edge, judged: Judged, cash_minor: int) -> Judged:
    """Return what the policy says once it is known how much of a return would leave the drawer today."""
    given = rows.cash_given(connection, calendar_date(edge))
    found = over_cash(judged.policy.cash.of(edge.identity.edge), given, cash_minor)
    if found is None:
        return judged
    by_line = {line_no: with_found(decision, found) for line_no, decision in judged.by_line.items()}
    lines = tuple(
        line.model_copy(
            update={
                "outcome": strictest((line.outcome, found.outcome)),
                "codes": (*line.codes, found.code.value),
            }
        )
        for line in judged.record.lines
    )
    outcome = strictest((judged.record.outcome, found.outcome))
    record = judged.record.model_copy(update={"outcome": outcome, "lines": lines})
    return replace(judged, by_line=by_line, record=record)


def _record(line_no: int, sold: SoldFacts, back: BackFacts, found: Decision) -> DecidedLine:
    return DecidedLine(
        line_no=line_no,
        outcome=found.outcome,
        codes=found.codes,
        category=sold.category,
        condition=back.condition,
        start=sold.start.isoformat(),
        last_day=found.last_day.isoformat() if found.last_day else "",
    )


def _fee(policy: ReturnPolicy, found: Decision, line: ReturnLine) -> list[ReturnFee]:
    if not found.fee_ppm or line.kind is not LineKind.GOODS:
        return []
    fee, tax = restocking_fee(
        line.gross_minor,
        line.tax_minor,
        found.fee_ppm,
        line.rate_ppm,
        taxed=policy.fee_tax == "inclusive",
    )
    if not fee:
        return []
    rate_ppm = line.rate_ppm if tax else 0
    return [ReturnFee(line_no=line.line_no, amount_minor=fee, tax_minor=tax, rate_ppm=rate_ppm)]


def _stricter(one: Decision | None, other: Decision) -> Decision:
    if one is None or strictest((one.outcome, other.outcome)) is not one.outcome:
        return other
    return one


def _categories(connection: Connection, edge: Edge, skus: Sequence[str]) -> dict[str, str]:
    found = edge.products.find_all(connection, skus)
    return {sku: product.category for sku, product in found.items()}


def known_word(kind: type[Word], text: str) -> Word:
    """Return a condition or a proof by its code.

    Raises:
        Invalid: `unknown_word`.
    """
    try:
        return kind(text)
    except ValueError as error:
        raise Invalid(
            _("{text} is neither a condition nor a proof of purchase.", text=text[:40] or "-"),
            _("Choose one of: {codes}.", codes=", ".join(kind)),
            code="unknown_word",
        ) from error
