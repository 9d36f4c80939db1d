"""Percentages as amounts, and who may decide what alone at the counter.

Limits are one table, `Authority`, which a company changes as data. A percentage is rounded up before it
is compared, so that no discount slips under a limit by a fraction.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from protocol.errors import Invalid
from protocol.money import PPM, format_minor, round_ratio
from protocol.people import StoreRole, at_least


class Act(StrEnum):
    """What a person at the counter wants to do beyond an ordinary sale."""

    LINE_DISCOUNT = "line_discount"
    ORDER_DISCOUNT = "order_discount"
    PRICE_OVERRIDE = "price_override"
    POST_VOID = "post_void"
    NO_SALE = "no_sale"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Limit:
    """How far a role may go: parts per million of a discount, minor units of a return; None is any."""

    role: StoreRole
    up_to: int | None = None


_DISCOUNTS: Final = (
    Limit(StoreRole.ASSOCIATE, 100_000),
    Limit(StoreRole.LEAD, 250_000),
    Limit(StoreRole.MANAGER),
)
_LEAD_AND_ABOVE: Final = (Limit(StoreRole.LEAD),)


@dataclass(frozen=True, slots=True)
class Authority:
    """Who may do what alone: for each act its limits, from the least role to the most."""

    line_discount: tuple[Limit, ...] = _DISCOUNTS
    order_discount: tuple[Limit, ...] = _DISCOUNTS
    price_override: tuple[Limit, ...] = _LEAD_AND_ABOVE
    post_void: tuple[Limit, ...] = _LEAD_AND_ABOVE
    no_sale: tuple[Limit, ...] = _LEAD_AND_ABOVE
    returns: tuple[Limit, ...] = (Limit(StoreRole.ASSOCIATE, 100_00), Limit(StoreRole.LEAD))
    currency: str = "GBP"

    def limits(self, act: Act) -> tuple[Limit, ...]:
        """Return the limits of one act."""
        return {
            Act.LINE_DISCOUNT: self.line_discount,
            Act.ORDER_DISCOUNT: self.order_discount,
            Act.PRICE_OVERRIDE: self.price_override,
            Act.POST_VOID: self.post_void,
            Act.NO_SALE: self.no_sale,
            Act.RETURN: self.returns,
        }[act]


DEFAULT_AUTHORITY: Final = Authority()


@dataclass(frozen=True, slots=True)
class Allowed:
    """This person may do it alone."""


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    """Somebody of `role_needed` or above must agree; `reason` is a sentence for the counter."""

    role_needed: StoreRole
    reason: str


def percent_of(amount_minor: int, percent_ppm: int) -> int:
    """Return so many parts per million of an amount, rounded like all money.

    Raises:
        Invalid: the percentage is not between nothing and all of it.
    """
    if not 0 <= percent_ppm <= PPM:
        raise Invalid(
            "A discount is between 0 and 100 percent.",
            "Give it in parts per million: 15 % is 150000.",
            code="bad_percent",
            percent_ppm=percent_ppm,
        )
    return round_ratio(amount_minor * percent_ppm, PPM)


def discount_ppm(discount_minor: int, base_minor: int) -> int:
    """Return how much of a base a discount takes, in parts per million, rounded up.

    Raises:
        Invalid: the discount is negative or more than the base.
    """
    if not 0 <= discount_minor <= base_minor:
        raise Invalid(
            "The discount is more than what it is taken from, or negative.",
            "Give a discount between nothing and the whole amount.",
            code="bad_discount",
            discount_minor=discount_minor,
            base_minor=base_minor,
        )
    return -(-discount_minor * PPM // base_minor) if base_minor else 0


def needs_approval(
    role: StoreRole,
    act: Act,
    *,
    percent_ppm: int = 0,
    amount_minor: int = 0,
    authority: Authority = DEFAULT_AUTHORITY,
) -> Allowed | NeedsApproval:
    """Tell whether a person of this role may do it alone, or who must agree.

    Discounts are measured by `percent_ppm` (see `discount_ppm`), returns by `amount_minor`, the rest by
    the role alone. Where no limit reaches so far, a manager must agree and still does so by name.
    """
    asked = amount_minor if act is Act.RETURN else percent_ppm
    reaching = [limit for limit in authority.limits(act) if limit.up_to is None or asked <= limit.up_to]
    if any(at_least(role, limit.role) for limit in reaching):
        return Allowed()
    role_needed = reaching[0].role if reaching else StoreRole.MANAGER
    return NeedsApproval(role_needed, _reason(role, act, asked, authority))


def _reason(role: StoreRole, act: Act, asked: int, authority: Authority) -> str:
    """Return what goes too far, with the limit of this role where it has one."""
    own = [
        limit.up_to
        for limit in authority.limits(act)
        if limit.up_to is not None and at_least(role, limit.role)
    ]
    what = act.replace("_", " ").capitalize()
    if not own:
        return f"{what}: not for {role}."
    if act is Act.RETURN:
        asked_text = format_minor(asked, authority.currency)
        limit_text = format_minor(max(own), authority.currency)
    else:
        asked_text, limit_text = _percent(asked), _percent(max(own))
    return f"{what} of {asked_text} is above the {limit_text} of {role}."


def _percent(ppm: int) -> str:
    """Return parts per million as a percentage without needless zeros."""
    whole, part = divmod(ppm, PPM // 100)
    return f"{whole}.{part:04d}".rstrip("0").rstrip(".") + " %"
