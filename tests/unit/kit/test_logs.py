import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
import uvicorn

from protocol.kit.logs import HIDDEN, set_up_logs


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    library = logging.getLogger("uvicorn.error")  # whoever served something in this process has set it up
    was = library.disabled, library.propagate, library.level
    library.disabled, library.propagate = False, True
    library.setLevel(logging.NOTSET)
    stream = io.StringIO()
    set_up_logs(out=stream)
    yield stream
    library.disabled, library.propagate = was[:2]
    library.setLevel(was[2])
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_secrets_are_hidden_by_the_word_they_are_logged_under(out: io.StringIO) -> None:
    structlog.get_logger("edge").info(
        "asked",
        manager_pin="1234",
        shipping="parcel",
        picking=3,
        headers={"Authorization": "Bearer abc", "cookie": "os_lb=1", "accept": "text/html"},
        said="sent Bearer abc.def to the hub",
        csrfToken="x",
    )
    line = json.loads(out.getvalue())

    assert (line["manager_pin"], line["csrfToken"]) == (HIDDEN, HIDDEN)
    assert (line["shipping"], line["picking"]) == ("parcel", 3)
    assert line["headers"] == {"Authorization": HIDDEN, "cookie": HIDDEN, "accept": "text/html"}
    assert line["said"] == f"sent Bearer {HIDDEN} to the hub"


def test_lines_of_libraries_go_the_same_way(out: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("slow %s", "start")
    line = json.loads(out.getvalue())

    assert (line["event"], line["level"], line["logger"]) == ("slow start", "warning", "uvicorn.error")
    assert line["timestamp"].endswith("Z")


def test_a_server_that_set_up_its_own_logs_before_goes_the_same_way(out: io.StringIO) -> None:
    uvicorn.Config(_no_app)  # applies the server's own configuration, which leaves the common way
    set_up_logs(out=out)

    logging.getLogger("uvicorn.error").warning("slow start")

    assert json.loads(out.getvalue())["event"] == "slow start"


async def _no_app(*_: object) -> None:
    """Stand where an application would."""


def test_a_failure_is_one_line_with_its_trace(out: io.StringIO) -> None:
    try:
        raise ValueError("odd")
    except ValueError as error:
        structlog.get_logger("edge").error("failed", exc_info=error)
    lines = out.getvalue().splitlines()

    assert len(lines) == 1
    assert "ValueError: odd" in json.loads(lines[0])["exception"]
