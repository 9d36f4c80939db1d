"""The editor's fields: the policy as texts, and texts as a policy.

Everything that is not a rule about goods stands in one form. What somebody typed is shown again beside what
is wrong with it; nothing counts before it was seen.
"""

from collections.abc import Mapping
from typing import Any

from hub.returns.form_fields import Field, Group, Read, plain
from hub.returns.refund_form import refund_texts, refund_values, refunds
from protocol.errors import Invalid
from protocol.kit.return_words import channel_word, condition_word, proof_word
from protocol.kit.text import _
from protocol.people import StoreRole
from protocol.returns import (
    WITHOUT_LIMIT,
    Authority,
    Channel,
    ChannelRule,
    Condition,
    GoodsRule,
    Holiday,
    NoReceipt,
    Outcome,
    Proof,
    ReturnPolicy,
)


def groups() -> tuple[Group, ...]:
    """Return the form, in the words of the current language."""
    return (_windows(), _law(), _goods(), _proof(), refunds(), _people())


def _labels() -> dict[str, str]:
    return {field.name: field.label for group in groups() for field in group.fields}


def _windows() -> Group:
    forever = _("Days; empty: without limit.")
    return Group(
        "windows",
        _("How long"),
        _("Counted from the handover; the last day is inside."),
        (
            Field("default_days", _("Everything may come back for"), hint=forever),
            *(
                Field(f"days_{each.value}", channel_word(each), hint=_("Days; empty: as everything."))
                for each in Channel
            ),
            Field("grace_days", _("Days of grace"), hint=_("So long after it, somebody may still allow it.")),
            Field("defective_days", _("Faulty goods come back for"), hint=forever),
            Field(
                "holidays",
                _("Holiday rules"),
                "area",
                _(
                    "One a line: bought from, bought to, may come back until. Such as {row}.",
                    row="2026-11-01 2026-12-24 2027-01-31",
                ),
            ),
            Field(
                "closed_weekdays",
                _("Closed on"),
                "select",
                _("A window that ends then ends on the next open day."),
                (("", _("No day")), ("7", _("Sundays")), ("6 7", _("Saturdays and Sundays"))),
            ),
            Field("closed_dates", _("Closed dates"), "area", _("One a line, such as 2026-12-25.")),
        ),
    )


def _law() -> Group:
    return Group(
        "law",
        _("What the law gives"),
        _("No window, final sale or fee can undercut it."),
        (
            *(
                Field(f"law_{each.value}", channel_word(each), hint=_("Days to withdraw; empty: none."))
                for each in Channel
            ),
            Field("law_defective_days", _("Faulty goods, days at least")),
        ),
    )


def _goods() -> Group:
    return Group(
        "goods",
        _("What it looks like, and where it was bought"),
        "",
        (
            *(
                Field(
                    f"condition_{each.value}",
                    condition_word(each),
                    "select",
                    options=(
                        ("", _("comes back")),
                        ("exchange", _("exchange or store credit only")),
                        ("reject", _("does not come back")),
                    ),
                )
                for each in Condition
            ),
            *(
                Field(
                    f"in_store_{each.value}",
                    channel_word(each),
                    "select",
                    options=(("", _("stores take it back")), ("no", _("stores do not take it back"))),
                )
                for each in Channel
            ),
            Field(
                "fee_tax",
                _("A restocking fee"),
                "select",
                options=(("inclusive", _("carries the tax of its line")), ("untaxed", _("carries no tax"))),
            ),
        ),
    )


def _proof() -> Group:
    return Group(
        "proof",
        _("Proof"),
        _("What is no proof counts as none, and goes back as store credit."),
        (
            *(
                Field(
                    f"proof_{each.value}",
                    proof_word(each),
                    "select",
                    options=(("yes", _("is proof")), ("", _("is none"))),
                )
                for each in Proof
                if each is not Proof.NONE
            ),
            Field("no_receipt_amount", _("Without proof, up to"), "money", _("0: nothing.")),
            Field("no_receipt_count", _("Without proof, times in 90 days")),
            Field(
                "no_receipt_id",
                _("Without proof, an identity card"),
                "select",
                options=(("", _("is not asked for")), ("yes", _("has to be seen"))),
            ),
        ),
    )


