"""The rules of the house that no tool keeps by itself, each as a test that names the offender."""

import ast
import gc
import inspect
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from protocol import errors

ROOT = Path(__file__).parent.parent
PACKAGES = ("protocol", "printing", "edge_agent", "hub", "deploy")
FUNCTION_LINES = 60  # a screen; longer ones hide the branch that matters
MODULE_LINES = 500
WRITERS = {  # the only modules that may end a transaction
    "protocol/kit/writer.py",
    "protocol/kit/sqlite.py",
    "edge_agent/database.py",
    "edge_agent/rebuild.py",  # fills a new file of its own, in one transaction
    "hub/database.py",
    "hub/migrations/env.py",
}
BANNED_WORDS = {"cart": "basket", "quota": "right", "log in": "sign in", "login": "sign in", "user": "person"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bfor now\b")
PLACES = re.compile(
    r"(?<![\w.])/(?:home|work|root|Users|tmp/bash)/[\w.-]+"
    r"|\b(?:files\.pythonhosted|pypi|registry\.npmjs|registry\.yarnpkg)\.(?:org|com)\b"
    r"|--(?:extra-)?index-url[ =]\S|--find-links"
)


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file of the project that is kept, new ones included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return tuple(path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file())


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def sources(*, tests: bool = True) -> list[Path]:
    folders = (*PACKAGES, "tests") if tests else PACKAGES
    return [path for path in tracked() if path.suffix == ".py" and named(path).split("/")[0] in folders]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@cache
def parsed(path: Path) -> ast.Module:
    """Trees are kept to the end, so nothing looks through them: that takes three times their making."""
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.freeze()
        gc.enable()


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        if "vendor" in path.parts or path.suffix == ".lock" or path.name == "LICENSE":
            continue
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_a_module_fits_in_a_head_and_a_function_on_a_screen() -> None:
    long_modules = {
        named(path): lines
        for path in sources()
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MODULE_LINES
    }
    long_functions = {
        f"{named(path)}::{function.name}": length
        for path in sources()
        for function in functions(parsed(path))
        if (length := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    }

    assert long_modules == {}
    assert long_functions == {}


def test_every_module_says_what_it_is_for_before_anything_else() -> None:
    silent = [named(path) for path in sources(tests=False) if not ast.get_docstring(parsed(path))]

    assert silent == []


def test_the_tree_at_the_top_of_errors_names_every_error_and_its_meaning() -> None:
    tree = (errors.__doc__ or "").lower()
    for error in vars(errors).values():
        if inspect.isclass(error) and issubclass(error, errors.OrderspineError):
            assert error.__name__.lower() in tree
            if error is not errors.OrderspineError:
                assert (error.__doc__ or "").rstrip(".").lower() in tree


def test_no_error_is_raised_that_is_not_in_the_one_tree() -> None:
    strangers = [
        f"{named(path)}::{node.name}"
        for path in sources(tests=False)
        if named(path) != "protocol/errors.py"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")  # a private signal never leaves
        and any(ast.unparse(base) in {"Exception", "OrderspineError", "RuntimeError"} for base in node.bases)
    ]

    assert strangers == []


def test_screens_use_one_word_for_each_thing_and_no_other() -> None:
    found = [
        f"{named(path)}: {word!r} should be {better!r}"
        for path, text in texts()
        if path.suffix == ".html" and "templates" in path.parts
        for word, better in BANNED_WORDS.items()
        if re.search(rf"\b{word}s?\b", visible(text), re.IGNORECASE)
    ]

    assert found == []


def visible(template: str) -> str:
    """Return what a person reads of a template: no comments, no expressions but their texts, no tags."""
    without_comments = re.sub(r"\{#.*?#\}", " ", template, flags=re.DOTALL)
    said = " ".join(re.findall(r'_\(\s*"([^"]*)"', without_comments))
    markup = re.sub(r"\{[{%].*?[%}]\}", " ", without_comments, flags=re.DOTALL)
    return said + " " + re.sub(r"<[^>]*>", " ", markup)


def test_only_the_writer_and_the_database_modules_end_a_transaction() -> None:
    committing = {
        named(path)
        for path in sources(tests=False)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr == "commit")
            or any(isinstance(word, ast.Constant) and word.value == "COMMIT" for word in node.args)
        )
    }

    assert {path for path in committing if not path.startswith("deploy/bench/")} - WRITERS == set()


