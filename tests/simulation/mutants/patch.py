"""What a mutant is: a guard, a patch that takes it away, what shows that, and how likely its case must be."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

Patch = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A guard of the product, and how to take it away."""

    guard: str
    without: Patch
    shows: tuple[str, ...]
    """What is said when it is this guard that is missing: parts of what an invariant or the product says."""
    within: int = 20
    """Seeds in which the missing guard must show."""
    swarm: Mapping[str, Any] = field(default_factory=dict)
    """Options that are not drawn but given, where the case is rare otherwise; the checks are the same."""


def put(module: Any, name: str, instead: Any) -> AbstractContextManager[Any]:
    """Return a patch of one name."""
    return mock.patch.object(module, name, instead)
