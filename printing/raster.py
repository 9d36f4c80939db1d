"""Text as dots: for lines a printer's own letters cannot say, and for the paper of the virtual one.

Letters are drawn without grey, as a thermal head burns them. The shipped fonts are tried in order for
every character, so that the same name gives the same dots on every machine; what none of them has is
drawn as a box, never left out. Arabic is shaped and ordered by raqm, which Pillow's wheels contain.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFont

from printing.layout import TextLine, columns_of

FONTS: Final = Path(__file__).parent / "fonts"
FAMILY: Final = ("DejaVuSansMono.ttf", "DejaVuSans.ttf", "wqy-microhei.ttf")
BOLD: Final = "DejaVuSansMono-Bold.ttf"
POINTS_PER_CELL: Final = 20 / 12  # DejaVu Sans Mono advances 0.602 em: 20 points fill a cell of 12 dots
BASELINE_PER_CELL: Final = 19 / 12  # as high as the letters of a native line of 24 dots
_NOWHERE: Final = "\U0010fffd"
_BOX: Final = "□"
_RIGHT_TO_LEFT: Final = range(0x0590, 0x08FF + 1)


@lru_cache(maxsize=64)
def font(name: str, points: float) -> ImageFont.FreeTypeFont:
    """Return one of the shipped fonts at a size in dots."""
    return ImageFont.truetype(str(FONTS / name), points)


@lru_cache(maxsize=8192)
def font_for(letter: str, *, bold: bool = False) -> str | None:
    """Return the first shipped font that has a letter, or None."""
    for name in (BOLD, *FAMILY) if bold else FAMILY:
        face = font(name, 20)
        missing = face.getmask(_NOWHERE, mode="1")
        drawn = face.getmask(letter, mode="1")
        if drawn.size != missing.size or bytes(drawn) != bytes(missing):
            return name
    return None


def draw_text(text: str, cell: int, height: int, *, bold: bool = False) -> Image.Image:
    """Return a clean text on one line as an image of its own width, "1" mode, ink is 255."""
    points = cell * POINTS_PER_CELL
    pieces = [(piece, font(name, points)) for piece, name in _pieces(text, bold=bold)]
    width = sum(int(face.getlength(piece)) + 1 for piece, face in pieces)
    image = Image.new("1", (max(width, 1), height))
    pen = ImageDraw.Draw(image)
    pen.fontmode = "1"
    left = 0.0
    baseline = round(cell * BASELINE_PER_CELL)
    for piece, face in pieces:
        pen.text((left, baseline), piece, font=face, fill=255, anchor="ls")
        left += face.getlength(piece)
    return image


def _pieces(text: str, *, bold: bool) -> Iterator[tuple[str, str]]:
    """Yield runs of one font from left to right.

    With Arabic or Hebrew in it everything that DejaVu Sans has becomes one run, which raqm shapes and
    orders; a text that begins in such a script has its runs from right to left.
    """
    mixed = any(ord(letter) in _RIGHT_TO_LEFT for letter in text)
    runs: list[tuple[str, str]] = []
    for letter in text:
        name = font_for(letter, bold=bold and not mixed)
        if mixed and name in FAMILY[:2]:
            name = FAMILY[1]
        said, name = (letter, name) if name else (_BOX, FAMILY[0])
        if runs and (runs[-1][1] == name or letter == " "):
            runs[-1] = (runs[-1][0] + said, runs[-1][1])
        else:
            runs.append((said, name))
    first = next((letter for letter in text if letter.isalpha()), "")
    yield from reversed(runs) if first and ord(first) in _RIGHT_TO_LEFT else runs


def draw_line(line: TextLine, dots: int, cell: int) -> Image.Image:
    """Return a line as dots, every segment inside the columns that were measured for it."""
    step, height = cell * line.wide, (cell * 5 // 2) * line.tall
    image = Image.new("1", (dots, height))
    for segment in line.segments:
        if not segment.text.strip():
            continue
        room = min(segment.width * step, dots - segment.column * step)
        drawn = draw_text(segment.text, step, height, bold=line.bold)
        wanted = min(room, max(columns_of(segment.text) * step, 1))
        if drawn.width > wanted:
            drawn = drawn.resize((wanted, height), Image.Resampling.NEAREST)
        slack = room - drawn.width
        offset = {"left": 0, "center": slack // 2, "right": slack}[segment.align]
        image.paste(drawn, (segment.column * step + offset, 0))
    if line.inverse:
        image = ImageChops.invert(image)
    return image
