"""`make mutants`: take one guard away at a time, and count the seeds until that shows.

A guard that can be removed without any seed failing is either not needed or not tested; both are worth
knowing. Each mutant is a patch of one name of the product, applied to whole runs of the same harness with the
same checks. It counts as caught only by what is named as showing it: what else ends a run says nothing of it.
"""

from typing import Final

from tests.simulation.mutants import disk, inbound, lives, rights, wire
from tests.simulation.mutants.patch import Mutant

CUTS: Final = {"power": 1.0, "edge_crash": 5.0, "hub_crash": 5.0}
CANCELS: Final = {"loss": 0.2, "late_us": 20_000_000, "ops_seconds": 0.7, "lend_share_ppm": 1_000_000}
BUSY: Final = {"ops_seconds": 0.7, "lend_share_ppm": 1_000_000, "lend_cap": 8}
LATE: Final = {"cut": 8.0, "late_us": 20_000_000, "reorder": 0.4}
COMING: Final = {"inbound": 0.3, "seconds": 100}
DISTURBED: Final = {"intruder": 0.02}
LATE_CUT: Final = {"cut": 8.0, "late_us": 20_000_000}
IMAGES: Final = {"edge_restore": 12.0, "whole_disk": 1.0, "cut": 4.0, "seconds": 100, "trade_seconds": 0.7}
LOCKED: Final = ("database is locked",)
LOST_WORD: Final = ("the hub has lost what it said", "and now knows")
APART: Final = ("do not agree on", "at rest the hub believes that")
TWICE: Final = ("is held twice", "is oversold")
LEAKS: Final = ("are open and U is not", "and B+L+U+H")
OVERDONE: Final = ("more was fulfilled and given up than promised", "are not its allocations")
UNTOLD: Final = ("and nobody was told",)
AGAIN: Final = ("had not heard of", "being cancelled")
CLAIMED: Final = ("are claimed that come to",)
MUTANTS: Final = (
    Mutant("acknowledge after commit", wire.ack_before_commit, ("and now knows",), swarm={"hub_crash": 4.0}),
    Mutant("`sent` committed before publishing", wire.publish_before_sent, ("that was taken back",)),
    Mutant("`synchronous = FULL` at the stores", disk.normal_at_stores, ("after a crash",), swarm=CUTS),
    Mutant("`synchronous = FULL` at the hub", disk.normal_at_the_hub, LOST_WORD, swarm=CUTS),
    Mutant("`BEGIN IMMEDIATE` at the stores", disk.deferred_at_stores, LOCKED, swarm=DISTURBED),
    Mutant("`BEGIN IMMEDIATE` at the hub", disk.deferred_at_the_hub, LOCKED, swarm=DISTURBED),
    Mutant(
        "cells merge by maximum", rights.newest_cells, APART, swarm={"reorder": 0.4, "late_us": 20_000_000}
    ),
    Mutant("an echo counts for its version only", rights.any_version, APART),
    Mutant("rule 1: a store lends only what is free", rights.lend_more_than_free, ("that it does not have",)),
    Mutant("rule 2: promise only what is lent", rights.promise_without_rights, TWICE, swarm=BUSY),
    Mutant("rule 3: return only free rights", rights.return_promised, TWICE, swarm=BUSY),
    Mutant("rule 4: fulfilling moves P and F together", rights.fulfil_without_finishing, LEAKS, swarm=BUSY),
    Mutant(
        "rule 5: a right stays used until the edge answers", rights.end_when_asked, OVERDONE, swarm=CANCELS
    ),
    Mutant("rule 5: K moves once for an allocation", rights.end_twice, OVERDONE, swarm=BUSY),
    Mutant(
        "rule 6: a deficit has somebody's name on it", rights.nobody_told_of_a_deficit, UNTOLD, swarm=BUSY
    ),
    Mutant(
        "rule 6: what was returned is not asked for again",
        rights.ask_again_for_what_was_returned,
        AGAIN,
        swarm=BUSY,
    ),
    Mutant(
        "rule 6: what is cancelled is not asked for again",
        rights.ask_again_for_what_is_cancelled,
        AGAIN,
        swarm=BUSY | {"desk": 1.0, "trade_seconds": 0.5},
    ),
    Mutant(
        "rule 6: nobody is chosen twice",
        rights.choose_somebody_twice,
        ("is chosen twice",),
        40,
        swarm=CANCELS | BUSY | {"desk": 1.0, "trade_seconds": 0.5},
    ),
    Mutant(
        "rule 6: what is missing is not sold at the store",
        rights.sell_what_is_missing,
        ("were free",),
        swarm=BUSY | {"sells_beyond": False},
    ),
    Mutant(
        "rule 7: goods that are sold all the same are a deficit",
        rights.nothing_is_missing,
        ("believes that",),
        swarm=BUSY,
    ),
    Mutant(
        "rule 8: what a store wants back goes back",
        rights.keep_what_is_wanted_back,
        ("waits for",),
        swarm=BUSY,
    ),
    Mutant("what is on its way is claimed once", inbound.claimed_twice, CLAIMED, swarm=COMING),
    Mutant("nobody waits for what does not come", inbound.short_is_not_missed, CLAIMED, swarm=COMING),
    Mutant(
        "a claim ends with what it was for", inbound.waits_for_ever, (*CLAIMED, "of its line"), swarm=COMING
    ),
    Mutant("the nonce of the connection", wire.no_nonce, ("that was not opened",), swarm=LATE_CUT),
    Mutant("the session of a packet", wire.any_session, ("begun anew", "has carried out"), swarm=LATE),
    Mutant(
        "a new incarnation for an old copy", lives.same_life, ("events of",), swarm={"edge_restore": 25.0}
    ),
    Mutant(
        "a new epoch of rights for an old copy",
        lives.same_epoch,
        ("begun anew", "error for EdgeVector"),
        swarm={"edge_restore": 25.0} | BUSY,
    ),
    Mutant(
        "the chain hash of the batch before",
        wire.no_chain,
        ("of no history that",),
        swarm=IMAGES,
    ),
    Mutant("what is known is not applied again", wire.no_cursor, ("of a stream", "now knows")),
    Mutant("a gap is not applied (go back N)", wire.gap_is_taken, ("told it",)),
    Mutant(
        "a restored hub begins a new life",
        lives.one_hub_life,
        ("begun anew", "has carried out"),
        swarm={"hub_restore": 25.0},
    ),
    Mutant(
        "a request's key answers once", wire.keys_are_forgotten, ("answered",), swarm={"repeat_command": 0.3}
    ),
)
