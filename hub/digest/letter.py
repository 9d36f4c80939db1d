"""What a digest says: one sentence that answers, then a section for each question, as text and as HTML.

The sentences are here and the two templates only set them, as with notices to customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from hub.console.words import exception_word
from hub.digest.facts import StoreDays, Told
from hub.flow.words import stage_word
from hub.notify.letters import WIDTH, speaking
from hub.notify.rules import Said
from protocol.clock import MICROSECONDS, from_us
from protocol.kit.text import _
from protocol.kit.web.filters import duration, locale_name, money, qty

_PAGES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates" / "mail"),
    undefined=StrictUndefined,
    autoescape=select_autoescape(["html"]),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_PAGES.globals["WIDTH"] = WIDTH


@dataclass(frozen=True, slots=True)
class Section:
    """The answer to one question: a sentence and its evidence, each row as label and text."""

    title: str
    says: str
    rows: tuple[tuple[str, str], ...] = ()


def write(told: Told, *, shop: str, currency: str, zone: str, now_us: int) -> Said:
    """Return a digest in its own language."""
    with speaking(told.digest.language):
        values = {
            "subject": _subject(told, shop),
            "shop": shop,
            "opening": _opening(told),
            "skipped": _skipped(told),
            "sections": [
                _open(told, now_us),
                _late(told, zone, now_us),
                _promises(told),
                _stores(told, currency),
            ],
            "language": told.digest.language,
            "closing": _(
                "You get this every day at {clock}. Operations can change that.", clock=told.digest.clock
            ),
        }
        return Said(
            to=told.digest.address,
            subject=str(values["subject"]),
            text=_PAGES.get_template("digest.txt").render(**values),
            html=_PAGES.get_template("digest.html").render(**values),
        )


def _day(told: Told) -> str:
    first, last = told.told_days[0], told.told_days[-1]
    said = format_date(last, _("EEEE d MMMM"), locale=locale_name())
    if first == last:
        return said
    return _("{first} to {last}", first=format_date(first, _("EEEE d MMMM"), locale=locale_name()), last=said)


def _name(told: Told, location: str) -> str:
    return " ".join(told.names.get(location, location).split())


def _subject(told: Told, shop: str) -> str:
    where = _name(told, told.digest.location) if told.digest.location else " ".join(shop.split())
    if not (told.open_total or told.late_total or told.broken_total):
        return _("{where}: nothing is open", where=where)
    return _(
        "{where}: {open} open, {late} late, {broken} broken",
        where=where,
        open=qty(told.open_total),
        late=qty(told.late_total),
        broken=qty(told.broken_total),
    )


def _opening(told: Told) -> str:
    if told.open_total or told.late_total:
        return _("This is what needs you now, and what happened on {day}.", day=_day(told))
    return _("Nothing needs you now. This is what happened on {day}.", day=_day(told))


def _skipped(told: Told) -> str:
    if not told.due.skipped:
        return ""
    named = ", ".join(format_date(day, "d MMM", locale=locale_name()) for day in told.due.skipped)
    return _("No digest left on: {days}. Those days are told of here.", days=named)


def _more(shown: int, total: int) -> tuple[tuple[str, str], ...]:
    return ((_("and {n} more", n=qty(total - shown)), ""),) if total > shown else ()


def _open(told: Told, now_us: int) -> Section:
    says = (
        _("1 exception is open.")
        if told.open_total == 1
        else _("{n} exceptions are open.", n=qty(told.open_total))
    )
    rows = [
        (
            exception_word(each.kind),
            _("{n}, oldest {span}", n=qty(each.n), span=duration((now_us - each.oldest_us) / MICROSECONDS)),
        )
        for each in told.open
    ]
    shown = sum(each.n for each in told.open)
    return Section(
        _("What is open"), says if told.open_total else _("Nothing."), (*rows, *_more(shown, told.open_total))
    )


def _late(told: Told, zone: str, now_us: int) -> Section:
    says = (
        _("1 part of an order is late.")
        if told.late_total == 1
        else _("{n} parts of orders are late.", n=qty(told.late_total))
    )
    rows = [
        (
            each.number,
            _(
                "{place}, due {moment}, {span} ago",
                place=_name(told, each.location),
                moment=format_datetime(
                    from_us(each.due_us), "EEE d MMM, HH:mm", tzinfo=ZoneInfo(zone), locale=locale_name()
                ),
                span=duration((now_us - each.due_us) / MICROSECONDS),
            ),
        )
        for each in told.late
    ]
    return Section(
        _("What is late"),
        says if told.late_total else _("Nothing."),
        (*rows, *_more(len(rows), told.late_total)),
    )


def _promises(told: Told) -> Section:
    promised = (
        _("1 order was promised for {day}.", day=_day(told))
        if told.promised == 1
        else _("{n} orders were promised for {day}.", n=qty(told.promised), day=_day(told))
    )
    broken = (
        _("1 promise was broken.")
        if told.broken_total == 1
        else _("{n} promises were broken.", n=qty(told.broken_total))
    )
    rows = [(each.number, f"{stage_word(each.stage)}, {_name(told, each.location)}") for each in told.broken]
    return Section(_("What was promised, and what broke"), f"{promised} {broken}", tuple(rows))


def _stores(told: Told, currency: str) -> Section:
    rows = [(_name(told, each.location), _did(each, currency)) for each in told.stores]
    title = _("What the store did") if told.digest.location else _("What each store did")
    says = _day(told) if rows else _("No store was heard.")
    return Section(title, says, tuple(rows))


def _did(store: StoreDays, currency: str) -> str:
    parts: Sequence[tuple[int, str]] = (
        (store.taken, _("{n} orders for later taken", n=qty(store.taken))),
        (store.collected, _("{n} collected", n=qty(store.collected))),
        (store.shipped, _("{n} shipped", n=qty(store.shipped))),
        (store.given_up, _("{n} given up", n=qty(store.given_up))),
        (store.came_back, _("{n} came back", n=qty(store.came_back))),
        (store.tills_open, _("{n} tills not closed", n=qty(store.tills_open))),
    )
    sold = _("{n} sales, {net} net", n=qty(store.sales), net=money(store.net_minor, currency))
    return ", ".join([sold, *(said for n, said in parts if n)])
