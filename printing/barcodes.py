"""Symbols for scanners: checked, planned and measured before anything is printed.

A printer that is given a symbol wider than its paper feeds blank paper and says nothing, so a symbol
that does not fit is refused here. The bars of a drawn symbol are whole dots: python-barcode's own
images round millimetres and do not scan at two dots, therefore only its module patterns are used.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import biip
import qrcode
from barcode.codex import Code128, Gs1_128
from qrcode.constants import ERROR_CORRECT_M
from qrcode.util import MODE_8BIT_BYTE, QRData

from protocol.errors import Invalid

CODE128_QUIET_MODULES: Final = 10
QR_QUIET_MODULES: Final = 4
QR_LARGEST_DOTS: Final = 6
QR_SMALLEST_DOTS: Final = 3
# In set C a pair of digits is one byte, and these pairs of bytes are commands that a printer executes
# even inside a symbol: DLE EOT, DLE ENQ, DLE DC4.
REAL_TIME: Final = (b"\x10\x04", b"\x10\x05", b"\x10\x14")

CodeSet = Literal["B", "C"]


@dataclass(frozen=True, slots=True)
class Code128Plan:
    """A Code 128 ready to print: its runs by code set and the dots of its narrowest bar."""

    runs: tuple[tuple[CodeSet, str], ...]
    module_dots: int

    @property
    def payload(self) -> bytes:
        """Return the data of `GS k 73`: braces doubled, digit pairs of set C as one byte each."""
        parts = []
        for code_set, text in self.runs:
            if code_set == "C":
                pairs = bytes(int(text[at : at + 2]) for at in range(0, len(text), 2))
                parts.append(b"{C" + pairs)
            else:
                parts.append(b"{B" + text.replace("{", "{{").encode("ascii"))
        return b"".join(parts)


def plan_code128(data: str, dots: int) -> Code128Plan:
    """Return how to print a text as Code 128 within `dots`.

    Raises:
        Invalid: when the text has characters beyond printable ASCII, or does not fit.
    """
    if not data or not (data.isascii() and data.isprintable()):
        raise Invalid(
            f"{data!r} cannot be a Code 128.",
            "Use letters, digits and signs of plain ASCII.",
            code="bad_barcode",
        )
    runs = _runs(data)
    if any(pair in Code128Plan(runs, 2).payload for pair in REAL_TIME):
        runs = (("B", data),)
    return Code128Plan(runs, _module_dots(f"The Code 128 of {data!r}", _modules(runs), dots))


def _module_dots(what: str, modules: int, dots: int) -> int:
    """Return the dots of the narrowest bar: three with the quiet zones inside, else two.

    At two dots the margins of the roll, 4 mm at least, are the quiet zones.
    """
    if (modules + 2 * CODE128_QUIET_MODULES) * 3 <= dots:
        return 3
    if modules * 2 <= dots:
        return 2
    raise _too_wide(what, modules * 2, dots)


def _runs(data: str) -> tuple[tuple[CodeSet, str], ...]:
    """Split into code sets: digits in pairs (C) where that saves symbols, everything else in B."""
    runs: list[tuple[CodeSet, str]] = []
    at = 0
    while at < len(data):
        end = at
        while end < len(data) and data[end].isdigit():
            end += 1
        worth = 4 if at == 0 or end == len(data) else 6
        if end - at >= worth:
            if (end - at) % 2 and runs:  # the odd digit joins the letters before it
                runs[-1] = ("B", runs[-1][1] + data[at])
                at += 1
            even = end - (end - at) % 2
            runs.append(("C", data[at:even]))
            at = even
        else:
            end = max(end, at + 1)
            if runs and runs[-1][0] == "B":
                runs[-1] = ("B", runs[-1][1] + data[at:end])
            else:
                runs.append(("B", data[at:end]))
            at = end
    return tuple(runs)


def _modules(runs: tuple[tuple[CodeSet, str], ...]) -> int:
    symbols = sum(len(text) // 2 if code_set == "C" else len(text) for code_set, text in runs)
    switches = len(runs) - 1
    return 11 * (1 + symbols + switches + 1) + 13


def code128_fits(data: str, dots: int) -> bool:
    """Tell whether a text can be a Code 128 on this paper, by the printer's own hand or drawn."""
    try:
        code128_modules(data, dots)
    except Invalid:
        return False
    return True


def code128_modules(data: str, dots: int) -> tuple[str, int]:
    """Return the bars of a Code 128 as "1" and "0", and the dots of each, for drawing.

    Raises:
        Invalid: as `plan_code128`.
    """
    plan_code128(data, dots)
    modules = str(Code128(data).build()[0])
    return modules, _module_dots(f"The Code 128 of {data!r}", len(modules), dots)


