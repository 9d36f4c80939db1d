from pathlib import Path

import pytest
import zstandard

from edge_agent.catalog import rows
from edge_agent.catalog.steps import apply_file, import_csv, read_file, stage_file
from protocol.directives import CatalogPublish
from protocol.errors import Invalid, Refused
from tests.support.store import Store, ok, refused

HEAD = '{"version":%d,"currency":"GBP","products":%d,"made_us":1}\n'
LAMP = '{"sku":"LAMP-1","name":"Desk lamp","price_minor":2500,"rate_ppm":200000,"barcodes":["7777"]}\n'
MUG = '{"sku":"MUG-1","name":"Mug, large","price_minor":800,"rate_ppm":200000,"barcodes":["4006381333931"]}\n'


def publish(
    tmp_path: Path, version: int, *lines: str, said: int | None = None
) -> tuple[CatalogPublish, Path]:
    file = tmp_path / f"catalog-{version}.jsonl"
    count = len(lines) if said is None else said
    file.write_text(HEAD % (version, count) + "".join(lines))
    body = CatalogPublish(
        version=version, path=f"/edge/catalog/{version}", sha256="a" * 64, size=100, products=count
    )
    return body, file


def in_force(store: Store) -> list[tuple[object, ...]]:
    return store.rows("SELECT sku, name, price_minor, active FROM products ORDER BY sku")


def test_a_published_version_replaces_the_whole_range_in_one_step(store: Store, tmp_path: Path) -> None:
    body, file = publish(tmp_path, 2, LAMP, MUG)
    stage_file(store.edge, body, file)

    store.edge.database.write(lambda unit: apply_file(unit, store.edge, body, file))

    assert [row for row in in_force(store) if row[3]] == [
        ("LAMP-1", "Desk lamp", 2_500, 1),
        ("MUG-1", "Mug, large", 800, 1),
    ]
    assert ok(store.get("/api/products/by-code/7777"))["product"]["sku"] == "LAMP-1"
    assert ok(store.get("/api/products", q="large"))[0]["sku"] == "MUG-1"
    assert ok(store.get("/api/catalog"))["version"] == 2
    assert store.rows("SELECT kind FROM events ORDER BY seq DESC LIMIT 1") == [("catalog.applied",)]
    error = refused(
        store.post(
            "/api/sales",
            {
                "key": "k",
                "till": "till-1",
                "lines": [{"sku": "COAT-M"}],
                "tenders": [{"kind": "card", "amount_minor": 12_000}],
            },
        ),
        409,
    )
    assert error["code"] == "product_inactive"


def test_a_version_that_was_not_put_aside_is_applied_from_its_file(store: Store, tmp_path: Path) -> None:
    body, file = publish(tmp_path, 2, LAMP)

    store.edge.database.write(lambda unit: apply_file(unit, store.edge, body, file))

    assert [row[0] for row in in_force(store) if row[3]] == ["LAMP-1"]


def test_the_very_version_that_is_in_force_changes_nothing_when_it_is_told_again(
    store: Store, tmp_path: Path
) -> None:
    body, file = publish(tmp_path, 2, LAMP)
    store.edge.database.write(lambda unit: apply_file(unit, store.edge, body, file))
    before = store.fingerprint()

    store.edge.database.write(lambda unit: apply_file(unit, store.edge, body, file))

    assert store.fingerprint() == before


@pytest.mark.parametrize(
    ("version", "lines", "said", "code"),
    [
        (1, (LAMP,), None, "catalog_not_newer"),
        (2, (LAMP,), 2, "catalog_incomplete"),
        (2, (LAMP, "{}\n"), None, "bad_catalog_file"),
        (2, (LAMP, "not json"), None, "bad_catalog_file"),
    ],
)
def test_a_version_that_cannot_be_applied_leaves_the_old_one_in_force(  # noqa: PLR0917 - a table
    store: Store, tmp_path: Path, version: int, lines: tuple[str, ...], said: int | None, code: str
) -> None:
    body, file = publish(tmp_path, version, *lines, said=said)
    before, products = store.fingerprint(), in_force(store)

    with pytest.raises((Refused, Invalid)) as refusal:
        store.edge.database.write(lambda unit: apply_file(unit, store.edge, body, file))

    assert refusal.value.reason == code
    assert (store.fingerprint(), in_force(store)) == (before, products)


