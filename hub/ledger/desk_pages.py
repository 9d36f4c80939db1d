"""What finance does by hand: the chart and its mapping, suspense, journals, deposits and disputes."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from sqlalchemy.engine import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from hub.console.web import FINANCE, go_to, locked, may, place_names, show
from hub.context import Hub
from hub.ledger import desk, terms
from hub.ledger.chart import accounts_ever
from hub.ledger.pages import entities
from hub.ledger.rows import entries, journals
from hub.ledger.settlements.rows import money_moves
from hub.service.forms import Form, form_of
from hub.web import Anybody, Finance, TheHub
from protocol.books import ChartChanged, MoneyMoved, TermsSet
from protocol.errors import Invalid, OrderspineError
from protocol.kit.text import _
from protocol.money import parse_minor

Entity = Annotated[str, Query(max_length=40, pattern=r"^[A-Za-z0-9-]*$")]
Said = Annotated[str, Query(pattern=r"^(done)?$")]
LINES = 12
"""Sides of a journal by hand; more come in several."""
SHOWN = 200
Model = TypeVar("Model", bound=BaseModel)

router = APIRouter(include_in_schema=False)


@router.get("/finance/chart")
def chart_page(
    request: Request, hub: TheHub, person: Anybody, entity: Entity = "", said: Said = ""
) -> Response:
    """Show the accounts of an entity, and what each is for."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    done = _("Changed. What is posted from now on follows it.") if said else ""
    return _chart(request, hub, entity, Form(), said=done)


@router.post("/finance/chart")
async def chart_act(request: Request, hub: TheHub, person: Finance) -> Response:
    """Name an account, or map a purpose to another one."""
    form = await form_of(request)

    def act() -> Response:
        entity = form.get("entity")[:40]
        reason = form.get("reason")
        said: dict[str, Any] = {"entity": entity, "reason": reason}
        if form.get("act") == "tax":
            tax = {"tax_at_payment": form.get("due") == "payment"}
            terms.set_terms(hub, _read(form, TermsSet, said | tax), by=person.name)
            return go_to("/finance/chart", entity=entity, said="done")
        if form.get("act") == "map":
            said["purposes"] = [{"purpose": form.get("purpose"), "account": form.get("account")}]
        else:
            named = {name: form.get(name) for name in ("account", "name", "kind")}
            said["accounts"] = [named]
        wanted = _read(form, ChartChanged, said)
        desk.change_chart(hub, wanted, by=person.name)
        return go_to("/finance/chart", entity=entity, said="done")

    def again(status: int) -> Response:
        return _chart(request, hub, form.get("entity")[:40], form, status=status)

    return await run_in_threadpool(_tried, form, act, again)


@router.get("/finance/suspense")
def suspense_page(
    request: Request, hub: TheHub, person: Anybody, entity: Entity = "", said: Said = ""
) -> Response:
    """Show every journal that still has something in suspense."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    done = _("Taken out of suspense.") if said else ""
    return _suspense(request, hub, entity, Form(), said=done)


@router.post("/finance/suspense")
async def suspense_act(request: Request, hub: TheHub, person: Finance) -> Response:
    """Take a journal out of suspense, to the account that a person chose."""
    form = await form_of(request)

    def act() -> Response:
        number = form.get("journal")
        if not (number.isascii() and number.isdigit() and len(number) < 18):
            raise Invalid(_("There is no such journal."), _("Choose one of the list."), code="no_journal")
        account, reason = form.get("account")[:20], form.get("reason")[:300]
        desk.reclassify(hub, int(number), account=account, reason=reason, by=person.name)
        return go_to("/finance/suspense", entity=form.get("entity")[:40], said="done")

    def again(status: int) -> Response:
        return _suspense(request, hub, form.get("entity")[:40], form, status=status)

    return await run_in_threadpool(_tried, form, act, again)


@router.get("/finance/journal")
def journal_page(request: Request, hub: TheHub, person: Anybody, entity: Entity = "") -> Response:
    """Show an empty journal."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    return _journal(request, hub, entity, Form())


@router.post("/finance/journal")
async def journal_act(request: Request, hub: TheHub, person: Finance) -> Response:
    """Post a journal by hand."""
    form = await form_of(request)

    def act() -> Response:
        currency = hub.settings.currency
        lines = [
            {"account": account, "amount_minor": debit - credit, "reference": reference[:64]}
            for account, debit, credit, reference in _sides(form, currency)
        ]
        wanted = desk.made(
            {
                "entity": form.get("entity"),
                "business_date": form.get("day"),
                "currency": currency,
                "rule": "accrual" if form.get("rule") == "accrual" else "manual",
                "memo": form.get("memo"),
                "reason": form.get("reason"),
                "lines": lines,
            }
        )
        desk.make_journal(hub, wanted, by=person.name, taken_back=form.get("back") == "yes")
        return go_to("/finance/journals", day=wanted.business_date)

    def again(status: int) -> Response:
        return _journal(request, hub, form.get("entity")[:40], form, status=status)

    return await run_in_threadpool(_tried, form, act, again)


