"""Promises that were shown to a customer before the order, kept for some minutes under a name of their own.

An order that names one gets exactly what was shown: when, by which service, and at which price. Nothing is
set aside by an offer; whether it can still be kept is decided when the order comes.
"""

import json
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit, metadata
from hub.promises import PromiseWanted, promise_of
from protocol.clock import MICROSECONDS
from protocol.errors import Invalid
from protocol.fulfilment import Promise
from protocol.kit.text import _

VALID_US: Final = 15 * 60 * MICROSECONDS
"""How long a customer may think about it."""
KEPT_US: Final = 24 * 3600 * MICROSECONDS
"""How long an offer that is over is still known, so that its refusal can say so."""

promise_offers: Final = sa.Table(
    "promise_offers",
    metadata,
    sa.Column("offer_id", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_us", sa.BigInteger, nullable=False),
    sa.Column("until_us", sa.BigInteger, nullable=False, index=True),
)
"""`body` is a JSON list of promises: option `n` of an offer is named `<offer_id>.<n>`."""


def keep(unit: HubUnit, offer_id: str, options: Sequence[Promise], now_us: int) -> int:
    """Keep what is shown to a customer; return until when it may be named."""
    until_us = now_us + VALID_US
    unit.connection.execute(
        sa.insert(promise_offers).values(
            offer_id=offer_id,
            body=json.dumps([option.model_dump(mode="json") for option in options]),
            made_us=now_us,
            until_us=until_us,
        )
    )
    return until_us


def promised(hub: Hub, connection: Connection, wanted: PromiseWanted) -> Promise:
    """Return what is promised: the option that is named, or what is said itself.

    Raises:
        Invalid: the option is not known, is over, or is of another kind or place than is said with it.
    """
    now_us = hub.clock.now_us()
    if not wanted.option:
        return promise_of(wanted, now_us, hub.settings.collect_keep_us)
    option = _option(connection, wanted.option, now_us)
    if option.kind is not wanted.kind or wanted.location not in ("", option.location):
        raise Invalid(
            _("The option that is named is another one."),
            _("Send it as it was shown, or leave the option out."),
            code="other_option",
        )
    return option


def forget_old(hub: Hub) -> int:
    """Delete offers that nobody will name any more, and return how many there were. A clock calls it."""
    before_us = hub.clock.now_us() - KEPT_US
    return hub.database.write(
        lambda unit: (
            unit.connection.execute(
                sa.delete(promise_offers).where(promise_offers.c.until_us < before_us)
            ).rowcount
        )
    )


def _option(connection: Connection, name: str, now_us: int) -> Promise:
    offer_id, _dot, n = name.rpartition(".")
    row = connection.execute(
        sa.select(promise_offers.c.body, promise_offers.c.until_us).where(
            promise_offers.c.offer_id == offer_id
        )
    ).first()
    options = [] if row is None else json.loads(row.body)
    if row is None or not n.isdigit() or int(n) >= len(options):
        raise Invalid(
            _("This option is not known."), _("Ask what can be promised, and choose again."), code="no_option"
        )
    if row.until_us < now_us:
        raise Invalid(
            _("This option is over."),
            _("Ask what can be promised now, and choose again."),
            code="option_over",
            until_us=row.until_us,
        )
    return Promise.model_validate(options[int(n)])
