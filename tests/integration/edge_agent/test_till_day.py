import contextlib
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.database import EdgeUnit
from edge_agent.paper import rows as paper_rows
from edge_agent.paper.slips import Slips
from edge_agent.till import looks, rows, steps
from edge_agent.till.rules import StepState
from printing.document import Row
from protocol.errors import Conflict, IllegalTransition, Invalid, NotFound, NotPermitted, Refused
from protocol.till import TenderTotal
from tests.support.store_day import NOON_US, DayClock, Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    running = Store(tmp_path)
    yield running
    running.close()


def session(store: Store, name: str = "till-1") -> rows.Session:
    found = rows.open_session(store.edge.database.read(), name)
    assert found is not None
    return found


def test_a_till_opens_once_with_its_float_and_its_business_date(store: Store) -> None:
    opened = store.open(float_minor=15_000)

    assert (opened.till, opened.business_date, opened.float_minor) == ("till-1", "2010-12-01", 15_000)
    with pytest.raises(Refused) as refused:
        store.open()
    assert refused.value.reason == "till_open"
    assert store.newest_seq() == 2


def test_a_night_before_the_cut_over_still_belongs_to_the_day_before(tmp_path: Path) -> None:
    store = Store(tmp_path, clock=DayClock(NOON_US + 15 * 3600 * 1_000_000))  # 03:00 of the next day

    assert store.open().business_date == "2010-12-01"
    store.close()


def test_a_business_date_far_from_the_calendar_is_refused_and_opens_nothing(store: Store) -> None:
    with pytest.raises(Invalid) as refused:
        store.open(business_date="2010-11-01")

    assert refused.value.reason == "bad_business_date"
    assert store.newest_seq() == 1
    assert store.open(business_date="2010-11-30").business_date == "2010-11-30"


def test_a_till_that_this_store_does_not_have_is_named_in_the_refusal(store: Store) -> None:
    with pytest.raises(NotFound) as refused:
        store.open("till-9")

    assert refused.value.remedy == "The tills here are: till-1, till-2."


def test_the_same_key_opens_a_till_once_and_cannot_open_another(store: Store) -> None:
    command = steps.OpenTill(key="same", float_minor=100)

    def opened(name: str) -> tuple[steps.Opened, bool]:
        return store.edge.database.write(
            lambda unit: steps.open_till(unit, store.edge, name, command, person=store.associate)
        )

    first, new = opened("till-1")
    again, new_again = opened("till-1")
    with pytest.raises(Conflict):
        opened("till-2")

    assert (new, new_again, first) == (True, False, again)
    assert store.newest_seq() == 2


def test_a_reading_adds_up_sales_returns_voids_and_drawers_of_its_own_till_alone(store: Store) -> None:
    store.open()
    store.open("till-2")
    sold = store.sell([("85123A", 4), ("BOOK", 1)], card_minor=500)
    store.sell([("71053", 2)], name="till-2")
    voided = store.sell([("POST", 1)])
    store.void(voided.number)
    store.bring_back(sold.number, [(1, 1)])

    found = looks.reading(store.edge.database.read(), store.edge, "till-1").totals

    assert (found.sales, found.sales_minor) == (2, 1819 + 1800)
    assert (found.returns, found.returns_minor, found.voids, found.voids_minor) == (1, 255, 1, 1800)
    assert [(r.rate_ppm, r.gross_minor, r.tax_minor) for r in found.by_rate] == [
        (200_000, 765, 127),
        (0, 799, 0),
    ]
    assert found.cash_minor + found.card_minor == 1819 - 255
    assert found == rows.recomputed(store.edge.database.read(), session(store))
    assert store.newest_seq() == 8  # a reading uses up nothing


def test_a_count_says_nothing_of_what_was_expected_until_it_is_confirmed(store: Store) -> None:
    store.open()
    store.sell([("85123A", 4)])

    counted = store.count(11_000)
    checklist = looks.close_checklist(store.edge.database.read(), store.edge, "till-1")
    with pytest.raises(Refused) as refused:
        looks.reading(store.edge.database.read(), store.edge, "till-1")
    store.count(12_000)
    with pytest.raises(NotPermitted) as too_far_off:
        store.close_till()

    said = f"{counted!r} {checklist!r} {refused.value!r} {too_far_off.value!r} {too_far_off.value.facts!r}"
    assert "11020" not in said
    assert "110.20" not in said
    assert refused.value.reason == "count_running"
    assert too_far_off.value.reason == "needs_approval"
    confirmed = store.edge.database.write(lambda unit: steps.confirm(unit, store.edge, "till-1"))
    assert (confirmed.expected_minor, confirmed.difference_minor, confirmed.needs_manager) == (
        11_020,
        980,
        True,
    )


def test_a_count_may_be_repeated_once_and_both_counts_stay_on_record(store: Store) -> None:
    store.open()

    first, second = store.count(9_000), store.count(10_000)
    with pytest.raises(Refused) as refused:
        store.count(10_001)

    assert (first.may_repeat, second.may_repeat) == (True, False)
    assert refused.value.reason == "count_stands"
    assert [body["counted_minor"] for body in store.bodies("till.counted")] == [9_000, 10_000]


