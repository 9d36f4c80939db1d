from pathlib import Path

import pytest

from edge_agent.settings import load_settings
from protocol.errors import Invalid
from protocol.people import StoreRole


def test_settings_come_from_the_file_and_the_environment_stands_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('edge = "store-7"\ncode = "MX"\nport = 8107\n[limits]\nlead_discount_percent = 40\n')
    monkeypatch.setenv("ORDERSPINE_EDGE_PORT", "9107")

    settings = load_settings(file)

    assert (settings.edge, settings.code, settings.port) == ("store-7", "MX", 9107)
    limits = {limit.role: limit.up_to for limit in settings.authority.line_discount}
    assert limits == {StoreRole.ASSOCIATE: 100_000, StoreRole.LEAD: 400_000, StoreRole.MANAGER: None}


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("prot = 1\n", "prot"),
        ('edge = "hub-1"\n', "edge"),
        ('zone = "Mars/Olympus"\n', "zone"),
        ('currency = "QQQ"\n', "currency"),
        ("port = 70000\n", "port"),
        ("tills = []\n", "tills"),
        ("not toml", ""),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, line: str, named: str) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(line)

    with pytest.raises(Invalid) as refusal:
        load_settings(file)

    assert refusal.value.reason == "bad_settings"
    assert named in str(refusal.value.facts.get("setting", ""))


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refusal:
        load_settings(tmp_path / "none.toml")

    assert refusal.value.reason == "no_settings"
