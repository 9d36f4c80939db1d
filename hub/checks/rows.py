"""The rules of checks, every version of them, and what they said of each order.

What was said is live state beside the log, as why routing decided is: the holds that followed are events. The
facts of an order are kept with it, so that other rules can be tried on the orders of the past.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Change, Lookup, metadata
from hub.spine.later_rows import later_orders
from hub.versions import Versions
from protocol.checks import CheckOutcome, CheckRules, OrderFacts
from protocol.rules.checks import STANDARD, Verdict

check_rules: Final = sa.Table(
    "check_rules",
    metadata,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_us", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
)
"""The newest counts. `body` is a `protocol.checks.CheckRules`."""

check_outcomes: Final = sa.Table(
    "check_outcomes",
    metadata,
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("rules_version", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("card", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("findings", sa.Text, nullable=False),
    sa.Index("ix_check_outcomes_at", "at_us"),
)
"""`card` is what a payment service calls a card, and no number of one. `facts` is an `OrderFacts`; `findings`
are the rules that did not pass."""

RULES: Final = Versions(check_rules, STANDARD)
_CHECKED: Final = Lookup(sa.select(check_outcomes).where(check_outcomes.c.order_id == sa.bindparam("of")))
_KEEP: Final = Change(sa.insert(check_outcomes))


@dataclass(frozen=True, slots=True)
class Checked:
    """One order as it was checked. `findings` are the rules that did not pass, with the facts they used."""

    number: str
    at_us: int
    outcome: CheckOutcome
    facts: OrderFacts
    findings: Sequence[Mapping[str, Any]] = ()


def current(connection: Connection, memory: dict[str, Any] | None = None) -> CheckRules:
    """Return the rules that count; `memory` is that of the unit of work, which asks once.

    Version 0 is that of a hub to which nobody said anything.
    """
    return RULES.current(connection, memory)


def keep(
    connection: Connection,
    order: tuple[str, str],
    facts: OrderFacts,
    verdict: Verdict,
    *,
    version: int,
    card: str,
) -> None:
    """Keep what the rules said of an order, with its id and number, and what they knew."""
    said = _said(facts, verdict, version)
    _KEEP.run(connection, order_id=order[0], number=order[1], card=card, **said)


def keep_again(
    connection: Connection, order_id: str, facts: OrderFacts, verdict: Verdict, *, version: int
) -> None:
    """Keep what the rules said of an order that was checked again, in place of what they said before."""
    table = check_outcomes
    said = _said(facts, verdict, version)
    connection.execute(sa.update(table).where(table.c.order_id == order_id).values(**said))


def _said(facts: OrderFacts, verdict: Verdict, version: int) -> dict[str, Any]:
    findings = [
        {"rule": each.rule.rule_id, "outcome": each.outcome.value, "code": each.code, "facts": each.facts}
        for each in verdict.findings
    ]
    return {
        "at_us": facts.at_us,
        "rules_version": version,
        "outcome": verdict.outcome.value,
        "facts": facts.model_dump_json(),
        "findings": json.dumps(findings, default=dict),
    }


def checked(connection: Connection, order_id: str) -> Checked | None:
    """Return an order as it was checked last; None where the hub never did."""
    row = _CHECKED.first(connection, of=order_id)
    if row is None:
        return None
    facts = OrderFacts.model_validate_json(row.facts)
    return Checked(row.number, row.at_us, CheckOutcome(row.outcome), facts, json.loads(row.findings))


def forget(connection: Connection, contact_id: str) -> None:
    """Take what names a customer, or a card of theirs, out of what was kept of their orders."""
    mine = sa.select(later_orders.c.order_id).where(later_orders.c.contact_id == contact_id)
    table = check_outcomes.c
    found = connection.execute(sa.select(table.order_id, table.facts).where(table.order_id.in_(mine))).all()
    for row in found:
        facts = OrderFacts.model_validate_json(row.facts).model_copy(update={"customer": ()})
        connection.execute(
            sa.update(check_outcomes)
            .where(table.order_id == row.order_id)
            .values(card="", facts=facts.model_dump_json())
        )


def checked_lately(connection: Connection, limit: int) -> Sequence[Checked]:
    """Return the orders that were checked last, the newest first."""
    table = check_outcomes.c
    found = connection.execute(
        sa.select(table.number, table.at_us, table.outcome, table.facts)
        .order_by(table.at_us.desc(), table.order_id)
        .limit(limit)
    )
    return [
        Checked(row.number, row.at_us, CheckOutcome(row.outcome), OrderFacts.model_validate_json(row.facts))
        for row in found
    ]
