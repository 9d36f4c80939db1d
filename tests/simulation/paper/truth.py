"""What lies on the counter: the copies that the paper shows, read from its own words."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Copy:
    """One copy of a slip, perhaps only its beginning. The first attempt is the one that is not marked."""

    job_id: str
    attempt: int
    whole: bool = False

    @property
    def marked(self) -> bool:
        """Tell whether it says that it is a reprint."""
        return self.attempt != 1


def copies_on(papers: Iterable[str]) -> list[Copy]:
    """Return the copies on pieces of paper, in their order."""
    found: list[Copy] = []
    for paper in papers:
        current: Copy | None = None
        marked, attempt = False, 1
        for line in paper.splitlines():
            marked = marked or "REPRINT" in line
            if marked and (said := re.search(r"attempt (\d+)", line)) is not None:
                attempt = int(said[1])
            if (begun := re.match(r"BEGIN (\w+)$", line)) is not None:
                current = Copy(begun[1], attempt)
                marked, attempt = False, 1
                found.append(current)
            elif current is not None and line == f"END {current.job_id}":
                current.whole = True
                current = None
    return found
