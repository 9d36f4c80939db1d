"""Stores for the tests of this folder, with PINs that are hashed quickly."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.quick import quick_secrets
from tests.support.store import Store, begin_store, sign_everybody_in


@pytest.fixture(autouse=True)
def _quick_pins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with quick_secrets(monkeypatch):
        yield


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return a store with an open till and some stock."""
    made = begin_store(tmp_path)
    with made.client:
        sign_everybody_in(made)
        made.open_till()
        made.stock("COAT-M", 5)
        made.stock("MUG-1", 100)
        made.stock("BOOK-1", 20)
        yield made


@pytest.fixture
def strict_store(tmp_path: Path) -> Iterator[Store]:
    """Return a store that sells beyond its stock only with a lead's word."""
    made = begin_store(tmp_path, sell_beyond_stock=False)
    with made.client:
        sign_everybody_in(made)
        made.open_till()
        made.stock("COAT-M", 5)
        yield made
