"""A second process of the hub, and what it needs."""

import threading
from pathlib import Path

import pytest

from hub.settings import HubSettings, load_settings
from hub.worker import run_worker
from protocol.errors import Invalid, Refused


def test_a_second_process_is_refused_where_there_can_be_only_one_writer(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refusal:
        run_worker(HubSettings(data_dir=tmp_path / "hub"), threading.Event())

    assert refusal.value.reason == "needs_postgres"
    assert not (tmp_path / "hub").exists()


def test_a_worker_without_a_broker_is_refused_before_it_opens_anything() -> None:
    settings = HubSettings(database_url="postgresql+psycopg://nobody@nowhere/none")

    with pytest.raises(Refused) as refusal:
        run_worker(settings, threading.Event())

    assert refusal.value.reason == "no_broker"


def test_a_setting_that_nobody_knows_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text('prot = 8100\nzone = "Europe/London"\n')

    with pytest.raises(Invalid) as refusal:
        load_settings(file)

    assert refusal.value.facts["setting"] == "prot"


def test_a_time_zone_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text('zone = "Europe/Atlantis"\n')

    with pytest.raises(Invalid) as refusal:
        load_settings(file)

    assert refusal.value.facts["setting"] == "zone"
