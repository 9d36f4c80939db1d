"""The company's own words for what customers are told: what counts, trying other words, keeping them.

Every version that ever counted stays, and a notice that was sent says which it had; so its page shows it as
it was, whatever the words have become.
"""

from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.engine import Connection

from hub.context import Hub
from hub.database import HubUnit
from hub.notify import letters, rows
from hub.notify.letters import Written, speaking
from hub.notify.rows import Words, notice_words
from hub.notify.rules import Facts, Kind, Said, SaidLine, SaidParcel, Wanted
from hub.notify.sender import TOPIC
from hub.notify.wording import CASES, LANGUAGES, TEXT_CHARS, check
from hub.web import Wanted as Body
from protocol.clock import DAY_US
from protocol.customers import Contact
from protocol.errors import IllegalTransition, StaleVersion
from protocol.kit.text import _

NUMBER: Final = "LB1-00042"
TOO_LONG: Final = 2 * TEXT_CHARS
"""Longer than any text may be: what is a little too long is refused with a sentence, not as malformed."""


class WordsWanted(Body):
    """Words for one case of a notice in one language. Names in braces stand for facts."""

    subject: str = Field(max_length=TOO_LONG, pattern=r"^[^\x00]*$")
    opening: str = Field(max_length=TOO_LONG, pattern=r"^[^\x00]*$")
    closing: str = Field(default="", max_length=TOO_LONG, pattern=r"^[^\x00]*$")
    """Paragraphs after the list of goods, with empty lines between them."""
    version: int = Field(ge=0)
    """The newest that whoever writes has seen; 0 when there is none."""


@dataclass(frozen=True, slots=True)
class Stands:
    """What is said in one case, in one language, as it stands."""

    kind: Kind
    case: str
    language: str
    version: int
    own: bool
    subject: str
    opening: str
    closing: str
    by: str
    at_us: int


def everything(hub: Hub) -> list[Stands]:
    """Return the words of every case in every language."""
    with hub.database.read() as connection:
        return [
            stands(hub, connection, kind, case, language)
            for kind, cases in CASES.items()
            for case in cases
            for language in LANGUAGES
        ]


def stands(hub: Hub, connection: Connection, kind: Kind, case: str, language: str) -> Stands:
    """Return the words that count in a case: the company's, or the program's with its names in braces.

    Raises:
        Invalid: there is no such case or language.
    """
    check(kind, case, language, subject="x", opening="x", closing="")
    found = rows.words_of(connection, kind, case, language)
    version = found.version if found is not None else 0
    by, at_us = (found.by, found.at_us) if found is not None else ("", 0)
    if found is not None and found.own:
        texts = (found.subject, found.opening, found.closing)
    else:
        texts = _program_words(hub, kind, case, language)
    return Stands(kind, case, language, version, found is not None and found.own, *texts, by, at_us)


def keep(hub: Hub, kind: Kind, case: str, language: str, wanted: WordsWanted, *, by: str) -> int:
    """Let words count from now on and return their version.

    Raises:
        Invalid: they cannot be used; says why.
        StaleVersion: somebody else has changed them meanwhile.
    """
    check(kind, case, language, subject=wanted.subject, opening=wanted.opening, closing=wanted.closing)
    return _keep(hub, kind, case, language, wanted, by=by, own=True)


def restore(hub: Hub, kind: Kind, case: str, language: str, version: int, *, by: str) -> int:
    """Let the program's words count again and return the version that says so.

    Raises:
        Invalid: there is no such case or language.
        StaleVersion: somebody else has changed them meanwhile.
    """
    check(kind, case, language, subject="x", opening="x", closing="")
    wanted = WordsWanted(subject="", opening="", closing="", version=version)
    return _keep(hub, kind, case, language, wanted, by=by, own=False)


def _keep(hub: Hub, kind: Kind, case: str, language: str, wanted: WordsWanted, *, by: str, own: bool) -> int:
    def step(unit: HubUnit) -> int:
        newest = rows.words_of(unit.connection, kind, case, language)
        before = newest.version if newest is not None else 0
        if before != wanted.version:
            raise StaleVersion(
                _("Somebody else has changed these words meanwhile."),
                _("What you typed is kept below. Look at theirs, then keep yours."),
                code="words_changed",
            )
        row = {
            "kind": kind.value,
            "case": case,
            "language": language,
            "version": before + 1,
            "own": own,
            "subject": wanted.subject.strip(),
            "opening": wanted.opening.strip(),
            "closing": wanted.closing.strip(),
            "by": by,
            "at_us": hub.clock.now_us(),
        }
        unit.connection.execute(sa.insert(notice_words).values(row))
        return before + 1

    return hub.database.write(step)


