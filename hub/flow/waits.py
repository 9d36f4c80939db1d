"""How long waits are counted, so that a median over any weeks, stores and channels costs a few hundred rows.

A wait falls into a bucket whose width grows with it: below 128 ms a bucket holds one value, above that 64
buckets share every doubling. Bucket counts of many weeks and stores simply add up, and the answer stays as
near: the value that is returned lies within `ERROR_PPM` of the true one, by nearest rank. Whole numbers only,
so every machine sorts a wait into the same bucket. (The scheme is that of HdrHistogram.)
"""

from collections.abc import Iterable, Mapping
from typing import Final

PRECISION_BITS: Final = 7
EXACT: Final = 1 << PRECISION_BITS
_HALF: Final = EXACT >> 1
ERROR_PPM: Final = 1_000_000 // EXACT
"""How far an answer may lie from the true one, in millionths of it: 7,812, so below 0.8 %."""
LONGEST_MS: Final = 10 * 366 * 24 * 3_600_000
"""Ten years; what claims to have waited longer tells of a broken clock, and counts as this."""


def bucket_of(wait_ms: int) -> int:
    """Return the bucket of a wait."""
    wait = max(0, min(wait_ms, LONGEST_MS))
    shift = max(0, wait.bit_length() - PRECISION_BITS)
    return shift * _HALF + (wait >> shift)


def least_ms(bucket: int) -> int:
    """Return the shortest wait of a bucket."""
    if bucket < EXACT:
        return bucket
    shift = bucket // _HALF - 1
    return (bucket - shift * _HALF) << shift


def middle_ms(bucket: int) -> int:
    """Return the wait that stands for a bucket."""
    return (least_ms(bucket) + least_ms(bucket + 1)) // 2


def bucket_at(counts: Mapping[int, int], percent: int) -> int | None:
    """Return the bucket of the wait that so many per cent of all waits do not exceed; None without any wait.

    By nearest rank: of four waits the second is the median.
    """
    total = sum(counts.values())
    if not total:
        return None
    rank = max(1, -(-total * percent // 100))
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank:
            return bucket
    raise AssertionError("a rank lies within its counts")


def at_percent(counts: Mapping[int, int], percent: int) -> int | None:
    """Return the wait, in ms, that so many per cent of all waits do not exceed; None without any wait."""
    bucket = bucket_at(counts, percent)
    return None if bucket is None else middle_ms(bucket)


def together(parts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """Return the sum of several counts."""
    found: dict[int, int] = {}
    for part in parts:
        for bucket, n in part.items():
            found[bucket] = found.get(bucket, 0) + n
    return found
