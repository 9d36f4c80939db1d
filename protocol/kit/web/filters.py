"""How money, times and quantities read on a screen.

Headline amounts carry the currency sign (`money`), table columns do not (`amount`); both use the true
minus sign. Times are shown in the zone of the place they belong to, never in the browser's.
"""

from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import numbers
from babel.dates import format_datetime
from jinja2 import Environment
from markupsafe import Markup

from protocol.clock import LAST_US, MICROSECONDS, Clock, from_us
from protocol.kit.text import _, language

MINUS = "\u2212"
_LOCALES = {"en": "en_GB", "de": "de_DE"}
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def locale_name() -> str:
    """Return the locale that numbers and dates of the current language are written in."""
    return _LOCALES[language.get()]


def money(minor: int, currency: str = "GBP") -> str:
    """Return a headline amount with its sign: `£43.70`, `−£6.56`."""
    sign = MINUS if minor < 0 else ""
    return sign + numbers.format_currency(_major(abs(minor), currency), currency, locale=locale_name())


def amount(minor: int, currency: str = "GBP") -> str:
    """Return an amount for a table column, without the currency's sign: `1,284.32`."""
    sign = MINUS if minor < 0 else ""
    digits = numbers.get_currency_precision(currency)
    pattern = "#,##0." + "0" * digits if digits else "#,##0"
    return sign + numbers.format_decimal(_major(abs(minor), currency), format=pattern, locale=locale_name())


def qty(count: int) -> str:
    """Return a quantity with thousands apart: `9,106`."""
    sign = MINUS if count < 0 else ""
    return sign + numbers.format_decimal(abs(count), locale=locale_name())


def when(at_us: int, zone: str = "Europe/London", form: str = "EEE d MMM, HH:mm") -> Markup:
    """Return a time element such as `Sun 22 Nov, 14:36`; hovering says the seconds and the zone.

    `form` is a CLDR pattern: `HH:mm` for a time of day, `EEE d MMM` for a date. What no calendar has is said
    to be far away.
    """
    at = from_us(at_us)
    if at_us > LAST_US:
        return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), _("in the far future"))
    place = ZoneInfo(zone)
    shown = format_datetime(at, form, tzinfo=place, locale=locale_name())
    exact = f"{format_datetime(at, 'EEE d MMM y, HH:mm:ss', tzinfo=place, locale=locale_name())} ({zone})"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), exact, shown)


def duration(seconds: float) -> str:
    """Return a span a person can use: `4 s`, `3 min`, `2 h 10 min`, `12 days`."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return _("{n} s", n=whole)
    if whole < _HOUR:
        return _("{n} min", n=whole // _MINUTE)
    if whole < _DAY:
        hours, minutes = whole // _HOUR, whole % _HOUR // _MINUTE
        return _("{h} h {m} min", h=hours, m=minutes) if minutes else _("{h} h", h=hours)
    days = whole // _DAY
    return _("1 day") if days == 1 else _("{n} days", n=days)


def make_ago(clock: Clock) -> Callable[[int], Markup]:
    """Return the filter `ago`, which asks this clock; the page keeps the text true while it is open."""

    def ago(at_us: int) -> Markup:
        """Return a time element such as `4 s ago`."""
        seconds = (clock.now_us() - at_us) / MICROSECONDS
        said = _("{span} ago", span=duration(seconds))
        return Markup('<time datetime="{}" data-ago="{}">{}</time>').format(
            from_us(at_us).isoformat(), max(0, int(seconds)), said
        )

    return ago


def sentence(english: str, **values: object) -> str:
    """Return a sentence for a page; an element among its values, such as a time, stays an element.

    `str.format` would turn it into text that a page then shows with its angle brackets.
    """
    if not any(hasattr(value, "__html__") for value in values.values()):
        return _(english, **values)
    return Markup.escape(_(english)).format(**values)


def add_filters(environment: Environment, clock: Clock, currency: str, zone: str) -> None:
    """Give templates the filters; currency and zone are what a filter uses when none is said."""
    environment.filters.update(
        money=lambda minor, code=currency: money(minor, code),
        amount=lambda minor, code=currency: amount(minor, code),
        when=lambda at_us, place=zone, form="EEE d MMM, HH:mm": when(at_us, place, form),
        ago=make_ago(clock),
        duration=duration,
        qty=qty,
    )


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-numbers.get_currency_precision(currency))
