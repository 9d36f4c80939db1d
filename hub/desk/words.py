"""A preview as a person reads it: what it does to the promise, the stock and the books, line by line."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hub.console.later_words import part_pill, stays_promised
from hub.console.words import bucket_word, directive_word, exception_word, plain
from hub.desk.choices import Choice
from hub.desk.consequences import (
    AGREED,
    AGREED_AND_PAID,
    EXPECTED,
    PAID,
    REFUSED,
    Change,
    Consequences,
    Facet,
    Preview,
)
from hub.notify.rules import Way
from protocol.fulfilment import FulfilKind
from protocol.kit.text import _
from protocol.kit.web.filters import duration, money, qty, when
from protocol.kit.web.shell import Shape

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a column: what it is about, and how it was and is, or a sentence alone."""

    label: str
    before: str = ""
    after: str = ""
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Booked:
    """One entry: which side, which account, how much."""

    side: str
    account: str
    amount: str


@dataclass(frozen=True, slots=True)
class Columns:
    """What something does, column by column."""

    promise: tuple[Line, ...]
    stock: tuple[Line, ...]
    money: tuple[Line, ...]
    books: tuple[Booked, ...]
    leaves: tuple[Line, ...]
    """Messages, paper and cards."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What follows when those who are asked answer in one way."""

    word: str
    columns: Columns


