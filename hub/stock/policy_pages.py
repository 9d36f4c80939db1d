"""The page on which operations says how much stores lend: rules, presence, and the file of both.

Nothing is changed by a click: every change leads to a page that says what it would do to the numbers, and
from there it counts. The draft travels in that page's form with the version that it was made from.
"""

import io
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from hub.console.web import OPS, csv_file, go_to, may, place_names, show
from hub.context import Hub
from hub.service.forms import Form, draft_of, form_of
from hub.stock import policy_csv, policy_steps
from hub.stock.policy import CompanyPolicy, current
from hub.stock.rows import lending_policies
from hub.web import Anybody, Ops, TheHub
from protocol.errors import Invalid, OrderspineError
from protocol.fulfilment import PromiseClass
from protocol.kit.product_csv import Report
from protocol.kit.text import _
from protocol.lending import LastUnits, LendingRule, Silence

PATH: Final = "/stock/lending"
IMPORT_PATH: Final = "/stock/lending/import"
"""A thousand rules with everything said."""
VERSIONS: Final = 10

router = APIRouter(include_in_schema=False)


@router.get(PATH)
def page(
    request: Request,
    hub: TheHub,
    person: Anybody,
    said: Annotated[str, Query(pattern=r"^\d{0,12}$")] = "",
    rule: Annotated[str, Query(max_length=140, pattern=r"^[^\x00]*$")] = "",
) -> Response:
    """Show the policy; `rule` names the one that the form shows, as `scope|name|location`."""
    done = _("Version {n} counts now. Every location is told what concerns it.", n=said) if said else ""
    with hub.database.read() as connection:
        counts = current(connection)
        chosen = next((each for each in counts.said.rules if "|".join(each.key) == rule), None)
        values = _view(hub, connection, may_edit=may(person, OPS))
    return show(request, "stock/lending.html", said=done, form=_form_for(chosen), **values)


@router.get("/stock/lending.csv")
def file(hub: TheHub, _person: Anybody) -> Response:
    """Give the rules as a file."""
    with hub.database.read() as connection:
        rules = current(connection).said.rules
    return csv_file("lending-rules", policy_csv.HEAD, list(policy_csv.written(rules)))


