"""What a page is made of: the template environment, and what the frame around every page needs to know.

A room renders its page with `Templates.page` and gives it the room's own values only. The frame (strip,
tabs, person, CSRF token, demo banner, tour) comes from one function that the program registers with
`Templates.serve`, so no room passes it along. A missing value is an error, never a blank: StrictUndefined.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import BytecodeCache, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from jinja2.bccache import Bucket

from protocol.clock import Clock
from protocol.kit.system import SystemClock
from protocol.kit.text import _, language
from protocol.kit.web.assets import Assets
from protocol.kit.web.filters import add_filters, sentence
from protocol.kit.web.signin import CurrentPerson

Program = Literal["edge", "hub"]
Shape = Literal["done", "wait", "act", "calm", "live"]

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Tab:
    """One entry of the main navigation. `tally` is what waits there; `key` is its shortcut."""

    href: str
    word: str
    tally: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    """The connectivity strip: `word` in capitals, then `says`, then how long ago `since_us` was.

    Shape "live" is the quiet normal state; `accent` colours it while something is under way.
    """

    shape: Shape
    word: str
    says: str = ""
    since_us: int | None = None
    href: str = ""
    link: str = ""
    accent: bool = False


@dataclass(frozen=True, slots=True)
class TourStep:
    """One step of the first-minute tour; the program says whether it has happened."""

    word: str
    href: str
    done: bool


@dataclass(frozen=True, slots=True)
class Scanner:
    """How this device's scanner is recognised: by a prefix key when it sends one, by its pace otherwise."""

    prefix: str = ""
    suffix: str = "Enter"
    gap_ms: int = 35


@dataclass(frozen=True, slots=True)
class Shell:
    """The frame around one page.

    `find` is the address of the search form, `account` where a click on the person's name leads, `demo` the
    sentence of the demo banner; each is left out when empty. `position` is `request.state.position`.
    """

    program: Program
    place: str
    strip: Strip
    tabs: tuple[Tab, ...] = ()
    station: str = ""
    person: CurrentPerson | None = None
    csrf: str = ""
    zone: str = "Europe/London"
    now_us: int = 0
    home: str = "/"
    find: str = ""
    account: str = ""
    demo: str = ""
    tour: tuple[TourStep, ...] = ()
    events: str = "/events"
    position: int = 0
    scanner: Scanner = field(default_factory=Scanner)


class Templates:
    """Renders pages, and parts of them, inside the frame."""

    def __init__(self, environment: Environment, *, program: Program, clock: Clock, assets: Assets) -> None:
        self.environment = environment
        self.program = program
        self.clock = clock
        self.assets = assets
        self._shell_for: Callable[[Request], Shell] | None = None

    def serve(self, shell_for: Callable[[Request], Shell]) -> None:
        """Register the function that describes the frame of a request; called once, by the program."""
        self._shell_for = shell_for

    def shell(self, request: Request) -> Shell:
        """Return the frame of this request."""
        if self._shell_for is None:
            return self.bare_shell()
        return self._shell_for(request)

    def bare_shell(self) -> Shell:
        """Return a frame that needs no database: for the sign-in page before set-up and for failures."""
        place = _("Store PC") if self.program == "edge" else "Orderspine"
        return Shell(
            program=self.program, place=place, strip=Strip("calm", _("Ready")), now_us=self.clock.now_us()
        )

    def page(
        self,
        request: Request,
        name: str,
        /,
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        shell: Shell | None = None,
        **values: object,
    ) -> HTMLResponse:
        """Render `room/name.html`, a whole page or a part, as a response."""
        frame = shell or self.shell(request)
        text = self.environment.get_template(name).render(shell=frame, request=request, **values)
        return HTMLResponse(text, status_code=status_code, headers=dict(headers or {}))

    def block(
        self,
        request: Request,
        name: str,
        block: str,
        /,
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> HTMLResponse:
        """Render one `{% block %}` of a page: what an htmx request swaps in without a second template."""
        template = self.environment.get_template(name)
        context = template.new_context({"shell": self.shell(request), "request": request, **values})
        text = "".join(template.blocks[block](context))
        return HTMLResponse(text, status_code=status_code, headers=dict(headers or {}))


def room_templates(package: Path) -> dict[str, Path]:
    """Return every `<room>/templates` folder of a program under its room's name."""
    return {found.parent.name: found for found in sorted(package.glob("*/templates")) if found.is_dir()}


class _Compiled(BytecodeCache):
    """Templates that this process has compiled: another application in it need not do so again."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill a bucket with what is known of it; jinja compares the source."""
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED: Final = _Compiled()


def build_templates(
    folders: Mapping[str, Path],
    *,
    program: Program,
    clock: Clock | None = None,
    currency: str = "GBP",
    zone: str = "Europe/London",
    static: Mapping[str, Path] | None = None,
) -> Templates:
    """Return the templates of a program: `folders` maps a room's name to its folder of templates.

    `static` maps a room's name to its folder of scripts and styles, served under `/static/<room>/`.
    """
    environment = Environment(
        loader=ChoiceLoader(
            [
                FileSystemLoader(HERE / "templates"),
                PrefixLoader({room: FileSystemLoader(folder) for room, folder in folders.items()}),
            ]
        ),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
        bytecode_cache=_COMPILED,
    )
    clock = clock or SystemClock()
    assets = Assets({"": HERE / "static", **(static or {})})
    add_filters(environment, clock, currency, zone)
    environment.globals.update(_=sentence, asset=assets.url, language=language.get)
    environment.globals["ui"] = environment.get_template("macros.html").module
    return Templates(environment, program=program, clock=clock, assets=assets)
