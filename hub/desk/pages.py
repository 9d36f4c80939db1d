"""The desk: the queue of what needs a person, and one of them as a card with its choices.

The choices of a card are rehearsed when the card is opened, not when its queue is looked at again: a list of
ten thousand costs no rehearsal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Form, Path, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.console.web import filled, go_to, place_names, show
from hub.console.words import named
from hub.context import Hub
from hub.desk import steps as desk
from hub.desk.choices import REASON, REFERENCE, UNDECIDED
from hub.desk.commands import CLOSE
from hub.desk.steps import Chosen, Wanted
from hub.desk.words import Reader, Shown, act_word, choice_word
from hub.exceptions import rows, steps
from hub.exceptions.facts import Reader as FactReader
from hub.exceptions.rows import ExceptionRow, Filter
from hub.fulfil import deficits
from hub.fulfil.faces import Face, face
from hub.people.rows import people
from hub.service.forms import form_of
from hub.spine.rows import orders
from hub.web import Anybody, TheHub
from protocol.clock import MICROSECONDS, from_us, to_us
from protocol.errors import Invalid, OrderspineError, Refused, Unavailable
from protocol.exceptions import NEXT
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.people import HubRole

LISTED: Final = 50
MINUTE_US: Final = 60 * MICROSECONDS
NOBODY: Final = "-"
Id = Annotated[str, Path(max_length=64, pattern=r"^[^\x00]*$")]
Owner = Annotated[str, Query(max_length=20, pattern=r"^[a-z_]*$")]
State = Annotated[str, Query(pattern=r"^(open|asleep|closed)$")]
Word = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]
After = Annotated[str, Query(max_length=90, pattern=r"^(\d{1,18}\.[^\x00]*)?$")]
Part = Annotated[str, Query(pattern=r"^(queue)?$")]
Typed = Annotated[str, Form(max_length=300, pattern=r"^[^\x00]*$")]
Short = Annotated[str, Form(max_length=64, pattern=r"^[^\x00]*$")]
Back = Annotated[
    str, Form(max_length=400, pattern=r"^[a-z_]*(=[^\x00-\x20/\\]*)?(&[a-z_]+=[^\x00-\x20/\\]*)*$")
]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the desk is looked at: the filters of an address."""

    owner: str = ""
    who: str = ""
    kind: str = ""
    place: str = ""
    state: str = "open"
    after: str = ""

    def filter(self, now_us: int) -> Filter:
        """Return it as rows are asked."""
        return Filter(
            state=self.state,
            owner_role=self.owner,
            owner=None if not self.who else "" if self.who == NOBODY else self.who,
            kind=self.kind,
            place=self.place,
            now_us=now_us,
        )

    @property
    def query(self) -> dict[str, str]:
        """Return the filters that say something, as they stand in the address."""
        said = {"owner": self.owner, "who": self.who, "kind": self.kind, "place": self.place}
        return filled({**said, "state": "" if self.state == "open" else self.state})


def _asked(
    *,
    owner: Owner = "",
    who: Word = "",
    kind: Owner = "",
    place: Word = "",
    state: State = "open",
    after: After = "",
) -> Asked:
    return Asked(owner, who, kind, place, state, after)


Wish = Annotated[Asked, Depends(_asked)]
Said = Annotated[str, Query(pattern=r"^[a-z]*$", max_length=12)]
About = Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$")]


@router.get("/exceptions")
def queue(
    request: Request,
    hub: TheHub,
    person: Anybody,
    wish: Wish,
    *,
    said: Said = "",
    about: About = "",
    part: Part = "",
) -> Response:
    """Show the queue with its first card open; what was just done was about another one."""
    return Look(request, hub, person, wish, said=said, about=about, part=part).page()


@router.get("/exceptions/{exception_id}")
def one(
    request: Request,
    hub: TheHub,
    person: Anybody,
    exception_id: Id,
    wish: Wish,
    *,
    said: Said = "",
    part: Part = "",
) -> Response:
    """Show the queue with one card open."""
    return Look(request, hub, person, wish, exception_id=exception_id, said=said, part=part).page()


