"""Confirm what was counted, post a count, take a posted one back, give one up.

The books are read when an item is confirmed, in that transaction, and compared as `protocol.stock.Books`
says. Posting writes the differences and nothing else, whatever was sold meanwhile; only an item whose books
were corrected since its count is refused (`stale_count`), because its difference may be in the books
already.
"""

from collections.abc import Mapping, Sequence

from edge_agent.context import SYSTEM, Edge
from edge_agent.database import EdgeUnit
from edge_agent.lives import check_done_once
from edge_agent.once import Asked, once
from edge_agent.paper.rules import Slip
from edge_agent.paper.steps import queue_slip
from edge_agent.people.steps import require_word
from edge_agent.stock import count_rows as rows
from edge_agent.stock.count_checks import check_figures, check_nothing_along, check_seen
from edge_agent.stock.count_models import (
    ConfirmCount,
    ConfirmedItem,
    ConfirmLine,
    CountConfirmedView,
    Deficit,
    Ended,
    PostCount,
    Posted,
    PrintSlip,
    Revoke,
)
from edge_agent.stock.counting import (
    began,
    below_zero,
    check_items,
    check_not_counted_since,
    open_pass,
    open_task,
    require_task,
    tell,
)
from edge_agent.stock.rows import on_hand_of
from protocol.catalog import Product
from protocol.errors import Invalid, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import Approval
from protocol.people import StoreRole
from protocol.stock import (
    BUCKETS_OF,
    PASSES,
    ConfirmedLine,
    CountCancelled,
    CountConfirmed,
    CountPosted,
    CountUndone,
    FoundElsewhere,
    Pass,
    PostedLine,
    is_settled,
)

POST_ACTION = "post_count"
UNDO_ACTION = "undo_count"


def confirm(
    unit: EdgeUnit, edge: Edge, count_id: str, command: ConfirmCount, *, person: CurrentPerson
) -> tuple[CountConfirmedView, bool]:
    """Say that items are counted, and compare them with the books of this moment.

    Raises:
        Refused: `stale_count`: it was confirmed already, or another device counted on. `nothing_counted`;
            `checked_out_elsewhere`, a handheld may be taking of it; `records_missing`; `beyond_counting`.
        Invalid: `below_zero`, `unknown_sku`, or an item that is no row of this count.
    """

    def work() -> CountConfirmedView:
        task = open_task(unit.connection, count_id)
        check_done_once(unit.connection)  # it compares with books that miss something
        lines = _confirmed(unit, edge, task, command, person)
        body = CountConfirmed(count_id=task.count_id, number=task.number, lines=tuple(lines))
        edge.journal.record(unit, body, by=person.person_id, device=person.device)
        tell(unit, edge)
        return _confirmed_view(unit.connection, edge, task, lines)

    asked = Asked(to=f"confirm:{count_id}", command=command)
    return once(unit, edge, asked, command.key, CountConfirmedView, work)


def _confirmed(
    unit: EdgeUnit, edge: Edge, task: rows.Task, command: ConfirmCount, person: CurrentPerson
) -> list[ConfirmedLine]:
    listed = rows.lines_of(unit.connection, task.count_id)
    passes = rows.passes_of(unit.connection, task.count_id)
    tallies = rows.tallies_of(unit.connection, task.count_id)
    wanted = {line.sku: line for line in command.lines}
    if command.rest:
        untouched = [sku for sku in listed if sku not in passes and sku not in tallies]
        wanted |= {sku: ConfirmLine(sku=sku, counted=0) for sku in untouched if sku not in wanted}
    if not wanted:
        raise Refused(
            _("Nothing is counted yet."), _("Scan items, or type how many there are."), code="nothing_counted"
        )
    if task.scope == "all":
        check_items(
            unit.connection, edge, [sku for sku in wanted if sku not in listed and sku not in tallies]
        )
    check_nothing_along(unit.connection, edge, task, wanted)
    lines = []
    for sku, line in wanted.items():
        if task.scope != "all" and sku not in listed:
            raise Invalid(
                _("{sku} is not part of this count.", sku=sku[:40]),
                _("Count it in a count of its own."),
                code="not_in_count",
                sku=sku,
            )
        pass_no, counted = _figure(line, passes.get(sku, []), tallies.get(sku, []), person)
        since = rows.take_tallies(unit, task.count_id, sku, pass_no)
        books = rows.books_of(
            unit.connection,
            sku,
            task.place,
            began(unit.connection, edge, task, command.as_of) if since is None else since,
        )
        check_figures(sku, counted, books)
        lines.append(
            ConfirmedLine(
                sku=sku,
                pass_no=pass_no,
                counted=counted,
                balance=books.balance,
                came=books.came,
                left=books.left,
                variance=books.variance(counted),
            )
        )
    return lines


