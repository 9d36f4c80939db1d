"""The product's writer without its thread, and the moments at which a process may die.

`InlineWriter` runs the product's own group commit on the caller's thread. A step that waits for the writer
from inside the writer would stand still for ever in the product; here it fails at once and says so.
"""

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

from protocol.errors import Unavailable
from protocol.kit.writer import GROUP_LIMIT, Store, Unit, Writer, _commit_group, _Waiting

C = TypeVar("C")
T = TypeVar("T")


class Machine(Protocol):
    """Whose database it is: told of every boundary of a commit, and may die there."""

    def opened(self, store: Store[Any]) -> None:
        """The writer has opened its file."""

    def boundary(self) -> None:
        """A commit is about to begin, about to happen, or has happened; may raise `Crash`."""

    def begun(self, store: Store[Any]) -> None:
        """A transaction has begun; somebody else may try to write now."""

    def committed(self) -> None:
        """What was written is with the operating system, and synced as far as the settings say."""


class Crash(BaseException):
    """The process of a machine ends here, in the middle of whatever it does."""

    def __init__(self, machine: Any, *, power: bool, left: Any = None) -> None:
        super().__init__(f"{machine.name} dies")
        self.machine = machine
        self.power = power
        self.left = left
        """The files as they were at that moment: what is still closed on the way out did not happen."""


class WatchedStore(Generic[C]):
    """The product's store, with the boundaries of its commits watched."""

    def __init__(self, inner: Store[C], machine: Machine) -> None:
        self._inner = inner
        self._machine = machine
        self.mark, self.release, self.undo = inner.mark, inner.release, inner.undo
        self.rollback, self.close = inner.rollback, inner.close

    @property
    def connection(self) -> C:
        """The writing connection."""
        return self._inner.connection

    def begin(self) -> None:
        """Begin, unless the process dies first."""
        self._machine.boundary()
        self._inner.begin()
        self._machine.begun(self._inner)

    def commit(self) -> None:
        """Commit; the process may die before, with nothing done, or after, with nobody told."""
        self._machine.boundary()
        self._inner.commit()
        self._machine.committed()
        self._machine.boundary()


class _Answer(Future[T]):
    """A future that nobody waits for, because it is answered before anybody else runs: it needs no lock."""

    def __init__(self) -> None:
        self._said: T
        self._problem: BaseException | None = None
        self._done = False

    def set_running_or_notify_cancel(self) -> bool:
        """Begin; nobody cancels."""
        return True

    def set_result(self, result: T) -> None:
        """Answer."""
        self._said, self._done = result, True

    def set_exception(self, exception: BaseException | None) -> None:
        """Refuse."""
        self._problem, self._done = exception, True

    def done(self) -> bool:
        """Tell whether it is answered."""
        return self._done

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the refusal, or None."""
        assert self._done, f"nobody answers within {timeout}"
        return self._problem

    def result(self, timeout: float | None = None) -> T:
        """Return the answer, or raise the refusal."""
        assert self._done, f"nobody answers within {timeout}"
        if self._problem is None:
            return self._said
        try:
            raise self._problem
        finally:
            del self  # what is raised keeps this frame, which must not keep it in turn


class InlineWriter(Writer[C]):
    """Runs steps on the thread of whoever asks."""

    def __init__(self, open_store: Callable[[], Store[C]], *, machine: Machine) -> None:
        inner = open_store()
        machine.opened(inner)
        self._store = WatchedStore(inner, machine)
        self._steps: deque[_Waiting[C]] = deque()
        self._busy = False
        self._held = False
        self._closed = False

    def submit(self, step: Callable[[Unit[C]], T]) -> "Future[T]":
        """Run a step now, or after the one that is running."""
        if self._closed:
            raise Unavailable("The program is shutting down.", "Try again in a moment.", code="closing")
        future: Future[T] = _Answer()
        self._steps.append(_Waiting(step, future))
        if not (self._busy or self._held):
            self._drain()
        return future

    def run(self, step: Callable[[Unit[C]], T]) -> T:
        """Run a step and return its answer."""
        assert not self._busy, "a step waits for the writer it runs on: the product would stand still"
        return self.submit(step).result()

    @contextmanager
    def together(self) -> Generator[None]:
        """Let all steps of a block share one commit, as those that arrive at the same moment do."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
            self._drain()

    def close(self) -> None:
        """Close the file in order."""
        if not self._closed:
            self._closed = True
            self._store.close()

    def _drain(self) -> None:
        while self._steps:
            group = [self._steps.popleft() for _ in range(min(len(self._steps), GROUP_LIMIT))]
            for waiting in group:
                waiting.future.set_running_or_notify_cancel()
            self._busy = True
            try:
                _commit_group(self._store, group)
            finally:
                self._busy = False