@router.post("/exceptions/{exception_id}/choose")
async def choose(request: Request, hub: TheHub, person: Anybody, exception_id: Id) -> Response:
    """Make a choice, if it still does what was shown; else show what it does now."""
    form = await form_of(request)
    choice_id = form.get("choice")[:64]
    wanted = Wanted(
        choice_id,
        form.get(f"digest-{choice_id}")[:64],
        reason=form.get("reason")[:300],
        reference=form.get("reference")[:64],
        confirmed=bool(form.get(f"confirmed-{choice_id}")),
    )
    back = _kept(form.get("back")[:400])

    def do() -> Response:
        look = Look(request, hub, person, Asked(**back), exception_id=exception_id, typed=wanted)
        try:
            done = desk.choose(hub, exception_id, wanted, role=person.role, by=person.name)
        except (Refused, Invalid) as error:
            return look.refused(error)
        if done.state in {"changed", "confirm"}:
            return look.again(done)
        if done.state == "second_person" or done.row.state == "open":
            return go_to(f"/exceptions/{exception_id}", said=_WORD_OF[done.state], **back)
        return go_to("/exceptions", said="chosen", about=exception_id, **back)

    return await run_in_threadpool(do)


_WORD_OF: Final = {"second_person": "second", "done": "chosen"}
_FIELD_OF: Final = {"no_choice_made": "choice", "no_reason": REASON, "no_reference": REFERENCE}
"""At which field of the form an error is said, by its code."""
_BACK: Final = frozenset({"owner", "who", "kind", "place", "state"})


def _kept(back: str) -> dict[str, str]:
    """Return the filters that a form came from."""
    return {name: value[:64] for name, value in parse_qsl(back) if name in _BACK}


@router.post("/exceptions/{exception_id}/close")
def close(
    hub: TheHub,
    person: Anybody,
    exception_id: Id,
    note: Annotated[str, Form(min_length=1, max_length=300, pattern=r"^[^\x00]*\S[^\x00]*$")],
    back: Back = "",
) -> Response:
    """Close one with a note; the next one opens."""
    steps.close(hub, exception_id, note=note.strip(), by=person.name)
    return go_to("/exceptions", said="closed", about=exception_id, **_kept(back))


@router.post("/exceptions/{exception_id}/assign")
def assign(hub: TheHub, person: Anybody, exception_id: Id, to: Short = "", back: Back = "") -> Response:
    """Say whose card it is; nobody's when it is empty."""
    steps.assign(hub, exception_id, to=to, by=person.name)
    return go_to(f"/exceptions/{exception_id}", said="assigned", **_kept(back))


@router.post("/exceptions/{exception_id}/snooze")
def snooze(
    hub: TheHub,
    person: Anybody,
    exception_id: Id,
    until: Annotated[str, Form(pattern=r"^(15|60|240|tomorrow|)$")] = "",
    back: Back = "",
) -> Response:
    """Put a card aside for a while, or take it back onto the desk when `until` is empty."""
    if not until:
        steps.wake(hub, exception_id, by=person.name)
        return go_to(f"/exceptions/{exception_id}", said="woken", **_kept(back))
    steps.snooze(hub, exception_id, until_us=_until(hub, until), by=person.name)
    return go_to("/exceptions", said="snoozed", about=exception_id, **_kept(back))


def _until(hub: Hub, until: str) -> int:
    now_us = hub.clock.now_us()
    if until != "tomorrow":
        return now_us + int(until) * MINUTE_US
    morning = from_us(now_us).astimezone(ZoneInfo(hub.settings.zone)) + timedelta(days=1)
    return to_us(datetime(morning.year, morning.month, morning.day, 8, tzinfo=morning.tzinfo))


@router.post("/exceptions/{exception_id}/comment")
def comment(hub: TheHub, person: Anybody, exception_id: Id, text: Typed = "", back: Back = "") -> Response:
    """Say something about a card, for whoever looks next."""
    steps.comment(hub, exception_id, text=text, by=person.name)
    return go_to(f"/exceptions/{exception_id}", said="said", **_kept(back))


@router.post("/exceptions/{exception_id}/escalate")
def escalate(hub: TheHub, person: Anybody, exception_id: Id, text: Typed = "", back: Back = "") -> Response:
    """Hand a card to the next owner."""
    steps.escalate(hub, exception_id, text=text, by=person.name)
    return go_to(f"/exceptions/{exception_id}", said="passed", **_kept(back))


