"""A QR code as a picture for a screen or a mail, where no printer draws it.

The same modules as on paper (`printing.barcodes`), each a square of whole pixels, with the quiet zone that
readers need. The PNG has two colours and is written here: it needs nothing but zlib.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Final

from printing.barcodes import qr_matrix

QUIET_MODULES: Final = 4
"""The empty border that the standard asks for."""
MODULE_PIXELS: Final = 6
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def qr_png(data: str, *, module_pixels: int = MODULE_PIXELS) -> bytes:
    """Return a PNG of a QR code, black on white, `module_pixels` to the side of a module."""
    matrix = qr_matrix(data)
    empty = [False] * (len(matrix) + 2 * QUIET_MODULES)
    sides = [False] * QUIET_MODULES
    framed = [
        *[empty] * QUIET_MODULES,
        *([*sides, *row, *sides] for row in matrix),
        *[empty] * QUIET_MODULES,
    ]
    return _png(framed, module_pixels)


def _png(rows: Sequence[Sequence[bool]], scale: int) -> bytes:
    side = len(rows) * scale
    lines = b"".join(_line(row, scale) * scale for row in rows)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)  # one bit a pixel, greyscale
    return (
        _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")
    )


def _line(row: Sequence[bool], scale: int) -> bytes:
    """Return one line of pixels: no filter, and a set bit is white."""
    bits = "".join(("0" if dark else "1") * scale for dark in row)
    padded = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return b"\0" + int(padded, 2).to_bytes(len(padded) // 8, "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
