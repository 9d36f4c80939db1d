"""What one kind of printer can do, as far as it is documented.

Clones renumber code pages and answer less than they claim, so a profile lists only what we rely on.
`confirms` is the way a printer says that paper came out: `gs_h` answers a token after the print, `gs_r`
answers a queued status request, `none` never says so and its jobs end as "sent, unconfirmed". It is what is
expected of a printer; what one really does is found out by probing (`printing.evidence`). `language` is
what it obeys: ESC/POS, or ZPL as label printers do.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

from protocol.errors import Invalid, NotFound

# Epson's table numbers (ESC t n). The order is the order of preference: one page for Western
# languages with the euro first, so that most receipts never change the page.
EPSON_PAGES: Final = (
    ("cp858", 19),
    ("cp437", 0),
    ("cp1252", 16),
    ("cp852", 18),
    ("cp866", 17),
    ("iso8859_7", 15),
    ("cp857", 13),
)

Confirms = Literal["gs_h", "gs_r", "none"]


@dataclass(frozen=True, slots=True)
class Profile:
    """The width, letters and abilities of one kind of printer. Dots are printable dots at 203 dpi."""

    name: str
    dots: int
    columns: int
    code_pages: tuple[tuple[str, int], ...]
    native_qr: bool
    native_code128: bool
    confirms: Confirms
    language: Literal["escpos", "zpl"] = "escpos"

    @property
    def cell_dots(self) -> int:
        """Return the width of one column in dots."""
        return self.dots // self.columns


PROFILES: Final[dict[str, Profile]] = {
    profile.name: profile
    for profile in (
        Profile("epson_80", 576, 48, EPSON_PAGES, native_qr=True, native_code128=True, confirms="gs_h"),
        Profile("epson_58", 384, 32, EPSON_PAGES, native_qr=True, native_code128=True, confirms="gs_h"),
        Profile(
            "generic_80", 576, 48, (("cp437", 0),), native_qr=False, native_code128=False, confirms="none"
        ),
        Profile(
            "generic_58", 384, 32, (("cp437", 0),), native_qr=False, native_code128=False, confirms="none"
        ),
        Profile(
            "label_4in", 832, 69, (), native_qr=True, native_code128=True, confirms="none", language="zpl"
        ),
    )
}


def with_pages(profile: Profile, pages: str) -> Profile:
    """Return a profile whose code pages stand where a person read them, `codec:number` between commas.

    Raises:
        Invalid: an unknown codec, or a number that is none of a table.
    """
    if not pages:
        return profile
    found = []
    for each in pages.split(","):
        codec, _colon, number = each.partition(":")
        if codec not in dict(EPSON_PAGES) or not number.isdigit() or int(number) > 255:
            raise Invalid(
                f"{each!r} is no code page.", "Write it as cp858:19, codec and table.", code="bad_page"
            )
        found.append((codec, int(number)))
    return replace(profile, code_pages=tuple(found))


def profile_of(name: str) -> Profile:
    """Return a profile by its name.

    Raises:
        NotFound: when there is none of that name.
    """
    if name not in PROFILES:
        known = ", ".join(sorted(PROFILES))
        raise NotFound(f"There is no printer profile {name!r}.", f"Use one of: {known}.", profile=name)
    return PROFILES[name]
