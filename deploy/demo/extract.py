"""Makes the demo's catalogue and its day of baskets from an Online Retail file.

Run it as `python -m deploy.demo.extract FILE.csv.gz`; what it writes is kept in `deploy/demo/data/`, so
nobody needs the original to try the product. Everything is derived by rule, so the same file gives the
same demo: names are title-cased, bar codes lie in the range 20…, which GS1 leaves to shops.
"""

import csv
import gzip
import io
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

DATA: Final = Path(__file__).parent / "data"
PRODUCTS: Final = 400
BASKETS: Final = 120
LINES_PER_BASKET: Final = 12
SERVICE: Final = re.compile(r"(?!\d{5})")
PRODUCT_COLUMNS: Final = ("sku", "name", "price", "cost", "tax_rate", "kind", "category", "bin", "barcode")
BASKET_COLUMNS: Final = ("invoice", "time", "sku", "quantity")
CATEGORIES: Final[Sequence[tuple[str, str]]] = (
    ("BAG|PURSE|LUGGAGE|WALLET", "Bags"),
    ("CHRISTMAS|XMAS|ADVENT|BAUBLE|SNOW|REINDEER|SANTA", "Christmas"),
    ("LIGHT|CANDLE|LANTERN|LAMP", "Lights and candles"),
    ("MUG|CUP|TEA|CAKE|BAKE|BOWL|PLATE|JAR|TIN|KITCHEN|COOK|SPOON|JUG|LUNCH|BOTTLE|NAPKIN", "Kitchen"),
    ("CARD|WRAP|RIBBON|PAPER|STICKER|TISSUE|CHALK|PEN|NOTEBOOK|JOURNAL", "Paper and gifts"),
    ("FRAME|CLOCK|SIGN|HOOK|DRAWER|MIRROR|CABINET|DOORMAT|CUSHION|HEART|BUNTING", "Home"),
    ("GAME|TOY|DOLL|PLAY|CHILD|KIDS|PARTY|BALLOON", "Play"),
    ("GARDEN|PLANT|POT|BIRD|FLOWER|UMBRELLA", "Garden"),
)

Row = Mapping[str, str]


def ean13(body: str) -> str:
    """Return twelve digits with their GS1 check digit."""
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(body))
    return f"{body}{-total % 10}"


def in_store_barcode(index: int) -> str:
    """Return the bar code of the demo's n-th product: 20 is the range that GS1 leaves to shops."""
    return ean13(f"20{index:010d}")


def shop_name(description: str) -> str:
    """Return a description as a person would write it on a shelf."""
    words = " ".join(description.split()).title()
    words = re.sub(r"(?<=[a-z])'S\b", "'s", words)
    words = re.sub(r"\b(Of|And|With|In|For|The|To|On)\b", lambda found: found.group(0).lower(), words)
    return words[:1].upper() + words[1:]


def category_of(description: str) -> str:
    """Return the shelf a description belongs to, by the first word that tells."""
    for pattern, category in CATEGORIES:
        if re.search(rf"\b(?:{pattern})", description):
            return category
    return "Gifts"


def read_rows(source: Path) -> list[Row]:
    """Return every row of an Online Retail file."""
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def goods(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that sold something from a shelf at a price in whole pence."""
    return [
        row
        for row in rows
        if not row["InvoiceNo"].startswith("C")
        and int(row["Quantity"]) > 0
        and float(row["UnitPrice"]) >= 0.2
        and row["Description"].strip()
        and not SERVICE.match(row["StockCode"])
    ]


def products(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return the most often bought products with their commonest name and price."""
    bought = Counter(row["StockCode"] for row in rows)
    names: dict[str, Counter[str]] = defaultdict(Counter)
    prices: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        names[row["StockCode"]][row["Description"].strip()] += 1
        prices[row["StockCode"]][row["UnitPrice"]] += 1
    chosen = sorted(bought, key=lambda code: (-bought[code], code))[:PRODUCTS]
    found = []
    for index, sku in enumerate(sorted(chosen), start=1):
        description = names[sku].most_common(1)[0][0]
        price_minor = round(float(prices[sku].most_common(1)[0][0]) * 100)
        category = category_of(description)
        found.append(
            {
                "sku": sku,
                "name": shop_name(description),
                "price": f"{price_minor / 100:.2f}",
                "cost": f"{(price_minor + 1) // 2 / 100:.2f}",  # 60 % of the price less 20 % VAT
                "tax_rate": "20",
                "kind": "goods",
                "category": category,
                "bin": f"{category[0]}-{index % 12 + 1:02d}-{index % 5 + 1}",
                "barcode": in_store_barcode(index),
            }
        )
    return found


def baskets(rows: Sequence[Row], skus: set[str]) -> list[dict[str, str]]:
    """Return a day of shop-sized baskets: the retailer's own, with quantities a hand can carry."""
    by_invoice: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["StockCode"] in skus:
            by_invoice[row["InvoiceNo"]].append(row)
    found = []
    sized = [(invoice, lines) for invoice, lines in by_invoice.items() if 1 <= len(lines) <= LINES_PER_BASKET]
    for invoice, lines in sized[:BASKETS]:
        found += [
            {
                "invoice": invoice,
                "time": line["InvoiceDate"][11:16],
                "sku": line["StockCode"],
                "quantity": str(min(int(line["Quantity"]), 6)),
            }
            for line in lines
        ]
    return found


def write(target: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write rows as a gzipped CSV that is the same byte for byte every time."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    target.write_bytes(gzip.compress(text.getvalue().encode(), compresslevel=9, mtime=0))


def main(source: Path, folder: Path = DATA) -> None:
    """Write `products.csv.gz` and `baskets.csv.gz`."""
    sold = goods(read_rows(source))
    catalogue = products(sold)
    write(folder / "products.csv.gz", PRODUCT_COLUMNS, catalogue)
    day = baskets(sold, {product["sku"] for product in catalogue})
    write(folder / "baskets.csv.gz", BASKET_COLUMNS, day)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
