"""A request that may arrive twice takes effect once.

The key, a digest of the request and the answer are stored by the step that did the work. The same key with
the same content gets the first answer again; with other content it is a conflict that a person must see.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from protocol.errors import Conflict
from protocol.kit.text import _

Key = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
KEPT_US: Final = 14 * 24 * 3600 * 1_000_000
"""Nobody repeats a request after two weeks; then the key may be forgotten."""

Answer = TypeVar("Answer", bound=BaseModel)


class Asked(BaseModel):
    """A command with what it was addressed to, so that one key cannot answer for something else.

    Stored digests name this class: a request that is repeated across an update must still find its answer.
    """

    model_config = ConfigDict(frozen=True)

    to: str
    command: SerializeAsAny[BaseModel]


def once(  # noqa: PLR0917 - the same six in the same order at every call
    unit: EdgeUnit, edge: Edge, command: BaseModel, key: str, answer: type[Answer], work: Callable[[], Answer]
) -> tuple[Answer, bool]:
    """Do the work unless this key has done it; return the answer and whether it is new.

    Raises:
        Conflict: the key was used for something else.
    """
    said = f"{type(command).__name__}{command.model_dump_json()}"
    digest = hashlib.sha256(said.encode()).hexdigest()[:32]
    row = unit.connection.execute("SELECT digest, answer FROM idempotency WHERE key = ?", (key,)).fetchone()
    if row is not None:
        if row[0] != digest:
            raise Conflict(
                _("This request was already sent with other content, so nothing was done."),
                _("Send it again under a new key."),
                code="key_reused",
                key=key,
            )
        return answer.model_validate_json(row[1]), False
    done = work()
    unit.connection.execute(
        "INSERT INTO idempotency (key, digest, answer, at_us) VALUES (?, ?, ?, ?)",
        (key, digest, done.model_dump_json(), edge.clock.now_us()),
    )
    return done, True


def forget_old_keys(unit: EdgeUnit, now_us: int) -> int:
    """Delete the keys that nobody will repeat and return how many there were."""
    return unit.connection.execute("DELETE FROM idempotency WHERE at_us < ?", (now_us - KEPT_US,)).rowcount
