"""What the benchmarks write for programs, and what they print for people."""

import io
import json
from pathlib import Path

from rich.console import Console

from deploy.bench.table import Row, cost, from_facts, number, percentile, rate, save, show


def test_the_file_of_the_benchmarks_has_exactly_the_promised_keys(tmp_path: Path) -> None:
    rows = [
        rate("capture", 600, 1000, "sales/s", ">= 50 %", met=True, notes="p50_ms 1"),
        cost("start", 4.0, 1.0, "s", "<= 2 s", met=False),
    ]

    save(rows, tmp_path / "bench.json")

    assert json.loads((tmp_path / "bench.json").read_text(encoding="utf-8")) == {
        "rows": [
            {
                "name": "capture",
                "ours": 600,
                "limit": 1000,
                "ratio": 0.6,
                "unit": "sales/s",
                "target": ">= 50 %",
                "met": True,
            },
            {
                "name": "start",
                "ours": 4.0,
                "limit": 1.0,
                "ratio": 0.25,
                "unit": "s",
                "target": "<= 2 s",
                "met": False,
            },
        ]
    }


def test_what_else_a_benchmark_says_becomes_a_note_beside_its_row() -> None:
    facts = {"name": "scan", "ours": 1, "limit": 2, "ratio": 2.0, "unit": "ms", "target": 0.25, "met": True}

    row = from_facts(facts | {"p50_ms": 0.5, "failed": 0})

    assert row == Row("scan", 1, 2, 2.0, "ms", "0.25", met=True, notes="p50_ms 0.5, failed 0")


def test_a_row_that_misses_its_target_says_no_in_the_table() -> None:
    out = io.StringIO()

    show([cost("start", 4.0, 1.0, "s", "<= 2 s", met=False)], Console(file=out, width=160))

    line = next(line for line in out.getvalue().splitlines() if "start" in line)
    assert [cell.strip() for cell in line.strip("│").split("│")] == [
        "start",
        "4",
        "1",
        "0.25",
        "s",
        "<= 2 s",
        "no",
        "",
    ]


def test_numbers_are_written_as_people_read_them() -> None:
    assert [number(value) for value in (12345.6, 99.94, 0.0123, 20)] == ["12,346", "99.9", "0.0123", "20"]
    assert percentile([5.0, 1.0, 3.0], 0.5) == 3.0
    assert percentile([5.0, 1.0, 3.0], 0.99) == 5.0
