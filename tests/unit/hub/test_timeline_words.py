"""What the timeline of an order says of an event that came late."""

import pytest

from hub.spine.reads import Happened
from hub.spine.timeline import late_by

SECOND_US = 1_000_000


def happened(gap_us: int) -> Happened:
    return Happened(
        apply_order=1,
        event_id="e-1",
        edge="store-1",
        seq=1,
        kind="order.sold",
        at_us=0,
        arrived_us=gap_us,
        gap_us=gap_us,
        by="",
        device="",
        body={},
    )


@pytest.mark.parametrize(
    ("gap_us", "said"),
    [
        (5 * SECOND_US, None),
        (6 * SECOND_US, (6, "6 s later")),
        (59 * SECOND_US, (59, "59 s later")),
        (60 * SECOND_US, (60, "1 min later: store offline")),
    ],
)
def test_an_arrival_is_said_from_five_seconds_on_and_explained_from_a_minute_on(
    gap_us: int, said: tuple[int, str] | None
) -> None:
    assert late_by(happened(gap_us), 0) == said
