"""A real Chromium for tests: Debian's, driven by Playwright, with axe-core for accessibility.

Use it in a fixture of scope "module": while Playwright runs, its event loop counts as running in the test's
thread, so a browser that outlived its module would break every test elsewhere that calls `asyncio.run`. Every
test gets a context of its own. What a page logs as an error, also what its Content-Security-Policy blocks,
fails the test that opened it.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from deploy.bench.chromium import ARGUMENTS, program

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_KEYS = """(keys) => {
    const began = performance.now();
    keys.forEach((key, n) => {
        const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
        Object.defineProperty(event, "timeStamp", { value: began + n });
        (document.activeElement ?? document.body).dispatchEvent(event);
    });
}"""
_PACE = """(gap) => {
    window.keysAt ??= performance.now();
    const stamps = new WeakMap();
    Object.defineProperty(Event.prototype, "timeStamp", { configurable: true, get() {
        if (this.type === "keydown" && !stamps.has(this)) stamps.set(this, window.keysAt += gap);
        return stamps.get(this) ?? window.keysAt;
    } });
}"""
HANDHELD, COUNTER, DESK = (360, 640), (1024, 768), (1440, 900)
VIEWPORTS = [HANDHELD, COUNTER, DESK]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser; say what to install when it is not there."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Window:
    """One open page and what it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@contextmanager
def window(
    browser: Browser,
    size: tuple[int, int] = COUNTER,
    *,
    dark: bool = False,
    touch: bool = False,
    expect: tuple[str, ...] = (),
) -> Iterator[Window]:
    """Open a page of a size; complaints that contain none of `expect` fail at the end."""
    context: BrowserContext = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        has_touch=touch,
        locale="en-GB",
        timezone_id="Europe/London",
    )
    try:
        opened = Window(context.new_page())

        def hear(message: ConsoleMessage) -> None:
            if message.type == "error":
                opened.complaints.append(message.text)

        opened.page.on("console", hear)
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        yield opened
        unexpected = [said for said in opened.complaints if not any(part in said for part in expect)]
        assert not unexpected, unexpected
    finally:
        context.close()


def axe(page: Page) -> list[str]:
    """Return what breaks WCAG 2.2 AA on a page, one sentence per rule with its elements; empty is right."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    found = page.evaluate(f"axe.run(document, {json.dumps(options)})")
    return [
        f"{rule['id']}: {rule['help']} at {[node['target'] for node in rule['nodes']]}"
        for rule in found["violations"]
    ]


def wrong_at(
    page: Page, name: str, shots: Path, sizes: Sequence[tuple[int, int]] = VIEWPORTS
) -> dict[str, object]:
    """Take a picture of a page at each size, and return what axe finds there and where it is too wide."""
    found: dict[str, object] = {}
    for width, height in sizes:
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=shots / f"{name}-{width}.png", full_page=True)
        if broken := axe(page):
            found[f"{name} at {width}"] = broken
        if overflows(page):
            found[f"{name} is too wide at {width}"] = True
    return found


def ready(page: Page, path: str = "") -> None:
    """Wait until the page at a path hears keys and clicks; `wait_for_url` alone may be too early for that.

    A path without a query is the whole of it: `/sign-in?next=/fulfil` ends with `/fulfil` as well.
    """
    if path and set(path).isdisjoint("?*"):
        page.wait_for_url(lambda url: urlsplit(url).path.endswith(path))
    elif path:
        page.wait_for_url(f"**{path}")
    page.locator("html[data-ready]").wait_for(state="attached")


def pace(page: Page, gap_ms: float) -> None:
    """Make the keys of this page come exactly so far apart, whatever else the machine is doing."""
    page.evaluate(_PACE, gap_ms)


def scan(page: Page, code: str, *, delay_ms: float = 0) -> None:
    """Type a code as a scanner does, ended by Enter.

    Without a delay the keys come from inside the page, so that a busy machine cannot tear them apart; they
    reach every listener, but no field. With a delay they are real keys, and the page is told that they came
    at that pace.
    """
    if not delay_ms:
        page.evaluate(_KEYS, [*code, "Enter"])
        return
    pace(page, delay_ms)
    page.keyboard.type(code)
    page.keyboard.press("Enter")


def overflows(page: Page) -> bool:
    """Tell whether the page is wider than its window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
