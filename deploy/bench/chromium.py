"""The browser that measurements and tests use, and how it is started.

Its shell without windows comes first: the same engine without the pages of the browser itself around ours,
which takes a quarter less time.
"""

import shutil
from typing import Final

PROGRAMS: Final = ("chromium-headless-shell", "chromium", "google-chrome")
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


def program() -> str:
    """Return the path of the browser that is here.

    Raises:
        FileNotFoundError: there is none; it says what to install.
    """
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        message = f"Chromium is missing: install it with `apt-get install {PROGRAMS[0]}`."
        raise FileNotFoundError(message)
    return found
