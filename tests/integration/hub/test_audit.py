"""The audit of store days: hits are kept, decided by people, and stop the close until they are."""

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import listed
from hub.ledger.close.rules import blockers
from hub.ledger.close.steps import look
from hub.rebuild import verify
from hub.till.audit_steps import change_rules, decide
from hub.till.rows import audit_hits
from protocol.audit import AuditRule
from protocol.errors import Invalid, NotFound, Refused
from protocol.orders import TenderKind
from tests.support.hub import Shop, send


def stops(hub: Hub) -> bool:
    return "DAY_NOT_AUDITED" in blockers(look(hub, "main", "2025-11"))


def found(hub: Hub) -> list[tuple[str, str, int, str]]:
    with hub.database.read() as connection:
        rows = connection.execute(sa.select(audit_hits).order_by(audit_hits.c.hit_id)).all()
    return [(row.hit_id, row.rule, row.value, row.state) for row in rows]


def raised(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return sorted(row.kind for row in listed(connection)[0])


@pytest.fixture
def short(hub: Hub) -> Hub:
    """A day that is 9.00 short, which the rules that come with the product hit."""
    shop = Shop()
    shop.stock("A", 5)
    shop.open()
    shop.sell(("A", 1, 20_00), kind=TenderKind.CASH)
    shop.close(missing_minor=9_00)
    send(hub, shop)
    return hub


def test_what_a_rule_hits_stops_the_close_until_somebody_has_decided(short: Hub) -> None:
    ((hit, rule, value, state),) = found(short)
    assert (rule, value, state, stops(short)) == ("over-short", 9_00, "open", True)
    with pytest.raises(Invalid):
        decide(short, hit, outcome="overridden", reason=" ", by="A. Abel")
    with pytest.raises(Invalid):
        decide(short, hit, outcome="corrected", reason="posted", by="A. Abel", journal_id=999)
    with pytest.raises(NotFound):
        decide(short, "nothing", outcome="overridden", reason="x", by="A. Abel")
    assert found(short)[0][3] == "open"

    decide(short, hit, outcome="corrected", reason="a slip was found", by="A. Abel", journal_id=301)

    assert (found(short)[0][3], stops(short)) == ("corrected", False)
    with pytest.raises(Refused):
        decide(short, hit, outcome="overridden", reason="again", by="B. Bohr")
    assert verify(short) == {}


def test_whoever_asks_for_a_second_person_is_not_that_person(short: Hub) -> None:
    ((hit, *_rest),) = found(short)
    decide(short, hit, outcome="escalated", reason="too much for me", by="A. Abel")
    assert ("audit_escalated" in raised(short), stops(short)) == (True, True)
    with pytest.raises(Refused):
        decide(short, hit, outcome="overridden", reason="fine", by="A. Abel")

    decide(short, hit, outcome="overridden", reason="the store paid it back", by="B. Bohr")

    assert ("audit_escalated" in raised(short), stops(short)) == (False, False)
    assert verify(short) == {}


def test_rules_hold_from_the_next_close_on(short: Hub) -> None:
    rules = [AuditRule(name="voids", test="voids", limit=0)]
    with pytest.raises(Invalid):
        change_rules(short, [*rules, *rules], reason="twice", by="A. Abel")
    change_rules(short, rules, reason="only voids", by="A. Abel")
    with pytest.raises(Invalid):
        change_rules(short, rules, reason="nothing new", by="A. Abel")
    shop = Shop(edge="store-2", code="YC")
    shop.stock("A", 5)
    shop.open()
    shop.void(shop.sell(("A", 1, 20_00), kind=TenderKind.CASH))
    shop.close(missing_minor=9_00)
    send(short, shop)

    assert [rule for _hit, rule, _value, _state in found(short)] == ["over-short", "voids"]
    assert verify(short) == {}
