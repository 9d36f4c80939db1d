"""The tables of transfers at a store, as `schema` runs them: migration 0008.

`transfers`, `transfer_lines`, `transfer_orders`, `cartons` and `transfer_receipts` are shadows of the log and
of the hub's directives and can be made anew by `rebuild`. Work in hand (`transfer_scans`, `transfer_shorts`,
`transfer_words`) belongs to this program alone: a walk or an arrival that is not over is no fact yet.
"""

from typing import Final

TRANSFERS: Final = """
CREATE TABLE transfers (
    transfer_id TEXT PRIMARY KEY,
    number TEXT NOT NULL,
    way TEXT NOT NULL CHECK (way IN ('out', 'in')),
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    told TEXT NOT NULL DEFAULT '',
    says TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',
    carrier TEXT NOT NULL DEFAULT '',
    due_us INTEGER NOT NULL DEFAULT 0,
    since_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    shipped_us INTEGER NOT NULL DEFAULT 0,
    shipped_seq INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX transfers_number ON transfers (number);
CREATE INDEX transfers_open ON transfers (way, state, since_us);

CREATE TABLE transfer_lines (
    transfer_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    wants_lent INTEGER NOT NULL DEFAULT 0,
    lent INTEGER NOT NULL DEFAULT 0,
    bound INTEGER NOT NULL DEFAULT 0,
    picked_lent INTEGER NOT NULL DEFAULT 0,
    picked_bound INTEGER NOT NULL DEFAULT 0,
    shipped INTEGER NOT NULL DEFAULT 0,
    short INTEGER NOT NULL DEFAULT 0,
    declined INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0,
    received INTEGER NOT NULL DEFAULT 0,
    damaged INTEGER NOT NULL DEFAULT 0,
    over INTEGER NOT NULL DEFAULT 0,
    missing INTEGER NOT NULL DEFAULT 0,
    for_order INTEGER NOT NULL DEFAULT 0,
    to_grant INTEGER NOT NULL DEFAULT 0,
    granted INTEGER NOT NULL DEFAULT 0,
    order_id TEXT NOT NULL DEFAULT '',
    order_number TEXT NOT NULL DEFAULT '',
    order_line_no INTEGER NOT NULL DEFAULT 0,
    assignment_id TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (transfer_id, line_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX transfer_lines_lent ON transfer_lines (sku) WHERE lent > 0;
CREATE TABLE transfer_orders (
    transfer_id TEXT NOT NULL,
    assignment_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (transfer_id, assignment_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE cartons (
    sscc TEXT PRIMARY KEY,
    transfer_id TEXT NOT NULL,
    way TEXT NOT NULL CHECK (way IN ('out', 'in')),
    state TEXT NOT NULL CHECK (state IN ('packed', 'opened', 'shipped', 'expected', 'received')),
    carton_no INTEGER NOT NULL,
    weight_g INTEGER NOT NULL,
    lines TEXT NOT NULL,
    receipt_id TEXT NOT NULL DEFAULT '',
    at_us INTEGER NOT NULL
) STRICT;
CREATE INDEX cartons_transfer ON cartons (transfer_id, carton_no);
CREATE TABLE transfer_receipts (
    receipt_id TEXT PRIMARY KEY,
    transfer_id TEXT NOT NULL,
    number TEXT NOT NULL,
    source TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    by TEXT NOT NULL,
    body TEXT NOT NULL,
    matched INTEGER NOT NULL DEFAULT 0,
    undone_us INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX transfer_receipts_of ON transfer_receipts (transfer_id, seq);

CREATE TABLE transfer_scans (
    scan_id TEXT PRIMARY KEY,
    work_id TEXT NOT NULL,
    step TEXT NOT NULL CHECK (step IN ('ask', 'pick', 'receive')),
    line_no INTEGER NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    sscc TEXT NOT NULL,
    units INTEGER NOT NULL,
    how TEXT NOT NULL,
    person_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX transfer_scans_work ON transfer_scans (work_id, at_us);
CREATE TABLE transfer_shorts (
    transfer_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    reason TEXT NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (transfer_id, line_no, reason)
) STRICT, WITHOUT ROWID;
CREATE TABLE transfer_words (
    work_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    sku TEXT NOT NULL,
    units INTEGER NOT NULL,
    damaged INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (work_id, line_no, sku)
) STRICT, WITHOUT ROWID;
"""

WORDS_IN_TURN: Final = """
ALTER TABLE transfer_words ADD COLUMN at_us INTEGER NOT NULL DEFAULT 0;
UPDATE transfer_words SET at_us = coalesce((SELECT max(at_us) FROM transfer_scans), 0);
"""
"""A word is the last one about what was scanned before it; what is scanned after it counts as well."""

_CARTONS_BY_KEY: Final = """
CREATE TABLE cartons_again (
    sscc TEXT NOT NULL,
    transfer_id TEXT NOT NULL,
    way TEXT NOT NULL CHECK (way IN ('out', 'in')),
    state TEXT NOT NULL CHECK (state IN ('packed', 'opened', 'shipped', 'expected', 'received')),
    carton_no INTEGER NOT NULL,
    weight_g INTEGER NOT NULL,
    lines TEXT NOT NULL,
    receipt_id TEXT NOT NULL DEFAULT '',
    at_us INTEGER NOT NULL,
    PRIMARY KEY (THE_KEY)
) STRICT;
INSERT INTO cartons_again SELECT * FROM cartons;
DROP TABLE cartons;
ALTER TABLE cartons_again RENAME TO cartons;
CREATE INDEX cartons_transfer ON cartons (transfer_id, carton_no);
"""
"""The table of cartons under another key; every row stays."""
CARTONS: Final = _CARTONS_BY_KEY.replace("THE_KEY", "sscc, way")
"""A carton that comes in may bear the label of one that this store sent; each is kept."""
CARTONS_BY_TRANSFER: Final = _CARTONS_BY_KEY.replace("THE_KEY", "sscc, way, transfer_id")
"""Two locations with one block of numbers print one label for two cartons; each is kept with its transfer."""
