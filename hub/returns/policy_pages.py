"""The pages of the policy of returns: say it, try it, see what it would have changed, let it count.

Nothing is changed by a click: every change leads to a page that says which of the last returns would have
been decided otherwise, and from there it counts. The draft travels in that page's form with the version that
it was made from.
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.console.web import OPS, go_to, may, show
from hub.context import Hub
from hub.returns import policy_form, policy_steps
from hub.returns.policy import current
from hub.returns.policy_api import Tried
from hub.returns.rows import return_policies
from hub.service.forms import Form, draft_of, form_of
from hub.web import Anybody, Ops, TheHub
from protocol.clock import from_us
from protocol.errors import Invalid
from protocol.kit.return_words import (
    channel_word,
    condition_word,
    outcome_word,
    proof_word,
    reason_words,
    refund_word,
    says,
)
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.kit.web.shell import Shape
from protocol.returns import WITHOUT_LIMIT, Channel, Condition, GoodsRule, Outcome, Proof, ReturnPolicy

PATH: Final = "/returns/policy"
VERSIONS: Final = 10
SHAPES: Final[dict[Outcome, Shape]] = {
    Outcome.AUTHORIZE: "done",
    Outcome.CONTINGENT: "wait",
    Outcome.DENY_OVERRIDABLE: "wait",
    Outcome.DENY: "act",
}
Scope = Annotated[str, Query(pattern=r"^(category|item)?$")]
Name = Annotated[str, Query(max_length=80, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)


@router.get(PATH)
def page(  # noqa: PLR0917 - what stands in an address
    request: Request,
    hub: TheHub,
    person: Anybody,
    said: Annotated[str, Query(pattern=r"^\d{0,12}$")] = "",
    scope: Scope = "",
    name: Name = "",
) -> Response:
    """Show the policy; `scope` and `name` say which rule about goods stands in its form."""
    done = _("Version {n} counts now. Every location is told.", n=said) if said else ""
    with hub.database.read() as connection:
        counts = current(connection)
        values = _view(hub, connection, counts, may_edit=may(person, OPS))
    form = Form(texts=policy_form.texts_of(counts, hub.settings.currency))
    rule = Form(texts=policy_form.rule_texts(counts, scope, name, hub.settings.currency))
    return show(request, "returns/policy.html", said=done, form=form, rule=rule, **values)


@router.post("/returns/policy/try")
async def try_it(request: Request, hub: TheHub, person: Anybody) -> Response:
    """Show what the policy that counts says of a return that nobody brought."""
    form = await form_of(request)
    return await run_in_threadpool(_tried, request, hub, form, may_edit=may(person, OPS))


@router.post("/returns/policy/settings")
async def settings_changed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Show what other settings would have changed."""
    form = await form_of(request)

    def change(before: ReturnPolicy) -> ReturnPolicy:
        return policy_form.with_settings(before, form.texts, hub.settings.currency)

    return await run_in_threadpool(_previewed, request, hub, change, form, "form", may_edit=may(person, OPS))


