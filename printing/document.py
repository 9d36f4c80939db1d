"""What is on a slip, before any printer is known.

A document is a list of blocks that every printer can lay out in its own width. It is stored with the
job as JSON and turned into bytes only when the job is sent, because a reprint must say that it is one
and a replacement printer may have another width. Blocks hold text as people wrote it; cleaning and
wrapping happen in `printing.layout`.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, Self

from protocol.errors import Invalid
from protocol.ids import parse_slip_code, slip_code
from protocol.kit.text import _, language

Align = Literal["left", "center", "right"]
Size = Literal[1, 2, 3, 4, 5, 6, 7, 8]  # how many times the letters are enlarged; printers stop at eight


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; it wraps at words, and a line break in it is kept."""

    text: str
    align: Align = "left"
    size: Size = 1
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Cells side by side. A width is in columns; 0 shares what the others leave."""

    cells: tuple[str, ...]
    widths: tuple[int, ...]
    aligns: tuple[Align, ...] = ()
    size: Size = 1
    bold: bool = False

    @classmethod
    def pair(cls, label: str, amount: str, *, size: Size = 1, bold: bool = False) -> Self:
        """Return a label on the left and a figure on the right, the figure as wide as it needs."""
        return cls((label, amount), (0, max(len(amount), 1)), ("left", "right"), size, bold)


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the paper; heavy before what must be seen."""

    heavy: bool = False


@dataclass(frozen=True, slots=True)
class Symbol:
    """A code for a scanner, centred. One that does not fit is refused before anything is printed.

    Not so a spare Code 128, beside which the slip has another way to be found: where it does not fit,
    its text is printed instead.
    """

    kind: Literal["qr", "code128", "gs1_128"]
    data: str
    spare: bool = False

    @classmethod
    def qr(cls, data: str) -> Self:
        """Return a QR code; a slip code in it follows the attempt when the slip is reprinted."""
        return cls("qr", data)

    @classmethod
    def code128(cls, data: str, *, spare: bool = False) -> Self:
        """Return a Code 128 with its text below, for laser scanners."""
        return cls("code128", data, spare)

    @classmethod
    def gs1_128(cls, digits: str) -> Self:
        """Return a GS1-128 of an identifier and its digits, such as `00` and the SSCC of a carton."""
        return cls("gs1_128", digits)


@dataclass(frozen=True, slots=True)
class Space:
    """Empty lines."""

    lines: int = 1


@dataclass(frozen=True, slots=True)
class Band:
    """White on black across the paper: what nobody may overlook, such as REPRINT."""

    text: str


@dataclass(frozen=True, slots=True)
class Kick:
    """Open the cash drawer. Only as the first block; sent at most once in the life of a job."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Feed to the knife and cut."""


@dataclass(frozen=True, slots=True)
class Letters:
    """The upper half of one code page by its table number, as this printer has it: for a person to read."""

    table: int


Block = Text | Row | Rule | Symbol | Space | Band | Kick | Cut | Letters
_BLOCKS: Final[dict[str, type[Block]]] = {
    kind.__name__.lower(): kind for kind in (Text, Row, Rule, Symbol, Space, Band, Kick, Cut, Letters)
}


@dataclass(frozen=True, slots=True)
class Document:
    """A slip: what it is called, what is on it, and the language it is in."""

    title: str
    blocks: tuple[Block, ...]
    language: str = "en"

    def __post_init__(self) -> None:
        if any(isinstance(block, Kick) for block in self.blocks[1:]):
            raise Invalid(
                "A slip opens the drawer in its middle.",
                "Make the drawer pulse its first block.",
                code="late_kick",
            )

    @property
    def opens_drawer(self) -> bool:
        """Tell whether the slip begins with a drawer pulse."""
        return isinstance(self.blocks[0], Kick) if self.blocks else False


def as_attempt(document: Document, attempt: int) -> Document:
    """Return the slip as it must look on its n-th printing; the first is the slip itself.

    A further one says so at its top, and its slip codes carry the attempt, so that a scan tells
    which of the copies is in somebody's hand.
    """
    if attempt <= 1:
        return document
    spoken = language.set(document.language)
    try:
        band = Band(_("REPRINT - possible duplicate, attempt {attempt}", attempt=attempt))
    finally:
        language.reset(spoken)
    blocks = tuple(_with_attempt(block, attempt) for block in document.blocks)
    return _headed(replace(document, blocks=blocks), band)


def as_backup(document: Document, printer: str) -> Document:
    """Return the slip as another printer puts it out: it says whose it is, so that it is carried there."""
    spoken = language.set(document.language)
    try:
        return _headed(document, Band(_("BACKUP FROM {printer}", printer=printer)))
    finally:
        language.reset(spoken)


def _headed(document: Document, band: Band) -> Document:
    at = 1 if document.opens_drawer else 0
    return replace(document, blocks=(*document.blocks[:at], band, *document.blocks[at:]))


def _with_attempt(block: Block, attempt: int) -> Block:
    if isinstance(block, Symbol) and (slip := parse_slip_code(block.data)) is not None:
        return replace(block, data=slip_code(slip[0], slip[1], attempt))
    return block


def dump_document(document: Document) -> str:
    """Return the document as JSON, as it is kept with its job."""
    blocks = [{"block": type(block).__name__.lower(), **asdict(block)} for block in document.blocks]
    return json.dumps(
        {"title": document.title, "language": document.language, "blocks": blocks},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def load_document(text: str) -> Document:
    """Return a document from its JSON.

    Raises:
        Invalid: when it was not written by `dump_document`.
    """
    try:
        stored = json.loads(text)
        blocks = tuple(_load_block(fields) for fields in stored["blocks"])
        return Document(stored["title"], blocks, stored["language"])
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid(
            "A stored slip cannot be read.", "Print it again from its order.", code="bad_document"
        ) from error


def _load_block(fields: dict[str, Any]) -> Block:
    kind: Callable[..., Block] = _BLOCKS[fields["block"]]
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    del values["block"]
    return kind(**values)
