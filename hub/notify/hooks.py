"""One round of telling programs: each notice that is due leaves as one signed request.

The `webhook-id` is the notice's own and the same at every try, so a receiver that keeps the ids it has taken
takes each once, whatever the line or this process does in between. The body says who is told and in which
words, so that a program which sends text messages needs to ask nothing.
"""

import json
from functools import partial
from typing import Final

import httpx

from hub.channels.line import open_client, post
from hub.context import Hub
from hub.database import HubUnit
from hub.notify import rows
from hub.notify.rows import Hook, Notice
from hub.notify.rules import Way
from hub.notify.sender import ROUND_SECONDS, Ready, again, claim, fail, settle_sent, sort_due, written

GONE: Final = "HTTP 410"
"""A receiver that says so wants nothing more of this kind."""


def tell_programs(hub: Hub) -> int:
    """Tell programs what is due; return how many notices were taken. For the hub's clock."""
    with hub.database.read() as connection:
        if not rows.due(connection, hub.clock.now_us(), 1, Way.HOOK):
            return 0
        known = {hook.hook_id: hook for hook in rows.hooks(connection)}
    ready = hub.database.write(partial(sort_due, hub, Way.HOOK))
    until, taken = hub.clock.monotonic() + ROUND_SECONDS, 0
    with open_client() as client:
        for each in ready:
            if hub.clock.monotonic() >= until:
                break
            taken += _attempt(hub, client, known.get(each.notice.hook_id), each)
    return taken


def _attempt(hub: Hub, client: httpx.Client, hook: Hook | None, each: Ready) -> bool:
    if hook is None or not hook.active:
        hub.database.write(partial(_give_up, hub, each.notice, "no_hook"))
        return False
    claimed = hub.database.write(partial(claim, hub, each))
    if claimed is None:
        return False
    answer = post(
        client,
        hook.url,
        body_of(hub, claimed, each),
        delivery_id=claimed.notice_id,
        at_us=hub.clock.now_us(),
        secrets=[hook.secret],
    )
    hub.database.write(partial(_settle, hub, claimed, answer.ok, answer.detail))
    return answer.ok


def body_of(hub: Hub, notice: Notice, each: Ready) -> str:
    """Return what a program is told."""
    said, contact = written(hub, notice, each.facts, each.contact), each.contact
    return json.dumps(
        {
            "type": f"notice.{notice.kind}",
            "timestamp_us": hub.clock.now_us(),
            "data": {
                "notice_id": notice.notice_id,
                "kind": notice.kind,
                "order_id": notice.order_id,
                "number": notice.number,
                "language": contact.language,
                "customer": {"name": contact.full_name, "email": contact.email, "phone": contact.phone},
                "subject": said.subject,
                "text": said.text,
                "facts": each.facts.model_dump(mode="json", exclude={"said"}),
            },
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _give_up(hub: Hub, notice: Notice, why: str, unit: HubUnit) -> None:
    fail(hub, unit, notice, why)


def _settle(hub: Hub, notice: Notice, ok: bool, detail: str, unit: HubUnit) -> None:
    if ok:
        settle_sent(hub, unit, notice)
    elif detail == GONE:
        fail(hub, unit, notice, detail)
    else:
        again(hub, unit, notice, detail, tries=notice.tries)
