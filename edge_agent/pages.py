"""What the pages of every room share: a form's values, the part that is swapped, another person's word.

A page is one template with a block `body`. A browser that asks for the address gets the whole page; a
form sent by htmx gets the block alone, morphed into place, with the dialogs closed. `ask_in_place` runs a
step and, when the step says `needs_approval`, answers with a sheet that carries the form along: whoever may
agree types a PIN there, the same form is sent again, and nothing on the screen was lost.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from string import ascii_letters
from typing import Any, Final, TypeVar

from babel import numbers
from fastapi import Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from edge_agent import words
from edge_agent.context import Edge
from edge_agent.database import EdgeUnit
from edge_agent.people import rows as people_rows
from edge_agent.people import steps as people
from edge_agent.people.rules import role_word
from protocol.errors import Invalid, NotSignedIn, OrderspineError, Refused, TooManyTries
from protocol.kit.text import _
from protocol.kit.web.filters import amount
from protocol.kit.web.shell import Templates
from protocol.kit.web.signin import CurrentPerson
from protocol.money import exponent, parse_minor
from protocol.orders import MINOR
from protocol.people import StoreRole, at_least

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)
till_word = words.till_word
_APPROVER: Final = (
    "approver", "approver_badge", "approver_pin", "approve_action", "approve_but", "approve_reason", "csrf",
)  # fmt: skip
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:(?:,[0-9]{3})+(\.[0-9]+)?|(?:\.[0-9]{3})+(,[0-9]+)?)")
"""An amount whose thousands stand apart, as our pages write it in one language or the other."""
_SIGNS_OF: Final = ("en_GB", "en_US", "de_DE")
"""Locales that write the same sign in different ways: `US$12.50`, `$12.50`, `12,50 $`."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a form sent. Values are texts; a field that was not sent is empty."""

    values: tuple[tuple[str, str], ...]

    def get(self, name: str, default: str = "") -> str:
        """Return the last value under a name, without the blanks around it."""
        return next((text.strip() for key, text in reversed(self.values) if key == name), default)

    def whole(self, name: str, default: int | None = None) -> int:
        """Return a whole number.

        Raises:
            Invalid: the text is none.
        """
        text = self.get(name).replace(" ", "")
        if not text and default is not None:
            return default
        if not text.isascii() or not text.removeprefix("-").isdecimal() or len(text) > 12:
            raise Invalid(
                _("{text} is not a whole number.", text=repr(text[:20])),
                _("Type digits only, such as 3."),
                code="bad_number",
                field=name,
            )
        return int(text)

    def minor(self, name: str, currency: str) -> int:
        """Return an amount in minor units; the sign of its currency may stand before or after it.

        What a page writes is read again, also `£1,234.50` and `1.234,50 £`. Nothing is left out to make an
        amount of what is none: `-4` is not 4, and `12 34` is not 1,234.

        Raises:
            Invalid: `bad_amount`, the text is no amount of this currency; `amount_too_large`.
        """
        typed = self.get(name)
        try:
            minor = parse_minor(_ungrouped(_without_sign(typed, currency), currency), currency)
        except Invalid as error:
            places = exponent(currency)
            example = amount(1250 if places == 2 else 12 * 10**places, currency)
            raise Invalid(
                _("{text} is not an amount in {currency}.", text=repr(typed[:40]), currency=currency)
                if typed
                else _("No amount was typed."),
                _("Type it like {example}.", example=example),
                code="bad_amount",
                field=name,
            ) from error
        if minor > MINOR:
            raise Invalid(
                _("{text} is more than an amount can be here.", text=typed[:40]),
                _("Look at the digits, then type it again."),
                code="amount_too_large",
                field=name,
            )
        return minor

    def under(self, prefix: str) -> dict[str, str]:
        """Return the values whose names begin with a prefix, under the rest of their names."""
        return {name[len(prefix) :]: text.strip() for name, text in self.values if name.startswith(prefix)}


def _ungrouped(text: str, currency: str) -> str:
    """Return an amount without the marks between its thousands, where they can be nothing else.

    `1,234` is a thousand to one reader and a little more than one to another: it is left as it is, unless
    its currency has no decimals.
    """
    found = _GROUPED.fullmatch(text)
    if found is None or not (found.lastindex or not exponent(currency)):
        return text
    return text.replace(next(letter for letter in text if letter in ".,"), "")


def _without_sign(text: str, currency: str) -> str:
    for sign in _signs(currency):
        if text.startswith(sign):
            return text.removeprefix(sign).strip()
        if text.endswith(sign):
            return text.removesuffix(sign).strip()
    return text


@cache
def _signs(currency: str) -> tuple[str, ...]:
    """Return how a currency is written beside an amount, the longest first."""
    written = {numbers.get_currency_symbol(currency, locale=locale) for locale in _SIGNS_OF}
    bare = {sign.lstrip(ascii_letters) for sign in written}  # `$` of `US$`
    return tuple(sorted({currency, *written, *bare} - {""}, key=lambda sign: (-len(sign), sign)))


@dataclass(frozen=True, slots=True)
class Ask:
    """What the approval sheet says: what is wanted, what it does to the amounts, how to go back."""

    title: str
    says: str = ""
    rows: Sequence[tuple[str, str]] = ()
    keep: str = ""
    allow: str = ""
    why: str = ""
    """The label of a field in which whoever agrees says why; none without it."""


