"""One real store for tests of what happens behind the counter: real SQLite, the real table of reactions."""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_agent.app import parts
from edge_agent.context import Edge
from edge_agent.counter.steps import sale as counter
from edge_agent.database import EdgeUnit
from edge_agent.journal import Recorded
from edge_agent.journey import reactions
from edge_agent.people import rows as people
from edge_agent.people.sessions import token_hash
from edge_agent.returns import steps as returns
from edge_agent.settings import EdgeSettings
from edge_agent.till import steps as till
from protocol.envelope import decode_event
from protocol.events import StockLine, StockMoved
from protocol.kit.web.signin import CurrentPerson
from protocol.people import StoreRole

NOON_US = 1_291_204_800_000_000  # 2010-12-01 12:00 UTC
SECOND_US = 1_000_000
SHADOWS = (
    "orders",
    "order_lines",
    "order_tenders",
    "returns",
    "return_lines",
    "return_tenders",
    "stored_value",
    "stored_value_moves",
    "till_sessions",
    "exceptions",
    "balances",
    "movements",
)


class DayClock:
    """A clock that goes on by a second whenever it is asked, and jumps when told."""

    def __init__(self, start_us: int = NOON_US) -> None:
        self.at_us = start_us

    def now_us(self) -> int:
        """Return the time, a second later than the last."""
        self.at_us += SECOND_US
        return self.at_us

    def monotonic(self) -> float:
        """Return seconds."""
        return self.at_us / SECOND_US


class CountingIds:
    """Ids in order, so that two runs are the same."""

    def __init__(self) -> None:
        self._next = itertools.count(1)

    def new_id(self) -> str:
        """Return the next id."""
        return f"00000000-0000-7000-8000-{next(self._next):012d}"

    def secret(self, n_bytes: int) -> str:
        """Return the next secret."""
        return f"{next(self._next):0{n_bytes * 2}x}"


