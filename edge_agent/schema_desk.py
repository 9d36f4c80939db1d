"""The history of cards, whose they are and until when they sleep, as `schema` runs it."""

from typing import Final

DESK: Final = """
ALTER TABLE exceptions ADD COLUMN owner TEXT NOT NULL DEFAULT '';
ALTER TABLE exceptions ADD COLUMN due_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE exceptions ADD COLUMN snoozed_until_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE exceptions ADD COLUMN origin TEXT NOT NULL DEFAULT '';
CREATE TABLE exception_acts (
    exception_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    act TEXT NOT NULL,
    by TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    "to" TEXT NOT NULL,
    until_us INTEGER,
    choice TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (exception_id, seq)
) STRICT, WITHOUT ROWID;
"""
