"""One typical example of every slip of fulfilment, as its facts and as its document."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

from printing.document import Document
from printing.documents.handover_slip import HandoverLine, HandoverSlipFacts, handover_slip
from printing.documents.manifest import ManifestFacts, ManifestParcel, manifest
from printing.documents.order_slip import CollectPromise, OrderedLine, OrderSlipFacts, order_slip
from printing.documents.packing_slip import PackedLine, PackingSlipFacts, packing_slip
from printing.documents.parts import Back
from printing.documents.pick_list import PickAssignment, PickLine, PickListFacts, pick_list
from printing.documents.pickup_label import PickupLabelFacts, pickup_label
from printing.documents.shipping_label import ShippingLabelFacts, shipping_label
from printing.documents.void_slip import VoidSlipFacts, void_slip
from tests.support.printing import LONDON

AnyFacts = (
    PickListFacts
    | VoidSlipFacts
    | PackingSlipFacts
    | PickupLabelFacts
    | ShippingLabelFacts
    | ManifestFacts
    | HandoverSlipFacts
    | OrderSlipFacts
)

AT = datetime(2026, 11, 28, 11, 5, tzinfo=LONDON)
STORE = ("12 Borough High Street", "London SE1 9QQ")
JUMPER, HOLDER, SCARF = (
    "Merino jumper, navy, M",
    "White hanging heart t-light holder",
    "Wool scarf, forest green",
)
FOR_ANNA = PickAssignment(
    order_number="LB1-00042",
    kind="collect",
    due_at=AT.replace(hour=14, minute=0),
    customer_name="Anna Maria Lindqvist",
    tote="A",
)
FOR_TOM = PickAssignment(
    order_number="WEB1-10877",
    kind="ship",
    due_at=AT.replace(day=29, hour=9, minute=0),
    customer_name="Tom Okafor",
    service="Next Day",
    tote="B",
    note="Please check the seams",
    gift=True,
)
PICK = PickListFacts(
    number="LB1-K00031",
    store_name="London Bridge",
    station="Stock room",
    printed_at=AT,
    printed_by="A. Osei",
    assignments=(FOR_ANNA, FOR_TOM),
    lines=(
        PickLine("C-01", HOLDER, "22423", "5012345670021", 12, "LB1-00042", "A"),
        PickLine("A-10-01", SCARF, "71053", "5012345678900", 1, "WEB1-10877", "B"),
        PickLine("A-2-03", JUMPER, "85123A", "5012345670014", 2, "LB1-00042", "A", "another colour"),
    ),
)
VOID = VoidSlipFacts(
    store_name="London Bridge",
    order_number="LB1-00042",
    assignment="as-0192f3c4",
    reason="Cancelled by the customer",
    voided_at=AT,
    voided_by="S. Rowe",
    pick_list="LB1-K00031",
)
PACKED = PackingSlipFacts(
    shop_name="London Bridge",
    shop_lines=STORE,
    order_number="WEB1-10877",
    parcel_id="pc-7f3a",
    parcel_no=1,
    parcels=2,
    packed_on=date(2026, 11, 28),
    lines=(
        PackedLine(JUMPER, "85123A", ordered=2, in_parcel=1, to_follow=1, price_minor=9800),
        PackedLine(HOLDER, "22423", ordered=12, in_parcel=12, to_follow=0, price_minor=3060),
        PackedLine(SCARF, "71053", ordered=1, in_parcel=0, to_follow=1, price_minor=3500),
    ),
    ship_to=("Tom Okafor", "8 Long Lane", "Bristol BS1 4ND"),
    service="Next Day",
    tracking="OS00000010877GB",
    currency="GBP",
)
BAG = PickupLabelFacts(
    store_name="London Bridge",
    order_number="LB1-00042",
    customer_name="Anna Maria Lindqvist",
    bag_id="bag-9d2e41",
    bag_no=1,
    bags=2,
    shelf="C-04",
    ready_on=date(2026, 11, 28),
    keep_until=date(2026, 12, 5),
    id_check=True,
    fragile=True,
)
PARCEL = ShippingLabelFacts(
    sender_lines=("London Bridge", *STORE),
    recipient_name="Tom Okafor",
    recipient_lines=("8 Long Lane", "Bristol", "BS1 4ND"),
    service="Next Day",
    order_number="WEB1-10877",
    tracking="OS 0000 0010 877 GB",
    parcel_no=1,
    parcels=2,
    weight_grams=1250,
)
VAN = ManifestFacts(
    number="LB1-M00009",
    location_name="London Bridge",
    location_lines=STORE,
    carrier="City Couriers",
    closed_on=date(2026, 11, 28),
    parcels=(
        ManifestParcel("OS00000010877GB", "WEB1-10877", 1250),
        ManifestParcel("OS00000010878GB", "WEB1-10877", 840),
        ManifestParcel("OS00000010911GB", "WEB1-10880"),
    ),
)
HANDED = HandoverSlipFacts(
    store_name="London Bridge",
    store_lines=STORE,
    order_number="LB1-00042",
    handover_id="ho-31c8",
    handed_over_at=AT,
    associate="A. Osei",
    verified="Pickup code",
    lines=(HandoverLine(JUMPER, "85123A", 2, Back(date(2026, 12, 28))),),
    remaining=(HandoverLine(HOLDER, "22423", 12),),
    paid=(("Card ****4242", 5560), ("Cash", 2000)),
    currency="GBP",
)
ORDERED = OrderSlipFacts(
    store_name="London Bridge",
    store_lines=STORE,
    vat_number="GB 123 4567 89",
    number="LB1-00042",
    ordered_at=AT,
    till="Till 1",
    associate="A. Osei",
    lines=(OrderedLine(JUMPER, "85123A", 2, 9800), OrderedLine(HOLDER, "22423", 12, 3060)),
    total_minor=12_860,
    paid=(("Cash", 2000),),
    due_minor=10_860,
    currency="GBP",
    promise=CollectPromise("London Bridge", AT.replace(hour=14, minute=0), date(2026, 12, 5)),
    pickup_code="7429",
    provisional=True,
)
EXAMPLES: Final[Mapping[str, AnyFacts]] = {
    "pick_list": PICK,
    "void_slip": VOID,
    "packing_slip": PACKED,
    "pickup_label": BAG,
    "shipping_label": PARCEL,
    "manifest": VAN,
    "handover_slip": HANDED,
    "order_slip": ORDERED,
}
_SLIPS: Final[Mapping[type, Callable[..., Document]]] = {
    PickListFacts: pick_list,
    VoidSlipFacts: void_slip,
    PackingSlipFacts: packing_slip,
    PickupLabelFacts: pickup_label,
    ShippingLabelFacts: shipping_label,
    ManifestFacts: manifest,
    HandoverSlipFacts: handover_slip,
    OrderSlipFacts: order_slip,
}


def slip_of(facts: AnyFacts) -> Document:
    """Return the slip that such facts are for."""
    return _SLIPS[type(facts)](facts)
