"""Changing the policy of lending: what would change is shown first, then it counts and all are told.

A policy is a whole, so two people who edit at once would undo each other: whoever saves says which version
the change was made from.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.fleet.rows import all_locations
from hub.spine.packets import DIRECTIVE_BYTES
from hub.stock.availability import Sums, available
from hub.stock.changed import note_all_changed
from hub.stock.policy import CompanyPolicy, Current, counting, current, digest_of, kept_back_by
from hub.stock.rows import FREE_UNITS, hub_rights, lending_policies
from hub.versions import must_be_newest, tell_everybody
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.lending import RULES_PER_LOCATION, VALUES, LendingPolicy, LendingRule, concerning

LOOKED_AT: Final = 200
"""Items whose numbers are worked out for a preview: those of which most is free."""
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Shift:
    """An item of which another number may be promised."""

    sku: str
    before: int
    after: int
    was: Sums
    becomes: Sums


@dataclass(frozen=True, slots=True)
class Preview:
    """What a policy would change."""

    version: int
    """Of the policy that counts now."""
    added: int
    changed: int
    removed: int
    looked_at: int
    moved: int
    """Items of these of which another number may be promised; the first of them are `shifts`."""
    shifts: tuple[Shift, ...]
    silence: bool
    """The presence policy is another one."""

    @property
    def nothing(self) -> bool:
        """Tell whether it says the same as the one that counts."""
        return not (self.added or self.changed or self.removed or self.silence)


def check(connection: Connection, said: CompanyPolicy) -> None:
    """Refuse a policy that cannot count.

    Raises:
        Invalid: says which rule, and what to do.
    """
    known = {row.location_id for row in all_locations(connection)}
    seen: set[tuple[str, str, str]] = set()
    for rule in said.rules:
        wrong = _wrong(rule, known, seen)
        if wrong:
            raise Invalid(
                f"{rule_name(rule)}: {wrong}", _("Correct this rule, then save again."), code="bad_rule"
            )
        seen.add(rule.key)
    for location in sorted(known):
        _fits(location, concerning(said.rules, location))


def preview(hub: Hub, connection: Connection, said: CompanyPolicy) -> Preview:
    """Return what a policy would change; nothing is written."""
    before = current(connection)
    old = {rule.key: rule for rule in before.said.rules}
    new = {rule.key: rule for rule in said.rules}
    skus = _most_free(connection)
    after = counting(before.version + 1, said)
    now_us, terms = hub.clock.now_us(), hub.spine.terms.promising
    was, _places = available(
        connection, skus, now_us=now_us, kept_back=kept_back_by(before, connection, terms, skus)
    )
    becomes, _places = available(
        connection, skus, now_us=now_us, kept_back=kept_back_by(after, connection, terms, skus)
    )
    shifts = [
        Shift(sku, was[sku].promisable, becomes[sku].promisable, was[sku].sums, becomes[sku].sums)
        for sku in skus
        if was[sku].promisable != becomes[sku].promisable
    ]
    return Preview(
        version=before.version,
        added=len(new.keys() - old.keys()),
        changed=sum(new[key] != old[key] for key in new.keys() & old.keys()),
        removed=len(old.keys() - new.keys()),
        looked_at=len(skus),
        moved=len(shifts),
        shifts=tuple(shifts[:SHOWN]),
        silence=dict(said.silence) != dict(before.said.silence),
    )


def save(hub: Hub, said: CompanyPolicy, *, base: int, by: str) -> Current:
    """Let a policy count from now on, and tell every location what concerns it.

    Raises:
        Invalid: a rule cannot be used.
        StaleVersion: somebody else has saved since `base` was read.
    """

    def step(unit: HubUnit) -> Current:
        connection = unit.connection
        check(connection, said)
        before = current(connection)
        must_be_newest(base, before.version)
        made = counting(base + 1, said)
        text = said.text()
        connection.execute(
            sa.insert(lending_policies).values(
                version=made.version,
                digest=digest_of(text),
                body=text,
                made_us=hub.clock.now_us(),
                made_by=by[:120],
            )
        )
        tell_everybody(unit, lambda location: tell_policy(hub, unit, location, made))
        note_all_changed(connection)
        unit.after_commit(partial(hub.broadcaster.publish, "stock"))
        return made

    return hub.database.write(step)


def tell_policy(hub: Hub, unit: HubUnit, location: str, counts: Current | None = None) -> int:
    """Tell one location the rules that concern it, as a new one must be; return the version, 0 for none."""
    found = counts or current(unit.connection)
    if found.version:
        body = LendingPolicy(version=found.version, rules=concerning(found.said.rules, location))
        hub.outbox.send_directive(unit, location, body)
    return found.version


def with_rule(said: CompanyPolicy, rule: LendingRule) -> CompanyPolicy:
    """Return a policy in which a rule is added, or takes the place of the one that spoke of the same."""
    others = [each for each in said.rules if each.key != rule.key]
    return said.model_copy(update={"rules": _sorted([*others, rule])})


def without_rule(said: CompanyPolicy, key: tuple[str, str, str]) -> CompanyPolicy:
    """Return a policy without a rule."""
    return said.model_copy(update={"rules": tuple(rule for rule in said.rules if rule.key != key)})


def rule_name(rule: LendingRule) -> str:
    """Return what a rule speaks of, for people."""
    match rule.scope:
        case "all":
            what = _("Everything")
        case "category":
            what = _("Category {name}", name=rule.name)
        case _:
            what = rule.name
    return _("{what} at {place}", what=what, place=rule.location) if rule.location else what


_ORDER: Final = ("all", "category", "sku")


def _sorted(rules: Iterable[LendingRule]) -> tuple[LendingRule, ...]:
    return tuple(sorted(rules, key=lambda rule: (_ORDER.index(rule.scope), rule.name, rule.location)))


def _wrong(rule: LendingRule, known: set[str], seen: set[tuple[str, str, str]]) -> str:
    wrong = ""
    if rule.key in seen:
        wrong = _("there is another rule of the same.")
    elif (rule.scope == "all") != (not rule.name):
        wrong = _("a category or an article needs its name, and everything has none.")
    elif rule.location and rule.location not in known:
        wrong = _("there is no location {name}.", name=rule.location)
    elif rule.company_threshold is not None and rule.location:
        wrong = _("what the company keeps back is said for everywhere.")
    elif all(getattr(rule, name) is None for name in VALUES):
        wrong = _("it says nothing.")
    return wrong


def _fits(location: str, rules: Sequence[LendingRule]) -> None:
    size = 0
    if len(rules) <= RULES_PER_LOCATION:
        size = len(LendingPolicy(version=1, rules=tuple(rules)).model_dump_json().encode())
    if len(rules) > RULES_PER_LOCATION or size > DIRECTIVE_BYTES:
        raise Invalid(
            _("{n} rules concern {place}; they do not fit in one message.", n=len(rules), place=location),
            _("Say it for categories instead of single articles."),
            code="too_many_rules",
        )


def _most_free(connection: Connection) -> list[str]:
    rows = connection.execute(
        sa.select(hub_rights.c.sku)
        .group_by(hub_rights.c.sku)
        .order_by(sa.func.sum(FREE_UNITS).desc(), hub_rights.c.sku)
        .limit(LOOKED_AT)
    )
    return list(rows.scalars())
