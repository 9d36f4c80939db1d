"""Writing the books of a month into a folder or an archive: one pass over the journals for all formats."""

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.ledger.close import facts, reads, steps
from hub.ledger.exports import formats
from hub.ledger.exports.formats import Journal, Month, Side
from hub.ledger.rows import chain, entries, journals
from hub.spine.rows import events
from protocol.books import Assertion, PeriodMoved
from protocol.envelope import decode_event, read_body
from protocol.errors import Invalid, NotFound
from protocol.kit.text import _
from protocol.money import format_minor

PIECE: Final = 2_000
CSV, JSONL = "journals.csv", "journals.jsonl"
BEANCOUNT, HLEDGER = "books.beancount", "books.journal"
TRIAL, MANIFEST = "trial-balance.csv", "manifest.json"
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive: the same month is the same bytes."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds, as its manifest says."""

    entity: str
    period: str
    state: str
    journals: int
    lines: int
    debit_minor: int
    files: Mapping[str, str]
    """SHA-256 of each file."""


class _File:
    """A file that is hashed while it is written."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._file: IO[bytes] = path.open("wb")
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, text: str) -> None:
        """Write text as UTF-8."""
        data = text.encode()
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)

    def close(self) -> str:
        """Close it and return its SHA-256."""
        self._file.close()
        return self._hash.hexdigest()


def export(hub: Hub, entity: str, period: str, folder: Path) -> Exported:
    """Write the books of a month into a folder; a closed month gives the same bytes each time.

    Raises:
        Invalid: it is no month.
        NotFound: the entity has no journals up to the end of the month.
    """
    if not _MONTH.fullmatch(period):
        raise Invalid(
            _("{text} is no month.", text=period[:20]), _("Write it as 2026-03."), code="bad_period"
        )
    with hub.database.read() as connection:
        month, row = _month(connection, hub, entity, period)
        folder.mkdir(parents=True, exist_ok=True)
        files = {name: _File(folder / name) for name in (CSV, JSONL, BEANCOUNT, HLEDGER, TRIAL)}
        files[CSV].write(formats.csv_head())
        files[BEANCOUNT].write(formats.beancount_head(month))
        files[HLEDGER].write(formats.hledger_head(month))
        moved: dict[str, tuple[int, int]] = {}
        count = lines = 0
        for journal in _journals(connection, entity, month):
            files[CSV].write(formats.csv_of(journal, month))
            files[JSONL].write(formats.json_of(journal))
            files[BEANCOUNT].write(formats.beancount_of(journal, month))
            files[HLEDGER].write(formats.hledger_of(journal, month))
            count, lines = count + 1, lines + len(journal.sides)
            for side in journal.sides:
                debit, credit = moved.get(side.account, (0, 0))
                amount = side.amount_minor
                moved[side.account] = debit + max(0, amount), credit + max(0, -amount)
        files[BEANCOUNT].write(formats.beancount_foot(month))
        files[HLEDGER].write(formats.hledger_foot(month))
        files[TRIAL].write(formats.trial_of(month, moved))
    sizes = {name: file.size for name, file in files.items()}
    hashes = {name: file.close() for name, file in files.items()}
    done = Exported(
        entity, period, row.state.value, count, lines, sum(debit for debit, _credit in moved.values()), hashes
    )
    (folder / MANIFEST).write_text(_manifest(done, month, row, sizes), "utf-8")
    return done


def archive(hub: Hub, entity: str, period: str, path: Path) -> Exported:
    """Write the books of a month as one archive."""
    with tempfile.TemporaryDirectory(prefix="orderspine-books-") as folder:
        done = export(hub, entity, period, Path(folder))
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name in sorted((*done.files, MANIFEST)):
                info = zipfile.ZipInfo(f"{entity}-{period}/{name}", _LONG_AGO)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                with packed.open(info, "w") as target, (Path(folder) / name).open("rb") as source:
                    while piece := source.read(1 << 20):
                        target.write(piece)
    return done


def _month(connection: Connection, hub: Hub, entity: str, period: str) -> tuple[Month, reads.PeriodRow]:
    row = reads.one(connection, entity, period, hub.settings.currency)
    first, after = reads.days_of(period)
    if row.event_id and row.state.value in {"closed", "hard_locked"}:
        closing = _closed_on(connection, row.event_id)
    else:
        closing = steps.asserted(connection, entity, period, default=hub.settings.entity)
    if not closing:
        raise NotFound(
            _("There are no books of this entity and month."), _("Choose one of the list."), code="no_books"
        )
    last = (date.fromisoformat(after) - timedelta(days=1)).isoformat()
    opening = facts.trial(facts.sums_of(connection, entity, period), "opening_minor")
    return Month(entity, period, first, last, after, row.currency, opening, closing), row


def _closed_on(connection: Connection, event_id: str) -> tuple[Assertion, ...]:
    data = connection.execute(sa.select(events.c.bytes).where(events.c.event_id == event_id)).scalar_one()
    body = read_body(decode_event(bytes(data)))
    assert isinstance(body, PeriodMoved)
    return body.assertions


def _journals(connection: Connection, entity: str, month: Month) -> Iterator[Journal]:
    key = sa.tuple_(journals.c.posting_date, journals.c.journal_id)
    heads = (
        sa.select(journals, chain.c.hash)
        .outerjoin(chain, chain.c.journal_id == journals.c.journal_id)
        .where(
            journals.c.entity == entity,
            journals.c.posting_date < month.after,
            key > sa.tuple_(sa.bindparam("day"), sa.bindparam("upto")),
        )
        .order_by(journals.c.posting_date, journals.c.journal_id)
        .limit(PIECE)
    )
    at: tuple[str, int] = (month.first, 0)
    while rows := connection.execute(heads, {"day": at[0], "upto": at[1]}).all():
        sides = _sides(connection, [row.journal_id for row in rows])
        for row in rows:
            yield _journal(row, tuple(sides.get(row.journal_id, ())))
        at = (rows[-1].posting_date, rows[-1].journal_id)


def _sides(connection: Connection, ids: list[int]) -> dict[int, list[Side]]:
    found: dict[int, list[Side]] = {}
    for n in range(0, len(ids), 500):
        rows = connection.execute(
            sa.select(entries)
            .where(entries.c.journal_id.in_(ids[n : n + 500]))
            .order_by(entries.c.journal_id, entries.c.n)
        )
        for row in rows:
            found.setdefault(row.journal_id, []).append(
                Side(row.account, row.amount_minor, row.rate_ppm, row.ref)
            )
    return found


def _journal(row: sa.Row[Any], sides: tuple[Side, ...]) -> Journal:
    return Journal(
        row.journal_id,
        row.event_id,
        row.entity,
        row.rule,
        row.rule_version,
        row.location,
        row.order_id,
        row.business_date,
        row.posting_date,
        row.currency,
        row.memo,
        row.reverses,
        bytes(row.hash).hex() if row.hash else "",
        sides,
    )


def _manifest(done: Exported, month: Month, row: reads.PeriodRow, sizes: Mapping[str, int]) -> str:
    said = {
        "entity": done.entity,
        "period": done.period,
        "state": done.state,
        "currency": month.currency,
        "closed_on": row.fingerprint,
        "journals": done.journals,
        "lines": done.lines,
        "debit": format_minor(done.debit_minor, month.currency),
        "credit": format_minor(done.debit_minor, month.currency),
        "files": {name: {"bytes": sizes[name], "sha256": done.files[name]} for name in sorted(done.files)},
    }
    return json.dumps(said, indent=2, ensure_ascii=False) + "\n"
