"""The facts of one moment, read in the transaction that stores the decision; and the question they make.

What a reader would get wrong: everything a set of parameters does not weigh is not read. A hub to which
nobody said anything reads locations and what they lent, as before there were parameters.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.catalog.rows import products
from hub.customers import rows as contacts
from hub.fulfil.rows import assignment_lines, assignments
from hub.route.facts import accepts, current
from hub.route.facts.book import Book, postcode_of
from hub.route.facts.demand import rates_of
from hub.route.facts.geo import Destination, Point, prefixes, tidy
from hub.route.facts.known import About, Facts, Good, Known
from hub.route.facts.question import Question, question_of
from hub.route.facts.rows import postcodes
from hub.route.rules.choice import Ask, Rejected
from hub.route.rules.instance import Instance
from hub.spine.bulk import Select, among
from hub.spine.work import Promising
from hub.stock.availability import PROMISABLE, WIDTH, Place, places, stock_of
from hub.stock.policy import KeptBack, kept_back
from hub.stock.rows import balances, hub_rights
from protocol.fulfilment import FulfilKind
from protocol.money import PPM

_BACKLOG_KEY: Final = "routing_backlog"
_TO_PICK: Final = ("acknowledged", "picking", "proposed", "sent")
_OPEN_UNITS: Final = (
    assignment_lines.c.quantity
    - assignment_lines.c.picked
    - assignment_lines.c.short
    - assignment_lines.c.fulfilled
    - assignment_lines.c.given_up
)
_BACKLOG: Final = (
    sa.select(assignments.c.location, sa.func.sum(_OPEN_UNITS))
    .join(assignment_lines, assignment_lines.c.assignment_id == assignments.c.assignment_id)
    .where(assignments.c.state.in_(_TO_PICK))
    .group_by(assignments.c.location)
)
_GOODS: Final = Select(
    sa.select(
        products.c.sku,
        products.c.category,
        products.c.price_minor,
        products.c.rate_ppm,
        products.c.unit_cost_minor,
    ),
    products.c.sku,
)
_SHELVES: Final = Select(
    sa.select(balances.c.location, balances.c.sku, balances.c.quantity).where(
        balances.c.bucket == "sellable"
    ),
    balances.c.sku,
)
_PROMISED: Final = Select(
    sa.select(
        hub_rights.c.location,
        hub_rights.c.sku,
        (hub_rights.c.allocated - hub_rights.c.ended - hub_rights.c.finished_seen).label("units"),
    ),
    hub_rights.c.sku,
)


@dataclass(frozen=True, slots=True)
class Read:
    """A question with the set of parameters and the facts that it was made from."""

    book: Book
    facts: Facts
    question: Question


def build(
    connection: Connection,
    ask: Ask,
    terms: Promising,
    about: About | None = None,
    memory: dict[str, Any] | None = None,
) -> tuple[Instance, tuple[Rejected, ...]]:
    """Return the question that an order puts now, and why every other location is not in it."""
    found = read(connection, ask, terms, about, memory).question
    return found.instance, found.rejected


def read(
    connection: Connection,
    ask: Ask,
    terms: Promising,
    about: About | None = None,
    memory: dict[str, Any] | None = None,
    *,
    book: Book | None = None,
    heard_us: int = 0,
) -> Read:
    """Return the question with what it was made from; `book` is another set than the one that counts.

    `heard_us` is the moment at which silence is judged, where the order is still to come (`Ask.now_us`).

    `memory` is that of the unit of work: orders that share a commit find in it how the locations are.
    """
    memory = {} if memory is None else memory
    said = book or current.book(connection, terms, memory)
    facts = facts_of(connection, ask, said, about or About(), memory, heard_us=heard_us)
    return Read(said, facts, question_of(said, facts))


def facts_of(
    connection: Connection,
    ask: Ask,
    book: Book,
    about: About,
    memory: dict[str, Any],
    *,
    heard_us: int = 0,
) -> Facts:
    """Return what is known of one moment, as far as the set of parameters weighs it."""
    skus = list(ask.wanted)
    kept = kept_back(connection, book.terms, skus, memory)
    threshold = any(each.company_threshold for each in kept.values())
    elsewhere = ask.kind is FulfilKind.COLLECT and bool(book.lanes)
    only = ask.location if not threshold and not elsewhere else ""
    known = _places(connection, ask, (only, heard_us or ask.now_us), memory)
    stock = stock_of(connection, [place.location for place in known], skus, kept)
    backlog = _backlog(connection, memory) if book.weighs_capacity else {}
    demand = book.said.general.demand
    goods = goods_of(connection, skus) if _weighs_goods(book) else {}
    only_there = "" if elsewhere else ask.location
    return Facts(
        ask=ask,
        about=about,
        known=[
            Known(
                place.location,
                place.name,
                place.kind,
                place.entity,
                place.zone,
                place.silent,
                place.age_seconds,
                of_place,
                backlog.get(place.location, 0) if backlog else 0,
            )
            for place, of_place in zip(known, stock, strict=True)
            if not only_there or place.location == only_there
        ],
        goods=goods,
        accepts=accepts.history_of(connection, [good.category for good in goods.values()], memory)
        if book.said.general.reroute_minor
        else {},
        shelf=shelves_of(connection, skus) if demand else {},
        rate_milli=rates_of(connection, skus, ask.now_us) if demand else {},
        left_for_all=_left_for_all(ask, known, stock, kept) if threshold else None,
        points=_points(connection, book, memory) if book.needs_distance else {},
    )


def destination_of(connection: Connection, contact_id: str) -> Destination:
    """Return where goods for a customer go, as far as routing may know it."""
    contact = contacts.find(connection, contact_id) if contact_id else None
    if contact is None:
        return Destination()
    return destination(connection, contact.address.country, contact.address.postcode)


def destination(connection: Connection, country: str, postcode: str) -> Destination:
    """Return a country and a postcode with the point where they lie, if somebody has imported one."""
    found = points_of(connection, [(country, postcode)])
    return Destination(country, tidy(postcode), found.get((country, tidy(postcode))))


def points_of(connection: Connection, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Point]:
    """Return where postcodes lie: by the longest beginning of each that the table has."""
    asked = {(country, tidy(code)) for country, code in wanted if tidy(code)}
    keys = sorted({prefix for _country, code in asked for prefix in prefixes(code) if prefix})
    if not keys:
        return {}
    rows = connection.execute(sa.select(postcodes).where(among(connection, postcodes.c.postcode, keys)))
    known = {(row.country, row.postcode): Point(row.latitude_e5, row.longitude_e5) for row in rows}
    found: dict[tuple[str, str], Point] = {}
    for country, code in asked:
        for prefix in prefixes(code):
            point = known.get((country, prefix))
            if point is not None:
                found[country, code] = point
                break
    return found


def shelves_of(connection: Connection, skus: Sequence[str]) -> dict[tuple[str, str], int]:
    """Return what stands on shelves and nobody was promised, by location and item."""
    promised = {(row.location, row.sku): row.units for row in _PROMISED.run(connection, list(skus))}
    return {
        (row.location, row.sku): max(0, row.quantity - max(0, promised.get((row.location, row.sku), 0)))
        for row in _SHELVES.run(connection, list(skus))
    }


def goods_of(connection: Connection, skus: Sequence[str]) -> dict[str, Good]:
    """Return what the catalogue knows of some items."""
    return {
        row.sku: Good(row.category, row.price_minor * PPM // (PPM + row.rate_ppm) - row.unit_cost_minor)
        for row in _GOODS.run(connection, list(skus))
    }


def backlog_of(connection: Connection) -> dict[str, int]:
    """Return how many units each location has to pick."""
    return {location: int(units) for location, units in connection.execute(_BACKLOG)}


def planned(memory: dict[str, Any], location: str, units: int) -> None:
    """Note that a location was given more to pick, for the orders that are decided after it in one unit."""
    backlog = memory.get(_BACKLOG_KEY)
    if backlog is not None:
        backlog[location] = backlog.get(location, 0) + units


def _places(connection: Connection, ask: Ask, at: tuple[str, int], memory: dict[str, Any]) -> list[Place]:
    (only, now_us), of_class = at, ask.promise_class
    if only:
        return places(connection, now_us=now_us, promise_class=of_class, only=only, memory=memory)
    key = f"places:{of_class}"
    if key not in memory:
        memory[key] = places(connection, now_us=now_us, promise_class=of_class, memory=memory)
    found: list[Place] = memory[key]
    return found


def _backlog(connection: Connection, memory: dict[str, Any]) -> dict[str, int]:
    if _BACKLOG_KEY not in memory:
        memory[_BACKLOG_KEY] = backlog_of(connection)
    found: dict[str, int] = memory[_BACKLOG_KEY]
    return found


def _weighs_goods(book: Book) -> bool:
    said = book.said
    general = said.general
    return bool(general.demand or general.reroute_minor or said.items or said.filters or said.accept)


def _points(connection: Connection, book: Book, memory: dict[str, Any]) -> dict[str, Point]:
    key = f"points:{book.version}"
    if key not in memory:
        asked = {row.location: postcode_of(row) for row in book.said.places if row.postcode}
        found = points_of(connection, asked.values())
        memory[key] = {location: found[code] for location, code in asked.items() if code in found}
    points: dict[str, Point] = memory[key]
    return points


def _left_for_all(
    ask: Ask, known: Sequence[Place], stock: Sequence[tuple[int, ...]], kept: dict[str, KeptBack]
) -> dict[str, int]:
    """Return what the company may still promise of each item; of one without a threshold, what is asked."""
    speaking = [of_place for place, of_place in zip(known, stock, strict=True) if not place.silent]
    return {
        sku: max(
            0,
            sum([of_place[n * WIDTH + PROMISABLE] for of_place in speaking]) - kept[sku].company_threshold,
        )
        if kept[sku].company_threshold
        else units
        for n, (sku, units) in enumerate(ask.wanted.items())
    }
