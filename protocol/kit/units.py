"""How many units one line of a document says at most: what adds up to more is refused before it is written.

Each line that comes in is checked as it is read. Lines of the same article add up, and so do scans; their
sum meets the limit here, with words and before anything has happened.
"""

from collections.abc import Iterable

from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.kit.web.filters import qty
from protocol.orders import UNITS


def check_units(units: Iterable[tuple[str, int]], remedy: str) -> None:
    """Refuse units of an article (sku, units) that no line can say.

    Raises:
        Invalid: `too_many_units`.
    """
    for sku, count in units:
        if count > UNITS:
            raise Invalid(
                _("{n} units of {sku} are more than one line can say; at most {limit}.",
                  n=qty(count), sku=sku[:40], limit=qty(UNITS)),
                remedy,
                code="too_many_units",
                sku=sku,
                units=count,
                limit=UNITS,
            )  # fmt: skip
