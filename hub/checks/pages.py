"""The pages of the rules of checks: say them, try them, see what they would have said, let them count.

Nothing is changed by a click: every change leads to a page that says which of the last orders would have been
decided otherwise, and from there it counts. The draft travels in that page's form with the version that it
was made from. Rules that contradict themselves come back with the sentence that says why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.checks import form as fields
from hub.checks import steps
from hub.checks.rows import check_rules, current
from hub.console.web import OPS, go_to, may, show
from hub.context import Hub
from hub.service.forms import Form, draft_of, form_of
from hub.web import Anybody, Ops, TheHub
from protocol.checks import CheckKind, CheckOutcome, CheckRule, CheckRules, CustomerTerm, Signal
from protocol.clock import from_us
from protocol.errors import Invalid
from protocol.holds import Blocked, OnExpiry
from protocol.kit.check_words import check_kind_word, limit_word, outcome_face, signal_word
from protocol.kit.hold_words import blocked_word, blocks_words, code_says, expiry_word
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.rules.checks import evaluate

PATH: Final = "/checks"
VERSIONS: Final = 10
FAILURES: Final = (CheckOutcome.HOLD.value, CheckOutcome.REFUSE.value)
Name = Annotated[str, Query(max_length=40, pattern=r"^[a-z0-9-]*$")]
Kind = Annotated[str, Query(max_length=20, pattern=r"^[a-z_]*$")]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class RuleShown:
    """One rule in its place."""

    rule_id: str
    kind: str
    of_what: str
    says: str
    face: tuple[str, str]


@router.get(PATH)
def page(  # noqa: PLR0917 - what stands in an address
    request: Request,
    hub: TheHub,
    person: Anybody,
    said: Annotated[str, Query(pattern=r"^\d{0,12}$")] = "",
    kind: Kind = "",
    rule: Name = "",
) -> Response:
    """Show the rules; `rule` names the one that stands in the form, `kind` what a new one looks at."""
    done = _("Version {n} counts now. Every location is told.", n=said) if said else ""
    with hub.database.read() as connection:
        counts = current(connection)
        values = _view(hub, connection, counts, may_edit=may(person, OPS))
    form = _form_for(hub, counts, rule, kind)
    return show(request, "checks/rules.html", said=done, **{**values, "form": form})


@router.post("/checks/try")
async def try_it(request: Request, hub: TheHub, person: Anybody) -> Response:
    """Show what the rules that count say of an order that nobody placed."""
    form = await form_of(request)
    return await run_in_threadpool(_tried, request, hub, form, may_edit=may(person, OPS))


@router.post("/checks/rule")
async def rule_changed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Show what one rule more, or another one, would have said."""
    form = await form_of(request)

    def change(before: CheckRules) -> CheckRules | None:
        made = fields.rule_of(form, hub.settings.currency)
        if made is None:
            return None
        return fields.with_rule(before, made, form.get("before"), form.get("place"))

    return await run_in_threadpool(_previewed, request, hub, change, ("form", form), may(person, OPS))


@router.post("/checks/rule/remove")
async def rule_removed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Show what the rules would have said without one of them."""
    form = await form_of(request)

    def change(before: CheckRules) -> CheckRules | None:
        return fields.without_rule(before, form.get("rule_id"))

    return await run_in_threadpool(_previewed, request, hub, change, ("form", form), may(person, OPS))


@router.post("/checks/customer")
async def customer_changed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Show what follows from a rule about one customer."""
    form = await form_of(request)

    def change(before: CheckRules) -> CheckRules | None:
        made = fields.term_of(form, hub.settings.currency)
        return None if made is None else fields.with_term(before, made)

    return await run_in_threadpool(_previewed, request, hub, change, ("customer", form), may(person, OPS))