def test_the_name_of_every_test_is_a_sentence() -> None:
    short = [
        f"{named(path)}::{function.name}"
        for path in sources()
        if path.name.startswith("test_")
        for function in functions(parsed(path))
        if function.name.startswith("test_") and len(function.name.split("_")) - 1 < 5
    ]

    assert short == []


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    skipped = [
        f"{named(path)}:{node.lineno}"
        for path in sources()
        if named(path).startswith("tests/")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr in {"skip", "skipif", "xfail", "importorskip"}
        and ast.unparse(node.value) in {"pytest", "pytest.mark"}
    ]

    assert skipped == []


@pytest.mark.parametrize("package", [*PACKAGES, "tests"])
def test_every_package_explains_itself_in_a_readme(package: str) -> None:
    readme = ROOT / package / "README.md"

    assert readme.is_file(), f"{package}/README.md is missing"
    assert readme.read_text(encoding="utf-8").startswith("# ")


def test_nothing_kept_is_marked_as_unfinished() -> None:
    found = [
        f"{named(path)}: {match.group(0)}"
        for path, text in texts()
        if path.suffix in {".py", ".html", ".js", ".css", ".toml", ".sh", ".md"} and path != Path(__file__)
        for match in UNFINISHED.finditer(text)
    ]

    assert found == []


def test_no_kept_file_names_a_registry_or_a_folder_of_somebodys_machine() -> None:
    files = [*texts(), *((path, path.read_text("utf-8")) for path in tracked() if path.suffix == ".lock")]
    found = [
        f"{named(path)}: {match.group(0)}"
        for path, text in files
        if path != Path(__file__)
        for match in PLACES.finditer(text)
    ]

    assert found == []


def test_every_dependency_is_pinned_together_with_its_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
        requirements = re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text).strip())
        unpinned = [
            entry.split()[0] for entry in requirements if "==" not in entry or "--hash=sha256:" not in entry
        ]

        assert unpinned == [], name


def test_every_golden_message_can_be_read_and_names_its_version() -> None:
    folder = ROOT / "protocol" / "golden"
    for path in sorted(folder.glob("*.json")):
        assert isinstance(json.loads(path.read_bytes()), dict), path.name
        assert re.search(r"\.v\d+\.json$", path.name), path.name

    assert len(list(folder.glob("event.*.json"))) >= 12


def test_the_changelog_says_what_is_new_in_the_current_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

    assert "## Unreleased" in text
    assert text.split("## Unreleased", 1)[1].strip().startswith("- ") or f"## {version}" in text


def test_the_compiled_translations_equal_their_sources() -> None:
    for source in sorted((ROOT / "protocol/kit/locale").glob("*/LC_MESSAGES/*.po")):
        compiled = BytesIO()
        with source.open("rb") as po:
            write_mo(compiled, read_po(po))

        assert source.with_suffix(".mo").read_bytes() == compiled.getvalue(), (
            f"{named(source)} was edited: run python -m protocol.kit.text"
        )


def test_every_comment_that_switches_a_check_off_says_why() -> None:
    bare = [
        f"{named(path)}:{number}"
        for path in sources()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if re.search(r"#\s*(noqa|type:\s*ignore)\b", line)
        and not re.search(r"#\s*(noqa: [A-Z0-9, ]+|type:\s*ignore\[[\w, -]+\]).*[-#]\s*\w+", line)
    ]

    assert [line for line in bare if not line.startswith("tests/test_house_rules.py")] == []
