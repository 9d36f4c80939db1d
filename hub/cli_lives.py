"""The commands for backups and new lives of the hub: `orderspine hub backup | restore | promote`."""

from pathlib import Path
from typing import Annotated

import typer

from hub.cli import AsJson, Config, friendly, hub_app, opened, say


def progress(line: str) -> None:
    """Say how far it is, beside the answer."""
    typer.echo(f"  {line}", err=True)


@hub_app.command(epilog="Example: `orderspine hub backup /backups/hub-monday.db --config hub.toml`")
@friendly
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write the copy; it must not exist.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Copy the hub's database while it runs, and check the copy."""
    from hub.link.backups import back_up

    with opened(config) as hub:
        made = back_up(hub, file, progress)
    say(
        {"file": made.file, "bytes": made.size, "sha256": made.sha256, "applied": made.applied},
        as_json=as_json,
        text=f"Copied and checked: {made.file}, {made.size:,} bytes, to number {made.applied:,} of the log.",
    )


@hub_app.command(epilog="Example: `orderspine hub restore /backups/hub-monday.db --config hub.toml`")
@friendly
def restore(
    file: Annotated[Path, typer.Argument(help="A copy that `orderspine hub backup` made.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup back as a new life of the hub; stop the hub first."""
    from hub.link import backups
    from hub.settings import load_settings
    from protocol.kit.backup import stamp_of
    from protocol.kit.system import SystemClock

    done = backups.restore(load_settings(config), file, progress, stamp=stamp_of(SystemClock().now_us()))
    text = (
        f"Restored up to number {done.applied:,} of the log. {done.fenced} locations promise nothing until"
        " they have said what is open; start the hub, and they do that by themselves."
    )
    if done.kept:
        text += f"\nThe database before is kept as {done.kept}."
    say(
        {"applied": done.applied, "fenced": done.fenced, "kept": done.kept},
        as_json=as_json,
        text=text,
    )


@hub_app.command(epilog="Example: `orderspine hub promote --config hub.toml`")
@friendly
def promote(config: Config = None, as_json: AsJson = False) -> None:
    """Begin a new life on this database, after a failover or a restore by other tools."""
    from hub.link import backups

    with opened(config) as hub:
        fenced = backups.promote(hub)
    say(
        {"fenced": fenced},
        as_json=as_json,
        text=f"A new life has begun. {fenced} locations promise nothing until they have said what is open.",
    )
