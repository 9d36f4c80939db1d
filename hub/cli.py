"""The commands of the hub: `orderspine hub …`.

Parse, call one function, print one answer. A deliberate error becomes two lines and an exit code that a
script can use: 2 bad usage or input, 3 refused, 75 try again later. A bug keeps its trace.
"""

import getpass
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, ParamSpec

import typer
from rich.console import Console
from rich.table import Table

from hub.context import Hub
from protocol.errors import Invalid, NotFound, OrderspineError
from protocol.people import HubRole

P = ParamSpec("P")
hub_app = typer.Typer(
    no_args_is_help=True,
    help="Run and look after the hub.",
    rich_markup_mode="markdown",
    epilog="Examples:  orderspine hub run --config hub.toml   |   orderspine hub status --json",
)
person_app = typer.Typer(
    no_args_is_help=True,
    help="Who may sign in at the hub.",
    epilog="Examples:  orderspine hub person add 'A. Osei' --role ops   |   orderspine hub person list",
)
location_app = typer.Typer(
    no_args_is_help=True,
    help="Stores and warehouses, and their credentials.",
    epilog="Examples:  orderspine hub location add store-1 --code LB --name 'Lamb Street' --out secrets/",
)
catalog_app = typer.Typer(
    no_args_is_help=True,
    help="What the stores sell.",
    epilog="Examples:  orderspine hub catalog import products.csv --publish",
)
parked_app = typer.Typer(
    no_args_is_help=True,
    help="Events that were set aside.",
    epilog="Examples:  orderspine hub parked list   |   orderspine hub parked replay store-1 412",
)
token_app = typer.Typer(
    no_args_is_help=True,
    help="Tokens of programs that use the API.",
    epilog="Examples:  orderspine hub token add reporting --role finance --out token",
)
for _name, _app in (
    ("person", person_app),
    ("location", location_app),
    ("catalog", catalog_app),
    ("parked", parked_app),
    ("token", token_app),
):
    hub_app.add_typer(_app, name=_name)

Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The hub's settings (TOML).", envvar="ORDERSPINE_HUB_CONFIG"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
PasswordFile = Annotated[
    Path | None,
    typer.Option("--password-file", help="Read the password from this file; else it is asked for."),
]
OfLife = Annotated[
    str, typer.Option("--life", help="Which life of a restored store (see the list); else what waits.")
]
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
def opened(config: Path | None) -> Iterator[Hub]:
    """Open the hub without its web side."""
    from hub.app import parts
    from hub.settings import load_settings

    hub = parts(load_settings(config))
    try:
        yield hub
    finally:
        hub.database.close()


def say(answer: dict[str, Any], *, as_json: bool, text: str) -> None:
    """Print an answer for a program or for a person."""
    typer.echo(json.dumps(answer) if as_json else text)


def table(*columns: str) -> Table:
    """Return an empty table for a terminal."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column.endswith("#") else "left")
    return made


@hub_app.command(epilog="Example: `orderspine hub run --config hub.toml`")
@friendly
def run(config: Config = None) -> None:
    """Serve the hub until it is told to stop."""
    from hub.app import build
    from hub.settings import load_settings
    from hub.worker import collect_less
    from protocol.kit.logs import set_up_logs
    from protocol.kit.web.server import run_uvicorn

    settings = load_settings(config)
    set_up_logs()
    app = build(settings)
    collect_less()
    run_uvicorn(app, settings.host, settings.port, on_stop=[app.state.hub.broadcaster.close])


@hub_app.command(epilog="Example: `orderspine hub worker --config hub-2.toml`")
@friendly
def worker(config: Config = None) -> None:
    """Apply events in a second process; needs PostgreSQL."""
    from hub.settings import load_settings
    from hub.worker import run_worker
    from protocol.kit.logs import set_up_logs

    set_up_logs()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    run_worker(load_settings(config), stopping)


@hub_app.command(epilog="Example: `orderspine hub init --config hub.toml --admin 'S. Rowe'`")
@friendly
def init(
    admin: Annotated[str, typer.Option("--admin", help="Name of the first person; may do everything.")],
    config: Config = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Make the database, the chart of accounts and the first person."""
    from hub.ledger.chart import mapping_of
    from hub.people.steps import add_person

    password = _password(password_file)
    with opened(config) as hub:
        person_id = add_person(hub, name=admin, role=HubRole.ADMIN, password=password)
        hub.database.write(lambda unit: mapping_of(unit.connection, hub.settings.entity))
    say({"person_id": person_id}, as_json=as_json, text=f"The hub is ready; {admin} may sign in.")


