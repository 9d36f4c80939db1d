"""Symbols as a printer's firmware draws them: from the command's own bytes, not from our plans.

Code 128 is drawn symbol by symbol from the code sets that the sender chose, with the bar patterns of
python-barcode, so a wrongly planned code shows as a wrong code.
"""

from typing import Final

import barcode
import qrcode
from barcode.charsets.code128 import CODES, STOP
from PIL import Image

_START: Final = {"A": 103, "B": 104, "C": 105}
_SWITCH: Final = {"A": 101, "B": 100, "C": 99}
_FNC: Final = {"1": 102, "2": 97, "3": 96}
_LEVELS: Final = {
    48: qrcode.constants.ERROR_CORRECT_L,
    49: qrcode.constants.ERROR_CORRECT_M,
    50: qrcode.constants.ERROR_CORRECT_Q,
    51: qrcode.constants.ERROR_CORRECT_H,
}
_LIBRARY: Final = {65: "upca", 67: "ean13", 68: "ean8", 69: "code39", 70: "itf", 71: "codabar"}


class BadSymbol(ValueError):
    """The data cannot be drawn as this symbol; the printer feeds nothing and the trace says why."""


def bars(kind: int, data: bytes) -> tuple[str, str]:
    """Return (modules as "1" and "0", text below) of `GS k` type `kind` (65 and up).

    Raises:
        BadSymbol: when the data is not valid for the type, or the type is not made here.
    """
    if kind == 73:
        return _code128(data)
    if kind == 74:
        return _gs1_128(data)
    if kind not in _LIBRARY:
        raise BadSymbol(f"barcode type {kind}")
    try:
        text = data.decode("ascii")
        options = {"add_checksum": False} if kind == 69 else {}  # Epson leaves it to the sender
        code = barcode.get_barcode_class(_LIBRARY[kind])(text, **options)
        return str(code.build()[0]), text
    except (barcode.errors.BarcodeError, ValueError, KeyError) as error:
        raise BadSymbol(str(error)) from error


def _code128(data: bytes) -> tuple[str, str]:
    if len(data) < 2 or data[:1] != b"{" or chr(data[1]) not in _START:
        raise BadSymbol("Code 128 must begin with {A, {B or {C")
    code_set = chr(data[1])
    values, text = [_START[code_set]], ""
    at = 2
    while at < len(data):
        byte = data[at]
        if byte == 0x7B:
            letter = chr(data[at + 1]) if at + 1 < len(data) else ""
            at += 2
            if letter in _SWITCH:
                code_set = letter
                values.append(_SWITCH[letter])
            elif letter in _FNC:
                values.append(_FNC[letter])
            elif letter == "{":
                values.append(ord("{") - 32)
                text += "{"
            else:
                raise BadSymbol(f"unknown escape {{{letter}")
            continue
        at += 1
        value, said = _value(code_set, byte)
        values.append(value)
        text += said
    return _drawn(values), text


def _gs1_128(data: bytes) -> tuple[str, str]:
    """GS1-128: start, leading FNC1 and check are the printer's; parentheses are only for people."""
    values, text = [_START["B"], _FNC["1"]], ""
    at = 0
    while at < len(data):
        byte, escaped = data[at], data[at] == 0x7B
        if escaped and at + 1 < len(data):
            at += 1
            byte = data[at]
        at += 1
        if escaped and chr(byte) == "1":
            values.append(_FNC["1"])
            continue
        text += chr(byte)
        if escaped or chr(byte) not in "()":
            values.append(_value("B", byte)[0])
    return _drawn(values), text


def _drawn(values: list[int]) -> str:
    """Return the modules of symbol values with their check symbol and stop bar."""
    check = (values[0] + sum(place * value for place, value in enumerate(values[1:], start=1))) % 103
    return str("".join(CODES[value] for value in (*values, check)) + STOP + "11")


def _value(code_set: str, byte: int) -> tuple[int, str]:
    """Return a byte's symbol value in a code set, and how it reads."""
    if code_set == "C":
        if byte > 99:
            raise BadSymbol(f"byte {byte} in code set C")
        return byte, f"{byte:02d}"
    if code_set == "B" and 32 <= byte <= 127:
        return byte - 32, chr(byte)
    if code_set == "A" and byte <= 95:
        return (byte - 32 if byte >= 32 else byte + 64), chr(byte) if byte >= 32 else " "
    raise BadSymbol(f"byte {byte} in code set {code_set}")


def qr(data: bytes, module_dots: int, level: int) -> Image.Image:
    """Return a QR code without quiet zone, as firmware prints it; "1" mode, ink is 1.

    Raises:
        BadSymbol: when there is nothing to encode or too much.
    """
    if not data:
        raise BadSymbol("no data stored for the QR code")
    code = qrcode.QRCode(error_correction=_LEVELS.get(level, _LEVELS[48]), border=0)
    code.add_data(data)
    try:
        code.make()
    except (ValueError, qrcode.exceptions.DataOverflowError) as error:
        raise BadSymbol("too much data for a QR code") from error
    matrix = code.get_matrix()
    image = Image.new("1", (len(matrix), len(matrix)))
    image.putdata([255 if dark else 0 for row in matrix for dark in row])
    size = len(matrix) * module_dots
    return image.resize((size, size), Image.Resampling.NEAREST)
