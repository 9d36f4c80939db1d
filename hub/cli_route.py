"""The command that answers routing questions from a file: `orderspine hub route-solve`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from hub.cli import friendly, hub_app


@hub_app.command("route-solve", epilog="Example: `orderspine hub route-solve instances.json > plans.json`")
@friendly
def route_solve(
    file: Annotated[
        Path, typer.Argument(help="Instances, as JSON.", exists=True, dir_okay=False, readable=True)
    ],
    force: Annotated[str, typer.Option("--force", help="Plan with this location, where there is one.")] = "",
    forbid: Annotated[str, typer.Option("--forbid", help="Plan without this location.")] = "",
) -> None:
    """Work out the best plan of every order in a file, with nothing of this hub but its solver."""
    from hub.route.door import plans_of, read_instances

    plans = plans_of(read_instances(file.read_bytes()), force=force, forbid=forbid)
    # One plan a line: it stays readable and can be compared line by line.
    typer.echo("[\n" + ",\n".join([json.dumps(plan) for plan in plans]) + "\n]")