@dataclass(frozen=True, slots=True)
class Shown:
    """One choice on a card."""

    choice: Choice
    digest: str
    may: bool
    word: str
    """The most telling thing about it, for its pill."""
    shape: Shape
    refused: str
    columns: Columns
    answers: tuple[Answered, ...]
    money_minor: int
    money: str
    second_person: bool
    """It moves so much money that somebody else has to confirm it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What is needed to say a preview: how places are called, the currency, the zone, and the limit."""

    names: Mapping[str, str]
    currency: str
    zone: str
    second_person_minor: int

    def shown(self, choice: Choice, preview: Preview, *, may: bool) -> Shown:
        """Return a choice with what it does."""
        word, shape = self._pill(preview)
        return Shown(
            choice=choice,
            digest=preview.digest,
            may=may,
            word=word,
            shape=shape,
            refused=f"{preview.refused} {preview.remedy}".strip(),
            columns=self.columns(preview.consequences),
            answers=tuple(self._answered(preview)),
            money_minor=preview.money_minor,
            money=money(preview.money_minor, self.currency),
            second_person=preview.money_minor > self.second_person_minor,
        )

    def columns(self, said: Consequences) -> Columns:
        """Return everything that is otherwise, column by column."""
        lines = [(change.facet, self._line(change)) for change in said.changes]

        def of(*facets: Facet) -> tuple[Line, ...]:
            return tuple(line for facet, line in lines if facet in facets)

        return Columns(
            promise=of(Facet.DUE, Facet.PLACE, Facet.KEPT, Facet.LINE, Facet.PART, Facet.TRANSFER),
            stock=of(Facet.RIGHT, Facet.PROMISED, Facet.STAYS, Facet.BUCKET),
            money=of(Facet.DEPOSITS, Facet.OWED, Facet.REFUND),
            books=tuple(
                Booked(
                    _("Dr") if entry.amount_minor > 0 else _("Cr"),
                    entry.name,
                    money(abs(entry.amount_minor), self.currency),
                )
                for entry in said.journals
            ),
            leaves=(*of(Facet.NOTICE, Facet.TELLS, Facet.PARKED, Facet.CHANNEL), *self._leaves(said)),
        )

    def _pill(self, preview: Preview) -> tuple[str, Shape]:
        """Return the most telling thing about a choice: what it costs the customer comes first."""
        said = preview.consequences
        later_us, units = said.promise_moves, said.units_withdrawn
        withdrawn = _("{n} units withdrawn", n=qty(units)) if units > 1 else _("1 unit withdrawn")
        words: tuple[tuple[bool, str, Shape], ...] = (
            (bool(preview.refused), _("Not possible now"), "calm"),
            (said.is_nothing, _("Changes nothing"), "calm"),
            (said.stays > 0, _("May be fulfilled twice"), "act"),
            (units > 0, withdrawn, "act"),
            (said.unserved, _("Nobody would fulfil it"), "act"),
            (later_us > 0, _("{span} later", span=duration(later_us / _SECOND_US)), "wait"),
            (bool(said.requested), _("Requested"), "wait"),
        )
        found = ((word, shape) for true, word, shape in words if true)
        return next(found, None) or self._kept(said)

    def _kept(self, said: Consequences) -> tuple[str, Shape]:
        """Return whether a promise is kept now that somebody new has it, and on whom that still depends."""
        if not any(change.facet == Facet.PART and not change.before for change in said.changes):
            return "", "calm"
        place = ", ".join(self._name(sender) for sender in said.senders)
        if said.late:
            word = _("Late, if {place} sends it", place=place) if place else _("Somebody has it, late")
        elif said.of([Facet.PLACE]):
            word = _("Otherwise, if {place} sends it", place=place) if place else _("Promised otherwise")
        elif place:
            word = _("Promise kept if {place} sends it", place=place)
        else:
            return _("Promise kept"), "done"
        return word, "wait"

    def _answered(self, preview: Preview) -> Iterator[Answered]:
        who = ", ".join(self._name(edge) for edge in preview.consequences.requested)
        for outcome in preview.outcomes:
            back = dict.fromkeys(
                change.of[1] for change in outcome.consequences.of([Facet.REFUND]) if change.after == "done"
            )
            service = ", ".join(back)
            words = {
                AGREED: _("If {place} can", place=who),
                REFUSED: _("If it is too late at {place}", place=who),
                PAID: _("Expected once {service} has paid it back", service=service),
                AGREED_AND_PAID: _(
                    "If {place} can: expected once {service} has paid it back", place=who, service=service
                ),
            }
            said = preview.beyond(outcome) if outcome.answer in EXPECTED else outcome.consequences
            yield Answered(words[outcome.answer], self.columns(said))

    def _line(self, change: Change) -> Line:
        of, before, after = change.of, str(change.before), str(change.after)
        match change.facet:
            case Facet.DUE | Facet.PLACE | Facet.KEPT | Facet.LINE | Facet.PART | Facet.TRANSFER:
                return self._of_promise(change)
            case Facet.RIGHT | Facet.PROMISED | Facet.STAYS | Facet.BUCKET:
                return self._of_stock(change)
            case Facet.DEPOSITS | Facet.OWED | Facet.REFUND:
                return self._of_money(change)
            case Facet.NOTICE:
                return self._of_notice(change)
            case Facet.TELLS:
                return Line(_("Webhook to {channel}: what it may sell of {sku}", channel=of[0], sku=of[1]))
            case _:
                return Line(" ".join((self._name(of[0]), *of[1:])), plain(before), plain(after))

    def _of_stock(self, change: Change) -> Line:
        """Say what is on a shelf or promised from it, and what may be lost by going on without a location."""
        if change.facet != Facet.STAYS:
            return Line(self._shelf(change), str(change.before), str(change.after))
        place, units = self._name(change.of[1]), int(change.after or 0)
        return Line(stays_promised(units, place))

    def _of_promise(self, change: Change) -> Line:
        of, before, after = change.of, str(change.before), str(change.after)
        match change.facet:
            case Facet.PLACE:
                return Line(of[0], self._place(before), self._place(after))
            case Facet.LINE:
                return Line(_("{sku}, for the customer", sku=of[2]), before, after)
            case Facet.PART:
                return Line(self._name(of[1]), _part(before), _part(after), state_of(after).endswith("?"))
            case Facet.TRANSFER:
                return Line(of[0], _transfer(before), _transfer(after))
            case _:
                return Line(of[0], self._when(change.before), self._when(change.after))

    def _of_notice(self, change: Change) -> Line:
        number, kind, way, state = change.of
        said = {"number": number, "what": plain(kind)}
        mail = way == Way.MAIL.value
        label = (
            _("Mail about {number}: {what}", **said)
            if mail
            else _("Webhook to {program} about {number}: {what}", program=way, **said)
        )
        return Line(label, "", plain(state) if change.after else "")

    def _shelf(self, change: Change) -> str:
        place, sku = self._name(change.of[0]), change.of[1]
        match change.facet:
            case Facet.RIGHT:
                return _("{place}, {sku} free", place=place, sku=sku)
            case Facet.PROMISED:
                return _("{place}, {sku} promised", place=place, sku=sku)
            case _:
                return f"{place}, {sku} {bucket_word(change.of[2])}"

    def _of_money(self, change: Change) -> Line:
        of = change.of
        if change.facet == Facet.REFUND:
            amount = money(int(of[2]), self.currency)
            label = _("{amount} back at {service}", amount=amount, service=of[1])
            return Line(label, plain(str(change.before)), plain(str(change.after)))
        held = change.facet == Facet.DEPOSITS
        label = _("Held for {number}", number=of[0]) if held else _("Owed on {number}", number=of[0])
        return Line(label, *self._amounts(change))

    def _amounts(self, change: Change) -> tuple[str, str]:
        before, after = (money(int(value or 0), self.currency) for value in (change.before, change.after))
        return before, after

    def _when(self, at_us: int | str) -> str:
        return when(int(at_us), self.zone).striptags() if at_us else ""

    def _name(self, location: str) -> str:
        return self.names.get(location, location)

    def _place(self, place: str) -> str:
        return _("shipped") if place == FulfilKind.SHIP.value else self._name(place)

    def _leaves(self, said: Consequences) -> Iterator[Line]:
        for message in said.messages:
            label = f"{self._name(message.to)}: {directive_word(message.kind) or plain(message.kind)}"
            yield Line(label, waits=message.waits)
        for paper in said.paper:
            yield Line(
                _(
                    "{place} prints: {document}",
                    place=self._name(paper.location),
                    document=_paper(paper.document),
                )
            )
        for card in said.cards:
            word = exception_word(card.kind)
            yield Line(_("Raises: {card}", card=word) if card.opened else _("Closes: {card}", card=word))


