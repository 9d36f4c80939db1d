"""The policy of lending as the hub keeps it, ready to be asked for an item at a location.

A policy is a whole: whoever edits writes a new version of all rules, and the newest counts. Parsed policies
are kept by the hash of their text, so every unit of work asks for the newest version and parses none.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from hub.catalog.rows import products
from hub.database import Lookup
from hub.spine.bulk import Select
from hub.spine.work import Promising
from hub.stock.rows import lending_policies
from protocol.fulfilment import PromiseClass
from protocol.lending import DEFAULT_SILENCE, RULES, LendingRule, Policy, Silence, Terms, policy_of

_NEWEST: Final = Lookup(
    sa.select(lending_policies.c.version, lending_policies.c.digest, lending_policies.c.body)
    .order_by(lending_policies.c.version.desc())
    .limit(1)
)
_CATEGORIES: Final = Select(sa.select(products.c.sku, products.c.category), products.c.sku)
_MEMORY: Final = "lending_policy"
PARSED: Final = 8
"""Policies that stay parsed: the newest one, and those of other hubs in one process of tests."""


class CompanyPolicy(BaseModel):
    """Everything that operations says about lending."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rules: tuple[LendingRule, ...] = Field(default=(), max_length=RULES)
    silence: Mapping[PromiseClass, Silence] = Field(default_factory=lambda: dict(DEFAULT_SILENCE))
    """From when on a silent location gets no new promise, by class."""

    def text(self) -> str:
        """Return it as it is kept."""
        return self.model_dump_json()


@dataclass(frozen=True, slots=True)
class Current:
    """The policy that counts; version 0 is that of a hub to which nobody said anything."""

    version: int
    said: CompanyPolicy
    policy: Policy

    @property
    def speaks(self) -> bool:
        """Tell whether anything but the settings counts."""
        return bool(self.said.rules)


@dataclass(frozen=True, slots=True)
class KeptBack:
    """Lent units that are never promised: per item and location, and per item over all of them."""

    safety_stock: int = 0
    company_threshold: int = 0
    at: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """The safety stock of locations at which another one counts."""

    def safety_at(self, location: str) -> int:
        """Return the safety stock of a location."""
        return self.at.get(location, self.safety_stock)


def counting(version: int, said: CompanyPolicy) -> Current:
    """Return a policy as it would count."""
    return Current(version, said, policy_of(said.rules, Terms()))


def digest_of(text: str) -> str:
    """Return the hash under which a parsed policy is kept."""
    return hashlib.sha256(text.encode()).hexdigest()


def current(connection: Connection, memory: dict[str, Any] | None = None) -> Current:
    """Return the policy that counts; `memory` is that of the unit of work, which asks once."""
    if memory is not None and _MEMORY in memory:
        kept: Current = memory[_MEMORY]
        return kept
    row = _NEWEST.first(connection)
    found = _NOTHING if row is None else _parsed(row.version, row.digest, row.body)
    if memory is not None:
        memory[_MEMORY] = found
    return found


def kept_back(
    connection: Connection, terms: Promising, skus: Sequence[str], memory: dict[str, Any] | None = None
) -> dict[str, KeptBack]:
    """Return what is kept back of each item."""
    return kept_back_by(current(connection, memory), connection, terms, skus)


def kept_back_by(
    counts: Current, connection: Connection, terms: Promising, skus: Sequence[str]
) -> dict[str, KeptBack]:
    """Return what a policy keeps back of each item, whether it counts already or is only looked at."""
    plain = KeptBack(terms.safety_stock, terms.company_threshold)
    if not counts.speaks:
        return dict.fromkeys(skus, plain)
    base = Terms(safety_stock=terms.safety_stock, company_threshold=terms.company_threshold)
    policy = Policy(base, counts.policy.rules)
    categories = categories_of(connection, skus)
    return {sku: _kept(policy, sku, categories.get(sku, "")) for sku in skus}


def categories_of(connection: Connection, skus: Sequence[str]) -> dict[str, str]:
    """Return the category of each item that the catalogue knows."""
    return {row.sku: row.category for row in _CATEGORIES.run(connection, list(skus))}


def _kept(policy: Policy, sku: str, category: str) -> KeptBack:
    everywhere = policy.terms(sku, category, "")
    at = {
        location: policy.terms(sku, category, location).safety_stock
        for location in policy.locations(sku, category)
    }
    return KeptBack(everywhere.safety_stock, everywhere.company_threshold, MappingProxyType(at))


def _parsed(version: int, digest: str, body: str) -> Current:
    key = (version, digest)
    found = _KNOWN.get(key)
    if found is None:
        found = counting(version, CompanyPolicy.model_validate_json(body))
        if len(_KNOWN) >= PARSED:
            _KNOWN.clear()
        _KNOWN[key] = found
    return found


_NOTHING: Final = Current(0, CompanyPolicy(), Policy())
_KNOWN: Final[dict[tuple[int, str], Current]] = {}
