"""Another person's word, given beside whoever asks: a name and a password, as a PIN is at a counter.

Nobody signs in by it and nothing of it is kept but the name. Tries are limited per name, like those at the
door, so that a form is no way around its limit.
"""

from dataclasses import dataclass
from typing import Annotated, Final

import sqlalchemy as sa
from pydantic import Field

from hub.context import Hub
from hub.people.api import PER_NAME
from hub.people.rows import people
from hub.web import Wanted
from protocol.errors import NotPermitted
from protocol.kit.text import _
from protocol.kit.web.secrets import verify_secret
from protocol.kit.web.security import RateLimit
from protocol.kit.web.signin import CurrentPerson
from protocol.people import HubRole

_TRIES: Final = RateLimit(PER_NAME)


class Vouch(Wanted):
    """Who agrees, and the password that shows it."""

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00]*$")]
    password: Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class Agreed:
    """Another person who agrees."""

    name: str
    role: HubRole


def vouched(hub: Hub, vouch: Vouch | None, person: CurrentPerson, *roles: HubRole) -> Agreed | None:
    """Return the other person who agrees; None where nobody was asked.

    Raises:
        NotPermitted: `wrong_password`, `same_person`, or `wrong_role` for who may not agree to this.
        TooManyTries: for this name.
    """
    if vouch is None:
        return None
    name = " ".join(vouch.name.split())
    _TRIES.check(name.casefold())
    with hub.database.read() as connection:
        row = connection.execute(sa.select(people).where(people.c.name == name, people.c.active)).first()
    if not verify_secret(row.password_hash if row else None, vouch.password) or row is None:
        raise NotPermitted(
            _("The name or the password of whoever agrees is wrong."),
            _("Let them type both again."),
            code="wrong_password",
        )
    _TRIES.forget(name.casefold())
    if person.person_id == row.person_id:
        raise NotPermitted(
            _("You cannot agree to what you ask for yourself."),
            _("Let somebody else type their name and password."),
            code="same_person",
        )
    if row.role not in {HubRole.ADMIN.value, *(role.value for role in roles)}:
        raise NotPermitted(
            _("{name} may not agree to this.", name=row.name),
            _("Ask somebody whose role allows it."),
            code="wrong_role",
        )
    return Agreed(row.name, HubRole(row.role))
