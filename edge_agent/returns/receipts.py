"""Receipts that speak for themselves: signed here, verified here when another store printed them.

A counter without a line takes goods of another store back on what their receipt says, if the key of that
store is known and the statement is as it was signed. The hub is asked first where it can be: it knows what
came back since. What this store has taken back of such a sale itself counts always.
"""

import os
from typing import Final

from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.later.hub import OrderAnswer, SoldElsewhereLine, SoldElsewhereTender
from edge_agent.link.directives import arrived_us
from edge_agent.returns import rows
from edge_agent.settings import EdgeSettings
from protocol import receipts
from protocol.clock import MICROSECONDS
from protocol.errors import Invalid, Refused
from protocol.ids import IdMaker
from protocol.kit.signing import SEED_BYTES, SigningKey, is_signed, signing_key
from protocol.kit.sqlite import Connection
from protocol.kit.text import _
from protocol.lifecycles import OrderState
from protocol.receipts import StatedLine, StatedSale, StatedTender, StoreKeys
from protocol.returns import Channel

LINES: Final = 100
"""A sale with more lines makes no code that fits on the paper."""
_STATED: Final = frozenset({OrderState.COMPLETED, OrderState.PART_RETURNED, OrderState.HANDED_OVER})


def load_key(settings: EdgeSettings, ids: IdMaker) -> SigningKey:
    """Return the key of this store; the first start makes it, readable by nobody else."""
    file = settings.receipt_key_file
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(ids.secret(SEED_BYTES))
    return signing_key(file.read_text(encoding="ascii").strip())


def use_key(edge: Edge, key: SigningKey) -> None:
    """Sign the receipts of this store with a key, and tell the hub its public half."""
    edge.receipt_key = key.public
    edge.sign_receipt = lambda connection, order_id: signed_text(connection, edge, key, order_id)


def signed_text(connection: Connection, edge: Edge, key: SigningKey, order_id: str) -> str:
    """Return the signed code of an order as it stands now; empty where there is none or it is too long."""
    order = rows.find_order(connection, order_id, edge.clock.now_us())
    lines = rows.sold_lines(connection, order_id)
    if order is None or OrderState(order.state) not in _STATED or not 0 < len(lines) <= LINES:
        return ""
    serials = rows.serials_sold(connection, order_id)
    data = receipts.packed(
        StatedSale(
            signer=edge.identity.edge,
            order_id=order.order_id,
            number=order.number,
            channel=Channel(order.channel),
            currency=order.currency,
            start=order.business_date,
            sold_us=order.at_us - order.at_us % MICROSECONDS,
            lines=tuple(
                StatedLine(
                    line_no=line.line_no,
                    sku=line.sku,
                    kind=line.kind,
                    quantity=line.money.quantity,
                    gross_minor=line.money.gross_minor,
                    tax_minor=line.money.tax_minor,
                    rate_ppm=line.rate_ppm,
                    returned=line.money.returned_quantity,
                    refunded_minor=line.money.refunded_minor,
                    refunded_tax_minor=line.money.refunded_tax_minor,
                    serials=serials.get(line.line_no, ()),
                )
                for line in lines.values()
            ),
            tenders=tuple(
                StatedTender(
                    n=tender.n,
                    kind=tender.kind,
                    amount_minor=tender.amount_minor,
                    refunded_minor=tender.amount_minor - tender.left_minor,
                    reference=tender.reference,
                    last4=tender.last4,
                )
                for tender in rows.tenders_left(connection, order_id)
            ),
        )
    )
    return receipts.text_of(key.sign(data), data)


def take_keys(unit: EdgeUnit, edge: Edge, body: StoreKeys) -> None:
    """Keep the keys of other stores."""
    at_us = arrived_us(unit, edge)
    unit.connection.executemany(
        "INSERT INTO store_keys (public, location, until_us, arrived_us) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (public) DO UPDATE SET until_us = excluded.until_us",
        [(key.public, key.location, key.until_us, at_us) for key in body.keys],
    )