@router.post("/checks/customer/remove")
async def customer_removed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Show what follows when nothing special holds for a customer any more."""
    form = await form_of(request)

    def change(before: CheckRules) -> CheckRules | None:
        return fields.without_term(before, form.get("key"))

    return await run_in_threadpool(_previewed, request, hub, change, ("customer", form), may(person, OPS))


@router.post(PATH)
async def save(request: Request, hub: TheHub, person: Ops) -> Response:
    """Let a draft that somebody has seen count."""
    draft, base = draft_of(await form_of(request), CheckRules)
    made = await run_in_threadpool(steps.save, hub, draft, base=base, by=person.name)
    return go_to(PATH, said=str(made.version))


def _form_for(hub: Hub, counts: CheckRules, rule_id: str, kind: str) -> Form:
    for n, rule in enumerate(counts.rules, start=1):
        if rule.rule_id == rule_id:
            return Form(texts=fields.rule_texts(rule, n, hub.settings.currency))
    if kind not in set(CheckKind):
        return Form()
    blank = CheckRule(rule_id="new", kind=CheckKind(kind))
    texts = fields.rule_texts(blank, len(counts.rules) + 1, hub.settings.currency)
    return Form(texts={**texts, "rule_id": "", "before": ""})


def _tried(request: Request, hub: Hub, form: Form, *, may_edit: bool) -> Response:
    facts = fields.facts_of(form, hub.settings.currency, _today(hub))
    with hub.database.read() as connection:
        counts = current(connection)
        values = _view(hub, connection, counts, may_edit=may_edit)
    values["tried"] = form
    if facts is not None:
        values["verdict"] = evaluate(counts, facts)
    return show(request, "checks/rules.html", status_code=422 if form.errors else 200, **values)


def _previewed(
    request: Request,
    hub: Hub,
    change: Callable[[CheckRules], CheckRules | None],
    typed: tuple[str, Form],
    may_edit: bool,
) -> Response:
    which, form = typed
    with hub.database.read() as connection:
        counts = current(connection)
        draft = None
        try:
            draft = change(counts)
            if draft is not None:
                steps.check(draft)
        except Invalid as error:
            form.refuse(error)
        if draft is None or form.errors:
            values = _view(hub, connection, counts, may_edit=may_edit)
            return show(request, "checks/rules.html", status_code=422, **{**values, which: form})
        found = steps.preview(connection, draft)
    return show(
        request,
        "checks/preview.html",
        found=found,
        draft=draft.model_dump_json(),
        face=outcome_face,
        code_says=code_says,
        currency=hub.settings.currency,
    )


def _view(hub: Hub, connection: Connection, counts: CheckRules, *, may_edit: bool) -> dict[str, Any]:
    versions = connection.execute(
        sa.select(check_rules.c.version, check_rules.c.made_us, check_rules.c.made_by)
        .order_by(check_rules.c.version.desc())
        .limit(VERSIONS)
    ).all()
    currency = hub.settings.currency
    return {
        "counts": counts,
        "rules": [_shown(rule, currency) for rule in counts.rules],
        "customers": [(term, term_says(term, currency)) for term in counts.customers],
        "kinds": [(each.value, check_kind_word(each)) for each in CheckKind],
        "kind_word": check_kind_word,
        "parameters": {
            each.value: [(name, *fields.label_of(name)) for name in fields.PARAMETERS[each]]
            for each in CheckKind
        },
        "money_fields": fields.MONEY,
        "signals": [(each.value, signal_word(each), limit_word(each)) for each in Signal],
        "outcomes": [(each, outcome_face(each)[0]) for each in FAILURES],
        "blocks": [(each.value, blocked_word(each)) for each in Blocked],
        "roles": [each.value for each in fields.ROLES],
        "expiries": [(each.value, expiry_word(each)) for each in OnExpiry],
        "versions": versions,
        "may_edit": may_edit,
        "form": Form(),
        "customer": Form(),
        "tried": Form(texts={"day": _today(hub)}),
        "verdict": None,
        "face": outcome_face,
        "code_says": code_says,
        "signal_word": signal_word,
    }


def _today(hub: Hub) -> str:
    return from_us(hub.clock.now_us()).astimezone(ZoneInfo(hub.settings.zone)).date().isoformat()


def _shown(rule: CheckRule, currency: str) -> RuleShown:
    of_what = []
    if rule.channels:
        of_what.append(_("from {channels}", channels=", ".join(rule.channels)))
    if rule.entities:
        of_what.append(_("of {entities}", entities=", ".join(rule.entities)))
    if rule.first_day or rule.last_day:
        of_what.append(f"{rule.first_day or '…'} – {rule.last_day or '…'}")
    return RuleShown(
        rule.rule_id,
        check_kind_word(rule.kind),
        ", ".join(of_what) or _("every order"),
        rule_says(rule, currency),
        outcome_face(rule.outcome) if rule.kind is not CheckKind.FRAUD else outcome_face("hold"),
    )


def rule_says(rule: CheckRule, currency: str) -> str:
    """Return what a rule asks for and what follows, for people."""
    said = []
    for name in fields.PARAMETERS[rule.kind]:
        value = getattr(rule, name)
        if value is None or (name in fields.WHOLE and not value):
            continue
        label = fields.label_of(name)[0]
        text = (
            f"{value / 10_000:g}"
            if name in fields.PERCENT
            else money(value, currency)
            if name in fields.MONEY
            else str(value)
        )
        said.append(f"{label}: {text}")
    if rule.signals:
        said.append(_("{n} signs", n=len(rule.signals)))
    if rule.outcome is CheckOutcome.HOLD or rule.kind is CheckKind.FRAUD:
        said.append(_("blocks {what}", what=blocks_words(rule.blocks)))
        if rule.hours:
            said.append(_("{n} hours, {then}", n=rule.hours, then=expiry_word(rule.then)))
    return " · ".join(said)


def term_says(term: CustomerTerm, currency: str) -> str:
    """Return what holds for one customer, for people."""
    said = []
    if term.blocked:
        said.append(_("blocked"))
    if term.order_limit_minor is not None:
        said.append(_("one order at most {amount}", amount=money(term.order_limit_minor, currency)))
    if term.open_orders is not None:
        said.append(_("{n} open orders at most", n=term.open_orders))
    if term.tax_exempt:
        said.append(_("pays no tax"))
    return " · ".join(said) or _("nothing special")
