"""Without the guards of a life: an old copy that goes on as if nothing had happened."""

from contextlib import AbstractContextManager, ExitStack
from typing import Any

import edge_agent.link.talk
import edge_agent.lives
import hub.link.sessions
import hub.link.watch
from edge_agent.link.marker import MarkerFile
from protocol.handshake import Marker
from tests.simulation.mutants.patch import put


def same_life() -> AbstractContextManager[Any]:
    """An old copy of a store goes on in its stream: neither the marker nor the hub's word stop it."""
    stack = ExitStack()
    stack.enter_context(put(MarkerFile, "judge", lambda _self, _seq: Marker.OK))
    stack.enter_context(
        put(edge_agent.lives, "settle", lambda _database, identity, *_said, **_more: identity)
    )
    stack.enter_context(put(edge_agent.link.talk, "judge_welcome", lambda _welcome, **_said: None))
    return stack


def same_epoch() -> AbstractContextManager[Any]:
    """The lending goes on with an old copy as if its cells had not fallen."""
    stack = ExitStack()
    stack.enter_context(put(hub.link.sessions, "why_fenced", lambda *_said, **_more: None))
    stack.enter_context(put(edge_agent.link.talk, "is_fenced", lambda *_said, **_more: False))
    return stack


def one_hub_life() -> AbstractContextManager[Any]:
    """A hub that was restored goes on as if nothing had happened."""
    stack = ExitStack()
    stack.enter_context(put(hub.link.watch, "judge", lambda *_said, **_more: "ok"))
    stack.enter_context(put(hub.link.sessions, "has_lost_past", lambda *_said, **_more: False))
    return stack
