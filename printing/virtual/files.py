"""A document as a file, for whoever has no printer of ours: the very dots as PDF or picture, or its ZPL."""

from io import BytesIO
from typing import Final

from PIL import Image

from printing.document import Document
from printing.encoder import encode
from printing.profiles import profile_of
from printing.virtual.preview import render_preview

LABEL_PROFILE: Final = "label_4in"
DOTS_PER_INCH: Final = 203.0
KINDS: Final = {"pdf": "application/pdf", "png": "image/png", "zpl": "application/zpl"}
"""What a label may be, with its media type."""


def label_file(document: Document, kind: str) -> bytes:
    """Return a label as `pdf`, `png` or `zpl`; in all three the dots are the same.

    Raises:
        Invalid: a symbol does not fit the label.
    """
    profile = profile_of(LABEL_PROFILE)
    commands = encode(document, profile).data
    if kind == "zpl":
        return commands
    picture = render_preview(commands, profile)
    if kind == "png":
        return picture
    out = BytesIO()
    Image.open(BytesIO(picture)).convert("L").save(out, "PDF", resolution=DOTS_PER_INCH)
    return out.getvalue()
