"""A real Mosquitto with a hub and a store on it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from hub.fleet.api import edge_router
from protocol.errors import OrderspineError
from protocol.kit.system import SystemClock
from tests.support.both_ends import BothEnds, both_ends
from tests.support.broker import TestBroker, running_broker
from tests.support.ports import free_port
from tests.support.quick import quick_secrets
from tests.support.wire import HubSide, StoreSide, eventually, hub_side, store_side


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[TestBroker]:
    with running_broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def hub(tmp_path: Path, broker: TestBroker) -> Iterator[HubSide]:
    with hub_side(tmp_path / "hub", broker) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, hub: HubSide) -> Iterator[StoreSide]:
    with store_side(tmp_path, hub) as made:
        yield made


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BothEnds]:
    """A whole hub and a whole store that meet when a test lets them."""
    with quick_secrets(monkeypatch), both_ends(tmp_path) as made:
        yield made


@pytest.fixture
def catalog_files() -> dict[int, tuple[Path, str]]:
    """What the hub has published; a test puts files in."""
    return {}


@pytest.fixture
def hub_http(hub: HubSide, catalog_files: dict[int, tuple[Path, str]]) -> Iterator[str]:
    """The hub's HTTPS side for edges, on a real port."""
    app = FastAPI()
    app.include_router(edge_router(hub.database, clock=SystemClock(), catalog_file=catalog_files.get))

    @app.exception_handler(OrderspineError)
    async def refuse(_request: Request, error: OrderspineError) -> JSONResponse:
        return JSONResponse({"code": error.reason}, status_code=error.http_status)

    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(5)
