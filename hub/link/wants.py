"""How many units of each item the hub wants a location to have lent it free: what is promised there lately.

The cell A only grows, so its growth since the last look is what was promised meanwhile. It is looked at when
the edge echoes a vector, that is, only for items of which something happened; a rate that nobody looks at any
more only makes a loan too large for a while. The wish is a level (`protocol.lending`), kept in
`hub_rights.want`.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.spine.bulk import Select, Upsert
from hub.stock.policy import categories_of, current
from hub.stock.rows import hub_rights, lending_rates
from protocol.clock import DAY_US
from protocol.lending import decayed, demand

_RATES: Final = Upsert(lending_rates)
_KNOWN: Final = Select(
    sa.select(
        hub_rights.c.sku,
        hub_rights.c.allocated,
        hub_rights.c.want,
        lending_rates.c.rate_milli,
        lending_rates.c.allocated.label("measured"),
        lending_rates.c.at_us,
    )
    .outerjoin(
        lending_rates,
        (lending_rates.c.location == hub_rights.c.location) & (lending_rates.c.sku == hub_rights.c.sku),
    )
    .where(hub_rights.c.location == sa.bindparam("at"))
    .order_by(hub_rights.c.sku),
    hub_rights.c.sku,
)
_WANT: Final = (
    sa.update(hub_rights)
    .where(hub_rights.c.location == sa.bindparam("at"), hub_rights.c.sku == sa.bindparam("of"))
    .values(want=sa.bindparam("units", type_=sa.BigInteger), version=hub_rights.c.version + 1)
)


def measure(connection: Connection, location: str, skus: Sequence[str], now_us: int) -> int:
    """Measure what was promised of these items since the last time, and want more or less of them.

    Returns how many wishes changed; each of them is told like every other change.
    """
    rows = [row for row in _KNOWN.run(connection, list(skus), at=location) if row.allocated != row.measured]
    # An item that was never promised has no rate and needs none: the policy's least loan is lent of it.
    rows = [row for row in rows if row.allocated or row.measured is not None]
    if not rows:
        return 0
    policy = current(connection).policy
    categories = categories_of(connection, [row.sku for row in rows])
    measured, changed = [], []
    for row in rows:
        since_us = row.at_us if row.at_us is not None else now_us
        # A new epoch counts A from nothing, or from what was open then: no demand is to be read from that.
        units = max(0, row.allocated - row.measured) if row.measured is not None else row.allocated
        days = Fraction(max(0, now_us - since_us), DAY_US)
        rate_milli = decayed(row.rate_milli or 0, days, units)
        measured.append((location, row.sku, rate_milli, row.allocated, now_us))
        want = demand(policy.terms(row.sku, categories.get(row.sku, ""), location), rate_milli)
        if want != row.want:
            changed.append({"at": location, "of": row.sku, "units": want})
    _RATES.run(connection, measured)
    if changed:
        connection.execute(_WANT, changed)
    return len(changed)
