"""How printers of several makers differ in what they answer, keep and claim. Stand-ins, not models.

Each brand here is a bundle of habits that were met in manuals and in bug reports: a clone that calls itself
EPSON and knows no token, a buffer of four kilobytes, code pages under other numbers. They exist to try a
queue against; no brand is rated. Sources: Epson's, Citizen's and Samsung's command references for the
answers; issue lists of python-escpos, escpos-php and node-thermal-printer for the habits of clones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from printing.profiles import EPSON_PAGES, Profile, profile_of
from protocol.errors import NotFound

ROOMY: Final = 64 * 1024
SMALL: Final = 4 * 1024
_USUAL: Final = {number: codec for codec, number in EPSON_PAGES}


@dataclass(frozen=True, slots=True)
class Brand:
    """The habits of one kind of printer. `pages` are its letters by table number."""

    name: str
    profile: Profile
    maker: str = "ORDERSPINE"
    model: str = "VIRTUAL"
    real_time: bool = True
    reports: bool = True
    tokens: bool = True
    numbers: bool = True
    clears: bool = True
    buffer_bytes: int = ROOMY
    mm_per_second: float = 200.0
    largest_qr_module: int = 16
    pages: Mapping[int, str] = field(default_factory=lambda: MappingProxyType(_USUAL))

    @property
    def answers(self) -> list[str]:
        """Return what it answers, by the names of the manuals."""
        status = "DLE EOT" if self.profile.language == "escpos" else "~HS"
        told = (
            (self.tokens, "GS ( H"),
            (self.numbers, "GS r"),
            (self.real_time or self.profile.language == "zpl", status),
            (self.reports, "reports by itself"),
            (self.clears, "DLE DC4 8"),
        )
        return [words for able, words in told if able]


def _silent(profile: Profile) -> Brand:
    return Brand(
        profile.name, profile, real_time=False, reports=False, tokens=False, numbers=False, clears=False
    )


_E80, _E58, _GENERIC, _LABEL = map(profile_of, ("epson_80", "epson_58", "generic_80", "label_4in"))
BRANDS: Final[dict[str, Brand]] = {
    brand.name: brand
    for brand in (
        Brand("epson_tm_t88", _E80, "EPSON", "TM-T88VI", mm_per_second=350.0),
        Brand("epson_tm_m30_58", _E58, "EPSON", "TM-m30", mm_per_second=300.0),
        Brand("citizen_ct_s310", _E80, "CITIZEN", "CT-S310II", tokens=False, buffer_bytes=SMALL),
        Brand(
            "xprinter_58",
            _E58,
            "EPSON",  # it says so and is none
            "TM-T88III",
            tokens=False,
            numbers=False,
            reports=False,
            clears=False,
            buffer_bytes=SMALL,
            mm_per_second=90.0,
            largest_qr_module=8,
        ),
        Brand(
            "rongta_rp80",
            _E80,
            "RONGTA",
            "RP80",
            tokens=False,
            clears=False,
            pages=MappingProxyType({**_USUAL, 13: "cp858", 19: "cp1251", 16: "cp1252"}),
        ),
        Brand(
            "no_name_80",
            _GENERIC,
            real_time=False,
            reports=False,
            tokens=False,
            numbers=False,
            clears=False,
            buffer_bytes=SMALL,
            mm_per_second=70.0,
            largest_qr_module=8,
        ),
        Brand(
            "zebra_zd421",
            _LABEL,
            "ZEBRA",
            "ZD421",
            real_time=False,
            reports=False,
            tokens=False,
            numbers=False,
            clears=False,
        ),
    )
}


def brand_of(name: str) -> Brand:
    """Return a brand by its name; the name of a profile is the printer that does all the profile relies on.

    Raises:
        NotFound: when there is neither.
    """
    if name in BRANDS:
        return BRANDS[name]
    try:
        return brand_for(profile_of(name))
    except NotFound as error:
        known = ", ".join(sorted(BRANDS))
        raise NotFound(
            f"There is no virtual printer {name!r}.", f"Use one of: {known}.", brand=name
        ) from error


def brand_for(profile: Profile) -> Brand:
    """Return the printer that does all that a profile relies on, and nothing when it relies on nothing."""
    if profile.confirms == "none" and profile.language == "escpos":
        return _silent(profile)
    return Brand(profile.name, profile, tokens=profile.confirms == "gs_h")
