"""Money that goes back through a payment service: ordered with the cancellation, made once, recorded once."""

from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import listed
from hub.ledger.reads import trial_balance
from hub.payments.gateways import Declined, Done, Simulator, Wanted
from hub.payments.rows import gateway_commands
from hub.payments.rules import TRIES, Taken, share_back
from hub.payments.steps import confirm, settle, work_off
from hub.rebuild import verify
from hub.spine.later_rows import payments
from protocol import later
from protocol.errors import NotFound, Refused, Unavailable
from tests.support.hub import TestClock, send
from tests.support.later_shop import LaterShop, paid_online, record_at, web_order

DAY_US = 24 * 3_600_000_000


@dataclass
class Away(Simulator):
    """A payment service that cannot be reached for so many tries."""

    times: int = 0
    asked: list[str] = field(default_factory=list)

    def refund(self, wanted: Wanted) -> Done | Declined:
        self.asked.append(wanted.key)
        if len(self.asked) <= self.times:
            raise Unavailable("The payment service does not answer.", "It is tried again.")
        return Done("re_1")


class Stubborn(Simulator):
    """A payment service that will not."""

    def refund(self, wanted: Wanted) -> Done | Declined:
        return Declined(f"card of {wanted.payment_reference} closed")


def cancelled(hub: Hub, *, gateway: str = "simulator") -> later.OrderPlaced:
    """Return an order that was paid online and cancelled whole."""
    order = web_order(("A", 2, 10_00))
    payment = paid_online(order).model_copy(update={"gateway": gateway})
    record_at(hub, order, paid=payment)
    record_at(hub, cancellation(order, 2))
    return order


def cancellation(order: later.OrderPlaced, units: int, n: int = 1) -> later.OrderCancelled:
    return later.OrderCancelled(
        cancel_id=f"{order.order_id}-x{n}",
        order_id=order.order_id,
        number=order.number,
        lines=(later.CancelledLine(line_no=1, sku="A", quantity=units),),
    )


def commands(hub: Hub) -> list[tuple[str, str, int, str]]:
    with hub.database.read() as connection:
        rows = connection.execute(sa.select(gateway_commands).order_by(gateway_commands.c.created_us)).all()
    return [(row.gateway, row.state, row.amount_minor, row.payment_reference) for row in rows]


def given_back(hub: Hub) -> list[tuple[int, str, str]]:
    with hub.database.read() as connection:
        rows = connection.execute(sa.select(payments).where(payments.c.direction == "out")).all()
    return [(row.amount_minor, row.via, row.reference) for row in rows]


