"""The demo's own goods: what a scanner, a screen and a licence ask of them."""

import csv
import gzip
from pathlib import Path

from deploy.demo.extract import DATA, category_of, ean13, shop_name


def rows(name: str) -> list[dict[str, str]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_product_has_a_valid_in_store_bar_code_of_its_own() -> None:
    codes = [product["barcode"] for product in rows("products.csv.gz")]

    assert len(set(codes)) == len(codes) == 400
    assert all(code.startswith("20") and ean13(code[:12]) == code for code in codes)


def test_a_known_ean_gets_its_known_check_digit() -> None:
    assert ean13("400638133393") == "4006381333931"


def test_every_basket_of_the_day_holds_known_goods_in_quantities_a_hand_can_carry() -> None:
    skus = {product["sku"] for product in rows("products.csv.gz")}
    baskets = rows("baskets.csv.gz")

    assert {line["sku"] for line in baskets} <= skus
    assert {int(line["quantity"]) for line in baskets} <= set(range(1, 7))
    assert len({line["invoice"] for line in baskets}) == 120


def test_a_description_becomes_a_name_that_reads_well_on_a_shelf() -> None:
    assert shop_name("  SET OF 3  CAKE TINS PANTRY DESIGN ") == "Set of 3 Cake Tins Pantry Design"
    assert shop_name("CHILDREN'S APRON DOLLY GIRL") == "Children's Apron Dolly Girl"
    assert category_of("JUMBO BAG RED RETROSPOT") == "Bags"


def test_the_source_and_the_licence_of_the_data_are_named() -> None:
    readme = (Path(DATA) / "README.md").read_text(encoding="utf-8")

    assert "Chen, D. (2015)" in readme
    assert "10.24432/C5BW33" in readme
    assert "CC BY 4.0" in readme
