"""After every commit of the hub: what a store misses is asked for once, and of nobody twice.

A deficit is one figure that a store repeats until somebody has seen to it. What the hub returned since the
store said so, and what is being cancelled already, are answers on their way. So no commit returns more than
the newest vector still asks for; a card says what is missing beyond both, and names nobody who was asked.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.hub import HubNode
from tests.simulation.lent import AtTheHub

CARDS = "SELECT exception_id, facts FROM exceptions WHERE kind = 'stock_deficit' AND state = 'open'"
ASKED = """
SELECT location FROM assignments WHERE cancel_asked AND state IN
    ('proposed', 'sent', 'acknowledged', 'picking', 'picked', 'packed', 'ready')
UNION SELECT source FROM transfers WHERE cancel_asked AND ended_us IS NULL
"""
"""Places at which something is being cancelled: nowhere else is anything on its way to be answered."""
OF_ORDERS = """
SELECT a.number, a.cancel_asked, sum(l.quantity - l.short - l.fulfilled - l.given_up)
FROM assignments a JOIN assignment_lines l USING (assignment_id)
WHERE a.location = ? AND l.sku = ? AND l.quantity > l.short + l.fulfilled + l.given_up AND a.state IN
    ('proposed', 'sent', 'acknowledged', 'picking', 'picked', 'packed', 'ready')
GROUP BY a.assignment_id
"""
"""Promises to customers that are open at a place; a number may have several."""
OF_TRANSFERS = """
SELECT t.number, t.cancel_asked, CASE WHEN coalesce(t.accepted_us, 0) > 0
    THEN sum(l.accepted - l.short - l.shipped)
    ELSE (SELECT coalesce(sum(units - ended - finished), 0) FROM allocations
          WHERE owner = 't:' || t.transfer_id AND sku = ?2) END
