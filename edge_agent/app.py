"""Puts a store together: its parts, its routes, its threads. Nothing else in the package imports this.

`build` gives an application that is ready to be served; what runs beside it (link, printers) starts and
stops with the server. A program that stops before the server has started closes `app.state.edge.database`.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from edge_agent import lives, sync
from edge_agent.beginning import Beginning
from edge_agent.catalog import api as catalog_api
from edge_agent.catalog import steps as catalog_steps
from edge_agent.catalog.lookup import Catalogue
from edge_agent.checks import steps as check_steps
from edge_agent.context import Edge, identify
from edge_agent.counter import api as counter_api
from edge_agent.counter import rows as counter_rows
from edge_agent.database import EdgeDatabase, EdgeUnit
from edge_agent.desk import api as desk_api
from edge_agent.disk import DiskWatch, make_way
from edge_agent.exceptions import api as exceptions_api
from edge_agent.exceptions import told
from edge_agent.frame import frame_of
from edge_agent.fulfil import api as fulfil_api
from edge_agent.fulfil import directives as fulfil_directives
from edge_agent.fulfil.rows.work import forget_old, taken_along
from edge_agent.fulfil.service import FulfilClock
from edge_agent.holds import steps as hold_steps
from edge_agent.journal import Journal
from edge_agent.journey import live
from edge_agent.later import api as later_api
from edge_agent.later.hub import HubAsker
from edge_agent.later.steps.change import settle, take_elsewhere
from edge_agent.link import reclaim, wishes
from edge_agent.link import rows as link_rows
from edge_agent.link.courier import Courier
from edge_agent.link.directives import Kind
from edge_agent.link.service import LinkService
from edge_agent.link.settings import link_settings
from edge_agent.once import KEPT_US, forget_old_keys
from edge_agent.paper import api as paper_api
from edge_agent.paper import steps as paper_steps
from edge_agent.paper.service import PaperService
from edge_agent.people import api as people_api
from edge_agent.people import rows as people_rows
from edge_agent.people import steps as people_steps
from edge_agent.people.sessions import SignIns
from edge_agent.replay import ReplayClock
from edge_agent.returns import api as returns_api
from edge_agent.returns import mail_in, mail_in_api, receipts
from edge_agent.returns import policy as return_policy
from edge_agent.settings import EdgeSettings
from edge_agent.shell.routes import STATIC, page_routers
from edge_agent.stock import api as stock_api
from edge_agent.stock import count_api, delivery_api
from edge_agent.stock import directives as stock_directives
from edge_agent.till import api as till_api
from edge_agent.transfers import api as transfer_api
from edge_agent.transfers import directives as transfer_directives
from edge_agent.transfers.rows.work import forget_old as forget_old_arrivals
from edge_agent.web import described
from protocol.clock import Clock
from protocol.ids import IdMaker
from protocol.kit.system import FlooredClock, ShiftedClock, SystemClock, SystemIds
from protocol.kit.web.install import add_routes, install_shell
from protocol.kit.web.shell import build_templates, room_templates
from protocol.kit.web.signin import SessionSigner
from protocol.kit.web.sse import Broadcaster
from protocol.kit.web.tour import TourWatch

# In the order of how often they are asked for: a route is found by trying one after the other.
ROUTERS = (
    counter_api.router,
    catalog_api.router,
    returns_api.router,
    returns_api.unproven,
    mail_in_api.router,
    till_api.router,
    count_api.router,
    delivery_api.router,
    reclaim.router,
    stock_api.router,
    fulfil_api.router,
    transfer_api.router,
    later_api.router,
    exceptions_api.router,
    desk_api.router,
    paper_api.router,
    sync.router,
)
HERE = Path(__file__).parent
CATALOG_BYTES = 128 * 1024 * 1024
"""A CSV file of 200,000 products with long names has about 40 MB."""
DELIVERY_BYTES = 8 * 1024 * 1024


def parts(settings: EdgeSettings, *, clock: Clock | None = None, ids: IdMaker | None = None) -> Edge:
    """Return the store without its web side: for the command line and for tests."""
    system = FlooredClock(SystemClock())
    clock = clock or (ShiftedClock(system.now_us()) if settings.replay_clock else system)
    ids = ids or SystemIds()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    make_way(settings.data_dir)
    database = EdgeDatabase(settings.database_file)
    try:
        system.floor(link_rows.latest_us(database.read()))
        identity = identify(database, settings, ids)
        identity = lives.settle(database, identity, settings.marker, clock=clock, ids=ids)
    except BaseException:
        database.close()
        raise
    edge = Edge(
        settings=settings,
        database=database,
        clock=clock,
        ids=ids,
        identity=identity,
        broadcaster=Broadcaster(),
        products=Catalogue(settings.store_codes.read, settings.currency),
        authority=settings.authority,
    )
    edge.print_parked = lambda unit, basket, person: paper_steps.print_parked(unit, edge, basket, person)
    edge.serial_skus = return_policy.serial_skus
    edge.taken_along = taken_along
    edge.order_settled = lambda unit, body: settle(unit, edge, body)
    edge.order_elsewhere = lambda unit, body: take_elsewhere(unit, edge, body)
    edge.journal = Journal(identity, live(edge), clock=clock, ids=ids, on_commit=edge.committed)
    return edge


def build(settings: EdgeSettings, *, clock: Clock | None = None, ids: IdMaker | None = None) -> FastAPI:
    """Return the application of one store; its parts are in `app.state.edge`."""
    edge = parts(settings, clock=clock, ids=ids)
    app = FastAPI(
        title="Orderspine edge",
        version=software(),
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    receipts.use_key(edge, receipts.load_key(settings, edge.ids))
    app.state.edge = edge
    app.state.paper = PaperService(edge)
    app.state.fulfil_clock = FulfilClock(edge)
    app.state.disk = DiskWatch(edge)
    app.state.link = _link_of(app, edge)
    line = link_settings(settings)
    app.state.hub_questions = HubAsker(line.hub_url, line.hub_token, ca_file=line.ca_file)
    signer = SessionSigner(
        session_secret(settings, edge.ids), cookie=f"os_{settings.edge}", clock=edge.clock, ids=edge.ids
    )
    sign_ins = SignIns(edge.clock, lapse=not settings.replay_clock)
    sign_ins.load(people_rows.open_sign_ins(edge.database.read(), sign_ins.since_us))
    templates = build_templates(
        room_templates(HERE),
        program="edge",
        clock=edge.clock,
        currency=settings.currency,
        zone=settings.zone,
        static={"edge": STATIC},
    )
    app.state.tour = TourWatch(settings.tour_url, edge.broadcaster)
    templates.serve(frame_of(edge, signer, app.state.tour.steps))
    app.state.templates = templates
    app.state.sign_ins = sign_ins
    install_shell(
        app,
        templates=templates,
        signer=signer,
        broadcaster=edge.broadcaster,
        ids=edge.ids,
        allowed_hosts=settings.allowed_hosts,
        body_limits={
            "/api/catalog/import": CATALOG_BYTES,
            "/store/catalog/import": CATALOG_BYTES,
            "/api/stock/deliveries": DELIVERY_BYTES,
            "/stock/receive/import": DELIVERY_BYTES,
        },
        still_valid=sign_ins.still_valid,
        bearer=sign_ins.bearer,
        healthy=lambda: health(edge),
    )
    if settings.replay_clock:
        app.add_middleware(ReplayClock, clock=edge.clock)
    add_routes(app, *ROUTERS, people_api.router(signer, sign_ins), *page_routers(signer, sign_ins))
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]  # the way FastAPI documents
    return app


KINDS: Final = {
    "lending.policy": Kind(wishes.take_policy, sets_up=True),
    "return.policy": Kind(return_policy.take_policy, sets_up=True),
    "order.holds": Kind(hold_steps.take),
    "check.rules": Kind(check_steps.take_rules, sets_up=True),
    "card.told": Kind(check_steps.take_card),
    "store.keys": Kind(receipts.take_keys, sets_up=True),
    "return.expect": Kind(mail_in.expect),
    "return.unexpect": Kind(mail_in.unexpect),
    "exception.told": Kind(told.carry_out),
    "exception.noted": Kind(told.hear),
    **stock_directives.KINDS,
}
"""Directives that a store carries out by itself."""


def kinds_over(edge: Edge) -> Callable[[Courier], Mapping[str, Kind]]:
    """Return the directives for which a store may have to fetch something, given what fetches."""
    return lambda courier: {
        **fulfil_directives.kinds_of(edge)(courier),
        **transfer_directives.kinds_of(edge)(courier),
    }


def _link_of(app: FastAPI, edge: Edge) -> LinkService:
    """Return the link with every directive that the rooms carry out."""
    return LinkService(
        edge,
        apply_catalog=catalog_steps.apply_file,
        stage_catalog=catalog_steps.stage_file,
        kinds=KINDS,
        kinds_over=kinds_over(edge),
        printers=lambda: printer_states(edge, app.state.paper),
    )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run what runs beside the routes; end it before the database is closed."""
    edge: Edge = app.state.edge
    paper: PaperService = app.state.paper
    link: LinkService = app.state.link
    fulfil_clock: FulfilClock = app.state.fulfil_clock
    disk: DiskWatch = app.state.disk
    disk.start()
    beginning = Beginning((partial(edge.database.write, partial(tidy, edge=edge)), paper.start, link.start))
    await asyncio.to_thread(beginning.start)
    fulfil_clock.start()
    tour: TourWatch = app.state.tour
    tour.start()
    try:
        yield
    finally:
        await asyncio.to_thread(tour.stop)
        edge.broadcaster.close()
        await asyncio.to_thread(disk.stop)
        await asyncio.to_thread(beginning.stop)
        await asyncio.to_thread(fulfil_clock.stop)
        await asyncio.to_thread(link.stop)
        await asyncio.to_thread(paper.stop)
        app.state.hub_questions.close()
        edge.database.close()


