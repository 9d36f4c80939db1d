"""A machine whose clock is wrong: on the path of a process, every clock of its Python is so far off.

The processes of a company run on one machine, whose clock is everybody's. Put this folder on `PYTHONPATH` and
set `WRONG_CLOCK_SECONDS` before one of them is started.
"""

import os
import time

_WRONG_NS = int(os.environ.get("WRONG_CLOCK_SECONDS", "0")) * 1_000_000_000
_right = time.time_ns


def _wrong_ns() -> int:
    return _right() + _WRONG_NS


def _wrong() -> float:
    return _wrong_ns() / 1_000_000_000


time.time_ns = _wrong_ns
time.time = _wrong
