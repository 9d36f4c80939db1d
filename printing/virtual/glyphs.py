"""Letters of the virtual printer: one cell of dots per character, cut once and kept."""

from functools import lru_cache
from typing import Final

from PIL import Image

from printing.raster import draw_text

FONT_A: Final = (12, 24)
FONT_B: Final = (9, 17)


@lru_cache(maxsize=4096)
def glyph(letter: str, cell: tuple[int, int], wide: int, tall: int, *, bold: bool) -> Image.Image:
    """Return a character as dots. Even enlargements are drawn smooth, as firmware does; others stretched."""
    scale = min(wide, tall)
    width, height = cell[0] * scale, cell[1] * scale
    drawn = draw_text(letter, width, height, bold=bold)
    image = Image.new("1", (width, height))
    if drawn.width > width + scale:
        drawn = drawn.resize((width, height), Image.Resampling.NEAREST)
    image.paste(drawn, (0, 0))
    if wide != tall:
        image = image.resize((cell[0] * wide, cell[1] * tall), Image.Resampling.NEAREST)
    return image
