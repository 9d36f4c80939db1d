"""The inbox of directives: each takes effect once, in order, and is answered.

The row and the effect are one transaction, so a directive that was carried out is always answered so, and
one that was not can be carried out later. What needs the line first (a catalogue's file) is fetched before
that transaction, on this thread, so that neither the writer nor the stream waits for it.
"""

import contextlib
import json
import queue
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from pydantic import ValidationError

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link.rows import is_known_directive, newest_row, outcomes, read_link, set_link
from protocol.directives import DIRECTIVE_KINDS, Directive, Outcome
from protocol.errors import OrderspineError, Unavailable
from protocol.handshake import DirectiveAck, DirectiveBatch
from protocol.kit.sqlite import OperationalError
from protocol.orders import WireModel
from protocol.stream import chain, first_hash, next_hash

Handler = Callable[[EdgeUnit, Edge, Any], None]
"""(unit, edge, body) -> None; raises Refused when it may not be done. Only writes in the unit."""
Shadow = Callable[[EdgeUnit, Any, int], None]
"""(unit, body, when it arrived): what a directive wrote into tables, beside the events it led to."""
Preparation = Callable[[Any, threading.Event], None]
"""(body, stopping) -> None; fetches what the handler needs. Unavailable: try again later."""

WAITING_BATCHES: Final = 20
FIRST_WAIT_SECONDS: Final = 1.0
WAIT_LIMIT_SECONDS: Final = 60.0
_DETAIL: Final = 300
_ARRIVED: Final = "directive.arrived_us"


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of directive is carried out."""

    carry_out: Handler
    prepare: Preparation | None = None
    sets_up: bool = False
    """It says how the store is to be, not what is to be done: the newest of its kind alone counts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to tell the hub after a batch; `broken` when its chain is not ours and HELLO must sort it out."""

    upto: int
    hub_inc: str
    outcomes: tuple[Any, ...] = ()
    broken: bool = False

    def packet(self, inc: str, sess: str) -> DirectiveAck:
        """Return the packet for the current session."""
        return DirectiveAck(inc=inc, sess=sess, hub_inc=self.hub_inc, upto=self.upto, outcomes=self.outcomes)


@dataclass(slots=True)
class _Worked:
    """What one directive came to."""

    outcome: Outcome
    code: str = ""
    detail: str = ""
    park: str = ""


_Work = Callable[[EdgeUnit], _Worked]
"""Does in a unit what one directive asks for."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a directive stands; in a life of the hub that is over its id alone says whether it is here."""

    hub_inc: str
    cseq: int
    over: bool = False


@dataclass(frozen=True, slots=True)
class Brought:
    """A directive that this store had answered before it lost that, as the hub keeps it."""

    hub_inc: str
    """The life of the hub in which it was told."""
    cseq: int
    bytes: str
    outcome: str
    code: str
    detail: str
    answered_us: int


