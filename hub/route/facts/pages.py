"""The pages of the routing rules: tables to edit, what a version would change, the load of each location.

Every change makes a new version that counts for nothing; from it a page leads to what it would change, and
from there it counts. So several changes can be made one after the other, looked at, and let count together.
"""

import io
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from hub.catalog.rows import names_of
from hub.console.web import OPS, csv_file, go_to, may, place_names, show
from hub.context import Hub
from hub.route.facts import accepts, current, places_csv, steps, words
from hub.route.facts.checks import said_key
from hub.route.facts.demand import demand_of, measured_us
from hub.route.facts.load import loads
from hub.route.facts.outcomes import STRENGTH
from hub.route.facts.parameters import ParameterSet, Row
from hub.route.facts.tables import TABLES, Table, cells_of, read_rows, row_from, said_by, table_of, written
from hub.route.what_if import steps as replays
from hub.route.what_if import words as replay_words
from hub.service.forms import Form, form_of
from hub.web import Anybody, Ops, TheHub
from protocol.clock import DAY_US
from protocol.errors import Invalid, OrderspineError
from protocol.kit.csv_text import MEGABYTE, text_of
from protocol.kit.product_csv import Fault, Report
from protocol.kit.text import _

PATH: Final = "/routing"
IMPORT_PATH: Final = "/routing/import"
POSTCODES_PATH: Final = "/routing/postcodes"
_PLACES: Final = frozenset({"location", "origin", "to", "removes"})
"""Columns that name a location: the form offers them."""
IMPORT_BYTES: Final = 4 * MEGABYTE
WIDE: Final = 8
"""Columns from which on a row is written as a sentence, so that it fits."""
BODIES: Final = {
    IMPORT_PATH: IMPORT_BYTES,
    POSTCODES_PATH: places_csv.BYTES,
    "/api/routing/sets": IMPORT_BYTES,
}
"""How large what is sent there may be."""
SHOWN: Final = 200
"""Rows of a table on a page; all of them are in its file."""

router = APIRouter(include_in_schema=False)
Version = Annotated[int, Path(ge=0, le=2**53)]
MaybeVersion = Annotated[str, Query(pattern=r"^\d{0,15}$")]
TableName = Annotated[str, Query(max_length=20, pattern=r"^[a-z]*$")]


@router.get(PATH)
def page(  # noqa: PLR0917 - each is a parameter of the address
    request: Request,
    hub: TheHub,
    person: Anybody,
    version: MaybeVersion = "",
    table: TableName = "general",
    row: Annotated[str, Query(max_length=300, pattern=r"^[^\x00]*$")] = "",
    said: Annotated[str, Query(pattern=r"^(active|made)?$")] = "",
) -> Response:
    """Show one table of a version; `row` names the one that the form shows."""
    with hub.database.read() as connection:
        values = _view(hub, connection, version, table_of(table), may_edit=may(person, OPS))
    chosen = values["said_set"]
    of_table = table_of(table)
    found = next((each for each in of_table.rows(chosen) if of_table.key_of(each) == row), None)
    if table == "general":
        found = chosen.general
    done = {
        "active": _("Version {n} counts now.", n=values["version"]),
        "made": _("Kept as version {n}. It does not count yet.", n=values["version"]),
    }.get(said, "")
    form = _form_for(of_table, found, hub.settings.currency)
    return show(request, "route/rules.html", said=done, form=form, **values)


@router.get("/routing/file/{table}.csv")
def file(
    hub: TheHub,
    _person: Anybody,
    table: Annotated[str, Path(max_length=20, pattern=r"^[a-z]+$")],
    version: MaybeVersion = "",
) -> Response:
    """Give a table as a file."""
    of_table = table_of(table)
    with hub.database.read() as connection:
        said = steps.set_of(connection, _version(connection, version))
    return csv_file(f"routing-{table}", of_table.head, list(written(of_table, said, hub.settings.currency)))


@router.post("/routing/row")
async def row_changed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Make a version in which a row is added, or takes the place of the one that spoke of the same."""
    form = await form_of(request)
    return await run_in_threadpool(_row_changed, request, hub, form, person.name)


@router.post("/routing/row/remove")
async def row_removed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Make a version without a row."""
    form = await form_of(request)
    table = table_of(form.get("table"))

    def without(said: ParameterSet) -> ParameterSet:
        rows = [row for row in table.rows(said) if table.key_of(row) != form.get("row")]
        return table.with_rows(said, rows)

    made = await run_in_threadpool(_made, hub, form.get("base"), without, person.name)
    return go_to(PATH, version=str(made), table=table.name, said="made")


@router.post(IMPORT_PATH)
async def import_file(request: Request, hub: TheHub, person: Ops) -> Response:
    """Read the file of a table, make a version of it, and show row by row what became of it."""
    async with request.form(max_files=1) as sent:
        name, data = await _file_of(sent)
        base, table = str(sent.get("base") or ""), str(sent.get("table") or "")
    return await run_in_threadpool(_imported, request, hub, (base, table, name, data), person.name)


