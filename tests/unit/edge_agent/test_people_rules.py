import pytest

from edge_agent.people.rules import check_new_pin, locked_seconds, person_id_from
from edge_agent.people.sessions import SESSION_DIGITS, SignIns, token_hash
from protocol.errors import Invalid
from protocol.kit.system import ShiftedClock
from protocol.kit.web.signin import CurrentPerson

HOUR_US = 3_600_000_000


@pytest.mark.parametrize("pin", ["123", "1234567890123", "0000", "1234", "9876", "12a4", "", "١٢٣٤", " 2580"])
def test_a_pin_that_anybody_would_try_first_is_refused(pin: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_new_pin(pin)

    assert refusal.value.reason == "weak_pin"


def test_a_demo_may_use_pins_that_are_easy_to_type() -> None:
    found = {(pin, demo): is_taken(pin, demo=demo) for pin in ("1111", "2580") for demo in (False, True)}

    assert found == {
        ("1111", False): False,
        ("1111", True): True,
        ("2580", False): True,
        ("2580", True): True,
    }


def is_taken(pin: str, *, demo: bool) -> bool:
    """Tell whether a new PIN is accepted."""
    try:
        check_new_pin(pin, demo=demo)
    except Invalid:
        return False
    return True


def test_a_lock_is_told_in_whole_seconds_rounded_up() -> None:
    assert locked_seconds(10_500_000, 9_000_000) == 2
    assert locked_seconds(9_000_000, 9_000_000) == 0


def test_an_id_reads_like_the_name_and_is_never_given_twice() -> None:
    assert person_id_from("A. Osei", frozenset()) == "a-osei"
    assert person_id_from("A. Osei", frozenset({"a-osei", "a-osei-2"})) == "a-osei-3"
    assert person_id_from("李", frozenset()) == "person"


def test_a_sign_in_lapses_after_a_shift_unless_the_clock_is_a_replays() -> None:
    clock = ShiftedClock(10 * HOUR_US)
    digest = token_hash("secret")
    person = CurrentPerson("a-osei", "A. Osei", "manager", "till-1", digest[:SESSION_DIGITS])
    real, replay = SignIns(clock), SignIns(clock, lapse=False)
    for one in (real, replay):
        one.begin(digest, person, clock.now_us())
        assert one.bearer("secret") == person
        assert one.still_valid(person)

    clock.set(23 * HOUR_US)

    assert real.bearer("secret") is None
    assert not real.still_valid(person)
    assert replay.bearer("secret") == person


def test_ending_a_sign_in_ends_the_token_and_the_cookie() -> None:
    clock = ShiftedClock(HOUR_US)
    sign_ins = SignIns(clock)
    digest = token_hash("secret")
    person = CurrentPerson("a-osei", "A. Osei", "manager", "till-1", digest[:SESSION_DIGITS])
    sign_ins.begin(digest, person, clock.now_us())

    sign_ins.end_session(person.session_id)

    assert sign_ins.bearer("secret") is None
    assert not sign_ins.still_valid(person)
