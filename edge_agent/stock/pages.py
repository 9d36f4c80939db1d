"""Stock: what is here, in which bucket, what of it may be sold, and why a number changed."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from edge_agent.catalog import rows as catalog_rows
from edge_agent.context import Edge
from edge_agent.pages import form_of, go_to, show
from edge_agent.stock import steps
from edge_agent.web import edge_of, signed_in
from protocol.errors import Invalid, NotFound
from protocol.kit.sqlite import Connection
from protocol.kit.text import _, inside
from protocol.kit.web.signin import CurrentPerson, require
from protocol.people import StoreRole

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
Manager = Annotated[CurrentPerson, Depends(require(StoreRole.MANAGER))]
LISTED: Final = 40
_OUTSIDE: Final = frozenset({"supplier", "customer", "adjustment", "opening", "missing"})

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One movement as a person reads it."""

    at_us: int
    word: str
    says: str
    quantity: str
    link: str


@router.get("/stock")
async def stock(
    request: Request, edge: AnyEdge, _person: Anybody, q: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """Search what is here."""
    connection = edge.database.read()
    found = [
        (product, steps.parts(connection, edge, product.sku, name=product.name, bin_=product.bin))
        for product in catalog_rows.search(connection, q, LISTED)
    ]
    return show(request, "stock/stock.html", found=found, q=q, full=len(found) == LISTED)


@router.post("/stock/scan")
async def scan(request: Request, edge: AnyEdge, _person: Anybody) -> Response:
    """Open the product that was scanned."""
    code = (await form_of(request)).get("code")
    product = edge.products.scan(edge.database.read(), code)
    if product is None:
        raise NotFound(
            _("{code} is not in the catalogue of this store.", code=code[:40]),
            _("Scan it once more, or type its name."),
            code="unknown_code",
        )
    return go_to(request, f"/stock/{product.sku}")


@router.get("/stock/{sku}")
async def product(request: Request, sku: str, edge: AnyEdge, person: Anybody) -> Response:
    """Show everything about one product in this store."""
    return show(request, "stock/product.html", **_view(edge, sku, person))


@router.post("/stock/{sku}/move")
async def move(request: Request, sku: str, edge: AnyEdge, person: Manager) -> Response:
    """Receive or correct stock of one product."""
    form = await form_of(request)
    reason = form.get("reason")
    units = form.whole("units")
    try:
        wanted = steps.Moves.model_validate(
            {
                "key": form.get("key"),
                "reason": reason,
                "reference": form.get("reference")[:80],
                "lines": [
                    {
                        "sku": sku,
                        "quantity": -units if reason == "adjusted" and form.get("way") == "out" else units,
                    }
                ],
            }
        )
    except ValidationError as error:
        raise Invalid(_("This movement cannot be written."), _("Check the number of units.")) from error
    if units <= 0:
        raise Invalid(_("At least one unit has to move."), _("Type how many."))
    await edge.database.awrite(lambda unit: steps.move(unit, edge, wanted, person=person))
    toast = _("Written down: {units} {word}.", units=units, word=inside(reason_word(reason)))
    return show(request, "stock/product.html", toast=toast, **_view(edge, sku, person))


def _view(edge: Edge, sku: str, person: CurrentPerson) -> dict[str, Any]:
    connection = edge.database.read()
    found = edge.products.find(connection, sku)
    if found is None:
        raise NotFound(
            _("There is no product {sku} here.", sku=sku[:40]), _("Search by name."), code="unknown_sku"
        )
    everything = steps.everything(connection, edge, sku)
    return {
        "product": found,
        "stock": everything,
        "barcodes": catalog_rows.barcodes_of(connection, sku),
        "buckets": [(bucket_word(bucket), quantity) for bucket, quantity in everything.buckets.items()],
        "changes": [_change(connection, why) for why in everything.why],
        "may_change": person.role == StoreRole.MANAGER,
        "key": edge.ids.new_id(),
    }


def _change(connection: Connection, why: steps.WhyView) -> Change:
    order = connection.execute(
        "SELECT number FROM orders WHERE seq = ? UNION ALL SELECT o.number FROM returns r JOIN orders o"
        " USING (order_id) WHERE r.seq = ?",
        (why.seq, why.seq),
    ).fetchone()
    number = str(order[0]) if order else ""
    comes = why.from_bucket in _OUTSIDE
    sign = "+" if comes else "\u2212" if why.to_bucket in _OUTSIDE else ""
    says = f"{bucket_word(why.from_bucket)} → {bucket_word(why.to_bucket)}"
    return Change(
        why.at_us,
        number or reason_word(why.reason),
        says,
        f"{sign}{why.quantity:,}",
        f"/orders/{number}" if number else "",
    )


def bucket_word(bucket: str) -> str:
    """Return a bucket as people say it."""
    words = {
        "sellable": _("On the shelf"),
        "reserved": _("Reserved"),
        "picked": _("Picked"),
        "held": _("Held"),
        "returns": _("To be inspected"),
        "quarantine": _("Kept apart, damaged"),
        "repair": _("In repair"),
        "liquidation": _("To be cleared"),
        "in_transit": _("On its way"),
        "supplier": _("Supplier"),
        "customer": _("Customer"),
        "adjustment": _("Correction"),
        "opening": _("Opening stock"),
        "missing": _("Missing"),
    }
    return words.get(bucket, bucket)


def reason_word(reason: str) -> str:
    """Return why stock moved."""
    words = {
        "sale": _("Sale"),
        "sold": _("Sale"),
        "return": _("Return"),
        "void": _("Voided sale"),
        "opening": _("Opening stock"),
        "received": _("Received"),
        "adjusted": _("Corrected"),
    }
    return words.get(reason, reason)