def raised(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return sorted(row.kind for row in listed(connection)[0] if row.kind != "unroutable")


def owed(hub: Hub) -> int:
    with hub.database.read() as connection:
        return sum(row.amount_minor for row in trial_balance(connection) if row.account == "2110")


def test_a_cancellation_of_what_was_paid_online_orders_the_money_back(hub: Hub) -> None:
    order = web_order(("A", 3, 3_33))
    record_at(hub, order, paid=paid_online(order))
    record_at(hub, cancellation(order, 1, 1))
    record_at(hub, cancellation(order, 2, 2))

    assert sorted(commands(hub)) == [
        ("simulator", "queued", 3_33, "ch_1"),
        ("simulator", "queued", 6_66, "ch_1"),
    ]
    assert verify(hub) == {}


def test_what_was_paid_at_a_till_goes_back_at_a_till(hub: Hub) -> None:
    shop = LaterShop()
    shop.open()
    order = web_order(("A", 2, 10_00))
    record_at(hub, order, paid=paid_online(order, 5_00))
    shop.pay(order, 15_00)
    send(hub, shop)
    record_at(hub, cancellation(order, 2))

    assert commands(hub) == [("simulator", "queued", 5_00, "ch_1")]
    assert owed(hub) == -20_00


def test_a_refund_is_made_and_recorded_once_however_often_it_is_looked_at(hub: Hub) -> None:
    cancelled(hub)
    service = Simulator()

    assert [work_off(hub, {"simulator": service}) for _ in range(3)] == [1, 0, 0]

    ((_gateway, state, amount, _paid),) = commands(hub)
    assert (state, amount, owed(hub)) == ("done", 20_00, 0)
    ((back, via, reference),) = given_back(hub)
    assert (back, via, reference.startswith("SIM-")) == (20_00, "online", True)
    assert len(service.done) == 1
    assert verify(hub) == {}


def test_a_crash_after_the_call_asks_again_under_the_same_key(hub: Hub) -> None:
    cancelled(hub)
    service = Simulator()
    with hub.database.read() as connection:
        row = connection.execute(sa.select(gateway_commands)).one()
    service.refund(Wanted(row.command_id, row.amount_minor, row.currency, row.payment_reference))

    assert work_off(hub, {"simulator": service}) == 1
    assert settle(hub, row.command_id, reference="again") is False

    assert len(service.done) == 1
    assert [amount for amount, _via, _reference in given_back(hub)] == [20_00]


def test_a_service_that_is_away_is_asked_again_later_and_then_somebody_is_called(hub: Hub) -> None:
    cancelled(hub)
    clock = hub.clock
    assert isinstance(clock, TestClock)
    service = Away(times=TRIES)
    for _ in range(TRIES):
        work_off(hub, {"simulator": service})
        assert work_off(hub, {"simulator": service}) == 0
        clock.at_us += DAY_US

    assert len(service.asked) == TRIES
    assert len(set(service.asked)) == 1
    assert commands(hub)[0][1] == "failed"
    assert raised(hub) == ["refund_failed"]


def test_a_refund_that_is_declined_waits_for_a_person_who_made_it(hub: Hub) -> None:
    order = cancelled(hub)
    work_off(hub, {"simulator": Stubborn()})
    assert (commands(hub)[0][1], raised(hub)) == ("failed", ["refund_failed"])

    confirm(hub, order.number, reference="bank 77", by="fin")

    assert given_back(hub) == [(20_00, "online", "bank 77")]
    assert (commands(hub)[0][1], raised(hub), owed(hub)) == ("done", [], 0)
    assert verify(hub) == {}


def test_a_service_that_nobody_has_taught_the_hub_is_a_persons_task(hub: Hub) -> None:
    order = cancelled(hub, gateway="adyen")
    assert work_off(hub, {}) == 0
    assert work_off(hub, {}) == 0
    assert (commands(hub)[0][1], raised(hub)) == ("queued", ["refund_to_make"])

    command = confirm(hub, order.number, reference="psp-1", by="fin")

    assert (commands(hub)[0][1], raised(hub)) == ("done", [])
    with pytest.raises(Refused) as refusal:
        confirm(hub, order.number, reference="psp-1", command_id=command, by="fin")
    assert refusal.value.reason == "no_refund_waits"
    assert len(given_back(hub)) == 1
    with pytest.raises(NotFound):
        confirm(hub, "HB1-99999", reference="x", by="fin")


def test_which_of_several_refunds_was_made_has_to_be_said(hub: Hub) -> None:
    order = web_order(("A", 3, 3_33))
    record_at(hub, order, paid=paid_online(order))
    record_at(hub, cancellation(order, 1, 1))
    record_at(hub, cancellation(order, 2, 2))

    with pytest.raises(Refused) as refusal:
        confirm(hub, order.number, reference="x", by="fin")

    assert refusal.value.reason == "which_refund"
    assert given_back(hub) == []


def test_money_goes_back_to_the_newest_payment_first_and_never_twice() -> None:
    taken = [Taken("a", "1", 500), Taken("b", "2", 300, 100)]

    back = share_back(400, taken)
    rest = share_back(1_000, taken)

    assert [(each.gateway, each.amount_minor) for each in back] == [("b", 200), ("a", 200)]
    assert sum(each.amount_minor for each in rest) == 700
    assert share_back(0, taken) == ()
