"""One run: a company, its people, everything that goes wrong, and the verdict."""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.demo.history import History
from tests.faults.run.checker import Findings, Told, find, told_by
from tests.faults.run.clients import Crew
from tests.faults.run.company import FaultCompany
from tests.faults.run.faults import Faults
from tests.faults.run.lines import leave_the_network
from tests.support.later_audit import rebuilt
from tests.support.wire import eventually

PROGRESS_SECONDS: Final = 10.0
THROUGH_SECONDS: Final = 180.0
"""So much longer than asked for may a run take on a slow machine until all has gone wrong that must."""
SETTLE_SECONDS: Final = 120.0
SENTENCES: Final = 20
"""More differences than these tell nobody more."""

Say = Callable[[str], None]


@dataclass
class Verdict:
    """What a run came to."""

    seed: int
    minutes: float
    networks: bool = False
    told: Told = field(default_factory=Told)
    faults: Mapping[str, int] = field(default_factory=dict)
    """How often each kind happened that may happen on this machine."""
    found: Findings = field(default_factory=Findings)
    troubles: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether all was as it must be."""
        return not self.found.all and not self.troubles

    def as_json(self) -> str:
        """Return it as one JSON object."""
        found = self.found
        facts: dict[str, Any] = {
            "seed": self.seed,
            "minutes": self.minutes,
            "networks": self.networks,
            "acknowledged": self.told.acknowledged,
            "told": dict(sorted(self.told.kinds.items())),
            "lost": len(found.lost),
            "doubled": len(found.doubled),
            "oversold": len(found.oversold),
            "at_rest": found.cells - len(found.rest),
            "cells": found.cells,
            "faults": dict(self.faults),
            "reasons": (found.all + self.troubles)[:SENTENCES],
            "good": self.is_good,
        }
        return json.dumps(facts)

    def as_text(self) -> str:
        """Return it as lines for a person."""
        found, told = self.found, self.told
        kinds = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in sorted(told.kinds.items()))
        faults = ", ".join(f"{kind} {count}" for kind, count in self.faults.items())
        where = "each edge in a network of its own" if self.networks else "lines through proxies"
        lines = [
            f"run           seed {self.seed}, {self.minutes:g} minutes, {where}",
            f"acknowledged  {told.acknowledged:,} operations ({kinds})",
            f"lost          {len(found.lost)}",
            f"doubled       {len(found.doubled)}",
            f"oversold      {len(found.oversold)}",
            f"at rest       P = B + L + U + H for {found.cells - len(found.rest):,} of {found.cells:,}",
            f"faults        {sum(self.faults.values())} ({faults})",
            f"otherwise     {len(found.other) + len(self.troubles)}",
        ]
        lines += [f"  {said}" for said in (found.all + self.troubles)[:SENTENCES]]
        return "\n".join(lines)


def run(
    minutes: float, seed: int, say: Say, *, folder: Path | None = None, only: Sequence[str] = ()
) -> Verdict:
    """Run a company for so long, heal it, and compare; what was wrong keeps its folder.

    Call it once in a process, from its only thread: the process leaves the machine's network for ever.
    """
    wired = leave_the_network()
    home = folder or Path(tempfile.mkdtemp(prefix="orderspine-faults-"))
    history = History(home / "clients.jsonl")
    try:
        verdict = _run(Verdict(seed, minutes, wired), say, home, history, only)
    finally:
        history.close()
    if verdict.is_good and folder is None:
        shutil.rmtree(home, ignore_errors=True)
    else:
        say(f"everything is kept in {home}")
    return verdict


def _run(verdict: Verdict, say: Say, home: Path, history: History, only: Sequence[str]) -> Verdict:
    company = FaultCompany(home / "company", wired=verdict.networks)
    verdict.networks = bool(company.networks)
    say("starting a broker, a hub and five edges")
    try:
        with company:
            crew, faults = Crew(company, history, verdict.seed), Faults(company, verdict.seed, only)
            crew.begin()
            faults.begin()
            try:
                _watch(verdict.minutes, say, company, crew, faults)
            finally:
                say("everything heals")
                faults.end()
                crew.end(say)
            verdict.faults, verdict.troubles = faults.counts, crew.troubles + faults.troubles
            verdict.told = told_by(history.lines())
            verdict.found = _settled(company, verdict, crew)
        if verdict.is_good:
            verdict.found.other += rebuilt(company, home)
    finally:
        company.unmount()
    return verdict


def _watch(minutes: float, say: Say, company: FaultCompany, crew: Crew, faults: Faults) -> None:
    """Say how it goes until the time is over and all went wrong that must, or somebody is in trouble."""
    began, wanted = company.clock.monotonic(), minutes * 60
    while (spent := company.clock.monotonic() - began) < wanted + THROUGH_SECONDS and not crew.troubles:
        if spent >= wanted and faults.are_through:
            return
        company.stopping.wait(min(PROGRESS_SECONDS, max(1.0, wanted - spent)))
        spent = company.clock.monotonic() - began
        told, struck = sum(crew.told.values()), sum(faults.counts.values())
        say(f"{int(spent) // 60}:{int(spent) % 60:02d}  {told:,} answers, {struck} faults")


def _settled(company: FaultCompany, verdict: Verdict, crew: Crew) -> Findings:
    """Return what is found once everybody has heard everything; rights come a little later."""
    found = Findings()
    try:
        company.settle()
    except Exception as error:  # noqa: BLE001 - what never comes to rest is a finding, and the files say more
        verdict.troubles.append(f"it never came to rest: {error}")

    def is_whole() -> bool:
        nonlocal found
        found = find(company, verdict.told, crew.walks)
        return not found.all

    with suppress(AssertionError):
        eventually(is_whole, SETTLE_SECONDS)
    return found