@router.post("/stock/lending/rule")
async def rule_changed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Show what a rule would change; it is added, or takes the place of the one that spoke of the same."""
    form = await form_of(request)
    return await run_in_threadpool(_rule_changed, request, hub, form, may_edit=may(person, OPS))


@router.post("/stock/lending/rule/remove")
async def rule_removed(request: Request, hub: TheHub, _person: Ops) -> Response:
    """Show what the end of a rule would change."""
    form = await form_of(request)
    scope, _bar, rest = form.get("rule").partition("|")
    name, _bar, location = rest.rpartition("|")
    return await run_in_threadpool(
        _previewed, request, hub, lambda said: policy_steps.without_rule(said, (scope, name, location))
    )


@router.post("/stock/lending/presence")
async def presence_changed(request: Request, hub: TheHub, _person: Ops) -> Response:
    """Show what another presence policy would change."""
    form = await form_of(request)
    try:
        silence = {each: Silence(form.get(each.value)) for each in PromiseClass}
    except ValueError as error:
        raise Invalid(
            _("Choose from when on a silent location gets no promise."), _("Choose one of the list.")
        ) from error
    return await run_in_threadpool(
        _previewed, request, hub, lambda said: said.model_copy(update={"silence": silence})
    )


@router.post(IMPORT_PATH)
async def import_file(request: Request, hub: TheHub, person: Ops) -> Response:
    """Read a file of rules, and show row by row what became of it and what it would change."""
    async with request.form(max_files=1) as sent:
        sent_file = sent.get("file")
        name = sent_file.filename or "" if isinstance(sent_file, UploadFile) else ""
        data = await sent_file.read() if isinstance(sent_file, UploadFile) else b""
    return await run_in_threadpool(_imported, request, hub, name, data, may_edit=may(person, OPS))


@router.post(PATH)
async def save(request: Request, hub: TheHub, person: Ops) -> Response:
    """Let a draft that somebody has seen count."""
    said, base = draft_of(await form_of(request), CompanyPolicy)
    made = await run_in_threadpool(policy_steps.save, hub, said, base=base, by=person.name)
    return go_to(PATH, said=str(made.version))


def _rule_changed(request: Request, hub: Hub, form: Form, *, may_edit: bool) -> Response:
    try:
        rule = policy_csv.rule_from(form.texts)
        return _previewed(request, hub, lambda said: policy_steps.with_rule(said, rule))
    except (ValueError, Invalid) as error:
        form.errors[""] = f"{error.what} {error.remedy}" if isinstance(error, OrderspineError) else str(error)
    with hub.database.read() as connection:
        values = _view(hub, connection, may_edit=may_edit)
    return show(request, "stock/lending.html", status_code=422, form=form, **values)


def _imported(request: Request, hub: Hub, name: str, data: bytes, *, may_edit: bool) -> Response:
    report = Report()
    try:
        if not name:
            raise Invalid(_("No file was chosen."), _("Choose a file, then send it."), code="no_file")
        text = data.decode("utf-8-sig").replace("\x00", "")
        rules = tuple(policy_csv.read_rules(io.StringIO(text, newline=""), report))
        return _previewed(
            request, hub, lambda said: said.model_copy(update={"rules": rules}), report=report, name=name[:60]
        )
    except UnicodeDecodeError:
        wrong = _("The file is not text in UTF-8.") + " " + _("Save it as CSV UTF-8 and send it again.")
    except Invalid as error:
        wrong = f"{error.what} {error.remedy}"
    with hub.database.read() as connection:
        values = _view(hub, connection, may_edit=may_edit) | {"file_error": wrong, "form": _form_for(None)}
    return show(request, "stock/lending.html", status_code=422, **values)


def _previewed(
    request: Request, hub: Hub, change: Any, *, report: Report | None = None, name: str = ""
) -> Response:
    with hub.database.read() as connection:
        draft: CompanyPolicy = change(current(connection).said)
        policy_steps.check(connection, draft)
        found = policy_steps.preview(hub, connection, draft)
    return show(
        request,
        "stock/lending_preview.html",
        found=found,
        draft=draft.text(),
        rules=draft.rules,
        rule_name=policy_steps.rule_name,
        report=report,
        name=name,
    )


def _view(hub: Hub, connection: Connection, *, may_edit: bool) -> dict[str, Any]:
    counts = current(connection)
    versions = connection.execute(
        sa.select(lending_policies.c.version, lending_policies.c.made_us, lending_policies.c.made_by)
        .order_by(lending_policies.c.version.desc())
        .limit(VERSIONS)
    ).all()
    terms = hub.spine.terms.promising
    return {
        "counts": counts,
        "rows": [
            ("|".join(rule.key), policy_steps.rule_name(rule), says(rule)) for rule in counts.said.rules
        ],
        "silence": [
            (each.value, class_word(each), counts.said.silence.get(each, Silence.OFFLINE).value)
            for each in PromiseClass
        ],
        "silences": [(each.value, silence_word(each)) for each in Silence],
        "last_units": [("", _("as others say")), *((each.value, last_word(each)) for each in LastUnits)],
        "versions": versions,
        "names": place_names(connection),
        "base": (terms.safety_stock, terms.company_threshold),
        "may_edit": may_edit,
        "file_error": "",
    }


def _form_for(rule: LendingRule | None) -> Form:
    form = Form()
    if rule is not None:
        cells = next(iter(policy_csv.written([rule])))
        form.texts = {name: str(cell) for name, cell in zip(policy_csv.HEAD, cells, strict=True)}
    return form


def says(rule: LendingRule) -> list[tuple[str, str]]:
    """Return what a rule says, as (word, value) for people."""
    cells = dict(zip(policy_csv.HEAD, next(iter(policy_csv.written([rule]))), strict=True))
    words = {
        "share": _("Share"),
        "cap": _("At most"),
        "least": _("At least"),
        "cover": _("Cover"),
        "refill_minutes": _("Refill"),
        "last_units": _("Last units"),
        "kept_units": _("Are the last"),
        "safety_stock": _("Safety stock"),
        "company_threshold": _("Company keeps"),
    }
    found = [(word, str(cells[name])) for name, word in words.items() if cells[name] != ""]
    return [(word, _value(word, value, words)) for word, value in found]


def _value(word: str, value: str, words: dict[str, str]) -> str:
    if word == words["refill_minutes"]:
        return _("{n} min", n=value)
    if word == words["cover"]:
        return _("{n} refills", n=value)
    return last_word(LastUnits(value)) if word == words["last_units"] else value


def last_word(last: LastUnits) -> str:
    """Return who gets the last units, for people."""
    return {
        LastUnits.SHARED: _("shared"),
        LastUnits.STORE: _("store first"),
        LastUnits.ONLINE: _("web first"),
    }[last]


def silence_word(silence: Silence) -> str:
    """Return from when on a silent location gets no new promise, for people."""
    return {
        Silence.LATE: _("when it is late"),
        Silence.OFFLINE: _("when it is offline"),
        Silence.NEVER: _("never by silence"),
    }[silence]


def class_word(promise_class: PromiseClass) -> str:
    """Return a promise class, for people."""
    return {
        PromiseClass.SAME_HOUR: _("Within the hour"),
        PromiseClass.SAME_DAY: _("The same day"),
        PromiseClass.STANDARD: _("Later"),
    }[promise_class]