@hub_app.command(epilog="Example: `orderspine hub migrate --config hub.toml`")
@friendly
def migrate(config: Config = None, as_json: AsJson = False) -> None:
    """Bring the database to the schema of this version; starting the hub does it as well."""
    from hub.schema import newest_version

    with opened(config):
        newest = newest_version()
    say({"version": newest}, as_json=as_json, text=f"The database is at {newest}.")


@hub_app.command(epilog="Example: `orderspine hub status --json`")
@friendly
def status(config: Config = None, as_json: AsJson = False) -> None:
    """Show the totals and how complete every store's stream is."""
    from hub.console.reads import summary
    from hub.spine.reads import completeness

    with opened(config) as hub, hub.database.read() as connection:
        found = asdict(summary(connection))
        streams = [asdict(stream) | {"missing": stream.missing} for stream in completeness(connection)]
    if as_json:
        typer.echo(json.dumps(found | {"streams": streams}))
        return
    shown = table("figure", "value #")
    for name, value in found.items():
        shown.add_row(name.replace("_", " "), f"{value:,}")
    Console().print(shown)
    lines = table("store", "state", "applied #", "newest #", "missing #")
    for stream in streams:
        lines.add_row(*(str(stream[name]) for name in ("edge", "state", "upto", "newest", "missing")))
    Console().print(lines)


@hub_app.command(epilog="Example: `orderspine hub verify`")
@friendly
def verify(config: Config = None, as_json: AsJson = False) -> None:
    """Make all tables anew from the log and say what differs; exits 1 when something does."""
    from hub.rebuild import verify as compare

    with opened(config) as hub:
        found = compare(hub)
    text = ", ".join(f"{name}: {count} rows" for name, count in found.items())
    say({"differences": found}, as_json=as_json, text=text or "The tables are what the log says.")
    if found:
        raise typer.Exit(1)


