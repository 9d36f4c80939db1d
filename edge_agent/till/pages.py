"""The day of a till: open it, read it, count it blind, close it.

What was expected is never on the page before the count is confirmed; the page is rendered from
`looks.close_checklist` and `looks.confirmation`, which keep that secret.
"""

from datetime import date
from typing import Annotated, Final

from babel.dates import format_date
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from edge_agent.checks import steps as checks
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.pages import Ask, Form, ask_in_place, command, form_of, go_to, show, till_word
from edge_agent.people import rows as people_rows
from edge_agent.till import looks, rows, rules, steps
from edge_agent.till.api import print_reading
from edge_agent.web import edge_of, signed_in
from edge_agent.words import cash_word, piece_word
from protocol.errors import Invalid, OrderspineError, Refused
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.filters import locale_name, money
from protocol.kit.web.shell import Shape
from protocol.kit.web.signin import CurrentPerson

AnyEdge = Annotated[Edge, Depends(edge_of)]
Anybody = Annotated[CurrentPerson, Depends(signed_in)]
PAST: Final = 8
_SHAPES: Final[dict[rules.StepState, tuple[str, Shape]]] = {
    rules.StepState.DONE: ("past", "done"),
    rules.StepState.NOW: ("now", "live"),
    rules.StepState.BLOCKS: ("block", "act"),
    rules.StepState.DOES_NOT_BLOCK: ("next", "calm"),
}

router = APIRouter(include_in_schema=False)


@router.get("/store/day")
async def day(
    request: Request, edge: AnyEdge, person: Anybody, till: Annotated[str, Query(max_length=32)] = ""
) -> Response:
    """Show one till: what is left to do before it can close, and its count."""
    return _day(request, edge, _till(edge, person, till))


@router.post("/store/day/{till}/open")
async def open_till(request: Request, till: str, edge: AnyEdge, person: Anybody) -> Response:
    """Open a till with its float."""
    form = await form_of(request)
    try:
        wanted = command(
            steps.OpenTill,
            key=form.get("key"),
            float_minor=form.minor("float", edge.settings.currency),
            business_date=form.get("business_date") or None,
        )
        await edge.database.awrite(lambda unit: steps.open_till(unit, edge, till, wanted, person=person))
    except (Invalid, Refused) as error:
        return _day(request, edge, till, error=error)
    if form.get("next") == "sell":
        return go_to(request, "/sell")
    return _day(request, edge, till, toast=_("{till} is open.", till=till_word(till)))


@router.post("/store/day/{till}/count")
async def count(request: Request, till: str, edge: AnyEdge, person: Anybody) -> Response:
    """Take down a blind count."""
    form = await form_of(request)
    try:
        wanted = _count_wanted(form, edge)
        await edge.database.awrite(lambda unit: steps.count(unit, edge, till, wanted, person=person))
    except (Invalid, Refused) as error:
        return _day(request, edge, till, error=error, form=form)
    return _day(request, edge, till)


@router.post("/store/day/{till}/confirm")
async def confirm(request: Request, till: str, edge: AnyEdge, _person: Anybody) -> Response:
    """Let the count stand; only now is the expected cash shown."""
    await edge.database.awrite(lambda unit: steps.confirm(unit, edge, till))
    return _day(request, edge, till)


@router.post("/store/day/{till}/resume")
async def resume(request: Request, till: str, edge: AnyEdge, person: Anybody) -> Response:
    """Give a count up and go on selling."""
    form = await form_of(request)
    ask = Ask(
        _("Giving the count up needs somebody's word"),
        _("The till sells again; the count is kept on record."),
    )

    def step(unit: EdgeUnit, token: str | None) -> object:
        return steps.resume(unit, edge, till, person=person, approval=token)

    done = await ask_in_place(request, edge, person, form, ask, step)
    return done if isinstance(done, Response) else _day(request, edge, till, toast=_("The till sells again."))


