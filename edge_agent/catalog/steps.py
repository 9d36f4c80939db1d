"""Take over a catalogue version: put it aside in pieces, then put it in force in one short step.

Two hundred thousand products take seconds to check and to write. A sale must not wait for that, so the pieces
go through the writer between sales, into tables nobody sells from; the last step writes only what differs,
together with the event. Whatever ends halfway leaves the old version in force.
"""

import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Final

import zstandard
from pydantic import ValidationError

from edge_agent.catalog import rows
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from protocol.catalog import CatalogHead, Product
from protocol.directives import CatalogPublish
from protocol.errors import Invalid, Refused, Unavailable
from protocol.events import CatalogApplied
from protocol.kit.product_csv import Report, read_products
from protocol.kit.text import _

PIECE: Final = 2_000
"""Products in one step: about 15 ms of the writer."""
DEFAULT_RATE_PPM: Final = 200_000
ZSTD_MARK: Final = b"\x28\xb5\x2f\xfd"
"""How a compressed file begins; what begins otherwise is read as it is."""
LINE_LIMIT: Final = 64 * 1024
"""A product with twenty codes has 2 KB; a longer line is no catalogue."""
_importing = threading.Lock()


@dataclass(frozen=True, slots=True)
class InForce:
    """A version that was taken over."""

    version: int
    sha256: str
    products: int
    changed: int
    left_range: int


def stage(
    edge: Edge, products: Iterable[Product], *, progress: Callable[[int], None] = lambda _count: None
) -> tuple[int, str]:
    """Put a version aside without holding up sales; return how many products it has and their digest."""
    digest = hashlib.sha256()
    count = 0
    edge.database.write(rows.clear_staged)
    for piece in _pieces(products):
        edge.database.write(lambda unit, piece=piece: rows.stage(unit, piece))  # type: ignore[misc]  # bound now
        for product in piece:
            digest.update(product.model_dump_json().encode() + b"\n")
        count += len(piece)
        progress(count)
    return count, digest.hexdigest()


def put_in_force(
    unit: EdgeUnit, edge: Edge, head: CatalogHead, *, sha256: str, whole: bool = True, by: str = ""
) -> InForce:
    """Make the version that was put aside the one that is sold, and say so in the journal.

    Raises:
        Refused: it is older than what is in force, in another currency, or not complete.
    """
    check_head(unit, edge, head)
    staged = rows.staged_count(unit.connection)
    if staged != head.products:
        raise Refused(
            _(
                "The catalogue has {staged} products, its head says {said}.",
                staged=staged,
                said=head.products,
            ),
            _("Fetch it again; the version in force stays."),
            code="catalog_incomplete",
            staged=staged,
            said=head.products,
        )
    changed, left = rows.put_in_force(unit, head.version, whole=whole)
    rows.note_applied(
        unit, rows.Applied(head.version, sha256, head.currency, edge.clock.now_us(), head.made_us)
    )
    sold_here = rows.count_products(unit.connection)
    edge.journal.record(unit, CatalogApplied(version=head.version, sha256=sha256, products=sold_here), by=by)
    unit.after_commit(lambda: edge.broadcaster.publish("catalog"))
    return InForce(head.version, sha256, staged, changed, left)


def apply_catalog(
    unit: EdgeUnit, edge: Edge, head: CatalogHead, products: Iterable[Product], *, sha256: str
) -> InForce:
    """Take a whole version over within one unit of work, such as that of a directive.

    For a large file `stage` first and call `put_in_force` in the unit: this holds the writer meanwhile.
    """
    rows.clear_staged(unit)
    for piece in _pieces(products):
        rows.stage(unit, piece)
    return put_in_force(unit, edge, head, sha256=sha256)


def check_head(unit: EdgeUnit, edge: Edge, head: CatalogHead) -> None:
    """Refuse a version that cannot follow the one in force."""
    known = rows.applied(unit.connection)
    if known is not None and head.version <= known.version:
        raise Refused(
            _("Catalogue version {new} is not newer than {old}.", new=head.version, old=known.version),
            _("Publish a newer version."),
            code="catalog_not_newer",
            version=head.version,
            in_force=known.version,
        )
    if head.currency != edge.settings.currency:
        raise Refused(
            _("The catalogue is in {theirs}, this store sells in {ours}.",
              theirs=head.currency, ours=edge.settings.currency),
            _("Publish it in the store's currency."),
            code="catalog_currency",
        )  # fmt: skip


