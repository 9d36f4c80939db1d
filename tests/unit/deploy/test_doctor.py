"""What the doctor says of a machine, good or bad."""

import socket
from pathlib import Path

import pytest

from deploy.doctor import Check, broker, disk, durable, free_port, permissions, sqlite


@pytest.mark.parametrize(
    ("version", "state"), [("3.40.1", "warn"), ("3.51.2", "warn"), ("3.51.3", "ok"), ("3.53.0", "ok")]
)
def test_a_sqlite_that_could_corrupt_a_file_is_named(version: str, state: str) -> None:
    check = sqlite(version)

    assert check.state == state
    assert version in check.says


def test_a_machine_without_a_broker_is_told_how_to_get_one() -> None:
    check = broker(path="/nowhere")

    assert (check.state, check.remedy) == ("warn", "For real stores: apt-get install mosquitto.")


def test_a_folder_that_does_not_exist_yet_is_judged_by_the_one_above(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"

    assert permissions(folder) == Check("permissions", "ok", f"{tmp_path} can be written.")
    assert disk(folder).name == "disk"
    assert durable(folder).name == "fsync"
    assert not folder.exists()


def test_a_port_that_is_taken_is_named_with_how_to_find_by_whom() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        check = free_port(port)

    assert check.state == "fail"
    assert f"sport = :{port}" in check.remedy
    assert free_port(port).state == "ok"
