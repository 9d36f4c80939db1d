"""Orders for a store's pages to be driven with: offered as the hub offers them, without a hub."""

from collections.abc import Sequence

from playwright.sync_api import Page

from edge_agent.context import Edge
from edge_agent.customers import steps as customers
from edge_agent.fulfil.steps import inbox, parcels, picking, walking
from edge_agent.fulfil.steps.commands import FinishPick, Pack, PackParcel, SetFound, Ship, Stage, StartPick
from protocol.customers import Address, Contact
from protocol.directives import AssignmentCancel, AssignmentOffer
from protocol.fulfilment import AssignedLine, FulfilKind, Promise
from protocol.kit.web.signin import CurrentPerson
from tests.browser.edge.store import GOODS, PIN, Store, manager
from tests.support.browser import ready as page_ready

MINUTE_US = 60 * 1_000_000
CODE = "471902"
NAMES = {sku: name for sku, name, *_rest in GOODS}


def offer(
    edge: Edge,
    n: int,
    *lines: tuple[str, int],
    kind: str = "collect",
    due_minutes: float = 40,
    due_minor: int = 0,
    note: str = "",
    gift: bool = False,
) -> str:
    """Bring the hub's order number n in as an assignment of this store; return the assignment."""
    number, contact_id = f"HB1-{n:05d}", f"contact-{n}"
    contact = Contact(
        contact_id=contact_id,
        first_name="Priya",
        last_name=f"Kaur{'' if n == 1 else n}",
        email=f"kaur{n}@example.com",
        phone=f"+44 7700 90{n:04d}",
        address=Address(line1="7 Mill Lane", city="Leeds", postcode="LS2 8QT", country="GB"),
        collector="J. Doyle",
    )
    promise = Promise(
        kind=FulfilKind(kind),
        location="store-1" if kind == "collect" else "",
        due_us=int(edge.clock.now_us() + due_minutes * MINUTE_US),
        service="standard" if kind == "ship" else "",
    )
    body = AssignmentOffer(
        assignment_id=f"as-{n}",
        order_id=f"order-{n}",
        number=number,
        channel="web",
        currency="GBP",
        promise=promise,
        lines=tuple(
            AssignedLine(line_no=at, sku=sku, name=NAMES[sku], quantity=units)
            for at, (sku, units) in enumerate(lines, start=1)
        ),
        due_minor=due_minor,
        contact_id=contact_id,
        contact_version=1,
        pickup_code=CODE,
        note=note,
        gift=gift,
    )
    edge.database.write(lambda unit: customers.take(unit, edge, contact))
    edge.database.write(lambda unit: inbox.offer(unit, edge, body))
    return body.assignment_id


def cancel(edge: Edge, assignment_id: str) -> None:
    """Ask for an assignment back, as the hub does."""
    body = AssignmentCancel(
        assignment_id=assignment_id,
        order_id=assignment_id.replace("as-", "order-"),
        reason="The customer changed their mind.",
    )
    edge.database.write(lambda unit: inbox.cancel(unit, edge, body))


def start(edge: Edge, *assignments: str, person: CurrentPerson | None = None) -> str:
    """Begin to walk; return the list."""
    command = StartPick(key=f"start-{'-'.join(assignments)}", assignments=assignments)
    who = person or manager()
    return edge.database.write(lambda unit: picking.start(unit, edge, command, person=who))[0].list_id


def pick(edge: Edge, assignment_id: str, lines: Sequence[tuple[str, int]]) -> None:
    """Pick everything of an order by hand."""
    list_id, who = start(edge, assignment_id), manager()
    for at, (_sku, units) in enumerate(lines, start=1):
        _found(
            edge,
            list_id,
            SetFound(key=f"{assignment_id}-{at}", assignment_id=assignment_id, line_no=at, units=units),
        )
    done = FinishPick(key=f"{assignment_id}-finish")
    edge.database.write(lambda unit: walking.finish(unit, edge, list_id, done, person=who))


def _found(edge: Edge, list_id: str, command: SetFound) -> None:
    edge.database.write(lambda unit: walking.set_found(unit, edge, list_id, command, person=manager()))


def pack(edge: Edge, assignment_id: str, bags: int = 1, *, weight_g: int = 0) -> None:
    """Pack an order into bags, or into one parcel with its weight."""
    command = (
        Pack(key=f"{assignment_id}-pack", parcels=(PackParcel(weight_g=weight_g),))
        if weight_g
        else Pack(key=f"{assignment_id}-pack", bags=bags)
    )
    edge.database.write(lambda unit: parcels.pack(unit, edge, assignment_id, command, person=manager()))


def stage(edge: Edge, assignment_id: str, shelf: str) -> None:
    """Put an order on a shelf."""
    command = Stage(key=f"{assignment_id}-stage", shelf=shelf)
    edge.database.write(lambda unit: parcels.stage(unit, edge, assignment_id, command, person=manager()))


def ready(edge: Edge, n: int, *lines: tuple[str, int], shelf: str = "P-07", due_minor: int = 0) -> str:
    """Bring an order all the way to its shelf; return the assignment."""
    assignment_id = offer(edge, n, *lines, due_minor=due_minor)
    pick(edge, assignment_id, lines)
    pack(edge, assignment_id)
    stage(edge, assignment_id, shelf)
    return assignment_id


def sign_in_at(page: Page, store: Store, name: str = "M. Kaur", *, device: str = "till-1") -> None:
    """Sign in, and begin with the work of the store."""
    page.goto(f"{store.url}/sign-in?next=/fulfil")
    page_ready(page)
    page.get_by_label("You stand at").select_option(device)
    page.get_by_text(name, exact=True).click()
    page.keyboard.type(PIN)
    page.keyboard.press("Enter")
    page_ready(page, "/fulfil")


def ship(edge: Edge, assignment_id: str, lines: Sequence[tuple[str, int]]) -> None:
    """Bring an order all the way to its carrier."""
    pick(edge, assignment_id, lines)
    pack(edge, assignment_id, weight_g=500)
    command = Ship(key=f"{assignment_id}-ship")
    edge.database.write(lambda unit: parcels.ship(unit, edge, assignment_id, command, person=manager()))
