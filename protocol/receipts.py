"""What a receipt says of its sale to a store that can ask nobody: the statement, its bytes and its text.

A store signs what it prints (`protocol.kit.signing`), and every other store knows the keys, so a counter
without a line can tell a receipt of ours from one that somebody made. The statement is short because it has
to fit in a QR code that cheap scanners read: lists instead of names, compressed, written in base 32, which
survives scanners that type with the wrong keyboard or with caps lock.

What a reader would get wrong: a true receipt is not a fresh one. It says what had come back when it was
printed, so what was returned elsewhere since is unknown; the policy says how much may be risked on that
(`signed_up_to_minor`), and the hub finds what came back twice.
"""

import base64
import binascii
import json
import zlib
from typing import Annotated, Any, Final

from pydantic import Field, ValidationError

from protocol.errors import Invalid
from protocol.ids import EDGE_NAME
from protocol.orders import Code, LineKind, PositiveMinor, Quantity, TenderKind, WireModel
from protocol.returns import Channel, Day

PREFIX: Final = "OSR1:"
TEXT_LIMIT: Final = 900
"""Characters that still make a QR code for paper of 58 mm. A longer sale is asked of the hub."""
SIGNATURE_BYTES: Final = 64
STATEMENT_BYTES: Final = 16_384
"""No statement that fits in a code is longer once it is unpacked."""
_VERSION: Final = 1
_KINDS: Final = tuple(LineKind)
_TENDERS: Final = tuple(TenderKind)
_CHANNELS: Final = tuple(Channel)
Units = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


class StatedLine(WireModel):
    """A line that was sold, with the money it kept and what had come back of it."""

    line_no: int = Field(ge=1, le=5_000)
    sku: Code
    kind: LineKind = LineKind.GOODS
    quantity: Quantity
    gross_minor: PositiveMinor
    tax_minor: PositiveMinor
    rate_ppm: int = Field(ge=0, le=1_000_000)
    returned: Units = 0
    refunded_minor: PositiveMinor = 0
    refunded_tax_minor: PositiveMinor = 0
    serials: tuple[Annotated[str, Field(max_length=64)], ...] = Field(default=(), max_length=100)


class StatedTender(WireModel):
    """How it was paid, and what had gone back to it."""

    n: int
    kind: TenderKind
    amount_minor: PositiveMinor
    refunded_minor: PositiveMinor = 0
    reference: str = Field(default="", max_length=64)
    last4: str = Field(default="", pattern=r"^\d{0,4}$")


class StatedSale(WireModel):
    """All that a receipt says of its sale. `signer` is the store that printed it."""

    signer: str = Field(pattern=f"^{EDGE_NAME.pattern}$")
    order_id: Code
    number: Code
    channel: Channel = Channel.STORE
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    start: Day
    sold_us: int = Field(ge=0)
    lines: tuple[StatedLine, ...] = Field(min_length=1, max_length=500)
    tenders: tuple[StatedTender, ...] = Field(default=(), max_length=20)


class StoreKey(WireModel):
    """What the receipts of one store are verified with; `until_us` ends it for sales after that, 0 never."""

    location: Code
    public: str = Field(pattern=r"^[0-9a-f]{64}$")
    until_us: int = Field(default=0, ge=0)


class StoreKeys(WireModel):
    """The directive `store.keys`: keys to keep beside those that are known; one known already is replaced."""

    keys: tuple[StoreKey, ...] = Field(min_length=1, max_length=200)


def packed(sale: StatedSale) -> bytes:
    """Return the bytes of a statement: what is signed."""
    said = [
        _VERSION,
        sale.signer,
        sale.order_id,
        sale.number,
        _CHANNELS.index(sale.channel),
        sale.currency,
        sale.start,
        sale.sold_us,
        [_line(line) for line in sale.lines],
        [
            [t.n, _TENDERS.index(t.kind), t.amount_minor, t.refunded_minor, t.reference, t.last4]
            for t in sale.tenders
        ],
    ]
    return zlib.compress(json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode(), 9)


def unpacked(data: bytes) -> StatedSale:
    """Return a statement from its bytes.

    Raises:
        Invalid: `no_receipt_code`, they are no statement of this version.
    """
    try:
        box = zlib.decompressobj()
        plain = box.decompress(data, STATEMENT_BYTES)
        if box.unconsumed_tail or not box.eof:
            raise no_statement()
        return _read(json.loads(plain))
    except (zlib.error, ValueError, TypeError, IndexError, ValidationError) as error:
        raise no_statement() from error


def text_of(signature: bytes, data: bytes) -> str:
    """Return what the code of a receipt says; empty when it would not fit on the paper."""
    letters = base64.b32encode(signature + data).decode().rstrip("=")
    text = PREFIX + letters
    return text if len(text) <= TEXT_LIMIT else ""


def is_statement(text: str) -> bool:
    """Tell whether a scan claims to be a signed receipt."""
    return text.strip().upper().startswith(PREFIX)


def parts_of(text: str) -> tuple[bytes, bytes]:
    """Return (signature, bytes of the statement) of what was scanned.

    Raises:
        Invalid: `no_receipt_code`.
    """
    letters = text.strip().upper().removeprefix(PREFIX)
    if len(letters) > TEXT_LIMIT:
        raise no_statement()
    try:
        data = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except (binascii.Error, ValueError) as error:
        raise no_statement() from error
    if len(data) <= SIGNATURE_BYTES:
        raise no_statement()
    return data[:SIGNATURE_BYTES], data[SIGNATURE_BYTES:]


def no_statement() -> Invalid:
    """Return the refusal of a code that cannot be read as a receipt."""
    return Invalid(
        "This is no code of a receipt, or a part of it is missing.",
        "Scan it once more; or type the receipt's number.",
        code="no_receipt_code",
    )


def _line(line: StatedLine) -> list[Any]:
    said: list[Any] = [
        line.line_no, line.sku, _KINDS.index(line.kind), line.quantity, line.gross_minor, line.tax_minor,
        line.rate_ppm,
    ]  # fmt: skip
    if line.returned or line.refunded_minor or line.serials:
        said += [line.returned, line.refunded_minor, line.refunded_tax_minor]
    return [*said, list(line.serials)] if line.serials else said


def _read(said: Any) -> StatedSale:
    version, signer, order_id, number, channel, currency, start, sold_us, lines, tenders = said
    if version != _VERSION:
        raise no_statement()
    return StatedSale(
        signer=signer,
        order_id=order_id,
        number=number,
        channel=_CHANNELS[channel],
        currency=currency,
        start=start,
        sold_us=sold_us,
        lines=tuple(_read_line(line) for line in lines),
        tenders=tuple(
            StatedTender(
                n=n,
                kind=_TENDERS[kind],
                amount_minor=amount,
                refunded_minor=back,
                reference=reference,
                last4=last4,
            )
            for n, kind, amount, back, reference, last4 in tenders
        ),
    )


def _read_line(said: Any) -> StatedLine:
    line_no, sku, kind, quantity, gross, tax, rate, *later = said
    returned, refunded, refunded_tax, *serials = later or (0, 0, 0)
    return StatedLine(
        line_no=line_no,
        sku=sku,
        kind=_KINDS[kind],
        quantity=quantity,
        gross_minor=gross,
        tax_minor=tax,
        rate_ppm=rate,
        returned=returned,
        refunded_minor=refunded,
        refunded_tax_minor=refunded_tax,
        serials=tuple(serials[0]) if serials else (),
    )
