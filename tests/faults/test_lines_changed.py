"""Lines of web orders change on real processes while lines are cut and processes die between any two steps.

Whatever strikes, everybody ends with the same lines, no unit is promised or handed over twice, and the money
of every order is what its units are worth.
"""

from collections.abc import Iterator
from functools import partial

import pytest

from deploy.demo.supervisor import HUB
from protocol.errors import Refused
from tests.support.company import product
from tests.support.later_audit import audit, logs, rebuilt
from tests.support.later_company import PRODUCTS, STORE, LaterCompany
from tests.support.later_walk import COLLECTED, UNITS, Walk
from tests.support.wire import eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]
SETTLE_SECONDS = 40.0
AFTER = ("answered", "known", *COLLECTED[2:])
MORE = (*COLLECTED[:2], "one more", *AFTER)
FEWER = (*COLLECTED[:2], "one less", *AFTER)
OTHER_ITEM = (*COLLECTED[:2], "another item", *AFTER)
FEWER_ON_THE_WALK = (*COLLECTED[:4], "one less", "answered", "known", *COLLECTED[4:])


class Changing(Walk):
    """A walk on which the customer changes their mind about the lines."""

    def one_more(self) -> bool:
        """One unit more of the first item, paid at once."""
        price = round(float(self.goods[0]["price"]) * 100)
        payment = {"gateway": "simulator", "reference": f"more_{self.n}", "amount_minor": price}
        return self._change({"line_no": 1, "quantity": UNITS + 1}, payment=payment)

    def one_less(self) -> bool:
        """One unit less of the second item."""
        return self._change({"line_no": 2, "quantity": UNITS - 1})

    def another_item(self) -> bool:
        """One of another item in the place of all units of the second."""
        sku = product((2 * self.n + PRODUCTS // 2) % PRODUCTS)["sku"]
        return self._change({"line_no": 2, "sku": sku, "quantity": 1, "unit_price_minor": 1})

    def _change(self, line: dict[str, object], **more: object) -> bool:
        try:
            self._hub("change", {"reason": "another wish", "lines": [line], **more})
        except Refused as refusal:
            if refusal.reason == "out_of_rights":  # nothing new is promised where nobody is heard
                return False
            raise
        return True

    def known(self) -> bool:
        """Hub and store have the same lines."""
        query = (
            "SELECT line_no, quantity - short - fulfilled - given_up FROM assignment_lines"
            " WHERE assignment_id = ? ORDER BY line_no"
        )
        there = [tuple(row) for row in self.company.read(self.at, query, self.assignment_id)]
        here = [tuple(row) for row in self.company.read(HUB, query, self.assignment_id)]
        wanted = self.company.read(
            HUB,
            "SELECT sum(quantity - cancelled) FROM order_lines WHERE order_id = ? AND kind = 'goods'",
            self.order_id,
        )
        return here == there and sum(units for _line, units in here) == wanted[0][0]

    def find(self) -> bool:
        """Everything that is still wanted was found."""
        for line in self._shown()["items"]:
            if line["open"]:
                self._pick("set", line["line_no"], line["open"])
        return True

    def _here(self) -> int:
        query = "SELECT sum(lent + bound) FROM assignment_lines WHERE assignment_id = ?"
        return int(self.company.read(self.at, query, self.assignment_id)[0][0])


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LaterCompany]:
    with LaterCompany(tmp_path_factory.mktemp("company")) as made:
        yield made
        made.supervisor.stop()
        assert rebuilt(made, tmp_path_factory.mktemp("rebuilt")) == []


@pytest.mark.parametrize("fault", ["line", "store", "hub"])
def test_lines_change_once_whatever_strikes_and_everything_adds_up(company: LaterCompany, fault: str) -> None:
    journeys = {"more": MORE, "fewer": FEWER, "another item": OTHER_ITEM, "on the walk": FEWER_ON_THE_WALK}
    walks = [
        Changing(company, f"{title} at {at}", steps, STORE)
        for title, steps in journeys.items()
        for at in (2, 3)
    ]
    done = [company.hands.submit(walk.go, int(walk.title[-1])) for walk in walks]
    [each.result() for each in done]
    struck = company.fault(fault)

    struck.strike()
    done = [company.hands.submit(partial(walk.go, walk.done + 1, patient=False)) for walk in walks]
    [each.exception() for each in done]
    struck.mend()
    done = [company.hands.submit(walk.go) for walk in walks]
    [each.result() for each in done]

    company.settle()
    said = ["nothing was read"]

    def adds_up() -> bool:
        said[:] = audit(company, walks)
        return not said

    eventually(adds_up, SETTLE_SECONDS, what="everything to add up")
    assert said == []
    assert logs(company) == []