def _people() -> Group:
    return Group(
        "people",
        _("Who must agree"),
        _("Somebody else than whoever gives the money back, with their PIN and a reason."),
        (
            Field("approval_over", _("To more than"), "money", _("Empty: no amount asks for it.")),
            Field(
                "customer_count",
                _("To a customer's returns in 90 days, from"),
                hint=_("0: never."),
            ),
            Field(
                "customer_outcome",
                _("From then on"),
                "select",
                options=(
                    (Outcome.CONTINGENT.value, _("somebody else must agree")),
                    (Outcome.DENY_OVERRIDABLE.value, _("outside the policy, can be allowed")),
                    (Outcome.DENY.value, _("cannot come back")),
                ),
            ),
            Field(
                "own_sale",
                _("To what the same person sold"),
                "select",
                options=(("", _("no")), ("contingent", _("yes"))),
            ),
            *(
                Field(f"up_to_{role.value}", label, "money", _("0: not at all. Empty: any amount."))
                for role, label in (
                    (StoreRole.LEAD, _("A lead may allow up to")),
                    (StoreRole.MANAGER, _("A manager may allow up to")),
                )
            ),
        ),
    )


def texts_of(policy: ReturnPolicy, currency: str) -> dict[str, str]:
    """Return a policy as the texts of the form."""
    limits = {each.role: each.up_to_minor for each in policy.authorities}
    texts = {
        "default_days": _days_text(policy.default_days),
        "grace_days": str(policy.grace_days),
        "defective_days": _days_text(policy.defective_days),
        "holidays": "\n".join(f"{h.bought_from} {h.bought_to} {h.until}" for h in policy.holidays),
        "closed_weekdays": " ".join(map(str, policy.closed_weekdays)),
        "closed_dates": "\n".join(policy.closed_dates),
        "law_defective_days": str(policy.law_defective_days or ""),
        "fee_tax": policy.fee_tax,
        "no_receipt_amount": plain(policy.no_receipt.max_amount_minor, currency),
        "no_receipt_count": str(policy.no_receipt.max_count_90d),
        "no_receipt_id": "yes" if policy.no_receipt.id_required else "",
        "approval_over": plain(policy.approval_over_minor, currency),
        "customer_count": str(policy.customer_limit.count_90d),
        "customer_outcome": policy.customer_limit.outcome.value,
        "own_sale": policy.own_sale,
        **refund_texts(policy, currency),
    }
    for channel in Channel:
        rule = policy.channels.get(channel, ChannelRule())
        texts[f"days_{channel.value}"] = "" if rule.days is None else _days_text(rule.days)
        texts[f"in_store_{channel.value}"] = "" if rule.in_store else "no"
        texts[f"law_{channel.value}"] = str(policy.law_days.get(channel) or "")
    for condition in Condition:
        reject = "reject" if condition in policy.reject_conditions else ""
        exchange = "exchange" if condition in policy.exchange_only_conditions else ""
        texts[f"condition_{condition.value}"] = reject or exchange
    for proof in Proof:
        texts[f"proof_{proof.value}"] = "yes" if proof in policy.proofs else ""
    for role in (StoreRole.LEAD, StoreRole.MANAGER):
        texts[f"up_to_{role.value}"] = plain(limits.get(role, 0), currency)
    return texts


def with_settings(policy: ReturnPolicy, said: Mapping[str, str], currency: str) -> ReturnPolicy:
    """Return a policy with everything that the form says; its rules about goods stay.

    Raises:
        Invalid: a field cannot be used; says which.
    """
    read = Read(said, currency, _labels())
    values: dict[str, Any] = {
        "default_days": read.days("default_days"),
        "grace_days": read.whole("grace_days") or 0,
        "defective_days": read.days("defective_days"),
        "holidays": tuple(_holiday(read, row) for row in read.rows("holidays")),
        "closed_weekdays": tuple(int(day) for day in read.text("closed_weekdays").split() if day.isdecimal()),
        "closed_dates": tuple(read.rows("closed_dates")),
        "law_defective_days": read.whole("law_defective_days") or 0,
        "law_days": {each: days for each in Channel if (days := read.whole(f"law_{each.value}"))},
        "channels": _channels(read),
        "fee_tax": read.text("fee_tax") or "inclusive",
        "proofs": tuple(each for each in Proof if read.text(f"proof_{each.value}")),
        "no_receipt": NoReceipt(
            max_amount_minor=read.minor("no_receipt_amount") or 0,
            max_count_90d=read.whole("no_receipt_count") or 0,
            id_required=bool(read.text("no_receipt_id")),
        ),
        "reject_conditions": _conditions(read, "reject"),
        "exchange_only_conditions": _conditions(read, "exchange"),
        "approval_over_minor": read.minor("approval_over"),
        "customer_limit": {
            "count_90d": read.whole("customer_count") or 0,
            "outcome": read.text("customer_outcome") or Outcome.CONTINGENT.value,
        },
        "own_sale": read.text("own_sale"),
        "authorities": _authorities(read),
        **refund_values(read),
    }
    return read.made(lambda: ReturnPolicy.model_validate({**policy.model_dump(), **values}))


