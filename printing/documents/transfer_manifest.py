"""The list that travels with the cartons of a transfer: what went, from whom, and two signatures."""

from dataclasses import dataclass
from datetime import datetime

from printing.document import Align, Document, Row, Rule, Text
from printing.documents.parts import Blocks, day_and_time, ending, heading, kilograms, signature, slip_codes
from protocol.kit.text import _, language
from protocol.sscc import spaced


@dataclass(frozen=True, slots=True)
class ManifestCarton:
    """One carton with (article, name, units) of what is in it."""

    sscc: str
    carton_no: int
    items: tuple[tuple[str, str, int], ...]
    weight_grams: int | None = None


@dataclass(frozen=True, slots=True)
class TransferManifestFacts:
    """All that the manifest of a transfer says."""

    number: str
    source_name: str
    source_lines: tuple[str, ...]
    destination_name: str
    carrier: str
    shipped_at: datetime
    associate: str
    cartons: tuple[ManifestCarton, ...]
    note: str = ""
    demo: bool = False


def transfer_manifest(facts: TransferManifestFacts) -> Document:
    """Return the manifest of a transfer."""
    units = sum(count for carton in facts.cartons for _sku, _name, count in carton.items)
    blocks: Blocks = [
        *heading(demo=facts.demo),
        Text(facts.source_name, "center", bold=True),
        *(Text(line, "center") for line in facts.source_lines),
        Rule(heavy=True),
        Text(_("Transfer"), "center"),
        Text(facts.number, "center", size=2, bold=True),
        Row.pair(_("To"), facts.destination_name, bold=True),
        Row.pair(_("Left"), day_and_time(facts.shipped_at)),
        Row.pair(_("Packed by"), facts.associate),
    ]
    if facts.carrier:
        blocks.append(Row.pair(_("With"), facts.carrier))
    if facts.note:
        blocks.append(Text(facts.note))
    blocks += [Rule(heavy=True), *_cartons(facts.cartons), Rule()]
    blocks += [
        Row.pair(_("Cartons"), str(len(facts.cartons)), size=2, bold=True),
        Row.pair(_("Items"), str(units), size=2, bold=True),
        *signature(_("Handed over by, time")),
        *signature(_("Taken by the driver, time")),
        *signature(_("Received by, time")),
        *slip_codes("tf", facts.number, facts.number),
        *ending("transfer_manifest"),
    ]
    return Document(_("Transfer {number}", number=facts.number), tuple(blocks), language.get())


def _cartons(cartons: tuple[ManifestCarton, ...]) -> Blocks:
    """Return each carton with its contents, so that the one that is missing is known by what was in it."""
    blocks: Blocks = []
    aligns: tuple[Align, ...] = ("right", "left")
    for carton in cartons:
        weight = kilograms(carton.weight_grams) if carton.weight_grams is not None else ""
        blocks.append(Row.pair(_("Carton {n}", n=carton.carton_no), weight, bold=True))
        blocks.append(Text(spaced(carton.sscc)))
        blocks += [Row((str(count), f"{name} ({sku})"), (4, 0), aligns) for sku, name, count in carton.items]
    return blocks
