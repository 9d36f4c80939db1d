"""Stock: what is here, in which bucket, what of it may be sold, and why a number changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.catalog import rows as catalog_rows
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, go_to, show, with_word
from edge_agent.paper import steps as paper_steps
from edge_agent.paper.leads import place_of
from edge_agent.stock import adjusting, steps
from edge_agent.stock.adjusting import Adjusted, AdjustStock
from edge_agent.stock.count_models import Revoke
from edge_agent.stock.words import adjust_says, adjust_word, sold_parts
from edge_agent.web import edge_of, signed_in
from protocol.dispositions import DECIDED
from protocol.errors import Invalid, NotFound
from protocol.kit.disposition_words import disposition_word
from protocol.kit.sqlite import Connection
from protocol.kit.text import _, inside
from protocol.kit.web.signin import CurrentPerson
from protocol.movements import OUTSIDE
from protocol.people import StoreRole, at_least
from protocol.stock import REASONS

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
LISTED: Final = 40

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
async def scan(request: Request, edge: AnyEdge, person: Anybody) -> Response:
    """Open the product that was scanned, or what a slip is about; the slip has then been seen."""
    code = (await form_of(request)).get("code")[:512]
    place = place_of(edge.database.read(), edge, code)
    if place:
        await edge.database.awrite(lambda unit: paper_steps.slip_seen(unit, edge, code, person=person))
        return go_to(request, place)
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


@router.post("/stock/{sku}/adjust")
async def adjust(request: Request, sku: str, edge: AnyEdge, person: Anybody) -> Response:
    """Correct the stock of one product for a named reason; whose word that needs is asked in place."""
    form = await form_of(request)
    line = {"sku": sku, "quantity": form.whole("units")}
    wanted = command(
        AdjustStock,
        key=form.get("key"),
        reason=form.get("reason")[:40],
        note=form.get("note")[:300],
        lines=[line],
    )

    def step(unit: EdgeUnit, token: str | None) -> tuple[Adjusted, bool]:
        return adjusting.adjust(unit, edge, with_word(wanted, token), person=person)

    title = adjust_word(form.get("reason")) or _("Correct the stock")
    ask = Ask(title, rows=[(_("Units"), str(line["quantity"]))], keep=_("Back"), allow=_("Write it down"))
    done = await ask_in_place(request, edge, person, form, ask, step)
    return done if isinstance(done, Response) else _adjusted(request, edge, sku, person, done[0])


@router.post("/stock/{sku}/unadjust")
async def unadjust(request: Request, sku: str, edge: AnyEdge, person: Anybody) -> Response:
    """Take a correction back; a manager agrees in place."""
    form = await form_of(request)
    wanted = command(Revoke, key=form.get("key"), reason=form.get("note")[:300] or _("Taken back"))
    number = form.get("number")[:64]

    def step(unit: EdgeUnit, token: str | None) -> tuple[Adjusted, bool]:
        return adjusting.undo(unit, edge, number, with_word(wanted, token), person=person)

    ask = Ask(_("Take back {number}", number=number), keep=_("Back"), allow=_("Take it back"))
    done = await ask_in_place(request, edge, person, form, ask, step)
    return done if isinstance(done, Response) else _adjusted(request, edge, sku, person, done[0])


def _adjusted(request: Request, edge: Edge, sku: str, person: CurrentPerson, done: Adjusted) -> Response:
    toast = _("Written down: {units} {word}.", units=done.units, word=inside(reason_word(done.reason)))
    missing = done.deficits[0].missing if done.deficits else 0
    warn = _("{n} more are promised than are here.", n=missing) if missing else ""
    view = _view(edge, sku, person)
    return show(request, "stock/product.html", toast="" if warn else toast, warn=warn, **view)


def _view(edge: Edge, sku: str, person: CurrentPerson) -> dict[str, Any]:
    connection = edge.database.read()
    found = edge.products.find(connection, sku)
    if found is None:
        raise NotFound(
            _("There is no product {sku} here.", sku=sku[:40]), _("Search by name."), code="unknown_sku"
        )
    everything = steps.everything(connection, edge, sku)
    reasons = _reasons(everything.buckets, person)
    return {
        "product": found,
        "stock": everything,
        "parts": sold_parts(everything),
        "barcodes": catalog_rows.barcodes_of(connection, sku),
        "buckets": [(bucket_word(bucket), quantity) for bucket, quantity in everything.buckets.items()],
        "changes": [_change(connection, why) for why in everything.why],
        "reasons": reasons,
        "reason_words": [(reason.value, reason.word) for reason in reasons],
        "corrections": [
            one for one in adjusting.listed(connection, 5, sku) if not (one.undoes or one.undone_by)
        ],
        "adjust_word": adjust_word,
        "key": edge.ids.new_id(),
    }


def why_of(form: Form) -> str:
    """Return why somebody does something, as a form says it.

    Raises:
        Invalid: `no_reason`, it says nothing.
    """
    if not form.get("reason"):
        raise Invalid(_("Nothing says why."), _("Type it in a few words."), code="no_reason")
    return form.get("reason")[:300]


@dataclass(frozen=True, slots=True)
class ReasonShown:
    """A reason to correct stock, with what it does."""

    value: str
    word: str
    says: str
    alone: bool
    """Whether this person may do it without another's word."""


def _reasons(buckets: Mapping[str, int], person: CurrentPerson) -> list[ReasonShown]:
    """Return the reasons that could be meant: none that takes from where nothing is."""
    role = StoreRole(person.role)
    return [
        ReasonShown(code, adjust_word(code), adjust_says(code), at_least(role, rule.role))
        for code, rule in REASONS.items()
        if rule.from_bucket in OUTSIDE or buckets.get(rule.from_bucket.value, 0) > 0
    ]


def _change(connection: Connection, why: steps.WhyView) -> Change:
    order = connection.execute(
        "SELECT number FROM orders WHERE seq = ? UNION ALL SELECT o.number FROM returns r JOIN orders o"
        " USING (order_id) WHERE r.seq = ?",
        (why.seq, why.seq),
    ).fetchone()
    number = str(order[0]) if order else ""
    comes = why.from_bucket in OUTSIDE
    sign = "+" if comes else "\u2212" if why.to_bucket in OUTSIDE else ""
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
        "transfer": _("Another location"),
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
        "transfer_out": _("Sent to another location"),
        "transfer_in": _("Came from another location"),
        "transfer_in_damaged": _("Came damaged from another location"),
        "transfer_in_undone": _("Arrival taken back"),
        "transfer_arrived": _("Arrived at another location"),
        "transfer_missing": _("Did not arrive"),
        "count": _("Counted"),
        "count_undone": _("Count taken back"),
        "receipt_corrected": _("Receipt put right"),
        "reserve": _("Reserved for an order"),
        "release": _("Reservation ended"),
        "pick": _("Picked"),
        "put_back": _("Put back"),
        "handover": _("Handed over"),
        "undo_handover": _("Handover taken back"),
        "shipped": _("Shipped"),
        "left_twice": _("Left twice"),
    }
    if reason.startswith(DECIDED):
        return disposition_word(reason.removeprefix(DECIDED))
    return words.get(reason) or adjust_word(reason) or reason
