"""A code from the scale sells its piece: scanned into a basket, paid, and on the receipt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.catalog.api import look_up
from edge_agent.counter.rules.basket import Scan
from edge_agent.counter.steps import basket as steps
from edge_agent.counter.steps.basket_models import BasketView, PayWanted, ScanWanted
from edge_agent.database import EdgeUnit
from edge_agent.paper import rows
from edge_agent.paper.slips import Slips
from edge_agent.settings import StoreCodes
from printing.document import Row
from protocol.errors import NotFound
from protocol.rules.store_codes import REGIONS
from tests.support.store_day import Store

CHEESE_AT_2_87 = "2012345002876"
CHEESE_MISREAD = "2012345102873"  # its check digit is right, that of the price is not
HAM_480_G = "2700001004806"
HAM_NOTHING = "2700001000006"
EGGS_392 = "]C1010950110153000339200000349"
JAR = "2099999000000"  # a code of the store's own that no scale made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    codes = StoreCodes(region="gb", layouts=("27IIIIIWW.WWW",))
    running = Store(tmp_path, store_codes=codes)
    running.open()
    running.edge.database.write(_furnish)
    yield running
    running.close()


def _furnish(unit: EdgeUnit) -> None:
    unit.connection.executemany(
        "INSERT INTO products (sku, name, kind, price_minor, rate_ppm, unit_cost_minor, version)"
        " VALUES (?, ?, 'goods', ?, 0, ?, 1)",
        [
            ("CHEESE", "Cheddar", 1400, 700),
            ("HAM", "Ham", 1990, 1000),
            ("EGGS", "Eggs", 500, 250),
            ("JAR", "Jar", 300, 1),
        ],
    )
    unit.connection.executemany(
        "INSERT INTO barcodes (code, sku) VALUES (?, ?)",
        [("2012345000001", "CHEESE"), ("2700001", "HAM"), ("09501101530003", "EGGS"), (JAR, "JAR")],
    )


def scanned(store: Store, code: str, quantity: int = 1) -> tuple[Scan, BasketView]:
    """Scan at the first till; return what came of it and the basket."""

    def step(unit: EdgeUnit) -> tuple[Scan, BasketView]:
        basket = steps.begin(unit, store.edge, store.associate, "till-1")
        wanted = ScanWanted(code=code, quantity=quantity)
        done = steps.scan(unit, store.edge, basket.basket_id, wanted, person=store.associate)
        return done.scan, done.basket

    return store.edge.database.write(step)


def test_a_weighed_piece_is_sold_for_what_its_code_says_and_stands_so_on_the_receipt(store: Store) -> None:
    for code in (CHEESE_AT_2_87, HAM_480_G, HAM_480_G, EGGS_392, JAR):
        _scan, basket = scanned(store, code)

    assert [(line.sku, line.name, line.quantity, line.unit_price_minor) for line in basket.lines] == [
        ("CHEESE", "Cheddar", 1, 287),
        ("HAM", "Ham 0.480 kg", 2, 955),
        ("EGGS", "Eggs", 1, 34_900),
        ("JAR", "Jar", 1, 300),
    ]
    wanted = PayWanted(
        key=store.key(),
        version=basket.version,
        till="till-1",
        tenders=[{"kind": "card", "amount_minor": basket.total_minor}],
    )
    sold, _new = store.edge.database.write(
        lambda unit: steps.pay(unit, store.edge, basket.basket_id, wanted, person=store.associate)
    )

    lines = store.bodies("order.sold")[-1]["lines"]
    assert [(line["quantity"], line["unit_price_minor"], line["unit_cost_minor"]) for line in lines[:2]] == [
        (1, 287, 144),
        (2, 955, 480),
    ]
    connection = store.edge.database.read()
    job = rows.jobs(connection, state="", business_id=sold.sold.number, limit=1)[0]
    paper = [
        block.cells
        for block in Slips(store.edge.settings).printed(connection, job).blocks
        if isinstance(block, Row)
    ]
    assert ("Ham 0.480 kg", "19.10") in paper


def test_a_wrong_price_digit_or_an_empty_scale_is_scanned_again_and_sells_nothing(store: Store) -> None:
    before = scanned(store, JAR)[1]

    misread, after = scanned(store, CHEESE_MISREAD)
    nothing, _basket = scanned(store, HAM_NOTHING)

    assert (misread.problem, nothing.problem) == ("misread", "misread")
    assert after.lines == before.lines
    with pytest.raises(NotFound) as refused:
        look_up(store.edge.database.read(), store.edge, CHEESE_MISREAD)
    assert refused.value.reason == "misread"


def test_a_look_up_shows_the_piece_and_a_count_finds_the_article(store: Store) -> None:
    connection = store.edge.database.read()

    shown = look_up(connection, store.edge, HAM_480_G).product
    counted = store.edge.products.scan(connection, HAM_480_G)

    assert shown is not None
    assert counted is not None
    assert (shown.name, shown.price_minor) == ("Ham 0.480 kg", 955)
    assert (counted.name, counted.price_minor) == ("Ham", 1990)


def test_the_regions_of_the_settings_are_those_that_are_known() -> None:
    for region in REGIONS:
        assert StoreCodes.model_validate({"region": region}).read
    with pytest.raises(ValueError, match="no layout"):
        StoreCodes(layouts=("20IIIIIPP",))
