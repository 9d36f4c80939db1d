"""What the timeline says of an event: also of one that came late, and one that leaves out what is usual."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub.spine.reads import Happened
from hub.spine.timeline import late_by, moments
from protocol.envelope import decode_event
from protocol.events import KINDS

SECOND_US = 1_000_000
GOLDEN = Path(__file__).parents[3] / "protocol" / "golden"


def happened(gap_us: int, kind: str = "order.sold", body: dict[str, Any] | None = None) -> Happened:
    return Happened(
        apply_order=1,
        event_id="e-1",
        edge="store-1",
        seq=1,
        kind=kind,
        at_us=0,
        arrived_us=gap_us,
        gap_us=gap_us,
        by="",
        device="",
        body=body or {},
    )


def without_one(body: Any) -> Iterator[Any]:
    """Yield a body again and again, each time without one of its keys, however deep."""
    if isinstance(body, dict):
        for key in body:
            yield {name: value for name, value in body.items() if name != key}
            yield from ({**body, key: less} for less in without_one(body[key]))
    if isinstance(body, list):
        for n, item in enumerate(body):
            yield from ([*body[:n], less, *body[n + 1 :]] for less in without_one(item))


@pytest.mark.parametrize(("kind", "version"), sorted(KINDS))
def test_every_event_has_its_words_whatever_it_leaves_out_because_it_is_as_usual(
    kind: str, version: int
) -> None:
    event = decode_event((GOLDEN / f"event.{kind}.v{version}.json").read_bytes().strip())
    whole = dict(event.body)
    bodies = [whole]
    for body in without_one(whole):
        try:
            KINDS[kind, version].model_validate(body)
        except ValidationError:
            continue  # nobody may leave that out
        bodies.append(body)

    for body in bodies:
        [said] = moments([happened(0, kind, body)], (), (), {}, {}, replayed=False)
        assert said.title


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
