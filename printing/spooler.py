"""The one owner of one printer: takes jobs from the durable queue and learns what became of them.

The order of steps is the whole point. The printer is asked whether it can print; then SENDING is
written down, durably; then the first byte goes. So a job found QUEUED was never begun, and a job found
SENDING after a crash may lie on the counter: it becomes UNKNOWN. A connection that is lost, or silence
past the deadline, is UNKNOWN too, never "failed". Only a later answer on the same connection, or somebody who
scans or looks, takes that back. The drawer pulse goes once with the first sending and
never again, and not at all when the slip is late: nobody stands at a drawer that opens by itself.

A spooler never shares its printer and never blocks another one: one thread, one connection each.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from printing.document import as_attempt
from printing.documents.versions import template_of
from printing.encoder import BAND_BYTES, CUT, Encoded, encode
from printing.evidence import Evidence, answered, letters, overheard, probe, question
from printing.job import IN_FLIGHT, Job, JobState, JobStore, after_unknown
from printing.printer import Condition, Limits, Printer, State
from printing.session import Session, silent
from protocol.clock import MICROSECONDS, Clock
from protocol.errors import Invalid, PrinterUnavailable
from protocol.ids import IdMaker

CUT_OFF: Final = b"\x1b@" + CUT  # ends a slip that was never finished
RESYNC: Final = b"\x00" * (2 * BAND_BYTES) + CUT_OFF  # ends a picture in it as well
DROPPED: Final = ", which has dropped the torn slip before"
LOOK_SECONDS: Final = 0.25
UNCONFIRMED_AT_MOST: Final = 2


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: JobState
    detail: str
    facts: dict[str, object]


class Spooler:
    """One printer's thread. `start` it once, `stop` it once."""

    def __init__(
        self,
        printer: Printer,
        store: JobStore,
        clock: Clock,
        ids: IdMaker,
        *,
        limits: Limits | None = None,
        on_change: Callable[[Condition], None] | None = None,
        on_evidence: Callable[[Evidence], None] | None = None,
    ) -> None:
        self.printer_id = printer.printer_id
        self._profile = printer.profile
        self._transport = printer.transport
        self._store = store
        self._clock = clock
        self._ids = ids
        self._limits = limits or Limits()
        self._on_change = on_change
        self._on_evidence = on_evidence
        self._evidence = printer.evidence
        self._unconfirmed = 0
        self._condition = Condition("starting", "", clock.now_us())
        self._session: Session | None = None
        self._connections = 0
        self._run_id = ids.secret(4)  # so that no connection is taken for one before a restart
        self._torn = False  # the last job on this printer ended in the middle
        self._aborted = self._cleared = False  # it was not even sent to its end; the printer has dropped it
        self._unproven = False  # what was sent last may still be on its way into the printer
        self._patience = 0.0  # how long it may be silent because it prints what it was sent
        self._doubtful: list[tuple[Job, str]] = []  # UNKNOWN on this very connection, with their tokens
        self._retry_seconds = self._limits.retry_first_seconds
        self._looked_at = float("-inf")
        self._stopping = threading.Event()
        self._nudge = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"printer-{printer.printer_id}")

    @property
    def condition(self) -> Condition:
        """Return the printer's condition as far as it is known."""
        return self._condition

    def start(self) -> None:
        """Begin to work through the queue."""
        self._thread.start()

    def stop(self) -> None:
        """End within a second; a slip that is being sent then becomes UNKNOWN."""
        self._stopping.set()
        self._nudge.set()
        if self._thread.ident is not None:
            self._thread.join()

    def probe_again(self) -> None:
        """Find out anew what the printer can say, before its next slip."""
        self._evidence = None
        self._looked_at = float("-inf")
        self.try_now()

    def try_now(self) -> None:
        """Do not wait for the next try: somebody has just put the printer right."""
        self._retry_seconds = self._limits.retry_first_seconds
        self._nudge.set()

    # -- the loop -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                pause = self.step()
                if pause:
                    self._nudge.wait(pause)
                    self._nudge.clear()
        finally:
            self.hang_up()
            self._tell("stopped", "")

    def step(self) -> float:
        """Do the next thing there is to do; return how many seconds to wait before the next, at most.

        The thread does nothing but this; a simulation calls it without a thread.
        """
        job = self._store.next_job(self.printer_id)
        if job is None:
            self._idle()
        elif job.state in IN_FLIGHT:
            self._torn = True
            self._aborted = job.state is JobState.SENDING
            self._unknown(job, "the program ended while this slip was being sent", {})
        else:
            return self._serve(job)
        return 0.0

    def _idle(self) -> None:
        """Wait for work; meanwhile keep what is known of the printer fresh."""
        due = self._clock.monotonic() - self._looked_at >= self._limits.heartbeat_seconds
        try:
            if due:
                self._looked_at = self._clock.monotonic()
                self._ready_session()
            elif self._session is not None and self._evidence is not Evidence.E:
                self._session.exchange(b"", 0)
                self._prove_doubtful(self._session)
                self._tell_status(self._session)
        except PrinterUnavailable as error:
            self.hang_up()
            self._tell_loss(error)
        if not self._stopping.is_set():
            self._store.wait(LOOK_SECONDS)

    def _serve(self, job: Job) -> float:
        now_us = self._clock.now_us()
        if job.expires_at_us is not None and now_us >= job.expires_at_us:
            self._mark(job, _Outcome(JobState.EXPIRED, "too old to be of use when its turn came", {}))
            return 0.0
        try:
            encoded = encode(as_attempt(job.document, job.attempt), self._profile)
        except Invalid as error:
            self._mark(
                job, _Outcome(JobState.REFUSED, f"{error.what} {error.remedy}", {"code": error.reason})
            )
            return 0.0
        try:
            session = self._ready_session()
        except PrinterUnavailable as error:
            self.hang_up()
            self._tell_loss(error)
            session = None
        if session is None or self._evidence is None:
            return self._pause()
        self._retry_seconds = self._limits.retry_first_seconds
        return self._print(job, encoded, session, self._evidence)

    def _pause(self) -> float:
        """Return how long to wait before the next try: longer each time, unless somebody knocks."""
        pause = self._retry_seconds
        self._retry_seconds = min(pause * 2, self._limits.retry_longest_seconds)
        return pause

    # -- the printer --------------------------------------------------------------------------------

    def _ready_session(self) -> Session | None:
        """Return a connection to a printer that can print now, or None when it says it cannot.

        Raises:
            PrinterUnavailable: when it cannot be reached or does not answer although it should.
        """
        session, fresh = self._session, self._session is None
        if session is None:
            link = self._transport.connect(self._limits.connect_seconds)
            session = self._session = Session(link, self._clock, self._profile.language)
            if self._profile.language == "escpos":
                session.begin()
            self._connections += 1
            if self._connections == 1:
                self._torn = self._torn or not self._store.ended_whole(self.printer_id)
        if fresh or self._evidence is not Evidence.E:
            self._hear_status(session)
        else:
            session.forget_questions()
        self._looked_at = self._clock.monotonic()
        self._prove_doubtful(session)
        self._drop_torn(session)
        self._tell_status(session)
        if session.status.blocked:
            return None
        return session if self._evidence is not None or self._probe(session) else None

    def _drop_torn(self, session: Session) -> None:
        """Let the printer forget a slip that was sent in part, before it prints half of it once it has paper.

        Others than those that confirm may not know the command. What was sent whole may be coming out.
        """
        if self._aborted and self._evidence is not None and self._evidence.confirms:
            self._aborted = False
            self._cleared = session.clear(self._limits.answer_seconds)

    def _probe(self, session: Session) -> bool:
        """Find out what the printer can say; tell whether that is known now.

        One that stopped meanwhile could not answer for its paper, so only a second silence says something.
        """
        for _attempt in range(2):
            found = probe(session, self._profile, self._clock, self._limits.answer_seconds)
            if found.confirms:
                break
            told = session.learn_status(self._limits.answer_seconds)
            if not told or session.status.blocked:
                return False
        self._learn(found)
        return True

    def _hear_status(self, session: Session) -> None:
        """Ask how the printer is. Silence is a fault of one that can answer, and the nature of others."""
        if session.learn_status(self._limits.answer_seconds):
            if self._evidence is Evidence.E:
                self._evidence = None  # it has learnt to speak, or it was another printer's silence
            return
        if self._evidence is Evidence.E or (self._evidence is None and self._profile.confirms == "none"):
            session.forget_questions()
            self._learn(Evidence.E)
            return
        raise PrinterUnavailable(
            f"The printer {self._transport.name} is connected and does not answer.",
            "Switch it off and on.",
            code="silent",
        )

    def _learn(self, evidence: Evidence) -> None:
        if evidence is not self._evidence and self._on_evidence is not None:
            self._on_evidence(evidence)
        self._evidence = evidence

    def hang_up(self) -> None:
        """End the connection; what was in doubt on it can no longer be proved by it."""
        self._doubtful.clear()
        self._torn, self._unproven = self._torn or self._unproven, False
        if self._session is not None:
            self._session.close()
            self._session = None

    def _prove_doubtful(self, session: Session, *, all_of_them: bool = False) -> None:
        """Take a late answer, or a later slip's on the same connection, as the proof for slips in doubt."""
        if self._evidence is Evidence.C and (better := overheard(session)) is not None:
            self._learn(better)
        for job, token in list(self._doubtful):
            if all_of_them or answered(Evidence.A, session, "P", token):
                self._doubtful.remove((job, token))
                why = "a later slip on the same connection was confirmed" if all_of_them else "confirmed late"
                self._store.prove(job.job_id, attempt=job.attempt, detail=why)

    def _tell_status(self, session: Session, job_id: str | None = None) -> None:
        status = session.status
        if status.paper_end:
            self._tell("no_paper", "the paper has run out", job_id)
        elif status.cover_open:
            self._tell("cover_open", "the cover is open", job_id)
        elif status.blocked:
            self._tell("fault", "the printer reports a fault", job_id)
        elif job_id is not None:
            self._tell("printing", "", job_id)
        else:
            self._tell("ready", "the paper is nearly used up" if status.paper_near_end else "")

    def _tell_loss(self, error: PrinterUnavailable) -> None:
        self._tell("silent" if error.reason == "silent" else "unreachable", error.what)

    def _tell(self, state: State, detail: str, job_id: str | None = None) -> None:
        before = self._condition
        if (before.state, before.detail, before.job_id) == (state, detail, job_id):
            return
        self._condition = Condition(state, detail, self._clock.now_us(), job_id)
        if self._on_change is not None:
            self._on_change(self._condition)

    # -- one job ------------------------------------------------------------------------------------

    def _print(self, job: Job, encoded: Encoded, session: Session, evidence: Evidence) -> float:
        token = letters(self._ids.secret(3))
        kick, kicked = self._kick(job, encoded)
        facts: dict[str, object] = {
            "token": token,
            "printer": self._transport.name,
            "connection": f"{self._run_id}-{self._connections}",
            "evidence": evidence.value,
            "drawer": kicked,
            "template": template_of(job.document_class),
        }
        self._store.mark(
            job.job_id,
            JobState.SENDING,
            attempt=job.attempt,
            detail=f"to {self._transport.name}{DROPPED if self._cleared else ''}",
            facts=facts,
        )
        self._tell("printing", "", job.job_id)
        out = self._bytes(encoded, kick, evidence, token)
        session.tokens.clear()
        session.numbers = 0
        sent = 0
        self._patience = self._limits.patience_seconds(encoded.dots)
        try:
            while sent < len(out):
                sent += self._send_band(job, session, out[sent : sent + BAND_BYTES])
            self._torn = self._cleared = False
            self._unproven = True
            outcome = self._await(job, session, evidence, token)
        except PrinterUnavailable as error:
            outcome = self._after_loss(error, session, evidence, token, sent)
            if outcome.state in {JobState.UNKNOWN, JobState.QUEUED}:
                self._torn = self._torn or outcome.state is JobState.UNKNOWN
                self._aborted = 0 < sent < len(out)
                self.hang_up()
        facts["bytes"] = sent
        if outcome.state is JobState.PRINTED:
            self._unproven = False
        if outcome.state is JobState.UNKNOWN:
            self._unknown(job, outcome.detail, facts | outcome.facts)
        else:
            self._mark(job, _Outcome(outcome.state, outcome.detail, facts | outcome.facts))
        if self._session is not None:
            self._tell_status(self._session)
        return self._pause() if outcome.state is JobState.QUEUED else 0.0

    def _kick(self, job: Job, encoded: Encoded) -> tuple[bytes, str]:
        """Return the drawer pulse to send now, if any, and what is written down about it."""
        if not encoded.kick:
            return b"", "none"
        if job.ever_sent:
            return b"", "not again"
        age_us = self._clock.now_us() - job.queued_at_us
        if age_us > self._limits.kick_within_seconds * MICROSECONDS:
            return b"", "too late"
        return encoded.kick, "opened"

    def _bytes(self, encoded: Encoded, kick: bytes, evidence: Evidence, token: str) -> bytes:
        resync = b""
        if self._torn and self._profile.language == "escpos":
            resync = CUT_OFF if self._cleared else RESYNC
        printed, cut = question(evidence, "P", token), question(evidence, "C", token)
        return resync + kick + encoded.body + printed + encoded.cut + cut

    def _send_band(self, job: Job, session: Session, band: bytes) -> int:
        """Send some bytes. A full printer that says why is held; one that says nothing is lost."""
        heard = self._clock.monotonic() + self._patience
        held = False
        while True:
            sent = session.exchange(band, 0.1)
            if sent:
                return sent
            self._leave_if_stopping()
            if session.status.blocked:
                held = held or self._hold(job, session)
            elif self._clock.monotonic() - max(heard, session.heard_at or 0) > self._limits.quiet_seconds:
                raise silent(self._transport.name)

    def _await(self, job: Job, session: Session, evidence: Evidence, token: str) -> _Outcome:
        """Wait until the printer says that it has printed, through paper changes if need be."""
        if not evidence.confirms:
            return self._await_unconfirmed(job, session, evidence)
        self._store.mark(
            job.job_id, JobState.SENT, attempt=job.attempt, detail="waiting for the printer", facts={}
        )
        asked_at = self._clock.monotonic()
        quiet_from = asked_at + self._patience
        until = quiet_from + self._limits.confirm_seconds
        held = False
        while not answered(evidence, session, "P", token):
            self._leave_if_stopping()
            now = self._clock.monotonic()
            if now - asked_at >= LOOK_SECONDS:
                session.ask()
                asked_at = now
            session.exchange(b"", 0.1)
            if session.status.blocked:
                held = held or self._hold(job, session)
                until = now + self._patience + self._limits.confirm_seconds
            elif held:
                held = False
                self._go_on(job, session)
            if now - max(quiet_from, session.heard_at or 0) > self._limits.quiet_seconds:
                raise silent(self._transport.name)
            if now > until:
                return self._not_confirmed(job, evidence, token)
        self._unconfirmed = 0
        self._prove_doubtful(session, all_of_them=True)
        cut = self._await_cut(session, evidence, token)
        return _Outcome(
            JobState.PRINTED, "confirmed by the printer", {"cut": cut, "evidence": evidence.value}
        )

    def _not_confirmed(self, job: Job, evidence: Evidence, token: str) -> _Outcome:
        """The printer speaks and does not confirm; the connection stays, since a later answer on it is proof.

        When that happens again and again perhaps it cannot confirm at all, so that is found out anew.
        """
        if evidence is Evidence.A:
            self._doubtful.append((job, token))
        else:
            self.hang_up()  # numbers carry no name: a late one would be taken for the next slip's
        self._unconfirmed += 1
        if self._unconfirmed >= UNCONFIRMED_AT_MOST:
            self._evidence, self._unconfirmed = None, 0
        return _Outcome(JobState.UNKNOWN, "the printer did not confirm the slip in time", {})

    def _await_unconfirmed(self, job: Job, session: Session, evidence: Evidence) -> _Outcome:
        """All was handed over, and more is never known; one that says how it is is asked once more."""
        held = False
        while evidence is Evidence.C and session.learn_status(self._limits.answer_seconds):
            self._leave_if_stopping()
            if not session.status.blocked:
                break
            held = held or self._hold(job, session)
            session.exchange(b"", LOOK_SECONDS)
        return _Outcome(JobState.SENT_UNCONFIRMED, "this printer cannot say whether it printed", {})

    def _go_on(self, job: Job, session: Session) -> None:
        self._tell_status(session, job.job_id)
        self._store.mark(
            job.job_id, JobState.SENT, attempt=job.attempt, detail="the printer goes on", facts={}
        )

    def _await_cut(self, session: Session, evidence: Evidence, token: str) -> str:
        """Return what is known of the cut; the paper is printed whatever the answer."""
        until = self._clock.monotonic() + self._limits.cut_seconds
        try:
            while not answered(evidence, session, "C", token):
                if self._clock.monotonic() > until or self._stopping.is_set():
                    told = session.learn_status(self._limits.answer_seconds)
                    return "the knife sticks" if told and session.status.cutter_error else "not confirmed"
                session.exchange(b"", 0.1)
        except PrinterUnavailable:
            self.hang_up()
            return "not confirmed"
        return "confirmed"

    def _hold(self, job: Job, session: Session) -> bool:
        self._tell_status(session, job.job_id)
        self._store.mark(
            job.job_id,
            JobState.HELD_AT_PRINTER,
            attempt=job.attempt,
            detail=self._condition.detail,
            facts={},
        )
        return True

    def _after_loss(
        self, error: PrinterUnavailable, session: Session, evidence: Evidence, token: str, sent: int
    ) -> _Outcome:
        """Say what is known when the connection ended: printed, certainly not begun, or unknown."""
        self._tell_loss(error)
        if answered(evidence, session, "P", token):
            self.hang_up()
            return _Outcome(JobState.PRINTED, "confirmed by the printer", {"cut": "not confirmed"})
        if sent == 0:
            return _Outcome(JobState.QUEUED, f"nothing was sent: {error.what}", {})
        return _Outcome(JobState.UNKNOWN, error.what, {})

    def _leave_if_stopping(self) -> None:
        if self._stopping.is_set():
            raise PrinterUnavailable(
                "The program was stopped while this slip was on its way.", "Look whether it is there."
            )

    def _unknown(self, job: Job, why: str, facts: dict[str, object]) -> None:
        self._mark(job, _Outcome(JobState.UNKNOWN, why, facts))
        follow = after_unknown(job)
        if follow is not None:
            self._store.mark(job.job_id, follow.state, attempt=follow.attempt, detail=follow.detail, facts={})

    def _mark(self, job: Job, outcome: _Outcome) -> None:
        self._store.mark(
            job.job_id, outcome.state, attempt=job.attempt, detail=outcome.detail, facts=outcome.facts
        )
