"""Customers on their way to the hub, one after the other, on a thread of their own.

What waits is a row of `contacts`, so nothing is lost by a restart and nothing has to be remembered here. A
contact that the hub refuses is passed over until the next round: one that is broken must not stop all others.
"""

import threading
from typing import Final

from edge_agent.context import Edge
from edge_agent.customers import rows
from edge_agent.link.courier import Courier
from edge_agent.link.rules import Trouble
from protocol.errors import OrderspineError, Refused
from protocol.kit.sqlite import DatabaseError

FIRST_WAIT_SECONDS: Final = 2.0
WAIT_LIMIT_SECONDS: Final = 60.0


class ContactUploads:
    """Brings every contact that was written here to the hub, until it has it."""

    def __init__(self, edge: Edge, courier: Courier) -> None:
        self._edge = edge
        self._courier = courier
        self._look = threading.Event()
        self._again = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: Trouble | None = None

    def start(self) -> None:
        """Begin, and bring what an earlier run left."""
        self._thread = threading.Thread(target=self._run, name="edge-contacts", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what waits is brought after the next start."""
        self._stopping.set()
        self._look.set()
        self._again.set()
        if self._thread is not None:
            self._thread.join(2)

    def wake(self) -> None:
        """Something was written; called after its commit: quick, never raises."""
        self._look.set()

    def try_again(self) -> None:
        """The line is there again: what waits for it is tried now."""
        self._again.set()

    def bring_all(self) -> bool:
        """Bring everything that waits; tell whether all of it has arrived."""
        arrived, after = True, ""
        while not self._stopping.is_set():
            waiting = rows.next_waiting(self._edge.database.read(), after)
            if waiting is None:
                break
            after = waiting.contact_id
            try:
                self._courier.put_contact(waiting.contact_id, waiting.body)
            except Refused as error:
                self.trouble, arrived = (error.what, error.remedy), False
                continue
            self._note(waiting)
        if arrived:
            self.trouble = None
        return arrived

    def _note(self, waiting: rows.Waiting) -> None:
        self._edge.database.write(lambda unit: rows.note_uploaded(unit, waiting.contact_id, waiting.version))

    def _run(self) -> None:
        wait = FIRST_WAIT_SECONDS
        while not self._stopping.is_set():
            self._look.clear()
            try:
                arrived = self.bring_all()
            except OrderspineError as error:
                self.trouble, arrived = (error.what, error.remedy), False
            except DatabaseError as error:
                self.trouble, arrived = (f"Contacts cannot be read ({error}).", "It is tried again."), False
            if arrived:
                wait = FIRST_WAIT_SECONDS
                self._look.wait()
            elif self._again.wait(wait):
                self._again.clear()
                wait = FIRST_WAIT_SECONDS
            else:  # a new contact does not cut this short: the line is down, or the hub refuses
                wait = min(WAIT_LIMIT_SECONDS, wait * 2)
