"""A hub between two stores that have goods and send them to each other."""

import json
from typing import Any

import sqlalchemy as sa

from hub.context import Hub
from hub.database import HubUnit
from hub.exceptions.rows import exceptions
from hub.fleet.rows import directives
from hub.transfers.answers import answers_of
from hub.transfers.rows import transfers
from protocol.directives import DirectiveOutcome
from tests.support.promising import rows
from tests.support.transfers import Line, Move, two_stores


class Road:
    """Two stores with goods, and the hub between them."""

    def __init__(self, hub: Hub, entities: tuple[str, str] = ("main", "main")) -> None:
        self.hub = hub
        self.one, self.two = two_stores(hub, entities=entities)
        self.one.stock("A", 10, 300)
        self.one.stock("B", 4, 1000)
        self.two.stock("A", 2, 500)
        self.line = Line(hub, self.one, self.two)
        self.line.all()

    def move(self, *lines: tuple[str, int], **said: Any) -> Move:
        """Return a transfer from the first store to the second, not told yet."""
        return Move(self.one, self.two, lines or [("A", 4), ("B", 1)], **said)

    def head(self) -> dict[str, Any]:
        """Return the newest transfer as the hub has it."""
        return rows(self.hub, transfers)[-1]

    def told(self, edge: str) -> list[tuple[str, dict[str, Any]]]:
        """Return (kind, body) of every directive to a store."""
        return [
            (row["kind"], json.loads(row["bytes"])["body"])
            for row in rows(self.hub, directives)
            if row["edge"] == edge
        ]

    def cards(self) -> list[tuple[str, str]]:
        """Return (kind, owner) of what is open on the desk."""
        with self.hub.database.read() as connection:
            found = connection.execute(
                sa.select(exceptions.c.kind, exceptions.c.owner_role).where(exceptions.c.state == "open")
            ).all()
        return sorted((row.kind, row.owner_role) for row in found)

    def answer(self, edge: str, kind: str, outcome: DirectiveOutcome) -> bool:
        """Let an edge answer the newest directive of a kind."""
        heard = answers_of(self.hub)

        def step(unit: HubUnit) -> bool:
            row = unit.connection.execute(
                sa.select(directives)
                .where(directives.c.edge == edge, directives.c.kind == kind)
                .order_by(directives.c.cseq.desc())
            ).first()
            assert row is not None
            return heard(unit, edge, row, outcome)

        return self.hub.database.write(step)
