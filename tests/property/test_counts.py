"""A count is right whatever is sold, picked, reserved and received while it is made."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from protocol.stock import Books, Pass, Place, Tolerance, crossing, is_settled

_KINDS = {
    "sale": ("sellable", "customer"),
    "pick": ("sellable", "picked"),
    "pick_own": ("reserved", "picked"),
    "receipt": ("supplier", "sellable"),
    "return": ("customer", "sellable"),
    "put_back": ("picked", "sellable"),
    "reserve": ("sellable", "reserved"),
    "damaged": ("sellable", "quarantine"),
}
_OUT = ("sale", "pick", "pick_own", "damaged")
_IN = ("receipt", "return", "put_back")
STEPS = st.lists(st.sampled_from([*_KINDS, "look"]), max_size=30)


@dataclass
class Shelf:
    """A shelf as it is, and as the books say; they may differ from the beginning by what nobody noticed."""

    real: list[int]
    books: int
    seen: set[int] = field(default_factory=set)
    moved: list[tuple[str, str, int]] = field(default_factory=list)
    next_unit: int = 1_000

    def step(self, kind: str, pick: int) -> None:
        """Move one unit, or look at one; what is not there cannot leave."""
        if kind == "look":
            if self.real:
                self.seen.add(self.real[pick % len(self.real)])
            return
        if kind in _OUT:
            if not self.real:
                return
            self.real.pop(pick % len(self.real))
            self.books -= 1
        elif kind in _IN:
            self.real.append(self.next_unit)
            self.next_unit += 1
            self.books += 1
        self.moved.append((*_KINDS[kind], 1))

    def walk(self, steps: Sequence[str], picks: Sequence[int]) -> tuple[int, Books]:
        """Count in between, look at what is left at the end, and return the count with its books."""
        self.seen, self.moved = set(), []
        for kind, pick in zip(steps, picks, strict=True):
            self.step(kind, pick)
        self.seen |= set(self.real)
        came, left = crossing(self.moved, Place.SHELF)
        return len(self.seen), Books(self.books, came, left)


def picks_for(steps: Sequence[str], seed: int) -> list[int]:
    return [(seed * 31 + n * 17) % 97 for n, _kind in enumerate(steps)]


@given(units=st.integers(0, 20), steps=STEPS, seed=st.integers(0, 96))
def test_what_moves_during_a_count_never_makes_a_difference_by_itself(
    units: int, steps: list[str], seed: int
) -> None:
    shelf = Shelf(real=list(range(units)), books=units)

    counted, books = shelf.walk(steps, picks_for(steps, seed))

    assert books.variance(counted) == 0
    assert not books.is_doubtful(counted)


@given(
    units=st.integers(0, 20),
    wrong=st.integers(-8, 8),
    steps=STEPS,
    seed=st.integers(0, 96),
    later=st.lists(st.sampled_from(list(_KINDS)), max_size=20),
)
def test_a_calm_pass_finds_the_difference_exactly_however_much_moves_before_it_is_posted(
    units: int, wrong: int, steps: list[str], seed: int, later: list[str]
) -> None:
    shelf = Shelf(real=list(range(units)), books=units + wrong)
    shelf.walk(steps, picks_for(steps, seed))

    counted, books = shelf.walk([], [])
    variance = books.variance(counted)
    shelf.walk(later, picks_for(later, seed))

    assert variance == -wrong
    assert shelf.books + variance == len(shelf.real)


@given(units=st.integers(0, 20), wrong=st.integers(-8, 8), steps=STEPS, seed=st.integers(0, 96))
def test_a_blurred_pass_never_finds_more_than_is_wrong_and_says_so_when_it_finds_any(
    units: int, wrong: int, steps: list[str], seed: int
) -> None:
    shelf = Shelf(real=list(range(units)), books=units + wrong)

    counted, books = shelf.walk(steps, picks_for(steps, seed))
    variance = books.variance(counted)

    assert abs(variance) <= abs(wrong)
    assert variance * -wrong >= 0
    assert books.is_doubtful(counted) == (variance != 0 and bool(books.came or books.left))


@given(st.lists(st.tuples(st.integers(-9, 9), st.booleans()), max_size=5), st.integers(0, 5))
def test_a_difference_is_believed_when_it_is_small_or_was_found_twice(
    found: list[tuple[int, bool]], units: int
) -> None:
    passes = [Pass(10 + variance, variance, doubtful) for variance, doubtful in found]

    believed = is_settled(passes, Tolerance(units), 0)

    small = bool(passes) and abs(passes[-1].variance) <= units and not passes[-1].doubtful
    twice = len(passes) > 1 and passes[-1].variance == passes[-2].variance
    assert believed == (small or twice)
