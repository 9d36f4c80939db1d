"""The chart of accounts a new entity begins with, and which account serves which purpose.

Both are data from then on: a company renames accounts and maps purposes elsewhere, and every journal after
that follows. A purpose that maps to nothing goes to suspense with an exception; it never stops a sale.
"""

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from hub.database import Lookup
from hub.ledger.rows import account_mapping, accounts, mapping_changes
from hub.spine.bulk import Insert

SUSPENSE_ACCOUNT: Final = "2500"
SALES_ACCOUNT: Final = "4000"
RETURNS_ACCOUNT: Final = "4020"
TAX_ACCOUNT: Final = "2200"
GATEWAY: Final = "gateway."
MARKETPLACE: Final = "marketplace."

CHART: Final = (
    ("1000", "Till cash", "asset"),
    ("1010", "Safe", "asset"),
    ("1020", "Deposits in transit", "asset"),
    ("1030", "Bank", "asset"),
    ("1100", "Card clearing", "asset"),
    ("1110", "Marketplace receivable", "asset"),
    ("1120", "Marketplace reserve", "asset"),
    ("1130", "Other tender clearing", "asset"),
    ("1200", "Customer receivable", "asset"),
    ("1210", "Chargebacks in dispute", "asset"),
    ("1300", "Inventory, sellable", "asset"),
    ("1310", "Inventory, returns and quarantine", "asset"),
    ("1320", "Inventory in repair", "asset"),
    ("1330", "Inventory for liquidation", "asset"),
    ("1340", "Goods in transit", "asset"),
    ("1345", "Transit not matched", "asset"),
    ("1350", "Goods shipped, control not passed", "asset"),
    ("1370", "Right to recover returned goods", "asset"),
    ("1400", "Due from other entities", "asset"),
    ("1450", "Input tax", "asset"),
    ("2000", "Goods received, not invoiced", "liability"),
    ("2100", "Customer deposits", "liability"),
    ("2110", "Refunds payable", "liability"),
    ("2120", "Store credit", "liability"),
    ("2130", "Gift cards", "liability"),
    ("2140", "Expected returns", "liability"),
    ("2150", "Exchange clearing", "liability"),
    ("2200", "Output tax", "liability"),
    ("2300", "Commissions payable", "liability"),
    ("2400", "Due to other entities", "liability"),
    ("2500", "Suspense", "liability"),
    ("3000", "Opening", "equity"),
    ("4000", "Sales", "income"),
    ("4020", "Returns and allowances", "income"),
    ("4100", "Shipping income", "income"),
    ("4200", "Restocking fees", "income"),
    ("4210", "Breakage", "income"),
    ("4400", "Sales to other entities", "income"),
    ("5000", "Cost of goods sold", "expense"),
    ("5010", "Cost of goods returned", "expense"),
    ("5020", "Cost of goods sold to other entities", "expense"),
    ("5100", "Shrink", "expense"),
    ("5105", "Stock found", "expense"),
    ("5110", "Disposal", "expense"),
    ("5120", "Inventory write-down", "expense"),
    ("5130", "Cost variance", "expense"),
    ("5140", "Repair", "expense"),
    ("5150", "Goods used by stores", "expense"),
    ("5160", "Samples", "expense"),
    ("5170", "Donations", "expense"),
    ("6000", "Commissions", "expense"),
    ("6100", "Cash over and short", "expense"),
    ("6110", "Marketplace fees", "expense"),
    ("6120", "Payment fees", "expense"),
    ("6130", "Chargeback losses", "expense"),
    ("6135", "Declined cards given up", "expense"),
    ("6140", "Rounding and over-refunds", "expense"),
    ("6150", "Goodwill", "expense"),
    ("6160", "Petty cash of stores", "expense"),
)

