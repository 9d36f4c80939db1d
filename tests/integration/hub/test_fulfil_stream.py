"""A store's stream of fulfilment, cut anywhere and told twice."""

import sqlalchemy as sa

from hub.context import Hub
from hub.exceptions.rows import listed
from hub.fulfil.rows import manifests, parcels
from hub.rebuild import verify
from protocol import later
from tests.support.hub import send
from tests.support.later_shop import LaterShop


def raised(hub: Hub) -> list[str]:
    with hub.database.read() as connection:
        return sorted(row.kind for row in listed(connection)[0])


def test_the_same_handover_told_twice_is_set_aside_once(hub: Hub) -> None:
    shop = LaterShop()
    shop.stock("A", 3, 400)
    order = shop.place(("A", 1, 10_00))
    shop.ready(order)
    shop.say(shop.hand_over(order))

    assert [each.parked for each in send(hub, shop)] == [1]

    assert raised(hub) == ["event_parked"]
    assert verify(hub) == {}


def test_parcels_are_known_by_their_tracking_and_their_manifest(hub: Hub) -> None:
    shop = LaterShop()
    shop.stock("A", 3, 400)
    order = shop.place(("A", 1, 10_00), shipping=4_00)
    shop.pick(order)
    shop.ship(order)
    with_carrier = later.ManifestClosed(
        manifest_id="m-1", number="LB1-M00001", carrier="own", parcels=(f"LB1-T{shop.counter:05d}-7",)
    )
    shop.say(with_carrier)

    send(hub, shop)

    with hub.database.read() as connection:
        parcel = connection.execute(sa.select(parcels)).one()
        manifest = connection.execute(sa.select(manifests)).one()
    assert (parcel.tracking, parcel.manifest_id, parcel.weight_g) == (with_carrier.parcels[0], "m-1", 500)
    assert parcel.shipped_us is not None
    assert (manifest.number, manifest.carrier, manifest.parcels) == ("LB1-M00001", "own", 1)
    assert verify(hub) == {}


def test_the_tables_do_not_depend_on_how_the_stream_is_cut(hub: Hub) -> None:
    shop = LaterShop()
    shop.stock("A", 9, 400)
    shop.open()
    order = shop.place(("A", 4, 3_33))
    shop.pay(order, 13_32)
    shop.ready(order)
    handover = shop.hand_over(order, {1: 1}, rest=True)
    shop.cancel(order, {1: 1})
    shop.undo(handover)
    shop.hand_over(order, {1: 3})
    shop.close()

    answers = send(hub, shop, size=1)

    assert {each.parked for each in answers} == {0}
    assert raised(hub) == []
    assert verify(hub) == {}
