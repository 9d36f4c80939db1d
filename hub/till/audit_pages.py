"""The audit on the screen: what waits for somebody to look, the rules behind it, and one session's hits."""

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.console.web import FINANCE, PAGE_ROWS, go_to, locked, may, pages_of, place_names, show
from hub.context import Hub
from hub.service.forms import Form, form_of
from hub.till import audit_reads, audit_steps
from hub.till.audit_rules import COUNTS, SHARES, TESTS
from hub.web import Anybody, Finance, TheHub
from protocol.audit import RULES, AuditRule, AuditRulesChanged
from protocol.errors import Invalid, OrderspineError
from protocol.kit.text import _
from protocol.kit.web.filters import amount
from protocol.money import format_percent, parse_minor, parse_percent

PAGE: Final = "/finance/audit"
NEW_ROWS: Final = 2
"""Empty rows below the rules, for new ones; more come with the next page."""
Page = Annotated[int, Query(ge=1, le=20_000)]
Said = Annotated[str, Query(pattern=r"^(done|rules)?$")]

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
def audit(request: Request, hub: TheHub, person: Anybody, page: Page = 1, said: Said = "") -> Response:
    """List what waits, the oldest day first, and the rules."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    words = {"done": _("Decided."), "rules": _("Changed. They hold for every close from now on.")}
    return _page(request, hub, Form(), page=page, said=words.get(said, ""))


@router.post(PAGE)
async def decide(request: Request, hub: TheHub, person: Finance) -> Response:
    """Decide about a hit; the form says where it goes back to."""
    form = await form_of(request)

    def act() -> Response:
        number = form.get("journal")
        if number and not (number.isascii() and number.isdigit() and len(number) < 18):
            raise Invalid(
                _("There is no such journal."), _("Type the number of its page."), code="no_journal"
            )
        audit_steps.decide(
            hub,
            form.get("hit")[:64],
            outcome=form.get("outcome"),
            reason=form.get("reason")[:300],
            by=person.name,
            journal_id=int(number) if number else None,
        )
        return go_to(PAGE, said="done")

    return await run_in_threadpool(_tried, request, hub, form, act)


@router.post(PAGE + "/rules")
async def change(request: Request, hub: TheHub, person: Finance) -> Response:
    """Write the rules anew."""
    form = await form_of(request)

    def act() -> Response:
        audit_steps.change_rules(hub, _rules(hub, form), reason=form.get("why")[:300], by=person.name)
        return go_to(PAGE, said="rules")

    return await run_in_threadpool(_tried, request, hub, form, act)


def _tried(request: Request, hub: Hub, form: Form, act: Callable[[], Response]) -> Response:
    try:
        return act()
    except OrderspineError as error:
        form.refuse(error)
        return _page(request, hub, form, status=error.http_status)


def _rules(hub: Hub, form: Form) -> list[AuditRule]:
    """Return the rules of the form; a row without a name is left out.

    Raises:
        Invalid: one cannot be read; says which.
    """
    found = []
    for name, test, limit, location, active in _rows(form):
        if not name:
            continue
        try:
            said = {"name": name, "test": test, "location": location, "active": active == "yes"}
            found.append(
                AuditRule.model_validate(said | {"limit": limit_of(test, limit, hub.settings.currency)})
            )
        except (ValueError, Invalid) as error:
            raise Invalid(
                _("The rule {name} cannot be read.", name=name[:40]),
                _("A name has small letters, digits and dashes; a limit is a number."),
                code="bad_rule",
            ) from error
    return list(AuditRulesChanged(rules=tuple(found), reason="-").rules)


def _rows(form: Form) -> list[tuple[str, str, str, str, str]]:
    columns = [form.several.get(name, []) for name in ("name", "test", "limit", "location", "active")]
    return list(zip(*columns, strict=False))[:RULES]


def limit_of(test: str, text: str, currency: str) -> int:
    """Return a limit as a rule keeps it: money in minor units, a share in parts per million, or a count.

    Raises:
        Invalid: it is no number.
        ValueError: likewise.
    """
    if test in COUNTS:
        return int(text)
    if test in SHARES:
        return parse_percent(text)
    return parse_minor(text, currency)


def limit_text(test: str, limit: int, currency: str) -> str:
    """Return a limit, or what was measured, as people write it."""
    if test in COUNTS:
        return str(limit)
    if test in SHARES:
        return format_percent(limit)
    return amount(limit, currency)


def _page(
    request: Request, hub: Hub, form: Form, *, page: int = 1, said: str = "", status: int = 200
) -> Response:
    with hub.database.read() as connection:
        found, total = audit_reads.undecided(connection, limit=PAGE_ROWS, offset=(page - 1) * PAGE_ROWS)
        rules = audit_reads.rules(connection)
        newest = audit_reads.newest(connection)
        names = place_names(connection)
    currency = hub.settings.currency
    typed = _rows(form)
    rows = typed or [
        (
            rule.name,
            rule.test,
            limit_text(rule.test, rule.limit, currency).replace(",", ""),
            rule.location,
            "yes" if rule.active else "no",
        )
        for rule in rules
    ]
    if len(rows) < RULES and not typed:
        rows += [("", "over_short", "", "", "yes")] * NEW_ROWS
    return show(
        request,
        "till/audit.html",
        status_code=status,
        found=found,
        total=total,
        page=page,
        pages=pages_of(total),
        rows=rows,
        newest=newest,
        tests=tuple(TESTS),
        limit_text=limit_text,
        form=form,
        said=said,
        names=names,
        places=sorted(((p, n) for p, n in names.items() if p != "hub"), key=lambda item: item[1]),
    )