@router.post("/store/day/{till}/close")
async def close(request: Request, till: str, edge: AnyEdge, person: Anybody) -> Response:
    """Close a counted till and print its Z."""
    form = await form_of(request)
    connection = edge.database.read()
    session = rows.open_session(connection, till)
    ask = Ask(_("Closing needs somebody's word"))
    if session is not None and rows.confirmed(connection, session.session_id):
        found = looks.confirmation(edge, session)
        ask = Ask(
            _("The difference needs a manager"),
            _("It is above {tolerance}. It becomes an exception and is never booked away.",
              tolerance=money(found.tolerance_minor, session.currency)),
            (
                (_("Counted"), money(found.counted_minor, session.currency)),
                (_("Expected"), money(found.expected_minor, session.currency)),
                (_("Difference"), money(found.difference_minor, session.currency)),
            ),
            keep=_("Not yet"),
            allow=_("Close with it"),
        )  # fmt: skip

    def step(unit: EdgeUnit, token: str | None) -> steps.Closed:
        wanted = command(steps.CloseTill, key=form.get("key"), approval=token)
        return steps.close(unit, edge, till, wanted, person=person)[0]

    try:
        done = await ask_in_place(request, edge, person, form, ask, step)
    except Refused as error:
        if error.reason != "till_blocked":
            raise
        return _day(request, edge, till, error=error)
    if isinstance(done, Response):
        return done
    return _day(
        request, edge, till, toast=_("{number} is closed and prints.", number=done.number), closed=done
    )


@router.post("/store/day/{till}/x")
async def read_x(request: Request, till: str, edge: AnyEdge, person: Anybody) -> Response:
    """Show a reading, and print it when asked."""
    form = await form_of(request)
    ask = Ask(
        _("A reading needs a lead"),
        _("It shows what the drawer should hold."),
        keep=_("Leave it"),
        allow=_("Show it"),
    )

    def step(unit: EdgeUnit, token: str | None) -> looks.Reading:
        if form.get("print") == "yes":
            return print_reading(unit, edge, till, person=person, approval=token).reading
        found = looks.reading(unit.connection, edge, till)
        looks.may_read(unit, edge, person, token)
        return found

    done = await ask_in_place(request, edge, person, form, ask, step)
    if isinstance(done, Response):
        return done
    printed = form.get("print") == "yes"
    toast = _("The reading prints.") if printed else ""
    who = people_rows.find_person(edge.database.read(), done.opened_by)
    return show(
        request,
        "till/reading.html",
        toast=toast,
        reading=done,
        printed=printed,
        till=till,
        till_word=till_word(till),
        who=who.name if who else done.opened_by,
        day=day_word(done.business_date),
    )


@router.post("/store/day/{till}/no-sale")
async def no_sale(request: Request, till: str, edge: AnyEdge, person: Anybody) -> Response:
    """Open the drawer without a sale."""
    form = await form_of(request)
    reason = form.get("reason") or form.get("reason_other")
    if not reason:
        raise Invalid(_("Opening the drawer needs a reason."), _("Choose or type why."))
    ask = Ask(
        _("Opening the drawer needs a lead"), _("Reason: {reason}", reason=reason), allow=_("Open the drawer")
    )

    def step(unit: EdgeUnit, token: str | None) -> steps.DrawerAnswer:
        wanted = command(steps.NoSale, key=form.get("key"), reason=reason[:200], approval=token)
        return steps.no_sale(unit, edge, till, wanted, person=person)[0]

    done = await ask_in_place(request, edge, person, form, ask, step)
    return done if isinstance(done, Response) else _day(request, edge, till, toast=_("The drawer opens."))


@router.post("/store/day/{till}/cash")
async def move_cash(request: Request, till: str, edge: AnyEdge, person: Anybody) -> Response:
    """Put cash into the drawer or take it out without a sale."""
    form = await form_of(request)
    currency = edge.settings.currency
    try:
        wanted = command(
            steps.MoveCash,
            key=form.get("key"),
            kind=form.get("kind"),
            amount_minor=form.minor("amount", currency),
            reason=form.get("reason")[:200],
        )
    except Invalid as error:
        return _day(request, edge, till, error=error)

    def step(unit: EdgeUnit, token: str | None) -> steps.CashAnswer:
        agreed = wanted.model_copy(update={"approval": token})
        return steps.move_cash(unit, edge, till, agreed, person=person)[0]

    amount = money(wanted.amount_minor, currency)
    what = f"{cash_word(wanted.kind)}: {amount}"
    ask = Ask(what, _("Reason: {reason}", reason=wanted.reason), keep=_("Leave it"), allow=_("Allow it"))
    done = await ask_in_place(request, edge, person, form, ask, step)
    return done if isinstance(done, Response) else _day(request, edge, till, toast=what)


def day_word(business_date: str) -> str:
    """Return a business date as people say it: `Sunday 22 November`."""
    pattern = "EEEE d MMMM" if locale_name().startswith("en") else "EEEE, d. MMMM"
    return str(format_date(date.fromisoformat(business_date), pattern, locale=locale_name()))


