"""The desk's screens: a queue, a card with what each choice does, working on it; nothing typed is lost."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.capture.steps import By
from hub.database import HubUnit
from hub.exceptions.rows import find
from hub.exceptions.steps import close
from hub.exceptions.steps import worked as record_act
from hub.holds.api import HoldWanted
from hub.holds.steps import put_on_hold
from hub.payments.steps import work_off
from protocol.people import HubRole
from tests.integration.hub.test_later_pages import Company
from tests.support import desk


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """A company that is only looked at, or refuses."""
    yield from begun(tmp_path_factory.mktemp("hub"))


@pytest.fixture
def worked(tmp_path: Path) -> Iterator[Company]:
    """A company whose cards somebody works."""
    yield from begun(tmp_path)


def begun(folder: Path) -> Iterator[Company]:
    made = Company(folder)
    yield made
    made.app.state.hub.database.close()


def card_of(company: Company, kind: str) -> str:
    """Return the address of a card."""
    return f"/exceptions/{desk.card(company.app.state.hub, kind)}"


def seen(company: Company, path: str, role: HubRole = HubRole.OPS) -> str:
    """Return a page's text without its tags."""
    answer = company.visit(role).get(path)
    assert answer.status_code == 200, answer.text
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def form_of(company: Company, path: str, role: HubRole = HubRole.OPS) -> dict[str, str]:
    """Return the digests of a card's choices, as its form sends them."""
    text = company.visit(role).get(path).text
    return dict(re.findall(r'name="(digest-[^"]+)" value="([0-9a-f]+)"', text))


def test_a_card_says_what_each_choice_does_and_why_another_is_not_possible(company: Company) -> None:
    said = seen(company, card_of(company, "short_pick"))

    assert "1 of HB1-00001 were not found at York Coppergate" in said
    assert "Look again who can fulfil it Promise kept" in said
    assert "Leeds Briggate, 22423 free 3 → 2" in said
    assert "Dr Customer deposits £12.75 Cr Refunds payable £12.75" in said
    assert "York Coppergate: Give a part of an order up requested" in said
    assert "If York Coppergate can" in said


def test_the_queue_is_looked_at_again_without_working_out_any_choice(company: Company) -> None:
    text = company.visit().get(card_of(company, "short_pick") + "?part=queue").text

    assert 'id="queue"' in text
    assert "digest-" not in text
    assert "is closed by now" not in text


def test_whoever_looks_at_a_card_is_told_when_it_is_closed_meanwhile(worked: Company) -> None:
    path = card_of(worked, "short_pick")
    exception_id = path.rpartition("/")[2]
    close(worked.app.state.hub, exception_id, note="found behind the till", by="Ada Byron")

    text = worked.visit().get(path + "?part=queue").text

    assert "The card you look at is closed by now: found behind the till" in text


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("?kind=short_pick", ["1 of HB1-00001 were not found at York Coppergate"]),
        ("?place=store-1", ["Nobody can fulfil HB1-00008 as it was promised"]),
        ("?owner=finance", []),
        ("?who=-&kind=short_pick", ["1 of HB1-00001 were not found at York Coppergate"]),
        ("?state=asleep", []),
    ],
)
def test_the_queue_is_filtered_by_what_the_address_says(
    company: Company, query: str, titles: list[str]
) -> None:
    text = company.visit().get(f"/exceptions{query}").text

    assert re.findall(r"data-queued><span class=\"shape\"></span><b>(.*?)</b>", text) == titles


