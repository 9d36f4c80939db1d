"""What the checks do when an order comes in; stands before anybody is asked for it.

A program that sends an order is refused whole where a rule says so. An order that has happened (a store took
it, or a channel has confirmed it) is a fact: what would have been refused is held, and not even routed.
"""

from typing import Final

from hub.capture.stages import PAYER
from hub.capture.verdicts import MUST_TAKE, VERDICT
from hub.checks import rows
from hub.checks.facts import gather
from hub.holds import placing
from hub.holds.placing import Stop
from hub.spine.work import HUB_EDGE, Applied, Work
from protocol.checks import CheckKind, CheckOutcome, CheckRules
from protocol.holds import Blocked, HoldKind, HoldPlaced
from protocol.later import OrderPlaced
from protocol.rules.checks import Finding, evaluate

KINDS: Final = {
    CheckKind.PAYMENT: HoldKind.PAYMENT,
    CheckKind.OFFLINE_PAYMENT: HoldKind.PAYMENT,
    CheckKind.FRAUD: HoldKind.FRAUD,
    CheckKind.CUSTOMER: HoldKind.CUSTOMER,
    CheckKind.TAX: HoldKind.TAX,
    CheckKind.AVAILABILITY: HoldKind.AVAILABILITY,
}


def on_order_placed(work: Work, applied: Applied) -> None:
    """Check an order by the rules that count, keep what they said, and hold it where one says so."""
    body: OrderPlaced = applied.body
    if work.rebuilding:
        return
    rules = rows.current(work.connection, work.unit.memory)
    facts = gather(work, applied, rules)
    verdict = evaluate(rules, facts)
    applied.results[VERDICT] = verdict
    must_take = applied.edge != HUB_EDGE or bool(applied.results.get(MUST_TAKE))
    if verdict.refused is not None and not must_take:
        return  # whoever sent it is told, and nothing of it stays
    payer = applied.results.get(PAYER)
    rows.keep(
        work.connection,
        (body.order_id, body.number),
        facts,
        verdict,
        version=rules.version,
        card=payer.card if payer is not None else "",
    )
    for finding in verdict.findings:
        stop = stop_of(finding, rules, work.clock.now_us())
        placing.place(work, body.order_id, body.number, stop)


def stop_of(finding: Finding, rules: CheckRules, now_us: int) -> Stop:
    """Return the hold that follows from what a rule found; what was to be refused is stopped altogether."""
    rule = finding.rule
    refused = finding.outcome is CheckOutcome.REFUSE
    blocks = tuple(each for each in Blocked if each is not Blocked.REFUND) if refused else rule.blocks
    return Stop(
        kind=KINDS[rule.kind],
        reason=finding.reason,
        blocks=blocks,
        may=rule.may,
        until_us=finding.until_us(now_us),
        then=rule.then,
        code=finding.code,
        rule=rule.rule_id,
        rules_version=rules.version,
        facts=finding.facts,
    )


def on_hold_placed(work: Work, applied: Applied) -> None:
    """Take the hub's own hold off where the store that took the order has put it on hold for the same."""
    body: HoldPlaced = applied.body
    if work.rebuilding or applied.edge == HUB_EDGE or not body.rule:
        return
    placing.release_same(work, body, why="The store has put it on hold for the same")
