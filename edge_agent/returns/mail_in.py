"""Take in a parcel that comes back, and look at what is in it: at once or in parts, with and without a line.

Whoever inspects decides how the goods look and where they go; what is taken back is a return like one at a
counter. No money leaves a till: the hub gives it back, when the policy says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel, Field

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.directives import arrived_us
from edge_agent.once import Asked, Key, once
from edge_agent.people.steps import require_other
from edge_agent.returns import mail_in_rows as parcels
from edge_agent.returns import policy, rows, rules
from edge_agent.returns.allowing import OVERRIDE
from edge_agent.returns.mail_in_rows import MailIn
from edge_agent.returns.policy import Judged
from edge_agent.returns.steps import Command, Token
from edge_agent.till.looks import calendar_date
from protocol.errors import Invalid, NotFound, Refused
from protocol.events import ReturnInspected
from protocol.ids import parse_slip_code
from protocol.kit.return_words import says
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.mail_in import (
    MailInState,
    ParcelArrived,
    RefusedUnits,
    ReturnExpect,
    ReturnExpectationEnded,
)
from protocol.orders import LINES_PER_ORDER, SERIALS, Code, Quantity, ReturnLine, Serial
from protocol.people import StoreRole
from protocol.returns import Condition, Outcome, Override
from protocol.rules.policy import role_needed
from protocol.rules.refund import RefundableLine, refund_units

NUMBER_LENGTH = 48
"""As much of an id as a slip's code has."""
_HERE = frozenset({MailInState.ARRIVED, MailInState.INSPECTING})


class Arrived(Command):
    """A parcel is here; `code` is what its label says."""

    key: Key
    code: str = Field(min_length=1, max_length=120)


class TakenBack(Command):
    """Units of one line that are taken back. No bucket: the one that the reason proposes."""

    line_no: int = Field(ge=1, le=LINES_PER_ORDER)
    quantity: Quantity
    condition: Code = Condition.NEW.value
    to_bucket: str = Field(default="", max_length=40)
    serials: tuple[Serial, ...] = Field(default=(), max_length=SERIALS)


class NotTaken(Command):
    """Units of one line that are not taken back, and why."""

    line_no: int = Field(ge=1, le=LINES_PER_ORDER)
    units: Quantity
    why: str = Field(min_length=1, max_length=300)


class Inspect(Command):
    """What was found in a parcel. `done`: nothing more is in it."""

    key: Key
    accepted: tuple[TakenBack, ...] = Field(default=(), max_length=LINES_PER_ORDER)
    refused: tuple[NotTaken, ...] = Field(default=(), max_length=LINES_PER_ORDER)
    done: bool = False
    approval: Token | None = None