def test_a_file_whose_head_is_another_version_is_not_read(store: Store, tmp_path: Path) -> None:
    _body, file = publish(tmp_path, 3, LAMP)

    head, products = read_file(file)

    assert (head.version, [one.sku for one in products]) == (3, ["LAMP-1"])


def test_a_price_list_over_http_changes_what_it_names_and_reports_its_rows(store: Store) -> None:
    csv = "sku,name,price\nMUG-1,Mug,8.00\nVASE,Vase,cheap\n"
    headers = store.headers("manager") | {"Content-Type": "text/csv"}

    done = ok(store.client.post("/api/catalog/import", content=csv, headers=headers))

    assert (done["version"], done["rows"], done["taken"], done["left_out"], done["changed"]) == (
        2,
        2,
        1,
        1,
        1,
    )
    assert done["faults"] == [
        {"row": 3, "sku": "VASE", "wrong": "'cheap' is not an amount in GBP.", "done": "left out"}
    ]
    assert ("COAT-M", "Wool coat M", 12_000, 1) in in_force(store)
    assert ("MUG-1", "Mug", 800, 1) in in_force(store)


def test_only_a_manager_changes_what_is_sold(store: Store) -> None:
    before = store.fingerprint()

    error = refused(
        store.client.post("/api/catalog/import", content="sku,name,price\n", headers=store.headers("lead")),
        403,
    )

    assert error["code"] == "not_permitted"
    assert store.fingerprint() == before


def test_a_file_that_is_refused_changes_nothing(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_bytes(b"\xff\xfe\x00 nothing")
    before, products = store.fingerprint(), in_force(store)

    with pytest.raises(Invalid):
        import_csv(store.edge, file)

    assert (store.fingerprint(), in_force(store)) == (before, products)
    assert rows.staged_count(store.edge.database.read()) == 0


@pytest.mark.parametrize(
    ("text", "skus"),
    [
        ("wool", ["COAT-M"]),
        ("COAT", ["COAT-M"]),
        ("coat m", ["COAT-M"]),
        ("50123", ["COAT-M"]),
        ("picture bo", ["BOOK-1"]),
        ('"; DROP TABLE products; --', []),
        ("NEAR(", []),
        ("*", []),
        ("\x00", []),
    ],
)
def test_a_search_finds_by_beginnings_and_no_text_breaks_it(store: Store, text: str, skus: list[str]) -> None:
    assert [one["sku"] for one in ok(store.get("/api/products", q=text))] == skus


def test_a_code_nobody_knows_brings_the_nearest_products(store: Store) -> None:
    error = refused(store.get("/api/products/by-code/coat"), 404)

    assert error["code"] == "unknown_code"
    assert [one["sku"] for one in error["facts"]["suggestions"]] == ["COAT-M"]
    assert refused(store.get("/api/products/by-code/5012345678901"), 404)["code"] == "misread"


def test_a_compressed_file_is_read_as_it_comes_and_a_torn_one_is_refused(
    store: Store, tmp_path: Path
) -> None:
    body, file = publish(tmp_path, 2, LAMP)
    whole = zstandard.ZstdCompressor().compress(file.read_bytes())
    file.write_bytes(whole[: len(whole) // 2])
    before, products = store.fingerprint(), in_force(store)
    with pytest.raises((Refused, Invalid)):
        store.edge.database.write(lambda unit: apply_file(unit, store.edge, body, file))
    assert (store.fingerprint(), in_force(store)) == (before, products)

    file.write_bytes(whole)
    store.edge.database.write(lambda unit: apply_file(unit, store.edge, body, file))

    assert [row[0] for row in in_force(store) if row[3]] == ["LAMP-1"]
