"""Checking an order again when its money or its lines change; only the rules that concern what changed.

What a rule said before and what somebody may have decided since is not said again: a finding counts where it
is new, or rests on other facts than it did. What a reader would get wrong: money that is promised is as good
as money that is there, until the day on which its promise ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from hub.capture.verdicts import MUST_TAKE, PAYING, VERDICT
from hub.checks import rows
from hub.checks.facts import of_money, of_more
from hub.checks.rows import Checked
from hub.checks.stages import stop_of
from hub.holds import placing
from hub.holds.rows import now_on
from hub.spine.entries import Entry
from hub.spine.orders import Orders
from hub.spine.payment_rows import cards_of
from hub.spine.work import Applied, Work
from protocol.checks import CheckKind, CheckOutcome, CheckRules, OrderFacts
from protocol.holds import HoldKind, HoldState
from protocol.later import LinesAdded, OrderPaid, OrderPaidOnline
from protocol.payments import AuthorisationEnded, CardCleared, PaymentAuthorised
from protocol.rules.checks import Finding, Verdict, evaluate, in_force, strictest

OF_LINES: Final = (
    CheckKind.PAYMENT,
    CheckKind.FRAUD,
    CheckKind.CUSTOMER,
    CheckKind.TAX,
    CheckKind.AVAILABILITY,
)
"""What more lines can make otherwise: everything but what a terminal took."""
_UNPAID: Final = frozenset({"not_paid", "payment_expired"})
_OFFLINE: Final = frozenset({"offline_over_cap", "offline_exposure"})
_WAITING: Final = frozenset({"offline_pending", "declined_late"})


def on_money(work: Work, applied: Applied) -> None:
    """Let an order go on that was held for its payment, once enough is captured or promised."""
    body: OrderPaid | OrderPaidOnline | PaymentAuthorised = applied.body
    entry, kept = _known(work, body.order_id)
    if entry is None or entry.later is None:
        return
    if entry.later.due_minor(entry.record) == 0:
        placing.release_all(work, body.order_id, why="Everything is paid", kind=HoldKind.PAYMENT)
    elif kept is not None:
        facts = of_money(work, entry, kept.facts)
        rules = rows.current(work.connection, work.unit.memory)
        if not evaluate(rules, facts, [CheckKind.PAYMENT]).findings:
            why = "The payment service promised the money" if facts.authorised_minor else "Enough is paid"
            _release(work, body.order_id, _UNPAID, why)


def on_promise_ended(work: Work, applied: Applied) -> None:
    """Hold an order whose money was promised and will not be taken, unless enough is there without it."""
    body: AuthorisationEnded = applied.body
    entry, kept = _known(work, body.order_id)
    if entry is None or entry.later is None or kept is None or not any(x.open for x in entry.record.lines):
        return
    rules = rows.current(work.connection, work.unit.memory)
    verdict = evaluate(rules, of_money(work, entry, kept.facts), [CheckKind.PAYMENT])
    _hold(work, entry, verdict.findings, rules)


def on_card_cleared(work: Work, applied: Applied) -> None:
    """Let an order go on that a store held for its card, once no card of it may still be declined."""
    body: CardCleared = applied.body
    if not work.rebuilding and not any(
        row.state in _WAITING for row in cards_of(work.connection, body.order_id)
    ):
        _release(work, body.order_id, _OFFLINE, "The bank has paid the card")


def on_lines_added(work: Work, applied: Applied) -> None:
    """Check what more lines make otherwise; stands before anybody is asked for them.

    Whoever asked for them is refused where a rule says so, unless they take the place of something that a
    store has given up by now: then they are held like an order that was sold already.
    """
    body: LinesAdded = applied.body
    entry, kept = _known(work, body.order_id)
    if entry is None or entry.later is None or kept is None:
        return
    rules = rows.current(work.connection, work.unit.memory)
    money = of_money(work, entry, kept.facts)
    asked = {rule.kind for rule in in_force(rules, money)}
    paid = (money.paid_minor or 0) + applied.results.get(PAYING, 0)
    facts = of_more(work, entry, body, money.model_copy(update={"paid_minor": paid}), asked)
    verdict = evaluate(rules, facts, OF_LINES)
    fresh = [each for each in verdict.findings if is_new(each, kept.findings)]
    counts = Verdict(strictest([each.outcome for each in fresh]), tuple(fresh))
    applied.results[VERDICT] = counts
    if counts.refused is not None and not applied.results.get(MUST_TAKE):
        return  # whoever asked for it is told, and nothing of it stays
    whole = facts.model_copy(update=_tax_of_all(kept.facts, facts))
    rows.keep_again(work.connection, body.order_id, whole, verdict, version=rules.version)
    _hold(work, entry, fresh, rules)


def is_new(finding: Finding, before: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a rule says something that it did not say before, or not as strictly, or not as much."""
    for said in before:
        if (said["rule"], said["code"]) != (finding.rule.rule_id, finding.code):
            continue
        if finding.outcome is CheckOutcome.REFUSE and said["outcome"] != CheckOutcome.REFUSE.value:
            return True
        if "points" in finding.facts:  # the sum of an order grows; its signs are what counts
            return bool(finding.facts["points"] > said["facts"].get("points", 0))
        return dict(finding.facts) != dict(said["facts"])
    return True


def _tax_of_all(before: OrderFacts, added: OrderFacts) -> dict[str, Any]:
    """Return the tax of an order with its new lines, as the next preview of other rules will judge it."""
    again = None
    if before.tax_again_minor is not None and added.tax_again_minor is not None:
        again = before.tax_again_minor + added.tax_again_minor
    rates = dict.fromkeys((*before.other_rates, *added.other_rates))
    return {
        "tax_minor": before.tax_minor + added.tax_minor,
        "tax_again_minor": again,
        "other_rates": tuple(rates)[:20],
    }


def _known(work: Work, order_id: str) -> tuple[Entry | None, Checked | None]:
    """Return an order with what was known of it when it was checked; nothing while tables are made anew."""
    if work.rebuilding:
        return None, None
    return work.room(Orders).need(order_id), rows.checked(work.connection, order_id)


def _hold(work: Work, entry: Entry, findings: Iterable[Finding], rules: CheckRules) -> None:
    for finding in findings:
        stop = stop_of(finding, rules, work.clock.now_us())
        placing.place(work, entry.record.order_id, entry.record.number, stop)


def _release(work: Work, order_id: str, codes: frozenset[str], why: str) -> None:
    """Release what a rule holds an order for; what somebody holds by hand stays."""
    for hold in now_on(work, order_id):
        if hold.state is HoldState.OPEN and hold.code in codes:
            placing.release(work, hold, note=why)