@router.post("/returns/policy/rule")
async def rule_changed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Show what a rule about goods would have changed."""
    form = await form_of(request)

    def change(before: ReturnPolicy) -> ReturnPolicy:
        return policy_form.with_rule(before, form.texts, hub.settings.currency)

    return await run_in_threadpool(_previewed, request, hub, change, form, "rule", may_edit=may(person, OPS))


@router.post("/returns/policy/rule/remove")
async def rule_removed(request: Request, hub: TheHub, person: Ops) -> Response:
    """Show what the end of a rule about goods would have changed."""
    form = await form_of(request)

    def change(before: ReturnPolicy) -> ReturnPolicy:
        return policy_form.without_rule(before, form.get("scope"), form.get("name"))

    return await run_in_threadpool(_previewed, request, hub, change, form, "rule", may_edit=may(person, OPS))


@router.post(PATH)
async def save(request: Request, hub: TheHub, person: Ops) -> Response:
    """Let a draft that somebody has seen count."""
    draft, base = draft_of(await form_of(request), ReturnPolicy)
    made = await run_in_threadpool(policy_steps.save, hub, draft, base=base, by=person.name)
    return go_to(PATH, said=str(made.version))


def _tried(request: Request, hub: Hub, form: Form, *, may_edit: bool) -> Response:
    currency = hub.settings.currency
    wanted = form.read(
        Tried,
        {
            **{
                name: form.get(name)
                for name in ("sku", "category", "channel", "condition", "reason", "proof")
            },
            "bought_on": form.get("bought_on"),
            "back_on": form.get("back_on"),
            "amount_minor": form.minor("amount_minor", currency),
            "customer_returns_90d": form.units("customer_returns_90d"),
        },
    )
    with hub.database.read() as connection:
        counts = current(connection)
        values = _view(hub, connection, counts, may_edit=may_edit)
    values["tried"] = form
    if wanted is not None and not form.errors:
        found = wanted.decided(counts)
        values["found"] = found
        values["found_says"] = says(found, currency)
        values["found_gets"] = ", ".join(refund_word(each) for each in found.refund)
    return show(
        request,
        "returns/policy.html",
        status_code=422 if form.errors else 200,
        form=Form(texts=policy_form.texts_of(counts, currency)),
        rule=Form(),
        **values,
    )


def _previewed(
    request: Request,
    hub: Hub,
    change: Callable[[ReturnPolicy], ReturnPolicy],
    form: Form,
    which: str,
    *,
    may_edit: bool,
) -> Response:
    with hub.database.read() as connection:
        counts = current(connection)
        try:
            draft = change(counts)
            policy_steps.check(draft)
        except Invalid as error:
            form.refuse(error)
            values = _view(hub, connection, counts, may_edit=may_edit)
            forms = {"form": Form(texts=policy_form.texts_of(counts, hub.settings.currency)), "rule": Form()}
            return show(request, "returns/policy.html", status_code=422, **{**values, **forms, which: form})
        found = policy_steps.preview(connection, draft)
    return show(
        request,
        "returns/policy_preview.html",
        found=found,
        draft=draft.model_dump_json(),
        outcome=outcome_face,
        currency=hub.settings.currency,
    )


def _view(hub: Hub, connection: Connection, counts: ReturnPolicy, *, may_edit: bool) -> dict[str, Any]:
    versions = connection.execute(
        sa.select(return_policies.c.version, return_policies.c.made_us, return_policies.c.made_by)
        .order_by(return_policies.c.version.desc())
        .limit(VERSIONS)
    ).all()
    today = from_us(hub.clock.now_us()).date()
    currency = hub.settings.currency
    rules = [
        *(("category", name, rule_says(rule, currency)) for name, rule in counts.categories.items()),
        *(("item", name, rule_says(rule, currency)) for name, rule in counts.items.items()),
    ]
    return {
        "counts": counts,
        "groups": policy_form.groups(),
        "rules": rules,
        "conditions": [(each.value, condition_word(each)) for each in Condition],
        "channels": [(each.value, channel_word(each)) for each in Channel],
        "proofs": [(each.value, proof_word(each)) for each in Proof],
        "reasons": list(reason_words().items()),
        "versions": versions,
        "may_edit": may_edit,
        "tried": _untried(today),
        "found": None,
        "found_says": (),
        "found_gets": "",
        "outcome": outcome_face,
    }


def _untried(today: date) -> Form:
    return Form(
        texts={"bought_on": today.isoformat(), "back_on": today.isoformat(), "reason": "changed_mind"}
    )


def outcome_face(outcome: str) -> tuple[str, Shape]:
    """Return a decision as a word and a shape."""
    return outcome_word(outcome), SHAPES[Outcome(outcome)]


def rule_says(rule: GoodsRule, currency: str) -> str:
    """Return what a rule about goods says, for people."""
    said = []
    if rule.final_sale:
        said.append(_("final sale"))
    if rule.days is not None:
        said.append(_("without limit") if rule.days == WITHOUT_LIMIT else _("{n} days", n=rule.days))
    if rule.fee_ppm:
        percent = f"{rule.fee_ppm / 10_000:g}"
        when = ", ".join(condition_word(each) for each in rule.fee_when)
        said.append(
            _("{percent}% fee: {when}", percent=percent, when=when)
            if when
            else _("{percent}% fee", percent=percent)
        )
    if rule.serial:
        said.append(_("each has a serial number"))
    if rule.hygiene:
        said.append(_("thrown away once opened"))
    if rule.vendor_return:
        said.append(_("the supplier takes back what is faulty"))
    if rule.repair_minor is not None:
        said.append(_("a repair costs {amount}", amount=money(rule.repair_minor, currency)))
    if rule.liquidation_ppm is not None:
        said.append(_("brings {percent}% when sold off", percent=f"{rule.liquidation_ppm / 10_000:g}"))
    return " · ".join(said)
