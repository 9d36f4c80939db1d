"""Blocks to lines: where every character stands on a paper of so many columns.

Widths are measured as a terminal measures them (a Chinese character takes two columns, an accent
none). Text wraps at words, a word longer than its column is broken, and no visible character is ever
dropped. Control characters are: they would reach the printer as commands, and a gift note must not
open a cash drawer.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import wcwidth

from printing.barcodes import code128_fits
from printing.document import Align, Band, Block, Cut, Document, Kick, Letters, Row, Rule, Space, Symbol, Text
from printing.profiles import Profile

TAB_COLUMNS = 4
_LEFT: tuple[Align, ...] = ("left",)
_REORDERING = frozenset("\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u2060\ufeff") | {
    chr(point) for span in (range(0x202A, 0x202F), range(0x2066, 0x206A)) for point in span
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of one line with the columns it may use."""

    text: str
    column: int
    width: int
    align: Align


@dataclass(frozen=True, slots=True)
class TextLine:
    """One printed line. `wide` and `tall` are multiples of a character; columns are in wide characters."""

    segments: tuple[Segment, ...]
    wide: int = 1
    tall: int = 1
    bold: bool = False
    inverse: bool = False


Line = TextLine | Symbol | Space | Cut | Letters


def clean(text: str) -> str:
    """Return the text without anything that is not to be seen: controls, overrides, lone surrogates.

    Line breaks stay, because they mean something; a tab becomes spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    kept = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " " * TAB_COLUMNS)
    return "".join(letter for letter in kept if letter == "\n" or _is_visible(letter))


def _is_visible(letter: str) -> bool:
    return letter not in _REORDERING and unicodedata.category(letter) not in {"Cc", "Cs", "Cn"}


def columns_of(text: str) -> int:
    """Return how many columns a clean text without line breaks takes."""
    if text.isascii():
        return len(text)
    return sum(columns for _cluster, columns in _clusters(text))


@lru_cache(maxsize=4096)
def _clusters(text: str) -> tuple[tuple[str, int], ...]:
    """Return what a reader sees as single characters, each with its columns."""
    return tuple((cluster, max(wcwidth.wcswidth(cluster), 0)) for cluster in wcwidth.iter_graphemes(text))


def wrap(text: str, width: int) -> list[str]:
    """Return a text in lines of at most `width` columns; only the spaces at a break are lost."""
    if len(text) <= width and text.isascii() and text.isprintable():
        return [text]
    lines: list[str] = []
    for paragraph in clean(text).split("\n"):
        if columns_of(paragraph) <= width:
            lines.append(paragraph)
        else:
            lines.extend(_wrap_paragraph(paragraph, width))
    return lines


def _wrap_paragraph(paragraph: str, width: int) -> Iterator[str]:
    line: str | None = None
    for word in paragraph.split(" "):
        joined = word if line is None else f"{line} {word}"
        if columns_of(joined) <= width:
            line = joined
            continue
        if line and line.strip():
            yield line
        line = word
        while columns_of(line) > width:
            head, line = _split_at(line, width)
            yield head
    if line:
        yield line


def _split_at(word: str, width: int) -> tuple[str, str]:
    """Return the longest beginning that fits, at least one character, and the rest."""
    taken = used = 0
    for cluster, columns in _clusters(word):
        if taken and used + columns > width:
            break
        taken += len(cluster)
        used += columns
    return word[:taken], word[taken:]


def lay_out(document: Document, profile: Profile) -> Iterator[Line]:
    """Yield the lines of a document on a printer's paper; the drawer pulse is not one of them."""
    for block in document.blocks:
        yield from _lines(block, profile)


def _lines(block: Block, profile: Profile) -> Iterator[Line]:
    columns = profile.columns
    match block:
        case Text():
            width = columns // block.size
            for part in wrap(block.text, width):
                segment = Segment(part, 0, width, block.align)
                yield TextLine((segment,), block.size, block.size, block.bold)
        case Row():
            yield from _row(block, columns // block.size)
        case Rule():
            yield TextLine((Segment(("═" if block.heavy else "─") * columns, 0, columns, "left"),))
        case Band():
            for part in wrap(block.text, columns - 2):
                padding = columns - columns_of(part)
                text = " " * (padding // 2) + part + " " * (padding - padding // 2)
                yield TextLine((Segment(text, 0, columns, "left"),), tall=2, bold=True, inverse=True)
            yield Space()
        case Symbol(kind="code128", spare=True) if not code128_fits(block.data, profile.dots):
            yield from _lines(Text(block.data, "center"), profile)
        case Symbol() | Space() | Cut() | Letters():
            yield block
        case Kick():
            return


def _row(row: Row, columns: int) -> Iterator[TextLine]:
    widths = _widths(row.widths, columns)
    cells = [wrap(cell, width) for cell, width in zip(row.cells, widths, strict=True)]
    columns_at = list(accumulate((width + 1 for width in widths[:-1]), initial=0))
    aligns = row.aligns + _LEFT * (len(widths) - len(row.aligns))
    for index in range(max(map(len, cells))):
        segments = [
            Segment(cell[index], column, width, align)
            for cell, column, width, align in zip(cells, columns_at, widths, aligns, strict=False)
            if index < len(cell)
        ]
        yield TextLine(tuple(segments), row.size, row.size, row.bold)


@lru_cache(maxsize=512)
def _widths(wanted: tuple[int, ...], columns: int) -> tuple[int, ...]:
    """Return real widths with one column between cells; fixed ones give way when the paper is narrow."""
    room = columns - (len(wanted) - 1)
    shares = wanted.count(0)
    fixed = sum(wanted)
    least = 6 * shares
    if fixed + least > room and fixed:
        scale = max(room - least, len(wanted)) / fixed
        wanted = tuple(max(1, int(width * scale)) if width else 0 for width in wanted)
        fixed = sum(wanted)
    if not shares:
        return wanted
    share, extra = divmod(max(room - fixed, shares), shares)
    widths = []
    for width in wanted:
        if width:
            widths.append(width)
        else:
            widths.append(share + (1 if extra > 0 else 0))
            extra -= 1
    return tuple(widths)
