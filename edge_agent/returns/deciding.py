"""Decide what becomes of goods that wait: propose, decide, and decide again after inspection or repair.

What is proposed follows from how the goods came back last (`return_lines`), the catalogue and the policy of
returns. The person decides; what costs the company something needs a manager's word.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.lives import check_done_once
from edge_agent.once import Asked, Key, once
from edge_agent.people.steps import require_word
from edge_agent.returns import policy
from edge_agent.stock.adjusting import require_there
from edge_agent.stock.counting import known_items, no_item
from edge_agent.stock.rows import apply, on_hand_of
from protocol.catalog import Product
from protocol.dispositions import (
    CHOICES,
    LINES,
    ROLES,
    DecidedGoods,
    Disposition,
    GoodsDecided,
    decided_movements,
)
from protocol.errors import Invalid
from protocol.events import ReturnCompleted
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.money import PPM, round_ratio
from protocol.movements import Bucket
from protocol.orders import Code, PositiveMinor, Quantity
from protocol.people import STORE_RANK
from protocol.returns import Condition, ReturnPolicy
from protocol.rules.disposition import GoodsFacts, suggest
from protocol.rules.policy import FAULTS, SoldFacts, goods_rule
from protocol.rules.tax import tax_inclusive

DECIDE = "decide_goods"
"""Action an approval names when somebody lets goods go at a cost."""
WAITING = tuple(CHOICES)


class DecideLine(BaseModel):
    """Units of one article in one bucket, and what shall become of them. Amounts are for all the units."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Code
    quantity: Quantity
    from_bucket: Code = Bucket.RETURNS.value
    disposition: Code
    worth_minor: PositiveMinor | None = None
    bill_minor: PositiveMinor = 0
    proceeds_minor: PositiveMinor = 0


class DecideGoods(BaseModel):
    """Decide what becomes of goods."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Key
    lines: tuple[DecideLine, ...] = Field(min_length=1, max_length=LINES)
    note: str = Field(default="", max_length=300)
    approval: str | None = Field(default=None, max_length=64)


class Decided(BaseModel):
    """A decision that was made."""

    disposition_id: str
    number: str
    seq: int
    units: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Units of one article that wait in one bucket, and what is proposed."""

    sku: str
    name: str
    bucket: Bucket
    units: int
    suggested: Disposition
    choices: tuple[Disposition, ...]
    condition: str
    reason: str
    came_us: int | None
    resale_minor: int
    liquidation_minor: int | None


def waiting(connection: Connection, edge: Edge, sku: str = "", *, limit: int = 200) -> list[Waiting]:
    """Return what waits for a decision, what came last first; of one article if it is named."""
    rows = connection.execute(
        "SELECT b.sku, b.bucket, b.quantity, (SELECT max(l.at_us) FROM return_lines l WHERE l.sku = b.sku"
        " AND l.quantity > 0 AND l.to_bucket <> 'customer')"
        " FROM balances b WHERE b.quantity > 0 AND b.bucket IN (?, ?, ?, ?) AND (? = '' OR b.sku = ?)"
        " ORDER BY 4 DESC NULLS LAST, b.sku, b.bucket LIMIT ?",
        (*(bucket.value for bucket in WAITING), sku, sku, limit),
    ).fetchall()
    products = edge.products.find_all(connection, {row[0] for row in rows})
    rules = policy.current(connection)
    return [
        _waiting(connection, rules, products.get(row[0]), (row[0], Bucket(row[1]), row[2], row[3]))
        for row in rows
    ]


def _waiting(
    connection: Connection,
    rules: ReturnPolicy,
    product: Product | None,
    row: tuple[str, Bucket, int, int | None],
) -> Waiting:
    sku, bucket, units, came_us = row
    last = connection.execute(
        "SELECT condition, reason FROM return_lines WHERE sku = ? AND quantity > 0"
        " AND to_bucket <> 'customer' ORDER BY seq DESC, n DESC LIMIT 1",
        (sku,),
    ).fetchone()
    condition, reason = (str(last[0]), str(last[1])) if last else ("", "")
    facts = facts_of(rules, product, sku, condition, reason)
    proposed = suggest(facts)
    choices = CHOICES[bucket]
    if proposed not in choices:
        proposed = Disposition.INSPECT if bucket is Bucket.RETURNS else choices[0]
    return Waiting(
        sku=sku,
        name=product.name if product else sku,
        bucket=bucket,
        units=units,
        suggested=proposed,
        choices=choices,
        condition=condition,
        reason=reason,
        came_us=came_us,
        resale_minor=facts.resale_minor,
        liquidation_minor=facts.liquidation_minor,
    )


def facts_of(
    rules: ReturnPolicy, product: Product | None, sku: str, condition: str, reason: str
) -> GoodsFacts:
    """Return what is known of goods that came back in a condition, for a reason."""
    category = product.category if product else ""
    said = goods_rule(rules, SoldFacts(sku=sku, category=category, start=date.min))
    resale = product.price_minor if product else 0
    looks = Condition(condition) if condition else Condition.OPENED
    if reason in FAULTS:
        looks = Condition.DEFECTIVE
    share = said.liquidation_ppm
    return GoodsFacts(
        condition=looks,
        sealed=looks is Condition.NEW,
        hygiene=bool(said.hygiene),
        sku_active_here=product is not None and product.active,
        vendor_takes_back=bool(said.vendor_return),
        resale_minor=resale,
        repair_minor=said.repair_minor,
        liquidation_minor=None if share is None else round_ratio(resale * share, PPM),
    )