MAPPING: Final = {
    "tender.cash": "1000",
    "tender.card": "1100",
    "tender.store_credit": "2120",
    "tender.gift_card": "2130",
    "tender.exchange": "2150",
    "restocking_fees": "4200",
    "write_down": "5120",
    "safe": "1010",
    "petty_cash": "6160",
    "repair": "5140",
    "sales": "4000",
    "sales_returns": "4020",
    "sales_tax": "2200",
    "deposits": "2100",
    "refunds_payable": "2110",
    "receivable": "1200",
    "shipping_income": "4100",
    "gateway": "1130",
    "rounding": "6140",
    "cogs": "5000",
    "cogs_returns": "5010",
    "inventory": "1300",
    "inventory.returns": "1310",
    "inventory.repair": "1320",
    "inventory.liquidation": "1330",
    "inventory.transit": "1340",
    "transit_unmatched": "1345",
    "due_from": "1400",
    "due_to": "2400",
    "in_transit_cash": "1020",
    "bank": "1030",
    "marketplace": "1110",
    "reserve": "1120",
    "disputes": "1210",
    "inventory.shipped": "1350",
    "right_to_recover": "1370",
    "input_tax": "1450",
    "store_credit": "2120",
    "gift_cards": "2130",
    "expected_returns": "2140",
    "exchange": "2150",
    "commissions_payable": "2300",
    "breakage": "4210",
    "sales.abroad": "4400",
    "cogs.abroad": "5020",
    "commissions": "6000",
    "marketplace_fees": "6110",
    "payment_fees": "6120",
    "chargeback_losses": "6130",
    "declined_cards": "6135",
    "goodwill": "6150",
    "cost_variance": "5130",
    "opening": "3000",
    "float": "3000",
    "payables": "2000",
    "shrink": "5100",
    "stock_gain": "5105",
    "disposal": "5110",
    "own_use": "5150",
    "samples": "5160",
    "donations": "5170",
    "over_short": "6100",
    "suspense": "2500",
}
"""`gateway` serves every payment service that has no account of its own, such as `gateway.adyen`."""


_MAPPED: Final = Lookup(
    sa.select(account_mapping.c.purpose, account_mapping.c.account).where(
        account_mapping.c.entity == sa.bindparam("of")
    )
)
_CHANGED: Final = Lookup(
    sa.select(mapping_changes.c.purpose, mapping_changes.c.account)
    .where(mapping_changes.c.entity == sa.bindparam("of"))
    .order_by(mapping_changes.c.apply_order)
)
_ANY: Final = Lookup(sa.select(accounts.c.account).where(accounts.c.entity == sa.bindparam("of")).limit(1))
_ACCOUNTS: Final = Insert(accounts)
_PURPOSES: Final = Insert(account_mapping)


def mapping_of(connection: Connection, entity: str) -> dict[str, str]:
    """Return which account serves which purpose; an entity without any accounts gets the chart first."""
    found = _mapping(connection, entity)
    if found:
        return found
    if _ANY.first(connection, of=entity) is not None:
        return {}
    seed_chart(connection, entity)
    return _mapping(connection, entity)


def seed_chart(connection: Connection, entity: str) -> None:
    """Give a new entity its accounts and their purposes."""
    _ACCOUNTS.run(connection, [(entity, *account) for account in CHART])
    _PURPOSES.run(connection, [(entity, purpose, account) for purpose, account in MAPPING.items()])


def account_for(mapping: Mapping[str, str], purpose: str) -> str | None:
    """Return the account that serves a purpose; a payment service may share one with the others."""
    found = mapping.get(purpose)
    if found is None and purpose.startswith((GATEWAY, MARKETPLACE)):
        return mapping.get(purpose.partition(".")[0])
    return found


def accounts_ever(connection: Connection, entity: str) -> dict[str, frozenset[str]]:
    """Return every account that serves a purpose or has served it, by purpose."""
    found: dict[str, set[str]] = {}
    for query in (_MAPPED, _CHANGED):
        for row in query.all(connection, of=entity):
            found.setdefault(row.purpose, set()).add(row.account)
    return {purpose: frozenset(numbers) for purpose, numbers in found.items()}


def _mapping(connection: Connection, entity: str) -> dict[str, str]:
    found = {row.purpose: row.account for row in _MAPPED.all(connection, of=entity)}
    found.update({row.purpose: row.account for row in _CHANGED.all(connection, of=entity)})
    return found
