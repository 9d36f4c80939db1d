"""What is scanned while goods arrive, with and without an announcement: work in hand, no fact yet."""

from collections.abc import Iterable
from dataclasses import replace

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.lives import check_done_once
from edge_agent.once import Asked, once
from edge_agent.scans import nothing_to_undo, to_take_back
from edge_agent.transfers.rows import transfers as rows
from edge_agent.transfers.rows import work
from edge_agent.transfers.rows.transfers import CartonRow, Transfer
from edge_agent.transfers.rules import Counted, counted_in, line_for, number_of, other_place, summed
from edge_agent.transfers.steps.commands import SayLine, ScanItem, TakeInUnknown, UndoScan
from edge_agent.transfers.steps.common import arrived_so_far, receiving, tell
from edge_agent.transfers.steps.models import (
    Done,
    LabelMeaning,
    ReceivedAnswer,
    Scanned,
    unknown_carton_words,
)
from edge_agent.transfers.steps.receiving import after, answer, check_article, check_size
from protocol import transfer_messages as said
from protocol.errors import Invalid, NotFound, Refused
from protocol.ids import is_edge_name
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import LineKind
from protocol.sscc import is_sscc, read_label, spaced
from protocol.transfers import ArrivalReason, ReceivedLine


def meaning(connection: Connection, edge: Edge, code: str) -> LabelMeaning:
    """Return what a scan means for transfers, without doing anything."""
    sscc = read_label(code)
    if sscc:
        twice = rows.expected_twice(connection, sscc)
        return _twice(sscc, twice) if twice else _carton_meaning(rows.find_carton(connection, sscc), sscc)
    number = number_of(code)
    if number:
        found = rows.by_number(connection, number)
        if found is None:
            return LabelMeaning(
                kind="unknown",
                what=_("Transfer {number} is not known in this store.", number=number),
                remedy=_("It may be another store's. Scan the labels of its cartons."),
            )
        return LabelMeaning(kind="transfer", transfer_id=found.transfer_id, way=found.way, state=found.state)
    product = edge.products.scan(connection, code)
    if product is None:
        return LabelMeaning(
            kind="unknown",
            what=_("{code} is neither a carton, a manifest nor an article here.", code=code[:40]),
            remedy=_("Scan the label of the carton: its code begins with (00)."),
        )
    return LabelMeaning(
        kind="article",
        sku=product.sku,
        what=_("This is {name}.", name=product.name),
        remedy=_("Open the transfer first, then scan what is in it."),
    )


def check_one(meant: LabelMeaning) -> None:
    """Refuse to go on with a label that two transfers expect.

    Raises:
        Refused: `label_twice`.
    """
    if meant.kind == "carton" and meant.state == "expected" and not meant.transfer_id:
        raise Refused(meant.what, meant.remedy, code="label_twice")


def scan(
    unit: EdgeUnit, edge: Edge, transfer_id: str, command: ScanItem, *, person: CurrentPerson
) -> tuple[Scanned, bool]:
    """Take the label of a carton, or one article of it, that arrived for a transfer."""

    def step() -> Scanned:
        found = receiving(unit.connection, transfer_id)
        sscc = read_label(command.code)
        if sscc:
            return _scan_carton(unit, edge, found, sscc, person)
        return _scan_item(unit, edge, transfer_id, command.code, person)

    asked = Asked(to=f"arrival-scan:{transfer_id}", command=command)
    return once(unit, edge, asked, command.key, Scanned, step)


def scan_unknown(
    unit: EdgeUnit, edge: Edge, work_id: str, command: ScanItem, *, person: CurrentPerson
) -> tuple[Scanned, bool]:
    """Count an article for a request that is written, or out of a carton that nobody announced."""

    def step() -> Scanned:
        if read_label(command.code):
            return Scanned(
                outcome="not_an_item",
                what=_("This is the label of a carton, not of an article."),
                remedy=_("Scan the articles one by one."),
            )
        return _scan_item(unit, edge, work_id, command.code, person)

    asked = Asked(to=f"unknown-scan:{work_id}", command=command)
    return once(unit, edge, asked, command.key, Scanned, step)