def _figure(
    line: ConfirmLine,
    passes: list[rows.PassRow],
    tallies: list[rows.Tally],
    person: CurrentPerson,
) -> tuple[int, int]:
    """Return (pass, counted) of an item, or refuse a figure that is no count of what is there now."""
    pass_no = open_pass(passes, tallies)
    total = sum(tally.units for tally in tallies)
    if pass_no is None:
        last = passes[-1]
        raise Refused(
            _("{sku} was confirmed already: {n}.", sku=line.sku, n=last.counted),
            _("Count it again from the beginning if that is wrong."),
            code="stale_count",
            sku=line.sku,
            counted=last.counted,
            by=last.by,
            at_us=last.at_us,
        )
    if line.counted is not None and line.counted < 0:
        raise below_zero(line.sku, counted=line.counted)
    others = any(tally.device != person.device and tally.units for tally in tallies)
    blind_to_others = line.counted is not None and line.seen is None and others
    if blind_to_others or (line.seen is not None and line.seen != total):
        raise Refused(
            _("Another device counts {sku} too: together {n} so far.", sku=line.sku, n=total),
            _("Look at the figure again, then confirm it."),
            code="stale_count",
            sku=line.sku,
            counted=total,
        )
    if line.counted is None and not tallies:
        raise Refused(
            _("Nobody has counted {sku}.", sku=line.sku),
            _("Scan it, or type how many there are; 0 when there is none."),
            code="nothing_counted",
            sku=line.sku,
        )
    if pass_no > PASSES:
        raise Refused(_("This item was counted too often."), _("Post it."), code="too_many_passes")
    return pass_no, total if line.counted is None else line.counted


def _confirmed_view(
    connection: Connection, edge: Edge, task: rows.Task, lines: Sequence[ConfirmedLine]
) -> CountConfirmedView:
    products = edge.products.find_all(connection, [line.sku for line in lines])
    passes = rows.passes_of(connection, task.count_id)

    def again(sku: str) -> bool:
        return not settled(task, passes[sku], products.get(sku))

    found = rows.lines_of(connection, task.count_id)
    return CountConfirmedView(
        lines=tuple(
            ConfirmedItem(
                sku=line.sku,
                name=_name(products, line.sku),
                counted=line.counted,
                pass_no=line.pass_no,
                again=again(line.sku),
            )
            for line in lines
        ),
        rows=len(found),
        counted=len(passes),
    )


def settled(task: rows.Task, passes: Sequence[rows.PassRow], product: Product | None) -> bool:
    """Tell whether an item's count is believed without another pass."""
    done = [Pass(row.counted, row.variance, row.books.is_doubtful(row.counted)) for row in passes]
    return is_settled(done, task.tolerance, product.unit_cost_minor if product else 0)


def _name(products: Mapping[str, Product], sku: str) -> str:
    return products[sku].name if sku in products else sku


