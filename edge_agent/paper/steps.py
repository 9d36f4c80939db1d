"""Queue slips, print them again, and say what became of one in doubt.

What happened queues its own slip: the reactions below run in the unit of work that records the event, so a
sale without its receipt cannot exist, and none is queued while tables are made anew from the log. A job of
an event carries the event's id; `unit.memory["print_jobs"]` tells the steps of this commit which number
has which job.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from edge_agent.context import SYSTEM, Edge, ParkedBasket
from edge_agent.database import EdgeUnit
from edge_agent.exceptions.steps import close_exception, raise_exception
from edge_agent.journal import Recorded
from edge_agent.paper import rows
from edge_agent.paper.backs import backs_of
from edge_agent.paper.rules import Slip, slip_label
from edge_agent.paper.scanned import copy_of, sent_before
from printing.document import Document
from printing.job import REPRINTS, Job, JobState, check_step, resolve
from printing.profiles import profile_of, with_pages
from protocol.errors import IllegalTransition, NotFound, Refused
from protocol.events import CashMoved, DrawerOpened, GiftCardSold, OrderSold, ReturnCompleted, TillClosed
from protocol.kit.sqlite import Connection
from protocol.kit.text import _, inside
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import Tender, TenderKind
from protocol.till import SessionTotals


def on_order_sold(unit: EdgeUnit, recorded: Recorded) -> None:
    """Queue the receipt; cash opens the drawer."""
    body = recorded.body
    assert isinstance(body, OrderSold)
    back = () if recorded.replayed else backs_of(unit.connection, body)
    more = {"back": back} if back else {}
    _queue_event(unit, recorded, Slip.RECEIPT, body.number, kick=_has_cash(body.tenders), more=more)


def on_return_completed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Queue the return slip; cash that goes back opens the drawer."""
    _queue_return(unit, recorded)


def on_order_voided(unit: EdgeUnit, recorded: Recorded) -> None:
    """Queue the slip that says VOIDED."""
    _queue_return(unit, recorded)


def on_till_closed(unit: EdgeUnit, recorded: Recorded) -> None:
    """Queue the Z."""
    body = recorded.body
    assert isinstance(body, TillClosed)
    _queue_event(unit, recorded, Slip.TILL_REPORT, body.number)


def on_till_drawer_opened(unit: EdgeUnit, recorded: Recorded) -> None:
    """Open the drawer, with a slip that says why."""
    body = recorded.body
    assert isinstance(body, DrawerOpened)
    _queue_event(unit, recorded, Slip.DRAWER, f"{body.till}-{recorded.seq}", kick=True)


def on_till_cash_moved(unit: EdgeUnit, recorded: Recorded) -> None:
    """Open the drawer for cash that goes in or out, with a slip that says why."""
    body = recorded.body
    assert isinstance(body, CashMoved)
    _queue_event(unit, recorded, Slip.CASH_SLIP, f"{body.till}-{recorded.seq}", kick=True)


def _queue_return(unit: EdgeUnit, recorded: Recorded) -> None:
    body = recorded.body
    assert isinstance(body, ReturnCompleted)
    _queue_event(unit, recorded, Slip.RETURN_RECEIPT, body.number, kick=_has_cash(body.refunds))
    for n, tender in enumerate(body.refunds):
        if tender.kind is TenderKind.STORE_CREDIT:
            _queue_value(unit, recorded, tender, body.number, n)


def on_gift_card_sold(unit: EdgeUnit, recorded: Recorded) -> None:
    """Queue the gift card itself; cash for it opens the drawer."""
    body = recorded.body
    assert isinstance(body, GiftCardSold)
    card = Tender(kind=TenderKind.GIFT_CARD, amount_minor=body.amount_minor, reference=body.number)
    _queue_value(unit, recorded, card, "", 0, kick=_has_cash(body.tenders))


def _queue_value(
    unit: EdgeUnit, recorded: Recorded, tender: Tender, reference: str, n: int, *, kick: bool = False
) -> None:
    if recorded.replayed:
        return
    job = rows.NewJob(
        job_id=f"{recorded.event_id}-v{n}",
        slip=Slip.VALUE_SLIP,
        title=tender.reference,
        business_id=tender.reference,
        facts={
            "kind": tender.kind.value,
            "number": tender.reference,
            "amount_minor": tender.amount_minor,
            "reference": reference,
            "at_us": recorded.at_us,
            "by": recorded.by,
        },
        queued_us=recorded.at_us,
        kick=kick,
    )
    unit.memory.setdefault("print_jobs", {})[tender.reference] = rows.queue(unit, job)


