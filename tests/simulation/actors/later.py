"""Who fulfils orders for later in a store: accepts or rejects, walks, packs, stages, ships, hands over."""

import random
from collections.abc import Callable
from typing import Any

from edge_agent.fulfil.steps import commands as c
from edge_agent.fulfil.steps import inbox, parcels, picking, pickup, walking
from protocol.fulfilment import RejectReason, ShortReason, Verified
from tests.simulation.edge import MANAGER, EdgeNode
from tests.simulation.node import Command

Step = Callable[[Any, Any], Any]


def work_on(node: EdgeNode, rng: random.Random) -> Command | None:
    """Do the next thing with one assignment, or rarely something else."""
    found = node.audit.execute(
        "SELECT assignment_id, state, kind, pickup_code FROM assignments WHERE state IN"
        " ('acknowledged', 'picking', 'picked', 'packed', 'ready') ORDER BY assignment_id"
    ).fetchall()
    if not found:
        return None
    assignment, state, kind, code = rng.choice(found)
    key = node.ids.new_id()
    if state in {"acknowledged", "picking"}:
        rejects = state == "acknowledged" and rng.random() < 0.15
        return _reject(assignment, key, rng) if rejects else _walk(node, assignment, key, rng)
    if state == "picked":
        return _pack(assignment, key, ships=kind == "ship")
    if kind == "ship":
        return _ship(assignment, key)
    return _stage(assignment, key) if rng.random() < 0.5 else hand_over(assignment, key, code)


def undo(node: EdgeNode, rng: random.Random) -> Command | None:
    """Take a handover back that was a mistake."""
    found = node.audit.execute(
        "SELECT handover_id FROM handovers ORDER BY handover_id DESC LIMIT 5"
    ).fetchall()
    if not found:
        return None
    handover, key = rng.choice(found)[0], node.ids.new_id()
    wanted = c.UndoHandover(key=key, reason="wrong bag")
    return _done(
        "undo handover",
        key,
        lambda unit, edge: pickup.undo_handover(unit, edge, handover, wanted, person=MANAGER),
    )


def _done(name: str, key: str, step: Step) -> Command:
    return Command(name, key, step, said=lambda done: f"{done.assignment_id} {done.seq}")


def _reject(assignment: str, key: str, rng: random.Random) -> Command:
    wanted = c.Reject(key=key, reason=rng.choice((RejectReason.NO_CAPACITY, RejectReason.NOT_FOUND)))
    return _done(
        "reject", key, lambda unit, edge: inbox.reject(unit, edge, assignment, wanted, person=MANAGER)
    )


def _walk(node: EdgeNode, assignment: str, key: str, rng: random.Random) -> Command:
    """Walk for one assignment; what is not on the shelf, or is not found by bad luck, is short."""
    row = node.audit.execute(
        "SELECT list_id FROM assignments WHERE assignment_id = ?", (assignment,)
    ).fetchone()
    unlucky = rng.random() < 0.15
    reason = rng.choice(tuple(ShortReason))

    def step(unit: Any, edge: Any) -> Any:
        start = (
            c.StartPick(key=f"{key}.s", list_id=row[0])
            if row[0]
            else c.StartPick(key=f"{key}.s", assignments=(assignment,))
        )
        begun, _ = picking.start(unit, edge, start, person=MANAGER)
        for line in picking.pick_lines(
            unit.connection, edge, picking.current_list(unit.connection, begun.list_id)
        ):
            short = 1 if unlucky else 0
            mark = f"{key}.{line.assignment_id[-12:]}.{line.line_no}"
            if line.wanted - short > 0:
                found = c.SetFound(
                    key=f"{mark}f",
                    assignment_id=line.assignment_id,
                    line_no=line.line_no,
                    units=line.wanted - short,
                )
                walking.set_found(unit, edge, begun.list_id, found, person=MANAGER)
            if short:
                missing = c.ShortPick(
                    key=f"{mark}m",
                    assignment_id=line.assignment_id,
                    line_no=line.line_no,
                    units=short,
                    reason=reason,
                )
                walking.short(unit, edge, begun.list_id, missing, person=MANAGER)
        return walking.finish(unit, edge, begun.list_id, c.FinishPick(key=f"{key}.e"), person=MANAGER)

    return Command("walk", key, step, said=lambda done: f"{done.list_id} {done.short_units}")


def _pack(assignment: str, key: str, *, ships: bool) -> Command:
    wanted = c.Pack(key=key, parcels=(c.PackParcel(weight_g=500),)) if ships else c.Pack(key=key, bags=1)
    return _done("pack", key, lambda unit, edge: parcels.pack(unit, edge, assignment, wanted, person=MANAGER))


def _ship(assignment: str, key: str) -> Command:
    wanted = c.Ship(key=key)
    return _done("ship", key, lambda unit, edge: parcels.ship(unit, edge, assignment, wanted, person=MANAGER))


def _stage(assignment: str, key: str) -> Command:
    wanted = c.Stage(key=key, shelf="A1")
    return _done(
        "stage", key, lambda unit, edge: parcels.stage(unit, edge, assignment, wanted, person=MANAGER)
    )


def hand_over(assignment: str, key: str, code: str) -> Command:
    """Check the code and hand over."""

    def step(unit: Any, edge: Any) -> Any:
        check = c.Verify(key=f"{key}.v", how=Verified.CODE, said=code)
        known, _ = pickup.verify(unit, edge, assignment, check, person=MANAGER)
        wanted = c.HandOver(key=key, verification=known.verification or "none")
        return pickup.hand_over(unit, edge, assignment, wanted, person=MANAGER)

    return _done("hand over", key, step)
