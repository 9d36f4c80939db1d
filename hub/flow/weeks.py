"""Weeks as the company counts them: ISO weeks in its own time zone, such as 2026-W48."""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from protocol.clock import from_us, to_us

PATTERN: Final = r"^(19|20|21)\d\d-W(0[1-9]|[1-4]\d|5[0-3])$"
"""Further away no calendar of this machine reaches safely."""
DAYS: Final = 7


def week_of(at_us: int, zone: str) -> str:
    """Return the week of a moment."""
    year, week, _day = from_us(at_us).astimezone(ZoneInfo(zone)).isocalendar()
    return f"{year}-W{week:02d}"


def monday_of(week: str) -> date:
    """Return the day on which a week begins.

    Raises:
        ValueError: the year has no such week.
    """
    year, number = week.split("-W")
    return date.fromisocalendar(int(year), int(number), 1)


def span_us(week: str, zone: str) -> tuple[int, int]:
    """Return from when until when a week lasts, the end not in it; 167 or 169 hours where clocks change."""
    first = monday_of(week)
    here = ZoneInfo(zone)
    begin = datetime.combine(first, time(), here)
    end = datetime.combine(first + timedelta(days=DAYS), time(), here)
    return to_us(begin), to_us(end)


def before(week: str, count: int) -> list[str]:
    """Return the weeks before one, the nearest first."""
    monday = monday_of(week)
    found = []
    for n in range(1, count + 1):
        year, number, _day = (monday - timedelta(days=DAYS * n)).isocalendar()
        found.append(f"{year}-W{number:02d}")
    return found


def is_week(text: str) -> bool:
    """Tell whether a text names a week that exists."""
    try:
        monday_of(text)
    except ValueError:
        return False
    return True
