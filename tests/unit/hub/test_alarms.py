"""The key of an alarm: one open exception for each thing that needs its own answer."""

from hub.link.rules import KEY_LENGTH, Alarm

LONG_NAME = "a-location-with-the-longest-name-allowed"


def test_an_alarm_of_a_short_name_says_its_key_in_words() -> None:
    assert Alarm("edge_forked", "store-1", "A title").dedupe_key == "edge_forked:store-1"


def test_two_alarms_of_one_long_name_have_two_keys_that_fit() -> None:
    keys = {
        Alarm("assignment_open_at_store", LONG_NAME, "A title", of=assignment).dedupe_key
        for assignment in ("01a21226-4da7-7144-90b1-f04fe82f93bf", "01a21226-4da7-7144-90b1-f04fe82f93c0")
    }

    assert len(keys) == 2
    assert all(len(key) <= KEY_LENGTH for key in keys)