def with_rule(policy: ReturnPolicy, said: Mapping[str, str], currency: str) -> ReturnPolicy:
    """Return a policy with one rule about goods added, or in the place of the one of the same.

    Raises:
        Invalid: it speaks of nothing, says nothing, or a value cannot be used.
    """
    read = Read(said, currency, _labels())
    name, scope = read.text("name")[:64], read.text("scope")
    if not name or scope not in {"category", "item"}:
        raise Invalid(_("A rule needs its category or its item."), _("Type its name."), code="bad_rule")
    fee = read.percent("fee")
    rule = GoodsRule(
        days=read.days("days") if read.text("days") else None,
        final_sale=True if read.text("final_sale") else None,
        fee_ppm=fee,
        fee_when=tuple(each for each in Condition if read.text(f"when_{each.value}")) if fee else (),
        hygiene=True if read.text("hygiene") else None,
        vendor_return=True if read.text("vendor_return") else None,
        serial=True if read.text("serial") else None,
        repair_minor=read.minor("repair"),
        liquidation_ppm=read.percent("liquidation"),
    )
    if rule == GoodsRule():
        raise Invalid(_("The rule says nothing."), _("Give it days, a fee or final sale."), code="bad_rule")
    where = "categories" if scope == "category" else "items"
    rules = {**getattr(policy, where), name: rule}
    return read.made(lambda: ReturnPolicy.model_validate({**policy.model_dump(), where: rules}))


def without_rule(policy: ReturnPolicy, scope: str, name: str) -> ReturnPolicy:
    """Return a policy without one rule about goods."""
    where = "categories" if scope == "category" else "items"
    rules = {key: rule for key, rule in getattr(policy, where).items() if key != name}
    return policy.model_copy(update={where: rules})


def rule_texts(policy: ReturnPolicy, scope: str, name: str, currency: str) -> dict[str, str]:
    """Return a rule about goods as the texts of its form; nothing where there is none."""
    where = policy.categories if scope == "category" else policy.items
    rule = where.get(name)
    if rule is None:
        return {}
    return {
        "scope": scope,
        "name": name,
        "days": "" if rule.days is None else str(rule.days),
        "final_sale": "yes" if rule.final_sale else "",
        "fee": _percent_text(rule.fee_ppm),
        "hygiene": "yes" if rule.hygiene else "",
        "vendor_return": "yes" if rule.vendor_return else "",
        "serial": "yes" if rule.serial else "",
        "repair": plain(rule.repair_minor, currency),
        "liquidation": _percent_text(rule.liquidation_ppm),
        **{f"when_{each.value}": "yes" for each in rule.fee_when},
    }


def _channels(read: Read) -> dict[Channel, ChannelRule]:
    found = {}
    for each in Channel:
        typed = read.text(f"days_{each.value}")
        days = min(read.days(f"days_{each.value}"), 3_650) if typed else None
        closed = bool(read.text(f"in_store_{each.value}"))
        if days is not None or closed:
            found[each] = ChannelRule(days=days, in_store=not closed)
    return found


def _conditions(read: Read, word: str) -> tuple[Condition, ...]:
    return tuple(each for each in Condition if read.text(f"condition_{each.value}") == word)


def _authorities(read: Read) -> tuple[Authority, ...]:
    found = []
    for role in (StoreRole.LEAD, StoreRole.MANAGER):
        up_to = read.minor(f"up_to_{role.value}")
        if up_to != 0:
            found.append(Authority(role=role, up_to_minor=up_to))
    return tuple(found)


def _holiday(read: Read, row: str) -> Holiday:
    parts = row.replace(",", " ").split()
    if len(parts) != 3:
        raise read.unusable("holidays", row)
    return read.made(lambda: Holiday(bought_from=parts[0], bought_to=parts[1], until=parts[2]))


def _days_text(days: int) -> str:
    return "" if days == WITHOUT_LIMIT else str(days)


def _percent_text(ppm: int | None) -> str:
    return "" if ppm is None else f"{ppm / 10_000:g}"
