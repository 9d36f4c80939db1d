"""A document to ZPL II, the language of label printers: the second language, so the seam is a real one.

The same lines that `printing.layout` makes for a roll stand on the label, each at its place in dots
(`^FO`). Plain letters are the printer's own font D, whose cell is twelve dots wide like ours; bold, white
on black and everything beyond ASCII is drawn (`^GFA`), so any name prints. Nothing a person typed can
become a command: `^`, `~` and `_` are told as hexadecimal (`^FH`). Each cut of the document ends one label.

Source: Zebra, ZPL II Programming Guide (^A, ^BC, ^BQ, ^BY, ^CI, ^FH, ^FO, ^GF, ^LL, ^PW).
"""

from typing import TYPE_CHECKING, Final

from printing.barcodes import (
    QR_QUIET_MODULES,
    code128_b_dots,
    gs1_128_modules,
    plan_qr,
)
from printing.document import Cut, Document, Space, Symbol
from printing.layout import TextLine, lay_out
from printing.profiles import Profile
from printing.raster import draw_line

if TYPE_CHECKING:
    from PIL.Image import Image

LINE_DOTS: Final = 30
BARCODE_DOTS: Final = 72
TEXT_BELOW_DOTS: Final = 34
MARGIN_DOTS: Final = 16


def encode_label(document: Document, profile: Profile) -> bytes:
    """Return the ZPL of a document: one `^XA ... ^XZ` for each label.

    Raises:
        Invalid: when a symbol cannot be drawn or does not fit the label.
    """
    labels: list[bytes] = []
    label = _Label(profile)
    for line in lay_out(document, profile):
        match line:
            case TextLine():
                label.text(line)
            case Symbol():
                label.symbol(line)
            case Space(count):
                label.y += LINE_DOTS * min(max(count, 0), 255)
            case Cut():
                labels.append(label.ended())
                label = _Label(profile)
    if label.fields:
        labels.append(label.ended())
    return b"".join(labels)


def told(text: str) -> str:
    """Return a text as field data after `^FH`: what would be a command is told as hexadecimal."""
    return "".join(f"_{ord(letter):02X}" if letter in "^~_" else letter for letter in text)


class _Label:
    """The fields of one label, and how far down they reach."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self.fields: list[str] = []
        self.y = MARGIN_DOTS

    def text(self, line: TextLine) -> None:
        """Set one line: by the printer's own letters where it has them and we know their width."""
        cell = self._profile.cell_dots
        height = max(cell * 5 // 2 * line.tall, LINE_DOTS)
        plain = not line.bold and not line.inverse and line.wide == line.tall
        if plain and all(segment.text.isascii() for segment in line.segments):
            for segment in line.segments:
                said = segment.text.strip(" ")
                if not said:
                    continue
                spare = segment.width - len(segment.text)
                before = {"left": 0, "center": spare // 2, "right": spare}[segment.align]
                lead = len(segment.text) - len(segment.text.lstrip(" "))
                x = (segment.column + max(before, 0) + lead) * cell * line.wide
                self._letters(x, said, line.wide)
        elif any(segment.text.strip() or line.inverse for segment in line.segments):
            self._picture(draw_line(line, self._profile.dots, cell))
        self.y += height

    def _letters(self, x: int, said: str, scale: int) -> None:
        self.fields.append(f"^FO{x},{self.y}^ADN,{18 * scale},{10 * scale}^FH^FD{told(said)}^FS")

    def _picture(self, image: "Image") -> None:
        row = (image.width + 7) // 8
        dots = image.tobytes()
        self.fields.append(f"^FO0,{self.y}^GFA,{len(dots)},{len(dots)},{row},{dots.hex().upper()}^FS")

    def symbol(self, symbol: Symbol) -> None:
        """Set a symbol in the middle, drawn by the printer."""
        if symbol.kind == "qr":
            self._qr(symbol.data)
        elif symbol.kind == "gs1_128":
            self._gs1_128(symbol.data)
        else:
            self._code128(symbol.data)

    def _qr(self, data: str) -> None:
        modules, module = plan_qr(data, self._profile.dots)
        side, quiet = modules * module, QR_QUIET_MODULES * module
        x = (self._profile.dots - side) // 2
        self.y += quiet
        self.fields.append(f"^FO{x},{self.y}^BQN,2,{module}^FH^FDMM,B{len(data.encode()):04d}{told(data)}^FS")
        self.y += side + quiet

    def _code128(self, data: str) -> None:
        modules, dots = code128_b_dots(data, self._profile.dots)
        x = max((self._profile.dots - modules * dots) // 2, 0)
        said = told(data.replace(">", ">0"))
        self.fields.append(f"^FO{x},{self.y}^BY{dots}^BCN,{BARCODE_DOTS},Y,N,N^FH^FD>:{said}^FS")
        self.y += BARCODE_DOTS + TEXT_BELOW_DOTS

    def _gs1_128(self, digits: str) -> None:
        modules, dots = gs1_128_modules(digits, self._profile.dots)
        x = max((self._profile.dots - len(modules) * dots) // 2, 0)
        self.fields.append(f"^FO{x},{self.y}^BY{dots}^BCN,{2 * BARCODE_DOTS},N,N,N^FD>;>8{digits}^FS")
        self.y += 2 * BARCODE_DOTS + LINE_DOTS

    def ended(self) -> bytes:
        """Return the label: as long as what is on it, UTF-8, one copy."""
        head = f"^XA^CI28^PW{self._profile.dots}^LL{self.y + MARGIN_DOTS}^LH0,0^PQ1"
        return (head + "".join(self.fields) + "^XZ\n").encode()
