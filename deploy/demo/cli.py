"""The `orderspine demo` commands. Talk goes to stderr; with `--json`, stdout has one object, nothing else."""

import json
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from protocol.errors import Invalid

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.demo.supervisor import Say

demo_app = typer.Typer(
    name="demo",
    help="Run three stores, a warehouse and the hub on this machine.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
)
FOLDER: Final = Path("demo-data")
CHECK_FAILED: Final = 1
TERMINATED: Final = 143
Folder = Annotated[Path, typer.Option("--folder", help="Where the demo keeps everything.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
PlaceName = Annotated[str, typer.Argument(help="store-1, store-2, store-3 or warehouse.")]


@demo_app.callback(
    epilog="Examples:  orderspine demo   |   orderspine demo --once --json   |   "
    "orderspine demo --replay 2010-12.csv.gz --stores 4 --cut store-2@0.3-0.6 --json"
)
def demo(  # noqa: PLR0913, PLR0917 - the options of one command
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where to keep everything; default demo-data.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Delete the folder first and start afresh.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Play a day, check it, and end.")] = False,
    replay: Annotated[
        Path | None, typer.Option("--replay", help="Replay an Online Retail file, check it, and end.")
    ] = None,
    stores: Annotated[int, typer.Option("--stores", help="How many stores share the file.")] = 3,
    cut: Annotated[
        list[str] | None,
        typer.Option("--cut", help="store-2@0.3-0.6: cut off for that share of the orders; repeatable."),
    ] = None,
    kill: Annotated[
        list[str] | None,
        typer.Option("--kill", help="hub@0.5, edge@0.4, broker@0.6: kill -9 there; repeatable."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="For opening stock and the associates' tempers.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Run three stores, a warehouse and the hub on this machine; Ctrl+C stops everything."""
    if context.invoked_subcommand is not None:
        return
    if once and replay is not None:
        raise Invalid("A day and a replay cannot be played at once.", "Leave out --once or --replay.")
    if not once and replay is None:
        from deploy.demo.interactive import run_demo

        run_demo(folder or FOLDER, reset=reset, console=_stderr())
        return
    said = _self_playing(replay, stores, cut or [], kill or [], folder=folder, seed=seed)
    _print_result(said["result"], as_json=as_json)
    if said["reasons"]:
        sys.stderr.write("\n".join(said["reasons"]) + "\n")
        raise typer.Exit(CHECK_FAILED)


@demo_app.command("cut", epilog="Examples:  orderspine demo cut store-2")
def cut_off(name: PlaceName, folder: Folder = FOLDER, as_json: AsJson = False) -> None:
    """Cut a location off from the broker and the hub. It goes on selling."""
    _tell(
        folder,
        "cut",
        name,
        f"{name} is cut off. Sell there, then: orderspine demo restore {name}",
        as_json=as_json,
    )


@demo_app.command("restore", epilog="Examples:  orderspine demo restore store-2")
def restore(name: PlaceName, folder: Folder = FOLDER, as_json: AsJson = False) -> None:
    """Give a location its line back. The hub catches up by itself."""
    _tell(folder, "restore", name, f"{name} has its line back; watch the hub catch up.", as_json=as_json)


@demo_app.command("kill", epilog="Examples:  orderspine demo kill hub   |   orderspine demo kill store-1")
def kill_process(
    name: Annotated[str, typer.Argument(help="hub, broker, or a location.")],
    folder: Folder = FOLDER,
    as_json: AsJson = False,
) -> None:
    """Kill a program without a warning (kill -9). It is started again at once."""
    _tell(folder, "kill", name, f"{name} was killed and is starting again.", as_json=as_json)


@demo_app.command("status", epilog="Examples:  orderspine demo status   |   orderspine demo status --json")
def status(folder: Folder = FOLDER, as_json: AsJson = False) -> None:
    """Say what runs, where, and which lines are cut."""
    from deploy.demo.control import tell

    said = tell(folder, "status")
    if as_json:
        _write(said)
        return
    typer.echo(f"{'hub':<10} {said['hub']['url']}")
    for place in said["places"]:
        typer.echo(f"{place['name']:<10} {place['url']:<24} line {place['line']:<4} {place['title']}")


@demo_app.command("stop", epilog="Examples:  orderspine demo stop")
def stop(folder: Folder = FOLDER, as_json: AsJson = False) -> None:
    """Stop a running demo. Its data stays; `orderspine demo` goes on with it."""
    _tell(folder, "stop", "", "Stopping.", as_json=as_json)


def _self_playing(
    replay: Path | None, stores: int, cuts: list[str], kills: list[str], *, folder: Path | None, seed: int
) -> Mapping[str, Any]:
    from deploy.demo.milestones import parse_cut, parse_kill
    from deploy.demo.replay import plan
    from deploy.demo.retail import read_file
    from deploy.demo.run import Run, Wanted, all_places, places_of
    from protocol.kit.system import SystemClock, SystemIds

    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(TERMINATED))  # an end that still tidies up
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise Invalid(f"{folder} is not empty.", "Give a folder that is, or leave --folder out.")
    wanted = Wanted(
        cuts=[parse_cut(text) for text in cuts],
        kills=[parse_kill(text) for text in kills],
        folder=folder.absolute() if folder is not None else None,
        seed=seed,
    )
    planned = plan(read_file(replay), len(places_of(stores))) if replay is not None else None
    places = places_of(stores) if planned is not None else all_places()
    run = Run(wanted, places, clock=SystemClock(), ids=SystemIds(), say=_teller(_stderr()))
    return run.replay(planned) if planned is not None else run.day()


def _tell(folder: Path, act: str, name: str, sentence: str, *, as_json: bool) -> None:
    from deploy.demo.control import tell

    said = tell(folder, act, name)
    if as_json:
        _write(said)
    else:
        typer.echo(sentence)


def _print_result(result: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        _write(result)
        return
    for name, value in result.items():
        typer.echo(f"{name:<20} {value}")


def _write(said: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def _teller(console: "Console") -> "Say":
    return lambda sentence: console.print(f"[dim]·[/] {sentence}")
