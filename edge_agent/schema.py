"""The tables of a store, as migrations in the order in which they came.

`events` is the truth and the outbox in one: what is above `link.acked` has not reached the hub. All other
tables are its shadow (orders, stock, tills), reference data (products, people), or the private state of
this program (baskets, print jobs, idempotency keys). Amounts are minor units, times microseconds UTC.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from edge_agent.schema_checks import CARDS, CHECKS
from edge_agent.schema_desk import DESK
from edge_agent.schema_epochs import EARLY, EPOCHS, FINISHED_ASKED, LEFT_OPEN
from edge_agent.schema_fulfilment import FULFILMENT, TAKEN_BACK
from edge_agent.schema_later import ELSEWHERE, LATER
from edge_agent.schema_lending import LENDING
from edge_agent.schema_paper import PAPER_WAYS, TITLES
from edge_agent.schema_returns import RETURNS, SIGNED
from edge_agent.schema_stocktaking import STOCKTAKING
from edge_agent.schema_transfers import CARTONS, CARTONS_BY_TRANSFER, TRANSFERS, WORDS_IN_TURN

if TYPE_CHECKING:  # a store whose tables are of today does without it, and without seventeen megabytes
    from sqlite_utils import Database

Migration = tuple[str, Callable[["Database"], None]]

_FOUNDATION: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    hash BLOB NOT NULL
) STRICT;

CREATE TABLE link (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    acked INTEGER NOT NULL DEFAULT 0,
    acked_us INTEGER NOT NULL DEFAULT 0,
    safe INTEGER NOT NULL DEFAULT 0,
    hub_inc TEXT NOT NULL DEFAULT '',
    cseq_done INTEGER NOT NULL DEFAULT 0,
    chead TEXT NOT NULL DEFAULT '',
    sess TEXT NOT NULL DEFAULT '',
    hub_boot TEXT NOT NULL DEFAULT '',
    window INTEGER NOT NULL DEFAULT 4,
    quarantine TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO link (one) VALUES (1);

CREATE TABLE directives (
    hub_inc TEXT NOT NULL,
    cseq INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind TEXT NOT NULL,
    bytes BLOB NOT NULL,
    arrived_us INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (hub_inc, cseq)
) STRICT;

CREATE TABLE parked_directives (
    hub_inc TEXT NOT NULL,
    cseq INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (hub_inc, cseq)
) STRICT;

CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE idempotency (
    key TEXT PRIMARY KEY, digest TEXT NOT NULL, answer TEXT NOT NULL, at_us INTEGER NOT NULL
) STRICT;

CREATE TABLE people (
    person_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('associate', 'lead', 'manager')),
    pin_hash TEXT NOT NULL,
    badge TEXT UNIQUE,
    language TEXT NOT NULL DEFAULT 'en',
    active INTEGER NOT NULL DEFAULT 1,
    failed INTEGER NOT NULL DEFAULT 0,
    locked_until_us INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE sign_ins (
    token_hash TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES people,
    device TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    ended_us INTEGER
) STRICT;

CREATE TABLE products (
    sku TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    price_minor INTEGER NOT NULL,
    rate_ppm INTEGER NOT NULL,
    unit_cost_minor INTEGER NOT NULL,
    category TEXT NOT NULL DEFAULT '',
    bin TEXT NOT NULL DEFAULT '',
    active INTEGER NOT NULL DEFAULT 1,
    version INTEGER NOT NULL
) STRICT;
CREATE TABLE barcodes (code TEXT PRIMARY KEY, sku TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX barcodes_sku ON barcodes (sku);
CREATE VIRTUAL TABLE product_words USING fts5(
    sku, name, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);
CREATE TABLE catalog (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    currency TEXT NOT NULL,
    applied_us INTEGER NOT NULL,
    made_us INTEGER NOT NULL
) STRICT;
"""

