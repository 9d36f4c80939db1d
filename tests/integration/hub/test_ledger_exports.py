"""The books as files: two programs that are not ours accept every export, and refuse what was done to it."""

import csv
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from hub.context import Hub
from hub.database import HubDatabase
from hub.ledger.close import steps
from hub.ledger.desk import make_journal
from hub.ledger.exports.steps import archive, export
from hub.schema import create_schema
from protocol.books import JournalLine, JournalMade
from protocol.errors import NotFound
from protocol.orders import TenderKind
from tests.integration.hub.test_ledger_close import NEXT_WEEK_US, NOVEMBER, closed, late_sale
from tests.support.hub import Shop, TestClock, hub_of, send

BEAN_CHECK = Path(sys.executable).with_name("bean-check")
HLEDGER = shutil.which("hledger") or "hledger"


@pytest.fixture
def books(tmp_path: Path) -> Iterator[tuple[Hub, Shop]]:
    """A store with a month of sales, a return and a drawer that was short, on SQLite."""
    database = HubDatabase(f"sqlite:///{tmp_path / 'hub.db'}")
    create_schema(database.engine)
    hub = hub_of(database)
    clock = hub.clock
    assert isinstance(clock, TestClock)
    shop = Shop()
    shop.business_date = "2025-10-30"
    shop.stock("A", 40)
    shop.stock("B", 7, 155)
    shop.open()
    shop.tell_sale(shop.sale(("A", 1, 999), kind=TenderKind.CASH))
    shop.close()
    shop.business_date = "2025-11-24"
    shop.open()
    for n in range(5):
        kind = TenderKind.CASH if n % 2 else TenderKind.CARD
        shop.tell_sale(shop.sale(("A", 2, 1200 + n), ("B", 1, 333), kind=kind))
    shop.close(missing_minor=70)
    clock.at_us = NEXT_WEEK_US
    send(hub, shop)
    steps.soft_close(hub, "main", "2025-10", by="A. Abel")
    yield hub, shop
    database.close()


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=30, check=False
    )


def accepted_by(folder: Path) -> tuple[bool, bool]:
    """Tell whether bean-check and hledger take the files of a folder."""
    bean = run(BEAN_CHECK, folder / "books.beancount")
    ledger = run(HLEDGER, "-f", folder / "books.journal", "check", "--strict", "ordereddates")
    return bean.returncode == 0, ledger.returncode == 0


def test_both_programs_accept_a_month_with_what_came_before_it(
    books: tuple[Hub, Shop], tmp_path: Path
) -> None:
    hub, _shop = books
    done = export(hub, "main", NOVEMBER, tmp_path / "out")

    assert accepted_by(tmp_path / "out") == (True, True)
    text = (tmp_path / "out" / "books.beancount").read_text()
    assert "; inventory" in text
    assert "; tax" in text
    rows = list(csv.DictReader((tmp_path / "out" / "journals.csv").read_text("utf-8").splitlines()))
    assert (len(rows), len({row["journal"] for row in rows})) == (done.lines, done.journals)
    assert done.journals > 10


def a_cent_off(text: str) -> str:
    """Change one amount of a journal by a cent or a few."""
    chosen = transactions(text)[3]
    return text.replace(chosen, re.sub(r"(\.\d)(\d) GBP", _next_digit, chosen, count=1), 1)


def _next_digit(found: re.Match[str]) -> str:
    return f"{found[1]}{(int(found[2]) + 1) % 10} GBP"


def an_unknown_account(text: str) -> str:
    """Post the first sale of the month to an account that nobody opened."""
    at = text.index("sale")
    return text[:at] + re.sub(r"Income:4000-Sales", "Income:4999-Nobody", text[at:], count=1)


def transactions(text: str) -> list[str]:
    """Return the journals of a file, without its head and foot."""
    return [
        part for part in text.split("\n\n") if re.match(r"2025-11-\d\d \* [\"(]", part) and "chain" in part
    ]


def a_journal_twice(text: str) -> str:
    """Post a balanced journal once more."""
    chosen = transactions(text)[3]
    return text.replace(chosen, f"{chosen}\n\n{chosen}", 1)


def a_journal_lost(text: str) -> str:
    """Leave a balanced journal out."""
    return text.replace(transactions(text)[3] + "\n\n", "", 1)


@pytest.mark.parametrize("mutate", [a_cent_off, an_unknown_account, a_journal_twice, a_journal_lost])
def test_both_programs_refuse_an_export_that_was_tampered_with(
    books: tuple[Hub, Shop], tmp_path: Path, mutate: Callable[[str], str]
) -> None:
    hub, _shop = books
    export(hub, "main", NOVEMBER, tmp_path / "out")
    for name in ("books.beancount", "books.journal"):
        path = tmp_path / "out" / name
        before = path.read_text()
        path.write_text(mutate(before))
        assert path.read_text() != before

    assert accepted_by(tmp_path / "out") == (False, False)


def test_a_closed_month_is_the_same_bytes_again_whatever_happens_afterwards(
    books: tuple[Hub, Shop], tmp_path: Path
) -> None:
    hub, shop = books
    steps.begin(hub, "main", "2025-10", by="A. Abel")
    steps.abandon(hub, "main", "2025-10", by="A. Abel")
    closed_in_order(hub)
    first = archive(hub, "main", NOVEMBER, tmp_path / "one.zip")
    late_sale(hub, shop)
    again = archive(hub, "main", NOVEMBER, tmp_path / "two.zip")

    assert first == again
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as packed:
        manifest = json.loads(packed.read("main-2025-11/manifest.json"))
        for name, said in manifest["files"].items():
            data = packed.read(f"main-2025-11/{name}")
            assert (len(data), sha256(data).hexdigest()) == (said["bytes"], said["sha256"])
    assert (manifest["state"], manifest["debit"]) == ("closed", manifest["credit"])


def closed_in_order(hub: Hub) -> None:
    """Close October, then November."""
    steps.undo_soft_close(hub, "main", "2025-10", by="A. Abel")
    for period in ("2025-10", NOVEMBER):
        closed(hub, period)


def test_words_that_a_format_gives_a_meaning_do_not_break_it(books: tuple[Hub, Shop], tmp_path: Path) -> None:
    hub, _shop = books
    wanted = JournalMade(
        entity="main",
        business_date="2025-11-30",
        currency="GBP",
        rule="accrual",
        memo='A "rent"; 50% | due \\ now, ok: yes',
        reason="the invoice is late",
        lines=(
            JournalLine(account="6150", amount_minor=50_00, reference='ACME; "x"'),
            JournalLine(account="2000", amount_minor=-50_00),
        ),
    )
    make_journal(hub, wanted, by="A. Abel")
    export(hub, "main", NOVEMBER, tmp_path / "out")

    assert accepted_by(tmp_path / "out") == (True, True)


def test_an_entity_without_books_has_nothing_to_export(books: tuple[Hub, Shop], tmp_path: Path) -> None:
    hub, _shop = books
    with pytest.raises(NotFound):
        export(hub, "nobody", NOVEMBER, tmp_path / "out")
