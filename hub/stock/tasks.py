"""Ask locations to count, tell them what suppliers will bring, and take either back.

What never left the hub is taken back with certainty; everything else is asked for, and the store's own fact
says what became of it: a count that was posted meanwhile stays posted.
"""

from collections.abc import Collection, Sequence
from functools import partial
from typing import Annotated, Final, Literal

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from hub.catalog.goods import check_goods, no_goods_word, not_goods
from hub.catalog.rows import names_of
from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import all_locations
from hub.once import Key, once
from hub.spine.bulk import among
from hub.spine.steps import record, take_orders
from hub.stock.task_answers import settle
from hub.stock.task_rows import COUNT_OPEN, DELIVERY_OPEN, count_tasks, deliveries, stock_directives
from hub.web import Wanted
from protocol.errors import Invalid, NotFound, Refused
from protocol.kit.delivery_csv import Announced, Given, Pair, read_deliveries
from protocol.kit.moments import Moment, check_to_come
from protocol.kit.product_csv import Report
from protocol.kit.text import _
from protocol.orders import PositiveMinor
from protocol.stock import (
    REQUEST_LINES,
    CountCancel,
    CountRequested,
    DeliveryAnnounced,
    DeliveryCancel,
    Place,
    Units,
)

LOCATIONS: Final = 500
Text = Annotated[str, Field(max_length=300, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Shelf = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$")]
Label = Annotated[str, Field(max_length=120, pattern=r"^[^\x00-\x1f\x7f]*$")]


class CountsWanted(Wanted):
    """Ask locations to count the same: items, shelves, or everything."""

    key: Key | None = None
    locations: tuple[Name, ...] = Field(min_length=1, max_length=LOCATIONS)
    title: Label = ""
    place: Place = Place.SHELF
    scope: Literal["skus", "bins", "all"] = "skus"
    skus: tuple[Name, ...] = Field(default=(), max_length=REQUEST_LINES)
    bins: tuple[Shelf, ...] = Field(default=(), max_length=100)
    tolerance_units: Units = 1
    tolerance_minor: PositiveMinor = 0
    due_us: Moment | None = None
    note: Text = ""


class CountsAsked(BaseModel):
    """Each location has a count of its own; `plan_id` holds them together."""

    plan_id: str
    counts: dict[str, str]
    """By location."""


class TaskEnded(BaseModel):
    """`cancelled` is certain; `asked` waits for the location."""

    task_id: str
    state: Literal["cancelled", "asked"]


class DeliveriesWanted(Wanted):
    """Tell locations what a CSV file lists; what a row does not say is taken from here."""

    key: Key | None = None
    csv: Annotated[str, Field(min_length=1, max_length=4 * 1024 * 1024)]
    location: Annotated[str, Field(max_length=64)] = ""
    supplier: Label = ""
    reference: Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class FaultSaid(BaseModel):
    """One row of a file that could not be used."""

    row: int
    sku: str
    wrong: str


class AlreadyExpected(BaseModel):
    """A delivery of a file that its location expects already, known by its supplier and reference."""

    location: str
    supplier: str
    reference: str
    items: int


class DeliveriesTold(BaseModel):
    """What became of a file: `faults` says it row by row, `already` delivery by delivery."""

    rows: int
    taken: int
    left_out: int
    """Rows with a fault, and those of deliveries that are expected already."""
    deliveries: dict[str, str]
    """By id: the location it goes to."""
    faults: tuple[FaultSaid, ...]
    already: tuple[AlreadyExpected, ...] = ()


class Reason(Wanted):
    """Why something is taken back."""

    reason: Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]


def ask(unit: HubUnit, hub: Hub, command: CountsWanted, *, by: str) -> tuple[CountsAsked, bool]:
    """Ask every named location to count.

    Raises:
        Invalid: `unknown_location`, `unknown_sku`, `not_goods`, `due_past`, or nothing is to be counted.
    """

    def work() -> CountsAsked:
        check_to_come(command.due_us or 0, hub.clock.now_us())
        _check_locations(unit.connection, command.locations)
        skus = _checked_skus(unit.connection, command)
        title = command.title or _title(unit.connection, command, skus)
        workspace = hub.spine.work(unit)
        plan_id = hub.ids.new_id()
        asked: dict[str, str] = {}
        for location in dict.fromkeys(command.locations):
            asked[location] = hub.ids.new_id()
            body = CountRequested.model_validate(
                command.model_dump(exclude={"key", "locations"})
                | {
                    "title": title,
                    "skus": skus,
                    "plan_id": plan_id,
                    "location": location,
                    "count_id": asked[location],
                }
            )
            record(workspace, body, by=by)
        hub.finish(workspace)
        return CountsAsked(plan_id=plan_id, counts=asked)

    key = f"counts/{by}/{command.key}" if command.key else ""
    return once(unit, hub, command, key, CountsAsked, work)


def _active(connection: Connection) -> set[str]:
    """Return the locations that may come in."""
    return {row.location_id for row in all_locations(connection) if row.status == "active"}


def _check_locations(connection: Connection, wanted: Sequence[str]) -> None:
    known = _active(connection)
    strange = [location for location in wanted if location not in known]
    if strange:
        raise Invalid(
            _("There is no location {location}.", location=strange[0][:40]),
            _("Choose locations that may come in."),
            code="unknown_location",
            locations=strange[:20],
        )


def _checked_skus(connection: Connection, command: CountsWanted) -> tuple[str, ...]:
    if command.scope == "all":
        return ()
    if command.scope == "bins":
        if not command.bins:
            raise Invalid(_("No shelf is named."), _("Name shelves such as A-01."), code="nothing_to_count")
        return ()
    skus = tuple(dict.fromkeys(command.skus))
    if not skus:
        raise Invalid(
            _("No item is named."),
            _("Name items of the catalogue, or count by shelf."),
            code="nothing_to_count",
        )
    known = names_of(connection, skus)
    strange = [sku for sku in skus if sku not in known]
    if strange:
        raise Invalid(
            _("The hub knows no item {sku}.", sku=strange[0][:40]),
            _("Name items of the catalogue, or count by shelf."),
            code="unknown_sku",
            skus=strange[:20],
        )
    check_goods(connection, skus)
    return skus


def _title(connection: Connection, command: CountsWanted, skus: Sequence[str]) -> str:
    if command.scope == "all":
        return _("Everything in the store")
    if command.scope == "bins":
        return _("Shelf {bins}", bins=", ".join(command.bins))[:120]
    name = names_of(connection, skus[:1]).get(skus[0], skus[0])
    return name[:120] if len(skus) == 1 else _("{name} and {n} more", name=name[:90], n=len(skus) - 1)


def cancel_count(unit: HubUnit, hub: Hub, count_id: str, reason: str, *, by: str) -> TaskEnded:
    """Take a count back.

    Raises:
        NotFound: `no_count`.
        Refused: `count_closed`, it is over.
    """
    row = unit.connection.execute(sa.select(count_tasks).where(count_tasks.c.count_id == count_id)).first()
    if row is None:
        raise NotFound(_("There is no such count."), _("Reload the list."), code="no_count")
    if row.state not in COUNT_OPEN:
        raise Refused(_("This count is over."), _("Reload the list."), code="count_closed", state=row.state)
    body = CountCancel(count_id=count_id, reason=reason)
    return _take_back(unit, hub, "count_id", count_id, row.location, body, by)


def cancel_delivery(unit: HubUnit, hub: Hub, delivery_id: str, reason: str, *, by: str) -> TaskEnded:
    """Tell a location that a supplier will not come.

    Raises:
        NotFound: `no_delivery`.
        Refused: `delivery_closed`, it came or was given up.
    """
    row = unit.connection.execute(
        sa.select(deliveries).where(deliveries.c.delivery_id == delivery_id)
    ).first()
    if row is None:
        raise NotFound(_("There is no such delivery."), _("Reload the list."), code="no_delivery")
    if row.state not in DELIVERY_OPEN:
        raise Refused(
            _("This delivery is over."), _("Reload the list."), code="delivery_closed", state=row.state
        )
    body = DeliveryCancel(delivery_id=delivery_id, reason=reason)
    return _take_back(unit, hub, "delivery_id", delivery_id, row.location, body, by)


def _take_back(  # noqa: PLR0917 - one task in the order of its parts
    unit: HubUnit,
    hub: Hub,
    field: str,
    task_id: str,
    location: str,
    body: CountCancel | DeliveryCancel,
    by: str,
) -> TaskEnded:
    told = unit.connection.execute(
        sa.select(stock_directives).where(stock_directives.c.task_id == task_id)
    ).first()
    mine = told is not None and told.hub_inc == hub.outbox.hub_inc(unit)
    if told is not None and mine and hub.outbox.withdraw(unit, told.edge, told.cseq):
        settle(hub, unit, field, location, task_id, "withdrawn", by=by)
        return TaskEnded(task_id=task_id, state="cancelled")
    if told is None or told.cancel_us is None:  # asking twice would only be answered twice
        hub.outbox.send_directive(unit, location, body, subjects=(f"{field.removesuffix('_id')}:{task_id}",))
        _note_asked(unit, hub, task_id, location)
    return TaskEnded(task_id=task_id, state="asked")


def _note_asked(unit: HubUnit, hub: Hub, task_id: str, location: str) -> None:
    now_us = hub.clock.now_us()
    done = unit.connection.execute(
        sa.update(stock_directives).where(stock_directives.c.task_id == task_id).values(cancel_us=now_us)
    )
    if not done.rowcount:
        row = {"task_id": task_id, "edge": location, "hub_inc": "", "cseq": 0, "cancel_us": now_us}
        unit.connection.execute(sa.insert(stock_directives), row)
    unit.after_commit(lambda: hub.broadcaster.publish("counts"))


def announce(unit: HubUnit, hub: Hub, command: DeliveriesWanted, *, by: str) -> tuple[DeliveriesTold, bool]:
    """Tell locations what a file lists, and say what was left out.

    A delivery of a supplier and a reference that its location expects already is the same one, and left out.
    What came whole or was given up may be announced again, and what has no reference cannot be told apart.

    Raises:
        Invalid: it is no such file, or no row of it can be used.
        Refused: `already_expected`, everything that it lists.
    """

    def work() -> DeliveriesTold:
        take_orders(unit, 0)  # of two files at once, the second sees what the first has announced
        report = Report()
        found = read_deliveries(
            command.csv,
            report,
            given=Given(command.location, command.supplier, command.reference),
            currency=hub.settings.currency,
            zone=hub.settings.zone,
            wrong_of=partial(_wrong_of, unit.connection),
        )
        fresh, already = _apart(unit.connection, found)
        workspace = hub.spine.work(unit)
        told: dict[str, str] = {}
        for each in fresh:
            body = DeliveryAnnounced(
                delivery_id=hub.ids.new_id(),
                location=each.location,
                supplier=each.supplier,
                reference=each.reference,
                due_us=each.due_us,
                lines=tuple(each.lines),
            )
            record(workspace, body, by=by)
            told[body.delivery_id] = each.location
        hub.finish(workspace)
        return DeliveriesTold(
            rows=report.rows,
            taken=sum(len(each.lines) for each in fresh),
            left_out=report.left_out + sum(each.items for each in already),
            deliveries=told,
            faults=tuple(FaultSaid(row=f.row, sku=f.sku, wrong=f.wrong) for f in report.faults),
            already=already,
        )

    key = f"deliveries/{by}/{command.key}" if command.key else ""
    return once(unit, hub, command, key, DeliveriesTold, work)


def _apart(
    connection: Connection, found: Sequence[Announced]
) -> tuple[list[Announced], tuple[AlreadyExpected, ...]]:
    """Return the deliveries of a file that are new, and those that their locations expect already.

    Raises:
        Refused: `already_expected`, none is new.
    """
    references = sorted({each.reference for each in found if each.reference})
    rows = connection.execute(
        sa.select(deliveries.c.location, deliveries.c.supplier, deliveries.c.reference).where(
            deliveries.c.state.in_(DELIVERY_OPEN), among(connection, deliveries.c.reference, references)
        )
    )
    open_ = set(map(tuple, rows))
    items: dict[tuple[str, str, str], int] = {}
    fresh: list[Announced] = []
    for each in found:
        head = each.location, each.supplier, each.reference
        if head in open_:
            items[head] = items.get(head, 0) + len(each.lines)
        else:
            fresh.append(each)
    if not fresh:
        location, supplier, reference = next(iter(items))
        raise Refused(
            _("Delivery {reference} of {supplier} is expected already, so nothing was announced.",
              reference=reference, supplier=supplier),
            _("Give the other one up first if it will not come, or name another reference."),
            code="already_expected",
            location=location,
            supplier=supplier,
            reference=reference,
            deliveries=len(items),
        )  # fmt: skip
    return fresh, tuple(
        AlreadyExpected(location=location, supplier=supplier, reference=reference, items=count)
        for (location, supplier, reference), count in items.items()
    )


def _wrong_of(connection: Connection, pairs: Collection[Pair]) -> dict[Pair, str]:
    """Return what is wrong with (location, SKU) of a file, of all of them in one question."""
    places = _active(connection)
    skus = sorted({sku for _location, sku in pairs})
    known = names_of(connection, skus)
    services = not_goods(connection, skus)
    wrong: dict[Pair, str] = {}
    for location, sku in pairs:
        if location not in places:
            wrong[location, sku] = _("there is no location {location}", location=location[:40] or "-")
        elif sku not in known:
            wrong[location, sku] = _("{sku} is no item here", sku=sku)
        elif sku in services:
            wrong[location, sku] = no_goods_word(services[sku])
    return wrong