@router.post("/exceptions/{exception_id}/decline")
def decline(hub: TheHub, person: Anybody, exception_id: Id, text: Typed = "", back: Back = "") -> Response:
    """Say no to a choice that somebody else wanted confirmed."""
    steps.decline(hub, exception_id, text=text, by=person.name)
    return go_to(f"/exceptions/{exception_id}", said="declined", **_kept(back))


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the desk."""

    request: Request
    hub: Hub
    person: CurrentPerson
    asked: Asked
    exception_id: str = ""
    said: str = ""
    about: str = ""
    """Which card that is about, where another one is open by now."""
    part: str = ""
    typed: Wanted | None = None
    problem: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with a field, by its name; it is said there and not above the card."""
    status: int = 200

    def refused(self, error: OrderspineError) -> Response:
        """Show the card again with what was wrong; nothing that was typed is lost."""
        says, at = f"{error.what} {error.remedy}", _FIELD_OF.get(error.reason, "")
        where: dict[str, Any] = {"errors": {at: says}} if at else {"problem": says}
        return replace(self, status=error.http_status, **where).page()

    def again(self, done: Chosen) -> Response:
        """Show the card as it is now, because a choice does something else or has to be confirmed."""
        problem = (
            _("This choice does something else by now, so nothing was done. Look at it again.")
            if done.state == "changed"
            else _("This moves money. Tick that it may, then choose again.")
        )
        return replace(self, problem=problem, status=409).page()

    def page(self) -> Response:
        """Answer with the queue and one card."""
        hub, now_us = self.hub, self.hub.clock.now_us()
        wish = self.asked.filter(now_us)
        after = self.asked.after.split(".", 1) if self.asked.after else None
        with hub.database.read() as connection:
            found = rows.page(
                connection, wish, limit=LISTED + 1, after=(int(after[0]), after[1]) if after else None
            )
            more, found = found[LISTED:], found[:LISTED]
            case = self._case(connection, found)
            values = {
                "said": self._said(connection),
                "total": rows.count(connection, wish),
                "asleep": rows.count(connection, replace(wish, state="asleep")),
                "names": place_names(connection),
                "kinds": rows.values_of(connection, "kind"),
                "places": rows.values_of(connection, "place"),
                "people": _people(connection),
                **(self._card(connection, case) if case else {}),
            }
        choices, slow = self._choices(case, values["names"]) if case else ([], "")
        at, last = rows.after_of(found[-1], wish) if more else (0, "")
        return show(
            self.request,
            "desk/exceptions.html",
            status_code=self.status,
            found=found,
            case=case,
            choices=choices,
            preset=case is not None and case.kind not in UNDECIDED,
            slow=slow,
            next=f"{at}.{last}" if more else "",
            asked=self.asked,
            query=self.asked.query,
            back=urlencode(self.asked.query),
            owners=[HubRole.OPS.value, HubRole.FINANCE.value, HubRole.ADMIN.value, "manager", "lead"],
            me=self.person,
            chosen=bool(self.exception_id),
            gone=self.part and case is not None and case.state == "closed",
            faces={row.exception_id: _face(row, now_us) for row in (*found, *([case] if case else []))},
            typed=self.typed or Wanted("", ""),
            problem=self.problem,
            errors=self.errors,
            nobody=NOBODY,
            act_word=act_word,
            choice_word=choice_word,
            currency=hub.settings.currency,
            now_us=now_us,
            line=hub.line.status,
            **values,
        )

    def _said(self, connection: Connection) -> str:
        title = rows.title_of(connection, self.about) if self.about else ""
        if title and self.said in _SAID_ABOUT:
            return _SAID_ABOUT[self.said](named(title, place_names(connection)))
        return _SAID[self.said]() if self.said in _SAID else ""

    def _case(self, connection: Connection, found: list[ExceptionRow]) -> ExceptionRow | None:
        if self.exception_id:
            return rows.find(connection, self.exception_id)
        return found[0] if found else None

    def _card(self, connection: Connection, case: ExceptionRow) -> dict[str, Any]:
        names = place_names(connection)
        currency = case.currency or self.hub.settings.currency
        return {
            "subject": _subject(connection, case),
            "facts": FactReader(names, currency, self.hub.settings.zone).read(_facts_now(connection, case)),
            "earlier": [
                row
                for row in rows.of_subject(connection, case.subject)
                if row.exception_id != case.exception_id
            ],
            "acts": rows.acts_of(connection, case.exception_id),
            "can_pass": case.owner_role in NEXT,
        }

    def _choices(self, case: ExceptionRow, names: dict[str, str]) -> tuple[list[Shown], str]:
        """Return what can be chosen, each with what it does; or why that cannot be worked out now."""
        if case.state != "open" or self.part:
            return [], ""
        settings = self.hub.settings
        reader = Reader(
            names, case.currency or settings.currency, settings.zone, settings.second_person_minor
        )
        try:
            offered = desk.offered(self.hub, case.exception_id, role=self.person.role, by=self.person.name)
        except Unavailable as error:
            return [], f"{error.what} {error.remedy}"
        return [
            reader.shown(each.choice, each.preview, may=each.may)
            for each in offered
            if each.choice.choice_id != CLOSE
        ], ""


