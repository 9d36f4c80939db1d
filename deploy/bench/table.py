"""A row of the benchmarks, the table of all rows, and `bench.json`.

`ratio` says the same for every row: how much of the limit is reached, 1 being the limit itself. For a rate it
is ours / limit, for a time or a size it is limit / ours.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement beside its limit."""

    name: str
    ours: float
    limit: float
    ratio: float
    unit: str
    target: str
    met: bool
    notes: str = ""
    """What else was seen; shown in the table, not kept in the file."""


def rate(name: str, ours: float, limit: float, unit: str, target: str, *, met: bool, notes: str = "") -> Row:
    """Return a row where more is better."""
    return Row(name, ours, limit, round(ours / limit, 3) if limit else 0.0, unit, target, met, notes)


def cost(name: str, ours: float, limit: float, unit: str, target: str, *, met: bool, notes: str = "") -> Row:
    """Return a row where less is better."""
    return Row(name, ours, limit, round(limit / ours, 3) if ours else 0.0, unit, target, met, notes)


def from_facts(facts: dict[str, Any]) -> Row:
    """Return the row that a single benchmark printed; whatever else it says becomes notes."""
    known = ("name", "ours", "limit", "ratio", "unit", "target", "met")
    notes = ", ".join(f"{word} {value}" for word, value in facts.items() if word not in known)
    name, ours, limit, ratio, unit, target, met = (facts[name] for name in known)
    return Row(name, ours, limit, ratio, unit, str(target), met, notes)


def save(rows: Sequence[Row], file: Path) -> None:
    """Write the rows for programs."""
    kept = [
        {
            "name": row.name,
            "ours": row.ours,
            "limit": row.limit,
            "ratio": row.ratio,
            "unit": row.unit,
            "target": row.target,
            "met": row.met,
        }
        for row in rows
    ]
    file.write_text(json.dumps({"rows": kept}, indent=2) + "\n", encoding="utf-8")


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the rows for people."""
    table = Table(title="Orderspine, beside what a few bare lines reach on this machine")
    for heading in ("row", "ours", "limit", "ratio", "unit", "target", "met", "also"):
        table.add_column(heading, justify="right" if heading in {"ours", "limit", "ratio"} else "left")
    for row in rows:
        met = "[green]yes[/]" if row.met else "[red]no[/]"
        table.add_row(
            row.name,
            number(row.ours),
            number(row.limit),
            f"{row.ratio:.2f}",
            row.unit,
            row.target,
            met,
            row.notes,
        )
    console.print(table)


def number(value: float) -> str:
    """Return a number as people read it."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(times: Sequence[float], share: float) -> float:
    """Return a percentile of measured times."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
