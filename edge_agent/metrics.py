"""Figures for Prometheus, read from the database when they are asked for: nothing is counted twice."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from edge_agent.context import Edge
from edge_agent.link.service import LinkService


class EdgeFigures(Collector):
    """What a store's operator watches."""

    def __init__(self, edge: Edge, link: LinkService) -> None:
        self._edge = edge
        self._link = link

    def collect(self) -> Iterator[Metric]:
        """Yield every figure as it is now."""
        status = self._link.status()
        now_us = self._edge.clock.now_us()
        yield CounterMetricFamily("orderspine_edge_events", "Events captured here.", value=status.newest)
        yield GaugeMetricFamily(
            "orderspine_edge_unsent_events", "Not acknowledged by the hub.", status.unsent
        )
        yield GaugeMetricFamily(
            "orderspine_edge_oldest_unsent_seconds", "Age of the oldest of them.", status.oldest_ms / 1000
        )
        since = (now_us - status.last_ack_us) / 1_000_000 if status.last_ack_us else float("nan")
        yield GaugeMetricFamily("orderspine_edge_last_ack_seconds", "Since the hub last acknowledged.", since)
        online = float(status.state in {"online", "sending"})
        yield GaugeMetricFamily("orderspine_edge_online", "1 while the hub answers.", online)
        yield from self._tables()

    def _tables(self) -> Iterator[Metric]:
        connection = self._edge.database.read()
        orders, total_minor = connection.execute(
            "SELECT count(*), coalesce(sum(total_minor), 0) FROM orders"
        ).fetchone()
        yield CounterMetricFamily("orderspine_edge_orders", "Sales made here.", value=orders)
        yield CounterMetricFamily("orderspine_edge_sold_minor", "What they came to.", value=total_minor)
        jobs = GaugeMetricFamily("orderspine_edge_print_jobs", "Slips by state.", labels=["state"])
        for state, count in connection.execute("SELECT state, count(*) FROM print_jobs GROUP BY state"):
            jobs.add_metric([state], count)
        yield jobs
        waiting = connection.execute("SELECT count(*) FROM exceptions WHERE closed_us IS NULL").fetchone()[0]
        yield GaugeMetricFamily("orderspine_edge_open_exceptions", "What needs a person.", waiting)
        size = self._edge.database.path.stat().st_size
        yield GaugeMetricFamily("orderspine_edge_database_bytes", "Size of the store's file.", size)
        pages = self._edge.broadcaster.listeners
        yield GaugeMetricFamily("orderspine_edge_open_pages", "Pages that listen.", pages)


def exposition(edge: Edge, link: LinkService) -> tuple[bytes, str]:
    """Return the figures in Prometheus' text form, and their media type."""
    registry = CollectorRegistry()
    registry.register(EdgeFigures(edge, link))
    return generate_latest(registry), CONTENT_TYPE_LATEST
