"""The tables `products`, `barcodes`, `product_words` and `catalog`, and the two a new version waits in."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from edge_agent.database import EdgeUnit
from protocol.catalog import Product
from protocol.kit.sqlite import Connection
from protocol.orders import LineKind

_COLUMNS: Final = "sku, name, kind, price_minor, rate_ppm, unit_cost_minor, category, bin, active"
_WORD: Final = re.compile(r"\w+")
WORDS_LIMIT: Final = 8
_KINDS: Final = {kind.value: kind for kind in LineKind}


@dataclass(frozen=True, slots=True)
class Applied:
    """The version that is in force here."""

    version: int
    sha256: str
    currency: str
    applied_us: int
    made_us: int


def find_product(connection: Connection, sku: str) -> Product | None:
    """Return a product by its SKU, without its codes."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM products WHERE sku = ?", (sku,)).fetchone()
    return _product(tuple(row)) if row else None


def find_by_codes(connection: Connection, codes: Sequence[str]) -> Product | None:
    """Return the product of the first code that anything has; a SKU is a code too."""
    for code in codes:
        row = connection.execute("SELECT sku FROM barcodes WHERE code = ?", (code,)).fetchone()
        found = find_product(connection, row[0] if row else code)
        if found is not None:
            return found
    return None


def barcodes_of(connection: Connection, sku: str) -> tuple[str, ...]:
    """Return the codes of a product."""
    return tuple(
        row[0] for row in connection.execute("SELECT code FROM barcodes WHERE sku = ? ORDER BY code", (sku,))
    )


def search(connection: Connection, text: str, limit: int) -> tuple[Product, ...]:
    """Return products whose SKU or code begins with the text, then those whose words do."""
    text = text.strip()[:80]
    if not text:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM products WHERE active = 1 ORDER BY sku LIMIT ?", (limit,)
        )
        return tuple(_product(tuple(row)) for row in rows)
    found: dict[str, Product] = {}
    for product in _by_beginning(connection, text, limit):
        found[product.sku] = product
    words = _WORD.findall(text)[:WORDS_LIMIT]
    if words and len(found) < limit:
        match = " ".join(f'"{word}"*' for word in words)
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM products WHERE sku IN"
            " (SELECT sku FROM product_words WHERE product_words MATCH ? LIMIT ?)"
            " ORDER BY active DESC, name, sku",
            (match, limit * 2),
        )
        for row in rows:
            product = _product(tuple(row))
            found.setdefault(product.sku, product)
    return tuple(found.values())[:limit]


def _by_beginning(connection: Connection, text: str, limit: int) -> Iterable[Product]:
    """Return products whose SKU or code begins with a text; ranges, so that the indexes serve."""
    for beginning in dict.fromkeys((text, text.upper())):
        end = beginning + "\U0010ffff"
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM products WHERE sku >= ? AND sku < ? ORDER BY sku LIMIT ?",
            (beginning, end, limit),
        )
        yield from (_product(tuple(row)) for row in rows)
        if any(letter.isdigit() for letter in beginning):
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM products WHERE sku IN"
                " (SELECT sku FROM barcodes WHERE code >= ? AND code < ? ORDER BY code LIMIT ?)",
                (beginning, end, limit),
            )
            yield from (_product(tuple(row)) for row in rows)


def applied(connection: Connection) -> Applied | None:
    """Return the version in force, or None before the first."""
    row = connection.execute("SELECT version, sha256, currency, applied_us, made_us FROM catalog").fetchone()
    return Applied(*row) if row else None


def version_in_force(connection: Connection) -> int:
    """Return the version in force; 0 before the first."""
    row = connection.execute("SELECT version FROM catalog").fetchone()
    return row[0] if row else 0


def clear_staged(unit: EdgeUnit) -> None:
    """Forget a version that was on its way in."""
    label_staged(unit, "")
    unit.connection.execute("DELETE FROM staged_products")
    unit.connection.execute("DELETE FROM staged_barcodes")


def stage(unit: EdgeUnit, products: Iterable[Product]) -> None:
    """Put products of a new version aside; they are not sold before `put_in_force`."""
    rows: list[tuple[str | int, ...]] = []
    codes: list[tuple[str, str]] = []
    for product in products:
        rows.append(
            (
                product.sku,
                product.name,
                product.kind.value,
                product.price_minor,
                product.rate_ppm,
                product.unit_cost_minor,
                product.category,
                product.bin,
                int(product.active),
            )
        )
        codes.extend((code, product.sku) for code in product.barcodes)
    unit.connection.executemany(
        "INSERT OR REPLACE INTO staged_products VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
    )
    unit.connection.executemany("INSERT OR IGNORE INTO staged_barcodes VALUES (?, ?)", codes)