FROM transfers t JOIN transfer_lines l USING (transfer_id)
WHERE t.source = ?1 AND l.sku = ?2 AND t.ended_us IS NULL
AND t.send_state IN ('requested', 'accepted', 'picked', 'packed')
AND NOT EXISTS (SELECT 1 FROM transfer_lines o WHERE o.transfer_id = t.transfer_id AND o.order_id <> '')
GROUP BY t.transfer_id
"""
"""What is to be sent from a place for no order, and has not left."""
UNTOLD = """
SELECT location, sku, deficit - (returned - returned_echoed), edge_version FROM hub_rights
WHERE deficit > returned - returned_echoed AND NOT EXISTS (
    SELECT 1 FROM assignments a JOIN assignment_lines l USING (assignment_id)
    WHERE a.location = hub_rights.location AND l.sku = hub_rights.sku AND a.cancel_asked
) AND NOT EXISTS (
    SELECT 1 FROM transfers t JOIN transfer_lines l USING (transfer_id)
    WHERE t.source = hub_rights.location AND l.sku = hub_rights.sku AND t.cancel_asked AND t.ended_us IS NULL
) AND NOT EXISTS (
    SELECT 1 FROM rights_epochs e WHERE e.location = hub_rights.location AND e.state <> 'open'
)
"""
"""Deficits that no returned right and no cancellation on its way takes away."""
Bound = list[tuple[str, int, int]]
"""(number, whether it was asked to give way, open units)."""


@dataclass
class DeficitWatch:
    """Remembers what the hub has returned, and which cards it has seen."""

    hub: HubNode
    failed: Callable[[str], None]
    _returned: dict[tuple[str, str, int], int] = field(default_factory=dict)
    _said: AtTheHub | None = None
    """What was looked at after the last commit."""
    _misses: bool = False
    """Whether any of it misses units that the hub has not returned."""
    _cards: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Those that are open: what is missing where."""
    _settled: dict[tuple[str, str], int] = field(default_factory=dict)
    """What a person has settled with a note although it was missing: at which version of the store's word."""
    _answered: dict[tuple[str, str], int] = field(default_factory=dict)
    """What was being cancelled and is not any more: at which version, because the store repeats that one."""

    def restarted(self, said: AtTheHub) -> None:
        """The hub may be another, older one now: what it says first is where it begins."""
        epochs = said.epoch_of
        self._returned = {(row[0], row[1], epochs.get(row[0], 0)): row[6] for row in said.rights}
        self._said = None
        self._cards = {card: _about(json.loads(facts)) for card, facts in self._ask(CARDS)}

    def committed(self, said: AtTheHub) -> None:
        """The hub has committed."""
        # Rows that are as they were say nothing new, unless a cancellation may answer what one misses.
        epoch_of = said.epoch_of
        changed = said != self._said
        asked = {place for (place,) in self._ask(ASKED)} if self._misses or changed else ()
        for row in said.rights if changed or asked else ():
            place, sku, *_cells, returned, echoed, back_upto, deficit, version = row
            epoch = epoch_of.get(place, 0)
            if place in asked and deficit > returned - echoed and self._pending(place, sku) > 0:
                self._answered[place, sku] = version
            before = self._returned.get((place, sku, epoch), 0)
            if returned == before:
                continue
            self._returned[place, sku, epoch] = returned
            if returned > max(back_upto, echoed + deficit):
                self.failed(
                    f"the hub gave back {returned - before} of {sku} to {place}, which misses {deficit} and"
                    f" had not heard of {before - echoed}"
                )
        if changed:
            self._said, self._misses = said, any(row[9] > row[6] - row[7] for row in said.rights)
        cards = dict(self._ask(CARDS))
        if cards.keys() == self._cards.keys():
            return
        for card in sorted(cards.keys() - self._cards.keys()):
            facts = json.loads(cards[card])
            self._cards[card] = _about(facts)
            self._says_what_is_missing(facts, said)
        versions = {row[:2]: row[10] for row in said.rights}
        for card in sorted(self._cards.keys() - cards.keys()):
            about = self._cards.pop(card)
            self._settled[about] = versions[about]

    def look(self) -> None:
        """Whatever a store misses of what was promised is a card with an owner, until somebody settles that.

        Whoever settles it with a note has been told; what the store says after that is told anew.
        """
        for place, sku, missing, version in self._ask(UNTOLD):
            about = (place, sku)
            known = version in (self._settled.get(about), self._answered.get(about))
            if not known and about not in self._cards.values():
                self.failed(f"{place} misses {missing} promised units of {sku} and nobody was told")

    def _says_what_is_missing(self, facts: dict[str, Any], said: AtTheHub) -> None:
        place, sku = facts["location"], facts["sku"]
        (right,) = (row for row in said.rights if row[:2] == (place, sku))
        returned, echoed, _back_upto, deficit = right[6:10]
        orders, sent = self._bound(place, sku)
        pending = self._pending(place, sku)
        missing = deficit - (returned - echoed) - pending
        if facts["missing"] != missing:
            self.failed(
                f"a card says that {place} misses {facts['missing']} of {sku}: it misses {deficit}, returned"
                f" are {returned - echoed}, being cancelled {pending}"
            )
        for bound, named in ((orders, facts["numbers"]), (sent, facts["transfers"])):
            free = {number for number, asked, _units in bound if not asked}
            for number in named:
                if number not in free:
                    self.failed(f"{number} is chosen twice to give {sku} up at {place}")

    def _bound(self, place: str, sku: str) -> tuple[Bound, Bound]:
        """Return the open promises to customers of a place, and what is to be sent from it for no order."""
        sent: Bound = [row for row in self._ask(OF_TRANSFERS, (place, sku)) if row[2] > 0]
        return self._ask(OF_ORDERS, (place, sku)), sent

    def _pending(self, place: str, sku: str) -> int:
        orders, sent = self._bound(place, sku)
        return sum(units for _number, asked, units in [*orders, *sent] if asked)

    def _ask(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self.hub.audit.execute(sql, values).fetchall()


def _about(facts: dict[str, Any]) -> tuple[str, str]:
    return facts["location"], facts["sku"]
