"""Verbs over HTTP: a row of a table says what is told, which step does it, what is answered; a route follows.

Every verb takes a key and may be sent twice, so every step answers what it has to say and whether that is
new. A step is told (unit, edge, what the path names, command, person=...). A `Verb` of the API answers with a
model; a `PageVerb` answers as its page wants it, mostly with the page drawn anew.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial, wraps
from inspect import Parameter, Signature
from string import Formatter
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel
from starlette.responses import Response

from edge_agent.context import Edge
from edge_agent.paper.scanned import codes_in
from edge_agent.paper.steps import slip_seen
from edge_agent.web import answered, body_of, edge_of, parsed, signed_in
from protocol.kit.web.signin import CurrentPerson

Step = Callable[..., tuple[Any, bool]]
Id: Final = Annotated[str, Path(min_length=1, max_length=64)]
"""What a path names, where a table does not say more of it."""


@dataclass(frozen=True, slots=True)
class Act:
    """A verb that was done, now or before under the same key: what its answer is made of."""

    request: Request
    edge: Edge
    person: CurrentPerson
    of: tuple[str, ...]
    """What the path names."""
    command: Any
    said: Any
    """What the step answered."""
    is_new: bool


Finish = Callable[[Act], BaseModel]
"""It may refuse what is stored already."""
Reply = Callable[[Act], Response]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of the API. `status` is what a new one gives; a repeated one always gives 200."""

    path: str
    command: type[BaseModel]
    answer: type[BaseModel]
    step: Step
    says: str
    finish: Finish | None = None
    status: int = 201
    who: Callable[..., Any] = signed_in


@dataclass(frozen=True, slots=True)
class PageVerb:
    """One verb of a page that does not navigate."""

    path: str
    command: type[BaseModel]
    step: Step
    reply: Reply


def nameless(step: Step) -> Step:
    """Return a step that does not want to know who does it, as a verb calls it."""

    @wraps(step)
    def told(*what: Any, person: CurrentPerson) -> tuple[Any, bool]:  # noqa: ARG001 - it is not asked for
        return step(*what)

    return told


def add_verbs(router: APIRouter, verbs: Iterable[Verb], **named: Any) -> None:
    """Add the route of each verb; `named` says what a name in the paths may look like."""
    for verb in verbs:
        repeated = {"model": verb.answer, "description": "It had been done under this key"}
        router.add_api_route(
            verb.path,
            _route(verb.path, verb.command, verb.step, _reply_of(verb), verb.who, named),
            methods=["POST"],
            status_code=verb.status,
            response_model=verb.answer,
            responses={} if verb.status == 200 else {200: repeated},
            openapi_extra=body_of(verb.command),
            name=verb.step.__name__,
            description=verb.says,
        )


def add_page_verbs(router: APIRouter, verbs: Iterable[PageVerb], **named: Any) -> None:
    """Add the route of each verb of a page."""
    for verb in verbs:
        route = _route(verb.path, verb.command, verb.step, verb.reply, signed_in, named)
        router.add_api_route(verb.path, route, methods=["POST"], response_model=None, name=verb.step.__name__)


def _reply_of(verb: Verb) -> Reply:
    def reply(act: Act) -> Response:
        answer = verb.finish(act) if verb.finish else act.said
        return answered(answer, verb.status if act.is_new else 200)

    return reply


def _route(  # noqa: PLR0917 - a verb in the order in which it happens
    path: str,
    command: type[BaseModel],
    step: Step,
    reply: Reply,
    who: Callable[..., Any],
    named: dict[str, Any],
) -> Callable[..., Any]:
    """Return what does a verb, with a signature that tells FastAPI what the path names and who may do it."""
    names = [field for _text, field, _format, _conversion in Formatter().parse(path) if field]

    async def do(request: Request, edge: Edge, person: CurrentPerson, **path_values: str) -> Response:
        wanted = await parsed(request, command)
        of = tuple(path_values[name] for name in names)
        for code in codes_in(wanted):  # a slip in somebody's hand has printed, whatever the verb comes to
            await edge.database.awrite(partial(slip_seen, edge=edge, code=code, person=person))
        said, is_new = await edge.database.awrite(lambda unit: step(unit, edge, *of, wanted, person=person))
        return reply(Act(request, edge, person, of, wanted, said, is_new))

    taken = {
        "request": Request,
        "edge": Annotated[Edge, Depends(edge_of)],
        "person": Annotated[CurrentPerson, Depends(who)],
        **{name: named.get(name, Id) for name in names},
    }
    do.__signature__ = Signature(  # type: ignore[attr-defined]  # what `inspect` and FastAPI read
        [Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind) for name, kind in taken.items()]
    )
    return do
