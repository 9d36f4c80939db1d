"""Whatever waits to be sent is named in words that people say."""

import pytest

from edge_agent.journey import reactions
from edge_agent.shell.sent import sent_word


@pytest.mark.parametrize("kind", sorted(reactions()))
def test_every_kind_of_event_that_a_store_sends_has_words(kind: str) -> None:
    assert sent_word(kind) != kind


def test_no_two_kinds_of_event_are_called_the_same() -> None:
    words = [sent_word(kind) for kind in reactions()]

    assert sorted(set(words)) == sorted(words)


def test_a_kind_that_is_new_to_this_version_keeps_its_name() -> None:
    assert sent_word("drone.landed") == "drone.landed"
