"""Open, receive and correct stock; say what is here and why."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.wishes import hub_may_sell
from edge_agent.once import Key, once
from edge_agent.stock import rows
from edge_agent.stock.counting import check_items
from edge_agent.stock.rules import moves_of
from protocol.errors import Refused
from protocol.events import StockLine, StockMoved
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.movements import Bucket
from protocol.orders import LINES_PER_ORDER, Code, PositiveMinor

_DEFAULT_FROM = {"opening": Bucket.OPENING, "received": Bucket.SUPPLIER, "adjusted": Bucket.ADJUSTMENT}


class MoveLine(BaseModel):
    """Units of one SKU. A minus takes units out, which only a correction does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sku: Code
    quantity: Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
    from_bucket: Bucket | None = None
    to_bucket: Bucket | None = None
    unit_cost_minor: PositiveMinor = 0


class Moves(BaseModel):
    """A delivery, an opening or a correction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Key
    reason: Literal["opening", "received", "adjusted"]
    reference: str = Field(default="", max_length=80)
    lines: tuple[MoveLine, ...] = Field(min_length=1, max_length=LINES_PER_ORDER)


class Moved(BaseModel):
    """The movements are written."""

    seq: int
    lines: int
    units: int


class PartsView(BaseModel):
    """What may be sold, with the parts of the formula: sellable = physical - bound - outstanding."""

    sku: str
    name: str
    bin: str
    sellable: int
    physical: int
    bound: int
    outstanding: int
    deficit: int
    web_may_sell: int = 0
    """What of the lent units the web can still promise, as far as this store knows: the rest has an order."""


class WhyView(BaseModel):
    """One movement: why a number changed."""

    seq: int
    at_us: int
    kind: str
    from_bucket: str
    to_bucket: str
    quantity: int
    reason: str


class StockView(PartsView):
    """Everything about one SKU in this store."""

    buckets: dict[str, int]
    granted: int
    finished: int
    returned_seen: int
    why: tuple[WhyView, ...]


def move(unit: EdgeUnit, edge: Edge, command: Moves, *, person: CurrentPerson) -> tuple[Moved, bool]:
    """Write a delivery, an opening or a correction; return the answer and whether it is new.

    Raises:
        Invalid: a line asks for what this reason does not allow, or names no item (`unknown_sku`).
        Refused: a correction takes out more than is in the bucket.
    """

    def work() -> Moved:
        asked = [_direction(command.reason, line) for line in command.lines]
        moves = moves_of(command.reason, asked)
        check_items(unit.connection, edge, [line.sku for line in command.lines])
        costs = _known_costs(unit.connection, edge, command)
        _check_taken(unit, asked)
        lines = tuple(
            StockLine(
                sku=one.sku,
                quantity=one.quantity,
                from_bucket=one.from_bucket.value,
                to_bucket=one.to_bucket.value,
                unit_cost_minor=line.unit_cost_minor or costs.get(line.sku, 0),
            )
            for one, line in zip(moves, command.lines, strict=True)
        )
        body = StockMoved(reason=command.reason, reference=command.reference, lines=lines)
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        unit.after_commit(lambda: edge.broadcaster.publish("stock"))
        return Moved(seq=recorded.seq, lines=len(lines), units=sum(line.quantity for line in lines))

    return once(unit, edge, command, command.key, Moved, work)


def _known_costs(connection: Connection, edge: Edge, command: Moves) -> dict[str, int]:
    """Return what the catalogue knows of the cost of goods that come in without one: nothing is free."""
    if command.reason == "adjusted":
        return {}
    skus = [line.sku for line in command.lines if not line.unit_cost_minor]
    return {sku: product.unit_cost_minor for sku, product in edge.products.find_all(connection, skus).items()}


def _direction(reason: str, line: MoveLine) -> tuple[str, int, Bucket, Bucket]:
    """Return a line with both of its buckets; a minus turns a correction around."""
    outside = _DEFAULT_FROM[reason]
    if line.quantity < 0 and reason == "adjusted":
        return line.sku, -line.quantity, line.from_bucket or Bucket.SELLABLE, line.to_bucket or outside
    return line.sku, line.quantity, line.from_bucket or outside, line.to_bucket or Bucket.SELLABLE


def _check_taken(unit: EdgeUnit, asked: list[tuple[str, int, Bucket, Bucket]]) -> None:
    """Refuse to take out of a bucket what is not in it: the books would say less than nothing."""
    taken: dict[tuple[str, Bucket], int] = {}
    for sku, quantity, from_bucket, _to in asked:
        if from_bucket not in _DEFAULT_FROM.values():
            taken[sku, from_bucket] = taken.get((sku, from_bucket), 0) + quantity
    for (sku, bucket), quantity in taken.items():
        here = rows.on_hand(unit.connection, sku).buckets.get(bucket, 0)
        if quantity > here:
            raise Refused(
                _("{quantity} of {sku} were to leave {bucket}, {here} are in it.",
                  quantity=quantity, sku=sku, bucket=bucket.value, here=here),
                _("Count again, or correct another bucket."),
                code="not_in_bucket",
                sku=sku,
                bucket=bucket.value,
                here=here,
            )  # fmt: skip


def parts(connection: Connection, edge: Edge, sku: str, *, name: str = "", bin_: str = "") -> PartsView:
    """Return what may be sold of a SKU, with the parts of the formula."""
    rights = rows.on_hand(connection, sku).rights
    if not name:
        product = edge.products.find(connection, sku)
        name, bin_ = (product.name, product.bin) if product else ("", "")
    return PartsView(
        sku=sku,
        name=name,
        bin=bin_,
        sellable=rights.sellable,
        physical=rights.physical,
        bound=rights.bound,
        outstanding=rights.outstanding,
        deficit=rights.deficit,
        web_may_sell=hub_may_sell(connection, rights),
    )


def everything(connection: Connection, edge: Edge, sku: str) -> StockView:
    """Return every bucket of a SKU, what is lent, what may be sold, and the last movements."""
    here = rows.on_hand(connection, sku)
    return StockView(
        **parts(connection, edge, sku).model_dump(),
        buckets={bucket.value: quantity for bucket, quantity in sorted(here.buckets.items()) if quantity},
        granted=here.cells.granted,
        finished=here.cells.finished,
        returned_seen=here.returned_seen,
        why=tuple(
            WhyView(
                seq=one.seq,
                at_us=one.at_us,
                kind=one.kind,
                from_bucket=one.from_bucket,
                to_bucket=one.to_bucket,
                quantity=one.quantity,
                reason=one.reason,
            )
            for one in rows.why(connection, sku)
        ),
    )
