"""A small HTTP/1.1 load generator: keep-alive connections that send prepared bodies and time each answer.

It is deliberately bare, because it shares the machine with what it measures.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What one run came to. Times are milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float
    failed: int


def run_load(  # noqa: PLR0913 - what is sent where, all said by name
    host: str,
    port: int,
    path: str,
    body: Callable[[int], bytes],
    *,
    connections: int,
    seconds: float,
    headers: Sequence[tuple[str, str]] = (),
    expect: int = 201,
) -> Load:
    """Send bodies over so many connections for a while."""
    return asyncio.run(_run(host, port, path, body, connections, seconds, headers, expect))


async def _run(  # noqa: PLR0913, PLR0917 - one run, in the order of `run_load`
    host: str,
    port: int,
    path: str,
    body: Callable[[int], bytes],
    connections: int,
    seconds: float,
    headers: Sequence[tuple[str, str]],
    expect: int,
) -> Load:
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n{extra}"
    times: list[float] = []
    failed = 0
    number = 0
    end = time.perf_counter() + seconds

    async def one() -> None:
        nonlocal failed, number
        reader, writer = await asyncio.open_connection(host, port)
        try:
            while time.perf_counter() < end:
                number += 1
                data = body(number)
                began = time.perf_counter()
                writer.write(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
                status = await _answer(reader)
                times.append(time.perf_counter() - began)
                failed += status != expect
        finally:
            writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    took = time.perf_counter() - began
    ordered = sorted(times)
    return Load(
        per_second=len(times) / took,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        failed=failed,
    )


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    length = next(int(line[16:]) for line in lines if line[:16].lower() == b"content-length: ")
    await reader.readexactly(length)
    return int(lines[0].split(b" ", 2)[1])
