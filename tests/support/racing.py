"""Racers for a few articles, for the test that no update is lost.

They stand apart from the tests because processes import this module, and it needs little.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hub.database import HubDatabase, HubUnit
from hub.stock import allocations
from protocol.errors import OutOfRights

STORE = "store-1"
NAMES = tuple(f"S{n}" for n in range(5))
TRIES = 10
"""In one transaction."""
PROMISE_EVERY = 8
"""So seldom ten units are promised in one statement, and given back in the next transaction."""


@dataclass
class Answers:
    """What one racer was told, in units of each article."""

    won: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    back: Counter[str] = field(default_factory=Counter)


def try_often(unit: HubUnit, *, sku: str) -> int:
    """Want one unit again and again in one transaction, and return how often it was there."""
    won = 0
    for _ in range(TRIES):
        try:
            allocations._take(unit.connection, STORE, sku, 1)
        except OutOfRights:
            continue
        won += 1
    return won


def promise(unit: HubUnit, *, owner: str, sku: str) -> None:
    allocations.allocate(unit.connection, owner, STORE, [(1, sku, TRIES)])


def give_back(unit: HubUnit, *, owner: str) -> int:
    return allocations.end(unit.connection, owner, 1, TRIES)


def race(database: HubDatabase, name: str, tries: int) -> Answers:
    """Want units of one article after the other, and note every answer."""
    told, rng = Answers(), random.Random(name)
    for n in range(tries // TRIES):
        sku = rng.choice(NAMES)
        if n % PROMISE_EVERY:
            won = database.write(partial(try_often, sku=sku))
            told.won[sku] += won
            told.refused[sku] += TRIES - won
            continue
        owner = f"{name}-{n}"
        try:
            database.write(partial(promise, owner=owner, sku=sku))
        except OutOfRights:
            told.refused[sku] += TRIES
            continue
        told.won[sku] += TRIES
        told.back[sku] += database.write(partial(give_back, owner=owner))
    return told


def race_alone(url: str, name: str, tries: int, ready: Any, answers: Any) -> None:
    """Race as a process of its own."""
    database = HubDatabase(url)
    ready.wait()
    answers.put(race(database, name, tries))
    database.close()
