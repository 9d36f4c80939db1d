"""A transfer asks for what was typed, or for nothing; a place that nobody knows is asked back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.movements import Bucket
from tests.support.store import ok
from tests.support.transfer_ends import TRANSFER, End, one_end

HTMX = {"HX-Request": "true", "accept": "text/html"}


@pytest.fixture
def source(tmp_path: Path) -> Iterator[End]:
    with one_end(tmp_path, known=False) as made:
        yield made


def send_form(end: End, path: str = "", **fields: str) -> Any:
    """Send the form of a request as a browser does; `_` in a name of units stands for a dash."""
    named = {name.replace("units_", "units-").replace("__", "-"): text for name, text in fields.items()}
    data = {"key": end.key(), "way": "out", "other": "store-2", **named}
    return end.store.client.post(f"/transfers/new/w-1{path}", data=data, headers=end.store.headers() | HTMX)


def scan(end: End, code: str, **fields: str) -> Any:
    """Scan an article into the request."""
    return send_form(end, "/scan", code=code, **fields)


def transfers(end: End) -> list[tuple[Any, ...]]:
    """Return (other end, state) of every transfer."""
    return end.store.rows("SELECT destination, state FROM transfers ORDER BY since_us, transfer_id")


def ask(end: End, other: str, status: int = 201, **more: Any) -> Any:
    """Ask for one mug over HTTP."""
    lines = [{"sku": "MUG-1", "quantity": 1}]
    return end.do("", status, way="out", other=other, lines=lines, **more)


def offered(end: End) -> list[str]:
    """Return the places that can be chosen."""
    return [each["location"] for each in ok(end.store.get("/api/transfers/places"))]


def settled(end: End, transfer_id: str, **became: int) -> None:
    """Let the hub tell the source what became of the one mug."""
    shipped = next(each for each in end.bodies("transfer.shipped") if each["transfer_id"] == transfer_id)
    ends = {name: shipped[name] for name in ("transfer_id", "number", "source", "destination")}
    line = {"line_no": 1, "sku": "MUG-1", "received": 0, **became}
    assert end.tell("transfer.settled", {**ends, "lines": [line]}) == "applied"


@pytest.mark.parametrize("typed", ["1e1", "-5", "1,000", "1000001", "999999999", "2.0", "½", "9" * 5_000])
def test_a_line_that_is_no_number_of_units_refuses_the_whole_request(source: End, typed: str) -> None:
    before = source.all_rows()

    answer = send_form(source, units_COAT__M="2", units_MUG__1=typed, sure="store-2")

    assert answer.status_code == 422
    assert answer.headers["HX-Retarget"] == "#toasts", "the form stays as it was typed"
    assert f"&#39;{typed[:20]}&#39; is no number of units of Mug; at most 1,000,000." in answer.text
    assert "Type digits only, or leave it empty. Nothing was asked for." in answer.text
    assert source.all_rows() == before


def test_an_empty_line_is_not_asked_for_and_the_others_are(source: End) -> None:
    answer = send_form(source, units_COAT__M="2", units_MUG__1="", units_BOOK__1="0", sure="store-2")

    assert answer.status_code == 204
    assert source.store.rows("SELECT sku, quantity FROM transfer_lines") == [("COAT-M", 2)]


def test_units_of_no_article_are_refused(source: End) -> None:
    before = source.all_rows()

    answer = send_form(source, units_="1", sure="store-2")

    assert answer.status_code == 422
    assert "The field lines.0.sku cannot be used" in answer.text
    assert source.all_rows() == before


def test_a_scan_beside_a_number_that_cannot_be_read_is_refused_and_not_added(source: End) -> None:
    scan(source, "COAT-M")
    before = source.all_rows()

    answer = scan(source, "MUG-1", units_COAT__M="1e1")

    assert answer.status_code == 422
    assert "&#39;1e1&#39; is no number of units of Wool coat M" in answer.text
    assert "Correct it, then scan again. This one was not added." in answer.text
    assert source.all_rows() == before


def test_a_scan_of_what_was_typed_already_counts_on_from_it(source: End) -> None:
    scan(source, "COAT-M")

    page = scan(source, "COAT-M", units_COAT__M="4").text

    assert 'name="units-COAT-M"' in page
    assert 'value="5"' in page


def test_a_place_that_is_not_known_here_is_asked_back_once_with_all_that_was_typed(source: End) -> None:
    scan(source, "COAT-M")
    typed = {"other": "", "place": "warehuose", "units_COAT__M": "3", "note": "for the window"}

    page = send_form(source, **typed)
    before = transfers(source)
    done = send_form(source, **typed, sure="warehuose")

    assert (page.status_code, before) == (200, [])
    assert "No place of the name warehuose is known here." in page.text
    assert 'name="sure" value="warehuose"' in page.text
    assert 'value="warehuose"' in page.text.split('name="place"')[1].split(">")[0]
    assert 'value="3"' in page.text
    assert 'value="for the window"' in page.text
    assert (done.status_code, transfers(source)) == (204, [("warehuose", "accepted")])


def test_a_yes_to_one_name_is_no_yes_to_another(source: End) -> None:
    page = send_form(source, units_COAT__M="3", other="", place="warehouse", sure="warehuose")

    assert "No place of the name warehouse is known here." in page.text
    assert transfers(source) == []


def test_a_program_says_that_it_is_sure_of_a_place_that_is_not_known_here(source: End) -> None:
    before = source.all_rows()

    error = ask(source, "warehuose", 409)

    assert (error["code"], error["facts"]) == ("unknown_place", {"place": "warehuose"})
    remedy = "Choose one from the list, or say that the name is right. Nothing was asked for."
    assert error["remedy"] == remedy
    assert source.all_rows() == before
    assert ask(source, "warehuose", sure=True)["state"] == "accepted"


def test_a_place_that_was_only_typed_is_not_offered_until_it_has_received(source: End) -> None:
    sent = ask(source, "store-2", sure=True)["transfer_id"]
    ask(source, "warehuose", sure=True)
    source.do("", way="in", other="nowhere-9", lines=[{"sku": "MUG-1", "quantity": 1}], sure=True)
    before = offered(source)
    source.send(sent)
    settled(source, sent, received=1)

    assert (before, offered(source)) == ([], ["store-2"])
    assert ask(source, "store-2")["state"] == "accepted"


def test_what_never_arrived_makes_no_place_of_a_name(source: End) -> None:
    sent = ask(source, "warehuose", sure=True)["transfer_id"]
    source.send(sent)
    settled(source, sent, missing=1)

    assert (source.where(sent), offered(source)) == ("settled", [])


def test_a_place_that_the_hub_speaks_of_is_offered_and_not_asked_back(source: End) -> None:
    source.asked(("MUG-1", 1))

    assert offered(source) == ["store-2"]
    assert ask(source, "store-2")["state"] == "accepted"


@pytest.mark.parametrize(("told", "places"), [("accepted", ["store-2"]), ("cancelled", []), ("rejected", [])])
def test_a_place_that_has_answered_is_offered(source: End, told: str, places: list[str]) -> None:
    """Of what was cancelled or rejected nobody can tell whether there was anybody to ask."""
    lines = [{"sku": "MUG-1", "quantity": 1}]
    asked = source.do("", way="in", other="store-2", lines=lines, sure=True)
    ends = {"transfer_id": asked["transfer_id"], "number": asked["number"], "destination": "store-1"}

    source.tell("transfer.told", {**ends, "source": "store-2", "state": told, "sentence": "So it is."})

    assert offered(source) == places


def test_more_than_is_free_here_is_refused_with_what_helps_a_transfer(source: End) -> None:
    lines = [{"sku": "COAT-M", "quantity": 6}]

    error = source.do("", 409, way="out", other="store-2", lines=lines, sure=True)

    assert (error["code"], error["remedy"]) == (
        "out_of_stock",
        "Send fewer, or let another location send them.",
    )
    source.asked(("COAT-M", 6))
    error = source.do(f"/{TRANSFER}/accept", 409)
    assert (error["code"], error["remedy"]) == (
        "out_of_stock",
        "Send fewer, and say why the rest is not sent.",
    )


def test_a_walk_that_has_ended_says_so_when_it_is_ended_again_or_scanned_for(source: End) -> None:
    source.asked(("COAT-M", 1))
    source.do(f"/{TRANSFER}/accept")
    source.walk()
    before = source.all_rows()

    picked = source.do(f"/{TRANSFER}/pick/finish", 409)
    scanned = source.do(f"/{TRANSFER}/pick/set", 409, line_no=1, units=1)
    after = source.all_rows()
    source.carton()
    packed = source.do(f"/{TRANSFER}/pick/finish", 409)
    source.do(f"/{TRANSFER}/ship")
    left = source.do(f"/{TRANSFER}/pick/finish", 409)

    said = ("not_now", "The walk for transfer HBX-00001 has ended.", "Pack what was found, then ship it.")
    assert (picked["code"], picked["what"], picked["remedy"]) == said
    assert (scanned["code"], scanned["what"], scanned["remedy"]) == said
    assert (packed["what"], packed["remedy"]) == (said[1], "It is packed: ship it.")
    assert (left["code"], left["what"]) == ("too_late", "Transfer HBX-00001 has left.")
    assert after == before
    assert source.bucket("COAT-M", Bucket.IN_TRANSIT) == 1