def test_a_confirmed_count_cannot_be_repeated(store: Store) -> None:
    store.open()
    store.count(10_000)
    store.edge.database.write(lambda unit: steps.confirm(unit, store.edge, "till-1"))

    with pytest.raises(Refused) as refused:
        store.count(10_500)

    assert refused.value.reason == "count_stands"
    assert len(store.bodies("till.counted")) == 1


def test_notes_and_coins_add_up_and_unknown_ones_are_refused(store: Store) -> None:
    store.open()

    def count(denominations: dict[str, int], total: int | None = None) -> steps.Counted:
        command = steps.CountTill(denominations=denominations, counted_minor=total)
        return store.edge.database.write(
            lambda unit: steps.count(unit, store.edge, "till-1", command, person=store.associate)
        )

    with pytest.raises(Invalid) as unknown:
        count({"3": 1})
    with pytest.raises(Invalid) as differing:
        count({"2000": 1}, 2_001)
    with pytest.raises(Invalid) as nothing:
        count({})

    assert [each.value.reason for each in (unknown, differing, nothing)] == [
        "bad_denomination",
        "count_differs",
        "no_count",
    ]
    assert count({"2000": 14, "50": 3, "1": 0}).counted_minor == 28_150
    assert store.bodies("till.counted")[0]["denominations"] == {"2000": 14, "50": 3}


def test_a_counted_till_sells_again_once_a_lead_gives_the_count_up(store: Store) -> None:
    store.open()
    store.count(10_000)

    def resume(person: object) -> looks.TillLook:
        return store.edge.database.write(
            lambda unit: steps.resume(unit, store.edge, "till-1", person=person)  # type: ignore[arg-type]  # either
        )

    with pytest.raises(NotPermitted):
        resume(store.associate)
    look = resume(store.lead)

    assert (look.state, look.counts) == ("open", 0)
    assert store.sell().total_minor == 255
    assert [body.get("abandoned", False) for body in store.bodies("till.counted")] == [False, True]


def test_a_z_is_numbered_without_a_gap_and_seals_its_range_of_the_log(store: Store) -> None:
    store.open()
    store.open("till-2")
    store.sell([("85123A", 4)])
    store.count(11_020)
    store.count(10_000, "till-2")

    second = store.close_till("till-2")
    first = store.close_till()

    assert (second.number, first.number) == ("LB1-Z00001", "LB1-Z00002")
    assert (first.first_seq, first.last_seq, first.seq) == (2, 7, 8)
    hashes = store.edge.database.read().execute(
        "SELECT hash FROM events WHERE seq BETWEEN 2 AND 7 ORDER BY seq"
    )
    assert first.range_hash == hashlib.sha256(b"".join(row[0] for row in hashes)).hexdigest()
    cash, card = first.tenders
    assert cash == TenderTotal(kind="cash", expected_minor=11_020, counted_minor=11_020, difference_minor=0)
    assert (card.expected_minor, card.difference_minor) == (0, 0)
    assert rows.open_session(store.edge.database.read(), "till-1") is None
    assert [job[3] for job in store.rows("print_jobs")].count("till_report") == 2


def test_a_till_that_was_not_counted_or_has_a_basket_waiting_says_so_and_stays_open(store: Store) -> None:
    store.open()

    def park(unit: EdgeUnit) -> None:
        unit.connection.execute(
            "INSERT INTO baskets (basket_id, device, state, version, number, body, person_id, changed_us)"
            " VALUES ('b1', 'till-1', 'parked', 1, 'LB1-P00001', '{\"lines\": []}', 'a-osei', ?)",
            (NOON_US,),
        )

    store.edge.database.write(park)
    with pytest.raises(Refused) as refused:
        store.close_till()

    assert refused.value.reason == "till_blocked"
    assert [reason["key"] for reason in refused.value.facts["reasons"]] == ["basket:b1", "count"]  # type: ignore[attr-defined]  # a list of dicts
    checklist = looks.close_checklist(store.edge.database.read(), store.edge, "till-1")
    assert [(step.key, step.state) for step in checklist] == [
        ("basket:b1", StepState.BLOCKS),
        ("count", StepState.NOW),
        ("paper", StepState.DONE),
        ("sending", StepState.DOES_NOT_BLOCK),
    ]
    assert checklist[0].sentence == "Parked at 12:00."
    assert store.bodies("till.closed") == []


def test_a_difference_above_the_tolerance_needs_a_manager_and_becomes_an_exception(store: Store) -> None:
    store.open()
    store.count(9_000)

    with pytest.raises(NotPermitted) as refused:
        store.close_till()
    before = store.newest_seq()
    closed = store.close_till(approval=store.word(store.manager, steps.DIFFERENCE))

    assert refused.value.facts["role"] == "manager"
    assert before == 3
    assert closed.tenders[0].difference_minor == -1_000
    assert store.bodies("till.closed")[0]["approvals"] == [{"action": "till_difference", "by": "m-khan"}]
    raised = store.rows("exceptions")
    assert [(row[2], row[4]) for row in raised] == [
        ("till_difference", "Till 1 closed with a difference of -10.00")
    ]


