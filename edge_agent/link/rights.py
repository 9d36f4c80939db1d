"""What is said about rights within one session: the lending vectors, and beginning them anew.

Everything carries the epoch; what is of another one is not heard. `edge_agent.link.lending` decides what is
told, `edge_agent.link.reopening` what is open.
"""

from collections.abc import Callable

from edge_agent.context import Edge
from edge_agent.link.lending import Lending
from edge_agent.link.reopening import Reopening
from edge_agent.link.settings import LinkSettings
from edge_agent.link.stream import Stream
from protocol.envelope import compress
from protocol.handshake import RightsPacket, encode
from protocol.reopening import IAm, NewEpoch, Who


class Rights:
    """Both sides' vectors, over as many sessions as it takes."""

    def __init__(self, edge: Edge, settings: LinkSettings, say: Callable[[bytes], object]) -> None:
        """`say` puts a packet on the topic of rights."""
        self._edge = edge
        self._say = say
        self._lending = Lending(edge, settings)
        self._stream: Stream | None = None
        self._reopening: Reopening | None = None

    def opened(self, stream: Stream, now: float, *, fenced: bool, drain_only: bool) -> None:
        """A session began; an incarnation that is over says nothing about rights."""
        self._stream = None if drain_only else stream
        self._reopening = None if drain_only else Reopening(self._edge, stream, self._say_open)
        self._lending.opened(fenced=fenced or drain_only, now=now)

    def closed(self) -> None:
        """The session is over."""
        self._stream = self._reopening = None

    def tick(self, now: float) -> None:
        """Say what is due."""
        if self._stream is None or self._reopening is None:
            return
        self._reopening.tick(now)
        for packet in self._lending.packets(self._edge.identity.inc, self._stream.sess, now):
            self._say(encode(packet))

    def take(self, packet: RightsPacket) -> None:
        """Take in the hub's vectors."""
        self._lending.take(packet)

    def reopen(self, said: Who | NewEpoch, now: float) -> None:
        """Answer WHO, or take over what NEW says."""
        stream, reopening = self._stream, self._reopening
        if stream is None or reopening is None or said.sess != stream.sess:
            return
        if isinstance(said, Who):
            reopening.who(said, now)
        elif reopening.new(said):
            self._lending.opened(fenced=False, now=now)
            # The first vector of the epoch ends the fence at the hub, also when nothing is lent yet.
            first = RightsPacket(inc=said.inc, sess=said.sess, hub_inc=said.hub_inc, ep=said.ep, rows=())
            self._say(encode(first))

    def _say_open(self, said: IAm) -> None:
        self._say(compress(encode(said)))
