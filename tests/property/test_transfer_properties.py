"""Goods on their way are neither lost nor doubled: whatever is declined, short, broken, over or said twice.

The rules of both ends are played on balances, as the two stores would: `edge_agent.transfers.rules`
decides, the movements of `protocol.movements` move, and the cells of `protocol.rights` follow.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.transfers.rules import Counted, Line, answered, arrived, matched
from edge_agent.walk import Walked, picked_lines, put_back
from protocol.fulfilment import PutBackLine, ShortLine, ShortReason, UnitsLine
from protocol.movements import (
    Bucket,
    Movement,
    deltas,
    pick_movements,
    put_back_movements,
    reserve_movements,
    transfer_close_movements,
    transfer_match_movements,
    transfer_receive_movements,
    transfer_ship_movements,
    transfer_undo_movements,
)
from protocol.rights import EdgeCells, EdgeStock
from protocol.sscc import check_digit, is_sscc, make_sscc
from protocol.transfers import ReceivedLine, TransferRefusal, adds_up, settlement

SKU = "COAT-M"
UNITS = st.integers(min_value=0, max_value=6)


@dataclass
class Shop:
    """One store's balances and cells of one SKU."""

    buckets: Counter[Bucket] = field(default_factory=Counter)
    granted: int = 0
    finished: int = 0
    hub_picked: int = 0

    def move(self, moves: Iterable[Movement]) -> None:
        for (_sku, bucket), change in deltas(moves).items():
            self.buckets[bucket] += change
        assert min(self.buckets.values(), default=0) >= 0, self.buckets

    @property
    def rights(self) -> EdgeStock:
        aside = self.buckets[Bucket.RESERVED] + self.buckets[Bucket.PICKED]
        return EdgeStock(
            SKU,
            physical=self.buckets[Bucket.SELLABLE] + aside,
            bound=aside - self.hub_picked,
            cells=EdgeCells(self.granted, self.finished),
        )


@dataclass(frozen=True)
class Asked:
    """A request as it is drawn: what is there, lent, asked, found."""

    on_hand: int
    lent: int
    asked: int
    wants_lent: int
    sent: int
    found: int
    shorts: tuple[ShortReason, ...]


@st.composite
def requests(draw: st.DrawFn) -> Asked:
    on_hand = draw(st.integers(min_value=1, max_value=12))
    lent = draw(st.integers(min_value=0, max_value=on_hand))
    wants_lent = draw(st.integers(min_value=0, max_value=lent))
    own = draw(st.integers(min_value=0, max_value=on_hand - lent))
    if wants_lent + own == 0:
        wants_lent, own = (1, 0) if lent else (0, 1)
    asked = wants_lent + own
    sent = draw(st.integers(min_value=1, max_value=asked))
    found = draw(st.integers(min_value=0, max_value=sent))
    reasons = draw(st.lists(st.sampled_from(ShortReason), min_size=sent - found, max_size=sent - found))
    return Asked(on_hand, lent, asked, wants_lent, sent, found, tuple(reasons))


def walk(asked: Asked) -> tuple[Shop, list[UnitsLine], list[UnitsLine | ShortLine]]:
    """Accept and pick at the source; return it, what was accepted and what was picked or short."""
    source = Shop(Counter({Bucket.SELLABLE: asked.on_hand}), granted=asked.lent)
    line = Line(1, SKU, SKU, asked.asked, wants_lent=asked.wants_lent)
    accepted, declined = answered([line], {1: asked.sent}, TransferRefusal.NOT_ENOUGH)
    assert sum(each.units for each in (*accepted, *declined)) == asked.asked
    bound = sum(each.bound for each in accepted)
    assert bound <= source.rights.sellable  # what the step checks: rule 1
    source.move(reserve_movements([(each.sku, each.bound) for each in accepted]))
    open_line = replace(line, lent=accepted[0].lent, bound=accepted[0].bound)
    by_reason = Counter(asked.shorts)
    units, shorts = picked_lines(open_line, Walked(asked.found, tuple(sorted(by_reason.items()))))
    picked = [units] if units else []
    source.move(pick_movements(picked, shorts))
    source.hub_picked += sum(each.lent for each in picked)
    source.finished += sum(each.lent for each in shorts)
    return source, list(accepted), [*picked, *shorts]


@given(requests())
def test_a_pick_accounts_for_every_accepted_unit_once_and_never_breaks_a_promise(asked: Asked) -> None:
    source, accepted, said = walk(asked)

    assert sum(each.lent for each in said) == sum(each.lent for each in accepted)
    assert sum(each.bound for each in said) == sum(each.bound for each in accepted)
    assert source.rights.bound == sum(each.bound for each in said if not isinstance(each, ShortLine))
    assert source.rights.outstanding >= 0