def _has_cash(tenders: tuple[Tender, ...]) -> bool:
    return any(tender.kind is TenderKind.CASH for tender in tenders)


def _queue_event(
    unit: EdgeUnit,
    recorded: Recorded,
    slip: Slip,
    number: str,
    *,
    kick: bool = False,
    more: Mapping[str, Any] | None = None,
) -> None:
    if recorded.replayed:
        return
    job_id = rows.queue(
        unit,
        rows.NewJob(
            job_id=recorded.event_id,
            slip=slip,
            title=number,
            business_id=number,
            facts={"seq": recorded.seq, **(more or {})},
            queued_us=recorded.at_us,
            kick=kick,
            station=getattr(recorded.body, "till", ""),
        ),
    )
    unit.memory.setdefault("print_jobs", {})[number] = job_id


def queue_reading(  # noqa: PLR0913 - what an X says, all by name
    unit: EdgeUnit,
    edge: Edge,
    *,
    session_id: str,
    till: str,
    business_date: str,
    currency: str,
    opened_us: int,
    first_seq: int,
    last_seq: int,
    range_hash: str,
    totals: SessionTotals,
    person: CurrentPerson,
) -> str:
    """Queue an X; the same state of a session is the same job."""
    facts = {
        "till": till,
        "business_date": business_date,
        "currency": currency,
        "opened_us": opened_us,
        "at_us": edge.clock.now_us(),
        "first_seq": first_seq,
        "last_seq": last_seq,
        "range_hash": range_hash,
        "totals": totals.model_dump(mode="json"),
        "by": person.person_id,
    }
    return queue_slip(
        unit, edge, Slip.TILL_REPORT, f"X {till}", f"{session_id}@{last_seq}", facts, station=till
    )


def print_parked(unit: EdgeUnit, edge: Edge, basket: ParkedBasket, person: CurrentPerson) -> str:
    """Queue the slip that recalls a parked basket; a basket parked anew is a new slip."""
    facts = {
        "number": basket.number,
        "at_us": edge.clock.now_us(),
        "till": basket.device,
        "units": basket.units,
        "total_minor": basket.total_minor,
        "note": basket.note,
        "by": person.person_id,
    }
    business_id = f"{basket.number}@{basket.version}"
    return queue_slip(unit, edge, Slip.PARKED_SLIP, basket.number, business_id, facts, station=basket.device)


def queue_test_page(unit: EdgeUnit, edge: Edge, printer_id: str) -> str:
    """Queue the test page of one printer."""
    printer = require_printer(unit.connection, printer_id)
    facts = {"printer": printer.name, "profile": printer.profile}
    return queue_slip(
        unit, edge, Slip.TEST_PAGE, printer.name, edge.ids.new_id(), facts, printer_id=printer_id
    )


def queue_slip(  # noqa: PLR0913, PLR0917 - one job, in the order of its parts
    unit: EdgeUnit,
    edge: Edge,
    slip: Slip,
    title: str,
    business_id: str,
    facts: dict[str, Any],
    *,
    printer_id: str | None = None,
    kick: bool = False,
    station: str = "",
) -> str:
    """Queue a slip that no event makes by itself; the same business id is the same job."""
    job = rows.NewJob(
        job_id=edge.ids.new_id(),
        slip=slip,
        title=title,
        business_id=business_id,
        facts=facts,
        queued_us=edge.clock.now_us(),
        printer_id=printer_id,
        kick=kick,
        station=station,
    )
    job_id = rows.queue(unit, job)
    tell(unit, edge)
    return job_id


OVERTAKEN: Final = "slip_overtaken"
"""The code by which a slip says, when its turn comes, that nobody needs it any more."""


def never_sent(connection: Connection, job_id: str) -> bool:
    """Tell whether a slip ended without going to a printer; one that was forgotten may have been there."""
    row = rows.find_job(connection, job_id)
    ended = (JobState.VOIDED, JobState.EXPIRED, JobState.REFUSED)
    return row is not None and row.state in ended and not row.kicked


def in_doubt(connection: Connection) -> int:
    """Return how many slips wait for somebody who looks whether they are there."""
    return int(connection.execute("SELECT count(*) FROM print_jobs WHERE state = 'unknown'").fetchone()[0])


