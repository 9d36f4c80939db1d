"""Who may open a session, case by case."""

import pytest

from hub.link.rules import Known, Open, Refuse, has_lost_past, judge_hello, why_fenced
from protocol.handshake import Hello, Marker, RejectCode

INC, OTHER_INC = "0a" * 16, "0b" * 16
HEAD = "ab" * 32


def hello(**said: object) -> Hello:
    usual: dict[str, object] = {
        "inc": INC,
        "boot": "11" * 8,
        "machine": "m-1",
        "nonce": "22" * 16,
        "last_seq": 10,
        "head": HEAD,
        "acked": 10,
        "clock_us": 1,
    }
    return Hello.model_validate(usual | said)


def known(**said: object) -> Known:
    usual: dict[str, object] = {
        "status": "active",
        "state": "current",
        "upto": 10,
        "head": HEAD,
        "boot": "11" * 8,
        "machine": "m-1",
        "current_inc": INC,
        "alive": True,
    }
    return Known(**(usual | said))  # type: ignore[arg-type]  # the fields above


def test_the_same_agent_on_a_new_connection_is_let_in() -> None:
    assert judge_hello("store-1", hello(), known()) == Open()


def test_an_agent_that_was_started_again_is_let_in_because_it_knows_its_last_boot() -> None:
    again = hello(boot="33" * 8, prev_boot="11" * 8)

    assert judge_hello("store-1", again, known()) == Open()


@pytest.mark.parametrize(
    "second",
    [
        {"boot": "33" * 8},
        {"boot": "33" * 8, "prev_boot": "11" * 8, "machine": "m-2"},
        {"boot": "33" * 8, "inc": OTHER_INC, "machine": "m-2"},
    ],
    ids=["unknown boot", "same boots on another machine", "another database on another machine"],
)
def test_a_second_one_is_turned_away_while_the_first_is_alive(second: dict[str, object]) -> None:
    verdict = judge_hello("store-1", hello(**second), known(state=None if "inc" in second else "current"))

    assert isinstance(verdict, Refuse)
    assert verdict.code is RejectCode.DUPLICATE
    assert verdict.alarm is not None
    assert verdict.alarm.dedupe_key == "edge_duplicate:store-1"


def test_a_new_database_on_the_same_machine_takes_over_at_once() -> None:
    verdict = judge_hello("store-1", hello(inc=OTHER_INC, boot="33" * 8), known(state=None))

    assert isinstance(verdict, Open)
    assert verdict.replaces == INC


def test_a_new_database_takes_the_place_of_one_that_is_silent() -> None:
    verdict = judge_hello("store-1", hello(inc=OTHER_INC), known(state=None, alive=False))

    assert isinstance(verdict, Open)
    assert verdict.replaces == INC
    assert verdict.alarm is not None
    assert verdict.alarm.kind == "edge_replaced"


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (known(status=None), RejectCode.UNKNOWN),
        (known(status="revoked"), RejectCode.REVOKED),
        (known(state="rejected"), RejectCode.FORK),
        (known(head="cd" * 32), RejectCode.FORK),
    ],
    ids=["unknown", "revoked", "rejected before", "another history"],
)
def test_who_may_not_come_in_is_told_why(what: Known, code: RejectCode) -> None:
    verdict = judge_hello("store-1", hello(), what)

    assert isinstance(verdict, Refuse)
    assert verdict.code is code


def test_a_version_that_nobody_speaks_here_is_refused() -> None:
    verdict = judge_hello("store-1", hello(versions=(2,)), known())

    assert verdict == Refuse(RejectCode.VERSION)


def test_a_store_whose_marker_is_ahead_is_set_aside() -> None:
    verdict = judge_hello("store-1", hello(marker=Marker.ROLLED_BACK), known())

    assert isinstance(verdict, Refuse)
    assert verdict.code is RejectCode.QUARANTINE


