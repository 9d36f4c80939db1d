"""A manager types in what the hub's operator read out, and the store has its units again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.database import EdgeUnit
from edge_agent.link.reclaim import key_of
from protocol.reclaim import make_code
from tests.support.store import Store, begin_store, sign_everybody_in

HUB_INC = "0b" * 16
TOKEN = "store-1.secret"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    made = begin_store(tmp_path, hub_token_file=token)

    def lend(unit: EdgeUnit) -> None:
        unit.connection.execute("UPDATE link SET hub_inc = ?, ep = 2", (HUB_INC,))
        unit.connection.execute("INSERT INTO rights (sku, granted, version) VALUES ('MUG-1', 4, 1)")

    with made.client:
        sign_everybody_in(made)
        made.stock("MUG-1", 5)
        made.edge.database.write(lend)
        yield made


def code(store: Store, returned: int, *, sku: str = "MUG-1", ep: int = 2) -> str:
    own = store.edge.identity
    return make_code(
        key_of(TOKEN), edge=own.edge, inc=own.inc, hub_inc=HUB_INC, ep=ep, sku=sku, returned=returned
    )


def test_a_code_brings_the_units_back_once_however_often_it_is_typed(store: Store) -> None:
    first = store.post("/api/stock/reclaim", {"sku": "MUG-1", "code": code(store, 3)}, role="manager")
    again = store.post("/api/stock/reclaim", {"sku": "MUG-1", "code": code(store, 3)}, role="manager")

    assert (first.status_code, first.json()) == (200, {"sku": "MUG-1", "units": 3, "sellable": 4})
    assert again.json() == {"sku": "MUG-1", "units": 0, "sellable": 4}


@pytest.mark.parametrize("which", ["misheard", "another article", "an older epoch", "more than was lent"])
def test_a_code_that_is_not_for_this_changes_nothing(store: Store, which: str) -> None:
    said = {
        "misheard": code(store, 3)[:-1] + ("0" if code(store, 3)[-1] != "0" else "2"),
        "another article": code(store, 3, sku="MUG-2"),
        "an older epoch": code(store, 3, ep=1),
        "more than was lent": code(store, 5),
    }[which]
    answer = store.post("/api/stock/reclaim", {"sku": "MUG-1", "code": said}, role="manager")

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_code")
    row = store.edge.database.read().execute("SELECT returned_seen FROM rights").fetchone()
    assert row[0] == 0


def test_only_a_manager_may_type_a_code_in(store: Store) -> None:
    answer = store.post("/api/stock/reclaim", {"sku": "MUG-1", "code": code(store, 3)}, role="associate")

    assert answer.status_code == 403
