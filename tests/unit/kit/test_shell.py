import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from starlette.requests import Request

from protocol.kit.web.shell import Shell, Strip, Tab, build_templates, room_templates
from tests.browser.kit.gallery import HERE, template_names
from tests.unit.kit.web import HTML, client_of, gallery

TEMPLATES = build_templates({"gallery": HERE / "templates"}, program="edge")


def render(source: str, **values: object) -> str:
    return TEMPLATES.environment.from_string(source).render(**values)


def request(path: str = "/") -> Request:
    return Request({"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""})


@pytest.mark.parametrize("name", template_names(TEMPLATES))
def test_every_template_compiles_and_says_what_it_expects(name: str) -> None:
    loader = TEMPLATES.environment.loader
    assert loader is not None
    source = loader.get_source(TEMPLATES.environment, name)[0]

    assert name.endswith(str(TEMPLATES.environment.get_template(name).name))
    assert source.startswith("{#-")


@pytest.mark.parametrize("name", template_names(TEMPLATES))
def test_no_template_holds_a_script_a_style_or_an_event_handler(name: str) -> None:
    loader = TEMPLATES.environment.loader
    assert loader is not None
    source = loader.get_source(TEMPLATES.environment, name)[0]

    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|hx-on|js:|javascript:", source) == []


def test_a_value_that_is_missing_is_an_error_and_not_a_blank() -> None:
    with pytest.raises(UndefinedError, match="'total' is undefined"):
        render("{{ total | money }}")


def test_what_people_typed_is_escaped_in_text_and_in_attributes() -> None:
    html = render("{{ ui.pill(name) }}{{ ui.field(name, 'note', value=name) }}", name='"><img src=x>')

    assert "<img" not in html
    assert html.count("&lt;img src=x&gt;") == 3


def test_a_state_is_always_a_word_and_a_shape() -> None:
    assert render("{{ ui.pill('Ready', 'done') }}") == (
        '<span class="pill is-done"><span class="shape"></span>Ready</span>'
    )


def test_a_button_that_cannot_be_used_keeps_its_place_and_says_why() -> None:
    html = render("{{ ui.button('Close', kind='primary', key='F2', href='/x', why='First: count Till 2.') }}")

    assert html.startswith("<button")
    assert 'aria-disabled="true"' in html
    assert "btn-primary" not in html
    assert "/x" not in html
    assert "data-key" not in html
    assert html.endswith('<span class="why">First: count Till 2.</span>')


def test_a_key_is_named_once_for_eyes_and_once_for_screen_readers() -> None:
    html = render("{{ ui.button('Back', key='Escape', href='/sell') }}")

    assert 'data-key="Escape" aria-keyshortcuts="Escape"' in html
    assert '<kbd aria-hidden="true">Esc</kbd>' in html


def test_a_field_with_an_error_is_tied_to_its_sentence() -> None:
    html = render("{{ ui.field('Email', 'email', error='An email address has an @.') }}")

    assert 'aria-invalid="true" aria-describedby="email-says"' in html
    assert 'id="email-says"' in html


def test_sorting_keeps_the_filters_and_turns_around_on_the_second_click() -> None:
    source = "{{ ui.th_sort('Item', 'item', query) }}"

    assert 'href="?store=york&amp;sort=item"' in render(source, query={"store": "york"})
    turned = render(source, query={"store": "york", "sort": "item"})
    assert 'href="?store=york&amp;sort=-item"' in turned
    assert 'aria-sort="ascending"' in turned


def test_one_block_of_a_page_renders_without_the_frame() -> None:
    html = TEMPLATES.block(
        request(), "gallery/sell.html", "card", lines=[("Bunting", "47566", 1, 495, 495)]
    ).body

    assert b"Bunting" in html
    assert b"<html" not in html
    assert b"To pay" not in html


def test_the_frame_marks_the_current_tab_and_counts_what_waits_there() -> None:
    shell = Shell(
        program="hub",
        place="Orderspine",
        strip=Strip("live", "Online"),
        tabs=(Tab("/overview", "Overview"), Tab("/exceptions", "Exceptions", tally=1200)),
    )
    html = bytes(TEMPLATES.page(request(), "gallery/overview.html", shell=shell, at_stake=[]).body).decode()

    assert '<a href="/overview" aria-current="page">Overview</a>' in html
    assert "1,200</span></a>" in html
    assert '<body class="hub"' in html
    assert "hub.css" in html
    assert "edge.css" not in html


def test_every_page_says_its_place_its_topics_and_the_token_of_its_session() -> None:
    made = gallery()
    made.broadcaster.publish("basket")
    with client_of(made) as client:
        html = client.get("/sell", headers=HTML).text

    assert "<title>Sell - Leeds Briggate</title>" in html
    assert 'hx-sse:connect="/events?topics=strip,tour,basket&amp;since=1"' in html
    assert """hx-headers:inherited='{"X-CSRF-Token":""}'""" in html


def test_the_strip_keeps_its_age_out_of_what_is_announced() -> None:
    made = gallery()
    made.strip = Strip("live", "Online", "synced", since_us=made.clock.now_us() - 4_000_000)
    with client_of(made) as client:
        html = client.get("/shell/strip").text

    assert '<span aria-live="off"><time' in html
    assert "4 s ago" in html
    assert 'class="strip"' in html


def test_the_tour_ticks_what_has_happened_and_points_at_the_next_step() -> None:
    made = gallery()
    made.demo, made.tour_done = True, 2
    with client_of(made) as client:
        html = client.get("/shell/tour").text

    assert re.findall(r'<li class="([a-z-]+)">', html) == ["is-done", "is-done", "is-now", "is-next"]


def test_rooms_are_found_by_their_folder_of_templates(tmp_path: Path) -> None:
    (tmp_path / "counter" / "templates").mkdir(parents=True)
    (tmp_path / "stock").mkdir()

    assert room_templates(tmp_path) == {"counter": tmp_path / "counter" / "templates"}