@person_app.command("add", epilog="Example: `orderspine hub person add 'A. Osei' --role ops`")
@friendly
def add_somebody(
    name: Annotated[str, typer.Argument(help="As it is shown.")],
    role: Annotated[HubRole, typer.Option("--role", help="ops, finance or admin.")] = HubRole.OPS,
    config: Config = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody sign in."""
    from hub.people.steps import add_person

    password = _password(password_file)
    with opened(config) as hub:
        person_id = add_person(hub, name=name, role=role, password=password)
    say({"person_id": person_id}, as_json=as_json, text=f"{name} may sign in as {role.value}.")


@person_app.command("list", epilog="Example: `orderspine hub person list`")
@friendly
def list_people(config: Config = None, as_json: AsJson = False) -> None:
    """List who may sign in."""
    from hub.people.steps import everybody

    with opened(config) as hub:
        people = everybody(hub)
    if as_json:
        typer.echo(json.dumps({"people": [asdict(person) for person in people]}))
        return
    shown = table("name", "role", "active")
    for person in people:
        shown.add_row(person.name, person.role, "yes" if person.active else "no")
    Console().print(shown)


@location_app.command(
    "add",
    epilog="Example: `orderspine hub location add store-1 --code LB --name 'Lamb Street' --out secrets/`",
)
@friendly
def add_a_location(  # noqa: PLR0913, PLR0917 - each is an option of the command
    edge: Annotated[str, typer.Argument(help="Name of its edge: a-z, 0-9 and '-'.")],
    code: Annotated[str, typer.Option("--code", help="2 to 4 capitals in front of its numbers.")],
    name: Annotated[str, typer.Option("--name", help="As it is shown.")],
    kind: Annotated[str, typer.Option("--kind", help="store or warehouse.")] = "store",
    entity: Annotated[str, typer.Option("--entity", help="Legal entity; the hub's own when left out.")] = "",
    out: Annotated[Path, typer.Option("--out", help="Folder for its two credential files.")] = Path(),
    own_block: Annotated[
        bool, typer.Option("--own-block", help="Its settings give its cartons a block of their own.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Register a location and write its credentials to two files; they are never shown again."""
    from hub.fleet.credentials import Credentials
    from hub.fleet.steps import NewLocation, add_location
    from hub.fleet.welcome import welcome

    with opened(config) as hub:
        new = NewLocation(
            edge=edge,
            code=code,
            name=name,
            kind=kind,
            entity=entity or hub.settings.entity,
            zone=hub.settings.zone,
            own_block=own_block,
        )

        def step(unit: Any) -> Credentials:
            made = add_location(unit, new, clock=hub.clock, ids=hub.ids)
            welcome(hub, unit, edge)
            return made

        credentials = hub.database.write(step)
    out.mkdir(parents=True, exist_ok=True)
    files = {"mqtt": out / f"{edge}.mqtt", "token": out / f"{edge}.token"}
    _write_secret(files["mqtt"], credentials.mqtt_password)
    _write_secret(files["token"], credentials.token)
    say(
        {name: str(file) for name, file in files.items()},
        as_json=as_json,
        text=f"{edge} is registered. Bring {files['mqtt']} and {files['token']} to its PC.",
    )


@location_app.command(
    "broker-file",
    epilog="Example: `orderspine hub location broker-file > /etc/mosquitto/orderspine.passwords`",
)
@friendly
def broker_file(config: Config = None) -> None:
    """Print the password file of the broker for every active location."""
    from hub.fleet.steps import password_lines

    with opened(config) as hub, hub.database.read() as connection:
        for line in password_lines(connection):
            typer.echo(line)


@location_app.command("revoke", epilog="Example: `orderspine hub location revoke store-7`")
@friendly
def shut_out(edge: str, config: Config = None, as_json: AsJson = False) -> None:
    """Shut a location out, such as one whose computer was stolen; what it has told stays on record."""
    from hub.fleet.steps import revoke

    with opened(config) as hub:
        hub.database.write(lambda unit: revoke(unit, edge))
    next_step = "Write the broker's password file again: `orderspine hub location broker-file`."
    say({"revoked": edge}, as_json=as_json, text=f"{edge} is shut out. {next_step}")


@catalog_app.command("import", epilog="Example: `orderspine hub catalog import products.csv --publish`")
@friendly
def import_catalog(
    file: Annotated[Path, typer.Argument(help="CSV with at least sku, name and price.")],
    publish: Annotated[bool, typer.Option("--publish", help="Tell the stores at once.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Take products over from a CSV file; every row with a fault is named."""
    from hub.catalog import steps

    if not file.is_file():
        raise Invalid(f"There is no file {file}.", "Give the path of a CSV file.", code="no_file")
    with opened(config) as hub:
        with file.open(encoding="utf-8-sig", newline="") as source:
            report = steps.import_csv(hub, source)
        done = steps.publish(hub, by=_who()) if publish else None
    for fault in report.faults:
        typer.echo(f"row {fault.row} {fault.sku}: {fault.wrong} ({fault.done})", err=True)
    answer: dict[str, Any] = asdict(report) | {"published": asdict(done) if done else None}
    text = f"{report.taken} of {report.rows} rows taken over."
    say(answer, as_json=as_json, text=f"{text} Published as version {done.version}." if done else text)


@catalog_app.command("publish", epilog="Example: `orderspine hub catalog publish`")
@friendly
def publish_catalog(config: Config = None, as_json: AsJson = False) -> None:
    """Make a version of what is known and tell every store."""
    from hub.catalog import steps

    with opened(config) as hub:
        done = steps.publish(hub, by=_who())
    say(
        asdict(done),
        as_json=as_json,
        text=f"Version {done.version}: {done.products} products for {done.locations} locations.",
    )


@parked_app.command("list", epilog="Example: `orderspine hub parked list --json`")
@friendly
def list_parked(config: Config = None, as_json: AsJson = False) -> None:
    """List events that were set aside and wait."""
    from hub.link.repair import listed

    names = ("edge", "inc", "seq", "kind", "code", "detail")
    with opened(config) as hub, hub.database.read() as connection:
        found = [{name: getattr(row, name) for name in names} for row in listed(connection)]
    if as_json:
        typer.echo(json.dumps({"parked": found}))
        return
    shown = table("store", "number #", "life", "kind", "why", "detail")
    for row in found:
        shown.add_row(*(str(row[name]) for name in ("edge", "seq", "inc", "kind", "code", "detail")))
    Console().print(shown)


@parked_app.command("show", epilog="Example: `orderspine hub parked show store-1 412`")
@friendly
def show_parked(edge: str, seq: int, life: OfLife = "", config: Config = None) -> None:
    """Print the bytes of an event that was set aside, exactly as they came."""
    from hub.link.repair import shown

    with opened(config) as hub, hub.database.read() as connection:
        row = shown(connection, edge, seq, life)
    sys.stdout.buffer.write(bytes(row.bytes) + b"\n")


@parked_app.command("replay", epilog="Example: `orderspine hub parked replay store-1 412`")
@friendly
def replay_parked(
    edge: str, seq: int, life: OfLife = "", config: Config = None, as_json: AsJson = False
) -> None:
    """Apply an event after what was in its way is repaired; what waited behind it follows."""
    from hub.link.repair import replay

    with opened(config) as hub:
        done = replay(hub, edge, seq, inc=life, by=_who())
    say(asdict(done), as_json=as_json, text=f"{done.applied} applied, {done.left} still set aside.")


@parked_app.command(
    "discard", epilog="Example: `orderspine hub parked discard store-1 412 --note 'sent twice'`"
)
@friendly
def discard_parked(  # noqa: PLR0917 - one command in the order of its options
    edge: str,
    seq: int,
    note: Annotated[str, typer.Option("--note", help="Why; it is kept.")],
    life: OfLife = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Give an event up for good; its bytes stay."""
    from hub.link.repair import discard

    with opened(config) as hub:
        done = discard(hub, edge, seq, inc=life, note=note, by=_who())
    say(
        asdict(done), as_json=as_json, text=f"Discarded. {done.applied} applied, {done.left} still set aside."
    )


@token_app.command("add", epilog="Example: `orderspine hub token add reporting --role finance --out token`")
@friendly
def add_a_token(
    name: Annotated[str, typer.Argument(help="Name of the program.")],
    role: Annotated[HubRole, typer.Option("--role", help="ops, finance or admin.")] = HubRole.OPS,
    out: Annotated[Path | None, typer.Option("--out", help="Write it to this file instead.")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Give a program a token; it is shown once."""
    from hub.people.steps import add_token

    with opened(config) as hub:
        token = add_token(hub, name=name, role=role)
    if out is not None:
        _write_secret(out, token)
        say({"file": str(out)}, as_json=as_json, text=f"The token of {name} is in {out}.")
        return
    say({"token": token}, as_json=as_json, text=token)


@token_app.command("revoke", epilog="Example: `orderspine hub token revoke reporting`")
@friendly
def revoke_a_token(name: str, config: Config = None, as_json: AsJson = False) -> None:
    """Make a program's token worth nothing."""
    from hub.people.steps import revoke_token

    with opened(config) as hub:
        revoke_token(hub, name=name)
    say({"revoked": name}, as_json=as_json, text=f"The token of {name} is worth nothing now.")


def _password(file: Path | None) -> str:
    if file is None:
        return getpass.getpass("Password: ")
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Invalid(f"The password in {file} cannot be read.", "Check the path.", code="no_file") from error


def _write_secret(file: Path, secret: str) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(secret + "\n")


def _who() -> str:
    try:
        return f"command line ({getpass.getuser()})"
    except (KeyError, OSError):  # a container may run as somebody without a name
        return "command line"


from hub import cli_books as _cli_books  # noqa: E402, F401 - attaches its commands
from hub import cli_lives as _cli_lives  # noqa: E402, F401 - attaches its commands
from hub import cli_route as _cli_route  # noqa: E402, F401 - as above
