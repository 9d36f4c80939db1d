"""What every room of the store is handed: its parts, in one place, made once by `app.build`.

Rooms know each other through here and through the journal only. `products` and `tills` are named by what a
counter needs of them, so the counter does not import the rooms that keep them. `wake_link`, `wake_paper`
and `wake_contacts` are replaced by the owners of those threads; until then they do nothing.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from edge_agent.along import TakenAlong
from edge_agent.database import EdgeDatabase, EdgeUnit
from edge_agent.journal import Identity, Journal
from edge_agent.settings import EdgeSettings
from protocol.catalog import Product
from protocol.clock import Clock
from protocol.directives import OrderSettled
from protocol.elsewhere import OrderElsewhere
from protocol.errors import Refused
from protocol.ids import IdMaker, format_number
from protocol.kit.sqlite import Connection
from protocol.kit.web.signin import CurrentPerson
from protocol.kit.web.sse import Broadcaster
from protocol.rules.discounts import Authority


class Products(Protocol):
    """What a counter asks of the catalogue."""

    def find(self, connection: Connection, sku: str) -> Product | None:
        """Return a product by its SKU, active or not."""

    def find_all(self, connection: Connection, skus: Iterable[str]) -> dict[str, Product]:
        """Return the products of these SKUs, active or not; one that is unknown is left out."""

    def scan(self, connection: Connection, code: str) -> Product | None:
        """Return the product that a scanned code means, active or not."""

    def sold(self, connection: Connection, code: str) -> tuple[Product, int] | None:
        """Return what a scan at a till sells, active or not, and how many; a weighed piece has its price."""

    def misread(self, code: str) -> bool:
        """Tell whether a code that means nothing was read wrong, so that it is scanned again."""

    def search(self, connection: Connection, text: str, limit: int) -> tuple[Product, ...]:
        """Return products by the beginning of a SKU or code, then by words."""


SYSTEM: Final = CurrentPerson("", "", "")
"""Who acts when nobody does: a directive, a clock."""


def _nothing() -> None:
    """Stand in for a thread that has not been started."""


@dataclass(frozen=True, slots=True)
class ParkedBasket:
    """What the slip of a parked basket says; parking is no event, so paper is asked for it here."""

    number: str
    version: int
    device: str
    units: int
    total_minor: int
    note: str


def _no_paper(_unit: EdgeUnit, _basket: ParkedBasket, _person: CurrentPerson) -> str:
    """Stand in for a store without the room `paper`."""
    return ""


def _unsigned(_connection: Connection, _order_id: str) -> str:
    """Stand in for a store that has no key to sign receipts with."""
    return ""


def _no_serials(_connection: Connection, _products: Iterable[Product]) -> frozenset[str]:
    """Stand in for a store whose policy asks for no serial numbers."""
    return frozenset()


def _not_settled(_unit: EdgeUnit, _settled: OrderSettled) -> None:
    """Stand in for a store that takes no orders for later."""


def _not_elsewhere(_unit: EdgeUnit, _told: OrderElsewhere) -> None:
    """Stand in for a store that takes no orders for later."""


def _none_along(_connection: Connection, _skus: Collection[str] | None = None) -> tuple[TakenAlong, ...]:
    """Stand in for a store without handhelds."""
    return ()


def _offline() -> bool:
    """Stand in for a link that has not been started."""
    return False


@dataclass(eq=False)
class Edge:
    """One running store."""

    settings: EdgeSettings
    database: EdgeDatabase
    clock: Clock
    ids: IdMaker
    identity: Identity
    broadcaster: Broadcaster
    products: Products
    authority: Authority
    journal: Journal = field(init=False)
    wake_link: Callable[[], None] = _nothing
    wake_paper: Callable[[], None] = _nothing
    wake_contacts: Callable[[], None] = _nothing
    print_parked: Callable[[EdgeUnit, ParkedBasket, CurrentPerson], str] = _no_paper
    """Queues the slip of a parked basket and returns its job; the room `paper` gives it."""
    order_settled: Callable[[EdgeUnit, OrderSettled], None] = _not_settled
    """Notes what the hub says of an order this store took; the room that takes such orders gives it."""
    order_elsewhere: Callable[[EdgeUnit, OrderElsewhere], None] = _not_elsewhere
    """Counts what others recorded about an order this store took; the same room gives it."""
    receipt_key: str = ""
    """The public half of the key that signs receipts here; every HELLO says it."""
    sign_receipt: Callable[[Connection, str], str] = _unsigned
    """Returns what the signed code of an order's receipt says; empty where there is none."""
    serial_skus: Callable[[Connection, Iterable[Product]], frozenset[str]] = _no_serials
    """Tells which products have a serial number on each unit; the room of the policy gives it."""
    taken_along: Callable[[Connection, Collection[str] | None], tuple[TakenAlong, ...]] = _none_along
    """Returns what handhelds have taken along, all of it or what has these SKUs; `fulfil` gives it."""
    online: Callable[[], bool] = _offline
    """Whether the hub answers at this moment; the link says so once it runs."""

    def committed(self) -> None:
        """Tell the link, the printers and every open page that events were added; runs after COMMIT."""
        self.wake_link()
        self.wake_paper()
        self.broadcaster.publish("strip")
        self.broadcaster.publish("sync")

    def number(self, unit: EdgeUnit, series: str = "") -> str:
        """Return the next printed number of a series.

        None for orders, R returns, Z closes, P parked baskets, L pick lists, B bags and parcels, T tracking,
        M manifests, C counts, A adjustments, W deliveries received, X transfers,
        S store credit, G gift cards, D decisions about goods.
        """
        row = unit.connection.execute(
            "INSERT INTO counters (name, value) VALUES (?, 1)"
            " ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (series or "order",),
        ).fetchone()
        ordinal = unit.connection.execute("SELECT value FROM meta WHERE key = 'ordinal'").fetchone()
        return format_number(self.settings.code, int(ordinal[0]), row[0], series)


def identify(database: EdgeDatabase, settings: EdgeSettings, ids: IdMaker) -> Identity:
    """Return who this database is; the first start gives it its incarnation.

    Raises:
        Refused: the file belongs to another location than the settings say.
    """

    def step(unit: EdgeUnit) -> dict[str, str]:
        unit.connection.executemany(
            "INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)",
            [("edge", settings.edge), ("inc", ids.secret(16)), ("ordinal", str(settings.ordinal))],
        )
        return dict(tuple(row) for row in unit.connection.execute("SELECT key, value FROM meta"))

    meta = database.write(step)
    if meta["edge"] != settings.edge:
        raise Refused(
            f"The data in {settings.data_dir} belong to {meta['edge']}, the settings say {settings.edge}.",
            "Give the folder of this location in data_dir, or correct the setting edge.",
            code="other_edge",
        )
    return Identity(edge=meta["edge"], inc=meta["inc"], ordinal=int(meta["ordinal"]))