def tidy(unit: EdgeUnit, edge: Edge) -> None:
    """Forget what nobody asks for again, and settle what the last run left undecided."""
    if edge.settings.replay_clock:
        return  # until the first request this clock shows today, and the replay's keys are years old
    now_us = edge.clock.now_us()
    forget_old_keys(unit, now_us)
    people_steps.settle_tries(unit, edge)
    counter_rows.forget_old_baskets(unit, now_us - KEPT_US)
    forget_old(unit, now_us - KEPT_US)
    forget_old_arrivals(unit, now_us - KEPT_US)


def printer_states(edge: Edge, paper: PaperService) -> dict[str, str]:
    """Return what the hub is told of the printers of this store."""
    views = paper_api.printer_views(edge.database.read(), paper)
    return {view.printer_id: view.state for view in views}


def software() -> str:
    """Return the version that runs here."""
    try:
        return version("orderspine")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0.0.0"


def health(edge: Edge) -> dict[str, object]:
    """Return what `/healthz` shows: it answers only if the database can be read."""
    newest = link_rows.newest(edge.database.read())
    return {"edge": edge.settings.edge, "version": software(), "newest_seq": newest}


def session_secret(settings: EdgeSettings, ids: IdMaker) -> str:
    """Return the key that signs sessions; the first start makes it, readable by nobody else."""
    file = settings.secret_file
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(ids.secret(32))
    return file.read_text(encoding="ascii").strip()


def _describe(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        description = get_openapi(title=app.title, version=app.version, routes=app.routes)
        app.openapi_schema = described(description)
    return app.openapi_schema
