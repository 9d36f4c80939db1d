"""The commands for backups of a store: `orderspine edge backup | restore`."""

from pathlib import Path
from typing import Annotated

import typer

from edge_agent.cli import AsJson, Config, edge_app, friendly, say


def progress(line: str) -> None:
    """Say how far it is, beside the answer."""
    typer.echo(f"  {line}", err=True)


@edge_app.command(epilog="Example: `orderspine edge backup /media/usb/store-1.db --config store-1.toml`")
@friendly
def backup(
    file: Annotated[Path, typer.Argument(help="Where to write the copy; it must not exist.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Copy the store's database while it runs, and check the copy."""
    from edge_agent.settings import load_settings
    from protocol.kit.backup import copy_database

    settings = load_settings(config)
    digest = copy_database(settings.database_file, file.absolute(), progress)
    size = file.stat().st_size
    say(
        {"file": str(file), "bytes": size, "sha256": digest},
        as_json=as_json,
        text=f"Copied and checked: {file}, {size:,} bytes.",
    )


@edge_app.command(epilog="Example: `orderspine edge restore /media/usb/store-1.db --config store-1.toml`")
@friendly
def restore(
    file: Annotated[Path, typer.Argument(help="A copy that `orderspine edge backup` made.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup back as a new life of the store; stop the store first."""
    from edge_agent.restoring import restore as put_back
    from edge_agent.settings import load_settings
    from protocol.kit.backup import stamp_of
    from protocol.kit.system import SystemClock

    done = put_back(load_settings(config), file, progress, stamp=stamp_of(SystemClock().now_us()))
    lines = [
        f"Restored. The store goes on under a new name, its numbers begin with series {done.ordinal}.",
        f"{done.slips} slips are in doubt; {done.carried} records go to the hub that it may not have.",
        "Start the store: the hub gives back what happened since the backup.",
    ]
    if done.kept:
        lines.append(f"The database before is kept as {done.kept}.")
    say(
        {"ordinal": done.ordinal, "slips": done.slips, "carried": done.carried, "kept": done.kept},
        as_json=as_json,
        text="\n".join(lines),
    )
