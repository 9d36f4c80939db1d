"""Stores that say an order is ready, and a hub whose journey has nothing in it but notices."""

from typing import Any

from hub.context import Hub
from hub.customers import rows as customers
from hub.database import HubDatabase, HubUnit
from hub.exceptions import stages as exceptions
from hub.notify import rows, stages
from hub.notify.rows import Notice
from hub.notify.rules import HOUR_US
from hub.settings import HubSettings
from hub.spine.log import Log
from hub.spine.orders import Orders
from hub.spine.places import Places
from hub.spine.work import Journey
from protocol.customers import Contact
from protocol.fulfilment import AssignedLine, FulfilKind, Promise, UnitsLine, Verified
from protocol.kit.web.sse import Broadcaster
from protocol.later import AssignmentHandedOver, AssignmentStaged, OrderPlaced, OwnPart
from protocol.orders import OrderLine
from tests.support.hub import MONDAY_US, Shop, TestClock, TestIds, send

SECOND_US = 1_000_000
ANNA = Contact(contact_id="c-1", first_name="Anna", last_name="Reed", email="anna@post.test")
TOLD = Journey(
    stages={
        "order.placed": (stages.on_order_placed,),
        "assignment.staged": (stages.on_staged,),
        "assignment.shipped": (stages.on_shipped,),
        "assignment.handed_over": (),
        "order.cancelled": (stages.on_cancelled,),
        "exception.raised": (exceptions.on_raised,),
        "exception.closed": (exceptions.on_closed,),
    },
    rooms=(Places, Log, Orders),
)
"""What notices follow on, and nothing else: no other room is asked."""


def hub_around(database: HubDatabase, *, anna: bool = True, **said: Any) -> Hub:
    hub = Hub(
        settings=HubSettings(**said),
        database=database,
        clock=TestClock(MONDAY_US),
        ids=TestIds(f"hub-{said.get('smtp_port', 0)}"),
        broadcaster=Broadcaster(),
        journey=TOLD,
    )
    if anna:
        know(hub, ANNA)
    return hub


def know(hub: Hub, contact: Contact) -> None:
    def put(unit: HubUnit) -> None:
        customers.put(unit.connection, contact, origin="hub", now_us=MONDAY_US)

    hub.database.write(put)


def ordered(n: int = 1, **more: Any) -> OrderPlaced:
    values: dict[str, Any] = {
        "order_id": f"o-{n}",
        "number": f"LB1-{n:05d}",
        "channel": "counter",
        "currency": "GBP",
        "lines": (
            OrderLine(
                line_no=1,
                sku="A",
                name="Jumbo Bag",
                quantity=2,
                list_price_minor=250,
                unit_price_minor=250,
                gross_minor=500,
                tax_minor=83,
                rate_ppm=200_000,
            ),
        ),
        "total_minor": 500,
        "tax_minor": 83,
        "promise": Promise(
            kind=FulfilKind.COLLECT,
            location="store-1",
            due_us=MONDAY_US + HOUR_US,
            keep_until_us=MONDAY_US + 120 * HOUR_US,
        ),
        "contact_id": "c-1",
        "pickup_code": "482913",
        "own": OwnPart(
            assignment_id=f"a-{n}",
            lines=(AssignedLine(line_no=1, sku="A", name="Jumbo Bag", quantity=2),),
        ),
    }
    return OrderPlaced.model_validate(values | more)


def staged(n: int = 1) -> AssignmentStaged:
    return AssignmentStaged(
        assignment_id=f"a-{n}", order_id=f"o-{n}", number=f"LB1-{n:05d}", shelf="P-03", bags=1
    )


def collected(n: int = 1) -> AssignmentHandedOver:
    return AssignmentHandedOver(
        assignment_id=f"a-{n}",
        order_id=f"o-{n}",
        number=f"LB1-{n:05d}",
        handover_id=f"h-{n}",
        lines=(UnitsLine(line_no=1, sku="A", bound=2),),
        verified=Verified.CODE,
    )


def make_ready(hub: Hub, orders: int = 1) -> Shop:
    shop = Shop(step_us=SECOND_US)
    for n in range(1, orders + 1):
        shop.say(ordered(n))
        shop.say(staged(n))
    send(hub, shop)
    return shop


def go_on(hub: Hub, seconds: float) -> None:
    assert isinstance(hub.clock, TestClock)
    hub.clock.at_us += int(seconds * SECOND_US)


def known(hub: Hub, kind: str = "ready") -> list[Notice]:
    with hub.database.read() as connection:
        return sorted(rows.listed(connection, kind=kind)[0], key=lambda notice: notice.number)
