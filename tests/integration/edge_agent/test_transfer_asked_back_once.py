"""A store that no longer wants what it asked for says so once, however often it is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.transfer_ends import ENDS, End, one_end


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[End]:
    """The destination alone."""
    with one_end(tmp_path, "store-2") as made:
        yield made


def asked_back(shop: End) -> list[str]:
    """Return the reasons of every event that says so."""
    return [str(body["reason"]) for body in shop.bodies("transfer.cancel_asked")]


def test_a_transfer_is_asked_back_once_until_it_is_answered(shop: End) -> None:
    asked = shop.do("", way="in", other="store-1", lines=[{"sku": "MUG-1", "quantity": 4}])
    of = f"/{asked['transfer_id']}/ask-to-cancel"

    said = [shop.do(of, reason=f"Found some, {n}") for n in range(5)]

    assert {each["state"] for each in said} == {"unannounced"}
    assert asked_back(shop) == ["Found some, 0"]


def test_a_transfer_that_comes_all_the_same_may_be_asked_back_again(shop: End) -> None:
    asked = shop.do("", way="in", other="store-1", lines=[{"sku": "MUG-1", "quantity": 4}])
    of = f"/{asked['transfer_id']}/ask-to-cancel"
    shop.do(of, reason="Found some")
    ends = ENDS | {"transfer_id": asked["transfer_id"], "number": asked["number"]}
    shop.tell("transfer.told", {**ends, "state": "accepted", "sentence": "It is picked."})

    shop.do(of, reason="Please")

    assert asked_back(shop) == ["Found some", "Please"]