@router.get("/routing/versions/{version}")
def what_changes(request: Request, hub: TheHub, person: Anybody, version: Version) -> Response:
    """Show what a version would change against the one that counts."""
    return _changes(request, hub, version, may_edit=may(person, OPS))


@router.post("/routing/versions/{version}/activate")
async def activate(request: Request, hub: TheHub, person: Ops, version: Version) -> Response:
    """Let a version that somebody has looked at count."""
    form = await form_of(request)
    seen = form.get("seen")
    if not seen.isdigit() or len(seen) > 15:
        raise Invalid(_("The form cannot be read."), _("Open the version again."), code="bad_form")
    await run_in_threadpool(steps.activate, hub, version, seen=int(seen), by=person.name)
    return go_to(PATH, version=str(version), said="active")


@router.get("/routing/load")
def load(request: Request, hub: TheHub, _person: Anybody) -> Response:
    """Show how much each location has to do."""
    with hub.database.read() as connection:
        rows = loads(hub, connection)
        measured = measured_us(connection)
    most = max([row.to_pick for row in rows], default=0)
    return show(request, "route/load.html", rows=rows, most=most, measured_us=measured)


@router.get("/routing/demand")
def demand(
    request: Request,
    hub: TheHub,
    _person: Anybody,
    sku: Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """Show what each location's own customers buy of an item."""
    with hub.database.read() as connection:
        rows = demand_of(connection, sku, hub.clock.now_us()) if sku else []
        names, item = place_names(connection), names_of(connection, [sku]).get(sku, sku)
        measured = measured_us(connection)
    most = max([row.rate_milli for row in rows], default=0)
    return show(
        request,
        "route/demand.html",
        sku=sku,
        item=item,
        rows=rows,
        most=most,
        names=names,
        measured_us=measured,
    )


@router.get("/routing/acceptance")
def acceptance(request: Request, hub: TheHub, _person: Anybody) -> Response:
    """Show how often each location really packs what it is asked for."""
    with hub.database.read() as connection:
        rows = accepts.learned(connection, current.book(connection, hub.spine.terms.promising))
        names = place_names(connection)
    return show(
        request,
        "route/accepts.html",
        rows=rows[:SHOWN],
        names=names,
        season_days=accepts.SEASON_US // DAY_US,
        strength=STRENGTH,
    )


@router.get(POSTCODES_PATH)
def postcodes(request: Request, hub: TheHub, person: Anybody) -> Response:
    """Show how many postcodes are known."""
    return _postcodes(request, hub, None, "", may_edit=may(person, OPS))


@router.post(POSTCODES_PATH)
async def import_postcodes(request: Request, hub: TheHub, person: Ops) -> Response:
    """Read a file that says where postcodes lie."""
    async with request.form(max_files=1) as sent:
        name, data = await _file_of(sent)
    return await run_in_threadpool(_postcodes_read, request, hub, name, data, may_edit=may(person, OPS))


async def _file_of(sent: FormData) -> tuple[str, bytes]:
    given = sent.get("file")
    if not isinstance(given, UploadFile):
        return "", b""
    return (given.filename or "")[:60], await given.read()


def _postcodes(request: Request, hub: Hub, report: Report | None, error: str, *, may_edit: bool) -> Response:
    with hub.database.read() as connection:
        known = places_csv.known_count(connection)
    return show(
        request,
        "route/postcodes.html",
        status_code=422 if error else 200,
        known=known,
        report=report,
        file_error=error,
        may_edit=may_edit,
    )


def _postcodes_read(request: Request, hub: Hub, name: str, data: bytes, *, may_edit: bool) -> Response:
    report = Report()
    try:
        places_csv.put(hub, places_csv.read(_text_of(name, data, places_csv.BYTES), report))
    except Invalid as error:
        return _postcodes(request, hub, None, f"{error.what} {error.remedy}", may_edit=may_edit)
    return _postcodes(request, hub, report, "", may_edit=may_edit)


def _text_of(name: str, data: bytes, limit: int) -> io.StringIO:
    return io.StringIO(text_of(data if name else b"", megabytes=limit // MEGABYTE), newline="")


def _row_changed(request: Request, hub: Hub, form: Form, by: str) -> Response:
    table = table_of(form.get("table"))
    try:
        row = row_from(table, form.texts, hub.settings.currency)
        old = form.get("row")

        def with_row(said: ParameterSet) -> ParameterSet:
            gone = {old, table.key_of(row)} if table.name != "general" else {""}
            others = [each for each in table.rows(said) if table.key_of(each) not in gone]
            return table.with_rows(said, [*others, row])

        made = _made(hub, form.get("base"), with_row, by)
        return go_to(PATH, version=str(made), table=table.name, said="made")
    except (ValueError, Invalid) as error:
        form.errors[""] = f"{error.what} {error.remedy}" if isinstance(error, OrderspineError) else str(error)
    with hub.database.read() as connection:
        values = _view(hub, connection, form.get("base"), table, may_edit=True)
    return show(request, "route/rules.html", status_code=422, form=form, **values)


def _made(hub: Hub, base: str, change: Callable[[ParameterSet], ParameterSet], by: str) -> int:
    with hub.database.read() as connection:
        version = _version(connection, base)
        said = change(steps.set_of(connection, version))
    return steps.make(hub, said, base=version, by=by)


def _imported(request: Request, hub: Hub, sent: tuple[str, str, str, bytes], by: str) -> Response:
    base, name_of_table, name, data = sent
    table, report, lines = table_of(name_of_table), Report(), dict[int, Row]()
    try:
        lines = read_rows(table, _text_of(name, data, IMPORT_BYTES), report, hub.settings.currency)
        made = _made(hub, base, lambda said: table.with_rows(said, lines.values()), by)
    except Invalid as error:
        _none_taken(report, table, lines, error)
        with hub.database.read() as connection:
            values = _view(hub, connection, base, table, may_edit=True)
        values |= {"file_error": f"{error.what} {error.remedy}", "report": report}
        form = _form_for(table, None, hub.settings.currency)
        return show(request, "route/rules.html", status_code=422, form=form, **values)
    return _changes(request, hub, made, may_edit=True, report=report, name=name)


def _none_taken(report: Report, table: Table, lines: Mapping[int, Row], error: Invalid) -> None:
    """Say in a report that no row was taken, and because of which."""
    report.left_out, report.taken = report.rows, 0
    wrong: Any = error.facts.get("rows", ())
    why = {row["key"]: row["why"] for row in wrong if row["table"] == table.name}
    for number, row in lines.items():
        key = said_key(table.key_of(row).split("|"))
        if key in why:
            report.faults.append(Fault(number, key, why[key], _("nothing of the file was taken")))


def _changes(
    request: Request,
    hub: Hub,
    version: int,
    *,
    may_edit: bool,
    report: Report | None = None,
    name: str = "",
) -> Response:
    terms = hub.spine.terms.promising
    with hub.database.read() as connection:
        counts = current.active_version(connection)
        said = steps.set_of(connection, version)
        changed = steps.changes(steps.set_of(connection, counts), said)
        books = current.book_of(connection, terms, counts), current.book_of(connection, terms, version)
        compared = replays.preview(hub, connection, *books)
        names = place_names(connection)
    return show(
        request,
        "route/changes.html",
        version=version,
        counts=counts,
        changed=[(words.table_word(each.table), each) for each in changed],
        compared=compared,
        sums=replay_words.sums(replays.said_of(compared)),
        names=names,
        report=report,
        name=name,
        may_edit=may_edit,
    )


def _version(connection: Connection, text: str) -> int:
    return int(text) if text.isdigit() and len(text) <= 15 else current.active_version(connection)


def _view(hub: Hub, connection: Connection, version: str, table: Table, *, may_edit: bool) -> dict[str, Any]:
    shown = _version(connection, version)
    said = steps.set_of(connection, shown)
    rows = table.rows(said)
    currency = hub.settings.currency
    return {
        "version": shown,
        "counts": current.active_version(connection),
        "since": steps.activated_us(connection),
        "said_set": said,
        "tables": [
            (each.name, words.table_word(each.name), 0 if each.name == "general" else len(each.rows(said)))
            for each in TABLES
        ],
        "table": table.name,
        "title_word": words.table_word(table.name),
        "says": words.table_says(table.name),
        "columns": [(column.head, words.column_word(column.head)) for column in table.columns],
        "rows": [(table.key_of(row), cells_of(table, row, currency)) for row in rows[:SHOWN]],
        "wide": [
            [(words.column_word(head), value) for head, value in said_by(table, row, currency)]
            for row in rows[:SHOWN]
            if len(table.columns) > WIDE
        ],
        "total": len(rows),
        "fields": _fields(table),
        "versions": steps.versions(connection),
        "names": place_names(connection),
        "may_edit": may_edit,
        "file_error": "",
        "report": None,
    }


def _fields(table: Table) -> list[dict[str, Any]]:
    return [
        {
            "head": column.head,
            "word": words.column_word(column.head),
            "hint": words.hint(table.name, column.head),
            "flag": column.kind == "flag",
            "place": column.head in _PLACES,
            "inputmode": {"whole": "numeric", "minor": "decimal", "share": "decimal"}.get(column.kind, ""),
        }
        for column in table.columns
    ]


def _form_for(table: Table, row: Row | None, currency: str) -> Form:
    form = Form()
    if row is not None:
        form.texts = dict(zip(table.head, cells_of(table, row, currency), strict=True))
        form.texts["row"] = table.key_of(row)
    return form
