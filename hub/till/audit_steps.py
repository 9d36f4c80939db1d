"""Writing the rules of the audit, and deciding about what they hit; one function each verb."""

from collections.abc import Sequence

import sqlalchemy as sa

from hub.context import Hub
from hub.ledger.rows import journals
from hub.spine.steps import record
from hub.spine.work import Work
from hub.till import audit_reads
from hub.till.rows import UNDECIDED
from protocol.audit import AuditDecided, AuditRule, AuditRulesChanged
from protocol.errors import Invalid, Refused
from protocol.kit.text import _


def change_rules(hub: Hub, rules: Sequence[AuditRule], *, reason: str, by: str) -> None:
    """Write the rules anew; what was hit before stays as it is.

    Raises:
        Invalid: two rules have one name, nothing would change, or the reason is missing.
    """
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise Invalid(_("Two rules have the same name."), _("Give each its own."), code="same_name")
    _reasoned(reason)

    def act(work: Work) -> None:
        if audit_reads.rules(work.connection) == tuple(rules):
            raise Invalid(_("Nothing would change."), _("Change a rule first."), code="nothing")
        record(work, AuditRulesChanged(rules=tuple(rules), reason=reason.strip()[:300]), by=by)

    hub.act(act, "till")


def decide(
    hub: Hub, hit_id: str, *, outcome: str, reason: str, by: str, journal_id: int | None = None
) -> None:
    """Decide about a hit: corrected, in order, or for another person.

    Raises:
        NotFound: there is no such hit.
        Refused: it is decided, or whoever escalated it would decide it alone.
        Invalid: no reason, no such outcome, or a journal that does not exist.
    """
    if outcome not in {"corrected", "overridden", "escalated"}:
        raise Invalid(_("Nobody knows this step."), _("Use one of the buttons."), code="bad_step")
    _reasoned(reason)

    def act(work: Work) -> None:
        hit = audit_reads.hit(work.connection, hit_id)
        if hit.state not in UNDECIDED:
            raise Refused(
                _("This was decided by {who}.", who=hit.decided_by), _("Look at it again."), code="decided"
            )
        if hit.state == "escalated" and hit.decided_by == by:
            raise Refused(
                _("You asked for a second person here."),
                _("Let somebody else of finance decide."),
                code="same_person",
            )
        known = sa.select(journals.c.journal_id).where(journals.c.journal_id == (journal_id or 0))
        if journal_id is not None and work.connection.execute(known).first() is None:
            raise Invalid(
                _("There is no such journal."), _("Type the number of its page."), code="no_journal"
            )
        body = AuditDecided.model_validate(
            {
                "hit_id": hit_id,
                "session_id": hit.session_id,
                "outcome": outcome,
                "reason": reason.strip()[:300],
                "journal_id": journal_id,
            }
        )
        record(work, body, by=by)

    hub.act(act, "till", "books", "exceptions")


def _reasoned(reason: str) -> None:
    if not reason.strip():
        raise Invalid(_("A reason is missing."), _("Say why, for whoever asks later."), code="no_reason")
