"""A store says which catalogue version it works with."""

from typing import Final

from hub.catalog.rows import catalog_applied
from hub.spine.bulk import Upsert
from hub.spine.work import Applied, Work
from protocol.events import CatalogApplied

_APPLIED: Final = Upsert(catalog_applied)


def on_catalog_applied(work: Work, applied: Applied) -> None:
    """Note the version that a store took over whole."""
    body: CatalogApplied = applied.body
    row = (applied.edge, body.version, body.sha256, body.products, applied.at_us)
    _APPLIED.run(work.connection, [row])
    work.topics.add("fleet")