def post(
    unit: EdgeUnit, edge: Edge, count_id: str, command: PostCount, *, person: CurrentPerson
) -> tuple[Posted, bool]:
    """Write the differences of a count.

    Raises:
        NotPermitted: `needs_approval`, a manager must agree.
        Invalid: `as_of_missing`, figures are accepted that nobody says to have seen.
        Refused: `count_unfinished`, `recount_needed`, `nothing_counted`, or `stale_count` where an item was
            counted since the page was opened, or its books were corrected after it was counted; each names
            the items. `checked_out_elsewhere`, a handheld may be taking of them; `records_missing`.
    """

    def work() -> Posted:
        task = open_task(unit.connection, count_id)
        check_done_once(unit.connection)  # it compares with books that miss something
        passes = rows.passes_of(unit.connection, task.count_id)
        check_nothing_along(unit.connection, edge, task, passes)
        check_seen(unit.connection, edge, passes, command)  # before a manager types a PIN for nothing
        approvals = _word(unit, edge, person, POST_ACTION, command.approval)
        lines = _to_post(unit.connection, edge, task, command)
        strays = rows.strays_of(unit.connection, task.count_id)
        body = CountPosted(
            count_id=task.count_id,
            number=task.number,
            place=task.place,
            lines=tuple(lines),
            elsewhere=tuple(FoundElsewhere(code=s.code, sku=s.sku, units=s.units) for s in strays),
            approvals=approvals,
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        return _posted(unit, edge, task, "posted", lines, recorded.seq)

    asked = Asked(to=f"post:{count_id}", command=command)
    return once(unit, edge, asked, command.key, Posted, work)


def _word(
    unit: EdgeUnit, edge: Edge, person: CurrentPerson, action: str, token: str | None
) -> tuple[Approval, ...]:
    given = require_word(unit, edge, person, action, StoreRole.MANAGER, token)
    return (given.approval,) if given else ()


def _to_post(connection: Connection, edge: Edge, task: rows.Task, command: PostCount) -> list[PostedLine]:
    listed = rows.lines_of(connection, task.count_id)
    passes = rows.passes_of(connection, task.count_id)
    tallies = rows.tallies_of(connection, task.count_id)
    products = edge.products.find_all(connection, passes)
    if not passes:
        raise Refused(
            _("Nothing of this count is confirmed."), _("Count first, or give it up."), code="nothing_counted"
        )
    untouched = [] if command.leave else [sku for sku in listed if sku not in passes]
    unfinished = sorted({*untouched, *tallies})
    if unfinished:
        raise _names(
            "count_unfinished",
            unfinished,
            _("{n} items of this count are not finished.", n=len(unfinished)),
            _("Confirm them, say that none is there, or leave out what nobody counted."),
        )
    stale = [
        sku for sku, done in passes.items() if rows.corrected_since(connection, sku, task.place, done[-1].seq)
    ]
    if stale:
        raise _names(
            "stale_count",
            stale,
            _("The stock of {n} items was corrected after they were counted.", n=len(stale)),
            _("Count these again: the difference may be in the books already."),
        )
    open_again = [
        sku
        for sku, done in passes.items()
        if sku not in command.accept and not settled(task, done, products.get(sku))
    ]
    if open_again:
        raise _names(
            "recount_needed",
            open_again,
            _("{n} items differ by more than one pass may say.", n=len(open_again)),
            _("Count them again, or accept the figures as they are."),
        )
    return [
        PostedLine(
            sku=sku,
            counted=done[-1].counted,
            variance=done[-1].variance,
            passes=len(done),
            unit_cost_minor=products[sku].unit_cost_minor if sku in products else 0,
            accepted=sku in command.accept and not settled(task, done, products.get(sku)),
        )
        for sku, done in passes.items()
    ]


def _names(code: str, skus: Sequence[str], what: str, remedy: str) -> Refused:
    return Refused(what, remedy, code=code, skus=list(skus)[:50], items=len(skus))


def _posted(  # noqa: PLR0917 - what became of which count, in the order of the answer
    unit: EdgeUnit, edge: Edge, task: rows.Task, state: str, lines: Sequence[PostedLine], seq: int
) -> Posted:
    tell(unit, edge)
    unit.after_commit(lambda: edge.broadcaster.publish("stock"))
    sign = 1 if state == "posted" else -1
    changes = [sign * line.variance for line in lines]
    return Posted(
        count_id=task.count_id,
        number=task.number,
        state=state,
        seq=seq,
        rows=len(lines),
        over=sum(change for change in changes if change > 0),
        short=-sum(change for change in changes if change < 0),
        value_minor=sum(sign * line.variance * line.unit_cost_minor for line in lines),
        deficits=deficits(unit.connection, edge, [line.sku for line in lines]),
    )


def deficits(connection: Connection, edge: Edge, skus: Sequence[str]) -> tuple[Deficit, ...]:
    """Return of which items more is promised than is here, at this moment."""
    missing = {sku: here.rights.deficit for sku, here in on_hand_of(connection, skus).items()}
    products = edge.products.find_all(connection, [sku for sku, units in missing.items() if units])
    return tuple(
        Deficit(sku=sku, name=_name(products, sku), missing=units) for sku, units in missing.items() if units
    )


def reverse(
    unit: EdgeUnit, edge: Edge, count_id: str, command: Revoke, *, person: CurrentPerson
) -> tuple[Posted, bool]:
    """Take a posted count back: every difference the other way round.

    Raises:
        NotPermitted: `needs_approval`, a manager must agree.
        Refused: `not_posted`; `undone_already`; `not_in_bucket`, units that the count had found are gone
            already; `stale_count`, items were counted again since; `records_missing`.
    """

    def work() -> Posted:
        task = require_task(unit.connection, count_id)
        check_done_once(unit.connection)  # none is posted while records are missing: all are from before
        _check_stands(task)
        approvals = _word(unit, edge, person, UNDO_ACTION, command.approval)
        lines = _written(unit.connection, edge, task)
        body = CountUndone(
            count_id=task.count_id,
            number=task.number,
            place=task.place,
            reason=command.reason,
            lines=tuple(lines),
            approvals=approvals,
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        return _posted(unit, edge, task, "undone", lines, recorded.seq)

    asked = Asked(to=f"reverse:{count_id}", command=command)
    return once(unit, edge, asked, command.key, Posted, work)


def _check_stands(task: rows.Task) -> None:
    """Refuse to take back a count of which nothing is in the books, and say why nothing is."""
    if task.state == "posted":
        return
    code, remedy = "not_posted", _("Nothing is left to undo.")
    if task.state == "undone":
        code, what = "undone_already", _("Count {number} was taken back already.", number=task.number)
    elif task.state == "cancelled":
        what = _("Count {number} was given up; nothing of it was posted.", number=task.number)
    else:
        what = _("Count {number} was not posted, so there is nothing to take back.", number=task.number)
        remedy = _("Give it up instead.")
    raise Refused(what, remedy, code=code, state=task.state)


def _written(connection: Connection, edge: Edge, task: rows.Task) -> list[PostedLine]:
    passes = rows.passes_of(connection, task.count_id)
    lines = [line for line in rows.lines_of(connection, task.count_id).values() if line.posted is not None]
    products = edge.products.find_all(connection, [line.sku for line in lines])
    here = on_hand_of(connection, [line.sku for line in lines])
    buckets = BUCKETS_OF[task.place]
    check_not_counted_since(
        connection, buckets, {line.sku: passes[line.sku][-1].seq for line in lines if line.posted}
    )
    for line in lines:
        there = sum(here[line.sku].buckets.get(bucket, 0) for bucket in buckets)
        if (line.posted or 0) > max(0, there):
            raise Refused(
                _("{units} of {sku} were to leave {bucket}, {here} are in it.",
                  units=line.posted, sku=line.sku, bucket=buckets[0].value, here=there),
                _("Count it again instead."),
                code="not_in_bucket",
                sku=line.sku,
                here=there,
            )  # fmt: skip
    return [
        PostedLine(
            sku=line.sku,
            counted=passes[line.sku][-1].counted,
            variance=line.posted or 0,
            passes=len(passes[line.sku]),
            unit_cost_minor=products[line.sku].unit_cost_minor if line.sku in products else 0,
            accepted=line.accepted,
        )
        for line in lines
    ]


def cancel(
    unit: EdgeUnit, edge: Edge, count_id: str, command: Revoke, *, person: CurrentPerson
) -> tuple[Ended, bool]:
    """Give a count up; what was counted is forgotten.

    Raises:
        NotPermitted: `needs_approval`, a lead must agree.
        Refused: `stale_count`, it is closed already.
    """

    def work() -> Ended:
        task = open_task(unit.connection, count_id)
        require_word(unit, edge, person, "cancel_count", StoreRole.LEAD, command.approval)
        give_up(unit, edge, task, command.reason, person)
        return Ended(count_id=task.count_id, number=task.number, state="cancelled")

    asked = Asked(to=f"give-up:{count_id}", command=command)
    return once(unit, edge, asked, command.key, Ended, work)


def give_up(unit: EdgeUnit, edge: Edge, task: rows.Task, reason: str, person: CurrentPerson = SYSTEM) -> None:
    """Write down that nobody makes a count any more."""
    body = CountCancelled(count_id=task.count_id, number=task.number, reason=reason)
    edge.journal.record(unit, body, by=person.person_id, device=person.device)
    tell(unit, edge)


def print_sheet(
    unit: EdgeUnit, edge: Edge, count_id: str, command: PrintSlip, *, person: CurrentPerson
) -> tuple[Ended, bool]:
    """Queue the sheet of a count: rows in walking order, without any figure of the books."""

    def work() -> Ended:
        task = open_task(unit.connection, count_id)
        facts = {"count_id": task.count_id, "by": person.person_id, "at_us": edge.clock.now_us()}
        job = queue_slip(unit, edge, Slip.COUNT_SHEET, task.number, f"{task.number}@{command.key}", facts)
        return Ended(count_id=task.count_id, number=task.number, state=task.state, job_id=job)

    asked = Asked(to=f"sheet:{count_id}", command=command)
    return once(unit, edge, asked, command.key, Ended, work)
