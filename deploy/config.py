"""The `orderspine config` commands: write a settings file, check one, and say where a value comes from.

Both programs read their settings the same way: the environment above the file above the defaults. Values
that could be secret are never shown; our own settings name files instead, and a name is no secret.
"""

import json
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import BaseModel
from pydantic_settings import BaseSettings

from protocol.errors import Invalid

config_app = typer.Typer(
    name="config",
    help="Write, check and explain settings.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Examples:  orderspine config hub   |   orderspine config edge",
)
SECRET_WORDS: Final = ("password", "secret", "token", "url")
SHOWN_URLS: Final = ("hub_url",)


class Program(StrEnum):
    """Whose settings they are."""

    EDGE = "edge"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and where it comes from."""

    name: str
    value: str
    origin: str


AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@config_app.command(
    "show",
    epilog="Examples:  orderspine config show edge --config store.toml --origin   |   "
    "orderspine config show hub --json",
)
def show(
    program: Annotated[Program, typer.Argument(help="edge or hub.")],
    config: Annotated[Path | None, typer.Option("--config", help="The settings file.")] = None,
    origin: Annotated[bool, typer.Option("--origin", help="Also say where each value comes from.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every setting that is in force."""
    found = settings_in_force(program, config)
    if as_json:
        values = {s.name: {"value": s.value, "origin": s.origin} if origin else s.value for s in found}
        sys.stdout.write(json.dumps(values) + "\n")
        return
    width = max(len(setting.name) for setting in found)
    for setting in found:
        said = f"{setting.name:<{width}}  {setting.value}"
        typer.echo(f"{said:<60}  {setting.origin}" if origin else said)


@config_app.command(
    "check",
    epilog="Examples:  orderspine config check store.toml   |   orderspine config check hub.toml --json",
)
def check(
    file: Annotated[Path, typer.Argument(help="The settings file.")],
    program: Annotated[
        Program | None, typer.Option("--for", help="edge or hub; guessed when left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a settings file. Exits 1 when a program would refuse it."""
    try:
        whose = program or _guess(file)
        _load(whose, file)
    except Invalid as error:
        if as_json:
            sys.stdout.write(json.dumps({"ok": False, "what": error.what, "remedy": error.remedy}) + "\n")
        else:
            sys.stderr.write(f"{error.what}\n  -> {error.remedy}  [{error.reason}]\n")
        raise typer.Exit(1) from None
    typer.echo(
        json.dumps({"ok": True, "program": whose.value}) if as_json else f"{file} is fine for the {whose}."
    )


@config_app.command("edge", epilog="Examples:  orderspine config edge > store.toml")
def edge() -> None:
    """Print a settings file for a store, every setting with its default."""
    typer.echo(sample(Program.EDGE))


@config_app.command("hub", epilog="Examples:  orderspine config hub > hub.toml")
def hub() -> None:
    """Print a settings file for the hub, every setting with its default."""
    typer.echo(sample(Program.HUB))


def settings_in_force(program: Program, config: Path | None) -> list[Setting]:
    """Return every setting with its value and its origin.

    Raises:
        Invalid: the file or the environment holds something the program would refuse.
    """
    settings = _load(program, config)
    prefix = str(settings.model_config.get("env_prefix", ""))
    in_file = _toml(config) if config else {}
    found = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        in_environment = [
            key for key in os.environ if key.upper().split("__")[0] == f"{prefix}{name}".upper()
        ]
        if in_environment:
            origin = f"environment {in_environment[0]}"
        else:
            origin = str(config) if name in in_file else "default"
        found.append(Setting(name, _shown(name, value), origin))
    return found


def sample(program: Program) -> str:
    """Return a settings file with every setting and its default, commented out; what has none is empty."""
    lines = [f"# Settings of the {program}. Remove the # in front of what you change.", ""]
    sections: list[str] = []
    for name, field in _model(program).model_fields.items():
        default = field.get_default(call_default_factory=True, validated_data={})
        if isinstance(default, BaseModel):
            values = default.model_dump().items()
            sections += ["", f"# [{name}]", *(f"# {inner} = {_toml_value(value)}" for inner, value in values)]
        else:
            lines.append(f"# {name} = {_toml_value(default)}")
    return "\n".join([*lines, *sections])


def _toml_value(value: object) -> str:
    """Return a value as TOML writes it on one line; plain ones are as in JSON."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(str(name))} = {_toml_value(each)}" for name, each in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, tuple | list):
        return f"[{', '.join(_toml_value(item) for item in value)}]"
    if isinstance(value, bool | int):
        return json.dumps(value)
    return json.dumps("" if value is None else str(value), ensure_ascii=False)


def _model(program: Program) -> type[BaseSettings]:
    if program is Program.EDGE:
        from edge_agent.settings import EdgeSettings

        return EdgeSettings
    from hub.settings import HubSettings

    return HubSettings


def _load(program: Program, config: Path | None) -> BaseSettings:
    if program is Program.EDGE:
        from edge_agent.settings import load_settings

        return load_settings(config)
    from hub.settings import load_settings as load_hub_settings

    return load_hub_settings(config)


def _toml(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.", "Give the path of a TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} is not TOML: {error}.", "Correct it and check again.") from error


def _guess(file: Path) -> Program:
    """Tell whose file it is: a store says which edge it is, the hub never does."""
    return Program.EDGE if {"edge", "code", "hub_url"} & set(_toml(file)) else Program.HUB


def _shown(name: str, value: object) -> str:
    if any(word in name for word in SECRET_WORDS) and not name.endswith("_file") and name not in SHOWN_URLS:
        return "(hidden)" if value else ""
    return "" if value is None else str(value)
