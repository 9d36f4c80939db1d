"""Goods that a customer sends back without proof of purchase: at their lowest price, for store credit.

There is no order, so the return names itself as one. A unit is worth the lowest price at which any store sold
the article in ninety days, never more than it costs today; tax is today's. The policy says how much and how
often; what it would not let back, and an identity card that it asks for and nobody can look at by mail, needs
another person's word. Money goes once somebody has looked at the goods.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.engine import Connection

from hub.catalog.rows import categories_of, products
from hub.context import Hub
from hub.database import HubUnit
from hub.once import Key, once
from hub.people.vouching import Agreed, Vouch
from hub.returns import mail_in_rows as rows
from hub.returns import money
from hub.returns.mail_in import (
    LINES,
    Code,
    MailInAnswer,
    Text,
    another,
    answer,
    outside_policy,
    reaches,
    receiving,
)
from hub.returns.numbers import next_number
from hub.returns.policy import current
from hub.returns.rows import return_decisions
from hub.spine.bulk import among
from hub.spine.rows import order_lines, orders
from hub.spine.steps import record
from hub.spine.work import Work
from hub.web import Wanted
from protocol.clock import DAY_US
from protocol.errors import Invalid, Refused
from protocol.kit.text import _
from protocol.lifecycles import OrderState
from protocol.mail_in import ExpectedLine, ReturnAuthorised
from protocol.orders import LineKind, Quantity
from protocol.returns import Channel, Condition, Outcome, Proof, ReturnPolicy
from protocol.rules.policy import LOOKS, BackFacts, Decision, SoldFacts, decide, only, strictest
from protocol.rules.tax import tax_inclusive

LOOKED_BACK_US: Final = 90 * DAY_US
"""As far as a counter looks for the lowest price, and for how often somebody came without proof."""


class SentUnknown(Wanted):
    """Units of one article that somebody sends without proof."""

    sku: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
    units: Quantity = 1
    reason: Code = "changed_mind"


class UnprovenWanted(Wanted):
    """What somebody wants to send back without proof, and who: the limits count by them."""

    key: Key | None = None
    lines: tuple[SentUnknown, ...] = Field(min_length=1, max_length=LINES)
    customer: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
    """Their number, or their mail address."""
    location: Code = ""
    allow: Text = ""
    """Why it may come back though the policy says no; another person agrees."""
    approval: Vouch | None = None
    note: Text = ""


@dataclass(frozen=True, slots=True)
class Unproven:
    """What taking it back would do, and what the policy says of it; nothing was changed."""

    policy: ReturnPolicy
    lines: tuple[ExpectedLine, ...]
    decisions: tuple[Decision, ...]

    @property
    def outcome(self) -> Outcome:
        """What the policy says of all of it."""
        return strictest(each.outcome for each in self.decisions)

    @property
    def worth_minor(self) -> int:
        """The store credit that all of it would be."""
        return sum(line.gross_minor for line in self.lines)

    @property
    def needs_word(self) -> bool:
        """Tell whether another person has to agree."""
        return self.outcome is not Outcome.AUTHORIZE or self.policy.no_receipt.id_required


def look(
    connection: Connection, wanted: Sequence[SentUnknown], customer: str, *, now_us: int, today: date
) -> Unproven:
    """Return what taking articles back without proof would do.

    Raises:
        Invalid: `unknown_sku`, `no_goods`, or an article that is named twice.
    """
    policy, lines = current(connection), _lines(connection, wanted, now_us)
    categories = categories_of(connection, [line.sku for line in lines])
    total = sum(line.gross_minor for line in lines)
    often, unproven = _history(connection, customer, now_us - LOOKED_BACK_US)
    decisions = [
        decide(
            policy,
            SoldFacts(sku=line.sku, category=categories.get(line.sku, ""), start=today),
            BackFacts(
                today=today,
                condition=Condition.NEW,
                reason=line.reason,
                proof=Proof.NONE,
                amount_minor=total,
                customer_returns_90d=often,
                no_receipt_returns_90d=unproven,
            ),
        )
        for line in lines
    ]
    # How the goods look is decided by whoever opens the parcel.
    seen = [only(each, {found.code for found in each.found} - LOOKS) for each in decisions]
    return Unproven(policy, lines, tuple(seen))


def announce(
    unit: HubUnit, hub: Hub, command: UnprovenWanted, *, by: str, agreed: Agreed | None = None
) -> tuple[MailInAnswer, bool]:
    """Let goods come back by parcel that nobody can show were bought here, for store credit.

    Raises:
        Invalid: `unknown_sku`, `no_goods`, `unknown_location` or `no_location`.
        Refused: `outside_policy`, `needs_approval`; `worth_nothing`.
    """
    said = command.model_copy(update={"approval": None})

    def work() -> MailInAnswer:
        workspace = hub.spine.work(unit)
        place = receiving(unit.connection, said.location)
        now_us = hub.clock.now_us()
        today = money.place_of(workspace, place).calendar_date(now_us)
        found = look(
            unit.connection, said.lines, said.customer, now_us=now_us, today=date.fromisoformat(today)
        )
        _check(found, said, workspace.terms.currency, agreed)
        number = _authorise(workspace, found, said, (place, today), by=by, agreed=agreed)
        hub.finish(workspace, "mail_ins")
        return answer(rows.need(unit.connection, number))

    key = f"no-receipt/{by}/{said.key}" if said.key else ""
    return once(unit, hub, said, key, MailInAnswer, work)


def _authorise(
    work: Work,
    found: Unproven,
    said: UnprovenWanted,
    where: tuple[str, str],
    *,
    by: str,
    agreed: Agreed | None,
) -> str:
    authorisation_id, number = work.ids.new_id(), next_number(work, "authorisation")
    place, today = where
    body = ReturnAuthorised(
        authorisation_id=authorisation_id,
        number=number,
        order_id=authorisation_id,
        order_number=number,
        channel=Channel.STORE,
        currency=work.terms.currency,
        start=today,
        authorised_on=today,
        proof=Proof.NONE,
        due_us=work.clock.now_us() + found.policy.mail_in.days * DAY_US,
        refund="inspected",
        tracking=number.replace("-", ""),
        note=said.allow or said.note,
        lines=found.lines,
        location=place,
        contact_id=said.customer,
        approved_by=agreed.name if agreed else "",
    )
    record(work, body, by=by)
    return number


def _check(found: Unproven, said: UnprovenWanted, currency: str, agreed: Agreed | None) -> None:
    if not found.worth_minor:
        raise Refused(
            _("It is worth nothing today."),
            _("Without proof of purchase nothing goes back for it."),
            code="worth_nothing",
        )
    if found.outcome is Outcome.DENY:
        raise outside_policy(found.decisions, currency, _("Nobody may let it come back."))
    if not found.needs_word or (said.allow and reaches(found.policy, found.worth_minor, agreed)):
        return
    if found.outcome is not Outcome.AUTHORIZE:
        raise outside_policy(found.decisions, currency, another())
    raise Refused(
        _("The policy asks for an identity card, which nobody can look at by mail."),
        _("Somebody else agrees instead: they type their name and password, and you say why."),
        code="needs_approval",
    )


def _lines(connection: Connection, wanted: Sequence[SentUnknown], now_us: int) -> tuple[ExpectedLine, ...]:
    skus = [each.sku for each in wanted]
    if len(set(skus)) < len(skus):
        raise Invalid(_("An article is named twice."), _("Name each once, with all its units."), code="twice")
    known = {
        row.sku: row
        for row in connection.execute(sa.select(products).where(among(connection, products.c.sku, skus)))
    }
    lowest = _lowest(connection, skus, now_us - LOOKED_BACK_US)
    found = []
    for n, each in enumerate(wanted, start=1):
        product = known.get(each.sku)
        if product is None or product.kind != LineKind.GOODS:
            raise Invalid(
                _("{sku} is no goods that could come back.", sku=each.sku[:40]),
                _("Correct the code; take back goods only."),
                code="unknown_sku" if product is None else "no_goods",
            )
        gross = each.units * min(lowest.get(each.sku, product.price_minor), product.price_minor)
        found.append(
            ExpectedLine(
                line_no=n,
                sku=product.sku,
                name=product.name,
                units=each.units,
                reason=each.reason,
                sold=each.units,
                gross_minor=gross,
                tax_minor=tax_inclusive(gross, product.rate_ppm),
                rate_ppm=product.rate_ppm,
            )
        )
    return tuple(found)


def _lowest(connection: Connection, skus: Iterable[str], since_us: int) -> dict[str, int]:
    """Return the lowest price at which each article was sold since a moment, in whole minor units."""
    rows_ = connection.execute(
        sa.select(
            order_lines.c.sku,
            sa.func.min(order_lines.c.gross_minor // order_lines.c.quantity).label("minor"),
        )
        .join(orders, orders.c.order_id == order_lines.c.order_id)
        .where(
            among(connection, order_lines.c.sku, list(skus)),
            orders.c.at_us >= since_us,
            orders.c.state != OrderState.VOIDED.value,
        )
        .group_by(order_lines.c.sku)
    )
    return {row.sku: int(row.minor) for row in rows_}


def _history(connection: Connection, customer: str, since_us: int) -> tuple[int, int]:
    """Return how often somebody has returned since a moment, and how often of it without proof."""
    table = return_decisions.c
    row = connection.execute(
        sa.select(
            sa.func.count().label("all"),
            sa.func.count(sa.case((table.order_number == table.number, 1))).label("unproven"),
        ).where(table.customer_id == customer, table.at_us >= since_us)
    ).one()
    by_mail, under_way = rows.unproven_since(connection, customer, since_us)
    return int(row.all) + under_way, int(row.unproven) + by_mail
