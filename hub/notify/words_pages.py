"""The company's own words on the screen: which there are, one case with its preview, what it was before."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Path, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from hub.console.web import OPS, go_to, locked, may, show
from hub.context import Hub
from hub.notify import rows, words_steps
from hub.notify.rules import Kind
from hub.notify.wording import FIELDS, LANGUAGES
from hub.notify.words import case_word, kind_word, language_word
from hub.notify.words_steps import TOO_LONG, Stands, WordsWanted
from hub.web import REFUSALS, Anybody, Ops, TheHub
from protocol.errors import Invalid, OrderspineError
from protocol.kit.text import _

PATH: Final = "/notices/words"
ONE: Final = PATH + "/{kind}/{case}/{language}"
Case = Annotated[str, Path(max_length=20, pattern=r"^[a-z_]+$")]
Language = Annotated[str, Path(pattern=r"^(en|de)$")]
Text = Annotated[str, Field(max_length=TOO_LONG, pattern=r"^[^\x00]*$")]

router = APIRouter(include_in_schema=False)
programs = APIRouter(prefix="/api", tags=["notices"], responses=REFUSALS)


class Typed(BaseModel):
    """The form as it was typed, and which of its buttons was pressed."""

    subject: Text = ""
    opening: Text = ""
    closing: Text = ""
    version: Annotated[int, Field(ge=0)] = 0
    to: Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")] = ""
    do: Annotated[str, Field(pattern=r"^(look|keep|test|restore)$")] = "look"

    @property
    def wanted(self) -> WordsWanted:
        """Return the words; a browser ends lines with two characters."""
        texts = {
            name: getattr(self, name).replace("\r\n", "\n") for name in ("subject", "opening", "closing")
        }
        return WordsWanted(version=self.version, **texts)


class WordsView(BaseModel):
    """What is said in one case, in one language; not `own`: by the program."""

    kind: str
    case: str
    language: str
    version: int
    own: bool
    subject: str
    opening: str
    closing: str


@router.get(PATH)
def words(request: Request, hub: TheHub, person: Anybody) -> Response:
    """List the words of every case."""
    if not may(person, OPS):
        return locked(request, _("Words"), OPS)
    found: dict[tuple[Kind, str], list[Stands]] = {}
    for each in words_steps.everything(hub):
        found.setdefault((each.kind, each.case), []).append(each)
    return show(
        request,
        "notify/words.html",
        found=[(kind_word(kind), case_word(case), each) for (kind, case), each in found.items()],
        languages=[(code, language_word(code)) for code in LANGUAGES],
        own=sum(each.own for every in found.values() for each in every),
    )


@router.get(ONE)
def one(  # noqa: PLR0917 - a case has three names
    request: Request,
    hub: TheHub,
    person: Anybody,
    kind: Kind,
    case: Case,
    language: Language,
    said: Annotated[str, Query(pattern=r"^(kept|restored)?$")] = "",
) -> Response:
    """Show the words of a case, beside the mail that they make."""
    if not may(person, OPS):
        return locked(request, _("Words"), OPS)
    done = {"kept": _("It counts from now on."), "restored": _("The program's own words count again.")}
    return _page(request, hub, (kind, case, language), None, said=done.get(said, ""))


@router.post(ONE)
def change(  # noqa: PLR0917 - a case has three names
    request: Request,
    hub: TheHub,
    person: Ops,
    kind: Kind,
    case: Case,
    language: Language,
    form: Annotated[Typed, Form()],
) -> Response:
    """Look at words, send them as a test, let them count; what was typed stays when it is refused."""
    here, path = (kind, case, language), f"{PATH}/{kind.value}/{case}/{language}"
    try:
        match form.do:
            case "keep":
                words_steps.keep(hub, *here, form.wanted, by=person.name)
                return go_to(path, said="kept")
            case "restore":
                words_steps.restore(hub, *here, form.version, by=person.name)
                return go_to(path, said="restored")
            case "test":
                _check_address(form.to)
                made = words_steps.send_test(hub, *here, form.wanted, to=form.to.strip(), by=person.name)
                return go_to(f"/notices/{made}", said="queued")
            case _:
                words_steps.try_out(hub, *here, form.wanted)
    except OrderspineError as error:
        return _page(request, hub, here, form, wrong=f"{error.what} {error.remedy}", status=422)
    return _page(request, hub, here, form)


@programs.get("/notices/words")
def listed(hub: TheHub, _person: Ops) -> list[WordsView]:
    """List the words of every case in every language, with the names in braces that stand for facts."""
    return [
        WordsView(**{name: getattr(each, name) for name in WordsView.model_fields})
        for each in words_steps.everything(hub)
    ]


@programs.post("/notices/words/{kind}/{case}/{language}")
def keep(  # noqa: PLR0917 - a case has three names
    hub: TheHub, person: Ops, kind: Kind, case: Case, language: Language, wanted: WordsWanted
) -> dict[str, int]:
    """Let words count from now on; return their version."""
    return {"version": words_steps.keep(hub, kind, case, language, wanted, by=person.name)}


def _check_address(to: str) -> None:
    name, at, domain = to.strip().partition("@")
    if not name or not at or not domain or not to.strip().isascii() or len(to.split()) != 1:
        raise Invalid(
            _("{text} is no mail address.", text=to.strip()[:40] or "–"),
            _("Type one such as anna@shop.example."),
            code="bad_address",
        )


def _page(
    request: Request,
    hub: Hub,
    here: tuple[Kind, str, str],
    form: Typed | None,
    *,
    wrong: str = "",
    said: str = "",
    status: int = 200,
) -> Response:
    with hub.database.read() as connection:
        known = words_steps.stands(hub, connection, *here)
        history = rows.words_history(connection, *here)
    typed: Any = form or known
    try:
        made = words_steps.try_out(hub, *here, form.wanted if form else _as_wanted(known))
    except OrderspineError:
        made = None
    return show(
        request,
        "notify/words_one.html",
        status_code=status,
        known=known,
        typed=typed,
        path=f"{PATH}/{here[0].value}/{here[1]}/{here[2]}",
        title=f"{kind_word(here[0])}, {case_word(here[1])}",
        language_name=language_word(here[2]),
        fields=FIELDS[here[0]],
        made=made,
        history=history,
        wrong=wrong,
        said=said,
        to=form.to if form else "",
        server=bool(hub.settings.smtp_host),
    )


def _as_wanted(known: Stands) -> WordsWanted:
    return WordsWanted(
        subject=known.subject, opening=known.opening, closing=known.closing, version=known.version
    )
