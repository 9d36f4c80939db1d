"""What is posted of a count is what whoever posts it had in front of them; and it can always be posted."""

import re
from itertools import count
from typing import Any

import pytest

from edge_agent.stock.count_models import PostCount
from protocol.stock import PASSES
from tests.support.store import Store, ok, refused

KEYS = count(1)
TABLES = ("events", "movements", "balances", "count_tasks", "count_lines", "count_passes", "count_tallies")
HX = {"HX-Request": "true"}


def key(**more: Any) -> dict[str, Any]:
    return {"key": f"p{next(KEYS)}", **more}


def opened(store: Store, *skus: str) -> str:
    """Open a count and return its id."""
    return str(ok(store.post("/api/stock/counts", key(skus=list(skus)), role="lead"), 201)["count_id"])


def confirm(store: Store, task: str, sku: str, counted: int) -> None:
    """Say how many there are of an item; a second time in another pass."""
    ok(store.post(f"/api/stock/counts/{task}/recount", key(skus=[sku])), 201)
    lines = [{"sku": sku, "counted": counted}]
    ok(store.post(f"/api/stock/counts/{task}/confirm", key(lines=lines)), 201)


def as_of(store: Store, task: str) -> int:
    """Return how far somebody knows who reads the count now."""
    return int(ok(store.get(f"/api/stock/counts/{task}"))["as_of"])


def page_of(store: Store, task: str, role: str = "manager") -> str:
    """Return the page of a count."""
    answer = store.client.get(f"/stock/counts/{task}", headers=store.headers(role))
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def form_of(page: str) -> dict[str, str] | None:
    """Return the hidden fields of the form that posts, or None where the page has none."""
    form = re.search(r'<form[^>]*hx-post="/stock/counts/[^"/]+/post">(.*?)</form>', page, re.DOTALL)
    return form and dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form[1]))


def believable(page: str) -> list[str]:
    """Return what the page offers to believe without another pass."""
    found = re.findall(r'name="accept" value="[^"]+">([^<]+)<', page)
    return [str(text).strip() for text in found]


def send(store: Store, task: str, form: dict[str, str], role: str = "manager", **more: Any) -> Any:
    """Send the form that posts, as the page does."""
    path = f"/stock/counts/{task}/post"
    return store.client.post(path, data=form | more, headers=store.headers(role) | HX)


def api_post(store: Store, task: str, **more: Any) -> Any:
    """Post as a program of the manager does."""
    return store.post(f"/api/stock/counts/{task}/post", key(**more), role="manager")


