"""The commands that show the books and write them out: `orderspine hub trial-balance | export-books`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hub.cli import AsJson, Config, friendly, hub_app, opened, say, table


@hub_app.command("trial-balance", epilog="Example: `orderspine hub trial-balance --entity main`")
@friendly
def show_trial_balance(
    config: Config = None,
    entity: Annotated[str, typer.Option("--entity", help="Only this legal entity.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show what every account stands at; the sum is zero."""
    from hub.ledger.reads import trial_balance
    from protocol.money import format_minor

    with opened(config) as hub, hub.database.read() as connection:
        balances = trial_balance(connection, entity=entity)
        currency = hub.settings.currency
    total = sum(balance.amount_minor for balance in balances)
    if as_json:
        typer.echo(json.dumps({"total_minor": total, "accounts": [asdict(each) for each in balances]}))
        return
    shown = table("entity", "account", "name", f"{currency} #")
    for each in balances:
        shown.add_row(each.entity, each.account, each.name, format_minor(each.amount_minor, currency))
    shown.add_row("", "", "sum", format_minor(total, currency))
    Console().print(shown)


@hub_app.command(
    "export-books", epilog="Example: `orderspine hub export-books --period 2026-03 --out books/2026-03`"
)
@friendly
def export_books(
    period: Annotated[str, typer.Option("--period", help="The month, such as 2026-03.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.")],
    config: Config = None,
    entity: Annotated[str, typer.Option("--entity", help="Legal entity; the hub's own when left out.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write the books of a month as CSV, JSON lines, beancount and hledger, with a manifest."""
    from hub.ledger.exports.steps import export

    with opened(config) as hub:
        done = export(hub, entity or hub.settings.entity, period, out)
    say(
        asdict(done),
        as_json=as_json,
        text=f"{done.journals} journals with {done.lines} lines of {done.entity} {done.period} are in {out}.",
    )
