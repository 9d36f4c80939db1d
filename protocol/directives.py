"""What the hub tells an edge: numbered commands, each answered with an outcome.

An edge writes the directive and its effect in one transaction and answers `applied`, `duplicate`,
`rejected` (with a code) or `expired`. Only that answer counts: from an expiry passing, the hub concludes
nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from pydantic import Field

from protocol.orders import Code, WireModel


class Outcome(StrEnum):
    """What became of a directive at the edge."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Directive(WireModel):
    """One numbered command of the hub to one edge."""

    cseq: int = Field(ge=1)
    id: Code
    kind: Code
    v: int = Field(default=1, ge=1)
    at: int
    exp: int | None = None
    """After this wall time (microseconds) the edge answers `expired` instead of acting late."""
    subjects: tuple[Code, ...] = Field(default=(), max_length=20)
    body: Mapping[str, Any]


class CatalogPublish(WireModel):
    """A catalogue version is ready to be fetched over HTTPS and applied whole."""

    version: int = Field(ge=1)
    path: str = Field(pattern=r"^/edge/catalog/\d+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=1)
    products: int = Field(ge=0)


class Withdrawn(WireModel):
    """A directive that was taken back before it was ever sent; its number stays, as a no-op."""

    withdrawn_kind: Code


DIRECTIVE_KINDS: Final[Mapping[tuple[str, int], type[WireModel]]] = MappingProxyType(
    {("catalog.publish", 1): CatalogPublish, ("withdrawn", 1): Withdrawn}
)


class DirectiveOutcome(WireModel):
    """An edge's answer to one directive."""

    cseq: int = Field(ge=1)
    res: Outcome
    code: str = Field(default="", max_length=64)
    detail: str = Field(default="", max_length=300)
