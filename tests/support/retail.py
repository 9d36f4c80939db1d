"""A made-up month of a retailer, and a second count of it that shares no code with the product."""

import csv
import io
import random
from collections import defaultdict
from datetime import datetime
from typing import Any
from zlib import crc32

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def made_up_month(rng: random.Random) -> str:
    """Return a dirty file: few customers and codes, so that cancellations often find their line."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADER.strip().split(","))
    minute = 0
    for number in range(536_365, 536_765):
        minute += rng.randrange(3)
        cancels = rng.random() < 0.25
        at = f"2010-12-{1 + minute // 60:02d} 10:{minute % 60:02d}:00"
        customer = rng.choice(["", "17850", "13047", "12583"])
        for _ in range(rng.randint(1, 4)):
            quantity = rng.randint(1, 9) * (-1 if cancels or rng.random() < 0.04 else 1)
            code = rng.choice(["22139", "85123A", "POST", "M", "20725"])
            price = rng.choice(["0.00", "0.42", "1.255", "2.55", "0.001"])
            writer.writerow(
                [f"{'C' if cancels else ''}{number}", code, code, quantity, at, price, customer, "UK"]
            )
    return out.getvalue()


def second_count(text: str, stores: int) -> dict[str, Any]:
    """Count the file again, in the plainest way there is."""
    orders: dict[str, list[list[str]]] = defaultdict(list)
    sold: list[dict[str, object]] = []
    skipped: dict[str, int] = defaultdict(int)
    returned: list[tuple[int, str, int]] = []
    gross = 0
    for number, row in enumerate(list(csv.reader(io.StringIO(text)))[1:]):
        invoice, code, _, quantity, at, price, customer, _ = row
        if invoice[0] == "C":
            match = None
            for line in sold:
                fits = line["customer"] == customer != "" and line["code"] == code
                if fits and int(str(line["left"])) >= -int(quantity):
                    newest = match is None or (line["at"], line["n"]) > (match["at"], match["n"])
                    match = line if newest else match
            if match is None:
                skipped["unmatched"] += 1
            else:
                match["left"] = int(str(match["left"])) + int(quantity)
                returned.append(
                    (crc32(str(match["invoice"]).encode()) % stores, str(match["invoice"]), -int(quantity))
                )
        elif int(quantity) <= 0:
            skipped["not_a_sale"] += 1
        elif float(price) <= 0:
            skipped["no_price"] += 1
        else:
            orders[invoice].append(row)
            thousandths = round(float(price) * 1000) * int(quantity)
            gross += (thousandths + 5) // 10
            sold.append(
                {
                    "customer": customer,
                    "code": code,
                    "at": datetime.fromisoformat(at),
                    "n": number,
                    "left": int(quantity),
                    "invoice": invoice,
                }
            )
    lines = sum(len(rows) for rows in orders.values())
    return {
        "orders": len(orders),
        "lines": lines,
        "gross": gross,
        "returned": returned,
        "skipped": dict(skipped),
    }
