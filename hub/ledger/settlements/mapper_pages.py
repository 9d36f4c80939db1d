"""The editor of mappers: which column of a provider's file is what, tried on a file before it is kept."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from hub.console.web import FINANCE, locked, may, place_names, show
from hub.context import Hub
from hub.ledger.settlements import mappers
from hub.ledger.settlements.mappers import Tried
from hub.ledger.settlements.rules import KINDS, mapper_of
from hub.service.forms import Form
from hub.web import Anybody, Finance, TheHub
from protocol.errors import Invalid, OrderspineError
from protocol.kit.csv_text import text_of
from protocol.kit.text import _

PAGE: Final = "/finance/settlements/mappers"
MEGABYTES: Final = 8
FIELDS: Final = {
    "name": 40, "title": 120, "kind": 80, "reference": 800, "amount": 80, "fee": 80, "kinds": 8_000,
    "delimiter": 9, "marketplace": 3, "fees_are_negative": 3, "reason": 300, "act": 4,
}  # fmt: skip
"""Characters that each field may have."""
DELIMITERS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
Chosen = Annotated[str, Query(max_length=40, pattern=r"^[a-z0-9-]*$")]

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
def editor(request: Request, hub: TheHub, person: Anybody, name: Chosen = "") -> Response:
    """Show the mappers, and one of them to be changed."""
    if not may(person, FINANCE):
        return locked(request, _("Finance"), FINANCE)
    return _page(request, hub, name, Form())


@router.post(PAGE)
async def change(request: Request, hub: TheHub, person: Finance) -> Response:
    """Try a mapper on a file, or keep it."""
    form = Form()
    async with request.form(max_fields=40, max_files=1) as sent:
        file = sent.get("file")
        data = await file.read() if isinstance(file, UploadFile) else b""
        for name, length in FIELDS.items():
            form.texts[name] = str(sent.get(name) or "").replace("\x00", "").replace("\r\n", "\n")[:length]

    def act() -> Response:
        name = form.get("name").strip()
        try:
            wanted = mappers.read(_said(form))
            if form.get("act") == "keep":
                mappers.set_mapper(hub, wanted, by=person.name)
                said = _("Kept. The next file is read by it.")
                return _page(request, hub, name, Form(), said=said)
            text = text_of(data, megabytes=MEGABYTES)
            tried = mappers.try_on(text, mapper_of(wanted, 0), hub.settings.currency)
        except OrderspineError as error:
            form.refuse(error)
            return _page(request, hub, name, form, status=error.http_status)
        return _page(request, hub, name, form, tried=tried)

    return await run_in_threadpool(act)


def _said(form: Form) -> dict[str, object]:
    delimiter = DELIMITERS.get(form.get("delimiter"))
    if delimiter is None:
        raise Invalid(_("Nobody knows this delimiter."), _("Choose one of the list."), code="bad_delimiter")
    return {
        "name": form.get("name").strip(),
        "title": form.get("title").strip(),
        "marketplace": form.get("marketplace") == "yes",
        "kind": form.get("kind").strip(),
        "reference": [part.strip() for part in form.get("reference").split("\n") if part.strip()],
        "amount": form.get("amount").strip(),
        "fee": form.get("fee").strip(),
        "kinds": mappers.words_of(form.get("kinds")),
        "delimiter": delimiter,
        "fees_are_negative": form.get("fees_are_negative") == "yes",
        "reason": form.get("reason").strip() or ("-" if form.get("act") != "keep" else ""),
    }


def _page(
    request: Request,
    hub: Hub,
    name: str,
    form: Form,
    *,
    tried: Tried | None = None,
    said: str = "",
    status: int = 200,
) -> Response:
    with hub.database.read() as connection:
        known = mappers.listed(connection)
        history = mappers.versions(connection, name)
        names = place_names(connection)
    shown = next((mapper for mapper in known if mapper.name == name), None)
    if shown is not None and not form.texts:
        word = next(word for word, mark in DELIMITERS.items() if mark == shown.delimiter)
        form.set_default(
            name=shown.name,
            title=shown.title,
            kind=shown.kind,
            reference="\n".join(shown.reference),
            amount=shown.amount,
            fee=shown.fee,
            kinds="\n".join(f"{each} = {kind}" for each, kind in shown.kinds.items()),
            delimiter=word,
            marketplace="yes" if shown.marketplace else "no",
            fees_are_negative="yes" if shown.fees_are_negative else "no",
        )
    return show(
        request,
        "ledger/mappers.html",
        status_code=status,
        said=said,
        known=known,
        shown=shown,
        history=history,
        tried=tried,
        form=form,
        kinds=KINDS,
        names=names,
        currency=hub.settings.currency,
    )
