"""Puts the hub together: its parts, its routes, its threads. Nothing else in the package imports this.

`build` gives an application that is ready to be served; the wire starts and stops with the server. A program
that stops before the server has started closes `app.state.hub.database`.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from hub.capture import api as capture_api
from hub.catalog import api as catalog_api
from hub.catalog.pages import IMPORT_PATH as IMPORT_PAGE
from hub.catalog.steps import catalog_file
from hub.channels import api as channels_api
from hub.channels import steps as channels
from hub.channels.sender import tell_channels
from hub.checks import api as checks_api
from hub.clocks import Clocks, Tick
from hub.commissions import api as commissions_api
from hub.console import api as console_api
from hub.console.frame import frame_of
from hub.console.routes import page_routers, templates_for
from hub.context import Hub
from hub.customers import api as customers_api
from hub.customers import statement_pages
from hub.customers.access import may_see
from hub.database import HubDatabase
from hub.desk import api as desk_api
from hub.digest.steps import send_digests
from hub.exceptions import api as exceptions_api
from hub.exceptions.steps import look_at_desk
from hub.fleet.api import edge_router, fleet_router
from hub.flow import api as flow_api
from hub.flow.steps import follow as follow_flow
from hub.fulfil import api as fulfil_api
from hub.fulfil.risks import look_at_risks
from hub.fulfil.steps import look_at_clocks
from hub.holds import api as holds_api
from hub.holds import restored_api
from hub.holds.restored import look_at_restored
from hub.holds.steps import look_at_holds
from hub.journey import JOURNEY
from hub.ledger import api as ledger_api
from hub.ledger.close.steps import end_reopened
from hub.ledger.settlements.mapper_pages import PAGE as MAPPER_PAGE
from hub.ledger.settlements.pages import FILE_PAGE as SETTLEMENT_PAGE
from hub.ledger.settlements.steps import BYTES as SETTLEMENT_BYTES
from hub.link import watch
from hub.link.pullback import recovery_router
from hub.link.service import HubLink, link_of
from hub.moves import ask_in_time
from hub.news import act_on_news, reconsider
from hub.notify import api as notify_api
from hub.notify import hook_pages, stop_pages, words_pages
from hub.notify import pages as notify_pages
from hub.notify.hooks import tell_programs
from hub.notify.sender import send_due
from hub.offers import forget_old as forget_old_offers
from hub.once import forget_old_keys
from hub.payments import api as payments_api
from hub.payments.asks import ask_services
from hub.payments.steps import work_off
from hub.people import api as people_api
from hub.people.steps import SignIns
from hub.returns import elsewhere as returns_elsewhere
from hub.returns import mail_in_api
from hub.returns import policy_api as return_policy_api
from hub.returns.mail_in_clock import look_at_mail_ins
from hub.route import api as route_api
from hub.route.arriving import look_at_waits
from hub.route.facts import api as routing_api
from hub.route.facts.accepts import measure as measure_accepts
from hub.route.facts.demand import measure as measure_demand
from hub.route.facts.pages import BODIES as ROUTING_BODIES
from hub.route.moving import try_waiting
from hub.route.questions import questions
from hub.route.reservations import expire_reservations
from hub.route.what_if.steps import work_off as work_off_replays
from hub.schema import upgrade
from hub.service import alternatives, exchange_api
from hub.settings import HubSettings
from hub.spine.rows import APPLY_ORDER, counters
from hub.stock import api as stock_api
from hub.stock import policy_api, task_api
from hub.stock.task_pages import IMPORT_PATH as DELIVERIES_PAGE
from hub.stored_value import api as stored_value_api
from hub.transfers import api as transfers_api
from hub.transfers.clocks import look_at_transfers
from hub.transfers.importing import BYTES as TRANSFER_IMPORT_BYTES
from hub.transfers.new_pages import IMPORT_PAGE as TRANSFER_IMPORT_PAGE
from hub.unpaid import expire_unpaid
from hub.web import allow
from protocol.clock import Clock
from protocol.envelope import BATCH_INFLATED_LIMIT, EVENT_LIMIT
from protocol.ids import IdMaker
from protocol.kit.system import SystemClock, SystemIds
from protocol.kit.web.install import add_routes, install_shell
from protocol.kit.web.refusals import describe
from protocol.kit.web.signin import SessionSigner
from protocol.kit.web.sse import Broadcaster
from protocol.kit.web.tour import TourWatch

ROUTERS = (
    console_api.router,
    console_api.figures,
    exceptions_api.router,
    desk_api.router,
    restored_api.router,  # before the holds: /api/holds/restored is no hold
    holds_api.router,
    checks_api.router,
    ledger_api.router,
    catalog_api.router,
    capture_api.router,
    alternatives.api,
    route_api.router,
    routing_api.router,
    flow_api.router,
    fulfil_api.router,
    payments_api.router,
    stock_api.router,
    transfers_api.router,
    policy_api.router,
    return_policy_api.router,
    mail_in_api.router,
    exchange_api.router,
    statement_pages.api,
    commissions_api.router,
    stored_value_api.router,
    task_api.router,
    channels_api.router,
    customers_api.router,
    words_pages.programs,  # before the notices: /notices/words is no notice
    words_pages.router,
    hook_pages.router,
    notify_api.router,
    notify_pages.router,
    stop_pages.router,
)
COOKIE = "os_hub"
DELIVERY_BYTES = 8 * 1024 * 1024
"""A file of 20,000 rows with long names, as JSON or as a form."""
BODY_LIMITS: Final = {
    catalog_api.IMPORT_PATH: catalog_api.IMPORT_BYTES,
    IMPORT_PAGE: catalog_api.IMPORT_BYTES,
    **ROUTING_BODIES,
    DELIVERIES_PAGE: DELIVERY_BYTES,
    "/api/deliveries": DELIVERY_BYTES,
    transfers_api.IMPORT_PATH: TRANSFER_IMPORT_BYTES + 1024,
    TRANSFER_IMPORT_PAGE: TRANSFER_IMPORT_BYTES + 4096,
    SETTLEMENT_PAGE: SETTLEMENT_BYTES + 4096,
    MAPPER_PAGE: SETTLEMENT_BYTES + 16_384,
    "/edge/blobs/": EVENT_LIMIT + 1024,
    "/edge/lives/": BATCH_INFLATED_LIMIT,
}
"""Bytes that a request may have, where it is more than usual."""
TICKS = (
    Tick("life", 1.0, watch.keep),
    Tick("reservations", 5.0, expire_reservations),
    Tick("promises", 10.0, look_at_clocks),
    Tick("risks", 60.0, look_at_risks),
    Tick("desk", 15.0, look_at_desk),
    Tick("holds", 15.0, look_at_holds),
    Tick("restored orders", 5.0, look_at_restored),
    Tick("waiting_orders", 60.0, try_waiting),
    Tick("inbound", 15.0, look_at_waits),
    Tick("news", 1.0, act_on_news),
    Tick("in_time", 10.0, ask_in_time),
    Tick("better_places", 3600.0, reconsider),
    Tick("unpaid", 60.0, expire_unpaid),
    Tick("refunds", 5.0, work_off),
    Tick("payments", 5.0, ask_services),
    Tick("transfers", 15.0, look_at_transfers),
    Tick("mail_ins", 60.0, look_at_mail_ins),
    Tick("api_keys", 3600.0, forget_old_keys),
    Tick("reopened", 60.0, end_reopened),
    Tick("offers", 3600.0, forget_old_offers),
    Tick("demand", 15.0, measure_demand),
    Tick("accepts", 900.0, measure_accepts),
    Tick("flow", 2.0, follow_flow),
    Tick("digests", 20.0, send_digests),
)
"""What must happen because time passes, in every process of the hub."""
SENDERS = (
    Tick("channels", 1.0, tell_channels, deadline_seconds=30.0),
    Tick("notices", 2.0, send_due, deadline_seconds=40.0),
    Tick("programs", 2.0, tell_programs, deadline_seconds=40.0),
)
"""What waits for somebody else's server, on a thread of its own."""
WORKERS = (Tick("replays", 1.0, work_off_replays, deadline_seconds=600.0),)
"""What takes minutes because somebody asked for much, on a thread of its own."""