def everything(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a refused posting must leave as it was."""
    return {table: store.rows(f"SELECT * FROM {table}") for table in TABLES}


def sellable(store: Store, sku: str) -> int:
    """Return how many the books say may be sold."""
    return int(ok(store.get(f"/api/stock/{sku}"))["buckets"]["sellable"])


def test_a_page_from_before_another_pass_posts_no_figure_that_it_did_not_show(store: Store) -> None:
    task = opened(store, "MUG-1", "COAT-M")
    confirm(store, task, "COAT-M", 5)
    confirm(store, task, "MUG-1", 97)
    page = page_of(store, task)
    shown = form_of(page)
    assert (believable(page), shown is not None) == (["Mug -3"], True)
    confirm(store, task, "MUG-1", 50)
    before = everything(store)

    stopped = send(store, task, shown or {}, accept="MUG-1")

    assert (stopped.status_code, everything(store), sellable(store, "MUG-1")) == (409, before, 100)
    assert "Mug: counted since this page was opened, so nothing was posted." in stopped.text
    assert "Look at the new figures, then post the count." in stopped.text
    fresh = page_of(store, task)
    assert believable(fresh) == ["Mug -50"]
    # A page that fetches itself anew keeps a tick where the id stays: it must not move to another figure.
    assert ('id="believe-MUG-1-1"' in page, 'id="believe-MUG-1-2"' in fresh) == (True, True)
    assert send(store, task, form_of(fresh) or {}, accept="MUG-1").status_code == 200
    assert (sellable(store, "MUG-1"), sellable(store, "COAT-M")) == (50, 5)


def test_a_page_from_before_another_pass_posts_nothing_that_is_within_the_tolerance_either(
    store: Store,
) -> None:
    task = opened(store, "MUG-1")
    confirm(store, task, "MUG-1", 100)
    shown = form_of(page_of(store, task))
    confirm(store, task, "MUG-1", 99)
    before = everything(store)

    assert send(store, task, shown or {}).status_code == 409
    assert (everything(store), sellable(store, "MUG-1")) == (before, 100)


def test_a_page_that_left_an_item_out_posts_no_figure_of_it_that_came_later(store: Store) -> None:
    task = opened(store, "MUG-1", "COAT-M")
    confirm(store, task, "COAT-M", 5)
    shown = form_of(page_of(store, task))
    confirm(store, task, "MUG-1", 99)
    before = everything(store)

    assert send(store, task, shown or {}, leave="yes").status_code == 409
    assert (everything(store), sellable(store, "MUG-1")) == (before, 100)


def test_a_page_that_does_not_say_what_it_showed_posts_nothing(store: Store) -> None:
    task = opened(store, "MUG-1")
    confirm(store, task, "MUG-1", 99)
    before = everything(store)

    assert send(store, task, key()).status_code == 409
    assert everything(store) == before


def test_a_manager_types_no_pin_for_a_page_that_is_too_old(store: Store) -> None:
    task = opened(store, "MUG-1")
    confirm(store, task, "MUG-1", 100)
    shown = form_of(page_of(store, task, "associate")) or {}
    asked = send(store, task, shown, role="associate")
    assert (asked.status_code, f'name="as_of" value="{shown["as_of"]}"' in asked.text) == (200, True)
    confirm(store, task, "MUG-1", 99)

    stopped = send(store, task, shown, role="associate")

    assert (stopped.status_code, "counted since this page was opened" in stopped.text) == (409, True)


def test_what_comes_in_after_the_page_was_opened_is_no_new_figure(store: Store) -> None:
    task = opened(store, "MUG-1")
    confirm(store, task, "MUG-1", 97)
    shown = form_of(page_of(store, task))
    store.stock("MUG-1", 10)

    assert send(store, task, shown or {}, accept="MUG-1").status_code == 200
    assert sellable(store, "MUG-1") == 107


def test_a_program_that_read_a_count_before_another_pass_posts_nothing(store: Store) -> None:
    task = opened(store, "MUG-1", "COAT-M")
    confirm(store, task, "COAT-M", 5)
    confirm(store, task, "MUG-1", 97)
    seen = as_of(store, task)
    confirm(store, task, "MUG-1", 50)
    before = everything(store)

    error = refused(api_post(store, task, accept=["MUG-1"], as_of=seen), 409)

    assert (error["code"], error["facts"]["skus"], error["facts"]["items"]) == ("stale_count", ["MUG-1"], 1)
    assert everything(store) == before
    done = ok(api_post(store, task, accept=["MUG-1"], as_of=as_of(store, task)), 201)
    assert (done["over"], done["short"]) == (0, 50)


def test_a_program_accepts_no_figures_without_saying_when_it_read_them(store: Store) -> None:
    task = opened(store, "MUG-1")
    confirm(store, task, "MUG-1", 97)
    before = everything(store)

    assert refused(api_post(store, task, accept=["MUG-1"]), 422)["code"] == "as_of_missing"
    assert everything(store) == before


def test_a_program_that_accepts_nothing_posts_what_is_settled_as_before(store: Store) -> None:
    task = opened(store, "MUG-1")
    confirm(store, task, "MUG-1", 99)

    assert ok(api_post(store, task), 201)["short"] == 1


def test_a_posting_that_says_nothing_of_what_was_seen_reads_as_it_did_before_there_was_such_a_thing() -> None:
    # A key remembers a digest of what was sent: a request repeated across an update must find its answer.
    said = PostCount(key="k", leave=True).model_dump_json()

    assert said == '{"key":"k","accept":[],"leave":true,"approval":null}'


def test_a_count_of_one_item_above_the_tolerance_is_posted_from_its_page(store: Store) -> None:
    task = opened(store, "MUG-1")
    confirm(store, task, "MUG-1", 60)
    page = page_of(store, task)

    assert believable(page) == ["Mug -40"]
    form = form_of(page)
    assert form is not None
    assert send(store, task, form).status_code == 409  # nobody has said to believe it
    assert send(store, task, form, accept="MUG-1").status_code == 200
    assert sellable(store, "MUG-1") == 60


def test_a_manager_decides_on_the_page_after_passes_that_never_agreed(store: Store) -> None:
    task = opened(store, "MUG-1")
    for n in range(PASSES):
        confirm(store, task, "MUG-1", 40 + 3 * n)

    path = f"/stock/counts/{task}/recount"
    stopped = store.client.post(path, json=key(sku="MUG-1"), headers=store.headers("associate") | HX)

    assert stopped.status_code == 409
    assert "A manager decides which figure is right, and posts it." in stopped.text
    page = page_of(store, task)
    assert believable(page) == ["Mug -36"]
    assert send(store, task, form_of(page) or {}, accept="MUG-1").status_code == 200
    assert sellable(store, "MUG-1") == 64


def test_whoever_may_not_believe_a_figure_is_told_who_does_and_gets_no_button_for_it(store: Store) -> None:
    task = opened(store, "MUG-1", "COAT-M")
    confirm(store, task, "MUG-1", 60)
    for role in ("associate", "lead"):
        page = page_of(store, task, role)
        assert (form_of(page), believable(page), "-40" in page) == (None, [], False)
        assert "A store manager sees the differences and posts them." in page

    confirm(store, task, "MUG-1", 60)  # twice the same is believed: a manager only lends a word
    assert form_of(page_of(store, task, "associate")) is not None


def test_no_count_is_posted_from_a_page_before_somebody_has_counted(store: Store) -> None:
    assert form_of(page_of(store, opened(store, "MUG-1"))) is None


@pytest.mark.parametrize(
    ("how", "code", "what", "remedy"),
    [
        ("reverse", "undone_already", "was taken back already.", "Nothing is left to undo."),
        ("cancel", "not_posted", "was given up; nothing of it was posted.", "Nothing is left to undo."),
        ("", "not_posted", "was not posted, so there is nothing to take back.", "Give it up instead."),
    ],
)
def test_a_count_that_cannot_be_taken_back_says_why(
    store: Store, how: str, code: str, what: str, remedy: str
) -> None:
    task = opened(store, "MUG-1")
    confirm(store, task, "MUG-1", 99)
    if how == "reverse":
        ok(api_post(store, task), 201)
    if how:
        ok(store.post(f"/api/stock/counts/{task}/{how}", key(reason="Wrong shelf"), role="manager"), 201)
    before = everything(store)

    back = store.post(f"/api/stock/counts/{task}/reverse", key(reason="Once more"), role="manager")

    error = refused(back, 409)
    assert (error["code"], error["what"], error["remedy"]) == (code, f"Count LB1-C00001 {what}", remedy)
    assert everything(store) == before
