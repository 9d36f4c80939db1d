"""What a person does with the programs that are told: add one, try it, switch it, forget it."""

import json
from typing import Final

import sqlalchemy as sa
from pydantic import Field, field_validator

from hub.channels.line import Answer, new_secret, open_client, post
from hub.context import Hub
from hub.database import HubUnit
from hub.notify.rows import Hook, hooks, notice_hooks
from hub.notify.rules import OF_ORDERS, Kind
from hub.web import Wanted
from protocol.errors import Conflict, NotFound
from protocol.kit.text import _

HOOKS: Final = 20
"""Each of them is told every notice beside its customer."""


class HookWanted(Wanted):
    """A program that wants to be told."""

    name: str = Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*$")
    url: str = Field(
        min_length=8, max_length=300, pattern=r"^https?://[^\s@/?#\x00-\x1f]+(/[^\s\x00-\x1f]*)?$"
    )
    kinds: tuple[Kind, ...] = Field(min_length=1, max_length=len(OF_ORDERS))

    @field_validator("kinds")
    @classmethod
    def _of_orders(cls, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
        if strange := [kind for kind in kinds if kind not in OF_ORDERS]:
            raise ValueError(f"customers are never told: {strange[0].value}")
        return tuple(dict.fromkeys(kinds))


def add(hub: Hub, wanted: HookWanted, *, by: str) -> Hook:
    """Tell a program from now on, and return it with its secret, which is shown this once.

    Raises:
        Conflict: there are too many, or one of that address.
    """

    def step(unit: HubUnit) -> Hook:
        known = hooks(unit.connection)
        if wanted.url in {hook.url for hook in known}:
            raise Conflict(
                _("This address is told already."), _("Remove the one that there is."), code="hook_known"
            )
        if len(known) >= HOOKS:
            raise Conflict(
                _("There are {n} programs.", n=len(known)), _("Remove one first."), code="hooks_full"
            )
        kinds = tuple(kind.value for kind in wanted.kinds)
        made = Hook(
            hook_id=hub.ids.new_id(),
            name=wanted.name.strip(),
            url=wanted.url,
            secret=new_secret(hub.ids),
            kinds=kinds,
            active=True,
            created_us=hub.clock.now_us(),
            created_by=by,
        )
        unit.connection.execute(
            sa.insert(notice_hooks).values(
                hook_id=made.hook_id,
                name=made.name,
                url=made.url,
                secret=made.secret,
                kinds=json.dumps(kinds),
                active=True,
                created_us=made.created_us,
                created_by=by,
            )
        )
        return made

    return hub.database.write(step)


def find(hub: Hub, hook_id: str) -> Hook:
    """Return one program.

    Raises:
        NotFound: there is none of that id.
    """
    with hub.database.read() as connection:
        found = next((hook for hook in hooks(connection) if hook.hook_id == hook_id), None)
    if found is None:
        raise NotFound(_("There is no such program."), _("Look the list up again."), code="no_hook")
    return found


def test(hub: Hub, hook_id: str) -> Answer:
    """Send one signed request that tells of nobody, and return what the program says; waits for it.

    Raises:
        NotFound: there is none of that id.
    """
    hook, now_us = find(hub, hook_id), hub.clock.now_us()
    body = json.dumps({"type": "notice.test", "timestamp_us": now_us, "data": {}}, separators=(",", ":"))
    with open_client() as client:
        return post(
            client,
            hook.url,
            body,
            delivery_id=hub.ids.new_id(),
            at_us=now_us,
            secrets=[hook.secret],
        )


def switch(hub: Hub, hook_id: str, *, on: bool) -> None:
    """Tell a program again, or no more; what waits for one that is off fails and can be sent once more.

    Raises:
        NotFound: there is none of that id.
    """
    mine = notice_hooks.c.hook_id == find(hub, hook_id).hook_id
    hub.database.write(
        lambda unit: unit.connection.execute(sa.update(notice_hooks).where(mine).values(active=on))
    )


def remove(hub: Hub, hook_id: str) -> None:
    """Forget a program; what it was told stays in the list.

    Raises:
        NotFound: there is none of that id.
    """
    mine = notice_hooks.c.hook_id == find(hub, hook_id).hook_id
    hub.database.write(lambda unit: unit.connection.execute(sa.delete(notice_hooks).where(mine)))
