"""What a store settles before it prints and sends; a full disk puts that off, and only that.

A program that would not start without room leaves a store without a till, and without the page that says why.
So pages are served at once: reading works, what cannot be stored is refused in words, and each step of the
beginning is tried again until it is stored.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from protocol.errors import OrderspineError

_log = structlog.get_logger(__name__)
AGAIN_SECONDS: Final = 2.0

Step = Callable[[], object]
"""Something that either is done whole or raises, and may be tried again."""


class Beginning:
    """Takes some steps that do not need each other, each once."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._left = list(steps)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="edge-beginning", daemon=True)

    @property
    def is_over(self) -> bool:
        """Tell whether every step was taken."""
        return not self._left

    def start(self) -> None:
        """Take the steps now; what cannot be stored yet goes on in the background."""
        if not self._try():
            self._thread.start()

    def stop(self) -> None:
        """End; what was not begun is left for the next start."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _try(self) -> bool:
        self._left = [step for step in self._left if not _taken(step)]
        return self.is_over

    def _go_on(self) -> None:
        while not self._stopping.wait(AGAIN_SECONDS):
            if self._try():
                return


def _taken(step: Step) -> bool:
    try:
        step()
    except (OrderspineError, OSError) as trouble:
        _log.warning("put off", why=str(trouble))
        return False
    return True
