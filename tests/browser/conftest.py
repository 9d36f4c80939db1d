"""What all tests in a browser share: the patience of a machine that runs three of them side by side."""

import pytest

SECONDS = 120
"""For a test that names no limit of its own: it ends one that hangs, and never one that is merely slow."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every browser test without a limit of its own a longer one than tests of pure code have."""
    for item in items:
        if "tests/browser/" in item.path.as_posix() and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SECONDS))
