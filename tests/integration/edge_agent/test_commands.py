import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from edge_agent.cli import edge_app
from tests.support.store import CSV

COMMANDS = (
    ("run",),
    ("init",),
    ("rebuild",),
    ("status",),
    ("person", "add"),
    ("person", "list"),
    ("person", "pin"),
    ("catalog", "import"),
    ("printer", "add"),
    ("printer", "list"),
)


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "edge.toml"
    file.write_text(f'edge = "store-1"\ndata_dir = "{tmp_path}/data"\nmarker_file = "{tmp_path}/marker"\n')
    return str(file)


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(edge_app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_the_first_start_prints_a_pin_once_and_there_is_no_default_one(config: str) -> None:
    code, out, _err = run("init", "-c", config, "--name", "A. Osei", "--json")
    first = json.loads(out)
    assert (code, first["person_id"], len(first["pin"])) == (0, "a-osei", 6)

    code, out, err = run("init", "-c", config)

    assert (code, out) == (3, "")
    assert err == (
        "This store has people already.\n  -> Add more with `orderspine edge person add`.  [has_people]\n"
    )


def test_people_are_added_listed_and_given_new_pins(config: str) -> None:
    assert run("person", "add", "S. Rowe", "-c", config, "--role", "lead", "--pin", "4711", "--json")[0] == 0
    assert run("person", "add", "B. Hale", "-c", config, "--pin", "0000")[0] == 2
    assert run("person", "pin", "s-rowe", "-c", config, "--pin", "2580")[0] == 0
    assert run("person", "pin", "nobody", "-c", config, "--pin", "2580")[0] == 3

    code, out, _err = run("person", "list", "-c", config, "--json")

    assert (code, json.loads(out)) == (
        0,
        {"people": [{"person_id": "s-rowe", "name": "S. Rowe", "role": "lead"}]},
    )


def test_a_catalogue_and_a_printer_are_set_up_from_the_shell(config: str, tmp_path: Path) -> None:
    products = tmp_path / "products.csv"
    products.write_text(CSV + "BAD,Vase,cheap,,,,,,,\n")
    code, out, _err = run("catalog", "import", str(products), "-c", config, "--json")
    imported = json.loads(out)
    assert (code, imported["version"], imported["taken"], imported["left_out"]) == (0, 1, 5, 1)
    assert run("catalog", "import", str(tmp_path / "none.csv"), "-c", config)[0] == 2
    assert run("printer", "add", "Counter", "127.0.0.1", "-c", config, "--port", "9100")[0] == 0
    printers = json.loads(run("printer", "list", "-c", config, "--json")[1])["printers"]
    assert [(one["name"], one["port"]) for one in printers] == [("Counter", 9100)]

    code, out, _err = run("status", "-c", config, "--json")

    assert (code, json.loads(out)["catalog_version"], json.loads(out)["unsent"]) == (0, 1, 1)
    code, out, _err = run("rebuild", "-c", config, "--json")
    assert (code, json.loads(out)["equal"]) == (0, True)


def test_settings_that_belong_to_another_store_are_refused(config: str, tmp_path: Path) -> None:
    assert run("init", "-c", config)[0] == 0
    other = tmp_path / "other.toml"
    other.write_text(Path(config).read_text().replace("store-1", "store-2"))

    code, _out, err = run("status", "-c", str(other))

    assert code == 3
    assert "[other_edge]" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: tuple[str, ...]) -> None:
    code, out, _err = run(*command, "--help")

    assert code == 0
    assert "Example:" in out