@given(requests())
def test_a_cancelled_transfer_leaves_the_shelf_as_it_was_but_for_what_was_not_found(asked: Asked) -> None:
    source, _accepted, said = walk(asked)
    picked = [each for each in said if not isinstance(each, ShortLine)]
    line = Line(1, SKU, SKU, asked.asked)
    for each in picked:
        line = replace(line, lent=each.lent, bound=each.bound, picked_lent=each.lent, picked_bound=each.bound)
    back: tuple[PutBackLine, ...] = put_back([line])

    source.move(put_back_movements(back))
    source.hub_picked -= sum(each.lent for each in back)

    assert (source.hub_picked, source.rights.bound) == (0, 0)
    assert source.rights.physical == asked.on_hand - len(asked.shorts)


@given(
    requests(),
    st.lists(st.tuples(UNITS, UNITS, st.booleans()), min_size=1, max_size=4),
    st.booleans(),
    st.integers(min_value=0, max_value=8),
    st.booleans(),
)
def test_in_transit_comes_back_to_zero_and_every_unit_is_somewhere(
    asked: Asked,
    arrivals: list[tuple[int, int, bool]],
    for_order: bool,
    to_grant: int,
    unannounced_first: bool,
) -> None:
    source, _accepted, said = walk(asked)
    shipped = [each for each in said if not isinstance(each, ShortLine)]
    units = sum(each.units for each in shipped)
    source.move(transfer_ship_movements(shipped))
    source.hub_picked -= sum(each.lent for each in shipped)
    source.finished += sum(each.lent for each in shipped)
    assert source.buckets[Bucket.IN_TRANSIT] == units
    shop, received = Shop(), []
    if shipped:
        line = Line(1, SKU, SKU, units, to_grant=0 if for_order else min(to_grant, units))
        if for_order:
            line = replace(line, order_id="o", order_line_no=1, assignment_id="a")
        received = arrive(shop, line, arrivals, unannounced_first=unannounced_first)

    settled = settlement(shipped, received)
    source.move(transfer_close_movements(settled))

    came = sum(each.quantity for each in received)
    assert adds_up(shipped, settled)
    assert source.buckets[Bucket.IN_TRANSIT] == 0
    assert sum(shop.buckets.values()) == came
    assert sum(each.received for each in settled) + sum(each.over for each in settled) == came
    assert sum(each.missing for each in settled) == max(0, units - came)
    assert shop.rights.sellable >= 0


def arrive(
    shop: Shop, line: Line, arrivals: list[tuple[int, int, bool]], *, unannounced_first: bool
) -> list[ReceivedLine]:
    """Take arrivals in at the destination, some of them taken back; return what stands in the end."""
    kept: list[ReceivedLine] = []
    for n, (count, damaged, undone) in enumerate(arrivals):
        free = {SKU: shop.rights.sellable}
        waiting = frozenset({"a"})
        counted = [Counted(1, SKU, SKU, count, min(count, damaged))]
        if n == 0 and unannounced_first:
            blind = arrived([], [replace(counted[0], line_no=0)], {}, may_bind=frozenset(), free=free)
            shop.move(transfer_receive_movements(blind.lines))
            lines = matched([line], blind.lines, may_bind=waiting, free={SKU: shop.rights.sellable})
            shop.move(transfer_match_movements(lines))
        else:
            lines = arrived([line], counted, {}, may_bind=waiting, free=free).lines
            shop.move(transfer_receive_movements(lines))
        shop.granted += sum(each.granted for each in lines)
        promised = any(each.bound or each.granted for each in lines)
        if undone and lines and not promised and not (n == 0 and unannounced_first):
            shop.move(transfer_undo_movements(lines))
            continue
        kept += lines
        for each in lines:
            line = replace(
                line,
                received=line.received + each.quantity,
                over=line.over + each.over,
                for_order=line.for_order + each.bound,
                granted=line.granted + each.granted,
            )
        assert shop.rights.bound == line.for_order <= line.quantity
        assert line.granted <= line.to_grant
        assert shop.rights.sellable >= 0
    return kept


@given(
    st.from_regex(r"[0-9]{8,12}", fullmatch=True),
    st.integers(min_value=1, max_value=100),
    st.integers(min_value=0, max_value=999),
)
def test_a_carton_number_has_its_check_digit_and_one_wrong_digit_is_noticed(
    stem: str, ordinal: int, counter: int
) -> None:
    sscc = make_sscc(stem, ordinal, counter)

    assert is_sscc(sscc)
    assert sscc[-1] == check_digit(sscc[:-1])
    for at in range(18):
        wrong = sscc[:at] + str((int(sscc[at]) + 1) % 10) + sscc[at + 1 :]
        assert not is_sscc(wrong)


@given(
    st.lists(
        st.tuples(st.integers(min_value=1, max_value=100), st.integers(min_value=0, max_value=999)),
        unique=True,
        min_size=2,
        max_size=20,
    )
)
def test_two_cartons_of_one_location_never_carry_the_same_number(cartons: list[tuple[int, int]]) -> None:
    numbers = {make_sscc("9501101001", ordinal, counter) for ordinal, counter in cartons}

    assert len(numbers) == len(cartons)
