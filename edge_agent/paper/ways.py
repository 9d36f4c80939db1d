"""How a store reaches a printer: by network, by a device file, by a serial line, or by a file of bytes.

What a person types becomes a path only after it was looked at: a device is one of the kernel's printer and
serial devices, and a file lies in the store's own folder.
"""

import re
from pathlib import Path
from typing import Final

from edge_agent.paper.rows import PrinterRow
from printing.transports.base import Transport
from printing.transports.device import SPEEDS, DeviceFile
from printing.transports.raw_file import RawFile
from printing.transports.tcp9100 import Tcp9100
from protocol.errors import Invalid
from protocol.kit.text import _

TRANSPORTS: Final = ("tcp", "device", "serial", "file")
_DEVICE: Final = re.compile(r"/dev/(usb/lp\d{1,3}|lp\d{1,3}|usblp\d{1,3})")
_SERIAL: Final = re.compile(r"/dev/(tty(USB|ACM|S|AMA)\d{1,3}|serial/by-id/[\w.:-]{1,120})")
_FILE: Final = re.compile(r"[A-Za-z0-9][\w.-]{0,59}")


def check_way(row: PrinterRow) -> None:
    """Refuse a printer that cannot be reached as it was described.

    Raises:
        Invalid: an unknown way, a path that is none of a printer, or a speed that no line has.
    """
    known = {"tcp": None, "device": _DEVICE, "serial": _SERIAL, "file": _FILE}
    if row.transport not in known:
        raise Invalid(
            _("There is no such way to a printer."),
            _("Use one of: {known}.", known=", ".join(TRANSPORTS)),
            code="bad_way",
        )
    pattern = known[row.transport]
    if pattern is None and not row.host:
        raise Invalid(
            _("A printer in the network needs its address."),
            _("It stands on the page that the printer prints when it is switched on with its feed key held."),
            code="bad_way",
        )
    if pattern is not None and pattern.fullmatch(row.path) is None:
        raise Invalid(
            _("{path} is no place of a printer.", path=row.path[:60] or "-"),
            _("Give /dev/usb/lp0 for USB, /dev/ttyUSB0 for a serial line, or a plain name for a file."),
            code="bad_way",
        )
    if row.transport == "serial" and row.baud not in SPEEDS:
        raise Invalid(
            _("A serial line has no speed {baud}.", baud=row.baud),
            _("Use one of: {known}.", known=", ".join(str(speed) for speed in SPEEDS)),
            code="bad_speed",
        )


def way_to(row: PrinterRow, *, folder: Path) -> Transport:
    """Return the way to a printer; files lie in the folder."""
    match row.transport:
        case "device":
            return DeviceFile(row.path)
        case "serial":
            return DeviceFile(row.path, row.baud)
        case "file":
            return RawFile(folder / Path(row.path).name)
    return Tcp9100(row.host, row.port)