def _pieces(products: Iterable[Product]) -> Iterator[list[Product]]:
    source = iter(products)
    while piece := list(islice(source, PIECE)):
        yield piece


def read_file(file: Path) -> tuple[CatalogHead, Iterator[Product]]:
    """Return the head of a published catalogue file and its products, read as they are asked for.

    Raises:
        Invalid: a line is not what it should be; while the products are read, too.
    """
    lines = _lines(file)
    try:
        head = CatalogHead.model_validate_json(next(lines, b""))
    except ValidationError as error:
        raise _bad_file(1) from error
    return head, _products(lines)


def stage_file(edge: Edge, body: CatalogPublish, file: Path) -> None:
    """Put a published version aside before its directive is carried out, without holding up sales."""
    with _importing:
        _head, products = read_file(file)
        stage(edge, products)
        edge.database.write(lambda unit: rows.label_staged(unit, body.sha256))


def apply_file(unit: EdgeUnit, edge: Edge, body: CatalogPublish, file: Path) -> None:
    """Carry out `catalog.publish`: what `stage_file` put aside, or else the file itself, whole.

    The very version that is in force already changes nothing.

    Raises:
        Refused: the version cannot follow the one in force.
    """
    known = rows.applied(unit.connection)
    if known is not None and (known.version, known.sha256) == (body.version, body.sha256):
        return
    head, products = read_file(file)
    if head.version != body.version or head.products != body.products:
        raise _bad_file(1)
    if rows.staged_label(unit.connection) == body.sha256:
        put_in_force(unit, edge, head, sha256=body.sha256)
    else:
        apply_catalog(unit, edge, head, products, sha256=body.sha256)


def _unpacked(raw: IO[bytes]) -> IO[bytes]:
    # zstandard's reader is a raw one: it knows no lines by itself.
    return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as raw:
        packed = raw.read(len(ZSTD_MARK)) == ZSTD_MARK
        raw.seek(0)
        source: io.BufferedReader = raw
        if packed:
            source = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw))
        try:
            while line := source.readline(LINE_LIMIT):
                yield line
        except zstandard.ZstdError as error:
            raise _bad_file(1) from error


def _products(lines: Iterator[bytes]) -> Iterator[Product]:
    for number, line in enumerate(lines, start=2):
        try:
            yield Product.model_validate_json(line)
        except ValidationError as error:
            raise _bad_file(number) from error


def _bad_file(line: int) -> Invalid:
    return Invalid(
        _("Line {line} of the catalogue cannot be read.", line=line),
        _("Publish it again; the version in force stays."),
        code="bad_catalog_file",
        line=line,
    )


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a CSV file."""

    in_force: InForce
    report: Report


def import_csv(
    edge: Edge,
    file: Path,
    *,
    whole: bool = False,
    by: str = "",
    rate_ppm: int = DEFAULT_RATE_PPM,
    progress: Callable[[int], None] = lambda _count: None,
) -> Imported:
    """Take a CSV file over as the next version; all its good rows or nothing.

    By itself a file adds and changes products. With `whole` it is the whole range, and what it does not
    name is no longer sold. It runs on a thread of its own: a large file takes seconds.

    Raises:
        Invalid: it is no such file, or too many of its rows are wrong.
    """
    if not _importing.acquire(blocking=False):
        raise Unavailable(
            _("Another catalogue is being taken over."), _("Wait until it is done."), code="import_running"
        )
    try:
        report = Report()
        with file.open(encoding="utf-8-sig", newline="") as source:
            products = read_products(source, report, currency=edge.settings.currency, rate_ppm=rate_ppm)
            count, sha256 = stage(edge, products, progress=progress)

        def step(unit: EdgeUnit) -> InForce:
            known = rows.applied(unit.connection)
            head = CatalogHead(
                version=known.version + 1 if known else 1,
                currency=edge.settings.currency,
                products=count,
                made_us=edge.clock.now_us(),
            )
            return put_in_force(unit, edge, head, sha256=sha256, whole=whole, by=by)

        if count == 0:
            raise Invalid(
                _("The file has no products."), _("Check that it is the right one."), code="empty_file"
            )
        return Imported(edge.database.write(step), report)
    finally:
        _importing.release()
