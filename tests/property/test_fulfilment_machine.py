"""A store works through assignments in any order; its stock and its rights add up after every step."""

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.app import parts
from edge_agent.catalog.steps import import_csv
from edge_agent.context import Edge
from edge_agent.fulfil.rows import assignments as rows
from edge_agent.fulfil.steps import commands, inbox, parcels, picking, pickup, walking
from edge_agent.link.lending import grant, stock_of
from edge_agent.rebuild import rebuild
from protocol import later
from protocol.directives import AssignmentCancel, AssignmentOffer
from protocol.errors import OrderspineError, OutOfStock
from protocol.events import StockLine, StockMoved
from protocol.fulfilment import AssignedLine, FulfilKind, Promise, RejectReason, ShortReason, Verified
from protocol.kit.system import ShiftedClock
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import OrderLine
from tests.support.store import CSV, START_US, CountedIds, settings_for

pytestmark = pytest.mark.timeout(120)  # every example is a store of its own, on a disk that is shared
SKU = "MUG-1"
PERSON = CurrentPerson("b-hale", "B. Hale", "associate", "till-1")
UNITS = st.integers(min_value=1, max_value=4)
REASONS = (RejectReason.CLOSING, RejectReason.NOT_FOUND, RejectReason.DAMAGED)


class AStoreWithAssignments(RuleBasedStateMachine):
    """Verbs come in any order; whatever is refused changes nothing, and the rest adds up."""

    @initialize(stock=st.integers(min_value=4, max_value=12))
    def open_the_store(self, stock: int) -> None:
        """Begin with some stock; own orders are bound, offers rest on what was lent."""
        self.folder = Path(tempfile.mkdtemp())
        self.edge: Edge = parts(settings_for(self.folder), clock=ShiftedClock(START_US), ids=CountedIds())
        file = self.folder / "products.csv"
        file.write_text(CSV, encoding="utf-8")
        import_csv(self.edge, file)
        self.n = 0
        self.key = 0
        self.finished = 0
        self.handovers: list[str] = []
        if stock:
            self.receive(stock)

    def teardown(self) -> None:
        """Make the tables anew: they must be the same."""
        if hasattr(self, "edge"):
            done = rebuild(self.edge.settings.database_file, self.folder / "rebuilt.db")
            self.edge.database.close()
            shutil.rmtree(self.folder)
            assert [each for each in done.differences if not self.told_directly(each.table)] == []

    def told_directly(self, table: str) -> bool:
        """Tell whether a table rests on offers that this test made without their directive's row."""
        return table in {"assignments", "assignment_lines", "parcels", "handovers", "early_events"}

    def receive(self, units: int) -> None:
        """Put units on the shelf."""
        move = StockLine(sku=SKU, quantity=units, from_bucket="supplier", to_bucket="sellable")
        body = StockMoved(reason="received", lines=(move,))
        self.edge.database.write(lambda unit: self.edge.journal.record(unit, body))

    def new_key(self) -> str:
        """Return a new key."""
        self.key += 1
        return f"k-{self.key}"

    def all(self) -> list[rows.Assignment]:
        """Return every assignment."""
        reader = self.edge.database.read()
        ids = reader.execute("SELECT assignment_id FROM assignments ORDER BY assignment_id").fetchall()
        found = [rows.find(reader, row[0]) for row in ids]
        return [each for each in found if each is not None]

    def one(self, data: st.DataObject) -> str:
        """Return some assignment."""
        return str(data.draw(st.sampled_from([each.assignment_id for each in self.all()])))

    def attempt(self, step: Any) -> Any:
        """Run a step; a refusal leaves the store as it was."""
        before = self.edge.journal.last(self.edge.database.read())
        try:
            return self.edge.database.write(step)
        except OrderspineError:
            assert self.edge.journal.last(self.edge.database.read()) == before
            return None

    @rule(units=UNITS)
    def the_store_lends(self, units: int) -> None:
        """Units are lent as far as they are free."""
        with contextlib.suppress(OutOfStock):
            self.edge.database.write(lambda unit: grant(unit, stock_of(unit.connection, SKU), units))

    @rule(units=UNITS, ship=st.booleans())
    def the_hub_offers(self, units: int, ship: bool) -> None:
        """The hub offers what it has a right to."""
        reader = self.edge.database.read()
        open_lent = reader.execute("SELECT coalesce(sum(lent), 0) FROM assignment_lines").fetchone()[0]
        if stock_of(reader, SKU).outstanding - open_lent < units:
            return
        self.n += 1
        promise = Promise(kind=FulfilKind.SHIP if ship else FulfilKind.COLLECT, due_us=START_US)
        body = AssignmentOffer(
            assignment_id=f"a-{self.n:03d}",
            order_id=f"o-{self.n}",
            number=f"HB1-{self.n:05d}",
            channel="web",
            currency="GBP",
            promise=promise,
            lines=(AssignedLine(line_no=1, sku=SKU, name="Mug", quantity=units),),
            pickup_code="123456",
        )
        self.edge.database.write(lambda unit: inbox.offer(unit, self.edge, body))

    @rule(units=UNITS)
    def the_counter_takes_an_order(self, units: int) -> None:
        """An own order is bound, if so much is free."""
        if stock_of(self.edge.database.read(), SKU).sellable < units:
            return
        self.n += 1
        line = OrderLine(
            line_no=1, sku=SKU, name="Mug", quantity=units, list_price_minor=0, unit_price_minor=0,
            gross_minor=0, tax_minor=0, rate_ppm=0,
        )  # fmt: skip
        own = AssignedLine(line_no=1, sku=SKU, name="Mug", quantity=units)
        body = later.OrderPlaced(
            order_id=f"o-{self.n}",
            number=f"LB1-{self.n:05d}",
            channel="pos",
            currency="GBP",
            lines=(line,),
            total_minor=0,
            tax_minor=0,
            promise=Promise(kind=FulfilKind.COLLECT, due_us=START_US),
            pickup_code="123456",
            own=later.OwnPart(assignment_id=f"a-{self.n:03d}", lines=(own,)),
        )
        self.edge.database.write(lambda unit: self.edge.journal.record(unit, body))

    @precondition(lambda self: self.n > 0)
    @rule(data=st.data(), short=st.integers(0, 4), reason=st.sampled_from(ShortReason))
    def somebody_walks(self, data: st.DataObject, short: int, reason: ShortReason) -> None:
        """A walk finds some of it; what is not found has a reason."""
        one = self.one(data)
        start = commands.StartPick(key=self.new_key(), assignments=(one,))
        begun = self.attempt(lambda unit: picking.start(unit, self.edge, start, person=PERSON))
        if begun is None:
            return
        list_id = begun[0].list_id
        (line,) = rows.lines_of(self.edge.database.read(), one)
        missing = min(short, line.to_pick)
        found = commands.SetFound(
            key=self.new_key(), assignment_id=one, line_no=1, units=line.to_pick - missing
        )
        lost = commands.ShortPick(
            key=self.new_key(), assignment_id=one, line_no=1, units=missing, reason=reason
        )
        end = commands.FinishPick(key=self.new_key())
        self.attempt(lambda unit: walking.set_found(unit, self.edge, list_id, found, person=PERSON))
        self.attempt(lambda unit: walking.short(unit, self.edge, list_id, lost, person=PERSON))
        self.attempt(lambda unit: walking.finish(unit, self.edge, list_id, end, person=PERSON))

    @precondition(lambda self: self.n > 0)
    @rule(data=st.data(), bags=st.integers(1, 2))
    def somebody_packs_and_stages(self, data: st.DataObject, bags: int) -> None:
        """What is picked goes into bags and onto a shelf."""
        one = self.one(data)
        pack = commands.Pack(key=self.new_key(), bags=bags)
        stage = commands.Stage(key=self.new_key(), shelf="S-1")
        self.attempt(lambda unit: parcels.pack(unit, self.edge, one, pack, person=PERSON))
        self.attempt(lambda unit: parcels.stage(unit, self.edge, one, stage, person=PERSON))

    @precondition(lambda self: self.n > 0)
    @rule(data=st.data(), units=st.integers(0, 3))
    def a_customer_collects(self, data: st.DataObject, units: int) -> None:
        """All of it, or a part."""
        one = self.one(data)
        said = commands.Verify(key=self.new_key(), how=Verified.CODE, said="123456")
        self.attempt(lambda unit: pickup.verify(unit, self.edge, one, said, person=PERSON))
        lines = (commands.HandLine(line_no=1, units=units),) if units else ()
        hand = commands.HandOver(key=self.new_key(), verification=said.key, lines=lines)
        done = self.attempt(lambda unit: pickup.hand_over(unit, self.edge, one, hand, person=PERSON))
        if done is not None:
            self.handovers.append(done[0].handover_id)

    @precondition(lambda self: bool(self.handovers))
    @rule(data=st.data())
    def a_handover_was_a_mistake(self, data: st.DataObject) -> None:
        """It is undone, once."""
        which = data.draw(st.sampled_from(self.handovers))
        undo = commands.UndoHandover(key=self.new_key())
        self.attempt(lambda unit: pickup.undo_handover(unit, self.edge, which, undo, person=PERSON))

    @precondition(lambda self: self.n > 0)
    @rule(data=st.data())
    def a_carrier_takes_it(self, data: st.DataObject) -> None:
        """Parcels leave with another carrier's numbers."""
        one = self.one(data)
        given = tuple(
            commands.ShipParcel(parcel_id=each.parcel_id, tracking=f"SW{each.parcel_id}")
            for each in rows.parcels_of(self.edge.database.read(), one)
        )
        ship = commands.Ship(key=self.new_key(), carrier="swift", parcels=given)
        self.attempt(lambda unit: parcels.ship(unit, self.edge, one, ship, person=PERSON))

    @precondition(lambda self: self.n > 0)
    @rule(data=st.data(), reason=st.sampled_from(REASONS))
    def the_store_gives_it_back(self, data: st.DataObject, reason: RejectReason) -> None:
        """For a reason of its own; two of them say that its goods are nobody's."""
        one = self.one(data)
        reject = commands.Reject(key=self.new_key(), reason=reason)
        self.attempt(lambda unit: inbox.reject(unit, self.edge, one, reject, person=PERSON))

    @precondition(lambda self: self.n > 0)
    @rule(data=st.data())
    def the_hub_wants_it_back(self, data: st.DataObject) -> None:
        """Given up, or too late; or it stays with whoever has begun, or where less is due than it says."""
        body = AssignmentCancel(
            assignment_id=self.one(data),
            order_id="o-1",
            unless_begun=data.draw(st.booleans()),
            unpaid_minor=data.draw(st.sampled_from((0, 1))),
        )
        self.edge.database.write(lambda unit: inbox.cancel(unit, self.edge, body))

    @invariant()
    def stock_and_rights_add_up(self) -> None:
        """`L + B + O = P`; every bucket holds what the assignments say, and F never falls."""
        if not hasattr(self, "edge"):
            return
        reader = self.edge.database.read()
        stock = stock_of(reader, SKU)
        balances = reader.execute("SELECT bucket, quantity FROM balances WHERE sku = ?", (SKU,))
        here: dict[str, int] = {str(row[0]): int(row[1]) for row in balances}
        sums = reader.execute(
            "SELECT coalesce(sum(lent), 0), coalesce(sum(bound), 0), coalesce(sum(picked_lent), 0),"
            " coalesce(sum(picked_bound), 0), coalesce(sum(fulfilled), 0) FROM assignment_lines"
        ).fetchone()
        lent, bound, picked_lent, picked_bound, left = tuple(sums)
        cell = reader.execute("SELECT hub_picked FROM rights WHERE sku = ?", (SKU,)).fetchone()

        assert stock.sellable + stock.bound + stock.outstanding == stock.physical
        assert stock.bound == bound
        assert (cell[0] if cell else 0) == picked_lent
        assert here.get("picked", 0) == picked_lent + picked_bound
        assert here.get("reserved", 0) == bound - picked_bound
        assert min(units for bucket, units in {"picked": 0, **here}.items() if bucket != "sellable") >= 0
        assert stock.outstanding >= lent
        # What was given back for its goods is the hub's to return: until it has, the store misses it, and
        # whoever walks for the next order may find what the books have not any more, whole or damaged.
        gone = reader.execute("SELECT coalesce(sum(quantity), 0) FROM adjustment_lines").fetchone()[0]
        damaged = reader.execute(
            "SELECT coalesce(sum(quantity), 0) FROM movements WHERE reason = 'short_damaged'"
        ).fetchone()[0]
        found_again = min(gone, picked_lent + picked_bound + left + damaged)
        assert here.get("sellable", 0) + here.get("reserved", 0) >= -found_again
        assert stock.sellable >= -gone
        assert stock.deficit == min(max(0, -stock.sellable), stock.outstanding + stock.bound)
        assert stock.cells.finished >= self.finished
        self.finished = stock.cells.finished

    @invariant()
    def every_line_is_accounted_for(self) -> None:
        """Ordered is open, fulfilled, short or given up; nothing else."""
        if not hasattr(self, "edge"):
            return
        odd = self.edge.database.read().execute(
            "SELECT * FROM assignment_lines WHERE quantity <> lent + bound + fulfilled + short + given_up"
            " OR min(lent, bound, picked_lent, picked_bound, fulfilled, short, given_up) < 0"
        )
        assert odd.fetchall() == []


TestAStoreWithAssignments = AStoreWithAssignments.TestCase
TestAStoreWithAssignments.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
