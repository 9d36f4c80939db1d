"""One writer per database, and commits shared by those who wait.

Every change is a *step*: a function that takes a unit of work, reads, decides and writes. A single
thread runs the steps that are waiting as savepoints of one transaction and answers each after COMMIT,
so that sixteen tills share one fsync and a refused step undoes only itself. What must happen because of
a change (a wake-up, a live update, a cache) is handed to `Unit.after_commit`, so that it never happens
for a change that did not.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from contextvars import Context, copy_context
from typing import Any, Final, Generic, Protocol, TypeVar

from protocol.errors import OrderspineError, Unavailable

GROUP_LIMIT: Final = 64
"""Steps in one commit: enough to share the fsync, few enough that the first does not wait for long."""
WAITING_LIMIT: Final = 10_000
"""Beyond this many waiting steps a caller is told to try again instead of waiting for minutes."""

C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
T = TypeVar("T")


class Store(Protocol[C_co]):
    """How a database begins, marks, undoes and commits; one for SQLite, one for SQLAlchemy."""

    @property
    def connection(self) -> C_co:
        """The writing connection, as steps see it."""

    def begin(self) -> None:
        """Begin a transaction that holds the write lock from the start."""

    def commit(self) -> None:
        """Make it durable."""

    def rollback(self) -> None:
        """Undo the whole transaction; also called when begin or commit failed."""

    def mark(self) -> None:
        """Set a savepoint."""

    def release(self) -> None:
        """Forget the last savepoint and keep its changes."""

    def undo(self) -> None:
        """Go back to the last savepoint and forget it."""

    def close(self) -> None:
        """Close the connection."""


class Unit(Generic[C]):
    """A unit of work: the connection, and what to do once it is committed."""

    def __init__(self, store: Store[C]) -> None:
        self._store = store
        self.connection: C = store.connection
        self.effects: list[Callable[[], None]] = []
        self.memory: dict[str, Any] = {}
        """What steps of this unit share, such as rows gathered for one bulk write."""

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Run `effect` on the writer thread once everything is durable. It must be quick and not raise."""
        self.effects.append(effect)

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """Run a part that may fail alone: an exception undoes the part and is raised again."""
        kept = len(self.effects)
        self._store.mark()
        try:
            yield
        except BaseException:
            del self.effects[kept:]
            self._store.undo()
            raise
        self._store.release()

    @contextmanager
    def rehearsal(self) -> "Generator[Unit[C]]":
        """Give a unit whose part is undone at its end, whatever happens: a step is run to be looked at.

        It shares neither effects nor memory with this one, so nothing of it is ever done, sent or remembered.
        """
        self._store.mark()
        try:
            yield Unit(self._store)
        finally:
            self._store.undo()


class _Waiting(Generic[C]):
    __slots__ = ("context", "future", "step")

    def __init__(self, step: Callable[[Unit[C]], Any], future: "Future[Any]") -> None:
        self.step = step
        self.future = future
        self.context = copy_context()  # a refusal is said in the language of the one who asked


