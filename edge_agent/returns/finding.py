"""One box that finds everything this store sold or promised: sales and orders for later, newest first.

What is found comes from this store alone and is therefore here at once, line or no line. A number, the end
of one, a slip's code, a phone number, an e-mail address or a name lead to it; a customer is looked up in the
room that knows customers, because no order carries a name.
"""

from dataclasses import dataclass
from typing import Final

from edge_agent.context import Edge
from edge_agent.counter import rows as counter_rows
from edge_agent.customers import rows as customers
from edge_agent.fulfil.rows import assignments
from edge_agent.later import rows as later_rows
from edge_agent.later.rules import OPEN_STATES
from edge_agent.later.slips import PAYMENT
from edge_agent.later.views import promise_word, state_of
from edge_agent.pages import till_word
from protocol.ids import parse_slip_code
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.kit.web.shell import Shape
from protocol.lifecycles import OrderState

PAGE: Final = 30
FILTERED: Final = 600
"""Orders looked through for one state; older ones are found by their number."""
STATES: Final = (
    "",
    "completed",
    "part_returned",
    "returned",
    "voided",
    "waiting",
    "handed_over",
    "cancelled",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One order in the list."""

    number: str
    at_us: int
    where: str
    who: str
    word: str
    shape: Shape
    says: str
    total_minor: int
    currency: str
    back_minor: int
    due_minor: int
    later: bool


def searched(text: str) -> str:
    """Return what a typed or scanned text asks for: the number on one of our slips, else the text."""
    slip = parse_slip_code(text)
    return slip[1] if slip else text.strip()


def find(connection: Connection, edge: Edge, text: str, state: str, page: int) -> tuple[list[Row], bool]:
    """Return a page of orders and whether there are more."""
    limit = FILTERED if state else page * PAGE + 1
    contacts = customers.search(connection, text) if text else ()
    sold = list(counter_rows.search_orders(connection, text, limit=limit))
    known = {head.order_id for head in sold}
    for contact_id in contacts:
        sold += [
            head
            for head in counter_rows.search_orders(connection, contact_id, limit=limit)
            if head.order_id not in known
        ]
    waiting = later_rows.search(connection, text, contacts, limit=limit)
    found = [_sale(connection, head) for head in sold if _fits(head.state, state)]
    found += [_later(connection, edge, head) for head in waiting if _fits(head.state.value, state)]
    found.sort(key=lambda row: row.at_us, reverse=True)
    first = (page - 1) * PAGE
    return found[first : first + PAGE], len(found) > first + PAGE


def _fits(state: str, wanted: str) -> bool:
    if wanted == "waiting":
        return state in OPEN_STATES
    return not wanted or state == wanted


def number_of(connection: Connection, code: str) -> str | None:
    """Return the order that a code leads to: its own, or the one that a return or a payment belongs to."""
    slip = parse_slip_code(code)
    number = searched(code)
    sold = counter_rows.find_order(connection, number.upper())
    if sold is not None:
        return sold.head.number
    waiting = later_rows.find_head(connection, number.upper()) or later_rows.find_head(connection, number)
    if waiting is not None:
        return waiting.number
    if slip is not None and slip[0] == PAYMENT:
        row = connection.execute(
            "SELECT number FROM later_payments WHERE payment_id = ?", (slip[1],)
        ).fetchone()
    else:
        row = connection.execute(
            "SELECT o.number FROM returns r JOIN orders o USING (order_id) WHERE r.number = ?",
            (number.upper(),),
        ).fetchone()
    return str(row[0]) if row else None


def held_for(connection: Connection, code: str) -> str | None:
    """Return the number of an order of another store or the web that is fulfilled here."""
    held = assignments.of_number(connection, searched(code).upper())
    return held[0].number if held else None


def state_word(state: str) -> tuple[str, Shape]:
    """Return the state of a sale as a word and a shape; for a filter, also that of an order for later."""
    words: dict[str, tuple[str, Shape]] = {
        OrderState.COMPLETED: (_("Sold"), "done"),
        OrderState.PART_RETURNED: (_("Part returned"), "wait"),
        OrderState.RETURNED: (_("Returned"), "calm"),
        OrderState.VOIDED: (_("Voided"), "calm"),
        "waiting": (_("For later, open"), "live"),
        OrderState.HANDED_OVER: (_("Collected or shipped"), "done"),
        OrderState.CANCELLED: (_("Cancelled"), "calm"),
    }
    return words.get(state, (state.replace("_", " "), "live"))


def _sale(connection: Connection, head: counter_rows.OrderHead) -> Row:
    word, shape = state_word(head.state)
    return Row(
        number=head.number,
        at_us=head.at_us,
        where=till_word(head.till),
        who=_who(connection, head.customer_id),
        word=word,
        shape=shape,
        says="",
        total_minor=head.total_minor,
        currency=head.currency,
        back_minor=head.refunded_minor,
        due_minor=0,
        later=False,
    )


def _later(connection: Connection, edge: Edge, head: later_rows.OrderHead) -> Row:
    order = later_rows.find(connection, head.number)
    assert order is not None
    state = state_of(connection, order)
    settled = order.settled.promise if order.settled and not head.assignment_id else head.promise
    return Row(
        number=head.number,
        at_us=head.at_us,
        where=till_word(head.till),
        who=_who(connection, head.contact_id),
        word=state.word,
        shape=state.shape,
        says=promise_word(connection, edge, settled) if head.state in OPEN_STATES else "",
        total_minor=head.account.worth_minor or head.total_minor,
        currency=head.currency,
        back_minor=head.refunded_minor,
        due_minor=head.account.due_minor if head.state in OPEN_STATES else 0,
        later=True,
    )


def _who(connection: Connection, contact_id: str) -> str:
    """Return what may stand in a list for a customer: surname and initial, or the number that was typed."""
    contact = customers.find(connection, contact_id)
    if contact is None:
        return contact_id
    return "" if contact.erased else contact.label
