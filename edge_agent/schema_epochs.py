"""The tables of the epoch of rights and the lives of this database, as `schema` runs them.

`link.ep` is the epoch that every row of `rights` belongs to. `rights.finished` counts since the first day,
as the log does; the cell F of this epoch is what was added since `finished_base`. `finished_asked` is what
it was when the hub asked what is open here, by the journal's number of that moment, until an epoch begins
with one of them (`edge_agent.link.reopening`).

`lives` are the streams before this one, `link.base` is where this one begins (`edge_agent.lives`). `carried`
are events that the life before had not delivered when it ended; they are the first of the new one and have
their effect already. `brought_back` are events that this database had lost and the hub gave back: they took
effect after row `after_seq`, or did not (`failed`). `early_events` are those of them that speak of work which
is not known here, because its directive is still to come again (`edge_agent.early`). A till session that is
`left_open` was open when this database was lost, at a till that has been opened again since.
"""

from typing import Final

EPOCHS: Final = """
ALTER TABLE link ADD COLUMN ep INTEGER NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN recovery TEXT NOT NULL DEFAULT '';
ALTER TABLE link ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE link ADD COLUMN carried INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rights ADD COLUMN finished_base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rights ADD COLUMN finished_asked INTEGER NOT NULL DEFAULT 0;
CREATE TABLE lives (
    inc TEXT PRIMARY KEY,
    ordinal INTEGER NOT NULL,
    base INTEGER NOT NULL,
    why TEXT NOT NULL,
    acked INTEGER NOT NULL DEFAULT 0,
    head TEXT NOT NULL DEFAULT '',
    began_us INTEGER NOT NULL,
    ended_us INTEGER
) STRICT, WITHOUT ROWID;
CREATE TABLE carried (
    inc TEXT NOT NULL,
    n INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    hash BLOB NOT NULL,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (inc, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE brought_back (
    seq INTEGER PRIMARY KEY,
    after_seq INTEGER NOT NULL,
    failed TEXT NOT NULL DEFAULT ''
) STRICT;
"""
LEFT_OPEN: Final = """
ALTER TABLE till_sessions ADD COLUMN left_open INTEGER NOT NULL DEFAULT 0;
DROP INDEX till_one_open;
CREATE UNIQUE INDEX till_one_open ON till_sessions (till) WHERE state <> 'closed' AND left_open = 0;
CREATE INDEX till_not_closed ON till_sessions (till) WHERE state <> 'closed'
"""
FINISHED_ASKED: Final = """
CREATE TABLE finished_asked (
    position INTEGER NOT NULL,
    sku TEXT NOT NULL,
    finished INTEGER NOT NULL,
    PRIMARY KEY (position, sku)
) STRICT, WITHOUT ROWID;
INSERT INTO finished_asked SELECT 0, sku, finished_asked FROM rights WHERE finished_asked <> 0;
ALTER TABLE rights DROP COLUMN finished_asked;
"""
EARLY: Final = """
CREATE TABLE early_events (
    owner TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;
"""
