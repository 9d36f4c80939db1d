"""What the hub's end knows of its line, and how it finds out that the broker had forgotten."""

from hub.link.line import Line, Memory


def memory(*, had_spoken: bool | None = True) -> Memory:
    made = Memory()
    made.had_spoken = had_spoken
    return made


def test_a_broker_that_only_repeats_what_is_said_now_had_forgotten() -> None:
    assert memory().is_gone("c2", retained=False, own=True)


def test_a_broker_that_hands_over_what_it_kept_has_its_memory() -> None:
    kept = memory()

    assert not kept.is_gone("c2", retained=True, own=False)
    assert not kept.is_gone("c2", retained=False, own=True)


def test_it_is_found_out_once_on_each_connection() -> None:
    gone = memory()

    assert gone.is_gone("c2", retained=False, own=True)
    assert not gone.is_gone("c2", retained=False, own=True)
    assert gone.is_gone("c3", retained=False, own=True)


def test_a_hub_that_never_spoke_has_nothing_that_could_be_forgotten() -> None:
    for had_spoken in (False, None):
        first = memory(had_spoken=had_spoken)

        assert not first.is_gone("c1", retained=False, own=True)
        assert first.is_gone("c2", retained=False, own=True)


def test_what_another_process_says_at_this_moment_proves_nothing() -> None:
    first, wiped = memory(had_spoken=False), memory()

    assert not first.is_gone("c1", retained=False, own=False)
    assert not first.is_gone("c1", retained=False, own=True)
    assert not wiped.is_gone("c2", retained=False, own=False)
    assert wiped.is_gone("c2", retained=False, own=True)


def test_a_line_says_since_when_it_is_as_it_is() -> None:
    line = Line()
    line.at("broker:1883")
    assert (line.status.connected, line.status.is_down, line.status.since_us) == (False, False, None)

    assert line.came("c1", 10)
    assert (line.status.connected, line.status.where, line.status.since_us) == (True, "broker:1883", 10)

    assert line.went("The connection ended.", "It is opened again.", 20)
    assert not line.went("The connection ended.", "It is opened again.", 30)
    assert line.went("The broker does not answer.", "Check the network.", 40)
    status = line.status
    assert (status.is_down, status.since_us, status.what) == (True, 20, "The broker does not answer.")

    assert line.came("c2", 50)
    assert (line.status.connected, line.status.what, line.status.since_us) == (True, "", 50)


def test_trouble_at_this_end_is_said_while_the_line_is_up() -> None:
    line = Line()
    line.at("broker:1883")
    line.came("c1", 10)

    assert line.trouble("The database does not answer.", "Nothing is lost.")
    assert line.status.connected
    assert not line.status.is_down
    assert line.status.what == "The database does not answer."
    assert line.trouble()
    assert not line.trouble()


def test_a_hub_without_a_broker_says_that_none_is_set() -> None:
    line = Line()
    line.at("")

    assert (line.status.is_down, line.status.where, line.status.what) == (True, "", "No broker is set.")
