"""A version of a slip never changes its look: who changes a template raises its number.

When this is red: raise the slip's number in `printing/documents/versions.py` and add its line to
`tests/golden/slips/versions.txt`, below the older ones, which stay.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from edge_agent.later.payment_slip import PaymentSlipFacts, payment_slip
from edge_agent.paper.rules import NoSaleFacts, no_sale_slip
from printing.document import Band, Document, Row, Text, as_attempt, dump_document
from printing.documents.calibration import CalibrationFacts, calibration
from printing.documents.carton_label import carton_label
from printing.documents.count_sheet import count_sheet
from printing.documents.gift_receipt import gift_receipt
from printing.documents.goods_received import goods_received
from printing.documents.item_sticker import ItemStickerFacts, StickerLine, item_stickers
from printing.documents.parked_slip import ParkedSlipFacts, parked_slip
from printing.documents.receipt import receipt
from printing.documents.return_receipt import return_receipt
from printing.documents.test_page import PrinterTestFacts, printer_test
from printing.documents.till_report import till_report
from printing.documents.transfer_manifest import transfer_manifest
from printing.documents.value_slip import ValueSlipFacts, value_slip
from printing.documents.versions import VERSIONS, template_of
from printing.encoder import encode
from printing.job import REPRINTS
from printing.profiles import profile_of
from protocol.ids import slip_code
from protocol.kit.text import language
from tests.support.printing import receipt_facts
from tests.unit.printing import test_documents as till
from tests.unit.printing import test_more_slips as more
from tests.unit.printing import test_stock_slips as stock
from tests.unit.printing import test_transfer_slips as transfers
from tests.unit.printing.fulfilment_examples import EXAMPLES, slip_of

LOOKS: Final = Path(__file__).parents[2] / "golden" / "slips" / "versions.txt"
AT: Final = till.AT
VALUE: Final = ValueSlipFacts(
    "Shop", "Gift card", "LB1-G00001-AB12", AT, "A. Osei", 5000, "GBP", slip_code("sv", "LB1-G00001-AB12", 1)
)
PAYMENT: Final = PaymentSlipFacts(
    store_name="Shop",
    store_lines=("12 Borough High Street",),
    vat_number="",
    number="LB1-00042",
    at=AT,
    till="Till 1",
    associate="A. Osei",
    back=False,
    tenders=(("Cash", 1000),),
    amount_minor=800,
    change_minor=200,
    due_minor=0,
    currency="GBP",
    code=slip_code("py", "p-1", 1),
)
STICKER: Final = StickerLine("Mug", "84406B", 1, "Faulty", "To be inspected")


def typical() -> Mapping[str, Document]:
    """Return one typical example of every slip, in the language that is spoken."""
    return {
        **{name: slip_of(facts) for name, facts in EXAMPLES.items()},
        "receipt": receipt(receipt_facts()),
        "return_receipt": return_receipt(till.RETURN),
        "till_report": till_report(till.CLOSE),
        "parked_slip": parked_slip(
            ParkedSlipFacts(
                "Shop", "P1", AT, "Till 1", "A. Osei", 4, 9580, "GBP", slip_code("bk", "P1", 1), ""
            )
        ),
        "test_page": printer_test(
            PrinterTestFacts("Shop", "front", "epson_80", 48, 576, AT, slip_code("x", "1", 1))
        ),
        "calibration": calibration(CalibrationFacts("front", "epson_80", AT)),
        "gift_receipt": gift_receipt(more.GIFT),
        "item_sticker": item_stickers(ItemStickerFacts("LB1-R00001", AT, (STICKER,))),
        "count_sheet": count_sheet(stock.SHEET),
        "goods_received": goods_received(stock.RECEIPT),
        "value_slip": value_slip(VALUE),
        "payment_slip": payment_slip(PAYMENT),
        "drawer": no_sale_slip(NoSaleFacts("Shop", "Till 1", AT, "A. Osei", "change", "", 7, demo=False)),
        "cash_slip": no_sale_slip(
            NoSaleFacts(
                "Shop", "Till 1", AT, "A. Osei", "milk", "", 8, demo=False, title="Paid out", amount="3.00"
            )
        ),
        "carton_label": carton_label(transfers.LABEL),
        "transfer_manifest": transfer_manifest(transfers.MANIFEST),
    }


TYPICAL: Final = typical()


def look_of(document: Document) -> str:
    """Return a short name of everything a slip says and how."""
    return hashlib.sha256(dump_document(document).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", sorted(VERSIONS))
def test_a_slip_that_looks_otherwise_has_a_new_version(name: str) -> None:
    approved = dict(line.split() for line in LOOKS.read_text(encoding="utf-8").splitlines())

    assert approved.get(template_of(name)) == look_of(TYPICAL[name])


def test_every_version_has_an_example_and_is_of_a_slip_that_can_be_queued() -> None:
    assert set(TYPICAL) == set(VERSIONS)
    assert set(VERSIONS) <= set(REPRINTS)


def test_every_slip_speaks_german_and_fits_every_paper() -> None:
    spoken = language.set("de")
    try:
        german = typical()
    finally:
        language.reset(spoken)

    for name, document in german.items():
        assert document.language == "de", name
        assert words_of(document) != words_of(TYPICAL[name]), name
        for profile in ("epson_80", "epson_58", "label_4in"):
            assert encode(as_attempt(document, 2), profile_of(profile)).dots > 0, (name, profile)


def words_of(document: Document) -> list[str]:
    """Return what stands in letters on a slip."""
    return [
        block.text if isinstance(block, Text | Band) else " ".join(block.cells)
        for block in document.blocks
        if isinstance(block, Text | Band | Row)
    ]