class Writer(Generic[C]):
    """Runs steps one after the other on its own thread, many to a commit."""

    def __init__(self, open_store: Callable[[], Store[C]], *, name: str = "writer") -> None:
        self._waiting: queue.Queue[_Waiting[C] | None] = queue.Queue(WAITING_LIMIT)
        self._opened: Future[None] = Future()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(open_store,), name=name, daemon=True)
        self._thread.start()
        self._opened.result()

    def submit(self, step: Callable[[Unit[C]], T]) -> "Future[T]":
        """Queue a step; the future answers after COMMIT with its result or its refusal.

        Raises:
            Unavailable: the writer is closing, or too many steps wait.
        """
        future: Future[T] = Future()
        if self._closing.is_set():
            raise Unavailable("The program is shutting down.", "Try again in a moment.", code="closing")
        try:
            self._waiting.put_nowait(_Waiting(step, future))
        except queue.Full:
            raise Unavailable(
                "Too much is waiting to be stored.", "Try again in a few seconds.", code="overloaded"
            ) from None
        return future

    def run(self, step: Callable[[Unit[C]], T]) -> T:
        """Run a step and wait until it is durable."""
        return self.submit(step).result()

    async def arun(self, step: Callable[[Unit[C]], T]) -> T:
        """Run a step and await until it is durable, without holding a thread."""
        return await asyncio.wrap_future(self.submit(step))

    def close(self) -> None:
        """Finish what waits, then stop. Steps that come later are refused."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._waiting.put(None)
        self._thread.join()

    def _run(self, open_store: Callable[[], Store[C]]) -> None:
        try:
            store = open_store()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        open_for_more = True
        while open_for_more:
            group, open_for_more = self._next_group()
            if group:
                _commit_group(store, group)
        store.close()

    def _next_group(self) -> tuple[list[_Waiting[C]], bool]:
        """Wait for one step, then take along what else is there already."""
        group: list[_Waiting[C]] = []
        following = self._waiting.get()
        while following is not None:
            # A caller that went away (a closed browser) has cancelled its future; its step is not begun.
            if following.future.set_running_or_notify_cancel():
                group.append(following)
            if len(group) >= GROUP_LIMIT:
                return group, True
            try:
                following = self._waiting.get_nowait()
            except queue.Empty:
                return group, True
        return group, False


def _commit_group(store: Store[C], group: list[_Waiting[C]]) -> None:
    """Run a group as one transaction and answer everybody.

    One that is alone needs no savepoint: there is nobody beside it whose changes stay when it is undone.
    """
    unit, alone = Unit(store), len(group) == 1
    done: list[tuple[_Waiting[C], Any]] = []
    refused: list[tuple[_Waiting[C], BaseException]] = []
    try:
        store.begin()
        for waiting in group:
            result, problem = _attempt(unit, waiting.context, waiting.step, alone=alone)
            if problem is None:
                done.append((waiting, result))
            else:
                refused.append((waiting, problem))
        if alone and refused:
            unit.effects.clear()
            store.rollback()
        else:
            store.commit()
    except Exception as error:  # noqa: BLE001 - the commit failed, so nobody's change happened
        store.rollback()
        # A full disk ends the transaction on its own, and COMMIT then only says that there is none.
        failure = next((problem for _, problem in refused if _disk_is_full(problem)), _not_stored(error))
        for waiting in group:
            waiting.future.set_exception(failure)
        return
    for effect in unit.effects:
        effect()
    unit.effects.clear()
    for waiting, result in done:
        waiting.future.set_result(result)
    for waiting, failed in refused:
        waiting.future.set_exception(failed)


def _attempt(
    unit: Unit[C], context: Context, step: Callable[[Unit[C]], Any], *, alone: bool
) -> tuple[Any, Exception | None]:
    """Return what a step says, or its failure.

    A refusal is an answer like any other, and goes without the frames that it came through: they know who
    waits for it, so all of it would stay until somebody looks for circles.
    """
    try:
        with nullcontext() if alone else unit.savepoint():
            return context.run(step, unit), None
    except OrderspineError as refusal:
        return None, refusal.with_traceback(None)
    except Exception as error:  # noqa: BLE001 - each caller gets its own failure
        return None, _not_stored(error) if _disk_is_full(error) else error


def _disk_is_full(error: BaseException) -> bool:
    return "disk is full" in str(error)


def _not_stored(error: Exception) -> OrderspineError:
    """Return the sentence for a person; the database's own words stay with it as the cause."""
    if isinstance(error, OrderspineError):
        return error
    if _disk_is_full(error):
        failure = Unavailable(
            "The disk is full; nothing of this was stored.",
            "Make room on the disk, then do it again.",
            code="disk_full",
        )
    else:
        failure = Unavailable(
            "This could not be stored.", "Do it again; if it stays so, call for help.", code="not_stored"
        )
    failure.__cause__ = error
    return failure


class SqliteStore:
    """A `Store` over one SQLite connection."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def begin(self) -> None:
        """Take the write lock at the start, so that reading first and writing later cannot fail."""
        self.connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make it durable."""
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo everything, if anything was begun."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def mark(self) -> None:
        """Set a savepoint. Savepoints of one name nest.

        A full disk may have rolled the whole transaction back; a savepoint would then silently begin a
        new one, so this refuses to go on.
        """
        if not self.connection.in_transaction:
            raise Unavailable("The database ended the transaction.", "Do it again.", code="not_stored")
        self.connection.execute("SAVEPOINT part")

    def release(self) -> None:
        """Keep what the last savepoint began."""
        self.connection.execute("RELEASE part")

    def undo(self) -> None:
        """Undo what the last savepoint began. A full disk may have rolled everything back already."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK TO part")
            self.connection.execute("RELEASE part")

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