def verified(connection: Connection, edge: Edge, text: str) -> StatedSale:
    """Return what a signed receipt says, once it is certain that one of our stores said it.

    Raises:
        Refused: `unreadable_receipt`, a part of the code is missing; `unknown_signer`, no key of its store is
            known here; `forged_receipt`, it was made or changed by somebody else; `other_currency`.
    """
    try:
        signature, data = receipts.parts_of(text)
        sale = receipts.unpacked(data)
    except Invalid as error:
        raise Refused(
            _("The code of this receipt cannot be read; a part of it may be missing."),
            _("Scan it once more, or type the number of the receipt."),
            code="unreadable_receipt",
        ) from error
    keys = _keys_of(connection, edge, sale.signer)
    if not keys:
        raise Refused(
            _("This store does not know the signature of {store}.", store=sale.signer),
            _("Ask the hub about {number} when the line is back.", number=sale.number),
            code="unknown_signer",
            signer=sale.signer,
        )
    if not any(
        is_signed(public, signature, data) for public, until in keys if not until or sale.sold_us <= until
    ):
        raise Refused(
            _("This receipt was not printed by {store}, or it was changed since.", store=sale.signer),
            _("Take nothing back on it. Call a manager; if it is a mistake, the hub knows the sale."),
            code="forged_receipt",
            signer=sale.signer,
            number=sale.number,
        )
    if sale.currency != edge.settings.currency:
        raise Refused(
            _("It was sold in {currency}; here money goes back in {own}.", currency=sale.currency,
              own=edge.settings.currency),
            _("Ask customer service to take it back."),
            code="other_currency",
        )  # fmt: skip
    return sale


def _keys_of(connection: Connection, edge: Edge, signer: str) -> list[tuple[str, int]]:
    found = connection.execute("SELECT public, until_us FROM store_keys WHERE location = ?", (signer,))
    keys = [(str(row[0]), int(row[1])) for row in found]
    return [*keys, (edge.receipt_key, 0)] if signer == edge.identity.edge and edge.receipt_key else keys


def note(unit: EdgeUnit, edge: Edge, sale: StatedSale) -> None:
    """Keep what a receipt says for as long as a return takes, unless the hub has said more."""
    now_us = edge.clock.now_us()
    if rows.find_order(unit.connection, sale.order_id, now_us) is not None:
        return
    products = edge.products.find_all(unit.connection, {line.sku for line in sale.lines})
    names = {sku: product.name for sku, product in products.items()}
    own = rows.taken_back_here(unit.connection, sale.order_id) if sale.signer == edge.identity.edge else {}
    rows.note_told(unit, answer_of(sale, names, own), now_us)


def answer_of(sale: StatedSale, names: dict[str, str], own: dict[int, tuple[int, int, int]]) -> OrderAnswer:
    """Return a statement in the shape of the hub's answer; `own` is what this store took back of it."""
    lines = []
    for line in sale.lines:
        # Of what this store printed itself, its own returns are in the figures; everywhere else they are not.
        units, gross, tax = own.get(line.line_no, (0, 0, 0))
        lines.append(
            SoldElsewhereLine(
                line_no=line.line_no,
                sku=line.sku,
                name=names.get(line.sku, line.sku),
                kind=line.kind,
                rate_ppm=line.rate_ppm,
                quantity=line.quantity,
                gross_minor=line.gross_minor,
                tax_minor=line.tax_minor,
                returned=max(0, line.returned - units),
                refunded_minor=max(0, line.refunded_minor - gross),
                refunded_tax_minor=max(0, line.refunded_tax_minor - tax),
                serials=line.serials,
            )
        )
    back = all(line.returned >= line.quantity for line in sale.lines)
    return OrderAnswer(
        order_id=sale.order_id,
        number=sale.number,
        location=sale.signer,
        channel=sale.channel,
        currency=sale.currency,
        start=sale.start,
        at_us=sale.sold_us,
        state=(OrderState.RETURNED if back else OrderState.COMPLETED).value,
        total_minor=sum(line.gross_minor for line in sale.lines),
        lines=tuple(lines),
        tenders=tuple(SoldElsewhereTender.model_validate(each.model_dump()) for each in sale.tenders),
        signed=True,
    )
