"""The commands of a store: `orderspine edge …`.

Parse, call one function, print one answer. A deliberate error becomes two lines and an exit code that a
script can use: 2 bad usage or input, 3 refused, 75 try again later. A bug keeps its trace.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, ParamSpec

import typer
from rich.console import Console
from rich.table import Table

from edge_agent.context import Edge
from protocol.errors import Invalid, NotFound, OrderspineError
from protocol.people import StoreRole

P = ParamSpec("P")
edge_app = typer.Typer(
    no_args_is_help=True,
    help="Run and look after one store.",
    rich_markup_mode="markdown",
    epilog="Examples:  orderspine edge run --config store-1.toml   |   orderspine edge status --json",
)
person_app = typer.Typer(
    no_args_is_help=True,
    help="The people of this store.",
    epilog="Examples:  orderspine edge person add 'S. Rowe' --role lead   |   orderspine edge person list",
)
catalog_app = typer.Typer(
    no_args_is_help=True,
    help="What this store sells.",
    epilog="Examples:  orderspine edge catalog import products.csv --whole",
)
printer_app = typer.Typer(
    no_args_is_help=True,
    help="The printers of this store.",
    epilog="Examples:  orderspine edge printer add Counter 192.168.1.50 --port 9100",
)
edge_app.add_typer(person_app, name="person")
edge_app.add_typer(catalog_app, name="catalog")
edge_app.add_typer(printer_app, name="printer")

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The store's settings (TOML).", envvar="ORDERSPINE_EDGE_CONFIG"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
BAD_INPUT: Final = 2
REFUSED: Final = 3
TRY_AGAIN: Final = 75


def friendly(command: Callable[P, None]) -> Callable[P, None]:
    """Turn a deliberate error into two plain lines and its exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except OrderspineError as error:
            typer.echo(f"{error.what}\n  -> {error.remedy}  [{error.reason}]", err=True)
            bad_input = isinstance(error, Invalid) and not isinstance(error, NotFound)
            code = TRY_AGAIN if error.retryable else BAD_INPUT if bad_input else REFUSED
            raise typer.Exit(code) from error

    return run


@contextmanager
def opened(config: Path | None) -> Iterator[Edge]:
    """Open the store without its web side."""
    from edge_agent.app import parts
    from edge_agent.settings import load_settings

    edge = parts(load_settings(config))
    try:
        yield edge
    finally:
        edge.database.close()


def say(answer: dict[str, Any], *, as_json: bool, text: str) -> None:
    """Print an answer for a program or for a person."""
    typer.echo(json.dumps(answer) if as_json else text)


@edge_app.command(epilog="Example: `orderspine edge run --config store-1.toml`")
@friendly
def run(config: Config = None) -> None:
    """Serve the store until it is told to stop."""
    from edge_agent.app import build
    from edge_agent.settings import load_settings
    from protocol.kit.logs import set_up_logs
    from protocol.kit.web.server import run_uvicorn

    settings = load_settings(config)
    set_up_logs()
    app = build(settings)
    run_uvicorn(app, settings.host, settings.port, on_stop=[app.state.edge.broadcaster.close])


@edge_app.command(epilog="Example: `orderspine edge init --config store-1.toml --name 'A. Osei'`")
@friendly
def init(
    config: Config = None,
    name: Annotated[str, typer.Option(help="The first manager.")] = "Manager",
    pin: Annotated[str, typer.Option(help="Their PIN; left out, one is made and shown once.")] = "",
    as_json: AsJson = False,
) -> None:
    """Prepare the data folder and add the first manager. There is no default password."""
    from edge_agent.app import session_secret
    from edge_agent.people import rows
    from edge_agent.people.steps import add_person, new_pin
    from protocol.errors import Refused

    with opened(config) as edge:
        if rows.everybody(edge.database.read()):
            raise Refused(
                "This store has people already.",
                "Add more with `orderspine edge person add`.",
                code="has_people",
            )
        session_secret(edge.settings, edge.ids)
        chosen = pin or new_pin(edge.ids)
        person = add_person(edge, name=name, role=StoreRole.MANAGER, pin=chosen)
        answer = {"edge": edge.settings.edge, "person_id": person.person_id, "pin": "" if pin else chosen}
        shown = "" if pin else f"\nPIN: {chosen}   (shown once; change it with `orderspine edge person pin`)"
        say(
            answer,
            as_json=as_json,
            text=f"{edge.settings.store_name} is ready. Manager: {person.name}{shown}",
        )