_SAID: Final[dict[str, Callable[[], str]]] = {
    "closed": lambda: _("Closed. It stands on the record with your note."),
    "chosen": lambda: _("Done. It stands on the record with your name."),
    "second": lambda: _("Kept. A second person has to confirm it before anything is done."),
    "assigned": lambda: _("It says whose it is."),
    "snoozed": lambda: _("Put aside. It comes back by itself."),
    "woken": lambda: _("Back on the desk."),
    "said": lambda: _("Kept on the card."),
    "passed": lambda: _("Handed on."),
    "declined": lambda: _("Declined. Nothing was done."),
}


_SAID_ABOUT: Final[dict[str, Callable[[str], str]]] = {
    "closed": lambda card: _("Closed: {card}. It stands on the record with your note.", card=card),
    "chosen": lambda card: _("Done: {card}. It stands on the record with your name.", card=card),
    "snoozed": lambda card: _("Put aside: {card}. It comes back by itself.", card=card),
}


def _facts_now(connection: Connection, case: ExceptionRow) -> dict[str, Any]:
    """Return the facts of a card, with what became of them where it says what was so when it was raised."""
    if case.kind != deficits.KIND or case.state != "open":
        return case.facts
    missing = deficits.still_missing(connection, str(case.facts["location"]), str(case.facts["sku"]))
    now = missing or _("0: the rest is given back or given up; the location has to confirm it")
    found: dict[str, Any] = {}
    for name, value in case.facts.items():
        found[name] = value
        if name == "missing":
            found["missing_now"] = now
    return found


def _face(row: ExceptionRow, now_us: int) -> Face:
    return face(row.raised_us, max(row.due_us, row.raised_us + 1), now_us, 0)


def _people(connection: Connection) -> list[str]:
    query = sa.select(people.c.name).where(people.c.active).order_by(people.c.name)
    return list(connection.execute(query).scalars())


def _subject(connection: Connection, row: ExceptionRow) -> tuple[str, str] | None:
    """Return where the record is looked at that an exception is about, and the word for it."""
    kind, _colon, name = row.subject.partition(":")
    if row.kind == "stock_deficit":
        query = urlencode({"location": row.facts.get("location", ""), "sku": row.facts.get("sku", "")})
        return f"/stock/missing?{query}", _("Choose who gives way")
    if row.kind == "order_on_hold":
        return f"/holds/{row.facts.get('hold_id', '')}", _("Decide about the hold")
    if kind == "order":
        number = connection.execute(sa.select(orders.c.number).where(orders.c.order_id == name)).scalar()
        return (f"/orders/{number}", _("Order {number}", number=number)) if number else None
    words = {
        "edge": (f"/fleet/{name}", _("See the location")),
        "till": (f"/finance/days/{name}", _("See the close")),
        "sku": (f"/stock/{name}", _("See the stock")),
        "transfer": (f"/transfers/{name}", _("See the transfer")),
        "receipt": ("/transfers?view=unexplained", _("See what arrived")),
    }
    return words.get(kind)
