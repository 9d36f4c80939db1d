"""The rules of lending as a CSV file, out and in, with a report that names every row with a fault.

    applies_to,name,location,share,cap,least,cover,refill_minutes,last_units,kept_units,safety_stock,company_threshold
    category,Coats,,50%,6,1,2,60,store,2,1,3

Only `applies_to` is needed; what a row leaves empty is left to other rules. A file is a whole: the rules that
are not in it end. Nothing counts before somebody has seen what it changes.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import IO, Final

from pydantic import ValidationError

from protocol.errors import Invalid
from protocol.kit.product_csv import Fault, Report
from protocol.kit.text import _
from protocol.lending import RULES, LendingRule

HEAD: Final = (
    "applies_to", "name", "location", "share", "cap", "least", "cover", "refill_minutes", "last_units",
    "kept_units", "safety_stock", "company_threshold",
)  # fmt: skip
FIELD_LIMIT: Final = 1_000
_DECIMAL: Final = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]{1,4}))?")
_WHOLE: Final = re.compile(r"[0-9]{1,9}")


def written(rules: Iterable[LendingRule]) -> Iterator[tuple[object, ...]]:
    """Return the rows of a file."""
    for rule in rules:
        yield (
            rule.scope,
            rule.name,
            rule.location,
            "" if rule.share_ppm is None else f"{_plain(rule.share_ppm, 10_000)}%",
            _or_empty(rule.cap),
            _or_empty(rule.least),
            "" if rule.k_milli is None else _plain(rule.k_milli, 1_000),
            _or_empty(rule.refill_minutes),
            "" if rule.last_units is None else rule.last_units.value,
            _or_empty(rule.kept_units),
            _or_empty(rule.safety_stock),
            _or_empty(rule.company_threshold),
        )


def read_rules(source: IO[str], report: Report) -> list[LendingRule]:
    """Return the rules of a file, filling in the report.

    Raises:
        Invalid: it is not such a file.
    """
    csv.field_size_limit(FIELD_LIMIT)
    rows = csv.reader(source)
    try:
        head = [name.strip().lower().removeprefix("\ufeff") for name in next(rows, [])]
        if "applies_to" not in head:
            raise Invalid(
                _("The file has no column {name}.", name="applies_to"),
                _("Its first line names the columns: {columns}.", columns=", ".join(HEAD)),
                code="missing_column",
            )
        found: dict[tuple[str, str, str], LendingRule] = {}
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


def rule_from(cells: dict[str, str]) -> LendingRule:
    """Return the rule that a row, or a form, says.

    Raises:
        ValueError: says which value cannot be used.
    """
    said = {name: (cells.get(name) or "").strip() for name in HEAD}
    scope = said["applies_to"].lower()
    if scope not in ("all", "category", "sku"):
        raise ValueError(_("applies_to must be all, category or sku"))
    values = {
        "scope": scope,
        "name": said["name"],
        "location": said["location"],
        "share_ppm": _scaled(said, "share", 10_000),
        "k_milli": _scaled(said, "cover", 1_000),
        "last_units": said["last_units"].lower() or None,
        **{name: _whole(said, name) for name in _COUNTS},
    }
    try:
        return LendingRule.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{_COLUMN.get(str(first['loc'][0]), first['loc'][0])}: {first['msg']}") from error


_COUNTS: Final = ("cap", "least", "refill_minutes", "kept_units", "safety_stock", "company_threshold")
_COLUMN: Final = {"share_ppm": "share", "k_milli": "cover", "scope": "applies_to"}


def _take(
    cells: dict[str, str], number: int, report: Report, found: dict[tuple[str, str, str], LendingRule]
) -> None:
    report.rows += 1
    named = (cells.get("name") or cells.get("applies_to") or "").strip()[:64]
    try:
        rule = rule_from(cells)
        if rule.key in found:
            raise ValueError(_("an earlier row speaks of the same"))
        if len(found) >= RULES:
            raise ValueError(_("more than {n} rules", n=RULES))
    except ValueError as error:
        report.note(Fault(number, named, str(error)[:200], _("left out")), left_out=True)
        return
    found[rule.key] = rule
    report.taken += 1


def _scaled(said: dict[str, str], name: str, scale: int) -> int | None:
    text = said[name].removesuffix("%").strip()
    if not text:
        return None
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise ValueError(_("{name} is no number such as 50 or 1.5", name=name))
    part = (match[2] or "").ljust(4, "0")
    return int(match[1]) * scale + int(part) * scale // 10_000


def _whole(said: dict[str, str], name: str) -> int | None:
    text = said[name]
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise ValueError(_("{name} is no whole number", name=name))
    return int(text)


def _plain(value: int, scale: int) -> str:
    whole, rest = divmod(value, scale)
    digits = f"{rest * 10_000 // scale:04d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _or_empty(value: int | None) -> int | str:
    return "" if value is None else value