def command(model: type[Model], /, **values: Any) -> Model:
    """Return what a form asks for as the command its step takes.

    Raises:
        Invalid: a value cannot be used; says which.
    """
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Invalid(
            _("The field {field} cannot be used: {says}.", field=field, says=first["msg"]),
            _("Correct it and send the form again; nothing of it was kept."),
            code="invalid_field",
            field=field,
        ) from error


def with_word(wanted: Model, token: str | None) -> Model:
    """Return a command with another person's word, once it is given: see `ask_in_place`."""
    return wanted.model_copy(update={"approval": token}) if token else wanted


async def form_of(request: Request) -> Form:
    """Return the fields of a form; files are left out."""
    async with request.form(max_files=2, max_fields=2_000) as sent:
        return Form(tuple((name, text) for name, text in sent.multi_items() if isinstance(text, str)))


async def file_of(request: Request, name: str) -> tuple[str, bytes]:
    """Return the name and content of an uploaded file.

    Raises:
        Invalid: no file was chosen.
    """
    async with request.form(max_files=2) as sent:
        found = sent.get(name)
        if isinstance(found, UploadFile) and found.filename:
            return found.filename, await found.read()
    raise Invalid(_("No file was chosen."), _("Choose a file, then send it."), code="no_file")


def templates_of(request: Request) -> Templates:
    """Return the templates of this store."""
    templates: Templates = request.app.state.templates
    return templates


def is_part(request: Request) -> bool:
    """Tell whether htmx asks for the part of a page rather than the whole."""
    return request.headers.get("hx-request") == "true"


def show(
    request: Request,
    name: str,
    /,
    *,
    toast: str = "",
    warn: str = "",
    status_code: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Answer with a page, or with its body alone when htmx asks; a toast says what just happened.

    A step that was taken closes the dialogs. A page that fetches itself anew for news leaves them open:
    somebody may be typing a PIN there.
    """
    templates = templates_of(request)
    if not is_part(request):
        return templates.page(request, name, **values)
    body = bytes(templates.block(request, name, "body", **values).body).decode()
    after = templates.environment.get_template("shell/after.html").render(
        toast=toast, warn=warn, closes=request.method != "GET"
    )
    return HTMLResponse(body + after, status_code=status_code)


def go_to(request: Request, address: str) -> Response:
    """Lead to another page after something was done."""
    if is_part(request):
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=303)


def sheet(request: Request, name: str, /, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Answer with a dialog over the page, which stays as it is.

    Every dialog has an id of its own: htmx lends an element the attributes of the one it replaces under the
    same id, and a dialog that is born open would not be shown.
    """
    edge: Edge = request.app.state.edge
    values["dialog_id"] = f"dialog-{edge.ids.secret(4)}"
    headers = {"HX-Retarget": "#dialogs", "HX-Reswap": "innerHTML", "HX-Push-Url": "false"}
    return templates_of(request).page(request, name, headers=headers, status_code=status_code, **values)


async def ask_in_place(  # noqa: PLR0917 - who asks what of whom, in the order of a sentence
    request: Request,
    edge: Edge,
    person: CurrentPerson,
    form: Form,
    ask: Ask,
    step: Callable[[EdgeUnit, str | None], T],
) -> T | HTMLResponse:
    """Run a step, with another person's word when the form brings one; else ask for it in place."""
    token: str | None = None
    action = form.get("approve_action")
    if action:
        try:
            token = await _word(edge, person, form, action)
        except (NotSignedIn, TooManyTries) as error:
            return _approval_sheet(request, edge, form, ask, action, form.get("approve_role"), error)
    try:
        return await edge.database.awrite(lambda unit: step(unit, token))
    except Refused as refusal:
        if not {"role", "action"} <= refusal.facts.keys():
            raise
        needed, wanted = str(refusal.facts["role"]), str(refusal.facts["action"])
        again = refusal if token is not None else None
        return _approval_sheet(
            request, edge, form, ask, wanted, needed, again, but=str(refusal.facts.get("other_than", ""))
        )


async def _word(edge: Edge, person: CurrentPerson, form: Form, action: str) -> str:
    chosen = form.get("approver")
    badge = form.get("approver_badge")
    if badge:
        found = people_rows.find_badge(edge.database.read(), badge)
        chosen = found.person_id if found else ""
    return await people.approve(
        edge,
        person_id=chosen,
        pin=form.get("approver_pin")[:12],
        action=action,
        reason=(form.get("approve_reason") or form.get("reason"))[:300],
        device=person.device,
    )


def _approval_sheet(  # noqa: PLR0913, PLR0917 - the same, what went wrong, and who may not
    request: Request,
    edge: Edge,
    form: Form,
    ask: Ask,
    action: str,
    needed: str,
    error: OrderspineError | None,
    *,
    but: str = "",
) -> HTMLResponse:
    role = StoreRole(needed or StoreRole.MANAGER)
    but = but or form.get("approve_but")
    who = [
        (found.person_id, found.name)
        for found in people_rows.everybody(edge.database.read())
        if at_least(found.role, role) and found.person_id != but
    ]
    carried = [(name, text) for name, text in form.values if name not in (*_APPROVER, "approve_role")]
    return sheet(
        request,
        "shell/approval.html",
        ask=ask,
        address=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        carried=carried,
        action=action,
        role=role.value,
        but=but,
        why=form.get("approve_reason"),
        role_word=role_word(role),
        who=who,
        chosen=form.get("approver") or (who[0][0] if len(who) == 1 else ""),
        error=f"{error.what} {error.remedy}" if error else "",
    )
