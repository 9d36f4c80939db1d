"""What a notice says, in the customer's language, and the mail that carries it.

The sentences are here and the two templates only set them, so text and HTML can never say different things.
A name may hold anything: it is escaped in the HTML, put on one line everywhere, and a mail whose head would
hold a line break is refused instead of sent.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime as mail_date
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from hub.notify.rows import Words
from hub.notify.rules import Facts, Kind
from hub.notify.wording import fill, paragraphs
from printing.documents.picture import qr_png
from protocol.clock import from_us
from protocol.customers import Contact
from protocol.errors import Invalid
from protocol.ids import slip_code
from protocol.kit.text import _, language
from protocol.kit.web.filters import locale_name, money, qty

WIDTH: Final = 72
"""Columns of the plain text, as mail has always had them."""
CODE_DIGITS: Final = 6
_PAGES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates" / "mail"),
    undefined=StrictUndefined,
    autoescape=select_autoescape(["html"]),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_PAGES.globals.update(WIDTH=WIDTH, _=_)


@dataclass(frozen=True, slots=True)
class Letter:
    """The words of one notice, in the order in which they are read."""

    subject: str
    greeting: str
    opening: str
    rows: tuple[tuple[str, str], ...]
    closing: tuple[str, ...]
    shop: str
    stop: str = ""
    code: str = ""
    code_label: str = ""
    lines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """One notice as it leaves: who it is for, and both of its forms."""

    to: str
    to_name: str
    subject: str
    text: str
    html: str
    qr: str = ""
    """What the QR code in the HTML says: the order, as the pickup desk scans it."""
    stop: str = ""
    """Where the customer says that they want no more of these; empty for what they cannot refuse."""


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Say everything inside in a language."""
    before = language.set(code)
    try:
        yield
    finally:
        language.reset(before)


def write(
    kind: Kind,
    number: str,
    facts: Facts,
    contact: Contact,
    *,
    shop: str,
    words: Words | None = None,
    stop: str = "",
) -> Written:
    """Return a notice in the customer's language, in the company's own words where it has any."""
    with speaking(contact.language):
        letter = letter_of(kind, number, facts, contact, shop=shop)
        if words is not None and words.own:
            letter = _in_words(letter, words, fields_of(number, facts, contact, shop))
        letter = replace(letter, stop=stop)
        return Written(
            to=contact.email,
            to_name=contact.full_name,
            subject=letter.subject,
            text=_PAGES.get_template("mail.txt").render(letter=letter),
            html=_PAGES.get_template("mail.html").render(
                letter=letter, language=contact.language, qr=bool(letter.code)
            ),
            qr=slip_code("po", number, 1) if letter.code else "",
            stop=stop,
        )


def letter_of(kind: Kind, number: str, facts: Facts, contact: Contact, *, shop: str) -> Letter:
    """Return what the program says, in the language that is spoken at the moment."""
    return _LETTERS[kind](_one_line(number), facts, contact, _one_line(shop))


def _in_words(letter: Letter, words: Words, fields: Mapping[str, str]) -> Letter:
    return replace(
        letter,
        subject=_one_line(fill(words.subject, fields)),
        opening=_one_line(fill(words.opening, fields)),
        closing=tuple(fill(each, fields) for each in paragraphs(words.closing)),
    )


def fields_of(number: str, facts: Facts, contact: Contact, shop: str) -> dict[str, str]:
    """Return what a name in braces stands for."""
    return {
        "number": _one_line(number),
        "name": _one_line(contact.first_name or contact.full_name),
        "shop": _one_line(shop),
        "place": _place(facts),
        "total": money(facts.total_minor, facts.currency or "GBP"),
        "due": _moment(facts.due_us, facts.zone),
        "keep_until": _moment(facts.keep_until_us, facts.zone),
        "parcels": qty(max(1, len(facts.parcels))),
    }


def mail(written: Written, *, sender: str, shop: str, message_id: str, at_us: int) -> EmailMessage:
    """Return the mail that carries a notice.

    Raises:
        Invalid: its head would hold what no mail may hold, such as a line break.
    """
    made = EmailMessage(policy=SMTP)
    try:
        made["From"] = Address(display_name=shop, addr_spec=sender)
        made["To"] = Address(display_name=written.to_name, addr_spec=_plain_address(written.to))
        made["Subject"] = written.subject
        made["Date"] = mail_date(from_us(at_us))
        made["Message-ID"] = message_id
        made["Auto-Submitted"] = "auto-generated"
        if written.stop:  # RFC 8058: a mail program stops them with one request of its own
            made["List-Unsubscribe"] = f"<{written.stop}>"
            made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    except (ValueError, IndexError, MessageError) as error:  # a bad address raises any of the three
        raise Invalid(
            _("This mail cannot be addressed."),
            _("Correct the customer's name or address, then send it again."),
            code="bad_address",
        ) from error
    made.set_content(written.text, cte="quoted-printable")
    made.add_alternative(written.html, subtype="html", cte="quoted-printable")
    if written.qr:
        page = made.get_body(("html",))
        assert isinstance(page, EmailMessage)
        page.add_related(qr_png(written.qr), "image", "png", cid="<order-code>", filename="order-code.png")
    return made


