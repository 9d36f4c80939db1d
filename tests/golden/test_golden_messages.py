"""Every kind and version of message ever sent stays readable: the samples are never rewritten, only added."""

import json
from pathlib import Path

import pytest

from protocol import handshake
from protocol.directives import DIRECTIVE_KINDS, Directive
from protocol.envelope import decode_batch, decode_event, decompress, encode_event, read_body
from protocol.events import KINDS, OrderSold
from protocol.orders import WireModel
from protocol.stream import first_hash, verify

GOLDEN = Path(__file__).parents[2] / "protocol" / "golden"
PACKETS: dict[str, type[WireModel]] = {
    "packet.hello": handshake.Hello,
    "packet.welcome": handshake.Welcome,
    "packet.reject": handshake.Reject,
    "packet.rehello": handshake.Rehello,
    "packet.window": handshake.WindowChange,
    "packet.log_ack": handshake.LogAck,
    "packet.directives": handshake.DirectiveBatch,
    "packet.directive_ack": handshake.DirectiveAck,
    "packet.heartbeat": handshake.Heartbeat,
    "packet.presence": handshake.Presence,
    "packet.rights": handshake.RightsPacket,
}


@pytest.mark.parametrize(("kind", "version"), sorted(KINDS))
def test_every_kind_of_event_has_a_sample_that_todays_code_reads(kind: str, version: int) -> None:
    data = (GOLDEN / f"event.{kind}.v{version}.json").read_bytes().strip()

    event = decode_event(data)
    body = read_body(event)

    assert (event.kind, event.v) == (kind, version)
    assert type(body) is KINDS[kind, version]
    assert encode_event(event.seq, event.id, event.at, body, by=event.by, device=event.device) == data


@pytest.mark.parametrize("name", sorted(PACKETS))
def test_every_packet_has_a_sample_that_todays_code_reads_without_loss(name: str) -> None:
    text = (GOLDEN / f"{name}.v1.json").read_text()

    packet = PACKETS[name].model_validate_json(text)

    said = json.loads(text)
    read = json.loads(packet.model_dump_json())
    assert {field: read.get(field) for field in said} == said


@pytest.mark.parametrize(("kind", "version"), sorted(DIRECTIVE_KINDS))
def test_every_directive_has_a_sample_that_todays_code_reads_without_loss(kind: str, version: int) -> None:
    directive = Directive.model_validate_json((GOLDEN / f"directive.{kind}.v{version}.json").read_text())

    model = DIRECTIVE_KINDS[directive.kind, directive.v]
    assert (directive.kind, directive.v) == (kind, version)
    assert model.model_validate(directive.body).model_dump(mode="json", exclude_unset=True) == directive.body


def test_a_batch_reads_the_same_plain_and_compressed_and_continues_its_chain() -> None:
    plain = decode_batch((GOLDEN / "batch.v1.json").read_bytes().strip())
    packed = decode_batch(bytes.fromhex((GOLDEN / "batch.v1.zlib.hex").read_text()))

    assert plain == packed
    assert (plain.first, plain.last, plain.newest, plain.oldest_ms) == (1, 3, 12, 4000)
    assert plain.prev == first_hash("store-1", "5f" * 16)
    assert verify(plain, plain.events)


def test_a_field_that_a_newer_version_added_is_passed_over_and_kept_in_the_bytes() -> None:
    data = (GOLDEN / "event.order.sold.v1.json").read_bytes().strip()
    newer = json.loads(data)
    newer["body"]["loyalty_points"] = 12

    body = read_body(decode_event(json.dumps(newer).encode()))

    assert isinstance(body, OrderSold)
    assert body.number == "LB1-00042"
    assert not hasattr(body, "loyalty_points")


def test_no_sample_stands_without_a_kind_that_reads_it() -> None:
    known = {f"event.{kind}.v{v}.json" for kind, v in KINDS}
    known |= {f"directive.{kind}.v{v}.json" for kind, v in DIRECTIVE_KINDS}
    known |= {f"{name}.v1.json" for name in PACKETS} | {"batch.v1.json", "batch.v1.zlib.hex"}

    assert {path.name for path in GOLDEN.iterdir() if path.suffix != ".md"} == known
    assert decompress(b"{}") == b"{}"
