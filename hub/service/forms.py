"""What came with a form, and what is wrong with it: nothing that somebody typed is lost by a refusal.

A page's form is read as texts, so that whatever was typed can be shown again beside what to do about it. The
models that programs use say what is allowed; here their complaints become sentences beside a field.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from fastapi import Request
from pydantic import BaseModel, ValidationError

from hub.promises import PromiseWanted
from protocol.clock import to_us
from protocol.errors import Invalid, OrderspineError
from protocol.kit.moments import OUT_OF_RANGE
from protocol.kit.text import _
from protocol.money import parse_minor

UNITS: Final = 1_000_000
FIELDS: Final = 500
"""More than the largest order has lines, twice."""
Model = TypeVar("Model", bound=BaseModel)


OPTION_PARTS: Final = 5
DRAFT_BYTES: Final = 300_000
SECRET: Final = "approver_password"  # noqa: S105 - the name of a field


class Option(NamedTuple):
    """One of the promises that were offered, as a form names it."""

    kind: str
    location: str
    service: str
    name: str
    """Under which the hub keeps it for some minutes (`hub.offers`)."""

    @property
    def value(self) -> str:
        """What stands in the form."""
        return ":".join(("option", *self))

    def is_like(self, other: "Option | None") -> bool:
        """Tell whether another one, offered earlier, was the same way to the same place."""
        return other is not None and self[:3] == other[:3]


def is_whole(text: str, most: int) -> bool:
    """Tell whether a text is a whole number, none or up to `most`, in digits alone."""
    return text.isascii() and text.isdigit() and len(text) <= len(str(most)) and int(text) <= most


def part_of(model: type[Model], /, **said: Any) -> Model:
    """Return a part of what a form asks for, such as one line.

    Raises:
        Invalid: `bad_form`, the field of that part cannot be used as it is.
    """
    try:
        return model.model_validate(said)
    except ValidationError as error:
        raise Invalid(_("The form cannot be read."), _("Look at what was typed."), code="bad_form") from error


@dataclass(slots=True)
class Form:
    """Texts by name, and what is wrong by the name of its field; "" stands for the whole form."""

    texts: dict[str, str] = field(default_factory=dict)
    several: dict[str, list[str]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    reasons: Sequence[Mapping[str, str]] = ()
    """Why no location could, for a refusal that names them."""

    def get(self, name: str, default: str = "") -> str:
        """Return what was typed into a field."""
        return self.texts.get(name, default)

    def set_default(self, **texts: str) -> None:
        """Fill fields that nobody has seen yet."""
        for name, text in texts.items():
            self.texts.setdefault(name, text)

    def refuse(self, error: OrderspineError) -> None:
        """Keep what a step refused."""
        self.errors[""] = f"{error.what} {error.remedy}"
        reasons = error.facts.get("reasons")
        if isinstance(reasons, list | tuple):
            self.reasons = [
                {name: str(row[name]) for name in ("location", "code", "fact")} for row in reasons
            ]

    def read(
        self, model: type[Model], said: Mapping[str, Any], names: Mapping[str, str] | None = None
    ) -> Model | None:
        """Return what was said as a model; None when it cannot be, with the errors kept by field.

        `names` maps where a model complains (`customer.email`) to the field that it came from.
        """
        try:
            return model.model_validate(said)
        except ValidationError as error:
            for fault in error.errors(include_url=False):
                where = ".".join(str(part) for part in fault["loc"])
                name = (names or {}).get(where, where.rpartition(".")[2])
                self.errors.setdefault(name, _complaint(fault))
            return None

    def quantities(self, *, lines: int, units: int, wrong: Callable[[str], str]) -> dict[str, int]:
        """Return the units of each item of a draft, at most so many items with so many units each.

        A line with none is dropped; one that is no number is kept with one unit, and `wrong` says what to do.
        """
        found: dict[str, int] = {}
        for sku, text in zip(self.several.get("sku", ()), self.several.get("quantity", ()), strict=False):
            if len(found) >= lines or not sku or len(sku) > 64:
                continue
            if is_whole(text, units):
                if int(text):
                    found[sku] = found.get(sku, 0) + int(text)
            else:
                self.errors["lines"] = wrong(sku)
                found.setdefault(sku, 1)
        return found

    def units(self, name: str) -> int:
        """Return a number of units; an empty field is none, and what is no number is complained of."""
        text = self.get(name).strip()
        if not text:
            return 0
        if not is_whole(text, UNITS):
            self.errors[name] = _("Type a whole number of units.")
            return 0
        return int(text)

    def minor(self, name: str, currency: str) -> int:
        """Return an amount in minor units; an empty field is nothing."""
        text = self.get(name).strip(" £€$")
        if not text:
            return 0
        try:
            return parse_minor(text, currency)
        except Invalid:
            self.errors[name] = _("Type an amount such as 12.50.")
            return 0

    def day_us(self, name: str, zone: str) -> int:
        """Return the end of a day as a moment; what is no day is complained of."""
        try:
            day = date.fromisoformat(self.get(name))
            last = datetime.combine(day, time(23, 59), tzinfo=ZoneInfo(zone))
            return max(0, to_us(last))
        except (ValueError, OverflowError):
            self.errors[name] = _("Choose a day.")
            return 0

    @property
    def option(self) -> "Option | None":
        """The offered option that was chosen; None where something else was."""
        parts = self.get("where").split(":")
        return Option(*parts[1:]) if parts[0] == "option" and len(parts) == OPTION_PARTS else None

    def promise(self, zone: str) -> PromiseWanted | None:
        """Return the promise of the fields where, date, time and service.

        `where` is `collect:store-1`, `ship`, or what was offered: `option:<kind>:<place>:<service>:<name>`.
        """
        chosen = self.option
        if chosen is not None and not self.get("date"):
            offered = {"kind": chosen.kind, "location": chosen.location, "option": chosen.name}
            return self.read(
                PromiseWanted, offered, {"kind": "where", "location": "where", "option": "where"}
            )
        due_at = None
        if self.get("date"):
            try:
                day = date.fromisoformat(self.get("date"))
                hour = time.fromisoformat(self.get("time") or "18:00").replace(tzinfo=None)
                due_at = datetime.combine(day, hour, tzinfo=ZoneInfo(zone))
            except ValueError:
                self.errors["date"] = _("Type a date and a time such as 18:00.")
                return None
        kind, _colon, location = self.get("where").partition(":")
        service = self.get("service")
        if chosen is not None:  # the same way to the same place, on another day
            kind, location, service = chosen.kind, chosen.location, service or chosen.service
        said = {
            "kind": kind,
            "location": location if kind == "collect" else "",
            "due_at": due_at,
            "service": service if kind == "ship" else "",
        }
        return self.read(PromiseWanted, said, {"kind": "where", "location": "where", "due_at": "date"})


async def form_of(request: Request) -> Form:
    """Return the texts of a form; a file in it is left out."""
    found = Form()
    async with request.form(max_fields=FIELDS, max_files=1) as sent:
        for name, value in sent.multi_items():
            if isinstance(value, str):
                text = value.replace("\x00", "").replace("\r\n", "\n").strip()
                found.texts[name] = text
                found.several.setdefault(name, []).append(text)
    return found


def draft_of(form: Form, model: type[Model]) -> tuple[Model, int]:
    """Return a draft that travels in a form, and the version that it was made from.

    Raises:
        Invalid: it is not one that a page of ours wrote.
    """
    text, base = form.get("draft"), form.get("base")
    try:
        if len(text) > DRAFT_BYTES or not base.isdecimal():
            raise ValueError
        return model.model_validate_json(text), int(base[:12])
    except (ValueError, ValidationError) as error:
        raise Invalid(
            _("The draft cannot be read."), _("Go back to the page and make your change again.")
        ) from error


def approval_of(form: Form) -> dict[str, Any]:
    """Return another person's word as the models want it, and forget the password: no page shows it again."""
    name, password = form.get("approver"), form.texts.pop(SECRET, "")
    form.several.pop(SECRET, None)
    said: dict[str, Any] = {"allow": form.get("allow")}
    if name or password:
        said["approval"] = {"name": name, "password": password}
    return said


def customer_of(form: Form) -> dict[str, Any]:
    """Return the fields of a customer as the models want them."""
    names = ("first_name", "last_name", "email", "phone", "collector")
    address = ("line1", "line2", "city", "postcode")
    return {
        **{name: form.get(name) for name in names},
        "address": {**{name: form.get(name) for name in address}, "country": form.get("country").upper()},
        "language": form.get("language") or "en",
    }


def _complaint(fault: Any) -> str:
    words = {
        "missing": _("Fill this in."),
        "string_too_short": _("Fill this in."),
        "too_short": _("Fill this in."),
        "string_too_long": _("At most {n} characters.", n=fault.get("ctx", {}).get("max_length", "")),
        "greater_than_equal": _("This is too little."),
        "less_than_equal": _("This is too much."),
        OUT_OF_RANGE: _("Choose a day from 2000 to 2099."),
        "enum": _("Choose one of the list."),
        "literal_error": _("Choose one of the list."),
    }
    return words.get(fault["type"], _("This cannot be read. Correct it."))
