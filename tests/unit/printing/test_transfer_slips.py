"""The label of a carton and the list that travels with it: a scanner reads them back, on every printer."""

import io
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from printing.barcodes import REAL_TIME, plan_gs1_128
from printing.document import Cut, Document, Symbol, dump_document, load_document
from printing.documents.carton_label import CartonLabelFacts, carton_label
from printing.documents.transfer_manifest import ManifestCarton, TransferManifestFacts, transfer_manifest
from printing.encoder import encode
from printing.job import REPRINTS
from printing.profiles import PROFILES, profile_of
from printing.virtual.preview import render, render_preview
from protocol.errors import Invalid
from protocol.ids import slip_code
from protocol.sscc import make_sscc, read_label, spaced

NOW = datetime(2026, 11, 25, 10, 4, tzinfo=ZoneInfo("Europe/London"))
SSCC = make_sscc("9501101001", 1, 42)
LABEL = CartonLabelFacts(
    sscc=SSCC,
    carton_no=2,
    transfer="HBX-00004",
    source_name="Leeds Briggate",
    source_lines=("14 Briggate", "Leeds LS1 6ER"),
    destination_name="York Stonegate",
    units=7,
    packed_at=NOW,
    orders=("HB1-00007",),
    weight_grams=3_400,
)
MANIFEST = TransferManifestFacts(
    number="HBX-00004",
    source_name="Leeds Briggate",
    source_lines=("14 Briggate", "Leeds LS1 6ER"),
    destination_name="York Stonegate",
    carrier="Van 1",
    shipped_at=NOW,
    associate="A. Osei",
    cartons=(
        ManifestCarton(SSCC, 1, (("20725", "Lunch Bag Red Retrospot", 5),), 3_400),
        ManifestCarton(make_sscc("9501101001", 1, 43), 2, (("47566", "Party Bunting", 2),)),
    ),
    note="Two cartons",
)


def scanned(document: Document, profile: str) -> set[tuple[str, str]]:
    """Return what a scanner reads on the printed paper."""
    png = render_preview(encode(document, profile_of(profile)).data, profile_of(profile))
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    return {(code.symbology_identifier, code.text) for code in found}


def said(document: Document) -> str:
    """Return what the printed paper reads."""
    return render(encode(document, profile_of("epson_80")).data, profile_of("epson_80"))[0].text


@pytest.mark.parametrize("profile", PROFILES)
def test_a_scanner_reads_the_carton_number_back_as_gs1_128(profile: str) -> None:
    found = scanned(carton_label(LABEL), profile)

    assert found == {("]C1", f"(00){SSCC}")}
    assert read_label(next(iter(found))[1]) == SSCC


@pytest.mark.parametrize("profile", PROFILES)
def test_a_number_that_holds_a_printers_command_is_drawn_and_still_scans(profile: str) -> None:
    """The digits 1604 are DLE EOT in code set C: a printer would answer it, in the middle of the symbol."""
    sscc = make_sscc("9160400001", 1, 1)
    digits = f"00{sscc}"
    pairs = bytes(int(digits[at : at + 2]) for at in range(0, len(digits), 2))
    assert any(command in pairs for command in REAL_TIME)

    document = Document("x", (Symbol.gs1_128(digits), Cut()))

    assert plan_gs1_128(digits, 576)[0] == b""
    assert scanned(document, profile) == {("]C1", f"(00){sscc}")}


@settings(max_examples=25, deadline=None)
@given(st.integers(min_value=0, max_value=999_999), st.integers(min_value=1, max_value=100))
def test_every_carton_number_of_a_location_scans(counter: int, ordinal: int) -> None:
    sscc = make_sscc("95011012", ordinal, counter)
    document = Document("x", (Symbol.gs1_128(f"00{sscc}"), Cut()))

    assert scanned(document, "epson_58") == {("]C1", f"(00){sscc}")}


@pytest.mark.parametrize(
    "digits", ["", "123", "12ab", "٠٠", "1234567890", "00395011010000000010", "0195011015300010"]
)
def test_what_is_no_code_of_gs1_or_has_a_wrong_check_digit_is_refused_before_anything_prints(
    digits: str,
) -> None:
    with pytest.raises(Invalid):
        plan_gs1_128(digits, 576)


def test_the_label_says_where_it_goes_and_what_it_is_for() -> None:
    text = said(carton_label(LABEL))

    for words in ("York Stonegate", "Leeds Briggate", "HBX-00004", "Carton 2", "7 items", "HB1-00007"):
        assert words in text, words
    assert f"(00) {spaced(SSCC)}" in text
    assert "3.400 kg" in text


def test_the_manifest_lists_every_carton_with_what_is_in_it_and_leads_to_its_transfer() -> None:
    document = transfer_manifest(MANIFEST)
    text = said(document)

    for words in ("York Stonegate", spaced(SSCC), "Lunch Bag Red Retrospot", "Party Bunting", "Van 1"):
        assert words in text, words
    assert ("]Q1", slip_code("tf", "HBX-00004", 1)) in scanned(document, "epson_80")


def test_both_slips_survive_their_queue_and_print_again_by_themselves() -> None:
    for document in (carton_label(LABEL), transfer_manifest(MANIFEST)):
        assert load_document(dump_document(document)) == document
    assert REPRINTS["carton_label"] == REPRINTS["transfer_manifest"] == "auto"


def test_a_label_without_weight_or_orders_says_nothing_of_them() -> None:
    text = said(carton_label(replace(LABEL, weight_grams=None, orders=())))

    assert "Weight" not in text
    assert "For orders" not in text