def test_a_till_cannot_be_confirmed_or_closed_before_it_was_counted(store: Store) -> None:
    store.open()

    with pytest.raises(IllegalTransition) as refused:
        store.edge.database.write(lambda unit: steps.confirm(unit, store.edge, "till-1"))

    assert refused.value.reason == "not_counted"


def test_a_no_sale_needs_a_lead_opens_the_drawer_and_is_counted(store: Store) -> None:
    store.open()

    def no_sale(approval: str | None) -> tuple[steps.DrawerAnswer, bool]:
        command = steps.NoSale(key=store.key(), reason="change for the float", approval=approval)
        return store.edge.database.write(
            lambda unit: steps.no_sale(unit, store.edge, "till-1", command, person=store.associate)
        )

    with pytest.raises(NotPermitted):
        no_sale(None)
    assert store.rows("print_jobs") == []
    no_sale(store.word(store.lead, "no_sale"))

    assert session(store).totals.no_sales == 1
    assert [(job[3], job[8]) for job in store.rows("print_jobs")] == [("drawer", 1)]


@pytest.mark.parametrize("seed", [1, 7, 42])
def test_a_random_day_adds_up_as_it_goes_and_again_from_the_log(tmp_path: Path, seed: int) -> None:
    store = Store(tmp_path)
    dice = random.Random(seed)
    sold: list[tuple[str, int]] = []
    for _step in range(160):
        name = dice.choice(("till-1", "till-2"))
        running = rows.open_session(store.edge.database.read(), name)
        if running is None:
            store.open(name, float_minor=dice.randrange(20_000))
            continue
        if running.state == "counting":
            _finish_count(store, name, dice)
            continue
        match dice.randrange(12):
            case 0:
                store.count(dice.randrange(40_000), name)
            case 1 | 2 if sold:
                _try_return(store, name, dice, sold)
            case 3 if sold:
                _try_void(store, dice.choice(sold)[0])
            case _:
                lines = [(dice.choice(("85123A", "71053", "BOOK", "POST")), dice.randrange(1, 5))]
                lines.append(("BOOK", dice.randrange(1, 3)))
                done = store.sell(
                    lines, name=name, card_minor=dice.randrange(3_000), discount_minor=dice.randrange(90)
                )
                sold.append((done.number, len(lines)))

    reader = store.edge.database.read()
    for (session_id,) in reader.execute("SELECT session_id FROM till_sessions").fetchall():
        found = rows.session_by_id(reader, session_id)
        assert found.totals == rows.recomputed(reader, found)
    for z in store.bodies("till.closed"):
        assert z["range_hash"] == rows.range_hash(reader, z["first_seq"], z["last_seq"])
    assert [z["z_number"] for z in store.bodies("till.closed")] == list(
        range(1, len(store.bodies("till.closed")) + 1)
    )
    before, jobs = store.shadows(), store.rows("print_jobs")
    store.rebuild()
    assert store.shadows() == before
    assert store.rows("print_jobs") == jobs
    store.close()


def _finish_count(store: Store, name: str, dice: random.Random) -> None:
    if dice.randrange(3):
        store.close_till(name, person=store.manager)
    else:
        store.edge.database.write(lambda unit: steps.resume(unit, store.edge, name, person=store.lead))


def _try_return(store: Store, name: str, dice: random.Random, sold: list[tuple[str, int]]) -> None:
    number, lines = dice.choice(sold)
    with contextlib.suppress(Refused):  # nothing is left of it, or it was voided
        store.bring_back(number, [(dice.randrange(1, lines + 1), dice.randrange(1, 3))], till=name)


def _try_void(store: Store, number: str) -> None:
    with contextlib.suppress(Refused):  # something came back, its session is closed, its till is counted
        store.void(number)


def test_the_paper_of_a_z_says_what_was_counted_piece_by_piece_and_who_let_it_stand(store: Store) -> None:
    store.open(float_minor=10_000)
    command = steps.CountTill(denominations={"2000": 4, "50": 3, "1": 0})
    store.edge.database.write(
        lambda unit: steps.count(unit, store.edge, "till-1", command, person=store.associate)
    )
    store.edge.database.write(lambda unit: steps.confirm(unit, store.edge, "till-1"))
    z = store.close_till(person=store.associate, approval=store.word(store.manager, "till_difference"))

    connection = store.edge.database.read()
    [job] = paper_rows.jobs(connection, state="", business_id=z.number, limit=9)
    rows_ = [block.cells for block in Slips(store.edge.settings).document(connection, job).blocks
             if isinstance(block, Row)]  # fmt: skip

    assert [cells for cells in rows_ if cells[0].endswith(" x")] == [("  4 x", "£20"), ("  3 x", "50p")]
    assert ("Difference approved by", "M. Khan") in rows_
