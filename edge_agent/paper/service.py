"""Runs one spooler for each active printer, and keeps the queue tidy.

A housekeeper thread looks once a second whether printers were added, changed or switched off, so nothing
has to be restarted for it. It also lets slips expire that wait for no printer at all, and forgets finished
jobs after a month, a few at a time.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from edge_agent.context import SYSTEM, Edge
from edge_agent.database import EdgeUnit
from edge_agent.paper import rows
from edge_agent.paper.rules import (
    KEPT_US,
    STUCK,
    TROUBLE_AFTER_US,
    Slip,
    Standing,
    expires_us,
    to_backup,
    trouble_of,
)
from edge_agent.paper.settling import move_waiting
from edge_agent.paper.store import EdgeJobStore
from edge_agent.paper.troubles import settle_trouble
from edge_agent.paper.ways import way_to
from printing.evidence import Evidence
from printing.job import JobState
from printing.printer import Condition, Limits, Printer
from printing.profiles import profile_of, with_pages
from printing.spooler import Spooler
from printing.transports.base import Transport
from protocol.errors import OrderspineError
from protocol.kit.text import _

LOOK_SECONDS: Final = 1.0
TIDY_SECONDS: Final = 60.0
AT_ONCE: Final = 200
"""Small enough that a sale never waits for it, often enough to keep up with a busy store."""


class PaperService:
    """The printers of one store. `start` it once, `stop` it once."""

    def __init__(
        self,
        edge: Edge,
        *,
        limits: Limits | None = None,
        transport: Callable[[rows.PrinterRow], Transport] | None = None,
    ) -> None:
        self.store = EdgeJobStore(edge)
        self._edge = edge
        self._limits = limits
        self._transport = transport or partial(way_to, folder=edge.settings.data_dir / "paper")
        self._lock = threading.Lock()
        self._spoolers: dict[str, tuple[rows.PrinterRow, Spooler]] = {}
        self._troubles: dict[str, str] = {}  # what was told last; what is not in it was not looked at yet
        self._stopping = threading.Event()
        self._look_now = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="paper")

    def start(self) -> None:
        """Settle what an earlier run left behind, then begin to print."""
        self._settle()
        self._edge.wake_paper = self.wake
        self.look()
        self._keeper.start()

    def stop(self) -> None:
        """Stop every printer; a slip that is being sent then becomes UNKNOWN."""
        self._stopping.set()
        self._look_now.set()
        if self._keeper.ident is not None:
            self._keeper.join()
        with self._lock:
            running = [spooler for _row, spooler in self._spoolers.values()]
            self._spoolers.clear()
        for spooler in running:
            spooler.stop()

    def wake(self) -> None:
        """Tell the printers that something was queued. Called after each commit: quick, never raises."""
        self.store.wake()

    def conditions(self) -> dict[str, Condition]:
        """Return what is known of each running printer."""
        with self._lock:
            return {printer_id: spooler.condition for printer_id, (_row, spooler) in self._spoolers.items()}

    def try_now(self, printer_id: str) -> None:
        """Do not wait for the next try: somebody has just put this printer right."""
        with self._lock:
            found = self._spoolers.get(printer_id)
        if found is not None:
            found[1].try_now()
        self._look_now.set()

    def look(self) -> None:
        """Start, replace and stop spoolers so that they match the table of printers.

        A thread that ended by itself (the disk was full when it wrote a step down) is started anew.
        """
        wanted = {row.printer_id: row for row in rows.printers(self._edge.database.read(), active_only=True)}
        with self._lock:
            gone = [
                printer_id
                for printer_id, (row, spooler) in self._spoolers.items()
                if wanted.get(printer_id) != row or spooler.condition.state == "stopped"
            ]
            leaving = [self._spoolers.pop(printer_id)[1] for printer_id in gone]
        for spooler in leaving:  # one owner per printer: the old thread ends before a new one begins
            spooler.stop()
        with self._lock:
            for printer_id in wanted.keys() - self._spoolers.keys():
                spooler = self._spooler(wanted[printer_id])
                self._spoolers[printer_id] = (wanted[printer_id], spooler)
                spooler.start()

    def _spooler(self, row: rows.PrinterRow) -> Spooler:
        grade = rows.evidence(self._edge.database.read()).get(row.printer_id)
        printer = Printer(
            row.printer_id,
            with_pages(profile_of(row.profile), row.pages),
            self._transport(row),
            Evidence(grade[0]) if grade else None,
        )
        return Spooler(
            printer,
            self.store,
            self._edge.clock,
            self._edge.ids,
            limits=self._limits,
            on_change=partial(self._changed, row.printer_id),
            on_evidence=partial(self._learned, row.printer_id),
        )

    def _changed(self, printer_id: str, condition: Condition) -> None:
        """Tell the screens; trouble is written down too. Called by the printer's own thread."""
        self._edge.broadcaster.publish("printers")
        if condition.state in STUCK:
            with suppress(OrderspineError):  # the paper goes on while the disk is full
                self._edge.database.write(
                    lambda unit: rows.note_trouble(
                        unit, printer_id, condition.state, condition.detail, condition.since_us
                    )
                )

    def _learned(self, printer_id: str, evidence: Evidence) -> None:
        at_us = self._edge.clock.now_us()
        with suppress(OrderspineError):  # it is found out again after the next start
            self._edge.database.write(lambda unit: rows.put_evidence(unit, printer_id, evidence.value, at_us))
        self._edge.broadcaster.publish("printers")

    def probe(self, printer_id: str) -> None:
        """Find out anew what a printer can say."""
        with self._lock:
            found = self._spoolers.get(printer_id)
        if found is not None:
            found[1].probe_again()

    def _standing(self) -> dict[str, Standing]:
        """Return how each running printer is."""
        with self._lock:
            running = [(row, spooler.condition) for row, spooler in self._spoolers.values()]
        return {
            row.printer_id: Standing(row.printer_id, row.backup, condition.state, condition.since_us)
            for row, condition in running
        }

    def tell_troubles(self) -> None:
        """Raise a card for each printer that needs a person, and close it when it does not any more."""
        now_us = self._edge.clock.now_us()
        reader = self._edge.database.read()
        standing = self._standing()
        names = {row.printer_id: row.name for row in rows.printers(reader)}
        for printer_id in {*names, *self._troubles}:
            known = standing.get(printer_id)
            if known is not None and known.state == "starting":
                continue  # what was wrong before the start may be so still
            load = rows.load_of(reader, printer_id, now_us - TROUBLE_AFTER_US)
            trouble = trouble_of(known, load, now_us) if printer_id in names else ""
            if self._troubles.get(printer_id) == trouble:
                continue
            name = names.get(printer_id, printer_id)
            self._edge.database.write(
                partial(
                    settle_trouble,
                    edge=self._edge,
                    printer_id=printer_id,
                    name=name,
                    trouble=trouble,
                    load=load,
                )
            )
            self._troubles[printer_id] = trouble

    def to_backups(self) -> int:
        """Give what waits for a printer that is stuck to its backup; return how many slips moved."""
        moved = 0
        for stuck, backup in to_backup(self._standing().values(), self._edge.clock.now_us()).items():
            if rows.waiting_at(self._edge.database.read(), stuck, 1):
                moved += self._edge.database.write(partial(self._move, stuck=stuck, backup=backup))
        return moved

    def _move(self, unit: EdgeUnit, *, stuck: str, backup: str) -> int:
        why = _("it cannot print at the moment")
        return move_waiting(unit, self._edge, stuck, backup, why=why, by=SYSTEM)

    def _settle(self) -> None:
        """A slip found half sent may lie on the counter. Running printers settle their own."""
        reader = self._edge.database.read()
        active = tuple(row.printer_id for row in rows.printers(reader, active_only=True))
        for job in rows.in_flight_without(reader, active):
            self.store.mark(
                job.job_id,
                JobState.UNKNOWN,
                attempt=job.attempt,
                detail="the program ended while this slip was being sent",
                facts={},
            )

    def _keep(self) -> None:
        tidied = self._edge.clock.monotonic() - TIDY_SECONDS
        while not self._stopping.is_set():
            try:
                self.look()
                self.to_backups()
                self.tell_troubles()
                if self._edge.clock.monotonic() - tidied >= TIDY_SECONDS:
                    tidied = self._edge.clock.monotonic()
                    self.tidy()
            except OrderspineError:
                # A full disk or a busy database: what waits is kept, and the next look tries again.
                tidied = self._edge.clock.monotonic()
            self._look_now.wait(LOOK_SECONDS)
            self._look_now.clear()

    def tidy(self) -> int:
        """Let slips expire that nobody prints, forget old jobs; return how many were forgotten."""
        now_us = self._edge.clock.now_us()
        for slip in Slip:
            self._in_small_steps(partial(_expire, slip=slip, now_us=now_us))
        return self._in_small_steps(partial(_prune, now_us=now_us))

    def _in_small_steps(self, step: Callable[[EdgeUnit], int]) -> int:
        done = 0
        while not self._stopping.is_set():
            some = self._edge.database.write(step)
            done += some
            if some < AT_ONCE:
                break
        return done


def _expire(unit: EdgeUnit, *, slip: Slip, now_us: int) -> int:
    before_us = now_us - expires_us(slip, 0)
    return rows.expire_waiting(unit, slip, before_us=before_us, at_us=now_us, limit=AT_ONCE)


def _prune(unit: EdgeUnit, *, now_us: int) -> int:
    return rows.prune(unit, now_us - KEPT_US, limit=AT_ONCE)
