"""The tables of the policy of lending, as `schema` runs them.

`rights_to_tell` and `rights_to_lend` are queues without duplicates, filled by triggers, so that no room has
to remember that the hub must hear of a change, and looking at them costs what has changed, not what is lent.
A trigger asks first instead of `OR IGNORE`, because the statement that fires it would overrule that.
"""

from typing import Final

_TELL: Final = (
    "INSERT INTO rights_to_tell SELECT sku FROM rights WHERE sku = {sku}"
    " AND NOT EXISTS (SELECT 1 FROM rights_to_tell WHERE sku = {sku})"
)
"""What was never lent needs no telling."""
_KNOWN: Final = "(SELECT 1 FROM rights_to_lend WHERE sku = {sku})"
_LEND: Final = "INSERT INTO rights_to_lend SELECT {sku} WHERE NOT EXISTS " + _KNOWN
_COUNTED: Final = "substr(NEW.dedupe_key, 11)"
"""The SKU of `count_due:<SKU>`."""
_PHYSICAL: Final = "WHEN NEW.bucket IN ('sellable', 'reserved', 'picked')"


def _trigger(name: str, when: str, *does: str) -> str:
    """Return a trigger on one line: statements of a script are told apart by their line ends."""
    return f"CREATE TRIGGER {name} AFTER {when} BEGIN {'; '.join(does)}; END;\n"


_MOVED: Final = (_LEND.format(sku="NEW.sku"), _TELL.format(sku="NEW.sku"))
_TRIGGERS: Final = (
    _trigger("balances_added", f"INSERT ON balances {_PHYSICAL}", *_MOVED)
    + _trigger("balances_changed", f"UPDATE OF quantity ON balances {_PHYSICAL}", *_MOVED)
    + _trigger("rights_added", "INSERT ON rights", *_MOVED)
    + _trigger(
        "rights_changed",
        "UPDATE OF granted, finished, returned_seen, version, hub_picked ON rights",
        *_MOVED,
    )
    + _trigger(
        "count_asked",
        "INSERT ON exceptions WHEN NEW.kind = 'count_due'",
        f"UPDATE rights SET version = version + 1 WHERE sku = {_COUNTED}",  # noqa: S608 - a fixed text
    )
    + _trigger(
        "count_done",
        "UPDATE OF closed_us ON exceptions WHEN NEW.kind = 'count_due'",
        _LEND.format(sku=_COUNTED),
    )
)

_TABLES: Final = """
CREATE TABLE lending_policy (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    arrived_us INTEGER NOT NULL
) STRICT;
CREATE TABLE lending_hub (
    sku TEXT PRIMARY KEY,
    ep INTEGER NOT NULL,
    ver INTEGER NOT NULL,
    allocated INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    want INTEGER NOT NULL,
    asked INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE rights_to_tell (sku TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE rights_to_lend (sku TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO rights_to_tell SELECT sku FROM rights;
INSERT INTO rights_to_lend SELECT DISTINCT sku FROM balances;
"""
LENDING: Final = _TABLES + _TRIGGERS
