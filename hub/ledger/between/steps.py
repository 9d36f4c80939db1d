"""Setting what goods cost between two entities of the company."""

import sqlalchemy as sa
from pydantic import ValidationError

from hub.context import Hub
from hub.ledger.between import rows
from hub.ledger.desk import write
from hub.ledger.rows import journals
from hub.spine.steps import record
from hub.spine.work import Work
from protocol.books import PricesSet
from protocol.errors import Invalid
from protocol.kit.text import _
from protocol.money import parse_minor


def set_prices(hub: Hub, said: dict[str, object], *, by: str) -> None:
    """Set the price list of a pair anew, whole; it holds for what is charged from now on.

    Raises:
        Invalid: it cannot be read, names an article twice, or an entity without books, or changes nothing.
    """
    try:
        wanted = PricesSet.model_validate(said)
    except ValidationError as error:
        raise Invalid(
            _("This price list cannot be read."), _("Look at the marked fields."), code="bad_prices"
        ) from error
    skus = [each.sku for each in wanted.prices]
    twice = next((sku for sku in skus if skus.count(sku) > 1), None) if len(set(skus)) < len(skus) else None
    if twice is not None:
        raise Invalid(
            _("{sku} has two prices.", sku=twice), _("Leave one of them out."), code="two_prices", sku=twice
        )

    def act(work: Work) -> None:
        known = set(work.connection.execute(sa.select(journals.c.entity).distinct()).scalars())
        if wanted.supplier == wanted.buyer or not {wanted.supplier, wanted.buyer} <= known:
            raise Invalid(
                _("A price list is between two entities that keep books."),
                _("Choose two of the list."),
                code="bad_pair",
            )
        before = rows.newest(work.connection, wanted.supplier, wanted.buyer)
        same = {"reason": "-"}
        if before is not None and PricesSet.model_validate_json(before.body).model_copy(
            update=same
        ) == wanted.model_copy(update=same):
            raise Invalid(_("Nothing would change."), _("Change a price first."), code="nothing")
        record(work, wanted, by=by)

    write(hub, act)


def read_prices(text: str, currency: str) -> list[dict[str, object]]:
    """Return prices as somebody typed them, one article and its price on each line.

    Raises:
        Invalid: a line cannot be read; names it.
    """
    found: list[dict[str, object]] = []
    for n, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        sku, _space, price = line.strip().rpartition(" ")
        try:
            found.append({"sku": sku.strip(), "price_minor": parse_minor(price, currency)})
        except Invalid as error:
            raise Invalid(
                _("Line {n} of the prices cannot be read.", n=n),
                _("Write an article and its price, such as: MUG-1 2.10"),
                code="bad_price",
                line=n,
            ) from error
    return found
