"""Which version of its template a slip is printed by.

It stands in the last line of the paper, and in the job's log beside every sending.

Raise a slip's number when what it says or how it looks changes: then somebody who holds an old slip can be
told why it looks otherwise. `tests/unit/printing/test_template_versions.py` keeps the look of every
version.
"""

from typing import Final

VERSIONS: Final[dict[str, int]] = {
    "receipt": 2,
    "return_receipt": 2,
    "till_report": 2,
    "parked_slip": 2,
    "test_page": 2,
    "calibration": 2,
    "gift_receipt": 2,
    "item_sticker": 2,
    "pick_list": 2,
    "void_slip": 2,
    "packing_slip": 2,
    "pickup_label": 2,
    "shipping_label": 2,
    "manifest": 2,
    "handover_slip": 3,
    "order_slip": 2,
    "count_sheet": 2,
    "goods_received": 2,
    "value_slip": 2,
    "payment_slip": 2,
    "drawer": 2,
    "cash_slip": 2,
    "carton_label": 2,
    "transfer_manifest": 2,
}


def template_of(document_class: str) -> str:
    """Return the template that prints a slip now, such as `receipt/1`; one without a number is version 1."""
    return f"{document_class}/{VERSIONS.get(document_class, 1)}"