@person_app.command("add", epilog="Example: `orderspine edge person add 'S. Rowe' --role lead --pin 4711`")
@friendly
def person_add(  # noqa: PLR0917 - one option each
    name: str,
    config: Config = None,
    role: StoreRole = StoreRole.ASSOCIATE,
    pin: Annotated[str, typer.Option(help="4 to 12 digits; left out, it is asked for.")] = "",
    badge: Annotated[str, typer.Option(help="What their badge says when scanned.")] = "",
    language: str = "en",
    as_json: AsJson = False,
) -> None:
    """Add somebody to this store."""
    from edge_agent.people.steps import add_person

    chosen = pin or typer.prompt("PIN", hide_input=True, confirmation_prompt=True)
    with opened(config) as edge:
        person = add_person(edge, name=name, role=role, pin=chosen, badge=badge or None, language=language)
        answer = {"person_id": person.person_id, "name": person.name, "role": person.role.value}
        say(answer, as_json=as_json, text=f"{person.name} may sign in as {person.role} ({person.person_id}).")


@person_app.command("list", epilog="Example: `orderspine edge person list --json`")
@friendly
def person_list(config: Config = None, as_json: AsJson = False) -> None:
    """List the people of this store."""
    from edge_agent.people import rows

    with opened(config) as edge:
        people = rows.everybody(edge.database.read(), active_only=False)
        if as_json:
            plain = [{"person_id": p.person_id, "name": p.name, "role": p.role.value} for p in people]
            typer.echo(json.dumps({"people": plain}))
            return
        _print_table(("id", "name", "role"), [(p.person_id, p.name, p.role.value) for p in people])


