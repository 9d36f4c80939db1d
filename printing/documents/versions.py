"""Which version of its template a slip is printed by; it stands in the job's log beside every sending.

Raise a slip's number when what it says or how it looks changes: then somebody who holds an old slip can be
told why it looks otherwise. `tests/unit/printing/test_template_versions.py` keeps the look of every
version.
"""

from typing import Final

VERSIONS: Final[dict[str, int]] = {
    "receipt": 1,
    "return_receipt": 1,
    "till_report": 1,
    "parked_slip": 1,
    "test_page": 1,
    "calibration": 1,
    "gift_receipt": 1,
    "item_sticker": 1,
    "pick_list": 1,
    "void_slip": 1,
    "packing_slip": 1,
    "pickup_label": 1,
    "shipping_label": 1,
    "manifest": 1,
    "handover_slip": 1,
    "order_slip": 1,
    "count_sheet": 1,
    "goods_received": 1,
    "carton_label": 1,
    "transfer_manifest": 1,
}


def template_of(document_class: str) -> str:
    """Return the template that prints a slip now, such as `receipt/1`; one without a number is version 1."""
    return f"{document_class}/{VERSIONS.get(document_class, 1)}"
