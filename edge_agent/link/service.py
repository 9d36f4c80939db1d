"""The link of a store to the hub: one thread that owns the connection and everything said on it.

It sells nothing and blocks nothing: the counter commits to the journal and wakes this thread, which reads
the journal and sends. Whatever goes wrong here ends in a sentence in `status()`, never in a refused sale.
"""

import contextlib
import random
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.link import rows
from edge_agent.link.contacts import ContactUploads
from edge_agent.link.courier import Courier, Uploads
from edge_agent.link.directives import Answer, DirectiveInbox, Kind
from edge_agent.link.recovery import Recovery
from edge_agent.link.rules import (
    CLOCK_FLOORED,
    NOT_SET_UP,
    STORE_FIRST,
    Trouble,
    clock_trouble,
    failure,
    is_sending,
    quarantine_trouble,
)
from edge_agent.link.settings import LinkSettings, link_settings
from edge_agent.link.status import LastError, State, SyncStatus
from edge_agent.link.talk import Line, Talk
from protocol import topics
from protocol.directives import CatalogPublish
from protocol.errors import OrderspineError
from protocol.handshake import Presence, encode
from protocol.kit.mqtt import Down, Happening, Packet, Session, Undelivered, Up, Will
from protocol.kit.sqlite import DatabaseError
from protocol.kit.system import FlooredClock

ApplyCatalog = Callable[[EdgeUnit, Edge, CatalogPublish, Path], None]
"""(unit, edge, announcement, checked file): make it the catalogue, whole, in this unit of work."""
StageCatalog = Callable[[Edge, CatalogPublish, Path], None]
"""(edge, announcement, checked file): what may be done before, in units of its own."""
NEXT_SECONDS: Final = 0.25
STOP_SECONDS: Final = 1.0
AFTER_TROUBLE_SECONDS: Final = 0.5


