"""Every page of a store, gathered for `edge_agent.app`."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter

from edge_agent.catalog import pages as catalog_pages
from edge_agent.counter import pages as counter_pages
from edge_agent.counter import pay_pages
from edge_agent.desk import pages as exception_pages
from edge_agent.fulfil.pages import desk as fulfil_desk
from edge_agent.fulfil.pages import inbox as fulfil_inbox
from edge_agent.fulfil.pages import pick as fulfil_pick
from edge_agent.fulfil.pages import work as fulfil_work
from edge_agent.later import order_pages as later_order_pages
from edge_agent.later import pages as later_pages
from edge_agent.link import reclaim
from edge_agent.paper import pages as paper_pages
from edge_agent.paper import printer_pages
from edge_agent.people import pages as people_pages
from edge_agent.people.sessions import SignIns
from edge_agent.returns import deciding_pages, mail_in_pages, no_receipt_pages, order_pages
from edge_agent.returns import pages as return_pages
from edge_agent.shell import pages as shell_pages
from edge_agent.stock import count_pages, delivery_pages
from edge_agent.stock import pages as stock_pages
from edge_agent.stored_value import pages as stored_value_pages
from edge_agent.till import pages as till_pages
from edge_agent.transfers.pages import arrival as transfer_arrival
from edge_agent.transfers.pages import home as transfer_home
from edge_agent.transfers.pages import out as transfer_out
from edge_agent.transfers.pages import pick as transfer_pick
from protocol.kit.web.signin import SessionSigner

STATIC: Final = Path(__file__).parent / "static"
"""Scripts and styles of the pages, under `/static/edge/`."""


def page_routers(signer: SessionSigner, sign_ins: SignIns) -> tuple[APIRouter, ...]:
    """Return the routers of all pages."""
    return (
        shell_pages.router,
        reclaim.pages,
        people_pages.router(signer, sign_ins),
        counter_pages.router,
        pay_pages.router,
        stored_value_pages.router,
        later_pages.router,
        later_order_pages.router,
        order_pages.router,
        return_pages.router,
        no_receipt_pages.router,
        mail_in_pages.router,
        count_pages.router,  # before the stock: /stock/counts is no item
        delivery_pages.router,
        deciding_pages.router,
        stock_pages.router,
        till_pages.router,
        paper_pages.router,
        printer_pages.router,
        catalog_pages.router,
        exception_pages.router,
        fulfil_inbox.router,
        fulfil_pick.router,
        fulfil_desk.router,
        fulfil_work.router,
        transfer_home.router,
        transfer_pick.router,
        transfer_arrival.router,
        transfer_out.router,
    )