@router.get("/finance/money")
def money_page(
    request: Request, hub: TheHub, person: Anybody, entity: Entity = "", said: Said = ""
) -> Response:
    """Show deposits and disputes: what waits, and what has happened."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    return _money(request, hub, entity, Form(), said=_("Posted.") if said else "")


@router.post("/finance/money")
async def money_act(request: Request, hub: TheHub, person: Finance) -> Response:
    """Post a deposit, a dispute, or how one ended."""
    form = await form_of(request)

    def act() -> Response:
        desk.move_money(hub, _moved(hub, form), by=person.name)
        return go_to("/finance/money", entity=form.get("entity")[:40], said="done")

    def again(status: int) -> Response:
        return _money(request, hub, form.get("entity")[:40], form, status=status)

    return await run_in_threadpool(_tried, form, act, again)


def _tried(form: Form, act: Callable[[], Response], again: Callable[[int], Response]) -> Response:
    try:
        return act()
    except OrderspineError as error:
        form.refuse(error)
        return again(error.http_status)


def _read(form: Form, model: type[Model], said: dict[str, Any]) -> Model:
    read = form.read(model, said)
    if read is None:
        raise Invalid(
            _("Something is missing or cannot be read."), _("Look at the marked fields."), code="bad_form"
        )
    return read


def _moved(hub: Hub, form: Form) -> MoneyMoved:
    currency = hub.settings.currency
    said = {name: form.get(name) for name in ("what", "entity", "reference", "location", "gateway")}
    said |= {"business_date": form.get("day"), "currency": currency}
    amounts = {
        "amount_minor": form.minor("amount", currency),
        "other_minor": form.minor("other", currency),
    }
    return _read(form, MoneyMoved, said | amounts)


def _sides(form: Form, currency: str) -> list[tuple[str, int, int, str]]:
    found = []
    columns = [form.several.get(name, []) for name in ("account", "debit", "credit", "reference")]
    for account, debit, credit, reference in list(zip(*columns, strict=False))[:LINES]:
        if account or debit or credit:
            found.append((account, _amount(debit, currency), _amount(credit, currency), reference))
    return found


def _amount(text: str, currency: str) -> int:
    return parse_minor(text, currency) if text else 0


def _chosen(connection: Connection, entity: str) -> tuple[list[str], str]:
    known = entities(connection)
    return known, entity if entity in known else (known[0] if known else "")


def _chart(
    request: Request, hub: Hub, entity: str, form: Form, *, said: str = "", status: int = 200
) -> Response:
    with hub.database.read() as connection:
        known, chosen = _chosen(connection, entity)
        found = desk.chart(connection, chosen) if chosen else []
        at_payment = terms.tax_at_payment(connection, chosen)
        told = terms.versions(connection, chosen, 1)
        names = place_names(connection)
    purposes = sorted(purpose for row in found for purpose in row.purposes)
    return show(
        request,
        "ledger/chart.html",
        status_code=status,
        said=said,
        entities=known,
        entity=chosen,
        found=found,
        purposes=purposes,
        due="payment" if at_payment else "leaving",
        told=told[0] if told else None,
        form=form,
        names=names,
    )


def _suspense(
    request: Request, hub: Hub, entity: str, form: Form, *, said: str = "", status: int = 200
) -> Response:
    with hub.database.read() as connection:
        known, chosen = _chosen(connection, entity)
        where = accounts_ever(connection, chosen).get("suspense", frozenset()) if chosen else frozenset()
        root = sa.func.coalesce(journals.c.reverses, journals.c.journal_id)
        sums = (
            sa.select(root.label("journal_id"), sa.func.sum(entries.c.amount_minor).label("minor"))
            .join(journals, journals.c.journal_id == entries.c.journal_id)
            .where(journals.c.entity == chosen, entries.c.account.in_(where))
            .group_by(root)
            .having(sa.func.sum(entries.c.amount_minor) != 0)
            .subquery()
        )
        found = connection.execute(
            sa.select(journals, sums.c.minor)
            .join(sums, sums.c.journal_id == journals.c.journal_id)
            .order_by(journals.c.journal_id)
            .limit(SHOWN)
        ).all()
        chart = desk.chart(connection, chosen) if chosen else []
        names = place_names(connection)
    return show(
        request,
        "ledger/suspense.html",
        status_code=status,
        said=said,
        entities=known,
        entity=chosen,
        found=found,
        chart=[row for row in chart if row.account not in where],
        form=form,
        names=names,
    )


def _journal(request: Request, hub: Hub, entity: str, form: Form, *, status: int = 200) -> Response:
    with hub.database.read() as connection:
        known, chosen = _chosen(connection, entity)
        chart = desk.chart(connection, chosen) if chosen else []
        names = place_names(connection)
    rows = [
        {name: _nth(form, name, n) for name in ("account", "debit", "credit", "reference")}
        for n in range(max(4, min(LINES, len(form.several.get("account", ())) + 1)))
    ]
    return show(
        request,
        "ledger/new_journal.html",
        status_code=status,
        entities=known,
        entity=chosen,
        chart=chart,
        rows=rows,
        form=form,
        names=names,
    )


def _nth(form: Form, name: str, n: int) -> str:
    texts = form.several.get(name, [])
    return texts[n] if n < len(texts) else ""


def _money(
    request: Request, hub: Hub, entity: str, form: Form, *, said: str = "", status: int = 200
) -> Response:
    with hub.database.read() as connection:
        known, chosen = _chosen(connection, entity)
        waiting = desk.waiting(connection, chosen)
        disputed = sorted(desk.disputed(connection, chosen).items())
        found = connection.execute(
            sa.select(money_moves)
            .where(money_moves.c.entity == chosen)
            .order_by(money_moves.c.business_date.desc(), money_moves.c.at_us.desc())
            .limit(SHOWN)
        ).all()
        names = place_names(connection)
    return show(
        request,
        "ledger/money.html",
        status_code=status,
        said=said,
        entities=known,
        entity=chosen,
        waiting=waiting,
        disputed=disputed,
        currency=hub.settings.currency,
        found=found,
        form=form,
        names=names,
        places=sorted(((p, n) for p, n in names.items() if p != "hub"), key=lambda item: item[1]),
    )