class LinkService:
    """Runs the link; built once per store."""

    def __init__(  # noqa: PLR0913 - the seams of the link, all by name
        self,
        edge: Edge,
        *,
        apply_catalog: ApplyCatalog | None = None,
        stage_catalog: StageCatalog | None = None,
        kinds: Mapping[str, Kind] | None = None,
        kinds_over: Callable[[Courier], Mapping[str, Kind]] | None = None,
        printers: Callable[[], Mapping[str, str]] = dict,
        settings: LinkSettings | None = None,
        jitter: random.Random | None = None,
    ) -> None:
        """`kinds` are further directives, `kinds_over` those that fetch; `printers` tells their states."""
        self._edge = edge
        self._settings = settings or link_settings(edge.settings)
        self._jitter = jitter or random.Random(edge.ids.secret(8))  # noqa: S311 - spreads retries, hides nothing
        self._stopping = threading.Event()
        self._boot = edge.ids.secret(8)
        self.courier = Courier(
            self._settings.hub_url,
            self._settings.hub_token,
            self._settings.incoming,
            ca_file=self._settings.ca_file,
        )
        known = dict(kinds or {}) | dict(kinds_over(self.courier) if kinds_over is not None else {})
        if apply_catalog is not None:
            known["catalog.publish"] = _catalog_kind(edge, self.courier, apply_catalog, stage_catalog)
        self._session = self._open_session()
        self.directives = DirectiveInbox(edge, known, self._jitter, self._answered)
        self._uploads = Uploads(self.courier, self.wake)
        self._contacts = ContactUploads(edge, self.courier)
        self._recovery = Recovery(edge, self.courier, self.directives, self.wake)
        self._talk = Talk(
            edge,
            self._settings,
            Line(self._session, self._uploads, self.directives, self._recovery, printers),
            boot=self._boot,
            jitter=self._jitter,
        )
        self._down: Trouble | None = NOT_SET_UP if self._session is None else None
        self._failed: Trouble | None = None
        self._state: State = "store_mode"
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, in the background. A store without a hub's address works alone and says so.

        Raises:
            OrderspineError: that it begins could not be stored; nothing has begun, so it may be called again.
        """
        self._edge.online = lambda: self._talk.is_open
        if self._session is None:
            return
        try:
            self._talk.load()
        except OrderspineError:
            self._down = STORE_FIRST  # until a person has made room
            raise
        self._edge.wake_link = self.wake
        self._edge.wake_contacts = self._contacts.wake
        self.directives.start()
        self._contacts.start()
        self._session.start()
        self._thread = threading.Thread(target=self._run, name="edge-link", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye and end, within a second."""
        self._stopping.set()
        self._edge.wake_link = _nothing
        if self._session is not None and self._thread is not None:
            self._session.poke()
            self._thread.join(STOP_SECONDS)
            self._session.stop()
            self.directives.stop()
            self._contacts.stop()
            self._recovery.stop()
        self.courier.close()

    def wake(self) -> None:
        """Something new is in the journal; called after its commit, from the writer's thread."""
        if self._session is not None:
            self._session.poke()

    def status(self) -> SyncStatus:
        """Return how the link is doing; may be called from any thread."""
        connection = self._edge.database.read()
        link, newest = rows.read_link(connection), rows.newest(connection)
        acked = self._talk.acked(link.acked)
        unsent = max(0, newest - acked)
        oldest_us = rows.at_of(connection, acked + 1) if unsent else None
        oldest_ms = 0 if oldest_us is None else max(0, self._edge.clock.now_us() - oldest_us) // 1000
        trouble = self._trouble(link)
        return SyncStatus(
            state=self._state_of(link.quarantine, unsent, oldest_ms),
            unsent=unsent,
            oldest_ms=oldest_ms,
            last_ack_us=max(link.acked_us, self._talk.acked_us),
            newest=newest,
            acked=acked,
            by_kind=rows.unsent_by_kind(connection, acked) if unsent else {},
            last_error=LastError(*trouble) if trouble else None,
            quarantine=link.quarantine,
            recovery=link.recovery,
            fenced=rows.read_meta(connection, rows.FENCED) == "1",
            clock_offset_us=self._talk.clock_offset_us,
            directives_waiting=self.directives.trouble,
        )

    def _state_of(self, quarantine: str, unsent: int, oldest_ms: int) -> State:
        if quarantine:
            return "quarantine"
        if self._talk.rejected is not None:
            return "rejected"
        if not self._talk.is_open:
            return "store_mode"
        return "sending" if is_sending(unsent, oldest_ms) else "online"

    def _trouble(self, link: rows.LinkRow) -> Trouble | None:
        return (
            quarantine_trouble(link.quarantine, link.recovery, self._recovery.brought)
            or self._talk.rejected
            or self._failed
            or self._down
            or self._talk.trouble
            or self._uploads.trouble
            or self._recovery.trouble
            or self._contacts.trouble
            or self._clock_trouble()
        )

    def _clock_trouble(self) -> Trouble | None:
        if not self._settings.watch_clock:
            return None
        clock = self._edge.clock
        if isinstance(clock, FlooredClock) and clock.is_floored:
            return CLOCK_FLOORED
        return clock_trouble(self._talk.clock_offset_us)

    def _run(self) -> None:
        session = self._session
        assert session is not None
        while not self._stopping.is_set():
            happening = session.next(NEXT_SECONDS)
            try:
                self._take(happening)
                self._talk.tick()
                self._failed = None
            except Exception as error:  # noqa: BLE001 - the link must outlive whatever trips it, and say so
                self._failed = failure(error)
                self._stopping.wait(AFTER_TROUBLE_SECONDS)
            finally:
                if isinstance(happening, Packet):
                    happening.done()
            self._announce()
        with contextlib.suppress(OrderspineError, DatabaseError, OSError):  # WELCOME tells it again
            self._talk.goodbye()

    def _take(self, happening: Happening | None) -> None:
        match happening:
            case Up():
                self._down = None
                self._talk.up(happening.conn)
            case Down():
                self._down = (happening.what, happening.remedy)
                self._talk.down()
            case Undelivered():
                self._talk.undelivered(happening.code)
            case Packet():
                self._talk.packet(happening)
            case None:
                pass

    def _announce(self) -> None:
        """Tell open pages when the state has changed, and whoever waits for the line that it is there."""
        open_now: State = "online" if self._talk.is_open else "store_mode"
        if open_now != self._state:
            self._state = open_now
            if open_now == "online":
                self.directives.try_again()
                self._contacts.try_again()
            self._edge.broadcaster.publish("strip")
            self._edge.broadcaster.publish("sync")

    def _answered(self, answer: Answer) -> None:
        self._talk.answers.put(answer)
        self.wake()

    def _open_session(self) -> Session | None:
        if self._settings.broker is None:
            return None
        edge = self._edge.identity.edge
        return Session(
            self._settings.broker,
            subscriptions=(topics.down_all(edge), topics.HUB_PRESENCE),
            will=lambda conn: Will(
                topics.presence(edge),
                encode(Presence(on=False, conn=conn, inc=self._edge.identity.inc, boot=self._boot)),
            ),
            clock=self._edge.clock,
            ids=self._edge.ids,
            jitter=self._jitter,
        )


def _catalog_kind(
    edge: Edge, courier: Courier, apply_catalog: ApplyCatalog, stage_catalog: StageCatalog | None
) -> Kind:
    """Return how a new catalogue is taken over: fetched and checked first, then made the catalogue whole."""

    def prepare(body: CatalogPublish, stopping: threading.Event) -> None:
        file = courier.fetch_catalog(body, stopping)
        if stage_catalog is not None:
            stage_catalog(edge, body, file)

    def carry_out(unit: EdgeUnit, edge: Edge, body: CatalogPublish) -> None:
        file = courier.catalog_file(body)
        apply_catalog(unit, edge, body, file)
        unit.after_commit(lambda: file.unlink(missing_ok=True))

    return Kind(carry_out, prepare, sets_up=True)


def _nothing() -> None:
    """Stand in for a link that has stopped."""
