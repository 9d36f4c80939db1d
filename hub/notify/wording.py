"""The words of a notice that a company may choose: which cases there are, what may stand in them. Pure.

Which fact leads to which notice, its lines, codes and amounts are the program's; how it is said is the
company's. A name in braces stands for a fact. What a reader would get wrong: braces that name nothing are
refused when the words are kept, so nothing can be missing when a mail leaves at night.
"""

import re
from collections.abc import Mapping
from typing import Final

from hub.notify.of_returns import OF_RETURNS
from hub.notify.rules import Facts, Kind
from protocol.errors import Invalid
from protocol.kit.text import _

CASES: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.RECEIVED: ("collect", "ship"),
    Kind.READY: ("collect",),
    Kind.REMINDER: ("collect",),
    Kind.SHIPPED: ("ship",),
    Kind.CANCELLED: ("whole_asked", "whole", "part_asked", "part"),
    Kind.CHANGED: ("collect", "ship"),
    Kind.RETURN_EXPECTED: ("sent_back",),
    Kind.RETURN_ARRIVED: ("sent_back",),
    Kind.RETURN_REFUNDED: ("sent_back",),
    Kind.RETURN_REFUSED: ("sent_back",),
}
"""What a kind of notice says depends on these; each case has words of its own in each language."""
FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    Kind.RECEIVED: ("number", "name", "shop", "total", "due", "place"),
    Kind.READY: ("number", "name", "shop", "place", "keep_until"),
    Kind.REMINDER: ("number", "name", "shop", "place", "keep_until"),
    Kind.SHIPPED: ("number", "name", "shop", "parcels"),
    Kind.CANCELLED: ("number", "name", "shop"),
    Kind.CHANGED: ("number", "name", "shop", "total", "due", "place"),
    Kind.RETURN_EXPECTED: ("number", "name", "shop", "due", "place"),
    Kind.RETURN_ARRIVED: ("number", "name", "shop", "place"),
    Kind.RETURN_REFUNDED: ("number", "name", "shop", "total"),
    Kind.RETURN_REFUSED: ("number", "name", "shop"),
}
LANGUAGES: Final = ("en", "de")
SUBJECT_CHARS: Final = 150
TEXT_CHARS: Final = 2_000
_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_LOOSE: Final = re.compile(r"[{}]")


def case_of(kind: Kind, facts: Facts) -> str:
    """Return which words of a kind fit its facts."""
    if kind is Kind.CANCELLED:
        return ("whole" if facts.whole else "part") + ("_asked" if facts.by_customer else "")
    if kind in OF_RETURNS:
        return "sent_back"
    if kind is Kind.SHIPPED or (kind in {Kind.RECEIVED, Kind.CHANGED} and facts.ship):
        return "ship"
    return "collect"


def check(kind: Kind, case: str, language: str, *, subject: str, opening: str, closing: str) -> None:
    """Let words through that can always be said.

    Raises:
        Invalid: there are no such words, a text is missing or too long, or names what is not known.
    """
    if case not in CASES.get(kind, ()) or language not in LANGUAGES:
        raise Invalid(_("There are no such words."), _("Choose a notice from the list."), code="no_words")
    for text, longest in ((subject, SUBJECT_CHARS), (opening, TEXT_CHARS), (closing, TEXT_CHARS)):
        if len(text) > longest:
            raise Invalid(
                _("A text has {n} letters, {most} are allowed.", n=len(text), most=longest),
                _("Say it more briefly."),
                code="words_too_long",
            )
    if not subject.strip() or not opening.strip():
        raise Invalid(
            _("A mail needs a subject and a first sentence."), _("Fill in both."), code="words_missing"
        )
    if any(ord(letter) < 32 for letter in subject):
        raise Invalid(_("A subject is one line."), _("Take the line break out."), code="subject_lines")
    for text in (subject, opening, closing):
        _check_fields(kind, text)


def _check_fields(kind: Kind, text: str) -> None:
    known = FIELDS[kind]
    unknown = [name for name in _FIELD.findall(text) if name not in known]
    if unknown or _LOOSE.search(_FIELD.sub("", text)):
        raise Invalid(
            _("{name} stands for nothing here.", name="{" + (unknown[0] if unknown else "") + "}"),
            _("Known are: {fields}.", fields=", ".join("{" + name + "}" for name in known)),
            code="unknown_field",
        )


def fill(text: str, fields: Mapping[str, str]) -> str:
    """Return a text with its facts; a fact that looks like a field stays as it is."""
    return _FIELD.sub(lambda found: fields.get(found[1], ""), text)


def paragraphs(text: str) -> tuple[str, ...]:
    """Return a text paragraph by paragraph, each on one line."""
    return tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()) if part.strip())
