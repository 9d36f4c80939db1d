"""A closed session is held against the rules of the audit; what they hit waits for a person."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from hub.spine.bulk import Upsert
from hub.spine.steps import close_exception, raise_exception
from hub.spine.work import HUB_EDGE, Applied, Work
from hub.till import audit_reads
from hub.till.audit_rules import Said, hits
from hub.till.rows import audit_hits, audit_rules
from protocol.audit import AuditDecided, AuditRulesChanged
from protocol.errors import BadMessage
from protocol.events import TillClosed

_HITS: Final = Upsert(audit_hits)
ID_LENGTH: Final = 64


def audit(work: Work, applied: Applied, said: Sequence[Said]) -> None:
    """Keep what the rules of today hit in a session that was just closed."""
    body: TillClosed = applied.body
    found = hits(audit_reads.rules(work.connection), applied.edge, said)
    rows = []
    for n, hit in enumerate(found, start=1):
        rows.append(
            (
                f"{body.session_id[: ID_LENGTH - 4]}-{n}",
                body.session_id,
                applied.edge,
                body.business_date,
                body.currency,
                hit.rule.name,
                hit.rule.test,
                hit.rule.limit,
                hit.found.value,
                hit.found.subject,
                hit.found.number,
                hit.found.order_id,
                hit.found.by,
                "open",
                "",
                "",
                None,
                None,
            )
        )
    _HITS.run(work.connection, rows)


def on_rules_changed(work: Work, applied: Applied) -> None:
    """Keep a version of the rules."""
    body: AuditRulesChanged = _own(applied)
    work.connection.execute(
        sa.insert(audit_rules).values(
            version=applied.apply_order,
            body=body.model_dump_json(),
            reason=body.reason,
            by=applied.by,
            at_us=applied.at_us,
        )
    )
    work.topics.add("till")


def on_decided(work: Work, applied: Applied) -> None:
    """Keep how somebody decided about a hit; one that another person must decide is raised."""
    body: AuditDecided = _own(applied)
    work.connection.execute(
        sa.update(audit_hits)
        .where(audit_hits.c.hit_id == body.hit_id)
        .values(
            state=body.outcome,
            reason=body.reason,
            decided_by=applied.by,
            decided_us=applied.at_us,
            journal_id=body.journal_id,
        )
    )
    key = f"audit:{body.hit_id}"
    if body.outcome != "escalated":
        close_exception(work, key, how=body.reason, by=applied.by)
        work.topics.add("till")
        return
    hit = audit_reads.hit(work.connection, body.hit_id)
    raise_exception(
        work,
        kind="audit_escalated",
        subject=f"till:{body.session_id}",
        title=f"The audit of {hit.location} on {hit.business_date} needs a second person",
        facts={
            "location": hit.location,
            "rule": hit.rule,
            "number": hit.number,
            "by": hit.by,
            "why": body.reason,
        },
        dedupe_key=key,
    )
    work.topics.add("till")


def _own(applied: Applied) -> Any:
    if applied.edge != HUB_EDGE:
        raise BadMessage(
            "A store said something about the audit that only the hub may say.",
            "It is set aside and changed nothing; find out what sent it.",
            code="not_of_the_hub",
            edge=applied.edge,
        )
    return applied.body
