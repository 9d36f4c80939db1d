"""One signed request to a channel.

The signature is that of Standard Webhooks. While a secret is being changed the header carries one signature
for each, as the standard has it. What went wrong is told without the address and without any secret.
"""

import base64
from datetime import UTC, datetime
from typing import Final, NamedTuple

import httpx
from standardwebhooks.webhooks import Webhook

from protocol.clock import MICROSECONDS
from protocol.ids import IdMaker

SECRET_BYTES: Final = 32
TIMEOUT_SECONDS: Final = 10.0
_OK: Final = range(200, 300)


def new_secret(ids: IdMaker) -> str:
    """Return a secret as Standard Webhooks writes one."""
    return "whsec_" + base64.b64encode(bytes.fromhex(ids.secret(SECRET_BYTES))).decode()


class Answer(NamedTuple):
    """What became of a request; `detail` is for people."""

    ok: bool
    detail: str


def post(
    client: httpx.Client, url: str, body: str, *, delivery_id: str, at_us: int, secrets: list[str]
) -> Answer:
    """Send one delivery and return what the channel said."""
    seconds = at_us // MICROSECONDS
    at = datetime.fromtimestamp(seconds, tz=UTC)
    signatures = " ".join(Webhook(secret).sign(delivery_id, at, body) for secret in secrets)
    headers = {
        "content-type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signatures,
    }
    try:
        with client.stream("POST", url, content=body.encode(), headers=headers) as answer:
            status = answer.status_code
    except httpx.HTTPError as error:
        return Answer(ok=False, detail=type(error).__name__)
    return Answer(ok=status in _OK, detail=f"HTTP {status}")


def open_client() -> httpx.Client:
    """Return a client for one round; it follows nobody, because a signature is for one address."""
    return httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