@dataclass(eq=False)
class DirectiveInbox:
    """Carries out directives on a thread of its own."""

    edge: Edge
    kinds: Mapping[str, Kind]
    jitter: random.Random
    answer: Callable[[Answer], None]
    trouble: str = ""
    """Why a directive waits, for the status; empty when none does."""
    _waiting: "queue.Queue[DirectiveBatch | None]" = field(
        default_factory=lambda: queue.Queue(WAITING_BATCHES)
    )
    _stopping: threading.Event = field(default_factory=threading.Event)
    _again: threading.Event = field(default_factory=threading.Event)
    """Ends a wait for the line."""
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to carry out."""
        self._thread = threading.Thread(target=self._run, name="edge-directives", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; a directive that is being fetched is left for the next start."""
        self._stopping.set()
        self._again.set()
        with contextlib.suppress(queue.Full):  # when full, the thread sees it before it takes the next one
            self._waiting.put_nowait(None)
        if self._thread is not None:
            self._thread.join(2)

    def try_again(self) -> None:
        """The line is there again: what waits for it is tried now."""
        self._again.set()

    def offer(self, batch: DirectiveBatch) -> None:
        """Queue a batch; when too many wait it is dropped, and the hub sends it again."""
        try:
            self._waiting.put_nowait(batch)
        except queue.Full:
            self.trouble = "Directives arrive faster than they can be carried out."

    def known_answer(self, first: int) -> Answer:
        """Return what became of directives from a number on, for a hub that does not know yet."""
        connection = self.edge.database.read()
        link = read_link(connection)
        said = outcomes(connection, link.hub_inc, (first, link.cseq_done)) if first <= link.cseq_done else ()
        return Answer(link.cseq_done, link.hub_inc, said)

    def bring_back(
        self, brought: Sequence[Brought], shadows: Mapping[str, Shadow], *, over: bool = False
    ) -> None:
        """Take in directives again that were answered already, in their order.

        What one wrote into tables is written again; of those that set something up (a catalogue, a policy)
        the newest of each kind is carried out. Nothing else happens: events of what was done come back too.
        `over`: they were told in lives of the hub that are over, so they have no place in its chain.

        Raises:
            Unavailable: what is carried out again cannot be fetched now.
        """
        newest = {_said(said.bytes.encode()).get("kind", ""): said for said in brought}
        for said in brought:
            data = said.bytes.encode()
            kind = _said(data).get("kind", "")
            applied = said.outcome == Outcome.APPLIED
            work: _Work
            if applied and kind in shadows:
                work = partial(_written_again, data, shadows[kind], said.answered_us)
            elif applied and kind in self.kinds and self.kinds[kind].sets_up and newest[kind] is said:
                work = self._prepared(data)
            else:
                work = _as_worked(_Worked(Outcome(said.outcome or "rejected"), said.code, said.detail))
            at = _Place(said.hub_inc, said.cseq, over=over)
            self.edge.database.write(partial(self._store, at, data, work, arrived_us=said.answered_us))

    def _run(self) -> None:
        while not self._stopping.is_set():
            batch = self._waiting.get()
            if batch is None:
                return
            said = self._take(batch)
            if said is not None:
                self.answer(said)

    def _take(self, batch: DirectiveBatch) -> Answer | None:
        """Carry out what is new of a batch; None when the program is stopping."""
        link = read_link(self.edge.database.read())
        if batch.hub_inc != link.hub_inc:
            return None
        chead = link.chead or first_hash(self.edge.identity.edge, batch.hub_inc)
        data = [text.encode() for text in batch.directives]
        done_here = link.cseq_done - batch.first + 1
        if done_here < 0:
            return Answer(link.cseq_done, link.hub_inc)
        skipped = data[:done_here]
        if chain(batch.prev, data) != batch.head:
            return None
        if done_here <= len(data) and chain(batch.prev, skipped) != chead:
            return Answer(link.cseq_done, link.hub_inc, broken=True)
        for n, said in enumerate(data[done_here:], start=batch.first + max(0, done_here)):
            if not self._one(batch, n, said):
                return None
        return self.known_answer(batch.first)

    def _one(self, batch: DirectiveBatch, cseq: int, data: bytes) -> bool:
        """Carry one directive out, waiting for the line if it must; False when stopping."""
        wait, answered = FIRST_WAIT_SECONDS, False
        while not self._stopping.is_set():
            try:
                self._store_durably(batch.hub_inc, cseq, data)
            except (Unavailable, OperationalError) as error:
                self.trouble = error.what if isinstance(error, Unavailable) else str(error)
            else:
                self.trouble = ""
                return True
            if cseq > batch.first and not answered:
                answered = True
                # What was carried out already is not kept waiting: events of it go to the hub meanwhile, and
                # a store that is put back then gets from there only what it had answered.
                self.answer(self.known_answer(batch.first))
            if self._again.wait(wait * (0.5 + self.jitter.random() / 2)):
                self._again.clear()
                wait = FIRST_WAIT_SECONDS
            else:
                wait = min(WAIT_LIMIT_SECONDS, wait * 2)
        return False

    def _store_durably(self, hub_inc: str, cseq: int, data: bytes) -> None:
        self.edge.database.write(partial(self._store, _Place(hub_inc, cseq), data, self._prepared(data)))

    def _prepared(self, data: bytes) -> _Work:
        """Return how a directive is carried out, with all it needs, or that it never will be and why."""
        try:
            directive = Directive.model_validate_json(data)
        except ValidationError as error:
            return _never("bad_directive", str(error), park="bad_directive")
        model = DIRECTIVE_KINDS.get((directive.kind, directive.v))
        if model is None or (directive.kind not in self.kinds and directive.kind != "withdrawn"):
            return _never("unknown_kind", directive.kind, park="unknown_kind")
        try:
            body = model.model_validate(directive.body)
        except ValidationError as error:
            return _never("bad_body", str(error), park="bad_body")
        kind = self.kinds.get(directive.kind)
        expired = directive.exp is not None and self.edge.clock.now_us() > directive.exp
        known = is_known_directive(self.edge.database.read(), directive.id)
        if kind is not None and kind.prepare is not None and not (expired or known):
            try:
                kind.prepare(body, self._stopping)
            except Unavailable:
                raise
            except OrderspineError as error:
                return _never(error.reason, error.what)
        return partial(self._carry_out, directive, body)

    def _store(self, at: _Place, data: bytes, work: _Work, unit: EdgeUnit, *, arrived_us: int = 0) -> None:
        """Write the row and the effect in one transaction; `arrived_us` when that is not now."""
        link, said = read_link(unit.connection), _said(data)
        if at.over:
            if is_known_directive(unit.connection, said.get("id", "")):
                return
        elif (link.hub_inc, link.cseq_done) != (at.hub_inc, at.cseq - 1):
            return
        after_seq = newest_row(unit.connection)
        unit.memory[_ARRIVED] = arrived_us or self.edge.clock.now_us()
        worked = work(unit)
        unit.connection.execute(
            "INSERT INTO directives (hub_inc, cseq, id, kind, bytes, arrived_us, outcome, code, detail,"
            " after_seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                at.hub_inc,
                at.cseq,
                said.get("id", ""),
                said.get("kind", ""),
                data,
                unit.memory.pop(_ARRIVED),
                worked.outcome.value,
                worked.code[:64],
                worked.detail[:_DETAIL],
                after_seq,
            ),
        )
        if worked.park:
            unit.connection.execute(
                "INSERT INTO parked_directives (hub_inc, cseq, bytes, why) VALUES (?, ?, ?, ?)",
                (at.hub_inc, at.cseq, data, worked.park),
            )
        if not at.over:
            before = link.chead or first_hash(self.edge.identity.edge, at.hub_inc)
            set_link(unit, cseq_done=at.cseq, chead=next_hash(before, data))

    def _carry_out(self, directive: Directive, body: WireModel, unit: EdgeUnit) -> _Worked:
        if is_known_directive(unit.connection, directive.id):
            return _Worked(Outcome.DUPLICATE)
        if directive.exp is not None and self.edge.clock.now_us() > directive.exp:
            return _Worked(Outcome.EXPIRED)
        kind = self.kinds.get(directive.kind)
        if kind is None:
            return _Worked(Outcome.APPLIED)  # withdrawn: a number that does nothing
        try:
            with unit.savepoint():
                kind.carry_out(unit, self.edge, body)
        except (Unavailable, OperationalError):
            raise
        except OrderspineError as error:
            return _Worked(Outcome.REJECTED, error.reason, error.what)
        except Exception as error:  # noqa: BLE001 - one directive that trips a bug must not stop all others
            return _Worked(Outcome.REJECTED, "failed", f"{type(error).__name__}: {error}", park="failed")
        return _Worked(Outcome.APPLIED)


