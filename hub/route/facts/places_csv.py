"""Where postcodes lie, from a CSV file: `country,postcode,latitude,longitude`, in degrees.

A postcode may be the beginning of many (`LS1`, `10`): the longest that fits a customer's counts. What a file
says is added to what is known, row by row; a row that cannot be used is left out and named.
"""

import csv
import re
from typing import IO, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.route.facts.geo import tidy
from hub.route.facts.rows import postcodes
from hub.spine.bulk import Upsert
from protocol.errors import Invalid
from protocol.kit.product_csv import Fault, Report
from protocol.kit.text import _

ROWS: Final = 200_000
BYTES: Final = 12 * 1024 * 1024
CHUNK: Final = 5_000
HEAD: Final = ("country", "postcode", "latitude", "longitude")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_DEGREES: Final = re.compile(r"(-?)([0-9]{1,3})(?:\.([0-9]{1,12}))?")
_PUT: Final = Upsert(postcodes)

Row = tuple[str, str, int, int]


def read(source: IO[str], report: Report) -> list[Row]:
    """Return the rows of a file, filling in the report.

    Raises:
        Invalid: it is not such a file.
    """
    rows = csv.reader(source)
    found: dict[tuple[str, str], Row] = {}
    try:
        head = [name.strip().lower().removeprefix("\ufeff") for name in next(rows, [])]
        missing = [name for name in HEAD if name not in head]
        if missing:
            raise Invalid(
                _("The file has no column {name}.", name=missing[0]),
                _("Its first line names the columns: {columns}.", columns=", ".join(HEAD)),
                code="missing_column",
            )
        for number, cells in enumerate(rows, start=2):
            if any(cell.strip() for cell in cells):
                _take(dict(zip(head, cells, strict=False)), number, report, found)
    except (csv.Error, UnicodeDecodeError) as error:
        raise Invalid(
            _("The file cannot be read as CSV: {why}.", why=str(error)[:100]),
            _("Save it as CSV UTF-8 and send it again."),
            code="not_csv",
        ) from error
    return list(found.values())


def put(hub: Hub, rows: list[Row]) -> None:
    """Write where postcodes lie; one that is known already moves."""

    def step(unit: HubUnit) -> None:
        for begin in range(0, len(rows), CHUNK):
            _PUT.run(unit.connection, rows[begin : begin + CHUNK])

    hub.database.write(step)


def _take(cells: dict[str, str], number: int, report: Report, found: dict[tuple[str, str], Row]) -> None:
    report.rows += 1
    said = {name: (cells.get(name) or "").strip() for name in HEAD}
    country, code = said["country"].upper(), tidy(said["postcode"])
    try:
        if not _COUNTRY.fullmatch(country):
            raise ValueError(_("country is no code of two letters"))
        if not code:
            raise ValueError(_("postcode is missing"))
        if len(found) >= ROWS:
            raise ValueError(_("more than {n} rows", n=ROWS))
        point = _degrees(said, "latitude", 90), _degrees(said, "longitude", 180)
    except ValueError as error:
        report.note(Fault(number, said["postcode"][:40], str(error)[:200], _("left out")), left_out=True)
        return
    found[country, code] = (country, code, *point)
    report.taken += 1


def _degrees(said: dict[str, str], name: str, most: int) -> int:
    match = _DEGREES.fullmatch(said[name])
    if match is None:
        raise ValueError(_("{name} is no number such as 53.8008", name=name))
    value = int(match[2]) * 100_000 + int((match[3] or "").ljust(5, "0")[:5])
    if value > most * 100_000:
        raise ValueError(_("{name} is too much", name=name))
    return -value if match[1] else value


def known_count(connection: Connection) -> int:
    """Return of how many postcodes, or beginnings of them, it is known where they lie."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(postcodes)).scalar_one())
