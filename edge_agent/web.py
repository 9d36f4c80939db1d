"""What every route of the store uses: its edge, its person, its error shape, and a quick way to read a body.

`parsed` reads a request's JSON straight into a model: FastAPI's own way parses it twice and walks its
dependency tree, which costs a fifth of a sale.
"""

from typing import Any, Final, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from edge_agent.context import Edge
from protocol.errors import NotSignedIn
from protocol.kit.text import _
from protocol.kit.web.refusals import COMPONENT, describe, refusals
from protocol.kit.web.signin import CurrentPerson, current_person

Model = TypeVar("Model", bound=BaseModel)


REFUSALS: Final = refusals(
    {
        400: "The request cannot be read",
        401: "Nobody is signed in, or the PIN is wrong",
        403: "Needs somebody with more authority",
        404: "Not known here",
        405: "Not this way",
        409: "Refused as things stand",
        413: "Too large",
        422: "Malformed",
        429: "Too many tries",
        503: "Try again later",
    }
)

_bodies: dict[str, type[BaseModel]] = {}


async def edge_of(request: Request) -> Edge:
    """Return the store that this application is."""
    edge: Edge = request.app.state.edge
    return edge


async def signed_in(request: Request) -> CurrentPerson:
    """Return who is signed in.

    Raises:
        NotSignedIn: nobody is.
    """
    person = current_person(request)
    if person is None:
        raise NotSignedIn(_("Nobody is signed in."), _("Sign in, then try again."))
    return person


async def parsed(request: Request, model: type[Model]) -> Model:
    """Return the body of a request as a model."""
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False, include_context=False)) from error


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return what the API's description says of a body that `parsed` reads."""
    name = model.__name__
    if _bodies.setdefault(name, model) is not model:  # two rooms may call a body the same
        name = f"{model.__module__.replace('.', '__')}__{name}"
        _bodies[name] = model
    schema = {"$ref": COMPONENT.format(model=name)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def described(description: dict[str, Any]) -> dict[str, Any]:
    """Add the models that routes only name to the description of the API."""
    describe(description, **_bodies)
    return description


def answered(model: BaseModel, status_code: int = 200) -> Response:
    """Return a model as the response, without a second validation."""
    return Response(model.model_dump_json(), status_code=status_code, media_type="application/json")
