"""Every sentence that people read has a German one with the same places to fill in."""

import string
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from protocol.kit.text import LOCALE_FOLDER, _, inside, language

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Return every sentence that the code marks."""
    out = tmp_path_factory.mktemp("words") / "all.pot"
    # The warnings of the extraction's own dependencies are none of ours.
    command = [sys.executable, "-W", "ignore", "-m", "babel.messages.frontend", "-q", "extract", "-k", "_"]
    command += ["-F", str(LOCALE_FOLDER / "babel.cfg"), "--no-location", "-o", str(out)]
    command += ["protocol", "printing", "edge_agent", "hub", "deploy"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
    with out.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def german() -> Catalog:
    with (LOCALE_FOLDER / "de" / "LC_MESSAGES" / "orderspine.po").open("rb") as file:
        return read_po(file, locale="de")


@pytest.mark.timeout(90)
def test_every_sentence_of_the_code_has_a_german_one(said: Catalog, german: Catalog) -> None:
    known = {message.id for message in german if message.string}

    assert len(said) > 1_000
    assert sorted(str(message.id) for message in said if message.id and message.id not in known) == []


def test_every_german_sentence_has_the_places_of_its_english_one(german: Catalog) -> None:
    def places(text: str) -> set[str]:
        return {name for _text, name, _spec, _conversion in string.Formatter().parse(text) if name}

    assert [m.id for m in german if m.id and places(str(m.id)) != places(str(m.string))] == []


def test_a_sentence_is_said_in_the_language_of_the_one_who_asked() -> None:
    before = language.set("de")
    try:
        assert _("Port {port} is free.", port=9100) == "Port 9100 ist frei."
        assert inside("Kassenbon") == "Kassenbon"
    finally:
        language.reset(before)
    assert _("Port {port} is free.", port=9100) == "Port 9100 is free."
    assert inside("Receipt") == "receipt"
