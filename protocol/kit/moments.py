"""Moments that people and programs may say: within a hundred years, in microseconds since 1970, UTC.

A number of microseconds is typed wrong easily, and one that is 1,000 times too large lies in a year that no
calendar, page or slip can write. So whatever comes in is checked here, on both sides; what a database has
from before is shown all the same (`protocol.clock.from_us`).
"""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime
from pydantic_core import PydanticCustomError

from protocol.clock import to_us
from protocol.errors import Invalid
from protocol.kit.text import _

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
EARLIEST_US: Final = to_us(EARLIEST)
LATEST_US: Final = to_us(LATEST)
OUT_OF_RANGE: Final = "moment_out_of_range"


def _fault() -> PydanticCustomError:
    return PydanticCustomError(
        OUT_OF_RANGE, "it must be a moment from 2000 to 2099, in microseconds since 1970 (UTC)"
    )


def _in_range(at_us: int) -> int:
    if not EARLIEST_US <= at_us < LATEST_US:
        raise _fault()
    return at_us


def _none_or_in_range(at_us: int) -> int:
    return _in_range(at_us) if at_us else at_us


def _date_in_range(at: datetime) -> datetime:
    if not EARLIEST <= at < LATEST:
        raise PydanticCustomError(OUT_OF_RANGE, "it must be a moment from 2000 to 2099")
    return at


Moment = Annotated[int, AfterValidator(_in_range)]
"""A moment that somebody says."""
MaybeMoment = Annotated[int, AfterValidator(_none_or_in_range)]
"""A moment that somebody says, or 0 for none."""
Dated = Annotated[AwareDatetime, AfterValidator(_date_in_range)]
"""The same, written as a date with its time and zone."""


def check_to_come(due_us: int, now_us: int) -> None:
    """Refuse a moment that is over, where one is said.

    Raises:
        Invalid: `due_past`.
    """
    if due_us and due_us <= now_us:
        raise Invalid(
            _("The day by which it is wanted is over. Nothing was asked for."),
            _("Choose a later day, or none when there is no hurry."),
            code="due_past",
            due_us=due_us,
        )
