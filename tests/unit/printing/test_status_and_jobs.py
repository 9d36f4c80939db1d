"""What a printer's answers mean, and which steps a job may take."""

from itertools import pairwise

import pytest

from printing.document import Document
from printing.job import (
    FINAL,
    IN_FLIGHT,
    TRANSITIONS,
    Job,
    JobState,
    Mark,
    after_unknown,
    check_step,
    resolve,
)
from printing.status import (
    AnswerParser,
    Block,
    Number,
    RealTimeByte,
    Report,
    Token,
    with_answers,
    with_report,
)
from protocol.errors import IllegalTransition

MIXED = b"\x12\x16\x12\x72\x37\x22Pabc\x00\x38\x00\x0c\x00\x5fEPSON\x00\x00\x10\x08\x00\x00"
MEANING = [
    RealTimeByte(0x12),
    RealTimeByte(0x16),
    RealTimeByte(0x12),
    RealTimeByte(0x72),
    Token("Pabc"),
    Report(offline=True, cover_open=True, error=False, paper_end=True),
    Block(b"\x5fEPSON"),
    Number(0),
    Report(offline=False, cover_open=False, error=True, paper_end=False),
]


def job(document_class: str, *, state: JobState = JobState.UNKNOWN, attempt: int = 1) -> Job:
    """Return a job in some state."""
    return Job(
        "j1", "front", document_class, Document("x", ()), state, attempt, ever_sent=True, queued_at_us=0
    )


def test_answers_of_every_kind_are_told_apart() -> None:
    assert AnswerParser().feed(MIXED) == MEANING


@pytest.mark.parametrize("cut", range(1, len(MIXED)))
def test_answers_mean_the_same_wherever_the_stream_was_cut(cut: int) -> None:
    parser = AnswerParser()

    assert parser.feed(MIXED[:cut]) + parser.feed(MIXED[cut:]) == MEANING


def test_a_status_answer_between_the_bytes_of_a_report_is_heard() -> None:
    assert AnswerParser().feed(b"\x10\x00\x12\x0c\x00") == [
        RealTimeByte(0x12),
        Report(offline=False, cover_open=False, error=False, paper_end=True),
    ]


def test_an_answer_that_never_ends_does_not_grow_without_end() -> None:
    parser = AnswerParser()

    assert len(parser.feed(b"\x5f" + b"x" * 400)) == 1


def test_the_four_answers_make_a_status() -> None:
    status = with_answers((0x1A, 0x36, 0x12, 0x7E))

    assert (status.offline, status.cover_open, status.paper_end, status.blocked) == (True, True, True, True)
    assert with_answers((0x12, 0x12, 0x12, 0x12)).blocked is False
    assert with_answers((0x12, 0x12, 0x12, 0x1E)).paper_near_end is True
    assert with_answers((0x12, 0x12, 0x1A, 0x12)).cutter_error is True


def test_a_report_replaces_what_it_speaks_of() -> None:
    before = with_answers((0x1A, 0x16, 0x12, 0x12))

    after = with_report(before, Report(offline=False, cover_open=False, error=False, paper_end=False))

    assert (before.blocked, after.blocked) == (True, False)


def may_become(before: str, after: str) -> bool:
    """Tell whether a job may take a step, as whoever takes it is told."""
    try:
        check_step(JobState(before), JobState(after))
    except IllegalTransition:
        return False
    return True


@pytest.mark.parametrize(
    "path",
    [
        ("queued", "sending", "sent", "printed", "seen"),
        ("queued", "sending", "held_at_printer", "sent", "printed"),
        ("queued", "sending", "unknown", "resolved_missing", "queued"),
        ("queued", "sending", "queued"),
        ("queued", "expired"),
        ("queued", "voided"),
        ("queued", "refused"),
    ],
)
def test_a_job_may_go_these_ways(path: tuple[str, ...]) -> None:
    assert [(before, after) for before, after in pairwise(path) if not may_become(before, after)] == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("queued", "printed"),
        ("printed", "queued"),
        ("voided", "sending"),
        ("unknown", "printed"),
        ("sent", "queued"),
    ],
)
def test_a_job_may_not_go_these_ways(before: str, after: str) -> None:
    with pytest.raises(IllegalTransition, match="A print job that is"):
        check_step(JobState(before), JobState(after))


def test_every_state_is_in_the_table_and_no_final_one_is_sent_again() -> None:
    assert set(TRANSITIONS) == set(JobState)
    assert all(not (TRANSITIONS[state] & IN_FLIGHT) for state in FINAL)


@pytest.mark.parametrize("document_class", ["receipt", "return_receipt", "gift_card"])
def test_a_slip_that_is_worth_money_waits_for_a_person(document_class: str) -> None:
    assert after_unknown(job(document_class)) is None


def test_a_harmless_slip_comes_again_a_few_times_and_then_asks() -> None:
    assert after_unknown(job("till_report")) == Mark(JobState.QUEUED, 2, "printed again, marked as a reprint")
    assert after_unknown(job("till_report", attempt=3)) is None


def test_a_person_who_found_the_slip_ends_the_question() -> None:
    assert [mark.state for mark in resolve(job("receipt"), printed=True)] == [JobState.RESOLVED_PRINTED]


def test_a_person_who_did_not_find_it_gets_the_next_attempt() -> None:
    marks = resolve(job("receipt", attempt=2), printed=False)

    assert [(mark.state, mark.attempt) for mark in marks] == [
        (JobState.RESOLVED_MISSING, 2),
        (JobState.QUEUED, 3),
    ]


def test_nobody_is_asked_about_a_slip_that_was_printed() -> None:
    with pytest.raises(IllegalTransition):
        resolve(job("receipt", state=JobState.PRINTED), printed=False)
