"""The registry of locations, their credentials and how each of them is."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from deploy.broker import ACL, BrokerFiles
from deploy.broker_rules import is_right, may
from hub.database import HubDatabase, metadata
from hub.fleet.api import edge_router
from hub.fleet.credentials import edge_of_token, is_token, make_credentials
from hub.fleet.presence import FleetPresence
from hub.fleet.rows import blob, locations
from hub.fleet.rules import Pill, pill_of
from hub.fleet.steps import NewLocation, add_location, password_lines, renew_credentials, revoke
from protocol.errors import Conflict, Invalid, NotFound, OrderspineError
from protocol.kit.system import SystemClock, SystemIds


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_us(self) -> int:
        return int(self.seconds * 1_000_000)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def database(tmp_path: Path) -> Iterator[HubDatabase]:
    opened = HubDatabase(f"sqlite:///{tmp_path / 'hub.db'}")
    metadata.create_all(opened.engine)
    yield opened
    opened.close()


def add(database: HubDatabase, edge: str = "store-1", code: str = "AB") -> str:
    new = NewLocation(edge, code, "A store")
    made = database.write(lambda unit: add_location(unit, new, clock=SystemClock(), ids=SystemIds()))
    return made.token


def count(database: HubDatabase) -> int:
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(locations)).scalar() or 0)


def test_credentials_are_kept_only_as_hashes(database: HubDatabase) -> None:
    token = add(database)

    with database.read() as connection:
        row = connection.execute(sa.select(locations)).one()

    assert token not in str(row)
    assert edge_of_token(token) == "store-1"
    assert is_token(token, row.token_hash)
    assert not is_token(token + "0", row.token_hash)
    assert not is_token("", "")


def test_a_password_line_is_what_mosquitto_itself_would_accept(tmp_path: Path) -> None:
    made = make_credentials("store-1", SystemIds())
    file = tmp_path / "passwords"
    file.touch(mode=0o600)
    subprocess.run(
        ["mosquitto_passwd", "-b", str(file), "store-1", made.mqtt_password], check=True, timeout=10
    )
    theirs = file.read_text().strip().partition(":")[2]

    assert is_right(made.mqtt_password, theirs)
    assert is_right(made.mqtt_password, made.mqtt_hash)
    assert not is_right("other", made.mqtt_hash)
    assert not is_right("other", "nonsense")
    assert theirs.split("$")[1:3] == made.mqtt_hash.split("$")[1:3]


@pytest.mark.parametrize(
    ("edge", "code"), [("hub-1", "AB"), ("a/b", "AB"), ("store-2", "ab"), ("store-2", "ABCDE")]
)
def test_a_name_or_code_that_cannot_be_used_is_refused(database: HubDatabase, edge: str, code: str) -> None:
    with pytest.raises(Invalid):
        add(database, edge, code)

    assert count(database) == 0


def test_a_name_or_code_that_is_taken_is_refused(database: HubDatabase) -> None:
    add(database)

    with pytest.raises(Conflict):
        add(database, "store-2", "AB")
    with pytest.raises(Conflict):
        add(database, "store-1", "CD")

    assert count(database) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("london-1", "dc-1"), ("berlin-1", "shop-1"), ("store-1001", "store-2001"), ("store-1", "store-1001")],
)
def test_a_name_whose_cartons_would_be_numbered_like_anothers_needs_a_block_of_its_own(
    database: HubDatabase, one: str, other: str
) -> None:
    add(database, one)

    with pytest.raises(Conflict) as refusal:
        add(database, other, "CD")

    assert (refusal.value.reason, refusal.value.facts["taken"]) == ("carton_block_taken", one)
    assert "[cartons]" in refusal.value.remedy
    assert count(database) == 1
    new = NewLocation(other, "CD", "A store", own_block=True)
    database.write(lambda unit: add_location(unit, new, clock=SystemClock(), ids=SystemIds()))
    assert count(database) == 2


def test_only_active_locations_stand_in_the_password_file(database: HubDatabase) -> None:
    add(database)
    add(database, "store-2", "CD")
    database.write(lambda unit: revoke(unit, "store-1"))
    with database.read() as connection:
        names = [line.partition(":")[0] for line in password_lines(connection)]
    database.write(lambda unit: renew_credentials(unit, "store-1", ids=SystemIds()))
    with database.read() as connection:
        again = [line.partition(":")[0] for line in password_lines(connection)]

    assert names == ["store-2"]
    assert again == ["store-1", "store-2"]


def test_an_unknown_location_cannot_be_shut_out(database: HubDatabase) -> None:
    with pytest.raises(NotFound):
        database.write(lambda unit: revoke(unit, "store-9"))


@pytest.mark.parametrize(
    ("seconds", "gone", "pill"),
    [
        (None, False, Pill("never_seen")),
        (44.9, False, Pill("online")),
        (3.0, True, Pill("late")),
        (45.0, False, Pill("late")),
        (299.0, False, Pill("late", 4)),
        (720.0, False, Pill("offline", 12)),
    ],
)
def test_a_location_is_late_after_forty_five_seconds_and_offline_after_five_minutes(
    seconds: float | None, gone: bool, pill: Pill
) -> None:
    assert pill_of(seconds, gone=gone) == pill


def test_the_will_of_an_old_connection_says_nothing() -> None:
    clock = HandClock()
    presence = FleetPresence(clock)
    presence.heard("store-1")
    presence.hint("store-1", on=True, conn="new")
    presence.hint("store-1", on=False, conn="old")
    after_the_old = presence.pill("store-1")
    presence.hint("store-1", on=False, conn="new")

    assert after_the_old == Pill("online")
    assert presence.pill("store-1") == Pill("late")


def test_the_rules_of_the_python_broker_are_those_of_the_acl_file() -> None:
    from amqtt.contexts import Action

    assert may("hub", Action.PUBLISH, "os/1/down/store-1/ctl")
    assert may("hub-2", Action.PUBLISH, "os/1/down/store-1/ctl")
    assert not may("hubert", Action.PUBLISH, "os/1/down/store-1/ctl")
    assert may("store-1", Action.PUBLISH, "os/1/up/store-1/log")
    assert may("store-1", Action.PUBLISH, "os/1/st/store-1")
    assert may("store-1", Action.SUBSCRIBE, "os/1/down/store-1/+")
    assert may("store-1", Action.SUBSCRIBE, "os/1/st/hub")
    assert not may("store-1", Action.PUBLISH, "os/1/up/store-2/log")
    assert not may("store-1", Action.PUBLISH, "os/1/down/store-1/ctl")
    assert not may("store-1", Action.PUBLISH, "os/1/st/hub")
    assert not may("store-1", Action.SUBSCRIBE, "os/1/down/#")
    assert "pattern write os/1/up/%u/#" in ACL


def test_the_brokers_files_are_readable_by_nobody_else(tmp_path: Path) -> None:
    files = BrokerFiles(tmp_path / "broker")
    files.write(host="127.0.0.1", port=1, lines=["hub:x"])

    assert files.passwords.stat().st_mode & 0o077 == 0
    said = files.config.read_text()
    assert "allow_anonymous false" in said
    assert "set_tcp_nodelay true" in said
    assert "persistence false" in said
    assert "max_packet_size 262144" in said
    assert "message_size_limit 0" not in said


@pytest.fixture
def client(database: HubDatabase, tmp_path: Path) -> Iterator[TestClient]:
    file = tmp_path / "catalog"
    file.write_bytes(b"0123456789")
    app = FastAPI()
    app.include_router(
        edge_router(
            database,
            clock=SystemClock(),
            catalog_file=lambda version: (file, "ab") if version == 1 else None,
        )
    )

    @app.exception_handler(OrderspineError)
    async def refuse(_request: Request, error: OrderspineError) -> JSONResponse:
        return JSONResponse({"code": error.reason}, status_code=error.http_status)

    with TestClient(app) as made:
        yield made


def test_a_blob_is_taken_once_and_only_under_its_own_hash(client: TestClient, database: HubDatabase) -> None:
    token = add(database)
    digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    headers = {"authorization": f"Bearer {token}"}

    wrong = client.put(f"/edge/blobs/{'0' * 64}", content=b"hello", headers=headers)
    first = client.put(f"/edge/blobs/{digest}", content=b"hello", headers=headers)
    again = client.put(f"/edge/blobs/{digest}", content=b"hello", headers=headers)

    assert (wrong.status_code, first.status_code, again.status_code) == (422, 201, 200)
    with database.read() as connection:
        assert blob(connection, digest) == b"hello"
        assert blob(connection, "0" * 64) is None


def test_a_blob_over_the_limit_is_refused_and_not_kept(client: TestClient, database: HubDatabase) -> None:
    token = add(database)
    answer = client.put(
        f"/edge/blobs/{'1' * 64}",
        content=b"x" * (8 * 1024 * 1024 + 1),
        headers={"authorization": f"Bearer {token}"},
    )

    assert answer.status_code == 413
    with database.read() as connection:
        assert blob(connection, "1" * 64) is None


def test_a_catalogue_can_be_fetched_from_the_middle(client: TestClient, database: HubDatabase) -> None:
    headers = {"authorization": f"Bearer {add(database)}"}

    whole = client.get("/edge/catalog/1", headers=headers)
    rest = client.get("/edge/catalog/1", headers={**headers, "range": "bytes=4-"})
    none = client.get("/edge/catalog/2", headers=headers)

    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert (rest.status_code, rest.content) == (206, b"456789")
    assert none.status_code == 404


def test_without_the_right_token_nobody_comes_in(client: TestClient, database: HubDatabase) -> None:
    token = add(database)
    bad = [{}, {"authorization": "Bearer store-1.0"}, {"authorization": f"Basic {token}"}]
    answers = [client.get("/edge/catalog/1", headers=headers).status_code for headers in bad]
    database.write(lambda unit: revoke(unit, "store-1"))
    shut = client.get("/edge/catalog/1", headers={"authorization": f"Bearer {token}"})

    assert answers == [401, 401, 401]
    assert shut.status_code == 403


def test_guessing_tokens_is_slowed_down(client: TestClient) -> None:
    answers = [
        client.get("/edge/catalog/1", headers={"authorization": f"Bearer store-1.{n}"}).status_code
        for n in range(31)
    ]

    assert answers == [401] * 30 + [429]


def test_the_templates_for_a_shop_say_the_same_as_the_broker_of_the_demo(root: Path, tmp_path: Path) -> None:
    files = BrokerFiles(tmp_path)
    files.write(host="127.0.0.1", port=1883, lines=[])
    place_and_account = ("password_file", "acl_file", "user", "#")
    ours = {line for line in files.config.read_text().splitlines() if not line.startswith(place_and_account)}
    shop = (root / "deploy/mosquitto/mosquitto.conf").read_text().splitlines()

    assert (root / "deploy/mosquitto/acl").read_text() == ACL
    assert ours - set(shop) == set()
