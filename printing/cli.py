"""The `orderspine printer` commands."""

import json
from pathlib import Path
from typing import Annotated

import typer

from protocol.errors import Invalid

printer_app = typer.Typer(
    name="printer",
    help="Print test pages, look at what bytes print, and run a printer made of software.",
    no_args_is_help=True,
    epilog="Examples:  orderspine printer virtual --port 9100   |   orderspine printer --help",
)
ProfileName = Annotated[
    str,
    typer.Option("--profile", help="epson_80, epson_58, generic_80, generic_58 or label_4in (ZPL)."),
]


@printer_app.command(
    "virtual",
    epilog="Examples:  orderspine printer virtual --port 9100   |   "
    "orderspine printer virtual --port 9101 --page-port 9181 --brand rongta_rp80 --folder slips",
)
def virtual(  # noqa: PLR0917 - typer reads its options from the parameters
    port: Annotated[
        int, typer.Option("--port", help="Where slips are sent to, as to a real printer.")
    ] = 9100,
    page_port: Annotated[int, typer.Option("--page-port", help="Where to watch the paper.")] = 9180,
    profile: ProfileName = "epson_80",
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Also write every slip here, as PNG and trace.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    name: Annotated[
        str, typer.Option("--name", help="What people call it, such as 'Leeds Briggate, Till 1'.")
    ] = "",
    brand: Annotated[
        str, typer.Option("--brand", help="Whose habits it has; see `orderspine printer brands`.")
    ] = "",
) -> None:
    """Run a printer made of software: ESC/POS or ZPL in, a picture of the paper out, faults on demand."""
    from printing.virtual.run import serve
    from protocol.kit.system import SystemClock

    kind = brand or profile
    typer.echo(
        f"Printer on {host}:{port} ({kind}). Watch the paper: http://{host}:{page_port}/  Ctrl+C ends it."
    )
    try:
        serve(port, page_port, kind, SystemClock(), folder=folder, host=host, name=name)
    except OSError as error:
        raise Invalid(
            f"The virtual printer cannot listen on {host}:{port}: {error.strerror}.",
            "Choose another --port, or end the program that has it.",
            code="port_taken",
        ) from error


@printer_app.command(
    "brands", epilog="Examples:  orderspine printer brands   |   orderspine printer brands --json"
)
def brands(
    as_json: Annotated[bool, typer.Option("--json", help="Answer a program.")] = False,
) -> None:
    """List whose habits a virtual printer can have, and what each answers."""
    from printing.virtual.brands import BRANDS

    known = [
        {
            "brand": brand.name,
            "profile": brand.profile.name,
            "buffer_bytes": brand.buffer_bytes,
            "answers": brand.answers,
        }
        for brand in BRANDS.values()
    ]
    if as_json:
        typer.echo(json.dumps({"brands": known}))
        return
    for brand in BRANDS.values():
        said = ", ".join(brand.answers) or "answers nothing"
        typer.echo(f"{brand.name:<16} {brand.profile.name:<10} {brand.buffer_bytes // 1024:>3} KB  {said}")


@printer_app.command(
    "test",
    epilog="Examples:  orderspine printer test 192.168.1.50:9100   |   "
    "orderspine printer test localhost:9100 --profile epson_58",
)
def send_test(
    address: Annotated[str, typer.Argument(help="HOST:PORT of the printer; the port may be left out.")],
    profile: ProfileName = "epson_80",
) -> None:
    """Print a test page and say what the printer answered."""
    from printing.profiles import profile_of
    from printing.trial import print_test_page
    from protocol.kit.system import SystemClock, SystemIds

    host, _colon, port = address.partition(":")
    if port and not port.isdigit():
        raise Invalid(f"{address!r} is not an address.", "Write it as HOST:PORT, such as 192.168.1.50:9100.")
    for sentence in print_test_page(host, int(port or 9100), profile_of(profile), SystemClock(), SystemIds()):
        typer.echo(sentence)


@printer_app.command(
    "preview",
    epilog="Examples:  orderspine printer preview slip.bin   |   "
    "orderspine printer preview slip.bin --to slip.png --profile epson_58",
)
def preview(
    file: Annotated[Path, typer.Argument(help="A file of ESC/POS bytes.", exists=True, dir_okay=False)],
    to: Annotated[
        Path | None, typer.Option("--to", help="The PNG to write; default: beside the file.")
    ] = None,
    profile: ProfileName = "epson_80",
) -> None:
    """Draw what a file of ESC/POS bytes prints."""
    from printing.profiles import profile_of
    from printing.virtual.preview import render_preview

    target = to or file.with_suffix(".png")
    target.write_bytes(render_preview(file.read_bytes(), profile_of(profile)))
    typer.echo(str(target))