def require_job(connection: Connection, job_id: str) -> rows.JobRow:
    """Return a job.

    Raises:
        NotFound: there is none of that id, or it was forgotten after its days.
    """
    job = rows.find_job(connection, job_id)
    if job is None:
        raise NotFound(
            _("There is no print job {id}.", id=job_id[:40]),
            _("Jobs are kept for a month; print it again from its order."),
            code="no_job",
        )
    return job


def require_printer(connection: Connection, printer_id: str) -> rows.PrinterRow:
    """Return a printer.

    Raises:
        NotFound: there is none of that id.
    """
    printer = rows.find_printer(connection, printer_id)
    if printer is None:
        raise NotFound(
            _("There is no printer {id} here.", id=printer_id[:40]), _("Reload the list."), code="no_printer"
        )
    return printer


def reprint(unit: EdgeUnit, edge: Edge, job_id: str, *, reason: str, person: CurrentPerson) -> str:
    """Print a slip once more, marked REPRINT; return the new job. It never opens the drawer.

    Whoever prints one again that is in doubt says that it is not there: it is the same job then.

    Raises:
        NotFound: there is no such job.
        Refused: `still_waiting`, the slip has not been printed at all yet, or opens a drawer only.
    """
    job = require_job(unit.connection, job_id)
    if job.state in {JobState.QUEUED, JobState.SENDING, JobState.SENT, JobState.HELD_AT_PRINTER}:
        raise Refused(
            _("This slip is still on its way to the printer."),
            _("Look at the printer; it prints when the printer is ready."),
            code="still_waiting",
        )
    if job.document == Slip.DRAWER:
        raise Refused(
            _("A drawer is not opened a second time by its slip."),
            _("Open it anew with No sale."),
            code="drawer_slip",
        )
    if job.state == JobState.UNKNOWN:
        for mark in resolve(bare(job), printed=False):
            write_step(unit, edge, job_id, mark.state, mark.attempt, reason, person)
        settle(unit, edge, job_id, _("It prints once more."), person)
        tell(unit, edge)
        return job_id
    new_id = rows.queue(
        unit,
        rows.NewJob(
            job_id=edge.ids.new_id(),
            slip=Slip(job.document),
            title=job.title,
            business_id=job.business_id,
            facts=job.facts,
            queued_us=edge.clock.now_us(),
            kick=job.kick,
            kicked=True,
            attempt=rows.latest_attempt(unit.connection, job) + 1,
            detail=reason,
            station=job.station,
        ),
    )
    write_step(unit, edge, new_id, JobState.QUEUED, None, reason, person)
    if job.state == JobState.REFUSED:
        settle(unit, edge, job_id, _("It prints once more."), person)
    tell(unit, edge)
    return new_id


def resolve_job(
    unit: EdgeUnit, edge: Edge, job_id: str, *, printed: bool, person: CurrentPerson
) -> rows.JobRow:
    """Take a person's answer to "is the slip there?"; a missing one is printed again, marked.

    Raises:
        NotFound: there is no such job.
        IllegalTransition: the job does not wait for that answer.
    """
    row = require_job(unit.connection, job_id)
    for mark in resolve(bare(row), printed=printed):
        write_step(unit, edge, job_id, mark.state, mark.attempt, mark.detail, person)
    settle(unit, edge, job_id, _("A person looked for the slip."), person)
    tell(unit, edge)
    return require_job(unit.connection, job_id)


def void_job(unit: EdgeUnit, edge: Edge, job_id: str, *, person: CurrentPerson) -> rows.JobRow:
    """Cancel a slip that was not sent yet.

    Raises:
        NotFound: there is no such job.
        IllegalTransition: it was sent already.
    """
    row = require_job(unit.connection, job_id)
    check_step(JobState(row.state), JobState.VOIDED)
    write_step(unit, edge, job_id, JobState.VOIDED, None, _("cancelled by a person"), person)
    tell(unit, edge)
    return require_job(unit.connection, job_id)


def slip_seen(
    unit: EdgeUnit, edge: Edge, code: str, *, person: CurrentPerson, asked: bool = False
) -> rows.JobRow | None:
    """Take the scan of a slip as the proof that it printed; return its job, or None when it has none.

    One that lies somewhere is never in doubt again, and not printed once more for that. `asked`: for a slip.
    """
    row, attempt = copy_of(unit.connection, code, asked=asked)
    if row is None:
        return None
    if row.attempt != attempt:
        if sent_before(unit.connection, row, attempt):
            why = _("its first copy was scanned, so no second one is needed")
            write_step(unit, edge, row.job_id, JobState.VOIDED, None, why, person)
    else:
        try:
            check_step(JobState(row.state), JobState.SEEN)
        except IllegalTransition:
            return row
        write_step(unit, edge, row.job_id, JobState.SEEN, None, _("its code was scanned"), person)
    settle(unit, edge, row.job_id, _("The slip was scanned."), person)
    tell(unit, edge)
    return require_job(unit.connection, row.job_id)


