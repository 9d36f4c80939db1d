"""Who may come in and who may say what, for the broker made of Python.

The same password file and the same access rules as `deploy.broker` writes for Mosquitto.
"""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any, Final

from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin

HUB_USER: Final = "hub"
_passwords: dict[str, str] = {}


def is_right(password: str, kept: str) -> bool:
    """Tell whether a password fits a hash in Mosquitto's format."""
    try:
        _empty, version, rounds, salt, digest = kept.split("$")
        made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(rounds))
    except ValueError:
        return False
    return version == "7" and hmac.compare_digest(made, base64.b64decode(digest))


def may(user: str, action: Action, topic: str) -> bool:
    """Tell whether a name may say, hear or ask for a topic; the same rules as Mosquitto's ACL file."""
    if user == HUB_USER or user.startswith(f"{HUB_USER}-"):  # no edge may be called so
        return topic.startswith("os/")
    if action is Action.PUBLISH:
        return topic == f"os/1/st/{user}" or topic.startswith(f"os/1/up/{user}/")
    return topic == "os/1/st/hub" or topic.startswith(f"os/1/down/{user}/")


class Door(BaseAuthPlugin):  # type: ignore[misc]  # the library has no types
    """Lets in who has a line in the password file."""

    async def authenticate(self, *, session: Any) -> bool:
        """Compare name and password."""
        kept = _passwords.get(session.username or "")
        return bool(kept) and is_right(session.password or "", kept or "")


class Rules(BaseTopicPlugin):  # type: ignore[misc]  # the library has no types
    """Keeps everybody under their own name."""

    async def topic_filtering(
        self, *, session: Any = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        """Allow or refuse one topic."""
        if session is None or topic is None or action is None:
            return False
        return may(str(session.username), action, topic)


def read_passwords(path: Path) -> None:
    """Read who may come in."""
    lines = path.read_text(encoding="utf-8").splitlines()
    _passwords.clear()
    for line in lines:
        user, _colon, kept = line.partition(":")
        _passwords[user] = kept
