"""How soon a restarted store sells again, with 200,000 SKUs and 100,000 orders in its file.

    python -m deploy.bench.start [--products 200000] [--orders 100000]

Ours: from starting the process to the answer to its first sale, by somebody who was signed in before. The
limit: the same for a bare FastAPI application that writes a durable sale into an empty file. The median of
several starts each.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from deploy.bench.company import TILL, products, take_orders
from deploy.bench.edge_capture import PIN, call, free_port, serving, serving_bare
from deploy.bench.table import Row, cost
from deploy.demo.setup import as_csv
from edge_agent.app import parts
from edge_agent.catalog.steps import import_csv
from edge_agent.people.steps import add_person
from edge_agent.settings import load_settings
from protocol.people import StoreRole

STARTS: Final = 3
TARGET_SECONDS: Final = 2.0


def prepare(folder: Path, goods: int, orders: int) -> Path:
    """Make a store that has traded, and return its settings file."""
    config = folder / "edge.toml"
    config.write_text(
        f'edge = "bench-1"\ndata_dir = "{folder}/edge"\nmarker_file = "{folder}/marker"\n'
        f"port = {free_port()}\n",
        encoding="utf-8",
    )
    catalogue = folder / "products.csv"
    catalogue.write_text(as_csv(products(goods)), encoding="utf-8")
    edge = parts(load_settings(config))
    try:
        add_person(edge, name="B. Hale", role=StoreRole.MANAGER, pin=PIN)
        import_csv(edge, catalogue, whole=True)
        take_orders(edge, orders, goods)
    finally:
        edge.database.close()
    return config


def first_sale(serve: AbstractContextManager[Any], sell: Callable[[], object]) -> float:
    """Return the seconds from starting a process to the answer to its first sale."""
    began = time.perf_counter()
    with serve:
        sell()
        return time.perf_counter() - began


def ours(config: Path) -> float:
    """Return the median of several starts of the store."""
    port = load_settings(config).port
    with serving(config):
        signed = call(port, "/api/sign-in", {"person_id": "b-hale", "pin": PIN, "device": TILL})
        token = str(signed["token"])
    return statistics.median(
        first_sale(serving(config), lambda n=n: call(port, "/api/sales", sale(n), token))  # type: ignore[misc]  # bound now
        for n in range(STARTS)
    )


def bare(folder: Path) -> float:
    """Return the median of several starts of the bare application."""
    port = free_port()
    return statistics.median(
        first_sale(
            serving_bare(folder / f"bare-{n}.db", port),
            lambda n=n: call(port, "/sale", sale(n)),  # type: ignore[misc]  # bound now
        )
        for n in range(STARTS)
    )


def sale(n: int) -> dict[str, object]:
    """Return a sale of three lines."""
    return {
        "key": f"start-{n}",
        "till": TILL,
        "lines": [{"sku": f"SKU-{line:06d}", "quantity": 1} for line in range(3)],
        "tenders": [{"kind": "cash", "amount_minor": 200_00}],
    }


def measure(goods: int = 200_000, orders: int = 100_000) -> list[Row]:
    """Return the row of this benchmark."""
    with tempfile.TemporaryDirectory(prefix="orderspine-bench-") as name:
        folder = Path(name)
        config = prepare(folder, goods, orders)
        limit, seconds = bare(folder), ours(config)
        megabytes = (folder / "edge" / "edge.db").stat().st_size / 1e6
    return [
        cost(
            f"start: first sale, {goods:,} SKUs, {orders:,} orders",
            round(seconds, 2),
            round(limit, 2),
            "s",
            f"<= {TARGET_SECONDS:g} s",
            met=seconds <= TARGET_SECONDS,
            notes=f"file of {megabytes:,.0f} MB",
        )
    ]


def main() -> None:
    """Print the row."""
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("--products", type=int, default=200_000)
    said.add_argument("--orders", type=int, default=100_000)
    asked = said.parse_args()
    for row in measure(asked.products, asked.orders):
        print(row)


if __name__ == "__main__":
    main()
