"""Logs: one line per happening, as JSON for machines or as colour for a person, never with a secret in it.

Lines of libraries that use `logging` go the same way. Values are hidden by the name they are logged under,
word by word (`manager_pin` is hidden, `shipping` is not), at any depth, and after the word Bearer.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import IO, Any, Literal

import structlog

HIDDEN = "[hidden]"
_SECRET_WORDS = frozenset({"pin", "password", "passwd", "secret", "token", "authorization", "cookie", "csrf"})
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_BEARER = re.compile(r"(?i)(bearer\s+)[\w.~+/=-]+")
_MAX_DEPTH = 6
_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
"""Loggers that a server started without our settings takes out of the common way; see `set_up_logs`."""


def set_up_logs(
    *, form: Literal["json", "console"] = "json", level: str = "info", out: IO[str] | None = None
) -> None:
    """Send every log of the process to one place in one form; call once at start.

    Uvicorn's own configuration, where something in the process has applied it, gives way to this one.
    """
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    last: structlog.types.Processor
    if form == "json":
        shared.append(structlog.processors.format_exc_info)
        last = structlog.processors.JSONRenderer(default=str)
    else:
        # Plain traces: a rich one prints every local, takes seconds under load, and could show a secret.
        last = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _OWN_HANDLERS:
        library = logging.getLogger(name)
        library.handlers, library.propagate, library.disabled = [], True, False


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide every secret of a log line; a structlog processor."""
    for name in list(event):
        event[name] = _hidden(name, event[name], 0)
    return event


def _hidden(name: str, value: object, depth: int) -> object:
    if _is_secret(name):
        return HIDDEN
    if depth >= _MAX_DEPTH:
        return value
    if isinstance(value, Mapping):
        return {key: _hidden(str(key), inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden("", inner, depth + 1) for inner in value]
    return _BEARER.sub(rf"\1{HIDDEN}", value) if isinstance(value, str) else value


def _is_secret(name: str) -> bool:
    return any(word.lower() in _SECRET_WORDS for word in _WORDS.findall(name))
