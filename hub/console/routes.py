"""Every page of the hub, gathered for `hub.app`; and the templates they are made of."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter

import hub
from hub.catalog import pages as catalog_pages
from hub.channels import pages as channel_pages
from hub.checks import pages as check_pages
from hub.commissions import pages as commission_pages
from hub.console import pages as console_pages
from hub.console.words import WORDS, named
from hub.context import Hub
from hub.customers import statement_pages
from hub.desk import pages as exception_pages
from hub.digest import pages as digest_pages
from hub.fleet import lives_pages
from hub.fleet import pages as fleet_pages
from hub.flow import pages as flow_pages
from hub.fulfil import pages as fulfil_pages
from hub.holds import pages as hold_pages
from hub.holds import restored_pages
from hub.ledger import desk_pages as books_pages
from hub.ledger import pages as ledger_pages
from hub.ledger.between import pages as between_pages
from hub.ledger.close import pages as close_pages
from hub.ledger.settlements import mapper_pages
from hub.ledger.settlements import pages as settlement_pages
from hub.payments import pages as payment_pages
from hub.people import pages as people_pages
from hub.people.steps import SignIns
from hub.returns import mail_in_pages
from hub.returns import pages as return_pages
from hub.returns import policy_pages as return_policy_pages
from hub.route.facts import pages as routing_pages
from hub.route.what_if import pages as what_if_pages
from hub.route.what_if.words import ROUTING_WORDS
from hub.service import alternatives, exchange_pages
from hub.service import lines as line_pages
from hub.service import new as new_order_pages
from hub.service import pages as service_pages
from hub.spine import pages as order_pages
from hub.stock import deficit_pages, policy_pages, task_pages
from hub.stock import pages as stock_pages
from hub.stored_value import pages as stored_value_pages
from hub.till import audit_pages
from hub.till import pages as till_pages
from hub.transfers import new_pages as new_transfer_pages
from hub.transfers import pages as transfer_pages
from protocol.kit.web.shell import Templates, build_templates, room_templates
from protocol.kit.web.signin import SessionSigner

STATIC: Final = Path(__file__).parent / "static"
"""Scripts and styles of the pages, under `/static/hub/`."""


def templates_for(parts: Hub) -> Templates:
    """Return the templates of every room."""
    templates = build_templates(
        room_templates(Path(hub.__file__).parent),
        program="hub",
        clock=parts.clock,
        currency=parts.settings.currency,
        zone=parts.settings.zone,
        static={"hub": STATIC},
    )
    templates.environment.globals.update(WORDS)
    templates.environment.globals.update(ROUTING_WORDS)
    templates.environment.filters["named"] = named
    return templates


def page_routers(signer: SessionSigner, sign_ins: SignIns) -> tuple[APIRouter, ...]:
    """Return the routers of all pages."""
    return (
        console_pages.router,
        people_pages.router(signer, sign_ins),
        new_order_pages.router,  # before the orders: /orders/new is no number
        check_pages.router,
        restored_pages.router,  # before the holds: /holds/restored is no hold
        hold_pages.router,  # before the orders: /orders/…/hold is no number
        service_pages.router,
        alternatives.router,
        line_pages.router,
        order_pages.router,
        routing_pages.router,
        what_if_pages.router,
        flow_pages.router,
        fulfil_pages.router,
        new_transfer_pages.router,  # before the transfers: /transfers/new is no number
        transfer_pages.router,
        exception_pages.router,
        digest_pages.router,
        deficit_pages.router,
        channel_pages.router,
        policy_pages.router,  # before the stock: /stock/lending is no item
        task_pages.router,
        stock_pages.router,
        return_policy_pages.router,
        exchange_pages.router,
        statement_pages.router,
        mail_in_pages.router,
        return_pages.router,
        stored_value_pages.router,
        payment_pages.router,
        audit_pages.router,
        till_pages.router,  # before the ledger's: /finance/days is no account
        commission_pages.router,  # before the ledger's: /finance/commissions is no account
        between_pages.router,
        close_pages.router,
        mapper_pages.router,  # before the settlements: /finance/settlements/mappers is no payout
        settlement_pages.router,
        books_pages.router,
        ledger_pages.router,
        lives_pages.router,
        fleet_pages.router,
        catalog_pages.router,
    )
