"""The tables of counts, adjustments and receipts, as `schema` runs them.

Shadows of the log: tasks, their rows and confirmed passes, adjustments, deliveries and receipts. What
somebody is still counting or unpacking (`count_tallies`, `count_scans`, `count_strays`, `receivings` and what
hangs on it) is no fact yet, and is not there after a rebuild.
"""

from typing import Final

STOCKTAKING: Final = """
CREATE TABLE count_tasks (
    count_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    title TEXT NOT NULL,
    place TEXT NOT NULL,
    scope TEXT NOT NULL,
    bins TEXT NOT NULL,
    tolerance_units INTEGER NOT NULL,
    tolerance_minor INTEGER NOT NULL,
    due_us INTEGER,
    note TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'posted', 'undone', 'cancelled')),
    opened_seq INTEGER NOT NULL,
    opened_us INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    closed_us INTEGER,
    closed_by TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX count_tasks_state ON count_tasks (state, opened_us);
CREATE TABLE count_lines (
    count_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    listed INTEGER NOT NULL,
    posted INTEGER,
    accepted INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (count_id, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX count_lines_sku ON count_lines (sku);
CREATE TABLE count_passes (
    count_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    pass_no INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    balance INTEGER NOT NULL,
    came INTEGER NOT NULL,
    gone INTEGER NOT NULL,
    variance INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    by TEXT NOT NULL,
    device TEXT NOT NULL,
    PRIMARY KEY (count_id, sku, pass_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE count_tallies (
    count_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    pass_no INTEGER NOT NULL,
    device TEXT NOT NULL,
    units INTEGER NOT NULL,
    began_seq INTEGER NOT NULL,
    by TEXT NOT NULL,
    changed_us INTEGER NOT NULL,
    PRIMARY KEY (count_id, sku, pass_no, device)
) STRICT, WITHOUT ROWID;
CREATE TABLE count_scans (
    scan_id TEXT PRIMARY KEY,
    count_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    code TEXT NOT NULL,
    pass_no INTEGER NOT NULL,
    units INTEGER NOT NULL,
    device TEXT NOT NULL,
    by TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX count_scans_task ON count_scans (count_id, at_us);
CREATE TABLE count_strays (
    count_id TEXT NOT NULL,
    code TEXT NOT NULL,
    sku TEXT NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (count_id, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE adjustments (
    adjustment_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    by TEXT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL,
    undoes TEXT,
    undone_by TEXT
) STRICT;
CREATE INDEX adjustments_at ON adjustments (at_us);
CREATE TABLE adjustment_lines (
    adjustment_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    from_bucket TEXT NOT NULL,
    to_bucket TEXT NOT NULL,
    unit_cost_minor INTEGER NOT NULL,
    PRIMARY KEY (adjustment_id, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries (
    delivery_id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    supplier TEXT NOT NULL,
    reference TEXT NOT NULL,
    due_us INTEGER,
    state TEXT NOT NULL CHECK (state IN ('expected', 'part', 'received', 'cancelled')),
    told_us INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX deliveries_state ON deliveries (state, told_us);
CREATE TABLE delivery_lines (
    delivery_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    expected INTEGER NOT NULL,
    unit_cost_minor INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (delivery_id, sku)
) STRICT, WITHOUT ROWID;
CREATE TABLE receipts (
    receipt_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    delivery_id TEXT,
    supplier TEXT NOT NULL,
    reference TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    by TEXT NOT NULL,
    corrections INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX receipts_at ON receipts (at_us);
CREATE TABLE receipt_lines (
    receipt_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    expected INTEGER NOT NULL,
    good INTEGER NOT NULL,
    damaged INTEGER NOT NULL,
    unit_cost_minor INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (receipt_id, sku)
) STRICT, WITHOUT ROWID;
CREATE TABLE receivings (
    receiving_id TEXT PRIMARY KEY,
    delivery_id TEXT,
    supplier TEXT NOT NULL,
    reference TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'dropped')),
    receipt_id TEXT NOT NULL DEFAULT '',
    began_us INTEGER NOT NULL,
    by TEXT NOT NULL
) STRICT;
CREATE INDEX receivings_state ON receivings (state, began_us);
CREATE TABLE receiving_lines (
    receiving_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    good INTEGER NOT NULL DEFAULT 0,
    damaged INTEGER NOT NULL DEFAULT 0,
    unit_cost_minor INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (receiving_id, sku)
) STRICT, WITHOUT ROWID;
CREATE TABLE receiving_scans (
    scan_id TEXT PRIMARY KEY,
    receiving_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    code TEXT NOT NULL,
    good INTEGER NOT NULL,
    damaged INTEGER NOT NULL,
    device TEXT NOT NULL,
    by TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX receiving_scans_of ON receiving_scans (receiving_id, at_us);
"""
