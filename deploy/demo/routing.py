"""The routing rules of the demo: a set as an operations team would have entered it, and where people live.

Nobody is ever closed in it, because a demo is looked at by day and by night.
"""

from typing import TYPE_CHECKING, Final

from deploy.demo.layout import PLACES

if TYPE_CHECKING:
    from hub.context import Hub

BY: Final = "demo"
NOTE: Final = "Splits up to two, zones by distance, local demand weighed"
POSTCODES: Final = (
    ("LS", 53.797, -1.548),
    ("YO", 53.958, -1.080),
    ("HU", 53.744, -0.332),
    ("WF", 53.683, -1.497),
    ("BD", 53.795, -1.759),
    ("S", 53.381, -1.470),
    ("M", 53.480, -2.242),
    ("L", 53.408, -2.991),
    ("NE", 54.978, -1.617),
    ("B", 52.480, -1.902),
    ("EC", 51.515, -0.092),
    ("SW", 51.494, -0.145),
    ("BS", 51.454, -2.587),
    ("CF", 51.481, -3.179),
    ("EH", 55.953, -3.188),
    ("G", 55.864, -4.251),
)
"""Some beginnings of British postcodes and where they lie, in degrees."""
SET: Final[dict[str, object]] = {
    "general": {
        "max_shipments": 2,
        "split_minor": 150,
        "split_from_minor": 2_000,
        "busy_from_ppm": 700_000,
        "overtime_minor": 2_400,
        "demand": True,
        "recapture_ppm": 250_000,
        "reroute_minor": 180,
        "return_minor": 320,
    },
    "places": [
        {
            "location": place.name,
            "group": "north" if place.kind == "store" else "depot",
            "country": "GB",
            "postcode": place.address[-1].split(" ", 1)[1],
            "hour_minor": 1_320 if place.kind == "store" else 1_180,
            "line_seconds": 120 if place.kind == "store" else 50,
            "unit_seconds": 30 if place.kind == "store" else 18,
            "restock_days": 4,
        }
        for place in PLACES
    ],
    "capacity": [
        {"day": "daily", "begins": "00:00", "ends": "12:00", "units": 60},
        {"day": "daily", "begins": "12:00", "ends": "24:00", "units": 90},
        {"location": "warehouse", "day": "daily", "begins": "00:00", "ends": "24:00", "units": 900},
    ],
    "cutoffs": [
        {"service": "standard", "day": "daily", "at": "17:30"},
        {"service": "express", "day": "daily", "at": "15:00"},
    ],
    "zones": [
        {"zone": "near", "country": "GB", "up_to_km": 80},
        {"zone": "far", "country": "GB"},
        {"zone": "far"},
    ],
    "services": [
        {"service": "standard", "zone": "near", "days": 2, "label_minor": 310, "price_minor": 395},
        {"service": "standard", "zone": "far", "days": 3, "label_minor": 385, "price_minor": 395},
        {"service": "express", "zone": "near", "days": 1, "label_minor": 690, "price_minor": 795},
        {"service": "express", "zone": "far", "days": 1, "label_minor": 880, "price_minor": 895},
    ],
    "bands": [
        {"service": service, "zone": zone, "up_to_g": up_to_g, "extra_minor": extra}
        for service in ("standard", "express")
        for zone in ("near", "far")
        for up_to_g, extra in ((1_000, 0), (5_000, 120), (20_000, 480))
    ],
    "packages": [{"up_to_g": 2_000, "cost_minor": 22}, {"up_to_g": 20_000, "cost_minor": 65}],
    "lanes": [
        {"origin": "warehouse", "to": place.name, "days": 1, "fixed_minor": 120, "unit_minor": 15}
        for place in PLACES
        if place.kind == "store"
    ],
    "accept": [{"accept_ppm": 940_000}, {"location": "warehouse", "accept_ppm": 995_000}],
    "items": [{"scope": "all", "weight_g": 350, "return_ppm": 60_000}],
}


def enter(hub: "Hub") -> None:
    """Enter the rules and the postcodes, and let them count."""
    from hub.route.facts import places_csv, steps
    from hub.route.facts.parameters import ParameterSet

    places_csv.put(
        hub,
        [
            ("GB", postcode, round(latitude * 100_000), round(longitude * 100_000))
            for postcode, latitude, longitude in POSTCODES
        ],
    )
    version = steps.make(hub, ParameterSet.model_validate(SET), base=0, by=BY, note=NOTE)
    steps.activate(hub, version, seen=0, by=BY)
