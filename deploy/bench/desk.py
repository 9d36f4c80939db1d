"""How long the desk takes to show its queue when ten thousand exceptions are open.

    python -m deploy.bench.desk [--cards 10000]

Ours: `GET /exceptions` of somebody who has signed in, with filters, totals and the first card open, its
choices rehearsed; and a page from the middle of the queue. The limit: reading the same fifty rows of the same
database by the same index, in one statement, and nothing else.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from starlette.testclient import TestClient

from deploy.bench.table import Row, cost
from hub.app import build
from hub.context import Hub
from hub.database import HubUnit
from hub.exceptions.rows import Filter, exceptions, page
from hub.people.steps import add_token
from hub.settings import HubSettings
from hub.spine.steps import raise_exception
from protocol.people import HubRole

CARDS: Final = 10_000
AT_ONCE: Final = 500
LOOKS: Final = 20
TARGET_MS: Final = 200.0
KINDS: Final = ("till_difference", "suspense", "money_difference", "duplicate_number")


def fill(hub: Hub, cards: int) -> None:
    """Raise so many cards as rooms raise them."""

    def step(unit: HubUnit, first: int) -> None:
        work = hub.spine.work(unit)
        for n in range(first, min(cards, first + AT_ONCE)):
            raise_exception(
                work,
                kind=KINDS[n % len(KINDS)],
                subject=f"till:s-{n}",
                title=f"Till {n} closed over or short",
                facts={"location": f"store-{n % 500}", "difference_minor": n},
                owner_role="finance",
                dedupe_key=f"bench:{n}",
            )
        work.flush()

    for first in range(0, cards, AT_ONCE):
        hub.database.write(lambda unit, first=first: step(unit, first))  # type: ignore[misc]  # bound now


def timed_ms(look: Callable[[], object], times: int = LOOKS) -> float:
    """Return the median of some looks, in milliseconds; the first one is not counted."""
    look()
    spans = []
    for _n in range(times):
        began = time.perf_counter()
        look()
        spans.append((time.perf_counter() - began) * 1000)
    return statistics.median(spans)


def measure(cards: int = CARDS) -> list[Row]:
    """Measure both pages of a desk with so many cards."""
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as folder:
        app = build(HubSettings(data_dir=Path(folder)))
        hub: Hub = app.state.hub
        try:
            fill(hub, cards)
            return _measured(app, hub, cards)
        finally:
            hub.database.close()


def _measured(app: object, hub: Hub, cards: int) -> list[Row]:
    token = add_token(hub, name="bench", role=HubRole.OPS)
    client = TestClient(app, headers={"authorization": f"Bearer {token}"})  # type: ignore[arg-type]  # an ASGI app
    now_us = hub.clock.now_us()
    with hub.database.read() as connection:
        middle = page(connection, Filter(now_us=now_us), limit=max(1, cards // 2))[-1]
    bare = (
        sa.select(exceptions)
        .where(exceptions.c.state == "open")
        .order_by(exceptions.c.due_us, exceptions.c.exception_id)
        .limit(50)
    )

    def limit() -> object:
        with hub.database.read() as connection:
            return connection.execute(bare).all()

    def shown(query: str) -> Callable[[], object]:
        def look() -> object:
            answer = client.get(f"/exceptions{query}")
            assert answer.status_code == 200, answer.text
            return answer

        return look

    bare_ms = timed_ms(limit)
    rows = []
    for name, query in (
        ("its first page with a card and its choices", ""),
        ("a page from its middle", f"?after={middle.due_us}.{middle.exception_id}&part=queue"),
    ):
        ours = timed_ms(shown(query))
        said = f"desk of {cards:,} open exceptions: {name}"
        rows.append(cost(said, round(ours, 1), round(bare_ms, 2), "ms", "<= 200 ms", met=ours <= TARGET_MS))
    return rows


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cards", type=int, default=CARDS)
    for row in measure(parser.parse_args().cards):
        print(row)


if __name__ == "__main__":
    main()
