"""Give numbers to store credit, sell a gift card, and take either as money.

A number is printed on the slip of what issued it and is the tender's `reference`. It carries a secret behind
its count, because whoever knows it can spend it.
"""

from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from edge_agent.context import Edge
from edge_agent.counter.rows import OpenTill
from edge_agent.database import EdgeUnit
from edge_agent.once import Asked, Key, once
from edge_agent.stored_value import rows
from edge_agent.stored_value.rules import HEX_BYTES, Known, spendable
from protocol.errors import Refused
from protocol.events import GiftCardSold
from protocol.ids import parse_slip_code
from protocol.kit.text import _
from protocol.kit.web.filters import money
from protocol.kit.web.signin import CurrentPerson
from protocol.orders import STORED_VALUE, Tender, TenderKind

SERIES: Final = {TenderKind.STORE_CREDIT: "S", TenderKind.GIFT_CARD: "G"}
CARD_LIMIT_MINOR: Final = 1_000_00
"""A gift card holds no more: who launders money buys cards."""


class GiftCardWanted(BaseModel):
    """What somebody pays for a gift card."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Key
    amount_minor: int = Field(gt=0, le=CARD_LIMIT_MINOR)
    kind: TenderKind
    last4: str = Field(default="", pattern=r"^[0-9]{0,4}$")
    reference: str = Field(default="", max_length=64)


class CardSold(BaseModel):
    """A gift card that was sold."""

    number: str
    amount_minor: int
    seq: int


def number_in(text: str) -> str:
    """Return the number that was typed, or that stands in the code of a slip."""
    slip = parse_slip_code(text)
    return (slip[1] if slip else text.strip()).upper()


def new_number(unit: EdgeUnit, edge: Edge, kind: TenderKind) -> str:
    """Return a number that was never given and that nobody can guess."""
    return f"{edge.number(unit, SERIES[kind])}-{edge.ids.secret(HEX_BYTES).upper()}"


def issued(unit: EdgeUnit, edge: Edge, refunds: Iterable[Tender]) -> tuple[Tender, ...]:
    """Return refunds in which store credit that has no number yet has one."""
    return tuple(
        tender.model_copy(update={"reference": new_number(unit, edge, tender.kind)})
        if tender.kind is TenderKind.STORE_CREDIT and not tender.reference
        else tender
        for tender in refunds
    )


def require_value(unit: EdgeUnit, edge: Edge, tenders: Iterable[Tender]) -> None:
    """Refuse to take more from a number than may be spent here now.

    Raises:
        Refused: `unknown_value`, nobody here has heard of the number; `too_little_value`, with how much
            there is.
    """
    wanted: dict[str, tuple[TenderKind, int]] = {}
    for tender in tenders:
        if tender.kind in STORED_VALUE:
            before = wanted.get(tender.reference, (tender.kind, 0))
            wanted[tender.reference] = (tender.kind, before[1] + tender.amount_minor)
    for number, (kind, amount) in wanted.items():
        known = require_known(unit, edge, number, kind)
        left = spendable(known, edge.settings.stored_value_offline_minor)
        if amount > left:
            raise too_little(edge, known, left)


def require_known(unit: EdgeUnit, edge: Edge, number: str, kind: TenderKind) -> Known:
    """Return a number as it is known; one of another store, without a line, is taken on trust by its form.

    Raises:
        Refused: `unknown_value`.
    """
    known = rows.find(unit.connection, number, edge.clock.now_us())
    if known is not None and known.kind == kind.value:
        return known
    if known is None and not edge.online() and kind_of(number) is kind and not _ours(edge, number):
        return Known(number, kind.value, 0, issued_here=False)
    raise Refused(
        _("Nobody knows a gift card or store credit {number}.", number=number[:40] or "-"),
        _("Scan its slip again, or type the whole number with what stands behind the last line."),
        code="unknown_value",
        number=number[:64],
    )


def kind_of(number: str) -> TenderKind | None:
    """Return what a number is by its form: `LB1-S00012-7F3A09C2` is store credit, with a G a gift card."""
    place, _dash, rest = number.partition("-")
    count, _dash, secret = rest.partition("-")
    well_formed = place.isalnum() and count[1:].isdecimal() and len(secret) == 2 * HEX_BYTES
    return next((kind for kind, series in SERIES.items() if well_formed and count[:1] == series), None)


def too_little(edge: Edge, known: Known, left_minor: int) -> Refused:
    """Return the refusal to take more than there is, or than is taken on trust without a line."""
    currency = edge.settings.currency
    if known.told_minor is None:
        says = _(
            "Without the hub's word at most {left} of {number} can be taken here.",
            left=money(left_minor, currency),
            number=known.number,
        )
    else:
        says = _("{left} are left on {number}.", left=money(left_minor, currency), number=known.number)
    return Refused(
        says,
        _("Take that much of it, and the rest another way."),
        code="too_little_value",
        number=known.number,
        left_minor=left_minor,
    )


def sell_gift_card(
    unit: EdgeUnit, edge: Edge, session: OpenTill, wanted: GiftCardWanted, *, person: CurrentPerson
) -> tuple[CardSold, bool]:
    """Sell a gift card for cash or by card; it is a debt of the company, no revenue.

    Raises:
        Refused: `not_money`, something else than cash or a card was to pay for it.
    """

    def work() -> CardSold:
        if wanted.kind not in {TenderKind.CASH, TenderKind.CARD}:
            raise Refused(
                _("A gift card is paid for in cash or by card."),
                _("Choose one of the two."),
                code="not_money",
            )
        paid = Tender(
            kind=wanted.kind, amount_minor=wanted.amount_minor, reference=wanted.reference, last4=wanted.last4
        )
        body = GiftCardSold(
            session_id=session.session_id,
            till=session.till,
            business_date=session.business_date,
            currency=session.currency,
            number=new_number(unit, edge, TenderKind.GIFT_CARD),
            amount_minor=wanted.amount_minor,
            tenders=(paid,),
        )
        recorded = edge.journal.record(unit, body, by=person.person_id, device=person.device or session.till)
        unit.after_commit(lambda: edge.broadcaster.publish("till"))
        return CardSold(number=body.number, amount_minor=body.amount_minor, seq=recorded.seq)

    return once(unit, edge, Asked(to="gift-card", command=wanted), wanted.key, CardSold, work)


def _ours(edge: Edge, number: str) -> bool:
    """Tell whether a number claims to be of this store; such a one would be known."""
    place = number.partition("-")[0]
    return place.rstrip("0123456789") == edge.settings.code
