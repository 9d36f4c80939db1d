"""The books over HTTP: for finance and for admins."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from hub.ledger import reads
from hub.ledger.reads import JournalRead
from hub.spine import reads as record
from hub.web import REFUSALS, Finance, Limit, Offset, Text, TheHub

router = APIRouter(prefix="/api/ledger", tags=["ledger"], responses=REFUSALS)
AccountNumber = Annotated[str, Path(max_length=20, pattern=r"^[^\x00]*$")]


class BalanceView(BaseModel):
    """One account: debit positive."""

    entity: str
    account: str
    name: str
    kind: str
    amount_minor: int
    entries: int


class TrialBalance(BaseModel):
    """Every account that was ever posted to; the total is zero."""

    total_minor: int
    unbalanced_journals: int
    accounts: list[BalanceView]


class EntryView(BaseModel):
    """One side of a journal."""

    account: str
    name: str
    amount_minor: int
    rate_ppm: int | None
    ref: str
    """Whose side it is, where the account alone does not say."""


class JournalView(BaseModel):
    """One journal with its sides."""

    journal_id: int
    event_id: str
    entity: str
    rule: str
    location: str
    order_id: str
    business_date: str
    posting_date: str
    recorded_us: int
    currency: str
    memo: str
    reverses: int | None
    entries: list[EntryView]


class JournalPage(BaseModel):
    """Journals, the newest first, or those of one order in their order."""

    journals: list[JournalView]


class AccountLineView(BaseModel):
    """One entry of an account."""

    journal_id: int
    rule: str
    location: str
    order_id: str
    event_id: str
    posting_date: str
    memo: str
    amount_minor: int


class AccountView(BaseModel):
    """An account and a page of what makes its balance."""

    account: BalanceView
    lines: list[AccountLineView]


def journal_view(journal: JournalRead) -> JournalView:
    """Return a journal as it is shown."""
    return JournalView.model_validate(asdict(journal))


@router.get("/trial-balance")
def trial_balance(hub: TheHub, _person: Finance, entity: Text = "") -> TrialBalance:
    """Return what every account stands at."""
    with hub.database.read() as connection:
        balances = reads.trial_balance(connection, entity=entity)
        uneven = reads.unbalanced(connection)
    return TrialBalance(
        total_minor=sum(balance.amount_minor for balance in balances),
        unbalanced_journals=uneven,
        accounts=[BalanceView.model_validate(asdict(balance)) for balance in balances],
    )


@router.get("/journals")
def journals(  # noqa: PLR0917 - the filters of a list are its parameters
    hub: TheHub,
    _person: Finance,
    order: Text = "",
    business_date: Text = "",
    location: Text = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> JournalPage:
    """List journals; with `order` those of one order, by its number or id."""
    with hub.database.read() as connection:
        if order:
            head = record.order(connection, order).head
            happened = record.timeline(connection, f"order:{head.order_id}")
            found = reads.of_events(connection, [each.event_id for each in happened])
        else:
            wanted = reads.Behind(day=business_date, store=location)
            found = reads.listed(connection, wanted, limit=limit, offset=offset)
    return JournalPage(journals=[journal_view(journal) for journal in found])


@router.get("/journals/{journal_id}")
def journal(hub: TheHub, _person: Finance, journal_id: Annotated[int, Path(ge=1, le=2**62)]) -> JournalView:
    """Show one journal."""
    with hub.database.read() as connection:
        return journal_view(reads.journal(connection, journal_id))


@router.get("/accounts/{number}")
def account(
    hub: TheHub,
    _person: Finance,
    number: AccountNumber,
    entity: Text = "",
    limit: Limit = 50,
    offset: Offset = 0,
) -> AccountView:
    """Show one account with the entries behind its balance."""
    with hub.database.read() as connection:
        balance, lines = reads.account(connection, number, entity=entity, limit=limit, offset=offset)
    return AccountView(
        account=BalanceView.model_validate(asdict(balance)),
        lines=[AccountLineView.model_validate(asdict(line)) for line in lines],
    )