def write_again(unit: EdgeUnit, data: bytes, shadow: Shadow, at_us: int) -> None:
    """Write again what a directive that was carried out at that time wrote into tables."""
    directive = Directive.model_validate_json(data)
    shadow(unit, DIRECTIVE_KINDS[directive.kind, directive.v].model_validate(directive.body), at_us)


def arrived_us(unit: EdgeUnit, edge: Edge) -> int:
    """Return when the directive that is being carried out arrived, exactly as its row says it.

    Tables that follow from directives are made anew from those rows, so they may know no other time.
    """
    return int(unit.memory.get(_ARRIVED, edge.clock.now_us()))


def _never(code: str, detail: str, *, park: str = "") -> _Work:
    """Return that a directive is not carried out, whenever it is tried, and why."""
    return _as_worked(_Worked(Outcome.REJECTED, code, detail, park))


def _as_worked(worked: _Worked) -> _Work:
    return lambda _unit: worked


def _written_again(data: bytes, shadow: Shadow, at_us: int, unit: EdgeUnit) -> _Worked:
    write_again(unit, data, shadow, at_us)
    return _Worked(Outcome.APPLIED)


def _said(data: bytes) -> dict[str, str]:
    """Return the id and the kind of a directive as far as its bytes can be read."""
    try:
        said = json.loads(data)
    except ValueError:
        return {}
    if not isinstance(said, dict):
        return {}
    return {key: str(said.get(key, ""))[:64] for key in ("id", "kind")}
