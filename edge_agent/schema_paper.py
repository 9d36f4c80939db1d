"""How a store's paper finds its way: ways to a printer, stations, backups, and what a printer can say.

`sent_us` and `connection` say when and over which line a slip went, so that a scan of one slip proves those
that went before it on the same line.
"""

from typing import Final

PAPER_WAYS: Final = """
ALTER TABLE printers ADD COLUMN transport TEXT NOT NULL DEFAULT 'tcp';
ALTER TABLE printers ADD COLUMN path TEXT NOT NULL DEFAULT '';
ALTER TABLE printers ADD COLUMN baud INTEGER NOT NULL DEFAULT 9600;
ALTER TABLE printers ADD COLUMN station TEXT NOT NULL DEFAULT '';
ALTER TABLE printers ADD COLUMN backup TEXT NOT NULL DEFAULT '';
ALTER TABLE printers ADD COLUMN pages TEXT NOT NULL DEFAULT '';
ALTER TABLE print_jobs ADD COLUMN station TEXT NOT NULL DEFAULT '';
ALTER TABLE print_jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
ALTER TABLE print_jobs ADD COLUMN moved_from TEXT NOT NULL DEFAULT '';
ALTER TABLE print_jobs ADD COLUMN sent_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE print_jobs ADD COLUMN connection TEXT NOT NULL DEFAULT '';
DROP INDEX print_jobs_queue;
CREATE INDEX print_jobs_queue ON print_jobs (printer_id, state, priority, queued_us);
CREATE INDEX print_jobs_slip ON print_jobs (document, business_id);
CREATE TABLE printer_evidence (
    printer_id TEXT PRIMARY KEY,
    grade TEXT NOT NULL,
    found_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE printer_troubles (
    printer_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX printer_troubles_at ON printer_troubles (printer_id, at_us);
"""

TITLES: Final = """
CREATE INDEX print_jobs_title ON print_jobs (title);
"""
"""A slip is found by the number that is printed on it."""
