"""What a choice does to the promise, the stock, the books and everybody else: values, and how they compare.

Pure. A state is a flat table of what is so, keyed by what it is about; two states of one moment differ in
exactly what was done between them. Nothing here has a name that is made anew each time (ids, moments), so the
digest of two rehearsals of the same thing is the same, and another digest means that the world has moved.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

Key = tuple[str, ...]
State = Mapping[Key, int | str]
DIGEST: Final = 32
SEND: Final = "transfer.request"
"""The message by which a location is asked to send goods; it may still say no."""


class Facet(StrEnum):
    """What a change is about; the first part of its key."""

    DUE = "due"
    """(number) When an order is promised."""
    PLACE = "place"
    """(number) Where it is collected, or that it is shipped."""
    KEPT = "kept"
    """(number) Until when it is kept for its customer."""
    LINE = "line"
    """(number, line, sku) Units that the customer still gets."""
    PART = "part"
    """(number, location, attempt) What one location does of it."""
    RIGHT = "right"
    """(location, sku) Lent units that nobody was promised."""
    PROMISED = "promised"
    """(location, sku) Lent units that are promised."""
    STAYS = "stays"
    """(number, location) Units that stay promised where a part was written off, and may still leave."""
    BUCKET = "bucket"
    """(location, sku, bucket) Units there."""
    DEPOSITS = "deposits"
    """(number) Money held for what has not left."""
    OWED = "owed"
    """(number) Money owed to the customer."""
    TRANSFER = "transfer"
    """(number) How far a transfer is."""
    NOTICE = "notice"
    """(number, kind, way, state) Mails, and webhooks to programs: then the way is the program's name."""
    REFUND = "refund"
    """(number, service, amount) What a payment service is asked for."""
    PARKED = "parked"
    """(location, number) What became of an event that was set aside."""
    CHANNEL = "channel"
    """(endpoint) Whether a channel is told."""
    TELLS = "tells"
    """(channel, sku) That a channel is told by a webhook what it may sell of an item now."""