def parts(settings: HubSettings, *, clock: Clock | None = None, ids: IdMaker | None = None) -> Hub:
    """Return the hub without its web side, its database brought to the schema of today."""
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = HubDatabase(settings.url)
    try:
        upgrade(database.engine)
    except BaseException:
        database.close()
        raise
    hub = Hub(
        settings=settings,
        database=database,
        clock=clock or SystemClock(),
        ids=ids or SystemIds(),
        broadcaster=Broadcaster(),
        journey=JOURNEY,
    )
    watch.settle(hub)
    channels.settle(hub)
    return hub


def build(settings: HubSettings, *, clock: Clock | None = None, ids: IdMaker | None = None) -> FastAPI:
    """Return the application of the hub; its parts are in `app.state.hub`."""
    hub = parts(settings, clock=clock, ids=ids)
    app = FastAPI(
        title="Orderspine hub",
        version=software(),
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    app.state.hub = hub
    app.state.presence = hub.presence
    app.state.clocks = Clocks(hub, TICKS)
    app.state.senders = Clocks(hub, SENDERS)
    app.state.workers = Clocks(hub, WORKERS)
    app.state.link = link_of(hub, app.state.presence)
    app.state.sign_ins = SignIns(hub)
    app.state.signer = SessionSigner(
        session_secret(settings, hub.ids), cookie=COOKIE, clock=hub.clock, ids=hub.ids
    )
    app.state.templates = templates_for(hub)
    app.state.tour = TourWatch(settings.tour_url, hub.broadcaster)
    app.state.templates.serve(frame_of(hub, app.state.signer, app.state.presence, app.state.tour.steps))
    install_shell(
        app,
        templates=app.state.templates,
        signer=app.state.signer,
        broadcaster=hub.broadcaster,
        ids=hub.ids,
        allowed_hosts=settings.allowed_hosts,
        body_limits=BODY_LIMITS,
        still_valid=app.state.sign_ins.still_valid,
        bearer=app.state.sign_ins.bearer,
        healthy=healthy_of(hub),
    )
    add_routes(
        app,
        *ROUTERS,
        *page_routers(app.state.signer, app.state.sign_ins),
        people_api.router(app.state.signer, app.state.sign_ins),
        edge_router(hub.database, clock=hub.clock, catalog_file=catalog_file(hub)),
        recovery_router(hub),
        customers_api.edge_contacts(hub.database, clock=hub.clock, may_see=may_see),
        stored_value_api.edge_questions(hub.database),
        returns_elsewhere.edge_questions(hub.database, clock=hub.clock),
        questions(hub.database, clock=hub.clock, terms=hub.spine.terms.promising),
        fleet_router(
            hub.database, clock=hub.clock, presence=app.state.presence, line=hub.line, allowed=allow()
        ),
    )
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]  # the way FastAPI documents
    return app


