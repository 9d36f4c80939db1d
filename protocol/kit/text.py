"""Words in the language of the person who reads them.

English sentences are the keys. The current language is a context variable set per request, so that
one process serves an English till and a German one. `python -m protocol.kit.text` compiles the
catalogues after they were edited; a test keeps the compiled files equal to their sources.
"""

import gettext
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LOCALE_FOLDER = Path(__file__).parent / "locale"
LANGUAGES = ("en", "de")
language: ContextVar[str] = ContextVar("language", default="en")


def _(english: str, **values: object) -> str:
    """Return the sentence in the current language, with `{name}` places filled in."""
    said = _catalogue(language.get()).gettext(english)
    return said.format(**values) if values else said


def inside(word: str) -> str:
    """Return a word as it stands inside a sentence; German keeps the capital of its nouns."""
    return word[:1].lower() + word[1:] if language.get() == "en" else word


def choose_language(accept_language: str | None, preferred: str | None = None) -> str:
    """Return the first language we speak of a person's setting and a browser's wish."""
    wishes = [preferred or "", *(accept_language or "").split(",")]
    for wish in wishes:
        code = wish.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]


@cache
def _catalogue(code: str) -> gettext.NullTranslations:
    if code == "en":
        return gettext.NullTranslations()
    return gettext.translation("orderspine", LOCALE_FOLDER, languages=[code], fallback=True)


def compile_catalogues() -> list[Path]:
    """Compile every .po file beside its source and return what was written."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    written = []
    for source in sorted(LOCALE_FOLDER.glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        with source.open("rb") as po, target.open("wb") as mo:
            write_mo(mo, read_po(po))
        written.append(target)
    return written


if __name__ == "__main__":
    compile_catalogues()
