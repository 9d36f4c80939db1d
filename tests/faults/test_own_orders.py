"""Orders that a counter's store keeps itself, on real processes: the hub adds while nothing gets through.

The store goes on by what it knows. When everything is whole again both ends have one account, what was added
is a part of its own, and nothing is handed over that is not paid.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.demo.supervisor import HUB
from protocol.errors import Refused
from tests.support.company import product
from tests.support.later_audit import audit, logs, rebuilt
from tests.support.later_company import PRODUCTS, STORE, TILL, LaterCompany
from tests.support.later_counter import KEPT_HERE, CounterWalk, open_counter
from tests.support.wire import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]
SETTLE_SECONDS = 40.0
WAIT_SECONDS = 60.0


class Growing(CounterWalk):
    """A walk to whose order customer service adds."""

    def add(self) -> None:
        """One of another item, which the customer pays at the till."""
        sku = product(PRODUCTS - 1 - self.n)["sku"]
        line = {"sku": sku, "quantity": 1, "unit_price_minor": 2_50}
        self._hub("change", {"reason": "asked at the phone", "lines": [line]})

    def is_at_hub(self) -> bool:
        """The hub knows the order."""
        return bool(self.company.read(HUB, "SELECT 1 FROM orders WHERE order_id = ?", self.order_id))

    def due(self) -> int:
        """What the store's till would ask for."""
        head: dict[str, Any] = self.company.at(STORE).get(f"/api/later/{self.number}")["head"]
        return int(head["due_minor"])

    def pay_more(self) -> None:
        """The customer pays what was added, once more than the rest was asked for."""
        tenders = [{"kind": "cash", "amount_minor": 500_00}]
        wanted = {"key": f"more-{self.n}", "till": TILL, "tenders": tenders}
        self.company.at(STORE).post(f"/api/later/{self.number}/payments", wanted)

    def added(self) -> str:
        """The part that was added, once the store has it."""
        query = "SELECT assignment_id FROM assignments WHERE order_id = ? AND origin = 'hub'"
        rows = self.company.read(STORE, query, self.order_id)
        return str(rows[0][0]) if rows else ""

    def second(self) -> "Growing":
        """Return the way of what was added, from the shelf on."""
        rest = self.twin()
        assert isinstance(rest, Growing)
        rest.assignment_id, rest.list_id, rest.device = self.added(), "", "second"
        rest.done = KEPT_HERE.index("start")
        return rest


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaterCompany]:
    with LaterCompany(tmp_path_factory.mktemp("company")) as made:
        made.hands.submit(open_counter, made).result()
        yield made
        made.supervisor.stop()
        assert rebuilt(made, tmp_path_factory.mktemp("rebuilt")) == []


@pytest.mark.parametrize("fault", ["line", "store and hub"])
def test_what_is_added_while_nothing_gets_through_is_due_and_handed_over_once(
    company: LaterCompany, fault: str
) -> None:
    titles = {f"own, {upto} with {fault}": KEPT_HERE.index(upto) for upto in ("start", "pay", "hand over")}
    walks = [Growing(company, title, KEPT_HERE, STORE) for title in titles]
    done = [company.hands.submit(walk.go, titles[walk.title]) for walk in walks]
    [each.result() for each in done]
    for walk in walks:
        eventually(walk.is_at_hub, WAIT_SECONDS, what=f"{walk} at the hub")
    struck = company.fault(fault)

    struck.strike()
    done = [company.hands.submit(walk.add) for walk in walks]
    if fault == "line":
        [each.result() for each in done]
        done = [company.hands.submit(walk.go) for walk in walks]
        [each.result() for each in done]  # in the dark the store hands over what it knows to be paid
    struck.mend()
    [each.result() for each in done]
    for walk in walks:
        eventually(walk.added, WAIT_SECONDS, what=f"what was added to {walk}")
    on = [company.hands.submit(_to_the_end, walk) for walk in walks]
    ended = [each.result() for each in on]

    company.settle()
    said = ["nothing was read"]

    def adds_up() -> bool:
        said[:] = audit(company, ended)
        return not said

    eventually(adds_up, SETTLE_SECONDS, what="everything to add up")
    assert [walk.due() for walk in ended] == [0] * len(ended)
    assert [walk.state() for walk in ended] == ["handed_over"] * len(ended)
    assert logs(company) == []


def _to_the_end(walk: Growing) -> Growing:
    """Go on with what the store keeps, then with what was added: unpaid it stays, paid it goes."""
    assert walk.due() > 0
    pay = KEPT_HERE.index("pay")
    if pay < walk.done < len(KEPT_HERE):
        walk.pay_more()
    walk.go()
    rest = walk.second()
    rest.go(pay)
    if rest.due():
        rest.done = pay + 1
        rest.go(pay + 2)
        with pytest.raises(Refused):
            rest.go()
        rest.done = pay
    else:
        rest.done = pay + 1
    rest.go()
    return rest
