"""The tables of a set of parameters and their columns, as people call them."""

from protocol.kit.text import _


def table_word(name: str) -> str:
    """Return what a table is called."""
    return {
        "general": _("General"),
        "places": _("Locations"),
        "hours": _("Opening hours"),
        "capacity": _("Capacity"),
        "cutoffs": _("Cut-offs"),
        "services": _("Carrier services"),
        "bands": _("Weight bands"),
        "zones": _("Zones"),
        "lanes": _("Transfer lanes"),
        "packages": _("Packages"),
        "accept": _("Acceptance"),
        "items": _("Goods"),
        "entities": _("Legal entities"),
        "filters": _("Filter rules"),
    }.get(name, name)


def table_says(name: str) -> str:
    """Return what a table is for, in one sentence."""
    return {
        "general": _("What holds for every order: splits, lateness, and what a store's own customers count."),
        "places": _("What each location can do, where it stands and what its work costs."),
        "hours": _("When somebody is there. A location without hours is always open."),
        "capacity": _(
            "How many units may be picked in a part of the day; a full part pushes the next order on."
        ),
        "cutoffs": _("When a carrier fetches. What is ready later goes with the next one."),
        "services": _("What a carrier's service costs us and the customer in a zone, and how long it takes."),
        "bands": _("What a heavier parcel costs more. Nothing heavier than the last band is taken."),
        "zones": _("Which zone a way lies in, by postcode or distance. The closest row counts."),
        "lanes": _("How goods come to the store where they are collected."),
        "packages": _("What packing a parcel costs, by its weight."),
        "accept": _(
            "How often a location really has what it is asked for; the rest is a risk with a price. "
            "Without a location: what is assumed until it has shown how it is."
        ),
        "items": _("Weights, what comes whole, what travels together, what often comes back."),
        "entities": _("Who may fulfil whose sales, and what that costs a unit."),
        "filters": _("Rules that take locations out before anything is priced. Each says whom it removed."),
    }.get(name, "")


def column_word(head: str) -> str:
    """Return what a column is called."""
    words = {**_where_words(), **_money_words()}
    return words.get(head, head)


def _where_words() -> dict[str, str]:
    return {
        "location": _("Location"),
        "group": _("Group"),
        "ships": _("Ships"),
        "collects": _("Customers collect"),
        "sends": _("Sends transfers"),
        "receives": _("Receives transfers"),
        "country": _("Country"),
        "postcode": _("Postcode"),
        "latitude": _("Latitude"),
        "longitude": _("Longitude"),
        "ready_minutes": _("Ready after, minutes"),
        "line_seconds": _("Seconds a line"),
        "unit_seconds": _("Seconds a unit"),
        "restock_days": _("Days until restocked"),
        "stale_minutes": _("Silent at most, minutes"),
        "day": _("Day"),
        "opens": _("Opens"),
        "closes": _("Closes"),
        "begins": _("Begins"),
        "ends": _("Ends"),
        "units": _("Units"),
        "at": _("Fetched at"),
        "service": _("Service"),
        "zone": _("Zone"),
        "days": _("Days"),
        "up_to_g": _("Up to, grams"),
        "origin": _("From"),
        "to": _("To"),
        "up_to_km": _("Up to, km"),
        "category": _("Category"),
        "applies_to": _("Of what"),
        "name": _("Name"),
        "weight_g": _("Weight, grams"),
        "whole": _("Comes whole"),
        "together": _("Travels together as"),
        "seller": _("Sold by"),
        "owner": _("Fulfilled by"),
        "allowed": _("Allowed"),
        "kind": _("Only orders to"),
        "removes": _("Removes"),
        "beyond_km": _("Farther than, km"),
    }


def _money_words() -> dict[str, str]:
    return {
        "hour": _("An hour of work"),
        "label": _("Our cost"),
        "price": _("Customer pays"),
        "extra": _("Extra"),
        "fixed": _("Each time"),
        "unit": _("Each unit"),
        "cost": _("Cost"),
        "accept": _("Accepts"),
        "returned": _("Comes back"),
        "residual": _("Worth when unsold"),
        "max_shipments": _("Shipments at most"),
        "split": _("A shipment costs patience"),
        "split_from": _("Splits only from a value of"),
        "late_allowed": _("May be late"),
        "saved_day": _("A unit a day earlier is worth"),
        "busy_from": _("Busy from"),
        "overtime": _("An hour when full"),
        "demand": _("Weigh local demand"),
        "recapture": _("Customers who buy anyway"),
        "reroute": _("An order given back costs"),
        "return": _("A return costs"),
    }


def hint(table: str, head: str) -> str:
    """Return how a value is written, where that is not plain."""
    if table == "places":
        return ""
    return {
        "day": _("daily, mon to sun, or a date such as 2026-12-24"),
        "opens": _("Such as 09:00; the same twice is closed."),
        "at": _("Such as 16:30."),
        "begins": _("Such as 09:00."),
        "location": _("Empty: everywhere."),
        "zone": _("Empty: everywhere."),
        "applies_to": _("all, category or sku"),
        "kind": _("ship, collect, or empty for both"),
        "removes": _("A location or a group; empty for all."),
        "postcode": _("Or how it begins."),
        "accept": _("In percent."),
    }.get(head, "")
