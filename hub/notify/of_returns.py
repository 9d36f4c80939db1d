"""Which notice follows a return by mail, whether it is still true when it leaves, and what it says. Pure.

A customer who sends goods back is told when that is registered, when the parcel is here, and what became of
it: how much money goes back, or why there is none. What a reader would get wrong: the money of one return may
be several facts (at once, on arrival, after each look into the parcel), each with a mail of its own; units
whose money went back before carry none, and say nothing. What an exchange uses up never goes back.
"""

from collections.abc import Sequence
from typing import Final

from hub.notify.rules import Drop, Facts, Kind, Later, SaidLine, SaidParcel, Send, Told, Verdict, Wanted
from protocol.events import ReturnAdvanced, ReturnInspected
from protocol.later import OrderChanged, OrderPlaced
from protocol.mail_in import MailInChanged, ParcelArrived, ReturnAuthorised, ReturnCredited
from protocol.orders import TenderKind, WireModel

OF_RETURNS: Final = (
    Kind.RETURN_EXPECTED,
    Kind.RETURN_ARRIVED,
    Kind.RETURN_REFUNDED,
    Kind.RETURN_REFUSED,
)
ANNOUNCED: Final = "announced"
"""Where `results` of a parcel that arrived say what it was announced as: some name nothing but its number."""
Announced = tuple[str, str, str]
"""The authorisation, the order and the number of the order."""


def follows(body: WireModel, announced: Announced | None = None) -> tuple[Wanted, ...]:
    """Return the notices that an event of a return by mail asks for."""
    match body:
        case ReturnAuthorised():
            return (Wanted(Kind.RETURN_EXPECTED, body.order_id, body.order_number, body.authorisation_id),)
        case ParcelArrived() if announced is not None:
            authorisation_id, order_id, order_number = announced
            return (Wanted(Kind.RETURN_ARRIVED, order_id, order_number, authorisation_id),)
        case ReturnInspected() | ReturnAdvanced() if body.authorisation_id:
            refused = isinstance(body, ReturnInspected) and bool(body.refused)
            if not refused and not _back_minor(body):
                return ()
            kind = Kind.RETURN_REFUNDED if _back_minor(body) else Kind.RETURN_REFUSED
            return (Wanted(kind, body.order_id, body.order_number, body.return_id),)
        case _:
            return ()


def verdict(kind: Kind, subject_id: str, history: Sequence[Told]) -> Verdict:
    """Decide whether a notice of a return leaves now; `history` is its order's, the oldest first."""
    bodies = [told.body for told in history]
    about = _about(kind, subject_id, bodies)
    if about is None:
        return Later("no_return")
    contact_id = about.contact_id or _who_ordered(bodies)
    if not contact_id:
        return Drop("no_contact")
    facts = Facts(
        ship=True,
        location=about.location,
        due_us=about.due_us,
        currency=about.currency,
        return_number=about.number,
        refund=about.refund,
        lines=tuple(SaidLine(name=line.name, quantity=line.units) for line in about.lines),
        parcels=(SaidParcel(tracking=about.tracking),) if about.tracking else (),
    )
    mine = [body for body in bodies if getattr(body, "authorisation_id", "") == about.authorisation_id]
    if kind in {Kind.RETURN_REFUNDED, Kind.RETURN_REFUSED}:
        return Send(contact_id, _settled(facts, about, subject_id, mine))
    over = _over(kind, mine)
    return Drop(over) if over else Send(contact_id, _waiting(facts, mine))


def _about(kind: Kind, subject_id: str, bodies: Sequence[WireModel]) -> ReturnAuthorised | None:
    """Return what the notice is about: it names the return, or what was found in its parcel."""
    wanted = subject_id
    if kind in {Kind.RETURN_REFUNDED, Kind.RETURN_REFUSED}:
        looks = [body for body in bodies if isinstance(body, ReturnInspected | ReturnAdvanced)]
        wanted = next((body.authorisation_id for body in looks if body.return_id == subject_id), "")
    announced = [body for body in bodies if isinstance(body, ReturnAuthorised)]
    return next((body for body in announced if body.authorisation_id == wanted), None)


def _who_ordered(bodies: Sequence[WireModel]) -> str:
    """Return whom the order names by now."""
    found = ""
    for body in bodies:
        if isinstance(body, OrderPlaced) or (
            isinstance(body, OrderChanged) and not body.requested and "contact" in body.what
        ):
            found = body.contact_id
    return found


def _over(kind: Kind, mine: Sequence[WireModel]) -> str:
    """Return why nobody has to hear this any more; empty when they have."""
    looked = [body for body in mine if isinstance(body, ReturnInspected)]
    if any(body.done for body in looked):
        return "return_settled"
    if kind is Kind.RETURN_ARRIVED:
        return ""
    if looked or any(isinstance(body, ParcelArrived) for body in mine):
        return "return_arrived"
    changes = [body for body in mine if isinstance(body, MailInChanged)]
    return "return_ended" if any(body.what != "waiting" for body in changes) else ""


def _waiting(facts: Facts, mine: Sequence[WireModel]) -> Facts:
    """Return the facts with the day by which it should be here as it stands now."""
    longer = [body.due_us for body in mine if isinstance(body, MailInChanged) and body.what == "waiting"]
    return facts.model_copy(update={"due_us": longer[-1]}) if longer else facts


def _settled(facts: Facts, about: ReturnAuthorised, return_id: str, mine: Sequence[WireModel]) -> Facts:
    """Say how much goes back, as what, and which units are not taken back for which reason."""
    looks = [body for body in mine if isinstance(body, ReturnInspected | ReturnAdvanced)]
    body = next(each for each in looks if each.return_id == return_id)
    named = {line.line_no: line.name for line in about.lines}
    units = {line.line_no: line.units for line in about.lines}
    lines = tuple(
        SaidLine(name=line.name, quantity=line.quantity or units.get(line.line_no, 1)) for line in body.lines
    )
    refused = body.refused if isinstance(body, ReturnInspected) else ()
    return facts.model_copy(
        update={
            "lines": lines,
            "total_minor": _back_minor(body),
            "refused": tuple(
                SaidLine(name=named.get(each.line_no, ""), quantity=each.units) for each in refused
            ),
            "reasons": tuple(dict.fromkeys(each.why for each in refused)),
            "credit_number": _credit(body, mine),
        }
    )


def _credit(body: ReturnInspected | ReturnAdvanced, mine: Sequence[WireModel]) -> str:
    """Return the store credit that was given for it: what follows it before the next look at the parcel."""
    after = mine[mine.index(body) + 1 :]
    for each in after:
        if isinstance(each, ReturnCredited):
            return each.credit_number
        if isinstance(each, ReturnInspected | ReturnAdvanced):
            break
    return ""


def _back_minor(body: ReturnInspected | ReturnAdvanced) -> int:
    swapped = sum(tender.amount_minor for tender in body.refunds if tender.kind is TenderKind.EXCHANGE)
    return body.total_minor - sum(fee.amount_minor for fee in body.fees) - swapped
