"""What has not been sent, over HTTP: for the strip on every screen, for scripts and for monitoring."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.link.service import LinkService
from edge_agent.metrics import exposition
from edge_agent.web import REFUSALS, edge_of

router = APIRouter(tags=["sync"], responses=REFUSALS)


class ErrorView(BaseModel):
    """What is wrong and what to do about it."""

    model_config = ConfigDict(from_attributes=True)

    what: str
    remedy: str


class SyncView(BaseModel):
    """One look at the link."""

    model_config = ConfigDict(from_attributes=True)

    state: str
    """online, sending, store_mode, quarantine or rejected."""
    unsent: int
    oldest_ms: int
    last_ack_us: int
    newest: int
    acked: int
    by_kind: dict[str, int]
    last_error: ErrorView | None
    quarantine: str
    clock_offset_us: int
    directives_waiting: str


def link_of(request: Request) -> LinkService:
    """Return the link of this store."""
    link: LinkService = request.app.state.link
    return link


@router.get("/api/sync")
def sync(request: Request) -> SyncView:
    """Say how the link to the hub is doing; needs no sign-in, it names nobody and no goods."""
    return SyncView.model_validate(link_of(request).status())


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request, edge: Annotated[Edge, Depends(edge_of)]) -> Response:
    """Figures for Prometheus."""
    body, media_type = exposition(edge, link_of(request))
    return Response(body, media_type=media_type)