PROMISE: Final = frozenset({Facet.DUE, Facet.PLACE, Facet.KEPT, Facet.LINE, Facet.PART, Facet.TRANSFER})
STOCK: Final = frozenset({Facet.RIGHT, Facet.PROMISED, Facet.STAYS, Facet.BUCKET})
MONEY: Final = frozenset({Facet.DEPOSITS, Facet.OWED, Facet.REFUND})


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise afterwards; empty for what was not there, or is not any more."""

    facet: str
    of: Key
    before: int | str
    after: int | str


@dataclass(frozen=True, slots=True)
class Posted:
    """One entry of a journal that would be posted; above zero is a debit."""

    rule: str
    entity: str
    account: str
    name: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Message:
    """What leaves the hub, and for whom. `waits`: it asks, and whoever gets it may say no."""

    to: str
    kind: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Paper:
    """What comes out of a printer, and where."""

    location: str
    document: str


@dataclass(frozen=True, slots=True)
class CardSaid:
    """A card that is raised or closed by it."""

    kind: str
    title: str
    opened: bool


@dataclass(frozen=True, slots=True)
class Consequences:
    """Everything that is otherwise once a choice is made."""

    changes: tuple[Change, ...] = ()
    journals: tuple[Posted, ...] = ()
    messages: tuple[Message, ...] = ()
    paper: tuple[Paper, ...] = ()
    cards: tuple[CardSaid, ...] = ()
    late: bool = False
    """Whether somebody is given a part of it who is done with it after the promise."""

    @property
    def is_nothing(self) -> bool:
        """Tell whether nothing would be otherwise."""
        return self == Consequences()

    @property
    def requested(self) -> tuple[str, ...]:
        """Return who is asked and may say no."""
        return tuple(dict.fromkeys(message.to for message in self.messages if message.waits))

    @property
    def money_minor(self) -> int:
        """Return how much money this moves: what it posts, or what a payment service is asked for."""
        posted = sum(entry.amount_minor for entry in self.journals if entry.amount_minor > 0)
        asked = sum(
            int(change.of[2]) for change in self.changes if change.facet == Facet.REFUND and not change.before
        )
        return max(posted, asked)

    def of(self, facets: Iterable[str]) -> tuple[Change, ...]:
        """Return the changes of some facets."""
        wanted = frozenset(facets)
        return tuple(change for change in self.changes if change.facet in wanted)

    @property
    def senders(self) -> tuple[str, ...]:
        """Return who has to send goods first, before somebody else can do what is promised."""
        asked = [message.to for message in self.messages if message.kind == SEND]
        return tuple(dict.fromkeys(asked))

    @property
    def unserved(self) -> bool:
        """Tell whether nobody would fulfil what somebody has now."""
        return any(card.opened and card.kind == "unroutable" for card in self.cards)

    @property
    def stays(self) -> int:
        """Return how many units are counted on no more, and may be handed over all the same."""
        return sum(int(change.after or 0) - int(change.before or 0) for change in self.of([Facet.STAYS]))

    @property
    def promise_moves(self) -> int:
        """Return by how many microseconds a promise moves, the most of any order; 0 when none does."""
        moved = [
            int(change.after) - int(change.before)
            for change in self.changes
            if change.facet == Facet.DUE and change.before and change.after
        ]
        return max(moved, default=0)

    @property
    def units_withdrawn(self) -> int:
        """Return how many units the customer no longer gets."""
        return sum(
            max(0, int(change.before or 0) - int(change.after or 0))
            for change in self.changes
            if change.facet == Facet.LINE
        )


AGREED: Final = "agreed"
REFUSED: Final = "refused"
PAID: Final = "paid"
AGREED_AND_PAID: Final = "agreed_paid"
EXPECTED: Final[Mapping[str, str]] = MappingProxyType({PAID: "", AGREED_AND_PAID: AGREED})
"""What is expected once a payment service has answered, and after which answer; it is posted only then, and
moves no money that was not counted before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows when those who are asked answer in one way."""

    answer: str
    consequences: Consequences


@dataclass(frozen=True, slots=True)
class Preview:
    """What a choice does, as it was found by running it; or why it cannot be made."""

    consequences: Consequences = Consequences()
    outcomes: tuple[Outcome, ...] = ()
    refused: str = ""
    remedy: str = ""
    code: str = ""

    @property
    def digest(self) -> str:
        """Return what names this preview: another one says something else."""
        said = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()[:DIGEST]

    @property
    def money_minor(self) -> int:
        """Return the most money that it moves, whoever answers what."""
        answers = [each for each in self.outcomes if each.answer not in EXPECTED]
        return max([self.consequences.money_minor, *(each.consequences.money_minor for each in answers)])

    def beyond(self, outcome: Outcome) -> Consequences:
        """Return what an expected outcome adds to what was so before it."""
        earlier = {each.answer: each.consequences for each in self.outcomes}
        before = earlier.get(EXPECTED[outcome.answer], self.consequences)
        said = outcome.consequences
        return Consequences(
            tuple(change for change in said.changes if change not in before.changes),
            said.journals[len(before.journals) :],
            tuple(message for message in said.messages if message not in before.messages),
            tuple(paper for paper in said.paper if paper not in before.paper),
            tuple(card for card in said.cards if card not in before.cards),
        )


def changes(before: State, after: State) -> tuple[Change, ...]:
    """Return what is otherwise, in a lasting order."""
    keys = sorted({*before, *after})
    return tuple(
        Change(key[0], key[1:], before.get(key, ""), after.get(key, ""))
        for key in keys
        if before.get(key, "") != after.get(key, "")
    )


def as_said(preview: Preview) -> dict[str, Any]:
    """Return a preview as it is shown to a program."""
    return {
        **asdict(preview),
        "digest": preview.digest,
        "money_minor": preview.money_minor,
    }


def merged(found: Sequence[Message]) -> tuple[Message, ...]:
    """Return messages without repeats, in a lasting order."""
    return tuple(sorted(set(found), key=lambda each: (each.to, each.kind)))