def _describe(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        describe(app.openapi_schema)
    return app.openapi_schema


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the wire beside the routes; end it before the database is closed."""
    hub: Hub = app.state.hub
    link: HubLink = app.state.link
    tour: TourWatch = app.state.tour
    clocks: Clocks = app.state.clocks
    senders: Clocks = app.state.senders
    workers: Clocks = app.state.workers
    await asyncio.to_thread(link.start)
    clocks.start()
    senders.start()
    workers.start()
    tour.start()
    try:
        yield
    finally:
        await asyncio.to_thread(tour.stop)
        await asyncio.to_thread(clocks.stop)
        await asyncio.to_thread(senders.stop)
        await asyncio.to_thread(workers.stop)
        hub.broadcaster.close()
        await asyncio.to_thread(link.stop)
        await asyncio.to_thread(watch.keep, hub)
        hub.database.close()


def software() -> str:
    """Return the version that runs here."""
    try:
        return version("orderspine")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0.0.0"


def healthy_of(hub: Hub) -> Callable[[], dict[str, object]]:
    """Return what `/healthz` shows: it answers only if the database can be read."""

    def healthy() -> dict[str, object]:
        with hub.database.read() as connection:
            newest = connection.execute(
                sa.select(counters.c.value).where(counters.c.name == APPLY_ORDER)
            ).scalar()
        return {"hub": hub.settings.name, "version": software(), "applied": int(newest or 0)}

    return healthy


def session_secret(settings: HubSettings, ids: IdMaker) -> str:
    """Return the key that signs sessions; the first start makes it, readable by nobody else."""
    file = settings.secret_file
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(ids.secret(32))
    return file.read_text(encoding="ascii").strip()