def prove(unit: EdgeUnit, edge: Edge, job_id: str, *, attempt: int, detail: str) -> None:
    """Take a slip that is still in doubt in this attempt as printed; else change nothing."""
    row = rows.find_job(unit.connection, job_id)
    if row is None or (row.state, row.attempt) != (JobState.UNKNOWN, attempt):
        return
    write_step(unit, edge, job_id, JobState.RESOLVED_PRINTED, attempt, detail, SYSTEM)
    settle(unit, edge, job_id, detail, SYSTEM)
    tell(unit, edge)


def doubt(unit: EdgeUnit, edge: Edge, job: rows.JobRow) -> None:
    """Ask a person to look for a slip that is worth money and may or may not have printed."""
    if REPRINTS.get(job.document, "person") != "person":
        return
    title = _("Did the {slip} {number} print?", slip=inside(slip_label(job.document)), number=job.title)
    _ask(unit, edge, job, "slip_in_doubt", title)


def cannot(unit: EdgeUnit, edge: Edge, job: rows.JobRow) -> None:
    """Tell somebody that a slip can never print as it is: nobody would miss it before it is needed."""
    title = _(
        "The {slip} {number} cannot be printed", slip=inside(slip_label(job.document)), number=job.title
    )
    _ask(unit, edge, job, "slip_refused", title)


def _ask(unit: EdgeUnit, edge: Edge, job: rows.JobRow, kind: str, title: str) -> None:
    raise_exception(
        unit,
        edge,
        kind=kind,
        subject=f"print:{job.job_id}",
        title=title,
        facts={"job_id": job.job_id, "document": job.document, "number": job.title, "why": job.detail},
        dedupe_key=f"print:{job.job_id}",
    )


def put_printer(unit: EdgeUnit, edge: Edge, printer: rows.PrinterRow) -> rows.PrinterRow:
    """Add or change a printer. Slips that wait without one go to it; those of one switched off move on.

    Raises:
        Invalid: its code pages are none.
    """
    with_pages(profile_of(printer.profile), printer.pages)
    saved = replace(printer, printer_id=printer.printer_id or _new_printer_id(unit.connection, printer.name))
    rows.put_printer(unit, saved)
    rows.reroute(unit)
    tell(unit, edge)
    return saved


def _new_printer_id(connection: Connection, name: str) -> str:
    """Return a short id made of a printer's name, as it stands in settings and logs."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name.lower())
    base = "-".join(part for part in letters.split("-") if part)[:32] or "printer"
    taken = {each.printer_id for each in rows.printers(connection)}
    chosen, count = base, 1
    while chosen in taken:
        count += 1
        chosen = f"{base}-{count}"
    return chosen


def write_step(  # noqa: PLR0917 - one step of a job, in the order of its parts
    unit: EdgeUnit,
    edge: Edge,
    job_id: str,
    state: JobState,
    attempt: int | None,
    detail: str,
    person: CurrentPerson,
) -> None:
    """Write one step of a job down; without an attempt it stays the one it is."""
    known = require_job(unit.connection, job_id).attempt
    rows.mark(
        unit,
        job_id,
        state=state,
        attempt=known if attempt is None else attempt,
        detail=detail,
        facts={},
        at_us=edge.clock.now_us(),
        by=person.person_id,
    )


def settle(unit: EdgeUnit, edge: Edge, job_id: str, how: str, person: CurrentPerson) -> None:
    """Take the question back that a person was asked about a slip."""
    close_exception(unit, edge, f"print:{job_id}", how=how, person=person)


def bare(row: rows.JobRow) -> Job:
    """Return a job as the pure rules of `printing.job` see it; they never look at the document."""
    return Job(
        job_id=row.job_id,
        printer_id=row.printer_id,
        document_class=row.document,
        document=Document(row.title, ()),
        state=JobState(row.state),
        attempt=row.attempt,
        ever_sent=row.kicked,
        queued_at_us=row.queued_us,
    )


def tell(unit: EdgeUnit, edge: Edge) -> None:
    """Wake the printers and the screens once this is committed."""

    def told() -> None:
        edge.wake_paper()
        edge.broadcaster.publish("printers")

    unit.after_commit(told)
