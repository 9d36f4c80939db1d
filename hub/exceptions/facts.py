"""The facts of an exception as a person reads them: a word, and a text.

A fact is kept as whoever raised it said it: a name of the program, amounts in minor units, moments in
microseconds, tills and people by their ids. None of that is for a person, so nothing here is shown as it
came: a name that this version does not know becomes words, and its value is read by how the name ends. Ids
that lead nowhere are left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.console.words import event_word, fact_word, named, person_word, plain, rule_word, tender_word
from protocol.kit.check_words import signal_word
from protocol.kit.hold_words import blocked_word, expiry_word, hold_kind_word
from protocol.kit.text import _
from protocol.kit.web.filters import money, qty, when

_LEFT_OUT: Final = frozenset({
    "edge", "location", "assignment_id", "decision_id", "order_id", "job_id", "currency",
    "transfer_id", "hold_id",
})  # fmt: skip
_MONO: Final = frozenset({"inc", "event_id", "event", "command_id", "payment_reference", "code"})
_CODES: Final = frozenset({"reason", "state", "document", "clock", "asked_for", "disposition", "purpose"})
_SAID: Final[Mapping[str, Callable[[str], str]]] = {
    "by": person_word,
    "asked_by": person_word,
    "rule": rule_word,
    "kind": event_word,
    "hold": hold_kind_word,
    "blocks": blocked_word,
    "on_expiry": expiry_word,
    "signals": signal_word,
}
_MINOR: Final = "_minor"
_US: Final = "_us"
SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of what is known."""

    word: str
    text: str
    mono: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """What is needed to say a fact: how places are called, the currency, and the zone of the clock."""

    names: Mapping[str, str]
    currency: str = "GBP"
    zone: str = "Europe/London"

    def read(self, facts: Mapping[str, Any]) -> list[Fact]:
        """Return every fact that a person can use, in the order they were said."""
        return [fact for name, value in facts.items() for fact in self._of(name, value)]

    def _of(self, name: str, value: Any) -> Iterator[Fact]:
        if name in _LEFT_OUT or value is None or value in ("", (), [], {}):
            return
        match value:
            case Mapping() if name == "tenders":
                yield from (Fact(tender_word(str(key)), self._money(part)) for key, part in value.items())
            case Mapping() if name == "differences":
                yield from (self._difference(str(key), part) for key, part in value.items())
            case Mapping() if name == "units":
                yield from (
                    Fact(_("Line {n}", n=key), self._value("units", part)) for key, part in value.items()
                )
            case Mapping():
                for key, part in value.items():
                    yield from self._of(str(key), part)
            case list() | tuple() if name == "differences":
                yield from (self._difference(str(part.get("what", name)), part) for part in value[:SHOWN])
            case list() | tuple():
                yield Fact(fact_word(name), self._list(name, value))
            case _:
                yield Fact(fact_word(name), self._value(name, value), name in _MONO)

    def _difference(self, name: str, part: Mapping[str, Any]) -> Fact:
        word = fact_word(name)
        if line := part.get("line_no"):
            word = _("{word}, line {n}", word=word, n=line)
        if "said_minor" in part:
            added = self._money(part["worked_out_minor"])
            said = _(
                "the store said {said}, the hub works out {added}",
                said=self._money(part["said_minor"]),
                added=added,
            )
            return Fact(word, said)
        if not isinstance(part.get("said"), int) or not isinstance(part.get("added_up"), int):
            return Fact(word, _("the store said something else than its events add up to"))
        read = self._money if name.endswith(_MINOR) or name.startswith("expected_") else qty
        added = read(part["added_up"])
        said = _("the store said {said}, its events add up to {added}", said=read(part["said"]), added=added)
        return Fact(word, said)

    def _list(self, name: str, value: Sequence[Any]) -> str:
        said = [self._part(name, part) for part in value[:SHOWN]]
        if len(value) > SHOWN:
            said.append(_("and {n} more", n=len(value) - SHOWN))
        return ("; " if any(", " in part for part in said) else ", ").join(part for part in said if part)

    def _part(self, name: str, part: Any) -> str:
        if not isinstance(part, Mapping):
            return self._value("reason" if name == "reasons" else name, part)
        kept = {key: inner for key, inner in part.items() if key != "line_no" and inner not in ("", None)}
        if "sku" in kept and "units" in kept:
            rest = [self._value(key, inner) for key, inner in kept.items() if key not in ("sku", "units")]
            return ", ".join([f"{kept['units']} × {kept['sku']}", *rest])
        return ", ".join(self._value(key, inner) for key, inner in kept.items())

    def _value(self, name: str, value: Any) -> str:
        match value:
            case bool():
                return _("yes") if value else _("no")
            case int() if name.endswith(_MINOR):
                return self._money(value)
            case int() if name.endswith(_US):
                return when(value, self.zone).striptags()
            case int():
                return qty(value)
            case _:
                return self._text(name, str(value))

    def _text(self, name: str, text: str) -> str:
        if name in _SAID:
            return _SAID[name](text) or text
        if name in _CODES:
            return self.names.get(text) or plain(text)
        return text if name in _MONO else named(text, self.names)

    def _money(self, minor: Any) -> str:
        return money(minor, self.currency) if isinstance(minor, int) else str(minor)
