"""Every component of the shell on pages like the real ones, to look at and to test.

Run `python -m tests.browser.kit.gallery` and open http://127.0.0.1:8799/.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Request
from starlette.responses import RedirectResponse, Response

from protocol.clock import Clock, to_us
from protocol.errors import OutOfStock
from protocol.ids import IdMaker
from protocol.kit.system import SystemClock, SystemIds
from protocol.kit.web.install import install_shell
from protocol.kit.web.server import run_uvicorn
from protocol.kit.web.shell import Scanner, Shell, Strip, Tab, Templates, TourStep, build_templates
from protocol.kit.web.signin import CurrentPerson, SessionSigner, current_person, require
from protocol.kit.web.sse import Broadcaster

HERE = Path(__file__).parent
EDGE_TABS = (
    Tab("/sell", "Sell"),
    Tab("/orders", "Orders"),
    Tab("/pickup", "Pickup"),
    Tab("/stock", "Stock"),
    Tab("/store", "Store"),
)
HUB_TABS = (
    Tab("/overview", "Overview"),
    Tab("/order", "Orders"),
    Tab("/exceptions", "Exceptions", tally=7),
    Tab("/flow", "Flow"),
    Tab("/stock", "Stock"),
    Tab("/returns", "Returns"),
    Tab("/finance", "Finance"),
    Tab("/fleet", "Fleet"),
)
HUB_SAYS = (
    "hub synced with 5 of 6 locations, slowest 6 s ago. "
    "Sheffield Fargate is in store mode, last heard 38 min ago."
)
LINES = [
    ("Jumbo Bag Red Retrospot", "85099B", 2, 250, 500),
    ("Regency Cakestand 3 Tier", "22423", 1, 1275, 1275),
    ("Lunch Bag Red Retrospot", "20725, 3 for 2 saves 1.65", 3, 165, 330),
    ("White Hanging Heart T-Light Holder", "85123A", 6, 295, 1770),
    ("Party Bunting", "47566", 1, 495, 495),
]
AT_STAKE = [
    ("HT-11874", "Collect, 19 items", "York Coppergate", "Short pick: 1 cakestand not found", "18 min", 86,
     91, "act", "decide by 14:50 to keep Tue 12:00", "Central ops"),
    ("WEB-50213", "Ship, 4 items", "Leeds Briggate", "Not started, backlog 2 h 10 min", "28 min", 79, 82,
     "act", "pick by 15:00 for the 17:30 carrier", "Leeds Briggate"),
    ("SF-03390", "Collect, 2 items", "Sheffield Fargate", "Sent, store is dark, no answer yet", "58 min", 64,
     70, "wait", "ready by 15:30", "Central ops"),
    ("WEB-50198", "Ship, 1 item", "No location yet", "Card authorisation lapses tonight", "3 h 28", 48, 88,
     "wait", "hold ends 18:00", "Customer care"),
    ("AMZ-7721-04", "Ship, 6 items", "Durham Elvet", "Slip not printed, picker not told", "4 h 10", 35, 74,
     "wait", "ship by 18:42", "Durham Elvet"),
]  # fmt: skip
PEOPLE = [
    {"id": "p1", "name": "A. Osei", "role": "Associate"},
    {"id": "p2", "name": "S. Rowe", "role": "Picker"},
    {"id": "p3", "name": "M. Kaur", "role": "Store manager"},
    {"id": "p4", "name": "T. Hill", "role": "Associate"},
]
MANAGER = CurrentPerson("p3", "M. Kaur", "manager", "till-2")


class Gallery:
    """The application and what a test changes about it."""

    def __init__(self, *, clock: Clock | None = None, ids: IdMaker | None = None) -> None:
        self.clock = clock or SystemClock()
        self.ids = ids or SystemIds()
        self.broadcaster = Broadcaster(keep_alive_seconds=5)
        self.signer = SessionSigner("gallery", cookie="os_gallery", clock=self.clock, ids=self.ids)
        self.strip = Strip("wait", "Store mode", "12 to send, oldest 3 min", href="/sync", link="Details")
        self.demo = False
        self.tour_done = 1
        self.scanner = Scanner()
        self.scans: list[str] = []
        self.posts: list[dict[str, object]] = []
        self.edge = build_templates({"gallery": HERE / "templates"}, program="edge", clock=self.clock)
        self.hub = build_templates({"gallery": HERE / "templates"}, program="hub", clock=self.clock)
        self.edge.serve(self.edge_shell)
        self.hub.serve(self.hub_shell)
        self.app = FastAPI(openapi_url=None)
        install_shell(
            self.app,
            templates=self.edge,
            signer=self.signer,
            broadcaster=self.broadcaster,
            ids=self.ids,
            body_limits={"/upload": 64},
        )
        _edge_routes(self)
        _hub_routes(self)
        _acting_routes(self)

    def edge_shell(self, request: Request) -> Shell:
        """Describe the frame of a store's page."""
        return Shell(
            program="edge",
            place="Leeds Briggate",
            station="Till 2",
            strip=self.strip,
            tabs=EDGE_TABS,
            person=current_person(request) or MANAGER,
            csrf=request.state.csrf,
            now_us=self.clock.now_us(),
            position=request.state.position,
            scanner=self.scanner,
            demo="Nothing here is real. It starts over with every demo." if self.demo else "",
            tour=self.tour() if self.demo else (),
        )

    def hub_shell(self, request: Request) -> Shell:
        """Describe the frame of a page of the hub."""
        return replace(
            self.edge_shell(request),
            program="hub",
            place="Orderspine",
            station="",
            strip=Strip("live", "Online", HUB_SAYS, href="/fleet", link="Fleet"),
            tabs=HUB_TABS,
            find="/orders",
            person=CurrentPerson("o1", "Central ops", "ops"),
        )

    def tour(self) -> tuple[TourStep, ...]:
        """Return the four steps, the first ones done."""
        steps = [
            ("Sell at store 1", "/sell"),
            ("Cut store 2's network and sell again", "/sell"),
            ("Watch the hub catch up", "/overview"),
            ("See the pick list as it prints", "/store"),
        ]
        return tuple(
            TourStep(word, href, done=nth < self.tour_done) for nth, (word, href) in enumerate(steps)
        )


