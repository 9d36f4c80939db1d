"""Pieces that several slips share, so that a receipt and a return look like one shop's paper."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from printing.document import Align, Band, Block, Cut, Kick, Row, Rule, Space, Symbol, Text
from printing.documents.versions import template_of
from printing.layout import clean
from protocol.ids import parse_slip_code, slip_code
from protocol.kit.text import _
from protocol.money import format_minor

Blocks = list[Block]
TaxRows = tuple[tuple[int, int, int], ...]
_TAX_WIDTHS: Final = (0, 0, 0, 0)
_TAX_ALIGNS: Final[tuple[Align, ...]] = ("left", "right", "right", "right")


def money(amount_minor: int, currency: str) -> str:
    """Return an amount as figures without its currency, which the total line names once."""
    return format_minor(amount_minor, currency)


def day_and_time(at: datetime) -> str:
    """Return a local time with its zone, in the one order that no country reads differently."""
    return f"{at:%Y-%m-%d %H:%M %Z}".rstrip()


def day(on: date) -> str:
    """Return a day in the one order that no country reads differently."""
    return f"{on:%Y-%m-%d}"


def last_four(number: str) -> str:
    """Return the end of a number: what people call out and compare at a glance."""
    return clean(number)[-4:]


def short_name(name: str) -> str:
    """Return surname and initial: enough to find a bag by, too little to find its owner.

    A word that is an e-mail address or a telephone number is no part of a name and is left out.
    """
    surname, comma, given = clean(name).partition(",")
    words = _name_words(surname)
    first = _name_words(given)
    if not comma:
        first, words = words[:-1], words[-1:]
    initial = f", {first[0][0].upper()}." if first else ""
    return " ".join(words) + initial


def _name_words(text: str) -> list[str]:
    return [word for word in text.split() if "@" not in word and sum(map(str.isdigit, word)) < 3]


def kilograms(weight_grams: int | None) -> str:
    """Return a weight to the gram, or a dash when nobody weighed it."""
    if weight_grams is None:
        return "-"
    return _("{weight} kg", weight=f"{weight_grams // 1000}.{weight_grams % 1000:03d}")


def heading(*, open_drawer: bool = False, demo: bool = False, note: str = "") -> Blocks:
    """Return what stands above everything: the drawer pulse and the bands nobody may overlook."""
    blocks: Blocks = [Kick()] if open_drawer else []
    if demo:
        blocks.append(Band(_("DEMO - not a real document")))
    if note:
        blocks.append(Band(note))
    return blocks


def company(store_name: str, store_lines: tuple[str, ...], vat_number: str) -> Blocks:
    """Return who sells: name, address lines and tax number."""
    blocks: Blocks = [Text(store_name, "center", size=2, bold=True)]
    blocks.extend(Text(line, "center") for line in store_lines)
    if vat_number:
        blocks.append(Text(_("VAT No. {number}", number=vat_number), "center"))
    return blocks


def head_and_person(title: str, number: str, when: str, till: str, associate: str) -> Blocks:
    """Return the two lines that say which paper this is, when, where and by whom."""
    return [
        Row((f"{title} {number}", when), (0, len(when)), ("left", "right"), bold=True),
        Row.pair(till, associate),
    ]


def percent(rate_ppm: int) -> str:
    """Return a tax rate as people write it: 200000 ppm is `20%`, 55000 is `5.5%`."""
    return f"{rate_ppm / 10_000:.4f}".rstrip("0").rstrip(".") + "%"


def tax_table(rows: TaxRows, currency: str) -> Blocks:
    """Return the tax by rate: net, tax and gross."""
    if not rows:
        return []
    blocks: Blocks = [Row((_("VAT rate"), _("Net"), _("VAT"), _("Gross")), _TAX_WIDTHS, _TAX_ALIGNS)]
    for rate_ppm, net, tax in rows:
        cells = (percent(rate_ppm), money(net, currency), money(tax, currency), money(net + tax, currency))
        blocks.append(Row(cells, _TAX_WIDTHS, _TAX_ALIGNS))
    return blocks


def codes(slip: str, number: str = "") -> Blocks:
    """Return the slip's QR code and, for laser scanners, its number as Code 128."""
    blocks: Blocks = [Symbol.qr(slip)]
    if number:
        blocks.append(Symbol.code128(number))
    blocks.append(Space())
    return blocks


def signed_code(text: str) -> Blocks:
    """Return the code by which a store that can ask nobody takes something back; nothing without one."""
    if not text:
        return []
    return [Symbol.qr(text), Text(_("For returns in our other stores"), "center"), Space()]


def slip_codes(slip_type: str, slip_id: str, number: str = "") -> Blocks:
    """Return the QR code of a slip by its type and id, and its number as a spare Code 128.

    An id that a scanner could not give back makes no QR code: the slip still says it in letters, and a
    parcel must not wait for a barcode.
    """
    code = slip_code(slip_type, slip_id, 1)
    blocks: Blocks = [] if parse_slip_code(code) is None else [Symbol.qr(code)]
    if number:
        blocks.append(Symbol.code128(number, spare=True))
    return blocks


@dataclass(frozen=True, slots=True)
class Back:
    """Until when something may come back: a last day; no day is without limit, `final` is never."""

    until: date | None = None
    final: bool = False

    @property
    def says(self) -> str:
        """Return it in words; nothing where there is no limit."""
        if self.final:
            return _("Final sale: comes back only if it is faulty")
        return _("Can be returned until {day}", day=day(self.until)) if self.until else ""


def usual_back(backs: Iterable[Back | None]) -> Back | None:
    """Return what is said of most lines, once at the end of a slip; the first of several that are equal."""
    counted = Counter(backs)
    return max(counted, key=counted.__getitem__, default=None)


def own_back(back: Back | None, usual: Back | None) -> Blocks:
    """Return what stands below a line whose goods come back otherwise than the rest of the slip."""
    return [Text(f"  {back.says}")] if back is not None and back != usual and back.says else []


def return_until(usual: Back | None) -> Blocks:
    """Return what stands at the end of a slip about bringing things back."""
    return [Text(usual.says, "center", bold=True)] if usual is not None and usual.says else []


def signature(whose: str) -> Blocks:
    """Return a line to sign on, with room for the pen."""
    return [Space(2), Rule(), Text(whose)]


def ending(slip: str) -> Blocks:
    """Return the end mark, which shows that nothing was torn off and which template this is, and the cut."""
    return [Rule(), Text(f"* * * {template_of(slip)} * * *", "center"), Cut()]
