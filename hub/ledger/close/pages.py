"""The months of an entity, and one month as a checklist that is worked off until it is closed."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from hub.console.web import FINANCE, go_to, locked, may, place_names, show
from hub.context import Hub
from hub.ledger.close import accruals, facts, reads, rules, steps
from hub.ledger.close.steps import Second
from hub.ledger.exports.steps import archive
from hub.ledger.pages import entities
from hub.service.forms import Form, form_of
from hub.web import Anybody, Finance, TheHub
from protocol.books import AccrualsSet
from protocol.errors import Invalid, OrderspineError
from protocol.kit.text import _
from protocol.kit.web.signin import CurrentPerson
from protocol.lifecycles import PERIOD, PeriodState
from protocol.money import format_percent, parse_percent

Entity = Annotated[str, Path(max_length=40, pattern=r"^[A-Za-z0-9-]+$")]
Chosen = Annotated[str, Query(max_length=40, pattern=r"^[A-Za-z0-9-]*$")]
Period = Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Said = Annotated[str, Query(pattern=r"^[a-z_]{0,20}$")]

router = APIRouter(include_in_schema=False)


def said_of(word: str) -> str:
    """Return what the page says after a step."""
    words = {
        "soft": _("Soft-closed. What comes late still posts into it, and is marked."),
        "open": _("Open again."),
        "begin": _("Closing. Work the checks off, then let two people sign."),
        "back": _("Back to soft-closed; its signatures are gone."),
        "sign": _("Signed."),
        "close": _("Closed. Nothing posts into it any more."),
        "reopen": _("Reopened until its time is up; then it goes back to closing."),
        "lock": _("Locked for ever."),
        "accrue": _("Posted, and taken back on the first day of the next month."),
        "shares": _("Set. A month that begins to close from now on expects it."),
        "gap": _("The gap is declared. What the store tells later posts into the next open month."),
    }
    return words.get(word, "")


@router.get("/finance/periods")
def periods(request: Request, hub: TheHub, person: Anybody, entity: Chosen = "") -> Response:
    """List the months of an entity, each with how far it is."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    with hub.database.read() as connection:
        known = entities(connection)
        chosen = entity if entity in known else (known[0] if known else "")
        found = reads.listed(connection, chosen, hub.settings.currency) if chosen else []
    return show(request, "ledger/periods.html", entities=known, entity=chosen, found=found)


@router.get("/finance/periods/{entity}/{period}")
def period_page(
    request: Request, hub: TheHub, person: Anybody, *, entity: Entity, period: Period, said: Said = ""
) -> Response:
    """Show one month as a checklist."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    return _page(request, hub, entity, period, Form(), said=said_of(said))


@router.post("/finance/periods/{entity}/{period}")
async def period_act(
    request: Request, hub: TheHub, person: Finance, entity: Entity, period: Period
) -> Response:
    """Take the step that the button names; a refusal comes back on the same page."""
    form = await form_of(request)

    def work() -> Response:
        try:
            done = _act(hub, person, entity, period, form)
        except OrderspineError as error:
            form.refuse(error)
            return _page(request, hub, entity, period, form, status=error.http_status)
        return go_to(f"/finance/periods/{entity}/{period}", said=done)

    return await run_in_threadpool(work)


@router.get("/finance/periods/{entity}/{period}/books.zip")
def books_file(hub: TheHub, _person: Finance, entity: Entity, period: Period) -> Response:
    """Send the books of a month as an archive, with its manifest."""
    folder = hub.settings.data_dir / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hub.ids.secret(8)}.zip"
    try:
        archive(hub, entity, period, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return FileResponse(
        path,
        media_type="application/zip",
        filename=f"{entity}-{period}.zip",
        background=BackgroundTask(path.unlink, missing_ok=True),
    )


def _act(hub: Hub, person: CurrentPerson, entity: str, period: str, form: Form) -> str:
    by, reason = person.name, form.get("reason")[:300]
    seen, second = form.get("seen")[:64], Second(form.get("second")[:80], form.get("word")[:200])
    act = form.get("act")
    plain: dict[str, Callable[..., None]] = {
        "soft": steps.soft_close,
        "open": steps.undo_soft_close,
        "begin": steps.begin,
        "back": steps.abandon,
        "close": steps.close,
    }
    if act in plain:
        plain[act](hub, entity, period, by=by)
    elif act in {"prepared", "approved"}:
        steps.sign(hub, entity, period, role=act, by=by, seen=seen)
        return "sign"
    elif act == "reopen":
        hours = form.units("hours")
        steps.reopen(hub, entity, period, by=by, second=second, reason=reason, hours=hours)
    elif act == "lock":
        steps.lock(hub, entity, period, by=by, second=second, reason=reason)
    elif act == "accrue":
        amount = form.minor("amount", hub.settings.currency)
        kind = form.get("kind")[:40]
        accruals.override(hub, entity, period, kind=kind, amount_minor=amount, reason=reason, by=by)
    elif act == "shares":
        accruals.set_rules(hub, _shares(entity, form), by=by)
    elif act == "gap":
        location = form.get("location")[:40]
        steps.declare_gap(hub, entity, period, location=location, by=by, second=second, reason=reason)
    else:
        raise Invalid(_("Nobody knows this step."), _("Use one of the buttons."), code="bad_step")
    return act


def _shares(entity: str, form: Form) -> AccrualsSet:
    """Return what an entity expects, as the form says it.

    Raises:
        Invalid: a share cannot be read, or the reason is missing.
    """
    said = {
        f"{name}_ppm": parse_percent(form.get(name) or "0")
        for name in ("return", "recover", "breakage", "fee")
    }
    found = form.read(AccrualsSet, {"entity": entity, "reason": form.get("reason")[:300], **said})
    if found is None:
        raise Invalid(
            _("Something is missing or cannot be read."), _("Look at the marked fields."), code="bad_form"
        )
    return found


def _page(
    request: Request, hub: Hub, entity: str, period: str, form: Form, *, said: str = "", status: int = 200
) -> Response:
    with hub.database.read() as connection:
        row = reads.one(connection, entity, period, hub.settings.currency)
        gathered = facts.gather(connection, entity, period, default=hub.settings.entity, thorough=False)
        signatures = reads.signatures(connection, entity, period)
        seen = reads.fingerprint(connection, entity, period)
        gaps = reads.gaps(connection, entity, period)
        expected = accruals.look(connection, entity, period)
        shares = accruals.rules_of(connection, entity)
        names = place_names(connection)
    found = rules.checks(gathered)
    values: dict[str, Any] = {
        "row": row,
        "checks": found,
        "blockers": len(rules.blockers(found)),
        "passed": sum(check.ok for check in found),
        "signatures": signatures,
        "fresh": {role for role, each in signatures.items() if each.fingerprint == (seen or "-")},
        "seen": seen,
        "gaps": gaps,
        "expected": expected,
        "shares": shares,
        "sayable": row.state in accruals.SAYABLE,
        "missing": [edge for edge in gathered.edges if edge.missing and not edge.declared],
        "allowed": {event.value for event in PERIOD.allowed_events(row.state)},
        "is_closing": row.state is PeriodState.CLOSING,
        "names": names,
        "form": form,
        "hours": steps.REOPEN_HOURS,
        "percent": format_percent,
    }
    return show(request, "ledger/period.html", status_code=status, said=said, **values)
