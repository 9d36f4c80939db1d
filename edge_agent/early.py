"""Own events that a restored store got back before what they speak of.

The hub gives events back, and of directives those that it knows to be answered. Where it had heard what a
store did with an assignment, but not the answer to its offer, the store knows of work that it does not have,
and the offer comes again later. Such events wait here, and are played when it comes: what was picked, handed
over or given back once is not begun a second time. What they did to the stock, and whatever else must not
wait, is a reaction of its own and was written when they came.
"""

from collections.abc import Callable

from edge_agent.database import EdgeUnit
from edge_agent.journal import Reaction, Recorded
from protocol.envelope import decode_event


class Facts:
    """What the events of one sort of work write into its tables, at once or when the work is known."""

    def __init__(self, key: str, known: str) -> None:
        """`key` is the field that names the work, `known` a query that finds its row."""
        self._key = key
        self._known = known
        self._written: dict[str, Reaction] = {}

    def of(self, kind: str) -> Callable[[Reaction], Reaction]:
        """Declare what an event of this kind writes; where its work is not known, the event waits."""

        def declared(fact: Reaction) -> Reaction:
            self._written[kind] = fact

            def written(unit: EdgeUnit, recorded: Recorded) -> None:
                owner = getattr(recorded.body, self._key)
                if recorded.replayed and owner and not self._is_known(unit, owner):
                    unit.connection.execute("INSERT INTO early_events VALUES (?, ?)", (owner, recorded.seq))
                else:
                    fact(unit, recorded)

            written.__doc__ = fact.__doc__
            return written

        return declared

    def play(self, unit: EdgeUnit, owner: str) -> None:
        """Write what waited for this work, now that it is known."""
        connection = unit.connection
        rows = connection.execute(
            "SELECT seq, bytes FROM early_events JOIN events USING (seq) WHERE owner = ? ORDER BY seq",
            (owner,),
        ).fetchall()
        for seq, data in rows:
            event = decode_event(bytes(data))
            self._written[event.kind](unit, Recorded.of_log(seq, event))
        connection.execute("DELETE FROM early_events WHERE owner = ?", (owner,))

    def waits(self, unit: EdgeUnit, owner: str) -> bool:
        """Tell whether this store has spoken of work that it does not know."""
        row = unit.connection.execute("SELECT 1 FROM early_events WHERE owner = ? LIMIT 1", (owner,))
        return row.fetchone() is not None

    def _is_known(self, unit: EdgeUnit, owner: str) -> bool:
        return unit.connection.execute(self._known, (owner,)).fetchone() is not None