def _add(app: FastAPI, path: str, answer: Callable[..., Response]) -> None:
    app.add_api_route(path, answer, methods=["GET"], response_model=None)


def _edge_routes(gallery: Gallery) -> None:
    edge, clock = gallery.edge, gallery.clock

    def plain(name: str, **values: Any) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            return edge.page(request, f"gallery/{name}.html", **values)

        return answer

    sell = plain("sell", lines=LINES)
    for path, name in {
        "/": sell,
        "/sell": sell,
        "/pay": plain("pay"),
        "/pick": plain("pick", wrong=False),
    }.items():
        _add(gallery.app, path, name)
    _add(gallery.app, "/pick-wrong", plain("pick", wrong=True))
    _add(gallery.app, "/close", plain("close", at_us=clock.now_us()))
    _add(gallery.app, "/parts", plain("parts", at_us=clock.now_us() - 4_000_000))

    def sign_in(request: Request, error: str = "") -> Response:
        return edge.page(
            request, "sign_in_edge.html", people=PEOPLE, chosen="p1" if error else "", error=error,
            next="/sell", action="/sign-in",
        )  # fmt: skip

    def tour(request: Request) -> Response:
        return edge.page(request, "tour.html")

    _add(gallery.app, "/sign-in", sign_in)
    _add(gallery.app, "/shell/tour", tour)


def _hub_routes(gallery: Gallery) -> None:
    hub = gallery.hub

    def overview(request: Request) -> Response:
        return hub.page(request, "gallery/overview.html", at_stake=AT_STAKE)

    def order(request: Request) -> Response:
        return hub.page(request, "gallery/order.html")

    def sign_in(request: Request, error: str = "") -> Response:
        return hub.page(
            request, "sign_in_hub.html", error=error, name="", next="/overview", action="/sign-in"
        )

    _add(gallery.app, "/overview", overview)
    _add(gallery.app, "/order", order)
    _add(gallery.app, "/hub-sign-in", sign_in)


def _acting_routes(gallery: Gallery) -> None:
    app = gallery.app
    signed_in = Depends(require())

    @app.post("/sign-in", response_model=None)
    def sign_in(request: Request, person_id: Annotated[str, Form()], pin: Annotated[str, Form()]) -> Response:
        gallery.posts.append({"person_id": person_id, "pin": pin})
        response = RedirectResponse("/sell", status_code=303)
        gallery.signer.sign_in(request, response, person_id=person_id, name="A. Osei", role="associate")
        return response

    @app.post("/scan", response_model=None)
    def scan(request: Request, code: Annotated[str, Form()]) -> Response:
        gallery.scans.append(code)
        return gallery.edge.page(
            request, "gallery/scanned.html", code=code, nth=len(gallery.scans), known=not code.startswith("0")
        )

    @app.post("/keep", response_model=None)
    def keep(person: Annotated[CurrentPerson, signed_in], note: Annotated[str, Form()] = "") -> Response:
        gallery.posts.append({"who": person.person_id, "note": note})
        return Response("kept")

    @app.post("/refuse")
    def refuse() -> None:
        what = "Only 1 Jumbo Bag Red Retrospot is free here."
        raise OutOfStock(what, "Sell 1, or reserve 1 at York Coppergate.", sku="85099B", free=1)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the secret inside")

    @app.get("/managers", response_model=None)
    def managers(person: Annotated[CurrentPerson, Depends(require("manager"))]) -> Response:
        return Response(person.name)

    @app.post("/upload", response_model=None)
    async def upload(request: Request) -> Response:
        return Response(str(len(await request.body())))

    @app.post("/api/upload", response_model=None)
    async def api_upload(request: Request) -> Response:
        return Response(str(len(await request.body())))

    @app.get("/api/orders/{count}")
    def api(count: int) -> dict[str, int]:
        return {"count": count}


def template_names(templates: Templates) -> list[str]:
    """Return the names of all templates, so that a test can compile each."""
    return sorted(templates.environment.list_templates())


def monday_us() -> int:
    """Return a moment for pictures."""
    return to_us(datetime(2026, 11, 22, 14, 36, tzinfo=UTC))


if __name__ == "__main__":
    made = Gallery()
    run_uvicorn(made.app, "127.0.0.1", 8799, on_stop=[made.broadcaster.close])