class Store:
    """A store with two tills, three people and a handful of products."""

    def __init__(self, folder: Path, clock: Any = None, ids: Any = None, **settings: Any) -> None:
        said: dict[str, Any] = {
            "edge": "store-1",
            "code": "LB",
            "store_name": "London Bridge",
            "data_dir": folder,
            "marker_file": folder / "marker",
            "tills": ("till-1", "till-2"),
        }
        self.clock = clock or DayClock()
        self.edge: Edge = parts(EdgeSettings(**(said | settings)), clock=self.clock, ids=ids or CountingIds())
        self.associate = CurrentPerson("a-osei", "A. Osei", "associate", "till-1", "s1")
        self.lead = CurrentPerson("s-rowe", "S. Rowe", "lead", "till-1", "s2")
        self.manager = CurrentPerson("m-khan", "M. Khan", "manager", "till-1", "s3")
        self._keys = itertools.count(1)
        self.edge.database.write(self._furnish)
        self.edge.database.write(self._fill_shelves)  # event 1: nothing is ever sold beyond stock here

    def _furnish(self, unit: EdgeUnit) -> None:
        for person in (self.associate, self.lead, self.manager):
            role = StoreRole(person.role)
            people.insert_person(
                unit,
                people.Person(
                    person_id=person.person_id,
                    name=person.name,
                    role=role,
                    badge=None,
                    language="en",
                    active=True,
                    failed=0,
                    locked_until_us=0,
                    pin_hash="-",
                ),
            )
        unit.connection.executemany(
            "INSERT INTO products (sku, name, kind, price_minor, rate_ppm, unit_cost_minor, version)"
            " VALUES (?, ?, ?, ?, ?, ?, 1)",
            [
                ("85123A", "White hanging heart", "goods", 255, 200_000, 128),
                ("71053", "White metal lantern", "goods", 339, 200_000, 170),
                ("BOOK", "Children's book", "goods", 799, 0, 400),
                ("POST", "Postage", "service", 1800, 200_000, 0),
            ],
        )

    def _fill_shelves(self, unit: EdgeUnit) -> None:
        lines = [
            StockLine(sku=sku, quantity=100_000, from_bucket="opening", to_bucket="sellable")
            for sku in ("85123A", "71053", "BOOK")
        ]
        self.edge.journal.record(unit, StockMoved(reason="opening", lines=tuple(lines)))

    def close(self) -> None:
        """Close the database."""
        self.edge.database.close()

    def key(self) -> str:
        """Return a key that was not used before."""
        return f"k{next(self._keys)}"

    def word(self, person: CurrentPerson, action: str) -> str:
        """Return a token that carries a person's word for an action."""
        token = self.edge.ids.secret(16)

        def step(unit: EdgeUnit) -> None:
            people.insert_approval(
                unit,
                token_hash=token_hash(token),
                person_id=person.person_id,
                action=action,
                reason="",
                device="till-1",
                expires_us=self.edge.clock.now_us() + 120 * SECOND_US,
            )

        self.edge.database.write(step)
        return token

    def open(self, name: str = "till-1", *, float_minor: int = 10_000, **more: Any) -> till.Opened:
        """Open a till."""
        command = till.OpenTill(key=self.key(), float_minor=float_minor, **more)
        return self.edge.database.write(
            lambda unit: till.open_till(unit, self.edge, name, command, person=self.associate)
        )[0]

    def sell(
        self,
        lines: Sequence[tuple[str, int]] = (("85123A", 1),),
        *,
        name: str = "till-1",
        card_minor: int | None = None,
        discount_minor: int = 0,
    ) -> counter.Sold:
        """Sell lines of (sku, quantity): for cash, or with so much of it on a card."""
        prices = {"85123A": 255, "71053": 339, "BOOK": 799, "POST": 1800}
        total = sum(prices[sku] * quantity for sku, quantity in lines) - discount_minor
        card = min(card_minor or 0, total)
        tenders = [{"kind": "card", "amount_minor": card, "last4": "4242"}] if card else []
        if total - card:
            tenders.append({"kind": "cash", "amount_minor": total - card})
        command = counter.Sale.model_validate(
            {
                "key": self.key(),
                "till": name,
                "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines],
                "order_discount_minor": discount_minor,
                "tenders": tenders,
            }
        )
        return self.edge.database.write(
            lambda unit: counter.sell(unit, self.edge, command, person=self.manager)
        )[0]

    def bring_back(
        self,
        number: str,
        lines: Sequence[tuple[int, int]],
        *,
        person: CurrentPerson | None = None,
        key: str | None = None,
        reason: str = "changed_mind",
        **more: Any,
    ) -> returns.Returned:
        """Return units: lines of (line number, quantity)."""
        wanted = [{"line_no": line_no, "quantity": count, "reason": reason} for line_no, count in lines]
        command = returns.ReturnUnits.model_validate({"key": key or self.key(), "lines": wanted, **more})
        who = person or self.lead
        return self.edge.database.write(
            lambda unit: returns.return_units(unit, self.edge, number, command, person=who)
        )[0]

    def void(
        self, number: str, *, person: CurrentPerson | None = None, approval: str | None = None
    ) -> returns.Returned:
        """Void a sale."""
        command = returns.VoidOrder(key=self.key(), reason="rung up twice", approval=approval)
        who = person or self.lead
        return self.edge.database.write(
            lambda unit: returns.void_order(unit, self.edge, number, command, person=who)
        )[0]

    def count(self, counted_minor: int, name: str = "till-1") -> till.Counted:
        """Count a drawer as one total."""
        command = till.CountTill(counted_minor=counted_minor)
        return self.edge.database.write(
            lambda unit: till.count(unit, self.edge, name, command, person=self.associate)
        )

    def close_till(
        self, name: str = "till-1", *, person: CurrentPerson | None = None, approval: str | None = None
    ) -> till.Closed:
        """Close a till."""
        command = till.CloseTill(key=self.key(), approval=approval)
        return self.edge.database.write(
            lambda unit: till.close(unit, self.edge, name, command, person=person or self.associate)
        )[0]

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Return every row of a table."""
        return sorted(tuple(row) for row in self.edge.database.read().execute(f"SELECT * FROM {table}"))

    def shadows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every table that follows from the log."""
        return {table: self.rows(table) for table in SHADOWS}

    def newest_seq(self) -> int:
        """Return how many events there are."""
        return self.edge.journal.last(self.edge.database.read())[0]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """Return the bodies of the events of a kind, as they were stored."""
        found = self.edge.database.read().execute(
            "SELECT bytes FROM events WHERE kind = ? ORDER BY seq", (kind,)
        )
        return [json.loads(row[0])["body"] for row in found]

    def rebuild(self) -> None:
        """Empty every table that follows from the log and make it anew."""
        table = reactions()

        def step(unit: EdgeUnit) -> None:
            for name in SHADOWS:
                unit.connection.execute(f"DELETE FROM {name}")
            for seq, data in unit.connection.execute("SELECT seq, bytes FROM events ORDER BY seq").fetchall():
                again = Recorded.of_log(seq, decode_event(data))
                for reaction in table[again.kind]:
                    reaction(unit, again)

        self.edge.database.write(step)
