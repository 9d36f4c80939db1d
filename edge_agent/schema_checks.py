"""The tables of holds and of the rules of checks at a store, as `schema` runs them."""

from typing import Final

CHECKS: Final = """
CREATE TABLE order_holds (
    hold_id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    body TEXT NOT NULL,
    told_us INTEGER NOT NULL
) STRICT;
CREATE INDEX order_holds_order ON order_holds (order_id);
CREATE TABLE check_rules (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    arrived_us INTEGER NOT NULL
) STRICT;
CREATE TABLE offline_tenders (
    seq INTEGER NOT NULL,
    n INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    last4 TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (seq, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX offline_tenders_at ON offline_tenders (at_us);
"""

CARDS: Final = """
ALTER TABLE offline_tenders ADD COLUMN card_id TEXT NOT NULL DEFAULT '';
ALTER TABLE offline_tenders ADD COLUMN state TEXT NOT NULL DEFAULT 'captured';
DROP INDEX offline_tenders_at;
CREATE INDEX offline_tenders_state ON offline_tenders (state);
CREATE INDEX offline_tenders_card ON offline_tenders (card_id);
"""
"""How far each card is that was taken without its bank; of those before this nobody tells any more."""
