"""Open a count, print its sheet, scan, take a scan back. Nothing of this moves stock.

A scan is never refused for what it is: an unknown code, or an item that does not belong here, is a row of
its own and an answer, because a handheld's queue must go on behind it. Only a count that is closed refuses.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from edge_agent.catalog.rules import clean, meaning_of
from edge_agent.context import SYSTEM, Edge
from edge_agent.database import EdgeUnit
from edge_agent.once import Asked, once
from edge_agent.people.steps import require_word
from edge_agent.scans import nothing_to_undo, to_take_back
from edge_agent.stock import count_rows as rows
from edge_agent.stock.count_models import (
    CountScanned,
    OpenCount,
    Opened,
    RecountItems,
    ScanCount,
    UndoCountScan,
)
from protocol.errors import Invalid, NotFound, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.movements import Bucket
from protocol.orders import LineKind
from protocol.people import StoreRole
from protocol.stock import COUNT_LINES, PASSES, CountOpened, CountScope

OPEN_ACTION = "open_count"


def open_count(
    unit: EdgeUnit, edge: Edge, command: OpenCount, *, person: CurrentPerson
) -> tuple[Opened, bool]:
    """Open a count at this store.

    Raises:
        NotPermitted: `needs_approval`, a lead must agree.
        Invalid: nothing is to be counted, or an item is unknown.
    """

    def work() -> Opened:
        require_word(unit, edge, person, OPEN_ACTION, StoreRole.LEAD, command.approval)
        scope = CountScope.model_validate(
            command.model_dump(exclude={"key", "approval", "title"}) | {"title": command.title or "-"}
        )
        skus = _wanted(unit.connection, edge, scope)
        title = command.title or _title(unit.connection, edge, scope, skus)
        named = scope.model_copy(update={"title": title, "skus": tuple(skus)})
        return begin(unit, edge, named, count_id=edge.ids.new_id(), source="store", person=person)

    return once(unit, edge, command, command.key, Opened, work)


def begin(
    unit: EdgeUnit,
    edge: Edge,
    scope: CountScope,
    *,
    count_id: str,
    source: str,
    person: CurrentPerson = SYSTEM,
) -> Opened:
    """Write down that there is a count to make, for a store, the hub or an exception."""
    body = CountOpened.model_validate(
        scope.model_dump() | {"count_id": count_id, "number": edge.number(unit, "C"), "source": source}
    )
    edge.journal.record(unit, body, by=person.person_id, device=person.device)
    tell(unit, edge)
    return Opened(count_id=count_id, number=body.number, rows=len(body.skus), title=body.title)


def tell(unit: EdgeUnit, edge: Edge) -> None:
    """Let every open page of a count draw itself again."""
    unit.after_commit(lambda: edge.broadcaster.publish("counts"))


def known_items(connection: Connection, edge: Edge, skus: Iterable[str]) -> list[str]:
    """Return those of the items that can be counted here: goods that the catalogue or the stock knows."""
    wanted = list(dict.fromkeys(skus))
    products = edge.products.find_all(connection, wanted)

    def counts(sku: str) -> bool:
        product = products.get(sku)
        if product is not None:
            return product.kind is LineKind.GOODS
        return (
            connection.execute("SELECT 1 FROM balances WHERE sku = ? LIMIT 1", (sku,)).fetchone() is not None
        )

    return [sku for sku in wanted if counts(sku)]


def no_item(sku: str, /, **facts: Any) -> Invalid:
    """Return the refusal of something that is no item here."""
    return Invalid(
        _("{sku} is no item that can be counted here.", sku=sku[:40]),
        _("Search for it by name or code."),
        code="unknown_sku",
        **facts,
    )


def check_items(connection: Connection, edge: Edge, skus: Iterable[str]) -> None:
    """Refuse what is no item here: a service, or what neither the catalogue nor the stock knows.

    Raises:
        Invalid: `unknown_sku`.
    """
    wanted = list(dict.fromkeys(skus))
    known = set(known_items(connection, edge, wanted))
    strange = [sku for sku in wanted if sku not in known]
    if strange:
        raise no_item(strange[0], skus=strange[:20])


def below_zero(sku: str, /, **facts: Any) -> Invalid:
    """Return the refusal of a figure that no count of things can be."""
    return Invalid(
        _("{sku} cannot be counted below zero.", sku=sku[:40]),
        _("Type 0 when none is there."),
        code="below_zero",
        sku=sku,
        **facts,
    )


def check_not_counted_since(
    connection: Connection, buckets: Collection[Bucket], written: Mapping[str, int]
) -> None:
    """Refuse to take back what was written of items, at `written` of each, after they were counted anew.

    Raises:
        Refused: `stale_count`, naming the items.
    """
    stale = [sku for sku, seq in written.items() if rows.counted_since(connection, sku, buckets, seq)]
    if stale:
        raise Refused(
            _("{items}: counted again since, and the books are right by that count.",
              items=", ".join(stale[:5])),
            _("Nothing was changed. If they are wrong, count once more."),
            code="stale_count",
            skus=stale[:50],
            items=len(stale),
        )  # fmt: skip


def _wanted(connection: Connection, edge: Edge, scope: CountScope) -> list[str]:
    if scope.scope == "all":
        return []
    if scope.scope == "bins":
        found = rows.skus_in_bins(connection, scope.bins, COUNT_LINES)
        if not found:
            raise Invalid(
                _(
                    "No item of the catalogue has its place in {bins}.",
                    bins=", ".join(scope.bins)[:80] or "-",
                ),
                _("Check how the shelf is written, such as A-01."),
                code="empty_bin",
                bins=list(scope.bins),
            )
    else:
        found = known_items(connection, edge, scope.skus)
        strange = [sku for sku in dict.fromkeys(scope.skus) if sku not in set(found)]
        if strange or not found:
            raise Invalid(
                _("{sku} is no item that can be counted here.", sku=strange[0][:40] if strange else "-"),
                _("Name items of the catalogue, or count by shelf."),
                code="unknown_sku",
                skus=strange[:20],
            )
    if len(found) > COUNT_LINES:
        raise Invalid(
            _(
                "This count would have {n} rows, at most {limit} are possible.",
                n=len(found),
                limit=COUNT_LINES,
            ),
            _("Count fewer shelves at a time."),
            code="too_many_rows",
            rows=len(found),
        )
    return found


def _title(connection: Connection, edge: Edge, scope: CountScope, skus: list[str]) -> str:
    if scope.scope == "all":
        return _("Everything in the store")
    if scope.scope == "bins":
        return _("Shelf {bins}", bins=", ".join(scope.bins))[:120]
    product = edge.products.find(connection, skus[0])
    name = product.name if product else skus[0]
    return name[:120] if len(skus) == 1 else _("{name} and {n} more", name=name[:90], n=len(skus) - 1)


def require_task(connection: Connection, count_id: str) -> rows.Task:
    """Return a count of this store.

    Raises:
        NotFound: `no_count`.
    """
    task = rows.find_task(connection, count_id)
    if task is None:
        raise NotFound(
            _("There is no count {count} here.", count=count_id[:40]),
            _("Choose one from the list of counts."),
            code="no_count",
        )
    return task


def open_task(connection: Connection, count_id: str) -> rows.Task:
    """Return a count that is not closed.

    Raises:
        NotFound: `no_count`.
        Refused: `stale_count`, it was posted or given up meanwhile.
    """
    task = require_task(connection, count_id)
    if task.state != "open":
        raise Refused(
            _("Count {number} is closed; nothing can be added to it.", number=task.number),
            _("Open a new count for what you have counted."),
            code="stale_count",
            count_id=task.count_id,
            state=task.state,
            closed_us=task.closed_us,
        )
    return task


def open_pass(passes: list[rows.PassRow], tallies: list[rows.Tally]) -> int | None:
    """Return the pass that an item is counted in; None when it is confirmed and nobody has begun anew."""
    if tallies:
        return tallies[0].pass_no
    return None if passes else 1


def began(connection: Connection, edge: Edge, task: rows.Task, as_of: int | None) -> int:
    """Return with which event a counting began that says what its page knew."""
    newest = edge.journal.last(connection)[0]
    return newest if as_of is None else max(task.opened_seq, min(as_of, newest))


def scan(
    unit: EdgeUnit, edge: Edge, count_id: str, command: ScanCount, *, person: CurrentPerson
) -> tuple[CountScanned, bool]:
    """Count what was scanned.

    Raises:
        NotFound: `no_count`.
        Refused: `stale_count`, the count is closed.
    """

    def work() -> CountScanned:
        task = open_task(unit.connection, count_id)
        code = clean(command.code)[:64] or "?"
        if meaning_of(command.code).kind == "slip":
            return CountScanned(
                outcome="slip",
                what=_("This is the code of a slip, not of an article."),
                remedy=_("Scan the code on the article."),
            )
        product = edge.products.scan(unit.connection, command.code)
        if product is None:
            return _stray(unit, edge, task, command, code, "", "", person)
        if product.kind is not LineKind.GOODS:
            return CountScanned(
                outcome="not_stock",
                sku=product.sku,
                name=product.name,
                what=_("{name} is a service; there is nothing to count.", name=product.name),
                remedy=_("Go on with the next item."),
            )
        if task.scope != "all" and product.sku not in rows.lines_of(unit.connection, task.count_id):
            return _stray(unit, edge, task, command, product.sku, product.name, product.bin, person)
        return _count(unit, edge, task, command, (product.sku, product.name, product.bin), person)

    asked = Asked(to=f"count:{count_id}", command=command)
    return once(unit, edge, asked, command.key, CountScanned, work)


def _stray(  # noqa: PLR0913, PLR0917 - one scan in the order of its parts
    unit: EdgeUnit,
    edge: Edge,
    task: rows.Task,
    command: ScanCount,
    code: str,
    name: str,
    bin_: str,
    person: CurrentPerson,
) -> CountScanned:
    """Keep what lies there and is no row, so that somebody puts it where it belongs."""
    sku = code if name else ""
    rows.add_stray(unit, task.count_id, code, sku, command.units)
    scan_id = _note(
        unit,
        edge,
        task,
        rows.ScanRow("", sku, code, 0, command.units, person.device, 0, undone=0),
        person,
    )
    tell(unit, edge)
    if sku:
        return CountScanned(
            outcome="elsewhere",
            scan_id=scan_id,
            sku=sku,
            name=name,
            bin=bin_,
            what=_("{name} is not part of this count.", name=name),
            remedy=_("Its place is {bin}.", bin=bin_) if bin_ else _("It is listed below, and not counted."),
        )
    return CountScanned(
        outcome="unknown_code",
        scan_id=scan_id,
        what=_("{code} is not in the catalogue of this store.", code=code[:40]),
        remedy=_("It is listed below. Go on counting."),
    )


def _count(  # noqa: PLR0917 - one scan in the order of its parts
    unit: EdgeUnit,
    edge: Edge,
    task: rows.Task,
    command: ScanCount,
    item: tuple[str, str, str],
    person: CurrentPerson,
) -> CountScanned:
    sku, name, bin_ = item
    passes = rows.passes_of(unit.connection, task.count_id).get(sku, [])
    tallies = rows.tallies_of(unit.connection, task.count_id).get(sku, [])
    pass_no = open_pass(passes, tallies)
    too_old = bool(passes) and command.as_of is not None and command.as_of < passes[-1].seq
    if pass_no is None or too_old:
        last = passes[-1]
        return CountScanned(
            outcome="stale_count",
            sku=sku,
            name=name,
            bin=bin_,
            counted=last.counted,
            pass_no=last.pass_no,
            what=_("{name} was confirmed already: {n}.", name=name, n=last.counted),
            remedy=_("Count it again from the beginning if that is wrong."),
        )
    rows.add_tally(
        unit,
        count_id=task.count_id,
        sku=sku,
        pass_no=pass_no,
        device=person.device,
        units=command.units,
        began_seq=began(unit.connection, edge, task, command.as_of),
        by=person.person_id,
        at_us=edge.clock.now_us(),
    )
    row = rows.ScanRow("", sku, "", pass_no, command.units, person.device, 0, undone=0)
    scan_id = _note(unit, edge, task, row, person)
    tell(unit, edge)
    mine = sum(tally.units for tally in tallies if tally.device == person.device) + command.units
    total = sum(tally.units for tally in tallies) + command.units
    return CountScanned(
        outcome="counted",
        scan_id=scan_id,
        sku=sku,
        name=name,
        bin=bin_,
        counted=total,
        mine=mine,
        pass_no=pass_no,
    )


def _note(unit: EdgeUnit, edge: Edge, task: rows.Task, row: rows.ScanRow, person: CurrentPerson) -> str:
    scan_id = edge.ids.new_id()
    kept = rows.ScanRow(
        scan_id, row.sku, row.code, row.pass_no, row.units, row.device, edge.clock.now_us(), undone=0
    )
    rows.add_scan(unit, task.count_id, kept, person.person_id)
    return scan_id


def undo(
    unit: EdgeUnit, edge: Edge, count_id: str, command: UndoCountScan, *, person: CurrentPerson
) -> tuple[CountScanned, bool]:
    """Take a scan of this device back: the one that is named, else the last.

    Raises:
        Refused: `nothing_to_undo`, or `stale_count` where the item was confirmed meanwhile.
    """

    def work() -> CountScanned:
        task = open_task(unit.connection, count_id)
        found = to_take_back(
            rows.scans_of(unit.connection, task.count_id, person.device, 200), command.scan_id
        )
        if found is None:
            raise nothing_to_undo(_("Type the number instead."))
        if found.code:
            rows.add_stray(unit, task.count_id, found.code, found.sku, -found.units)
        else:
            _take_back(unit, edge, task, found, person)
        rows.undo_scan(unit, found.scan_id)
        tell(unit, edge)
        product = edge.products.find(unit.connection, found.sku) if found.sku else None
        tallies = rows.tallies_of(unit.connection, task.count_id).get(found.sku, [])
        return CountScanned(
            outcome="counted",
            scan_id=found.scan_id,
            sku=found.sku,
            name=product.name if product else found.sku or found.code,
            counted=sum(tally.units for tally in tallies),
            mine=sum(tally.units for tally in tallies if tally.device == person.device),
            pass_no=found.pass_no,
        )

    asked = Asked(to=f"uncount:{count_id}", command=command)
    return once(unit, edge, asked, command.key, CountScanned, work)


def _take_back(
    unit: EdgeUnit, edge: Edge, task: rows.Task, found: rows.ScanRow, person: CurrentPerson
) -> None:
    tallies = rows.tallies_of(unit.connection, task.count_id).get(found.sku, [])
    mine = next((tally for tally in tallies if tally.device == person.device), None)
    if mine is None or mine.pass_no != found.pass_no or mine.units < found.units:
        raise Refused(
            _("That item was confirmed meanwhile, so the scan cannot be taken back."),
            _("Count the item again."),
            code="stale_count",
            sku=found.sku,
        )
    rows.add_tally(
        unit,
        count_id=task.count_id,
        sku=found.sku,
        pass_no=found.pass_no,
        device=person.device,
        units=-found.units,
        began_seq=mine.began_seq,
        by=person.person_id,
        at_us=edge.clock.now_us(),
    )


def recount(
    unit: EdgeUnit, edge: Edge, count_id: str, command: RecountItems, *, person: CurrentPerson
) -> tuple[Opened, bool]:
    """Begin another pass over items; an item that is being counted goes on as it is.

    Raises:
        Refused: `stale_count`, or `too_many_passes`.
    """

    def work() -> Opened:
        task = open_task(unit.connection, count_id)
        passes = rows.passes_of(unit.connection, task.count_id)
        tallies = rows.tallies_of(unit.connection, task.count_id)
        for sku in dict.fromkeys(command.skus):
            done = passes.get(sku, [])
            if not done or tallies.get(sku):
                continue
            if len(done) >= PASSES:
                raise Refused(
                    _("{sku} was counted {n} times already.", sku=sku, n=len(done)),
                    _("A manager decides which figure is right, and posts it."),
                    code="too_many_passes",
                    sku=sku,
                )
            rows.add_tally(
                unit,
                count_id=task.count_id,
                sku=sku,
                pass_no=len(done) + 1,
                device=person.device,
                units=0,
                began_seq=edge.journal.last(unit.connection)[0],
                by=person.person_id,
                at_us=edge.clock.now_us(),
            )
        tell(unit, edge)
        return Opened(count_id=task.count_id, number=task.number, rows=len(command.skus), title=task.title)

    asked = Asked(to=f"recount:{count_id}", command=command)
    return once(unit, edge, asked, command.key, Opened, work)