def code128_b_dots(data: str, dots: int) -> tuple[int, int]:
    """Return (modules, dots of the narrowest bar) of a Code 128 all in code set B, as label printers set it.

    Raises:
        Invalid: as `plan_code128`.
    """
    plan_code128(data, dots)
    modules = _modules((("B", data),))
    return modules, _module_dots(f"The Code 128 of {data!r}", modules, dots)


def plan_gs1_128(digits: str, dots: int) -> tuple[bytes, int]:
    """Return (data of `GS k 73`, dots of the narrowest bar) of a GS1-128 of pairs of digits.

    The data is empty where a pair of digits would be a command that a printer executes (`REAL_TIME`):
    then the symbol has to be drawn.

    Raises:
        Invalid: not pairs of digits, nothing that GS1 knows, a wrong check digit, or too wide for the paper.
    """
    if not digits or not (digits.isascii() and digits.isdigit()) or len(digits) % 2:
        raise Invalid(f"{digits!r} cannot be a GS1-128.", "Give its digits in pairs.", code="bad_barcode")
    check_gs1(digits)
    pairs = bytes(int(digits[at : at + 2]) for at in range(0, len(digits), 2))
    modules = 11 * (2 + len(pairs) + 1) + 13  # start C, FNC1, pairs, check; stop
    module_dots = _module_dots(f"The GS1-128 of {digits!r}", modules, dots)
    dangerous = any(command in pairs for command in REAL_TIME)
    return b"" if dangerous else b"{C{1" + pairs, module_dots


@lru_cache(maxsize=256)
def check_gs1(digits: str) -> None:
    """Refuse what a scanner at the other end could not take for what it says.

    Raises:
        Invalid: no identifiers of GS1 with their contents, or a carton or article whose check digit is wrong.
    """
    try:
        read = biip.parse(f"]C1{digits}")
    except biip.ParseError as error:
        raise _no_gs1(digits) from error
    message = read.gs1_message
    wrong = message is None or any(
        element.sscc_error or element.gtin_error for element in message.element_strings
    )
    if wrong:
        raise _no_gs1(digits)


def _no_gs1(digits: str) -> Invalid:
    return Invalid(
        f"{digits!r} is no code of GS1.",
        "Give an identifier and what belongs to it, such as 00 and an SSCC with its check digit.",
        code="bad_barcode",
    )


def gs1_128_modules(digits: str, dots: int) -> tuple[str, int]:
    """Return the bars of a GS1-128 as "1" and "0", and the dots of each, for drawing.

    Raises:
        Invalid: as `plan_gs1_128`.
    """
    _payload, module_dots = plan_gs1_128(digits, dots)
    return str(Gs1_128(digits).build()[0]), module_dots


@lru_cache(maxsize=256)
def plan_qr(data: str, dots: int) -> tuple[int, int]:
    """Return (modules per side, dots per module) of a QR code with error correction M.

    The side is that of byte mode, the largest a printer may choose for the text.

    Raises:
        Invalid: when the text holds control characters or does not fit the paper.
    """
    if not data or not data.isprintable():
        raise Invalid(f"{data!r} cannot be a QR code.", "Leave out control characters.", code="bad_barcode")
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M)
    code.add_data(QRData(data.encode(), mode=MODE_8BIT_BYTE), optimize=0)
    try:
        side = 17 + 4 * int(code.best_fit(start=1))
    except (ValueError, qrcode.exceptions.DataOverflowError) as error:
        raise Invalid("The text is too long for a QR code.", "Shorten it.", code="bad_barcode") from error
    for module_dots in range(QR_LARGEST_DOTS, QR_SMALLEST_DOTS - 1, -1):
        if (side + 2 * QR_QUIET_MODULES) * module_dots <= min(dots, 400):
            return side, module_dots
    if (side + 2 * QR_QUIET_MODULES) * QR_SMALLEST_DOTS <= dots:
        return side, QR_SMALLEST_DOTS
    raise _too_wide("The QR code", (side + 2 * QR_QUIET_MODULES) * QR_SMALLEST_DOTS, dots)


def qr_matrix(data: str) -> list[list[bool]]:
    """Return the modules of a QR code with error correction M, without its quiet zone."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(QRData(data.encode(), mode=MODE_8BIT_BYTE), optimize=0)
    code.make()
    return [[bool(module) for module in row] for row in code.get_matrix()]


def _too_wide(what: str, needed: int, dots: int) -> Invalid:
    return Invalid(
        f"{what} needs {needed} dots and the paper has {dots}.",
        "Shorten the text or print it on a wider printer.",
        code="symbol_too_wide",
        needed_dots=needed,
        paper_dots=dots,
    )