def state_of(said: str) -> str:
    """Return the state of a part without its units; it ends with `?` where the location has been asked."""
    return said.rpartition(" ")[0]


def _part(said: str) -> str:
    """Return what one location does: `acknowledged? 2` is "Has it, not begun: 2, asked to give it up"."""
    if not said:
        return ""
    state, units = state_of(said), said.rpartition(" ")[2]
    word = part_pill(state.removesuffix("?"))[0]
    asked = _(", asked to give it up") if state.endswith("?") else ""
    return f"{word}: {units}{asked}"


def _transfer(said: str) -> str:
    send, _slash, receive = said.partition("/")
    return f"{plain(send)}, {plain(receive)}" if said else ""


def _paper(document: str) -> str:
    words = {"pick_list": _("pick list"), "void_slip": _("slip that stops the pick")}
    return words.get(document, plain(document))


def act_word(act: str) -> str:
    """Return what somebody did about a card."""
    words = {
        "assigned": _("Assigned"),
        "snoozed": _("Put aside"),
        "commented": _("Said"),
        "escalated": _("Handed on"),
        "asked": _("Chosen, waits for a second person"),
        "declined": _("Declined"),
        "chosen": _("Chosen"),
    }
    return words.get(act, plain(act))


def choice_word(choice_id: str) -> str:
    """Return what was chosen where only its name was kept: before labels were, or by an older store."""
    words = {
        "order.route": _("Look again who can fulfil it"),
        "order.cancel": _("Cancel what is open"),
        "order.promise": _("Promise it for another time"),
        "order.instead": _("Offer the customer something else"),
        "order.reroute": _("Have another location do it"),
        "orders.reroute": _("Ask it to give its orders back"),
        "order.write_off": _("Go on without the location"),
        "order.bring": _("Have it brought from who has it"),
        "count.ask": _("Ask for a count"),
        "transfer.cancel": _("Do not send it"),
        "transfer.decide": _("Settle the transfer"),
        "transfer.extend": _("Wait for it longer"),
        "receipt.accept": _("Keep what arrived as found"),
        "refund.confirm": _("It was given back"),
        "refund.again": _("Ask the service once more"),
        "event.replay": _("Apply it now"),
        "event.discard": _("Give it up, and go on with what waits behind it"),
        "notice.resend": _("Send it once more"),
        "channel.start": _("Tell the channel again"),
        "hold.release": _("Release the hold: the order goes on"),
        "hold.reject": _("Reject the order"),
        "assignment.put_back": _("Put it back on the shelf"),
        "assignment.give_back": _("Give the order back to the hub"),
        "assignment.lies_there": _("The goods lie on their shelf"),
        "transfer.lies_there": _("The goods lie on their shelf"),
        "count.open": _("Count it now"),
        "slip.resolve": _("Say whether the slip is there"),
    }
    return words.get(choice_id.partition(":")[0], _("Another choice"))
