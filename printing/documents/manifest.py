"""The carrier's manifest: closes the day, and two signatures say that the parcels changed hands."""

from dataclasses import dataclass
from datetime import date

from printing.document import Align, Document, Row, Rule, Text
from printing.documents.parts import Blocks, day, ending, heading, kilograms, signature, slip_codes
from protocol.kit.text import _, language


@dataclass(frozen=True, slots=True)
class ManifestParcel:
    """One parcel on the manifest; its weight is None when nobody weighed it."""

    tracking: str
    order_number: str
    weight_grams: int | None = None


@dataclass(frozen=True, slots=True)
class ManifestFacts:
    """All that a manifest says."""

    number: str
    location_name: str
    location_lines: tuple[str, ...]
    carrier: str
    closed_on: date
    parcels: tuple[ManifestParcel, ...]
    demo: bool = False


def manifest(facts: ManifestFacts) -> Document:
    """Return the manifest of what a carrier takes away."""
    weighed = [parcel.weight_grams for parcel in facts.parcels if parcel.weight_grams is not None]
    unweighed = len(facts.parcels) - len(weighed)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(facts.location_name, "center", bold=True),
        *(Text(line, "center") for line in facts.location_lines),
        Rule(heavy=True),
        Text(_("Manifest"), "center"),
        Text(facts.number, "center", size=2, bold=True),
        Row.pair(facts.carrier, day(facts.closed_on), bold=True),
        Rule(heavy=True),
        *_parcels(facts.parcels),
        Rule(),
        Row.pair(_("Parcels"), str(len(facts.parcels)), size=2, bold=True),
        Row.pair(_("Weight"), kilograms(sum(weighed)), bold=True),
    ]
    if unweighed:
        blocks.append(Row.pair(_("Not weighed"), str(unweighed)))
    blocks.extend(
        [
            *signature(_("Handed over by, time")),
            *signature(_("Taken by the driver, time")),
            *slip_codes("mf", facts.number, facts.number),
            *ending("manifest"),
        ]
    )
    return Document(_("Manifest {number}", number=facts.number), tuple(blocks), language.get())


def _parcels(parcels: tuple[ManifestParcel, ...]) -> Blocks:
    """Return the parcels, counted, so that a driver finds the one that is missing."""
    figures = len(str(len(parcels)))
    aligns: tuple[Align, ...] = ("right", "left", "right")
    blocks: Blocks = []
    for count, parcel in enumerate(parcels, start=1):
        weight = kilograms(parcel.weight_grams)
        blocks.append(Row((str(count), parcel.tracking, weight), (figures, 0, len(weight)), aligns))
        blocks.append(Row(("", parcel.order_number), (figures, 0)))
    return blocks