def label_staged(unit: EdgeUnit, label: str) -> None:
    """Note which version waits, so that nobody puts another one in force by mistake."""
    unit.connection.execute(
        "INSERT INTO meta (key, value) VALUES ('staged_catalog', ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (label,),
    )


def staged_label(connection: Connection) -> str:
    """Return which version waits; empty when none does."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'staged_catalog'").fetchone()
    return str(row[0]) if row else ""


def staged_count(connection: Connection) -> int:
    """Return how many products wait."""
    return int(connection.execute("SELECT count(*) FROM staged_products").fetchone()[0])


def put_in_force(unit: EdgeUnit, version: int, *, whole: bool) -> tuple[int, int]:
    """Make what waits the catalogue; return how many products changed and how many left the range.

    Only rows that differ are written: a price change of ten articles in 200,000 must not hold up a sale.
    With `whole`, what is not in the new version stays known and is no longer sold.
    """
    run = unit.connection.execute
    run("CREATE TEMP TABLE IF NOT EXISTS changed (sku TEXT PRIMARY KEY, name_changed INTEGER) WITHOUT ROWID")
    run("DELETE FROM changed")
    run(
        "INSERT INTO changed SELECT s.sku, p.sku IS NULL OR p.name <> s.name FROM staged_products s"
        " LEFT JOIN products p USING (sku) WHERE p.sku IS NULL OR (p.name, p.kind, p.price_minor, p.rate_ppm,"
        " p.unit_cost_minor, p.category, p.bin, p.active) IS NOT"
        " (s.name, s.kind, s.price_minor, s.rate_ppm, s.unit_cost_minor, s.category, s.bin, s.active)"
    )
    run("DELETE FROM product_words WHERE rowid IN (SELECT p.rowid FROM products p JOIN changed c USING (sku)"
        " WHERE c.name_changed)")  # fmt: skip
    run(
        f"INSERT INTO products ({_COLUMNS}, version) SELECT {_COLUMNS}, ? FROM staged_products"
        " WHERE sku IN (SELECT sku FROM changed)"
        " ON CONFLICT (sku) DO UPDATE SET name = excluded.name, kind = excluded.kind,"
        " price_minor = excluded.price_minor, rate_ppm = excluded.rate_ppm,"
        " unit_cost_minor = excluded.unit_cost_minor, category = excluded.category, bin = excluded.bin,"
        " active = excluded.active, version = excluded.version",
        (version,),
    )
    run(
        "INSERT INTO product_words (rowid, sku, name) SELECT p.rowid, p.sku, p.name FROM products p"
        " JOIN changed c USING (sku) WHERE c.name_changed"
    )
    run("DELETE FROM barcodes WHERE sku IN (SELECT sku FROM staged_products)"
        " AND (code, sku) NOT IN (SELECT code, sku FROM staged_barcodes)")  # fmt: skip
    run(
        "INSERT INTO barcodes (code, sku) SELECT code, sku FROM staged_barcodes WHERE true"
        " ON CONFLICT (code) DO UPDATE SET sku = excluded.sku WHERE sku <> excluded.sku"
    )
    changed = int(run("SELECT count(*) FROM changed").fetchone()[0])
    left = 0
    if whole:
        left = run(
            "UPDATE products SET active = 0, version = ? WHERE active = 1"
            " AND sku NOT IN (SELECT sku FROM staged_products)",
            (version,),
        ).rowcount
    clear_staged(unit)
    return changed, left


def note_applied(unit: EdgeUnit, version: Applied) -> None:
    """Store which version is in force."""
    unit.connection.execute(
        "INSERT INTO catalog (one, version, sha256, currency, applied_us, made_us) VALUES (1, ?, ?, ?, ?, ?)"
        " ON CONFLICT (one) DO UPDATE SET version = excluded.version, sha256 = excluded.sha256,"
        " currency = excluded.currency, applied_us = excluded.applied_us, made_us = excluded.made_us",
        (version.version, version.sha256, version.currency, version.applied_us, version.made_us),
    )


def count_products(connection: Connection) -> int:
    """Return how many products are sold here."""
    return int(connection.execute("SELECT count(*) FROM products WHERE active = 1").fetchone()[0])


def _product(row: tuple[str, str, str, int, int, int, str, str, int]) -> Product:
    sku, name, kind, price_minor, rate_ppm, unit_cost_minor, category, bin_, active = row
    # What was checked on its way in is not checked again: a lookup runs on every scan of every line.
    return Product.model_construct(
        sku=sku,
        name=name,
        kind=_KINDS[kind],
        price_minor=price_minor,
        rate_ppm=rate_ppm,
        unit_cost_minor=unit_cost_minor,
        barcodes=(),
        category=category,
        bin=bin_,
        active=bool(active),
    )