def try_out(hub: Hub, kind: Kind, case: str, language: str, wanted: WordsWanted) -> Written:
    """Return a made-up notice in these words; nothing is kept.

    Raises:
        Invalid: they cannot be used; says why.
    """
    check(kind, case, language, subject=wanted.subject, opening=wanted.opening, closing=wanted.closing)
    words = Words(
        kind.value, case, language, 0, own=True, **wanted.model_dump(exclude={"version"}), by="", at_us=0
    )
    return _written(hub, kind, case, language, words)


def send_test(
    hub: Hub, kind: Kind, case: str, language: str, wanted: WordsWanted, *, to: str, by: str
) -> str:
    """Queue a made-up notice in these words to somebody of the company and return the notice's id.

    Raises:
        Invalid: they cannot be used; says why.
        IllegalTransition: no mail server is set up.
    """
    made = try_out(hub, kind, case, language, wanted)
    if not hub.settings.smtp_host:
        raise IllegalTransition(
            _("No mail server is set up."), _("Set smtp_host and mail_from, then try."), code="no_mail_server"
        )
    said = Said(to=to, subject=_("Test: {subject}", subject=made.subject), text=made.text, html=made.html)
    notice_id = hub.ids.new_id()

    def step(unit: HubUnit) -> None:
        rows.add(
            unit.connection,
            Wanted(Kind.TEST, "", "", notice_id),
            notice_id=notice_id,
            now_us=hub.clock.now_us(),
            asked_by=by,
            facts=Facts(said=said),
        )
        unit.after_commit(lambda: hub.broadcaster.publish(TOPIC))

    hub.database.write(step)
    return notice_id


def _program_words(hub: Hub, kind: Kind, case: str, language: str) -> tuple[str, str, str]:
    """Return what the program says, with every fact of the made-up notice as its name in braces."""
    facts, contact = _made_up(hub, case), _nobody(language)
    with speaking(language):
        letter = letters.letter_of(kind, NUMBER, facts, contact, shop=hub.settings.name)
        fields = letters.fields_of(NUMBER, facts, contact, hub.settings.name)
    texts = []
    for text in (letter.subject, letter.opening, "\n\n".join(letter.closing)):
        for name in ("number", "place", "due", "keep_until", "total", "parcels"):
            text = text.replace(fields[name], "{" + name + "}")  # noqa: PLW2901 - one text, fact by fact
        texts.append(text)
    return texts[0], texts[1], texts[2]


def _written(hub: Hub, kind: Kind, case: str, language: str, words: Words) -> Written:
    facts, contact = _made_up(hub, case), _nobody(language)
    made = letters.write(kind, NUMBER, facts, contact, shop=hub.settings.name, words=words)
    # Its QR code would be a picture beside the text, which a test has no part for.
    return replace(made, html=made.html.replace('src="cid:order-code"', 'src=""'), qr="")


def _nobody(language: str) -> Contact:
    return Contact(contact_id="nobody", first_name="Anna", last_name="Reed", language=language)


def _made_up(hub: Hub, case: str) -> Facts:
    due_us = hub.clock.now_us() + DAY_US
    return Facts(
        ship=case == "ship",
        location="store-1",
        place="Leeds Briggate",
        zone=hub.settings.zone,
        due_us=due_us,
        keep_until_us=due_us + 7 * DAY_US,
        pickup_code="482913",
        currency=hub.settings.currency,
        total_minor=74_95,
        lines=(SaidLine(name="Ceramic cakestand", quantity=1), SaidLine(name="Paper napkins", quantity=3)),
        parcels=(SaidParcel(carrier="own", tracking="LB-1"), SaidParcel(carrier="own", tracking="LB-2")),
        whole=not case.startswith("part"),
        by_customer=case.endswith("_asked"),
        return_number="LB1-A00012",
        refund="inspected",
    )
