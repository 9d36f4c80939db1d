"""What both sides conclude when the lending begins anew."""

import pytest

from protocol.reopening import NewEpoch, OpenUnits, by_sku, may_adopt, next_epoch, union
from protocol.rights import EdgeStock, HubRight

INC, OTHER = "0a" * 16, "0b" * 16
HUB_INC, OTHER_HUB = "0c" * 16, "0d" * 16


def line(owner: str, units: int, *, line_no: int = 1, sku: str = "COAT-M") -> OpenUnits:
    return OpenUnits(owner=owner, line_no=line_no, sku=sku, units=units)


def new(ep: int = 2, *, inc: str = INC, hub_inc: str = HUB_INC) -> NewEpoch:
    return NewEpoch(inc=inc, sess="1" * 16, hub_inc=hub_inc, ep=ep)


def test_what_either_side_calls_open_is_open_and_of_both_the_larger_number_counts() -> None:
    hub = [line("a-1", 2), line("a-2", 1)]
    edge = [line("a-2", 3), line("a-3", 1, sku="COAT-L")]

    assert union(hub, edge) == (line("a-1", 2), line("a-2", 3), line("a-3", 1, sku="COAT-L"))
    assert by_sku(union(hub, edge)) == {"COAT-M": 5, "COAT-L": 1}


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        (new(), True),
        (new(1), False),
        (new(inc=OTHER), False),
        (new(hub_inc=OTHER_HUB), False),
        (new(9, inc=OTHER), False),
    ],
    ids=["a later epoch", "the same epoch", "for another life", "of another hub", "later, for another life"],
)
def test_an_edge_takes_over_only_a_later_epoch_that_is_meant_for_this_very_life(
    said: NewEpoch, taken: bool
) -> None:
    assert may_adopt(said, inc=INC, hub_inc=HUB_INC, ep=1) is taken


def test_an_epoch_is_later_than_whatever_either_side_has_seen() -> None:
    assert next_epoch(2, 5) == 6
    assert next_epoch(5, 2) == 6


def test_both_sides_begin_with_the_same_rights_and_nothing_is_free() -> None:
    """The unit that left between IAM and NEW is the first finished one of the new epoch."""
    store = EdgeStock("COAT-M", physical=7).grant(5).fulfil_allocation(1)
    hub = HubRight("COAT-M").reopened(1, allocated=3)
    store = store.reopened(1, allocated=3, finished=1)

    assert hub.free == 0
    assert (store.outstanding, store.sellable, store.deficit) == (2, 4, 0)
    assert store.reopened(1, allocated=9, finished=0) == store
    assert hub.reopened(1, allocated=9) == hub