class Inspected(BaseModel):
    """What was written down of a parcel."""

    number: str
    state: str
    return_number: str = ""
    total_minor: int = 0
    seq: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A parcel that can be looked into, with the money of its lines."""

    parcel: MailIn
    expected: ReturnExpect
    money: Mapping[int, RefundableLine]


def expect(unit: EdgeUnit, edge: Edge, body: ReturnExpect) -> None:
    """The hub announces a parcel."""
    parcels.take_expect(unit, body, arrived_us(unit, edge))
    unit.after_commit(lambda: edge.broadcaster.publish("stock"))


def unexpect(unit: EdgeUnit, edge: Edge, body: ReturnExpectationEnded) -> None:
    """Nobody waits for a parcel any more."""
    parcels.take_unexpect(unit, body, arrived_us(unit, edge))
    unit.after_commit(lambda: edge.broadcaster.publish("stock"))


def require(connection: Connection, code: str) -> MailIn:
    """Return a parcel by what its label says.

    Raises:
        NotFound: `unknown_parcel`.
    """
    found = parcels.find(connection, code)
    if found is None:
        raise NotFound(
            _("This store has not heard of a parcel {code}.", code=code[:40]),
            _("Scan its label; if it is here, take it in and look into it once the hub has told of it."),
            code="unknown_parcel",
        )
    return found


def arrive(unit: EdgeUnit, edge: Edge, command: Arrived, *, person: CurrentPerson) -> tuple[Inspected, bool]:
    """Take a parcel in, also one that nobody has announced here yet.

    Raises:
        Invalid: `no_parcel`, the code is not that of a return's label.
        Refused: `here_already`.
    """

    def work() -> Inspected:
        found = parcels.find(unit.connection, command.code)
        if found is not None and found.state in {*_HERE, MailInState.CLOSED}:
            raise Refused(
                _("{number} is here already.", number=found.number),
                _("Look into it."),
                code="here_already",
                number=found.number,
            )
        number = found.number if found else _number_in(command.code)
        body = ParcelArrived(
            authorisation_id=found.authorisation_id if found and found.expected else "",
            order_id=found.expected.order_id if found and found.expected else "",
            number=number,
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        unit.after_commit(lambda: edge.broadcaster.publish("stock"))
        return Inspected(number=number, state=MailInState.ARRIVED.value, seq=recorded.seq)

    return once(unit, edge, Asked(to="mail-in-arrive", command=command), command.key, Inspected, work)


def _number_in(code: str) -> str:
    """Return the number on the label of a return; only such a code may be taken in unheard."""
    slip = parse_slip_code(code)
    if slip is None or slip[0] != "ra":
        raise Invalid(
            _("{code} is not the label of a return.", code=code[:40]),
            _("Scan the square code of the label."),
            code="no_parcel",
        )
    return slip[1][:NUMBER_LENGTH].upper()


def inspect(
    unit: EdgeUnit, edge: Edge, number: str, command: Inspect, *, person: CurrentPerson
) -> tuple[Inspected, bool]:
    """Write down what was found in a parcel.

    Raises:
        NotFound: `unknown_parcel`.
        Invalid: `no_line`, or a word that nobody knows.
        Refused: `not_announced`, the hub has not said what is in it; `not_here`; `too_many_units`;
            `outside_policy`, goods that nobody may take back in this condition.
        NotPermitted: `needs_approval`.
    """

    def work() -> Inspected:
        found = _find(unit.connection, number)
        _check_units(found, command)
        lines = _lines(found, command)
        judged = _judged(unit.connection, edge, found, command, lines)
        approval = _allowed(unit, edge, judged, lines, command.approval, person) if judged else None
        record = judged.record if judged else None
        if approval is not None and record is not None:
            record = record.model_copy(update={"override": approval})
        pays = found.expected.refund == "inspected"
        body = ReturnInspected(
            business_date=calendar_date(edge),
            currency=found.expected.currency,
            return_id=edge.ids.new_id(),
            number=edge.number(unit, "R"),
            order_id=found.expected.order_id,
            order_number=found.expected.order_number,
            lines=lines,
            refunds=(),
            total_minor=sum(line.gross_minor for line in lines),
            tax_minor=sum(line.tax_minor for line in lines),
            fees=judged.fees if judged and pays else (),
            decision=record,
            authorisation_id=found.parcel.authorisation_id,
            refused=tuple(
                RefusedUnits(line_no=each.line_no, units=each.units, why=each.why) for each in command.refused
            ),
            done=command.done,
        )
        fact = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        unit.after_commit(lambda: edge.broadcaster.publish("stock"))
        state = MailInState.CLOSED if command.done else MailInState.INSPECTING
        return Inspected(
            number=found.parcel.number,
            state=state.value,
            return_number=body.number,
            total_minor=body.total_minor - sum(fee.amount_minor for fee in body.fees),
            seq=fact.seq,
        )

    asked = Asked(to=f"mail-in:{number}", command=command)
    return once(unit, edge, asked, command.key, Inspected, work)


def _find(connection: Connection, number: str) -> _Found:
    parcel = require(connection, number)
    if parcel.expected is None:
        raise Refused(
            _("The hub has not said yet what is in {number}.", number=parcel.number),
            _("Put it aside; it can be looked into as soon as the hub tells of it."),
            code="not_announced",
        )
    if parcel.state not in _HERE:
        raise Refused(
            _("{number} is not here, or all of it was looked at.", number=parcel.number),
            _("Scan its label first."),
            code="not_here",
            state=parcel.state.value,
        )
    own = rows.taken_back_here(connection, parcel.expected.order_id)
    money = {}
    for line in parcel.expected.lines:
        units, gross, tax = own.get(line.line_no, (0, 0, 0))
        money[line.line_no] = RefundableLine(
            gross_minor=line.gross_minor,
            tax_minor=line.tax_minor,
            quantity=line.sold,
            refunded_minor=line.refunded_minor + gross,
            refunded_tax_minor=line.refunded_tax_minor + tax,
            returned_quantity=line.returned + units,
        )
    return _Found(parcel, parcel.expected, money)


def _check_units(found: _Found, command: Inspect) -> None:
    known = {line.line_no: line for line in found.expected.lines}
    units: dict[int, int] = {}
    for line_no, count in (
        *((each.line_no, each.quantity) for each in command.accepted),
        *((each.line_no, each.units) for each in command.refused),
    ):
        units[line_no] = units.get(line_no, 0) + count
    for line_no, count in units.items():
        line = known.get(line_no)
        if line is None:
            raise Invalid(
                _("{number} has no line {line}.", number=found.parcel.number, line=line_no),
                _("Choose one of its lines."),
                code="no_line",
            )
        left = found.parcel.open_of(line)
        if count > left:
            raise Refused(
                _("{count} units of {name} are too many: {left} are expected.", count=count, name=line.name,
                  left=left),
                _("Write down what was announced. For more, ask customer service to announce it."),
                code="too_many_units",
                left=left,
            )  # fmt: skip
    if not units and not command.done:
        raise Invalid(
            _("Nothing was written down."),
            _("Say what was found, or that nothing is in it."),
            code="no_lines",
        )


def _lines(found: _Found, command: Inspect) -> tuple[ReturnLine, ...]:
    known = {line.line_no: line for line in found.expected.lines}
    standing = dict(found.money)
    lines = []
    for each in command.accepted:
        line = known[each.line_no]
        gross = tax = 0
        if found.expected.refund == "inspected":
            step = refund_units(standing[each.line_no], each.quantity)
            standing[each.line_no] = standing[each.line_no].after(step)
            gross, tax = step.gross_minor, step.tax_minor
        lines.append(
            ReturnLine(
                line_no=line.line_no,
                sku=line.sku,
                name=line.name,
                kind=line.kind,
                quantity=each.quantity,
                gross_minor=gross,
                tax_minor=tax,
                reason=line.reason,
                to_bucket=rules.bucket_of(line.reason, each.to_bucket),
                rate_ppm=line.rate_ppm,
                serials=each.serials,
            )
        )
    return tuple(lines)


def _judged(
    connection: Connection,
    edge: Edge,
    found: _Found,
    command: Inspect,
    lines: tuple[ReturnLine, ...],
) -> Judged | None:
    """Return what the policy says of how the goods look; None where none is taken back."""
    if not lines:
        return None
    expected = found.expected
    order = rows.SoldOrder(
        order_id=expected.order_id,
        number=expected.order_number,
        seq=0,
        at_us=0,
        business_date=expected.start,
        session_id="",
        till="",
        state="completed",
        currency=expected.currency,
        total_minor=0,
        refunded_minor=0,
        by="",
        customer_id="",
        channel=expected.channel.value,
    )
    wanted = [
        rules.WantedLine(
            each.line_no, each.quantity, line.reason, line.to_bucket, each.condition, each.serials
        )
        for each, line in zip(command.accepted, lines, strict=True)
    ]
    return policy.judge(
        connection,
        edge,
        order,
        lines,
        wanted,
        policy.Brought(
            expected.proof.value,
            announced_on=date.fromisoformat(expected.authorised_on),
            serials={line.line_no: line.serials for line in expected.lines if line.serials},
        ),
    )


def _allowed(  # noqa: PLR0917 - what is judged, and whose word it needs
    unit: EdgeUnit,
    edge: Edge,
    judged: Judged,
    lines: tuple[ReturnLine, ...],
    token: str | None,
    person: CurrentPerson,
) -> Override | None:
    """Return whose word lets goods back that the policy would not, in this condition.

    Raises:
        Refused: `outside_policy`, nobody here may.
        NotPermitted: `needs_approval`.
    """
    if judged.outcome is Outcome.AUTHORIZE:
        return None
    reaching = role_needed(judged.policy, sum(line.gross_minor for line in lines))
    if judged.outcome is Outcome.DENY or reaching is None:
        said = [
            sentence
            for decision in judged.by_line.values()
            if decision.outcome is not Outcome.AUTHORIZE
            for sentence in says(decision, edge.settings.currency)
        ]
        raise Refused(
            " ".join(dict.fromkeys(said)),
            _("Write it down as not taken back, with why; customer service decides what becomes of it."),
            code="outside_policy",
            codes=list(judged.codes),
        )
    needed = max(reaching, StoreRole.LEAD, key=lambda role: list(StoreRole).index(role))
    other = require_other(unit, edge, person, OVERRIDE, needed, token)
    return Override(by=other.approval.by, role=other.role, reason=other.approval.reason, codes=judged.codes)
