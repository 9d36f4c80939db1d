"""Goods that a customer sends back, as customer service and a shop handle them.

The policy is asked when it is announced; somebody else at the hub may let more come back, within authority,
and whoever serves the customer says why. Money goes as the policy says: once the goods were looked at, once
they are here, or at once. What is owed goes back through the payment service it came through, and the rest
as store credit (`paying`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from hub.catalog.rows import categories_of
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import all_locations
from hub.once import Key, once
from hub.people.vouching import Agreed, Vouch
from hub.returns import mail_in_rows as rows
from hub.returns import money
from hub.returns.elsewhere import ReturnableLine, ReturnableOrder, told
from hub.returns.numbers import next_number
from hub.returns.policy import current
from hub.returns.rules import may_agree
from hub.spine.orders import Orders
from hub.spine.steps import record
from hub.spine.work import Work
from hub.web import Wanted
from protocol.clock import DAY_US
from protocol.errors import Invalid, NotFound, NotPermitted, Refused
from protocol.kit.return_words import says
from protocol.kit.text import _
from protocol.mail_in import ExpectedLine, MailInChanged, ReturnAuthorised, Timing
from protocol.orders import Quantity
from protocol.returns import Channel, Condition, Outcome, Proof, ReturnPolicy
from protocol.rules.policy import LOOKS, BackFacts, Decision, Finding, SoldFacts, decide, strictest
from protocol.rules.refund import refund_units

LINES: Final = 100
Text = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Code = Annotated[str, Field(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]


class SentBack(Wanted):
    """Units of one line that the customer will send."""

    line_no: Annotated[int, Field(strict=True, ge=1, le=5_000)]
    units: Quantity
    reason: Code = "changed_mind"


class MailInWanted(Wanted):
    """What a customer wants to send back. No location: the one that usually takes parcels in."""

    key: Key | None = None
    lines: tuple[SentBack, ...] = Field(min_length=1, max_length=LINES)
    location: Code = ""
    refund: Timing | None = None
    """When the money goes; None as the policy says."""
    allow: Text = ""
    """Why it may come back though the policy says no; another person agrees."""
    approval: Vouch | None = None
    note: Text = ""


class MailInChange(Wanted):
    """Wait longer for a parcel, or no more."""

    key: Key | None = None
    what: Literal["cancelled", "given_up", "waiting"]
    days: Annotated[int, Field(strict=True, ge=1, le=365)] = 7
    reason: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]


@dataclass(frozen=True, slots=True)
class Terms:
    """How goods may come back: when the money goes, a word with it, and who else agreed."""

    refund: Timing
    note: str = ""
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """What would come back of an order, and what the policy says of each line; nothing was changed."""

    policy: ReturnPolicy
    order: ReturnableOrder
    """As the location that takes it in needs it."""
    location: str
    today: str
    lines: tuple[tuple[ReturnableLine, SentBack], ...]
    """With what all have taken back."""
    decisions: tuple[Decision, ...]
    currency: str

    @property
    def outcome(self) -> Outcome:
        """What the policy says of all of it."""
        return strictest(each.outcome for each in self.decisions)

    @property
    def worth_minor(self) -> int:
        """What the customer is owed for it."""
        return sum(refund_units(money.money_of(line), said.units).gross_minor for line, said in self.lines)

    def require_word(self, why: str, agreed: Agreed | None) -> None:
        """Require somebody else's word, and a reason, for what the policy does not let back by itself.

        Raises:
            Refused: `outside_policy`.
            NotPermitted: `beyond_authority`, their word does not reach so far.
        """
        if self.outcome is Outcome.DENY:
            raise outside_policy(self.decisions, self.currency, _("Nobody may let it come back."))
        if not (why and reaches(self.policy, self.worth_minor, agreed)):
            raise outside_policy(self.decisions, self.currency, another())


def another() -> str:
    """Return what to do where the policy asks for another person."""
    return _("Somebody else may let it come back: they type their name and password, and you say why.")


def outside_policy(decisions: Iterable[Decision], currency: str, remedy: str) -> Refused:
    """Return the refusal of what the policy does not let back, in its own sentences."""
    said = [sentence for each in decisions for sentence in says(each, currency)]
    return Refused(
        " ".join(dict.fromkeys(said)),
        remedy,
        code="outside_policy",
        codes=sorted({code for each in decisions for code in each.codes}),
    )


def reaches(policy: ReturnPolicy, worth_minor: int, agreed: Agreed | None) -> bool:
    """Tell whether somebody else has agreed to a return of so much, who may.

    Raises:
        NotPermitted: `beyond_authority`, their word does not reach so far.
    """
    if agreed is not None and not may_agree(policy, worth_minor, agreed.role):
        raise NotPermitted(
            _("The word of {name} does not reach so far.", name=agreed.name),
            _("The policy gives nobody in a store so much authority: ask an administrator."),
            code="beyond_authority",
        )
    return agreed is not None


class MailInAnswer(BaseModel):
    """A return that is on its way, as a program sees it."""

    authorisation_id: str
    number: str
    order_number: str
    location: str
    state: str
    refund: str
    tracking: str
    due_us: int
    label: str
    """Where its label is: the same address with `.pdf`, `.zpl` or `.png`."""
    lines: tuple[rows.MailInLine, ...]
    accepted_minor: int
    advanced_minor: int
    credits: tuple[rows.Credit, ...]


def answer(found: rows.MailIn) -> MailInAnswer:
    """Return a return as a program sees it."""
    fields = set(MailInAnswer.model_fields) - {"label"}
    values = {name: getattr(found, name) for name in fields}
    return MailInAnswer(**values, label=f"/api/returns/mail-in/{found.number}/label")


def announce(
    unit: HubUnit, hub: Hub, number: str, command: MailInWanted, *, by: str, agreed: Agreed | None = None
) -> tuple[MailInAnswer, bool]:
    """Let goods of an order come back by parcel, and tell a location to expect them.

    Raises:
        NotFound: `unknown_order`.
        Invalid: `no_line`, `unknown_location` or `no_location`.
        Refused: `too_many_units`; `outside_policy` without a reason and somebody else who agrees.
        NotPermitted: `beyond_authority`, the word of whoever agrees does not reach so far.
    """
    said = command.model_copy(update={"approval": None})

    def work() -> MailInAnswer:
        workspace = hub.spine.work(unit)
        planned = plan(workspace, number, said.lines, said.location)
        if planned.outcome is not Outcome.AUTHORIZE:
            planned.require_word(said.allow, agreed)
        refund = said.refund or planned.policy.mail_in.refund
        terms = Terms(refund, said.allow or said.note, agreed.name if agreed else "")
        found = authorise(workspace, planned, terms, by=by)
        if found.refund == "sent":
            money.advance(workspace, found, by=by)
        hub.finish(workspace, "mail_ins")
        return answer(rows.need(unit.connection, found.number))

    key = f"mail-in/{by}/{said.key}" if said.key else ""
    return once(unit, hub, said, key, MailInAnswer, work)


def change(
    unit: HubUnit, hub: Hub, number: str, command: MailInChange, *, by: str
) -> tuple[MailInAnswer, bool]:
    """Wait longer for a parcel, or no more.

    Raises:
        NotFound: there is no such return.
        Refused: `not_expected`, it is here already or over.
    """

    def work() -> MailInAnswer:
        workspace = hub.spine.work(unit)
        found = rows.need(unit.connection, number)
        if found.state != "expected":
            raise Refused(
                _("{number} is not on its way any more.", number=found.number),
                _("Look at what became of it."),
                code="not_expected",
                state=found.state,
            )
        due_us = hub.clock.now_us() + command.days * DAY_US if command.what == "waiting" else 0
        body = MailInChanged(
            authorisation_id=found.authorisation_id,
            order_id=found.order_id,
            number=found.number,
            what=command.what,
            due_us=due_us,
            reason=command.reason,
        )
        record(workspace, body, by=by)
        hub.finish(workspace, "mail_ins")
        return answer(rows.need(unit.connection, number))

    key = f"mail-in-change/{by}/{command.key}" if command.key else ""
    return once(unit, hub, command, key, MailInAnswer, work)


def receiving(connection: Connection, wanted: str) -> str:
    """Return the location that takes a parcel in: the one that is wanted, else where parcels usually go.

    Raises:
        Invalid: `unknown_location` or `no_location`.
    """
    active = [place for place in all_locations(connection) if place.status == "active"]
    if not wanted:
        # A warehouse has the people for parcels; a company without one opens them in its first store.
        active.sort(key=lambda place: (place.kind != "warehouse", place.location_id))
        if not active:
            raise Invalid(_("No location can take parcels in."), _("Register one first."), code="no_location")
        return str(active[0].location_id)
    if wanted not in {place.location_id for place in active}:
        raise Invalid(
            _("There is no location {location}.", location=wanted[:40]),
            _("Choose one that is not shut out."),
            code="unknown_location",
        )
    return wanted


def _lines(
    connection: Connection, order: ReturnableOrder, wanted: Iterable[SentBack]
) -> list[tuple[ReturnableLine, SentBack]]:
    left = {line.line_no: line for line in order.lines}
    coming = rows.coming(connection, order.order_id)
    found: dict[int, tuple[ReturnableLine, SentBack]] = {}
    for each in wanted:
        line = left.get(each.line_no)
        if line is None or each.line_no in found:
            raise Invalid(
                _("The order has no line {line} that could come back.", line=each.line_no),
                _("Choose one of its lines, each once."),
                code="no_line",
                line_no=each.line_no,
            )
        free = line.quantity - line.returned - coming.get(each.line_no, 0)
        if each.units > free:
            raise Refused(
                _("{n} units cannot come back: {left} are left.", n=each.units, left=max(0, free)),
                _("Ask for fewer; what is on its way already counts."),
                code="too_many_units",
                line_no=each.line_no,
                left=max(0, free),
            )
        found[each.line_no] = (line, each)
    return list(found.values())


def _expected(line: ReturnableLine, wanted: SentBack) -> ExpectedLine:
    return ExpectedLine(
        line_no=line.line_no,
        sku=line.sku,
        name=line.name,
        kind=line.kind,
        units=wanted.units,
        reason=wanted.reason,
        sold=line.quantity,
        gross_minor=line.gross_minor,
        tax_minor=line.tax_minor,
        rate_ppm=line.rate_ppm,
        returned=line.returned,
        refunded_minor=line.refunded_minor,
        refunded_tax_minor=line.refunded_tax_minor,
        serials=line.serials,
    )


def plan(work: Work, number: str, wanted: Iterable[SentBack], location: str) -> Planned:
    """Return what would come back of an order, and what the policy says of it; nothing was changed.

    Raises:
        NotFound: `unknown_order`.
        Invalid: `no_line`, `unknown_location` or `no_location`.
        Refused: `too_many_units`.
    """
    connection, now_us = work.connection, work.clock.now_us()
    policy, place = current(connection), receiving(connection, location)
    whole = told(connection, number, asker="", now_us=now_us)
    lines = _lines(connection, whole, wanted)
    today = money.place_of(work, place).calendar_date(now_us)
    categories = categories_of(connection, [line.sku for line, _said in lines])
    order = told(connection, number, asker=place, now_us=now_us)
    total = sum(line.gross_minor * said.units // line.quantity for line, said in lines)
    decisions = [
        _judged(policy, order, (line.sku, said.reason), (date.fromisoformat(today), total), categories)
        for line, said in lines
    ]
    return Planned(policy, order, place, today, tuple(lines), tuple(decisions), work.terms.currency)


def authorise(work: Work, planned: Planned, terms: Terms, *, by: str) -> rows.MailIn:
    """Let goods come back as planned, and tell their location to expect them."""
    authorisation_id, given = work.ids.new_id(), next_number(work, "authorisation")
    order, here = planned.order, {line.line_no: line for line in planned.order.lines}
    body = ReturnAuthorised(
        authorisation_id=authorisation_id,
        number=given,
        order_id=order.order_id,
        order_number=order.number,
        channel=order.channel,
        currency=order.currency,
        start=order.start,
        authorised_on=planned.today,
        due_us=work.clock.now_us() + planned.policy.mail_in.days * DAY_US,
        refund=terms.refund,
        tracking=given.replace("-", ""),
        note=terms.note,
        lines=tuple(_expected(here[line.line_no], said) for line, said in planned.lines),
        location=planned.location,
        contact_id=_contact(work, order.order_id),
        approved_by=terms.approved_by,
    )
    record(work, body, by=by)
    return rows.need(work.connection, given)


def _judged(
    policy: ReturnPolicy,
    order: ReturnableOrder,
    line: tuple[str, str],
    now: tuple[date, int],
    categories: Mapping[str, str],
) -> Decision:
    """Return what the policy says of one line (SKU, reason) that nobody has seen yet."""
    start, channel = date.fromisoformat(order.start), Channel(order.channel)
    found = decide(
        policy,
        SoldFacts(sku=line[0], category=categories.get(line[0], ""), start=start, channel=channel),
        BackFacts(
            today=max(now[0], start),
            condition=Condition.NEW,
            reason=line[1],
            proof=Proof.ORDER_NUMBER,
            amount_minor=now[1],
            customer_returns_90d=order.customer_returns_90d,
        ),
    )
    # That stores take nothing back from a channel is why a parcel comes; goods are looked at once here.
    kept = tuple(each for each in found.found if each.code not in {*LOOKS, Finding.CHANNEL})
    return Decision(strictest(each.outcome for each in kept), kept, found.last_day, found.refund)


def _contact(work: Work, order_id: str) -> str:
    entry = work.room(Orders).need(order_id)
    return entry.later.contact_id if entry is not None and entry.later is not None else ""


def order_of(connection: Connection, number: str, hub: Hub) -> ReturnableOrder:
    """Return an order as whoever announces a return of it sees it.

    Raises:
        NotFound: `unknown_order`.
    """
    found = told(connection, number, asker="", now_us=hub.clock.now_us())
    if not found.lines:
        raise NotFound(
            _("Nothing of {number} has been handed over.", number=found.number),
            _("What was not handed over is cancelled instead."),
            code="nothing_left",
        )
    return found