_ROOMS: Final = """
CREATE TABLE balances (
    sku TEXT NOT NULL, bucket TEXT NOT NULL, quantity INTEGER NOT NULL, PRIMARY KEY (sku, bucket)
) STRICT, WITHOUT ROWID;
CREATE TABLE movements (
    seq INTEGER NOT NULL,
    n INTEGER NOT NULL,
    sku TEXT NOT NULL,
    from_bucket TEXT NOT NULL,
    to_bucket TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    reason TEXT NOT NULL,
    PRIMARY KEY (seq, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX movements_sku ON movements (sku, seq);
CREATE TABLE rights (
    sku TEXT PRIMARY KEY,
    granted INTEGER NOT NULL DEFAULT 0,
    finished INTEGER NOT NULL DEFAULT 0,
    returned_seen INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 0,
    echoed INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE baskets (
    basket_id TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'parked', 'paid', 'abandoned')),
    version INTEGER NOT NULL,
    number TEXT UNIQUE,
    body TEXT NOT NULL,
    person_id TEXT NOT NULL,
    changed_us INTEGER NOT NULL
) STRICT;
CREATE INDEX baskets_state ON baskets (state, device);

CREATE TABLE orders (
    order_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    business_date TEXT NOT NULL,
    session_id TEXT NOT NULL,
    till TEXT NOT NULL,
    by TEXT NOT NULL,
    state TEXT NOT NULL,
    currency TEXT NOT NULL,
    total_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    change_minor INTEGER NOT NULL,
    refunded_minor INTEGER NOT NULL DEFAULT 0,
    customer_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX orders_at ON orders (at_us);
CREATE INDEX orders_session ON orders (session_id);
CREATE TABLE order_lines (
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
    returned INTEGER NOT NULL DEFAULT 0,
    refunded_minor INTEGER NOT NULL DEFAULT 0,
    refunded_tax_minor INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, line_no)
) STRICT, WITHOUT ROWID;
CREATE TABLE order_tenders (
    order_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    kind TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    tendered_minor INTEGER NOT NULL,
    refunded_minor INTEGER NOT NULL DEFAULT 0,
    reference TEXT NOT NULL DEFAULT '',
    last4 TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (order_id, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE returns (
    return_id TEXT PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    order_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    session_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('return', 'void')),
    total_minor INTEGER NOT NULL,
    tax_minor INTEGER NOT NULL,
    by TEXT NOT NULL
) STRICT;
CREATE INDEX returns_order ON returns (order_id);
CREATE INDEX returns_session ON returns (session_id);

CREATE TABLE till_sessions (
    session_id TEXT PRIMARY KEY,
    till TEXT NOT NULL,
    business_date TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'counting', 'closed')),
    currency TEXT NOT NULL,
    float_minor INTEGER NOT NULL,
    opened_seq INTEGER NOT NULL,
    opened_us INTEGER NOT NULL,
    opened_by TEXT NOT NULL,
    counts INTEGER NOT NULL DEFAULT 0,
    counted_minor INTEGER,
    z_number INTEGER,
    closed_seq INTEGER,
    closed_us INTEGER,
    totals TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE UNIQUE INDEX till_one_open ON till_sessions (till) WHERE state <> 'closed';

CREATE TABLE printers (
    printer_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    profile TEXT NOT NULL,
    purposes TEXT NOT NULL DEFAULT 'receipt',
    active INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE TABLE print_jobs (
    job_id TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    printer_id TEXT NOT NULL,
    document TEXT NOT NULL,
    title TEXT NOT NULL,
    business_id TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1,
    kick INTEGER NOT NULL DEFAULT 0,
    kicked INTEGER NOT NULL DEFAULT 0,
    facts TEXT NOT NULL,
    detail TEXT NOT NULL DEFAULT '',
    queued_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL
) STRICT;
CREATE INDEX print_jobs_queue ON print_jobs (printer_id, state, queued_us);

CREATE TABLE exceptions (
    exception_id TEXT PRIMARY KEY,
    dedupe_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    title TEXT NOT NULL,
    facts TEXT NOT NULL,
    owner_role TEXT NOT NULL,
    raised_us INTEGER NOT NULL,
    closed_us INTEGER,
    closed_how TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX exceptions_one_open ON exceptions (dedupe_key) WHERE closed_us IS NULL;
"""