def message_id(notice_id: str, sender: str) -> str:
    """Return the name of a notice's mail: the same at every try, so that a mailbox shows it once."""
    return f"<{notice_id}@{sender.rpartition('@')[2]}>"


def _plain_address(address: str) -> str:
    """Return an address that every server takes; a domain beyond ASCII has a plain form, a name has not."""
    name, _at, domain = address.rpartition("@")
    plain = f"{name}@{domain.encode('idna').decode('ascii')}"
    if not plain.isascii():
        raise ValueError("the name before the @ is not plain ASCII")
    return plain


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _moment(at_us: int, zone: str) -> str:
    return format_datetime(
        from_us(at_us), _("EEEE d MMMM, HH:mm"), tzinfo=ZoneInfo(zone or "UTC"), locale=locale_name()
    )


def _greeting(contact: Contact) -> str:
    name = _one_line(contact.first_name or contact.full_name)
    return _("Hello {name},", name=name) if name else _("Hello,")


def _lines(facts: Facts) -> tuple[tuple[str, str], ...]:
    return tuple((qty(line.quantity), _one_line(line.name)) for line in facts.lines)


def _spaced(code: str) -> str:
    """Return a code as it is read out."""
    return f"{code[:3]} {code[3:]}" if len(code) == CODE_DIGITS else code


def _place(facts: Facts) -> str:
    return _one_line(facts.place or facts.location)


