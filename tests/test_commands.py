"""The one command: every command explains itself with an example, and exit codes keep their meaning."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from deploy.cli import PROGRAMS, app, load

ROOT = Path(__file__).parent.parent


def orderspine(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def commands() -> Iterator[tuple[str, Any]]:
    """Return every command there is by the words one types."""
    group = typer.main.get_group(app)
    for name in PROGRAMS:
        load(group, name)
    yield from below("orderspine", group)


def below(words: str, group: TyperGroup) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        yield f"{words} {name}", command
        if isinstance(command, TyperGroup):
            yield from below(f"{words} {name}", command)


def test_every_command_explains_itself_and_shows_an_example() -> None:
    silent = []
    for words, command in commands():
        example = f"{words} " in f"{command.epilog or ''} " or "Example" in (command.epilog or "")
        if not command.help or not example:
            silent.append(words)

    assert silent == []


def test_what_is_mistyped_is_two_lines_and_not_a_box() -> None:
    said = orderspine("demo", "status", "--jsn")

    assert said.returncode == 2
    assert said.stderr.splitlines() == [
        "No such option: --jsn (Possible options: --json)",
        "  -> See: orderspine demo status --help",
    ]


def test_every_example_in_a_help_text_names_a_command_that_exists() -> None:
    known = {words for words, _ in commands()} | {"orderspine"}
    wrong = []
    for words, command in commands():
        for example in (command.epilog or "").replace("`", " ").split("orderspine ")[1:]:
            said = f"orderspine {example}".split()
            if not any(" ".join(said[:length]) in known for length in (3, 2)):
                wrong.append(f"{words}: {' '.join(said[:4])}")

    assert wrong == []


def test_every_command_that_answers_a_person_can_answer_a_program() -> None:
    runs_for_ever = {"edge run", "hub run", "hub worker", "printer virtual"}
    answers_with_a_file = {"config edge", "config hub", "hub location broker-file", "hub parked show"}
    answers_with_a_file |= {"hub route-solve"}
    speaks_to_a_printer = {"printer preview", "printer test"}
    silent = {f"orderspine {words}" for words in runs_for_ever | answers_with_a_file | speaks_to_a_printer}
    deaf = [
        words
        for words, command in commands()
        if not isinstance(command, TyperGroup)
        and words not in silent
        and not any("--json" in getattr(parameter, "opts", []) for parameter in command.params)
    ]

    assert deaf == []


def test_help_answers_without_importing_a_program() -> None:
    script = (
        "import sys; sys.argv = ['orderspine', '--help']\n"
        "from deploy.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'fastapi', 'sqlalchemy', 'PIL', 'paho', 'pydantic', 'httpx'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )

    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_program_behind_each_name_can_be_imported(name: str) -> None:
    module, attribute, _ = PROGRAMS[name]

    assert isinstance(getattr(importlib.import_module(module), attribute), typer.Typer)


def test_a_command_written_wrongly_ends_with_two_and_a_guess() -> None:
    answer = orderspine("demmo")

    assert answer.returncode == 2
    assert "Did you mean 'demo'" in answer.stderr


def test_what_cannot_be_reached_ends_with_seventy_five_in_two_lines(tmp_path: Path) -> None:
    answer = orderspine("demo", "status", "--folder", str(tmp_path))

    assert answer.returncode == 75
    assert answer.stdout == ""
    what, remedy = answer.stderr.splitlines()
    assert what == f"No demo runs in {tmp_path}."
    assert remedy.startswith("  -> ")


def test_a_file_that_cannot_be_used_ends_with_two_in_two_lines(tmp_path: Path) -> None:
    answer = orderspine("demo", "--replay", str(tmp_path / "none.csv.gz"), "--json")

    assert answer.returncode == 2
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 2


def test_what_is_refused_ends_with_three_in_two_lines(tmp_path: Path) -> None:
    settings = tmp_path / "store.toml"
    settings.write_text(f'edge = "store-1"\ndata_dir = "{tmp_path}"\n', encoding="utf-8")

    answer = orderspine("edge", "rebuild", "--config", str(settings))

    assert answer.returncode == 3
    assert answer.stdout == ""
    assert len(answer.stderr.splitlines()) == 2


def test_a_check_that_fails_ends_with_one_and_says_so_on_stdout(tmp_path: Path) -> None:
    wrong = tmp_path / "store.toml"
    wrong.write_text('edge = "store-1"\nprot = 8101\n', encoding="utf-8")

    answer = orderspine("config", "check", str(wrong), "--json")

    assert answer.returncode == 1
    assert json.loads(answer.stdout)["ok"] is False
    assert "prot" in json.loads(answer.stdout)["what"]


def test_a_settings_file_that_is_fine_says_whose_it_is(tmp_path: Path) -> None:
    right = tmp_path / "store.toml"
    right.write_text('edge = "store-1"\nport = 8101\n', encoding="utf-8")

    answer = orderspine("config", "check", str(right), "--json")

    assert (answer.returncode, json.loads(answer.stdout)) == (0, {"ok": True, "program": "edge"})


def test_settings_say_where_each_of_them_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "store.toml"
    file.write_text('edge = "store-1"\n', encoding="utf-8")

    said = json.loads(
        orderspine("config", "show", "edge", "--config", str(file), "--origin", "--json").stdout
    )

    assert said["edge"] == {"value": "store-1", "origin": str(file)}
    assert said["port"]["origin"] == "default"


@pytest.mark.parametrize("program", ["edge", "hub"])
def test_the_settings_file_that_is_offered_is_one_that_is_accepted(program: str, tmp_path: Path) -> None:
    sample = orderspine("config", program).stdout
    file = tmp_path / "sample.toml"
    # Empty texts stand for what has no default; everything else is the default itself.
    lines = [line[2:] for line in sample.splitlines()[1:] if line.startswith("# ")]
    file.write_text("\n".join(line for line in lines if not line.endswith('= ""')), encoding="utf-8")

    answer = orderspine("config", "check", str(file), "--for", program)

    assert (answer.returncode, answer.stderr) == (0, "")


def test_the_doctor_answers_with_a_remedy_for_everything_that_is_wrong(tmp_path: Path) -> None:
    answer = orderspine("doctor", "--folder", str(tmp_path), "--port", "1", "--json")

    said = json.loads(answer.stdout)
    names = [check["name"] for check in said["checks"]]
    assert names == ["python", "sqlite", "broker", "disk", "permissions", "fsync", "clock", "port 1"]
    assert all(check["remedy"] for check in said["checks"] if check["state"] != "ok")
    assert answer.returncode == (1 if said["state"] == "fail" else 0)
