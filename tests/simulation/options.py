"""Which faults a seed has, and how strong: each seed draws its own subset, as a swarm does.

A run with every fault at once finds less than many runs with few: a store that is restored in its first
second never sells enough to be interesting. Rates are mean seconds between two faults; 0 means never.
"""

import random
from dataclasses import dataclass, fields, replace
from typing import Final

OFTEN: Final = 0.08
"""Share of seeds in which copies are put back every few seconds."""

WHOLE: Final = 0.3
"""Share of seeds with stores that are put back in which some are put back with all that is on their disk."""


@dataclass(frozen=True, slots=True)
class Options:
    """How one run is."""

    seconds: int = 60
    """Of the first phase, with faults."""
    trade_seconds: float = 1.5
    """Mean time between two customers of one store."""
    ops_seconds: float = 2.0
    loss: float = 0.0
    repeat: float = 0.0
    reorder: float = 0.0
    delay_us: int = 0
    late_us: int = 500_000
    tells_nobody: bool = True
    """The broker says when nobody listens, as MQTT 5 can."""
    cut: float = 0.0
    one_way: bool = False
    clog: float = 0.0
    swizzle: bool = False
    """Cut several lines and mend them in another order."""
    broker_kill: float = 0.0
    edge_crash: float = 0.0
    hub_crash: float = 0.0
    power: float = 0.0
    """Share of crashes that are losses of power."""
    restart: float = 0.0
    edge_restore: float = 0.0
    whole_disk: float = 0.0
    """Share of stores put back with their marker file: a disk's image, which shows no sign of its age."""
    hub_restore: float = 0.0
    clone: float = 0.0
    clock_step: float = 0.0
    drift_ppm: int = 0
    offset_seconds: int = 0
    night: float = 0.0
    slow: float = 0.0
    """Share of packets that are handled later than they came."""
    https: float = 0.0
    """Share of HTTPS requests that break off."""
    tick_ms: int = 500
    lend_share_ppm: int = 1_000_000
    lend_cap: int = 3
    grouping: float = 0.2
    """Share of moments in which several customers share one commit."""
    repeat_command: float = 0.1
    """Share of commands that a client sends again."""
    intruder: float = 0.0
    """Share of transactions in whose middle another program tries to write the same file."""
    big: float = 0.0
    """Share of deliveries that are too large for the wire."""
    skew: float = 0.0
    """Chance that the hub is older than its stores until it is upgraded."""
    start_crash: float = 0.0
    """Share of starts in which the process dies again at one of its first commits."""
    inbound: float = 0.0
    """Mean seconds between two things that somebody does about goods on their way; 0 means never."""
    sells_beyond: bool = True
    """Stores sell what a customer holds whatever is free, as by default; else they refuse it."""
    desk: float = 0.0
    """Mean seconds between two decisions about what a store misses; 0 means that nobody decides."""

    def faults(self) -> str:
        """Return what is not as by default, for the trace."""
        return " ".join(
            f"{field.name}={getattr(self, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != field.default
        )


def draw(rng: random.Random) -> Options:
    """Return the options of a seed."""
    options = _put_back_often(_drawn(rng), rng)
    return replace(options, whole_disk=0.5) if options.edge_restore and rng.random() < WHOLE else options


def _put_back_often(options: Options, rng: random.Random) -> Options:
    """Let some seeds be about copies that are put back, of stores, of the hub, or of both in turns.

    What goes wrong then needs several restores after another.
    """
    if rng.random() >= OFTEN:
        return options
    who = rng.choice(("edge", "hub", "both"))
    return replace(
        options,
        seconds=rng.choice((45, 60, 100)),
        edge_restore=options.edge_restore if who == "hub" else round(rng.uniform(8, 25), 3),
        hub_restore=options.hub_restore if who == "edge" else round(rng.uniform(12, 40), 3),
    )


def _drawn(rng: random.Random) -> Options:
    def some(value: float, share: float = 0.5) -> float:
        return round(value, 3) if rng.random() < share else 0.0

    return Options(
        seconds=rng.choice((15, 30, 45, 60, 100)),
        trade_seconds=rng.choice((0.7, 1.2, 2.5)),
        ops_seconds=rng.choice((0.7, 1.5, 4.0)),
        loss=some(rng.uniform(0.01, 0.3)),
        repeat=some(rng.uniform(0.02, 0.5)),
        reorder=some(rng.uniform(0.02, 0.4)),
        delay_us=int(some(rng.choice((5_000, 50_000, 400_000)))),
        late_us=rng.choice((200_000, 2_000_000, 20_000_000)),
        tells_nobody=rng.random() < 0.7,
        cut=some(rng.uniform(8, 45)),
        one_way=rng.random() < 0.4,
        clog=some(rng.uniform(10, 45), 0.4),
        swizzle=rng.random() < 0.3,
        broker_kill=some(rng.uniform(20, 80), 0.35),
        edge_crash=some(rng.uniform(6, 40)),
        hub_crash=some(rng.uniform(8, 45)),
        power=rng.choice((0.0, 0.5, 1.0)),
        restart=some(rng.uniform(20, 80), 0.2),
        edge_restore=some(rng.uniform(20, 90), 0.1),
        hub_restore=some(rng.uniform(20, 90), 0.12),
        clone=some(rng.uniform(20, 90), 0.08),
        clock_step=some(rng.uniform(15, 60), 0.3),
        drift_ppm=rng.choice((0, 0, 50, 500)),
        offset_seconds=rng.choice((0, 0, 5, 4_000)),
        night=some(rng.uniform(30, 120), 0.3),
        slow=some(rng.uniform(0.05, 0.4), 0.3),
        https=some(rng.uniform(0.05, 0.5), 0.4),
        tick_ms=rng.choice((250, 500, 1_000)),
        lend_share_ppm=rng.choice((0, 500_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000)),
        lend_cap=rng.choice((1, 3, 3, 8)),
        grouping=rng.choice((0.0, 0.2, 0.5)),
        repeat_command=rng.choice((0.0, 0.1, 0.3)),
        intruder=some(0.02, 0.3),
        big=some(0.05, 0.15),
        start_crash=some(rng.uniform(0.1, 0.5), 0.4),
        skew=some(1.0, 0.12),
        inbound=some(rng.uniform(0.3, 1.5), 0.25),
        desk=some(rng.uniform(0.5, 4.0), 0.25),
        sells_beyond=rng.random() < 0.75,
    )
