"""Lent is promised and free together: what the hub says of a location is what the location itself says."""

from hypothesis import given
from hypothesis import strategies as st

from hub.stock.rules import Lent, lent_of
from protocol.errors import OutOfRights, OutOfStock
from protocol.rights import EdgeStock, HubRight


def lent(right: HubRight) -> Lent:
    cells = right.cells
    return lent_of(cells.allocated - cells.ended - right.finished_seen, free=right.free)


def test_a_restored_hub_never_shows_fewer_than_no_promised_units() -> None:
    assert lent_of(-5, free=10) == Lent(units=10, promised=0, free=10)
    assert lent_of(3, free=-1) == Lent(units=3, promised=3, free=0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("grant", "allocate", "end", "give_back", "fulfil", "see", "echo")), st.integers(1, 4)
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_lent_is_what_the_store_has_outstanding_once_both_have_heard_each_other(
    steps: list[tuple[str, int]],
) -> None:
    edge, hub, version = EdgeStock("A", physical=50), HubRight("A"), 0
    for step, units in steps:
        promised = hub.cells.allocated - hub.cells.ended - edge.cells.finished
        try:
            if step == "grant":
                edge = edge.grant(units)
            elif step == "allocate":
                hub = hub.allocate(units)
            elif step == "end" and units <= promised:
                hub = hub.end(units)
            elif step == "give_back":
                hub = hub.give_back(units)
            elif step == "fulfil" and units <= promised:
                edge = edge.fulfil_allocation(units)
            elif step == "see":
                version += 1
                hub = hub.see(edge.vector(version))
            elif step == "echo":
                edge = edge.see(hub.vector(version))
        except (OutOfRights, OutOfStock):
            continue
        said = lent(hub)
        assert said.units == said.promised + said.free
        assert said.free == hub.free

    hub, edge = hub.see(edge.vector(version + 1)), edge.see(hub.vector(version + 1))
    assert lent(hub).units == edge.outstanding
    assert edge.physical == edge.bound + edge.sellable + lent(hub).promised + lent(hub).free
