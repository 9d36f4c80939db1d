"""The names of the topics, and who may say what on which.

Order is only promised within one topic, so each ordered stream has its own. The broker's ACL lets an
edge write below `os/1/up/<its name>` and read below `os/1/down/<its name>`, nothing else.
"""

from typing import Final

ROOT: Final = "os/1"
HUB_PRESENCE: Final = f"{ROOT}/st/hub"
UP_ALL: Final = f"{ROOT}/up/+/+"
PRESENCE_ALL: Final = f"{ROOT}/st/+"
UP_KINDS: Final = frozenset({"hello", "log", "rights", "ack", "hb"})
DOWN_KINDS: Final = frozenset({"ctl", "ack", "cmd", "rights"})


def up(edge: str, kind: str) -> str:
    """Return the topic on which an edge tells the hub something."""
    assert kind in UP_KINDS
    return f"{ROOT}/up/{edge}/{kind}"


def down(edge: str, kind: str) -> str:
    """Return the topic on which the hub tells an edge something."""
    assert kind in DOWN_KINDS
    return f"{ROOT}/down/{edge}/{kind}"


def down_all(edge: str) -> str:
    """Return the filter that an edge subscribes to."""
    return f"{ROOT}/down/{edge}/+"


def presence(edge: str) -> str:
    """Return the retained topic that hints whether an edge is connected."""
    return f"{ROOT}/st/{edge}"


def parse_up(topic: str) -> tuple[str, str] | None:
    """Return (edge, kind) of a topic under `up`, or None when it is not one of ours."""
    parts = topic.split("/")
    if len(parts) == 5 and parts[:3] == ["os", "1", "up"] and parts[4] in UP_KINDS:
        return parts[3], parts[4]
    return None


def parse_down(topic: str) -> tuple[str, str] | None:
    """Return (edge, kind) of a topic under `down`, or None when it is not one of ours."""
    parts = topic.split("/")
    if len(parts) == 5 and parts[:3] == ["os", "1", "down"] and parts[4] in DOWN_KINDS:
        return parts[3], parts[4]
    return None
