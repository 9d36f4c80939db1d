import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine

import pytest
from starlette.requests import Request

from protocol.errors import Unavailable
from protocol.kit.web.sse import Broadcaster


def request(*headers: tuple[bytes, bytes]) -> Request:
    return Request({"type": "http", "method": "GET", "path": "/events", "headers": list(headers)})


def run(story: Coroutine[object, object, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 5))


async def next_of(lines: AsyncIterator[str | bytes | memoryview]) -> str:
    line = await anext(lines)
    assert isinstance(line, bytes)
    return line.decode()


def test_what_another_thread_publishes_reaches_the_pages_that_listen_to_its_topic() -> None:
    async def story() -> None:
        caster = Broadcaster()
        lines = aiter((await caster.stream(request(), ["orders"])).body_iterator)
        assert await next_of(lines) == "retry: 1000\nid: 0\n\n"
        for topic in ("stock", "orders"):
            thread = threading.Thread(target=caster.publish, args=(topic, "7"))
            thread.start()
            thread.join()
        assert await next_of(lines) == "event: orders\nid: 2\ndata: 7\n\n"

    run(story())


def test_a_page_that_is_too_slow_loses_the_oldest_and_is_told_to_ask_again() -> None:
    async def story() -> None:
        caster = Broadcaster(queue_size=2)
        lines = aiter((await caster.stream(request(), ["orders"])).body_iterator)
        await next_of(lines)
        for number in range(4):
            caster.publish("orders", str(number))
        got = [await next_of(lines) for _ in range(3)]
        assert got == [
            "event: resync\ndata: \n\n",
            "event: orders\nid: 3\ndata: 2\n\n",
            "event: orders\nid: 4\ndata: 3\n\n",
        ]

    run(story())


def test_the_same_message_still_waiting_is_not_queued_twice() -> None:
    async def story() -> None:
        caster = Broadcaster(queue_size=2, keep_alive_seconds=0.01)
        lines = aiter((await caster.stream(request(), ["orders"])).body_iterator)
        await next_of(lines)
        for _ in range(5):
            caster.publish("orders")
        assert await next_of(lines) == "event: orders\nid: 1\ndata: \n\n"
        assert await next_of(lines) == ": still here\n\n"

    run(story())


def test_a_page_made_before_the_latest_message_is_told_to_ask_again() -> None:
    async def story() -> None:
        caster = Broadcaster()
        made_at = caster.position
        caster.publish("stock")
        other = await caster.stream(request(), ["orders"], since=made_at)
        late = await caster.stream(request(), ["stock"], since=made_at)
        reborn = await caster.stream(request(), ["orders"], since=500)
        back = await caster.stream(request((b"last-event-id", b"1")), ["orders"])
        caster.publish("orders", "x")
        second = []
        for answer in (other, late, reborn, back):
            lines = aiter(answer.body_iterator)
            await next_of(lines)
            second.append((await next_of(lines)).split("\n")[0])
        assert second == ["event: orders", "event: resync", "event: resync", "event: resync"]

    run(story())


def test_text_of_several_lines_stays_one_message() -> None:
    async def story() -> None:
        caster = Broadcaster()
        lines = aiter((await caster.stream(request(), ["note"])).body_iterator)
        await next_of(lines)
        caster.publish("note", "a\nb")
        assert await next_of(lines) == "event: note\nid: 1\ndata: a\ndata: b\n\n"

    run(story())


def test_closing_ends_every_stream_and_forgets_the_listener() -> None:
    async def story() -> None:
        caster = Broadcaster()
        response = await caster.stream(request(), ["orders"])
        assert caster.listeners == 1
        caster.close()
        rest = [line async for line in response.body_iterator]
        assert len(rest) == 1
        assert caster.listeners == 0

    run(story())


def test_there_is_a_last_page_that_may_listen() -> None:
    async def story() -> None:
        caster = Broadcaster(max_listeners=1)
        await caster.stream(request(), ["orders"])
        with pytest.raises(Unavailable, match="Too many pages listen"):
            await caster.stream(request(), ["orders"])
        assert caster.listeners == 1

    run(story())
