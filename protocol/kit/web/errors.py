"""How a failure reads: to a program as JSON, to a page as a toast, to a browser as a whole page.

    {"error": {"code", "what", "remedy", "facts", "id"}}

htmx swaps 4xx and 5xx answers like any other. An error fragment therefore names its own target (the list of
toasts), or a refused click would replace the basket by a sentence. A deliberate error keeps its two
sentences; an unexpected one is logged with its trace under an id, and the answer carries the id alone.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from protocol.errors import Invalid, NotSignedIn, OrderspineError, Unavailable
from protocol.ids import IdMaker
from protocol.kit.text import _
from protocol.kit.web.shell import Templates

log = structlog.get_logger(__name__)

API_PREFIX = "/api"
SIGN_IN = "/sign-in"


class ErrorAnswers:
    """Turns an error into the response the asker can use."""

    def __init__(self, templates: Templates, ids: IdMaker, *, sign_in: str = SIGN_IN) -> None:
        self._templates = templates
        self._ids = ids
        self._sign_in = sign_in

    def refusal(self, request: Request, error: OrderspineError, *, bare: bool = False) -> Response:
        """Answer a deliberate error. `bare` leaves the database out: for what fails before routing."""
        error_id = self._ids.secret(4)
        level = log.warning if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR else log.info
        level(
            "refused",
            code=error.reason,
            what=error.what,
            facts=error.facts,
            path=request.url.path,
            id=error_id,
        )
        if isinstance(error, NotSignedIn) and asks_for(request) == "page":
            return self._to_sign_in(request)
        headers = _retry_after(error)
        return self._answer(request, error, error.http_status, error_id, headers, bare=bare)

    def unexpected(self, request: Request, error: Exception) -> Response:
        """Log what nobody foresaw with its trace and answer with the id, and with what is safe."""
        error_id = self._ids.secret(4)
        log.error("failed", path=request.url.path, id=error_id, exc_info=error)
        kind = Unavailable(
            _("Something went wrong inside Orderspine."),
            _(
                "Nothing of this step was kept; everything before it was. Try once more. "
                "If it happens again, report the id {id}.",
                id=error_id,
            ),
            code="internal_error",
        )
        return self._answer(request, kind, 500, error_id, {}, bare=True)

    def _answer(
        self,
        request: Request,
        error: OrderspineError,
        status: int,
        error_id: str,
        headers: dict[str, str],
        *,
        bare: bool,
    ) -> Response:
        said = {
            "code": error.reason,
            "what": error.what,
            "remedy": error.remedy,
            "facts": _plain(error.facts),
            "id": error_id,
        }
        wanted = asks_for(request)
        if wanted == "json":
            return JSONResponse({"error": said}, status_code=status, headers=headers)
        if wanted == "fragment":
            aimed = {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend", "HX-Push-Url": "false"}
            name, headers = "error_toast.html", headers | aimed
        else:
            name = "error.html"
        shell = self._templates.bare_shell() if bare else None
        return self._templates.page(
            request, name, status_code=status, headers=headers, shell=shell, error=said, status=status
        )

    def _to_sign_in(self, request: Request) -> Response:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        back = f"?next={quote(here)}" if request.method == "GET" else ""
        return RedirectResponse(f"{self._sign_in}{back}", status_code=HTTPStatus.SEE_OTHER)


def asks_for(request: Request) -> str:
    """Return what the asker understands: "json", "fragment" (htmx) or "page"."""
    if request.url.path.startswith(API_PREFIX):
        return "json"
    if request.headers.get("hx-request") == "true":
        return "fragment"
    return "page" if "text/html" in request.headers.get("accept", "") else "json"


def install_errors(app: FastAPI, answers: ErrorAnswers) -> None:
    """Map every error of the application to its answer; plain functions, so that they run beside the loop."""

    def deliberate(request: Request, error: Exception) -> Response:
        assert isinstance(error, OrderspineError)
        return answers.refusal(request, error)

    def malformed(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answers.refusal(request, _first_fault(error))

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answers.refusal(request, _from_http(error))

    app.add_exception_handler(OrderspineError, deliberate)
    app.add_exception_handler(RequestValidationError, malformed)
    app.add_exception_handler(HTTPException, http)


class LastNet:
    """The middleware around the routes: whatever comes through unforeseen gets an id and an answer."""

    def __init__(self, app: ASGIApp, answers: ErrorAnswers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            return  # the line went down while the request was being sent: nobody waits for an answer
        except Exception as error:
            if started:
                raise
            response = self._answers.unexpected(Request(scope, receive), error)
            await response(scope, receive, send)


class _HttpFault(Invalid):
    """A fault of HTTP itself."""

    def __init__(self, what: str, remedy: str, *, code: str, status: int) -> None:
        super().__init__(what, remedy, code=code)
        self.http_status = status  # type: ignore[misc]  # the status is the asker's, not the class's


def _from_http(error: HTTPException) -> OrderspineError:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return _HttpFault(
            _("There is no page at this address."),
            _("Go back, or start from the first tab."),
            code="no_such_page",
            status=404,
        )
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return _HttpFault(
            _("This address does not take that kind of request."),
            _("Use the page that leads here."),
            code="method_not_allowed",
            status=405,
        )
    return _HttpFault(
        str(error.detail),
        _("Check the request and send it again."),
        code="http_error",
        status=error.status_code,
    )


def _first_fault(error: RequestValidationError) -> OrderspineError:
    faults = [{"field": _field_name(fault["loc"]), "says": fault["msg"]} for fault in error.errors()]
    first = faults[0]
    return Invalid(
        _("The field {field} cannot be used: {says}.", field=first["field"], says=first["says"]),
        _("Correct it and send the whole form again; nothing of it was kept."),
        code="invalid_field",
        field=first["field"],
        fields=faults,
    )


def _field_name(where: Sequence[object]) -> str:
    inner = [str(part) for part in where if part not in ("body", "query", "path", "header", "cookie")]
    return ".".join(inner) or "body"


def _retry_after(error: OrderspineError) -> dict[str, str]:
    seconds = error.facts.get("retry_after_seconds")
    return {"Retry-After": str(seconds)} if seconds is not None else {}


def _plain(value: object) -> object:
    """Return facts as JSON can carry them; anything of ours reads as its own text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