def test_a_card_that_takes_too_long_to_work_out_is_asked_for_again_with_its_filters(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = card_of(company, "short_pick")
    monkeypatch.setattr("hub.desk.rehearsal.LONGEST_SECONDS", -1.0)

    text = company.visit().get(f"{path}?owner=ops&kind=short_pick").text

    assert "takes too long now" in text
    assert "digest-" not in text
    again = re.findall(r'<a class="btn" href="([^"]+)">Try again</a>', text)
    assert again == [f"{path}?owner=ops&amp;kind=short_pick"]


def test_a_page_goes_on_after_the_last_card_that_was_seen(company: Company) -> None:
    client = company.visit()
    first = client.get("/api/exceptions-queue?limit=2").json()
    second = client.get(f"/api/exceptions-queue?limit=2&after={first['after']}").json()

    assert (first["total"], len(first["exceptions"]), len(second["exceptions"])) == (3, 2, 1)
    assert second["after"] == ""
    due = [card["due_us"] for card in [*first["exceptions"], *second["exceptions"]]]
    assert due == sorted(due)
    assert client.get("/api/exceptions-queue?after=1.x&limit=2").json()["total"] == 3
    assert client.get("/api/exceptions-queue?after=x").status_code == 422


def test_a_choice_without_a_reason_is_said_beside_what_was_typed(company: Company) -> None:
    path = card_of(company, "short_pick")
    said = {**form_of(company, path), "choice": "order.cancel:loose", "confirmed-order.cancel:loose": "yes"}

    status, _where, text = company.post(f"{path}/choose", **said)
    assert status == 422
    assert "Nothing says why" in text

    without = {**said, "reason": "the customer agreed"}
    del without["confirmed-order.cancel:loose"]
    status, _where, text = company.post(f"{path}/choose", **without)
    assert status == 409
    assert "This moves money. Tick that it may" in text
    assert 'value="the customer agreed"' in text


def missing_at(text: str, name: str) -> str:
    """Return what is said at the only field that is wrong, which has the focus."""
    wrong = re.findall(r'<input class="input" id="([^"]+)"([^>]*) aria-invalid="true"([^>]*)>', text)
    assert [found[0] for found in wrong] == [name]
    assert f'aria-describedby="{name}-says"' in wrong[0][2]
    assert wrong[0][2].endswith(" autofocus")
    says = re.search(rf'<p class="error" id="{name}-says"><span class="shape is-act"></span>(.*?)</p>', text)
    assert says
    assert 'id="problem"' not in text
    return says[1]


def test_a_reason_that_is_left_empty_is_said_at_its_field_and_the_choice_stays(company: Company) -> None:
    path = card_of(company, "short_pick")
    said = {**form_of(company, path), "choice": "order.cancel", "confirmed-order.cancel": "yes"}

    status, _where, text = company.post(f"{path}/choose", **said, reason=" ")

    assert status == 422
    assert missing_at(text, "reason") == "Nothing says why. Type it in a few words; it stays on the record."
    assert re.search(r'value="order.cancel" data-key="\d" checked', text)
    assert 'name="confirmed-order.cancel" value="yes" checked' in text


def test_a_reference_that_is_left_empty_is_said_at_its_field(worked: Company) -> None:
    work_off(worked.app.state.hub, {})
    path = card_of(worked, "refund_to_make")
    said = {**form_of(worked, path, HubRole.FINANCE), "choice": "refund.confirm"}

    status, _where, text = worked.post(f"{path}/choose", HubRole.FINANCE, **said)

    assert status == 422
    missing = "The reference of the payment is missing."
    assert missing_at(text, "reference") == f"{missing} Type it in a few words; it stays on the record."


def test_somebody_of_finance_sees_what_operations_may_do_and_cannot_do_it(company: Company) -> None:
    path = card_of(company, "short_pick")
    said = {**form_of(company, path, HubRole.FINANCE), "choice": "order.route"}

    assert "Somebody with another role may do this" in seen(company, path, HubRole.FINANCE)
    status, _where, text = company.post(f"{path}/choose", HubRole.FINANCE, **said)
    assert status == 403
    assert "Your role may not do this" in text


def test_a_card_is_taken_put_aside_talked_about_and_handed_on(worked: Company) -> None:
    path = card_of(worked, "short_pick")
    for act, said in (
        ("assign", {"to": "C. Ford"}),
        ("comment", {"text": "called the store"}),
        ("snooze", {"until": "15", "back": "kind=short_pick"}),
        ("escalate", {"text": "needs a decision"}),
    ):
        status, where, _text = worked.post(f"{path}/{act}", **said)
        assert status == 303, (act, where)
    assert "kind=short_pick" not in where

    text = seen(worked, path)
    assert "Assigned C. Ford → C. Ford" in text
    assert "Said C. Ford called the store" in text
    assert "put aside until" in text
    assert "Handed on C. Ford → Admin needs a decision" in text
    assert "1 of HB1-00001 were not found" in seen(worked, "/exceptions?state=asleep")
    assert worked.post(f"{path}/snooze", until="")[0] == 303
    assert "put aside until" not in seen(worked, path)
    for act, said in (("assign", {"to": "Nobody Known"}), ("comment", {}), ("snooze", {"until": "7"})):
        assert worked.post(f"{path}/{act}", **said)[0] == 422, act
    assert worked.post(f"{path}/decline", text="no")[0] == 409


def test_a_choice_is_made_and_the_next_card_opens(worked: Company) -> None:
    path = card_of(worked, "short_pick")
    said = {**form_of(worked, path), "choice": "order.route", "back": "owner=ops"}

    status, where, _text = worked.post(f"{path}/choose", **said)
    about = path.rpartition("/")[2]
    assert (status, where) == (303, f"/exceptions?said=chosen&about={about}&owner=ops")
    done = "Done: 1 of HB1-00001 were not found at York Coppergate. It stands on the record with your name."
    assert done in seen(worked, where)
    # Sent twice it is not done twice.
    status, _where, text = worked.post(f"{path}/choose", **said)
    assert status == 409
    assert "closed already" in text
    assert "Chosen C. Ford Look again who can fulfil it" in seen(worked, path)


@pytest.mark.parametrize(
    ("act", "form", "said"),
    [
        (
            "close",
            {"note": "found behind the till"},
            "Closed: {card}. It stands on the record with your note.",
        ),
        ("snooze", {"until": "60"}, "Put aside: {card}. It comes back by itself."),
    ],
)
def test_what_was_done_names_its_card_since_another_one_is_open_by_then(
    worked: Company, act: str, form: dict[str, str], said: str
) -> None:
    status, where, _text = worked.post(f"{card_of(worked, 'short_pick')}/{act}", **form)

    assert status == 303
    text = worked.visit().get(where).text
    card = "1 of HB1-00001 were not found at York Coppergate"
    assert said.format(card=card) in text
    assert f'<h2 id="x">{card}</h2>' not in text


def test_what_was_done_is_said_also_where_its_card_is_unknown(company: Company) -> None:
    said = seen(company, "/exceptions?said=chosen&about=%3Cb%3E")

    assert "Done. It stands on the record with your name." in said


def test_nothing_is_chosen_beforehand_on_a_hold_and_doing_nothing_says_so(worked: Company) -> None:
    hub = worked.app.state.hub
    wanted = HoldWanted(reason="the address does not exist")
    put_on_hold(hub, worked.orders["nobody"].number, wanted.stop, wanted, By("C. Ford"))
    path = card_of(worked, "order_on_hold")
    text = worked.visit().get(path).text
    before = desk.dump(hub)

    status, _where, answer = worked.post(f"{path}/choose", **form_of(worked, path), reason="looked at it")

    assert re.findall(r'name="choice" id="c\d" value="([^"]+)"', text) == ["hold.release", "hold.reject"]
    assert " checked" not in text
    assert "is-picked" not in text
    assert status == 422
    says = re.search(r'<p class="error" id="choice-says">(.*?)</p>', answer)
    assert says
    assert says[1].endswith("Nothing was chosen, so nothing was done. Choose one, then do it.")
    assert answer.count('aria-describedby="choice-says"') == 1
    assert 'value="looked at it"' in answer
    assert desk.dump(hub) == before


def test_the_likeliest_choice_of_any_other_card_is_chosen_beforehand(company: Company) -> None:
    text = company.visit().get(card_of(company, "short_pick")).text

    assert re.findall(r'value="([^"]+)" data-key="\d" checked', text) == ["order.route"]


@pytest.mark.parametrize(
    ("choice", "word"),
    [
        ("order.bring", "Have it brought from who has it"),
        ("order.cancel:loose", "Cancel what is open"),
        ("order.reroute:store-1", "Have another location do it"),
        ("hold.reject", "Reject the order"),
        ("vat.recompute:x", "Another choice"),
    ],
)
def test_an_older_choice_is_told_in_words_as_well(worked: Company, choice: str, word: str) -> None:
    hub, path = worked.app.state.hub, card_of(worked, "short_pick")

    def chosen_before_labels_were_kept(unit: HubUnit) -> None:
        row = find(unit.connection, path.rpartition("/")[2])
        record_act(hub, unit, row, "chosen", by="Ada", choice=choice, text="so it is")

    hub.database.write(chosen_before_labels_were_kept)

    said = seen(worked, path)
    assert f"Chosen Ada {word} so it is" in said
    assert choice not in said