def test_an_old_database_may_only_bring_what_is_missing() -> None:
    assert judge_hello("store-1", hello(), known(state="closed", current_inc=OTHER_INC)) == Open(
        drain_only=True
    )


def test_a_hub_notices_that_an_edge_remembers_more_of_it_than_it_does() -> None:
    hub_inc = "ee" * 16
    remembered = hello(hub_inc_seen=hub_inc, acked=10, cseq_done=3, chead=HEAD)

    lives = frozenset({hub_inc, "ff" * 16})

    def lost(upto: int, last_cseq: int, chead: str, *, now: str = hub_inc, **said: int) -> bool:
        what = known(upto=upto, **said)
        return has_lost_past(remembered, what, hub_inc=now, lives=lives, last_cseq=last_cseq, chead=chead)

    assert not lost(10, 3, HEAD)
    assert lost(9, 3, HEAD)
    assert lost(10, 2, HEAD)
    assert lost(10, 3, "cd" * 32)
    assert not lost(0, 0, "", now="ff" * 16)


@pytest.mark.parametrize(
    ("said", "here", "expected"),
    [
        ({"ep": 2}, {"ep": 2}, False),
        ({"ep": 3}, {"ep": 2}, True),
        ({"ep": 1}, {"ep": 2}, False),
        ({"ep": 2, "r_seen": 5}, {"ep": 2, "returned": 5}, False),
        ({"ep": 2, "r_seen": 6}, {"ep": 2, "returned": 5}, True),
        ({"ep": 1, "r_seen": 6}, {"ep": 2, "returned": 0}, False),
    ],
    ids=["same", "later epoch", "earlier epoch", "same R", "more R", "R of an earlier epoch"],
)
def test_a_hub_whose_epoch_or_returned_rights_are_behind_an_edge_was_restored(
    said: dict[str, object], here: dict[str, object], expected: bool
) -> None:
    hub_inc = "ee" * 16
    lost = has_lost_past(
        hello(hub_inc_seen=hub_inc, **said),
        known(**here),
        hub_inc=hub_inc,
        lives=frozenset({hub_inc}),
        last_cseq=0,
        chead="",
    )

    assert lost is expected


def test_a_hub_that_forgot_a_life_its_edges_remember_was_restored() -> None:
    remembered, now = hello(hub_inc_seen="ee" * 16), "ff" * 16

    def lost(*lives: str) -> bool:
        return has_lost_past(remembered, known(), hub_inc=now, lives=frozenset(lives), last_cseq=0, chead="")

    assert lost(now)
    assert not lost(now, "ee" * 16)
    assert why_fenced(remembered, known(), Open(), hub_inc=now) == "hub_restored"


def test_lending_begins_anew_with_an_edge_that_was_replaced_or_restored_or_that_has_another_epoch() -> None:
    assert why_fenced(hello(), known(), Open(), hub_inc="ff" * 16) is None
    assert why_fenced(hello(), known(), Open(replaces=OTHER_INC), hub_inc="ff" * 16) == "edge_replaced"
    restored = hello(why="restored")
    assert why_fenced(restored, known(), Open(replaces=OTHER_INC), hub_inc="ff" * 16) == "edge_restored"
    assert why_fenced(restored, known(state=None), Open(), hub_inc="ff" * 16) == "edge_restored"
    assert why_fenced(restored, known(), Open(), hub_inc="ff" * 16) is None
    assert why_fenced(hello(ep=1), known(ep=2), Open(), hub_inc="ff" * 16) == "disagree"
    assert why_fenced(hello(ep=1, granted=3), known(ep=2, granted=4), Open(), hub_inc="ff" * 16) == "disagree"


@pytest.mark.parametrize(("said", "expected"), [(3, "edge_restored"), (4, None), (5, None), (None, None)])
def test_a_store_that_has_lent_less_than_it_said_runs_on_an_old_copy(
    said: int | None, expected: str | None
) -> None:
    assert why_fenced(hello(granted=said), known(granted=4), Open(), hub_inc="ff" * 16) == expected
