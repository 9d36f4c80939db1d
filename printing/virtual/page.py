"""A page to watch the paper come out and to switch faults on, for people and for scripts.

It belongs to a development tool and listens on this machine alone unless told otherwise; it has no
sign-in, and a switch is only thrown by a JSON body, which a foreign web page cannot send unasked.
"""

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from printing.virtual.machine import DOTS_PER_MM, SWITCHES, Machine
from printing.virtual.server import VirtualPrinter
from protocol.errors import OrderspineError

PAGE: Final = Path(__file__).with_name("page.html")
UNPLUGGED: Final = "unplugged"


class SwitchBody(BaseModel):
    """What a switch is set to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    on: bool


class RollBody(BaseModel):
    """How much paper is left."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_mm: int = Field(ge=1, le=100_000)


class LineBody(BaseModel):
    """How much still comes in before the line breaks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_bytes: int = Field(ge=1, le=10_000_000)


class EmptyBody(BaseModel):
    """Nothing; but JSON, which a foreign web page cannot send unasked."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def create_app(printer: VirtualPrinter, *, name: str = "") -> FastAPI:
    """Return the web application of one virtual printer; `name` is what people call it."""
    app = FastAPI(title="Virtual printer", docs_url=None, redoc_url=None, openapi_url=None)
    machine = printer.machine

    @app.exception_handler(OrderspineError)
    def refuse(_request: Request, error: OrderspineError) -> JSONResponse:
        body = {"what": error.what, "remedy": error.remedy, "code": error.reason}
        return JSONResponse(body, status_code=error.http_status)

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(PAGE.read_text(encoding="utf-8"))

    @app.get("/state")
    def state() -> dict[str, Any]:
        return _state(printer, name)

    @app.get("/slips")
    def slips() -> list[dict[str, Any]]:
        return [
            {"number": slip.number, "cut_at_us": slip.cut_at_us, "text": slip.text, "unknown": slip.unknown}
            for slip in machine.slips()
        ]

    @app.get("/slips/{number}.png")
    def picture(number: int) -> Response:
        return Response(machine.slip(number).png, media_type="image/png")

    @app.get("/slips/{number}.json")
    def trace(number: int) -> dict[str, Any]:
        slip = machine.slip(number)
        return {"slip": number, "text": slip.text, "unknown": slip.unknown, "trace": slip.trace}

    @app.get("/paper.png")
    def paper() -> Response:
        hanging = machine.growing()
        return Response(status_code=204) if hanging is None else Response(hanging[0], media_type="image/png")

    @app.post("/switch/{switched}")
    def switch(switched: str, body: SwitchBody) -> dict[str, Any]:
        if switched == UNPLUGGED:
            _plug(printer, out=body.on)
        else:
            machine.switch(switched, on=body.on)
        return _state(printer, name)

    _add_acts(app, printer, name)
    return app


def _add_acts(app: FastAPI, printer: VirtualPrinter, name: str) -> None:
    """Add what a hand does at the printer."""

    @app.post("/power-cycle")
    def power_cycle(_body: EmptyBody) -> dict[str, Any]:
        printer.power_cycle()
        return _state(printer, name)

    @app.post("/roll-ends")
    def roll_ends(body: RollBody) -> dict[str, Any]:
        printer.machine.run_out_after(body.after_mm * DOTS_PER_MM)
        return _state(printer, name)

    @app.post("/line-breaks")
    def line_breaks(body: LineBody) -> dict[str, Any]:
        printer.drop_after(body.after_bytes)
        return _state(printer, name)

    @app.post("/tear-off")
    def tear_off(_body: EmptyBody) -> dict[str, Any]:
        printer.machine.tear_off()
        return _state(printer, name)


def _plug(printer: VirtualPrinter, *, out: bool) -> None:
    if out is printer.plugged_in:
        (printer.unplug if out else printer.plug_in)()


def _state(printer: VirtualPrinter, called: str) -> dict[str, Any]:
    """Return everything the page shows."""
    machine = printer.machine
    slips = machine.slips()
    switches = {name: machine.is_on(name) for name in SWITCHES} | {UNPLUGGED: not printer.plugged_in}
    return {
        "name": called,
        "address": f"{printer.host}:{printer.port}",
        "profile": machine.profile.name,
        "brand": machine.brand.name,
        "sentence": _sentence(machine),
        "can_print": machine.can_print,
        "switches": switches,
        "slips": [slip.number for slip in slips],
        "slips_cut": slips[-1].number if slips else 0,
        "kicks": len(machine.kicks),
        "buffers_cleared": machine.cleared,
        "bytes_received": machine.bytes_received,
        "unknown": sum(slip.unknown for slip in slips),
        "hanging": machine.growing() is not None,
    }


def _sentence(machine: Machine) -> str:
    for condition, sentence in (
        ("paper_out", "Paper out"),
        ("cover_open", "Cover open"),
        ("offline", "Offline"),
    ):
        if machine.is_on(condition):
            return sentence
    if not machine.can_print:
        return "The knife sticks"
    return "Ready, paper nearly used up" if machine.is_on("near_end") else "Ready"
