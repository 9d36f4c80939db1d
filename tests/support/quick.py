"""Passwords and PINs hashed with argon2's least work: a real one takes 170 ms, and so would every test."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from argon2 import PasswordHasher

from protocol.kit.web import secrets


@contextmanager
def quick_secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hash quickly for the length of a block."""
    monkeypatch.setattr(secrets, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    secrets.forget_stand_in()
    yield
    secrets.forget_stand_in()
