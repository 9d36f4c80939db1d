"""A request of a program that may arrive twice takes effect once.

The key is written first, so of two requests with one key, in whichever process, the second waits for the
first and gets its answer. A request that is refused leaves no key: sent again, it is looked at again.
"""

import hashlib
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel, Field
from sqlalchemy.dialects import postgresql, sqlite

from hub.context import Hub
from hub.database import Change, HubUnit, Lookup, metadata
from protocol.clock import MICROSECONDS
from protocol.errors import Conflict
from protocol.kit.text import _

Key = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._:-]+$")]
KEPT_US: Final = 30 * 24 * 3600 * MICROSECONDS
"""Nobody repeats a request after a month; then the key may be forgotten."""

Answer = TypeVar("Answer", bound=BaseModel)

api_keys: Final = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False, index=True),
)
"""The key with the name of its client before it: two programs may use one key."""

_CLAIM: Final = {
    "sqlite": Change(sqlite.insert(api_keys).on_conflict_do_nothing()),
    "postgresql": Change(postgresql.insert(api_keys).on_conflict_do_nothing()),
}

_THIS: Final = api_keys.c.key == sa.bindparam("of")
_ANSWER: Final = Change(sa.update(api_keys).where(_THIS).values(answer=sa.bindparam("said")))
_ANSWERED: Final = Lookup(sa.select(api_keys.c.digest, api_keys.c.answer).where(_THIS))


def digest_of(command: BaseModel) -> str:
    """Return a digest of what is asked for: the same for the same content, however it was written."""
    said = f"{type(command).__name__}{command.model_dump_json()}"
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def once(  # noqa: PLR0917 - the same six in the same order at every call, as at the edge
    unit: HubUnit, hub: Hub, command: BaseModel, key: str, answer: type[Answer], work: Callable[[], Answer]
) -> tuple[Answer, bool]:
    """Do the work unless this key has done it; return the answer and whether it is new.

    Without a key the work is done each time.

    Raises:
        Conflict: the key was used for something else.
    """
    if not key:
        return work(), True
    connection, digest = unit.connection, digest_of(command)
    claim = _CLAIM[connection.dialect.name]
    if claim.run(connection, key=key, digest=digest, answer="", at_us=hub.clock.now_us()):
        done = work()
        _ANSWER.run(connection, of=key, said=done.model_dump_json())
        return done, True
    (row,) = _ANSWERED.all(connection, of=key)
    if row.digest != digest:
        raise Conflict(
            _("This request was already sent with other content, so nothing was done."),
            _("Send it again under a new key."),
            code="key_reused",
            key=key.rpartition("/")[2],
        )
    return answer.model_validate_json(row.answer), False


def forget_old_keys(hub: Hub) -> int:
    """Delete the keys that nobody will repeat and return how many there were."""
    before_us = hub.clock.now_us() - KEPT_US
    return hub.database.write(
        lambda unit: unit.connection.execute(sa.delete(api_keys).where(api_keys.c.at_us < before_us)).rowcount
    )
