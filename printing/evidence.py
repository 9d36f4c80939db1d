"""How a printer shows that paper came out: what it is asked, what counts as an answer, how that is found out.

The grades are those on the printers page. A answers a token when everything before it has been printed (`GS
( H`, Epson: "transmitted when the printing is completed"). B answers a queued status (`GS r`) whose turn in
the buffer comes after the slip. C only says how it is (`DLE EOT`, `~HS`), which overtakes the paper and
proves nothing. E takes bytes and says nothing. What a printer claims to be (`GS I`) is never believed:
clones lie.
"""

from enum import StrEnum
from typing import Final, Literal

from printing.profiles import Profile
from printing.session import PROBE, Session
from protocol.clock import Clock

ASK_TO_ANSWER: Final = b"\x1d(H\x06\x0000"  # GS ( H fn 48: answer four letters when all before is printed
ASK_WHEN_THERE: Final = b"\x1dr\x01"  # GS r 1: the same question without letters


class Evidence(StrEnum):
    """What a printer's word is worth."""

    A = "A"
    B = "B"
    C = "C"
    E = "E"

    @property
    def confirms(self) -> bool:
        """Tell whether the printer can say that a slip was printed."""
        return self in {Evidence.A, Evidence.B}


def expected(profile: Profile) -> Evidence:
    """Return the grade that a kind of printer should have; only probing tells whether this one has it."""
    if profile.language == "zpl":
        return Evidence.C
    return {"gs_h": Evidence.A, "gs_r": Evidence.B, "none": Evidence.E}[profile.confirms]


def question(evidence: Evidence, kind: Literal["P", "C"], token: str) -> bytes:
    """Return what is asked behind the print (P) or behind the cut (C) of a slip."""
    if evidence is Evidence.A:
        return ASK_TO_ANSWER + f"{kind}{token}".encode()
    return ASK_WHEN_THERE if evidence is Evidence.B else b""


def answered(evidence: Evidence, session: Session, kind: Literal["P", "C"], token: str) -> bool:
    """Tell whether the printer has confirmed; the answer to the cut stands for the print's as well."""
    if evidence is Evidence.B:  # a number carries no name, so one among noise is not believed
        return not session.noise and session.numbers >= (1 if kind == "P" else 2)
    tokens = session.tokens
    return evidence is Evidence.A and (f"C{token}" in tokens or (kind == "P" and f"P{token}" in tokens))


def probe(session: Session, profile: Profile, clock: Clock, answer_seconds: float) -> Evidence:
    """Find out what a printer that answers for its status can say besides; nothing is printed for it.

    Both questions go at once and are answered in their order, so a number without a token before it means
    that there will be no token.

    Raises:
        PrinterUnavailable: when the connection is lost.
    """
    if profile.language == "zpl":
        return Evidence.C
    session.tokens.clear()
    session.numbers = 0
    out = b"\x1b@" + ASK_TO_ANSWER + PROBE.encode() + ASK_WHEN_THERE
    until = clock.monotonic() + answer_seconds
    while (left := until - clock.monotonic()) > 0:
        out = out[session.exchange(out, left) :]
        if PROBE in session.tokens:
            return Evidence.A
        if session.numbers:
            return Evidence.B
    return Evidence.C


def overheard(session: Session) -> Evidence | None:
    """Return what a printer's late answer to a probe shows: it was busy printing when it was asked."""
    if session.named:
        return Evidence.A
    return Evidence.B if session.numbered and not session.noise else None


def letters(secret_hex: str) -> str:
    """Return three printable letters for a token, made of six hexadecimal digits."""
    return "".join(chr(0x21 + byte % 94) for byte in bytes.fromhex(secret_hex))
