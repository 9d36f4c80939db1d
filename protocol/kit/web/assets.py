"""Scripts, styles and pictures: read once, compressed once, served from memory under a name with a hash.

`url("shell.js")` carries the first digits of the file's SHA-256, so a browser keeps a file for a year and
still takes the new one after an update. Only files that were there at start are served, by exact name.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")
_YEAR = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    gzipped: bytes | None
    media_type: str
    digest: str


class Assets:
    """An ASGI application that serves folders of files; mount it at `/static`."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._files: dict[str, Path] = {}
        self._read: dict[str, Asset] = {}
        for prefix, folder in folders.items():
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    name = path.relative_to(folder).as_posix()
                    self._files[f"{prefix}/{name}" if prefix else name] = path

    def url(self, name: str) -> str:
        """Return the address of a file; an unknown name is an error while rendering, not a broken page."""
        return f"/static/{name}?v={self.get(name).digest[:10]}"

    def get(self, name: str) -> Asset:
        """Return a file's content, read at its first use."""
        asset = self._read.get(name)
        if asset is None:
            asset = self._read[name] = _load(self._files[name])
        return asset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        name = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        if scope["method"] not in ("GET", "HEAD") or name not in self._files:
            await Response("Not found\n", status_code=404, media_type="text/plain")(scope, receive, send)
            return
        asset = self.get(name)
        asked = Headers(scope=scope)
        headers = {
            "cache-control": _YEAR if b"v=" in scope.get("query_string", b"") else "no-cache",
            "etag": f'"{asset.digest[:20]}"',
            "vary": "accept-encoding",
        }
        if asked.get("if-none-match") == headers["etag"]:
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        body = asset.body
        if asset.gzipped is not None and "gzip" in asked.get("accept-encoding", ""):
            body = asset.gzipped
            headers["content-encoding"] = "gzip"
        await Response(body, headers=headers, media_type=asset.media_type)(scope, receive, send)


def _load(path: Path) -> Asset:
    body = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if media_type == "text/javascript":
        media_type = "application/javascript"
    shrinks = media_type.startswith(_COMPRESSED)
    return Asset(
        body=body,
        gzipped=gzip.compress(body, 9, mtime=0) if shrinks else None,
        media_type=media_type,
        digest=hashlib.sha256(body).hexdigest(),
    )
