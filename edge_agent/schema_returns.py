"""The tables of the policy of returns and of stored value, as `schema` runs them."""

from typing import Final

RETURNS: Final = """
CREATE TABLE return_policy (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    arrived_us INTEGER NOT NULL
) STRICT;
ALTER TABLE returns ADD COLUMN proof TEXT NOT NULL DEFAULT '';
ALTER TABLE returns ADD COLUMN customer_id TEXT NOT NULL DEFAULT '';
CREATE TABLE return_lines (
    seq INTEGER NOT NULL,
    n INTEGER NOT NULL,
    number TEXT NOT NULL,
    order_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    gross_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    to_bucket TEXT NOT NULL,
    reason TEXT NOT NULL,
    condition TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (seq, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX return_lines_sku ON return_lines (sku, seq);
CREATE INDEX return_lines_order ON return_lines (order_id, line_no);
CREATE TABLE orders_told (
    order_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    at_us INTEGER NOT NULL
) STRICT;
CREATE TABLE return_tenders (
    seq INTEGER NOT NULL,
    n INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    reference TEXT NOT NULL,
    last4 TEXT NOT NULL,
    PRIMARY KEY (seq, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX return_tenders_order ON return_tenders (order_id);
CREATE TABLE stored_value (
    number TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('store_credit', 'gift_card')),
    balance_minor INTEGER NOT NULL,
    issued_here INTEGER NOT NULL,
    changed_us INTEGER NOT NULL
) STRICT;
CREATE TABLE stored_value_moves (
    seq INTEGER NOT NULL,
    n INTEGER NOT NULL,
    number TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    reference TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (seq, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX stored_value_moves_number ON stored_value_moves (number, seq);
CREATE TABLE stored_value_told (
    number TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    balance_minor INTEGER NOT NULL,
    at_us INTEGER NOT NULL
) STRICT;
"""

SIGNED: Final = """
CREATE TABLE store_keys (
    public TEXT PRIMARY KEY,
    location TEXT NOT NULL,
    until_us INTEGER NOT NULL,
    arrived_us INTEGER NOT NULL
) STRICT;
CREATE INDEX store_keys_location ON store_keys (location);
CREATE TABLE line_serials (
    order_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    serial TEXT NOT NULL,
    PRIMARY KEY (order_id, line_no, serial)
) STRICT, WITHOUT ROWID;
CREATE TABLE returned_serials (
    order_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    serial TEXT NOT NULL,
    PRIMARY KEY (order_id, line_no, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX line_serials_serial ON line_serials (serial);
CREATE TABLE mail_ins (
    authorisation_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    tracking TEXT NOT NULL,
    state TEXT NOT NULL,
    due_us INTEGER NOT NULL,
    body TEXT NOT NULL,
    arrived_us INTEGER,
    changed_us INTEGER NOT NULL
) STRICT;
CREATE INDEX mail_ins_tracking ON mail_ins (tracking);
CREATE TABLE mail_in_lines (
    authorisation_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    PRIMARY KEY (authorisation_id, line_no)
) STRICT, WITHOUT ROWID;
"""
