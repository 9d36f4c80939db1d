"""How an API's description tells of refusals: one model, named by every route and described once.

A route that named the model in FastAPI's own way would have a validator of it built for each status, ten for
every route: most of the time in which a program starts.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

COMPONENT: Final = "#/components/schemas/{model}"


class ErrorSaid(BaseModel):
    """What happened and what to do, for a person and for a program."""

    code: str
    what: str
    remedy: str
    facts: dict[str, Any]
    id: str


class ErrorAnswer(BaseModel):
    """The body of every refusal."""

    error: ErrorSaid


def refusals(said: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Return what the routes of a router say of their refusals, by status."""
    schema = {"$ref": COMPONENT.format(model=ErrorAnswer.__name__)}
    content = {"application/json": {"schema": schema}}
    return {status: {"description": text, "content": content} for status, text in said.items()}


def describe(description: dict[str, Any], **models: type[BaseModel]) -> None:
    """Add the models that routes only name to the description of an API."""
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    known: dict[str, type[BaseModel]] = {ErrorAnswer.__name__: ErrorAnswer, **models}
    for name, model in known.items():
        schema = model.model_json_schema(ref_template=COMPONENT)
        for inner, definition in schema.pop("$defs", {}).items():
            schemas.setdefault(inner, definition)
        schemas[name] = schema