def _till(edge: Edge, person: CurrentPerson, wanted: str) -> str:
    for till in (wanted, person.device):
        if till in edge.settings.tills:
            return till
    return edge.settings.tills[0]


def _count_wanted(form: Form, edge: Edge) -> steps.CountTill:
    pieces = form.under("d-")
    if not pieces:
        return command(
            steps.CountTill, counted_minor=form.minor("total", edge.settings.currency), key=form.get("key")
        )
    counted = {}
    for value, text in pieces.items():
        if text and not (text.isascii() and text.isdecimal() and len(text) <= 6):
            raise Invalid(
                _("{text} is not a number of pieces.", text=repr(text[:12])), _("Type digits only.")
            )
        counted[value] = int(text or 0)
    return command(steps.CountTill, denominations=counted, key=form.get("key"))


def _day(
    request: Request,
    edge: Edge,
    till: str,
    *,
    toast: str = "",
    error: OrderspineError | None = None,
    form: Form | None = None,
    closed: steps.Closed | None = None,
) -> Response:
    connection = edge.database.read()
    looks.check_till(edge, till)
    session = rows.open_session(connection, till)
    confirmed = session is not None and rows.confirmed(connection, session.session_id)
    checklist = looks.close_checklist(connection, edge, till) if session else ()
    blocking = rules.blockers(checklist)
    if session and not session.counts and not blocking:
        blocking = checklist[-1:]
    seen = looks.look(connection, till, looks.calendar_date(edge))
    return show(
        request,
        "till/day.html",
        status_code=error.http_status if error else 200,
        toast=toast,
        till=till,
        till_word=till_word(till),
        tills=[(each.till, till_word(each.till), each.state) for each in looks.tills(connection, edge)],
        look=seen,
        day=day_word(session.business_date if session else seen.calendar_date),
        session=session,
        checklist=[(step, *_SHAPES[step.state], _state_word(step)) for step in checklist],
        left=len([step for step in checklist if step.state in {rules.StepState.NOW, rules.StepState.BLOCKS}])
        + (0 if confirmed or session is None or not session.counts else 1),
        why_not=_why_not(blocking, confirmed=confirmed, session=session),
        result=looks.confirmation(edge, session) if session and confirmed else None,
        counted_minor=session.counted_minor if session else None,
        may_repeat=session is not None and session.counts < rules.COUNT_ATTEMPTS and not confirmed,
        denominations=_denominations(edge, form),
        key=edge.ids.new_id(),
        error=f"{error.what} {error.remedy}" if error else "",
        offline_says=checks.exposure_says(connection, edge, always=False),
        closed=closed,
        past=_past(connection),
        till_name=till_word,
        day_word=day_word,
        currency=edge.settings.currency,
        cash_kinds=[(kind, cash_word(kind)) for kind in rules.CASH_SUMS],
        reasons=(_("Change for the float"), _("Price check"), _("Put a slip in"), _("Drawer was jammed")),
    )


def _why_not(blocking: tuple[rules.CloseStep, ...], *, confirmed: bool, session: rows.Session | None) -> str:
    if session is None:
        return _("This till is closed.")
    if blocking:
        return _(
            "First: {steps}", steps=" ".join(dict.fromkeys(step.remedy or step.title for step in blocking))
        )
    return "" if confirmed else _("First: let the count stand.")


def _state_word(step: rules.CloseStep) -> str:
    if (
        step.state is rules.StepState.DONE
        and step.key == "count"
        and step.remedy.startswith(_("Confirm the count")[:7])
    ):
        return _("Counted")
    words = {
        rules.StepState.DONE: _("Done"),
        rules.StepState.NOW: _("To do now"),
        rules.StepState.BLOCKS: _("Blocks"),
        rules.StepState.DOES_NOT_BLOCK: _("Does not block"),
    }
    return words[step.state]


def _denominations(edge: Edge, form: Form | None) -> list[tuple[int, str, str, int]]:
    """Return (value, word, pieces typed, worth) of every note and coin."""
    typed = form.under("d-") if form else {}
    found = []
    for value in rules.DENOMINATIONS.get(edge.settings.currency, ()):
        pieces = typed.get(str(value), "")
        count = int(pieces) if pieces.isascii() and pieces.isdecimal() and len(pieces) < 7 else 0
        found.append((value, piece_word(value, edge.settings.currency), pieces or "0", count * value))
    return found


def _past(connection: Connection) -> list[rows.Session]:
    return rows.latest_sessions(connection, limit=PAST)
