"""The one command: `orderspine`.

Answers go to stdout, talk goes to stderr. Exit codes never change meaning: 0 done, 1 a check failed, 2 what
was typed or given cannot be used, 3 refused, 75 try again later. A deliberate error is two lines, what
happened and what to do; a bug keeps its trace. The programs behind `hub`, `edge` and `printer` are imported
when one of them is called, so that `--help` answers at once.
"""

import importlib
import os
import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from protocol.errors import Invalid, NotFound, OrderspineError
from protocol.kit.text import choose_language, language

CHECK_FAILED: Final = 1
BAD_INPUT: Final = 2
REFUSED: Final = 3
TRY_AGAIN: Final = 75
PROGRAMS: Final[dict[str, tuple[str, str, str]]] = {
    "demo": ("deploy.demo.cli", "demo_app", "Run three stores, a warehouse and the hub on this machine."),
    "hub": ("hub.cli", "hub_app", "Run and look after the hub."),
    "edge": ("edge_agent.cli", "edge_app", "Run and look after one store."),
    "printer": ("printing.cli", "printer_app", "Print test pages and run a printer made of software."),
    "config": ("deploy.config", "config_app", "Write, check and explain settings."),
}


class Programs(TyperGroup):
    """Imports a program when it is called; until then its name and one line of help stand in."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments name."""
        load(self, args[0] if args else "")
        return super().resolve_command(ctx, args)


def load(group: TyperGroup, name: str) -> None:
    """Put a program itself in the place of its stand-in."""
    if name in PROGRAMS:
        module, attribute, _ = PROGRAMS[name]
        program = getattr(importlib.import_module(module), attribute)
        command = typer.main.get_group(program)
        command.name = name
        group.commands[name] = command


app = typer.Typer(
    cls=Programs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Stores keep selling when the network is down; the hub catches up.",
    epilog="Examples:  orderspine demo   |   orderspine demo cut store-2   |   orderspine doctor --json",
)
for _name, (_module, _attribute, _help) in PROGRAMS.items():
    app.add_typer(typer.Typer(help=_help), name=_name)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("orderspine"))
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Stores keep selling when the network is down; the hub catches up."""
    del version
    language.set(choose_language((os.environ.get("LC_ALL") or os.environ.get("LANG", "")).replace("_", "-")))


@app.command(
    "doctor",
    epilog="Examples:  orderspine doctor   |   orderspine doctor --folder /srv/shop --json",
)
def doctor(
    folder: Annotated[str, typer.Option("--folder", help="Where the data is, or will be.")] = ".",
    ports: Annotated[
        list[int] | None, typer.Option("--port", help="A port that must be free; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Look at this machine and say what would stand in the way. Exits 1 when something does."""
    from deploy.doctor import examine, print_checks

    checks = examine(folder, ports or [])
    print_checks(checks, as_json=as_json)
    if any(check.state == "fail" for check in checks):
        raise typer.Exit(CHECK_FAILED)


def _explain(mistyped: TyperException) -> None:
    """Say in two lines what was typed wrongly and where its help is; without a command, show the help."""
    context = getattr(mistyped, "ctx", None)
    words = context.command_path if context is not None else "orderspine"
    said = mistyped.format_message() if hasattr(mistyped, "format_message") else str(mistyped)
    if said:
        sys.stderr.write(f"{said}\n  -> See: {words} --help\n")


def main() -> None:
    """Run the command; a deliberate error becomes two lines and an exit code that a script can use."""
    try:
        raise SystemExit(app(prog_name="orderspine", standalone_mode=False))
    except TyperException as mistyped:
        _explain(mistyped)
        raise SystemExit(getattr(mistyped, "exit_code", BAD_INPUT)) from None
    except OrderspineError as error:
        sys.stderr.write(f"{error.what}\n  -> {error.remedy}  [{error.reason}]\n")
        bad_input = isinstance(error, Invalid) and not isinstance(error, NotFound)
        raise SystemExit(TRY_AGAIN if error.retryable else BAD_INPUT if bad_input else REFUSED) from None


if __name__ == "__main__":
    main()