@person_app.command("pin", epilog="Example: `orderspine edge person pin a-osei`")
@friendly
def person_pin(
    person_id: str,
    config: Config = None,
    pin: Annotated[str, typer.Option(help="4 to 12 digits; left out, it is asked for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Give somebody a new PIN and lift their lock."""
    from edge_agent.people.steps import change_pin

    chosen = pin or typer.prompt("New PIN", hide_input=True, confirmation_prompt=True)
    with opened(config) as edge:
        change_pin(edge, person_id, chosen)
        say({"person_id": person_id}, as_json=as_json, text=f"{person_id} has a new PIN.")


@catalog_app.command("import", epilog="Example: `orderspine edge catalog import products.csv --whole`")
@friendly
def catalog_import(
    file: Path,
    config: Config = None,
    whole: Annotated[bool, typer.Option(help="What the file does not name is no longer sold.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a CSV file over as the next version, with a report of every row that has a fault.

    Columns: sku, name, price; if wanted barcodes (separated by |), tax_rate, kind, category, bin, cost,
    active.
    """
    from edge_agent.catalog.steps import import_csv

    if not file.is_file():
        raise Invalid(f"There is no file {file}.", "Give the path of a CSV file.", code="no_file")
    console = Console(stderr=True, quiet=as_json)
    with opened(config) as edge, console.status("Reading products …") as status:
        done = import_csv(
            edge,
            file,
            whole=whole,
            by="cli",
            progress=lambda count: status.update(f"{count:,} products read …"),
        )
    report = done.report
    faults = [{"row": f.row, "sku": f.sku, "wrong": f.wrong, "done": f.done} for f in report.faults]
    answer = {
        "version": done.in_force.version,
        "rows": report.rows,
        "taken": report.taken,
        "left_out": report.left_out,
        "corrected": report.corrected,
        "changed": done.in_force.changed,
        "left_range": done.in_force.left_range,
        "faults": faults,
    }
    if faults and not as_json:
        _print_table(
            ("row", "sku", "wrong", "done"), [tuple(str(value) for value in f.values()) for f in faults]
        )
    text = (
        f"Version {done.in_force.version}: {report.taken:,} of {report.rows:,} rows taken,"
        f" {done.in_force.changed:,} products changed, {report.left_out:,} rows left out."
    )
    say(answer, as_json=as_json, text=text)


@printer_app.command("add", epilog="Example: `orderspine edge printer add Counter 192.168.1.50 --port 9100`")
@friendly
def printer_add(  # noqa: PLR0913, PLR0917 - one option each
    name: str,
    host: str,
    config: Config = None,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 9100,
    profile: Annotated[str, typer.Option(help="What kind of printer it is.")] = "epson_80",
    purposes: Annotated[str, typer.Option(help="What it prints, separated by commas.")] = "receipt",
    transport: Annotated[
        str, typer.Option(help="tcp; or device, serial, file: then HOST is the path.")
    ] = "tcp",
    station: Annotated[str, typer.Option(help="The till it stands at; empty for all.")] = "",
    backup: Annotated[str, typer.Option(help="The printer that stands in for it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a printer; a running store takes it up within a second."""
    from edge_agent.paper.rows import PrinterRow
    from edge_agent.paper.rules import check_purposes
    from edge_agent.paper.steps import put_printer
    from edge_agent.paper.ways import check_way
    from printing.profiles import profile_of

    profile_of(profile)
    wanted = check_purposes([word.strip() for word in purposes.split(",") if word.strip()])
    with opened(config) as edge:
        way = {"host": host, "path": ""} if transport == "tcp" else {"host": "", "path": host}
        row = PrinterRow("", name, way["host"], port, profile, wanted, active=True)
        row = replace(row, transport=transport, path=way["path"], station=station, backup=backup)
        check_way(row)
        added = edge.database.write(lambda unit: put_printer(unit, edge, row))
        answer = {"printer_id": added.printer_id, "name": name, "host": host, "port": port}
        say(answer, as_json=as_json, text=f"{name} prints at {added.address} ({added.printer_id}).")


@printer_app.command("list", epilog="Example: `orderspine edge printer list`")
@friendly
def printer_list(config: Config = None, as_json: AsJson = False) -> None:
    """List the printers of this store."""
    from edge_agent.paper.rows import printers

    with opened(config) as edge:
        found = printers(edge.database.read())
        if as_json:
            plain = [
                {"printer_id": p.printer_id, "name": p.name, "host": p.host, "port": p.port} for p in found
            ]
            typer.echo(json.dumps({"printers": plain}))
            return
        _print_table(("id", "name", "address"), [(p.printer_id, p.name, f"{p.host}:{p.port}") for p in found])


@edge_app.command(epilog="Example: `orderspine edge rebuild --check`")
@friendly
def rebuild(
    config: Config = None,
    check: Annotated[bool, typer.Option(help="Compare and throw the new tables away.")] = True,
    out: Annotated[Path | None, typer.Option(help="Keep the rebuilt database in this new file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the tables anew from the log and compare them with those in use."""
    from edge_agent.rebuild import rebuild as play
    from edge_agent.settings import load_settings
    from protocol.errors import Refused

    if out is None and not check:
        raise Invalid("Say where the rebuilt tables go.", "Give --out FILE, or --check.", code="no_target")
    if out is not None and out.exists():
        raise Refused(f"{out} exists already.", "Give the name of a new file.", code="exists")
    source = load_settings(config).database_file
    if not source.is_file():
        raise NotFound(f"There is no store in {source}.", "Check data_dir in the settings.", code="no_store")
    with tempfile.TemporaryDirectory() as folder:
        done = play(source, out or Path(folder) / "rebuilt.db")
    answer = {
        "events": done.events,
        "rows": done.rows,
        "equal": not done.differences,
        "differences": [f"{one.table}: {one.row}" for one in done.differences],
    }
    lines = [f"{done.events:,} events played.", *answer["differences"]]  # type: ignore[misc]  # a list of texts
    lines.append("The tables are what the log says." if not done.differences else "The tables DIFFER.")
    say(answer, as_json=as_json, text="\n".join(lines))
    if done.differences:
        raise typer.Exit(REFUSED)


@edge_app.command(epilog="Example: `orderspine edge status --json`")
@friendly
def status(config: Config = None, as_json: AsJson = False) -> None:
    """Say how this store is doing, from its own file; it need not be running."""
    from edge_agent.catalog.rows import applied
    from edge_agent.frame import unsent

    with opened(config) as edge:
        connection = edge.database.read()
        waiting, catalog = unsent(connection), applied(connection)
        answer = {
            "edge": edge.settings.edge,
            "unsent": waiting.count,
            "oldest_us": waiting.oldest_us,
            "last_ack_us": waiting.last_ack_us,
            "catalog_version": catalog.version if catalog else None,
            "orders": connection.execute("SELECT count(*) FROM orders").fetchone()[0],
            "open_tills": [
                row[0]
                for row in connection.execute(
                    "SELECT DISTINCT till FROM till_sessions WHERE state <> 'closed'"
                )
            ],
            "quarantine": waiting.quarantine,
        }
        rows = [(name, str(value)) for name, value in answer.items()]
        if as_json:
            typer.echo(json.dumps(answer))
        else:
            _print_table(("", edge.settings.store_name), rows)


def _print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(*head)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


from edge_agent import cli_lives as _cli_lives  # noqa: E402, F401 - attaches its commands
