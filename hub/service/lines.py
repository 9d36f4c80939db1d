"""Changing the lines of an order: what it comes to stands on the page before anything is done.

The whole draft travels with its form, as for a new order. Whoever does it has seen what it comes to: the
button that does it carries a digest of the draft and the record's version, and where either has moved, the
page comes back with the new figures instead.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.capture.steps import By
from hub.capture.wanted import Changed, ChangeWanted
from hub.console.web import OPS, go_to, locked, may, place_names, show
from hub.context import Hub
from hub.service import new, reads, steps
from hub.service.forms import Form, form_of
from hub.service.new import DraftLine
from hub.service.pages import KEY_BYTES
from hub.service.reads import LineShown, OrderShown
from hub.web import Anybody, Number, Ops, TheHub
from protocol.errors import OrderspineError, StaleVersion
from protocol.fulfilment import LINES_FOR_LATER, FulfilKind
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson

router = APIRouter(include_in_schema=False)
DIGEST: Final = 16
MOST_UNITS: Final = 1_000_000
_NAMES: Final = {"payment.amount_minor": "paid"}


@dataclass(frozen=True, slots=True)
class Item:
    """One item of the draft as it was typed; `instead` is the number of the line whose place it takes."""

    sku: str
    units: str
    instead: str


@dataclass(frozen=True, slots=True)
class ItemShown:
    """One item of the draft with what the catalogue and the locations know of it."""

    item: Item
    line: DraftLine
    error: str


@dataclass(slots=True)
class Draft:
    """What somebody is typing, and what it comes to."""

    form: Form
    items: list[Item]
    wanted: ChangeWanted | None = None
    comes_to: Changed | None = None
    """None while it says nothing, or would be refused."""
    errors: dict[int, str] = field(default_factory=dict)
    """By the place of an item in the draft."""

    @property
    def digest(self) -> str:
        """Return what tells this draft from another one; reasons and payments may still be typed."""
        if self.wanted is None:
            return ""
        said = "".join(line.model_dump_json() for line in self.wanted.lines)
        return hashlib.sha256(said.encode()).hexdigest()[:DIGEST]


@router.get("/orders/{number}/lines")
def page(request: Request, hub: TheHub, person: Anybody, number: Number) -> Response:
    """Show the lines as they are, with nothing changed yet."""
    if not may(person, OPS):
        return locked(request, _("Changing an order"), OPS)
    with hub.database.read() as connection:
        found = reads.find(connection, hub, number, place_names(connection))
    return _page(request, hub, found, Draft(Form(), []))


@router.post("/orders/{number}/lines")
async def change(request: Request, hub: TheHub, person: Ops, number: Number) -> Response:
    """Search, add, remove, work out, or do it, as the button says; the draft comes back with its figures."""
    form = await form_of(request)
    return await run_in_threadpool(_done, request, hub, person, number, form)


def _done(request: Request, hub: Hub, person: CurrentPerson, number: str, form: Form) -> Response:
    with hub.database.read() as connection:
        found = reads.find(connection, hub, number, place_names(connection))
    draft, by = _draft(form), By(person.name, form.get("key"))
    _understand(draft, found)
    if form.get("act") != "do" or draft.wanted is None or form.errors or draft.errors:
        status = 422 if (form.errors or draft.errors) and form.get("act") == "do" else 200
        _work_out(hub, found, draft, by)
        return _page(request, hub, found, draft, status=status)
    try:
        if form.get("looked") != draft.digest:
            raise StaleVersion(
                _("The change is another one than its figures were for."),
                _("Look at what it comes to now, then do it."),
                code="not_looked_at",
            )
        done = steps.change(hub, number, draft.wanted, by)
    except OrderspineError as error:
        if isinstance(error, StaleVersion):
            _work_out(hub, found, draft, by)
        form.refuse(error)
        return _page(request, hub, found, draft, status=error.http_status)
    return go_to(f"/orders/{quote(number)}", said="requested" if done.requested else "lines")


def _draft(form: Form) -> Draft:
    """Return the items of the form, after what its button says is done to them."""
    act, _colon, of = form.get("act").partition(":")
    rows = zip(
        form.several.get("sku", ()), form.several.get("quantity", ()), form.several.get("instead", ()),
        strict=False,
    )  # fmt: skip
    items = [Item(*row) for n, row in enumerate(rows) if not (act == "drop" and of == str(n)) and row[0]]
    if act == "add" and of:
        items.append(Item(of, "1", ""))
        form.texts["q"] = ""
    return Draft(form, items[:LINES_FOR_LATER])


def _understand(draft: Draft, found: OrderShown) -> None:
    """Read the draft as a change; what cannot be read is complained of beside its field."""
    form = draft.form
    lines = [*_other_quantities(draft, found), *_added(draft)]
    if not lines or form.errors or draft.errors:
        return
    seen = form.get("seen") if form.get("act") == "do" else ""
    said = {
        "lines": lines,
        "reason": form.get("reason") or _("asked by the customer"),
        "payment": _payment(form, found.order.head.currency),
        "seen": int(seen[:15]) if seen.isascii() and seen.isdecimal() else None,
    }
    draft.wanted = form.read(ChangeWanted, said, _NAMES)


def _other_quantities(draft: Draft, found: OrderShown) -> list[dict[str, Any]]:
    form, lines = draft.form, []
    replaced = {item.instead for item in draft.items if item.instead}
    for line in found.lines:
        name = f"units-{line.line_no}"
        same = form.get(name) in {"", str(wanted_of(line))}
        if same or str(line.line_no) in replaced or not can_change(line):
            continue
        count = form.units(name)
        if not count and name not in form.errors:
            form.errors[name] = _("At least 1. To take all of it off, cancel it.")
        lines.append({"line_no": line.line_no, "quantity": count})
    return lines


def _added(draft: Draft) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for n, item in enumerate(draft.items):
        if not (item.units.isascii() and item.units.isdigit() and 0 < int(item.units[:7]) <= MOST_UNITS):
            draft.errors[n] = _("Type a whole number of units.")
            continue
        said: dict[str, Any] = {"sku": item.sku, "quantity": int(item.units[:7])}
        if item.instead.isascii() and item.instead.isdecimal():
            said["line_no"] = int(item.instead[:6])
        lines.append(said)
    return lines


def _payment(form: Form, currency: str) -> dict[str, Any] | None:
    if not (form.get("gateway") or form.get("reference") or form.get("paid")):
        return None
    return {
        "gateway": form.get("gateway"),
        "reference": form.get("reference"),
        "amount_minor": form.minor("paid", currency),
    }


def _work_out(hub: Hub, found: OrderShown, draft: Draft, by: By) -> None:
    """Find out what the change comes to. A payment that is still to be typed is no reason to say nothing."""
    if draft.wanted is None or draft.form.errors or draft.errors:
        return
    wanted = draft.wanted.model_copy(update={"seen": None})
    try:
        draft.comes_to = steps.preview(hub, found.order.head.number, wanted, by)
    except OrderspineError as error:
        draft.form.refuse(error)


def can_change(line: LineShown) -> bool:
    """Tell whether a line is goods or a service of which something is still to come."""
    return line.open > 0 and line.goods


def wanted_of(line: LineShown) -> int:
    """Return how many units of a line the customer still wants, with those that have left."""
    return line.ordered - line.cancelled


def _page(request: Request, hub: Hub, found: OrderShown, draft: Draft, *, status: int = 200) -> Response:
    form = draft.form
    with hub.database.read() as connection:
        names = place_names(connection)
        items = new.search(connection, hub, form.get("q"))
        known = {
            line.sku: line for line in new.draft(connection, hub, {item.sku: 1 for item in draft.items}, form)
        }
    shown = [
        ItemShown(item, known[item.sku], draft.errors.get(n, ""))
        for n, item in enumerate(draft.items)
        if item.sku in known
    ]
    form.set_default(key=hub.ids.secret(KEY_BYTES))
    return show(
        request,
        "service/lines.html",
        status_code=status,
        shown=found,
        head=found.order.head,
        later=found.later,
        names=names,
        form=form,
        lines=[line for line in found.lines if line.goods],
        items=items,
        added=shown,
        draft=draft,
        ships=found.later.kind == FulfilKind.SHIP,
        can_change=can_change,
        wanted_of=wanted_of,
        follows=_follows(found, draft),
    )


def _follows(found: OrderShown, draft: Draft) -> Sequence[tuple[str, str, str]]:
    """Return (shape, place, sentence) of what happens where, once it is done."""
    if draft.comes_to is None:
        return ()
    parts = {part.page.assignment.location: part for part in found.parts}
    said: list[tuple[str, str, str]] = []
    for location in draft.comes_to.requested:
        part = parts.get(location)
        asked = _(
            "Is asked to leave on its shelf what is no longer wanted; it keeps the rest. Until it answers, "
            "the order is what it was."
        )
        silent = _("It is silent, so that may take long.") if part and part.silent else ""
        said.append(("wait", part.place if part else location, f"{asked} {silent}".strip()))
    for location in draft.comes_to.told:
        part = parts.get(location)
        asked = _("Holds the rest and fetches this too; if it has begun, this becomes a part of its own.")
        said.append(("live", part.place if part else location, asked))
    return said or [("done", _("At once"), draft.comes_to.sentence or _("Nobody has to answer first."))]
