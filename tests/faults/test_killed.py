"""Kill the store, the hub or both without warning, again and again, in the middle of their work."""

import pytest

from deploy.demo.supervisor import HUB
from tests.support.company import Company

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]
STORE = "store-1"


def test_a_store_killed_again_and_again_keeps_every_answered_sale_exactly_once(company: Company) -> None:
    with company.selling(STORE, pause=0.0):
        for _ in range(3):
            company.wait_for_sales(12, STORE)
            company.supervisor.kill(STORE)
        company.wait_for_sales(12, STORE)

    company.settle()


def test_the_hub_killed_in_the_middle_of_applying_ends_with_the_same_totals(company: Company) -> None:
    company.supervisor.cut(STORE)
    with company.selling():
        company.wait_for_sales(150, STORE)
        company.supervisor.restore(STORE)
        for _ in range(3):
            company.wait_until_applied_beyond(STORE, company.applied(STORE))
            company.supervisor.kill(HUB)

    company.settle()


def test_store_and_hub_killed_at_the_same_moment_agree_again(company: Company) -> None:
    with company.selling(pause=0.0):
        for _ in range(2):
            company.wait_for_sales(15, STORE)
            company.supervisor.kill(HUB)
            company.supervisor.kill(STORE)
            company.wait_ready(HUB)
        company.wait_for_sales(10, STORE)

    company.settle()
