"""One company for all tests of this folder: after each of them, everything must add up from the beginning."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.company import Company


@dataclass
class Held:
    """The company that runs, until a test leaves it broken."""

    company: Company | None = None

    def close(self) -> None:
        """Stop it."""
        company, self.company = self.company, None
        if company is not None:
            company.close()


@pytest.fixture(scope="session")
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.close()


@pytest.fixture
def company(held: Held, mosquitto: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """Return the company; what a failed test left broken is replaced by a new one."""
    if held.company is None:
        begun = Company(tmp_path_factory.mktemp("company"))
        try:
            begun.start()
        except BaseException:
            begun.close()
            raise
        held.company = begun
    running = held.company
    before = running.checks
    yield running
    if running.checks == before:  # the test did not come to its end
        held.close()