def decide_goods(
    unit: EdgeUnit, edge: Edge, command: DecideGoods, *, person: CurrentPerson
) -> tuple[Decided, bool]:
    """Decide what becomes of goods; return what was decided and whether it is new.

    Raises:
        Invalid: `no_choice`, that cannot become of goods there; `unknown_sku`.
        Refused: `not_in_bucket`, fewer are there; `records_missing`.
        NotPermitted: `needs_approval`, a lead or a manager must agree.
    """

    def work() -> Decided:
        connection = unit.connection
        check_done_once(connection)  # the same goods may have been decided about since the backup
        lines = [(line, _choice(line)) for line in command.lines]
        _check_there(connection, edge, command.lines)
        needed = max((ROLES[choice] for _line, choice in lines), key=STORE_RANK.__getitem__)
        given = require_word(unit, edge, person, DECIDE, needed, command.approval)
        products = edge.products.find_all(connection, {line.sku for line in command.lines})
        proposed = {
            (each.sku, each.bucket.value): each.suggested
            for line in command.lines
            for each in waiting(connection, edge, line.sku)
        }
        body = GoodsDecided(
            disposition_id=edge.ids.new_id(),
            number=edge.number(unit, "D"),
            note=command.note,
            lines=tuple(
                _line(line, choice, products.get(line.sku), proposed.get((line.sku, line.from_bucket)))
                for line, choice in lines
            ),
            approvals=(given.approval,) if given else (),
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        unit.after_commit(lambda: edge.broadcaster.publish("stock"))
        units = sum(line.quantity for line in body.lines)
        return Decided(disposition_id=body.disposition_id, number=body.number, seq=recorded.seq, units=units)

    return once(unit, edge, Asked(to="decide-goods", command=command), command.key, Decided, work)


def _choice(line: DecideLine) -> Disposition:
    """Return what shall become of a line's goods.

    Raises:
        Invalid: `no_choice`.
    """
    choices: Mapping[str, tuple[Disposition, ...]] = {
        bucket.value: known for bucket, known in CHOICES.items()
    }
    there = choices.get(line.from_bucket, ())
    found = next((choice for choice in there if choice.value == line.disposition), None)
    if found is None:
        raise Invalid(
            _("That cannot become of goods in {bucket}.", bucket=line.from_bucket[:40] or "-"),
            _("Choose one of: {choices}.", choices=", ".join(there) or ", ".join(choices)),
            code="no_choice",
            bucket=line.from_bucket[:40],
            disposition=line.disposition[:40],
        )
    return found


def _check_there(connection: Connection, edge: Edge, lines: Iterable[DecideLine]) -> None:
    units: dict[tuple[str, Bucket], int] = {}
    for line in lines:
        key = (line.sku, Bucket(line.from_bucket))
        units[key] = units.get(key, 0) + line.quantity
    skus = {sku for sku, _bucket in units}
    known = set(known_items(connection, edge, skus))
    strange = sorted(skus - known)
    if strange:
        raise no_item(strange[0], skus=strange[:20])
    here = on_hand_of(connection, skus)
    for (sku, bucket), wanted in units.items():
        require_there(here[sku], wanted, bucket)


def _line(
    line: DecideLine, choice: Disposition, product: Product | None, proposed: Disposition | None
) -> DecidedGoods:
    sold = choice is Disposition.SELL_OFF
    rate = product.rate_ppm if product and sold else 0
    return DecidedGoods(
        sku=line.sku,
        quantity=line.quantity,
        from_bucket=line.from_bucket,
        disposition=choice,
        suggested=proposed.value if proposed else "",
        unit_cost_minor=product.unit_cost_minor if product else 0,
        worth_minor=line.worth_minor if choice is Disposition.LIQUIDATE else None,
        bill_minor=line.bill_minor if line.from_bucket == Bucket.REPAIR else 0,
        proceeds_minor=line.proceeds_minor if sold else 0,
        tax_minor=tax_inclusive(line.proceeds_minor, rate) if sold else 0,
        rate_ppm=rate,
    )


def on_goods_decided(unit: EdgeUnit, recorded: Recorded) -> None:
    """Goods go where it was decided."""
    body = recorded.body
    assert isinstance(body, GoodsDecided)
    apply(unit, recorded.seq, decided_movements(body.lines))


def on_return_completed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Keep how goods came back, for whoever decides about them."""
    body = recorded.body
    assert isinstance(body, ReturnCompleted)
    looks = [line.condition.value for line in body.decision.lines] if body.decision else []
    unit.connection.executemany(
        "INSERT INTO return_lines (seq, n, number, order_id, line_no, sku, quantity, gross_minor, tax_minor,"
        " to_bucket, reason, condition, at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                recorded.seq,
                n,
                body.number,
                body.order_id,
                line.line_no,
                line.sku,
                line.quantity,
                line.gross_minor,
                line.tax_minor,
                line.to_bucket,
                line.reason,
                looks[n] if n < len(looks) else "",
                recorded.at_us,
            )
            for n, line in enumerate(body.lines)
        ],
    )
    unit.connection.executemany(
        "INSERT INTO return_tenders (seq, n, order_id, kind, amount_minor, reference, last4)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (recorded.seq, n, body.order_id, each.kind.value, each.amount_minor, each.reference, each.last4)
            for n, each in enumerate(body.refunds)
        ],
    )
