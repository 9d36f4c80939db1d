"""Whose turn it is to be looked at, where there is more than one round can look at.

A round goes on where the one before it ended and begins again once it has come to the end, so of n keys each
is looked at within n / (keys of a round) rounds, rounded up, and the one that finds nobody left begins anew
at once. What a reader would get wrong: keys say nothing of age (a channel's order is called by its name), so
what comes in meanwhile has its turn in this time through or in the next, as it happens.

Each process remembers its own place; one that was started anew begins at the top, which costs a look only.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import Lookup

_BELOW: Final[WeakKeyDictionary[Hub, dict[str, str]]] = WeakKeyDictionary()
"""By what is looked through: the last key of the round before."""


def next_round(  # noqa: PLR0917 - who looks where, through what, by which key, how many at once
    hub: Hub,
    connection: Connection,
    name: str,
    of: sa.Select[Any],
    key: sa.ColumnElement[str],
    at_once: int,
    values: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return the keys whose turn it is, at most `at_once`.

    `name` is under which the place is remembered; `of` finds the rows, a constant because it is compiled
    once; `values` are its parameters.
    """
    places = _BELOW.setdefault(hub, defaultdict(str))
    below = places[name]
    from_the_top, further_down = _lookups(of, key, at_once)
    said = values or {}
    found = further_down.scalars(connection, below=below, **said) if below else []
    found = found or from_the_top.scalars(connection, **said)
    places[name] = found[-1] if len(found) == at_once else ""
    return found


@lru_cache(maxsize=64)
def _lookups(of: sa.Select[Any], key: sa.ColumnElement[str], at_once: int) -> tuple[Lookup, Lookup]:
    keys = of.with_only_columns(key).distinct().order_by(None).order_by(key.desc()).limit(at_once)
    return Lookup(keys), Lookup(keys.where(key < sa.bindparam("below")))
