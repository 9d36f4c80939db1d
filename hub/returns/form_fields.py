"""What a form of the policy is made of: its fields, and how their texts are read.

A text that cannot be used names its field; nothing of the form is kept then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from pydantic import ValidationError

from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.money import PPM, format_minor, parse_minor
from protocol.returns import WITHOUT_LIMIT

AREA: Final = 3_000
"""Characters of a list of days."""
Kind = Literal["text", "money", "select", "area"]
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form."""

    name: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    options: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together."""

    key: str
    title: str
    says: str
    fields: tuple[Field, ...]


class Read:
    """Texts of a form, read one by one; what cannot be used names its field."""

    def __init__(self, said: Mapping[str, str], currency: str, labels: Mapping[str, str]) -> None:
        """`labels` are the names of the fields on the page."""
        self._said = said
        self._currency = currency
        self._labels = labels

    def text(self, name: str) -> str:
        """Return a field without the blanks around it."""
        return self._said.get(name, "").strip()

    def whole(self, name: str) -> int | None:
        """Return a whole number; None where nothing stands."""
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and text.isdecimal() and len(text) <= 6):
            raise self.unusable(name, text)
        return int(text)

    def days(self, name: str) -> int:
        """Return a number of days; nothing is for ever."""
        text = self.text(name)
        if text == str(WITHOUT_LIMIT):
            return WITHOUT_LIMIT
        found = self.whole(name)
        return WITHOUT_LIMIT if found is None else found

    def minor(self, name: str) -> int | None:
        """Return an amount in minor units; None where nothing stands."""
        text = self.text(name).strip(" £€$")
        return self.amount(name, text) if text else None

    def amount(self, name: str, text: str) -> int:
        """Return an amount that stands in a field, in minor units."""
        try:
            return parse_minor(text.strip(" £€$"), self._currency)
        except Invalid as error:
            raise self.unusable(name, text) from error

    def percent(self, name: str) -> int | None:
        """Return a percentage as parts per million; None where nothing stands."""
        text = self.text(name).removesuffix("%").strip().replace(",", ".")
        if not text:
            return None
        try:
            found = round(float(text) * 10_000)
        except (ValueError, OverflowError) as error:
            raise self.unusable(name, text) from error
        if not 0 <= found <= PPM:
            raise self.unusable(name, text)
        return found

    def rows(self, name: str) -> list[str]:
        """Return the lines of an area."""
        return [row.strip() for row in self.text(name)[:AREA].splitlines() if row.strip()]

    def made(self, make: Callable[[], Made]) -> Made:
        """Return what is made of the form's values.

        Raises:
            Invalid: `bad_field`, one of them is out of bounds.
        """
        try:
            return make()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(str(part) for part in first["loc"])
            raise self.unusable(name, str(first["msg"])) from error

    def unusable(self, name: str, text: str) -> Invalid:
        """Return the refusal of one field's text."""
        return Invalid(
            _("{label}: {text} cannot be used.", label=self._labels.get(name, name), text=text[:60]),
            _("Correct it; nothing of the form was kept."),
            code="bad_field",
            field=name,
        )


def plain(minor: int | None, currency: str) -> str:
    """Return an amount as its field shows it."""
    return "" if minor is None else format_minor(minor, currency)
