"""The tables of orders for later at the store that took them, as `schema` runs them: migration 0006.

All but two are shadows of the log and of what the hub told. `later_settled` is what the hub said of an order
that this store could not decide alone: its newest word counts, so it is kept beside the shadows and survives
their rebuilding. And `later_places` are the other locations that the hub ever named, so that one can
be chosen while it is silent.

`ELSEWHERE` came with migration 0011: what others recorded about an order (`protocol.elsewhere`), and which of
its lines were added by them.
"""

from typing import Final

LATER: Final = """
CREATE TABLE later_orders (
    order_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    till TEXT NOT NULL,
    by TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    cancelled_minor INTEGER NOT NULL DEFAULT 0,
    paid_minor INTEGER NOT NULL DEFAULT 0,
    refunded_minor INTEGER NOT NULL DEFAULT 0,
    promise TEXT NOT NULL,
    first_promise TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    pickup_code TEXT NOT NULL,
    note TEXT NOT NULL,
    gift INTEGER NOT NULL,
    assignment_id TEXT NOT NULL
) STRICT;
CREATE INDEX later_orders_at ON later_orders (at_us);
CREATE INDEX later_orders_contact ON later_orders (contact_id) WHERE contact_id <> '';
CREATE TABLE later_order_lines (
    order_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    unit_price_minor INTEGER NOT NULL,
    discount_minor INTEGER NOT NULL,
    gross_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    rate_ppm INTEGER NOT NULL,
    fulfilled INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    cancelled_minor INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, line_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE later_payments (
    payment_id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    number TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    till TEXT NOT NULL,
    by TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    change_minor INTEGER NOT NULL,
    rounding_minor INTEGER NOT NULL
) STRICT;
CREATE INDEX later_payments_order ON later_payments (order_id, seq);
CREATE TABLE later_tenders (
    payment_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    kind TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    tendered_minor INTEGER NOT NULL,
    refunded_minor INTEGER NOT NULL DEFAULT 0,
    reference TEXT NOT NULL DEFAULT '',
    last4 TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (payment_id, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE later_story (
    order_id TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (order_id, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE later_settled (
    order_id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    promise TEXT NOT NULL,
    sentence TEXT NOT NULL,
    at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE later_places (
    location TEXT PRIMARY KEY, name TEXT NOT NULL, seen_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

ELSEWHERE: Final = """
CREATE TABLE later_elsewhere (
    order_id TEXT PRIMARY KEY, body TEXT NOT NULL, at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE later_order_lines ADD COLUMN elsewhere INTEGER NOT NULL DEFAULT 0;
"""
