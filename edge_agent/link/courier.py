"""What does not belong on the wire goes over HTTPS: large events up, catalogues down, contacts both ways.

Both are known by their hash before they move, so a transfer that broke off goes on where it stopped, and
what arrives is either exactly what was announced or is thrown away.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from protocol.customers import CONTACT_BYTES, Contact
from protocol.directives import CatalogPublish
from protocol.errors import Refused, Unavailable
from protocol.kit.tls import trusted

TIMEOUT_SECONDS: Final = 20.0
CHUNK: Final = 256 * 1024
DOWNLOAD_LIMIT: Final = 512 * 1024 * 1024


class Courier:
    """The store's HTTPS line to the hub."""

    def __init__(self, hub_url: str, token: str, incoming: Path, *, ca_file: Path | None = None) -> None:
        self._incoming = incoming
        self._client = httpx.Client(
            base_url=hub_url or "http://hub.invalid",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            verify=trusted(ca_file),
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def put_blob(self, sha256: str, data: bytes) -> None:
        """Bring a large event to the hub.

        Raises:
            Unavailable: the line is down; try again.
            Refused: the hub does not take it.
        """
        try:
            answer = self._client.put(f"/edge/blobs/{sha256}", content=data)
        except httpx.HTTPError as error:
            raise _down(error) from error
        _check(answer.status_code)

    def fetch_catalog(self, body: CatalogPublish, stopping: threading.Event) -> Path:
        """Bring a catalogue's file here and return it, checked.

        Raises:
            Unavailable: the line is down; what has arrived is kept for the next try.
            Refused: what the hub sends is not what it announced.
        """
        done = self.catalog_file(body)
        if done.exists() and _sha256(done) == body.sha256:
            return done
        if body.size > DOWNLOAD_LIMIT:
            raise Refused("The catalogue is larger than this store takes.", "Split it.", code="too_large")
        self._incoming.mkdir(parents=True, exist_ok=True)
        part = done.with_suffix(".part")
        self._download(body, part, stopping)
        if part.stat().st_size != body.size or _sha256(part) != body.sha256:
            part.unlink()
            raise Refused(
                f"Catalogue {body.version} is not the file that was announced.",
                "Publish it again at the hub.",
                code="wrong_hash",
            )
        part.replace(done)
        return done

    def put_contact(self, contact_id: str, body: str) -> None:
        """Bring a customer to the hub.

        Raises:
            Unavailable: the line is down; try again.
            Refused: the hub does not take it.
        """
        try:
            answer = self._client.put(
                f"/edge/contacts/{quote(contact_id, safe='')}",
                content=body,
                headers={"Content-Type": "application/json"},
            )
        except httpx.HTTPError as error:
            raise _down(error) from error
        _check(answer.status_code)

    def fetch_contact(self, contact_id: str) -> Contact | None:
        """Return a customer as the hub knows them; None when it knows nobody, such as after an erasure.

        Raises:
            Unavailable: the line is down; try again.
            Refused: what the hub sends is no contact.
        """
        try:
            answer = self._client.get(f"/edge/contacts/{quote(contact_id, safe='')}")
        except httpx.HTTPError as error:
            raise _down(error) from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        _check(answer.status_code)
        if len(answer.content) > CONTACT_BYTES:
            raise Refused("The contact is larger than a contact can be.", "Shorten it.", code="bad_contact")
        try:
            contact = Contact.model_validate_json(answer.content)
        except ValidationError as error:
            raise Refused(
                "The hub sent something that is no contact.", "Look at it there.", code="bad_contact"
            ) from error
        return contact if contact.contact_id == contact_id else None

    def fetch_events(self, inc: str, after: int) -> list[str]:
        """Return the next events of an earlier life of this store, as they were sent.

        Raises:
            Unavailable: the line is down; try again.
            Refused: the hub knows no such life.
        """
        answer = self._asked("GET", f"/edge/lives/{inc}/events", params={"after": after})
        return [str(data) for data in answer["events"]]

    def put_events(self, inc: str, batch: bytes) -> int:
        """Bring events of an earlier life that the hub lacks; return how far it has them now.

        Raises:
            Unavailable: the line is down; try again.
            Refused: the hub does not take them.
        """
        return int(self._asked("PUT", f"/edge/lives/{inc}/events", content=batch)["upto"])

    def fetch_directives(self, hub_inc: str, after: int) -> list[dict[str, Any]]:
        """Return the next directives that this store has answered before.

        Raises:
            Unavailable: the line is down; try again.
            Refused: the hub does not answer that.
        """
        answer = self._asked("GET", "/edge/directives", params={"hub_inc": hub_inc, "after": after})
        return list(answer["directives"])

    def fetch_hub_lives(self) -> list[str]:
        """Return the lives of the hub that are over and in which it told this store something, in order.

        Raises:
            Unavailable: the line is down; try again.
        """
        try:
            answer = self._asked("GET", "/edge/hub-lives")
        except Refused:
            return []  # a hub that is older than this store does not know the question
        return [str(inc) for inc in answer["lives"]]

    def _asked(self, method: str, path: str, **said: Any) -> Any:
        try:
            answer = self._client.request(method, path, **said)
        except httpx.HTTPError as error:
            raise _down(error) from error
        _check(answer.status_code)
        return answer.json()

    def catalog_file(self, body: CatalogPublish) -> Path:
        """Return where the file of a catalogue lies once it is fetched."""
        return self._incoming / f"catalog-{body.version}-{body.sha256[:16]}"

    def _download(self, body: CatalogPublish, part: Path, stopping: threading.Event) -> None:
        have = part.stat().st_size if part.exists() else 0
        if have > body.size:
            part.unlink()
            have = 0
        if have == body.size:
            return
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with self._client.stream("GET", body.path, headers=headers) as answer:
                _check(answer.status_code)
                mode = "ab" if answer.status_code == httpx.codes.PARTIAL_CONTENT else "wb"
                size = have if mode == "ab" else 0
                with part.open(mode) as file:
                    for chunk in answer.iter_raw(CHUNK):
                        size += len(chunk)
                        if size > body.size or stopping.is_set():
                            break
                        file.write(chunk)
        except httpx.HTTPError as error:
            raise _down(error) from error
        if stopping.is_set():
            raise Unavailable("The program is shutting down.", "It goes on after the start.", code="closing")
        if size < body.size:
            raise Unavailable("The download of the catalogue broke off.", "It goes on by itself.")


class Uploads:
    """Large events on their way to the hub, one after the other, on a thread of their own."""

    def __init__(self, courier: Courier, moved: Callable[[], None]) -> None:
        """`moved` runs when one has arrived or failed."""
        self._courier = courier
        self._moved = moved
        self._busy: threading.Thread | None = None
        self.delivered: set[str] = set()
        self.trouble: tuple[str, str] | None = None

    @property
    def busy(self) -> bool:
        """Tell whether one is under way."""
        return self._busy is not None and self._busy.is_alive()

    def begin(self, sha256: str, data: bytes) -> None:
        """Bring one to the hub, unless one is under way."""
        if self.busy:
            return
        self._busy = threading.Thread(
            target=self._bring, args=(sha256, data), name="edge-upload", daemon=True
        )
        self._busy.start()

    def _bring(self, sha256: str, data: bytes) -> None:
        try:
            self._courier.put_blob(sha256, data)
        except (Unavailable, Refused) as error:
            self.trouble = (error.what, error.remedy)
        else:
            self.trouble = None
            self.delivered.add(sha256)
        self._moved()


def _check(status: int) -> None:
    if status in (401, 403):
        # Not a refusal of this one thing: once the right file is there, everything goes on.
        raise Unavailable(
            "The hub does not accept this store's token.",
            "Compare the token file with the one the hub gave out.",
            code="bad_token",
        )
    if status == 429 or status >= 500:
        raise Unavailable(f"The hub cannot answer now ({status}).", "It is tried again by itself.")
    if status >= 400:
        raise Refused(f"The hub refused ({status}).", "Look at the hub's exceptions.", code="hub_refused")


def _down(error: Exception) -> Unavailable:
    return Unavailable(
        f"The hub does not answer over HTTPS ({type(error).__name__}).",
        "Selling goes on; it is tried again by itself.",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
