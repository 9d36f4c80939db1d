"""What an event says it touches must be readable again: nothing is written longer than it is read."""

from protocol.envelope import decode_event, encode_event
from protocol.events import ExceptionRaised, subjects_of


def test_an_exception_with_the_longest_key_is_read_as_it_was_written() -> None:
    body = ExceptionRaised(
        exception_id="x-1",
        kind="edge_forked",
        subject="edge:store-1",
        title="A title",
        facts={},
        owner_role="ops",
        dedupe_key="k" * 64,
    )
    event = decode_event(encode_event(1, "e-1", 0, body, by="", device=""))

    assert event.subjects == subjects_of(body) == ("exception:" + "k" * 54,)
