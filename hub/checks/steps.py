"""Changing the rules of checks: what they would have said of the last orders is shown first, then they count.

Rules are a whole, so two people who edit at once would undo each other: whoever saves says which version the
change was made from. Rules that contradict themselves never count.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.checks.rows import RULES, checked_lately, current
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import locations
from hub.spine.packets import DIRECTIVE_BYTES
from hub.versions import tell_everybody
from protocol.checks import CheckOutcome, CheckRules
from protocol.errors import Invalid
from protocol.kit.check_words import contradiction_says
from protocol.kit.text import _
from protocol.rules.checks import contradiction, evaluate, for_store

LOOKED_AT: Final = 200
"""Orders of which a preview says what would have become of them: the newest."""
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Otherwise:
    """An order of which other rules would have said something else, and the first reason."""

    number: str
    total_minor: int
    now: CheckOutcome
    then: CheckOutcome
    rule_id: str
    code: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What rules would have said of the last orders. `version` is that of the rules that count now."""

    version: int
    looked_at: int
    passed: int
    held: int
    refused: int
    otherwise: tuple[Otherwise, ...]
    changed: int
    """How many would have been decided otherwise; `otherwise` shows the first of them."""
    nothing: bool
    """They say the same as those that count."""


def check(said: CheckRules) -> None:
    """Refuse rules that cannot count.

    Raises:
        Invalid: says which rule, and what is wrong with it.
    """
    found = contradiction(said)
    if found is not None:
        raise Invalid(
            contradiction_says(found),
            _("Correct it, then look at it again. The rules that count stay as they are."),
            code="contradiction",
            rule=found.rule_id,
            why=found.code,
        )
    size = len(said.model_dump_json().encode())
    if size > DIRECTIVE_BYTES:
        raise Invalid(
            _("So many rules do not fit in one message to the stores."),
            _("Take out rules or customers that are not needed any more."),
            code="too_many_rules",
            bytes=size,
        )


def preview(connection: Connection, said: CheckRules) -> Preview:
    """Return what rules would have said of the last orders, by the facts of then; nothing is written."""
    counts = current(connection)
    orders = checked_lately(connection, LOOKED_AT)
    tally = dict.fromkeys(CheckOutcome, 0)
    otherwise = []
    for order in orders:
        verdict = evaluate(said, order.facts)
        tally[verdict.outcome] += 1
        if verdict.outcome is not order.outcome:
            first = verdict.findings[0] if verdict.findings else None
            otherwise.append(
                Otherwise(
                    order.number,
                    order.facts.total_minor,
                    order.outcome,
                    verdict.outcome,
                    first.rule.rule_id if first else "",
                    first.code if first else "",
                )
            )
    return Preview(
        version=counts.version,
        looked_at=len(orders),
        passed=tally[CheckOutcome.PASS],
        held=tally[CheckOutcome.HOLD],
        refused=tally[CheckOutcome.REFUSE],
        otherwise=tuple(otherwise[:SHOWN]),
        changed=len(otherwise),
        nothing=said.model_copy(update={"version": counts.version}) == counts,
    )


def save(hub: Hub, said: CheckRules, *, base: int, by: str) -> CheckRules:
    """Let rules count from now on, and tell every location.

    Raises:
        Invalid: something of them cannot count.
        StaleVersion: somebody else has saved since `base` was read.
    """
    check(said)

    def step(unit: HubUnit) -> CheckRules:
        made = RULES.keep(unit, said, base=base, by=by, now_us=hub.clock.now_us())
        tell_everybody(unit, lambda location: tell_rules(hub, unit, location, made))
        unit.after_commit(partial(hub.broadcaster.publish, "holds"))
        return made

    return hub.database.write(step)


def tell_rules(hub: Hub, unit: HubUnit, location: str, counts: CheckRules | None = None) -> int:
    """Tell one location the rules, as a new one must be; return the version, 0 for none."""
    found = counts or current(unit.connection)
    if found.version:
        entity = unit.connection.execute(
            sa.select(locations.c.entity).where(locations.c.location_id == location)
        ).scalar()
        hub.outbox.send_directive(unit, location, for_store(found, str(entity or hub.settings.entity)))
    return found.version
