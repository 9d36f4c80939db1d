"""What stands between store and hub is cut, killed, wiped or stands still, while people go on selling."""

import signal
from typing import Any

import pytest

from protocol.kit.sqlite import OperationalError, connect
from tests.support.company import Company
from tests.support.wire import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
STORE = "store-1"
OTHER = "store-2"
STANDSTILL_SECONDS = 45.0
"""The broker gives a client up after one and a half keep-alives of 15 seconds, looking every few seconds."""


def test_a_broker_killed_and_wiped_loses_nothing(company: Company) -> None:
    before = company.line()
    with company.selling():
        company.wait_for_sales(20)
        company.wipe_broker()
        company.wait_for_sales(20)
        wiped = told_that_it_forgot(company, before["forgot_us"])
        company.supervisor.kill("broker")
        company.wait_for_sales(20)
        killed = told_that_it_forgot(company, wiped["forgot_us"])

    company.settle()
    eventually(lambda: company.line()["missing"] == [], what="every store to have spoken since")
    after, page = company.line(), company.ask("/fleet").text
    assert (after["forgot_us"], after["settled"], after["had_spoken"]) == (killed["forgot_us"], True, 2)
    assert "without what it kept." in page
    assert "2 of 2 locations have spoken since." in page


def told_that_it_forgot(company: Company, before_us: int | None) -> dict[str, Any]:
    """Return what the hub says of its line, once it says that the broker had forgotten once more."""
    eventually(lambda: (company.line()["forgot_us"] or 0) > (before_us or 0), 20, what="the hub to find out")
    said = company.line()
    assert said["connected"]
    return said


def test_a_line_cut_and_restored_during_sales_loses_nothing(company: Company) -> None:
    with company.selling():
        for _ in range(4):
            company.supervisor.cut(OTHER)
            company.wait_for_sales(12, OTHER)
            company.supervisor.restore(OTHER)
            company.wait_for_sales(4, OTHER)

    company.settle()


def test_a_hub_that_stands_still_past_every_timeout_goes_on_where_it_was(company: Company) -> None:
    with company.selling(STORE):
        company.wait_for_sales(5, STORE)
        company.signal_hub(signal.SIGSTOP)
        company.wait_for_sales(5, STORE)
    try:
        eventually(
            lambda: company.sync(STORE)["state"] == "store_mode",
            STANDSTILL_SECONDS,
            what="the broker to give the hub up",
        )
        with company.selling(STORE):
            company.wait_for_sales(5, STORE)
    finally:
        company.signal_hub(signal.SIGCONT)
    with company.selling(STORE):
        company.wait_for_sales(5, STORE)

    company.settle()


def test_an_invoice_too_large_for_the_wire_arrives_even_when_the_hub_forgets_its_bytes(
    company: Company,
) -> None:
    company.supervisor.cut(OTHER)
    seller = company.sellers[OTHER][0]
    number = seller.sell(lines=700)
    seller.sell(lines=700)
    seller.take_back(number)
    assert company.sync(OTHER)["unsent"] >= 3

    company.supervisor.restore(OTHER)
    wipe_what_was_uploaded(company)

    company.settle()


def wipe_what_was_uploaded(company: Company) -> None:
    """Take the large events away from the hub as soon as the first has come, before or after it is used."""
    hub = connect(company.layout.folder / "hub" / "hub.db")

    def wiped() -> bool:
        try:
            return hub.execute("DELETE FROM blobs").rowcount > 0
        except OperationalError:  # the hub is writing
            return False

    try:
        eventually(wiped, 20, what="a large event at the hub")
    finally:
        hub.close()