_COUNTER: Final = """
CREATE TABLE approvals (
    token_hash TEXT PRIMARY KEY,
    person_id TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    device TEXT NOT NULL,
    expires_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at_us);
CREATE INDEX orders_customer ON orders (customer_id) WHERE customer_id <> '';
CREATE TABLE staged_products (
    sku TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    price_minor INTEGER NOT NULL,
    rate_ppm INTEGER NOT NULL,
    unit_cost_minor INTEGER NOT NULL,
    category TEXT NOT NULL,
    bin TEXT NOT NULL,
    active INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE staged_barcodes (code TEXT PRIMARY KEY, sku TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""

_PAPER: Final = """
CREATE TABLE print_log (
    job_id TEXT NOT NULL,
    n INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    detail TEXT NOT NULL,
    facts TEXT NOT NULL,
    by TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (job_id, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX print_jobs_recent ON print_jobs (queued_us);
CREATE INDEX print_jobs_state ON print_jobs (state, changed_us);
CREATE INDEX till_sessions_closed ON till_sessions (closed_seq) WHERE state = 'closed';
"""


def _foundation(database: "Database") -> None:
    """The journal, the link, people and the catalogue."""
    _script(database, _FOUNDATION)


def _rooms(database: "Database") -> None:
    """Stock, baskets, orders, returns, tills, paper and exceptions."""
    _script(database, _ROOMS)


def _counter(database: "Database") -> None:
    """Another person's word for one action; a catalogue version on its way in."""
    _script(database, _COUNTER)


def _paper(database: "Database") -> None:
    """What became of every attempt to print, step by step."""
    _script(database, _PAPER)


def _fulfilment(database: "Database") -> None:
    """Assignments from their offer to the handover, and the customers they are for."""
    _script(database, FULFILMENT)


def _later(database: "Database") -> None:
    """Orders for later as the store that took them knows them, and their money."""
    _script(database, LATER)


def _stocktaking(database: "Database") -> None:
    """Counts, adjustments with their reasons, and what suppliers delivered."""
    _script(database, STOCKTAKING)


def _transfers(database: "Database") -> None:
    """Goods on their way between locations, in cartons."""
    _script(database, TRANSFERS)


def _epochs(database: "Database") -> None:
    """Which life of this database the rights belong to, and how far an epoch was re-opened."""
    _script(database, EPOCHS)


def _lending(database: "Database") -> None:
    """How much is lent of what, by policy and by wish."""
    _script(database, LENDING)


def _elsewhere(database: "Database") -> None:
    """What others recorded about orders for later that this store took."""
    _script(database, ELSEWHERE)


def _cartons(database: "Database") -> None:
    """Cartons that come in beside those that went out under the same label."""
    _script(database, CARTONS)


def _cartons_by_transfer(database: "Database") -> None:
    """Cartons of two transfers under the same label."""
    _script(database, CARTONS_BY_TRANSFER)


def _paper_ways(database: "Database") -> None:
    """How slips reach their printers, and what a printer can say."""
    _script(database, PAPER_WAYS)


def _returns(database: "Database") -> None:
    """The policy of returns, and stored value."""
    _script(database, RETURNS)


def _desk(database: "Database") -> None:
    """Cards with a clock, an owner and a history."""
    _script(database, DESK)


def _checks(database: "Database") -> None:
    """Holds, and the rules of checks."""
    _script(database, CHECKS)


def _signed(database: "Database") -> None:
    """The keys of other stores' receipts, serial numbers, parcels that come back."""
    _script(database, SIGNED)


def _titles(database: "Database") -> None:
    """Slips are found by their numbers."""
    _script(database, TITLES)


def _cards(database: "Database") -> None:
    """What became of cards that were taken without their bank."""
    _script(database, CARDS)


def _early(database: "Database") -> None:
    """Own events that a restored store got back before what they speak of."""
    _script(database, EARLY)


def _left_open(database: "Database") -> None:
    """Days that were open when a database was lost."""
    _script(database, LEFT_OPEN)


def _taken_back(database: "Database") -> None:
    """Orders that were taken back from a device that had them along."""
    _script(database, TAKEN_BACK)


def _finished_asked(database: "Database") -> None:
    """What was finished whenever the hub asked what is open."""
    _script(database, FINISHED_ASKED)


def _in_turn(database: "Database") -> None:
    """When a word about a line of an arrival was said, between the scans of that line."""
    _script(database, WORDS_IN_TURN)


def _script(database: "Database", script: str) -> None:
    """Run statements one by one: `executescript` would commit the transaction they belong to."""
    for statement in script.split(";\n"):
        if statement.strip():
            database.conn.execute(statement)


MIGRATIONS: Final[tuple[Migration, ...]] = (
    ("0001 journal, link, people, catalogue", _foundation),
    ("0002 stock, baskets, orders, tills, paper", _rooms),
    ("0003 approvals, staged catalogue", _counter),
    ("0004 the log of every print job", _paper),
    ("0005 fulfilment", _fulfilment),
    ("0006 orders for later", _later),
    ("0007 counts, adjustments, receipts", _stocktaking),
    ("0008 transfers", _transfers),
    ("0009 epochs", _epochs),
    ("0010 lending", _lending),
    ("0011 what others recorded about orders for later", _elsewhere),
    ("0012 a carton for each way", _cartons),
    ("0013 ways of paper", _paper_ways),
    ("0014 the policy of returns, stored value", _returns),
    ("0015 cards with a history", _desk),
    ("0016 holds, the rules of checks", _checks),
    ("0017 keys of receipts, serial numbers, parcels that come back", _signed),
    ("0018 slips by their numbers", _titles),
    ("0019 what became of cards that were taken without their bank", _cards),
    ("0020 own events that came back before what they speak of", _early),
    ("0021 days of a till that were open when a database was lost", _left_open),
    ("0022 orders that were taken back from a device", _taken_back),
    ("0023 a carton for each transfer", _cartons_by_transfer),
    ("0024 what was finished whenever the hub asked what is open", _finished_asked),
    ("0025 words about arrivals in their turn", _in_turn),
)
