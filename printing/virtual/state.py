"""The modes of a printer: what `ESC @` resets, and which command sets what."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image

from printing.virtual.commands import Command
from printing.virtual.glyphs import FONT_A, FONT_B

LINE_DOTS: Final = 30


@dataclass(slots=True)
class Modes:
    """Everything a sender can leave behind for the next one."""

    font: tuple[int, int] = FONT_A
    wide: int = 1
    tall: int = 1
    bold: bool = False
    underline: int = 0
    inverse: bool = False
    align: int = 0
    page: int = 0
    two_byte: bool = False
    line_dots: int = LINE_DOTS
    spacing: int = 0
    left: int = 0
    area: int = 0
    tabs: tuple[int, ...] = tuple(range(8, 256, 8))
    bar_height: int = 162
    bar_module: int = 3
    bar_text: int = 0
    qr_module: int = 3
    qr_level: int = 48
    qr_data: bytes = b""
    graphics: Image.Image | None = None


def _digit(value: int, current: int) -> int:
    """Return 0, 1 or 2 from a number or its ASCII digit; anything else changes nothing."""
    return value % 48 if value % 48 <= 2 else current


def _bold(modes: Modes, command: Command) -> None:
    modes.bold = bool(command.args[0] & 1)


def _underline(modes: Modes, command: Command) -> None:
    modes.underline = _digit(command.args[0], modes.underline)


def _inverse(modes: Modes, command: Command) -> None:
    modes.inverse = bool(command.args[0] & 1)


def _align(modes: Modes, command: Command) -> None:
    modes.align = _digit(command.args[0], modes.align)


def _page(modes: Modes, command: Command) -> None:
    modes.page = command.args[0]


def _font(modes: Modes, command: Command) -> None:
    modes.font = FONT_B if command.args[0] % 48 == 1 else FONT_A


def _size(modes: Modes, command: Command) -> None:
    modes.wide, modes.tall = (command.args[0] >> 4 & 7) + 1, (command.args[0] & 7) + 1


def _mode(modes: Modes, command: Command) -> None:
    """ESC ! sets font, bold, size and underline at once, which surprises senders."""
    value = command.args[0]
    modes.font = FONT_B if value & 1 else FONT_A
    modes.bold, modes.underline = bool(value & 8), int(bool(value & 128))
    modes.tall, modes.wide = (2 if value & 16 else 1), (2 if value & 32 else 1)


def _line_spacing(modes: Modes, command: Command) -> None:
    modes.line_dots = command.args[0] if command.args else LINE_DOTS


def _letter_spacing(modes: Modes, command: Command) -> None:
    modes.spacing = command.args[0]


def _two_byte(modes: Modes, command: Command) -> None:
    modes.two_byte = command.name == "FS &"


def _left(modes: Modes, command: Command) -> None:
    modes.left = command.args[0] + command.args[1] * 256


def _area(modes: Modes, command: Command) -> None:
    modes.area = command.args[0] + command.args[1] * 256


def _tabs(modes: Modes, command: Command) -> None:
    modes.tabs = tuple(command.data)


def _bar_height(modes: Modes, command: Command) -> None:
    modes.bar_height = max(command.args[0], 1)


def _bar_module(modes: Modes, command: Command) -> None:
    modes.bar_module = min(max(command.args[0], 1), 6)


def _bar_text(modes: Modes, command: Command) -> None:
    modes.bar_text = command.args[0] % 48


SETTERS: Final[dict[str, Callable[[Modes, Command], None]]] = {
    "ESC E": _bold,
    "ESC G": _bold,
    "ESC -": _underline,
    "GS B": _inverse,
    "ESC a": _align,
    "ESC t": _page,
    "ESC M": _font,
    "GS !": _size,
    "ESC !": _mode,
    "ESC 2": _line_spacing,
    "ESC 3": _line_spacing,
    "ESC  ": _letter_spacing,
    "FS &": _two_byte,
    "FS .": _two_byte,
    "GS L": _left,
    "GS W": _area,
    "ESC D": _tabs,
    "GS h": _bar_height,
    "GS w": _bar_module,
    "GS H": _bar_text,
}
