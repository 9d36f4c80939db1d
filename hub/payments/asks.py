"""Asking services for what is due beside refunds, and what people say for services that nobody asks.

As with refunds (`steps`): the service is asked outside of any transaction under a key, and what it did is one
event together with the question that it settles.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal, TypeVar

import sqlalchemy as sa

from hub.context import Hub
from hub.payments import rows
from hub.payments.gateways import Declined, Done, Gateway, Wanted, gateways_of
from hub.payments.rules import TRIES, next_try_us
from hub.payments.steps import AT_ONCE
from hub.spine import payment_rows
from hub.spine.orders import Orders
from hub.spine.steps import raise_exception, record
from hub.spine.work import Work
from protocol import later, payments
from protocol.errors import Invalid, NotFound, Refused, Unavailable
from protocol.kit.text import _
from protocol.orders import WireModel

HOLDS_US: Final = 7 * 24 * 3600 * 1_000_000
"""How long a card network keeps a promise as a rule; what is not captured by then is asked for anew."""
How = Literal["paid_again", "written_off"]
Ending = Literal["released", "expired", "declined"]
Answer = TypeVar("Answer")


def ask_services(hub: Hub, gateways: Mapping[str, Gateway] | None = None) -> int:
    """Put what is due to the services, end what has run out; return how many questions were settled."""
    services = gateways_of(hub) if gateways is None else gateways
    now_us = hub.clock.now_us()
    with hub.database.read() as connection:
        due = rows.asks_due(connection, now_us, AT_ONCE)
        table = payment_rows.authorisations.c
        over = connection.execute(
            sa.select(payment_rows.authorisations)
            .where(table.state == "authorised", table.expires_us > 0, table.expires_us < now_us)
            .limit(AT_ONCE)
        ).all()
    for row in over:
        _write(hub, partial(_end, row=row, how="expired", detail="it was not captured in time"))
    return sum(_put(hub, services.get(row.gateway), row) for row in due)


def _put(hub: Hub, service: Gateway | None, row: sa.Row[Any]) -> bool:
    if service is None:
        return _write(hub, partial(_left_to_people, hub, row))
    wanted = Wanted(row.ask_id, row.amount_minor, row.currency, row.reference)
    if row.kind == "capture":
        still = _write(hub, partial(_still_due, hub, row))
        if not still:
            return False
        wanted = Wanted(row.ask_id, still, row.currency, row.reference)
    try:
        answer = getattr(service, row.kind)(wanted)
    except Unavailable as error:
        _write(hub, partial(_try_later, hub, row, error.what))
        return False
    return _write(hub, partial(_settle, hub, row.ask_id, answer, wanted.amount_minor))


def _still_due(hub: Hub, row: sa.Row[Any], work: Work) -> int:
    """Return what of a capture is still needed: the customer may have paid at a counter, or cancelled."""
    entry = work.room(Orders).need(row.order_id)
    needed = entry.later.due_minor(entry.record) if entry is not None and entry.later else 0
    amount: int = min(row.amount_minor, needed)
    if amount <= 0:
        rows.asked(work.connection, row.ask_id, state="done", detail="nothing was due any more")
        held = payment_rows.authorisation(work.connection, row.about)
        if held is not None and held.state == "authorised":
            _release(hub, work, held)
    return amount


def _release(hub: Hub, work: Work, held: sa.Row[Any]) -> None:
    rows.ask(
        work.connection,
        ask_id=hub.ids.new_id(),
        kind="release",
        about=held.authorisation_id,
        order_id=held.order_id,
        number=held.number,
        gateway=held.gateway,
        amount_minor=held.amount_minor - held.captured_minor,
        currency=held.currency,
        reference=held.reference,
        created_us=hub.clock.now_us(),
    )


def _settle(hub: Hub, ask_id: str, answer: Done | Declined, amount_minor: int, work: Work) -> bool:
    """Record what a service answered, together with the question."""
    row = rows.open_ask(work.connection, ask_id)
    if row is None:
        return False
    failed = isinstance(answer, Declined)
    detail = answer.detail if isinstance(answer, Declined) else answer.reference
    rows.asked(work.connection, ask_id, state="failed" if failed else "done", detail=detail[:300])
    if row.kind == "authorise":
        _authorised(hub, work, row, answer)
    elif row.kind == "capture":
        _captured(hub, work, row, answer, amount_minor)
    elif row.kind == "release":
        held = payment_rows.authorisation(work.connection, row.about)
        if held is not None and held.state == "authorised":
            # A service that cannot let go lets it run out: the money is not ours either way.
            _end(work, row=held, how="released", detail=detail)
    else:
        _cleared(work, row, answer)
    return True


def _authorised(hub: Hub, work: Work, row: sa.Row[Any], answer: Done | Declined) -> None:
    if isinstance(answer, Done):
        body = payments.PaymentAuthorised(
            auth_id=row.about,
            order_id=row.order_id,
            number=row.number,
            gateway=row.gateway,
            reference=answer.reference[:64],
            amount_minor=row.amount_minor,
            currency=row.currency,
            expires_us=hub.clock.now_us() + HOLDS_US,
        )
        record(work, body)
        return
    _call(work, row, "payment_declined", f"The card of {row.number} was declined", answer.detail)


def _captured(  # noqa: PLR0917 - what was asked, what the service answered, and who says so
    hub: Hub, work: Work, row: sa.Row[Any], answer: Done | Declined, amount_minor: int, by: str = ""
) -> None:
    held = payment_rows.authorisation(work.connection, row.about)
    assert held is not None  # a capture is only asked for on one
    if isinstance(answer, Declined):
        _end(work, row=held, how="declined", detail=answer.detail)
        _call(work, row, "capture_failed", f"The money of {row.number} was not captured", answer.detail)
        return
    body = later.OrderPaidOnline(
        payment_id=row.ask_id,
        order_id=row.order_id,
        number=row.number,
        gateway=row.gateway,
        reference=answer.reference[:64],
        amount_minor=amount_minor,
        currency=row.currency,
        auth_id=row.about,
    )
    record(work, body, by=by)
    entry = work.room(Orders).need(row.order_id)
    rest = held.amount_minor - held.captured_minor - amount_minor
    if rest > 0 and (entry is None or entry.later is None or not entry.later.due_minor(entry.record)):
        _release(hub, work, held)


def _cleared(work: Work, row: sa.Row[Any], answer: Done | Declined, by: str = "") -> None:
    card = payment_rows.card(work.connection, row.about)
    if card is None or card.state != "offline_pending":
        return
    record(work, _of(card, answer), by=by)


def _of(card: sa.Row[Any], answer: Done | Declined) -> WireModel:
    said = {name: getattr(card, name) for name in ("card_id", "order_id", "number", "location")}
    said |= {"amount_minor": card.amount_minor, "currency": card.currency}
    if isinstance(answer, Done):
        return payments.CardCleared(**said, reference=answer.reference[:64])
    return payments.CardDeclinedLate(**said, detail=answer.detail[:300])


def _end(work: Work, *, row: sa.Row[Any], how: Ending, detail: str) -> None:
    held = payment_rows.authorisation(work.connection, row.authorisation_id)
    if held is None or held.state != "authorised":
        return
    body = payments.AuthorisationEnded(
        auth_id=held.authorisation_id,
        order_id=held.order_id,
        number=held.number,
        amount_minor=held.amount_minor - held.captured_minor,
        currency=held.currency,
        how=how,
        detail=detail[:300],
    )
    record(work, body)


def _try_later(hub: Hub, row: sa.Row[Any], why: str, work: Work) -> None:
    tries = row.tries + 1
    due_us = next_try_us(hub.clock.now_us(), tries)
    rows.asked(work.connection, row.ask_id, tries=tries, due_us=due_us, detail=why[:300])
    if tries == TRIES:  # it is tried on: a service that is away does not make money disappear
        _call(work, row, "service_away", f"The payment service of {row.number} does not answer", why)


def _left_to_people(hub: Hub, row: sa.Row[Any], work: Work) -> bool:
    """A service that the hub does not ask: a capture needs a person now, the rest shows on the page."""
    due_us = next_try_us(hub.clock.now_us(), TRIES)
    rows.asked(work.connection, row.ask_id, due_us=due_us)
    held = payment_rows.authorisation(work.connection, row.about) if row.kind == "release" else None
    if held is not None:
        rows.asked(work.connection, row.ask_id, state="done", detail="left to run out")
        _end(work, row=held, how="released", detail="left to run out at the service")
        return True
    if row.kind == "capture":
        title = f"The money of {row.number} is to be captured at {row.gateway}"
        _call(work, row, "payment_to_capture", title, "")
    return False


def _call(work: Work, row: sa.Row[Any], kind: str, title: str, why: str) -> None:
    raise_exception(
        work,
        kind=kind,
        subject=f"order:{row.order_id}",
        title=title,
        facts={
            "number": row.number,
            "gateway": row.gateway,
            "amount_minor": row.amount_minor,
            "payment_reference": row.reference,
            "why": why[:300],
        },
        dedupe_key=f"capture:{row.about}",
    )


def captured_by_hand(hub: Hub, ask_id: str, *, reference: str, by: str) -> None:
    """A person captured money at a service that the hub does not ask.

    Raises:
        NotFound: nothing waits to be captured under this name.
        Invalid: it was not said what the service calls it.
    """
    if not reference.strip():
        raise Invalid(
            _("The reference is missing."), _("Type what the payment service calls it."), code="no_reference"
        )

    def act(work: Work) -> None:
        row = rows.open_ask(work.connection, ask_id)
        if row is None or row.kind != "capture":
            raise NotFound(
                _("Nothing waits to be captured there."), _("Look at the list again."), code="no_capture"
            )
        rows.asked(work.connection, ask_id, state="done", detail=reference[:300])
        _captured(hub, work, row, Done(reference.strip()), row.amount_minor, by)

    _write(hub, act)


def answered_by_hand(hub: Hub, card_id: str, *, pays: bool, why: str, by: str) -> None:
    """A person found out at the service whether a card that was taken offline pays.

    Raises:
        NotFound: no card waits under this name.
        Invalid: it was declined and nobody said why.
    """
    if not pays and not why.strip():
        raise Invalid(_("A reason is missing."), _("Say what the service said."), code="no_reason")

    def act(work: Work) -> None:
        card = payment_rows.card(work.connection, card_id)
        if card is None or card.state != "offline_pending":
            raise NotFound(_("This card does not wait."), _("Look at the list again."), code="no_card")
        record(work, _of(card, Done(why.strip()) if pays else Declined(why.strip())), by=by)
        rows.settle_asks(work.connection, card_id)

    _write(hub, act)


def made_good(hub: Hub, card_id: str, *, how: How, reason: str, by: str) -> None:
    """Say how a card that was declined late ended.

    Raises:
        Refused: it was not declined, or has ended.
        Invalid: no reason.
    """
    if not reason.strip():
        raise Invalid(_("A reason is missing."), _("Say why, for whoever asks later."), code="no_reason")

    def act(work: Work) -> None:
        card = payment_rows.card(work.connection, card_id)
        if card is None or card.state != "declined_late":
            raise Refused(
                _("Nobody owes anything for this card."), _("Look at the list again."), code="not_declined"
            )
        said = {name: getattr(card, name) for name in ("card_id", "order_id", "number", "location")}
        said |= {"amount_minor": card.amount_minor, "currency": card.currency}
        record(work, payments.CardMadeGood(**said, how=how, reason=reason.strip()[:300]), by=by)

    _write(hub, act)


def _write(hub: Hub, act: Callable[[Work], Answer]) -> Answer:
    return hub.act(act, "payments", "orders", "exceptions", "books")