def _received(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    rows = [(_("Order number"), number)]
    if facts.ship:
        opening = _("Thank you for your order. We write again when it is on its way.")
        rows.append((_("Leaves us by"), _moment(facts.due_us, facts.zone)))
        closing: tuple[str, ...] = ()
    else:
        opening = _("Thank you for your order. We write again when it is ready to be collected.")
        rows.append((_("Collect at"), _place(facts)))
        rows.append((_("Ready by"), _moment(facts.due_us, facts.zone)))
        closing = (_("Please wait for that mail before you come."),)
    rows.append((_("Total"), money(facts.total_minor, facts.currency)))
    return Letter(
        subject=_("We have your order {number}", number=number),
        greeting=_greeting(contact),
        opening=opening,
        rows=tuple(rows),
        lines=_lines(facts),
        closing=closing,
        shop=shop,
    )


def _to_collect(number: str, facts: Facts) -> tuple[tuple[str, str], ...]:
    rows = [(_("Order number"), number), (_("Collect at"), _place(facts))]
    if facts.keep_until_us:
        rows.append((_("Kept for you until"), _moment(facts.keep_until_us, facts.zone)))
    return tuple(rows)


def _at_the_desk(facts: Facts) -> str:
    if facts.pickup_code:
        return _("Say this code at the pickup desk. Whoever collects for you needs it too.")
    return _("Say your order number at the pickup desk. Whoever collects for you needs it too.")


def _ready(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    return Letter(
        subject=_("Your order {number} is ready to be collected", number=number),
        greeting=_greeting(contact),
        opening=_("Your order is ready. You can collect it at {place}.", place=_place(facts)),
        code=_spaced(facts.pickup_code),
        code_label=_("Your pickup code") if facts.pickup_code else "",
        rows=_to_collect(number, facts),
        lines=_lines(facts),
        closing=(_at_the_desk(facts),),
        shop=shop,
    )


def _reminder(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    return Letter(
        subject=_("Your order {number} still waits for you", number=number),
        greeting=_greeting(contact),
        opening=_(
            "Your order waits for you at {place}. Please collect it by {moment}.",
            place=_place(facts),
            moment=_moment(facts.keep_until_us, facts.zone),
        ),
        code=_spaced(facts.pickup_code),
        code_label=_("Your pickup code") if facts.pickup_code else "",
        rows=_to_collect(number, facts),
        lines=_lines(facts),
        closing=(
            _at_the_desk(facts),
            _("If you cannot come by then, please tell the store. What you have paid is not lost."),
        ),
        shop=shop,
    )


def _shipped(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    rows = [(_("Order number"), number)]
    rows += [
        (_("Tracking number"), _one_line(parcel.tracking)) for parcel in facts.parcels if parcel.tracking
    ]
    opening = _("Your order is on its way to you.")
    if len(facts.parcels) > 1:
        opening = _("Your order is on its way to you in {n} parcels.", n=qty(len(facts.parcels)))
    return Letter(
        subject=_("Your order {number} is on its way", number=number),
        greeting=_greeting(contact),
        opening=opening,
        rows=tuple(rows),
        lines=_lines(facts),
        closing=(),
        shop=shop,
    )


def _cancelled(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    if facts.whole:
        subject = _("Your order {number} was cancelled", number=number)
        opening = (
            _("As you asked, we have cancelled your order.")
            if facts.by_customer
            else _("We are sorry: we had to cancel your order.")
        )
    else:
        subject = _("A part of your order {number} was cancelled", number=number)
        opening = (
            _("As you asked, we have cancelled this part of your order. The rest stays as it is.")
            if facts.by_customer
            else _("We are sorry: we had to cancel this part of your order. The rest stays as it is.")
        )
    return Letter(
        subject=subject,
        greeting=_greeting(contact),
        opening=opening,
        rows=((_("Order number"), number),),
        lines=_lines(facts),
        closing=(_("If you have paid for it already, you get that money back."),),
        shop=shop,
    )


def _changed(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    when = _("Leaves us by") if facts.ship else _("Ready by")
    rows = [(_("Order number"), number), (when, _moment(facts.due_us, facts.zone))]
    if not facts.ship:
        rows.insert(1, (_("Collect at"), _place(facts)))
    rows += [(_("Not any more"), f"{qty(line.quantity)} × {_one_line(line.name)}") for line in facts.gone]
    rows.append((_("New total"), money(facts.total_minor, facts.currency)))
    closing = _("If you have paid more than that, you get the rest back.")
    if not facts.ship:
        closing += " " + _("If something is still to be paid, you pay it when you collect.")
    return Letter(
        subject=_("Your order {number} was changed", number=number),
        greeting=_greeting(contact),
        opening=_("As you asked, we have added this to your order. The rest stays as it is."),
        rows=tuple(rows),
        lines=_lines(facts),
        closing=(closing,),
        shop=shop,
    )


def _of_return(number: str, facts: Facts) -> list[tuple[str, str]]:
    return [(_("Return"), _one_line(facts.return_number)), (_("Order number"), number)]


def _money_comes(facts: Facts) -> str:
    match facts.refund:
        case "sent":
            return _("Your money does not wait for the parcel.")
        case "arrived":
            return _("Your money goes back as soon as the parcel is here.")
        case _:
            return _("Your money goes back once we have looked at what you send.")


def _return_expected(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    due = _moment(facts.due_us, facts.zone)
    rows = [*_of_return(number, facts), (_("Send it to"), _place(facts)), (_("Here by"), due)]
    rows += [
        (_("Tracking number"), _one_line(parcel.tracking)) for parcel in facts.parcels if parcel.tracking
    ]
    return Letter(
        subject=_("Your return of order {number} is registered", number=number),
        greeting=_greeting(contact),
        opening=_(
            "You may send this back to us. Please stick the label on the parcel: it names your return."
        ),
        rows=tuple(rows),
        lines=_lines(facts),
        closing=(_money_comes(facts),),
        shop=shop,
    )


def _return_arrived(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    return Letter(
        subject=_("Your return of order {number} has arrived", number=number),
        greeting=_greeting(contact),
        opening=_("Your parcel is here. We look at what is in it, and write again."),
        rows=(*_of_return(number, facts), (_("Arrived at"), _place(facts))),
        lines=_lines(facts),
        closing=(),
        shop=shop,
    )


def _refused(facts: Facts) -> list[tuple[str, str]]:
    rows = [(_("Not taken back"), f"{qty(line.quantity)} × {_one_line(line.name)}") for line in facts.refused]
    return rows + [(_("Because"), _one_line(why)) for why in facts.reasons]


def _return_refunded(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    total = money(facts.total_minor, facts.currency)
    rows = [*_of_return(number, facts), (_("Money back"), total)]
    closing = [_("It goes back the way you paid. Your bank may need a few days for it.")]
    if facts.credit_number:
        rows.append((_("Store credit"), _one_line(facts.credit_number)))
        closing = [_("What cannot go back the way you paid is store credit: pay with its number.")]
    if facts.refused:
        closing.append(_("We keep for you what we do not take back, and get in touch about it."))
    return Letter(
        subject=_("Money back for your return of order {number}", number=number),
        greeting=_greeting(contact),
        opening=_("You get {total} back for your return.", total=total),
        rows=(*rows, *_refused(facts)),
        lines=_lines(facts),
        closing=tuple(closing),
        shop=shop,
    )


def _return_refused(number: str, facts: Facts, contact: Contact, shop: str) -> Letter:
    return Letter(
        subject=_("Your return of order {number} is not taken back", number=number),
        greeting=_greeting(contact),
        opening=_("We are sorry: we cannot take back what you have sent."),
        rows=(*_of_return(number, facts), *_refused(facts)),
        closing=(_("We keep for you what we do not take back, and get in touch about it."),),
        shop=shop,
    )


_LETTERS: Final = {
    Kind.RECEIVED: _received,
    Kind.READY: _ready,
    Kind.REMINDER: _reminder,
    Kind.SHIPPED: _shipped,
    Kind.CANCELLED: _cancelled,
    Kind.CHANGED: _changed,
    Kind.RETURN_EXPECTED: _return_expected,
    Kind.RETURN_ARRIVED: _return_arrived,
    Kind.RETURN_REFUNDED: _return_refunded,
    Kind.RETURN_REFUSED: _return_refused,
}
