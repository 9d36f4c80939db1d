import gzip
import hashlib
from pathlib import Path

import pytest

from protocol.kit.web import shell
from tests.unit.kit.web import client_of, gallery

STATIC = Path(shell.__file__).parent / "static"
TEST_VENDOR = Path(__file__).parents[2] / "support" / "vendor"
MAX_KIT_BYTES = 100_000


def listed(folder: Path) -> dict[str, str]:
    rows = [line.split() for line in (folder / "LICENSES").read_text().splitlines()]
    return {row[3]: row[4] for row in rows if len(row) == 5 and len(row[4]) == 64}


@pytest.mark.parametrize("folder", [STATIC / "vendor", TEST_VENDOR], ids=["product", "tests"])
def test_every_vendored_file_is_the_one_that_was_recorded(folder: Path) -> None:
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "LICENSES"
    }

    assert found == listed(folder)
    assert found


def test_the_page_kit_stays_small_enough_for_a_slow_line() -> None:
    files = [path for path in STATIC.rglob("*") if path.suffix in {".js", ".css", ".svg"}]
    size = sum(len(gzip.compress(path.read_bytes(), 9)) for path in files)

    assert size <= MAX_KIT_BYTES
    assert len(files) >= 10


def test_a_browser_finds_the_icon_of_what_is_no_page() -> None:
    with client_of(gallery()) as client:
        answer = client.get("/favicon.ico", follow_redirects=True)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/svg+xml"


def test_a_file_is_served_compressed_under_its_hash_for_a_year() -> None:
    made = gallery()
    address = made.edge.assets.url("shell.js")
    with client_of(made) as client:
        answer = client.get(address, headers={"accept-encoding": "gzip"})

    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.content == (STATIC / "shell.js").read_bytes()
    assert address.endswith(hashlib.sha256(answer.content).hexdigest()[:10])


def test_a_file_that_the_browser_already_has_is_not_sent_again() -> None:
    with client_of(gallery()) as client:
        tag = client.get("/static/shell.js").headers["etag"]
        again = client.get("/static/shell.js", headers={"if-none-match": tag})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["../shell.py", "..%2fshell.py", "nothing.js", "vendor/../../shell.py", ""])
def test_only_files_of_the_folder_are_ever_served(path: str) -> None:
    with client_of(gallery()) as client:
        assert client.get(f"/static/{path}").status_code == 404


def test_the_look_uses_tokens_for_every_colour() -> None:
    import re

    for name in ("orderspine.css", "edge.css", "hub.css"):
        screen = (STATIC / name).read_text().split("@media print")[0]
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b", screen) == [], name