def undo(unit: EdgeUnit, edge: Edge, work_id: str, command: UndoScan) -> tuple[Done, bool]:
    """Take a scan back: the one that is named, else the last.

    Raises:
        Refused: `nothing_to_undo`.
    """

    def step() -> Done:
        row = to_take_back(work.scans(unit.connection, work_id, "receive"), command.scan_id)
        if row is None:
            raise nothing_to_undo(_("Set the number by hand."))
        work.undo_scan(unit, row.scan_id)
        tell(unit, edge)
        return Done(transfer_id=work_id)

    asked = Asked(to=f"arrival-undo:{work_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def say_line(unit: EdgeUnit, edge: Edge, work_id: str, command: SayLine) -> tuple[Done, bool]:
    """Say by hand what arrived of a line, and what of it is broken.

    Raises:
        NotFound: `no_line`.
        Invalid: `unknown_sku`, `not_stock`.
        Refused: `stale_arrival`, more or less was counted since than the page showed.
    """

    def step() -> Done:
        sku = command.sku
        lines = rows.lines_of(unit.connection, work_id)
        if command.line_no:
            line = next((each for each in lines if each.line_no == command.line_no), None)
            if line is None:
                raise NotFound(_("There is no such line."), _("Look at the transfer again."), code="no_line")
            sku = line.sku
        else:
            check_article(sku, edge.products.find(unit.connection, sku))
        _check_seen(arrived_so_far(unit.connection, lines, work_id), (command.line_no, sku), command.seen)
        at_us = work.next_us(unit.connection, work_id, edge.clock.now_us())
        word = Counted(command.line_no, sku, sku, command.units, command.damaged, command.note, at_us)
        work.set_word(unit, work_id, word)
        tell(unit, edge)
        return Done(transfer_id=work_id)

    asked = Asked(to=f"arrival-line:{work_id}", command=command)
    return once(unit, edge, asked, command.key, Done, step)


def take_in(
    unit: EdgeUnit, edge: Edge, command: TakeInUnknown, *, person: CurrentPerson
) -> tuple[ReceivedAnswer, bool]:
    """Take goods in that nobody has announced: the hub matches them with their shipment later.

    Raises:
        Refused: `not_sure`, nobody has confirmed it; `carton_again`, `own_carton`, `announced`, `to_itself`,
            `nothing_arrived`; `records_missing`, a carton may have been taken in already.
        Invalid: `bad_sscc`, `bad_place`, `unknown_sku`, `not_stock`, `too_many_units`.
    """

    def step() -> ReceivedAnswer:
        if command.source:
            other_place(edge.identity.edge, command.source)
            if not is_edge_name(command.source):
                raise Invalid(
                    _("{place} is no location.", place=command.source),
                    _("Choose one from the list, or leave it empty."),
                    code="bad_place",
                )
        if command.sscc:
            _check_unknown(unit.connection, command.sscc)
        counted = unknown_counted(unit.connection, edge, command)
        if not command.sure:
            what, remedy = (
                unknown_carton_words(spaced(command.sscc))
                if command.sscc
                else (_("Nobody has announced these goods."), _("Confirm that they are for this store."))
            )
            raise Refused(what, remedy, code="not_sure")
        if not any(each.units for each in counted):
            raise Refused(
                _("Nothing was counted yet."), _("Scan what is in it, item by item."), code="nothing_arrived"
            )
        check_size(counted)
        body = said.TransferReceived(
            receipt_id=edge.ids.new_id(),
            source=command.source,
            destination=edge.identity.edge,
            cartons=(command.sscc,) if command.sscc else (),
            lines=tuple(_line(each) for each in counted if each.units),
            note=command.note,
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device)
        work.forget(unit, [command.work_id] if command.work_id else [])
        after(unit, edge, body)
        return answer(body, recorded)

    return once(unit, edge, Asked(to="take-in-unknown", command=command), command.key, ReceivedAnswer, step)


def unknown_counted(connection: Connection, edge: Edge, command: TakeInUnknown) -> tuple[Counted, ...]:
    """Return what was counted of goods that nobody announced, by article."""
    if command.work_id:
        scanned = work.arrived_loose(connection, command.work_id)
        words = work.words(connection, command.work_id)
    else:
        scanned = ()
        words = tuple(
            Counted(0, line.sku, line.sku, line.units, line.damaged, line.note) for line in command.lines
        )
    skus = [each.sku for each in (*scanned, *words)]
    products = edge.products.find_all(connection, skus)
    for sku in skus:
        check_article(sku, products.get(sku))
    named = [replace(each, line_no=0, name=products[each.sku].name) for each in words]
    return counted_in((), (), scanned, summed(named))


def _line(each: Counted) -> ReceivedLine:
    return ReceivedLine(
        sku=each.sku,
        name=each.name,
        quantity=each.units,
        damaged=each.damaged,
        reason=ArrivalReason.DAMAGED if each.damaged else None,
        note=each.note,
    )


def _check_unknown(connection: Connection, sscc: str) -> None:
    if not is_sscc(sscc):
        raise Invalid(
            _("{code} is no number of a carton: its check digit is wrong.", code=sscc[:18]),
            _("Scan the label once more."),
            code="bad_sscc",
        )
    known = rows.find_carton(connection, sscc)
    if known is None:
        check_done_once(connection)
        return
    if known.way == "out":
        raise Refused(
            _("Carton {sscc} is from this store.", sscc=spaced(sscc)),
            _("Look at the transfer it belongs to; nothing was changed."),
            code="own_carton",
            transfer_id=known.transfer_id,
        )
    if known.state == "received":
        raise Refused(
            _("Carton {sscc} was taken in already.", sscc=spaced(sscc)),
            _("Nothing was changed."),
            code="carton_again",
            transfer_id=known.transfer_id,
        )
    raise Refused(
        _("Carton {sscc} has been announced.", sscc=spaced(sscc)),
        _("Receive it with its transfer."),
        code="announced",
        transfer_id=known.transfer_id,
    )


def _twice(sscc: str, numbers: tuple[str, ...]) -> LabelMeaning:
    """Return what a label means that two locations have printed: only a person can read whose it is."""
    return LabelMeaning(
        kind="carton",
        sscc=sscc,
        way="in",
        state="expected",
        what=_("Carton {sscc} is expected twice: with {numbers}.",
               sscc=spaced(sscc), numbers=", ".join(numbers)),
        remedy=_("Read on the label where it comes from, open that transfer and scan the carton there."),
    )  # fmt: skip


def _carton_meaning(carton: CartonRow | None, sscc: str) -> LabelMeaning:
    if carton is None:
        what, remedy = unknown_carton_words(spaced(sscc))
        return LabelMeaning(kind="carton", sscc=sscc, state="unknown", what=what, remedy=remedy)
    said_of = {
        "packed": _("Carton {sscc} is packed here and has not left.", sscc=spaced(sscc)),
        "opened": _("Carton {sscc} was opened again; its label is void.", sscc=spaced(sscc)),
        "shipped": _("Carton {sscc} has left this store.", sscc=spaced(sscc)),
        "expected": _("Carton {sscc} is expected here.", sscc=spaced(sscc)),
        "received": _("Carton {sscc} was taken in already.", sscc=spaced(sscc)),
    }
    return LabelMeaning(
        kind="carton",
        sscc=sscc,
        transfer_id=carton.transfer_id,
        way=carton.way,
        state=carton.state,
        what=said_of[carton.state],
    )


def _scan_carton(unit: EdgeUnit, edge: Edge, found: Transfer, sscc: str, person: CurrentPerson) -> Scanned:
    carton = rows.find_carton(unit.connection, sscc, of=found.transfer_id)
    meant = _carton_meaning(carton, sscc)
    unchanged = _("Nothing was changed.")
    if carton is None:
        go = f"/transfers/carton/{sscc}"
        return Scanned(outcome="unknown_carton", sscc=sscc, go=go, what=meant.what, remedy=meant.remedy)
    if carton.way == "out":
        return Scanned(outcome="own_carton", sscc=sscc, what=meant.what, remedy=unchanged)
    again = sscc in work.ticked(unit.connection, found.transfer_id)
    if carton.state == "received" or again:
        what = meant.what if not again else _("Carton {sscc} is scanned already.", sscc=spaced(sscc))
        return Scanned(outcome="carton_again", sscc=sscc, what=what, remedy=unchanged)
    if carton.transfer_id != found.transfer_id:
        return Scanned(
            outcome="other_transfer",
            sscc=sscc,
            go=f"/transfers/{carton.transfer_id}",
            what=_("Carton {sscc} belongs to another transfer that comes here.", sscc=spaced(sscc)),
            remedy=_("Open that one to take it in. Nothing was changed."),
        )
    scan_id = _note(unit, edge, found.transfer_id, (0, "", "", sscc, carton.units), person)
    return Scanned(
        outcome="carton",
        scan_id=scan_id,
        sscc=sscc,
        name=_("Carton {n}", n=carton.carton_no),
        found=len(work.ticked(unit.connection, found.transfer_id)),
        wanted=sum(1 for each in rows.cartons_of(unit.connection, found.transfer_id)),
    )


def _scan_item(unit: EdgeUnit, edge: Edge, work_id: str, code: str, person: CurrentPerson) -> Scanned:
    if number_of(code):
        return Scanned(
            outcome="not_an_item",
            what=_("This is the code of a slip, not of an article or a carton."),
            remedy=_("Scan the label of a carton, or an article."),
        )
    product = edge.products.scan(unit.connection, code)
    if product is None or product.kind is not LineKind.GOODS:
        return Scanned(
            outcome="unknown_code",
            what=_("{code} is not in the catalogue of this store.", code=code[:40]),
            remedy=_("Scan it once more. Lay it aside if it stays unknown, and tell operations."),
        )
    lines = rows.lines_of(unit.connection, work_id)
    before = arrived_so_far(unit.connection, lines, work_id)
    line_no = line_for(lines, {each.line_no: each.units for each in before}, product.sku)
    line = next((each for each in lines if each.line_no == line_no), None)
    scan_id = _note(unit, edge, work_id, (line_no, product.sku, product.name, "", 1), person)
    return Scanned(
        outcome="counted",
        scan_id=scan_id,
        line_no=line_no,
        sku=product.sku,
        name=product.name,
        found=1 + _units_of(before, (line_no, product.sku)),
        wanted=line.expected if line else 0,
    )


def _units_of(counted: Iterable[Counted], line: tuple[int, str]) -> int:
    """Return how many units were counted of one (line, SKU)."""
    return sum(each.units for each in counted if (each.line_no, each.sku) == line)


def _check_seen(counted: Iterable[Counted], line: tuple[int, str], seen: int | None) -> None:
    now = _units_of(counted, line)
    if seen is not None and seen != now:
        raise Refused(
            _("{now} of it are counted by now; this page showed {seen}.", now=now, seen=seen),
            _("Nothing was changed. Look at the line again, then correct it."),
            code="stale_arrival",
            now=now,
        )


def _note(
    unit: EdgeUnit, edge: Edge, work_id: str, what: tuple[int, str, str, str, int], person: CurrentPerson
) -> str:
    """Note a scan of (line, SKU, name, carton, units)."""
    line_no, sku, name, sscc, units = what
    row = work.ScanRow(
        scan_id=edge.ids.new_id(),
        work_id=work_id,
        step="receive",
        line_no=line_no,
        sku=sku,
        name=name,
        sscc=sscc,
        units=units,
        how="scan",
        at_us=work.next_us(unit.connection, work_id, edge.clock.now_us()),
    )
    work.add_scan(unit, row, person.person_id)
    tell(unit, edge)
    return row.scan_id
