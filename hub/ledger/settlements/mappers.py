"""The mappers of settlement files: those that came with the product, and those that a company wrote."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.ledger.desk import write
from hub.ledger.rules.desk import expected_payout
from hub.ledger.settlements.rows import settlement_lines, settlement_mappers, settlements
from hub.ledger.settlements.rules import KINDS, MAPPERS, Mapper, columns_of, mapper_of, read_file
from hub.spine.steps import record
from hub.spine.work import Work
from protocol.books import MapperSet, SettlementLine
from protocol.errors import Invalid
from protocol.kit.text import _

SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Tried:
    """What a mapper makes of a file, and nothing taken in."""

    columns: tuple[str, ...]
    lines: tuple[SettlementLine, ...] = ()
    count: int = 0
    sums: tuple[tuple[str, int, int], ...] = ()
    """(kind, rows, sum of their amounts)."""
    expected_minor: int = 0
    payout_minor: int | None = None
    refused: str = ""


def listed(connection: Connection) -> list[Mapper]:
    """Return every mapper as it holds now, by title."""
    found = dict(MAPPERS)
    rows = connection.execute(sa.select(settlement_mappers).order_by(settlement_mappers.c.version))
    for row in rows:
        found[row.name] = mapper_of(MapperSet.model_validate_json(row.body), row.version)
    return sorted(found.values(), key=lambda mapper: mapper.title)


def mapper_named(connection: Connection, name: str) -> Mapper:
    """Return the mapper of a name as it holds now.

    Raises:
        Invalid: there is none.
    """
    found = next((mapper for mapper in listed(connection) if mapper.name == name), None)
    if found is None:
        raise Invalid(_("There is no such mapper."), _("Choose one of the list."), code="no_mapper")
    return found


def versions(connection: Connection, name: str) -> Sequence[sa.Row[tuple[object, ...]]]:
    """Return who wrote which version of a mapper, the newest first."""
    return connection.execute(
        sa.select(settlement_mappers)
        .where(settlement_mappers.c.name == name)
        .order_by(settlement_mappers.c.version.desc())
        .limit(20)
    ).all()


def read(said: dict[str, object]) -> MapperSet:
    """Return a mapper as somebody wrote it.

    Raises:
        Invalid: it cannot be read; names the field.
    """
    try:
        return MapperSet.model_validate(said)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise Invalid(
            _("The {name} of this mapper cannot be read.", name=str(fault["loc"][0]).replace("_", " ")),
            _("Correct it; nothing was changed."),
            code="bad_mapper",
        ) from error


def words_of(text: str) -> dict[str, str]:
    """Return which word of a provider is which kind of row, from lines such as `settled = sale`.

    Raises:
        Invalid: a line cannot be read; names it.
    """
    found: dict[str, str] = {}
    for n, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        word, equals, kind = (part.strip().lower() for part in line.rpartition("="))
        if not equals or not word or kind not in KINDS:
            raise Invalid(
                _("Line {n} of the words cannot be read.", n=n),
                _("Write a word of the provider and its kind, such as: settled = sale"),
                code="bad_word",
                line=n,
            )
        found[word] = kind
    return found


def set_mapper(hub: Hub, wanted: MapperSet, *, by: str) -> None:
    """Write a version of a mapper; it reads the files from now on.

    Raises:
        Invalid: nothing would change.
    """

    def act(work: Work) -> None:
        before = next((each for each in listed(work.connection) if each.name == wanted.name), None)
        if before is not None and before == mapper_of(wanted, before.version):
            raise Invalid(_("Nothing would change."), _("Change a field first."), code="nothing")
        record(work, wanted, by=by)

    write(hub, act)


def try_on(text: str, mapper: Mapper, currency: str) -> Tried:
    """Return what a mapper makes of a file."""
    columns = columns_of(text, mapper.delimiter)
    try:
        file = read_file(text, mapper, currency)
    except Invalid as error:
        return Tried(columns, refused=f"{error.what} {error.remedy}")
    sums: dict[str, tuple[int, int]] = {}
    for line in file.lines:
        count, total = sums.get(line.kind, (0, 0))
        sums[line.kind] = count + 1, total + line.amount_minor
    return Tried(
        columns,
        file.lines[:SHOWN],
        len(file.lines),
        tuple((kind, *each) for kind, each in sorted(sums.items())),
        expected_payout(file.lines),
        file.payout_minor,
    )


def held(connection: Connection, entity: str) -> list[tuple[str, int]]:
    """Return what each provider holds back of its payouts, in minor units."""
    rows = connection.execute(
        sa.select(settlements.c.provider, sa.func.sum(-settlement_lines.c.amount_minor).label("minor"))
        .join(settlement_lines, settlement_lines.c.settlement_id == settlements.c.settlement_id)
        .where(settlements.c.entity == entity, settlement_lines.c.kind.in_(("reserve", "release")))
        .group_by(settlements.c.provider)
        .order_by(settlements.c.provider)
    )
    return [(row.provider, int(row.minor)) for row in rows if row.minor]
