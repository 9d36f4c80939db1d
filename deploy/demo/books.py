"""Reads the databases of a demo from outside, as an auditor would: files and SQL, none of the programs' code.

The check at the end of a run must not ask a program whether it was right. So it opens the files read-only
and counts: what the stores say happened, what the hub has of it, and whether the books balance.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protocol.kit.sqlite import Connection, connect


@contextmanager
def reading(file: Path) -> Iterator[Connection]:
    """Open a database for reading, for the length of a block."""
    connection = connect(file, read_only=True)
    try:
        yield connection
    finally:
        connection.close()


def one(file: Path, query: str, *values: Any) -> Any:
    """Return the first column of the first row."""
    with reading(file) as connection:
        row = connection.execute(query, values).fetchone()
        return None if row is None else row[0]


@dataclass(frozen=True, slots=True)
class Told:
    """What was sold and what came back, by somebody's count. Voids are neither: both their halves stand."""

    orders: int = 0
    order_lines: int = 0
    gross_minor: int = 0
    returns: int = 0
    refund_minor: int = 0
    voids: int = 0
    voided_minor: int = 0

    def plus(self, other: "Told") -> "Told":
        """Return the sum of two counts."""
        return Told(
            self.orders + other.orders,
            self.order_lines + other.order_lines,
            self.gross_minor + other.gross_minor,
            self.returns + other.returns,
            self.refund_minor + other.refund_minor,
            self.voids + other.voids,
            self.voided_minor + other.voided_minor,
        )


def duplicates(values: Iterator[Any]) -> int:
    """Return how many values are there more than once, counted by their surplus."""
    return sum(count - 1 for count in Counter(values).values())
