"""One print job and the states it may be in. Pure: nothing here sends or stores anything.

Exactly-once paper does not exist: a printer can print and then fail to say so. The promise is that
at most one copy is unmarked, that a job begun and not acknowledged is UNKNOWN and never "failed" or
"ok", and that no job disappears. The states are those a person sees on the printers page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, Protocol

from printing.document import Document
from protocol.errors import IllegalTransition


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  # nothing of this attempt was sent
    SENDING = "sending"  # written down before the first byte; found after a start it means UNKNOWN
    SENT = "sent"  # the last byte was handed over, the printer has not answered yet
    HELD_AT_PRINTER = "held_at_printer"  # paper or cover: the printer goes on by itself
    PRINTED = "printed"  # the printer said so
    SENT_UNCONFIRMED = "sent_unconfirmed"  # this printer cannot say so
    UNKNOWN = "unknown"  # begun and never acknowledged: it may lie on the counter or not
    SEEN = "seen"  # somebody scanned the slip
    RESOLVED_PRINTED = "resolved_printed"  # a person said it is there, or a later answer proved it
    RESOLVED_MISSING = "resolved_missing"  # a person said it is not; queued again as the next attempt
    EXPIRED = "expired"  # too old to be of use; never sent
    VOIDED = "voided"  # cancelled before it was sent
    REFUSED = "refused"  # cannot be printed here, such as a symbol wider than the paper; never sent


S = JobState
IN_FLIGHT: Final = frozenset({S.SENDING, S.SENT, S.HELD_AT_PRINTER})
FINAL: Final = frozenset(
    {S.PRINTED, S.SENT_UNCONFIRMED, S.SEEN, S.RESOLVED_PRINTED, S.EXPIRED, S.VOIDED, S.REFUSED}
)
WHOLE: Final = frozenset({S.PRINTED, S.SEEN, S.RESOLVED_PRINTED})
TRANSITIONS: Final[dict[JobState, frozenset[JobState]]] = {
    S.QUEUED: frozenset({S.SENDING, S.EXPIRED, S.VOIDED, S.REFUSED}),
    S.SENDING: frozenset({S.QUEUED, S.SENT, S.HELD_AT_PRINTER, S.PRINTED, S.SENT_UNCONFIRMED, S.UNKNOWN}),
    S.SENT: frozenset({S.HELD_AT_PRINTER, S.PRINTED, S.SENT_UNCONFIRMED, S.UNKNOWN}),
    S.HELD_AT_PRINTER: frozenset({S.QUEUED, S.SENT, S.PRINTED, S.SENT_UNCONFIRMED, S.UNKNOWN}),
    S.PRINTED: frozenset({S.SEEN}),
    S.SENT_UNCONFIRMED: frozenset({S.SEEN, S.RESOLVED_PRINTED, S.RESOLVED_MISSING}),
    S.UNKNOWN: frozenset({S.QUEUED, S.SEEN, S.RESOLVED_PRINTED, S.RESOLVED_MISSING}),
    S.SEEN: frozenset(),
    S.RESOLVED_PRINTED: frozenset({S.SEEN}),
    S.RESOLVED_MISSING: frozenset({S.QUEUED, S.SEEN}),
    S.EXPIRED: frozenset(),
    S.VOIDED: frozenset(),
    S.REFUSED: frozenset(),
}

Reprint = Literal["auto", "person"]
ATTEMPTS_BY_ITSELF: Final = 3
REPRINTS: Final[dict[str, Reprint]] = {
    "receipt": "person",
    "return_receipt": "person",
    "till_report": "auto",
    "parked_slip": "auto",
    "test_page": "auto",
    "calibration": "auto",
    "gift_receipt": "auto",
    "item_sticker": "auto",
    "pick_list": "auto",
    "void_slip": "auto",
    "packing_slip": "auto",
    "pickup_label": "auto",
    "shipping_label": "auto",
    "manifest": "auto",
    "count_sheet": "auto",
    "goods_received": "auto",
    "cash_slip": "person",  # says that money went
    "value_slip": "person",  # two of them are twice the money
    "carton_label": "auto",
    "transfer_manifest": "auto",
    "handover_slip": "person",  # says what was paid
    "order_slip": "person",  # the same, and shows the pickup code
    "payment_slip": "person",
    "drawer": "person",
}


@dataclass(frozen=True, slots=True)
class Job:
    """A slip on its way to one printer.

    `ever_sent` is true once any attempt was marked SENDING: the drawer is opened by the first
    sending only, whatever becomes of it.
    """

    job_id: str
    printer_id: str
    document_class: str
    document: Document
    state: JobState
    attempt: int
    ever_sent: bool
    queued_at_us: int
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """One step of a job that has to be written down."""

    state: JobState
    attempt: int
    detail: str


def after_unknown(job: Job) -> Mark | None:
    """Return the step that follows UNKNOWN by itself, or None when a person is asked.

    Slips that are worth money wait for a person, as does a class nobody thought about, and any slip
    after a few attempts: a printer that never answers must not use up its roll.
    """
    if REPRINTS.get(job.document_class, "person") == "person" or job.attempt >= ATTEMPTS_BY_ITSELF:
        return None
    return Mark(S.QUEUED, job.attempt + 1, "printed again, marked as a reprint")


def check_step(before: JobState, after: JobState) -> None:
    """Refuse a step that a job in this state cannot take."""
    if after not in TRANSITIONS[before]:
        raise IllegalTransition(
            f"A print job that is {_words(before)} cannot become {_words(after)}.",
            "Look at the job on the printers page and choose again.",
            before=before.value,
            after=after.value,
        )


def _words(state: JobState) -> str:
    return state.value.replace("_", " ")


def resolve(job: Job, *, printed: bool) -> tuple[Mark, ...]:
    """Return what a person's answer to "is the slip there?" writes down, in one transaction.

    A missing slip is queued again as the next attempt, and that one is marked as a reprint.

    Raises:
        IllegalTransition: when the job is not waiting for that answer.
    """
    if printed:
        check_step(job.state, S.RESOLVED_PRINTED)
        return (Mark(S.RESOLVED_PRINTED, job.attempt, "a person found the slip"),)
    check_step(job.state, S.RESOLVED_MISSING)
    return (
        Mark(S.RESOLVED_MISSING, job.attempt, "a person did not find the slip"),
        Mark(S.QUEUED, job.attempt + 1, "printed again, marked as a reprint"),
    )


class JobStore(Protocol):
    """The durable queue, kept by the program that owns the database."""

    def next_job(self, printer_id: str) -> Job | None:
        """Return the job to work on next, or None.

        First any job of the printer in `IN_FLIGHT`: its sending was interrupted, since one thread
        owns a printer, and the spooler settles it. Then the oldest QUEUED one.
        """

    def mark(
        self, job_id: str, state: JobState, *, attempt: int, detail: str, facts: Mapping[str, object]
    ) -> None:
        """Write a step down; durable when this returns.

        Marking SENDING also sets the job's `ever_sent`. `detail` is a sentence for a person, `facts`
        what the audit trail keeps (token, printer's answers, bytes handed over).
        """

    def ended_whole(self, printer_id: str) -> bool:
        """Tell whether what this printer was sent last is known to have come out whole; true after nothing.

        After a start nobody else remembers in what state the printer was left.
        """

    def prove(self, job_id: str, *, attempt: int, detail: str) -> None:
        """Take a job that is still UNKNOWN in this attempt as RESOLVED_PRINTED; else change nothing."""

    def wait(self, timeout_seconds: float) -> None:
        """Return when a job may have been queued, or after the timeout.

        At once when one was queued since this thread last called `next_job`: a notification that came
        in between must not be lost, or a receipt waits for the timeout.
        """
