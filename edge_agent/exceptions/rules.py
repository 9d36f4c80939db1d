"""What an exception of a store must say, before it is one.

One cause is one exception: the dedupe key names the cause (`till_difference:<session>`), and while one is
open a second raise changes nothing.
"""

from typing import Final

from protocol.errors import Invalid
from protocol.kit.text import _

OWNERS: Final = frozenset({"associate", "lead", "manager", "ops", "finance", "admin"})


def check_owner(owner_role: str) -> None:
    """Refuse an exception that nobody would own.

    Raises:
        Invalid: there is no such role.
    """
    if owner_role not in OWNERS:
        raise Invalid(
            _("There is no role {role} to own this.", role=owner_role[:40]),
            _("Use one of: {roles}.", roles=", ".join(sorted(OWNERS))),
            code="bad_owner",
        )
