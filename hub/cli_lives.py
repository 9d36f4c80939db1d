"""The commands for new lives of the hub: `orderspine hub backup | restore | promote | restored`."""

from pathlib import Path
from typing import Annotated

import typer

from hub.cli import AsJson, Config, friendly, hub_app, opened, say
from protocol.people import HubRole


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


@hub_app.command(epilog="Example: `orderspine hub restored --release --by 'S. Rowe' --reason 'Called all'`")
@friendly
def restored(
    *,
    release: Annotated[bool, typer.Option("--release", help="Let them go on, though not all spoke.")] = False,
    order: Annotated[
        list[str] | None, typer.Option("--order", help="Only this one; may be repeated.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="Who decides it.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands on every order.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask once more.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show which orders wait since a restore and for whom; or let them go on, which may send goods twice."""
    from hub.capture.steps import By
    from hub.holds.restored_steps import LetGoWanted, let_go, waiting

    if release and not (by and reason):
        raise typer.BadParameter("Say who decides it and why: --by and --reason.")
    with opened(config) as hub:
        with hub.database.read() as connection:
            page = waiting(connection)
        chosen = [each for each in page.orders if not order or each.number in order]
        silent = [each.location for each in page.unheard]
        if not release or not as_json:
            listed = [each.model_dump() for each in chosen]
            text = "\n".join([f"{each.number}  {each.units} units, {each.kind}" for each in chosen])
            say(
                {"total": page.total, "unheard": silent, "orders": listed},
                as_json=as_json,
                text=f"{text or 'No order waits.'}\nWaited for: {', '.join(silent) or 'nobody'}.",
            )
        if not release or not chosen:
            return
        warning = "One that a silent location has may be fulfilled twice. Let them go on?"
        if not yes:
            typer.confirm(warning, abort=True)
        wanted = LetGoWanted(
            reason=reason, holds=tuple([each.hold_id for each in chosen]), unheard=tuple(silent)
        )
        done = let_go(hub, wanted, HubRole.OPS.value, By(by))
    say(
        done.model_dump(mode="json"),
        as_json=as_json,
        text=f"{len(done.released)} orders go on: {', '.join(done.released) or 'none'}.",
    )
