"""Who waits for goods on their way: never more of them than will be lent, and nobody for nothing.

An order that waits has claimed units of a transfer. Looked at after every commit of the hub, and nothing is
asked where nobody waits. Receipts and the rights that they lend are told apart from each other: between the
two a claim stands on what is still to be told (`inbound_ahead`, below zero). At rest there is nothing left of
that, so a claim on what is not on its way any more is one that nobody will ever end.
"""

from collections.abc import Callable
from typing import Any, Final

CLAIMED: Final = """
SELECT c.location, c.sku, c.transfer_id, sum(c.units - c.arrived), coalesce((
    SELECT sum(max(0, min(l.to_grant - l.granted, l.shipped - l.matched - l.lost)))
    FROM transfers t JOIN transfer_lines l USING (transfer_id) WHERE t.transfer_id = c.transfer_id
    AND l.sku = c.sku AND t.destination = c.location AND t.acknowledged_us IS NOT NULL AND NOT t.final
), 0), coalesce((
    SELECT max(0, -a.units) FROM inbound_ahead a WHERE (a.location, a.sku) = (c.location, c.sku)
), 0) FROM inbound_claims c WHERE c.state = 'open' AND c.units > c.arrived
GROUP BY c.location, c.sku, c.transfer_id ORDER BY c.location, c.sku, c.transfer_id
"""
"""By transfer and item: units that are claimed, units still to be lent, units whose rights are to be told."""
LOOSE: Final = """
SELECT c.number, c.line_no, sum(c.units), coalesce((
    SELECT l.quantity - l.cancelled FROM order_lines l WHERE (l.order_id, l.line_no) = (c.order_id, c.line_no)
), 0) - coalesce((
    SELECT sum(l.quantity - l.short - l.given_up) FROM assignments a JOIN assignment_lines l
    USING (assignment_id) WHERE (a.order_id, l.line_no) = (c.order_id, c.line_no)
), 0) FROM inbound_claims c WHERE c.state = 'open'
GROUP BY c.order_id, c.line_no ORDER BY c.order_id, c.line_no
"""
"""By line of an order: units that wait or are held beside what waits, units that nobody fulfils."""
HELD: Final = """
SELECT c.number, c.location, sum(c.arrived), coalesce((
    SELECT sum(a.units - a.ended - a.finished) FROM allocations a
    WHERE a.owner = 'w:' || c.wait_id || ':' || c.location
), 0) FROM inbound_claims c WHERE c.state = 'open'
GROUP BY c.wait_id, c.location ORDER BY c.wait_id, c.location
"""
"""By order and location: units that are said to have come, units whose rights are held for it."""
WHOLE: Final = """
SELECT c.number FROM inbound_claims c WHERE c.state = 'open' AND NOT EXISTS (
    SELECT 1 FROM order_holds h WHERE h.order_id = c.order_id AND h.ended_us IS NULL
) GROUP BY c.wait_id HAVING sum(c.units - c.arrived) = 0 ORDER BY c.number LIMIT 1
"""
"""Orders that wait though all of it is there, and that nothing holds."""
Ask = Callable[[str], Any]


def look(ask: Ask, failed: Callable[[str], None]) -> None:
    """Check who waits, after a commit of the hub."""
    uncovered: dict[tuple[str, str], int] = {}
    for place, sku, transfer, claimed, still, to_be_told in ask(CLAIMED).fetchall():
        left = uncovered.get((place, sku), to_be_told) - max(0, claimed - still)
        uncovered[place, sku] = left
        if left < 0:
            failed(
                f"{claimed} of {sku} are claimed that come to {place}, where {still} will be lent and"
                f" {to_be_told} were: transfer {transfer}"
            )
    for number, line_no, claimed, loose in ask(LOOSE).fetchall():
        if claimed > loose:
            failed(f"{number} waits for {claimed} of its line {line_no}, of which nobody fulfils {loose}")
    for number, place, said, held in ask(HELD).fetchall():
        if said != held:
            failed(f"{said} units have come for {number} at {place}, and rights of {held} are held for it")


def rest(ask: Ask, failed: Callable[[str], None]) -> None:
    """Check that everybody who waits at rest waits for something, or for a person."""
    look(ask, failed)
    for place, sku, transfer, claimed, still, _to_be_told in ask(CLAIMED).fetchall():
        if claimed > still:
            failed(f"at rest {claimed} of {sku} wait at {place} for transfer {transfer}, which lends {still}")
    row = ask(WHOLE).fetchone()
    if row is not None:
        failed(f"at rest {row[0]} waits, and all that it waits for has come")
