"""The JSON door to the solver: instances as files name them, checked, and plans as they are written.

Amounts are cents, weights grams. What is not named here is ignored, because sets of instances carry notes;
what is named and makes no sense is refused with the place where it stands, and then no plan is made at all.
"""

import itertools
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.route.rules.instance import Infeasible, Instance, Line, Option, Plan, Site
from hub.route.rules.solve import solve
from protocol.errors import Invalid
from protocol.kit.text import _

SAID: Final = 5
"""Faults that a refusal names; the rest are counted."""
LINES: Final = 200
LOCATIONS: Final = 100_000
UNITS: Final = 1_000_000

Name = Annotated[str, Field(min_length=1, max_length=64)]
Units = Annotated[int, Field(ge=0, le=UNITS, strict=True)]
Cents = Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000, strict=True)]
"""So many that no plan's money outgrows the place that it has in a weight (`rules.tables`)."""
Grams = Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class LineRead(_Read):
    """One line of an order."""

    id: Name
    qty: Annotated[int, Field(ge=1, le=10_000, strict=True)]
    weight_g: Grams = 0
    splittable: bool = True
    group: Annotated[str, Field(max_length=64)] | None = None


class OptionRead(_Read):
    """One service of a location."""

    service: Name
    late_days: Annotated[int, Field(ge=0, le=10_000, strict=True)] = 0
    fixed_cents: Cents = 0
    bands: Annotated[tuple[tuple[Grams, Cents], ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        weights = [up_to for up_to, _cents in self.bands]
        if any(after <= before for before, after in itertools.pairwise(weights)):
            msg = "the weights of the bands do not rise"
            raise ValueError(msg)
        return self


class LocationRead(_Read):
    """What one location could give."""

    id: Name
    cap_units: Units
    atp: dict[str, Units]
    pick_line_cents: Cents = 0
    pick_unit_cents: Cents = 0
    unit_cents: dict[str, Cents] = {}
    opp_cents: dict[str, Annotated[tuple[Cents, ...], Field(max_length=10_000)]] = {}
    options: Annotated[tuple[OptionRead, ...], Field(max_length=100)]


class InstanceRead(_Read):
    """One question."""

    id: Name
    kind: Literal["ship", "pickup"]
    max_shipments: Annotated[int, Field(ge=1, le=1_000, strict=True)]
    lines: Annotated[tuple[LineRead, ...], Field(max_length=LINES)]
    locations: Annotated[tuple[LocationRead, ...], Field(max_length=LOCATIONS)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        lines = [line.id for line in self.lines]
        places = [location.id for location in self.locations]
        for what, names in (("line", lines), ("location", places)):
            if len(set(names)) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                msg = f"the {what} {twice} stands here twice"
                raise ValueError(msg)
        known = set(lines)
        for location in self.locations:
            unknown = (location.atp.keys() | location.unit_cents.keys() | location.opp_cents.keys()) - known
            if unknown:
                msg = f"{location.id} names the line {min(unknown)}, which the order does not have"
                raise ValueError(msg)
        return self

    def instance(self) -> Instance:
        """Return the question as the solver reads it."""
        return Instance(
            id=self.id,
            kind=self.kind,
            max_shipments=self.max_shipments,
            lines=tuple(
                Line(line.id, line.qty, line.weight_g, line.splittable, line.group or "")
                for line in self.lines
            ),
            sites=tuple(
                Site(
                    location=at.id,
                    cap_units=at.cap_units,
                    atp=at.atp,
                    pick_line_minor=at.pick_line_cents,
                    pick_unit_minor=at.pick_unit_cents,
                    unit_minor=at.unit_cents,
                    opportunity_minor=at.opp_cents,
                    options=tuple(
                        Option(option.service, option.late_days, option.fixed_cents, option.bands)
                        for option in at.options
                    ),
                )
                for at in self.locations
            ),
        )


def read_instances(text: str | bytes) -> list[Instance]:
    """Return the questions of a file: a list of instances, or `{"items": [{"instance": …}, …]}`.

    Raises:
        Invalid: it is not JSON, not such a list, or an instance makes no sense; says where.
    """
    try:
        said = json.loads(text)
    except ValueError as error:
        raise _unreadable(_("it is not JSON: {why}", why=str(error))) from error
    rows = said.get("items") if isinstance(said, dict) else said
    if not isinstance(rows, list):
        raise _unreadable(_("it holds no list of instances"))
    found: list[Instance] = []
    faults: list[str] = []
    for n, row in enumerate(rows):
        inner = row["instance"] if isinstance(row, dict) and "instance" in row else row
        try:
            found.append(InstanceRead.model_validate(inner).instance())
        except ValidationError as error:
            name = inner.get("id") if isinstance(inner, dict) else None
            faults += [f"{name or f'instance {n + 1}'}: {_where(fault)}" for fault in error.errors()]
    if faults:
        more = _("{n} more", n=len(faults) - SAID)
        raise _unreadable("; ".join([*faults[:SAID], *([more] if len(faults) > SAID else [])]))
    return found


def plans_of(instances: Sequence[Instance], *, force: str = "", forbid: str = "") -> list[dict[str, Any]]:
    """Return the best plan of every instance; `force` and `forbid` count where the instance has the location.

    Raises:
        Invalid: no instance has the location.
    """
    for named in (force, forbid):
        if named and not any(site.location == named for each in instances for site in each.sites):
            raise Invalid(
                _("No instance has a location {location}.", location=named[:64]),
                _("Name one of the locations in the file."),
                code="unknown_location",
            )
    return [_answer(each, force, forbid) for each in instances]


def _answer(instance: Instance, force: str, forbid: str) -> dict[str, Any]:
    here = {site.location for site in instance.sites}
    plan = solve(instance, force=force if force in here else "", forbid=frozenset({forbid} & here))
    return {"id": instance.id, **written(plan)}


def written(plan: Plan | Infeasible) -> dict[str, Any]:
    """Return a plan as the door writes it; `bound` only where it is not proven to be the best."""
    if isinstance(plan, Infeasible):
        return {"infeasible": plan.code}
    said: dict[str, Any] = {
        "shipments": [
            {"location": each.location, "service": each.service, "lines": dict(each.units)}
            for each in plan.shipments
        ],
        "unserved": dict(plan.unserved),
        "objective": list(plan.objective),
        "proof": plan.proof,
    }
    return said if plan.proof == "optimal" else {**said, "bound": list(plan.bound)}


def _unreadable(why: str) -> Invalid:
    return Invalid(
        _("The instances cannot be read: {why}.", why=why),
        _("Correct the file; the format stands in hub/route/README.md."),
        code="bad_instances",
    )


def _where(fault: Any) -> str:
    place = "".join([f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]])
    said = str(fault["msg"]).removeprefix("Value error, ")
    return f"{place.lstrip('.')}: {said}" if place else said
