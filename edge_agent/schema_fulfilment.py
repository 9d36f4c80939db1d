"""The tables of fulfilment at a store, as `schema` runs them: migration 0005.

Three sorts stand beside each other. Shadows of the log and of the hub's directives (`assignments`,
`assignment_lines`, `parcels`, `handovers`, `manifests`) can be made anew by `rebuild`. Work in hand
(`pick_lists`, `pick_list_orders`, `pick_scans`, `pick_shorts`, `device_holds`, `verifications`, `code_tries`)
belongs to this program alone: a walk that is not over is no fact yet. `contacts` is personal data and stands
outside of every hash, so that it can be erased.
"""

from typing import Final

FULFILMENT: Final = """
ALTER TABLE rights ADD COLUMN hub_picked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE directives ADD COLUMN after_seq INTEGER NOT NULL DEFAULT 0;

CREATE TABLE contacts (
    contact_id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    email TEXT NOT NULL DEFAULT '',
    phone TEXT NOT NULL DEFAULT '',
    uploaded INTEGER NOT NULL DEFAULT 0,
    changed_us INTEGER NOT NULL
) STRICT;
CREATE INDEX contacts_name ON contacts (name);
CREATE INDEX contacts_email ON contacts (email) WHERE email <> '';
CREATE INDEX contacts_waiting ON contacts (contact_id) WHERE version > uploaded;

CREATE TABLE assignments (
    assignment_id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    number TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('hub', 'own')),
    channel TEXT NOT NULL,
    currency TEXT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    promise TEXT NOT NULL,
    due_us INTEGER NOT NULL,
    keep_until_us INTEGER NOT NULL,
    service TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    pickup_code TEXT NOT NULL,
    note TEXT NOT NULL,
    gift INTEGER NOT NULL,
    due_minor INTEGER NOT NULL,
    arrived_us INTEGER NOT NULL,
    accepted_us INTEGER NOT NULL DEFAULT 0,
    list_id TEXT NOT NULL DEFAULT '',
    picker TEXT NOT NULL DEFAULT '',
    shelf TEXT NOT NULL DEFAULT '',
    bags INTEGER NOT NULL DEFAULT 0,
    staged_us INTEGER NOT NULL DEFAULT 0,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    cancel_reason TEXT NOT NULL DEFAULT '',
    ended_how TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX assignments_order ON assignments (order_id);
CREATE INDEX assignments_number ON assignments (number);
CREATE INDEX assignments_contact ON assignments (contact_id) WHERE contact_id <> '';
CREATE INDEX assignments_open ON assignments (due_us) WHERE state IN
    ('acknowledged', 'picking', 'picked', 'packed', 'ready');

CREATE TABLE assignment_lines (
    assignment_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    sku TEXT NOT NULL,
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    substitutes INTEGER NOT NULL,
    gross_minor INTEGER NOT NULL DEFAULT 0,
    lent INTEGER NOT NULL,
    bound INTEGER NOT NULL,
    picked_lent INTEGER NOT NULL DEFAULT 0,
    picked_bound INTEGER NOT NULL DEFAULT 0,
    fulfilled INTEGER NOT NULL DEFAULT 0,
    short INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (assignment_id, line_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignment_lines_open ON assignment_lines (sku) WHERE lent + bound > 0;

CREATE TABLE parcels (
    parcel_id TEXT PRIMARY KEY,
    assignment_id TEXT NOT NULL,
    parcel_no INTEGER NOT NULL,
    weight_g INTEGER NOT NULL,
    lines TEXT NOT NULL,
    carrier TEXT NOT NULL DEFAULT '',
    service TEXT NOT NULL DEFAULT '',
    tracking TEXT NOT NULL DEFAULT '',
    manifest TEXT NOT NULL DEFAULT '',
    shipped_us INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX parcels_assignment ON parcels (assignment_id, parcel_no);
CREATE INDEX parcels_tracking ON parcels (tracking) WHERE tracking <> '';
CREATE INDEX parcels_leaving ON parcels (carrier) WHERE shipped_us > 0 AND manifest = '';

CREATE TABLE handovers (
    handover_id TEXT PRIMARY KEY,
    assignment_id TEXT NOT NULL,
    order_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    by TEXT NOT NULL,
    verified TEXT NOT NULL,
    proxy INTEGER NOT NULL,
    lines TEXT NOT NULL,
    undone_us INTEGER NOT NULL DEFAULT 0,
    undone_why TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX handovers_assignment ON handovers (assignment_id, seq);

CREATE TABLE manifests (
    manifest_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    carrier TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    by TEXT NOT NULL,
    parcels INTEGER NOT NULL
) STRICT;

CREATE TABLE pick_lists (
    list_id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'picking', 'done', 'replaced', 'void')),
    made_us INTEGER NOT NULL,
    picker TEXT NOT NULL DEFAULT '',
    device TEXT NOT NULL DEFAULT '',
    job_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE pick_list_orders (
    list_id TEXT NOT NULL,
    assignment_id TEXT NOT NULL,
    tote TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (list_id, assignment_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pick_list_orders_of ON pick_list_orders (assignment_id);
CREATE TABLE pick_scans (
    scan_id TEXT PRIMARY KEY,
    list_id TEXT NOT NULL,
    assignment_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    units INTEGER NOT NULL,
    how TEXT NOT NULL,
    person_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    undone INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX pick_scans_list ON pick_scans (list_id, at_us);
CREATE INDEX pick_scans_line ON pick_scans (assignment_id, line_no);
CREATE TABLE pick_shorts (
    assignment_id TEXT NOT NULL,
    line_no INTEGER NOT NULL,
    reason TEXT NOT NULL,
    units INTEGER NOT NULL,
    PRIMARY KEY (assignment_id, line_no, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE device_holds (
    assignment_id TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    person_id TEXT NOT NULL,
    at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE verifications (
    verification_id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    how TEXT NOT NULL,
    proxy INTEGER NOT NULL,
    person_id TEXT NOT NULL,
    at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE code_tries (
    order_id TEXT PRIMARY KEY,
    failed INTEGER NOT NULL,
    locked_until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
TAKEN_BACK: Final = """
CREATE TABLE taken_back (
    assignment_id TEXT NOT NULL,
    device TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (assignment_id, device)
) STRICT, WITHOUT ROWID;
CREATE INDEX taken_back_at ON taken_back (at_us);
"""
