"""How an entity keeps its books, where the law leaves a choice or the country makes it: when tax is due."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import Lookup
from hub.ledger.desk import write
from hub.ledger.rows import entity_terms, journals
from hub.spine.steps import record
from hub.spine.work import Work
from protocol.books import TermsSet
from protocol.errors import Invalid
from protocol.kit.text import _

_VERSIONS: Final = Lookup(
    sa.select(entity_terms)
    .where(entity_terms.c.entity == sa.bindparam("of"))
    .order_by(entity_terms.c.apply_order.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)


def tax_at_payment(connection: Connection, entity: str) -> bool:
    """Tell whether output tax is due when a deposit is paid; where nobody said so, when the goods leave."""
    newest = versions(connection, entity, 1)
    return bool(newest and newest[0].tax_at_payment)


def versions(connection: Connection, entity: str, limit: int) -> Sequence[sa.Row[Any]]:
    """Return what was set for an entity, the newest first."""
    return _VERSIONS.all(connection, of=entity, most=limit)


def set_terms(hub: Hub, wanted: TermsSet, *, by: str) -> None:
    """Set when tax is due; each order follows with its next payment, handover or cancellation.

    Raises:
        Invalid: the entity keeps no books, or nothing would change.
    """

    def act(work: Work) -> None:
        known = work.connection.execute(
            sa.select(journals.c.entity).where(journals.c.entity == wanted.entity).limit(1)
        ).first()
        if known is None:
            raise Invalid(
                _("{entity} keeps no books.", entity=wanted.entity),
                _("Choose one of the list."),
                code="no_entity",
            )
        if tax_at_payment(work.connection, wanted.entity) is wanted.tax_at_payment:
            raise Invalid(_("Nothing would change."), _("Choose the other one."), code="nothing")
        record(work, wanted, by=by)

    write(hub, act)
