"""What a page that does not navigate is answered: the page drawn anew, and how it felt.

Forms of a handheld are sent by `outbox.js`, perhaps long after they were filled in, so an answer cannot be a
page that is swapped blindly. It is JSON around the part: `ok` is false when nothing was counted though
nothing was refused, such as a wrong item, and then `what` and `remedy` are listed when nobody stood there.
"""

from typing import Any, Protocol

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from edge_agent.pages import templates_of
from edge_agent.web import answered


class Scanned(Protocol):
    """What a scan came to, in whichever room."""

    @property
    def outcome(self) -> str:
        """A word for programs."""

    @property
    def scan_id(self) -> str:
        """What takes it back; empty when nothing was counted."""

    @property
    def what(self) -> str:
        """What is wrong with it."""

    @property
    def remedy(self) -> str:
        """What to do about that."""


class Answer(BaseModel):
    """What became of an act, for the page and for the queue it came from."""

    ok: bool = True
    html: str = ""
    """The block `body` of the page as it is now."""
    feedback: str = ""
    """What a scan came to; it stays when the page is drawn again by itself."""
    go: str = ""
    """Where the work goes on."""
    toast: str = ""
    outcome: str = ""
    scan_id: str = ""
    verification: str = ""
    what: str = ""
    remedy: str = ""


def drawn(request: Request, name: str, /, **values: Any) -> str:
    """Return the block `body` of a page."""
    return bytes(templates_of(request).block(request, name, "body", **values).body).decode()


def part(request: Request, name: str, /, **values: Any) -> str:
    """Return a small template by itself."""
    return templates_of(request).environment.get_template(name).render(**values)


def said(answer: Answer) -> Response:
    """Return an answer as the response."""
    return answered(answer)


def heard(scanned: Scanned, *, ok: bool, html: str, feedback: str, outcome: str = "") -> Response:
    """Return what a scan came to; what is wrong with it is an answer and no refusal."""
    return said(
        Answer(
            ok=ok,
            outcome=outcome or scanned.outcome,
            scan_id=scanned.scan_id,
            html=html,
            feedback=feedback,
            what=scanned.what,
            remedy=scanned.remedy,
        )
    )
